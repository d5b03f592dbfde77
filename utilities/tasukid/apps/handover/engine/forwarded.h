/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_FORWARDED_H
#define TASUKID_HANDOVER_FORWARDED_H 1

/* A connection that is forwarded without the engine, and what comes here all
 * the same. */

#include "conn.h"

/* '*in' belongs to 'conn'.  Passes it on, and ensures that the entry for it is
 * there. */
void forwarded_late(struct conn *, enum conn_direction,
                    const struct segment_in *in);

/* The connection's timer expired. */
void forwarded_timeout(struct conn *);

#endif /* forwarded.h */
