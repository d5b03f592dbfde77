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
    fake_switch_start(cfg);
}

static int
stop(void **state)
{
    (void) state;
    fake_switch_stop();
    return 0;
}

static struct member *
server(int n)
{
    return service_lookup(fake_hswitch(), htonl(VIP),
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

/* RFC 5227 section 2.1.1: a host that wants to take the address learns that
 * it is taken. */
static void
probe_for_service(void **state)
{
    (void) state;
    start();
    arp(CLIENT_PORT, ARP_OP_REQUEST, client_mac, 0, eth_addr_zero, VIP);
    expect_arp(CLIENT_PORT, ARP_OP_REPLY, vmac, VIP, client_mac, 0);

    /* A server that is to share it must not. */
    arp(1, ARP_OP_REQUEST, server_macs[1], 0, eth_addr_zero, VIP);
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
    assert_int_equal(fake_hswitch()->counters[HC_DROP_ARP], 1);
    arp(3, ARP_OP_REPLY, server_macs[1], VIP, vmac, 0);
    assert_false(member_is_resolved(server(1)));
}

/* A server that shares the address asks for a client: it is told by us what we
 * know, and nobody learns that the address is at the server's MAC. */
static void
sharing_server_asks_for_client(void **state)
{
    (void) state;
    start();
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
    start();
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

/* Gratuitous ARP (RFC 5227 section 3) by a server stays here. */
static void
sharing_server_announces(void **state)
{
    (void) state;
    start();
    arp(2, ARP_OP_REQUEST, server_macs[2], VIP, eth_addr_zero, VIP);
    expect_silence();
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
    assert_int_equal(fake_hswitch()->counters[HC_DROP_ARP], 1);
}

/* Anybody can send a SYN with any source: it is not what servers are told. */
static void
syn_teaches_nothing(void **state)
{
    (void) state;
    start();
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
    start();
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
    assert_in_range(hmap_count(&fake_hswitch()->neighs), 1, 4096);
    assert_in_range(ovs_list_size(&fake_hswitch()->askers), 1, 64);
}

/* While its MAC address is being asked for, a server can be chosen. */
static void
connection_waits_for_mac(void **state)
{
    struct tcp_segment seg;

    (void) state;
    start();
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

#define TEST(NAME) cmocka_unit_test_teardown(NAME, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_for_service),
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
    };

    return cmocka_run_group_tests_name("handover-arp", tests, NULL, NULL);
}
