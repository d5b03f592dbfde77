/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Which rule a request matches, and when that is known. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/judge.h"
#include "utilities/tasukid/apps/handover/engine/rules.h"
#include "utilities/tasukid/apps/handover/engine/rule-check.h"

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

    if (host) {
        char *glob = rule_host_glob(host);

        rule_add_condition(rule, RULE_HOST, glob);
        free(glob);
    }
    if (path) {
        rule_add_condition(rule, RULE_PATH, path);
    }
    if (method) {
        rule_add_condition(rule, RULE_METHOD, method);
    }
    rule_set_add(set, rule);
    return rule;
}

static void
refuse(const struct rule *rule OVS_UNUSED, const char *name,
       const char *reason)
{
    fail_msg("%s: %s", name, reason);
}

static void
finish(struct rule_set *set)
{
    rule_set_finish(set, refuse);
}

/* Verdicts as numbers: that of the rule, or one of these. */
enum { WAIT = -1, NONE = 0, NOT_HTTP = -2 };

static int
number(enum verdict verdict, const struct rule *rule)
{
    assert_int_equal(verdict == VERDICT_RULE, rule != NULL);
    return (verdict == VERDICT_RULE ? (int) rule->uuid.parts[0]
            : verdict == VERDICT_NO_RULE ? NONE
            : verdict == VERDICT_NOT_HTTP ? NOT_HTTP : WAIT);
}

/* Returns the verdict on the 'len' bytes at 's', cut behind the 'n_cuts' first
 * bytes that 'cuts' gives, each piece in another place. */
static int
judge_cut(const struct rule_set *set, const char *s, size_t len,
          const size_t cuts[], size_t n_cuts)
{
    enum verdict verdict = VERDICT_WAIT;
    const struct rule *rule = NULL;
    struct judge j;

    judge_init(&j, set);
    for (size_t i = 0; i <= n_cuts && verdict == VERDICT_WAIT; i++) {
        size_t n = i < n_cuts ? cuts[i] : len;
        uint8_t *copy = xmemdup(s, n ? n : 1);

        verdict = judge_feed(&j, copy, n, &rule);
        free(copy);
    }
    judge_destroy(&j);
    return number(verdict, rule);
}

static int
judge(const struct rule_set *set, const char *s)
{
    return judge_cut(set, s, strlen(s), NULL, 0);
}

static void
no_rules(void **state)
{
    struct rule_set set;

    (void) state;
    rule_set_init(&set);
    finish(&set);
    assert_int_equal(judge(&set, "G"), 0);
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
    finish(&set);
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
    finish(&set);
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
    rule_add_condition(rule, "Cookie", "*session=1*");
    rule_add_condition(rule, "X-A", "?*");
    rule = add(&set, 2, 1, NULL, NULL, NULL);
    rule_add_condition(rule, "cookie", "*");
    finish(&set);
    assert_int_equal(set.n_fields, 2);

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
    rule_add_condition(rule, "x", "y");
    finish(&set);

    assert_int_equal(judge(&set, ""), -1);
    assert_int_equal(judge(&set, "GET /images/a"), -1);
    assert_int_equal(judge(&set, "GET /images/a HTTP/1.1\r"), -1);
    assert_int_equal(judge(&set, "GET /images/a HTTP/1.1\r\n"), 1);

    /* Rule 3 would match, but rule 2 still may. */
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX: y\r\n"), -1);

    /* Nor is a Host field the last of them before the head ends. */
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX: y\r\n"
                                 "Host: a.example\r\nA"), -1);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX: y\r\n"
                                 "Host: a.example\r\n\r\n"), 2);
    assert_int_equal(judge(&set, "GET / HTTP/1.1\r\nX: y\r\n\r\n"), 3);

    /* No need to wait for the Host field, nor for X. */
    assert_int_equal(judge(&set, "GET http://a.example HTTP/1.1\r\n"), 2);
    assert_int_equal(judge(&set, "GET http://b HTTP/1.1\r\nX: y\r\nA"), 3);
    assert_int_equal(judge(&set, "PUT http://b HTTP/1.1\r\n"), 0);
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
                rule_add_condition(rule, "x", random() % 2 ? "y" : "*");
            }
        }
        finish(&set);

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

/* What a host rule may rely on (RFC 9110 section 7.2, RFC 9112 section 3.2):
 * the server that gets the request sees the same host. */
static void
hosts(void **state)
{
    static const struct {
        const char *head;
        int rule;
    } tests[] = {
        { "GET / HTTP/1.1\nHost: video.example\n\n", 1 },
        { "GET / HTTP/1.1\nHost: VIDEO.example.:80\n\n", 1 },
        { "GET / HTTP/1.1\nHost: shop.example\n\n", 2 },
        { "GET / HTTP/1.1\nHost: shop.example:x@video.example\n\n", NONE },
        { "GET / HTTP/1.1\nHost: u@video.example\n\n", NONE },
        { "GET / HTTP/1.1\nHost: video.example\nHost: shop.example\n\n",
          NONE },
        { "GET / HTTP/1.1\nHost: shop.example\nHost: video.example\n\n",
          NONE },
        { "GET / HTTP/1.1\nHost: shop.example\nHost: video.example\n"
          "Host: shop.example\n\n", NONE },
        { "GET / HTTP/1.1\nHost: video.example\nHost: video.example\n\n", 1 },
        { "GET / HTTP/1.1\nHost: video.example\nHost:\n\n", NONE },
        { "GET / HTTP/1.1\nHost:\n\n", 2 },
        { "GET / HTTP/1.0\n\n", 2 },
        { "GET / HTTP/1.1\nHost: video.example\n x\n\n", NONE },
        { "GET http://video.example HTTP/1.1\nHost: shop.example\n\n", 1 },
        { "GET http://u:p@video.example HTTP/1.1\n\n", 1 },
        { "GET http://shop.example:x@video.example HTTP/1.1\n\n", 1 },
        { "GET http://video.example?@shop.example HTTP/1.1\n\n", 1 },
        { "GET http://a\\@video.example HTTP/1.1\n\n", 1 },
        { "GET http://video.example\\@a HTTP/1.1\n\n", 2 },
        { "GET http://video.example\\a HTTP/1.1\n\n", NONE },
        { "GET / HTTP/1.1\nHost: [2001:db8::2]:80\n\n", 3 },
        { "GET / HTTP/1.1\nHost: [2001:DB8:0:0::2]\n\n", 3 },
        { "GET / HTTP/1.1\nHost: [2001:db8::20]\n\n", 2 },
        { "GET / HTTP/1.1\nHost: 2\n\n", 2 },
        { "GET / HTTP/1.1\nHost: [fe80::1:2]\n\n", 4 },
    };
    struct rule_set set;

    (void) state;
    rule_set_init(&set);
    add(&set, 1, 5, "video.example", NULL, NULL);
    add(&set, 3, 4, "[2001:db8:0::2]", NULL, NULL);
    add(&set, 4, 4, "[fe80::*]", NULL, NULL);
    add(&set, 2, 1, "*", NULL, NULL);
    finish(&set);
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        int rule = judge(&set, tests[i].head);

        if (rule != tests[i].rule) {
            fail_msg("%d instead of %d: %s", rule, tests[i].rule,
                     tests[i].head);
        }
    }
    rule_set_destroy(&set);
}

/* Whatever is strange about a head, a rule applies to it if it is one, also
 * when it came in one piece. */
static void
strange_heads(void **state)
{
    static const char *const heads[] = {
        "GET /two/x HTTP/1.1\nHost: a\n\n",
        "GET /two/x HTTP/1.1\r\nHost: a\r\nB{d: x\r\n\r\n",
        "GET /two/x HTTP/1.1\r\nHost: a\r\nBad: \x01\r\n\r\n",
        "GET /two/x HTTP/1.1\r\nHost: a\r\nBad\r\n\r\n",
        "GET /two/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
        "Content-Length: 2\r\n\r\n",
        "GET /two/x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
        "Transfer-Encoding: chunked\r\n\r\n",
        "GET /two/x HTTP/1.2\r\nHost: a\r\n\r\n",
        "GET /two/x HTTP/1.1 \r\nHost: a\r\n\r\n",
        "OHAI /two/x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a/two/x HTTP/1.1\r\n\r\n",
    };
    struct rule_set by_path, by_host;

    (void) state;
    rule_set_init(&by_path);
    add(&by_path, 1, 0, NULL, "/two/*", NULL);
    finish(&by_path);
    rule_set_init(&by_host);
    add(&by_host, 1, 0, "a", NULL, NULL);
    finish(&by_host);
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        size_t len = strlen(heads[i]);

        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(judge_cut(&by_path, heads[i], len, &cut, 1), 1);
            assert_int_equal(judge_cut(&by_host, heads[i], len, &cut, 1), 1);
        }
    }
    rule_set_destroy(&by_path);
    rule_set_destroy(&by_host);
}

/* Parts that heads are made of, valid and not. */
static const char *const first_lines[] = {
    "GET /two/x HTTP/1.1\r\n", "GET /two/x HTTP/1.1\n", "GET /two/x\r\n",
    "LIST /two/x HTTP/1.2\r\n", "GET http://a.example HTTP/1.1\r\n",
    "GET http://u@b.example/two/x?y HTTP/1.1\r\n", "\r\n\nPUT / HTTP/1.0\r\n",
    "CONNECT a.example:80 HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n",
    "GET /two/x HTTP/2.0\r\n", "GET  /two/x  HTTP/1.1 \r\n", "GET two\r\n",
    "GET /two/x HTTP/1.1\r\r\n", "\x16\x03\x01", "SSH-2.0-x\r\n", "",
};
static const char *const other_lines[] = {
    "Host: a.example\r\n", "Host: b.example\n", "Host:\r\n", "host:a.example:80"
    "\r\n", "Host: a.example\r\n\tb\r\n", "Host: b@a.example\r\n",
    "X: y\r\n", "x:y\n", "X: z\r\n y\r\n", "X : y\r\n", "X\r\n", ": y\r\n",
    " X: y\r\n", "B{d: x\r\n", "Bad\x01: \x02\r\n", "\r\r\n", "\r",
    "Content-Length: 1\r\nContent-Length: 2\r\n",
    "Transfer-Encoding: chunked\r\n", "Cookie: a=1; X: y\r\n",
};
static const char *const ends[] = { "\r\n", "\n", "", "\r\nbody\r\n\r\n",
                                    "\n GET / HTTP/1.1\r\n\r\n" };

static void
random_head(struct ds *head)
{
    ds_clear(head);
    ds_put_cstr(head, first_lines[random() % ARRAY_SIZE(first_lines)]);
    for (int i = random() % 5; i > 0; i--) {
        ds_put_cstr(head, other_lines[random() % ARRAY_SIZE(other_lines)]);
    }
    ds_put_cstr(head, ends[random() % ARRAY_SIZE(ends)]);
}

static void
random_rules(struct rule_set *set)
{
    static const char *const hosts[] = { NULL, "a.example", "*.example", "*" };
    static const char *const paths[] = { NULL, "/two/*", "/", "\\**" };
    static const char *const methods[] = { NULL, NULL, "GET", "[LO]*" };

    rule_set_init(set);
    for (int i = 1 + random() % 4; i > 0; i--) {
        struct rule *rule = add(set, i, random() % 3, hosts[random() % 4],
                                paths[random() % 4], methods[random() % 4]);
        if (random() % 3 == 0) {
            rule_add_condition(rule, "X", random() % 2 ? "y" : "*y");
        }
    }
    finish(set);
}

static int
compare_sizes(const void *a, const void *b)
{
    const size_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The same bytes, the same choice: cut into two at each place, and into more at
 * random. */
static void
same_bytes_same_choice(void **state)
{
    struct ds head = DS_EMPTY_INITIALIZER;
    unsigned int seen[8] = { 0 };

    (void) state;
    srandom(5);
    for (int i = 0; i < 100; i++) {
        struct rule_set set;

        random_rules(&set);
        for (int j = 0; j < 30; j++) {
            random_head(&head);

            int whole = judge_cut(&set, ds_cstr(&head), head.length, NULL, 0);
            seen[whole - NOT_HTTP]++;
            for (int k = 0; k < (int) head.length + 20; k++) {
                size_t n = k < (int) head.length ? 1 : 1 + random() % 12;
                size_t cuts[12] = { k % (head.length + 1) };

                for (size_t c = 0; n > 1 && c < n; c++) {
                    cuts[c] = random() % (head.length + 1);
                }
                qsort(cuts, n, sizeof *cuts, compare_sizes);

                int cut = judge_cut(&set, ds_cstr(&head), head.length,
                                    cuts, MIN(n, head.length));
                if (cut != whole) {
                    fail_msg("%d in pieces, %d as a whole: %s", cut, whole,
                             ds_cstr(&head));
                }
            }
        }
        rule_set_destroy(&set);
    }
    ds_destroy(&head);
    for (int i = 0; i < 5; i++) {
        assert_in_range(seen[i], 50, 3000);
    }
}

/* Returns the CPU time in seconds that it takes to judge 's' in pieces of
 * 'step' bytes. */
static double
seconds(const struct rule_set *set, const char *s, size_t step, int expected)
{
    enum verdict verdict = VERDICT_WAIT;
    const struct rule *rule = NULL;
    clock_t start = clock();
    struct judge j;

    judge_init(&j, set);
    for (size_t n = 0, len = strlen(s); n < len && verdict == VERDICT_WAIT; ) {
        n = MIN(n + step, len);
        verdict = judge_feed(&j, (const uint8_t *) s, n, &rule);
    }
    judge_destroy(&j);
    assert_int_equal(number(verdict, rule), expected);
    return (clock() - start) / (double) CLOCKS_PER_SEC;
}

/* A client chooses what there is to judge, and in how many pieces it comes. */
static void
linear_time(void **state)
{
    enum { N_RULES = 100, LEN = 12 * 1024 };
    struct ds path = DS_EMPTY_INITIALIZER, fields = DS_EMPTY_INITIALIZER;
    struct rule_set set;

    (void) state;
    rule_set_init(&set);
    for (int i = 0; i < N_RULES; i++) {
        char glob[30];

        snprintf(glob, sizeof glob, "*/img%d/*", i);
        rule_add_condition(add(&set, i + 1, 1, NULL, glob, NULL), "X", "y");
    }
    add(&set, 1000, 0, NULL, "*/a*b*a*b*a*b*a*b*c", NULL);
    finish(&set);

    ds_put_cstr(&path, "GET ");
    while (path.length < LEN) {
        ds_put_cstr(&path, "/img/a/b");
    }
    ds_put_cstr(&path, " HTTP/1.1\r\n\r\n");
    ds_put_cstr(&fields, "GET /img99/ HTTP/1.1\r\n");
    while (fields.length < LEN) {
        ds_put_cstr(&fields, "x:z\n");
    }
    ds_put_cstr(&fields, "X: y\r\n\r\n");

    double t1 = seconds(&set, ds_cstr(&path), 1, NONE);
    double t2 = seconds(&set, ds_cstr(&fields), 1, 100);
    print_message("%.2f us a byte of a path, %.2f of fields\n",
                  t1 * 1e6 / path.length, t2 * 1e6 / fields.length);
    assert_true(t1 * 1e6 / path.length < 20);
    assert_true(t2 * 1e6 / fields.length < 20);
    ds_destroy(&path);
    ds_destroy(&fields);
    rule_set_destroy(&set);
}

/* Many rules: compiled in a bearable time, and once only while some service
 * uses them; what matches is what should. */
static void
many_rules(void **state)
{
    enum { N = 5000 };
    struct rule_set sets[2];
    double t[2];

    (void) state;
    for (int i = 0; i < 2; i++) {
        clock_t start = clock();

        rule_set_init(&sets[i]);
        for (int j = 0; j < N; j++) {
            char host[30], glob[30];

            snprintf(host, sizeof host, "host%d.example", j % 1000);
            snprintf(glob, sizeof glob, "/site%d/*", j);
            add(&sets[i], j + 1, 1, host, glob, NULL);
        }
        finish(&sets[i]);
        t[i] = (clock() - start) / (double) CLOCKS_PER_SEC;
    }
    print_message("%d rules: %.2f s, again: %.3f s\n", N, t[0], t[1]);
    assert_true(t[0] < 30);
    assert_true(t[1] < 1);
    assert_int_equal(judge(&sets[1], "GET /site4321/ HTTP/1.1\r\n"
                                     "Host: host321.example\r\n\r\n"), 4322);
    assert_int_equal(judge(&sets[1], "GET /site4321/ HTTP/1.1\r\n"
                                     "Host: host322.example\r\n\r\n"), NONE);
    rule_set_destroy(&sets[0]);
    rule_set_destroy(&sets[1]);
}

static int n_refused;

static void
count_refused(const struct rule *rule, const char *name, const char *reason)
{
    assert_int_equal(rule->uuid.parts[0], 2);
    assert_string_equal(name, RULE_PATH);
    assert_true(reason[0]);
    n_refused++;
}

/* A pattern that is too much for Hyperscan costs its rule only. */
static void
too_complex(void **state)
{
    char *glob = xmalloc(4097);
    struct rule_set set;

    (void) state;
    memset(glob, 0xc3, 4096);
    glob[0] = '/';
    glob[4096] = '\0';
    rule_set_init(&set);
    add(&set, 1, 3, "a", "/a*", NULL);
    add(&set, 2, 2, "b", glob, NULL);
    add(&set, 3, 1, NULL, "/b*", NULL);
    rule_set_finish(&set, count_refused);
    assert_int_equal(n_refused, 1);
    assert_int_equal(judge(&set, "GET /a HTTP/1.1\nHost: a\n\n"), 1);
    assert_int_equal(judge(&set, "GET /b HTTP/1.1\n\n"), 3);
    rule_set_destroy(&set);
    free(glob);
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
        cmocka_unit_test(hosts),
        cmocka_unit_test(strange_heads),
        cmocka_unit_test(same_bytes_same_choice),
        cmocka_unit_test(linear_time),
        cmocka_unit_test(many_rules),
        cmocka_unit_test(too_complex),
    };

    return cmocka_run_group_tests_name("handover-judge", tests, NULL, NULL);
}
