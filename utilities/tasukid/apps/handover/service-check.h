/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_SERVICE_CHECK_H
#define TASUKID_HANDOVER_SERVICE_CHECK_H 1

/* Do rows that describe a service make sense?  As in row-check.h: null, or the
 * reason why not, which the caller must free. */

struct tasukirec_rule;
struct tasukirec_server;
struct tasukirec_service;
struct tasukirec_tasuki;

char *row_check_service(const struct tasukirec_tasuki *,
                        const struct tasukirec_service *);
char *row_check_server(const struct tasukirec_service *,
                       const struct tasukirec_server *);
char *row_check_rule(const struct tasukirec_service *,
                     const struct tasukirec_rule *);

#endif /* TASUKID_HANDOVER_SERVICE_CHECK_H */
