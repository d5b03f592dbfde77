/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_UNKNOWN_H
#define TASUKID_MIRROR_UNKNOWN_H 1

/* Connections that are not understood: their beginning was not seen, or their
 * middle, or it was not what it should have been.  They are copied whole,
 * until the client sends a request at the beginning of a segment.  What that
 * acknowledges is where its response begins. */

#include "conn.h"

/* The switch goes on skipping what an entry says for so long, in ms, after the
 * entry was taken back: Open vSwitch looks that often whether its datapath is
 * in line.  How far a stream has come by then is told by what comes next. */
#define UNKNOWN_SETTLE_MS 500

/* Nothing is known any more.  'reason' is a static string. */
void unknown_begin(struct mirror_conn *, const char *reason);

/* Looks at a segment.  Returns true if the connection is HTTP from this
 * segment on. */
bool unknown_segment(struct mirror_conn *, enum mirror_dir,
                     const struct mirror_packet *);

/* Returns true if 'p', the first one of its connection that was seen, comes
 * from the client as far as one can tell. */
bool unknown_from_client(const struct mirror_packet *p);

#endif /* unknown.h */
