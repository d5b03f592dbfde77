/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "neigh.h"

#include <stdlib.h>

#include "dp-packet.h"
#include "hash.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "service.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/app.h"
#include "utilities/tasukid/ofswitch.h"

VLOG_DEFINE_THIS_MODULE(handover_neigh);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* Who is not known is asked for, so that neither time nor number needs to be
 * generous. */
#define NEIGH_TIMEOUT_MS 60000
#define NEIGH_MAX 4096

/* As long as Linux waits for an answer before it asks again. */
#define ASKER_TIMEOUT_MS 1000
#define ASKERS_MAX 64

/* How often to ask where a server is that something seems to come from, and
 * how long its answer may take. */
#define CHECK_INTERVAL_MS 1000
#define ANSWER_TIMEOUT_MS 1000

/* Of the bucket for asking where clients are, which gets one a millisecond. */
#define CHECK_COST 20

struct neigh {
    struct hmap_node hmap_node; /* In hswitch's 'neighs'. */
    struct ovs_list lru_node;   /* In hswitch's 'neigh_lru'. */
    ovs_be32 ip;
    struct eth_addr mac;
    ofp_port_t port;
    long long int used;         /* In ms. */
};

/* A server that waits to be told where 'target' is. */
struct asker {
    struct ovs_list node;       /* In hswitch's 'askers'. */
    ovs_be32 target;
    ovs_be32 vip;               /* What it calls itself. */
    struct eth_addr mac;
    ofp_port_t port;
    ovs_be16 vlan_tci;
    long long int expires;      /* In ms. */
};

/* Table. */

static uint32_t
hash_ip(ovs_be32 ip)
{
    return hash_int((OVS_FORCE uint32_t) ip, 0);
}

static struct neigh *
neigh_lookup(const struct hswitch *hsw, ovs_be32 ip)
{
    struct neigh *neigh;

    HMAP_FOR_EACH_WITH_HASH (neigh, hmap_node, hash_ip(ip), &hsw->neighs) {
        if (neigh->ip == ip) {
            return neigh;
        }
    }
    return NULL;
}

static void
neigh_delete(struct hswitch *hsw, struct neigh *neigh)
{
    hmap_remove(&hsw->neighs, &neigh->hmap_node);
    ovs_list_remove(&neigh->lru_node);
    free(neigh);
}

static struct neigh *
neigh_oldest(const struct hswitch *hsw)
{
    return (ovs_list_is_empty(&hsw->neigh_lru) ? NULL
            : CONTAINER_OF(ovs_list_front(&hsw->neigh_lru), struct neigh,
                           lru_node));
}

/* Notes that 'mac' at 'port' is where packets to 'ip' go, as ARP from there
 * says. */
static void
neigh_learn(struct hswitch *hsw, ovs_be32 ip, struct eth_addr mac,
            ofp_port_t port)
{
    if (!ip || eth_addr_is_multicast(mac) || service_lookup_vip(hsw, ip)) {
        return;
    }

    struct neigh *neigh = neigh_lookup(hsw, ip);
    if (neigh) {
        ovs_list_remove(&neigh->lru_node);
    } else {
        if (hmap_count(&hsw->neighs) >= NEIGH_MAX) {
            neigh_delete(hsw, neigh_oldest(hsw));
        }
        neigh = xmalloc(sizeof *neigh);
        neigh->ip = ip;
        hmap_insert(&hsw->neighs, &neigh->hmap_node, hash_ip(ip));
    }
    neigh->mac = mac;
    neigh->port = port;
    neigh->used = time_msec();
    ovs_list_push_back(&hsw->neigh_lru, &neigh->lru_node);
}

void
neigh_init(struct hswitch *hsw)
{
    hmap_init(&hsw->neighs);
    ovs_list_init(&hsw->neigh_lru);
    ovs_list_init(&hsw->askers);
    token_bucket_init(&hsw->checks, 1, 50 * CHECK_COST);
}

void
neigh_destroy(struct hswitch *hsw)
{
    struct neigh *neigh;
    struct asker *asker;

    LIST_FOR_EACH_SAFE (neigh, lru_node, &hsw->neigh_lru) {
        neigh_delete(hsw, neigh);
    }
    hmap_destroy(&hsw->neighs);
    LIST_FOR_EACH_POP (asker, node, &hsw->askers) {
        free(asker);
    }
}

static struct asker *
oldest_asker(const struct hswitch *hsw)
{
    return (ovs_list_is_empty(&hsw->askers) ? NULL
            : CONTAINER_OF(ovs_list_front(&hsw->askers), struct asker, node));
}

static void
asker_delete(struct asker *asker)
{
    ovs_list_remove(&asker->node);
    free(asker);
}

void
neigh_run(struct hswitch *hsw)
{
    long long int now = time_msec();
    struct neigh *neigh;
    struct asker *asker;

    while ((neigh = neigh_oldest(hsw))
           && now >= neigh->used + NEIGH_TIMEOUT_MS) {
        neigh_delete(hsw, neigh);
    }
    while ((asker = oldest_asker(hsw)) && now >= asker->expires) {
        asker_delete(asker);
    }
}

void
neigh_wait(struct hswitch *hsw)
{
    const struct neigh *neigh = neigh_oldest(hsw);
    const struct asker *asker = oldest_asker(hsw);

    if (neigh) {
        poll_timer_wait_until(neigh->used + NEIGH_TIMEOUT_MS);
    }
    if (asker) {
        poll_timer_wait_until(asker->expires);
    }
}

/* Sending. */

static void
send_arp(struct hswitch *hsw, uint16_t op, struct eth_addr sha, ovs_be32 spa,
         struct eth_addr tha, ovs_be32 tpa, bool broadcast, ovs_be16 vlan_tci,
         ofp_port_t port)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(
        ETH_HEADER_LEN + ARP_ETH_HEADER_LEN, VLAN_HEADER_LEN);

    compose_arp(packet, op, sha, tha, broadcast, spa, tpa);
    if (vlan_tci) {
        eth_push_vlan(packet, htons(ETH_TYPE_VLAN_8021Q), vlan_tci);
    }
    hswitch_send(hsw, packet, port);
}

/* A neighbor whose own entry says nothing of 'mac' may be behind a gateway
 * that has it.  Of that no more is known than its MAC address, so that only
 * its port may change. */
bool
neigh_has_moved(struct hswitch *hsw, const struct service *service,
                ovs_be32 ip, struct eth_addr old_mac, struct eth_addr mac,
                ofp_port_t port, ovs_be16 vlan_tci)
{
    const struct neigh *neigh = neigh_lookup(hsw, ip);

    if (neigh && neigh->port == port && eth_addr_equals(neigh->mac, mac)) {
        return true;
    }
    if (!neigh && eth_addr_equals(old_mac, mac)) {
        const struct neigh *gateway;

        LIST_FOR_EACH (gateway, lru_node, &hsw->neigh_lru) {
            if (gateway->port == port && eth_addr_equals(gateway->mac, mac)) {
                return true;
            }
        }
    }
    if (token_bucket_withdraw(&hsw->checks, CHECK_COST)) {
        send_arp(hsw, ARP_OP_REQUEST, service->cfg->mac, service->cfg->vip,
                 eth_addr_zero, ip, true, vlan_tci, OFPP_FLOOD);
    }
    return false;
}

void
neigh_check_member(struct member *m)
{
    long long int now = time_msec();

    if (m->configured && now >= m->checked + CHECK_INTERVAL_MS) {
        m->checked = now;
        neigh_probe_member(m, true);
    }
}

void
neigh_probe_member(struct member *m, bool everywhere)
{
    struct hswitch *hsw = m->service->hsw;
    const struct service_config *cfg = m->service->cfg;

    /* A server that shares the address answers a probe for it, as it would
     * another host's before that host took the address.  It can only be told
     * from the others by its port or its MAC address. */
    bool probe = member_shares_vip(m);
    if (probe && m->port == OFPP_NONE && !m->mac_configured) {
        return;
    }
    m->probed = time_msec();
    everywhere = !m->port_configured && (everywhere || m->port == OFPP_NONE);
    send_arp(hsw, ARP_OP_REQUEST, cfg->mac, probe ? 0 : cfg->vip,
             eth_addr_zero, m->address, true, 0,
             everywhere ? OFPP_FLOOD : m->port);
}

/* Receiving. */

/* Returns true if 'm', of the address that 'pi' has as its sender, may have
 * sent it.  Of servers that share an address each has to be told apart by MAC
 * address or port. */
static bool
may_have_sent(const struct member *m, const struct packet_in *pi)
{
    ofp_port_t port = pi->flow.in_port.ofp_port;

    if (m->port_configured && m->port != port) {
        return false;
    }
    if (m->mac_configured) {
        return eth_addr_equals(m->mac, pi->flow.arp_sha);
    }
    return (m->port_configured || !member_shares_vip(m)
            || member_is_source(m, pi->flow.arp_sha, port));
}

/* Returns true if 'm' may be where 'pi' comes from.  Anybody may claim to have
 * its address: while it is somewhere and heard from, it can only be elsewhere
 * if it says so when asked. */
static bool
may_be_there(const struct member *m, const struct packet_in *pi)
{
    ofp_port_t port = pi->flow.in_port.ofp_port;
    long long int now = time_msec();

    return (!member_is_resolved(m)
            || ((m->port == OFPP_NONE || m->port == port)
                && eth_addr_equals(m->mac, pi->flow.arp_sha))
            || (pi->flow.nw_proto == ARP_OP_REPLY
                && now < m->probed + ANSWER_TIMEOUT_MS));
}

/* Notes where the sender of 'pi', which has 'address', is in every member that
 * it may be.  Returns true if there is one. */
static bool
learn_members(struct hswitch *hsw, ovs_be32 address,
              const struct packet_in *pi)
{
    struct service *service;
    bool found = false;

    LIST_FOR_EACH (service, node, &hsw->services) {
        for (size_t i = 0; i < service->cfg->n_members; i++) {
            struct member *m = service->members[i];
            if (m->address == address && may_have_sent(m, pi)) {
                if (may_be_there(m, pi)) {
                    member_set_location(m, pi->flow.arp_sha,
                                        pi->flow.in_port.ofp_port);
                } else {
                    neigh_check_member(m);
                }
                found = true;
            }
        }
    }
    return found;
}

/* Tells 'askers' of 'ip' where it is. */
static void
answer_askers(struct hswitch *hsw, ovs_be32 ip, struct eth_addr mac)
{
    struct asker *asker;

    LIST_FOR_EACH_SAFE (asker, node, &hsw->askers) {
        if (asker->target == ip) {
            send_arp(hsw, ARP_OP_REPLY, mac, ip, asker->mac, asker->vip,
                     false, asker->vlan_tci, asker->port);
            asker_delete(asker);
        }
    }
}

/* A server that shares 'vip' asks for 'target'.  If nobody here knows, ask in
 * the service's name, so that the answer comes here and the one who gives it
 * learns the service's MAC address rather than the server's. */
static void
answer_sharing_server(struct hswitch *hsw, const struct service *service,
                      ovs_be32 vip, ovs_be32 target,
                      const struct packet_in *pi)
{
    ofp_port_t port = pi->flow.in_port.ofp_port;
    struct neigh *neigh = neigh_lookup(hsw, target);

    if (neigh) {
        send_arp(hsw, ARP_OP_REPLY, neigh->mac, target, pi->flow.arp_sha, vip,
                 false, pi->flow.vlans[0].tci, port);
        return;
    }

    if (ovs_list_size(&hsw->askers) >= ASKERS_MAX) {
        asker_delete(oldest_asker(hsw));
    }
    struct asker *asker = xmalloc(sizeof *asker);
    *asker = (struct asker) {
        .target = target,
        .vip = vip,
        .mac = pi->flow.arp_sha,
        .port = port,
        .vlan_tci = pi->flow.vlans[0].tci,
        .expires = time_msec() + ASKER_TIMEOUT_MS,
    };
    ovs_list_push_back(&hsw->askers, &asker->node);
    send_arp(hsw, ARP_OP_REQUEST, service->cfg->mac, vip, eth_addr_zero,
             target, true, asker->vlan_tci, OFPP_FLOOD);
}

static void
handle_from_vip(struct hswitch *hsw, const struct service *service,
                const struct packet_in *pi)
{
    ovs_be32 vip = pi->flow.nw_src;
    ovs_be32 target = pi->flow.nw_dst;

    if (!learn_members(hsw, vip, pi)) {
        VLOG_WARN_RL(&rl, ETH_ADDR_FMT" on port %"PRIu32" of %s claims "
                     "address "IP_FMT" of service %s",
                     ETH_ADDR_ARGS(pi->flow.arp_sha),
                     pi->flow.in_port.ofp_port, ofswitch_name(hsw->ofsw),
                     IP_ARGS(vip), service->cfg->name);
        handover_count(hsw, NULL, HC_DROP_ARP);
        return;
    }

    if (pi->flow.nw_proto == ARP_OP_REQUEST && target && target != vip) {
        answer_sharing_server(hsw, service, vip, target, pi);
    }
}

static void
handle_to_vip(struct hswitch *hsw, const struct service *service,
              const struct packet_in *pi)
{
    ovs_be32 sender = pi->flow.nw_src;
    ofp_port_t port = pi->flow.in_port.ofp_port;

    if (sender) {
        neigh_learn(hsw, sender, pi->flow.arp_sha, port);
        learn_members(hsw, sender, pi);
        answer_askers(hsw, sender, pi->flow.arp_sha);
    } else if (learn_members(hsw, service->cfg->vip, pi)) {
        /* A probe by a server that is about to take the address it shares:
         * do not tell it that somebody else has it. */
        return;
    }

    if (pi->flow.nw_proto == ARP_OP_REQUEST) {
        send_arp(hsw, ARP_OP_REPLY, service->cfg->mac, service->cfg->vip,
                 pi->flow.arp_sha, sender, false, pi->flow.vlans[0].tci,
                 port);
    }
}

void
neigh_handle_arp(struct hswitch *hsw, const struct packet_in *pi)
{
    if ((pi->flow.nw_proto != ARP_OP_REQUEST
         && pi->flow.nw_proto != ARP_OP_REPLY)
        || !eth_addr_equals(pi->flow.arp_sha, pi->flow.dl_src)
        || eth_addr_is_multicast(pi->flow.arp_sha)
        || eth_addr_is_zero(pi->flow.arp_sha)) {
        return;
    }

    const struct service *service = service_lookup_vip(hsw, pi->flow.nw_src);
    if (service) {
        handle_from_vip(hsw, service, pi);
        return;
    }
    service = service_lookup_vip(hsw, pi->flow.nw_dst);
    if (service) {
        handle_to_vip(hsw, service, pi);
    }
}
