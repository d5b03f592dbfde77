/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Connections that go well, segment by segment: what each server and the
 * client get to see. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake-owner.h"
#include "handover-peer.h"
#include "packets.h"
#include "utilities/tasukid/apps/handover/engine/handshake.h"

/* Steps 1 to 5 of the paper's section 3.1. */
static void
keep(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_OTHER));
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_OTHER);
    expect_nothing_anywhere();
    assert_int_equal(fake_n_flows(), 2);
    assert_int_equal(fake_counter(HC_KEPT), 1);

    /* The switch leaves the numbers alone. */
    fake_from_server(1, from_server(1, TCP_ACK, strlen(GET_OTHER), "OK"));
    struct tcp_segment seg = expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1,
                                    C_ISN + 1 + strlen(GET_OTHER), "OK");
    assert_int_equal(seg.window, 400);
    assert_int_equal(seg.opts.tsval, S1_TSVAL + 10);
    assert_int_equal(fake_counter(HC_LATE_SERVER), 0);
}

/* Steps 1 to 4 and 6.  Then D, T and W: the client goes on to see the stream,
 * the clock and the window of the first server, the second its own. */
static void
move_shared(void **state)
{
    uint32_t len = strlen(GET_IMAGES);

    (void) state;
    start();
    move(2, GET_IMAGES);
    assert_int_equal(fake_counter(HC_MOVED), 1);

    fake_from_server(2, from_server(2, TCP_ACK, len, "image"));
    struct tcp_segment seg = expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1,
                                    C_ISN + 1 + len, "image");
    assert_int_equal(seg.window, 400 << (S2_WSCALE - S1_WSCALE));
    assert_int_equal(seg.opts.tsval, S1_TSVAL + 10);
    assert_int_equal(seg.opts.tsecr, C_TSVAL + 10);

    struct tcp_segment ack = from_client(TCP_ACK, "");
    ack.seq += len;
    ack.ack += 5;
    ack.opts.tsecr = S1_TSVAL + 10;
    fake_from_client(ack);
    seg = expect(2, TCP_ACK, C_ISN + 1 + len, S2_ISN + 1 + 5, "");
    assert_int_equal(seg.window, 500);
    assert_int_equal(seg.opts.tsval, C_TSVAL + 10);
    assert_int_equal(seg.opts.tsecr, S2_TSVAL + 10);
    expect_nothing_anywhere();
    assert_int_equal(fake_counter(HC_LATE_CLIENT), 0);
}

/* Addresses and ports differ, too (the fake switch checks their checksums). */
static void
move_to_own_address(void **state)
{
    uint32_t len = strlen(GET_VIDEO);

    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_from_server(3, from_server(3, TCP_ACK, len, "video"));
    struct tcp_segment seg = expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1,
                                    C_ISN + 1 + len, "video");
    assert_int_equal(seg.window, 400 >> (S1_WSCALE - S3_WSCALE));
    assert_int_equal(seg.opts.tsval, S1_TSVAL + 10);
    fake_from_client(from_client(TCP_ACK, ""));
    seg = expect(3, TCP_ACK, C_ISN + 1, S3_ISN + 1, "");
    assert_int_equal(seg.opts.tsecr, S3_TSVAL);
}

/* Each once, whatever becomes of a connection. */
static void
check_news(unsigned int begun, unsigned int moved, unsigned int ended)
{
    assert_int_equal(owner_n_news[CONN_HAS_BEGUN], begun);
    assert_int_equal(owner_n_news[CONN_HAS_MOVED], moved);
    assert_int_equal(owner_n_news[CONN_HAS_ENDED], ended);
}

static void
others_are_told(void **state)
{
    (void) state;
    start();
    memset(owner_n_news, 0, sizeof owner_n_news);
    client_syn();
    check_news(1, 0, 0);
    fake_configure(NULL);
    check_news(1, 0, 1);
    stop(NULL);

    start();
    memset(owner_n_news, 0, sizeof owner_n_news);
    move(2, GET_IMAGES);
    check_news(1, 1, 0);
    fake_expire(ENTRY_NONE);
    check_news(1, 1, 1);
}

/* The SYN for the second server says what the first one agreed to. */
static void
syn_is_replayed(void **state)
{
    (void) state;
    start();
    shake_hands();
    struct tcp_segment get = from_client(TCP_ACK, GET_IMAGES);
    get.opts.tsval = C_TSVAL + 33;
    fake_from_client(get);
    struct tcp_segment syn = expect_syn(2);
    assert_int_equal(syn.opts.present, ALL_OPTS);
    assert_int_equal(syn.opts.mss, 1460);
    assert_int_equal(syn.opts.wscale, C_WSCALE);
    assert_int_equal(syn.window, 64240);
    assert_int_equal(syn.tos, 0x10);

    /* A clock must not go back (RFC 7323 section 5). */
    assert_int_equal(syn.opts.tsval, C_TSVAL + 33);
    assert_int_equal(syn.opts.tsecr, 0);
}

/* The first data segment completes the second server's handshake. */
static void
first_data_acknowledges(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    server_synack(2);
    struct tcp_segment seg = expect(2, TCP_ACK | TCP_PSH, C_ISN + 1,
                                    S2_ISN + 1, GET_IMAGES);
    assert_int_equal(seg.opts.tsval, C_TSVAL + 10);
    assert_int_equal(seg.opts.tsecr, S2_TSVAL);
    assert_int_equal(seg.window, 500);
}

/* The SYN-ACK's ACK carries the request: no segment of its own. */
static void
request_with_last_ack(void **state)
{
    (void) state;
    start();
    client_syn();
    expect_syn(1);
    server_synack(1);
    fake_drain();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);

    /* The first server still waits for that ACK, and takes a reset. */
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    expect_nothing_anywhere();
}

/* Cuts a request in two and sends the second half after the first was
 * acknowledged, as Nagle's algorithm has it. */
static void
send_in_halves(void)
{
    struct tcp_segment half = from_client(TCP_ACK, GET_IMAGES);

    half.len = 10;
    fake_from_client(half);
    struct tcp_segment ack = expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1,
                                    C_ISN + 1 + 10, "");
    assert_int_equal(ack.opts.tsval, S1_TSVAL);
    assert_int_equal(ack.opts.tsecr, C_TSVAL + 10);
    assert_in_range((uint32_t) ack.window << S1_WSCALE, 65160, UINT32_MAX);
    expect_nothing_anywhere();

    half.seq += 10;
    half.payload += 10;
    half.len = strlen(GET_IMAGES) - 10;
    fake_from_client(half);
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
}

/* What was acknowledged to the client is ours to deliver. */
static void
split_request(void **state)
{
    uint32_t len = strlen(GET_IMAGES);

    (void) state;
    start();
    shake_hands();
    send_in_halves();
    assert_int_equal(fake_n_flows(), 0);

    /* An ACK for less than that is not enough. */
    fake_from_server(2, from_server(2, TCP_ACK, 5, ""));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1 + 5, "");
    assert_int_equal(fake_n_flows(), 0);

    fake_from_server(2, from_server(2, TCP_ACK, len, "image"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1 + len, "image");
    assert_int_equal(fake_n_flows(), 2);
    assert_int_equal(fake_counter(HC_MOVED), 1);
    expect_nothing_anywhere();
}

static void
split_request_gets_lost(void **state)
{
    uint32_t len = strlen(GET_IMAGES);

    (void) state;
    start();
    shake_hands();
    send_in_halves();
    for (int i = 0; i < 3; i++) {
        fake_pass(200 << i);
        expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
        expect_nothing_anywhere();
    }

    /* Its SYN-ACK again: it did not even get our first ACK. */
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);

    fake_from_server(2, from_server(2, TCP_ACK, 10, ""));
    fake_drain();
    assert_int_equal(fake_n_flows(), 2);

    /* What was not acknowledged the client repeats, through the flow. */
    struct tcp_segment rest = from_client(TCP_ACK, GET_IMAGES);
    rest.seq += 10;
    rest.payload += 10;
    rest.len = len - 10;
    fake_from_client(rest);
    expect(2, TCP_ACK, C_ISN + 11, S2_ISN + 1, &GET_IMAGES[10]);
}

static void
split_request_is_never_taken(void **state)
{
    (void) state;
    start();
    shake_hands();
    send_in_halves();
    fake_pass(11000);
    assert_int_equal(fake_counter(HC_DELIVER_FAILED), 1);

    /* The client must not believe that its request arrived. */
    expect(CLIENT_PORT, TCP_RST | TCP_ACK, S1_ISN + 1,
           C_ISN + 1 + strlen(GET_IMAGES), "");
    assert_int_equal(hmap_count(&fake_engine()->conns), 0);

    /* Nor the server that there is more to come: the number is the one that it
     * expects if it got the request after all. */
    struct tcp_segment seg, last = { .flags = 0 };
    while (fake_next(2, &seg)) {
        last = seg;
    }
    assert_int_equal(last.flags, TCP_RST | TCP_ACK);
    assert_int_equal(last.seq, C_ISN + 1 + strlen(GET_IMAGES));
}

/* Between, neither an old acknowledgment nor a reset with any number does
 * harm. */
static void
split_request_and_forgeries(void **state)
{
    (void) state;
    start();
    shake_hands();
    send_in_halves();
    fake_from_server(2, from_server(2, TCP_ACK, -10, ""));
    assert_int_equal(fake_n_flows(), 0);
    fake_from_server(2, (struct tcp_segment) { .seq = S2_ISN + 5,
                                               .flags = TCP_RST });
    assert_int_equal(hmap_count(&fake_engine()->conns), 1);
    fake_from_server(2, (struct tcp_segment) { .seq = S2_ISN + 1,
                                               .flags = TCP_RST });
    assert_int_equal(hmap_count(&fake_engine()->conns), 0);
    assert_int_equal(fake_counter(HC_SERVER_RESET), 1);
}

/* Out of order, twice, overlapping, and with other bytes the second time. */
static void
request_in_disorder(void **state)
{
    struct tcp_segment part = from_client(TCP_ACK, GET_IMAGES);
    uint32_t len = strlen(GET_IMAGES);

    (void) state;
    start();
    shake_hands();

    struct tcp_segment tail = part;
    tail.seq += 20;
    tail.payload += 20;
    tail.len -= 20;
    fake_from_client(tail);
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");
    fake_from_client(tail);
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");

    struct tcp_segment middle = part;
    middle.seq += 10;
    middle.payload = (const uint8_t *) "s/ HTTP/1.XXXXXX";
    middle.len = 16;
    fake_from_client(middle);
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "");

    struct tcp_segment head = part;
    head.len = 12;
    fake_from_client(head);
    expect_syn(2);
    server_synack(2);

    /* Nothing was acknowledged to the client, so all is sent at once. */
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
    assert_int_equal(fake_n_flows(), 2);
    assert_int_equal(len, strlen(GET_IMAGES));
}

/* While the second server has not answered, the client sends more. */
static void
body_comes_meanwhile(void **state)
{
    static const char head[] = "POST /images/ HTTP/1.1\r\nContent-Length: 4"
                               "\r\n\r\n";
    struct tcp_segment body = from_client(TCP_ACK | TCP_PSH, "body");

    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, head));
    expect_syn(2);
    body.seq += strlen(head);
    fake_from_client(body);
    expect_nothing_anywhere();
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1,
           "POST /images/ HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody");
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
}

/* Held data is cut anew for a server that takes less at once. */
static void
smaller_mss(void **state)
{
    char request[600] = "GET /images/";

    (void) state;
    memset(request + strlen(request), 'x', 500);
    strcat(request, " HTTP/1.1\r\n\r\n");
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, request));
    expect_syn(2);
    struct tcp_segment synack = {
        .seq = S2_ISN,
        .ack = C_ISN + 1,
        .flags = TCP_SYN | TCP_ACK,
        .window = 65160,
        .opts = { .present = TCP_OPT_MSS | TCP_OPT_TS, .mss = 212,
                  .tsval = S2_TSVAL },
    };
    fake_from_server(2, synack);

    /* The client believes that it may send 1460 bytes, and is told.  That has
     * to come first: it ignores what is said about a segment that the server
     * has acknowledged. */
    assert_int_equal(fake_oldest_output(), CLIENT_PORT);
    struct dp_packet *icmp = fake_output(CLIENT_PORT);
    const uint8_t *p = dp_packet_data(icmp);
    assert_int_equal(p[23], IPPROTO_ICMP);
    assert_int_equal(p[34], 3);
    assert_int_equal(p[35], 4);
    assert_int_equal(p[40] << 8 | p[41], 212 + 40);
    assert_int_equal(p[66] << 24 | p[67] << 16 | p[68] << 8 | p[69],
                     C_ISN + 1);
    dp_packet_delete(icmp);

    /* The timestamps take 12 bytes of each. */
    struct tcp_segment seg;
    size_t n = 0;
    while (fake_next(2, &seg)) {
        assert_int_equal(seg.seq, C_ISN + 1 + n);
        assert_int_equal(seg.len, n < 400 ? 200 : strlen(request) - 400);
        assert_memory_equal(seg.payload, request + n, seg.len);
        n += seg.len;
    }
    assert_int_equal(n, strlen(request));

    fake_drain();

    /* Next time it is told at once. */
    struct tcp_segment syn = { .seq = 5, .flags = TCP_SYN,
                               .tp_src = htons(40001) };
    fake_from_client(syn);
    fake_drain();
    synack.seq = S1_ISN;
    synack.ack = 6;
    synack.opts.mss = 1460;
    synack.tp_dst = htons(40001);
    fake_from_server(1, synack);
    seg = expect(CLIENT_PORT, TCP_SYN | TCP_ACK, S1_ISN, 6, "");
    assert_int_equal(seg.opts.mss, 212);
}

/* A server may be found to lack an option that the first one has.  From then on
 * no client gets to use it. */
static void
options_that_a_server_lacks(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    fake_from_server(2, (struct tcp_segment) {
        .seq = S2_ISN,
        .ack = C_ISN + 1,
        .flags = TCP_SYN | TCP_ACK,
        .window = 65160,
        .opts = { .present = TCP_OPT_MSS, .mss = 1460 },
    });
    struct tcp_segment seg = expect(2, TCP_ACK | TCP_PSH, C_ISN + 1,
                                    S2_ISN + 1, GET_IMAGES);
    assert_int_equal(seg.opts.present, 0);
    assert_int_equal(seg.window, 500 << C_WSCALE);
    assert_int_equal(fake_counter(HC_TS_LOST), 1);
    fake_drain();

    /* It does not scale: the client's windows grow on the way, its own shrink
     * by the scale that the client believes in. */
    fake_from_client(from_client(TCP_ACK, ""));
    assert_true(fake_next(2, &seg));
    assert_int_equal(seg.window, 500 << C_WSCALE);
    struct tcp_segment reply = from_server(2, TCP_ACK, 0, "");
    reply.opts.present = 0;
    reply.window = 64000;
    fake_from_server(2, reply);
    assert_true(fake_next(CLIENT_PORT, &seg));
    assert_int_equal(seg.window, 64000 >> S1_WSCALE);

    fake_from_client((struct tcp_segment) {
        .seq = 5,
        .flags = TCP_SYN,
        .tp_src = htons(40001),
        .opts = { .present = ALL_OPTS, .mss = 1460 },
    });
    seg = expect(1, TCP_SYN, 5, 0, "");
    assert_int_equal(seg.opts.present, TCP_OPT_MSS);

    /* But not forever. */
    fake_pass(11 * 60 * 1000);
    fake_drain();
    fake_from_client((struct tcp_segment) {
        .seq = 6,
        .flags = TCP_SYN,
        .tp_src = htons(40002),
        .opts = { .present = ALL_OPTS, .mss = 1460 },
    });
    seg = expect(1, TCP_SYN, 6, 0, "");
    assert_int_equal(seg.opts.present, ALL_OPTS);
}

/* A server that the first one's options never reached cannot be blamed. */
static void
options_that_nobody_offered(void **state)
{
    (void) state;
    start();
    fake_from_client((struct tcp_segment) { .seq = C_ISN, .flags = TCP_SYN });
    struct tcp_segment seg = expect_syn(1);
    assert_int_equal(seg.opts.present, 0);

    /* An answer with options that were not asked for (RFC 7323 section 2.2
     * forbids it) does not put them into use. */
    server_synack(1);
    seg = expect(CLIENT_PORT, TCP_SYN | TCP_ACK, S1_ISN, C_ISN + 1, "");
    assert_int_equal(seg.opts.present, TCP_OPT_MSS);
}

/* MPTCP (RFC 8684), Fast Open (RFC 7413), its experimental form and TCP-AO
 * (RFC 5925) would tie the connection to the first server. */
static void
syn_options_are_taken_out(void **state)
{
    static const uint8_t options[] = {
        2, 4, 0x05, 0xb4,
        30, 12, 0x01, 0x81, 1, 2, 3, 4, 5, 6, 7, 8,
        34, 2,
        254, 4, 0xf9, 0x89,
        4, 2,
    };
    struct tcp_segment syn = {
        .eth_src = client_mac,
        .ip_src = htonl(CLIENT_IP),
        .ip_dst = htonl(VIP),
        .tp_src = htons(40000),
        .tp_dst = htons(VIP_PORT),
        .seq = C_ISN,
        .payload = options,
        .len = sizeof options,
    };

    (void) state;
    start();

    /* A payload becomes options by way of the data offset, which lies in the
     * same 16-bit word as the flags. */
    struct dp_packet *packet = tcp_segment_compose(&syn);
    uint8_t *p = dp_packet_data(packet);
    BUILD_ASSERT_DECL(sizeof options % 4 == 0);
    uint16_t old_word = p[46] << 8 | p[47];
    uint16_t new_word = (5 + sizeof options / 4) << 12 | TCP_SYN;
    p[46] = new_word >> 8;
    p[47] = new_word;
    uint32_t sum = (uint16_t) ~(p[50] << 8 | p[51]);
    sum += (uint16_t) ~old_word + new_word;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    p[50] = sum >> 8;
    p[51] = sum;
    fake_packet_in(packet, CLIENT_PORT);

    struct dp_packet *out = fake_output(1);
    assert_non_null(out);
    p = dp_packet_data(out);
    assert_int_equal(p[46] >> 4, 5 + 2);
    assert_memory_equal(p + 54, ((uint8_t[]) { 2, 4, 0x05, 0xb4, 1, 1, 4, 2 }),
                        8);
    dp_packet_delete(out);
}

/* Data on the SYN is not acknowledged, so the client repeats it. */
static void
data_on_syn(void **state)
{
    (void) state;
    start();
    fake_from_client((struct tcp_segment) {
        .seq = C_ISN,
        .flags = TCP_SYN,
        .payload = (const uint8_t *) GET_IMAGES,
        .len = strlen(GET_IMAGES),
    });
    expect_syn(1);
    server_synack(1);
    expect(CLIENT_PORT, TCP_SYN | TCP_ACK, S1_ISN, C_ISN + 1, "");
}

/* ECN (RFC 3168 section 6.1.1) is asked of the second server only if the first
 * one agreed to it. */
static void
ecn(void **state)
{
    const uint16_t ecn_syn = TCP_SYN | TCP_ECE | TCP_CWR;

    (void) state;
    start();
    for (int agree = 1; agree >= 0; agree--) {
        const ovs_be16 port = htons(agree ? 40001 : 40000);
        const uint16_t ecn_synack = TCP_SYN | TCP_ACK | (agree ? TCP_ECE : 0);

        fake_from_client((struct tcp_segment) { .seq = C_ISN,
                                                .flags = ecn_syn,
                                                .tp_src = port });
        expect(1, ecn_syn, C_ISN, 0, "");
        fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN,
                                                   .ack = C_ISN + 1,
                                                   .flags = ecn_synack,
                                                   .window = 1000,
                                                   .tp_dst = port });
        expect(CLIENT_PORT, ecn_synack, S1_ISN, C_ISN + 1, "");
        struct tcp_segment get = from_client(TCP_ACK, GET_IMAGES);
        get.tp_src = port;
        fake_from_client(get);
        expect(2, agree ? ecn_syn : TCP_SYN, C_ISN, 0, "");
    }
}

/* A client that closes its half right after the request. */
static void
request_with_fin(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_FIN, GET_IMAGES));
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH | TCP_FIN, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
}

/* Asserts that 'n' bytes with their checksum in them add up (RFC 1071). */
static void
assert_sum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < n; i += 2) {
        sum += p[i] << 8 | p[i + 1];
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    assert_int_equal(sum, 0xffff);
}

/* A router between the switch and the client has a smaller link (RFC 1191): the
 * server gets to know, in its own numbers. */
static void
path_mtu(void **state)
{
    struct tcp_segment sent = {
        .eth_src = ETH_ADDR_C(02,54,0a,00,00,01),
        .eth_dst = client_mac,
        .ip_src = htonl(VIP),
        .ip_dst = htonl(CLIENT_IP),
        .tp_src = htons(VIP_PORT),
        .tp_dst = htons(40000),
        .seq = S1_ISN + 1,
        .flags = TCP_ACK,
        .len = 1448,
    };

    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_packet_in(tcp_segment_compose_frag_needed(&sent, 1400), CLIENT_PORT);
    struct dp_packet *packet = fake_output(3);
    assert_non_null(packet);
    const uint8_t *p = dp_packet_data(packet);
    assert_memory_equal(p, &server_macs[3], 6);
    assert_memory_equal(p + 26, "\x0a\x00\x00\x64\x0a\x00\x00\x03", 8);
    assert_int_equal(p[40] << 8 | p[41], 1400);

    /* The quote: 10.0.0.3:8080 to 10.0.0.100:40000. */
    assert_memory_equal(p + 54, "\x0a\x00\x00\x03\x0a\x00\x00\x64", 8);
    assert_int_equal(p[62] << 8 | p[63], 8080);
    assert_int_equal(p[64] << 8 | p[65], 40000);
    assert_int_equal(p[66] << 24 | p[67] << 16 | p[68] << 8 | p[69],
                     S3_ISN + 1);

    assert_sum(p + 14, 20);             /* IP header. */
    assert_sum(p + 34, 8 + 28);         /* ICMP. */
    assert_sum(p + 42, 20);             /* IP header in the quote. */
    dp_packet_delete(packet);

    /* About no connection. */
    sent.tp_dst = htons(40001);
    fake_packet_in(tcp_segment_compose_frag_needed(&sent, 1400), CLIENT_PORT);
    expect_nothing_anywhere();
    assert_int_equal(fake_engine()->counters[HC_DROP_ICMP], 1);
}

/* What a connection costs. */
static void
memory(void **state)
{
    (void) state;
    assert_in_range(sizeof(struct conn), 1, 256);
    assert_in_range(sizeof(struct conn) + sizeof(struct handshake), 1,
                    1024 - 2 * 16);
    start();
}

#define TEST(NAME) cmocka_unit_test_teardown(NAME, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keep),
        TEST(move_shared),
        TEST(move_to_own_address),
        TEST(others_are_told),
        TEST(syn_is_replayed),
        TEST(first_data_acknowledges),
        TEST(request_with_last_ack),
        TEST(split_request),
        TEST(split_request_gets_lost),
        TEST(split_request_is_never_taken),
        TEST(split_request_and_forgeries),
        TEST(request_in_disorder),
        TEST(body_comes_meanwhile),
        TEST(smaller_mss),
        TEST(options_that_a_server_lacks),
        TEST(options_that_nobody_offered),
        TEST(syn_options_are_taken_out),
        TEST(data_on_syn),
        TEST(ecn),
        TEST(request_with_fin),
        TEST(path_mtu),
        TEST(memory),
    };

    return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
