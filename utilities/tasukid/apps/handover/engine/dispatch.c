/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "engine.h"

#include "challenge.h"
#include "conn.h"
#include "ending.h"
#include "forwarded.h"
#include "handshake.h"
#include "life.h"
#include "machine.h"
#include "packets.h"
#include "pair.h"
#include "util.h"

/* Finds out which connection a segment belongs to, and who sent it. */

/* How often a connection may move to another place. */
#define RELOCATE_INTERVAL_MS 1000

/* A segment of no known connection.  Most likely the connection was being
 * inspected when the daemon was restarted, or was evicted half-open.  The
 * default server is the one that shook hands with it, or will reset it. */
static void
join_orphan(struct engine *e, struct service *service,
            const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct member *candidates[SERVICE_MAX_CANDIDATES];

    if (seg->flags & TCP_RST || !machine_can_track(e)
        || service->n_orphans >= service->cfg->max_connections
        || !rate_allows(&e->orphans, 1, e->now)
        || !service_choose(service, NULL, candidates)
        || !member_is_resolved(candidates[0])
        || conn_collides(service, seg->ip_src, seg->tp_src, candidates[0])) {
        engine_count(e, service, HC_DROP_ORPHAN);
        return;
    }
    engine_count(e, service, HC_ORPHANS);

    struct conn *conn = conn_create(service, in->port, seg, false);
    conn->orphan = true;
    service->n_orphans++;
    conn_set_member(conn, candidates[0]);
    if (!pair_watch(conn, candidates[0])) {
        conn_forward(conn, CONN_TO_SERVER, in);
    }
    conn_install(conn, CONN_BOTH);
}

/* Returns false, and counts the segment, if '*in' did not parse. */
static bool
is_sound(struct engine *e, struct service *service,
         const struct segment_in *in)
{
    static const enum handover_counter counters[TCP_SEGMENT_N_ERRORS] = {
        [TCP_SEGMENT_NOT_TCP] = HC_DROP_NOT_TCP,
        [TCP_SEGMENT_TRUNCATED] = HC_DROP_TRUNCATED,
        [TCP_SEGMENT_FRAGMENT] = HC_DROP_FRAGMENT,
        [TCP_SEGMENT_BAD_HEADER] = HC_DROP_BAD_HEADER,
        [TCP_SEGMENT_BAD_CSUM] = HC_DROP_BAD_CSUM,
    };

    if (in->error) {
        engine_count(e, service, counters[in->error]);
        return false;
    }
    return true;
}

/* A reset is no reason to look for a connection elsewhere.  A connection that
 * kept changing places would cost too much. */
static bool
may_relocate(const struct conn *conn, const struct tcp_segment *seg)
{
    return (!(seg->flags & TCP_RST)
            && (!conn->installed
                || conn_now(conn) >= conn->installed + RELOCATE_INTERVAL_MS));
}

/* Returns true if '*in' comes from where the client of 'conn' is.  The client
 * has moved only if ARP says so. */
static bool
client_is_there(struct conn *conn, const struct segment_in *in)
{
    const struct place old = { conn->client_mac, conn->client_port };
    const struct place new = { in->seg.eth_src, in->port };
    struct engine *e = conn->service->engine;

    if (place_equals(&old, &new)) {
        return true;
    }
    if (!may_relocate(conn, &in->seg)
        || !e->ops->has_moved(e, conn->service, conn->client, &old, &new,
                              in->seg.vlan_tci)) {
        return false;
    }
    conn->client_port = new.port;
    conn->client_mac = new.mac;
    if (!conn->hs) {
        conn_relocate(conn);
    }
    return true;
}

static void
from_client(struct engine *e, struct service *service,
            const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;

    if (!is_sound(e, service, in)) {
        return;
    }

    struct conn *conn = conn_lookup(service, seg->ip_src, seg->tp_src);
    bool syn = (seg->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    bool rst = seg->flags & TCP_RST;

    if (!conn) {
        if (syn && !(seg->flags & (TCP_RST | TCP_FIN))) {
            machine_open(service, in->port, seg, false);
        } else if (seg->flags & TCP_SYN) {
            engine_count(e, service, HC_DROP_UNEXPECTED);
        } else {
            join_orphan(e, service, in);
        }
        return;
    }

    if (!client_is_there(conn, in)) {
        conn_count(conn, HC_DROP_LOCATION);
        if (conn->orphan && syn && challenge_allows(conn)) {
            /* Nobody has seen that connection begin. */
            challenge_server(conn, 0);
        }
        return;
    }
    if (syn && !(seg->flags & (TCP_RST | TCP_FIN))
        && !(conn->has_isn && conn->client_isn == seg->seq)) {
        ending_syn(conn, seg);
        return;
    }
    if (conn->hs && rst && challenge_has_syn(conn)
        && machine_accepts_reset(conn, seg)) {
        ending_end(conn);
        return;
    }
    if (conn->hs) {
        machine_from_client(conn, in);
    } else if (seg->flags & TCP_SYN) {
        /* The network kept this copy of the SYN too long. */
        conn_count(conn, HC_DROP_UNEXPECTED);
    } else {
        forwarded_late(conn, CONN_TO_SERVER, in);
    }
}

/* Returns the connection of a segment from 'm', or from another member at the
 * same address and port, or null.  Changes '*m' to the member that sent the
 * segment. */
static struct conn *
find_by_server(struct engine *e, const struct segment_in *in,
               struct member **m)
{
    const struct tcp_segment *seg = &in->seg;
    struct member *sender = NULL;
    struct conn *found = NULL;

    for (struct member *i = *m; i;
         i = member_lookup_next(e, i->zone, i->address, i->tp_port, i)) {
        struct conn *conn = conn_lookup(i->service, seg->ip_dst, seg->tp_dst);
        bool is_sender = member_is_source(i, seg->eth_src, in->port);
        if (is_sender && (conn || !sender)) {
            sender = i;
        }
        if (conn && (is_sender || !found)) {
            found = conn;
        }
    }

    /* The server of a connection may have been removed from the configuration
     * meanwhile, or moved. */
    if (found && found->member && found->member->address == seg->ip_src
        && found->member->tp_port == seg->tp_src
        && eth_addr_equals(found->member_mac, seg->eth_src)) {
        sender = found->member;
    }
    *m = sender;
    return found;
}

/* A server answers a SYN whose connection was given up, or has another server
 * by now.  Without a reset it would keep trying for a minute. */
static void
reset_half_open(struct engine *e, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;

    if ((seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == (TCP_SYN | TCP_ACK)) {
        struct tcp_segment rst = {
            .eth_src = seg->eth_dst,
            .eth_dst = seg->eth_src,
            .vlan_tci = seg->vlan_tci,
            .ip_src = seg->ip_dst,
            .ip_dst = seg->ip_src,
            .tp_src = seg->tp_dst,
            .tp_dst = seg->tp_src,
            .seq = seg->ack,
            .flags = TCP_RST,
        };
        engine_send(e, tcp_segment_compose(&rst), in->port, true);
    }
}

/* A segment from 'm'.  'conn' has its ports, or is null, and 'm' is not, or no
 * longer, in charge of 'conn'.  From a server's own address the segment may
 * belong to a direct connection, unless it answers a SYN of ours.  If it does
 * not, the client, who knows nothing of that address, resets it. */
static void
not_in_charge(struct engine *e, struct conn *conn, const struct member *m,
              const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;

    if (member_shares_vip(m)
        || (conn && conn->has_isn && seg->flags & TCP_SYN
            && seg->ack == conn->client_isn + 1)) {
        engine_count(e, m->service, HC_DROP_STALE);
        if (conn ? challenge_allows(conn)
            : rate_allows(&e->challenges, 1, e->now)) {
            reset_half_open(e, in);
        }
    } else {
        pair_pass(e, in);
    }
}

/* A segment claims to come from 'm', or another member at its address and
 * port, but comes from where none of them is. */
static void
check_members(struct engine *e, struct member *m, const struct place *place)
{
    for (; m; m = member_lookup_next(e, m->zone, m->address, m->tp_port, m)) {
        e->ops->check_member(e, m, place);
    }
}

/* Returns true if '*in' comes from where the server of 'conn' is.  The server
 * has moved only if ARP says so. */
static bool
server_is_there(struct conn *conn, struct member *m,
                const struct segment_in *in)
{
    const struct place place = { in->seg.eth_src, in->port };
    struct engine *e = conn->service->engine;

    if ((conn->member_port == OFPP_NONE || conn->member_port == place.port)
        && eth_addr_equals(conn->member_mac, place.mac)) {
        return true;
    }
    if (m->port != place.port || !eth_addr_equals(m->mac, place.mac)) {
        e->ops->check_member(e, m, &place);
        return false;
    }
    if (!may_relocate(conn, &in->seg)) {
        return false;
    }
    conn->member_port = place.port;
    conn->member_mac = place.mac;
    conn_relocate(conn);
    return true;
}

static void
from_server(struct engine *e, struct member *m, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    bool shares_vip = member_shares_vip(m);
    struct service *service = m->service;

    if (!is_sound(e, service, in)) {
        return;
    }

    const struct place place = { seg->eth_src, in->port };
    struct member *claimed = m;
    struct conn *conn = find_by_server(e, in, &m);
    if (!m) {
        engine_count(e, service, HC_DROP_LOCATION);
        check_members(e, claimed, &place);
        return;
    }
    if (!conn || !(conn->hs ? handshake_involves(conn, m)
                   : m == conn->member)) {
        not_in_charge(e, conn, m, in);
        return;
    }

    if (conn->hs) {
        if (m->port != OFPP_NONE && m->port != in->port) {
            e->ops->check_member(e, m, &place);
        }
        machine_from_server(conn, m, in);
        return;
    }
    if (!server_is_there(conn, m, in)) {
        conn_count(conn, HC_DROP_LOCATION);
        return;
    }
    if (challenge_answered(conn, seg)) {
        /* The server does not know the connection any more. */
        reset_half_open(e, in);
        ending_end(conn);
        return;
    }
    if (!shares_vip && seg->flags & TCP_SYN
        && !(conn->has_isn && seg->ack == conn->client_isn + 1)) {
        /* The server accepts the SYN of a direct connection with these ports,
         * so it should not have ours any more.  If it really does not, it says
         * so again. */
        conn_count(conn, HC_DROP_STALE);
        if (challenge_allows(conn)) {
            challenge_server(conn, 0);
        }
        return;
    }
    forwarded_late(conn, CONN_TO_CLIENT, in);
}

void
engine_segment(struct engine *e, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct service *service = service_lookup(e, in->zone, seg->ip_dst,
                                             seg->tp_dst);
    if (service) {
        from_client(e, service, in);
        return;
    }
    struct member *m = member_lookup_next(e, in->zone, seg->ip_src,
                                          seg->tp_src, NULL);
    if (m) {
        from_server(e, m, in);
        return;
    }

    /* Of a service that was just removed. */
    engine_count(e, NULL, HC_DROP_ORPHAN);
}
