/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_ENDING_H
#define TASUKID_HANDOVER_ENDING_H 1

/* What becomes of a connection when something says that it is over (see
 * challenge.h). */

#include "conn.h"

/* '*syn' has the ports of 'conn' and is not the one that opened it.  Has
 * client or server decide between the two connections. */
void ending_syn(struct conn *, const struct tcp_segment *syn);

/* Ends 'conn', whose server denies it.  If a SYN challenged it, opens a
 * connection for the SYN.  Otherwise 'conn' ends in a moment, and until then
 * challenge_has_ended() returns true. */
void ending_end(struct conn *);

/* Does what is due of a challenge.  Returns false if 'conn' is gone. */
bool ending_run(struct conn *);

#endif /* ending.h */
