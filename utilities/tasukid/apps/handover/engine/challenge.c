/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "challenge.h"

#include <limits.h>
#include <stdlib.h>

#include "engine.h"
#include "entropy.h"
#include "packets.h"
#include "util.h"

/* How many segments that prove nothing a connection may have, a second and at
 * once. */
#define STRAYS_PER_S 4
#define STRAYS_AT_ONCE 8

/* How soon to ask again, doubled each time, and when to stop: after a server
 * that closed first has forgotten the connection (TIME-WAIT). */
#define FIRST_INTERVAL_MS 1000
#define LAST_INTERVAL_MS (64 * FIRST_INTERVAL_MS)

/* A server that is near has answered by this time. */
#define FRESH_MS 500

/* Time. */

static long long int
next_time(const struct challenge *c, long long int now)
{
    return (!c ? LLONG_MAX
            : now < c->deadline ? MIN(c->next, c->deadline)
            : c->next);
}

void
challenge_update_timer(struct conn *conn)
{
    if (conn->hs) {
        return;
    }

    long long int when = next_time(conn->challenge, conn_now(conn));
    if (!conn->flows || conn->carried) {
        when = MIN(when, conn->expires);
    }
    if (when != LLONG_MAX) {
        conn_set_timer(conn, when);
    } else {
        conn_cancel_timer(conn);
    }
}

/* Life. */

static struct challenge *
get_challenge(struct conn *conn)
{
    struct challenge *c = conn->challenge;

    if (!c) {
        c = conn->challenge = xzalloc(sizeof *c);
        c->strays = RATE(STRAYS_PER_S, STRAYS_AT_ONCE * 1000);
        c->next = LLONG_MAX;
        c->deadline = conn_now(conn) + CHALLENGE_TIMEOUT_MS;
        challenge_update_timer(conn);
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
    long long int now = conn_now(conn);

    return (rate_allows(&get_challenge(conn)->strays, 1000, now)
            && rate_allows(&conn->service->engine->challenges, 1, now));
}

bool
challenge_has_syn(const struct conn *conn)
{
    const struct challenge *c = conn->challenge;

    return c && c->syn && conn_now(conn) < c->deadline;
}

bool
challenge_has_ended(const struct conn *conn)
{
    return conn->challenge && conn->challenge->denied;
}

bool
challenge_is_first(const struct conn *conn)
{
    const struct challenge *c = conn->challenge;

    return (c && c->quiet && c->asked && c->interval == 2 * FIRST_INTERVAL_MS
            && conn_now(conn) < c->sent + FRESH_MS);
}

/* Questions. */

static void
ask_by(struct conn *conn, const struct tcp_segment *question_)
{
    struct tcp_segment question = *question_;

    conn_count(conn, HC_CHALLENGES);
    conn_send_to_server(conn, &question);
}

/* Asks with a SYN if one waits, with its options: a server that had the last
 * word in the old connection accepts a SYN with a later timestamp (RFC 6191).
 * Otherwise, or if SYNs may not get through, asks with an acknowledgment of
 * what the server never sent.  It is outside of the server's window: it has
 * the number before the client's first. */
static void
ask(struct conn *conn)
{
    struct challenge *c = conn->challenge;

    c->next = conn_now(conn) + c->interval;
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
    c->sent = conn_now(conn);
}

void
challenge_ask_in(struct conn *conn, int ms)
{
    struct challenge *c = conn->challenge;

    c->interval = FIRST_INTERVAL_MS;
    c->next = conn_now(conn) + ms;
    if (!ms) {
        ask(conn);
    }
    challenge_update_timer(conn);
}

void
challenge_server(struct conn *conn, int ms)
{
    struct challenge *c = get_challenge(conn);

    if (c->denied) {
        return;
    }
    if (!challenge_has_syn(conn)) {
        c->deadline = conn_now(conn) + ms + CHALLENGE_TIMEOUT_MS;
    }
    c->quiet |= !conn->flows;
    challenge_ask_in(conn, ms);
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

void
challenge_run(struct conn *conn)
{
    struct challenge *c = conn->challenge;
    long long int now = conn_now(conn);

    if (!c) {
        return;
    }
    if (now >= c->deadline) {
        forget_syn(c);
        if (!c->asked || !c->quiet || c->interval > LAST_INTERVAL_MS) {
            challenge_destroy(conn);
            return;
        }
    }
    if (now >= c->next) {
        ask(conn);
    }
}
