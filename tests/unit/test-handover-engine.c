/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The engine of the handover application by itself: what it asks its owner for
 * and in which order, zones, and hosts that the owner says have moved. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fake-owner.h"
#include "handover-peer.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/conn.h"

/* Actions. */

static const struct owner_action *
expect_action(size_t i, enum owner_action_type type, ofp_port_t port)
{
    assert_true(i < owner_n_actions);
    assert_int_equal(owner_actions[i].type, type);
    assert_int_equal(owner_actions[i].port, port);
    return &owner_actions[i];
}

static void
request_video(void)
{
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_VIDEO));
    expect_syn(3);
    owner_n_actions = 0;
    server_synack(3);
}

/* No answer of the server may reach the client as it is, no segment of the
 * client may overtake what is held, and the first server may not answer it,
 * too: in that order. */
static void
order_of_a_handover(void **state)
{
    (void) state;
    request_video();
    assert_int_equal(owner_n_actions, 5);
    assert_int_equal(expect_action(0, ACTION_INSTALL, OFPP_NONE)->entry.kind,
                     ENTRY_TO_CLIENT);
    expect_action(1, ACTION_SEND, 3);
    assert_int_equal(expect_action(2, ACTION_INSTALL, OFPP_NONE)->entry.kind,
                     ENTRY_TO_SERVER);
    expect_action(3, ACTION_BARRIER, OFPP_NONE);
    expect_action(4, ACTION_SEND, 1);
}

/* D is where the server's stream stands minus where the first one's stood, T
 * makes its clock go on where the first one's stopped, W is the difference of
 * the window scales (docs/handover.md). */
static void
entries_of_a_handover(void **state)
{
    const uint32_t D = S3_ISN - S1_ISN;
    const uint32_t T = S1_TSVAL - S3_TSVAL;

    (void) state;
    request_video();
    const struct entry *to_client = &owner_actions[0].entry;
    const struct entry *to_server = &owner_actions[2].entry;

    assert_int_equal(to_client->id, to_server->id);
    assert_int_not_equal(to_client->id, 0);

    assert_int_equal(to_client->in_port, 3);
    assert_int_equal(ntohl(to_client->ip_src), 0x0a000003);
    assert_int_equal(ntohs(to_client->tp_src), 8080);
    assert_int_equal(ntohl(to_client->ip_dst), CLIENT_IP);
    assert_int_equal(ntohl(to_client->new_ip_src), VIP);
    assert_int_equal(ntohs(to_client->new_tp_src), VIP_PORT);
    assert_int_equal(ntohl(to_client->new_ip_dst), CLIENT_IP);
    assert_true(eth_addr_equals(to_client->eth_src, server_macs[3]));
    assert_true(eth_addr_equals(to_client->new_eth_dst, client_mac));
    assert_true(eth_addr_equals(to_client->new_eth_src, fake_cfg->mac));
    assert_int_equal(to_client->out_port, CLIENT_PORT);
    assert_int_equal(to_client->seq, -D);
    assert_int_equal(to_client->ack, 0);
    assert_int_equal(to_client->tsval, T);
    assert_int_equal(to_client->tsecr, 0);
    assert_int_equal(to_client->wscale, S3_WSCALE - S1_WSCALE);

    assert_int_equal(to_server->in_port, CLIENT_PORT);
    assert_int_equal(ntohl(to_server->ip_src), CLIENT_IP);
    assert_int_equal(ntohl(to_server->ip_dst), VIP);
    assert_int_equal(ntohs(to_server->tp_dst), VIP_PORT);
    assert_int_equal(ntohl(to_server->new_ip_dst), 0x0a000003);
    assert_int_equal(ntohs(to_server->new_tp_dst), 8080);
    assert_int_equal(ntohl(to_server->new_ip_src), CLIENT_IP);
    assert_true(eth_addr_equals(to_server->eth_src, client_mac));
    assert_true(eth_addr_equals(to_server->new_eth_dst, server_macs[3]));
    assert_true(eth_addr_equals(to_server->new_eth_src, fake_cfg->mac));
    assert_int_equal(to_server->out_port, 3);
    assert_int_equal(to_server->seq, 0);
    assert_int_equal(to_server->ack, D);
    assert_int_equal(to_server->tsval, 0);
    assert_int_equal(to_server->tsecr, -T);
    assert_int_equal(to_server->wscale, 0);
}

/* A connection that stays is forwarded as it is but for the MAC addresses. */
static void
entries_of_one_that_stays(void **state)
{
    (void) state;
    start();
    shake_hands();
    owner_n_actions = 0;
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_OTHER));
    assert_int_equal(owner_n_actions, 3);
    expect_action(1, ACTION_SEND, 1);
    for (size_t i = 0; i <= 2; i += 2) {
        const struct entry *e = &expect_action(i, ACTION_INSTALL,
                                               OFPP_NONE)->entry;

        assert_int_equal(e->new_ip_src, e->ip_src);
        assert_int_equal(e->new_ip_dst, e->ip_dst);
        assert_int_equal(e->new_tp_src, e->tp_src);
        assert_int_equal(e->new_tp_dst, e->tp_dst);
        assert_int_equal(e->seq | e->ack | e->tsval | e->tsecr, 0);
        assert_int_equal(e->wscale, 0);
    }
}

/* Time is what the owner says: nothing is due before. */
static void
time_is_told(void **state)
{
    (void) state;
    start();
    client_syn();
    expect_syn(1);
    for (int i = 0; i < 100; i++) {
        engine_run(fake_engine());
    }
    expect_nothing_anywhere();
    fake_now += 200;            /* SYN_RTO_MS in try.c. */
    engine_run(fake_engine());
    expect_syn(1);
}

/* Places. */

static void
client_at(ofp_port_t port, struct tcp_segment seg)
{
    seg.eth_src = client_mac;
    seg.eth_dst = fake_cfg->mac;
    seg.ip_src = htonl(CLIENT_IP);
    seg.ip_dst = htonl(VIP);
    seg.tp_src = htons(40000);
    seg.tp_dst = htons(VIP_PORT);
    fake_packet_in(tcp_segment_compose(&seg), port);
}

static void
client_moves(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    uint64_t id = owner_actions[owner_n_actions - 1].entry.id;
    struct tcp_segment next = from_client(TCP_ACK, "");
    next.seq += strlen(GET_IMAGES);

    /* The owner does not know of it. */
    fake_pass(1000);
    client_at(3, next);
    assert_int_equal(owner_n_checks, 1);
    assert_int_equal(fake_counter(HC_DROP_LOCATION), 1);
    assert_int_equal(fake_counter(HC_RELOCATED), 0);
    expect_nothing_anywhere();

    /* It does.  The entries are others, as the old ones may still be told
     * of. */
    owner_has_moved = true;
    owner_n_actions = 0;
    client_at(3, next);
    assert_int_equal(fake_counter(HC_RELOCATED), 1);
    assert_int_equal(fake_n_flows(), 2);
    expect_action(0, ACTION_REMOVE, OFPP_NONE);
    const struct entry *to_client = &expect_action(1, ACTION_INSTALL,
                                                   OFPP_NONE)->entry;
    const struct entry *to_server = &expect_action(2, ACTION_INSTALL,
                                                   OFPP_NONE)->entry;
    assert_int_equal(to_client->out_port, 3);
    assert_int_equal(to_server->in_port, 3);
    assert_int_not_equal(to_server->id, id);
    expect(2, TCP_ACK, next.seq, S2_ISN + 1, "");
}

/* Zones. */

#define N_ZONES 2

static void
refuse_no_rule(const struct rule *rule OVS_UNUSED, const char *name OVS_UNUSED,
               const char *reason OVS_UNUSED)
{
    OVS_NOT_REACHED();
}

/* The same service in zones 1 and 2, with the same three servers, of which
 * server 1 is the default in zone 1, and server 2 in zone 2. */
static void
start_zones(void)
{
    struct service_config *cfgs[N_ZONES];

    fake_start(NULL);
    for (int i = 0; i < N_ZONES; i++) {
        cfgs[i] = fake_config();
        cfgs[i]->uuid.parts[1] = i;
        cfgs[i]->zone = i + 1;
        cfgs[i]->default_server = cfgs[i]->members[i].uuid;
        fake_add_rule(cfgs[i], "/video/*", 3);
        rule_set_finish(&cfgs[i]->rules, refuse_no_rule);
    }
    engine_configure(fake_engine(), cfgs, N_ZONES);
    for (int i = 0; i < N_ZONES; i++) {
        service_config_unref(cfgs[i]);
    }
}

static const struct service *
service_in(uint32_t zone)
{
    return service_lookup(fake_engine(), zone, htonl(VIP), htons(VIP_PORT));
}

static void
client_in(uint32_t zone, struct tcp_segment seg)
{
    seg.eth_src = client_mac;
    seg.ip_src = htonl(CLIENT_IP);
    seg.ip_dst = htonl(VIP);
    seg.tp_src = htons(40000);
    seg.tp_dst = htons(VIP_PORT);
    owner_packet_in(tcp_segment_compose(&seg), CLIENT_PORT, zone);
}

static void
server_in(uint32_t zone, int n, struct tcp_segment seg)
{
    seg.eth_src = server_macs[n];
    seg.ip_src = htonl(n == 3 ? 0x0a000003 : VIP);
    seg.ip_dst = htonl(CLIENT_IP);
    seg.tp_src = htons(n == 3 ? 8080 : VIP_PORT);
    seg.tp_dst = htons(40000);
    owner_packet_in(tcp_segment_compose(&seg), n, zone);
}

/* One that is different in each zone, and has ended up at server 'n'. */
static uint32_t
client_isn(uint32_t zone)
{
    return C_ISN + 100000 * zone;
}

static uint32_t
server_isn(uint32_t zone, int n)
{
    return 5000 * zone + n;
}

static void
syn_in(uint32_t zone)
{
    client_in(zone, (struct tcp_segment) { .seq = client_isn(zone),
                                           .flags = TCP_SYN });
}

static void
synack_in(uint32_t zone, int n)
{
    server_in(zone, n, (struct tcp_segment) {
        .seq = server_isn(zone, n),
        .ack = client_isn(zone) + 1,
        .flags = TCP_SYN | TCP_ACK,
        .window = 1000,
    });
}

static void
shake_hands_in(uint32_t zone)
{
    int first = zone;

    syn_in(zone);
    expect(first, TCP_SYN, client_isn(zone), 0, "");
    synack_in(zone, first);
    expect(CLIENT_PORT, TCP_SYN | TCP_ACK, server_isn(zone, first),
           client_isn(zone) + 1, "");
    client_in(zone, (struct tcp_segment) { .seq = client_isn(zone) + 1,
                                           .ack = server_isn(zone, first) + 1,
                                           .flags = TCP_ACK });
    expect(first, TCP_ACK, client_isn(zone) + 1, server_isn(zone, first) + 1,
           "");
    expect_nothing_anywhere();
}

static void
request_in(uint32_t zone)
{
    int first = zone;

    client_in(zone, (struct tcp_segment) {
        .seq = client_isn(zone) + 1,
        .ack = server_isn(zone, first) + 1,
        .flags = TCP_ACK | TCP_PSH,
        .payload = (const uint8_t *) GET_VIDEO,
        .len = strlen(GET_VIDEO),
    });
}

/* Whatever one zone's client and servers say concerns their connection, not
 * the one with the same addresses and ports in the other zone. */
static void
same_addresses_in_two_zones(void **state)
{
    (void) state;
    start_zones();
    for (uint32_t zone = 1; zone <= N_ZONES; zone++) {
        shake_hands_in(zone);
    }
    assert_int_equal(n_conns(), N_ZONES);

    /* Each request moves its own connection, whatever server 3 says about the
     * other zone's. */
    for (uint32_t zone = 1; zone <= N_ZONES; zone++) {
        int first = zone;

        owner_n_actions = 0;
        request_in(zone);
        expect(3, TCP_SYN, client_isn(zone), 0, "");
        server_in(3 - zone, 3, (struct tcp_segment) {
            .ack = client_isn(zone) + 1,
            .flags = TCP_RST | TCP_ACK,
        });
        assert_int_equal(service_in(zone)->counters[HC_REFUSED], 0);
        fake_drain();

        synack_in(zone, 3);
        expect(3, TCP_ACK | TCP_PSH, client_isn(zone) + 1,
               server_isn(zone, 3) + 1, GET_VIDEO);
        expect(first, TCP_RST | TCP_ACK, client_isn(zone) + 1,
               server_isn(zone, first) + 1, "");
        assert_int_equal(service_in(zone)->counters[HC_MOVED], 1);
        for (size_t i = 0; i < owner_n_actions; i++) {
            if (owner_actions[i].type == ACTION_INSTALL) {
                assert_int_equal(owner_actions[i].entry.zone, zone);
            }
        }
        fake_drain();
    }

    /* And entries are each for a zone. */
    for (uint32_t zone = 1; zone <= N_ZONES; zone++) {
        server_in(zone, 3, (struct tcp_segment) {
            .seq = server_isn(zone, 3) + 1,
            .ack = client_isn(zone) + 1 + strlen(GET_VIDEO),
            .flags = TCP_ACK,
        });
        expect(CLIENT_PORT, TCP_ACK, server_isn(zone, zone) + 1,
               client_isn(zone) + 1 + strlen(GET_VIDEO), "");
    }
}

/* A service is not there for another zone. */
static void
no_service_in_a_zone(void **state)
{
    (void) state;
    start_zones();
    syn_in(0);
    syn_in(N_ZONES + 1);
    expect_nothing_anywhere();
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_engine()->counters[HC_DROP_ORPHAN], 2);
}

/* Nor do reset and forged answers go from one to the other. */
static void
reset_from_another_zone(void **state)
{
    (void) state;
    start_zones();
    shake_hands_in(1);
    client_in(2, (struct tcp_segment) { .seq = client_isn(1) + 1,
                                        .flags = TCP_RST });
    server_in(2, 1, (struct tcp_segment) { .seq = server_isn(1, 1) + 1,
                                           .flags = TCP_RST });
    assert_int_equal(service_in(1)->counters[HC_CLIENT_RESET], 0);
    assert_int_equal(service_in(1)->counters[HC_SERVER_RESET], 0);
    assert_int_equal(n_conns(), 1);

    /* The right one does. */
    client_in(1, (struct tcp_segment) { .seq = client_isn(1) + 1,
                                        .flags = TCP_RST });
    assert_int_equal(service_in(1)->counters[HC_CLIENT_RESET], 1);
    assert_int_equal(n_conns(), 0);
}

/* A host talks to server 3 directly in one zone: nobody watches that server,
 * or lets pass what it says, in the other. */
static void
direct_in_one_zone(void **state)
{
    const struct tcp_segment seg = { .seq = 1, .ack = 1, .flags = TCP_ACK };

    (void) state;
    start_zones();
    owner_n_actions = 0;
    server_in(1, 3, seg);
    const struct entry *e = &expect_action(0, ACTION_INSTALL,
                                           OFPP_NONE)->entry;
    assert_int_equal(e->kind, ENTRY_DIRECT);
    assert_int_equal(e->zone, 1);
    expect_action(1, ACTION_PASS, OFPP_NONE);

    unsigned int n = fake_n_packet_ins;
    server_in(1, 3, seg);
    assert_int_equal(fake_n_packet_ins, n);
    server_in(2, 3, seg);
    assert_int_equal(fake_n_packet_ins, n + 1);
    assert_int_equal(fake_engine()->n_direct, 2);
}

/* The entries say in which zone a connection is that is found again. */
static void
restart_with_zones(void **state)
{
    struct entry found[2 * N_ZONES];
    size_t n = 0;

    (void) state;
    start_zones();
    for (uint32_t zone = 1; zone <= N_ZONES; zone++) {
        shake_hands_in(zone);
        owner_n_actions = 0;
        request_in(zone);
        synack_in(zone, 3);
        fake_drain();
        for (size_t i = 0; i < owner_n_actions; i++) {
            if (owner_actions[i].type == ACTION_INSTALL) {
                found[n++] = owner_actions[i].entry;
            }
        }
    }
    assert_int_equal(n, ARRAY_SIZE(found));
    fake_stop();

    start_zones();
    for (size_t i = 0; i < n; i++) {
        assert_true(engine_adopt(fake_engine(), &found[i], 0));
    }
    assert_int_equal(engine_adopt_done(fake_engine()), N_ZONES);
    for (uint32_t zone = 1; zone <= N_ZONES; zone++) {
        const struct conn *conn = conn_lookup(service_in(zone),
                                              htonl(CLIENT_IP), htons(40000));
        assert_non_null(conn);
        assert_int_equal(conn->seq_delta,
                         server_isn(zone, 3) - server_isn(zone, zone));
    }

    /* One of a zone without that service may not stay. */
    found[0].zone = N_ZONES + 1;
    assert_false(engine_adopt(fake_engine(), &found[0], 0));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(order_of_a_handover, stop),
        cmocka_unit_test_teardown(entries_of_a_handover, stop),
        cmocka_unit_test_teardown(entries_of_one_that_stays, stop),
        cmocka_unit_test_teardown(time_is_told, stop),
        cmocka_unit_test_teardown(client_moves, stop),
        cmocka_unit_test_teardown(same_addresses_in_two_zones, stop),
        cmocka_unit_test_teardown(no_service_in_a_zone, stop),
        cmocka_unit_test_teardown(reset_from_another_zone, stop),
        cmocka_unit_test_teardown(direct_in_one_zone, stop),
        cmocka_unit_test_teardown(restart_with_zones, stop),
    };

    return cmocka_run_group_tests_name("handover-engine", tests, NULL, NULL);
}
