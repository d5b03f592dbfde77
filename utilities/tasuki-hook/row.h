/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HOOK_ROW_H
#define TASUKID_HOOK_ROW_H 1

/* Rows of table Tenant as the JSON objects that tenants.h describes. */

#include <stdbool.h>

struct ovsdb_idl;
struct shash;

/* Asks for the tables that are needed. */
void hook_row_register(struct ovsdb_idl *);

/* Adds to 'rows' the description of each tenant of each switch by name, except
 * for tenants that make no sense.  The caller must free the descriptions.
 *
 * If several tenants want the same, the one that tasukid uses makes sense, or
 * else one for which 'is_known' returns true. */
void hook_row_get_all(struct ovsdb_idl *, bool (*is_known)(const char *name),
                      struct shash *rows);

#endif /* TASUKID_HOOK_ROW_H */
