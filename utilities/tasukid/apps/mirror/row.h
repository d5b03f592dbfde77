/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_ROW_H
#define TASUKID_MIRROR_ROW_H 1

/* What a row of table Mirror_Policy means, for tasukid and tasuki-ctl alike.
 * Functions that take a row expect one that is good according to
 * row_check_mirror(), except where they say otherwise. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/match.h"

struct shash;
struct tasukirec_mirror_policy;
struct tasukirec_switch;

/* Policies of one switch: they are numbered, and sets of them are bitmaps. */
#define MIRROR_ROW_MAX 32

/* What holds where a column is empty. */
#define MIRROR_THRESHOLD_DEFAULT (10 * 1024 * 1024)
#define MIRROR_KEEP_DEFAULT 16384
#define MIRROR_KEEP_PACKETS_DEFAULT 16

/* OpenFlow port names, and those of network devices, have 15 characters. */
#define MIRROR_PORT_NAME_SIZE 16

/* Where copies go: what column "to" says. */
enum mirror_target_kind {
    MIRROR_TO_PORT,             /* A port that somebody else has added. */
    MIRROR_TO_VXLAN,            /* A tunnel (RFC 7348). */
    MIRROR_TO_ERSPAN,           /* A tunnel, ERSPAN type II. */
    MIRROR_TO_FILE,             /* An internal port, read by
                                 * tasuki-capture. */
};

struct mirror_target {
    enum mirror_target_kind kind;
    char port[MIRROR_PORT_NAME_SIZE];   /* Name of the switch port. */
    char *remote;               /* Tunnels: an IP address in canonical form. */
    uint32_t key;               /* Tunnels: VXLAN network identifier, or ERSPAN
                                 * session. */
    char *path;                 /* Files. */
};

/* Parses column "to".  Returns null, and the caller must destroy '*target'.
 * Or returns the reason why 'to' makes no sense, which the caller must free.
 * The same target always gets a port of the same name. */
char *mirror_target_parse(const char *to, struct mirror_target *target);
void mirror_target_destroy(struct mirror_target *);

/* Parses column "match", null for everything.  Returns null, or the reason why
 * it makes no sense, which the caller must free. */
char *mirror_match_parse(const char *s, struct match *match);

/* Makes '*reverse' match the answers to what 'match' matches. */
void mirror_match_reverse(const struct match *match, struct match *reverse);

/* Does a row of switch 'sw' make sense?  As in row-check.h, returns null, or
 * the reason why not, which the caller must free.  'accepted' has the rows of
 * the same switch that were accepted before, by name: it is empty for the
 * first.  An accepted row is added. */
char *row_check_mirror(const struct tasukirec_switch *sw,
                       struct shash *accepted,
                       const struct tasukirec_mirror_policy *);

/* Returns true if the switch is to run application "mirror". */
bool mirror_runs_on(const struct tasukirec_switch *);

/* Returns the policies of a switch in the order of their names, for the caller
 * to free.  They may be any rows. */
const struct tasukirec_mirror_policy **mirrors_by_name(
    const struct tasukirec_switch *);

#endif /* TASUKID_MIRROR_ROW_H */
