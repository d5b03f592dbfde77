/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Rules that can never match, and those that can. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "smap.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/judge.h"
#include "utilities/tasukid/apps/handover/engine/rules.h"
#include "utilities/tasukid/apps/handover/engine/rule-check.h"

enum column { HOST, PATH, METHOD, HEADER };

/* Returns what is wrong with 'pattern' in 'column', or null. */
static char *
check(enum column column, const char *pattern)
{
    struct smap headers = SMAP_INITIALIZER(&headers);
    char *error;

    if (column == HEADER) {
        smap_add(&headers, "X", pattern);
    }
    error = rule_check(column == HOST ? pattern : NULL,
                       column == PATH ? pattern : NULL,
                       column == METHOD ? pattern : NULL, &headers);
    smap_destroy(&headers);
    return error;
}

/* Asserts that 'pattern' is refused, and that the message tells to write
 * 'instead', which is not, or nothing if that is null. */
static void
assert_refused(enum column column, const char *pattern, const char *instead)
{
    char *error = check(column, pattern);

    if (!error) {
        fail_msg("\"%s\" was not refused", pattern);
        return;
    }

    const char *write = strstr(error, ": write \"");
    if (!instead) {
        assert_null(write);
    } else {
        assert_non_null(write);
        write += strlen(": write \"");
        if (strncmp(write, instead, strlen(instead))
            || write[strlen(instead)] != '"') {
            fail_msg("%s", error);
        }
        assert_null(check(column, instead));
    }
    free(error);
}

static void
assert_good(enum column column, const char *pattern)
{
    char *error = check(column, pattern);

    if (error) {
        fail_msg("%s", error);
    }
}

static void
hosts(void **state)
{
    (void) state;
    assert_refused(HOST, "two.example:80", "two.example");
    assert_refused(HOST, "*.example:*", "*.example");
    assert_refused(HOST, "two.example.", "two.example");
    assert_refused(HOST, "*.", "*");
    assert_refused(HOST, "http://x", "x");
    assert_refused(HOST, "https://u@x.example:8443/y", "x.example");
    assert_refused(HOST, "two.example/", "two.example");
    assert_refused(HOST, "u@two.example", "two.example");
    assert_refused(HOST, " two.example", "two.example");
    assert_refused(HOST, "2001:db8::2", "[2001:db8::2]");
    assert_refused(HOST, "[2001:db8::2]:80", "[2001:db8::2]");
    assert_refused(HOST, "two example", NULL);
    assert_refused(HOST, "a\tb", NULL);
    assert_refused(HOST, "[z-a]", NULL);

    assert_good(HOST, "*");
    assert_good(HOST, "Two.Example");
    assert_good(HOST, "*.example");
    assert_good(HOST, "two.*");
    assert_good(HOST, "web[0-9].example");
    assert_good(HOST, "[a-c].example");
    assert_good(HOST, "[2001:db8::2]");
    assert_good(HOST, "[2001:db8:*]");
    assert_good(HOST, "b\xc3\xbc" "cher.example");
}

static void
paths(void **state)
{
    (void) state;
    assert_refused(PATH, "two/*", "/two/*");
    assert_refused(PATH, "/two?x=*", "/two");
    assert_refused(PATH, "/two/*?x=1&y=2", "/two/*");
    assert_refused(PATH, "/two\\?x=1", "/two");
    assert_refused(PATH, "/two#x", "/two");
    assert_refused(PATH, "*#*", "/*");
    assert_refused(PATH, "http://two.example/x*", "/x*");
    assert_refused(PATH, "/two words", NULL);
    assert_refused(PATH, "/a\tb", NULL);
    assert_refused(PATH, "/a\x7f", NULL);
    assert_refused(PATH, " /two", "/two");

    assert_good(PATH, "/");
    assert_good(PATH, "*");
    assert_good(PATH, "\\*");
    assert_good(PATH, "/two/*");
    assert_good(PATH, "*.php");
    assert_good(PATH, "/v?/x");
    assert_good(PATH, "/v[!?]x=*");
    assert_good(PATH, "/images/*=?");
    assert_good(PATH, "?two");
    assert_good(PATH, "/[!a-z]*");
}

static void
methods(void **state)
{
    (void) state;
    assert_refused(METHOD, "G ET", NULL);
    assert_refused(METHOD, " GET", "GET");
    assert_refused(METHOD, "GET,POST", NULL);
    assert_refused(METHOD, "GET ", "GET");

    assert_good(METHOD, "OHAI");
    assert_good(METHOD, "*");
    assert_good(METHOD, "GET|POST");
    assert_good(METHOD, "[GP]*T");
}

static void
headers(void **state)
{
    struct smap names = SMAP_INITIALIZER(&names);
    char *error;

    (void) state;
    assert_refused(HEADER, " x", "x");
    assert_refused(HEADER, "x\t ", "x");
    assert_refused(HEADER, " ", NULL);
    assert_refused(HEADER, "a\nb", NULL);
    assert_refused(HEADER, "*[ ]", NULL);

    assert_good(HEADER, "*");
    assert_good(HEADER, "a b");
    assert_good(HEADER, "* x");
    assert_good(HEADER, "\"a\" ; *");

    smap_add(&names, "a b", "x");
    error = rule_check(NULL, NULL, NULL, &names);
    assert_string_equal(error, "headers: \"a b\" is not the name of a header "
                               "field");
    free(error);
    smap_destroy(&names);
}

/* RFC 9112 section 3.2.3: its target has no path. */
static void
connect_method(void **state)
{
    static const struct smap none = SMAP_INITIALIZER(&none);
    char *error = rule_check(NULL, "/x", "CONNECT", &none);

    (void) state;
    assert_non_null(error);
    free(error);
    assert_null(rule_check(NULL, "*", "CONNECT", &none));
    assert_null(rule_check(NULL, "/x", "*T", &none));
}

static void
refuse(const struct rule *rule OVS_UNUSED, const char *name OVS_UNUSED,
       const char *reason)
{
    fail_msg("%s", reason);
}

/* Returns true if a rule for 'pattern' matches the request in 's'. */
static bool
matches(const char *name, const char *pattern, const char *s)
{
    struct uuid uuid = { .parts = { 1 } };
    struct rule *rule = rule_create(&uuid, 0);
    const struct rule *found;
    struct rule_set set;
    struct judge j;

    rule_set_init(&set);
    rule_add_condition(rule, name, pattern);
    rule_set_add(&set, rule);
    rule_set_finish(&set, refuse);
    judge_init(&j, &set);
    judge_feed(&j, (const uint8_t *) s, strlen(s), &found);
    judge_destroy(&j);
    rule_set_destroy(&set);
    return found != NULL;
}

/* Random patterns against random requests: what is refused matches none of
 * them, by way of all that reads a request. */
static void
refused_never_match(void **state)
{
    static const char alphabet[] = "a/*?[]:@.# \\!-";
    unsigned int n_refused = 0, n_matched = 0;

    (void) state;
    srandom(6);
    for (int i = 0; i < 6000; i++) {
        enum column column = random() % 4;
        char pattern[6], value[6], s[100];
        const char *name;
        size_t len = 1 + random() % 5;

        for (size_t j = 0; j < len; j++) {
            pattern[j] = alphabet[random() % (sizeof alphabet - 1)];
            value[j] = alphabet[random() % (sizeof alphabet - 1)];
        }
        pattern[len] = value[len] = '\0';
        if (random() % 2) {
            memcpy(value, pattern, sizeof value);
        }

        char *error = check(column, pattern);
        bool never = error && strstr(error, "can never match");
        bool other = error && !never;
        free(error);
        if (other) {
            continue;
        }
        switch (column) {
        case HOST:
            name = RULE_HOST;
            snprintf(s, sizeof s, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", value);
            break;
        case PATH:
            name = RULE_PATH;
            snprintf(s, sizeof s, "GET %s HTTP/1.1\r\n\r\n", value);
            break;
        case METHOD:
            name = RULE_METHOD;
            snprintf(s, sizeof s, "%s / HTTP/1.1\r\n\r\n", value);
            break;
        case HEADER:
        default:
            name = "x";
            snprintf(s, sizeof s, "GET / HTTP/1.1\r\nX: %s\r\n\r\n", value);
            break;
        }

        char *glob = (column == HOST ? rule_host_glob(pattern)
                      : xstrdup(pattern));
        bool matched = matches(name, glob, s);
        free(glob);
        if (never && matched) {
            fail_msg("\"%s\" was refused and matches %s", pattern, s);
        }
        n_refused += never;
        n_matched += matched;
    }
    assert_in_range(n_refused, 300, 5000);
    assert_in_range(n_matched, 300, 5000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts),
        cmocka_unit_test(paths),
        cmocka_unit_test(methods),
        cmocka_unit_test(headers),
        cmocka_unit_test(connect_method),
        cmocka_unit_test(refused_never_match),
    };

    return cmocka_run_group_tests_name("rule-check", tests, NULL, NULL);
}
