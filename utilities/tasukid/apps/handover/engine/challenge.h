/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_CHALLENGE_H
#define TASUKID_HANDOVER_CHALLENGE_H 1

/* Is a connection over?
 *
 * A SYN with its ports, a RST and a FIN all say so, and anybody may have sent
 * them.  Once a connection is forwarded, the engine does not know the next
 * sequence numbers, so it cannot judge them.  The server can: it gets the RST,
 * judges it (RFC 5961 section 3), and is then asked whether it has the
 * connection.  A server without it answers with a reset, or opens another if a
 * SYN asks.  Either answer carries the number that was in the question and
 * that nobody else knows (RFC 9293 section 3.10.7).  A server with the
 * connection answers with an acknowledgment of what it expects.  If the client
 * is done with the connection, that makes the client reset it (RFC 5961
 * section 4).
 *
 * Nothing of the connection changes until the server has denied it. */

#include <stdbool.h>

#include "conn.h"

/* How long the answer may take: long enough to ask three times, and for a
 * client to repeat its SYN once or twice. */
#define CHALLENGE_TIMEOUT_MS 4000

struct challenge {
    struct rate strays;         /* A token is 1/1000 of a segment. */
    struct tcp_segment *syn;    /* Waits for the answer, or null. */
    uint32_t nonce;             /* In our questions. */
    bool asked;
    bool quiet;                 /* Began when all entries were gone. */
    bool denied;                /* The server has denied the connection. */
    bool silent;                /* Server has said nothing since 'syn'. */
    long long int sent;         /* In ms, the latest question. */
    long long int next;         /* In ms, the next one. */
    int interval;               /* In ms, from 'next' to the one after. */
    long long int deadline;     /* In ms. */
};

/* Returns true if a segment about 'conn' that proves nothing may be passed on
 * or answered now.  Only so many a second may, of each connection and of all
 * together. */
bool challenge_allows(struct conn *);

/* Returns true if there is a SYN that waits. */
bool challenge_has_syn(const struct conn *);

/* Returns true if the server has denied 'conn', which is about to end. */
bool challenge_has_ended(const struct conn *);

/* In 'ms', asks the server of 'conn', which is forwarded, whether it still has
 * the connection.  Asks a few times, or for a minute if no entries are left,
 * until the server denies it. */
void challenge_server(struct conn *, int ms);

/* The same for a 'conn' that is challenged already, whatever else is known. */
void challenge_ask_in(struct conn *, int ms);

/* Takes note of '*seg', which comes from the server.  Returns true if it
 * denies the connection. */
bool challenge_answered(struct conn *, const struct tcp_segment *seg);

/* Returns true if the server of 'conn', which has no entries, was asked a
 * moment ago for the first time. */
bool challenge_is_first(const struct conn *);

/* Does what is due. */
void challenge_run(struct conn *);

/* Sets the timer of a connection without handshake for what is due next.  Only
 * a connection that is challenged or has no entries has a timer. */
void challenge_update_timer(struct conn *);

/* Forgets the challenge, if there is one. */
void challenge_destroy(struct conn *);

#endif /* challenge.h */
