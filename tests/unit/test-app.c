/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "byte-order.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "utilities/tasukid/apps/apps.h"
#include "utilities/tasukid/core/app-call.h"
#include "utilities/tasukid/core/flow-set.h"
#include "utilities/tasukid/core/ofswitch-private.h"

/* Applications register, get their place in the pipeline, and have to leave
 * each other's flows alone. */

#define STAGE(...) ((struct app_stage) { __VA_ARGS__ })

#define ONE_ID 0xa1
#define TWO_ID 0xa2

static const struct app_class one_app = {
    .name = "one",
    .version = APP_INTERFACE_VERSION,
    .id = ONE_ID,
    .stages = { { .after = PIPE_MIRROR, .n_tables = 2, .taps = true } },
};

static const struct app_class two_app = {
    .name = "two",
    .version = APP_INTERFACE_VERSION,
    .id = TWO_ID,
    .stages = { { .after = PIPE_MIRROR, .n_tables = 1 } },
};

/* Expects that 'class' is refused because of something with 'reason' in it. */
static void
check_refused(struct app_class class, const char *reason)
{
    size_t n = app_count();
    char *error = app_register(&class);

    assert_non_null(error);
    if (!strstr(error, reason)) {
        fail_msg("\"%s\" is not about \"%s\"", error, reason);
    }
    assert_int_equal(app_count(), n);
    free(error);
}

static void
test_refused(void **state OVS_UNUSED)
{
    struct app_class class = one_app;

    class.name = "other";
    class.id = 0xa3;
    class.version = APP_INTERFACE_VERSION + 1;
    check_refused(class, "version 3 of the interface, not 2");

    class.version = APP_INTERFACE_VERSION;
    class.name = "../x";
    check_refused(class, "not the name of an application");
    class.name = "";
    check_refused(class, "not the name of an application");
    class.name = "one";
    check_refused(class, "of that name already");
    class.name = "other";
    class.id = TWO_ID;
    check_refused(class, "0xa2 is that of application \"two\"");

    class.id = 0xa3;
    class.stages[0] = STAGE(.table = PIPE_SERVICE, .n_tables = 1);
    check_refused(class, "table 20 is another application's");
    class.stages[0] = STAGE(.table = 41, .n_tables = 1);
    check_refused(class, "table 41 is another application's");
    class.stages[0] = STAGE(.table = 28, .n_tables = 3);
    check_refused(class, "no 3 tables from 28 on");
    class.stages[0] = STAGE(.table = PIPE_OUTPUT, .n_tables = 1);
    check_refused(class, "no tables 50 to 50 for applications");
    for (int after = 0; after <= UINT8_MAX; after++) {
        if (after != PIPE_ZONE && after != PIPE_MIRROR) {
            class.stages[0] = STAGE(.after = after, .n_tables = 1);
            check_refused(class, "a stage cannot be after table");
        }
    }
    class.stages[0] = STAGE(.after = PIPE_ZONE, .n_tables = 10);
    check_refused(class, "tables from");

    /* All stages or none. */
    class.stages[0] = STAGE(.table = 25, .n_tables = 2);
    class.stages[1] = STAGE(.table = PIPE_SERVICE, .n_tables = 1);
    check_refused(class, "table 20 is another application's");
    assert_int_equal(pipeline_table(class.id), 0);
    class.stages[1] = STAGE(.table = 26, .n_tables = 1);
    check_refused(class, "table 26 is another application's");
    class.stages[0] = STAGE(.table = 12, .n_tables = 1);
    class.stages[1] = STAGE(.after = PIPE_ZONE, .n_tables = 8);
    check_refused(class, "tables from");
}

static void
test_tables(void **state OVS_UNUSED)
{
    assert_int_equal(pipeline_table(ONE_ID), 34);
    assert_int_equal(pipeline_table(TWO_ID), 36);
    assert_int_equal(pipeline_table(0xff), 0);

    /* In the first table of a stage, both ends of the priorities are the
     * core's. */
    assert_false(pipeline_may_have_flow(ONE_ID, 33, 5));
    assert_false(pipeline_may_have_flow(ONE_ID, 34, 0));
    assert_true(pipeline_may_have_flow(ONE_ID, 34, 1));
    assert_true(pipeline_may_have_flow(ONE_ID, 34, PIPE_PRIO_CORE - 1));
    assert_false(pipeline_may_have_flow(ONE_ID, 34, PIPE_PRIO_CORE));
    assert_false(pipeline_may_have_flow(ONE_ID, 34, UINT16_MAX));
    assert_true(pipeline_may_have_flow(ONE_ID, 35, 0));
    assert_false(pipeline_may_have_flow(ONE_ID, 36, 5));
    assert_true(pipeline_may_have_flow(PIPE_APP_CORE, 0, 0));
}

/* Has 'app' send a flow_mod, and returns whether the core sent it on. */
static bool
try_flow_mod(struct ofswitch *sw, const struct app_class *app, int command,
     uint8_t table, uint64_t cookie, uint64_t mask, uint64_t new_cookie)
{
    struct ofputil_flow_mod fm = {
        .priority = 7,
        .cookie = htonll(cookie),
        .cookie_mask = htonll(mask),
        .new_cookie = htonll(new_cookie),
        .table_id = table,
        .command = command,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    uint64_t n = sw->stats.flow_mods;
    struct app_call call;

    minimatch_init_catchall(&fm.match);
    app_enter(&call, app, "test");
    ofswitch_flow_mod(sw, &fm);
    app_leave(&call);
    minimatch_destroy(&fm.match);
    return sw->stats.flow_mods > n;
}

/* Every command, with the cookie, its mask, the new cookie and the table all
 * being one's own or not: only what is one's own in every way that matters for
 * the command is sent. */
static void
test_flow_mods(void **state OVS_UNUSED)
{
    static const uint64_t cookies[] = {
        PIPE_COOKIE(ONE_ID, 5), PIPE_COOKIE(TWO_ID, 5), 0, UINT64_MAX,
    };
    static const uint64_t masks[] = {
        UINT64_MAX, PIPE_COOKIE_MASK, PIPE_COOKIE_MASK << 1,
        ~PIPE_COOKIE_MASK, 0,
    };
    static const uint8_t tables[] = { 34, 35, 0, 20, 30, 36, 40, 50, 0xff };
    struct ofswitch *sw = ofswitch_create(0);
    int n_sent = 0;

    sw->version = OFP15_VERSION;
    sw->protocol = OFPUTIL_P_OF15_OXM;
    for (int command = OFPFC_ADD; command <= OFPFC_DELETE_STRICT; command++) {
        for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
            for (size_t c = 0; c < ARRAY_SIZE(cookies); c++) {
                for (size_t m = 0; m < ARRAY_SIZE(masks); m++) {
                    for (size_t n = 0; n < ARRAY_SIZE(cookies); n++) {
                        bool selects = c == 0 && m <= 1;
                        bool makes = n == 0 && t <= 1;
                        bool good = (command == OFPFC_ADD ? makes
                                     : command < OFPFC_DELETE
                                     ? makes && selects : selects);

                        assert_int_equal(try_flow_mod(sw, &one_app, command,
                                              tables[t], cookies[c], masks[m],
                                              cookies[n]), good);
                        n_sent += good;
                    }
                }
            }
        }
    }
    assert_true(n_sent > 0);
    ofswitch_destroy(sw);
}

/* Has 'app' declare a flow, and returns whether it is in the set. */
static bool
declare(const struct app_class *app, uint8_t id, uint64_t cookie,
        uint8_t table, uint16_t priority)
{
    struct flow_set *set = flow_set_create(OFPUTIL_P_OF15_OXM);
    struct app_call call;
    struct ofpbuf ofpacts;
    struct match match;
    bool added;

    ofpbuf_init(&ofpacts, 0);
    match_init_catchall(&match);
    app_enter(&call, app, "test");
    flow_set_add(set, id, cookie, table, priority, &match, &ofpacts);
    app_leave(&call);
    added = flow_set_count(set) == 1;
    flow_set_destroy(set);
    ofpbuf_uninit(&ofpacts);
    return added;
}

static void
test_declared(void **state OVS_UNUSED)
{
    uint64_t one = PIPE_COOKIE(ONE_ID, 5), two = PIPE_COOKIE(TWO_ID, 5);

    assert_true(declare(&one_app, ONE_ID, one, 34, 7));
    assert_true(declare(&core_app, PIPE_APP_CORE,
                        PIPE_COOKIE(PIPE_APP_CORE, 0), 0, 0));
    assert_false(declare(&one_app, ONE_ID, two, 34, 7));
    assert_false(declare(&one_app, TWO_ID, two, 36, 7));
    assert_false(declare(&one_app, PIPE_APP_CORE,
                         PIPE_COOKIE(PIPE_APP_CORE, 0), 0, 0));
    assert_false(declare(&one_app, ONE_ID, one, 0, 7));
    assert_false(declare(&one_app, ONE_ID, one, 36, 7));
    assert_false(declare(&one_app, ONE_ID, one, 34, 0));
    assert_false(declare(&one_app, ONE_ID, one, 34, UINT16_MAX));
}

static void
test_running(void **state OVS_UNUSED)
{
    struct app_call outer, inner;

    assert_null(app_running());
    app_enter(&outer, &one_app, "run");
    app_enter(&inner, &two_app, "port_zone");
    assert_ptr_equal(app_running(), &two_app);
    app_leave(&inner);
    assert_ptr_equal(app_running(), &one_app);
    app_leave(&outer);
    assert_null(app_running());
}

static int
setup(void **state OVS_UNUSED)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    apps_register();
    assert_null(app_register(&one_app));
    assert_null(app_register(&two_app));
    return 0;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_flow_mods),
        cmocka_unit_test(test_declared),
        cmocka_unit_test(test_running),
    };

    return cmocka_run_group_tests_name("app", tests, setup, NULL);
}
