/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_MACHINE_H
#define TASUKID_HANDOVER_MACHINE_H 1

/* A connection until it is forwarded: what each segment does in each state. */

#include "conn.h"

/* Opens a connection for '*syn' from 'in_port' if there is room.  'replaces'
 * says that the entries of an older one with the same ports were just
 * removed. */
void machine_open(struct service *, ofp_port_t in_port,
                  const struct tcp_segment *syn, bool replaces);

/* Returns true if there is room to keep track of one more connection. */
bool machine_can_track(const struct engine *);

/* Handle a segment from the client, or from 'm'. */
void machine_from_client(struct conn *, const struct segment_in *);
void machine_from_server(struct conn *, struct member *m,
                         const struct segment_in *);

/* Returns true if '*seg', a reset from the client, is not a forged one. */
bool machine_accepts_reset(const struct conn *,
                           const struct tcp_segment *seg);

/* The connection's timer expired. */
void machine_timeout(struct conn *);

#endif /* machine.h */
