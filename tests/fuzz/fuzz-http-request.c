/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the head of a request: cut after every so many bytes,
 * the first of the input, it must be what it is in one piece, and nothing found
 * in it may lie outside of it. */

#include <config.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "util.h"
#include "utilities/tasukid/handover/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rule_set rules;

static void
init(void)
{
    static const char *const patterns[] = { "*.a", "/b/*", "[A-Z]*" };

    rule_set_init(&rules);
    for (int i = 0; i < 3; i++) {
        struct uuid uuid = { .parts = { i } };
        struct rule *rule = rule_create(&uuid, i);

        rule->host = i & 1 ? xstrdup(patterns[0]) : NULL;
        rule->path = i & 2 ? xstrdup(patterns[1]) : NULL;
        rule->method = xstrdup(patterns[2]);
        rule_add_header(rule, "cookie", "*c*d*");
        rule_set_add(&rules, rule);
    }
    rule_set_finish(&rules);
}

static void
check_span(struct http_span span, size_t size)
{
    ovs_assert(span.ofs <= size && span.len <= size - span.ofs);
}

static void
check_request(const struct http_request *req, const uint8_t *data,
              size_t size)
{
    check_span(req->method, size);
    check_span(req->target, size);
    check_span(req->path, size);
    check_span(req->authority, size);
    check_span(http_request_host(req, data), size);
    ovs_assert(req->n_fields <= HTTP_REQUEST_MAX_FIELDS);
    for (size_t i = 0; i < req->n_fields; i++) {
        check_span(req->fields[i].name, size);
        check_span(req->fields[i].value, size);
    }
}

static void
check_same_span(struct http_span a, struct http_span b)
{
    ovs_assert(a.len == b.len && (!a.len || a.ofs == b.ofs));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_request whole, cut;
    const struct rule *rule, *early = NULL;
    enum rule_verdict verdict = RULE_WAIT;

    if (!rules.n_rules) {
        init();
    }
    if (!size) {
        return 0;
    }
    size_t step = 1 + *data++ % 16;
    size--;

    http_request_init(&whole, &rules.wanted);
    http_request_feed(&whole, data, size);
    check_request(&whole, data, size);

    http_request_init(&cut, &rules.wanted);
    for (size_t n = 0; n < size; ) {
        n = MIN(n + step, size);

        /* A copy of just that size, elsewhere each time. */
        uint8_t *copy = xmemdup(data, n);
        http_request_feed(&cut, copy, n);
        check_request(&cut, copy, n);
        if (verdict == RULE_WAIT && cut.state != HTTP_REQUEST_INVALID) {
            verdict = rule_set_judge(&rules, &cut, copy, &early);
        }
        free(copy);
    }

    ovs_assert(cut.state == whole.state);
    if (whole.state == HTTP_REQUEST_COMPLETE) {
        check_same_span(cut.method, whole.method);
        check_same_span(cut.target, whole.target);
        check_same_span(cut.path, whole.path);
        ovs_assert(cut.n_fields == whole.n_fields);
        for (size_t i = 0; i < whole.n_fields; i++) {
            check_same_span(cut.fields[i].name, whole.fields[i].name);
            check_same_span(cut.fields[i].value, whole.fields[i].value);
        }

        /* What was decided early stands. */
        ovs_assert(rule_set_judge(&rules, &whole, data, &rule) == verdict);
        ovs_assert(rule == early);
    }
    http_request_destroy(&whole);
    http_request_destroy(&cut);
    return 0;
}
