/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Which rule matches a request, and when that is known. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "util.h"
#include "utilities/tasukid/handover/rules.h"

static struct uuid
uuid(uint32_t n)
{
    return (struct uuid) { .parts = { n } };
}

static struct rule *
add(struct rule_set *set, uint32_t n, uint16_t priority, const char *host,
    const char *path, const char *method)
{
    struct uuid id = uuid(n);
    struct rule *rule = rule_create(&id, priority);

    rule->host = nullable_xstrdup(host);
    rule->path = nullable_xstrdup(path);
    rule->method = nullable_xstrdup(method);
    rule_set_add(set, rule);
    return rule;
}

/* Returns the number of the rule that matches 's', or 0 for none, or -1 if it
 * depends on what follows. */
static int
judge(const struct rule_set *set, const char *s)
{
    struct http_request req;
    const struct rule *rule;

    http_request_init(&req, &set->wanted);
    http_request_feed(&req, (const uint8_t *) s, strlen(s));
    enum rule_verdict verdict = rule_set_judge(set, &req, (const uint8_t *) s,
                                               &rule);
    http_request_destroy(&req);
    assert_int_equal(verdict == RULE_YES, rule != NULL);
    return (verdict == RULE_YES ? (int) rule->uuid.parts[0]
            : verdict == RULE_NO ? 0 : -1);
}

static void
no_rules(void **state)
{
    struct rule_set set;

    (void) state;
    rule_set_init(&set);
    rule_set_finish(&set);
    assert_int_equal(judge(&set, ""), 0);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\n\r\n"), 0);
    rule_set_destroy(&set);
}

static void
all_conditions(void **state)
{
    struct rule_set set;

    (void) state;
    rule_set_init(&set);
    add(&set, 1, 0, "*.example", "/a/*", "GET");
    rule_set_finish(&set);
    assert_int_equal(judge(&set, "GET /a/b HTTP/1.1\r\nHost: x.Example:80"
                                 "\r\n\r\n"), 1);
    assert_int_equal(judge(&set, "PUT /a/b HTTP/1.1\r\nHost: x.example"
                                 "\r\n\r\n"), 0);
    assert_int_equal(judge(&set, "GET /A/b HTTP/1.1\r\nHost: x.example"
                                 "\r\n\r\n"), 0);
    assert_int_equal(judge(&set, "GET /a/b HTTP/1.1\r\nHost: example"
                                 "\r\n\r\n"), 0);
    assert_int_equal(judge(&set, "GET /a/b HTTP/1.1\r\n\r\n"), 0);
    assert_int_equal(judge(&set, "GET http://x.example/a/?q HTTP/1.1\r\n"
                                 "Host: other\r\n\r\n"), 1);
    rule_set_destroy(&set);
}

/* The greatest priority wins; equal ones go by uuid, so that it is always the
 * same. */
static void
priorities(void **state)
{
    struct rule_set set;

    (void) state;
    rule_set_init(&set);
    add(&set, 3, 5, NULL, "/a*", NULL);
    add(&set, 2, 5, NULL, "/*", NULL);
    add(&set, 1, 7, NULL, "/ab*", NULL);
    add(&set, 4, 0, NULL, NULL, NULL);
    rule_set_finish(&set);
    assert_int_equal(judge(&set, "GET /abc HTTP/1.1\r\n\r\n"), 1);
    assert_int_equal(judge(&set, "GET /ac HTTP/1.1\r\n\r\n"), 2);
    assert_int_equal(judge(&set, "OPTIONS * HTTP/1.1\r\n\r\n"), 4);
    rule_set_destroy(&set);
}

static void
headers(void **state)
{
    struct rule_set set;
    struct rule *rule;

    (void) state;
    rule_set_init(&set);
    rule = add(&set, 1, 2, NULL, NULL, NULL);
    rule_add_header(rule, "Cookie", "*session=1*");
    rule_add_header(rule, "X-A", "?*");
    rule = add(&set, 2, 1, NULL, NULL, NULL);
    rule_add_header(rule, "cookie", "*");
    rule_set_finish(&set);
    assert_int_equal(set.wanted.n, 2);

    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nCOOKIE: a; session=1"
                                 "\r\nx-a: b\r\n\r\n"), 1);

    /* Of several fields one is enough. */
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nx-a: b\r\nCookie: a\r\n"
                                 "Cookie: session=1\r\n\r\n"), 1);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX-A:\r\n"
                                 "Cookie: session=1\r\n\r\n"), 2);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX-A: b\r\n\r\n"), 0);
    rule_set_destroy(&set);
}

/* A decision comes as early as it can, and never too early. */
static void
as_early_as_possible(void **state)
{
    struct rule_set set;

    (void) state;
    rule_set_init(&set);
    add(&set, 1, 3, NULL, "/images/*", NULL);
    add(&set, 2, 2, "a.example", NULL, NULL);
    struct rule *rule = add(&set, 3, 1, NULL, NULL, "GET");
    rule_add_header(rule, "x", "y");
    rule_set_finish(&set);

    assert_int_equal(judge(&set, ""), -1);
    assert_int_equal(judge(&set, "GET /images/a"), -1);
    assert_int_equal(judge(&set, "GET /images/a "), 1);

    /* Rule 3 would match, but rule 2 still may. */
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX: y\r\n"), -1);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX: y\r\n"
                                 "Host: a.example\r\nA"), 2);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nHost: b\r\nX: y\r\nA"), 3);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX: y\r\n\r\n"), 3);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nHost: b\r\nX: z\r\n"), -1);

    /* No need to wait for X. */
    assert_int_equal(judge(&set, "PUT / HTTP/1.1\r\nHost: b\r\nA"), 0);
    rule_set_destroy(&set);
}

/* What is decided on a part of a request must be what the whole of it says. */
static void
never_changes_its_mind(void **state)
{
    static const char *const requests[] = {
        "GET /images/a HTTP/1.1\r\nHost: a.example\r\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\r\nHost: a.example\r\n\r\n",
        "PUT / HTTP/1.1\r\nX: z\r\nHost: b.example\r\nX: y\r\n\r\n",
        "GET http://a.example/ HTTP/1.1\r\nHost: b\r\n\r\n",
        "DELETE /x HTTP/1.0\r\n\r\n",
    };
    static const char *const patterns[] = { NULL, "*", "/*", "a*", "?", "GET",
                                            "*.example" };

    (void) state;
    srandom(4);
    for (int i = 0; i < 2000; i++) {
        struct rule_set set;

        rule_set_init(&set);
        for (int j = 1 + random() % 5; j > 0; j--) {
            struct rule *rule = add(&set, j, random() % 3,
                                    patterns[random() % 7],
                                    patterns[random() % 7],
                                    patterns[random() % 7]);
            if (random() % 2) {
                rule_add_header(rule, "x", random() % 2 ? "y" : "*");
            }
        }
        rule_set_finish(&set);

        const char *whole = requests[random() % 5];
        int final = judge(&set, whole);
        assert_int_not_equal(final, -1);
        for (size_t n = 0; n < strlen(whole); n++) {
            char part[100];

            memcpy(part, whole, n);
            part[n] = '\0';
            int verdict = judge(&set, part);
            assert_true(verdict == -1 || verdict == final);
        }
        rule_set_destroy(&set);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rules),
        cmocka_unit_test(all_conditions),
        cmocka_unit_test(priorities),
        cmocka_unit_test(headers),
        cmocka_unit_test(as_early_as_possible),
        cmocka_unit_test(never_changes_its_mind),
    };

    return cmocka_run_group_tests_name("handover-rules", tests, NULL, NULL);
}
