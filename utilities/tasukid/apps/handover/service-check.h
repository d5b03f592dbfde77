/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_SERVICE_CHECK_H
#define TASUKID_HANDOVER_SERVICE_CHECK_H 1

/* Do rows that describe a service make sense?  As in row-check.h, functions
 * return null, or the reason why not, which the caller must free.
 *
 * Only one row can have a name, or an address and port, or be a given server.
 * Of several that claim the same, the row that is in use with it already wins,
 * so that a new row never takes away what is in use.  Otherwise the first one
 * in the order of the database wins.  A row that is refused claims nothing.
 * All this is decided here and nowhere else. */

#include <stdbool.h>
#include <stddef.h>

struct tasukirec_rule;
struct tasukirec_server;
struct tasukirec_service;
struct tasukirec_tasuki;
struct uuid;

/* Each checks one row.  'others' are the 'n' rows of its kind that have what
 * they claim. */
char *row_check_service(const struct tasukirec_service *,
                        struct tasukirec_service *const *others, size_t n);
char *row_check_server(const struct tasukirec_service *,
                       const struct tasukirec_server *,
                       struct tasukirec_server *const *others, size_t n);
char *row_check_rule(const struct tasukirec_service *,
                     const struct tasukirec_rule *);

struct service_check {
    /* Return true if the row is in use with its present claims. */
    bool (*service_is_used)(const struct tasukirec_service *);
    bool (*server_is_used)(const struct tasukirec_service *,
                           const struct tasukirec_server *);

    /* Called once for each row with null, or the reason why the row cannot be
     * used, which the callback must free. */
    void (*refuse)(const struct uuid *, char *error);
};

/* Checks all rows that describe services. */
void service_check_rows(const struct tasukirec_tasuki *,
                        const struct service_check *);

#endif /* TASUKID_HANDOVER_SERVICE_CHECK_H */
