/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_STATUS_H
#define TASUKID_MIRROR_STATUS_H 1

/* What policies do, or why they cannot, in column "status". */

#include <stdbool.h>

struct ds;
struct mirror_switch;
struct policy;
struct tasukirec_switch;

/* Returns true if copies of all packets from now on reach the target of policy
 * 'p'.  Appends to 'reason' why not, or what is wrong otherwise. */
bool mirror_policy_is_up(const struct mirror_switch *, const struct policy *p,
                         struct ds *reason);

/* Writes the status of all policies of a switch that runs the application. */
void mirror_status_write(const struct mirror_switch *);

/* Writes that of the policies of a switch that does not. */
void mirror_status_write_down(const struct tasukirec_switch *);

#endif /* TASUKID_MIRROR_STATUS_H */
