/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Connections that do not go well: servers that refuse, are silent or die,
 * clients that vanish, switches that forget, limits that are reached. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "handover-peer.h"
#include "packets.h"
#include "utilities/tasukid/handover-bypass.h"
#include "utilities/tasukid/handover-conn.h"
#include "utilities/tasukid/handover-flow.h"

static int
stop(void **state)
{
    (void) state;
    fake_switch_stop();
    return 0;
}

static size_t
n_conns(void)
{
    return hmap_count(&fake_hswitch()->conns);
}

/* Server 'n' answers the client's SYN with a reset. */
static void
server_refuses(int n)
{
    fake_from_server(n, (struct tcp_segment) {
        .ack = C_ISN + 1,
        .flags = TCP_RST | TCP_ACK,
    });
}

/* The chosen server. */

static void
chosen_server_refuses(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    expect_syn(2);
    server_refuses(2);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
    expect_nothing_anywhere();
    assert_int_equal(fake_counter(HC_REFUSED), 1);
    assert_int_equal(fake_counter(HC_REPLAY_FAILED), 1);
    assert_int_equal(fake_counter(HC_KEPT), 1);
    assert_int_equal(fake_n_flows(), 2);
}

/* A reset that does not belong to our SYN proves nothing. */
static void
forged_refusal(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    fake_from_server(2, (struct tcp_segment) { .ack = C_ISN + 2,
                                               .flags = TCP_RST | TCP_ACK });
    fake_from_server(2, (struct tcp_segment) { .flags = TCP_RST });
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
}

static void
chosen_server_is_silent(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    expect_syn(2);
    fake_pass(190);
    expect_nothing_anywhere();
    fake_pass(10);
    expect_syn(2);
    fake_pass(400);
    expect_syn(2);
    fake_pass(800);
    expect_syn(2);
    fake_pass(600);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
    assert_int_equal(fake_counter(HC_SILENT), 1);

    /* Late, it is told that nobody is waiting any more: the connection is
     * another server's by now, and this one would go on trying. */
    server_synack(2);
    expect(2, TCP_RST, C_ISN + 1, 0, "");
    expect_nothing_anywhere();
}

/* A server that failed lately is tried last. */
static void
another_candidate(void **state)
{
    struct service_config *cfg = fake_config();
    struct uuid server3 = cfg->members[2].uuid;

    (void) state;
    fake_add_rule(cfg, "/images/*", 2);
    rule_add_server(cfg->rules.rules[0], &server3);
    cfg->members[1].weight = 200;       /* Server 2 is all but certain... */
    start_with(cfg);

    struct member *m = fake_hswitch() ? service_find_member(
        service_lookup(fake_hswitch(), htonl(VIP), htons(VIP_PORT)),
        &cfg->members[1].uuid) : NULL;
    shake_hands();
    member_failed(m, "fails");          /* ... but for this. */
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(3);
    server_refuses(3);
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
}

/* It still has another connection with these ports. */
static void
chosen_server_remembers(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    fake_from_server(2, (struct tcp_segment) { .seq = 4711, .ack = 815,
                                               .flags = TCP_ACK });
    expect(2, TCP_RST, 815, 0, "");
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
}

/* It cannot have us send resets and SYNs forever. */
static void
chosen_server_never_forgets(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    for (int i = 0; i < 100; i++) {
        fake_from_server(2, (struct tcp_segment) { .seq = 4711, .ack = 815,
                                                   .flags = TCP_ACK });
    }
    struct tcp_segment seg;
    int n;
    for (n = 0; fake_next(2, &seg); n++) {
        continue;
    }
    assert_in_range(n, 1, 10);
}

/* The first server. */

static void
first_server_refuses(void **state)
{
    (void) state;
    start();
    client_syn();
    expect_syn(1);
    server_refuses(1);

    /* Which of the others comes next is random. */
    struct tcp_segment seg;
    int n = fake_next(2, &seg) ? 2 : fake_next(3, &seg) ? 3 : 0;
    assert_int_not_equal(n, 0);
    server_synack(n);
    expect(CLIENT_PORT, TCP_SYN | TCP_ACK, isn_of(n), C_ISN + 1, "");
}

static void
all_servers_refuse(void **state)
{
    (void) state;
    start();
    client_syn();
    server_refuses(1);
    server_refuses(2);
    server_refuses(3);
    server_refuses(2);
    expect(CLIENT_PORT, TCP_RST | TCP_ACK, 0, C_ISN + 1, "");
    assert_int_equal(n_conns(), 0);
}

/* The client will try again, and should not be told that it is hopeless. */
static void
all_servers_are_silent(void **state)
{
    (void) state;
    start();
    client_syn();
    fake_pass(7000);
    expect_nothing(CLIENT_PORT);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_counter(HC_SILENT), 3);
    assert_int_equal(fake_counter(HC_NO_SERVER), 1);
}

/* It dies while nobody but us knows of a request. */
static void
first_server_resets(void **state)
{
    (void) state;
    start();
    shake_hands();

    /* Not if somebody guessed. */
    fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN + 2,
                                               .flags = TCP_RST });
    assert_int_equal(fake_counter(HC_SERVER_RESET), 0);
    fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN + 1,
                                               .flags = TCP_RST });
    assert_int_equal(fake_counter(HC_SERVER_RESET), 1);
    expect_nothing_anywhere();

    /* The client never notices. */
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
    expect_nothing_anywhere();
}

/* ... and then nobody else answers either. */
static void
no_server_is_left(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN + 1,
                                               .flags = TCP_RST });
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    server_refuses(2);
    expect(CLIENT_PORT, TCP_RST | TCP_ACK, S1_ISN + 1,
           C_ISN + 1 + strlen(GET_IMAGES), "");
    assert_int_equal(n_conns(), 0);
}

/* It closes because the client takes too long.  That is the client's to see,
 * and from then on the connection cannot be moved. */
static void
first_server_speaks(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_server(1, from_server(1, TCP_ACK | TCP_FIN, 0, "408"));
    expect(CLIENT_PORT, TCP_ACK | TCP_FIN, S1_ISN + 1, C_ISN + 1, "408");
    expect_nothing_anywhere();
    assert_int_equal(fake_n_flows(), 2);
    assert_int_equal(fake_counter(HC_SERVER_SPOKE), 1);

    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
}

/* What it had sent before it got the reset. */
static void
first_server_lingers(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_from_server(1, from_server(1, TCP_ACK | TCP_FIN, 0, ""));
    expect_nothing_anywhere();
    assert_int_equal(fake_counter(HC_DROP_STALE), 1);
}

/* It did not get the client's ACK. */
static void
first_server_repeats_synack(void **state)
{
    (void) state;
    start();
    shake_hands();
    server_synack(1);
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    expect_nothing_anywhere();
}

/* Clients. */

static void
client_resets(void **state)
{
    (void) state;
    start();
    shake_hands();

    /* Outside of any window. */
    struct tcp_segment rst = from_client(TCP_RST, "");
    rst.seq -= 5;
    fake_from_client(rst);
    assert_int_equal(n_conns(), 1);

    rst.seq += 5;
    fake_from_client(rst);
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    assert_int_equal(n_conns(), 0);
}

/* The server has not seen what the client sent: its reset must be for that. */
static void
client_resets_after_request(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    struct tcp_segment rst = from_client(TCP_RST | TCP_ACK, "");
    rst.seq += strlen(GET_IMAGES);
    fake_from_client(rst);
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    assert_int_equal(n_conns(), 0);

    /* The second one answers its SYN: nobody is there. */
    server_synack(2);
    expect(2, TCP_RST, C_ISN + 1, 0, "");
}

static void
client_repeats_syn(void **state)
{
    (void) state;
    start();
    client_syn();
    expect_syn(1);
    client_syn();
    expect_nothing_anywhere();

    /* Our SYN-ACK got lost. */
    server_synack(1);
    fake_drain();
    client_syn();
    expect_syn(1);
    server_synack(1);
    expect(CLIENT_PORT, TCP_SYN | TCP_ACK, S1_ISN, C_ISN + 1, "");
    assert_int_equal(fake_counter(HC_CONNECTIONS), 1);
}

/* A copy of the SYN that took the long way must not end the connection. */
static void
old_syn(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    client_syn();
    expect_nothing_anywhere();
    assert_int_equal(fake_n_flows(), 2);
}

static void
syn_again(void)
{
    fake_from_client((struct tcp_segment) { .seq = C_ISN - 100,
                                            .flags = TCP_SYN });
}

/* The connection is the second SYN's, and server 1 gets that when the datapath
 * has forgotten the first one. */
static void
expect_reopened(void)
{
    assert_int_equal(fake_n_flows(), 0);
    assert_int_equal(n_conns(), 1);
    fake_pass(60);
    expect(1, TCP_SYN, C_ISN - 100, 0, "");
}

/* Another SYN may mean that the client is done with the old connection.  It
 * says so when it is asked. */
static void
client_reuses_port(void **state)
{
    (void) state;
    start();

    client_syn();
    expect_syn(1);
    syn_again();
    expect_reopened();

    fake_switch_stop();
    start();
    shake_hands();
    syn_again();
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    assert_int_equal(n_conns(), 1);
    fake_from_client((struct tcp_segment) { .seq = C_ISN + 1,
                                            .flags = TCP_RST });
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    expect_reopened();
}

/* A server that still has the connection challenges the SYN itself. */
static void
client_reuses_moved_port(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_drain();
    syn_again();
    expect(2, TCP_SYN, C_ISN - 100, 0, "");
    assert_int_equal(fake_n_flows(), 2);
    fake_from_server(2, from_server(2, TCP_ACK, 0, ""));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    fake_from_client((struct tcp_segment) { .seq = C_ISN + 1,
                                            .flags = TCP_RST });
    expect(2, TCP_RST, C_ISN + 1, 0, "");
    expect_reopened();
}

/* One that does not takes the SYN for itself, or refuses it. */
static void
server_forgot_connection(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        start();
        move(2, GET_IMAGES);
        fake_drain();
        syn_again();
        expect(2, TCP_SYN, C_ISN - 100, 0, "");
        fake_from_server(2, (struct tcp_segment) {
            .seq = 4711,
            .ack = C_ISN - 99,
            .flags = (i ? TCP_RST : TCP_SYN) | TCP_ACK,
        });
        if (!i) {
            expect(2, TCP_RST, C_ISN - 99, 0, "");
        }
        expect_nothing(CLIENT_PORT);
        expect_reopened();
        if (!i) {
            fake_switch_stop();
        }
    }
}

/* A client that knows nothing of the SYN goes on, in every state. */
static void
forged_syn(void **state)
{
    (void) state;
    start();
    shake_hands();
    syn_again();
    fake_drain();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    server_synack(2);
    assert_int_equal(fake_n_flows(), 2);
    syn_again();
    fake_drain();
    fake_from_client(from_client(TCP_ACK, "more"));
    expect(2, TCP_ACK, C_ISN + 1, S2_ISN + 1, "more");
    fake_pass(5000);
    assert_int_equal(fake_counter(HC_CONNECTIONS), 1);
    assert_int_equal(fake_n_flows(), 2);

    /* And when it resets the connection later it means just that. */
    fake_from_client((struct tcp_segment) { .seq = C_ISN + 1,
                                            .flags = TCP_RST });
    expect(2, TCP_RST, C_ISN + 1, 0, "");
    expect_nothing_anywhere();
    assert_int_equal(fake_counter(HC_CONNECTIONS), 1);
}

/* The daemon does not remember the SYN of a connection that it found. */
static void
old_syn_after_restart(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_switch_restart();
    client_syn();
    fake_drain();
    fake_from_server(2, from_server(2, TCP_ACK, 0, ""));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    fake_pass(5000);
    assert_int_equal(fake_n_flows(), 2);
    assert_int_equal(n_conns(), 1);
}

/* Only the number that is expected next ends a connection (RFC 5961 section
 * 3.2); others in the window are challenged. */
static void
forged_reset(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client((struct tcp_segment) { .seq = C_ISN + 2,
                                            .flags = TCP_RST });
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    fake_from_client((struct tcp_segment) { .seq = C_ISN,
                                            .flags = TCP_RST });
    expect_nothing_anywhere();
    assert_int_equal(n_conns(), 1);
}

static void
client_never_finishes_handshake(void **state)
{
    (void) state;
    start();
    client_syn();
    server_synack(1);
    fake_drain();
    fake_pass(9000);
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_counter(HC_HALF_OPEN_TIMEOUT), 1);
}

static void
client_never_sends(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_pass(299000);
    expect_nothing_anywhere();
    fake_pass(2000);
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    expect(CLIENT_PORT, TCP_RST | TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    assert_int_equal(n_conns(), 0);
}

static void
client_sends_half_a_request(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, "GET /ima"));
    fake_drain();
    fake_pass(4900);
    expect_nothing_anywhere();
    fake_pass(200);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, "GET /ima");
    assert_int_equal(fake_counter(HC_INSPECT_TIMEOUT), 1);
    fake_from_server(1, from_server(1, TCP_ACK, 8, ""));
    assert_int_equal(fake_n_flows(), 2);
}

static void
client_speaks_something_else(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, "EHLO a\r\n"));
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, "EHLO a\r\n");
    assert_int_equal(fake_counter(HC_NOT_HTTP), 1);
}

static void
client_closes_without_request(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_FIN, ""));
    expect(1, TCP_ACK | TCP_PSH | TCP_FIN, C_ISN + 1, S1_ISN + 1, "");
    assert_int_equal(fake_counter(HC_CLIENT_FIN), 1);
    assert_int_equal(fake_n_flows(), 2);
}

static void
client_keeps_alive(void **state)
{
    struct tcp_segment probe = from_client(TCP_ACK, "");

    (void) state;
    start();
    shake_hands();
    probe.seq--;                        /* RFC 9293 section 3.8.4. */
    fake_from_client(probe);
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    expect_nothing_anywhere();
}

/* Acknowledges what nobody sent. */
static void
client_lies(void **state)
{
    struct tcp_segment seg = from_client(TCP_ACK, GET_IMAGES);

    (void) state;
    start();
    shake_hands();
    seg.ack++;
    fake_from_client(seg);
    seg.ack = S1_ISN;
    fake_from_client(seg);
    seg.ack = S1_ISN + 1;
    seg.seq += 1 << 21;
    fake_from_client(seg);
    seg = from_client(0, GET_IMAGES);
    fake_from_client(seg);
    expect_nothing_anywhere();
    assert_int_equal(fake_counter(HC_DROP_UNEXPECTED), 4);
}

/* A segment with a wrong checksum must not be taken for the request. */
static void
corrupt_segment(void **state)
{
    struct tcp_segment seg = from_client(TCP_ACK, GET_IMAGES);

    (void) state;
    start();
    shake_hands();
    seg.ip_src = htonl(CLIENT_IP);
    seg.ip_dst = htonl(VIP);
    seg.tp_src = htons(40000);
    seg.tp_dst = htons(VIP_PORT);
    struct dp_packet *packet = tcp_segment_compose(&seg);
    uint8_t *p = dp_packet_data(packet);
    p[dp_packet_size(packet) - 20] ^= 0x01;
    fake_packet_in(packet, CLIENT_PORT);
    expect_nothing_anywhere();
    assert_int_equal(fake_counter(HC_DROP_BAD_CSUM), 1);
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
}

/* Limits. */

static void
syn_from_port(uint16_t port)
{
    fake_from_client((struct tcp_segment) { .seq = C_ISN,
                                            .flags = TCP_SYN,
                                            .tp_src = htons(port) });
}

/* The oldest of those that never finished their handshake has to go. */
static void
too_many_half_open(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->max_connections = 10;
    start_with(cfg);
    for (int i = 0; i < 30; i++) {
        syn_from_port(1000 + i);
        assert_in_range(n_conns(), 1, 10);
    }
    assert_int_equal(fake_counter(HC_EVICTED), 20);
    const struct service *service = service_lookup(fake_hswitch(), htonl(VIP),
                                                   htons(VIP_PORT));
    assert_null(conn_lookup(fake_hswitch(), service, htonl(CLIENT_IP),
                            htons(1019)));
    assert_non_null(conn_lookup(fake_hswitch(), service, htonl(CLIENT_IP),
                                htons(1020)));
}

/* Those that wait for a request go on without being inspected. */
static void
too_many_waiting(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->max_connections = 1;
    start_with(cfg);
    shake_hands();
    syn_from_port(1000);
    assert_int_equal(fake_counter(HC_OVERLOAD), 1);
    assert_int_equal(fake_n_flows(), 2);
    expect(1, TCP_SYN, C_ISN, 0, "");
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
}

static void
no_memory_to_hold(void **state)
{
    (void) state;
    start();
    handover_limits.held.max = 0;
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
    assert_int_equal(fake_counter(HC_HELD_LIMIT), 1);
    assert_int_equal(fake_n_flows(), 2);
}

static void
too_long_a_head(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->inspect_bytes = 16;
    start_with(cfg);
    shake_hands();
    fake_from_client(from_client(TCP_ACK, "GET /xxxxxxxxxxxxxxxxxxxxxxx"));
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, "GET /xxxxxxxxxxx");
    assert_int_equal(fake_counter(HC_INSPECT_LIMIT), 1);
}

/* Switches. */

/* Both flows' end is the connection's; one direction may be quiet before. */
static void
flows_expire(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_expire_flows();
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_counter(HC_FINISHED), 1);
}

/* One direction had nothing to say for longer than the flow lives.  What then
 * comes takes the long way, and brings the flow back. */
static void
one_direction_is_quiet(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_pass(10000);
    fake_expire_flow(FLOW_TO_SERVER);
    assert_int_equal(n_conns(), 1);
    assert_int_equal(fake_n_flows(), 1);

    fake_from_client(from_client(TCP_ACK, ""));
    expect(2, TCP_ACK, C_ISN + 1, S2_ISN + 1, "");
    assert_int_equal(fake_counter(HC_LATE_CLIENT), 1);
    assert_int_equal(fake_counter(HC_REINSTALLED), 1);
    assert_int_equal(fake_n_flows(), 2);

    fake_expire_flow(FLOW_TO_CLIENT);
    fake_expire_flow(FLOW_TO_SERVER);
    assert_int_equal(n_conns(), 0);
}

/* With a full table the connection is carried segment by segment, and ends
 * when it was quiet for long enough. */
static void
table_is_full(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_table_full = true;
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
    fake_drain();
    assert_int_equal(fake_n_flows(), 0);

    for (int i = 0; i < 100; i++) {
        fake_from_server(2, from_server(2, TCP_ACK, 0, "image"));
        expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "image");
        fake_from_client(from_client(TCP_ACK, ""));
        expect(2, TCP_ACK, C_ISN + 1, S2_ISN + 1, "");
        fake_pass(100000);
    }
    assert_int_equal(n_conns(), 1);

    /* There is room again. */
    fake_table_full = false;
    fake_from_client(from_client(TCP_ACK, ""));
    assert_int_equal(fake_n_flows(), 2);
    fake_drain();

    /* From then on it is theirs to notice the end. */
    fake_pass(301000);
    assert_int_equal(n_conns(), 1);
    assert_int_equal(fake_n_flows(), 2);
    fake_expire_flows();
    assert_int_equal(n_conns(), 0);
}

/* There never is. */
static void
table_stays_full(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_table_full = true;
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    server_synack(2);
    fake_pass(299000);
    assert_int_equal(n_conns(), 1);
    fake_pass(2000);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_n_flows(), 0);
}

/* All that is needed to go on after a crash is in the switch. */
static void
restart(void **state)
{
    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_switch_restart();
    assert_int_equal(n_conns(), 1);
    assert_int_equal(fake_counter(HC_ADOPTED), 1);

    /* A segment that misses its flow shows what the daemon remembers. */
    struct conn *conn = CONTAINER_OF(hmap_first(&fake_hswitch()->conns),
                                     struct conn, node);
    assert_int_equal(conn->state, CONN_MOVED);
    assert_string_equal(conn->member->name, "server3");
    assert_int_equal(conn->seq_delta, S3_ISN - S1_ISN);
    assert_int_equal(conn->ts_delta, (uint32_t) (S1_TSVAL - S3_TSVAL));
    assert_int_equal(conn->member_wscale, S3_WSCALE - S1_WSCALE);
    assert_int_equal(conn->client_port, CLIENT_PORT);
    assert_int_equal(conn->member_port, 3);

    fake_expire_flows();
    assert_int_equal(n_conns(), 0);
}

/* The client has closed its half and is quiet. */
static void
restart_half_closed(void **state)
{
    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_expire_flow(FLOW_TO_SERVER);
    fake_switch_restart();
    assert_int_equal(n_conns(), 1);
    fake_pass(2000);
    fake_drain();
    fake_from_client(from_client(TCP_ACK, ""));
    struct tcp_segment seg = expect(3, TCP_ACK, C_ISN + 1, S3_ISN + 1, "");
    assert_int_equal(seg.opts.tsecr, S3_TSVAL);
    assert_int_equal(ntohs(seg.tp_dst), 8080);
    assert_int_equal(fake_n_flows(), 2);
}

/* It was being inspected: the default server is the one that knows it. */
static void
restart_amid_inspection(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_switch_restart();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
    assert_int_equal(fake_counter(HC_ORPHANS), 1);
    assert_int_equal(fake_n_flows(), 2);

    /* It does not: it says so, and that is that. */
    fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN + 1,
                                               .flags = TCP_RST });
    expect(CLIENT_PORT, TCP_RST, S1_ISN + 1, 0, "");
}

/* Nobody can fill the switch with connections that never were. */
static void
orphans_are_bounded(void **state)
{
    (void) state;
    start();
    for (int i = 1; i < 5000; i++) {
        struct tcp_segment seg = from_client(TCP_ACK, "x");
        seg.tp_src = htons(i);
        fake_from_client(seg);
    }
    assert_int_equal(fake_counter(HC_ORPHANS), 1000);
    assert_int_equal(fake_counter(HC_DROP_ORPHAN), 3999);

    /* One a millisecond is let through later. */
    fake_pass(10);
    for (int i = 5000; i < 5100; i++) {
        struct tcp_segment seg = from_client(TCP_ACK, "x");
        seg.tp_src = htons(i);
        fake_from_client(seg);
    }
    assert_in_range(fake_counter(HC_ORPHANS), 1009, 1011);
}

/* They count as connections. */
static void
orphans_respect_limit(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->max_connections = 10;
    start_with(cfg);
    for (int i = 1; i < 50; i++) {
        struct tcp_segment seg = from_client(TCP_ACK, "x");
        seg.tp_src = htons(i);
        fake_from_client(seg);
    }
    assert_int_equal(n_conns(), 10);
    fake_expire_flows();
    assert_int_equal(n_conns(), 0);
    struct tcp_segment seg = from_client(TCP_ACK, "x");
    fake_from_client(seg);
    assert_int_equal(n_conns(), 1);
}

/* A server that is removed keeps its connections; a service takes them. */
static void
server_is_removed(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    struct service_config *cfg = fake_config();
    struct member_config m2 = cfg->members[1];
    cfg->members[1] = cfg->members[2];
    cfg->n_members--;
    fake_add_rule(cfg, "/images/*", 2);
    fake_switch_configure(cfg);
    free(m2.name);
    free(m2.ofport);
    assert_int_equal(fake_n_flows(), 2);

    fake_from_server(2, from_server(2, TCP_ACK, 0, "image"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "image");

    /* And after a restart, too. */
    fake_switch_restart();
    assert_int_equal(n_conns(), 1);
    assert_int_equal(fake_n_flows(), 2);

    /* New ones fall to the default server. */
    fake_from_client((struct tcp_segment) { .seq = C_ISN, .flags = TCP_SYN,
                                            .tp_src = htons(40001) });
    fake_drain();
    fake_from_server(1, (struct tcp_segment) {
        .seq = S1_ISN, .ack = C_ISN + 1, .flags = TCP_SYN | TCP_ACK,
        .tp_dst = htons(40001), .window = 1000 });
    fake_drain();
    struct tcp_segment get = from_client(TCP_ACK | TCP_PSH, GET_IMAGES);
    get.tp_src = htons(40001);
    fake_from_client(get);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
}

/* It listens elsewhere: a connection goes on with the one that it has. */
static void
server_is_edited(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    start();
    move(3, GET_VIDEO);
    cfg->members[2].port = htons(8081);
    fake_switch_configure(cfg);
    fake_expire_flow(FLOW_TO_SERVER);
    fake_pass(2000);
    fake_drain();
    fake_from_client(from_client(TCP_ACK, "more"));
    struct tcp_segment seg = expect(3, TCP_ACK, C_ISN + 1, S3_ISN + 1, "more");
    assert_int_equal(ntohs(seg.tp_dst), 8080);
    assert_int_equal(fake_n_flows(), 2);
}

static void
service_is_removed(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_from_client((struct tcp_segment) { .seq = C_ISN, .flags = TCP_SYN,
                                            .tp_src = htons(40001) });
    assert_int_equal(n_conns(), 2);
    fake_switch_configure(NULL);
    assert_int_equal(fake_n_flows(), 0);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(handover_limits.n_in_progress, 0);
}

static void
arp_from(ofp_port_t port, uint16_t op, struct eth_addr mac, uint32_t ip)
{
    struct dp_packet *packet = dp_packet_new(64);

    compose_arp(packet, op, mac, eth_addr_zero, op == ARP_OP_REQUEST,
                htonl(ip), htonl(VIP));
    fake_packet_in(packet, port);
}

static void
packet_from(ofp_port_t port, struct tcp_segment seg, struct eth_addr src,
            uint32_t ip_src, uint16_t tp_src, uint32_t ip_dst,
            uint16_t tp_dst)
{
    seg.eth_src = src;
    seg.ip_src = htonl(ip_src);
    seg.ip_dst = htonl(ip_dst);
    seg.tp_src = htons(tp_src);
    seg.tp_dst = htons(tp_dst);
    fake_packet_in(tcp_segment_compose(&seg), port);
}

/* Nobody at 'port' hears anything but questions. */
static void
expect_only_arp(ofp_port_t port)
{
    struct dp_packet *packet;

    while ((packet = fake_output(port))) {
        const struct eth_header *eth = dp_packet_data(packet);

        assert_int_equal(eth->eth_type, htons(ETH_TYPE_ARP));
        dp_packet_delete(packet);
    }
}

static void
client_on_port(ofp_port_t port, struct tcp_segment seg, struct eth_addr mac)
{
    packet_from(port, seg, mac, CLIENT_IP, 40000, VIP, VIP_PORT);
}

static const struct eth_addr other_mac = ETH_ADDR_C(02,00,00,00,00,99);

/* A host that shows up at another port is followed, if ARP says so, too. */
static void
client_moves(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_pass(2000);
    fake_drain();

    client_on_port(3, from_client(TCP_ACK, ""), client_mac);
    expect_only_arp(2);
    assert_int_equal(fake_counter(HC_RELOCATED), 0);
    assert_int_equal(fake_counter(HC_DROP_LOCATION), 1);

    /* A reset never is a reason. */
    arp_from(3, ARP_OP_REPLY, client_mac, CLIENT_IP);
    client_on_port(3, from_client(TCP_RST, ""), client_mac);
    assert_int_equal(fake_counter(HC_RELOCATED), 0);

    fake_drain();
    client_on_port(3, from_client(TCP_ACK, ""), client_mac);
    expect(2, TCP_ACK, C_ISN + 1, S2_ISN + 1, "");
    assert_int_equal(fake_counter(HC_RELOCATED), 1);
    assert_int_equal(fake_n_flows(), 2);

    fake_from_server(2, from_server(2, TCP_ACK, 0, "image"));
    expect_only_arp(CLIENT_PORT);
    struct tcp_segment seg;
    assert_true(fake_next(3, &seg));
    assert_int_equal(seg.len, 5);

    /* Not there and back all the time. */
    arp_from(CLIENT_PORT, ARP_OP_REPLY, client_mac, CLIENT_IP);
    client_on_port(CLIENT_PORT, from_client(TCP_ACK, ""), client_mac);
    assert_int_equal(fake_counter(HC_RELOCATED), 1);
}

/* Whoever has the client's address in its segments gets nothing. */
static void
client_is_forged(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_pass(2000);
    fake_drain();
    arp_from(3, ARP_OP_REQUEST, other_mac, CLIENT_IP + 1);
    client_on_port(3, from_client(TCP_ACK, "x"), other_mac);
    client_on_port(3, (struct tcp_segment) { .seq = 5, .flags = TCP_SYN },
                   other_mac);
    client_on_port(3, from_client(TCP_RST, ""), other_mac);
    expect_only_arp(1);
    expect_only_arp(2);
    fake_drain();
    assert_int_equal(fake_counter(HC_DROP_LOCATION), 3);
    assert_int_equal(fake_n_flows(), 2);
    fake_from_server(2, from_server(2, TCP_ACK, 0, "image"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "image");
}

/* The same with a server that has an address of its own. */
static void
server_is_forged(void **state)
{
    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_pass(2000);
    fake_drain();
    packet_from(CLIENT_PORT, from_server(3, TCP_RST, 0, ""), other_mac,
                0x0a000003, 8080, CLIENT_IP, 40000);
    packet_from(2, from_server(3, TCP_ACK, 0, "forged"), server_macs[2],
                0x0a000003, 8080, CLIENT_IP, 40000);
    arp_from(2, ARP_OP_REQUEST, other_mac, 0x0a000003);
    packet_from(2, from_server(3, TCP_ACK, 0, "forged"), other_mac,
                0x0a000003, 8080, CLIENT_IP, 40000);
    expect_only_arp(CLIENT_PORT);
    assert_int_equal(fake_counter(HC_DROP_LOCATION), 3);
    assert_int_equal(fake_counter(HC_RELOCATED), 0);
    fake_from_server(3, from_server(3, TCP_ACK, 0, "video"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "video");
}

/* Lets server 3 send a segment of a direct connection with the client's ports
 * and asserts that the client gets it as it is. */
static void
direct_segment(uint16_t flags, uint32_t seq)
{
    struct tcp_segment out;

    fake_from_server(3, (struct tcp_segment) { .seq = seq, .ack = 815,
                                               .flags = flags });
    assert_true(fake_next(CLIENT_PORT, &out));
    assert_int_equal(out.flags, flags);
    assert_int_equal(out.seq, seq);
    assert_int_equal(ntohl(out.ip_src), 0x0a000003);
    assert_int_equal(ntohs(out.tp_src), 8080);
    expect_nothing_anywhere();
}

/* Somebody talks to a server by its own address: that is none of our business
 * but for how it begins and ends. */
static void
direct_connection(void **state)
{
    (void) state;
    start();
    direct_segment(TCP_SYN | TCP_ACK, 4711);
    assert_int_equal(fake_n_flows(), 1);
    assert_int_equal(hmap_count(&fake_hswitch()->bypasses), 1);
    direct_segment(TCP_ACK, 4712);
    direct_segment(TCP_ACK | TCP_FIN, 4712);
    assert_int_equal(fake_n_flows(), 1);
    fake_expire_flows();
    assert_int_equal(hmap_count(&fake_hswitch()->bypasses), 0);
}

/* While it lasts, the server has no use for the same ports, and a connection
 * that would need them goes elsewhere. */
static void
direct_connection_has_ports(void **state)
{
    (void) state;
    start();
    direct_segment(TCP_SYN | TCP_ACK, 4711);
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_VIDEO));
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_VIDEO);
    direct_segment(TCP_ACK, 4712);
}

/* When it has ended they can be used as soon as the datapath knows. */
static void
direct_connection_had_ports(void **state)
{
    (void) state;
    start();
    direct_segment(TCP_SYN | TCP_ACK, 4711);
    direct_segment(TCP_ACK | TCP_FIN, 4712);
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_VIDEO));
    expect_nothing_anywhere();
    assert_int_equal(fake_n_flows(), 0);
    fake_pass(60);
    expect_syn(3);
    server_synack(3);
    expect(3, TCP_ACK | TCP_PSH, C_ISN + 1, S3_ISN + 1, GET_VIDEO);
    fake_drain();
    fake_from_server(3, from_server(3, TCP_ACK, 0, "video"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "video");
}

/* The other way round: a server that takes a SYN that came directly is done
 * with the connection that we had there. */
static void
direct_connection_takes_ports(void **state)
{
    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_from_server(3, (struct tcp_segment) { .seq = 4711, .ack = 815,
                                               .flags = TCP_SYN | TCP_ACK });
    expect_nothing_anywhere();
    assert_int_equal(fake_n_flows(), 0);
    assert_int_equal(n_conns(), 0);
    fake_pass(60);
    struct tcp_segment out;
    assert_true(fake_next(CLIENT_PORT, &out));
    assert_int_equal(out.seq, 4711);
    assert_int_equal(ntohl(out.ip_src), 0x0a000003);
    direct_segment(TCP_ACK, 4712);

    /* Its SYN-ACK once more was no such thing. */
    fake_switch_stop();
    start();
    move(3, GET_VIDEO);
    server_synack(3);
    expect(CLIENT_PORT, TCP_SYN | TCP_ACK, S1_ISN, C_ISN + 1, "");
    assert_int_equal(n_conns(), 1);
}

#define TEST(NAME) cmocka_unit_test_teardown(NAME, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chosen_server_refuses),
        TEST(forged_refusal),
        TEST(chosen_server_is_silent),
        TEST(another_candidate),
        TEST(chosen_server_remembers),
        TEST(chosen_server_never_forgets),
        TEST(first_server_refuses),
        TEST(all_servers_refuse),
        TEST(all_servers_are_silent),
        TEST(first_server_resets),
        TEST(no_server_is_left),
        TEST(first_server_speaks),
        TEST(first_server_lingers),
        TEST(first_server_repeats_synack),
        TEST(client_resets),
        TEST(client_resets_after_request),
        TEST(client_repeats_syn),
        TEST(old_syn),
        TEST(client_reuses_port),
        TEST(client_reuses_moved_port),
        TEST(server_forgot_connection),
        TEST(forged_syn),
        TEST(old_syn_after_restart),
        TEST(forged_reset),
        TEST(client_never_finishes_handshake),
        TEST(client_never_sends),
        TEST(client_sends_half_a_request),
        TEST(client_speaks_something_else),
        TEST(client_closes_without_request),
        TEST(client_keeps_alive),
        TEST(client_lies),
        TEST(corrupt_segment),
        TEST(too_many_half_open),
        TEST(too_many_waiting),
        TEST(no_memory_to_hold),
        TEST(too_long_a_head),
        TEST(flows_expire),
        TEST(one_direction_is_quiet),
        TEST(table_is_full),
        TEST(table_stays_full),
        TEST(restart),
        TEST(restart_half_closed),
        TEST(restart_amid_inspection),
        TEST(orphans_are_bounded),
        TEST(orphans_respect_limit),
        TEST(server_is_removed),
        TEST(server_is_edited),
        TEST(service_is_removed),
        TEST(client_moves),
        TEST(client_is_forged),
        TEST(server_is_forged),
        TEST(direct_connection),
        TEST(direct_connection_has_ports),
        TEST(direct_connection_had_ports),
        TEST(direct_connection_takes_ports),
    };

    return cmocka_run_group_tests_name("handover-failures", tests, NULL,
                                       NULL);
}
