/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_ENDING_H
#define TASUKID_HANDOVER_ENDING_H 1

/* What becomes of a connection that something says is over (see
 * challenge.h). */

#include "conn.h"

/* '*syn' has the ports of 'conn' and is not the one that opened it: has client
 * or server say which of the two is to be. */
void ending_syn(struct conn *, const struct tcp_segment *syn);

/* Ends 'conn', whose server denies it, and opens a connection for the SYN that
 * challenged it; or ends it in a moment if it was no SYN.  Until then
 * challenge_has_ended() returns true. */
void ending_end(struct conn *);

/* What is due of a challenge.  Returns false if 'conn' is no more. */
bool ending_run(struct conn *);

#endif /* ending.h */
