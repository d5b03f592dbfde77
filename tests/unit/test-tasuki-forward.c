/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* How often packets are forwarded while ports come and go. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "ofproto/tasuki-forward.h"
#include "util.h"

static long long int now = 1000000;     /* In msec. */
static int n_runs;                      /* Calls of dpif_run(). */
static long long int run_takes;         /* How long each takes, in msec. */
static bool run_result;

/* The linker has tasuki-forward.c call these. */
long long int __wrap_time_msec(void);
long long int
__wrap_time_msec(void)
{
    return now;
}

bool __wrap_dpif_run(struct dpif *);
bool
__wrap_dpif_run(struct dpif *dpif)
{
    assert_ptr_equal(dpif, &now);
    n_runs++;
    now += run_takes;
    return run_result;
}

static bool
forward(void)
{
    return tasuki_forward((struct dpif *) &now);
}

/* At most once in 50 ms, however many ports there are. */
static void
test_interval(void **state OVS_UNUSED)
{
    n_runs = 0;
    now += 1000;
    for (int i = 0; i < 200; i++) {
        forward();
        now++;
    }
    assert_int_equal(n_runs, 4);
}

/* Forwarding that takes long must leave time for the ports. */
static void
test_slow(void **state OVS_UNUSED)
{
    n_runs = 0;
    now += 1000;
    run_takes = 100;
    forward();
    forward();
    now += 49;
    forward();
    assert_int_equal(n_runs, 1);
    now++;
    forward();
    assert_int_equal(n_runs, 2);
    run_takes = 0;
}

/* What dpif_run() says is told once. */
static void
test_result(void **state OVS_UNUSED)
{
    now += 1000;
    run_result = true;
    assert_true(forward());
    assert_false(forward());
    now += 1000;
    run_result = false;
    assert_false(forward());
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interval),
        cmocka_unit_test(test_slow),
        cmocka_unit_test(test_result),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
