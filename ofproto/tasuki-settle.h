/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_SETTLE_H
#define TASUKI_SETTLE_H 1

/* Answers to lib/settle.h: when does the datapath do what the flow tables say?
 *
 * Two things may still use old tables after they have changed.  A thread may
 * be translating a packet, and install a flow for it later: RCU says when all
 * such are done.  Flows are in the datapath: a round of revalidation that
 * begins after that finds all of them.
 *
 * Only the main thread calls these. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dpif_backer;
struct ofconn;
struct ofp_header;
struct udpif;

/* Hook for handle_openflow() in ofproto/ofproto.c.  Returns true if 'oh',
 * which came from 'ofconn', is such a question. */
bool tasuki_settle(struct ofconn *ofconn, const struct ofp_header *oh);

/* Hook for ofconn_destroy() in ofproto/connmgr.c. */
void tasuki_settle_forget(const struct ofconn *ofconn);

/* What a datapath's revalidation has to offer: 'begin' starts a round and
 * returns its number; 'done' returns that of the last one that has ended, and
 * wakes the main thread when another one does. */
struct tasuki_rounds {
    uint64_t (*begin)(struct dpif_backer *);
    uint64_t (*done)(struct dpif_backer *);
    bool (*is_of)(const struct dpif_backer *, const struct ofconn *);
};

/* The number of the round that begins next, or has begun already, if no other
 * was asked for; and of the last one that has ended.  The numbers ascend. */
uint64_t tasuki_udpif_round(const struct udpif *);
uint64_t tasuki_udpif_round_done(struct udpif *);

/* Answers what can be answered about 'backer'. */
void tasuki_settle_run(struct dpif_backer *backer,
                       const struct tasuki_rounds *);

#endif /* TASUKI_SETTLE_H */
