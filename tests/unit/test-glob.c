/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Shell patterns, matched by pattern sets, by themselves and against the C
 * library's. */

#include <config.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "bitmap.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/glob.h"
#include "utilities/tasukid/apps/handover/engine/pattern-set.h"

static bool
glob_match(const char *pattern, const char *s, size_t len, bool ignore_case)
{
    unsigned long matched = 0;
    char *error = NULL;
    size_t bad;

    struct pattern_set *set = pattern_set_create(&pattern, 1, ignore_case,
                                                 &bad, &error);
    assert_null(error);
    pattern_set_match(set, s, len, &matched, 3);
    pattern_set_unref(set);
    assert_true(matched == 0 || matched == 1 << 3);
    return matched;
}

static bool
match(const char *pattern, const char *s)
{
    return glob_match(pattern, s, strlen(s), false);
}

static void
literal(void **state)
{
    (void) state;
    assert_true(match("", ""));
    assert_true(match("abc", "abc"));
    assert_false(match("abc", "ab"));
    assert_false(match("abc", "abcd"));
    assert_false(match("abc", "ABC"));
    assert_true(match("a\\*b", "a*b"));
    assert_false(match("a\\*b", "axb"));
}

static void
wildcards(void **state)
{
    (void) state;
    assert_true(match("*", ""));
    assert_true(match("*", "any/thing.at.all"));
    assert_true(match("/images/*", "/images/"));
    assert_true(match("/images/*", "/images/a/b.png"));
    assert_false(match("/images/*", "/images"));
    assert_true(match("*.png", "/a.png/b.png"));
    assert_false(match("*.png", "/a.png/b.jpg"));
    assert_true(match("a*b*c", "abbbcbc"));
    assert_false(match("a*b*c", "abbbcb"));
    assert_true(match("a?c", "abc"));
    assert_false(match("a?c", "ac"));
}

static void
sets(void **state)
{
    (void) state;
    assert_true(match("[abc]", "b"));
    assert_false(match("[abc]", "d"));
    assert_true(match("v[0-9].example", "v7.example"));
    assert_false(match("v[0-9].example", "vx.example"));
    assert_true(match("[!0-9]", "x"));
    assert_false(match("[^0-9]", "5"));
    assert_true(match("[]x]", "]"));
    assert_true(match("[a-]", "-"));
    assert_true(match("[\\]]", "]"));
    assert_false(match("[abc]", ""));
}

static void
ignoring_case(void **state)
{
    (void) state;
    assert_true(glob_match("*.Example.COM", "www.eXAMPLE.com", 15, true));
    assert_true(glob_match("[A-C]", "b", 1, true));
    assert_false(glob_match("*.example.com", "www.example.net", 15, true));
}

/* A string from the network may contain any byte, and does not end with a
 * null one. */
static void
any_bytes(void **state)
{
    static const char bytes[] = { 'a', '\0', '\xff', 'b', 'X' };

    (void) state;
    assert_true(glob_match("a??b", bytes, 4, false));
    assert_true(glob_match("a*b", bytes, 4, false));
    assert_false(glob_match("a*X", bytes, 4, false));
    assert_false(glob_match("a", bytes, 2, false));
}

static void
ill_formed(void **state)
{
    (void) state;
    assert_null(glob_check("*[a-z]?\\["));
    assert_string_equal(glob_check("a[b"), "'[' without ']'");
    assert_string_equal(glob_check("a\\"), "nothing after '\\'");

    /* Taken as they stand. */
    assert_true(match("a[b", "a[b"));
    assert_true(match("a\\", "a\\"));
}

/* Random patterns and strings over a small alphabet, many of the patterns in one
 * set: fnmatch() is the oracle. */
static void
same_as_fnmatch(void **state)
{
    enum { N = 64 };
    static const char pattern_alphabet[] = "ab*?[]!-\\";
    static const char string_alphabet[] = "ab-]";
    unsigned int n_matches = 0;

    (void) state;
    srandom(1);
    for (int i = 0; i < 100; i++) {
        char patterns[N][8];
        const char *globs[N];
        char *error = NULL;
        size_t bad;

        for (size_t n = 0; n < N; ) {
            char *pattern = patterns[n];
            size_t len = random() % sizeof patterns[n];

            for (size_t j = 0; j < len; j++) {
                pattern[j] = pattern_alphabet[random()
                                              % (sizeof pattern_alphabet
                                                 - 1)];
            }
            pattern[len] = '\0';

            /* POSIX leaves ill-formed patterns open, and ranges that go
             * down. */
            if (!glob_check(pattern) && !strchr(pattern, '-')) {
                globs[n++] = pattern;
            }
        }
        struct pattern_set *set = pattern_set_create(globs, N, false, &bad,
                                                     &error);
        assert_non_null(set);
        for (int j = 0; j < 1000; j++) {
            unsigned long matched[BITMAP_N_LONGS(N)] = { 0 };
            char s[8];
            size_t len = random() % sizeof s;

            for (size_t k = 0; k < len; k++) {
                s[k] = string_alphabet[random()
                                       % (sizeof string_alphabet - 1)];
            }
            s[len] = '\0';
            pattern_set_match(set, s, len, matched, 0);
            for (size_t k = 0; k < N; k++) {
                bool expected = !fnmatch(globs[k], s, 0);

                if (bitmap_is_set(matched, k) != expected) {
                    fail_msg("\"%s\" %s \"%s\"", globs[k],
                             expected ? "should match" : "should not match",
                             s);
                }
                n_matches += expected;
            }
        }
        pattern_set_unref(set);
    }
    assert_in_range(n_matches, 10000, 6390000);
}

/* A byte of a string may be any, one of a pattern any but null and a line
 * break. */
static void
every_byte(void **state)
{
    (void) state;
    for (int c = 1; c < 256; c++) {
        char literal_[] = { '\\', c, '\0' };
        char set[] = { '[', '\\', c, ']', '\0' };
        char not[] = { '[', '!', '\\', c, ']', '\0' };

        for (int d = 0; c != '\n' && c != '\r' && d < 256; d += 5) {
            char s = d % 2 ? c : d;

            if (s != '\n' && s != '\r') {
                assert_int_equal(glob_match(literal_, &s, 1, false),
                                 s == (char) c);
                assert_int_equal(glob_match(set, &s, 1, false),
                                 s == (char) c);
                assert_int_equal(glob_match(not, &s, 1, false),
                                 s != (char) c);
            }
        }
    }
}

/* Nothing is compiled twice while it is in use. */
static void
same_pattern_same_set(void **state)
{
    static const char *const globs[] = { "a*", "*b" };
    struct pattern_set *a, *b, *c;
    char *error = NULL;
    size_t bad;

    (void) state;
    a = pattern_set_create(globs, 2, false, &bad, &error);
    b = pattern_set_create(globs, 2, false, &bad, &error);
    c = pattern_set_create(globs, 2, true, &bad, &error);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    pattern_set_unref(a);
    pattern_set_unref(b);
    pattern_set_unref(c);
}

/* What takes fnmatch() hours. */
static void
takes_no_time(void **state)
{
    enum { N = 20000 };
    char *s = malloc(N);
    clock_t start = clock();

    (void) state;
    memset(s, 'a', N);
    assert_false(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*b", s, N, false));
    assert_true((clock() - start) / (double) CLOCKS_PER_SEC < 5);
    free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literal),
        cmocka_unit_test(wildcards),
        cmocka_unit_test(sets),
        cmocka_unit_test(ignoring_case),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(ill_formed),
        cmocka_unit_test(same_as_fnmatch),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(same_pattern_same_set),
        cmocka_unit_test(takes_no_time),
    };

    return cmocka_run_group_tests_name("glob", tests, NULL, NULL);
}
