/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The handover application under events at random: see handover-ops.h for what
 * must hold.  The fuzz target fuzz-handover searches more cleverly. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "handover-ops.h"
#include "openvswitch/vlog.h"

static void
random_events(void **state)
{
    (void) state;
    srandom(5);
    for (int i = 0; i < 500; i++) {
        uint8_t data[2000];
        size_t size = random() % sizeof data;

        for (size_t j = 0; j < size; j++) {
            data[j] = random();
        }
        handover_ops_run(data, size);
    }
}

/* The same with numbers that are mostly the right ones. */
static void
random_connections(void **state)
{
    (void) state;
    srandom(6);
    for (int i = 0; i < 3000; i++) {
        uint8_t data[2000];

        for (size_t j = 0; j < sizeof data; j++) {
            data[j] = random() % (random() % 16 ? 192 : 256);
        }
        handover_ops_run(data, sizeof data);
    }
}

/* Nothing was tested if nothing happened. */
static void
all_kinds_of_events(void **state)
{
    (void) state;
    assert_true(handover_ops_counters[HC_MOVED] > 10);
    assert_true(handover_ops_counters[HC_KEPT] > 100);
    assert_true(handover_ops_counters[HC_CHALLENGES] > 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_events),
        cmocka_unit_test(random_connections),
        cmocka_unit_test(all_kinds_of_events),
    };

    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    return cmocka_run_group_tests_name("handover-random", tests, NULL, NULL);
}
