/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* From entries of the engine to OpenFlow and back: a flow that was made of an
 * entry is understood as that entry, and does to segments what it says. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "fake-switch.h"
#include "handover-peer.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/flows.h"

#define N_ENTRIES 2000

/* Entries at random. */

static uint32_t
random_word(void)
{
    return (uint32_t) random() << 16 ^ random();
}

/* Now and then none. */
static uint32_t
random_delta(void)
{
    return random() % 4 ? random_word() : 0;
}

static struct eth_addr
random_mac(void)
{
    struct eth_addr mac;

    eth_addr_random(&mac);
    return mac;
}

static ofp_port_t
random_port(void)
{
    return random() % 4 ? u16_to_ofp(1 + random() % 9) : OFPP_NONE;
}

static struct entry
random_entry(enum entry_kind kind)
{
    bool changes = random() % 4;
    struct entry e = {
        .kind = kind,
        .id = 1 + ((uint64_t) random_word() << 20 ^ random_word()) % (
                  (UINT64_C(1) << 52) - 1),
        .in_port = random_port(),
        .eth_src = random_mac(),
        .ip_src = htonl(random_word()),
        .ip_dst = htonl(random_word()),
        .tp_src = htons(1 + random() % 65535),
        .tp_dst = htons(1 + random() % 65535),
        .new_eth_src = random_mac(),
        .new_eth_dst = random_mac(),
        .out_port = random_port(),
        .wscale = random() % 15 - 7,
        .idle_timeout = 1 + random() % 65535,
        .fin_idle_timeout = 1 + random() % 65535,
    };

    e.new_ip_src = e.ip_src;
    e.new_ip_dst = e.ip_dst;
    e.new_tp_src = e.tp_src;
    e.new_tp_dst = e.tp_dst;
    if (kind == ENTRY_TO_SERVER) {
        e.ack = random_delta();
        e.tsecr = random_delta();
        e.new_ip_dst = changes ? htonl(random_word()) : e.ip_dst;
        e.new_tp_dst = changes ? htons(1 + random() % 65535) : e.tp_dst;
    } else {
        e.seq = random_delta();
        e.tsval = random_delta();
        e.new_ip_src = changes ? htonl(random_word()) : e.ip_src;
        e.new_tp_src = changes ? htons(1 + random() % 65535) : e.tp_src;
    }
    return e;
}

/* The other two kinds have no more than this. */
static struct entry
random_plain_entry(enum entry_kind kind)
{
    struct entry e = {
        .kind = kind,
        .id = kind == ENTRY_WATCH ? 1 + random() % 1000 : 0,
        .in_port = OFPP_NONE,
        .ip_src = htonl(random_word()),
        .ip_dst = htonl(random_word()),
        .tp_src = htons(1 + random() % 65535),
        .tp_dst = kind == ENTRY_WATCH ? htons(1 + random() % 65535) : 0,
        .out_port = OFPP_NONE,
        .idle_timeout = kind == ENTRY_WATCH ? 0 : 60,
    };

    return e;
}

/* There and back. */

static void
note_entry(const struct ofputil_flow_stats *fs, void *entry)
{
    flow_parse(fs, entry);
}

/* Returns how the only flow that there is is understood. */
static struct entry
parse_flow(void)
{
    struct entry e;

    assert_int_equal(fake_n_flows(), 1);
    fake_for_each_flow(note_entry, &e);
    return e;
}

static void
assert_same_match(const struct entry *a, const struct entry *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->in_port, b->in_port);
    assert_true(eth_addr_equals(a->eth_src, b->eth_src));
    assert_int_equal(a->ip_src, b->ip_src);
    assert_int_equal(a->ip_dst, b->ip_dst);
    assert_int_equal(a->tp_src, b->tp_src);
    assert_int_equal(a->tp_dst, b->tp_dst);
}

static void
there_and_back(void **state)
{
    (void) state;
    srandom(1);
    fake_start(fake_config());
    for (int i = 0; i < N_ENTRIES; i++) {
        const struct entry e = random_entry(i % 2 ? ENTRY_TO_SERVER
                                            : ENTRY_TO_CLIENT);

        flow_install(fake_ofswitch(), &e);
        const struct entry got = parse_flow();
        assert_same_match(&got, &e);
        assert_true(eth_addr_equals(got.new_eth_src, e.new_eth_src));
        assert_true(eth_addr_equals(got.new_eth_dst, e.new_eth_dst));
        assert_int_equal(got.new_ip_src, e.new_ip_src);
        assert_int_equal(got.new_ip_dst, e.new_ip_dst);
        assert_int_equal(got.new_tp_src, e.new_tp_src);
        assert_int_equal(got.new_tp_dst, e.new_tp_dst);
        assert_int_equal(got.out_port, e.out_port);
        assert_int_equal(got.seq, e.seq);
        assert_int_equal(got.ack, e.ack);
        assert_int_equal(got.tsval, e.tsval);
        assert_int_equal(got.tsecr, e.tsecr);
        assert_int_equal(got.wscale, e.wscale);
        assert_int_equal(got.idle_timeout, e.idle_timeout);
        assert_int_equal(got.fin_idle_timeout, e.fin_idle_timeout);

        flow_remove(fake_ofswitch(), &e);
        assert_int_equal(fake_n_flows(), 0);
    }
    fake_stop();
}

/* One that watches a server is not kept: it may not be needed any more. */
static void
other_kinds(void **state)
{
    (void) state;
    srandom(2);
    fake_start(fake_config());

    const struct entry direct = random_plain_entry(ENTRY_DIRECT);
    flow_install(fake_ofswitch(), &direct);
    const struct entry got = parse_flow();
    assert_same_match(&got, &direct);
    flow_remove(fake_ofswitch(), &direct);

    const struct entry watch = random_plain_entry(ENTRY_WATCH);
    flow_install(fake_ofswitch(), &watch);
    assert_int_equal(parse_flow().kind, ENTRY_NONE);
    flow_remove(fake_ofswitch(), &watch);
    assert_int_equal(fake_n_flows(), 0);
    fake_stop();
}

/* All of one connection go at once, those that watch if they are to, and
 * nobody else's. */
static void
remove_id(void **state)
{
    (void) state;
    srandom(3);
    fake_start(fake_config());
    for (int watched = 0; watched < 2; watched++) {
        struct entry to_server = random_entry(ENTRY_TO_SERVER);
        struct entry to_client = random_entry(ENTRY_TO_CLIENT);
        struct entry watch = random_plain_entry(ENTRY_WATCH);
        struct entry other = random_entry(ENTRY_TO_SERVER);

        to_client.id = watch.id = to_server.id;
        flow_install(fake_ofswitch(), &to_server);
        flow_install(fake_ofswitch(), &to_client);
        flow_install(fake_ofswitch(), &watch);
        flow_install(fake_ofswitch(), &other);
        flow_remove_id(fake_ofswitch(), to_server.id, watched);
        assert_int_equal(fake_n_flows(), watched ? 1 : 2);
        flow_remove_id(fake_ofswitch(), to_server.id, true);
        const struct entry left = parse_flow();
        assert_same_match(&left, &other);
        flow_remove(fake_ofswitch(), &other);
    }
    fake_stop();
}

/* Cookies tell what a message about a flow is about. */
static void
cookies(void **state)
{
    static const enum entry_kind kinds[] = {
        ENTRY_TO_SERVER, ENTRY_TO_CLIENT, ENTRY_WATCH, ENTRY_DIRECT,
    };

    (void) state;
    srandom(4);
    fake_start(fake_config());
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        const struct entry e = (i < 2 ? random_entry(kinds[i])
                                : random_plain_entry(kinds[i]));

        flow_install(fake_ofswitch(), &e);
        uint64_t cookie = fake_last_cookie();
        assert_int_equal(flow_conn_id(cookie), e.id);
        assert_int_equal(flow_is_watch(cookie), kinds[i] == ENTRY_WATCH);
        flow_remove(fake_ofswitch(), &e);
    }
    fake_stop();
}

/* What a flow does. */

static struct tcp_segment
matching_segment(const struct entry *e)
{
    return (struct tcp_segment) {
        .eth_src = e->eth_src,
        .eth_dst = random_mac(),
        .ip_src = e->ip_src,
        .ip_dst = e->ip_dst,
        .tp_src = e->tp_src,
        .tp_dst = e->tp_dst,
        .seq = random_word(),
        .ack = random_word(),
        .flags = TCP_ACK,
        .window = 1 << 8,
        .payload = (const uint8_t *) "x",
        .len = 1,
        .opts = {
            .present = TCP_OPT_TS,
            .tsval = random_word(),
            .tsecr = 1 + random() % UINT16_MAX,
        },
    };
}

/* Where the fake switch has a segment leave. */
static ofp_port_t
leaves_by(const struct entry *e)
{
    return e->out_port != OFPP_NONE ? e->out_port : CLIENT_PORT;
}

static void
does_what_it_says(void **state)
{
    (void) state;
    srandom(5);
    fake_start(fake_config());
    for (int i = 0; i < N_ENTRIES; i++) {
        const struct entry e = random_entry(i % 2 ? ENTRY_TO_SERVER
                                            : ENTRY_TO_CLIENT);
        ofp_port_t in_port = (e.in_port == OFPP_NONE ? CLIENT_PORT + 1
                              : e.in_port);
        const struct tcp_segment in = matching_segment(&e);
        unsigned int n = fake_n_packet_ins;
        struct tcp_segment out;

        flow_install(fake_ofswitch(), &e);
        fake_packet_in(tcp_segment_compose(&in), in_port);
        assert_int_equal(fake_n_packet_ins, n);
        assert_true(fake_next(leaves_by(&e), &out));
        assert_true(eth_addr_equals(out.eth_src, e.new_eth_src));
        assert_true(eth_addr_equals(out.eth_dst, e.new_eth_dst));
        assert_int_equal(out.ip_src, e.new_ip_src);
        assert_int_equal(out.ip_dst, e.new_ip_dst);
        assert_int_equal(out.tp_src, e.new_tp_src);
        assert_int_equal(out.tp_dst, e.new_tp_dst);
        assert_int_equal(out.seq, in.seq + e.seq);
        assert_int_equal(out.ack, in.ack + e.ack);
        assert_int_equal(out.opts.tsval, in.opts.tsval + e.tsval);
        assert_int_equal(out.opts.tsecr, in.opts.tsecr + e.tsecr);
        assert_int_equal(out.window, (e.wscale >= 0 ? in.window << e.wscale
                                      : in.window >> -e.wscale));
        assert_int_equal(out.len, 1);
        fake_drain();
        flow_remove(fake_ofswitch(), &e);
    }
    fake_stop();
}

/* SYN and RST come here, and so does what comes from elsewhere. */
static void
what_it_does_not_match(void **state)
{
    (void) state;
    srandom(6);
    fake_start(fake_config());
    for (int i = 0; i < N_ENTRIES; i++) {
        const struct entry e = random_entry(i % 2 ? ENTRY_TO_SERVER
                                            : ENTRY_TO_CLIENT);
        struct tcp_segment seg = matching_segment(&e);
        ofp_port_t port = e.in_port == OFPP_NONE ? CLIENT_PORT : e.in_port;
        unsigned int n = fake_n_packet_ins;

        switch (i / 2 % 8) {
        case 0: seg.flags = TCP_SYN; break;
        case 1: seg.flags = TCP_RST; break;
        case 2: seg.eth_src = random_mac(); break;
        case 3: seg.ip_src ^= htonl(1); break;
        case 4: seg.ip_dst ^= htonl(1); break;
        case 5: seg.tp_src ^= htons(1); break;
        case 6: seg.tp_dst ^= htons(1); break;
        default:
            if (e.in_port == OFPP_NONE) {
                continue;
            }
            port = u16_to_ofp(ofp_to_u16(port) + 1);
            break;
        }
        flow_install(fake_ofswitch(), &e);
        fake_packet_in(tcp_segment_compose(&seg), port);
        assert_int_equal(fake_n_packet_ins, n + 1);
        flow_remove(fake_ofswitch(), &e);
        fake_drain();
    }
    fake_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(remove_id),
        cmocka_unit_test(cookies),
        cmocka_unit_test(does_what_it_says),
        cmocka_unit_test(what_it_does_not_match),
    };

    return cmocka_run_group_tests_name("handover-flows", tests, NULL, NULL);
}
