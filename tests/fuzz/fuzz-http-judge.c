/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the head of a request and the choice that follows from
 * it: however it is cut, which the first byte of the input decides, it is what
 * it is in one piece, and nothing found in it lies outside of it. */

#include <config.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/judge.h"
#include "utilities/tasukid/apps/handover/engine/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rule_set rules;

static void
refuse(const struct rule *rule OVS_UNUSED, const char *name OVS_UNUSED,
       const char *reason OVS_UNUSED)
{
    OVS_NOT_REACHED();
}

static void
init(void)
{
    static const struct {
        const char *name;
        const char *pattern;
    } conditions[] = {
        { RULE_HOST, "*.a" }, { RULE_PATH, "/b/*" },
        { RULE_METHOD, "[A-Z]*" }, { "cookie", "*c*d*" },
        { RULE_HOST, "\\[::1\\]" }, { RULE_PATH, "*?e" }, { "x", "" },
    };

    rule_set_init(&rules);
    for (size_t i = 0; i < ARRAY_SIZE(conditions); i++) {
        struct uuid uuid = { .parts = { i } };
        struct rule *rule = rule_create(&uuid, i);

        for (size_t j = i; j < ARRAY_SIZE(conditions); j += 1 + i) {
            rule_add_condition(rule, conditions[j].name,
                               conditions[j].pattern);
        }
        rule_set_add(&rules, rule);
    }
    rule_set_finish(&rules, refuse);
}

static void
check_inside(struct http_string s, const uint8_t *data, size_t size)
{
    ovs_assert(!s.s || !s.len || (s.s >= data && s.len <= size
                                  && s.s - data <= size - s.len)
               || (s.len == 1 && s.s[0] == '/'));
}

/* Reads a head without judging it. */
static void
check_head(const uint8_t *data, size_t size)
{
    enum http_event event;
    struct http_head head;
    uint32_t pos = 0;

    http_head_init(&head);
    do {
        struct http_element e;

        event = http_head_next(&head, data, size, &e);
        ovs_assert(head.pos >= pos && head.pos <= size);
        pos = head.pos;
        if (event == HTTP_REQUEST_LINE) {
            check_inside(e.line.method, data, size);
            check_inside(e.line.authority, data, size);
            check_inside(e.line.path, data, size);
            if (e.line.authority.s) {
                check_inside(http_host(e.line.authority, true), data, size);
            }
            ovs_assert(e.line.method.len);
        } else if (event == HTTP_FIELD) {
            check_inside(e.field.name, data, size);
            check_inside(e.field.value, data, size);
            check_inside(http_host(e.field.value, false), data, size);
            ovs_assert(e.field.name.len);
        }
    } while (event == HTTP_REQUEST_LINE || event == HTTP_FIELD);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum verdict whole, cut = VERDICT_WAIT;
    const struct rule *rule, *cut_rule = NULL;
    struct judge judge;

    if (!rules.n_rules) {
        init();
    }
    if (size < 2) {
        return 0;
    }
    uint32_t seed = *data++;
    size--;

    /* Of just that size. */
    uint8_t *copy = xmemdup(data, size);
    check_head(copy, size);
    judge_init(&judge, &rules);
    whole = judge_feed(&judge, copy, size, &rule);
    judge_destroy(&judge);
    free(copy);

    judge_init(&judge, &rules);
    for (size_t n = 0; n < size && cut == VERDICT_WAIT; ) {
        seed = seed * 1103515245 + 12345;
        n = MIN(n + 1 + (seed >> 16) % 16, size);

        /* A copy of just that size, elsewhere each time. */
        copy = xmemdup(data, n);
        cut = judge_feed(&judge, copy, n, &cut_rule);
        free(copy);
    }
    judge_destroy(&judge);

    ovs_assert(cut == whole);
    ovs_assert(cut_rule == rule);
    return 0;
}
