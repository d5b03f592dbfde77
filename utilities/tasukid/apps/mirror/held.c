/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "held.h"

#include <stdlib.h>

#include "dp-packet.h"
#include "entries.h"
#include "flows.h"
#include "hash.h"
#include "mirror.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/requests.h"

/* Most packets of one switch that wait. */
#define MAX_WAITING 1000

/* How long the switch's datapath may take to do what the switch was told, in
 * msec.  Then packets pass without, and what answers them may be taken for a
 * part of what was skipped before. */
#define SETTLE_TIMEOUT 2000

struct held_packet {
    struct ovs_list node;       /* In struct wait's 'packets'. */
    struct packet_in pi;        /* Owns its packet. */
    uint32_t policies;
};

/* Packets of one direction that wait for the switch. */
struct wait {
    struct hmap_node node;      /* In 'waits', by direction. */
    struct mirror_switch *ms;
    uint32_t zone;
    uint8_t nw_proto;
    struct mirror_end src, dst;
    struct ovs_list packets;
    size_t n_asked;             /* Answers that are to come. */
};

void
mirror_release(struct mirror_switch *ms, const struct packet_in *pi,
               uint32_t policies)
{
    uint8_t table = mirror_place_table(mirror_place(pi));
    uint64_t stub[512 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpact_resubmit *resubmit;
    struct pipeline_notes notes;

    mirror_put_copies(ms, policies, &ofpacts);
    pipeline_get_notes(pi->flow.regs, &notes);
    pipeline_put_notes(&ofpacts, &notes);
    resubmit = ofpact_put_RESUBMIT(&ofpacts);
    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = pipeline_next(ms->sw, table);
    ofswitch_packet_out(ms->sw, pi->packet, pi->flow.in_port.ofp_port,
                        &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Waiting. */

static uint32_t
hash_direction(const struct mirror_packet *mp)
{
    uint32_t hash = hash_bytes(&mp->src.addr, sizeof mp->src.addr, mp->zone);

    hash = hash_bytes(&mp->dst.addr, sizeof mp->dst.addr, hash);
    return hash_2words(hash, ((uint32_t) ntohs(mp->src.port) << 16
                              | ntohs(mp->dst.port)));
}

static bool
same_end(const struct mirror_end *a, const struct mirror_end *b)
{
    return a->port == b->port && ipv6_addr_equals(&a->addr, &b->addr);
}

static struct wait *
find_wait(const struct mirror_switch *ms, const struct mirror_packet *mp)
{
    struct wait *w;

    HMAP_FOR_EACH_WITH_HASH (w, node, hash_direction(mp), &ms->waits) {
        if (w->zone == mp->zone && w->nw_proto == mp->nw_proto
            && same_end(&w->src, &mp->src) && same_end(&w->dst, &mp->dst)) {
            return w;
        }
    }
    return NULL;
}

bool
mirror_held_waits(const struct mirror_switch *ms,
                  const struct mirror_packet *mp)
{
    struct mirror_packet back = *mp;

    if (hmap_is_empty(&ms->waits)) {
        return false;
    }
    back.src = mp->dst;
    back.dst = mp->src;
    return find_wait(ms, mp) || find_wait(ms, &back);
}

/* Sends all packets of 'w' on. */
static void
flush(struct wait *w)
{
    struct held_packet *hp;

    LIST_FOR_EACH_POP (hp, node, &w->packets) {
        mirror_release(w->ms, &hp->pi, hp->policies);
        dp_packet_delete(hp->pi.packet);
        free(hp);
        w->ms->n_waiting--;
    }
}

static void
wait_destroy(struct wait *w)
{
    hmap_remove(&w->ms->waits, &w->node);
    free(w);
}

static void
settled(struct ofswitch *sw OVS_UNUSED, const struct request_reply *reply,
        void *w_)
{
    struct wait *w = w_;

    w->n_asked--;
    if (reply->status != REQUEST_DONE) {
        w->ms->stats.n_unwaited++;
    }
    if (!w->n_asked) {
        flush(w);
        wait_destroy(w);
    }
}

/* Has 'w' wait for what the switch was told until now, too. */
static bool
ask(struct wait *w)
{
    bool sent = request_settle(w->ms->sw, PIPE_APP_MIRROR, SETTLE_TIMEOUT,
                               settled, w);

    w->n_asked += sent;
    return sent;
}

static struct wait *
wait_create(struct mirror_switch *ms, const struct mirror_packet *mp)
{
    struct wait *w = xmalloc(sizeof *w);

    *w = (struct wait) {
        .ms = ms,
        .zone = mp->zone,
        .nw_proto = mp->nw_proto,
        .src = mp->src,
        .dst = mp->dst,
    };
    ovs_list_init(&w->packets);
    hmap_insert(&ms->waits, &w->node, hash_direction(mp));
    return w;
}

static void
enqueue(struct wait *w, const struct packet_in *pi, uint32_t policies)
{
    struct held_packet *hp = xmalloc(sizeof *hp);

    hp->pi = *pi;
    hp->pi.packet = dp_packet_clone(pi->packet);
    hp->policies = policies;
    ovs_list_push_back(&w->packets, &hp->node);
    w->ms->n_waiting++;
}

void
mirror_release_in_order(struct mirror_switch *ms, const struct packet_in *pi,
                        const struct mirror_packet *mp, uint32_t policies,
                        bool barrier)
{
    struct wait *w = find_wait(ms, mp);
    bool is_room = ms->n_waiting < MAX_WAITING;

    if (!w && !barrier) {
        mirror_release(ms, pi, policies);
        return;
    }

    if (!w) {
        w = wait_create(ms, mp);
    }
    if (is_room && (!barrier || ask(w))) {
        enqueue(w, pi, policies);
        ms->stats.n_waited++;
    } else {
        flush(w);
        mirror_release(ms, pi, policies);
        ms->stats.n_unwaited++;
        if (!w->n_asked) {
            wait_destroy(w);
        }
    }
}

void
mirror_held_init(struct mirror_switch *ms)
{
    hmap_init(&ms->waits);
}

/* What waits for the switch's answer has been told by now that there will be
 * none. */
void
mirror_held_destroy(struct mirror_switch *ms)
{
    struct wait *w;

    HMAP_FOR_EACH_SAFE (w, node, &ms->waits) {
        flush(w);
        wait_destroy(w);
    }
    hmap_destroy(&ms->waits);
}
