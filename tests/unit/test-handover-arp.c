/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* ARP for a service's address (RFC 826, RFC 5227): who is answered what, and
 * who never gets to hear of whom. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake-switch.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/handover.h"
#include "utilities/tasukid/core/neighbours.h"

#define OTHER_IP 0x0a000065     /* 10.0.0.101 */
#define SERVER3_IP 0x0a000003

static const struct eth_addr vmac = ETH_ADDR_C(02,54,0a,00,00,01);
static const struct eth_addr other_mac = ETH_ADDR_C(02,00,00,00,00,aa);

/* Nobody's MAC address is configured. */
static void
start(void)
{
    struct service_config *cfg = fake_config();

    for (int i = 0; i < N_SERVERS; i++) {
        cfg->members[i].has_mac = false;
    }
    fake_start(cfg);
}

static int
stop(void **state)
{
    (void) state;
    fake_stop();
    return 0;
}

static struct member *
server(int n)
{
    return service_lookup(fake_engine(), 0, htonl(VIP),
                          htons(VIP_PORT))->members[n - 1];
}

static void
arp(ofp_port_t port, uint16_t op, struct eth_addr sha, uint32_t spa,
    struct eth_addr tha, uint32_t tpa)
{
    struct dp_packet *packet = dp_packet_new(64);

    compose_arp(packet, op, sha, tha, op == ARP_OP_REQUEST, htonl(spa),
                htonl(tpa));
    fake_packet_in(packet, port);
}

/* Asserts that the next frame at 'port' is just that ARP packet. */
static void
expect_arp(ofp_port_t port, uint16_t op, struct eth_addr sha, uint32_t spa,
           struct eth_addr tha, uint32_t tpa)
{
    struct dp_packet *packet = fake_output(port);

    assert_non_null(packet);
    const uint8_t *p = dp_packet_data(packet);
    const struct eth_addr to = (op == ARP_OP_REQUEST ? eth_addr_broadcast
                                : tha);
    assert_int_equal(dp_packet_size(packet), 14 + 28);
    assert_memory_equal(p, &to, 6);
    assert_memory_equal(p + 6, &sha, 6);
    assert_memory_equal(p + 12, "\x08\x06\x00\x01\x08\x00\x06\x04\x00", 9);
    assert_int_equal(p[21], op);
    assert_memory_equal(p + 22, &sha, 6);
    assert_int_equal(ntohl(get_unaligned_be32((const void *) (p + 28))), spa);
    assert_memory_equal(p + 32, &tha, 6);
    assert_int_equal(ntohl(get_unaligned_be32((const void *) (p + 38))), tpa);
    dp_packet_delete(packet);
}

static void
expect_silence(void)
{
    for (int port = 1; port <= CLIENT_PORT; port++) {
        assert_null(fake_output(port));
    }
}

/* Starts, and lets all servers answer when they are asked where they are. */
static void
start_resolved(void)
{
    start();
    fake_pass(10);
    arp(1, ARP_OP_REPLY, server_macs[1], VIP, vmac, 0);
    arp(2, ARP_OP_REPLY, server_macs[2], VIP, vmac, 0);
    arp(3, ARP_OP_REPLY, server_macs[3], SERVER3_IP, vmac, VIP);
    fake_drain();
}

static void
request_for_service(void **state)
{
    (void) state;
    start();
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP, eth_addr_zero,
        VIP);
    expect_arp(CLIENT_PORT, ARP_OP_REPLY, vmac, VIP, client_mac, CLIENT_IP);
    expect_silence();
}

/* The service is in zone 0.  What somebody in another one says about its
 * address, a client's or a server's is about other hosts. */
static void
other_zone(void **state)
{
    (void) state;
    start_resolved();
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP, eth_addr_zero,
        VIP);
    expect_arp(CLIENT_PORT, ARP_OP_REPLY, vmac, VIP, client_mac, CLIENT_IP);
    size_t n_neighs = neighbours_count(fake_ofswitch());

    fake_zone = 7;
    arp(2, ARP_OP_REQUEST, other_mac, OTHER_IP, eth_addr_zero, VIP);
    arp(2, ARP_OP_REPLY, other_mac, CLIENT_IP, vmac, VIP);
    arp(2, ARP_OP_REPLY, other_mac, SERVER3_IP, vmac, VIP);
    arp(2, ARP_OP_REPLY, other_mac, VIP, vmac, 0);
    expect_silence();
    assert_int_equal(neighbours_count(fake_ofswitch()), n_neighs);
    assert_int_equal(neighbours_count_claims(fake_ofswitch()), 0);
    assert_true(eth_addr_equals(server(3)->mac, server_macs[3]));

    /* In zone 0 it would be heard. */
    fake_zone = 0;
    arp(2, ARP_OP_REPLY, other_mac, CLIENT_IP, vmac, VIP);
    assert_int_not_equal(neighbours_count_claims(fake_ofswitch()), 0);
}

/* A host says in zone 0 that it is where the claim of one in another zone puts
 * it: that proves nothing about the other one. */
static void
claim_in_one_zone(void **state)
{
    (void) state;
    start_resolved();
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP, eth_addr_zero,
        VIP);
    arp(2, ARP_OP_REQUEST, other_mac, CLIENT_IP, eth_addr_zero, VIP);
    assert_int_equal(neighbours_count_claims(fake_ofswitch()), 1);
    fake_drain();

    /* The client defends its address, but in another zone: the claim goes
     * on, and the client is asked again. */
    fake_zone = 7;
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP, eth_addr_zero,
        VIP);
    fake_pass(300);
    struct dp_packet *question = fake_output(CLIENT_PORT);
    assert_non_null(question);
    dp_packet_delete(question);

    /* In its own that is the end of it. */
    fake_zone = 0;
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP, eth_addr_zero,
        VIP);
    fake_drain();
    fake_pass(300);
    assert_null(fake_output(CLIENT_PORT));
}

/* RFC 5227 section 2.1.1: a host that wants to take the address learns that
 * it is taken. */
static void
probe_for_service(void **state)
{
    (void) state;
    start();
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, 0, eth_addr_zero, VIP);
    expect_arp(CLIENT_PORT, ARP_OP_REPLY, vmac, VIP, client_mac, 0);

    /* A server that is to share it must not, but is asked whether it does. */
    arp(1, ARP_OP_REQUEST, server_macs[1], 0, eth_addr_zero, VIP);
    expect_arp(1, ARP_OP_REQUEST, vmac, 0, eth_addr_zero, VIP);
    expect_silence();
}

/* A tagged question gets a tagged answer. */
static void
request_with_vlan(void **state)
{
    (void) state;
    start();
    struct dp_packet *packet = dp_packet_new(64);
    compose_arp(packet, ARP_OP_REQUEST, client_mac, eth_addr_zero, true,
                htonl(CLIENT_IP), htonl(VIP));
    eth_push_vlan(packet, htons(ETH_TYPE_VLAN_8021Q), htons(100));
    fake_packet_in(packet, CLIENT_PORT);

    packet = fake_output(CLIENT_PORT);
    assert_non_null(packet);
    assert_memory_equal((uint8_t *) dp_packet_data(packet) + 12,
                        "\x81\x00\x00\x64\x08\x06", 6);
    dp_packet_delete(packet);
}

/* Servers that share the address are asked with a probe, each on its own
 * port; one with its own address is asked in the service's name. */
static void
servers_are_asked(void **state)
{
    (void) state;
    start();
    fake_pass(10);
    expect_arp(1, ARP_OP_REQUEST, vmac, 0, eth_addr_zero, VIP);
    expect_arp(2, ARP_OP_REQUEST, vmac, 0, eth_addr_zero, VIP);
    expect_arp(3, ARP_OP_REQUEST, vmac, VIP, eth_addr_zero, SERVER3_IP);
    expect_silence();

    arp(1, ARP_OP_REPLY, server_macs[1], VIP, vmac, 0);
    assert_true(eth_addr_equals(server(1)->mac, server_macs[1]));
    assert_false(member_is_resolved(server(2)));
    arp(3, ARP_OP_REPLY, server_macs[3], SERVER3_IP, vmac, VIP);
    assert_true(eth_addr_equals(server(3)->mac, server_macs[3]));

    /* Who did not answer is asked again soon, who did not for a while. */
    fake_pass(1000);
    expect_arp(2, ARP_OP_REQUEST, vmac, 0, eth_addr_zero, VIP);
    expect_silence();
    fake_pass(30000);
    expect_arp(1, ARP_OP_REQUEST, vmac, 0, eth_addr_zero, VIP);

    /* Who does not answer for long is gone. */
    fake_pass(200000);
    assert_false(member_is_resolved(server(1)));
}

/* The answer of one server says nothing about another. */
static void
answer_from_elsewhere(void **state)
{
    (void) state;
    start();
    arp(CLIENT_PORT, ARP_OP_REPLY, client_mac, VIP, vmac, 0);
    for (int i = 1; i <= N_SERVERS; i++) {
        assert_false(member_is_resolved(server(i)));
    }
    assert_int_equal(fake_engine()->counters[HC_DROP_ARP], 1);
    arp(3, ARP_OP_REPLY, server_macs[1], VIP, vmac, 0);
    assert_false(member_is_resolved(server(1)));
}

/* A server that shares the address asks for a client: it is told by us what we
 * know, and nobody learns that the address is at the server's MAC. */
static void
sharing_server_asks_for_client(void **state)
{
    (void) state;
    start_resolved();
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP, eth_addr_zero,
        VIP);
    fake_drain();
    arp(1, ARP_OP_REQUEST, server_macs[1], VIP, eth_addr_zero, CLIENT_IP);
    expect_arp(1, ARP_OP_REPLY, client_mac, CLIENT_IP, server_macs[1], VIP);
    expect_silence();
}

/* ... and what we do not know is found out in the service's name. */
static void
sharing_server_asks_for_stranger(void **state)
{
    (void) state;
    start_resolved();
    arp(1, ARP_OP_REQUEST, server_macs[1], VIP, eth_addr_zero, OTHER_IP);
    expect_arp(CLIENT_PORT, ARP_OP_REQUEST, vmac, VIP, eth_addr_zero,
               OTHER_IP);
    fake_drain();
    arp(CLIENT_PORT, ARP_OP_REPLY, other_mac, OTHER_IP, vmac, VIP);
    expect_arp(1, ARP_OP_REPLY, other_mac, OTHER_IP, server_macs[1], VIP);
    expect_silence();

    /* Nobody asked any more. */
    arp(CLIENT_PORT, ARP_OP_REPLY, other_mac, OTHER_IP, vmac, VIP);
    expect_silence();
}

/* Gratuitous ARP (RFC 5227 section 3) by a server stays here, and is a reason
 * to ask. */
static void
sharing_server_announces(void **state)
{
    (void) state;
    start();
    arp(2, ARP_OP_REQUEST, server_macs[2], VIP, eth_addr_zero, VIP);
    expect_arp(2, ARP_OP_REQUEST, vmac, 0, eth_addr_zero, VIP);
    expect_silence();
    assert_false(member_is_resolved(server(2)));
    arp(2, ARP_OP_REPLY, server_macs[2], VIP, vmac, 0);
    assert_true(eth_addr_equals(server(2)->mac, server_macs[2]));
}

static void
impostor(void **state)
{
    (void) state;
    start();
    arp(CLIENT_PORT, ARP_OP_REQUEST, other_mac, VIP, eth_addr_zero,
        CLIENT_IP);
    expect_silence();
    assert_int_equal(fake_engine()->counters[HC_DROP_ARP], 1);
}

/* Anybody can send a SYN with any source: it is not what servers are told. */
static void
syn_teaches_nothing(void **state)
{
    (void) state;
    start_resolved();
    fake_from_client((struct tcp_segment) { .flags = TCP_SYN });
    fake_drain();
    arp(1, ARP_OP_REQUEST, server_macs[1], VIP, eth_addr_zero, CLIENT_IP);
    expect_arp(CLIENT_PORT, ARP_OP_REQUEST, vmac, VIP, eth_addr_zero,
               CLIENT_IP);
}

/* What ARP says is known for a while. */
static void
client_is_forgotten(void **state)
{
    (void) state;
    start_resolved();
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP, eth_addr_zero,
        VIP);
    fake_drain();
    arp(1, ARP_OP_REQUEST, server_macs[1], VIP, eth_addr_zero, CLIENT_IP);
    expect_arp(1, ARP_OP_REPLY, client_mac, CLIENT_IP, server_macs[1], VIP);

    fake_pass(61000);
    fake_drain();
    arp(1, ARP_OP_REQUEST, server_macs[1], VIP, eth_addr_zero, CLIENT_IP);
    expect_arp(CLIENT_PORT, ARP_OP_REQUEST, vmac, VIP, eth_addr_zero,
               CLIENT_IP);
}

/* Anybody can ask in any number of names. */
static void
memory_is_bounded(void **state)
{
    (void) state;
    start();
    for (uint32_t i = 1; i < 20000; i++) {
        arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, 0x0b000000 + i,
            eth_addr_zero, VIP);
        arp(1, ARP_OP_REQUEST, server_macs[1], VIP, eth_addr_zero,
            0x0c000000 + i);
        fake_drain();
    }
    assert_in_range(neighbours_count(fake_ofswitch()), 1, 4096);
    assert_in_range(ovs_list_size(&fake_hswitch()->askers), 1, 64);
}

/* While its MAC address is being asked for, a server can be chosen. */
static void
connection_waits_for_mac(void **state)
{
    struct tcp_segment seg;

    (void) state;
    start();
    fake_pass(10);
    fake_drain();
    fake_from_client((struct tcp_segment) { .seq = 7, .flags = TCP_SYN });
    assert_false(fake_next(1, &seg));
    arp(1, ARP_OP_REPLY, server_macs[1], VIP, vmac, 0);
    fake_now += 20;
    fake_pass(10);

    /* Other servers' probes aside. */
    bool found = false;
    struct dp_packet *packet;
    while ((packet = fake_output(1))) {
        found = found || tcp_segment_parse(packet, &seg) == TCP_SEGMENT_OK;
        dp_packet_delete(packet);
    }
    assert_true(found);
}

/* A server with its own address, that only ARP tells from others. */
static void
start_with_free_server(void)
{
    struct service_config *cfg = fake_config();

    cfg->members[2].has_mac = false;
    free(cfg->members[2].ofport);
    cfg->members[2].ofport = NULL;
    fake_start(cfg);
    fake_pass(10);
    arp(3, ARP_OP_REPLY, server_macs[3], SERVER3_IP, vmac, VIP);
    fake_drain();
}

static void
expect_server3(struct eth_addr mac, ofp_port_t port)
{
    assert_true(eth_addr_equals(server(3)->mac, mac));
    assert_int_equal(server(3)->port, port);
}

/* What comes unasked says nothing of where a server is that nobody knows
 * yet. */
static void
first_answer_is_to_a_question(void **state)
{
    (void) state;
    start();
    for (int i = 0; i < 3; i++) {
        arp(1, ARP_OP_REPLY, server_macs[1], VIP, server_macs[2], 0);
    }
    assert_false(member_is_resolved(server(1)));
    expect_arp(1, ARP_OP_REQUEST, vmac, 0, eth_addr_zero, VIP);
    expect_silence();
    fake_pass(2000);
    arp(1, ARP_OP_REPLY, server_macs[1], VIP, vmac, 0);
    assert_true(member_is_resolved(server(1)));
}

/* A server that is elsewhere is found there when it is not where it was. */
static void
server_moves(void **state)
{
    (void) state;
    start_with_free_server();
    arp(2, ARP_OP_REQUEST, server_macs[3], SERVER3_IP, eth_addr_zero, VIP);
    expect_arp(2, ARP_OP_REPLY, vmac, VIP, server_macs[3], SERVER3_IP);

    /* Asked where it was, three times. */
    for (int i = 0; i < 3; i++) {
        struct dp_packet *packet = fake_output(3);
        assert_non_null(packet);
        dp_packet_delete(packet);
        expect_silence();
        fake_pass(300);
    }
    expect_server3(server_macs[3], 3);

    /* Then where it says it is. */
    struct dp_packet *packet = fake_output(2);
    assert_non_null(packet);
    dp_packet_delete(packet);
    expect_silence();
    arp(2, ARP_OP_REPLY, server_macs[3], SERVER3_IP, vmac, VIP);
    expect_server3(server_macs[3], 2);
}

/* The question is for the host alone, and in the service's name. */
static void
question_is_unicast(void **state)
{
    (void) state;
    start_with_free_server();
    arp(2, ARP_OP_REPLY, other_mac, SERVER3_IP, vmac, VIP);
    struct dp_packet *packet = fake_output(3);
    assert_non_null(packet);
    const uint8_t *p = dp_packet_data(packet);
    assert_memory_equal(p, &server_macs[3], 6);
    assert_memory_equal(p + 6, &vmac, 6);
    assert_int_equal(p[21], ARP_OP_REQUEST);
    assert_int_equal(ntohl(get_unaligned_be32((const void *) (p + 28))), VIP);
    assert_int_equal(ntohl(get_unaligned_be32((const void *) (p + 38))),
                     SERVER3_IP);
    dp_packet_delete(packet);
}

/* Both are silent: it stays what it was, until it has been so for long. */
static void
nobody_answers(void **state)
{
    (void) state;
    start_with_free_server();
    for (int i = 0; i < 20; i++) {
        arp(2, ARP_OP_REQUEST, other_mac, SERVER3_IP, eth_addr_zero, VIP);
        fake_pass(500);
    }
    expect_server3(server_macs[3], 3);
    fake_pass(100000);
    assert_false(member_is_resolved(server(3)));
}

/* Two that say all the time that they have an address cost us next to nothing,
 * in which they get nowhere. */
static void
many_claims(void **state)
{
    unsigned int n_redeclared;
    int n_sent = 0;

    (void) state;
    start_resolved();
    n_redeclared = fake_n_redeclared;
    for (int i = 0; i < 3000; i++) {
        struct dp_packet *packet;

        arp(1, ARP_OP_REPLY, i & 1 ? other_mac : server_macs[1], VIP, vmac, 0);
        if (!(i % 3)) {
            fake_pass(1);
        }
        for (int port = 1; port <= CLIENT_PORT; port++) {
            while ((packet = fake_output(port))) {
                dp_packet_delete(packet);
                n_sent++;
            }
        }
    }
    assert_true(eth_addr_equals(server(1)->mac, server_macs[1]));
    assert_int_equal(fake_n_redeclared, n_redeclared);
    assert_in_range(n_sent, 1, 2);
}

/* What the attacker of the walks below may send, from port 2, about server 3
 * and the client, both of which answer when they are asked. */
static const struct attack {
    uint16_t op;                /* 0: a segment instead of ARP. */
    bool own_mac;
    uint32_t spa;
    uint32_t tpa;
} attacks[] = {
    { ARP_OP_REPLY, true, SERVER3_IP, VIP },
    { ARP_OP_REPLY, false, SERVER3_IP, VIP },
    { ARP_OP_REQUEST, true, SERVER3_IP, VIP },
    { ARP_OP_REQUEST, true, CLIENT_IP, VIP },
    { ARP_OP_REQUEST, false, CLIENT_IP, VIP },
    { ARP_OP_REPLY, true, CLIENT_IP, VIP },
    { 0, true, SERVER3_IP, CLIENT_IP },
    { 0, true, CLIENT_IP, VIP },
    { 0, false, CLIENT_IP, VIP },
};

static void
attack(const struct attack *a)
{
    struct eth_addr mac = (a->own_mac ? other_mac
                           : a->spa == CLIENT_IP ? client_mac
                           : server_macs[3]);

    if (a->op) {
        arp(2, a->op, mac, a->spa, vmac, a->tpa);
        return;
    }
    struct tcp_segment seg = {
        .eth_src = mac,
        .eth_dst = vmac,
        .ip_src = htonl(a->spa),
        .ip_dst = htonl(a->tpa),
        .tp_src = htons(a->spa == CLIENT_IP ? 40000 : 8080),
        .tp_dst = htons(a->spa == CLIENT_IP ? VIP_PORT : 40000),
        .seq = 4711,
        .ack = 815,
        .flags = TCP_ACK,
    };
    fake_packet_in(tcp_segment_compose(&seg), 2);
}

/* Lets the server, the client and the attacker answer what they are asked by
 * ARP. */
static void
answer(void)
{
    static const struct { ofp_port_t port; uint32_t ip; } hosts[] = {
        { 3, SERVER3_IP }, { CLIENT_PORT, CLIENT_IP },
        { 2, SERVER3_IP }, { 2, CLIENT_IP },
    };
    struct { ofp_port_t port; uint32_t ip; struct eth_addr mac; } asked[64];
    size_t n = 0;
    ofp_port_t port;

    while ((port = fake_oldest_output()) != OFPP_NONE) {
        struct dp_packet *packet = fake_output(port);
        const uint8_t *p = dp_packet_data(packet);

        if (p[12] == 0x08 && p[13] == 0x06 && p[21] == ARP_OP_REQUEST
            && n < ARRAY_SIZE(asked)) {
            asked[n].port = port;
            asked[n].ip = ntohl(get_unaligned_be32((const void *) (p + 38)));
            asked[n].mac = (port == 3 ? server_macs[3]
                            : port == CLIENT_PORT ? client_mac : other_mac);
            if (port == 2 && !(p[0] & 1)) {
                memcpy(&asked[n].mac, p, sizeof asked[n].mac);
            }
            n++;
        }
        dp_packet_delete(packet);
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < ARRAY_SIZE(hosts); j++) {
            if (hosts[j].port == asked[i].port && hosts[j].ip == asked[i].ip) {
                arp(asked[i].port, ARP_OP_REPLY, asked[i].mac, asked[i].ip,
                    vmac, VIP);
            }
        }
    }
}

/* A connection that server 3 has, of the client. */
static void
establish(void)
{
    static const char request[] = "GET /video/ HTTP/1.1\r\n\r\n";
    struct tcp_segment seg = { .seq = 1000, .window = 1000 };

    seg.flags = TCP_SYN;
    fake_from_client(seg);
    fake_from_server(1, (struct tcp_segment) {
        .seq = 5000, .ack = 1001, .window = 1000,
        .flags = TCP_SYN | TCP_ACK,
    });
    seg.seq = 1001;
    seg.ack = 5001;
    seg.flags = TCP_ACK | TCP_PSH;
    seg.payload = (const uint8_t *) request;
    seg.len = strlen(request);
    fake_from_client(seg);
    fake_from_server(3, (struct tcp_segment) {
        .seq = 9000, .ack = 1001, .window = 1000,
        .flags = TCP_SYN | TCP_ACK,
    });
    assert_int_equal(fake_n_flows(), 2);
    fake_pass(2000);
    fake_drain();
}

/* Whatever an attacker sends, in whatever order, whether he waits or not, and
 * although he answers all that he is asked: hosts that answer where they are
 * stay there, and so do their connections. */
static void
attackers_move_nobody(void **state)
{
    const size_t n = ARRAY_SIZE(attacks);

    (void) state;
    for (size_t walk = 0; walk < n * n * n * n * 2; walk++) {
        struct service_config *cfg = fake_config();

        cfg->members[2].has_mac = false;
        free(cfg->members[2].ofport);
        cfg->members[2].ofport = NULL;
        fake_add_rule(cfg, "/video/*", 3);
        fake_start(cfg);
        fake_pass(10);
        arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP,
            eth_addr_zero, VIP);
        arp(3, ARP_OP_REPLY, server_macs[3], SERVER3_IP, vmac, VIP);
        fake_drain();
        establish();

        size_t left = walk >> 1;
        for (int i = 0; i < 4; i++) {
            attack(&attacks[left % n]);
            left /= n;
            if (walk & 1) {
                answer();
                fake_pass(20);
            }
        }
        for (int i = 0; i < 200; i++) {
            answer();
            fake_pass(10);
        }
        expect_server3(server_macs[3], 3);
        assert_int_equal(fake_counter(HC_RELOCATED), 0);
        fake_drain();
        struct tcp_segment seg = {
            .seq = 9001, .ack = 1001, .window = 1000, .flags = TCP_ACK,
        };
        fake_from_server(3, seg);
        assert_true(fake_next(CLIENT_PORT, &seg));
        assert_null(fake_output(2));
        fake_stop();
    }
    start();
}

#define TEST(NAME) cmocka_unit_test_teardown(NAME, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_for_service),
        TEST(other_zone),
        TEST(claim_in_one_zone),
        TEST(probe_for_service),
        TEST(request_with_vlan),
        TEST(servers_are_asked),
        TEST(answer_from_elsewhere),
        TEST(sharing_server_asks_for_client),
        TEST(sharing_server_asks_for_stranger),
        TEST(sharing_server_announces),
        TEST(impostor),
        TEST(syn_teaches_nothing),
        TEST(client_is_forgotten),
        TEST(memory_is_bounded),
        TEST(connection_waits_for_mac),
        TEST(first_answer_is_to_a_question),
        TEST(server_moves),
        TEST(question_is_unicast),
        TEST(nobody_answers),
        TEST(many_claims),
        TEST(attackers_move_nobody),
    };

    return cmocka_run_group_tests_name("handover-arp", tests, NULL, NULL);
}
