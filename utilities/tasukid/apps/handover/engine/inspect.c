/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "inspect.h"

#include "engine.h"
#include "packets.h"
#include "try.h"
#include "util.h"

/* Holding what the client sends until it is known which server should
 * answer. */

/* Returns the window to tell the client with an acknowledgment of 'acked'
 * bytes.  It never takes back what the client was promised, and is never so
 * small that the client would wait for a larger one.  What does not fit any
 * more is not acknowledged. */
static uint16_t
window_for_client(const struct handshake *hs, uint32_t acked)
{
    uint8_t wscale = (hs->first.opts.present & TCP_OPT_WSCALE
                      ? hs->first.opts.wscale : 0);
    uint32_t edge = MAX(hs->first.window, hs->hold.limit) + UINT16_MAX;

    return MIN((edge - acked) >> wscale, UINT16_MAX);
}

/* Acknowledges 'acked' bytes to the client. */
static void
send_ack(struct conn *conn, uint32_t acked)
{
    const struct handshake *hs = conn->hs;

    conn_send_to_client(conn, &(struct tcp_segment) {
        .seq = hs->first.snd_nxt,
        .ack = hs->hold.base + acked,
        .flags = TCP_ACK,
        .window = window_for_client(hs, acked),
        .opts = {
            .present = hs->first.opts.present & TCP_OPT_TS,
            .tsval = hs->first.tsval,
            .tsecr = hs->tsval,
        },
    });
}

void
inspect_ack_again(struct conn *conn)
{
    send_ack(conn, conn->hs->acked);
}

/* Acknowledges to the client what is held, in the first server's name.  A
 * client that has more to send may be waiting for that (Nagle's algorithm, or
 * a full congestion window).  From then on these bytes are ours to deliver. */
static void
ack_held(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    uint32_t contiguous = tcp_hold_contiguous(&hs->hold);

    send_ack(conn, contiguous);
    hs->acked = contiguous;
}

void
inspect_end(struct conn *conn, enum handover_counter why)
{
    struct handshake *hs = conn->hs;

    conn_count(conn, why);
    handshake_clear_candidates(hs);
    if (!hs->first.alive) {
        struct member *candidates[SERVICE_MAX_CANDIDATES];
        size_t n = service_choose(conn->service, NULL, candidates);
        for (size_t i = 0; i < n; i++) {
            handshake_add_candidate(hs, candidates[i]);
        }
    }
    handshake_set_state(conn, CONN_REPLAY);
    try_replay(conn);
}

static void
decide_rule(struct conn *conn, const struct rule *rule)
{
    struct handshake *hs = conn->hs;
    struct member *candidates[SERVICE_MAX_CANDIDATES];
    size_t n = service_choose(conn->service, rule, candidates);

    conn_count(conn, HC_BY_RULE);
    handshake_clear_candidates(hs);
    for (size_t i = 0; i < n; i++) {
        handshake_add_candidate(hs, candidates[i]);
    }
    handshake_set_state(conn, CONN_REPLAY);
    try_replay(conn);
}

/* Looks at what is held.  Returns true if that was enough for a decision. */
static bool
inspect(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    uint32_t len = tcp_hold_contiguous(&hs->hold);
    const struct rule *rule;
    enum verdict verdict = judge_feed(&hs->judge, hs->hold.data, len, &rule);

    if (verdict == VERDICT_RULE) {
        decide_rule(conn, rule);
    } else if (verdict == VERDICT_NO_RULE) {
        inspect_end(conn, HC_BY_DEFAULT);
    } else if (verdict == VERDICT_NOT_HTTP) {
        inspect_end(conn, HC_NOT_HTTP);
    } else if (tcp_hold_is_complete(&hs->hold)) {
        inspect_end(conn, HC_CLIENT_FIN);
    } else if (tcp_hold_is_full(&hs->hold)) {
        inspect_end(conn, HC_INSPECT_LIMIT);
    } else {
        return false;
    }
    return true;
}

/* Only the first new byte starts the time that a request may take.  The byte
 * before it does not: some clients send it to ask whether we are there (RFC
 * 9293 section 3.8.4). */
static void
start_inspection(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (conn->state == CONN_ESTABLISHED) {
        handshake_set_state(conn, CONN_INSPECT);
        hs->inspect_deadline = conn_now(conn) + hs->cfg->inspect_timeout;
        conn_set_timer(conn, hs->inspect_deadline);
    }
}

void
inspect_from_client(struct conn *conn, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct handshake *hs = conn->hs;

    if (!seg->len && !(seg->flags & TCP_FIN)) {
        /* The handshake's last ACK, or a keepalive. */
        if (!hs->first.acked && hs->first.alive) {
            peer_ack(conn, &hs->first);
        } else if (seg->seq != tcp_hold_rcv_nxt(&hs->hold)) {
            ack_held(conn);
        }
        return;
    }

    enum tcp_hold_result result = handshake_hold(conn, seg);
    if (result == TCP_HOLD_NO_BUDGET) {
        /* If nothing is held, what could not be held can be passed on. */
        bool pass = !tcp_hold_contiguous(&hs->hold) && hs->first.alive;

        inspect_end(conn, HC_HELD_LIMIT);
        if (pass) {
            conn_forward(conn, CONN_TO_SERVER, in);
        }
        return;
    }
    if (result == TCP_HOLD_NEW) {
        start_inspection(conn);
    }
    if (result != TCP_HOLD_NEW || !inspect(conn)) {
        if (!hs->first.acked && hs->first.alive) {
            peer_ack(conn, &hs->first);
        }
        ack_held(conn);
    }
}
