/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "engine.h"

#include "conn.h"
#include "life.h"
#include "packets.h"
#include "pair.h"
#include "util.h"

/* Takes up connections that the switch has and the engine does not, or not any
 * more: after a restart, or after the switch was out of reach.  The entries
 * themselves hold all that is needed. */

/* Makes the member at 'address' and 'tp_port', with 'mac' at 'port', the
 * server of 'conn'. */
static void
adopt_member(struct conn *conn, ovs_be32 address, ovs_be16 tp_port,
             struct eth_addr mac, ofp_port_t port)
{
    struct service *service = conn->service;
    bool shared = address == service->cfg->vip;
    struct member *found = NULL;

    for (size_t i = 0; i < service->cfg->n_members && !found; i++) {
        struct member *m = service->members[i];

        if (m->address == address && m->tp_port == tp_port
            && (!shared || member_is_source(m, mac, port))) {
            if (!member_is_resolved(m)) {
                member_set_location(m, mac, port);
            }
            found = member_ref(m);
        }
    }
    if (!found) {
        found = member_create_stray(service, address, tp_port);
    }
    conn_set_member(conn, found);
    member_unref(found);
    conn->member_mac = mac;
    conn->member_port = port;
}

static bool
adopt_to_server(struct engine *e, const struct entry *entry,
                long long int age)
{
    struct service *service = service_lookup(e, entry->zone, entry->ip_dst,
                                             entry->tp_dst);
    if (!service) {
        return false;
    }

    struct conn *conn = conn_lookup_id(e, entry->id);
    if (!conn) {
        if (conn_lookup(service, entry->ip_src, entry->tp_src)) {
            return false;
        }
        conn = conn_insert(service, entry->ip_src, entry->tp_src, entry->id);
    }

    adopt_member(conn, entry->new_ip_dst, entry->new_tp_dst,
                 entry->new_eth_dst, entry->out_port);
    conn->created = e->now - age;
    conn->client_mac = entry->eth_src;
    conn->client_port = entry->in_port;
    conn->seq_delta = entry->ack;
    conn->ts_delta = -entry->tsecr;
    conn->client_wscale = entry->wscale;
    conn->flows |= CONN_TO_SERVER;
    return true;
}

/* The addresses that the entry sets or leaves alone describe the client's
 * end. */
static bool
adopt_to_client(struct engine *e, const struct entry *entry)
{
    struct service *service = service_lookup(e, entry->zone, entry->new_ip_src,
                                             entry->new_tp_src);
    if (!service) {
        return false;
    }

    struct conn *conn = conn_lookup_id(e, entry->id);
    if (!conn) {
        if (conn_lookup(service, entry->ip_dst, entry->tp_dst)) {
            return false;
        }
        conn = conn_insert(service, entry->ip_dst, entry->tp_dst, entry->id);
    }
    if (!conn->member) {
        adopt_member(conn, entry->ip_src, entry->tp_src, entry->eth_src,
                     entry->in_port);
        conn->client_mac = entry->new_eth_dst;
        conn->client_port = entry->out_port;
        conn->seq_delta = -entry->seq;
        conn->ts_delta = entry->tsval;
    }
    conn->member_wscale = entry->wscale;
    conn->flows |= CONN_TO_CLIENT;
    return true;
}

bool
engine_adopt(struct engine *e, const struct entry *entry, long long int age)
{
    switch (entry->kind) {
    case ENTRY_DIRECT:
        pair_adopt(e, entry);
        return true;

    case ENTRY_TO_SERVER:
        return adopt_to_server(e, entry, age);

    case ENTRY_TO_CLIENT:
        return adopt_to_client(e, entry);

    case ENTRY_NONE:
    case ENTRY_WATCH:
    default:
        return false;
    }
}

/* After the client's FIN, the direction to the client may be the only one that
 * is left.  It says enough to go on with, but for the shift of the client's
 * windows, which seem smaller without.  The other direction alone says too
 * little.
 *
 * Entries that watch a server were removed, since they may be of connections
 * that are gone.  Now it is known which are needed. */
size_t
engine_adopt_done(struct engine *e)
{
    struct conn *conn;
    size_t n = 0;

    HMAP_FOR_EACH_SAFE (conn, node, &e->conns) {
        if (!(conn->flows & CONN_TO_CLIENT)) {
            conn_destroy(conn);
            continue;
        }
        bool moved = (conn->seq_delta || conn->ts_delta || conn->client_wscale
                      || conn->member_wscale);
        conn->state = moved ? CONN_MOVED : CONN_KEPT;
        pair_watch(conn, conn->member);
        conn_count(conn, HC_ADOPTED);
        conn_tell(conn, CONN_HAS_BEGUN);
        n++;
    }
    return n;
}
