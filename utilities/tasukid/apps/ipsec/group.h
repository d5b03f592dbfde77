/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_IPSEC_GROUP_H
#define TASUKID_IPSEC_GROUP_H 1

/* One group on one switch: what a good row of table Ipsec_Group says, apart
 * from the database; its flow; and its samples. */

#include "openvswitch/hmap.h"
#include "openvswitch/match.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/uuid.h"
#include "utilities/tasukid/core/timers.h"

struct ds;
struct flow_set;
struct ipsec_switch;
struct ipsec_tag;
struct ofputil_flow_stats;
struct packet_in;
struct tasukirec_ipsec_group;

struct ipsec_group {
    struct hmap_node node;      /* In 'groups', by cookie. */
    struct ipsec_switch *is;
    uint64_t cookie;            /* Of the flow, from the row's UUID. */

    /* From the row. */
    struct uuid uuid;
    char *name;
    struct match match;
    uint16_t priority;
    struct ofpbuf base;         /* Actions before the tag. */
    struct ofpbuf tag;          /* The action that tags, up to its map. */
    char *port;                 /* Or null. */
    long long int interval;     /* Between rounds, in ms. */

    bool refused;               /* By the switch: the flow. */

    /* Rebalancing. */
    struct balance *balance;    /* Null if there is none. */
    struct timeout round;       /* The end of this one. */
    long long int round_began;
    uint32_t probability;       /* Of a sample, out of 2**32. */
    unsigned int n_samples;     /* In this round. */
    uint64_t n_sampled;         /* Ever. */
    uint64_t n_moves;
};

/* Creates the group of a good row.  It is in 'is->groups' until it is
 * destroyed.  It has the map that ipsec_maps_keep() has kept for it, if
 * any. */
struct ipsec_group *ipsec_group_create(struct ipsec_switch *is,
                                       const struct tasukirec_ipsec_group *);
void ipsec_group_destroy(struct ipsec_group *);

/* Makes the group what the row says by now.  Its map stays if it can. */
void ipsec_group_update(struct ipsec_group *,
                        const struct tasukirec_ipsec_group *);

/* Return the group with that cookie, or of that row, or null. */
struct ipsec_group *ipsec_group_find(const struct ipsec_switch *,
                                     uint64_t cookie);
struct ipsec_group *ipsec_group_of(const struct ipsec_switch *,
                                   const struct uuid *row);

/* Returns the arguments of the action that tags. */
const struct ipsec_tag *ipsec_group_tag(const struct ipsec_group *);

/* Returns true if the group's flow can be, and appends to 'reason' why not, or
 * what is wrong otherwise. */
bool ipsec_group_is_up(const struct ipsec_group *, struct ds *reason);

/* Adds the group's flow, if that can be. */
void ipsec_group_declare(const struct ipsec_group *, struct flow_set *);

/* Takes over the map of a flow that the switch has.  Returns true if it is a
 * flow of the group's. */
bool ipsec_group_adopt(struct ipsec_group *,
                       const struct ofputil_flow_stats *);

/* Notes a packet that was sampled. */
void ipsec_group_sample(struct ipsec_group *, const struct packet_in *);

/* Maps of groups whose switch is not connected.  ipsec_maps_keep_only() forgets
 * those of rows for which 'exists' returns false. */
void ipsec_maps_keep(const struct ipsec_group *);
void ipsec_maps_keep_only(bool (*exists)(const struct uuid *));

#endif /* TASUKID_IPSEC_GROUP_H */
