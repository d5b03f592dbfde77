/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_FLOWS_H
#define TASUKID_MIRROR_FLOWS_H 1

/* Flows that do not depend on connections.
 *
 * A packet starts in MIRROR_CONNECTIONS of its place.  In MIRROR_DECIDE, one
 * flow does all that is to be done.  For that it has MIRROR_STEP looked up
 * several times, with the number of a step in PIPE_MIRROR_STEP_REG:
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
    MIRROR_INSIDE_SEQ = 1 << 1, /* Bits 1 and 2: inside a window. */
    MIRROR_INSIDE_ACK = 1 << 2,
    MIRROR_PASSED = 1 << 3,     /* Only for the policies in the set, too. */
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

/* Priorities in MIRROR_CONNECTIONS. */
enum {
    MIRROR_PRIO_START = 1,      /* Packets that the mirror looks at here. */
    MIRROR_PRIO_ENTRY = 200,    /* Of connections. */
    MIRROR_PRIO_SEEN = 300,
    MIRROR_PRIO_OWN = 400,      /* What is copies already. */
};

/* Adds all such flows but those that hold packets. */
void mirror_flows_declare(struct mirror_switch *, struct flow_set *);

/* Adds those that hold packets, for MIRROR_HOLD_TIMEOUT, if 'hold_at' has come
 * and a policy or an entry holds.  Adding them costs Open vSwitch a look at
 * all that its datapath has. */
void mirror_flows_hold(struct mirror_switch *);

/* Appends actions that begin in 'table', the first of a place: clear what the
 * mirror noted in an earlier place, and note 'bits' and 'policies'. */
void mirror_put_start(struct ofpbuf *ofpacts, uint8_t table, uint32_t bits,
                      uint32_t policies);

/* Appends outputs to the targets of 'policies', one for each. */
void mirror_put_copies(const struct mirror_switch *, uint32_t policies,
                       struct ofpbuf *ofpacts);

#endif /* TASUKID_MIRROR_FLOWS_H */
