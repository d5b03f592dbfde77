/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_INSPECT_H
#define TASUKID_HANDOVER_INSPECT_H 1

/* Holding what the client sends until it is known which server should
 * answer. */

#include "handshake.h"

/* Handles a segment from the client in states CONN_ESTABLISHED and
 * CONN_INSPECT. */
void inspect_from_client(struct conn *, const struct segment_in *);

/* Acknowledges to the client what was acknowledged before. */
void inspect_ack_again(struct conn *);

/* Ends inspection without looking any further. */
void inspect_end(struct conn *, enum handover_counter why);

#endif /* inspect.h */
