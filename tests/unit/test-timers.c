/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Callbacks at their time, in their order. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "random.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/timers.h"

static long long int now = 1000;

long long int __wrap_time_msec(void);

long long int
__wrap_time_msec(void)
{
    return now;
}

struct thing {
    struct timeout timeout;
    unsigned int n;             /* How often it expired. */
    long long int at;           /* When it did last. */
};

static void
expired(struct timeout *t)
{
    struct thing *thing = CONTAINER_OF(t, struct thing, timeout);

    assert_false(timeout_is_set(t));
    thing->n++;
    thing->at = now;
}

static void
once(void **state)
{
    struct thing thing = { .n = 0 };

    (void) state;
    timeout_init(&thing.timeout, expired);
    timeout_set(&thing.timeout, now + 10);
    assert_true(timeout_is_set(&thing.timeout));
    now += 9;
    timers_run();
    assert_int_equal(thing.n, 0);
    now += 1;
    timers_run();
    timers_run();
    assert_int_equal(thing.n, 1);

    /* To another time, and to none. */
    timeout_set(&thing.timeout, now + 10);
    timeout_set(&thing.timeout, now + 20);
    now += 19;
    timers_run();
    assert_int_equal(thing.n, 1);
    now += 1;
    timers_run();
    assert_int_equal(thing.n, 2);
    timeout_set(&thing.timeout, now);
    timeout_set(&thing.timeout, LLONG_MAX);
    assert_false(timeout_is_set(&thing.timeout));
    timeout_set(&thing.timeout, now);
    timeout_cancel(&thing.timeout);
    timeout_cancel(&thing.timeout);
    now += 100;
    timers_run();
    assert_int_equal(thing.n, 2);
}

/* Whatever their number and order, none comes early, and none late if the loop
 * runs each millisecond. */
static void
many(void **state)
{
    static struct thing things[500];
    long long int when[ARRAY_SIZE(things)];

    (void) state;
    random_set_seed(1);
    for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
        timeout_init(&things[i].timeout, expired);
        when[i] = now + random_range(300);
        timeout_set(&things[i].timeout, when[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(things); i += 3) {
        timeout_cancel(&things[i].timeout);
    }
    for (int i = 0; i < 300; i++) {
        timers_run();
        now++;
    }
    for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
        assert_int_equal(things[i].n, i % 3 != 0);
        assert_int_equal(things[i].at, i % 3 ? when[i] : 0);
    }
}

static struct thing other;

static void
expired_again(struct timeout *t)
{
    expired(t);
    timeout_set(t, now);
    timeout_cancel(&other.timeout);
}

/* A callback may set itself to the same moment, which does not stop the main
 * loop, and cancel what was due as well. */
static void
from_a_callback(void **state)
{
    struct thing thing = { .n = 0 };

    (void) state;
    timeout_init(&thing.timeout, expired_again);
    timeout_init(&other.timeout, expired);
    timeout_set(&thing.timeout, now - 1);
    timeout_set(&other.timeout, now);
    timers_run();
    assert_in_range(thing.n, 1, 100000);
    assert_int_equal(other.n, 0);
    timeout_cancel(&thing.timeout);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once),
        cmocka_unit_test(many),
        cmocka_unit_test(from_a_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
