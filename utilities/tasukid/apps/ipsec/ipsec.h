/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_IPSEC_H
#define TASUKID_IPSEC_H 1

/* Application "ipsec": tags packets, by which a router chooses one of several
 * IPsec SAs, and keeps the SAs equally busy.
 *
 *     row.c      rows of table Ipsec_Group
 *     group.c    one group on one switch: its flow, its samples
 *     ipsec.c    the application itself
 *     status.c   what is wrong, for column "status"
 *     show.c     commands
 *     engine/    which buckets should have another tag
 *
 * A group is one flow.  The flow takes samples of its packets if the group is
 * rebalanced, tags the packets, and passes them on. */

#include "openvswitch/hmap.h"
#include "utilities/tasukid/core/app.h"

struct ofswitch;

#define PIPE_APP_IPSEC 0x5a

/* Behind the mirrors, whose copies are to look like what the sender sent, and
 * ahead of the stage that forwards, which is the last that packets come to. */
#define PIPE_IPSEC 39

/* The application on one switch. */
struct ipsec_switch {
    struct ofswitch *sw;
    struct hmap groups;         /* Contains "struct ipsec_group"s. */

    /* Until it is known which flows the switch has, none is declared: the maps
     * in them are to stay. */
    bool adopted;

    /* Samples pass a meter, in case there are more than expected. */
    bool has_meter;
};

/* Samples per second that the meter lets pass. */
#define IPSEC_METER_RATE 4000

/* Returns the application's data for a switch, or null. */
struct ipsec_switch *ipsec_switch_get(const struct ofswitch *);

extern const struct app_command ipsec_commands[];

#endif /* TASUKID_IPSEC_H */
