/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_TRY_H
#define TASUKID_HANDOVER_TRY_H 1

/* Shaking hands with servers, one after the other until one does. */

#include "handshake.h"

/* In states CONN_SYN_SENT and CONN_REPLAY: sends the SYN to the next server to
 * try.  If none is left, ends the connection or stays on the first server. */
void try_next(struct conn *);

/* In state CONN_REPLAY: starts to shake hands with one of the candidates.  If
 * the first server is the best of them, or there are none, hands the
 * connection over to the first server. */
void try_replay(struct conn *);

/* Handles a segment from the server that is being tried.  Returns true if it
 * is the SYN-ACK, or what was awaited after that, and notes it in the peer. */
bool try_from_server(struct conn *, const struct segment_in *);
void try_timeout(struct conn *);

/* There is no room to watch the server that is being tried. */
void try_not_watched(struct conn *);

/* Fills in '*syn' with what the client said, as far as it still holds.  For
 * the first server, that is what all servers can go on with; for another
 * server, what the first agreed to. */
void try_compose_syn(const struct conn *, struct tcp_segment *syn);

#endif /* try.h */
