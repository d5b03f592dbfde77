/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Who gets which answer, once. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "flow.h"
#include "lone-switch.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/requests.h"

/* What has come of a request. */
struct outcome {
    unsigned int n_parts;       /* REQUEST_PART. */
    unsigned int n_ends;        /* All other ones. */
    enum request_status end;
    enum ofperr error;
    int ports[16];              /* Which it told about, in their order. */
    size_t n_ports;
    size_t n_msgs;              /* In the last call. */
};

static void
note(struct ofswitch *sw OVS_UNUSED, const struct request_reply *reply,
     void *outcome)
{
    struct outcome *o = outcome;

    o->n_parts += reply->status == REQUEST_PART;
    o->n_ends += reply->status != REQUEST_PART;
    o->end = reply->status;
    o->error = reply->error;
    o->n_msgs = reply->n_msgs;
    for (size_t i = 0; i < reply->n_msgs; i++) {
        struct ofpbuf b = *reply->msgs[i];
        struct ofputil_port_stats ps;

        while (!ofputil_decode_port_stats(&ps, &b)) {
            assert_in_range(o->n_ports, 0, ARRAY_SIZE(o->ports) - 1);
            o->ports[o->n_ports++] = ofp_to_u16(ps.port_no);
        }
    }
}

static const enum ofp_version versions[] = {
    OFP13_VERSION, OFP14_VERSION, OFP15_VERSION
};

static struct ofswitch *
start(enum ofp_version version)
{
    lone_one.switch_down = NULL;
    return lone_switch_up(version, 1);
}

static bool
ask_ports(struct ofswitch *sw, uint8_t app, int flags, struct outcome *o)
{
    return request_send(sw, app,
                        ofputil_encode_dump_ports_request(sw->version,
                                                          OFPP_ANY),
                        flags, 1000, note, o);
}

static struct ofpbuf *
group_delete(const struct ofswitch *sw, uint32_t id)
{
    struct ofputil_group_mod gm = {
        .command = OFPGC11_DELETE,
        .group_id = id,
        .command_bucket_id = OFPG15_BUCKET_ALL,
    };

    ovs_list_init(&gm.buckets);
    return ofputil_encode_group_mod(sw->version, &gm, NULL, -1);
}

static struct ofpbuf *
meter_delete(const struct ofswitch *sw, uint32_t id)
{
    struct ofputil_meter_mod mm = {
        .command = OFPMC13_DELETE,
        .meter = { .meter_id = id },
    };

    return ofputil_encode_meter_mod(sw->version, &mm);
}

/* A copy of a message, as the next one takes its place. */
struct copy {
    struct ofp_header oh;
    uint8_t body[64];
};

static struct copy
sent(struct ofswitch *sw, enum ofptype type)
{
    const struct ofp_header *oh = lone_expect(sw, type);
    struct copy copy;

    assert_in_range(ntohs(oh->length), sizeof *oh, sizeof copy);
    memcpy(&copy, oh, ntohs(oh->length));
    return copy;
}

/* Replies. */

static void
one_message(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct ofswitch *sw = start(versions[i]);
        struct outcome o = { .n_ends = 0 };

        assert_true(ask_ports(sw, ONE, 0, &o));
        assert_int_equal(o.n_ends, 0);
        lone_receive(sw, lone_port_stats(
                         lone_expect(sw, OFPTYPE_PORT_STATS_REQUEST), 1, 3,
                         false));
        assert_int_equal(o.n_ends, 1);
        assert_int_equal(o.end, REQUEST_DONE);
        assert_int_equal(o.n_msgs, 1);
        assert_int_equal(o.n_ports, 3);
        assert_int_equal(o.ports[2], 3);
        lone_switch_destroy(sw);
        assert_int_equal(o.n_ends, 1);
    }
}

static void
parts(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o = { .n_ends = 0 };

    (void) state;
    assert_true(ask_ports(sw, ONE, 0, &o));
    const struct ofp_header *oh = lone_expect(sw, OFPTYPE_PORT_STATS_REQUEST);
    lone_receive(sw, lone_port_stats(oh, 1, 1, true));
    lone_receive(sw, lone_port_stats(oh, 2, 4, true));
    assert_int_equal(o.n_parts, 2);
    assert_int_equal(o.n_ports, 4);
    assert_int_equal(o.n_ends, 0);
    /* The last part may be empty. */
    lone_receive(sw, lone_port_stats(oh, 1, 0, false));
    assert_int_equal(o.n_parts, 2);
    assert_int_equal(o.n_ends, 1);
    assert_int_equal(o.end, REQUEST_DONE);

    /* There is an end to it. */
    lone_receive(sw, lone_port_stats(oh, 5, 5, false));
    assert_int_equal(o.n_ends, 1);
    assert_int_equal(o.n_ports, 4);
    assert_int_equal(sw->stats.unasked, 1);
    lone_switch_destroy(sw);
}

static void
whole(void **state)
{
    struct ofswitch *sw = start(OFP15_VERSION);
    struct outcome o = { .n_ends = 0 };

    (void) state;
    assert_true(ask_ports(sw, ONE, REQUEST_WHOLE, &o));
    const struct ofp_header *oh = lone_expect(sw, OFPTYPE_PORT_STATS_REQUEST);
    lone_receive(sw, lone_port_stats(oh, 1, 2, true));
    lone_receive(sw, lone_port_stats(oh, 3, 3, true));
    assert_int_equal(o.n_ports, 0);
    lone_receive(sw, lone_port_stats(oh, 4, 4, false));
    assert_int_equal(o.n_parts, 0);
    assert_int_equal(o.n_ends, 1);
    assert_int_equal(o.end, REQUEST_DONE);
    assert_int_equal(o.n_msgs, 3);
    assert_int_equal(o.n_ports, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(o.ports[i], i + 1);
    }
    lone_switch_destroy(sw);
}

/* A switch that never comes to an end does not take all memory. */
static void
too_long(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o = { .n_ends = 0 };

    (void) state;
    assert_true(ask_ports(sw, ONE, REQUEST_WHOLE, &o));
    const struct ofp_header *oh = lone_expect(sw, OFPTYPE_PORT_STATS_REQUEST);
    size_t n_bytes = 0;
    while (!o.n_ends) {
        struct ofpbuf *msg = lone_port_stats(oh, 1, 500, true);

        n_bytes += msg->size;
        assert_in_range(n_bytes, 0, REQUESTS_MAX_BYTES + msg->size);
        lone_receive(sw, msg);
    }
    assert_in_range(n_bytes, REQUESTS_MAX_BYTES, SIZE_MAX);
    assert_int_equal(o.end, REQUEST_GONE);
    assert_int_equal(o.n_msgs, 0);
    lone_switch_destroy(sw);
    assert_int_equal(o.n_ends, 1);
}

/* Two ask the same, and are answered the other way round. */
static void
two_askers(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o1 = { .n_ends = 0 }, o2 = { .n_ends = 0 };

    (void) state;
    assert_true(ask_ports(sw, ONE, 0, &o1));
    assert_true(ask_ports(sw, TWO, REQUEST_WHOLE, &o2));
    struct copy oh1 = sent(sw, OFPTYPE_PORT_STATS_REQUEST);
    struct copy oh2 = sent(sw, OFPTYPE_PORT_STATS_REQUEST);
    assert_int_not_equal(oh1.oh.xid, oh2.oh.xid);
    lone_receive(sw, lone_port_stats(&oh2.oh, 1, 1, true));
    lone_receive(sw, lone_port_stats(&oh1.oh, 2, 2, true));
    lone_receive(sw, ofperr_encode_reply(OFPERR_OFPBRC_EPERM, &oh2.oh));
    assert_int_equal(o1.n_ends, 0);
    assert_int_equal(o2.n_ends, 1);
    assert_int_equal(o2.end, REQUEST_REFUSED);
    assert_int_equal(o2.error, OFPERR_OFPBRC_EPERM);
    assert_int_equal(o2.n_ports, 0);
    lone_receive(sw, lone_port_stats(&oh1.oh, 3, 3, false));
    assert_int_equal(o1.end, REQUEST_DONE);
    assert_int_equal(o1.n_ports, 2);
    lone_switch_destroy(sw);
    assert_int_equal(o1.n_ends, 1);
    assert_int_equal(o2.n_ends, 1);
}

/* A reply of another type is no reply, whatever its transaction id says, and
 * neither is one with an id that nobody asked with. */
static void
no_replies(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o = { .n_ends = 0 };

    (void) state;
    assert_true(ask_ports(sw, ONE, 0, &o));
    struct copy oh = sent(sw, OFPTYPE_PORT_STATS_REQUEST);
    lone_receive(sw, lone_barrier_reply(&oh.oh));
    lone_receive(sw, lone_role_reply(&oh.oh));
    assert_int_equal(sw->stats.unasked, 1);
    struct copy other = oh;
    other.oh.xid = htonl(ntohl(oh.oh.xid) + 1000);
    lone_receive(sw, lone_role_reply(&other.oh));
    lone_receive(sw, ofperr_encode_reply(OFPERR_OFPBRC_EPERM, &other.oh));
    assert_int_equal(sw->stats.unasked, 2);
    assert_int_equal(o.n_ends + o.n_parts, 0);
    lone_receive(sw, ofperr_encode_reply(OFPERR_OFPBRC_EPERM, &oh.oh));
    assert_int_equal(o.end, REQUEST_REFUSED);
    lone_switch_destroy(sw);
}

/* What has no reply of its own. */

static void
modification(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct ofswitch *sw = start(versions[i]);
        struct outcome o = { .n_ends = 0 };

        assert_true(request_send(sw, ONE, group_delete(sw, PIPE_ID(ONE, 7)), 0,
                                 1000, note, &o));
        lone_expect(sw, OFPTYPE_GROUP_MOD);
        assert_int_equal(o.n_ends, 0);
        lone_receive(sw, lone_barrier_reply(
                         lone_expect(sw, OFPTYPE_BARRIER_REQUEST)));
        assert_int_equal(o.end, REQUEST_DONE);
        assert_int_equal(o.n_ends, 1);
        assert_int_equal(o.n_msgs, 0);
        lone_switch_destroy(sw);
    }
}

/* The error comes first, the barrier's reply after it says nothing more. */
static void
refused_modification(void **state)
{
    struct ofswitch *sw = start(OFP15_VERSION);
    struct outcome o1 = { .n_ends = 0 }, o2 = { .n_ends = 0 };

    (void) state;
    assert_true(request_send(sw, ONE, meter_delete(sw, PIPE_ID(ONE, 1)), 0,
                             1000, note, &o1));
    struct copy mod1 = sent(sw, OFPTYPE_METER_MOD);
    struct copy end1 = sent(sw, OFPTYPE_BARRIER_REQUEST);
    assert_true(request_send(sw, TWO, meter_delete(sw, PIPE_ID(TWO, 1)), 0,
                             1000, note, &o2));
    lone_expect(sw, OFPTYPE_METER_MOD);
    struct copy end2 = sent(sw, OFPTYPE_BARRIER_REQUEST);

    lone_receive(sw, ofperr_encode_reply(OFPERR_OFPMMFC_UNKNOWN_METER, &mod1.oh));
    assert_int_equal(o1.end, REQUEST_REFUSED);
    assert_int_equal(o1.error, OFPERR_OFPMMFC_UNKNOWN_METER);
    lone_receive(sw, ofperr_encode_reply(OFPERR_OFPMMFC_UNKNOWN_METER, &mod1.oh));
    lone_receive(sw, lone_barrier_reply(&end1.oh));
    lone_receive(sw, lone_barrier_reply(&end2.oh));
    assert_int_equal(o1.n_ends, 1);
    assert_int_equal(o2.n_ends, 1);
    assert_int_equal(o2.end, REQUEST_DONE);
    assert_true(ovs_list_is_empty(&sw->requests));
    lone_switch_destroy(sw);
}

/* Time. */

static void
silence(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o = { .n_ends = 0 };

    (void) state;
    assert_true(ask_ports(sw, ONE, 0, &o));
    struct copy oh = sent(sw, OFPTYPE_PORT_STATS_REQUEST);
    lone_pass(999);
    assert_int_equal(o.n_ends, 0);
    /* A part gives the next one as much time. */
    lone_receive(sw, lone_port_stats(&oh.oh, 1, 1, true));
    lone_pass(999);
    assert_int_equal(o.n_ends, 0);
    lone_pass(1);
    assert_int_equal(o.n_ends, 1);
    assert_int_equal(o.end, REQUEST_TIMED_OUT);
    lone_receive(sw, lone_port_stats(&oh.oh, 2, 2, false));
    assert_int_equal(o.n_ends, 1);
    assert_int_equal(o.n_ports, 1);
    lone_switch_destroy(sw);
}

/* Ends. */

static struct outcome late;

/* An application asks when it should not any more. */
static void
ask_late(struct ofswitch *sw)
{
    assert_false(ask_ports(sw, ONE, 0, &late));
}

static void
ask_again(struct ofswitch *sw, const struct request_reply *reply, void *o)
{
    note(sw, reply, o);
    ask_late(sw);
}

static void
lost_connection(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o1 = { .n_ends = 0 }, o2 = { .n_ends = 0 };

    (void) state;
    assert_true(request_send(
                    sw, ONE, ofputil_encode_barrier_request(sw->version),
                    0, 1000, ask_again, &o1));
    assert_true(ask_ports(sw, TWO, 0, &o2));
    lone_one.switch_down = ask_late;
    lone_switch_destroy(sw);
    assert_int_equal(o1.n_ends, 1);
    assert_int_equal(o1.end, REQUEST_GONE);
    assert_int_equal(o2.n_ends, 1);
    assert_int_equal(o2.end, REQUEST_GONE);
    lone_pass(10000);
    assert_int_equal(o1.n_ends + o2.n_ends, 2);
    assert_int_equal(late.n_ends, 0);
}

/* One of two is taken off the switch. */
static void
stopped_application(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o1 = { .n_ends = 0 }, o2 = { .n_ends = 0 };

    (void) state;
    assert_true(ask_ports(sw, ONE, 0, &o1));
    assert_true(ask_ports(sw, TWO, 0, &o2));
    struct copy oh1 = sent(sw, OFPTYPE_PORT_STATS_REQUEST);
    struct copy oh2 = sent(sw, OFPTYPE_PORT_STATS_REQUEST);
    lone_run(false, true);
    ofswitch_configure(sw);
    assert_int_equal(o1.n_ends, 1);
    assert_int_equal(o1.end, REQUEST_GONE);
    lone_receive(sw, lone_port_stats(&oh1.oh, 1, 1, false));
    lone_receive(sw, lone_port_stats(&oh2.oh, 2, 2, false));
    assert_int_equal(o1.n_ports, 0);
    assert_int_equal(o2.n_ports, 1);
    assert_int_equal(o2.end, REQUEST_DONE);
    assert_false(ask_ports(sw, ONE, 0, &o1));
    lone_switch_destroy(sw);
}

/* A callback that has its own application stopped. */
static void
stop_itself(struct ofswitch *sw, const struct request_reply *reply, void *o)
{
    note(sw, reply, o);
    if (reply->status == REQUEST_PART) {
        lone_run(false, true);
        ofswitch_configure(sw);
    }
}

static void
stop_in_callback(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o = { .n_ends = 0 };

    (void) state;
    assert_true(request_send(sw, ONE,
                             ofputil_encode_dump_ports_request(sw->version,
                                                               OFPP_ANY),
                             0, 1000, stop_itself, &o));
    struct copy oh = sent(sw, OFPTYPE_PORT_STATS_REQUEST);
    lone_receive(sw, lone_port_stats(&oh.oh, 1, 1, true));
    assert_int_equal(o.n_parts, 1);
    assert_int_equal(o.n_ends, 1);
    assert_int_equal(o.end, REQUEST_GONE);
    lone_switch_destroy(sw);
}

/* Limits. */

static void
too_many(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct outcome o1 = { .n_ends = 0 }, o2 = { .n_ends = 0 };

    (void) state;
    for (int i = 0; i < REQUESTS_MAX; i++) {
        assert_true(ask_ports(sw, ONE, 0, &o1));
    }
    struct copy oh = sent(sw, OFPTYPE_PORT_STATS_REQUEST);
    lone_drain(sw);
    assert_false(ask_ports(sw, ONE, 0, &o1));
    assert_null(lone_sent(sw));
    assert_true(ask_ports(sw, TWO, 0, &o2));
    lone_receive(sw, lone_port_stats(&oh.oh, 1, 1, false));
    assert_true(ask_ports(sw, ONE, 0, &o1));
    assert_int_equal(o1.n_ends, 1);
    lone_switch_destroy(sw);
    assert_int_equal(o1.n_ends, REQUESTS_MAX + 1);
    assert_int_equal(o2.n_ends, 1);
}

static void
deny(struct ofswitch *sw, struct ofpbuf *msg)
{
    assert_false(request_send(sw, ONE, msg, 0, 1000, note, &late));
    assert_null(lone_sent(sw));
}

/* What would change what is not the application's. */
static void
not_its_own(void **state)
{
    struct ofswitch *sw = start(OFP13_VERSION);
    struct ofputil_switch_config config = { .miss_send_len = 0 };

    (void) state;
    deny(sw, group_delete(sw, PIPE_ID(TWO, 7)));
    deny(sw, group_delete(sw, OFPG_ALL));
    deny(sw, meter_delete(sw, PIPE_ID(TWO, 1)));
    deny(sw, meter_delete(sw, OFPM13_ALL));
    struct ofpbuf *role = ofpraw_alloc(OFPRAW_OFPT12_ROLE_REQUEST, sw->version,
                                       16);
    ofpbuf_put_zeros(role, 16);
    deny(sw, role);
    deny(sw, ofputil_encode_set_config(&config, sw->version));
    assert_int_equal(late.n_ends, 0);
    lone_switch_destroy(sw);
}

/* Port 2 is application "one"'s. */
static uint32_t
port_zone(const struct ofswitch *sw OVS_UNUSED, ofp_port_t port)
{
    return port == u16_to_ofp(2) ? PIPE_ZONE_NONE : 0;
}

static bool
modify_port(struct ofswitch *sw, uint8_t app, uint16_t port)
{
    struct ofputil_port_mod pm = {
        .port_no = u16_to_ofp(port),
        .config = OFPUTIL_PC_NO_FWD,
        .mask = OFPUTIL_PC_NO_FWD,
    };
    bool sent = request_send(sw, app,
                             ofputil_encode_port_mod(&pm, sw->protocol), 0,
                             1000, note, &late);

    if (sent) {
        lone_expect(sw, OFPTYPE_PORT_MOD);
        lone_expect(sw, OFPTYPE_BARRIER_REQUEST);
    }
    assert_null(lone_sent(sw));
    return sent;
}

/* A port that an application owns is for that one to modify.  All others are
 * for everybody. */
static void
ports_with_owners(void **state)
{
    (void) state;
    lone_one.port_zone = port_zone;
    for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
        struct ofswitch *sw = start(versions[i]);

        lone_drain(sw);
        assert_true(modify_port(sw, ONE, 1));
        assert_true(modify_port(sw, TWO, 1));
        assert_true(modify_port(sw, ONE, 2));
        assert_false(modify_port(sw, TWO, 2));
        assert_true(modify_port(sw, PIPE_APP_CORE, 2));
        lone_switch_destroy(sw);
    }
    lone_one.port_zone = NULL;
}

/* No two applications have an id in common. */
static void
ids(void **state)
{
    (void) state;
    assert_int_equal(PIPE_ID(ONE, 0xffffff) + 1, PIPE_ID(TWO, 0));
    assert_int_equal(PIPE_ID_APP(PIPE_ID(ONE, 0xffffff)), ONE);
    /* OpenFlow 1.3.5 section 7.3.4.3 and 7.3.4.4: the greatest ones. */
    assert_in_range(PIPE_ID(0xfe, 0xffffff), 0, OFPG_MAX);
    assert_in_range(PIPE_ID(0xfe, 0xffffff), 0, OFPM13_MAX);
}

/* The core's own. */

static void
core_asks(void **state)
{
    (void) state;
    struct ofswitch *sw = lone_switch_new(OFP13_VERSION, 1);

    /* Nothing but the barrier after the dump ends adoption, and when another
     * dump has begun, the barrier after that. */
    lone_run(true, false);
    ofswitch_configure(sw);
    lone_expect(sw, OFPTYPE_ROLE_REQUEST);
    lone_expect(sw, OFPTYPE_SET_CONFIG);
    lone_expect(sw, OFPTYPE_SET_ASYNC_CONFIG);
    lone_expect(sw, OFPTYPE_PORT_DESC_STATS_REQUEST);
    lone_expect(sw, OFPTYPE_FLOW_STATS_REQUEST);
    lone_expect(sw, OFPTYPE_FLOW_STATS_REQUEST);
    struct copy first = sent(sw, OFPTYPE_BARRIER_REQUEST);
    lone_run(true, true);
    ofswitch_configure(sw);
    lone_expect(sw, OFPTYPE_FLOW_STATS_REQUEST);
    struct copy second = sent(sw, OFPTYPE_BARRIER_REQUEST);
    lone_receive(sw, lone_barrier_reply(&first.oh));
    assert_true(sw->adopting);
    lone_receive(sw, lone_barrier_reply(&first.oh));
    assert_true(sw->adopting);
    lone_receive(sw, lone_barrier_reply(&second.oh));
    assert_false(sw->adopting);
    assert_false(sw->doomed);

    /* The rest was never answered. */
    lone_pass(60000);
    assert_true(sw->doomed);
    lone_switch_destroy(sw);
}

static void
core_is_refused(void **state)
{
    (void) state;
    struct ofswitch *sw = lone_switch_new(OFP13_VERSION, 1);

    lone_run(true, true);
    ofswitch_configure(sw);
    lone_receive(sw, ofperr_encode_reply(
                     OFPERR_OFPRRFC_STALE,
                     lone_expect(sw, OFPTYPE_ROLE_REQUEST)));
    assert_true(sw->doomed);
    lone_switch_destroy(sw);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_message),
        cmocka_unit_test(parts),
        cmocka_unit_test(whole),
        cmocka_unit_test(too_long),
        cmocka_unit_test(two_askers),
        cmocka_unit_test(no_replies),
        cmocka_unit_test(modification),
        cmocka_unit_test(refused_modification),
        cmocka_unit_test(silence),
        cmocka_unit_test(lost_connection),
        cmocka_unit_test(stopped_application),
        cmocka_unit_test(stop_in_callback),
        cmocka_unit_test(too_many),
        cmocka_unit_test(not_its_own),
        cmocka_unit_test(ports_with_owners),
        cmocka_unit_test(ids),
        cmocka_unit_test(core_asks),
        cmocka_unit_test(core_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
