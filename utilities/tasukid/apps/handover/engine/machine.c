/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "machine.h"

#include <stdlib.h>

#include "challenge.h"
#include "engine.h"
#include "inspect.h"
#include "life.h"
#include "packets.h"
#include "replay.h"
#include "try.h"
#include "util.h"

/* Most connections to keep track of on one switch: some 200 MB. */
#define MAX_TRACKED 1000000

/* How long a client may take to finish its handshake: three retransmissions of
 * the SYN-ACK. */
#define HALF_OPEN_TIMEOUT_MS 8000

/* How far beyond what was acknowledged a client may send. */
#define MAX_CLIENT_WINDOW (1 << 20)

/* Opening. */

bool
machine_can_track(const struct engine *e)
{
    return hmap_count(&e->conns) < MAX_TRACKED;
}

/* Makes room for one more connection in progress, or returns false. */
static bool
make_room(struct service *service)
{
    const struct engine_shared *shared = service->engine->shared;

    if (!machine_can_track(service->engine)) {
        return false;
    }
    if (service->n_in_progress < service->cfg->max_connections
        && shared->n_in_progress < shared->max_in_progress) {
        return true;
    }

    /* First evicts those that never finished their handshake, then those that
     * have not sent a request, which go on without inspection.  So does a
     * client whose answer to the SYN-ACK is still on its way behind a flood of
     * SYNs: its server is not told to forget it, see join_orphan(). */
    if (!ovs_list_is_empty(&service->half_open)) {
        struct handshake *hs = CONTAINER_OF(
            ovs_list_front(&service->half_open), struct handshake, node);
        conn_count(hs->conn, HC_EVICTED);
        if (hs->conn->state == CONN_SYN_RCVD) {
            conn_destroy(hs->conn);
        } else {
            conn_abort(hs->conn, false);
        }
        return true;
    }
    if (!ovs_list_is_empty(&service->waiting)) {
        struct handshake *hs = CONTAINER_OF(
            ovs_list_front(&service->waiting), struct handshake, node);
        inspect_end(hs->conn, HC_OVERLOAD);
        return true;
    }
    return false;
}

static void
start(struct conn *conn, const struct tcp_segment *syn, bool replaces)
{
    struct service *service = conn->service;
    struct engine_shared *shared = service->engine->shared;
    struct handshake *hs = xzalloc(sizeof *hs);
    bool ecn;

    conn->hs = hs;
    hs->conn = conn;
    hs->cfg = service_config_ref(service->cfg);
    service->n_in_progress++;
    shared->n_in_progress++;
    ovs_list_init(&hs->node);
    handshake_set_state(conn, CONN_SYN_SENT);

    /* Only what every server can go on with.  The parser left out all other
     * options: Fast Open, MPTCP and whatever is experimental.  Data on the SYN
     * is left out as well; its sender repeats it if it is not acknowledged
     * (RFC 7413 section 4.2). */
    hs->client_opts = syn->opts;
    hs->client_opts.present &= service_common_options(service, &ecn);
    hs->syn_flags = syn->flags & (ecn ? TCP_ECE | TCP_CWR : 0);
    hs->syn_window = hs->window = syn->window;
    hs->tos = syn->tos;
    hs->tsval = syn->opts.tsval;
    hs->not_before = replaces ? conn_now(conn) + ENTRY_REMOVAL_MS : 0;
    tcp_hold_init(&hs->hold, &shared->held, conn->client_isn + 1,
                  hs->cfg->inspect_bytes);
    judge_init(&hs->judge, &hs->cfg->rules);

    struct member *candidates[SERVICE_MAX_CANDIDATES];
    size_t n = service_choose(service, NULL, candidates);
    for (size_t i = 0; i < n; i++) {
        handshake_add_candidate(hs, candidates[i]);
    }
    try_next(conn);
}

void
machine_open(struct service *service, ofp_port_t in_port,
             const struct tcp_segment *syn, bool replaces)
{
    struct engine *e = service->engine;

    if (!make_room(service)) {
        engine_count(e, service, HC_DROP_CONN_LIMIT);
        return;
    }
    engine_count(e, service, HC_CONNECTIONS);
    start(conn_create(service, in_port, syn, true), syn, replaces);
}

/* Segments from the client. */

static bool
acceptable_from_client(const struct conn *conn, const struct tcp_segment *seg)
{
    const struct handshake *hs = conn->hs;
    int32_t ofs = seg->seq - hs->hold.base;
    int32_t ack_ofs = seg->ack - hs->first.isn;

    /* Keepalives repeat a byte, retransmissions any number of bytes. */
    return (ofs >= -MAX_CLIENT_WINDOW && ofs <= MAX_CLIENT_WINDOW
            && seg->flags & TCP_ACK
            && ack_ofs > 0 && !tcp_seq_after(seg->ack, hs->first.snd_nxt));
}

static void
note_client(struct handshake *hs, const struct tcp_segment *seg)
{
    hs->window = seg->window;
    if (seg->opts.present & TCP_OPT_TS
        && !tcp_seq_before(seg->opts.tsval, hs->tsval)) {
        hs->tsval = seg->opts.tsval;
        hs->tsecr = seg->opts.tsecr;
    }
}

/* RFC 5961 section 3.2, with two numbers that may be expected next: after what
 * we acknowledged, and after what we hold. */
bool
machine_accepts_reset(const struct conn *conn, const struct tcp_segment *seg)
{
    const struct handshake *hs = conn->hs;

    return (seg->seq == hs->hold.base + hs->acked
            || seg->seq == tcp_hold_rcv_nxt(&hs->hold));
}

static void
reset_from_client(struct conn *conn, const struct tcp_segment *seg)
{
    if (!machine_accepts_reset(conn, seg)) {
        int32_t ofs = seg->seq - conn->hs->hold.base;

        conn_count(conn, HC_DROP_UNEXPECTED);
        if (conn->state != CONN_SYN_SENT && ofs >= 0
            && ofs <= MAX_CLIENT_WINDOW && challenge_allows(conn)) {
            inspect_ack_again(conn);
        }
        return;
    }
    conn_count(conn, HC_CLIENT_RESET);
    conn_abort(conn, false);
}

/* The client repeats its SYN: it has not got our SYN-ACK. */
static void
syn_again(struct conn *conn, const struct tcp_segment *seg)
{
    struct handshake *hs = conn->hs;
    bool same = (seg->seq == conn->client_isn
                 && !(seg->flags & (TCP_ACK | TCP_RST | TCP_FIN)));

    if (same && conn->state == CONN_SYN_SENT) {
        /* This state has a timer of its own. */
        return;
    }
    if (same && conn->state == CONN_SYN_RCVD
        && member_is_resolved(hs->first.m)) {
        struct tcp_segment syn;
        try_compose_syn(conn, &syn);
        conn_send_to_member(conn, hs->first.m, &syn);
        return;
    }
    conn_count(conn, HC_DROP_UNEXPECTED);
}

void
machine_from_client(struct conn *conn, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct handshake *hs = conn->hs;

    if (seg->flags & TCP_SYN) {
        syn_again(conn, seg);
        return;
    } else if (seg->flags & TCP_RST) {
        reset_from_client(conn, seg);
        return;
    } else if (conn->state == CONN_SYN_SENT
               || !acceptable_from_client(conn, seg)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }
    note_client(hs, seg);

    switch ((enum conn_state) conn->state) {
    case CONN_SYN_RCVD:
        if (seg->ack != hs->first.snd_nxt) {
            conn_count(conn, HC_DROP_UNEXPECTED);
            return;
        }
        handshake_set_state(conn, CONN_ESTABLISHED);
        conn_set_timer(conn, conn_now(conn) + hs->cfg->idle_timeout * 1000LL);
        inspect_from_client(conn, in);
        break;

    case CONN_ESTABLISHED:
    case CONN_INSPECT:
        inspect_from_client(conn, in);
        break;

    case CONN_REPLAY:
    case CONN_DELIVER:
        if (seg->len || seg->flags & TCP_FIN) {
            handshake_hold(conn, seg);
        }
        break;

    case CONN_SYN_SENT:
    case CONN_KEPT:
    case CONN_MOVED:
    default:
        OVS_NOT_REACHED();
    }
}

/* Segments from servers. */

/* Relays the first server's SYN-ACK. */
static void
relay_synack(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    const struct peer *first = &hs->first;
    uint16_t mss = (first->opts.present & TCP_OPT_MSS ? first->opts.mss
                    : TCP_MSS_DEFAULT);
    struct tcp_segment seg = {
        .seq = first->isn,
        .ack = conn->client_isn + 1,
        .flags = first->flags & (TCP_SYN | TCP_ACK | TCP_ECE),
        .window = first->window,
        .tos = first->tos,
        .opts = first->opts,
    };

    hs->told_mss = service_clamp_mss(conn->service, mss);
    seg.opts.present |= TCP_OPT_MSS;
    seg.opts.mss = hs->told_mss;
    seg.opts.tsval = first->tsval;
    seg.opts.tsecr = hs->tsval;
    conn_send_to_client(conn, &seg);
}

/* The first server says something before the request is known: it gives up
 * waiting, or is not an HTTP server.  The client gets to see what it said, and
 * from then on no other server can take over. */
static void
server_spoke(struct conn *conn, const struct segment_in *in)
{
    inspect_end(conn, HC_SERVER_SPOKE);
    conn_forward(conn, CONN_TO_CLIENT, in);
}

static void
inspecting_from_server(struct conn *conn, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct handshake *hs = conn->hs;
    struct peer *first = &hs->first;

    if (seg->flags & TCP_RST) {
        if (seg->seq != first->snd_nxt) {
            conn_count(conn, HC_DROP_UNEXPECTED);
            return;
        }
        /* The client need not know: another server will do. */
        conn_count(conn, HC_SERVER_RESET);
        first->alive = false;
        member_failed(first->m, "reset a connection");
    } else if (seg->flags & TCP_SYN) {
        if (seg->seq != first->isn || !(seg->flags & TCP_ACK)) {
            conn_count(conn, HC_DROP_UNEXPECTED);
        } else if (conn->state == CONN_SYN_RCVD) {
            first->tsval = seg->opts.tsval;
            relay_synack(conn);
        } else {
            peer_ack(conn, first);
        }
    } else if (seg->seq != first->snd_nxt || conn->state == CONN_SYN_RCVD
               || !first->alive) {
        conn_count(conn, HC_DROP_UNEXPECTED);
    } else if (seg->len || seg->flags & TCP_FIN) {
        server_spoke(conn, in);
    }
}

/* Only the receiver of our SYN can have answered it.  So if the server's port
 * is not known yet, it is where the answer came from. */
static void
note_port(struct member *m, const struct segment_in *in)
{
    if (m->configured && m->port == OFPP_NONE) {
        member_set_location(m, m->mac, in->port);
    }
}

void
machine_from_server(struct conn *conn, struct member *m,
                    const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct handshake *hs = conn->hs;

    switch ((enum conn_state) conn->state) {
    case CONN_SYN_SENT:
        if (try_from_server(conn, in)) {
            note_port(m, in);
            handshake_set_state(conn, CONN_SYN_RCVD);
            conn->first = member_ref(m);
            handshake_clear_candidates(hs);
            conn_set_timer(conn, conn_now(conn) + HALF_OPEN_TIMEOUT_MS);
            relay_synack(conn);
        }
        break;

    case CONN_SYN_RCVD:
    case CONN_ESTABLISHED:
    case CONN_INSPECT:
        inspecting_from_server(conn, in);
        break;

    case CONN_REPLAY:
        if (m == hs->second.m) {
            if (try_from_server(conn, in)) {
                note_port(m, in);
                replay_move(conn);
            }
        } else if (seg->flags & TCP_RST && seg->seq == hs->first.snd_nxt) {
            hs->first.alive = false;
        }
        /* The first server will repeat anything else if it is kept. */
        break;

    case CONN_DELIVER:
        if (m == conn->member) {
            replay_from_server(conn, in);
        }
        break;

    case CONN_KEPT:
    case CONN_MOVED:
    default:
        OVS_NOT_REACHED();
    }
}

/* Time. */

void
machine_timeout(struct conn *conn)
{
    switch ((enum conn_state) conn->state) {
    case CONN_SYN_SENT:
    case CONN_REPLAY:
        try_timeout(conn);
        break;

    case CONN_SYN_RCVD:
        conn_count(conn, HC_HALF_OPEN_TIMEOUT);
        conn_abort(conn, false);
        break;

    case CONN_ESTABLISHED:
        conn_count(conn, HC_IDLE_TIMEOUT);
        conn_abort(conn, true);
        break;

    case CONN_INSPECT:
        inspect_end(conn, HC_INSPECT_TIMEOUT);
        break;

    case CONN_DELIVER:
        replay_timeout(conn);
        break;

    case CONN_KEPT:
    case CONN_MOVED:
    default:
        OVS_NOT_REACHED();
    }
}
