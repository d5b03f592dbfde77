/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_DATABASE_WATCH_H
#define TASUKID_DATABASE_WATCH_H 1

/* Says that the database is missing, and what to do about it. */

#include <stdbool.h>

struct ovsdb_idl;

/* Returns what is wrong with the database at 'remote', which the caller must
 * free.  'error' is what ovsdb_idl_get_last_error() returned.  If it is 0, the
 * server has no database Tasuki. */
char *database_trouble(const char *remote, int error);

/* A program that waits for its database.  All zeros to begin with. */
struct database_watch {
    long long int warn_at;      /* In msec, 0 if there is a database. */
};

/* Logs a warning if the database of 'idl', at 'remote', has not been 'there'
 * for some seconds, and again once a minute. */
void database_watch_run(struct database_watch *, const struct ovsdb_idl *idl,
                        const char *remote, bool there);
void database_watch_wait(const struct database_watch *);

#endif /* TASUKID_DATABASE_WATCH_H */
