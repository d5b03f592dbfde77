/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_FLOW_SET_H
#define TASUKID_FLOW_SET_H 1

/* The static flows of one application on one switch: what it declared, and the
 * fewest changes that bring the switch there.
 *
 * Applications add to a set with flow_set_add() (ofswitch.h); the rest is for
 * the core. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofp-protocol.h"

struct flow_set;
struct ofputil_flow_mod;
struct ofputil_flow_removed;
struct ofputil_flow_stats;

/* Sends a flow_mod, which it may not keep. */
typedef void flow_set_send_func(const struct ofputil_flow_mod *, void *aux);

/* Creates an empty set for a switch to which 'protocol' is spoken. */
struct flow_set *flow_set_create(enum ofputil_protocol protocol);
void flow_set_destroy(struct flow_set *);

size_t flow_set_count(const struct flow_set *);

/* Notes that the switch has the flow 'fs'.  Returns false if the set holds no
 * flow with that table, priority and match. */
bool flow_set_found(struct flow_set *, const struct ofputil_flow_stats *fs);

/* Notes that the switch has lost a flow.  Returns true if the flow is in the
 * set, so that flow_set_push() would send it again.  Sets '*expected' if the
 * message was due, because flow_set_update() deleted such a flow a while ago.
 * (The flow is sent again all the same: somebody else may have deleted it,
 * too.) */
bool flow_set_lost(struct flow_set *, const struct ofputil_flow_removed *,
                   bool *expected);

/* Notes that the switch refused a flow with 'cookie'.  It is not known which
 * one, so flow_set_push() sends all of them again.  Returns true if there are
 * any. */
bool flow_set_refused(struct flow_set *, uint64_t cookie);

/* Calls 'send' to add (or replace) each flow in 'fs' that the switch is not
 * known to have.  Returns how many. */
size_t flow_set_push(struct flow_set *fs, flow_set_send_func *send, void *aux);

/* Makes the flows of 'set' those of 'new', which is empty afterward.  Calls
 * 'send' to delete each that is not in 'new'; flow_set_push() does the rest.
 * What is known about the switch stays known. */
void flow_set_update(struct flow_set *set, struct flow_set *new,
                     flow_set_send_func *send, void *aux);

/* Like flow_set_update(), but only for flows of 'set' that have one of the 'n'
 * 'cookies'.  'new' has no others. */
void flow_set_update_cookies(struct flow_set *set, struct flow_set *new,
                             const uint64_t cookies[], size_t n,
                             flow_set_send_func *send, void *aux);

#endif /* TASUKID_FLOW_SET_H */
