/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_CHALLENGE_H
#define TASUKID_HANDOVER_CHALLENGE_H 1

/* Is a connection over?
 *
 * A SYN with its ports, a RST and a FIN all say so, and anybody may have sent
 * them.  Once the switch forwards a connection tasukid does not know which
 * sequence numbers are the next, so that it cannot tell.  The server can: it
 * gets the RST, judges it (RFC 5961 section 3), and is then asked whether it
 * has the connection.  One that has not answers with a reset or, if a SYN
 * asks, opens another, and either answer carries the number that was in the
 * question and that nobody else knows (RFC 9293 section 3.10.7).  One that has
 * it answers with an acknowledgment of what it expects: if the client is done
 * with the connection, that makes the client reset it (RFC 5961 section 4).
 *
 * Until the server has answered in that way nothing of the connection is
 * changed. */

#include <stdbool.h>

struct conn;
struct tcp_segment;

/* Returns true if something about 'conn' that proves nothing may be passed on
 * or answered now: of each connection, and of all together, only so many a
 * second. */
bool challenge_allows(struct conn *);

/* '*syn' has the ports of 'conn' and is not the one that opened it: has client
 * or server say which of the two is to be. */
void challenge_syn(struct conn *, const struct tcp_segment *syn);

/* Returns true if there is such a SYN. */
bool challenge_has_syn(const struct conn *);

/* In 'ms', asks the server of 'conn', which the switch forwards, whether it
 * still has the connection: a few times, or for a minute if no flows are
 * left, unless it denies that. */
void challenge_server(struct conn *, int ms);

/* Takes note of '*seg', which comes from the server.  Returns true if that
 * denies the connection: see challenge_end(). */
bool challenge_answered(struct conn *, const struct tcp_segment *seg);

/* Returns true if the server of 'conn', which has no flows, was asked a moment
 * ago for the first time. */
bool challenge_is_first(const struct conn *);

/* Ends 'conn', which is challenged, and opens a connection for the SYN that did
 * that; or ends it in a moment if it was no SYN.  Until then
 * challenge_has_ended() returns true. */
void challenge_end(struct conn *);
bool challenge_has_ended(const struct conn *);

/* Returns when to call challenge_run(), in ms, LLONG_MAX for never.  That
 * returns false if 'conn' is no more. */
long long int challenge_when(const struct conn *);
bool challenge_run(struct conn *);

/* Forgets all of that. */
void challenge_destroy(struct conn *);

#endif /* challenge.h */
