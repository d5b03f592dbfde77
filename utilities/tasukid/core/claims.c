/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "claims.h"

#include <stdlib.h>

#include "app.h"
#include "ofswitch.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(claims);

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
    CLAIM_PROVEN,
};

struct claim {
    struct ovs_list node;       /* In 'list' of a "struct claims". */
    uint8_t app;
    enum claim_state state;
    int n_asked;                /* In this state. */
    long long int next;         /* When to ask again or go on, in ms. */

    uint32_t zone;
    ovs_be32 ip;
    struct place old;
    struct place new;
    struct arp_asker asker;
};

static void
claim_delete(struct claim *claim)
{
    ovs_list_remove(&claim->node);
    free(claim);
}

static void
claim_ask(const struct claims *claims, struct claim *claim)
{
    claim->n_asked++;
    claim->next = time_msec() + ASK_INTERVAL_MS;
    arp_ask(claims->sw, &claim->asker, claim->zone, claim->ip,
            claim->state == CLAIM_ASK_OLD ? &claim->old : &claim->new);
}

/* Returns true if there is room for a claim from 'port' that 'ip' is not in
 * 'old' any more, and no such claim yet. */
static bool
may_claim(const struct claims *claims, uint32_t zone, ovs_be32 ip,
          const struct place *old, ofp_port_t port)
{
    const struct claim *claim;
    size_t n_total = 0;
    size_t n = 0;

    LIST_FOR_EACH (claim, node, &claims->list) {
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
claims_add(struct claims *claims, uint8_t app, uint32_t zone, ovs_be32 ip,
           const struct place *old, const struct place *new,
           const struct arp_asker *asker)
{
    if (!may_claim(claims, zone, ip, old, new->port)) {
        return;
    }

    struct claim *claim = xmalloc(sizeof *claim);
    *claim = (struct claim) {
        .app = app,
        .state = CLAIM_ASK_OLD,
        .zone = zone,
        .ip = ip,
        .old = *old,
        .new = *new,
        .asker = *asker,
    };
    ovs_list_push_back(&claims->list, &claim->node);
    claim_ask(claims, claim);
}

static void
claim_refute(const struct claims *claims, struct claim *claim)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

    VLOG_WARN_RL(&rl, "%s: "ETH_ADDR_FMT" on port %"PRIu32" claims address "
                 IP_FMT", which stays with "ETH_ADDR_FMT" on port %"PRIu32,
                 ofswitch_name(claims->sw), ETH_ADDR_ARGS(claim->new.mac),
                 claim->new.port, IP_ARGS(claim->ip),
                 ETH_ADDR_ARGS(claim->old.mac), claim->old.port);
    claim->state = CLAIM_REFUTED;
    claim->next = time_msec() + REFUTED_MS;
}

/* 'proven' says that its host is not in the old place any more.  Forgets what
 * others claim about that. */
static void
claim_settle(struct claims *claims, struct claim *proven)
{
    struct claim *claim;

    LIST_FOR_EACH_SAFE (claim, node, &claims->list) {
        if (claim != proven && claim->zone == proven->zone
            && claim->ip == proven->ip
            && place_equals(&claim->old, &proven->old)) {
            claim_delete(claim);
        }
    }
    proven->state = CLAIM_PROVEN;
    proven->next = time_msec();
}

bool
claims_hear(struct claims *claims, const struct packet_in *pi,
            struct place *old)
{
    const struct place from = arp_place(pi);
    struct claim *claim;

    LIST_FOR_EACH (claim, node, &claims->list) {
        if (claim->zone != pi->zone || claim->ip != pi->flow.nw_src
            || claim->state == CLAIM_REFUTED
            || claim->state == CLAIM_PROVEN) {
            continue;
        }
        if (place_equals(&from, &claim->old)) {
            claim_refute(claims, claim);
        } else if (place_equals(&from, &claim->new)
                   && claim->state == CLAIM_ASK_NEW
                   && pi->flow.nw_proto == ARP_OP_REPLY
                   && pi->flow.nw_dst == claim->asker.ip
                   && eth_addr_equals(pi->flow.arp_tha, claim->asker.mac)) {
            *old = claim->old;
            claim_settle(claims, claim);
            return true;
        }
    }
    return false;
}

bool
claims_run(struct claims *claims, uint32_t *zone, ovs_be32 *ip,
           struct place *old)
{
    long long int now = time_msec();
    struct claim *claim;

    LIST_FOR_EACH_SAFE (claim, node, &claims->list) {
        if (now < claim->next) {
            continue;
        }
        if (claim->state == CLAIM_REFUTED || claim->state == CLAIM_PROVEN) {
            claim_delete(claim);
        } else if (claim->n_asked < N_ASKS) {
            claim_ask(claims, claim);
        } else if (claim->state == CLAIM_ASK_OLD) {
            claim->state = CLAIM_ASK_NEW;
            claim->n_asked = 0;
            claim_ask(claims, claim);
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
claims_wait(const struct claims *claims)
{
    const struct claim *claim;

    LIST_FOR_EACH (claim, node, &claims->list) {
        poll_timer_wait_until(claim->next);
    }
}

void
claims_forget(struct claims *claims, uint8_t app)
{
    struct claim *claim;

    LIST_FOR_EACH_SAFE (claim, node, &claims->list) {
        if (claim->app == app) {
            claim_delete(claim);
        }
    }
}

void
claims_init(struct claims *claims, struct ofswitch *sw)
{
    claims->sw = sw;
    ovs_list_init(&claims->list);
}

void
claims_destroy(struct claims *claims)
{
    struct claim *claim;

    LIST_FOR_EACH_SAFE (claim, node, &claims->list) {
        claim_delete(claim);
    }
}
