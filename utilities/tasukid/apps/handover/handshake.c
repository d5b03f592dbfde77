/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handshake.h"

#include <stdlib.h>

#include "challenge.h"
#include "dp-packet.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"

/* How long a client may take to finish its handshake: three retransmissions of
 * the SYN-ACK. */
#define HALF_OPEN_TIMEOUT_MS 8000

/* How far beyond what was acknowledged a client may send. */
#define MAX_CLIENT_WINDOW (1 << 20)

void
handshake_reset_client(struct conn *conn)
{
    const struct handshake *hs = conn->hs;
    bool synchronized = conn->state != CONN_SYN_SENT;

    conn_send_to_client(conn, &(struct tcp_segment) {
        .seq = (hs->target ? hs->server_nxt - conn->seq_delta
                : synchronized ? hs->first.snd_nxt : 0),
        .ack = (synchronized ? tcp_hold_rcv_nxt(&hs->hold)
                : conn->client_isn + 1),
        .flags = TCP_RST | TCP_ACK,
    });
}

/* Life. */

void
handshake_clear_candidates(struct handshake *hs)
{
    for (size_t i = 0; i < hs->n_candidates; i++) {
        member_unref(hs->candidates[i]);
    }
    hs->n_candidates = hs->next_candidate = 0;
}

void
handshake_add_candidate(struct handshake *hs, struct member *m)
{
    if (hs->n_candidates < SERVICE_MAX_CANDIDATES) {
        hs->candidates[hs->n_candidates++] = member_ref(m);
    }
}

void
handshake_set_state(struct conn *conn, enum conn_state state)
{
    struct service *service = conn->service;
    struct handshake *hs = conn->hs;

    conn->state = state;
    ovs_list_remove(&hs->node);
    if (state == CONN_SYN_SENT || state == CONN_SYN_RCVD) {
        ovs_list_push_back(&service->half_open, &hs->node);
    } else if (state == CONN_ESTABLISHED || state == CONN_INSPECT) {
        ovs_list_push_back(&service->waiting, &hs->node);
    } else {
        ovs_list_init(&hs->node);
    }
}

void
handshake_start(struct conn *conn, const struct tcp_segment *syn,
                bool replaces)
{
    struct service *service = conn->service;
    struct handshake *hs = xzalloc(sizeof *hs);
    bool ecn;

    conn->hs = hs;
    hs->conn = conn;
    hs->cfg = service_config_ref(service->cfg);
    service->n_in_progress++;
    handover_limits.n_in_progress++;
    ovs_list_init(&hs->node);
    handshake_set_state(conn, CONN_SYN_SENT);

    /* Only what every server can go on with.  All other options, Fast Open,
     * MPTCP and whatever is experimental, were left out by the parser, and so
     * is data on the SYN, which its sender repeats if it is not acknowledged
     * (RFC 7413 section 4.2). */
    hs->client_opts = syn->opts;
    hs->client_opts.present &= service_common_options(service, &ecn);
    hs->syn_flags = syn->flags & (ecn ? TCP_ECE | TCP_CWR : 0);
    hs->syn_window = hs->window = syn->window;
    hs->tos = syn->tos;
    hs->tsval = syn->opts.tsval;
    hs->not_before = replaces ? time_msec() + HANDOVER_DATAPATH_WAIT_MS : 0;
    tcp_hold_init(&hs->hold, &handover_limits.held, conn->client_isn + 1,
                  hs->cfg->inspect_bytes);
    judge_init(&hs->judge, &hs->cfg->rules);

    struct member *candidates[SERVICE_MAX_CANDIDATES];
    size_t n = service_choose(service, NULL, candidates);
    for (size_t i = 0; i < n; i++) {
        handshake_add_candidate(hs, candidates[i]);
    }
    handshake_try_next(conn);
}

void
handshake_destroy(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (!hs) {
        return;
    }
    conn->hs = NULL;
    conn->service->n_in_progress--;
    handover_limits.n_in_progress--;
    ovs_list_remove(&hs->node);
    handshake_clear_candidates(hs);
    peer_clear(&hs->first);
    peer_clear(&hs->second);
    tcp_hold_destroy(&hs->hold);
    judge_destroy(&hs->judge);
    service_config_unref(hs->cfg);
    free(hs);
}

void
handshake_abort(struct conn *conn, bool tell_client)
{
    if (tell_client && conn->state != CONN_SYN_SENT) {
        handshake_reset_client(conn);
    }
    peer_reset(conn, &conn->hs->first);
    peer_reset(conn, &conn->hs->second);
    conn_destroy(conn);
}

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

/* Segments from the client. */

static bool
acceptable_from_client(const struct conn *conn, const struct tcp_segment *seg)
{
    const struct handshake *hs = conn->hs;
    int32_t ofs = seg->seq - hs->hold.base;
    int32_t ack_ofs = seg->ack - hs->first.isn;

    /* Keepalives repeat a byte, others any number of them. */
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

/* RFC 5961 section 3.2, with two numbers that are expected next: what we
 * acknowledged and what we hold. */
bool
handshake_accepts_reset(const struct conn *conn, const struct tcp_segment *seg)
{
    const struct handshake *hs = conn->hs;

    return (seg->seq == hs->hold.base + hs->acked
            || seg->seq == tcp_hold_rcv_nxt(&hs->hold));
}

static void
reset_from_client(struct conn *conn, const struct tcp_segment *seg)
{
    if (!handshake_accepts_reset(conn, seg)) {
        int32_t ofs = seg->seq - conn->hs->hold.base;

        conn_count(conn, HC_DROP_UNEXPECTED);
        if (conn->state != CONN_SYN_SENT && ofs >= 0
            && ofs <= MAX_CLIENT_WINDOW && challenge_allows(conn)) {
            handshake_challenge(conn);
        }
        return;
    }
    conn_count(conn, HC_CLIENT_RESET);
    handshake_abort(conn, false);
}

/* The client repeats its SYN: it has not got our SYN-ACK. */
static void
syn_again(struct conn *conn, const struct tcp_segment *seg)
{
    struct handshake *hs = conn->hs;
    bool same = (seg->seq == conn->client_isn
                 && !(seg->flags & (TCP_ACK | TCP_RST | TCP_FIN)));

    if (same && conn->state == CONN_SYN_SENT) {
        /* Has a timer of its own. */
        return;
    }
    if (same && conn->state == CONN_SYN_RCVD
        && member_is_resolved(hs->first.m)) {
        struct tcp_segment syn;
        handshake_compose_syn(conn, &syn);
        conn_send_to_member(conn, hs->first.m, &syn);
        return;
    }
    conn_count(conn, HC_DROP_UNEXPECTED);
}

void
handshake_from_client(struct conn *conn, const struct packet_in *pi,
                      const struct tcp_segment *seg)
{
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
        conn_set_timer(conn, time_msec() + hs->cfg->idle_timeout * 1000LL);
        handshake_inspect(conn, pi, seg);
        break;

    case CONN_ESTABLISHED:
    case CONN_INSPECT:
        handshake_inspect(conn, pi, seg);
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

/* The first server says something while the request is not known: it gives up
 * waiting for it, or is not an HTTP server.  What it said is the client's to
 * see, and from then on no other server can take over. */
static void
server_spoke(struct conn *conn, const struct packet_in *pi)
{
    handshake_decide_default(conn, HC_SERVER_SPOKE);
    conn_forward(conn, CONN_TO_CLIENT, pi->packet, pi->flow.in_port.ofp_port);
}

static void
inspecting_from_server(struct conn *conn, const struct packet_in *pi,
                       const struct tcp_segment *seg)
{
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
        server_spoke(conn, pi);
    }
}

/* Only the one who got our SYN can have answered it, so that the port of a
 * server that is not known yet is where that came from. */
static void
note_port(struct member *m, const struct packet_in *pi)
{
    if (m->configured && m->port == OFPP_NONE) {
        member_set_location(m, m->mac, pi->flow.in_port.ofp_port);
    }
}

bool
handshake_involves(const struct conn *conn, const struct member *m)
{
    return m == conn->hs->first.m || m == conn->hs->second.m;
}

void
handshake_from_server(struct conn *conn, struct member *m,
                      const struct packet_in *pi,
                      const struct tcp_segment *seg)
{
    struct handshake *hs = conn->hs;

    switch ((enum conn_state) conn->state) {
    case CONN_SYN_SENT:
        if (handshake_try_from_server(conn, pi, seg)) {
            note_port(m, pi);
            handshake_set_state(conn, CONN_SYN_RCVD);
            conn->first = member_ref(m);
            handshake_clear_candidates(hs);
            conn_set_timer(conn, time_msec() + HALF_OPEN_TIMEOUT_MS);
            relay_synack(conn);
        }
        break;

    case CONN_SYN_RCVD:
    case CONN_ESTABLISHED:
    case CONN_INSPECT:
        inspecting_from_server(conn, pi, seg);
        break;

    case CONN_REPLAY:
        if (m == hs->second.m) {
            if (handshake_try_from_server(conn, pi, seg)) {
                note_port(m, pi);
                replay_move(conn);
            }
        } else if (seg->flags & TCP_RST && seg->seq == hs->first.snd_nxt) {
            hs->first.alive = false;
        }
        /* Anything else the first server will repeat if it is kept. */
        break;

    case CONN_DELIVER:
        if (m == conn->member) {
            replay_from_server(conn, pi, seg);
        }
        break;

    case CONN_KEPT:
    case CONN_MOVED:
    default:
        OVS_NOT_REACHED();
    }
}

void
handshake_timeout(struct conn *conn)
{
    switch ((enum conn_state) conn->state) {
    case CONN_SYN_SENT:
    case CONN_REPLAY:
        handshake_try_timeout(conn);
        break;

    case CONN_SYN_RCVD:
        conn_count(conn, HC_HALF_OPEN_TIMEOUT);
        handshake_abort(conn, false);
        break;

    case CONN_ESTABLISHED:
        conn_count(conn, HC_IDLE_TIMEOUT);
        handshake_abort(conn, true);
        break;

    case CONN_INSPECT:
        handshake_decide_default(conn, HC_INSPECT_TIMEOUT);
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
