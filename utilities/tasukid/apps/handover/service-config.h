/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_SERVICE_CONFIG_H
#define TASUKID_HANDOVER_SERVICE_CONFIG_H 1

#include <stdbool.h>
#include <stddef.h>

struct service_config;
struct tasukirec_server;
struct tasukirec_tasuki;

/* Returns an array of those services in 'root', which may be null, whose rows
 * make sense, and stores their number in '*n'.  The caller owns the array and
 * a reference to each element.
 *
 * Rows that make no sense have the reason in column "status", and count as if
 * they were not there. */
struct service_config **handover_config_read(
    const struct tasukirec_tasuki *root, size_t *n);

/* Returns true if member 'i' of 'cfg' is what 'row' describes, but for its
 * weight. */
bool handover_config_has_server(const struct service_config *cfg, size_t i,
                                const struct tasukirec_server *row);

#endif /* service-config.h */
