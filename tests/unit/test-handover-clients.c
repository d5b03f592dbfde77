/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Clients that vanish, repeat themselves, reuse ports, lie or never say
 * anything of use. */

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

/* Server 2 is asked by a SYN whose number nobody can know.  Returns that. */
static uint32_t
expect_question(void)
{
    struct tcp_segment seg;

    assert_true(fake_next(2, &seg));
    assert_int_equal(seg.flags, TCP_SYN);
    assert_int_not_equal(seg.seq, C_ISN - 100);
    assert_int_equal(ntohs(seg.tp_src), 40000);
    return seg.seq;
}

/* Another SYN may mean that the client is done with the old connection.  It
 * says so when it gets an answer to that. */
static void
client_reuses_port(void **state)
{
    (void) state;
    start();

    client_syn();
    expect_syn(1);
    syn_again();
    expect_nothing_anywhere();
    server_synack(1);
    expect(CLIENT_PORT, TCP_SYN | TCP_ACK, S1_ISN, C_ISN + 1, "");
    fake_from_client((struct tcp_segment) { .seq = C_ISN + 1,
                                            .flags = TCP_RST });
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    expect_reopened();

    fake_stop();
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

/* A server that still has the connection challenges the SYN itself, and the
 * client answers to that. */
static void
client_reuses_moved_port(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_drain();
    syn_again();
    uint32_t nonce = expect_question();
    assert_int_equal(fake_n_flows(), 2);
    fake_from_server(2, from_server(2, TCP_ACK, 0, ""));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    fake_from_client((struct tcp_segment) { .seq = C_ISN + 1,
                                            .flags = TCP_RST });
    expect(2, TCP_RST, C_ISN + 1, 0, "");

    /* That reset may be anybody's, too, until the server says otherwise. */
    assert_int_equal(expect_question(), nonce);
    assert_int_equal(fake_n_flows(), 2);
    fake_from_server(2, (struct tcp_segment) {
        .seq = 4711,
        .ack = nonce + 1,
        .flags = TCP_SYN | TCP_ACK,
    });
    expect(2, TCP_RST, nonce + 1, 0, "");
    expect_reopened();
}

/* One that has forgotten takes the SYN for itself, or refuses it.  Only who
 * got the question can answer it. */
static void
server_forgot_connection(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        start();
        move(2, GET_IMAGES);
        fake_drain();
        syn_again();
        uint32_t nonce = expect_question();
        struct tcp_segment answer = {
            .seq = 4711,
            .ack = C_ISN - 99,
            .flags = (i ? TCP_RST : TCP_SYN) | TCP_ACK,
        };
        fake_from_server(2, answer);
        fake_drain();
        assert_int_equal(fake_n_flows(), 2);

        answer.ack = nonce + 1;
        fake_from_server(2, answer);
        if (!i) {
            expect(2, TCP_RST, nonce + 1, 0, "");
        }
        expect_nothing(CLIENT_PORT);
        expect_reopened();
        if (!i) {
            fake_stop();
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
    fake_drain();

    /* And when it resets the connection later it means just that. */
    fake_from_client((struct tcp_segment) { .seq = C_ISN + 1,
                                            .flags = TCP_RST });
    expect(2, TCP_RST, C_ISN + 1, 0, "");
    struct tcp_segment question;
    assert_true(fake_next(2, &question));
    assert_int_equal(question.flags, TCP_ACK);
    fake_from_server(2, (struct tcp_segment) { .seq = question.ack,
                                               .flags = TCP_RST });
    expect_nothing_anywhere();
    assert_int_equal(fake_n_flows(), 0);
    fake_pass(60);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_counter(HC_CONNECTIONS), 1);
}

/* The two together are no more than each of them. */
static void
forged_syn_and_reset(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_from_client((struct tcp_segment) { .seq = 0x11111111,
                                            .flags = TCP_SYN });
    fake_from_client((struct tcp_segment) { .seq = 0xdeadbeef,
                                            .flags = TCP_RST });
    fake_drain();
    assert_int_equal(fake_n_flows(), 2);
    fake_from_client(from_client(TCP_ACK, "more"));
    expect(2, TCP_ACK, C_ISN + 1, S2_ISN + 1, "more");
    fake_from_server(2, from_server(2, TCP_ACK, 0, "more"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "more");
    assert_int_equal(fake_counter(HC_CONNECTIONS), 1);
}

/* The daemon does not remember the SYN of a connection that it found. */
static void
old_syn_after_restart(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_restart();
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

/* Some stacks send a byte with that, one that was acknowledged or, before any
 * other was sent, the SYN's number. */
static void
client_keeps_alive_with_a_byte(void **state)
{
    struct tcp_segment probe = from_client(TCP_ACK, "x");

    (void) state;
    start();
    shake_hands();
    probe.seq--;
    for (int i = 0; i < 20; i++) {
        fake_from_client(probe);
        expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
        fake_pass(1000);
        expect_nothing_anywhere();
    }
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    expect_syn(2);
    assert_int_equal(fake_counter(HC_INSPECT_TIMEOUT), 0);
}

/* Nor does it give a request more time, or what is held already does. */
static void
keep_alive_is_no_progress(void **state)
{
    struct tcp_segment part = from_client(TCP_ACK, "GET");

    (void) state;
    start();
    shake_hands();
    fake_from_client(part);
    for (int i = 0; i < 4; i++) {
        fake_pass(1000);
        part.seq = C_ISN + i % 3;
        part.len = 1;
        fake_from_client(part);
    }
    fake_drain();
    fake_pass(900);
    expect_nothing_anywhere();
    fake_pass(200);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, "GET");
    assert_int_equal(fake_counter(HC_INSPECT_TIMEOUT), 1);
}

/* What cannot be held starts no timer either. */
static void
far_ahead_is_no_start(void **state)
{
    struct tcp_segment far = from_client(TCP_ACK, "x");

    (void) state;
    start();
    shake_hands();
    far.seq += 100000;
    fake_from_client(far);
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    fake_pass(20000);
    expect_nothing_anywhere();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    expect_syn(2);
    assert_int_equal(fake_counter(HC_DROP_HOLD), 1);
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

#define TEST(NAME) cmocka_unit_test_teardown(NAME, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(client_resets),
        TEST(client_resets_after_request),
        TEST(client_repeats_syn),
        TEST(old_syn),
        TEST(client_reuses_port),
        TEST(client_reuses_moved_port),
        TEST(server_forgot_connection),
        TEST(forged_syn),
        TEST(forged_syn_and_reset),
        TEST(old_syn_after_restart),
        TEST(forged_reset),
        TEST(client_never_finishes_handshake),
        TEST(client_never_sends),
        TEST(client_sends_half_a_request),
        TEST(client_speaks_something_else),
        TEST(client_closes_without_request),
        TEST(client_keeps_alive),
        TEST(client_keeps_alive_with_a_byte),
        TEST(keep_alive_is_no_progress),
        TEST(far_ahead_is_no_start),
        TEST(client_lies),
        TEST(corrupt_segment),
    };

    return cmocka_run_group_tests_name("handover-clients", tests, NULL,
                                       NULL);
}
