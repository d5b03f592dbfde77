/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "judge.h"

#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "rules.h"
#include "util.h"
#include "pattern-set.h"
#include "rule-check.h"

void
judge_init(struct judge *judge, const struct rule_set *rules)
{
    memset(judge, 0, sizeof *judge);
    judge->rules = rules;
    http_head_init(&judge->head);
}

void
judge_destroy(struct judge *judge)
{
    free(judge->held);
    judge->held = NULL;
}

/* Notes which patterns 'value' of the field with the given name matches. */
static void
match(struct judge *judge, struct http_string name, struct http_string value)
{
    const struct rule_field *field = rule_set_find_field(judge->rules, name.s,
                                                         name.len);

    if (field) {
        pattern_set_match(field->patterns, value.s, value.len, judge->held,
                          field->base);
    }
}

static struct http_string
string(const char *s)
{
    return (struct http_string) { (const uint8_t *) s, strlen(s) };
}

static void
match_host(struct judge *judge, struct http_string host)
{
    char address[HOST_ADDRESS_LEN];

    if (host.s && host_address_format(host.s, host.len, address)) {
        host = string(address);
    }
    if (host.s) {
        match(judge, string(RULE_HOST), host);
    }
}

static void
read_request_line(struct judge *judge, const struct http_request_line *line)
{
    judge->held = bitmap_allocate(MAX(judge->rules->n_bits, 1));
    match(judge, string(RULE_METHOD), line->method);
    match(judge, string(RULE_PATH), line->path);
    if (line->authority.s) {
        judge->host_source = HOST_TARGET;
        match_host(judge, http_host(line->authority, true));
    }
}

/* Another Host field may follow, so the value of this one is matched only at
 * the end. */
static void
read_host(struct judge *judge, const uint8_t *data, struct http_string value)
{
    if (judge->host_source == HOST_NONE) {
        judge->host_source = HOST_FIELD;
        judge->host_ofs = value.s - data;
        judge->host_len = value.len;
    } else if (judge->host_source == HOST_FIELD
               && (value.len != judge->host_len
                   || memcmp(value.s, data + judge->host_ofs, value.len))) {
        judge->host_source = HOST_AMBIGUOUS;
    }
}

static void
read_end(struct judge *judge, const uint8_t *data)
{
    judge->complete = true;
    if (judge->host_source == HOST_NONE) {
        match_host(judge, string(""));
    } else if (judge->host_source == HOST_FIELD) {
        match_host(judge, http_host(
            (struct http_string) { data + judge->host_ofs, judge->host_len },
            false));
    }
}

/* Returns true if a condition on the field with the given name that does not
 * hold yet may hold later. */
static bool
may_hold_later(const struct judge *judge, const char *name)
{
    return (!judge->complete
            && strcmp(name, RULE_METHOD)
            && strcmp(name, RULE_PATH)
            && (strcmp(name, RULE_HOST)
                || judge->host_source != HOST_TARGET));
}

static enum verdict
judge_rule(const struct judge *judge, const struct rule *rule)
{
    enum verdict verdict = VERDICT_RULE;

    for (size_t i = 0; i < rule->n_conditions; i++) {
        const struct rule_condition *c = &rule->conditions[i];

        if (!bitmap_is_set(judge->held, c->bit)) {
            if (!may_hold_later(judge, c->name)) {
                return VERDICT_NO_RULE;
            }
            verdict = VERDICT_WAIT;
        }
    }
    return verdict;
}

/* Goes on to the first rule that may match. */
static enum verdict
judge_rules(struct judge *judge)
{
    for (; judge->next < judge->rules->n_rules; judge->next++) {
        enum verdict verdict = judge_rule(judge,
                                          judge->rules->rules[judge->next]);

        if (verdict != VERDICT_NO_RULE) {
            return verdict;
        }
    }
    return VERDICT_NO_RULE;
}

static enum verdict
judge_event(struct judge *judge, enum http_event event,
            const struct http_element *element, const uint8_t *data)
{
    switch (event) {
    case HTTP_REQUEST_LINE:
        read_request_line(judge, &element->line);
        break;
    case HTTP_FIELD:
        match(judge, element->field.name, element->field.value);
        if (http_string_is(element->field.name, "host")) {
            read_host(judge, data, element->field.value);
        }
        break;
    case HTTP_END:
        read_end(judge, data);
        break;
    case HTTP_INVALID:
        return VERDICT_NOT_HTTP;
    case HTTP_MORE:
    case HTTP_STATUS_LINE:
    default:
        return VERDICT_WAIT;
    }
    return judge_rules(judge);
}

enum verdict
judge_feed(struct judge *judge, const uint8_t *data, size_t len,
           const struct rule **rulep)
{
    enum http_event event = HTTP_END;

    if (len && !judge->rules->n_rules) {
        judge->verdict = VERDICT_NO_RULE;
    }
    while (judge->verdict == VERDICT_WAIT && event != HTTP_MORE) {
        struct http_element element;

        event = http_head_next(&judge->head, data, len, &element);
        judge->verdict = judge_event(judge, event, &element, data);
    }
    *rulep = (judge->verdict == VERDICT_RULE
              ? judge->rules->rules[judge->next] : NULL);
    return judge->verdict;
}
