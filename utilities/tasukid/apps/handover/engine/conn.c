/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "conn.h"

#include <stdlib.h>

#include "dp-packet.h"
#include "engine.h"
#include "hash.h"
#include "packets.h"
#include "pair.h"
#include "util.h"

const char *
conn_state_name(enum conn_state state)
{
    switch (state) {
    case CONN_SYN_SENT: return "SYN_SENT";
    case CONN_SYN_RCVD: return "SYN_RCVD";
    case CONN_ESTABLISHED: return "ESTABLISHED";
    case CONN_INSPECT: return "INSPECT";
    case CONN_REPLAY: return "REPLAY";
    case CONN_DELIVER: return "DELIVER";
    case CONN_KEPT: return "KEPT";
    case CONN_MOVED: return "MOVED";
    default: OVS_NOT_REACHED();
    }
}

void
conn_count(struct conn *conn, enum handover_counter counter)
{
    engine_count(conn->service->engine, conn->service, counter);
}

void
conn_tell(const struct conn *conn, enum conn_news news)
{
    struct engine *e = conn->service->engine;

    e->ops->tell(e, conn, news);
}

/* Table. */

static uint32_t
hash_conn(const struct service *service, ovs_be32 client, ovs_be16 client_tp)
{
    const struct service_config *cfg = service->cfg;
    uint32_t words[] = {
        cfg->zone,
        (OVS_FORCE uint32_t) client,
        (OVS_FORCE uint32_t) cfg->vip,
        (OVS_FORCE uint32_t) client_tp << 16 | (OVS_FORCE uint32_t) cfg->port,
    };

    return hash_words(words, ARRAY_SIZE(words), 0);
}

struct conn *
conn_lookup(const struct service *service, ovs_be32 client,
            ovs_be16 client_tp)
{
    uint32_t hash = hash_conn(service, client, client_tp);
    struct conn *conn;

    HMAP_FOR_EACH_WITH_HASH (conn, node, hash, &service->engine->conns) {
        if (conn->client == client && conn->client_tp == client_tp
            && conn->service == service) {
            return conn;
        }
    }
    return NULL;
}

struct conn *
conn_lookup_id(const struct engine *e, uint64_t id)
{
    struct conn *conn;

    HMAP_FOR_EACH_WITH_HASH (conn, id_node, hash_uint64(id), &e->conn_ids) {
        if (conn->id == id) {
            return conn;
        }
    }
    return NULL;
}

static void
insert_id(struct conn *conn, uint64_t id)
{
    conn->id = id;
    hmap_insert(&conn->service->engine->conn_ids, &conn->id_node,
                hash_uint64(id));
}

static uint64_t
new_id(struct engine *e)
{
    return e->shared->next_id++ & ((UINT64_C(1) << 52) - 1);
}

struct conn *
conn_insert(struct service *service, ovs_be32 client, ovs_be16 client_tp,
            uint64_t id)
{
    struct engine *e = service->engine;
    struct conn *conn = xzalloc(sizeof *conn);

    conn->service = service;
    conn->created = conn_now(conn);
    conn->client = client;
    conn->client_tp = client_tp;
    conn->member_port = OFPP_NONE;
    hmap_insert(&e->conns, &conn->node,
                hash_conn(service, client, client_tp));
    insert_id(conn, id);
    return conn;
}

struct conn *
conn_create(struct service *service, ofp_port_t in_port,
            const struct tcp_segment *seg, bool handshake)
{
    struct conn *conn = conn_insert(service, seg->ip_src, seg->tp_src,
                                    new_id(service->engine));

    conn->client_mac = seg->eth_src;
    conn->client_port = in_port;
    conn->vlan_tci = seg->vlan_tci;
    if (handshake) {
        conn->state = CONN_SYN_SENT;
        conn->client_isn = seg->seq;
        conn->has_isn = true;
    } else {
        conn->state = CONN_KEPT;
    }
    conn_tell(conn, CONN_HAS_BEGUN);
    return conn;
}

void
conn_remove(struct conn *conn)
{
    struct engine *e = conn->service->engine;

    conn_cancel_timer(conn);
    conn_set_member(conn, NULL);
    member_unref(conn->first);
    if (conn->orphan) {
        conn->service->n_orphans--;
    }
    hmap_remove(&e->conns, &conn->node);
    hmap_remove(&e->conn_ids, &conn->id_node);
    free(conn);
}

void
conn_set_member(struct conn *conn, struct member *m)
{
    if (conn->member) {
        conn->member->n_conns--;
        member_unref(conn->member);
    }
    conn->member = member_ref(m);
    pair_join(conn, m);
    if (m) {
        m->n_conns++;
        conn->member_mac = m->mac;
        conn->member_port = m->port;
    }
}

/* Timers.  The heap has the greatest priority first. */

void
conn_set_timer(struct conn *conn, long long int when)
{
    struct heap *timers = &conn->service->engine->timers;
    uint64_t priority = UINT64_MAX - MAX(when, 0);

    if (conn->timer_set) {
        heap_change(timers, &conn->timer, priority);
    } else {
        heap_insert(timers, &conn->timer, priority);
        conn->timer_set = true;
    }
}

void
conn_cancel_timer(struct conn *conn)
{
    if (conn->timer_set) {
        heap_remove(&conn->service->engine->timers, &conn->timer);
        conn->timer_set = false;
    }
}

struct conn *
conn_next_timer(const struct engine *e, long long int *when)
{
    if (heap_is_empty(&e->timers)) {
        return NULL;
    }
    *when = UINT64_MAX - heap_max(&e->timers)->priority;
    return CONTAINER_OF(heap_max(&e->timers), struct conn, timer);
}

/* Sending. */

void
conn_send_to_client(struct conn *conn, struct tcp_segment *seg)
{
    const struct service_config *cfg = conn->service->cfg;

    seg->eth_src = cfg->mac;
    seg->eth_dst = conn->client_mac;
    seg->vlan_tci = conn->vlan_tci;
    seg->ip_src = cfg->vip;
    seg->tp_src = cfg->port;
    seg->ip_dst = conn->client;
    seg->tp_dst = conn->client_tp;
    engine_send(conn->service->engine, tcp_segment_compose(seg),
                conn->client_port, false);
}

void
conn_send_to_server(struct conn *conn, struct tcp_segment *seg)
{
    seg->eth_src = conn->service->cfg->mac;
    seg->eth_dst = conn->member_mac;
    seg->vlan_tci = conn->vlan_tci;
    seg->ip_src = conn->client;
    seg->tp_src = conn->client_tp;
    seg->ip_dst = conn->member->address;
    seg->tp_dst = conn->member->tp_port;
    engine_send(conn->service->engine, tcp_segment_compose(seg),
                conn->member_port, true);
}

void
conn_send_to_member(struct conn *conn, const struct member *m,
                    struct tcp_segment *seg)
{
    seg->eth_src = conn->service->cfg->mac;
    seg->eth_dst = m->mac;
    seg->vlan_tci = conn->vlan_tci;
    seg->ip_src = conn->client;
    seg->tp_src = conn->client_tp;
    seg->ip_dst = m->address;
    seg->tp_dst = m->tp_port;
    engine_send(conn->service->engine, tcp_segment_compose(seg), m->port,
                true);
}

void
conn_forward(struct conn *conn, enum conn_direction direction,
             const struct segment_in *in)
{
    struct engine *e = conn->service->engine;
    struct entry entry;

    entry_for_conn(conn, direction, &entry);
    e->ops->forward(e, &entry, in->packet, in->port);
}

/* Entries. */

static void
install(struct conn *conn, enum conn_direction direction)
{
    struct engine *e = conn->service->engine;
    struct entry entry;

    entry_for_conn(conn, direction, &entry);
    e->ops->install(e, &entry);
}

void
conn_install(struct conn *conn, enum conn_direction directions)
{
    if (directions & CONN_TO_CLIENT) {
        install(conn, CONN_TO_CLIENT);
    }
    if (directions & CONN_TO_SERVER) {
        install(conn, CONN_TO_SERVER);
    }
    conn->flows |= directions;
    conn->installed = conn_now(conn);
}

void
conn_remove_entries(struct conn *conn)
{
    struct engine *e = conn->service->engine;

    e->ops->remove_id(e, conn->id, conn->watched);
}

void
conn_renew_id(struct conn *conn)
{
    struct engine *e = conn->service->engine;

    hmap_remove(&e->conn_ids, &conn->id_node);
    insert_id(conn, new_id(e));
}

void
conn_seen(struct conn *conn, long long int ms)
{
    conn->expires = MAX(conn->expires,
                        (conn_now(conn) - ms
                         + conn->service->cfg->idle_timeout * 1000LL));
}
