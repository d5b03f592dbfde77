/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "conn.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "util.h"

#define ID_BITS 48

const char *
protocol_name(enum protocol protocol)
{
    switch (protocol) {
    case PROTOCOL_HTTP: return "http";
    case PROTOCOL_TLS: return "tls";
    case PROTOCOL_OTHER: return "other";
    case PROTOCOL_UDP: return "udp";
    case PROTOCOL_NEW: return "new";
    case PROTOCOL_WHOLE: return "whole";
    case PROTOCOL_UNKNOWN: return "unknown";
    default: OVS_NOT_REACHED();
    }
}

bool
mirror_end_equals(const struct mirror_end *a, const struct mirror_end *b)
{
    return (a->port == b->port
            && !memcmp(&a->addr, &b->addr, sizeof a->addr));
}

static uint32_t
hash_end(const struct mirror_end *end)
{
    return hash_bytes(&end->addr, sizeof end->addr,
                      (OVS_FORCE uint16_t) end->port);
}

/* The same for both directions. */
static uint32_t
hash_ends(const struct mirror_engine *e, uint32_t zone, uint8_t nw_proto,
          const struct mirror_end *a, const struct mirror_end *b)
{
    uint32_t hash_a = hash_end(a), hash_b = hash_end(b);

    return hash_3words(hash_2words(MIN(hash_a, hash_b), MAX(hash_a, hash_b)),
                       hash_2words(zone, nw_proto), e->salt);
}

struct mirror_conn *
mirror_conn_create(struct mirror_engine *e, const struct mirror_key *key)
{
    struct mirror_conn *c = xzalloc(sizeof *c);

    c->engine = e;
    c->key = *key;
    c->id = e->next_id;
    do {
        e->next_id = (e->next_id + 1) & ((UINT64_C(1) << ID_BITS) - 1);
    } while (!e->next_id);
    c->created = c->used = c->fit = e->now;
    c->fresh = true;
    ovs_list_init(&c->requests);
    ovs_list_push_back(&e->fresh, &c->used_node);
    e->n_fresh++;
    e->totals.n_opened++;
    hmap_insert(&e->conns, &c->node,
                hash_ends(e, key->zone, key->nw_proto, &key->client,
                          &key->server));
    hmap_insert(&e->ids, &c->id_node, hash_uint64(c->id));
    return c;
}

void
mirror_conn_free(struct mirror_conn *c)
{
    struct mirror_engine *e = c->engine;

    mirror_conn_set_timer(c, 0);
    hmap_remove(&e->conns, &c->node);
    hmap_remove(&e->ids, &c->id_node);
    ovs_list_remove(&c->used_node);
    e->n_fresh -= c->fresh;
    while (c->n_requests) {
        request_pop(c);
    }
    tcp_stream_destroy(&c->streams[0]);
    tcp_stream_destroy(&c->streams[1]);
    free(c);
}

struct mirror_conn *
mirror_conn_lookup(const struct mirror_engine *e, uint32_t zone,
                   uint8_t nw_proto, const struct mirror_end *src,
                   const struct mirror_end *dst)
{
    uint32_t hash = hash_ends(e, zone, nw_proto, src, dst);
    struct mirror_conn *c;

    HMAP_FOR_EACH_WITH_HASH (c, node, hash, &e->conns) {
        const struct mirror_end *client = &c->key.client;
        const struct mirror_end *server = &c->key.server;

        if (c->key.zone == zone && c->key.nw_proto == nw_proto
            && ((mirror_end_equals(client, src)
                 && mirror_end_equals(server, dst))
                || (mirror_end_equals(client, dst)
                    && mirror_end_equals(server, src)))) {
            return c;
        }
    }
    return NULL;
}

void
mirror_conn_used(struct mirror_conn *c, bool fresh)
{
    struct mirror_engine *e = c->engine;

    e->n_fresh -= c->fresh && !fresh;
    c->fresh = c->fresh && fresh;
    c->used = e->now;
    ovs_list_remove(&c->used_node);
    ovs_list_push_back(c->fresh ? &e->fresh : &e->used, &c->used_node);
}

struct mirror_conn *
mirror_conn_surplus(const struct mirror_engine *e)
{
    const struct ovs_list *list = (e->n_fresh >= CONN_MAX_FRESH ? &e->fresh
                                   : &e->used);

    if (e->n_fresh < CONN_MAX_FRESH && hmap_count(&e->conns) < CONN_MAX) {
        return NULL;
    }
    return CONTAINER_OF(ovs_list_front(list), struct mirror_conn, used_node);
}

/* A heap has the greatest priority first. */
static uint64_t
priority(long long int when)
{
    return UINT64_MAX - when;
}

void
mirror_conn_set_timer(struct mirror_conn *c, long long int when)
{
    struct heap *timers = &c->engine->timers;

    if (c->when) {
        heap_remove(timers, &c->timer);
    }
    c->when = when;
    if (when) {
        heap_insert(timers, &c->timer, priority(when));
    }
}

struct mirror_conn *
mirror_conn_due(const struct mirror_engine *e)
{
    return (heap_is_empty(&e->timers) ? NULL
            : CONTAINER_OF(heap_max(&e->timers), struct mirror_conn, timer));
}

struct request *
request_push(struct mirror_conn *c, char *url)
{
    struct tcp_hold_budget *budget = &c->engine->budget;
    struct request *request = xzalloc(sizeof *request);
    size_t size = strlen(url);

    if (size > budget->max - MIN(budget->used, budget->max)) {
        free(url);
        url = NULL;
        size = 0;
    }
    budget->used += size;
    request->url = url;
    ovs_list_push_back(&c->requests, &request->node);
    c->n_requests++;
    return request;
}

struct request *
request_first(const struct mirror_conn *c)
{
    return (c->n_requests
            ? CONTAINER_OF(ovs_list_front(&c->requests), struct request, node)
            : NULL);
}

struct request *
request_last(const struct mirror_conn *c)
{
    return (c->n_requests
            ? CONTAINER_OF(ovs_list_back(&c->requests), struct request, node)
            : NULL);
}

void
request_pop(struct mirror_conn *c)
{
    struct request *request = request_first(c);

    if (request) {
        ovs_list_remove(&request->node);
        if (request->url) {
            c->engine->budget.used -= strlen(request->url);
        }
        free(request->url);
        free(request);
        c->n_requests--;
    }
}
