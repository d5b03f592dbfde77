/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Where hosts are, for two applications that want to know. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "dp-packet.h"
#include "flow.h"
#include "lone-switch.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/core/neighbours.h"

#define IP htonl(0x0a000005)
#define PORT(N) u16_to_ofp(N)

static const struct eth_addr mac1 = ETH_ADDR_C(02,00,00,00,00,01);
static const struct eth_addr mac2 = ETH_ADDR_C(02,00,00,00,00,02);

/* In whose names the applications ask. */
static const struct arp_asker one = {
    .mac = ETH_ADDR_C(02,00,00,00,00,a1), .ip = CONSTANT_HTONL(0x0a0000a1),
};
static const struct arp_asker two = {
    .mac = ETH_ADDR_C(02,00,00,00,00,a2), .ip = CONSTANT_HTONL(0x0a0000a2),
};

/* What was sent. */

static struct question {
    ovs_be32 from, about;
    struct eth_addr to;
    ofp_port_t port;            /* OFPP_FLOOD for all. */
} asked[64];
static size_t n_asked;

void __wrap_ofswitch_packet_out(struct ofswitch *, const struct dp_packet *,
                                ofp_port_t in_port, const struct ofpbuf *);

void
__wrap_ofswitch_packet_out(struct ofswitch *sw OVS_UNUSED,
                           const struct dp_packet *packet,
                           ofp_port_t in_port OVS_UNUSED,
                           const struct ofpbuf *ofpacts)
{
    struct dp_packet *copy = dp_packet_clone(packet);
    const struct ofpact *a = ofpacts->data;
    struct flow flow;

    flow_extract(copy, &flow);
    assert_int_equal(flow.dl_type, htons(ETH_TYPE_ARP));
    assert_int_equal(flow.nw_proto, ARP_OP_REQUEST);
    assert_int_equal(a->type, OFPACT_OUTPUT);
    assert_in_range(n_asked, 0, ARRAY_SIZE(asked) - 1);
    asked[n_asked++] = (struct question) {
        .from = flow.nw_src,
        .about = flow.nw_dst,
        .to = flow.dl_dst,
        .port = ofpact_get_OUTPUT(a)->port,
    };
    dp_packet_delete(copy);
}

/* Expects just this question since the last time. */
static void
check_asked(const struct arp_asker *asker, struct eth_addr to, ofp_port_t port)
{
    assert_int_equal(n_asked, 1);
    n_asked = 0;
    assert_int_equal(asked[0].from, asker->ip);
    assert_int_equal(asked[0].about, IP);
    assert_true(eth_addr_equals(asked[0].to, to));
    assert_int_equal(asked[0].port, port);
}

/* What was told, by application. */

static struct told {
    unsigned int n;
    struct event_neighbour last;
} told[2];

static void
note(struct ofswitch *sw OVS_UNUSED, const void *event, void *told_)
{
    struct told *t = told_;

    t->n++;
    t->last = *(const struct event_neighbour *) event;
}

/* Expects that both applications were told just this, or nothing if 'what' is
 * 0. */
static void
check_told(uint32_t what, const struct place *old, const struct place *new)
{
    events_run();
    for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
        const struct event_neighbour *e = &told[i].last;
        const struct place was = { e->old_mac, e->old_port };
        const struct place is = { e->mac, e->port };

        assert_int_equal(told[i].n, what != 0);
        told[i].n = 0;
        if (what) {
            assert_int_equal(e->what, what);
            assert_int_equal(e->zone, 0);
            assert_int_equal(e->ip, IP);
            assert_true(place_equals(&was, old));
            assert_true(place_equals(&is, new));
        }
    }
}

static const struct place nowhere = { .port = OFPP_NONE };

static struct ofswitch *
start(void)
{
    struct ofswitch *sw = lone_switch_up(OFP13_VERSION, 1);

    event_subscribe(ONE, &event_neighbour, note, &told[0]);
    event_subscribe(TWO, &event_neighbour, note, &told[1]);
    n_asked = 0;
    return sw;
}

static void
stop(struct ofswitch *sw)
{
    event_unsubscribe(ONE, &event_neighbour, note, &told[0]);
    event_unsubscribe(TWO, &event_neighbour, note, &told[1]);
    lone_switch_destroy(sw);
    assert_int_equal(neighbours_count(sw), 0);
}

static void
pass(long long int ms)
{
    while (ms > 0) {
        lone_pass(MIN(ms, 100));
        ms -= 100;
        neighbours_run();
    }
}

/* The host answers application 'app', which asks as 'asker', from 'place'. */
static void
answer(struct ofswitch *sw, uint8_t app, const struct arp_asker *asker,
       uint32_t zone, const struct place *place)
{
    struct packet_in pi = {
        .zone = zone,
        .flow = {
            .in_port.ofp_port = place->port,
            .nw_proto = ARP_OP_REPLY,
            .nw_src = IP,
            .nw_dst = asker->ip,
            .arp_sha = place->mac,
            .arp_tha = asker->mac,
        },
    };

    neighbours_hear(sw, &pi);
    neighbours_learn(sw, app, zone, IP, place, asker);
}

static bool
is_known(const struct ofswitch *sw, uint32_t zone, const struct place *place)
{
    struct place found;

    return (neighbours_find(sw, zone, IP, &found)
            && place_equals(&found, place));
}

/* What one application hears the other one knows, and it need not ask. */
static void
one_asks_both_know(void **state OVS_UNUSED)
{
    const struct place here = { mac1, PORT(1) };
    struct ofswitch *sw = start();

    assert_true(neighbours_want(sw, ONE, 0, IP, &one));
    check_asked(&one, eth_addr_broadcast, OFPP_FLOOD);
    pass(900);
    assert_int_equal(n_asked, 0);
    pass(100);
    check_asked(&one, eth_addr_broadcast, OFPP_FLOOD);
    check_told(0, NULL, NULL);

    answer(sw, ONE, &one, 0, &here);
    check_told(EVENT_NEIGHBOUR_FOUND, &nowhere, &here);
    assert_true(is_known(sw, 0, &here));
    assert_false(is_known(sw, 7, &here));
    assert_true(neighbours_want(sw, TWO, 0, IP, &two));
    pass(NEIGHBOUR_FRESH_MS - 1000);
    assert_int_equal(n_asked, 0);

    /* It answers again: nothing is new. */
    answer(sw, ONE, &one, 0, &here);
    check_told(0, NULL, NULL);
    stop(sw);
}

/* One application does not want it any more, or stops: the other one still
 * does, in its own name. */
static void
wants_are_apart(void **state OVS_UNUSED)
{
    struct ofswitch *sw = start();

    assert_true(neighbours_want(sw, ONE, 0, IP, &one));
    assert_true(neighbours_want(sw, TWO, 0, IP, &two));
    assert_int_equal(n_asked, 2);
    n_asked = 0;
    neighbours_forget(sw, ONE, 0, IP);
    pass(1000);
    check_asked(&two, eth_addr_broadcast, OFPP_FLOOD);
    assert_true(neighbours_want(sw, ONE, 0, IP, &one));
    n_asked = 0;
    lone_run(true, false);
    ofswitch_configure(sw);
    pass(1000);
    check_asked(&one, eth_addr_broadcast, OFPP_FLOOD);
    neighbours_forget(sw, ONE, 0, IP);
    neighbours_forget(sw, TWO, 0, IP);
    pass(5000);
    assert_int_equal(n_asked, 0);
    stop(sw);
}

/* What is wanted is asked for again when it was not heard for long, and is
 * lost if it does not answer. */
static void
silence(void **state OVS_UNUSED)
{
    const struct place here = { mac1, PORT(1) };
    struct ofswitch *sw = start();

    assert_true(neighbours_want(sw, ONE, 0, IP, &one));
    answer(sw, ONE, &one, 0, &here);
    check_told(EVENT_NEIGHBOUR_FOUND, &nowhere, &here);
    n_asked = 0;
    pass(NEIGHBOUR_FRESH_MS);
    assert_in_range(n_asked, 0, 1);
    pass(1000);
    assert_in_range(n_asked, 1, 2);
    check_told(0, NULL, NULL);

    answer(sw, ONE, &one, 0, &here);
    check_told(EVENT_NEIGHBOUR_FOUND, &nowhere, &here);
    n_asked = 0;
    pass(NEIGHBOUR_FRESH_MS + 3500);
    check_told(EVENT_NEIGHBOUR_LOST, &here, &nowhere);
    assert_int_equal(neighbours_count(sw), 0);
    n_asked = 0;
    pass(1000);
    check_asked(&one, eth_addr_broadcast, OFPP_FLOOD);
    stop(sw);
}

/* Somebody else says he is the host.  The host is asked where it was, in the
 * name of the application that heard that.  Only an answer to that
 * application's question moves the host, and both applications are told. */
static void
moved(void **state OVS_UNUSED)
{
    const struct place old = { mac1, PORT(1) }, new = { mac2, PORT(2) };
    struct ofswitch *sw = start();

    answer(sw, ONE, &one, 0, &old);
    check_told(EVENT_NEIGHBOUR_FOUND, &nowhere, &old);
    answer(sw, TWO, &two, 0, &new);
    check_asked(&two, mac1, PORT(1));

    /* The other one hears of it, too: that is one claim. */
    answer(sw, ONE, &one, 0, &new);
    assert_int_equal(n_asked, 0);
    assert_int_equal(neighbours_count_claims(sw), 1);

    /* Nobody defends the old place. */
    pass(900);
    assert_true(n_asked >= 3);
    assert_true(eth_addr_equals(asked[n_asked - 1].to, mac2));
    assert_true(is_known(sw, 0, &old));

    /* An answer to somebody else proves nothing, or in another zone. */
    answer(sw, ONE, &one, 0, &new);
    answer(sw, TWO, &two, 7, &new);
    events_run();
    told[0].n = told[1].n = 0;
    assert_true(is_known(sw, 0, &old));
    answer(sw, TWO, &two, 0, &new);
    check_told(EVENT_NEIGHBOUR_MOVED, &old, &new);
    assert_true(is_known(sw, 0, &new));
    assert_true(neighbours_have_moved(sw, ONE, 0, IP, &old, &new, &one));
    stop(sw);
}

/* The application in whose name a claim was asked stops: the answer would not
 * be heard, and so the other one may ask. */
static void
stopped_with_a_claim(void **state OVS_UNUSED)
{
    const struct place old = { mac1, PORT(1) }, new = { mac2, PORT(2) };
    struct ofswitch *sw = start();

    answer(sw, ONE, &one, 0, &old);
    answer(sw, TWO, &two, 0, &new);
    lone_run(true, false);
    ofswitch_configure(sw);
    assert_int_equal(neighbours_count_claims(sw), 0);
    assert_true(is_known(sw, 0, &old));
    n_asked = 0;
    assert_false(neighbours_have_moved(sw, ONE, 0, IP, &old, &new, &one));
    check_asked(&one, mac1, PORT(1));
    stop(sw);
}

/* What one application asks because of packets does not use up what the other
 * one may ask. */
static void
limits_are_apart(void **state OVS_UNUSED)
{
    const struct place old = { mac1, PORT(1) }, new = { mac1, PORT(2) };
    struct ofswitch *sw = start();

    for (int i = 0; i < 1000; i++) {
        assert_false(neighbours_have_moved(sw, ONE, 0, IP, &old, &new, &one));
    }
    assert_in_range(n_asked, 40, 60);
    n_asked = 0;
    assert_false(neighbours_have_moved(sw, TWO, 0, IP, &old, &new, &two));
    check_asked(&two, mac1, PORT(1));
    stop(sw);
}

static void
too_many(void **state OVS_UNUSED)
{
    struct ofswitch *sw = start();

    for (uint32_t i = 0; i < NEIGHBOURS_MAX_WANTED; i++) {
        n_asked = 0;
        assert_true(neighbours_want(sw, ONE, 1, htonl(i + 1), &one));
    }
    n_asked = 0;
    assert_false(neighbours_want(sw, ONE, 0, IP, &one));
    assert_int_equal(n_asked, 0);
    assert_true(neighbours_want(sw, TWO, 0, IP, &two));
    check_asked(&two, eth_addr_broadcast, OFPP_FLOOD);
    stop(sw);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_asks_both_know),
        cmocka_unit_test(wants_are_apart),
        cmocka_unit_test(silence),
        cmocka_unit_test(moved),
        cmocka_unit_test(stopped_with_a_claim),
        cmocka_unit_test(limits_are_apart),
        cmocka_unit_test(too_many),
    };

    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    return cmocka_run_group_tests_name("neighbours", tests, NULL, NULL);
}
