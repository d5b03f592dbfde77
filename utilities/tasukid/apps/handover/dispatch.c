/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "conn.h"

#include "challenge.h"
#include "handshake.h"
#include "neigh.h"
#include "packets.h"
#include "pair.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"

/* Finds out whose segment came, and to whom it goes. */

/* Most connections to keep track of, a switch: some 200 MB. */
#define MAX_TRACKED 1000000

/* How often a connection may be found elsewhere. */
#define RELOCATE_INTERVAL_MS 1000

/* A segment without a record: most likely of a connection that was being
 * inspected when the daemon was restarted, or was evicted half-open.  The
 * default server is the one that shook hands with it, or will reset it. */
static void
join_orphan(struct hswitch *hsw, struct service *service,
            const struct packet_in *pi, const struct tcp_segment *seg)
{
    struct member *candidates[SERVICE_MAX_CANDIDATES];

    if (seg->flags & TCP_RST || hmap_count(&hsw->conns) >= MAX_TRACKED
        || service->n_orphans >= service->cfg->max_connections
        || !token_bucket_withdraw(&hsw->orphans, 1)
        || !service_choose(service, NULL, candidates)
        || !member_is_resolved(candidates[0])
        || conn_collides(service, seg->ip_src, seg->tp_src, candidates[0])) {
        handover_count(hsw, service, HC_DROP_ORPHAN);
        return;
    }
    handover_count(hsw, service, HC_ORPHANS);

    struct conn *conn = conn_create(service, pi->flow.in_port.ofp_port, seg,
                                    false);
    conn->orphan = true;
    service->n_orphans++;
    conn_set_member(conn, candidates[0]);
    if (!pair_watch(conn, candidates[0])) {
        conn_forward(conn, CONN_TO_SERVER, pi->packet,
                     pi->flow.in_port.ofp_port);
    }
    conn_install(conn, CONN_BOTH);
}

/* Makes room for one more connection in progress, or returns false. */
static bool
make_room(struct service *service)
{
    const struct handover_limits *limits = &handover_limits;

    if (hmap_count(&service->hsw->conns) >= MAX_TRACKED) {
        return false;
    }
    if (service->n_in_progress < service->cfg->max_connections
        && limits->n_in_progress < limits->max_in_progress) {
        return true;
    }

    /* Those that never finished their handshake first, then those that have
     * not sent a request: they go on without inspection.  So does a client
     * whose answer to the SYN-ACK is still on its way, behind a flood of SYNs:
     * its server is not told to forget it, see join_orphan(). */
    if (!ovs_list_is_empty(&service->half_open)) {
        struct handshake *hs = CONTAINER_OF(
            ovs_list_front(&service->half_open), struct handshake, node);
        conn_count(hs->conn, HC_EVICTED);
        if (hs->conn->state == CONN_SYN_RCVD) {
            conn_destroy(hs->conn);
        } else {
            handshake_abort(hs->conn, false);
        }
        return true;
    }
    if (!ovs_list_is_empty(&service->waiting)) {
        struct handshake *hs = CONTAINER_OF(
            ovs_list_front(&service->waiting), struct handshake, node);
        handshake_decide_default(hs->conn, HC_OVERLOAD);
        return true;
    }
    return false;
}

void
conn_open(struct service *service, ofp_port_t in_port,
          const struct tcp_segment *syn, bool replaces)
{
    struct hswitch *hsw = service->hsw;

    if (!make_room(service)) {
        handover_count(hsw, service, HC_DROP_CONN_LIMIT);
        return;
    }
    handover_count(hsw, service, HC_CONNECTIONS);
    handshake_start(conn_create(service, in_port, syn, true), syn, replaces);
}

/* Parses and counts what does not parse. */
static bool
parse_segment(struct hswitch *hsw, struct service *service,
              const struct packet_in *pi, struct tcp_segment *seg)
{
    static const enum handover_counter counters[TCP_SEGMENT_N_ERRORS] = {
        [TCP_SEGMENT_NOT_TCP] = HC_DROP_NOT_TCP,
        [TCP_SEGMENT_TRUNCATED] = HC_DROP_TRUNCATED,
        [TCP_SEGMENT_FRAGMENT] = HC_DROP_FRAGMENT,
        [TCP_SEGMENT_BAD_HEADER] = HC_DROP_BAD_HEADER,
        [TCP_SEGMENT_BAD_CSUM] = HC_DROP_BAD_CSUM,
    };

    enum tcp_segment_error error = tcp_segment_parse(pi->packet, seg);
    if (error) {
        handover_count(hsw, service, counters[error]);
        return false;
    }
    return true;
}

/* A reset is no reason to look for a connection elsewhere, and one that is
 * here and there in turn would cost more than it is worth. */
static bool
may_relocate(const struct conn *conn, const struct tcp_segment *seg)
{
    return (!(seg->flags & TCP_RST)
            && (!conn->installed
                || time_msec() >= conn->installed + RELOCATE_INTERVAL_MS));
}

/* Returns true if '*seg' comes from where the client of 'conn' is.  That can
 * be elsewhere than before only if ARP says so. */
static bool
client_is_there(struct conn *conn, ofp_port_t port,
                const struct tcp_segment *seg)
{
    const struct place old = { conn->client_mac, conn->client_port };
    const struct place new = { seg->eth_src, port };

    if (place_equals(&old, &new)) {
        return true;
    }
    if (!may_relocate(conn, seg)
        || !neigh_has_moved(conn->service->hsw, conn->service, conn->client,
                            &old, &new, seg->vlan_tci)) {
        return false;
    }
    conn->client_port = port;
    conn->client_mac = seg->eth_src;
    if (!conn->hs) {
        conn_relocate(conn);
    }
    return true;
}

void
conn_from_client(struct hswitch *hsw, struct service *service,
                 const struct packet_in *pi)
{
    struct tcp_segment seg;

    if (!parse_segment(hsw, service, pi, &seg)) {
        return;
    }

    struct conn *conn = conn_lookup(hsw, service, seg.ip_src, seg.tp_src);
    bool syn = (seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    bool rst = seg.flags & TCP_RST;
    ofp_port_t in_port = pi->flow.in_port.ofp_port;

    if (!conn) {
        if (syn && !(seg.flags & (TCP_RST | TCP_FIN))) {
            conn_open(service, in_port, &seg, false);
        } else if (seg.flags & TCP_SYN) {
            handover_count(hsw, service, HC_DROP_UNEXPECTED);
        } else {
            join_orphan(hsw, service, pi, &seg);
        }
        return;
    }

    if (!client_is_there(conn, in_port, &seg)) {
        conn_count(conn, HC_DROP_LOCATION);
        if (conn->orphan && syn && challenge_allows(conn)) {
            /* Nobody has seen that connection begin. */
            challenge_server(conn, 0);
        }
        return;
    }
    if (syn && !(seg.flags & (TCP_RST | TCP_FIN))
        && !(conn->has_isn && conn->client_isn == seg.seq)) {
        challenge_syn(conn, &seg);
        return;
    }
    if (conn->hs && rst && challenge_has_syn(conn)
        && handshake_accepts_reset(conn, &seg)) {
        challenge_end(conn);
        return;
    }
    if (conn->hs) {
        handshake_from_client(conn, pi, &seg);
    } else if (seg.flags & TCP_SYN) {
        /* The network kept this copy of the SYN too long. */
        conn_count(conn, HC_DROP_UNEXPECTED);
    } else {
        conn_late(conn, CONN_TO_SERVER, pi, &seg);
    }
}

/* Returns the connection that a segment from 'm', or another member at the
 * same address and port, belongs to, or null.  Changes '*m' to the member that
 * sent the segment. */
static struct conn *
find_by_server(struct hswitch *hsw, const struct tcp_segment *seg,
               ofp_port_t port, struct member **m)
{
    struct member *sender = NULL;
    struct conn *found = NULL;

    for (struct member *i = *m; i;
         i = member_lookup_next(hsw, i->address, i->tp_port, i)) {
        struct conn *conn = conn_lookup(hsw, i->service, seg->ip_dst,
                                        seg->tp_dst);
        bool is_sender = member_is_source(i, seg->eth_src, port);
        if (is_sender && (conn || !sender)) {
            sender = i;
        }
        if (conn && (is_sender || !found)) {
            found = conn;
        }
    }

    /* The server of a connection may have been removed from the configuration
     * since, or moved. */
    if (found && found->member && found->member->address == seg->ip_src
        && found->member->tp_port == seg->tp_src
        && eth_addr_equals(found->member_mac, seg->eth_src)) {
        sender = found->member;
    }
    *m = sender;
    return found;
}

/* A server answers a SYN whose connection was given up, or is another server's
 * by now.  It would keep trying for a minute. */
static void
reset_half_open(struct hswitch *hsw, const struct packet_in *pi,
                const struct tcp_segment *seg)
{
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
        hswitch_send(hsw, tcp_segment_compose(&rst),
                     pi->flow.in_port.ofp_port);
    }
}

/* A segment from 'm', which is not, or not any more, in charge of 'conn', a
 * connection with its ports; 'conn' may be null.  From a server's own address
 * it may belong to a direct connection, unless it answers a SYN of ours; if it
 * does not, the client, who knows nothing of that address, resets it. */
static void
not_in_charge(struct hswitch *hsw, struct conn *conn, const struct member *m,
              const struct packet_in *pi, const struct tcp_segment *seg)
{
    if (member_shares_vip(m)
        || (conn && conn->has_isn && seg->flags & TCP_SYN
            && seg->ack == conn->client_isn + 1)) {
        handover_count(hsw, m->service, HC_DROP_STALE);
        if (conn ? challenge_allows(conn)
            : token_bucket_withdraw(&hsw->challenges, 1)) {
            reset_half_open(hsw, pi, seg);
        }
    } else {
        pair_pass(hsw, pi->packet, pi->flow.in_port.ofp_port, seg);
    }
}

/* Something claims to come from 'm', or another member at its address and
 * port, and is not where any of them is. */
static void
check_members(struct hswitch *hsw, struct member *m,
              const struct place *place)
{
    for (; m; m = member_lookup_next(hsw, m->address, m->tp_port, m)) {
        neigh_check_member(m, place);
    }
}

/* Returns true if '*seg' comes from where the server of 'conn' is.  That can
 * be elsewhere than before only if ARP says so. */
static bool
server_is_there(struct conn *conn, struct member *m, ofp_port_t port,
                const struct tcp_segment *seg)
{
    if ((conn->member_port == OFPP_NONE || conn->member_port == port)
        && eth_addr_equals(conn->member_mac, seg->eth_src)) {
        return true;
    }
    if (m->port != port || !eth_addr_equals(m->mac, seg->eth_src)) {
        neigh_check_member(m, &(struct place) { seg->eth_src, port });
        return false;
    }
    if (!may_relocate(conn, seg)) {
        return false;
    }
    conn->member_port = port;
    conn->member_mac = seg->eth_src;
    conn_relocate(conn);
    return true;
}

void
conn_from_server(struct hswitch *hsw, struct member *m,
                 const struct packet_in *pi)
{
    ofp_port_t in_port = pi->flow.in_port.ofp_port;
    bool shares_vip = member_shares_vip(m);
    struct service *service = m->service;
    struct tcp_segment seg;

    if (!parse_segment(hsw, service, pi, &seg)) {
        return;
    }

    const struct place place = { seg.eth_src, in_port };
    struct member *claimed = m;
    struct conn *conn = find_by_server(hsw, &seg, in_port, &m);
    if (!m) {
        handover_count(hsw, service, HC_DROP_LOCATION);
        check_members(hsw, claimed, &place);
        return;
    }
    if (!conn || !(conn->hs ? handshake_involves(conn, m)
                   : m == conn->member)) {
        not_in_charge(hsw, conn, m, pi, &seg);
        return;
    }

    if (conn->hs) {
        if (m->port != OFPP_NONE && m->port != in_port) {
            neigh_check_member(m, &place);
        }
        handshake_from_server(conn, m, pi, &seg);
        return;
    }
    if (!server_is_there(conn, m, in_port, &seg)) {
        conn_count(conn, HC_DROP_LOCATION);
        return;
    }
    if (challenge_answered(conn, &seg)) {
        /* It does not know the connection any more. */
        reset_half_open(hsw, pi, &seg);
        challenge_end(conn);
        return;
    }
    if (!shares_vip && seg.flags & TCP_SYN
        && !(conn->has_isn && seg.ack == conn->client_isn + 1)) {
        /* It takes the SYN of a direct connection with these ports, and would
         * not if it still had ours: if that is so, it says it again. */
        conn_count(conn, HC_DROP_STALE);
        if (challenge_allows(conn)) {
            challenge_server(conn, 0);
        }
        return;
    }
    conn_late(conn, CONN_TO_CLIENT, pi, &seg);
}
