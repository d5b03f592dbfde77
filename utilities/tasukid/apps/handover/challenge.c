/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "challenge.h"

#include <limits.h>
#include <stdlib.h>

#include "conn.h"
#include "entropy.h"
#include "handshake.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"

/* How many segments that prove nothing a connection may have a second, and how
 * many at once. */
#define STRAYS_PER_S 4
#define STRAYS_AT_ONCE 8

/* How soon to ask again, doubled each time, and when to stop: not before a
 * server that closed first has forgotten the connection (TIME-WAIT). */
#define FIRST_INTERVAL_MS 1000
#define LAST_INTERVAL_MS (64 * FIRST_INTERVAL_MS)

/* How long the answer may take: long enough to ask three times, and for a
 * client to repeat its SYN once or twice. */
#define TIMEOUT_MS 4000

/* A server that is near has answered by then. */
#define FRESH_MS 500

struct challenge {
    struct token_bucket strays; /* A token is 1/1000 of a segment. */
    struct tcp_segment *syn;    /* That waits for the answer, or null. */
    uint32_t nonce;             /* In our questions. */
    bool asked;
    bool quiet;                 /* Began when all flows were gone. */
    bool denied;                /* Flows were deleted a moment ago. */
    bool silent;                /* Server has said nothing since 'syn'. */
    long long int sent;         /* In ms, the latest question. */
    long long int next;         /* In ms, the next one. */
    int interval;               /* In ms, from that to the one after it. */
    long long int deadline;     /* In ms. */
};

static struct challenge *
get_challenge(struct conn *conn)
{
    struct challenge *c = conn->challenge;

    if (!c) {
        c = conn->challenge = xzalloc(sizeof *c);
        token_bucket_init(&c->strays, STRAYS_PER_S, STRAYS_AT_ONCE * 1000);
        c->next = LLONG_MAX;
        c->deadline = time_msec() + TIMEOUT_MS;
        conn_update_timer(conn);
    }
    return c;
}

static void
forget_syn(struct challenge *c)
{
    free(c->syn);
    c->syn = NULL;
    c->silent = false;
}

void
challenge_destroy(struct conn *conn)
{
    if (conn->challenge) {
        forget_syn(conn->challenge);
        free(conn->challenge);
        conn->challenge = NULL;
    }
}

bool
challenge_allows(struct conn *conn)
{
    return (token_bucket_withdraw(&get_challenge(conn)->strays, 1000)
            && token_bucket_withdraw(&conn->service->hsw->challenges, 1));
}

bool
challenge_has_syn(const struct conn *conn)
{
    const struct challenge *c = conn->challenge;

    return c && c->syn && time_msec() < c->deadline;
}

bool
challenge_is_first(const struct conn *conn)
{
    const struct challenge *c = conn->challenge;

    return (c && c->quiet && c->asked && c->interval == 2 * FIRST_INTERVAL_MS
            && time_msec() < c->sent + FRESH_MS);
}

/* Questions. */

static void
ask_by(struct conn *conn, const struct tcp_segment *question_)
{
    struct tcp_segment question = *question_;

    conn_count(conn, HC_CHALLENGES);
    conn_send_to_server(conn, &question);
}

/* By a SYN if one waits, with its options: a server that has had the last word
 * in the old connection takes one with a later timestamp (RFC 6191).  Else, or
 * if it may be that SYNs do not get through, by an acknowledgment of what the
 * server never sent, outside of its window: with the number before the
 * client's first. */
static void
ask(struct conn *conn)
{
    struct challenge *c = conn->challenge;

    c->next = time_msec() + c->interval;
    c->interval *= 2;
    if (!c->asked && get_entropy(&c->nonce, sizeof c->nonce)) {
        return;
    }
    if (!c->syn || c->silent) {
        ask_by(conn, &(struct tcp_segment) {
            .seq = conn->has_isn ? conn->client_isn : ~c->nonce,
            .ack = c->nonce,
            .flags = TCP_ACK,
        });
    }
    if (c->syn) {
        ask_by(conn, &(struct tcp_segment) {
            .seq = c->nonce,
            .flags = TCP_SYN,
            .window = c->syn->window,
            .tos = c->syn->tos,
            .opts = c->syn->opts,
        });
    }
    c->asked = true;
    c->sent = time_msec();
}

/* Has a question sent in 'ms', and others after it. */
static void
ask_in(struct conn *conn, int ms)
{
    struct challenge *c = conn->challenge;

    c->interval = FIRST_INTERVAL_MS;
    c->next = time_msec() + ms;
    if (!ms) {
        ask(conn);
    }
    conn_update_timer(conn);
}

void
challenge_server(struct conn *conn, int ms)
{
    struct challenge *c = get_challenge(conn);

    if (c->denied) {
        return;
    }
    if (!challenge_has_syn(conn)) {
        c->deadline = time_msec() + ms + TIMEOUT_MS;
    }
    c->quiet |= !conn->flows;
    ask_in(conn, ms);
}

/* Returns true if the server may well be gone. */
static bool
has_lost_server(const struct conn *conn)
{
    const struct member *m = conn->member;

    return m->configured && (!member_is_resolved(m) || member_has_failed(m));
}

void
challenge_syn(struct conn *conn, const struct tcp_segment *syn)
{
    if (!challenge_allows(conn)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }

    struct challenge *c = conn->challenge;
    if (c->denied) {
        c->syn = xmemdup(syn, sizeof *syn);
        challenge_end(conn);
        return;
    }
    if (!challenge_has_syn(conn)) {
        c->deadline = time_msec() + TIMEOUT_MS;
        c->silent = !conn->hs && has_lost_server(conn);
        if (c->silent && conn->flows) {
            /* Whatever it says comes here now. */
            conn_uninstall(conn);
        }
    }
    free(c->syn);
    c->syn = xmemdup(syn, sizeof *syn);
    c->syn->payload = NULL;
    c->syn->len = 0;

    if (!conn->hs) {
        ask_in(conn, 0);
    } else if (conn->state != CONN_SYN_SENT) {
        handshake_challenge(conn);
    }
}

/* Answers. */

bool
challenge_answered(struct conn *conn, const struct tcp_segment *seg)
{
    struct challenge *c = conn->challenge;

    if (!c || !c->asked || c->denied) {
        return false;
    }
    if (seg->flags & TCP_ACK
        ? seg->flags & (TCP_SYN | TCP_RST) && seg->ack == c->nonce + 1
        : seg->flags & TCP_RST && seg->seq == c->nonce) {
        return true;
    }
    c->silent = false;
    return false;
}

bool
challenge_has_ended(const struct conn *conn)
{
    return conn->challenge && conn->challenge->denied;
}

void
challenge_end(struct conn *conn)
{
    struct service *service = conn->service;
    struct challenge *c = conn->challenge;
    ofp_port_t in_port = conn->client_port;
    bool installed = conn->flows || c->denied;
    struct tcp_segment *syn = c->syn;

    if (!syn && conn->flows) {
        /* A client that opens another connection with these ports soon has to
         * wait until the datapath knows. */
        conn_uninstall(conn);
        c->denied = true;
        c->next = LLONG_MAX;
        c->deadline = time_msec() + HANDOVER_DATAPATH_WAIT_MS;
        conn_update_timer(conn);
        return;
    }
    c->syn = NULL;
    if (conn->hs) {
        handshake_abort(conn, false);
    } else {
        conn_finish(conn);
    }
    if (syn) {
        conn_open(service, in_port, syn, installed);
        free(syn);
    }
}

/* Time. */

long long int
challenge_when(const struct conn *conn)
{
    const struct challenge *c = conn->challenge;

    return (!c ? LLONG_MAX
            : time_msec() < c->deadline ? MIN(c->next, c->deadline)
            : c->next);
}

bool
challenge_run(struct conn *conn)
{
    struct challenge *c = conn->challenge;
    long long int now = time_msec();

    if (!c) {
        return true;
    }
    if (now >= c->deadline) {
        if (c->silent || c->denied) {
            challenge_end(conn);
            return false;
        }
        forget_syn(c);
        if (!c->asked || !c->quiet || c->interval > LAST_INTERVAL_MS) {
            challenge_destroy(conn);
            return true;
        }
    }
    if (now >= c->next) {
        ask(conn);
    }
    return true;
}
