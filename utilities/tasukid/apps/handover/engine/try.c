/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "try.h"

#include "engine.h"
#include "life.h"
#include "packets.h"
#include "pair.h"
#include "replay.h"
#include "util.h"

/* Shaking hands with servers, one after the other until one does. */

/* First retransmission of a SYN of ours.  Servers are near, or slow in a way
 * that waiting does not help.  An answer that takes longer than this costs
 * only a duplicate. */
#define SYN_RTO_MS 200

/* How soon to try again while a server's MAC address is being asked for. */
#define RESOLVE_RETRY_MS 20

/* How often to reset an older connection that a server has with the same
 * ports, before the server counts as silent. */
#define MAX_RESETS 3

/* First retransmission to a server that is watched: Open vSwitch revalidates
 * its datapath flows every 5 ms at most. */
#define WATCH_RTO_MS 20

/* How long a client may take to reset a connection that it does not know. */
#define CONTESTED_RTO_MS 100

/* The server that is being tried. */
static struct peer *
trying(struct conn *conn)
{
    return (conn->state == CONN_SYN_SENT ? &conn->hs->first
            : &conn->hs->second);
}

void
try_compose_syn(const struct conn *conn, struct tcp_segment *syn)
{
    const struct handshake *hs = conn->hs;

    *syn = (struct tcp_segment) {
        .seq = conn->client_isn,
        .flags = TCP_SYN | hs->syn_flags,
        .window = hs->syn_window,
        .tos = hs->tos,
        .opts = hs->client_opts,
    };
    syn->opts.tsval = hs->tsval;
    syn->opts.tsecr = 0;
    if (conn->state == CONN_REPLAY) {
        syn->opts.present &= hs->first.opts.present | TCP_OPT_MSS;
        if (!(hs->first.flags & TCP_ECE)) {
            syn->flags &= ~(TCP_ECE | TCP_CWR);
        }
    }
}

static void
send_syn(struct conn *conn)
{
    const struct member *m = trying(conn)->m;
    struct handshake *hs = conn->hs;
    long long int now = conn_now(conn);
    struct tcp_segment syn;

    if (now < hs->not_before || !member_is_resolved(m)) {
        conn_set_timer(conn, MIN((now < hs->not_before ? hs->not_before
                                  : now + RESOLVE_RETRY_MS), hs->deadline));
        return;
    }
    try_compose_syn(conn, &syn);
    conn_send_to_member(conn, m, &syn);
    conn_set_timer(conn, MIN(now + hs->rto, hs->deadline));
    hs->rto *= 2;
}

/* No server is left to try. */
static void
give_up(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (conn->state == CONN_REPLAY && hs->first.alive) {
        conn_count(conn, HC_REPLAY_FAILED);
        replay_keep(conn);
        return;
    }

    /* A client that got no answer tries again by itself. */
    conn_count(conn, HC_NO_SERVER);
    if (conn->state == CONN_REPLAY || hs->refused) {
        handshake_reset_client(conn);
    }
    conn_destroy(conn);
}

/* Has what the server sends come here even if it talks to the client directly,
 * too.
 *
 * Nobody says when the datapath notices.  Until then the server's answers go
 * to the client, who resets what it does not know, so the SYN has to be
 * repeated.  That is harmless as long as the server does not have the request.
 * The server gets it only when an answer without SYN has come here, too: see
 * prove(). */
static void
watch(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (pair_watch(conn, trying(conn)->m)) {
        hs->watching = true;
        hs->rto = WATCH_RTO_MS;
    }
}

/* Has the server, which has answered the SYN, send another segment.  Sends one
 * with an old sequence number, like a keepalive, that is not acceptable, so
 * that the server acknowledges it (RFC 9293 section 3.10.7.4, first check). */
static void
prove(struct conn *conn)
{
    const struct handshake *hs = conn->hs;
    const struct peer *peer = trying(conn);

    conn_send_to_member(conn, peer->m, &(struct tcp_segment) {
        .seq = conn->client_isn,
        .ack = peer->snd_nxt,
        .flags = TCP_ACK,
        .tos = hs->tos,
        .window = hs->window,
        .opts = {
            .present = peer->opts.present & TCP_OPT_TS,
            .tsval = hs->tsval,
            .tsecr = peer->tsval,
        },
    });
    conn_set_timer(conn, MIN(conn_now(conn) + hs->rto, hs->deadline));
}

void
try_next(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    struct peer *peer = trying(conn);

    if (peer->m) {
        pair_unwatch(conn, peer->m);
        peer_clear(peer);
    }
    while (hs->next_candidate < hs->n_candidates
           && conn_collides(conn->service, conn->client, conn->client_tp,
                            hs->candidates[hs->next_candidate])) {
        hs->next_candidate++;
    }
    if (hs->next_candidate >= hs->n_candidates) {
        give_up(conn);
        return;
    }

    struct member *m = hs->candidates[hs->next_candidate++];
    if (conn->state == CONN_REPLAY && m == hs->first.m && hs->first.alive) {
        replay_keep(conn);
        return;
    }
    peer->m = member_ref(m);
    if (conn->state == CONN_SYN_SENT) {
        conn_set_member(conn, m);
    }
    hs->rto = SYN_RTO_MS;
    hs->n_resets = 0;
    hs->contested = false;
    hs->watching = false;
    hs->deadline = conn_now(conn) + hs->cfg->connect_timeout;
    watch(conn);
    send_syn(conn);
}

void
try_replay(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    conn_cancel_timer(conn);
    if (hs->first.alive && !hs->n_candidates) {
        replay_keep(conn);
    } else {
        try_next(conn);
    }
}

static void
try_failed(struct conn *conn, enum handover_counter why)
{
    conn_count(conn, why);
    member_failed(trying(conn)->m, (why == HC_REFUSED
                                    ? "refuses connections"
                                    : "does not answer"));
    conn->hs->refused |= why == HC_REFUSED;
    try_next(conn);
}

void
try_not_watched(struct conn *conn)
{
    if (conn->state == CONN_SYN_SENT || conn->state == CONN_REPLAY) {
        try_next(conn);
    }
}

/* The server that is being tried has an older connection with these ports, and
 * a SYN had it say so (RFC 5961 section 4).  If the server has its own
 * address, that may be a direct connection, so the client gets to see the
 * segment.  If the client does not know the connection, it resets it, and the
 * server accepts the next SYN.  If the server does not, the ports are
 * taken. */
static void
contest(struct conn *conn, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct engine *e = conn->service->engine;
    struct handshake *hs = conn->hs;

    e->ops->pass(e, in->packet, in->port);
    if (seg->flags & TCP_ACK && !(seg->flags & TCP_RST) && !hs->contested) {
        long long int now = conn_now(conn);

        hs->contested = true;
        hs->rto = CONTESTED_RTO_MS;
        hs->deadline = MIN(hs->deadline, now + 2 * CONTESTED_RTO_MS);
        conn_set_timer(conn, now + CONTESTED_RTO_MS);
    }
}

/* '*seg' does not fit our connection.  Resets the one that its sender 'm' has
 * in mind (RFC 9293 section 3.10.7.3, first check). */
static void
reset_sender(struct conn *conn, const struct member *m,
             const struct tcp_segment *seg)
{
    conn_send_to_member(conn, m, &(struct tcp_segment) {
        .seq = seg->ack,
        .flags = TCP_RST,
    });
}

bool
try_from_server(struct conn *conn, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;
    struct handshake *hs = conn->hs;
    struct peer *peer = trying(conn);
    bool ours = seg->flags & TCP_ACK && seg->ack == conn->client_isn + 1;

    if (!ours && !member_shares_vip(peer->m)) {
        contest(conn, in);
        return false;
    }
    if (seg->flags & TCP_RST) {
        if (ours) {
            try_failed(conn, HC_REFUSED);
        }
        return false;
    }
    if (peer->alive && !(seg->flags & TCP_SYN)
        && seg->seq == peer->snd_nxt) {
        return true;
    }
    if (!ours && seg->flags & TCP_ACK) {
        /* The server still has an older connection with these ports. */
        if (hs->n_resets++ < MAX_RESETS) {
            reset_sender(conn, peer->m, seg);
            hs->rto = SYN_RTO_MS;
            send_syn(conn);
        }
        return false;
    }
    if (!ours || !(seg->flags & TCP_SYN)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return false;
    }

    struct tcp_segment syn;
    try_compose_syn(conn, &syn);
    member_learn_options(peer->m, &syn, seg);
    member_worked(peer->m);

    peer->alive = true;
    peer->flags = seg->flags;
    peer->tos = seg->tos;
    peer->isn = seg->seq;
    peer->snd_nxt = seg->seq + 1;
    peer->tsval = seg->opts.tsval;
    peer->window = seg->window;
    peer->opts = seg->opts;
    peer->opts.present &= syn.opts.present | TCP_OPT_MSS;
    if (hs->watching) {
        prove(conn);
    }
    return !hs->watching;
}

void
try_timeout(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (conn_now(conn) < hs->deadline) {
        if (!conn->watched) {
            watch(conn);
        }
        send_syn(conn);
    } else if (hs->contested) {
        /* Not the server's fault. */
        conn_count(conn, HC_COLLIDED);
        try_next(conn);
    } else {
        try_failed(conn, HC_SILENT);
    }
}
