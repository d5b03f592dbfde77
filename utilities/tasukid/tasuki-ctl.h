/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CTL_H
#define TASUKI_CTL_H 1

/* The commands of tasuki-ctl.
 *
 *     tasuki-ctl.c        options, connection to the database, transaction
 *     tasuki-ctl-verbs.c  commands that change configuration
 *     tasuki-ctl-show.c   "show"
 */

#include "db-ctl-base.h"

/* Commands, terminated by one without a name. */
extern const struct ctl_command_syntax tasuki_ctl_verbs[];

/* The part of "--help" on them. */
extern const char tasuki_ctl_verbs_usage[];

/* Where the database is, set before any command runs. */
extern const char *tasuki_ctl_db;

/* Makes all of the database available to a command. */
void tasuki_ctl_pre_all(struct ctl_context *);

/* The "run" function of "show". */
void tasuki_ctl_show(struct ctl_context *);

#endif /* TASUKI_CTL_H */
