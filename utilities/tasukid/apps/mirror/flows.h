/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_FLOWS_H
#define TASUKID_MIRROR_FLOWS_H 1

/* Flows that do not depend on connections.
 *
 * A packet starts in MIRROR_START of its place, which finds out which policies
 * match.  What none matches passes on from MIRROR_CONNECTIONS.  There, flows of
 * connections note what they know about the rest.  In MIRROR_DECIDE, one flow
 * does all that is to be done.
 *
 * Flows in MIRROR_START and MIRROR_DECIDE have MIRROR_STEP looked up several
 * times, with the number of a step in PIPE_MIRROR_STEP_REG:
 *
 *   i                     does policy i match?  If so, sets bit i in
 *                         PIPE_MIRROR_SET_REG
 *   STEP_TARGET + i       a copy to the target of policy i, which is the first
 *                         one with this target, if a policy with this target
 *                         is in the set
 *   STEP_TCP or STEP_UDP  the last one: the packet is held, or is copied,
 *                         shown to tasukid, and passed on
 *
 * So a packet gets one copy for each target, however many policies match. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/ofp-port.h"

struct flow_set;
struct match;
struct mirror_switch;
struct ofpbuf;

/* What flows of connections say about a packet, in PIPE_MIRROR_REG. */
enum {
    MIRROR_INSIDE_SEQ = 1 << 1, /* Bits 1 and 2: inside a window, and only for
                                 * the policies in PIPE_MIRROR_INSIDE_REG. */
    MIRROR_INSIDE_ACK = 1 << 2,
    MIRROR_PASSED = 1 << 3,     /* As if inside. */
    MIRROR_COPIED = 1 << 4,     /* For all that match, but not for tasukid. */
    MIRROR_HOLD = 1 << 5,       /* Must not pass unseen. */
    MIRROR_BITS = 0x3e,
};

/* Cookies.  Packets that come from a flow with MIRROR_COOKIE_HOLD have neither
 * passed nor been copied.  Flows of connections have others: see entries.h.
 *
 * Nobody lets held packets pass when tasukid is gone.  So the flows that hold
 * them last MIRROR_HOLD_TIMEOUT, in seconds, and tasukid adds them again and
 * again.  Without them packets are copied and pass. */
#define MIRROR_COOKIE_STATIC PIPE_COOKIE(PIPE_APP_MIRROR, 0)
#define MIRROR_COOKIE_HOLD PIPE_COOKIE(PIPE_APP_MIRROR, 1)
#define MIRROR_HOLD_TIMEOUT 10

/* Priorities in MIRROR_START. */
enum {
    MIRROR_PRIO_START = 1,      /* Packets that the mirror looks at here. */
    MIRROR_PRIO_SEEN = 300,
    MIRROR_PRIO_OWN = 400,      /* What is copies already. */
};

/* Priorities in MIRROR_CONNECTIONS. */
enum {
    MIRROR_PRIO_NO_ENTRY = 1,
    MIRROR_PRIO_ENTRY = 200,    /* Of connections. */
    MIRROR_PRIO_NOT_WANTED = 300,
};

/* Adds all such flows but those that hold packets. */
void mirror_flows_declare(struct mirror_switch *, struct flow_set *);

/* Adds those that hold packets, for MIRROR_HOLD_TIMEOUT, if 'hold_at' has come
 * and a policy or an entry holds, and deletes them when none does any more.
 * Adding them costs Open vSwitch a look at all that its datapath has. */
void mirror_flows_hold(struct mirror_switch *);

/* How long a flow stays, in seconds; 0 means for good.  With 'tell' the switch
 * says when it has gone. */
struct mirror_flow_life {
    uint16_t idle_timeout, hard_timeout;
    bool tell;
};

/* Adds a flow, or replaces the one with that match and priority. */
void mirror_flow_add(struct mirror_switch *, uint8_t table, uint16_t priority,
                     uint64_t cookie, const struct match *,
                     const struct mirror_flow_life *,
                     const struct ofpbuf *ofpacts);

/* Deletes the flows with 'cookie' in 'table', or OFPTT_ALL. */
void mirror_flows_delete(struct mirror_switch *, uint8_t table,
                         uint64_t cookie);

/* Appends actions that note 'bits', and who gets a copy of what is inside. */
void mirror_put_bits(struct ofpbuf *ofpacts, uint32_t bits,
                     uint32_t policies);

/* Appends outputs to the targets of 'policies', one for each. */
void mirror_put_copies(const struct mirror_switch *, uint32_t policies,
                       struct ofpbuf *ofpacts);

#endif /* TASUKID_MIRROR_FLOWS_H */
