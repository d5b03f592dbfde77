/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "fake-net.h"

#include <stdlib.h>

#include "packets.h"
#include "util.h"

const struct eth_addr client_mac = ETH_ADDR_C(02,00,00,00,00,09);
const struct eth_addr server_macs[N_SERVERS + 1] = {
    [1] = ETH_ADDR_C(02,00,00,00,00,01),
    [2] = ETH_ADDR_C(02,00,00,00,00,02),
    [3] = ETH_ADDR_C(02,00,00,00,00,03),
};

long long int fake_now = 1000000;
bool fake_table_full;
unsigned int fake_n_packet_ins;
bool fake_flows_age;
size_t fake_n_flow_mods;
size_t fake_n_packet_outs;
unsigned int fake_n_redeclared;
struct service_config *fake_cfg;

/* Contains 'struct fake_packet's. */
static struct ovs_list outputs;

struct fake_packet {
    struct ovs_list node;
    struct dp_packet *packet;
    ofp_port_t port;
};

/* Packets that leave. */

void
fake_send(const struct dp_packet *packet, ofp_port_t port)
{
    struct fake_packet *p = xmalloc(sizeof *p);

    p->packet = dp_packet_clone(packet);
    p->port = port;
    ovs_list_push_back(&outputs, &p->node);
}

void
fake_flood(const struct dp_packet *packet)
{
    fake_send(packet, CLIENT_PORT);
    for (int i = 1; i <= N_SERVERS; i++) {
        fake_send(packet, i);
    }
}

/* What the forwarding application would do. */
void
fake_send_by_mac(const struct dp_packet *packet)
{
    const struct eth_header *eth = dp_packet_data(packet);

    if (eth_addr_equals(eth->eth_dst, client_mac)) {
        fake_send(packet, CLIENT_PORT);
        return;
    }
    for (int i = 1; i <= N_SERVERS; i++) {
        if (eth_addr_equals(eth->eth_dst, server_macs[i])) {
            fake_send(packet, i);
            return;
        }
    }
    fake_flood(packet);
}

struct dp_packet *
fake_output(ofp_port_t port)
{
    struct fake_packet *p;

    LIST_FOR_EACH (p, node, &outputs) {
        if (p->port == port) {
            struct dp_packet *packet = p->packet;
            ovs_list_remove(&p->node);
            free(p);
            return packet;
        }
    }
    return NULL;
}

ofp_port_t
fake_oldest_output(void)
{
    return (ovs_list_is_empty(&outputs) ? OFPP_NONE
            : CONTAINER_OF(ovs_list_front(&outputs), struct fake_packet,
                           node)->port);
}

bool
fake_next(ofp_port_t port, struct tcp_segment *seg)
{
    static struct dp_packet *last;

    dp_packet_delete(last);
    last = fake_output(port);
    if (!last) {
        return false;
    }
    enum tcp_segment_error error = tcp_segment_parse(last, seg);
    ovs_assert(error == TCP_SEGMENT_OK);
    return true;
}

void
fake_drain(void)
{
    struct fake_packet *p;

    LIST_FOR_EACH_POP (p, node, &outputs) {
        dp_packet_delete(p->packet);
        free(p);
    }
}

/* Packets that come in. */

static void
inject(struct tcp_segment *seg, ofp_port_t port)
{
    fake_packet_in(tcp_segment_compose(seg), port);
}

void
fake_from_client(struct tcp_segment seg)
{
    seg.eth_src = client_mac;
    seg.eth_dst = fake_cfg->mac;
    seg.ip_src = htonl(CLIENT_IP);
    seg.ip_dst = htonl(VIP);
    seg.tp_src = seg.tp_src ? seg.tp_src : htons(40000);
    seg.tp_dst = htons(VIP_PORT);
    inject(&seg, CLIENT_PORT);
}

void
fake_from_server(int n, struct tcp_segment seg)
{
    seg.eth_src = server_macs[n];
    seg.eth_dst = client_mac;
    seg.ip_src = htonl(n == 3 ? 0x0a000003 : VIP);
    seg.ip_dst = htonl(CLIENT_IP);
    seg.tp_src = htons(n == 3 ? 8080 : VIP_PORT);
    seg.tp_dst = seg.tp_dst ? seg.tp_dst : htons(40000);
    inject(&seg, n);
}

/* Configuration. */

static struct uuid
server_uuid(int n)
{
    return (struct uuid) { .parts = { 0x5e, n } };
}

struct service_config *
fake_config(void)
{
    struct uuid uuid = { .parts = { 0x5c } };
    struct service_config *cfg = service_config_create(&uuid, "web",
                                                       htonl(VIP),
                                                       htons(VIP_PORT));
    for (int i = 1; i <= N_SERVERS; i++) {
        char *name = xasprintf("server%d", i);

        uuid = server_uuid(i);
        struct member_config *m = service_config_add_member(cfg, &uuid, name);
        free(name);
        m->ofport = xasprintf("%d", i);
        m->has_mac = true;
        m->mac = server_macs[i];
        if (i == 3) {
            m->address = htonl(0x0a000003);
            m->port = htons(8080);
        }
    }
    cfg->default_server = server_uuid(1);
    return cfg;
}

void
fake_add_rule(struct service_config *cfg, const char *path, int n)
{
    struct uuid uuid = { .parts = { 0x1e, cfg->rules.n_rules } };
    struct rule *rule = rule_create(&uuid, 0);

    rule_add_condition(rule, RULE_PATH, path);
    uuid = server_uuid(n);
    rule_add_server(rule, &uuid);
    rule_set_add(&cfg->rules, rule);
}

static void
refuse_no_rule(const struct rule *rule OVS_UNUSED, const char *name OVS_UNUSED,
               const char *reason OVS_UNUSED)
{
    OVS_NOT_REACHED();
}

void
fake_net_configure(struct service_config *cfg)
{
    if (cfg && !cfg->rules.n_fields) {
        rule_set_finish(&cfg->rules, refuse_no_rule);
    }
    service_config_unref(fake_cfg);
    fake_cfg = cfg;
}

/* Life. */

void
fake_net_start(void)
{
    ovs_list_init(&outputs);
    fake_table_full = fake_flows_age = false;
    fake_n_packet_ins = 0;
    fake_n_flow_mods = fake_n_packet_outs = 0;
}

void
fake_net_stop(void)
{
    struct tcp_segment seg;

    fake_drain();
    fake_next(OFPP_NONE, &seg);
    ovs_assert(!fake_shared->n_in_progress);
    ovs_assert(!fake_shared->held.used);
}

uint64_t
fake_counter(enum handover_counter counter)
{
    const struct service *service = service_lookup(fake_engine(), 0,
                                                   htonl(VIP),
                                                   htons(VIP_PORT));
    return service->counters[counter];
}
