/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "neigh.h"

#include <stdlib.h>

#include "arp.h"
#include "claim.h"
#include "hash.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/service.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/ofswitch.h"

VLOG_DEFINE_THIS_MODULE(handover_neigh);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* How long servers are told what is known before it is asked again, in ms. */
#define NEIGH_FRESH_MS 60000
#define NEIGH_MAX 4096

/* How long Linux waits for an answer before it asks again. */
#define ASKER_TIMEOUT_MS 1000
#define ASKERS_MAX 64

/* How often to ask where a server is that speaks although its place is not
 * known, and how long its answer may take. */
#define CHECK_INTERVAL_MS 1000
#define ANSWER_TIMEOUT_MS 1000

/* What asking where a client is costs, in tokens of 'checks', which gets one a
 * millisecond. */
#define CHECK_COST 20

struct neigh {
    struct hmap_node hmap_node; /* In hswitch's 'neighs'. */
    struct ovs_list lru_node;   /* In hswitch's 'neigh_lru'. */
    uint32_t zone;
    ovs_be32 ip;
    struct place place;
    struct place from;          /* Where it was before. */
    long long int heard;        /* In ms, from 'place'. */
};

/* A server that waits to be told where 'target' is. */
struct asker {
    struct ovs_list node;       /* In hswitch's 'askers'. */
    uint32_t zone;
    ovs_be32 target;
    ovs_be32 vip;               /* What it calls itself. */
    struct eth_addr mac;
    ofp_port_t port;
    ovs_be16 vlan_tci;
    long long int expires;      /* In ms. */
};

/* Table. */

static const struct place nowhere = { .port = OFPP_NONE };

static uint32_t
hash_ip(uint32_t zone, ovs_be32 ip)
{
    return hash_2words(zone, (OVS_FORCE uint32_t) ip);
}

static struct neigh *
neigh_lookup(const struct hswitch *hsw, uint32_t zone, ovs_be32 ip)
{
    struct neigh *neigh;

    HMAP_FOR_EACH_WITH_HASH (neigh, hmap_node, hash_ip(zone, ip),
                             &hsw->neighs) {
        if (neigh->zone == zone && neigh->ip == ip) {
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

/* Makes room for what 'port' says: at the cost of what it said before, if
 * there is anything. */
static void
make_room(struct hswitch *hsw, ofp_port_t port)
{
    struct neigh *neigh;

    LIST_FOR_EACH (neigh, lru_node, &hsw->neigh_lru) {
        if (neigh->place.port == port) {
            neigh_delete(hsw, neigh);
            return;
        }
    }
    neigh_delete(hsw, CONTAINER_OF(ovs_list_front(&hsw->neigh_lru),
                                   struct neigh, lru_node));
}

static void
neigh_heard(struct hswitch *hsw, struct neigh *neigh)
{
    neigh->heard = time_msec();
    ovs_list_remove(&neigh->lru_node);
    ovs_list_push_back(&hsw->neigh_lru, &neigh->lru_node);
}

/* Notes that ARP says, from 'place', that packets to 'ip' go there. */
static void
neigh_learn(struct hswitch *hsw, const struct service *service, ovs_be32 ip,
            const struct place *place, ovs_be16 vlan_tci)
{
    uint32_t zone = service->cfg->zone;

    if (!ip || service_lookup_vip(&hsw->engine, zone, ip)) {
        return;
    }

    struct neigh *neigh = neigh_lookup(hsw, zone, ip);
    if (!neigh) {
        if (hmap_count(&hsw->neighs) >= NEIGH_MAX) {
            make_room(hsw, place->port);
        }
        neigh = xmalloc(sizeof *neigh);
        neigh->zone = zone;
        neigh->ip = ip;
        neigh->place = *place;
        neigh->from = nowhere;
        hmap_insert(&hsw->neighs, &neigh->hmap_node, hash_ip(zone, ip));
        ovs_list_push_back(&hsw->neigh_lru, &neigh->lru_node);
    } else if (!place_equals(&neigh->place, place)) {
        claim_start(hsw, service->cfg, ip, &neigh->place, place, vlan_tci);
        return;
    }
    neigh_heard(hsw, neigh);
}

/* Returns the entry for 'ip' if it is fresh enough to tell others, or null. */
static const struct neigh *
neigh_find_fresh(const struct hswitch *hsw, uint32_t zone, ovs_be32 ip)
{
    const struct neigh *neigh = neigh_lookup(hsw, zone, ip);

    return (neigh && time_msec() < neigh->heard + NEIGH_FRESH_MS ? neigh
            : NULL);
}

void
neigh_init(struct hswitch *hsw)
{
    hmap_init(&hsw->neighs);
    ovs_list_init(&hsw->neigh_lru);
    ovs_list_init(&hsw->askers);
    claims_init(hsw);
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
    claims_destroy(hsw);
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
    struct asker *asker;

    while ((asker = oldest_asker(hsw)) && now >= asker->expires) {
        asker_delete(asker);
    }

    struct place old;
    uint32_t zone;
    ovs_be32 ip;
    while (claims_run(hsw, &zone, &ip, &old)) {
        struct neigh *neigh = neigh_lookup(hsw, zone, ip);

        if (neigh && place_equals(&neigh->place, &old)) {
            neigh_delete(hsw, neigh);
        }
    }
}

void
neigh_wait(struct hswitch *hsw)
{
    const struct asker *asker = oldest_asker(hsw);

    if (asker) {
        poll_timer_wait_until(asker->expires);
    }
    claims_wait(hsw);
}

/* Moving. */

static bool
has_moved(const struct neigh *neigh, const struct place *old,
          const struct place *new)
{
    return (place_equals(&neigh->place, new)
            && place_equals(&neigh->from, old));
}

/* A gateway moves with its MAC address and all that is behind it.  It may have
 * several addresses.  Returns one that is known to be in 'old' still, else one
 * that has moved from there to 'new', else null. */
static const struct neigh *
find_gateway(const struct hswitch *hsw, uint32_t zone,
             const struct place *old, const struct place *new)
{
    const struct neigh *found = NULL;
    const struct neigh *neigh;

    if (!eth_addr_equals(old->mac, new->mac)) {
        return NULL;
    }
    LIST_FOR_EACH (neigh, lru_node, &hsw->neigh_lru) {
        if (neigh->zone != zone) {
            continue;
        } else if (place_equals(&neigh->place, old)) {
            return neigh;
        } else if (has_moved(neigh, old, new)) {
            found = neigh;
        }
    }
    return found;
}

/* Only a host that was in the old place can be known to have left it.  ARP
 * says nothing about an address behind a gateway. */
bool
neigh_has_moved(struct hswitch *hsw, const struct service *service,
                ovs_be32 ip, const struct place *old, const struct place *new,
                ovs_be16 vlan_tci)
{
    const struct neigh *neigh = neigh_lookup(hsw, service->cfg->zone, ip);

    if (!neigh || (!place_equals(&neigh->place, old)
                   && !has_moved(neigh, old, new))) {
        neigh = find_gateway(hsw, service->cfg->zone, old, new);
    }
    if (neigh && has_moved(neigh, old, new)) {
        return true;
    }
    if (neigh) {
        claim_start(hsw, service->cfg, neigh->ip, old, new, vlan_tci);
    } else if (token_bucket_withdraw(&hsw->checks, CHECK_COST)) {
        /* If the host is there, that is known from now on. */
        arp_send(hsw, ARP_OP_REQUEST, service->cfg->mac, service->cfg->vip,
                 old->mac, ip, false, vlan_tci, old->port);
    }
    return false;
}

/* Returns true if it is known where 'm' is. */
static bool
is_placed(const struct member *m)
{
    return member_is_resolved(m) && m->port != OFPP_NONE;
}

/* Returns true if 'm' may be in 'place'.  Only the MAC address or the port can
 * tell servers that share an address apart. */
static bool
may_be_in(const struct member *m, const struct place *place)
{
    if (m->port_configured && m->port != place->port) {
        return false;
    }
    if (m->mac_configured) {
        return eth_addr_equals(m->mac, place->mac);
    }
    return (m->port_configured || !member_shares_vip(m)
            || member_is_source(m, place->mac, place->port));
}

void
neigh_check_member(struct hswitch *hsw, struct member *m,
                   const struct place *place)
{
    long long int now = time_msec();

    if (!m->configured || !may_be_in(m, place)) {
        return;
    }
    if (is_placed(m)) {
        const struct place old = { m->mac, m->port };

        if (!place_equals(&old, place)) {
            claim_start(hsw, m->service->cfg, m->address, &old, place, 0);
        }
    } else if (now >= m->checked + CHECK_INTERVAL_MS) {
        m->checked = now;
        neigh_probe_member(hsw, m, true);
    }
}

void
neigh_probe_member(struct hswitch *hsw, struct member *m, bool everywhere)
{
    const struct service_config *cfg = m->service->cfg;

    /* A server that shares the address answers a probe for it, like that of
     * another host about to take the address.  Only its port or its MAC
     * address tells it from the others. */
    bool probe = member_shares_vip(m);
    if (probe && m->port == OFPP_NONE && !m->mac_configured) {
        return;
    }
    m->probed = time_msec();
    everywhere = !m->port_configured && (everywhere || m->port == OFPP_NONE);
    arp_send(hsw, ARP_OP_REQUEST, cfg->mac, probe ? 0 : cfg->vip,
             eth_addr_zero, m->address, true, 0,
             everywhere ? OFPP_FLOOD : m->port);
}

/* Receiving. */

/* Returns true if 'pi' answers when we asked where 'm' is. */
static bool
is_answer(const struct member *m, const struct packet_in *pi)
{
    return (pi->flow.nw_proto == ARP_OP_REPLY
            && time_msec() < m->probed + ANSWER_TIMEOUT_MS
            && eth_addr_equals(pi->flow.arp_tha, m->service->cfg->mac));
}

/* Notes where the sender of 'pi', which has 'address', is, in every member
 * that it may be.  Returns true if there is such a member. */
static bool
learn_members(struct hswitch *hsw, ovs_be32 address,
              const struct packet_in *pi)
{
    const struct place from = arp_place(pi);
    uint32_t zone = pi->zone;
    struct service *service;
    bool found = false;

    LIST_FOR_EACH (service, node, &hsw->engine.services) {
        for (size_t i = 0; i < service->cfg->n_members; i++) {
            struct member *m = service->members[i];
            if (m->zone == zone && m->address == address
                && may_be_in(m, &from)) {
                const struct place place = { m->mac, m->port };

                if (is_placed(m) ? place_equals(&place, &from)
                    : is_answer(m, pi)) {
                    member_set_location(m, from.mac, from.port);
                } else {
                    neigh_check_member(hsw, m, &from);
                }
                found = true;
            }
        }
    }
    return found;
}

/* The host with the sender's address of 'pi' was in 'old', and is where 'pi'
 * comes from now. */
static void
move_host(struct hswitch *hsw, const struct packet_in *pi,
          const struct place *old)
{
    const struct place from = arp_place(pi);
    uint32_t zone = pi->zone;
    struct neigh *neigh = neigh_lookup(hsw, zone, pi->flow.nw_src);
    struct service *service;

    if (neigh && place_equals(&neigh->place, old)) {
        neigh->from = *old;
        neigh->place = from;
        neigh_heard(hsw, neigh);
    }
    LIST_FOR_EACH (service, node, &hsw->engine.services) {
        for (size_t i = 0; i < service->cfg->n_members; i++) {
            struct member *m = service->members[i];
            const struct place place = { m->mac, m->port };

            if (m->zone == zone && m->address == pi->flow.nw_src
                && place_equals(&place, old) && may_be_in(m, &from)) {
                member_set_location(m, from.mac, from.port);
            }
        }
    }
}

/* Tells the 'askers' for 'ip' where it is, if that is known. */
static void
answer_askers(struct hswitch *hsw, uint32_t zone, ovs_be32 ip)
{
    const struct neigh *neigh = neigh_find_fresh(hsw, zone, ip);
    struct asker *asker;

    if (!neigh) {
        return;
    }
    LIST_FOR_EACH_SAFE (asker, node, &hsw->askers) {
        if (asker->zone == zone && asker->target == ip) {
            arp_send(hsw, ARP_OP_REPLY, neigh->place.mac, ip, asker->mac,
                     asker->vip, false, asker->vlan_tci, asker->port);
            asker_delete(asker);
        }
    }
}

/* A server that shares 'vip' asks for 'target'.  If that is not known here,
 * asks in the service's name.  Then the answer comes here, and the answering
 * host learns the service's MAC address rather than the server's. */
static void
answer_sharing_server(struct hswitch *hsw, const struct service *service,
                      ovs_be32 vip, ovs_be32 target,
                      const struct packet_in *pi)
{
    ofp_port_t port = pi->flow.in_port.ofp_port;
    const struct neigh *neigh = neigh_find_fresh(hsw, service->cfg->zone,
                                                 target);

    if (neigh) {
        arp_send(hsw, ARP_OP_REPLY, neigh->place.mac, target,
                 pi->flow.arp_sha, vip, false, pi->flow.vlans[0].tci, port);
        return;
    }

    if (ovs_list_size(&hsw->askers) >= ASKERS_MAX) {
        asker_delete(oldest_asker(hsw));
    }
    struct asker *asker = xmalloc(sizeof *asker);
    *asker = (struct asker) {
        .zone = service->cfg->zone,
        .target = target,
        .vip = vip,
        .mac = pi->flow.arp_sha,
        .port = port,
        .vlan_tci = pi->flow.vlans[0].tci,
        .expires = time_msec() + ASKER_TIMEOUT_MS,
    };
    ovs_list_push_back(&hsw->askers, &asker->node);
    arp_send(hsw, ARP_OP_REQUEST, service->cfg->mac, vip, eth_addr_zero,
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
        engine_count(&hsw->engine, NULL, HC_DROP_ARP);
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
        const struct place from = arp_place(pi);

        neigh_learn(hsw, service, sender, &from, pi->flow.vlans[0].tci);
        learn_members(hsw, sender, pi);
        answer_askers(hsw, service->cfg->zone, sender);
    } else if (learn_members(hsw, service->cfg->vip, pi)) {
        /* A probe by a server that is about to take the address that it
         * shares: do not tell it that somebody else has the address. */
        return;
    }

    if (pi->flow.nw_proto == ARP_OP_REQUEST) {
        arp_send(hsw, ARP_OP_REPLY, service->cfg->mac, service->cfg->vip,
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

    struct place old;
    while (claims_hear(hsw, pi, &old)) {
        move_host(hsw, pi, &old);
    }

    const struct engine *e = &hsw->engine;
    uint32_t zone = pi->zone;
    const struct service *service = service_lookup_vip(e, zone,
                                                       pi->flow.nw_src);
    if (service) {
        handle_from_vip(hsw, service, pi);
        return;
    }
    service = service_lookup_vip(e, zone, pi->flow.nw_dst);
    if (service) {
        handle_to_vip(hsw, service, pi);
    }
}
