/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "flow.h"
#include "lone-switch.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"

/* A packet whose egress is decided, such as a tenant's, never meets the flows
 * of a stage that decides, whichever stages tap: those flows need not look at
 * the packet's zone. */

/* What the core has declared for such a packet. */
static int next_table[PIPE_N_TABLES];
static uint16_t best_priority[PIPE_N_TABLES];

void __wrap_flow_set_add(struct flow_set *, uint8_t app, uint64_t cookie,
                         uint8_t table, uint16_t priority,
                         const struct match *, const struct ofpbuf *ofpacts);

void
__wrap_flow_set_add(struct flow_set *flows OVS_UNUSED, uint8_t app OVS_UNUSED,
                    uint64_t cookie OVS_UNUSED, uint8_t table,
                    uint16_t priority, const struct match *match,
                    const struct ofpbuf *ofpacts)
{
    const struct ofpact *a = ofpacts->data;
    struct flow packet = {
        .regs = {
            [PIPE_EGRESS_REG] = PIPE_EGRESS_VALID | 1,
            [PIPE_ZONE_REG] = 7,
        },
    };
    struct minimatch minimatch;

    minimatch_init(&minimatch, match);
    if (minimatch_matches_flow(&minimatch, &packet)
        && (next_table[table] < 0 || priority > best_priority[table])) {
        best_priority[table] = priority;
        next_table[table] = (a->type == OFPACT_GOTO_TABLE
                             ? ofpact_get_GOTO_TABLE(a)->table_id : 0);
    }
    minimatch_destroy(&minimatch);
}

static void
declare(struct ofswitch *sw)
{
    for (size_t i = 0; i < PIPE_N_TABLES; i++) {
        next_table[i] = -1;
        best_priority[i] = 0;
    }
    core_app.declare_flows(sw, NULL);
}

/* Application "one" decides in PIPE_SERVICE.  "two" taps before and after
 * that. */
static void
test_tapped(void **state OVS_UNUSED)
{
    struct ofswitch *sw = lone_switch_up(OFP13_VERSION, 1);
    uint8_t front = PIPE_ZONE + 1;

    declare(sw);
    assert_int_equal(pipeline_next_tap(sw, PIPE_ZONE)->table, front);
    assert_int_equal(next_table[front], PIPE_SERVICE);
    assert_int_equal(next_table[PIPE_SERVICE], PIPE_MIRROR + 1);
    /* No flow of the application has that priority. */
    assert_int_equal(best_priority[PIPE_SERVICE], UINT16_MAX);
    assert_false(pipeline_may_have_flow(ONE, PIPE_SERVICE, UINT16_MAX));
    lone_switch_destroy(sw);
}

/* Nothing taps: whoever decides before PIPE_SERVICE outputs at once. */
static void
test_not_tapped(void **state OVS_UNUSED)
{
    struct ofswitch *sw = lone_switch_up(OFP13_VERSION, 1);
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    lone_run(true, false);
    ofswitch_configure(sw);
    pipeline_put_output(sw, PIPE_ZONE, u16_to_ofp(1), 7, &ofpacts);
    const struct ofpact *a = ofpacts.data;
    assert_int_equal(a->type, OFPACT_OUTPUT);
    ofpbuf_uninit(&ofpacts);
    lone_switch_destroy(sw);
}

static int
setup(void **state OVS_UNUSED)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    lone_one.stages[0] = (struct app_stage) {
        .table = PIPE_SERVICE, .n_tables = 1
    };
    lone_two.stages[0] = (struct app_stage) {
        .after = PIPE_ZONE, .n_tables = 1, .taps = true
    };
    lone_two.stages[1] = (struct app_stage) {
        .after = PIPE_MIRROR, .n_tables = 1, .taps = true
    };
    return 0;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tapped),
        cmocka_unit_test(test_not_tapped),
    };

    return cmocka_run_group_tests_name("bypass", tests, setup, NULL);
}
