/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "replay.h"

#include "challenge.h"
#include "dp-packet.h"
#include "engine.h"
#include "life.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pair.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(handover_replay);

/* First retransmission of held data, and when to give up. */
#define DELIVER_RTO_MS 200
#define DELIVER_TIMEOUT_MS 10000

/* How far a server's segments may be from what it sends next. */
#define MAX_SERVER_WINDOW (1 << 20)

/* Bytes of IPv4 and TCP header without options: what an MSS leaves out of an
 * MTU (RFC 6691). */
#define HEADERS_LEN 40

/* Delivery. */

static uint32_t
wscale_of(const struct tcp_options *opts)
{
    return opts->present & TCP_OPT_WSCALE ? opts->wscale : 0;
}

static uint16_t
mss_of(const struct tcp_options *opts)
{
    return (opts->present & TCP_OPT_MSS ? MAX(opts->mss, TCP_MSS_MIN)
            : TCP_MSS_DEFAULT);
}

/* Sends bytes [start, end) of what is held to the server, in segments that it
 * accepts, and a FIN after the last one if the client has sent one.  Each
 * segment carries the ACK that completes the server's handshake. */
static void
send_held(struct conn *conn, uint32_t start, uint32_t end)
{
    struct handshake *hs = conn->hs;
    struct peer *peer = hs->target;
    struct tcp_segment seg = {
        .ack = peer->snd_nxt,
        .flags = TCP_ACK,
        .tos = hs->tos,
        .window = handshake_client_window(conn),
        .opts = {
            .present = peer->opts.present & TCP_OPT_TS,
            .tsval = hs->tsval,
            .tsecr = peer->tsval,
        },
    };
    size_t options_len = tcp_segment_options_len(&seg);
    size_t mss = MAX(mss_of(&peer->opts), options_len + 1) - options_len;

    while (start < end || start == hs->hold.fin) {
        seg.seq = hs->hold.base + start;
        seg.len = MIN(mss, end - start);
        seg.payload = seg.len ? hs->hold.data + start : NULL;
        start += seg.len;
        if (start == end) {
            seg.flags |= TCP_PSH;
        }
        if (start == hs->hold.fin) {
            seg.flags |= TCP_FIN;
        }
        conn_send_to_member(conn, peer->m, &seg);
        peer->acked = true;
        if (seg.flags & TCP_FIN) {
            hs->fin_sent = true;
            break;
        }
    }
    hs->snd_nxt = MAX(hs->snd_nxt, end);
}

/* Sends what follows 'hs->snd_nxt' without a gap, as much as the server's
 * window takes. */
static void
send_contiguous(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    uint32_t end = MIN(tcp_hold_contiguous(&hs->hold),
                       hs->snd_una + hs->snd_wnd);

    if (hs->snd_nxt < end || hs->hold.fin == end) {
        send_held(conn, hs->snd_nxt, end);
    }
}

/* Sends everything that is held from 'hs->snd_nxt' on, gaps or not.  The
 * client repeats what the server does not take and what gets lost. */
static void
send_all(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    uint32_t wnd_end = hs->snd_una + hs->snd_wnd;
    uint32_t snd_nxt = hs->snd_nxt;

    for (size_t i = 0; i < hs->hold.n_ranges; i++) {
        uint32_t start = MAX(hs->hold.ranges[i].start, snd_nxt);
        uint32_t end = MIN(hs->hold.ranges[i].end, wnd_end);
        if (start < end) {
            send_held(conn, start, end);
        }
    }
    if (!hs->hold.n_ranges && !hs->hold.fin) {
        send_held(conn, 0, 0);
    }
    if (!hs->target->acked) {
        peer_ack(conn, hs->target);
    }
}

/* Tells the client that its new server takes smaller segments than the first
 * one promised, with the message of a router in front of a small link.  The
 * client believes it only about a segment in flight: call this before the
 * server can acknowledge what is held. */
static void
send_frag_needed(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    uint16_t mss = mss_of(&hs->target->opts);
    uint32_t held = tcp_hold_contiguous(&hs->hold);
    uint32_t una = MAX(hs->acked, hs->snd_una);

    if (mss >= hs->told_mss || held <= una) {
        return;
    }
    conn_count(conn, HC_FRAG_NEEDED);

    struct tcp_segment seg = {
        .eth_src = conn->client_mac,
        .eth_dst = conn->service->cfg->mac,
        .vlan_tci = conn->vlan_tci,
        .ip_src = conn->client,
        .ip_dst = conn->service->cfg->vip,
        .tp_src = conn->client_tp,
        .tp_dst = conn->service->cfg->port,
        .seq = hs->hold.base + una,
        .tos = hs->tos,
        .len = MIN(held - una, hs->told_mss),
    };
    engine_send(conn->service->engine,
                tcp_segment_compose_frag_needed(&seg, mss + HEADERS_LEN),
                conn->client_port, false);
}

static void
log_handover(const struct conn *conn)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(600, 100);

    if (!VLOG_DROP_DBG(&rl)) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        conn_format(conn, &ds);
        VLOG_DBG("handed over: %s", ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

static void
finish(struct conn *conn)
{
    bool moved = conn->hs->target == &conn->hs->second;

    conn_count(conn, moved ? HC_MOVED : HC_KEPT);
    conn_cancel_timer(conn);
    challenge_destroy(conn);
    handshake_destroy(conn);
    conn->state = moved ? CONN_MOVED : CONN_KEPT;
    if (moved) {
        conn_tell(conn, CONN_HAS_MOVED);
    }
    log_handover(conn);
}

/* The server has everything that the client will not send again.  Gives the
 * server the rest of what is held, and has the connection forwarded.
 *
 * The server's answers must not reach the client as they are, so their entry
 * comes first.  The client's next segments must not overtake what is held, so
 * their entry comes last. */
static void
hand_over(struct conn *conn)
{
    conn_install(conn, CONN_TO_CLIENT);
    if (conn->hs->target != &conn->hs->first) {
        send_frag_needed(conn);
    }
    send_all(conn);
    conn_install(conn, CONN_TO_SERVER);
}

/* The server of 'conn' is decided and has shaken hands. */
static void
deliver(struct conn *conn, struct peer *target)
{
    struct handshake *hs = conn->hs;
    struct engine *e = conn->service->engine;

    conn_set_member(conn, target->m);
    if (!conn->watched) {
        pair_watch(conn, target->m);
    }
    handshake_set_state(conn, CONN_DELIVER);
    hs->target = target;
    hs->server_nxt = target->snd_nxt;
    hs->snd_wnd = target->window;   /* Of a SYN: never scaled. */

    if (hs->acked) {
        /* The client will not send what we acknowledged again: stay in between
         * until the server has it. */
        hs->rto = DELIVER_RTO_MS;
        hs->deadline = conn_now(conn) + DELIVER_TIMEOUT_MS;
        conn_set_timer(conn, conn_now(conn) + hs->rto);
        send_contiguous(conn);
    } else {
        hand_over(conn);
    }
    if (target != &hs->first) {
        e->ops->barrier(e);
        peer_reset(conn, &hs->first);
        pair_unwatch(conn, hs->first.m);
    }
    if (!hs->acked) {
        finish(conn);
    }
}

void
replay_keep(struct conn *conn)
{
    conn->seq_delta = conn->ts_delta = 0;
    conn->client_wscale = conn->member_wscale = 0;
    peer_reset(conn, &conn->hs->second);
    deliver(conn, &conn->hs->first);
}

/* Works out the differences between what the client and the first server
 * agreed on and what the chosen server says:
 *
 *   - D, where its stream stands minus where the first one's stood, as far as
 *     the client got that;
 *   - T, what to add to its timestamps so that those that the client sees
 *     never go back (RFC 7323 section 5);
 *   - W, by how much its windows are to be shifted so that they mean the same
 *     with the first one's scale; and the client's if it does not scale. */
static void
reconcile(struct conn *conn)
{
    const struct handshake *hs = conn->hs;
    const struct peer *first = &hs->first;
    const struct peer *second = &hs->second;

    conn->seq_delta = second->snd_nxt - first->snd_nxt;
    conn->ts_delta = 0;
    if (first->opts.present & TCP_OPT_TS) {
        if (second->opts.present & TCP_OPT_TS) {
            conn->ts_delta = first->tsval - second->tsval;
        } else {
            conn_count(conn, HC_TS_LOST);
        }
    }
    conn->client_wscale = conn->member_wscale = 0;
    if (first->opts.present & TCP_OPT_WSCALE) {
        conn->member_wscale = (wscale_of(&second->opts)
                               - wscale_of(&first->opts));
        if (!(second->opts.present & TCP_OPT_WSCALE)) {
            conn->client_wscale = hs->client_opts.wscale;
        }
    }
}

void
replay_move(struct conn *conn)
{
    reconcile(conn);
    deliver(conn, &conn->hs->second);
}

/* In between. */

/* Checks the sequence and the acknowledgment number (RFC 5961 section 5.2). */
static bool
acceptable_from_server(const struct conn *conn, const struct tcp_segment *seg)
{
    const struct handshake *hs = conn->hs;
    int32_t ofs = seg->seq - hs->server_nxt;

    if (seg->flags & TCP_RST) {
        return seg->seq == hs->server_nxt;
    }
    return (ofs >= -MAX_SERVER_WINDOW && ofs <= MAX_SERVER_WINDOW
            && seg->flags & TCP_ACK
            && seg->ack - hs->hold.base <= hs->snd_nxt + hs->fin_sent);
}

void
replay_from_server(struct conn *conn, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct handshake *hs = conn->hs;

    if (seg->flags & TCP_SYN) {
        /* The server's SYN-ACK again: it did not get what followed. */
        if (seg->flags & TCP_ACK && seg->seq == hs->target->isn
            && seg->ack == conn->client_isn + 1) {
            hs->snd_nxt = hs->snd_una;
            send_contiguous(conn);
        } else {
            conn_count(conn, HC_DROP_UNEXPECTED);
        }
        return;
    }
    if (!acceptable_from_server(conn, seg)) {
        /* The client judges the reset. */
        if (challenge_allows(conn)) {
            conn_forward(conn, CONN_TO_CLIENT, in);
        }
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }

    conn_forward(conn, CONN_TO_CLIENT, in);
    if (seg->flags & TCP_RST) {
        conn_count(conn, HC_SERVER_RESET);
        conn_destroy(conn);
        return;
    }
    uint32_t end = seg->seq + seg->len + (seg->flags & TCP_FIN ? 1 : 0);
    if (tcp_seq_after(end, hs->server_nxt)) {
        hs->server_nxt = end;
    }

    /* The FIN counts as a byte that we never acknowledged. */
    uint32_t acked = MIN(seg->ack - hs->hold.base, hs->hold.fin);
    if (acked < hs->snd_una) {
        return;
    }
    hs->snd_una = acked;
    hs->snd_wnd = (uint32_t) seg->window << wscale_of(&hs->target->opts);
    if (hs->snd_una >= hs->acked) {
        hand_over(conn);
        finish(conn);
    } else {
        send_contiguous(conn);
    }
}

void
replay_timeout(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (conn_now(conn) >= hs->deadline) {
        /* The client believes that its request has arrived. */
        conn_count(conn, HC_DELIVER_FAILED);
        conn_abort(conn, true);
        return;
    }
    hs->snd_nxt = hs->snd_una;
    send_contiguous(conn);
    hs->rto *= 2;
    conn_set_timer(conn, MIN(conn_now(conn) + hs->rto, hs->deadline));
}
