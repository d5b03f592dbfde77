/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handover-hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "flow.h"
#include "handover-peer.h"
#include "packets.h"
#include "util.h"

/* The numbers of all who belong here are close to these. */
#define CLIENT_ISS 0x11000000
#define SERVER_ISS 0x12000000

/* The hosts, and the network between them. */

struct tcp_host client, servers[N_SERVERS + 1];

static void
client_sends(struct tcp_host *h OVS_UNUSED, struct tcp_segment seg)
{
    seg.tp_src = htons(HOSTS_PORT);
    fake_from_client(seg);
}

static void
server_sends(struct tcp_host *h, struct tcp_segment seg)
{
    seg.tp_dst = htons(HOSTS_PORT);
    fake_from_server(h->number, seg);
}

/* Packets on their way, that take their time. */
static struct {
    struct dp_packet *packet;
    int port;
} delayed[16];
size_t n_delayed;

bool syns_are_lost;

/* Whoever is asked says where he is. */
static bool
answer_arp(const struct dp_packet *packet, int port)
{
    const struct arp_eth_header *arp;
    uint32_t ip = (port == CLIENT_PORT ? CLIENT_IP
                   : port == 3 ? 0x0a000003 : 0);
    struct flow flow;

    flow_extract(CONST_CAST(struct dp_packet *, packet), &flow);
    if (flow.dl_type != htons(ETH_TYPE_ARP)) {
        return false;
    }
    arp = dp_packet_l3(packet);
    if (ip && arp->ar_op == htons(ARP_OP_REQUEST)
        && get_16aligned_be32(&arp->ar_tpa) == htonl(ip)) {
        struct dp_packet *reply = dp_packet_new(64);

        compose_arp(reply, ARP_OP_REPLY,
                    port == CLIENT_PORT ? client_mac : server_macs[port],
                    arp->ar_sha, false, htonl(ip),
                    get_16aligned_be32(&arp->ar_spa));
        fake_packet_in(reply, port);
    }
    return true;
}

static void
deliver(struct dp_packet *packet, int port)
{
    struct tcp_host *h = port == CLIENT_PORT ? &client : &servers[port];
    const struct eth_addr *mac = (port == CLIENT_PORT ? &client_mac
                                  : &server_macs[port]);
    struct tcp_segment seg;

    if (!answer_arp(packet, port)
        && !tcp_segment_parse(packet, &seg)
        && eth_addr_equals(seg.eth_dst, *mac)
        && (port != CLIENT_PORT || (seg.ip_src == htonl(VIP)
                                    && seg.tp_dst == htons(HOSTS_PORT)))
        && !(syns_are_lost && port != CLIENT_PORT && seg.flags == TCP_SYN)) {
        tcp_host_receive(h, &seg);
    }
    dp_packet_delete(packet);
}

/* Lets everything arrive that is on its way to 'ports', a bit for each. */
void
pump_to(unsigned int ports)
{
    for (int i = 0; i < 1000; i++) {
        int port = fake_oldest_output();

        if (port == (OVS_FORCE int) OFPP_NONE) {
            return;
        }
        struct dp_packet *packet = fake_output(port);
        if (ports & 1u << port) {
            deliver(packet, port);
        } else if (n_delayed < ARRAY_SIZE(delayed)) {
            delayed[n_delayed].packet = packet;
            delayed[n_delayed++].port = port;
        } else {
            dp_packet_delete(packet);
        }
    }
    fail_msg("they never stop");
}

void
pump(void)
{
    pump_to(UINT_MAX);
}

void
deliver_delayed_to(unsigned int ports)
{
    size_t n = n_delayed;

    n_delayed = 0;
    for (size_t i = 0; i < n; i++) {
        deliver(delayed[i].packet, delayed[i].port);
    }
    pump_to(ports);
}

void
deliver_delayed(void)
{
    deliver_delayed_to(UINT_MAX);
}

/* Servers answer each line with their name. */
void
servers_answer(void)
{
    for (int i = 1; i <= N_SERVERS; i++) {
        struct tcp_host *h = &servers[i];
        const char *end = strstr(h->in, "\r\n\r\n");

        if (h->state == HOST_ESTABLISHED && end) {
            char answer[8];

            h->n_in = 0;
            h->in[0] = '\0';
            snprintf(answer, sizeof answer, "%d\n", i);
            tcp_host_say(h, answer);
            pump();
        }
    }
}

void
pass(int ms)
{
    for (; ms > 500; ms -= 500) {
        fake_pass(500);
        pump();
    }
    fake_pass(ms);
    pump();
}

/* What gets lost is sent again. */
void
retransmit(void)
{
    tcp_host_timeout(&client);
    pump();
    for (int i = 1; i <= N_SERVERS; i++) {
        tcp_host_timeout(&servers[i]);
        pump();
    }
    servers_answer();
}

bool
ask(const char *request, const char *answer)
{
    if (client.state != HOST_ESTABLISHED || client.fin_sent) {
        return false;
    }
    client.n_in = 0;
    client.in[0] = '\0';
    tcp_host_say(&client, request);
    pump();
    servers_answer();
    for (int i = 0; i < 10 && strcmp(client.in, answer); i++) {
        pass(500);
        retransmit();
    }
    return !strcmp(client.in, answer);
}

void
hosts_start(void)
{
    start();
    fake_flows_age = true;
    n_delayed = 0;
    syns_are_lost = false;
    tcp_host_init(&client, false, 0, CLIENT_ISS, client_sends);
    for (int i = 1; i <= N_SERVERS; i++) {
        tcp_host_init(&servers[i], true, i, SERVER_ISS + 1000 * i,
                      server_sends);
    }
}

void
hosts_stop(void)
{
    while (n_delayed) {
        dp_packet_delete(delayed[--n_delayed].packet);
    }
    fake_stop();
}
