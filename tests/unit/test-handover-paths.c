/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Hosts that move or are forged, and connections that go past the service. */

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
#include "utilities/tasukid/apps/handover/flows.h"

static void
arp_from(ofp_port_t port, uint16_t op, struct eth_addr mac, uint32_t ip)
{
    static const struct eth_addr vmac = ETH_ADDR_C(02,54,0a,00,00,01);
    struct dp_packet *packet = dp_packet_new(64);

    compose_arp(packet, op, mac, op == ARP_OP_REPLY ? vmac : eth_addr_zero,
                op == ARP_OP_REQUEST, htonl(ip), htonl(VIP));
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

/* Lets a claim that nobody defends go on until its new place is asked. */
static void
pass_silence(void)
{
    fake_pass(1000);
    fake_drain();
}

/* A host that shows up at another port is followed, if it is not where it was
 * any more and ARP says that it is there. */
static void
client_moves(void **state)
{
    (void) state;
    start();
    arp_from(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP);
    fake_drain();
    move(2, GET_IMAGES);
    fake_pass(2000);
    fake_drain();

    client_on_port(3, from_client(TCP_ACK, ""), client_mac);
    expect_only_arp(CLIENT_PORT);
    assert_int_equal(fake_counter(HC_RELOCATED), 0);
    assert_int_equal(fake_counter(HC_DROP_LOCATION), 1);
    pass_silence();

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

/* What is behind a gateway speaks no ARP: it moves with the gateway, when one
 * of its addresses moves and none stays. */
static void
gateway_moves(void **state)
{
    (void) state;
    start();
    arp_from(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP + 1);
    arp_from(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP + 2);
    fake_drain();
    move(2, GET_IMAGES);
    fake_pass(2000);
    fake_drain();
    for (int i = 1; i <= 2; i++) {
        client_on_port(3, from_client(TCP_ACK, ""), client_mac);
        assert_int_equal(fake_counter(HC_RELOCATED), 0);
        pass_silence();
        arp_from(3, ARP_OP_REPLY, client_mac, CLIENT_IP + i);
    }
    client_on_port(3, from_client(TCP_ACK, ""), client_mac);
    assert_int_equal(fake_counter(HC_RELOCATED), 1);
}

/* Somebody has the gateway's MAC address, and addresses of his own. */
static void
gateway_is_forged(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    arp_from(3, ARP_OP_REQUEST, client_mac, CLIENT_IP + 3);
    fake_pass(2000);
    for (int i = 0; i < 3; i++) {
        client_on_port(3, from_client(TCP_ACK, ""), client_mac);
        pass_silence();
        arp_from(3, ARP_OP_REPLY, client_mac, CLIENT_IP + 3);
        arp_from(3, ARP_OP_REPLY, client_mac, CLIENT_IP);
    }
    assert_int_equal(fake_counter(HC_RELOCATED), 0);

    /* Nor if the gateway is known, and answers. */
    arp_from(CLIENT_PORT, ARP_OP_REQUEST, client_mac, CLIENT_IP + 1);
    for (int i = 0; i < 3; i++) {
        client_on_port(3, from_client(TCP_ACK, ""), client_mac);
        arp_from(CLIENT_PORT, ARP_OP_REPLY, client_mac, CLIENT_IP + 1);
        pass_silence();
        arp_from(3, ARP_OP_REPLY, client_mac, CLIENT_IP + 1);
    }
    assert_int_equal(fake_counter(HC_RELOCATED), 0);
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

#define S3_IP 0x0a000003
#define S3_PORT 8080

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
    assert_int_equal(ntohl(out.ip_src), S3_IP);
    assert_int_equal(ntohs(out.tp_src), S3_PORT);
    expect_nothing_anywhere();
}

/* The same from and to other ports of the two. */
static void
direct_segment_to(uint16_t client_tp, uint16_t flags)
{
    struct tcp_segment out;

    packet_from(3, (struct tcp_segment) { .seq = 1, .ack = 2, .flags = flags,
                                          .eth_dst = client_mac },
                server_macs[3], S3_IP, S3_PORT, CLIENT_IP, client_tp);
    assert_true(fake_next(CLIENT_PORT, &out));
    assert_int_equal(ntohs(out.tp_dst), client_tp);
    expect_nothing_anywhere();
}

static uint64_t
n_direct(void)
{
    return fake_engine()->counters[HC_DIRECT];
}

/* Somebody talks to a server by its own address: the first segment says so,
 * and that is all there is to do for any number of connections. */
static void
direct_connections(void **state)
{
    (void) state;
    start();
    direct_segment(TCP_SYN | TCP_ACK, 4711);
    assert_int_equal(fake_n_flows(), 1);
    direct_segment(TCP_ACK, 4712);
    direct_segment(TCP_ACK | TCP_FIN, 4712);
    direct_segment(TCP_RST, 4712);
    for (int port = 50000; port < 50100; port++) {
        direct_segment_to(port, TCP_SYN | TCP_ACK);
        direct_segment_to(port, TCP_ACK);
        direct_segment_to(port, TCP_RST);
    }
    assert_int_equal(fake_n_flows(), 1);
    assert_int_equal(fake_n_packet_ins, 1);
    assert_int_equal(n_direct(), 1);

    fake_expire(ENTRY_NONE);
    assert_int_equal(fake_engine()->n_direct, 0);
    assert_int_equal(hmap_count(&fake_engine()->pairs), 0);

    /* No reset is a reason, and no more than the table takes. */
    direct_segment(TCP_RST, 1);
    assert_int_equal(fake_n_flows(), 0);
    fake_table_full = true;
    direct_segment(TCP_ACK, 1);
    direct_segment(TCP_ACK, 1);
    fake_table_full = false;
    direct_segment(TCP_ACK, 1);
    assert_int_equal(fake_n_flows(), 0);
    fake_pass(6000);
    direct_segment(TCP_ACK, 1);
    assert_int_equal(fake_n_flows(), 1);
    assert_int_equal(n_direct(), 2);
}

/* Asserts that server 3 is asked for an answer that is no SYN-ACK: by what lies
 * before its window. */
static void
expect_probe(void)
{
    expect(3, TCP_ACK, C_ISN, S3_ISN + 1, "");
    expect_nothing_anywhere();
}

/* A client that does that, and uses the service, too: what belongs to the
 * service is taken out as soon as the datapath knows. */
static void
direct_and_moved(void **state)
{
    (void) state;
    start();
    direct_segment_to(50000, TCP_SYN | TCP_ACK);
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_VIDEO));
    expect_syn(3);

    /* The datapath has not noticed: the answer goes to the client, and it has
     * the server forget that. */
    fake_pass(20);
    expect_syn(3);
    server_synack(3);
    expect_probe();

    /* The same with what comes next, and the server answers another way. */
    fake_pass(80);
    expect_syn(3);
    server_synack(3);
    expect_probe();
    fake_from_server(3, from_server(3, TCP_ACK, 0, ""));
    expect(3, TCP_ACK | TCP_PSH, C_ISN + 1, S3_ISN + 1, GET_VIDEO);
    fake_drain();
    fake_from_server(3, from_server(3, TCP_ACK, 0, "video"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "video");
    direct_segment_to(50000, TCP_ACK);

    /* Direct, watched, and both ways. */
    assert_int_equal(fake_n_flows(), 4);
    fake_from_server(3, from_server(3, TCP_RST, 0, ""));
    expect(CLIENT_PORT, TCP_RST, S1_ISN + 1, 0, "");
    fake_drain();

    /* The same after a restart. */
    fake_restart();
    assert_int_equal(fake_n_flows(), 4);
    direct_segment_to(50000, TCP_RST);
    fake_from_server(3, from_server(3, TCP_RST, 0, ""));
    expect(CLIENT_PORT, TCP_RST, S1_ISN + 1, 0, "");
    fake_drain();

    fake_expire(ENTRY_TO_CLIENT);
    fake_expire(ENTRY_TO_SERVER);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_n_flows(), 1);
}

/* The other way round: one that is there already is watched from then on. */
static void
moved_and_direct(void **state)
{
    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_drain();
    assert_int_equal(fake_n_flows(), 2);
    direct_segment_to(50000, TCP_SYN | TCP_ACK);
    assert_int_equal(fake_n_flows(), 4);
    fake_from_server(3, from_server(3, TCP_ACK, 0, "video"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "video");
    fake_from_server(3, from_server(3, TCP_RST, 0, ""));
    expect(CLIENT_PORT, TCP_RST, S1_ISN + 1, 0, "");
}

/* A server that is tried and not used is not watched any longer. */
static void
direct_and_refused(void **state)
{
    (void) state;
    start();
    direct_segment_to(50000, TCP_SYN | TCP_ACK);
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_VIDEO));
    expect_syn(3);
    fake_from_server(3, (struct tcp_segment) { .ack = C_ISN + 1,
                                               .flags = TCP_RST | TCP_ACK });
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_VIDEO);
    assert_int_equal(fake_n_flows(), 3);

    /* A late answer is not the client's business. */
    struct tcp_segment out;
    server_synack(3);
    assert_true(fake_next(CLIENT_PORT, &out));
    assert_int_equal(ntohl(out.ip_src), S3_IP);
}

/* Without room to watch it, another server has to do. */
static void
direct_without_room(void **state)
{
    (void) state;
    start();
    direct_segment_to(50000, TCP_SYN | TCP_ACK);
    shake_hands();
    fake_table_full = true;
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_VIDEO));
    expect_syn(3);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_VIDEO);
    expect_nothing(3);
}

static void
request_to_server_3(bool direct)
{
    start();
    if (direct) {
        direct_segment_to(50000, TCP_SYN | TCP_ACK);
    }
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_VIDEO));
    expect_syn(3);
}

/* The server has a direct connection with the very ports, and says so.  The
 * client sees that, and all else that belongs to it; another server gets the
 * request (RFC 5961 section 4). */
static void
direct_connection_has_ports(void **state)
{
    (void) state;
    for (int direct = 0; direct < 2; direct++) {
        request_to_server_3(direct);
        direct_segment(TCP_ACK, 4712);
        direct_segment(TCP_ACK | TCP_PSH, 4712);
        fake_pass(100);
        expect_syn(3);
        direct_segment(TCP_ACK, 4713);
        fake_pass(50);
        expect_nothing_anywhere();
        fake_pass(60);
        expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_VIDEO);
        assert_int_equal(fake_counter(HC_COLLIDED), 1);
        assert_int_equal(fake_counter(HC_SILENT), 0);
        direct_segment(TCP_ACK, 4713);
        direct_segment(TCP_ACK | TCP_FIN, 4713);
        direct_segment(TCP_RST, 4714);
        fake_from_server(1, from_server(1, TCP_ACK, 0, "other"));
        expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "other");
        fake_stop();
    }
    start();
}

/* Nobody knows of that connection but the server: the client resets it, by the
 * direct way, and then the server takes the SYN. */
static void
server_has_old_connection(void **state)
{
    (void) state;
    for (int direct = 0; direct < 2; direct++) {
        request_to_server_3(direct);
        direct_segment(TCP_ACK, 4712);
        fake_pass(100);
        expect_syn(3);
        server_synack(3);
        if (direct) {
            expect_probe();
            fake_from_server(3, from_server(3, TCP_ACK, 0, ""));
        }
        expect(3, TCP_ACK | TCP_PSH, C_ISN + 1, S3_ISN + 1, GET_VIDEO);
        assert_int_equal(fake_counter(HC_MOVED), 1);
        assert_int_equal(fake_counter(HC_COLLIDED), 0);
        fake_stop();
    }
    start();
}

/* A direct connection begins while one by way of the service, with the same
 * ports, is being inspected on another server. */
static void
direct_connection_meanwhile(void **state)
{
    (void) state;
    start();
    shake_hands();
    direct_segment(TCP_SYN | TCP_ACK, 4711);
    direct_segment(TCP_ACK, 4712);
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_OTHER));
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_OTHER);
    direct_segment(TCP_ACK, 4712);
}

/* A server that takes a SYN that came directly is done with the connection
 * that we had there, and says so when it is asked. */
static void
direct_connection_takes_ports(void **state)
{
    (void) state;
    for (int direct = 0; direct < 2; direct++) {
        start();
        if (direct) {
            direct_segment_to(50000, TCP_SYN | TCP_ACK);
        }
        shake_hands();
        fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_VIDEO));
        server_synack(3);
        if (direct) {
            fake_from_server(3, from_server(3, TCP_ACK, 0, ""));
        }
        fake_drain();
        assert_int_equal(fake_counter(HC_MOVED), 1);
        fake_from_server(3, (struct tcp_segment) {
            .seq = 4711, .ack = 815, .flags = TCP_SYN | TCP_ACK });
        struct tcp_segment question;
        assert_true(fake_next(3, &question));
        assert_int_equal(question.flags, TCP_ACK);
        expect_nothing_anywhere();
        assert_int_equal(n_conns(), 1);
        fake_from_server(3, (struct tcp_segment) { .seq = question.ack,
                                                   .flags = TCP_RST });
        expect_nothing_anywhere();
        fake_pass(60);
        assert_int_equal(fake_n_flows(), direct);
        assert_int_equal(n_conns(), 0);

        /* It repeats itself when nobody answers. */
        direct_segment(TCP_SYN | TCP_ACK, 4711);
        assert_int_equal(fake_n_flows(), 1);
        direct_segment(TCP_ACK, 4712);
        fake_stop();
    }

    /* Its SYN-ACK once more was no such thing. */
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
        TEST(client_moves),
        TEST(gateway_moves),
        TEST(gateway_is_forged),
        TEST(client_is_forged),
        TEST(server_is_forged),
        TEST(direct_connections),
        TEST(direct_and_moved),
        TEST(moved_and_direct),
        TEST(direct_and_refused),
        TEST(direct_without_room),
        TEST(direct_connection_has_ports),
        TEST(server_has_old_connection),
        TEST(direct_connection_meanwhile),
        TEST(direct_connection_takes_ports),
    };

    return cmocka_run_group_tests_name("handover-paths", tests, NULL,
                                       NULL);
}
