/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_H
#define TASUKID_MIRROR_H 1

/* Application "mirror": copies packets for analysers, but not the bulk.
 *
 *     row.c      rows of table Mirror_Policy
 *     policy.c   the policies of a switch
 *     flows.c    flows that do not depend on connections
 *     entries.c  flows of connections
 *     effect.c   when policies take effect
 *     held.c     packets that wait for the switch
 *     mirror.c   the application itself: packets to the engine and back
 *     status.c   what is wrong, for column "status"
 *     show.c     commands
 *     engine/    which packets of a connection are worth a copy
 *     skips.h    telling what was left out
 *     capture.h  files
 *
 * The switch copies packets.  It also sends those to tasukid that the engine
 * has to see.  With mode "copy" these have passed and been copied already.
 * With mode "inline" tasukid copies them and passes them on.  If any of the
 * policies that a packet matches is "inline", the packet is held. */

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "policy.h"
#include "sset.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/timers.h"

struct ofswitch;

#define PIPE_APP_MIRROR 0x59

/* What happened to packets that came to tasukid. */
struct mirror_stats {
    uint64_t n_copied;          /* They had passed already. */
    uint64_t n_held;
    uint64_t n_excess;          /* No time: passed on unseen. */
    uint64_t n_cut;             /* Held but too long for a message: lost. */
    uint64_t n_waited;          /* For the switch. */
    uint64_t n_unwaited;        /* Should have, but too many do. */
};

/* The application on one switch. */
struct mirror_switch {
    struct ofswitch *sw;
    struct policy_set set;
    struct sset targets;        /* Names of ports. */
    struct sset captures;       /* Of those, that are written to files. */
    struct mirror_engine *engine;

    /* Bitmaps of policies: those whose target and tenant are there, and those
     * of them that hold packets. */
    uint32_t active, inlined;

    struct hmap entries;        /* See entries.c. */
    size_t n_holding;           /* Entries that hold. */
    unsigned int generation;
    struct ovs_list asks;
    bool asking;                /* See effect.c. */
    struct timeout effect;
    struct hmap waits;          /* See held.c. */
    size_t n_waiting;           /* Packets there. */

    long long int hold_at;      /* When to add flows that hold packets again,
                                 * in msec.  LLONG_MAX: they are not used. */
    long long int wake;         /* When to run the engine, in msec. */
    struct mirror_stats stats;
};

/* Returns the application's data for a switch, or null. */
struct mirror_switch *mirror_switch_get(const struct ofswitch *);

/* Looks which policies can work, as policies or ports have changed.  Returns
 * true if others can than before. */
bool mirror_switch_update(struct mirror_switch *);

/* Has the status of all policies written soon. */
void mirror_status_changed(void);

/* Returns the zone of the tenant that 'p' is about, or 0 if that is not
 * known. */
uint32_t mirror_policy_zone(const struct ofswitch *, const struct policy *p);

/* The places where the mirror looks at packets, by their first table:
 *
 *   PIPE_MIRROR_IN     from a tenant's port, as they came in
 *   PIPE_MIRROR_FRONT  to addresses that another application translates
 *   PIPE_MIRROR        all others
 *
 * Each has these tables. */
enum {
    MIRROR_START,               /* Which policies match a packet? */
    MIRROR_CONNECTIONS,         /* Flows of connections. */
    MIRROR_DECIDE,              /* What is to be done with a packet. */
    MIRROR_STEP,                /* The steps to it, by number. */
    MIRROR_N_TABLES,
};

extern const struct app_command mirror_commands[];

#endif /* TASUKID_MIRROR_H */
