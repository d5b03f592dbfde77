/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_CONFIG_DB_H
#define TASUKID_CONFIG_DB_H 1

/* The database "Tasuki", as tasukid sees it.
 *
 * Only one tasukid works on a database at a time: the one that holds the OVSDB
 * lock "tasukid".  The others stand by, with no connection to any switch. */

#include <stdbool.h>
#include <stdint.h>

#include "compiler.h"

struct ovsdb_idl_row;
struct ovsdb_idl_table_class;
struct simap;
struct tasukirec_switch;
struct tasukirec_tasuki;
struct uuid;

/* Makes the process do what 'cfg' says, or nothing if it is null.  'only_kept'
 * says that only tables whose errors applications keep have changed
 * ('kept_errors' in app.h). */
typedef void config_apply_func(const struct tasukirec_tasuki *cfg,
                               bool only_kept);

/* Connects to the database at 'remote', in a form for ovsdb_idl_create().
 * 'apply' is called when the database changes. */
void config_init(const char *remote, config_apply_func *apply);
void config_destroy(void);

/* Receives changes, elects the active tasukid, has changes applied and writes
 * the status columns. */
void config_run(void);
void config_wait(void);

/* Returns the root row, or null.  Valid until the next config_run(). */
const struct tasukirec_tasuki *config_get(void);

/* Returns the good row of table Switch for datapath 'dpid', or null.  Valid
 * until the next config_run(). */
const struct tasukirec_switch *config_find_switch(uint64_t dpid);

/* Returns true once the database was read and this tasukid is not standing
 * by. */
bool config_is_active(void);

/* Returns true if this tasukid is active and knows that no other one is.  It
 * cannot know that while the database is out of reach. */
bool config_has_lock(void);

/* Returns the OpenFlow generation_id of this tasukid's term as the active one:
 * greater than that of every one before it. */
uint64_t config_generation_id(void);

/* What has changed in the database since the applications were configured
 * last, for their 'check_rows' and 'configure' callbacks.
 *
 * A column that lists the rows of another table belongs to that one: a row
 * that is added to the list is a change of its own table alone. */

/* Returns true if what has changed is not known: everything counts as new. */
bool config_all_changed(void);

/* Returns true if 'table' has changed. */
bool config_has_changed(const struct ovsdb_idl_table_class *table);

/* Calls 'cb' for each row of 'table' that was added, changed or deleted,
 * perhaps more than once.  If config_all_changed(), calls it for every row. */
void config_for_each_change(const struct ovsdb_idl_table_class *table,
                            void (*cb)(const struct uuid *, void *aux),
                            void *aux);

/* Returns the row of 'table' with that uuid, or null. */
const struct ovsdb_idl_row *config_find_row(
    const struct ovsdb_idl_table_class *table, const struct uuid *);

/* Sets 'key' in column "status" of the row with the given uuid (that is,
 * &row->header_.uuid) to the formatted value; deletes it if 'format' is null.
 * The database follows soon.  Any row of any table with that column will do.
 *
 * Key "error" is the reason why a row is not used.  The core first deletes
 * that key from all rows but those of 'kept_errors' tables (app.h).  Then the
 * 'check_rows' callbacks set it for rows that make no sense.  A 'configure'
 * callback has to skip rows with an error, and may set the error of others
 * that it cannot use.  Afterward the core logs what has changed.  All other
 * keys stay until they are changed or the row is deleted. */
void config_set_status(const struct uuid *, const char *key,
                       const char *format, ...) OVS_PRINTF_FORMAT(3, 4);

/* Sets "error" of a row to 'error', and frees that; does nothing if it is
 * null. */
void config_refuse_row(const struct uuid *, char *error);

/* Returns the value of 'key' in the status of a row, or null. */
const char *config_get_status(const struct uuid *, const char *key);

/* Returns true once it is known what there is to do. */
bool config_is_settled(void);

void config_get_memory_usage(struct simap *);

#endif /* TASUKID_CONFIG_DB_H */
