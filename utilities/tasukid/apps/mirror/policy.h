/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_POLICY_H
#define TASUKID_MIRROR_POLICY_H 1

/* The policies of one switch: what good rows of table Mirror_Policy say, apart
 * from the database. */

#include "engine/engine.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/uuid.h"
#include "row.h"

struct ofswitch;
struct tasukirec_switch;

enum policy_start { POLICY_COPY, POLICY_INLINE, POLICY_STATS };

struct policy {
    /* From the row. */
    struct uuid uuid;
    char *name;
    char *flow;                 /* As the user wrote 'match', or null. */
    struct match match;
    char *tenant;               /* Null: what is no tenant's. */
    char *service_port, *native6_port;  /* Of the tenant. */
    bool service_side;          /* Copies what the tenant's service sees,
                                 * instead of its LAN. */
    enum policy_start start;
    bool uninspected;           /* Copies what is not inspected. */
    struct mirror_wants wants;
    struct mirror_target target;
    struct {
        uint64_t size;
        uint32_t time, count;
        bool gzip;
    } file;                     /* 0 where it does not matter. */
    char *events;               /* File name, or null. */

    int leader;                 /* Number of the first policy that has the same
                                 * target. */
    uint64_t n_skips, n_skipped;    /* Ranges left out, and their bytes. */

    /* Is the policy in effect, or is the switch asked about it?  See
     * effect.h. */
    bool in_effect, asked;
};

/* A policy keeps its number as long as it exists. */
struct policy_set {
    struct policy *policies[MIRROR_MAX_POLICIES];   /* Null where is none. */
};

/* Makes 'set' what the good rows of 'row' say.  Returns the numbers under
 * which there is another policy than before, or none any more: a bitmap. */
uint32_t policy_set_read(struct policy_set *set,
                         const struct tasukirec_switch *row);
void policy_set_destroy(struct policy_set *set);

/* Calls BODY for each POLICY, whose number is I, of SET. */
#define POLICY_FOR_EACH(I, POLICY, SET)                             \
    for (int I = 0; I < MIRROR_MAX_POLICIES; I++)                   \
        for (struct policy *POLICY = (SET)->policies[I]; POLICY;    \
             POLICY = NULL)

/* Returns the leader of the policies whose target is port 'name', or null. */
const struct policy *policy_set_find_target(const struct policy_set *,
                                            const char *name);

#endif /* TASUKID_MIRROR_POLICY_H */
