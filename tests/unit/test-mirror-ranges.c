/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* A few ranges of a stream, held against a bit for each of its bytes. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "util.h"
#include "utilities/tasukid/apps/mirror/engine/ranges.h"

#define N 200

static void
assert_ranges(const struct ranges *ranges, const bool has[])
{
    size_t n = 0;

    for (size_t i = 0; i < N; i++) {
        n += has[i] && (!i || !has[i - 1]);
    }
    assert_int_equal(ranges->n, n);
    for (size_t i = 0; i < n; i++) {
        const struct range *r = &ranges->r[i];

        assert_true(r->start < r->end);
        assert_true(!r->start || !has[r->start - 1]);
        assert_true(r->end == N || !has[r->end]);
        for (int64_t at = r->start; at < r->end; at++) {
            assert_true(has[at]);
        }
    }
}

static void
assert_first_gap(const struct ranges *ranges, const bool has[])
{
    int64_t start = random() % N, end = start + random() % (N - start);
    struct range gap = ranges_first_gap(ranges, start, end);

    while (start < end && has[start]) {
        start++;
    }
    assert_int_equal(gap.start, start);
    while (start < end && !has[start]) {
        start++;
    }
    assert_int_equal(gap.end, start);
}

static void
random_ranges(void **state)
{
    (void) state;
    srandom(3);
    for (int i = 0; i < 2000; i++) {
        struct ranges ranges = { .n = 0 };
        bool has[N] = { false };

        /* No more than fit. */
        for (int j = 0; j < RANGES_MAX; j++) {
            int64_t start = random() % N, end = start + random() % 40;

            end = MIN(end, N);
            ranges_add(&ranges, start, end);
            memset(has + start, true, end - start);
            assert_ranges(&ranges, has);
            assert_first_gap(&ranges, has);
        }
    }
}

/* The lowest one goes. */
static void
too_many(void **state)
{
    struct ranges ranges = { .n = 0 };

    (void) state;
    for (int64_t i = 1; i <= RANGES_MAX; i++) {
        ranges_add(&ranges, i * 10, i * 10 + 5);
    }
    ranges_add(&ranges, 12345, 12346);
    assert_int_equal(ranges.n, RANGES_MAX);
    assert_int_equal(ranges.r[0].start, 20);
    assert_int_equal(ranges.r[RANGES_MAX - 1].start, 12345);
    ranges_add(&ranges, 37, 38);
    assert_int_equal(ranges.r[0].start, 30);
    assert_int_equal(ranges.r[1].start, 37);
    ranges_add(&ranges, 1, 2);
    assert_int_equal(ranges.n, RANGES_MAX);
    assert_int_equal(ranges.r[0].start, 30);
}

static void
forget(void **state)
{
    struct ranges ranges = { .n = 0 };

    (void) state;
    ranges_forget(&ranges, 100);
    for (int64_t i = 1; i <= 5; i++) {
        ranges_add(&ranges, i * 10, i * 10 + 5);
    }
    ranges_forget(&ranges, 34);
    assert_int_equal(ranges.n, 3);
    assert_int_equal(ranges.r[0].start, 30);
    ranges_forget(&ranges, 35);
    assert_int_equal(ranges.n, 2);
    ranges_forget(&ranges, 1000);
    assert_int_equal(ranges.n, 1);
    assert_int_equal(ranges.r[0].start, 50);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ranges),
        cmocka_unit_test(too_many),
        cmocka_unit_test(forget),
    };

    return cmocka_run_group_tests_name("mirror-ranges", tests, NULL, NULL);
}
