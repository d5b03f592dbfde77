/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "rules.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util.h"
#include "pattern-set.h"
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
    for (size_t i = 0; i < rule->n_conditions; i++) {
        free(rule->conditions[i].name);
        free(rule->conditions[i].pattern);
    }
    free(rule->conditions);
    free(rule->servers);
    free(rule);
}

void
rule_add_condition(struct rule *rule, const char *name, const char *pattern)
{
    rule->conditions = xrealloc(rule->conditions,
                                ((rule->n_conditions + 1)
                                 * sizeof *rule->conditions));

    char *lower = xstrdup(name);
    for (char *p = lower; *p; p++) {
        *p = tolower((unsigned char) *p);
    }
    rule->conditions[rule->n_conditions++] = (struct rule_condition) {
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
    for (size_t i = 0; i < set->n_fields; i++) {
        pattern_set_unref(set->fields[i].patterns);
    }
    free(set->fields);
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
compare_conditions(const void *a_, const void *b_)
{
    const struct rule_condition *const *a = a_;
    const struct rule_condition *const *b = b_;

    int cmp = strcmp((*a)->name, (*b)->name);
    return cmp ? cmp : strcmp((*a)->pattern, (*b)->pattern);
}

/* Returns the conditions of all rules, sorted, and their number in '*n'.  The
 * caller must free the array. */
static struct rule_condition **
sorted_conditions(const struct rule_set *set, size_t *n)
{
    struct rule_condition **conditions = NULL;
    size_t allocated = 0;

    *n = 0;
    for (size_t i = 0; i < set->n_rules; i++) {
        const struct rule *rule = set->rules[i];

        for (size_t j = 0; j < rule->n_conditions; j++) {
            if (*n >= allocated) {
                conditions = x2nrealloc(conditions, &allocated,
                                        sizeof *conditions);
            }
            conditions[(*n)++] = &rule->conditions[j];
        }
    }
    if (*n) {
        qsort(conditions, *n, sizeof *conditions, compare_conditions);
    }
    return conditions;
}

/* Compiles the patterns of the 'n' conditions, which are for the same field
 * and sorted.  Returns false if that fails because of the pattern at '*bad',
 * or of all together if '*bad' is 'n', for the reason in '*error'. */
static bool
compile_field(struct rule_set *set, struct rule_condition *conditions[],
              size_t n, size_t *bad, char **error)
{
    const char **globs = xmalloc(n * sizeof *globs);
    size_t *first = xmalloc(n * sizeof *first);
    struct pattern_set *patterns;
    size_t n_globs = 0;

    for (size_t i = 0; i < n; i++) {
        if (!i || strcmp(conditions[i]->pattern, globs[n_globs - 1])) {
            first[n_globs] = i;
            globs[n_globs++] = conditions[i]->pattern;
        }
        conditions[i]->bit = set->n_bits + n_globs - 1;
    }
    patterns = pattern_set_create(globs, n_globs,
                                  !strcmp(conditions[0]->name, RULE_HOST),
                                  bad, error);
    if (patterns) {
        set->fields = xrealloc(set->fields, ((set->n_fields + 1)
                                             * sizeof *set->fields));
        set->fields[set->n_fields++] = (struct rule_field) {
            .name = conditions[0]->name,
            .patterns = patterns,
            .base = set->n_bits,
        };
        set->n_bits += n_globs;
    } else {
        *bad = *bad < n_globs ? first[*bad] : n;
    }
    free(globs);
    free(first);
    return patterns != NULL;
}

static bool
has_condition(const struct rule *rule, const char *name, const char *pattern)
{
    for (size_t i = 0; i < rule->n_conditions; i++) {
        const struct rule_condition *c = &rule->conditions[i];

        if (!strcmp(c->name, name)
            && (!pattern || !strcmp(c->pattern, pattern))) {
            return true;
        }
    }
    return false;
}

/* Takes out all rules that look at field 'name', with 'pattern' unless it is
 * null. */
static void
refuse_rules(struct rule_set *set, const char *name_, const char *pattern_,
             const char *reason,
             void (*refuse)(const struct rule *, const char *name,
                            const char *reason))
{
    /* The strings belong to one of the rules. */
    char *name = xstrdup(name_);
    char *pattern = nullable_xstrdup(pattern_);
    size_t n = 0;

    for (size_t i = 0; i < set->n_rules; i++) {
        struct rule *rule = set->rules[i];

        if (has_condition(rule, name, pattern)) {
            refuse(rule, name, reason);
            rule_destroy(rule);
        } else {
            set->rules[n++] = rule;
        }
    }
    set->n_rules = n;
    free(name);
    free(pattern);
}

/* Compiles all patterns from scratch.  Returns false if it had to take a rule
 * out. */
static bool
compile(struct rule_set *set,
        void (*refuse)(const struct rule *, const char *name,
                       const char *reason))
{
    struct rule_condition **conditions;
    bool ok = true;
    size_t n;

    conditions = sorted_conditions(set, &n);
    for (size_t i = 0, end; ok && i < n; i = end) {
        char *error = NULL;
        size_t bad = 0;

        end = i + 1;
        while (end < n && !strcmp(conditions[end]->name,
                                  conditions[i]->name)) {
            end++;
        }
        ok = compile_field(set, &conditions[i], end - i, &bad, &error);
        if (!ok) {
            refuse_rules(set, conditions[i]->name,
                         bad < end - i ? conditions[i + bad]->pattern : NULL,
                         error, refuse);
        }
        free(error);
    }
    free(conditions);
    return ok;
}

void
rule_set_finish(struct rule_set *set,
                void (*refuse)(const struct rule *, const char *name,
                               const char *reason))
{
    if (set->n_rules) {
        qsort(set->rules, set->n_rules, sizeof *set->rules, compare_rules);
    }
    while (!compile(set, refuse)) {
        for (size_t i = 0; i < set->n_fields; i++) {
            pattern_set_unref(set->fields[i].patterns);
        }
        set->n_fields = set->n_bits = 0;
    }
}

const struct rule_field *
rule_set_find_field(const struct rule_set *set, const void *name, size_t len)
{
    size_t lo = 0, hi = set->n_fields;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        const struct rule_field *field = &set->fields[mid];
        int cmp = strncasecmp(name, field->name, len);

        if (!cmp && !field->name[len]) {
            return field;
        } else if (cmp > 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return NULL;
}
