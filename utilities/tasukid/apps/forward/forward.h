/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_FORWARD_FORWARD_H
#define TASUKID_FORWARD_FORWARD_H 1

/* What the files of the forwarding application share.
 *
 *     forward.c    what is learned and forgotten, and when
 *     flows.c      the flows of a learned address
 *     show.c       commands
 */

#include "mac-learning.h"
#include "openvswitch/hmap.h"
#include "openvswitch/token-bucket.h"
#include "openvswitch/types.h"
#include "utilities/tasukid/core/app.h"

#define PIPE_APP_FORWARD 0x55

/* The second table of our stage.  Packets come to it only from
 * PIPE_FORWARD. */
#define PIPE_FORWARD_DST (PIPE_FORWARD + 1)

/* One switch. */
struct forward {
    struct mac_learning *ml;    /* Null in mode "normal". */
    struct token_bucket limit;
    uint16_t aging_time;        /* Seconds. */
    struct hmap found_dsts;     /* During adoption. */
};

struct forward *forward_get(const struct ofswitch *);

/* Returns the port that 'e' is on. */
ofp_port_t forward_entry_port(const struct mac_learning *ml,
                              const struct mac_entry *e)
    OVS_REQ_RDLOCK(ml->rwlock);

/* Forgets all addresses on 'port', or on any port if it is OFPP_ANY. */
void forward_flush_port(struct ofswitch *, ofp_port_t port);

/* Commands for ovs-appctl. */
extern const struct app_command forward_commands[];

#endif /* TASUKID_FORWARD_FORWARD_H */
