/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_FRAGMENTS_H
#define TASUKID_HANDOVER_FRAGMENTS_H 1

/* IP fragments of segments to and from services.
 *
 * Only the first fragment has ports, and no fragment has all that a rule may
 * have to see.  So conntrack puts them together before they meet any other
 * flow in PIPE_SERVICE. */

struct flow_set;
struct engine;

/* Adds the flows that send fragments to conntrack, and nothing else. */
void fragments_declare(const struct engine *, struct flow_set *);

#endif /* fragments.h */
