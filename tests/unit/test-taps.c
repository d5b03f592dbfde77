/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Who sees a packet, in which order, and who does not. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "byte-order.h"
#include "flow.h"
#include "lone-switch.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/taps.h"

/* Who saw what: a letter each, and the last packet. */
static char seen[100];
static struct packet_in last;

static void
see(char who, const struct packet_in *pi)
{
    size_t n = strlen(seen);

    assert_in_range(n, 0, sizeof seen - 2);
    seen[n] = who;
    seen[n + 1] = '\0';
    last = *pi;
}

static void
tap(struct ofswitch *sw OVS_UNUSED, const struct packet_in *pi, void *who)
{
    see(*(const char *) who, pi);
}

static void
owner(struct ofswitch *sw OVS_UNUSED, const struct packet_in *pi)
{
    see('O', pi);
}

static char a = 'a', b = 'b';

/* Port 3 is application "two"'s. */
static uint32_t
zone_of_two(const struct ofswitch *sw OVS_UNUSED, ofp_port_t port)
{
    return port == u16_to_ofp(3) ? 7 : 0;
}

static struct ofswitch *
start(void)
{
    seen[0] = '\0';
    lone_one.packet_in = lone_two.packet_in = owner;
    lone_two.port_zone = zone_of_two;
    return lone_switch_up(OFP13_VERSION, 1);
}

/* Lets a packet come in on 'port', by a flow in 'table' of 'app'. */
static void
packet_in(struct ofswitch *sw, int port, uint8_t table, uint8_t app)
{
    uint8_t frame[64] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0 };
    struct ofputil_packet_in_private pin = {
        .base = {
            .packet = frame,
            .packet_len = sizeof frame,
            .reason = OFPR_ACTION,
            .table_id = table,
            .cookie = htonll(PIPE_COOKIE(app, 5)),
        },
    };

    match_init_catchall(&pin.base.flow_metadata);
    match_set_in_port(&pin.base.flow_metadata, u16_to_ofp(port));
    lone_receive(sw, ofputil_encode_packet_in_private(&pin, sw->protocol,
                                                      OFPUTIL_PACKET_IN_STD));
}

/* Taps are before the owner, in the order of applications and not in that in
 * which they came; nobody gets a packet twice. */
static void
order(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    packet_tap(TWO, 20, 0, tap, &b);
    packet_tap(ONE, 20, 0, tap, &a);
    packet_in(sw, 1, 20, ONE);
    assert_string_equal(seen, "bO");
    assert_int_equal(last.table_id, 20);
    assert_int_equal(last.cookie, PIPE_COOKIE(ONE, 5));
    assert_int_equal(ofp_to_u16(last.flow.in_port.ofp_port), 1);
    assert_int_equal(sw->stats.packet_ins_tapped, 1);

    seen[0] = '\0';
    packet_in(sw, 1, 20, TWO);
    assert_string_equal(seen, "aO");

    /* A flow of nobody, of which the core knows no owner. */
    seen[0] = '\0';
    packet_in(sw, 1, 20, 0x99);
    assert_string_equal(seen, "ab");
    assert_int_equal(sw->stats.packet_ins_tapped, 4);
    assert_int_equal(sw->stats.packet_ins, 2);
    assert_int_equal(sw->stats.packet_ins_ignored, 0);

    packet_untap(ONE, 20, tap, &a);
    packet_untap(TWO, 20, tap, &b);
    packet_in(sw, 1, 20, 0x99);
    assert_string_equal(seen, "ab");
    assert_int_equal(sw->stats.packet_ins_ignored, 1);
    lone_switch_destroy(sw);
}

static void
tables(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    packet_tap(ONE, 30, 0, tap, &a);
    packet_tap(ONE, TAP_ANY_TABLE, 0, tap, &b);
    packet_in(sw, 1, 20, TWO);
    packet_in(sw, 1, 30, TWO);
    assert_string_equal(seen, "bOabO");
    packet_untap(ONE, 30, tap, &a);
    packet_untap(ONE, TAP_ANY_TABLE, tap, &b);
    lone_switch_destroy(sw);
}

/* From a port that is another's alone nobody gets anything who did not say that
 * he knows about zones. */
static void
zones(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    packet_tap(ONE, 20, 0, tap, &a);
    packet_in(sw, 3, 20, TWO);
    assert_string_equal(seen, "O");
    assert_int_equal(last.zone, 7);
    packet_tap(ONE, 20, TAP_ALL_ZONES, tap, &b);
    packet_in(sw, 3, 20, TWO);
    assert_string_equal(seen, "ObO");

    /* To the one whose port it is, no flow of another's matters. */
    seen[0] = '\0';
    packet_tap(TWO, 20, 0, tap, &a);
    packet_in(sw, 3, 20, ONE);
    assert_string_equal(seen, "a");
    packet_untap(ONE, 20, tap, &a);
    packet_untap(ONE, 20, tap, &b);
    packet_untap(TWO, 20, tap, &a);
    lone_switch_destroy(sw);
}

/* Packets that wait for their turn are looked at when it comes, by those that
 * still are there. */
static void
waiting(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    packet_tap(ONE, 20, 0, tap, &a);
    sw->packets_us = UINT_MAX;
    packet_in(sw, 1, 20, TWO);
    packet_in(sw, 1, 20, 0x99);
    packet_in(sw, 1, 21, 0x99);
    assert_string_equal(seen, "");
    assert_int_equal(sw->packets.n, 2);
    sw->packets_us = 0;
    ofswitch_packet_run(sw);
    assert_string_equal(seen, "aOa");

    sw->packets_us = UINT_MAX;
    packet_in(sw, 1, 20, TWO);
    lone_run(false, true);
    ofswitch_configure(sw);
    sw->packets_us = 0;
    ofswitch_packet_run(sw);
    assert_string_equal(seen, "aOaO");
    packet_untap(ONE, 20, tap, &a);
    lone_switch_destroy(sw);
}

static void
leave(struct ofswitch *sw OVS_UNUSED, const struct packet_in *pi, void *who)
{
    see(*(const char *) who, pi);
    packet_untap(ONE, 20, leave, &a);
    packet_untap(TWO, 20, tap, &b);
}

static void
untap_in_callback(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    packet_tap(ONE, 20, 0, leave, &a);
    packet_tap(TWO, 20, 0, tap, &b);
    packet_in(sw, 1, 20, 0x99);
    packet_in(sw, 1, 20, 0x99);
    assert_string_equal(seen, "a");
    lone_switch_destroy(sw);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(tables),
        cmocka_unit_test(zones),
        cmocka_unit_test(waiting),
        cmocka_unit_test(untap_in_callback),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
