/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "utilities/tasukid/glob.h"
#include "uuid.h"

struct rule *
rule_create(const struct uuid *uuid, uint16_t priority)
{
    struct rule *rule = xzalloc(sizeof *rule);

    rule->uuid = *uuid;
    rule->priority = priority;
    return rule;
}

void
rule_destroy(struct rule *rule)
{
    if (!rule) {
        return;
    }
    for (size_t i = 0; i < rule->n_headers; i++) {
        free(rule->headers[i].name);
        free(rule->headers[i].pattern);
    }
    free(rule->headers);
    free(rule->servers);
    free(rule->host);
    free(rule->path);
    free(rule->method);
    free(rule);
}

void
rule_add_header(struct rule *rule, const char *name, const char *pattern)
{
    rule->headers = xrealloc(rule->headers, ((rule->n_headers + 1)
                                             * sizeof *rule->headers));

    char *lower = xstrdup(name);
    for (char *p = lower; *p; p++) {
        *p = tolower((unsigned char) *p);
    }
    rule->headers[rule->n_headers++] = (struct rule_header) {
        .name = lower,
        .pattern = xstrdup(pattern),
    };
}

void
rule_add_server(struct rule *rule, const struct uuid *uuid)
{
    rule->servers = xrealloc(rule->servers, ((rule->n_servers + 1)
                                             * sizeof *rule->servers));
    rule->servers[rule->n_servers++] = *uuid;
}

void
rule_set_init(struct rule_set *set)
{
    memset(set, 0, sizeof *set);
}

void
rule_set_destroy(struct rule_set *set)
{
    for (size_t i = 0; i < set->n_rules; i++) {
        rule_destroy(set->rules[i]);
    }
    free(set->rules);
    free(set->names);
}

void
rule_set_add(struct rule_set *set, struct rule *rule)
{
    set->rules = xrealloc(set->rules, ((set->n_rules + 1)
                                       * sizeof *set->rules));
    set->rules[set->n_rules++] = rule;
}

/* Rules of the same priority are tried in an order that stays the same as long
 * as the rows do. */
static int
compare_rules(const void *a_, const void *b_)
{
    const struct rule *const *a = a_;
    const struct rule *const *b = b_;

    if ((*a)->priority != (*b)->priority) {
        return (*a)->priority > (*b)->priority ? -1 : 1;
    }
    return uuid_compare_3way(&(*a)->uuid, &(*b)->uuid);
}

static int
compare_names(const void *a_, const void *b_)
{
    const char *const *a = a_;
    const char *const *b = b_;

    return strcmp(*a, *b);
}

/* Collects the names of all fields that some rule looks at, sorted, each
 * once. */
static void
collect_names(struct rule_set *set)
{
    size_t n = 0;

    for (size_t i = 0; i < set->n_rules; i++) {
        n += set->rules[i]->n_headers;
    }
    set->names = xcalloc(n, sizeof *set->names);

    n = 0;
    for (size_t i = 0; i < set->n_rules; i++) {
        for (size_t j = 0; j < set->rules[i]->n_headers; j++) {
            set->names[n++] = set->rules[i]->headers[j].name;
        }
    }
    qsort(set->names, n, sizeof *set->names, compare_names);

    size_t n_unique = 0;
    for (size_t i = 0; i < n; i++) {
        if (!n_unique || strcmp(set->names[i], set->names[n_unique - 1])) {
            set->names[n_unique++] = set->names[i];
        }
    }
    set->wanted = (struct http_wanted) {
        .names = (const char *const *) set->names,
        .n = n_unique,
    };
}

void
rule_set_finish(struct rule_set *set)
{
    if (set->n_rules) {
        qsort(set->rules, set->n_rules, sizeof *set->rules, compare_rules);
        collect_names(set);
    }
}

/* Judging. */

static enum rule_verdict
judge_span(const char *pattern, const uint8_t *data, struct http_span span,
           bool known, bool ignore_case)
{
    if (!pattern) {
        return RULE_YES;
    } else if (!known) {
        return RULE_WAIT;
    }
    return (glob_match(pattern, (const char *) data + span.ofs, span.len,
                       ignore_case)
            ? RULE_YES : RULE_NO);
}

/* A field may come more than once: one that matches is enough. */
static enum rule_verdict
judge_header(const struct rule_header *header, const struct http_request *req,
             const uint8_t *data)
{
    const struct http_field *field;
    size_t i = 0;

    while ((field = http_request_next_field(req, data, header->name, &i))) {
        if (glob_match(header->pattern, (const char *) data + field->value.ofs,
                       field->value.len, false)) {
            return RULE_YES;
        }
    }
    return req->state == HTTP_REQUEST_COMPLETE ? RULE_NO : RULE_WAIT;
}

/* What both conditions together say. */
static enum rule_verdict
both(enum rule_verdict a, enum rule_verdict b)
{
    return (a == RULE_NO || b == RULE_NO ? RULE_NO
            : a == RULE_WAIT || b == RULE_WAIT ? RULE_WAIT
            : RULE_YES);
}

static enum rule_verdict
judge_rule(const struct rule *rule, const struct http_request *req,
           const uint8_t *data)
{
    bool complete = req->state == HTTP_REQUEST_COMPLETE;
    struct http_span host = http_request_host(req, data);

    enum rule_verdict verdict = RULE_YES;
    verdict = both(verdict, judge_span(rule->method, data, req->method,
                                       req->method_known, false));
    verdict = both(verdict, judge_span(rule->path, data, req->path,
                                       req->target_known, false));
    verdict = both(verdict, judge_span(rule->host, data, host,
                                       host.len || complete, true));
    for (size_t i = 0; i < rule->n_headers && verdict != RULE_NO; i++) {
        verdict = both(verdict, judge_header(&rule->headers[i], req, data));
    }
    return verdict;
}

enum rule_verdict
rule_set_judge(const struct rule_set *set, const struct http_request *req,
               const uint8_t *data, const struct rule **rulep)
{
    *rulep = NULL;
    for (size_t i = 0; i < set->n_rules; i++) {
        enum rule_verdict verdict = judge_rule(set->rules[i], req, data);

        if (verdict == RULE_YES) {
            *rulep = set->rules[i];
        }
        if (verdict != RULE_NO) {
            return verdict;
        }
    }
    return RULE_NO;
}
