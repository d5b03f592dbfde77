/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_TCP_H
#define TASUKID_MIRROR_TCP_H 1

/* Segments: which connection they belong to, whether they fit, and what
 * becomes of them. */

#include "conn.h"

/* Judges a TCP segment.  'c' is its connection, if any. */
void tcp_segment(struct mirror_engine *, struct mirror_conn *c,
                 const struct mirror_packet *, struct mirror_verdict *);

#endif /* tcp.h */
