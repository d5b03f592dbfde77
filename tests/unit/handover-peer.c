/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handover-peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include "packets.h"
#include "util.h"

uint32_t
isn_of(int server)
{
    return server == 1 ? S1_ISN : server == 2 ? S2_ISN : S3_ISN;
}

uint32_t
tsval_of(int server)
{
    return server == 1 ? S1_TSVAL : server == 2 ? S2_TSVAL : S3_TSVAL;
}

int
wscale_of(int server)
{
    return server == 1 ? S1_WSCALE : server == 2 ? S2_WSCALE : S3_WSCALE;
}

void
start_with(struct service_config *cfg)
{
    fake_add_rule(cfg, "/images/*", 2);
    fake_add_rule(cfg, "/video/*", 3);
    fake_start(cfg);
}

void
start(void)
{
    start_with(fake_config());
}

struct tcp_segment
from_client(uint16_t flags, const char *payload)
{
    return (struct tcp_segment) {
        .seq = C_ISN + 1,
        .ack = S1_ISN + 1,
        .flags = flags,
        .window = 500,
        .payload = (const uint8_t *) payload,
        .len = strlen(payload),
        .opts = {
            .present = TCP_OPT_TS,
            .tsval = C_TSVAL + 10,
            .tsecr = S1_TSVAL,
        },
    };
}

struct tcp_segment
from_server(int n, uint16_t flags, uint32_t acked, const char *payload)
{
    return (struct tcp_segment) {
        .seq = isn_of(n) + 1,
        .ack = C_ISN + 1 + acked,
        .flags = flags,
        .window = 400,
        .payload = (const uint8_t *) payload,
        .len = strlen(payload),
        .opts = {
            .present = TCP_OPT_TS,
            .tsval = tsval_of(n) + 10,
            .tsecr = C_TSVAL + 10,
        },
    };
}

void
client_syn(void)
{
    fake_from_client((struct tcp_segment) {
        .seq = C_ISN,
        .flags = TCP_SYN,
        .window = 64240,
        .tos = 0x10,
        .opts = {
            .present = ALL_OPTS,
            .mss = 1460,
            .wscale = C_WSCALE,
            .tsval = C_TSVAL,
        },
    });
}

void
server_synack(int n)
{
    fake_from_server(n, (struct tcp_segment) {
        .seq = isn_of(n),
        .ack = C_ISN + 1,
        .flags = TCP_SYN | TCP_ACK,
        .window = 65160,
        .opts = {
            .present = ALL_OPTS,
            .mss = 1460,
            .wscale = wscale_of(n),
            .tsval = tsval_of(n),
            .tsecr = C_TSVAL,
        },
    });
}

struct tcp_segment
expect(ofp_port_t port, uint16_t flags, uint32_t seq, uint32_t ack,
       const char *payload)
{
    struct tcp_segment seg;

    assert_true(fake_next(port, &seg));
    assert_int_equal(seg.flags, flags);
    assert_int_equal(seg.seq, seq);
    if (flags & TCP_ACK) {
        assert_int_equal(seg.ack, ack);
    }
    assert_int_equal(seg.len, strlen(payload));
    assert_memory_equal(seg.payload, payload, seg.len);

    /* To whom is written on it. */
    assert_int_equal(ntohl(seg.ip_src), port == CLIENT_PORT ? VIP : CLIENT_IP);
    assert_int_equal(ntohl(seg.ip_dst), (port == CLIENT_PORT ? CLIENT_IP
                                         : port == 3 ? 0x0a000003 : VIP));
    const struct eth_addr *mac = (port == CLIENT_PORT ? &client_mac
                                  : &server_macs[port]);
    assert_memory_equal(&seg.eth_dst, mac, sizeof *mac);
    if (port == CLIENT_PORT) {
        assert_int_equal(ntohs(seg.tp_src), VIP_PORT);
    } else {
        assert_int_equal(ntohs(seg.tp_dst), port == 3 ? 8080 : VIP_PORT);
    }
    return seg;
}

void
expect_nothing(ofp_port_t port)
{
    struct tcp_segment seg;

    assert_false(fake_next(port, &seg));
}

void
expect_nothing_anywhere(void)
{
    expect_nothing(CLIENT_PORT);
    for (int i = 1; i <= N_SERVERS; i++) {
        expect_nothing(i);
    }
}

struct tcp_segment
expect_syn(int n)
{
    return expect(n, TCP_SYN, C_ISN, 0, "");
}

void
shake_hands(void)
{
    client_syn();
    struct tcp_segment syn = expect_syn(1);
    assert_int_equal(syn.window, 64240);
    assert_int_equal(syn.tos, 0x10);
    assert_int_equal(syn.opts.mss, 1460);
    assert_int_equal(syn.opts.tsval, C_TSVAL);

    server_synack(1);
    struct tcp_segment synack = expect(CLIENT_PORT, TCP_SYN | TCP_ACK, S1_ISN,
                                       C_ISN + 1, "");
    assert_int_equal(synack.window, 65160);
    assert_int_equal(synack.opts.tsecr, C_TSVAL);

    fake_from_client(from_client(TCP_ACK, ""));
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    expect_nothing_anywhere();
}

void
move(int n, const char *request)
{
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, request));
    expect_syn(n);
    server_synack(n);
    expect(n, TCP_ACK | TCP_PSH, C_ISN + 1, isn_of(n) + 1, request);
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    expect_nothing_anywhere();
    assert_int_equal(fake_n_flows(), 2);
}

size_t
n_conns(void)
{
    return hmap_count(&fake_engine()->conns);
}

int
stop(void **state OVS_UNUSED)
{
    fake_stop();
    return 0;
}
