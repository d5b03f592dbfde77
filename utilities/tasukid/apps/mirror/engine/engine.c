/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "engine.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "datagram.h"
#include "entries.h"
#include "hash.h"
#include "life.h"
#include "polls.h"
#include "tcp.h"
#include "util.h"

/* After an entry went at once, the switch is spared another one for so long,
 * in ms. */
#define REFUSED_MS 10000

struct mirror_engine *
mirror_engine_create(const struct mirror_ops *ops, uint32_t salt, void *aux)
{
    struct mirror_engine *e = xzalloc(sizeof *e);

    e->ops = ops;
    e->salt = salt;
    e->aux = aux;
    e->next_id = (uint64_t) hash_int(salt, 0) << 16 | 1;
    e->budget.max = CONN_MAX_HELD;
    hmap_init(&e->conns);
    hmap_init(&e->ids);
    ovs_list_init(&e->fresh);
    ovs_list_init(&e->used);
    heap_init(&e->timers);
    return e;
}

void
mirror_engine_destroy(struct mirror_engine *e)
{
    struct mirror_conn *c;

    if (!e) {
        return;
    }
    HMAP_FOR_EACH_SAFE (c, node, &e->conns) {
        life_end(c);
    }
    hmap_destroy(&e->conns);
    hmap_destroy(&e->ids);
    heap_destroy(&e->timers);
    free(e);
}

void *
mirror_engine_aux(const struct mirror_engine *e)
{
    return e->aux;
}

uint64_t
mirror_conn_id(const struct mirror_conn *c)
{
    return c->id;
}

const struct mirror_key *
mirror_conn_key(const struct mirror_conn *c)
{
    return &c->key;
}

uint64_t
mirror_conn_place(const struct mirror_conn *c, enum mirror_dir dir)
{
    return c->places[dir];
}

struct mirror_conn *
mirror_engine_find(struct mirror_engine *e, uint64_t id)
{
    struct mirror_conn *c;

    HMAP_FOR_EACH_WITH_HASH (c, id_node, hash_uint64(id), &e->ids) {
        if (c->id == id) {
            return c;
        }
    }
    return NULL;
}

static bool
wants_equal(const struct mirror_wants *a, const struct mirror_wants *b)
{
    return (a->exists == b->exists
            && (!a->exists
                || (a->threshold == b->threshold
                    && a->keep == b->keep
                    && a->keep_packets == b->keep_packets
                    && a->chunked_whole == b->chunked_whole
                    && a->by_stats == b->by_stats)));
}

void
mirror_engine_set_wants(struct mirror_engine *e,
                        const struct mirror_wants wants[MIRROR_MAX_POLICIES])
{
    uint32_t changed = 0;
    struct mirror_conn *c;

    e->policies = 0;
    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        changed |= (uint32_t) !wants_equal(&e->wants[i], &wants[i]) << i;
        e->policies |= (uint32_t) wants[i].exists << i;
        e->wants[i] = wants[i];
    }
    if (changed) {
        HMAP_FOR_EACH (c, node, &e->conns) {
            entries_forget(c, changed);
        }
    }
}

void
mirror_engine_packet(struct mirror_engine *e, long long int now,
                     const struct mirror_packet *p, struct mirror_verdict *v)
{
    struct mirror_conn *c = mirror_conn_lookup(e, p->zone, p->nw_proto,
                                               &p->src, &p->dst);

    e->now = now;
    *v = (struct mirror_verdict) { .copies = p->policies };
    if (p->nw_proto == IPPROTO_TCP) {
        tcp_segment(e, c, p, v);
    } else {
        datagram_packet(e, c, p, v);
    }
}

void
mirror_engine_entry_gone(struct mirror_engine *e, long long int now,
                         uint64_t id, enum mirror_dir dir)
{
    struct mirror_conn *c = mirror_engine_find(e, id);

    e->now = now;
    if (!c || c->entries[dir].mode == MIRROR_LOOK) {
        return;
    }
    if (now - c->set_time < ENTRY_GONE_EARLY_MS) {
        c->refused = now + REFUSED_MS;
    }
    entries_gone(c, dir);
    if (c->protocol == PROTOCOL_UDP
        && c->entries[mirror_opposite(dir)].mode == MIRROR_LOOK) {
        life_end(c);
    }
}

void
mirror_engine_bytes(struct mirror_engine *e, long long int now, uint64_t id,
                    enum mirror_dir dir, uint64_t n_packets, uint64_t n_bytes)
{
    struct mirror_conn *c = mirror_engine_find(e, id);

    e->now = now;
    if (!c) {
        return;
    }
    if (c->protocol == PROTOCOL_UDP) {
        datagram_passed(c, dir, n_packets, n_bytes);
    } else {
        polls_answer(c, dir, n_packets, n_bytes);
        entries_update(c);
    }
}

static void
run_timer(struct mirror_conn *c)
{
    mirror_conn_set_timer(c, 0);
    if (c->ending) {
        life_timeout(c);
    } else {
        polls_timeout(c);
        entries_update(c);
    }
}

long long int
mirror_engine_run(struct mirror_engine *e, long long int now)
{
    long long int next = LLONG_MAX;
    struct mirror_conn *c;

    e->now = now;
    while ((c = mirror_conn_due(e)) && c->when <= now) {
        run_timer(c);
    }
    next = life_run(e);
    c = mirror_conn_due(e);
    return c ? MIN(next, c->when) : next;
}

void
mirror_conn_show(const struct mirror_conn *c, struct mirror_show *show)
{
    *show = (struct mirror_show) {
        .protocol = protocol_name(c->protocol),
        .reason = c->reason,
        .url = c->streams[MIRROR_TO_SERVER].url,
        .used = c->used,
    };
    for (int dir = 0; dir < 2; dir++) {
        show->counts[dir] = c->counts[dir];
        show->entries[dir] = &c->entries[dir];
    }
}

static const struct mirror_conn *
before(const struct mirror_engine *e, const struct ovs_list *node)
{
    if (node->prev == &e->used) {
        node = &e->fresh;
    }
    return (node->prev == &e->fresh ? NULL
            : CONTAINER_OF(node->prev, struct mirror_conn, used_node));
}

const struct mirror_conn *
mirror_engine_first(const struct mirror_engine *e)
{
    return before(e, &e->used);
}

const struct mirror_conn *
mirror_engine_next(const struct mirror_engine *e,
                   const struct mirror_conn *c)
{
    return before(e, &c->used_node);
}

void
mirror_engine_totals(const struct mirror_engine *e,
                     struct mirror_totals *totals)
{
    *totals = e->totals;
    totals->n_conns = hmap_count(&e->conns);
}
