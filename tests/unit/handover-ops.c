/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handover-ops.h"

#include <string.h>

#include "fake-net.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/conn.h"
#include "utilities/tasukid/apps/handover/flows.h"

#define MAX_IN_PROGRESS 4

/* What is left of the script. */
struct script {
    const uint8_t *p;
    size_t left;
};

static uint8_t
next_byte(struct script *s)
{
    if (!s->left) {
        return 0;
    }
    s->left--;
    return *s->p++;
}

/* Mostly 'base', else a number near it, where the edges are, or far off. */
static uint32_t
next_number(struct script *s, uint32_t base)
{
    uint8_t how = next_byte(s);

    return (how < 160 ? base
            : how < 192 ? base + how % 16
            : how < 224 ? base - how % 16
            : base ^ (uint32_t) next_byte(s) << 24);
}

static const char *const payloads[] = {
    "GET /images/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /video/ HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\n",
    "X: y\r\n\r\n",
    "\x16\x03\x01",
};

/* Fills in what is not numbers or flags. */
static void
next_rest(struct script *s, struct tcp_segment *seg)
{
    uint8_t which = next_byte(s);

    seg->window = (1 + next_byte(s)) << 8;
    seg->opts.present = which & 0xf;
    seg->opts.mss = 1 + next_byte(s) * (which & 0x80 ? 1 : 100);
    seg->opts.wscale = which >> 4;
    seg->opts.tsval = next_number(s, 1000);
    seg->opts.tsecr = next_number(s, 2000);
}

static void
next_payload(struct script *s, struct tcp_segment *seg)
{
    uint8_t which = next_byte(s);

    if (which < 192) {
        const char *payload = payloads[which % ARRAY_SIZE(payloads)];
        seg->payload = (const uint8_t *) payload;
        seg->len = strlen(payload);
        if (which & 0x40) {
            seg->len /= 2;
        }
    } else {
        seg->len = MIN(which - 192, s->left);
        seg->payload = s->p;
        s->p += seg->len;
        s->left -= seg->len;
    }
}

/* Few ports, so that they meet again. */
#define N_PORTS 2
#define FIRST_PORT 40000

#define CLIENT_ISN 1000
#define SERVER_ISN 2000

/* What each client has sent. */
static uint32_t n_sent[N_PORTS];

enum client_op { OP_SYN, OP_ACK, OP_DATA, OP_AGAIN, OP_FIN, OP_CLIENT_RST,
                 OP_CLIENT_ANY, N_CLIENT_OPS };

static void
client_op(struct script *s, enum client_op op)
{
    int i = next_byte(s) % N_PORTS;
    struct tcp_segment seg = {
        .tp_src = htons(FIRST_PORT + i),
        .flags = TCP_ACK,
    };

    next_rest(s, &seg);
    if (op == OP_SYN) {
        /* Now and then another connection. */
        n_sent[i] = 0;
        seg.flags = TCP_SYN | (seg.window & 0x4000 ? TCP_ECE | TCP_CWR : 0);
        seg.seq = next_number(s, CLIENT_ISN);
    } else {
        seg.seq = next_number(s, CLIENT_ISN + 1 + n_sent[i]);
        seg.ack = next_number(s, SERVER_ISN + 1);
    }
    if (op == OP_DATA || op == OP_FIN || op == OP_CLIENT_ANY) {
        next_payload(s, &seg);
    }
    if (op == OP_DATA) {
        n_sent[i] += seg.len;
    } else if (op == OP_AGAIN) {
        seg.seq -= n_sent[i];
        next_payload(s, &seg);
    } else if (op == OP_FIN) {
        seg.flags |= TCP_FIN;
    } else if (op == OP_CLIENT_RST) {
        seg.flags = TCP_RST;
    } else if (op == OP_CLIENT_ANY) {
        seg.flags = next_byte(s);
    }
    fake_from_client(seg);
}

enum server_op { OP_SYNACK, OP_REPLY, OP_ACKED, OP_REFUSE, OP_SERVER_RST,
                 OP_SERVER_ANY, OP_DENY, N_SERVER_OPS };

/* The latest segment that each server got. */
static struct tcp_segment latest[N_SERVERS + 1];

/* 'server' has no connection that this could belong to (RFC 9293 section
 * 3.10.7.1). */
static void
deny(int server)
{
    const struct tcp_segment *seg = &latest[server];

    fake_from_server(server, (struct tcp_segment) {
        .tp_dst = seg->tp_src,
        .flags = TCP_RST | (seg->flags & TCP_ACK ? 0 : TCP_ACK),
        .seq = seg->flags & TCP_ACK ? seg->ack : 0,
        .ack = seg->seq + 1,
    });
}

static void
server_op(struct script *s, enum server_op op)
{
    int server = 1 + next_byte(s) % N_SERVERS;
    int i = next_byte(s) % N_PORTS;
    struct tcp_segment seg = {
        .tp_dst = htons(FIRST_PORT + i),
        .flags = TCP_ACK,
    };

    if (op == OP_DENY) {
        deny(server);
        return;
    }
    next_rest(s, &seg);
    seg.seq = next_number(s, SERVER_ISN + (op == OP_SYNACK ? 0 : 1));
    seg.ack = next_number(s, CLIENT_ISN + 1 + (op == OP_ACKED || op == OP_REPLY
                                               ? n_sent[i] : 0));
    if (op == OP_SYNACK) {
        seg.flags |= TCP_SYN | (seg.window & 0x4000 ? TCP_ECE : 0);
    } else if (op == OP_REPLY) {
        next_payload(s, &seg);
    } else if (op == OP_REFUSE || op == OP_SERVER_RST) {
        seg.flags = TCP_RST | (op == OP_REFUSE ? TCP_ACK : 0);
    } else if (op == OP_SERVER_ANY) {
        next_payload(s, &seg);
        seg.flags = next_byte(s);
    }
    fake_from_server(server, seg);
}

/* A frame that need not be a segment at all. */
static void
frame_op(struct script *s)
{
    static const ofp_port_t ports[] = { CLIENT_PORT, 1, 2, 3 };
    ofp_port_t port = ports[next_byte(s) % ARRAY_SIZE(ports)];
    size_t want = next_byte(s);
    size_t len = MIN(want, s->left);

    if (len >= ETH_HEADER_LEN) {
        fake_packet_in(dp_packet_clone_data(s->p, len), port);
    }
    s->p += len;
    s->left -= len;
}

/* An ARP packet about the service's address. */
static void
arp_op(struct script *s)
{
    static const ofp_port_t ports[] = { CLIENT_PORT, 1, 2, 3 };
    static const uint32_t addresses[] = { 0, VIP, CLIENT_IP, 0x0a000003 };
    uint8_t which = next_byte(s);
    uint8_t who = next_byte(s);
    struct dp_packet *packet = dp_packet_new(64);

    compose_arp(packet, 1 + (which & 1),
                who & 4 ? client_mac : server_macs[who % 4], eth_addr_zero,
                true, htonl(addresses[which >> 1 & 3]),
                htonl(addresses[which >> 3 & 3]));
    fake_packet_in(packet, ports[who >> 3 & 3]);
}

static struct service_config *
next_config(struct script *s)
{
    struct service_config *cfg = fake_config();
    uint8_t which = next_byte(s);

    cfg->max_connections = 1 + which % MAX_IN_PROGRESS;
    cfg->inspect_bytes = which & 0x10 ? 20 : 1000;
    cfg->inspect_timeout = 100;
    cfg->members[0].weight = which >> 5;
    cfg->members[2].has_mac = !(which & 0x40);
    fake_add_rule(cfg, "/images/*", 2);
    fake_add_rule(cfg, "/video/*", 3);
    return cfg;
}

uint64_t handover_ops_counters[HC_N];

/* Adds what was counted since the last restart. */
static void
add_counters(void)
{
    for (int i = 0; i < HC_N; i++) {
        handover_ops_counters[i] += fake_counter(i);
    }
}

static void
rare_op(struct script *s, uint8_t op)
{
    switch (op % 8) {
    case 0:
        add_counters();
        fake_restart();
        break;

    case 1:
        fake_expire(ENTRY_TO_CLIENT);
        break;

    case 2:
        fake_expire(ENTRY_TO_SERVER);
        break;

    case 3:
        fake_expire(ENTRY_NONE);
        break;

    case 4:
        fake_table_full = !fake_table_full;
        break;

    case 5:
        fake_configure(next_config(s));
        break;

    case 6:
        add_counters();
        fake_configure(NULL);
        fake_configure(next_config(s));
        break;

    default:
        fake_pass(20000);
        break;
    }
}

static void
check(void)
{
    struct tcp_segment seg;

    for (int port = 1; port <= CLIENT_PORT; port++) {
        struct dp_packet *packet;

        while ((packet = fake_output(port))) {
            /* Passed on as it came, or well-formed. */
            if (!tcp_segment_parse(packet, &seg) && port <= N_SERVERS) {
                latest[port] = seg;
            }
            dp_packet_delete(packet);
        }
    }
    ovs_assert(fake_shared->held.used <= fake_shared->held.max);
    ovs_assert(hmap_count(&fake_engine()->conns)
               == hmap_count(&fake_engine()->conn_ids));
}

void
handover_ops_run(const uint8_t *data, size_t size)
{
    struct script s = { .p = data, .left = size };

    memset(n_sent, 0, sizeof n_sent);
    memset(latest, 0, sizeof latest);
    fake_start(next_config(&s));
    fake_shared->held.max = 4000;
    fake_shared->max_in_progress = MAX_IN_PROGRESS;
    while (s.left) {
        uint8_t op = next_byte(&s);

        if (op < 96) {
            client_op(&s, op % N_CLIENT_OPS);
        } else if (op < 192) {
            server_op(&s, op % N_SERVER_OPS);
        } else if (op < 208) {
            frame_op(&s);
        } else if (op < 224) {
            arp_op(&s);
        } else if (op < 240) {
            fake_pass(next_byte(&s) * 4);
        } else {
            rare_op(&s, op);
        }
        check();
    }

    /* Only what flows keep alive lives on: those that were refused are given
     * up after the idle timeout, too. */
    fake_table_full = false;
    fake_pass(20000);
    fake_expire(ENTRY_NONE);
    fake_pass(301000);
    fake_expire(ENTRY_NONE);
    ovs_assert(!hmap_count(&fake_engine()->conns));
    ovs_assert(!fake_n_flows());
    add_counters();
    fake_stop();
}
