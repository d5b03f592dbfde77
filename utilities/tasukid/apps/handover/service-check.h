/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_SERVICE_CHECK_H
#define TASUKID_HANDOVER_SERVICE_CHECK_H 1

/* Do rows that describe a service make sense?  As in row-check.h: null, or the
 * reason why not, which the caller must free.
 *
 * Names, an address and port, and a server that looks like another one can be
 * had by one row only.  Of several that claim it the one has it that is used
 * with it already, so that no row that somebody adds takes away what is in
 * use; else the first one in the order of the database.  A row that is refused
 * claims nothing.  That is decided here and nowhere else. */

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
    /* Return true if the row is used as it is now, as far as others could
     * claim the same. */
    bool (*service_is_used)(const struct tasukirec_service *);
    bool (*server_is_used)(const struct tasukirec_service *,
                           const struct tasukirec_server *);

    /* Called once for each row with null or the reason why it cannot be used,
     * which it frees. */
    void (*refuse)(const struct uuid *, char *error);
};

/* Checks all rows that describe services. */
void service_check_rows(const struct tasukirec_tasuki *,
                        const struct service_check *);

#endif /* TASUKID_HANDOVER_SERVICE_CHECK_H */
