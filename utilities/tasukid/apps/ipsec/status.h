/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_IPSEC_STATUS_H
#define TASUKID_IPSEC_STATUS_H 1

/* What groups do, or why they cannot, in column "status". */

struct ipsec_group;
struct tasukirec_switch;
struct uuid;

/* Writes the status of a group. */
void ipsec_status_write(const struct ipsec_group *);

/* Deletes the status of a row that is not used. */
void ipsec_status_clear(const struct uuid *row);

/* Writes that of the groups of a switch that does not run the application. */
void ipsec_status_write_down(const struct tasukirec_switch *);

#endif /* TASUKID_IPSEC_STATUS_H */
