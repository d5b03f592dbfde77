/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "lone-switch.h"
#include "util.h"

/* What applications send: by which actions, with a stage that taps and without
 * one. */

static const uint8_t frame[60];

/* Application "one" owns these ports. */
#define OWNED u16_to_ofp(2)     /* In zone OWNED_ZONE. */
#define NOBODYS u16_to_ofp(3)
#define OWNED_ZONE 7

static uint32_t
port_zone(const struct ofswitch *sw OVS_UNUSED, ofp_port_t port)
{
    return (port == OWNED ? OWNED_ZONE
            : port == NOBODYS ? PIPE_ZONE_NONE : 0);
}

static struct ds sent = DS_EMPTY_INITIALIZER;

void __wrap_ofswitch_packet_out(struct ofswitch *, const struct dp_packet *,
                                ofp_port_t in_port, const struct ofpbuf *);

void
__wrap_ofswitch_packet_out(struct ofswitch *sw OVS_UNUSED,
                           const struct dp_packet *packet, ofp_port_t in_port,
                           const struct ofpbuf *ofpacts)
{
    struct ofpact_format_params fp = { .s = &sent };

    assert_ptr_equal(dp_packet_data(packet), frame);
    assert_int_equal(dp_packet_size(packet), sizeof frame);
    assert_int_equal(in_port, OFPP_CONTROLLER);
    ofpacts_format(ofpacts->data, ofpacts->size, &fp);
    ds_put_char(&sent, ';');
}

/* Expects that injecting with these notes, at PIPE_MIRROR, makes 'sw' do
 * 'actions'. */
static void
check(struct ofswitch *sw, ofp_port_t egress, uint32_t zone,
      const char *actions)
{
    const struct pipeline_notes notes = { .egress = egress, .zone = zone };

    ds_clear(&sent);
    ofswitch_inject(sw, frame, sizeof frame, OFPP_CONTROLLER, PIPE_MIRROR,
                    &notes);
    assert_string_equal(ds_cstr(&sent), actions);
}

/* Notes arrive as they were written. */
static void
test_notes(void **state OVS_UNUSED)
{
    static const struct pipeline_notes notes[] = {
        { .egress = OFPP_NONE },
        { .egress = OFPP_NONE, .zone = 7, .seen = true },
        { .egress = OFPP_IN_PORT, .zone = PIPE_ZONE_NONE },
        { .egress = 0, .seen = true },
    };

    for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
        uint64_t stub[256 / 8];
        struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
        struct pipeline_notes read;
        const struct ofpact *a;
        struct flow flow;

        memset(&flow, 0, sizeof flow);
        pipeline_put_notes(&ofpacts, &notes[i]);
        OFPACT_FOR_EACH (a, ofpacts.data, ofpacts.size) {
            const struct ofpact_set_field *sf = ofpact_get_SET_FIELD(a);

            mf_set_flow_value_masked(sf->field, sf->value,
                                     ofpact_set_field_mask(sf), &flow);
        }
        pipeline_get_notes(flow.regs, &read);
        assert_int_equal(read.egress, notes[i].egress);
        assert_int_equal(read.zone, notes[i].zone);
        assert_int_equal(read.seen, notes[i].seen);
        ofpbuf_uninit(&ofpacts);
    }
}

/* A stage that taps sees everything. */
static void
test_tapped(void **state OVS_UNUSED)
{
    struct ofswitch *sw = lone_switch_up(OFP13_VERSION, 1);

    check(sw, u16_to_ofp(1), 0, "set_field:0x10001->reg0,resubmit(,30);");
    check(sw, OWNED, OWNED_ZONE,
          "set_field:0x7->reg1,set_field:0x10002->reg0,resubmit(,30);");
    check(sw, OFPP_NONE, 0, "resubmit(,30);");
    lone_switch_destroy(sw);
}

/* If nothing does, what may leave leaves at once.  The rest enters the
 * pipeline, which decides, or drops what is not for that port. */
static void
test_not_tapped(void **state OVS_UNUSED)
{
    struct ofswitch *sw = lone_switch_up(OFP13_VERSION, 1);

    lone_run(true, false);
    ofswitch_configure(sw);
    assert_false(ofswitch_runs(sw, TWO));
    check(sw, u16_to_ofp(1), 0, "output:1;");
    check(sw, u16_to_ofp(1), OWNED_ZONE, "output:1;");
    check(sw, OWNED, OWNED_ZONE, "output:2;");
    check(sw, OFPP_IN_PORT, 0, "IN_PORT;");
    check(sw, OWNED, 0, "set_field:0x10002->reg0,resubmit(,30);");
    check(sw, OWNED, OWNED_ZONE + 1,
          "set_field:0x8->reg1,set_field:0x10002->reg0,resubmit(,30);");
    check(sw, NOBODYS, 0, "set_field:0x10003->reg0,resubmit(,30);");
    check(sw, NOBODYS, PIPE_ZONE_NONE,
          "set_field:0xffffffff->reg1,set_field:0x10003->reg0,resubmit(,30);");
    check(sw, OFPP_NONE, OWNED_ZONE,
          "set_field:0x7->reg1,resubmit(,30);");
    lone_switch_destroy(sw);
    ds_destroy(&sent);
}

static int
setup(void **state OVS_UNUSED)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    lone_one.port_zone = port_zone;
    lone_two.stages[0] = (struct app_stage) {
        .after = PIPE_MIRROR, .n_tables = 1, .taps = true
    };
    return 0;
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_tapped),
        cmocka_unit_test(test_not_tapped),
    };

    return cmocka_run_group_tests_name("inject", tests, setup, NULL);
}
