/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "claim.h"

#include <stdlib.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/service.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/ofswitch.h"

VLOG_DEFINE_THIS_MODULE(handover_claim);

/* How often each place is asked, and how long each answer may take.  A host
 * that loses two packets of three is still there. */
#define N_ASKS 3
#define ASK_INTERVAL_MS 300

/* How long a failed claim keeps away others from the same port. */
#define REFUTED_MS 1000

/* Most claims at the same time, from one port and in all.  (One port's claims
 * leave room for those of others.) */
#define CLAIMS_PER_PORT 32
#define CLAIMS_MAX 512

enum claim_state {
    CLAIM_ASK_OLD,
    CLAIM_ASK_NEW,
    CLAIM_REFUTED,
};

struct claim {
    struct ovs_list node;       /* In hswitch's 'claims'. */
    enum claim_state state;
    int n_asked;                /* In this state. */
    long long int next;         /* When to ask again or go on, in ms. */

    uint32_t zone;
    ovs_be32 ip;
    struct place old;
    struct place new;

    /* In whose name to ask. */
    struct eth_addr sha;
    ovs_be32 spa;
    ovs_be16 vlan_tci;
};

static void
claim_delete(struct claim *claim)
{
    ovs_list_remove(&claim->node);
    free(claim);
}

static void
claim_ask(struct hswitch *hsw, struct claim *claim)
{
    const struct place *place = (claim->state == CLAIM_ASK_OLD ? &claim->old
                                 : &claim->new);

    claim->n_asked++;
    claim->next = time_msec() + ASK_INTERVAL_MS;
    arp_send(hsw, ARP_OP_REQUEST, claim->sha, claim->spa, place->mac,
             claim->ip, false, claim->vlan_tci, place->port);
}

/* Returns true if there is room for a claim from 'port' that 'ip' is not in
 * 'old' any more, and no such claim yet. */
static bool
may_claim(const struct hswitch *hsw, uint32_t zone, ovs_be32 ip,
          const struct place *old, ofp_port_t port)
{
    const struct claim *claim;
    size_t n_total = 0;
    size_t n = 0;

    LIST_FOR_EACH (claim, node, &hsw->claims) {
        n_total++;
        if (claim->new.port == port) {
            if (claim->zone == zone && claim->ip == ip
                && place_equals(&claim->old, old)) {
                return false;
            }
            n++;
        }
    }
    return n < CLAIMS_PER_PORT && n_total < CLAIMS_MAX;
}

void
claim_start(struct hswitch *hsw, const struct service_config *cfg, ovs_be32 ip,
            const struct place *old, const struct place *new,
            ovs_be16 vlan_tci)
{
    if (!may_claim(hsw, cfg->zone, ip, old, new->port)) {
        return;
    }

    struct claim *claim = xmalloc(sizeof *claim);
    *claim = (struct claim) {
        .state = CLAIM_ASK_OLD,
        .zone = cfg->zone,
        .ip = ip,
        .old = *old,
        .new = *new,
        .sha = cfg->mac,
        /* To a server that shares the service's address this is a probe. */
        .spa = ip == cfg->vip ? 0 : cfg->vip,
        .vlan_tci = vlan_tci,
    };
    ovs_list_push_back(&hsw->claims, &claim->node);
    claim_ask(hsw, claim);
}

static void
claim_refute(const struct hswitch *hsw, struct claim *claim)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

    VLOG_WARN_RL(&rl, "%s: "ETH_ADDR_FMT" on port %"PRIu32" claims address "
                 IP_FMT", which stays with "ETH_ADDR_FMT" on port %"PRIu32,
                 ofswitch_name(hsw->ofsw), ETH_ADDR_ARGS(claim->new.mac),
                 claim->new.port, IP_ARGS(claim->ip),
                 ETH_ADDR_ARGS(claim->old.mac), claim->old.port);
    claim->state = CLAIM_REFUTED;
    claim->next = time_msec() + REFUTED_MS;
}

/* Forgets all claims that 'ip' is not in 'old' any more. */
static void
claims_settle(struct hswitch *hsw, uint32_t zone, ovs_be32 ip,
              const struct place *old)
{
    struct claim *claim;

    LIST_FOR_EACH_SAFE (claim, node, &hsw->claims) {
        if (claim->zone == zone && claim->ip == ip
            && place_equals(&claim->old, old)) {
            claim_delete(claim);
        }
    }
}

bool
claims_hear(struct hswitch *hsw, const struct packet_in *pi,
            struct place *old)
{
    const struct place from = arp_place(pi);
    uint32_t zone = pi->zone;
    struct claim *claim;

    LIST_FOR_EACH (claim, node, &hsw->claims) {
        if (claim->zone != zone || claim->ip != pi->flow.nw_src
            || claim->state == CLAIM_REFUTED) {
            continue;
        }
        if (place_equals(&from, &claim->old)) {
            claim_refute(hsw, claim);
        } else if (place_equals(&from, &claim->new)
                   && claim->state == CLAIM_ASK_NEW
                   && pi->flow.nw_proto == ARP_OP_REPLY
                   && pi->flow.nw_dst == claim->spa
                   && eth_addr_equals(pi->flow.arp_tha, claim->sha)) {
            *old = claim->old;
            claims_settle(hsw, zone, pi->flow.nw_src, old);
            return true;
        }
    }
    return false;
}

bool
claims_run(struct hswitch *hsw, uint32_t *zone, ovs_be32 *ip,
           struct place *old)
{
    long long int now = time_msec();
    struct claim *claim;

    LIST_FOR_EACH_SAFE (claim, node, &hsw->claims) {
        if (now < claim->next) {
            continue;
        }
        if (claim->state == CLAIM_REFUTED) {
            claim_delete(claim);
        } else if (claim->n_asked < N_ASKS) {
            claim_ask(hsw, claim);
        } else if (claim->state == CLAIM_ASK_OLD) {
            claim->state = CLAIM_ASK_NEW;
            claim->n_asked = 0;
            claim_ask(hsw, claim);
        } else {
            *zone = claim->zone;
            *ip = claim->ip;
            *old = claim->old;
            claim_delete(claim);
            return true;
        }
    }
    return false;
}

void
claims_wait(struct hswitch *hsw)
{
    const struct claim *claim;

    LIST_FOR_EACH (claim, node, &hsw->claims) {
        poll_timer_wait_until(claim->next);
    }
}

void
claims_init(struct hswitch *hsw)
{
    ovs_list_init(&hsw->claims);
}

void
claims_destroy(struct hswitch *hsw)
{
    struct claim *claim;

    LIST_FOR_EACH_POP (claim, node, &hsw->claims) {
        free(claim);
    }
}
