/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_IPSEC_ROW_H
#define TASUKID_IPSEC_ROW_H 1

/* What a row of table Ipsec_Group means, for tasukid and tasuki-ctl alike.
 * Functions that take a row expect one that is good according to
 * row_check_ipsec_group(), except where they say otherwise. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/match.h"

struct ofpbuf;
struct shash;
struct tasukirec_ipsec_group;
struct tasukirec_switch;

enum {
    IPSEC_MAX_TAGS = 256,
    IPSEC_MAX_BUCKETS = 256,

    /* What holds where a column is empty. */
    IPSEC_PRIORITY_DEFAULT = 32768,
    IPSEC_BUCKETS_DEFAULT = 256,
    IPSEC_INTERVAL_DEFAULT = 2,     /* In seconds. */
    IPSEC_MOVES_DEFAULT = 8,
    IPSEC_SKEW_DEFAULT = 10,        /* In percent. */
    IPSEC_IDLE_DEFAULT = 500,       /* In ms. */
};

/* Does a row of switch 'sw' make sense?  As in row-check.h, returns null, or
 * the reason why not, which the caller must free.  'accepted' has the rows of
 * the same switch that were accepted before, by name: it is empty for the
 * first.  An accepted row is added. */
char *row_check_ipsec_group(const struct tasukirec_switch *sw,
                            struct shash *accepted,
                            const struct tasukirec_ipsec_group *);

/* Returns true if the switch is to run application "ipsec". */
bool ipsec_runs_on(const struct tasukirec_switch *);

/* Returns the groups of a switch in the order of their names, for the caller
 * to free.  They may be any rows. */
const struct tasukirec_ipsec_group **ipsec_groups_by_name(
    const struct tasukirec_switch *);

/* The packets of a group. */
void ipsec_row_match(const struct tasukirec_ipsec_group *, struct match *);
uint16_t ipsec_row_priority(const struct tasukirec_ipsec_group *);

/* Returns true if the group is to be rebalanced. */
bool ipsec_row_rebalances(const struct tasukirec_ipsec_group *);

/* Returns the number of buckets of a group that is. */
unsigned int ipsec_row_buckets(const struct tasukirec_ipsec_group *);

/* Append actions.  The first prepares a packet: what is written to the field
 * before its tag.  The second writes the tag, by 'map', which has 'n_map'
 * entries, or by the row's own if that is null. */
void ipsec_row_put_base(const struct tasukirec_ipsec_group *,
                        struct ofpbuf *ofpacts);
void ipsec_row_put_tag(const struct tasukirec_ipsec_group *,
                       const uint8_t map[], size_t n_map,
                       struct ofpbuf *ofpacts);

#endif /* TASUKID_IPSEC_ROW_H */
