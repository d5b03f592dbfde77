/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "pair.h"

#include <stdlib.h>

#include "engine.h"
#include "hash.h"
#include "packets.h"
#include "util.h"

/* Most pairs with an entry for direct connections.  Segments of others are
 * passed on one by one. */
#define MAX_DIRECT 65536

/* If segments still come here after this time, the entry is not there: there
 * may have been no room. */
#define RETRY_MS 5000

/* After how long without traffic the entry for direct connections ends, in
 * seconds.  Their next segment comes here again.  Longer than a datapath
 * remembers anything. */
#define DIRECT_IDLE_TIMEOUT 60

static uint32_t
hash_key(const struct pair_key *key)
{
    uint32_t words[] = {
        key->zone,
        (OVS_FORCE uint32_t) key->client,
        (OVS_FORCE uint32_t) key->server,
        (OVS_FORCE uint32_t) key->server_tp,
    };

    return hash_words(words, ARRAY_SIZE(words), 0);
}

static struct pair *
pair_lookup(const struct engine *e, const struct pair_key *key)
{
    struct pair *p;

    HMAP_FOR_EACH_WITH_HASH (p, node, hash_key(key), &e->pairs) {
        if (p->key.zone == key->zone && p->key.client == key->client
            && p->key.server == key->server
            && p->key.server_tp == key->server_tp) {
            return p;
        }
    }
    return NULL;
}

static struct pair *
pair_get(struct engine *e, const struct pair_key *key)
{
    struct pair *p = pair_lookup(e, key);

    if (!p) {
        p = xzalloc(sizeof *p);
        p->key = *key;
        ovs_list_init(&p->conns);
        hmap_insert(&e->pairs, &p->node, hash_key(key));
    }
    return p;
}

/* Returns the pair to which 'conn' belongs if its server is 'm'. */
static struct pair_key
key_of_conn(const struct conn *conn, const struct member *m)
{
    return (struct pair_key) {
        .zone = conn->service->cfg->zone,
        .client = conn->client,
        .server = m->address,
        .server_tp = m->tp_port,
    };
}

/* Returns the pair to which '*entry' of kind ENTRY_DIRECT belongs. */
static struct pair_key
key_of_entry(const struct entry *entry)
{
    return (struct pair_key) {
        .zone = entry->zone,
        .client = entry->ip_dst,
        .server = entry->ip_src,
        .server_tp = entry->tp_src,
    };
}

static void
pair_set_direct(struct engine *e, struct pair *p, bool direct)
{
    e->n_direct += direct - p->direct;
    p->direct = direct;
}

/* Forgets '*p' if there is nothing to remember. */
static void
pair_release(struct engine *e, struct pair *p)
{
    if (!p->direct && ovs_list_is_empty(&p->conns)) {
        hmap_remove(&e->pairs, &p->node);
        free(p);
    }
}

void
pairs_init(struct engine *e)
{
    hmap_init(&e->pairs);
    e->new_direct = RATE(1, 1000);
}

void
pairs_destroy(struct engine *e)
{
    struct pair *p;

    HMAP_FOR_EACH_SAFE (p, node, &e->pairs) {
        pair_set_direct(e, p, false);
        pair_release(e, p);
    }
    hmap_destroy(&e->pairs);
}

/* Connections by way of a service. */

static bool
has_own_address(const struct conn *conn, const struct member *m)
{
    return m->address != conn->service->cfg->vip;
}

void
pair_join(struct conn *conn, const struct member *m)
{
    struct engine *e = conn->service->engine;
    struct pair *old = conn->pair;

    if (old) {
        ovs_list_remove(&conn->pair_node);
        conn->pair = NULL;
    }
    if (m && has_own_address(conn, m)) {
        const struct pair_key key = key_of_conn(conn, m);

        conn->pair = pair_get(e, &key);
        ovs_list_push_back(&conn->pair->conns, &conn->pair_node);
    }
    if (old) {
        pair_release(e, old);
    }
}

bool
pair_watch(struct conn *conn, const struct member *m)
{
    const struct pair_key key = key_of_conn(conn, m);
    struct engine *e = conn->service->engine;
    const struct pair *p = pair_lookup(e, &key);
    struct entry entry;

    if (!p || !p->direct) {
        return false;
    }
    entry_for_watch(conn, m, &entry);
    e->ops->install(e, &entry);
    conn->watched = true;
    return true;
}

void
pair_unwatch(struct conn *conn, const struct member *m)
{
    struct engine *e = conn->service->engine;

    if (conn->watched && has_own_address(conn, m)) {
        struct entry entry;

        entry_for_watch(conn, m, &entry);
        e->ops->remove(e, &entry);
    }
}

/* Direct connections. */

static void
install_direct(struct engine *e, struct pair *p)
{
    const struct entry entry = {
        .kind = ENTRY_DIRECT,
        .zone = p->key.zone,
        .in_port = OFPP_NONE,
        .ip_src = p->key.server,
        .ip_dst = p->key.client,
        .tp_src = p->key.server_tp,
        .out_port = OFPP_NONE,
        .idle_timeout = DIRECT_IDLE_TIMEOUT,
    };

    e->ops->install(e, &entry);
    p->installed = e->now;
}

static void
set_direct(struct engine *e, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    const struct pair_key key = {
        .zone = in->zone,
        .client = seg->ip_dst,
        .server = seg->ip_src,
        .server_tp = seg->tp_src,
    };
    struct pair *p = pair_lookup(e, &key);
    struct conn *conn;

    if (p && p->direct) {
        if (e->now < p->installed + RETRY_MS) {
            return;
        }
    } else {
        /* After a reset nothing is left to let pass. */
        if (seg->flags & TCP_RST || e->n_direct >= MAX_DIRECT
            || !rate_allows(&e->new_direct, 1, e->now)) {
            return;
        }
        engine_count(e, NULL, HC_DIRECT);
        p = pair_get(e, &key);
        pair_set_direct(e, p, true);
    }

    /* First the entries for what must not pass. */
    LIST_FOR_EACH (conn, pair_node, &p->conns) {
        pair_watch(conn, conn->member);
    }
    install_direct(e, p);
}

void
pair_pass(struct engine *e, const struct segment_in *in)
{
    set_direct(e, in);
    e->ops->pass(e, in->packet, in->port);
}

void
pair_removed(struct engine *e, const struct entry *entry)
{
    const struct pair_key key = key_of_entry(entry);
    struct pair *p = pair_lookup(e, &key);

    if (p) {
        pair_set_direct(e, p, false);
        pair_release(e, p);
    }
}

void
pair_adopt(struct engine *e, const struct entry *entry)
{
    const struct pair_key key = key_of_entry(entry);
    struct pair *p = pair_get(e, &key);

    pair_set_direct(e, p, true);
    p->installed = e->now;
}
