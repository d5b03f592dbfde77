/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_REPLAY_H
#define TASUKID_HANDOVER_REPLAY_H 1

/* Handing a connection over to a server. */

#include "handshake.h"

/* Hands the connection over to the first server. */
void replay_keep(struct conn *);

/* The second server has shaken hands: hands the connection over to it. */
void replay_move(struct conn *);

/* In state CONN_DELIVER. */
void replay_from_server(struct conn *, const struct segment_in *);
void replay_timeout(struct conn *);

#endif /* replay.h */
