/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "neigh.h"

#include <stdlib.h>

#include "handover.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/service.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/core/neighbours.h"
#include "utilities/tasukid/core/ofswitch.h"

VLOG_DEFINE_THIS_MODULE(handover_neigh);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* How long Linux waits for an answer before it asks again. */
#define ASKER_TIMEOUT_MS 1000
#define ASKERS_MAX 64

/* How often to ask where a server is that speaks although its place is not
 * known, and how long its answer may take. */
#define CHECK_INTERVAL_MS 1000
#define ANSWER_TIMEOUT_MS 1000

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

/* Asking in a service's name: a server that shares its address has to take
 * that for a probe. */
static struct arp_asker
asker_for(const struct service_config *cfg, ovs_be32 ip, ovs_be16 vlan_tci)
{
    return (struct arp_asker) {
        .mac = cfg->mac,
        .ip = ip == cfg->vip ? 0 : cfg->vip,
        .vlan_tci = vlan_tci,
    };
}

static struct asker *
oldest_asker(const struct hswitch *hsw)
{
    return (ovs_list_is_empty(&hsw->askers) ? NULL
            : CONTAINER_OF(ovs_list_front(&hsw->askers), struct asker, node));
}

/* Returns true if some server waits for 'target'. */
static bool
is_asked_for(const struct hswitch *hsw, uint32_t zone, ovs_be32 target)
{
    const struct asker *asker;

    LIST_FOR_EACH (asker, node, &hsw->askers) {
        if (asker->zone == zone && asker->target == target) {
            return true;
        }
    }
    return false;
}

static void
asker_delete(struct hswitch *hsw, struct asker *asker)
{
    ovs_list_remove(&asker->node);
    if (!is_asked_for(hsw, asker->zone, asker->target)) {
        neighbours_forget(hsw->ofsw, PIPE_APP_HANDOVER, asker->zone,
                          asker->target);
    }
    free(asker);
}

void
neigh_run(struct hswitch *hsw)
{
    struct asker *asker;

    while ((asker = oldest_asker(hsw)) && time_msec() >= asker->expires) {
        asker_delete(hsw, asker);
    }
}

void
neigh_wait(struct hswitch *hsw)
{
    const struct asker *asker = oldest_asker(hsw);

    if (asker) {
        poll_timer_wait_until(asker->expires);
    }
}

void
neigh_init(struct hswitch *hsw)
{
    ovs_list_init(&hsw->askers);
}

void
neigh_destroy(struct hswitch *hsw)
{
    struct asker *asker;

    while ((asker = oldest_asker(hsw))) {
        asker_delete(hsw, asker);
    }
}

bool
neigh_has_moved(struct hswitch *hsw, const struct service *service,
                ovs_be32 ip, const struct place *old, const struct place *new,
                ovs_be16 vlan_tci)
{
    const struct arp_asker asker = asker_for(service->cfg, ip, vlan_tci);

    return neighbours_have_moved(hsw->ofsw, PIPE_APP_HANDOVER,
                                 service->cfg->zone, ip, old, new, &asker);
}

/* Servers. */

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
            const struct arp_asker asker = asker_for(m->service->cfg,
                                                     m->address, 0);

            neighbours_claim(hsw->ofsw, PIPE_APP_HANDOVER, m->zone,
                             m->address, &old, place, &asker);
        }
    } else if (now >= m->checked + CHECK_INTERVAL_MS) {
        m->checked = now;
        neigh_probe_member(hsw, m, true);
    }
}

void
neigh_probe_member(struct hswitch *hsw, struct member *m, bool everywhere)
{
    const struct arp_asker asker = asker_for(m->service->cfg, m->address, 0);

    /* A server that shares the address answers a probe for it, like that of
     * another host about to take the address.  Only its port or its MAC
     * address tells it from the others. */
    if (member_shares_vip(m) && m->port == OFPP_NONE && !m->mac_configured) {
        return;
    }
    m->probed = time_msec();
    everywhere = !m->port_configured && (everywhere || m->port == OFPP_NONE);
    arp_ask_all(hsw->ofsw, &asker, m->zone, m->address,
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

/* The host with 'ip' was in 'old' and is in 'new' now. */
static void
move_members(struct hswitch *hsw, uint32_t zone, ovs_be32 ip,
             const struct place *old, const struct place *new)
{
    struct service *service;

    LIST_FOR_EACH (service, node, &hsw->engine.services) {
        for (size_t i = 0; i < service->cfg->n_members; i++) {
            struct member *m = service->members[i];
            const struct place place = { m->mac, m->port };

            if (m->zone == zone && m->address == ip
                && place_equals(&place, old) && may_be_in(m, new)) {
                member_set_location(m, new->mac, new->port);
            }
        }
    }
}

static void
answer(struct hswitch *hsw, uint32_t zone, ovs_be32 ip,
       const struct place *place, struct eth_addr tha, ovs_be32 tpa,
       ovs_be16 vlan_tci, ofp_port_t port)
{
    arp_send(hsw->ofsw, zone, ARP_OP_REPLY, place->mac, ip, tha, tpa, false,
             vlan_tci, port);
}

/* Tells the 'askers' for 'ip' where it is, if that is known. */
static void
answer_askers(struct hswitch *hsw, uint32_t zone, ovs_be32 ip)
{
    struct asker *asker;
    struct place place;

    if (!neighbours_find(hsw->ofsw, zone, ip, &place)) {
        return;
    }
    LIST_FOR_EACH_SAFE (asker, node, &hsw->askers) {
        if (asker->zone == zone && asker->target == ip) {
            answer(hsw, zone, ip, &place, asker->mac, asker->vip,
                   asker->vlan_tci, asker->port);
            asker_delete(hsw, asker);
        }
    }
}

void
neigh_handle_event(struct hswitch *hsw, const struct event_neighbour *event)
{
    if (event->what & EVENT_NEIGHBOUR_MOVED) {
        const struct place old = { event->old_mac, event->old_port };
        const struct place new = { event->mac, event->port };

        move_members(hsw, event->zone, event->ip, &old, &new);
    }
    answer_askers(hsw, event->zone, event->ip);
}

/* A server that shares 'vip' asks for 'target'.  If that is not known here,
 * asks in the service's name.  Then the answer comes here, and the answering
 * host learns the service's MAC address rather than the server's. */
static void
answer_sharing_server(struct hswitch *hsw, const struct service *service,
                      ovs_be32 vip, ovs_be32 target,
                      const struct packet_in *pi)
{
    const struct arp_asker asker_name = asker_for(service->cfg, target,
                                                  pi->flow.vlans[0].tci);
    ofp_port_t port = pi->flow.in_port.ofp_port;
    struct place place;

    if (neighbours_find(hsw->ofsw, pi->zone, target, &place)) {
        answer(hsw, pi->zone, target, &place, pi->flow.arp_sha, vip,
               pi->flow.vlans[0].tci, port);
        return;
    }

    if (ovs_list_size(&hsw->askers) >= ASKERS_MAX) {
        asker_delete(hsw, oldest_asker(hsw));
    }
    struct asker *asker = xmalloc(sizeof *asker);
    *asker = (struct asker) {
        .zone = pi->zone,
        .target = target,
        .vip = vip,
        .mac = pi->flow.arp_sha,
        .port = port,
        .vlan_tci = pi->flow.vlans[0].tci,
        .expires = time_msec() + ASKER_TIMEOUT_MS,
    };
    ovs_list_push_back(&hsw->askers, &asker->node);
    neighbours_want(hsw->ofsw, PIPE_APP_HANDOVER, pi->zone, target,
                    &asker_name);
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

        if (!service_lookup_vip(&hsw->engine, pi->zone, sender)) {
            const struct arp_asker asker = asker_for(
                service->cfg, sender, pi->flow.vlans[0].tci);

            neighbours_learn(hsw->ofsw, PIPE_APP_HANDOVER, pi->zone, sender,
                             &from, &asker);
        }
        learn_members(hsw, sender, pi);
    } else if (learn_members(hsw, service->cfg->vip, pi)) {
        /* A probe by a server that is about to take the address that it
         * shares: do not tell it that somebody else has the address. */
        return;
    }

    if (pi->flow.nw_proto == ARP_OP_REQUEST) {
        arp_send(hsw->ofsw, pi->zone, ARP_OP_REPLY, service->cfg->mac,
                 service->cfg->vip, pi->flow.arp_sha, sender, false,
                 pi->flow.vlans[0].tci, port);
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

    neighbours_hear(hsw->ofsw, pi);

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
