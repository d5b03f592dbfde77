/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "config-db.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "app-call.h"
#include "database-watch.h"
#include "openvswitch/dynamic-string.h"
#include "hmapx.h"
#include "openvswitch/hmap.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "ovsdb-idl.h"
#include "ovsdb-idl-provider.h"
#include "packets.h"
#include "simap.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(config);

static struct ovsdb_idl *idl;
static config_apply_func *apply_cb;
static char *idl_remote;
static struct database_watch database_watch;
static unsigned int idl_seqno;

/* The active tasukid stays active while the database is out of reach, until
 * another one is known to hold the lock. */
static bool had_lock;               /* At the last config_run(). */
static bool active;
static uint64_t generation_id;
static struct ovsdb_idl_txn *term_txn;  /* Publishes 'generation_id'. */

/* What column "status" of the rows should say. */
struct row_status {
    struct hmap_node node;
    struct uuid uuid;
    struct smap status;
    char *old_error;            /* Logged last, or null. */
};
static struct hmap row_statuses = HMAP_INITIALIZER(&row_statuses);

/* Those "struct row_status"es that have an error. */
static struct hmapx with_error = HMAPX_INITIALIZER(&with_error);
static struct hmapx to_log = HMAPX_INITIALIZER(&to_log);
static struct hmapx to_write = HMAPX_INITIALIZER(&to_write);
static bool write_all;              /* Write all, whether or not changed. */
static struct ovsdb_idl_txn *status_txn;

/* Rows that have a status: those of every table with such a column. */

/* Returns the column of 'table' with that name, or null. */
static const struct ovsdb_idl_column *
find_column(const struct ovsdb_idl_table_class *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!strcmp(table->columns[i].name, name)) {
            return &table->columns[i];
        }
    }
    return NULL;
}

/* One row of any of them. */
struct status_row {
    const struct ovsdb_idl_row *row;
    const struct ovsdb_idl_table_class *table;
    const struct ovsdb_idl_column *column;      /* "status". */
};

static void
for_each_status_row(void (*cb)(const struct status_row *))
{
    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        struct status_row sr = {
            .table = &tasukirec_idl_class.tables[i],
            .column = find_column(&tasukirec_idl_class.tables[i], "status"),
        };

        for (sr.row = sr.column ? ovsdb_idl_first_row(idl, sr.table) : NULL;
             sr.row; sr.row = ovsdb_idl_next_row(sr.row)) {
            cb(&sr);
        }
    }
}

/* Returns what users call the row, which the caller must free. */
static char *
row_label(const struct status_row *sr)
{
    static const char *const columns[] = { "name", "datapath_id" };

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        const struct ovsdb_idl_column *column = find_column(sr->table,
                                                            columns[i]);

        if (column) {
            const struct ovsdb_datum *datum = ovsdb_idl_read(sr->row, column);

            return xstrdup(json_string(datum->keys[0].s));
        }
    }
    return xasprintf(UUID_FMT, UUID_ARGS(&sr->row->uuid));
}

static struct row_status *
find_row_status(const struct uuid *uuid)
{
    struct row_status *rs;

    HMAP_FOR_EACH_WITH_HASH (rs, node, uuid_hash(uuid), &row_statuses) {
        if (uuid_equals(&rs->uuid, uuid)) {
            return rs;
        }
    }
    return NULL;
}

static void
row_status_destroy(struct row_status *rs)
{
    hmap_remove(&row_statuses, &rs->node);
    hmapx_find_and_delete(&with_error, rs);
    hmapx_find_and_delete(&to_log, rs);
    hmapx_find_and_delete(&to_write, rs);
    smap_destroy(&rs->status);
    free(rs->old_error);
    free(rs);
}

static struct row_status *
get_row_status(const struct uuid *uuid)
{
    struct row_status *rs = find_row_status(uuid);

    if (!rs) {
        rs = xzalloc(sizeof *rs);
        rs->uuid = *uuid;
        smap_init(&rs->status);
        hmap_insert(&row_statuses, &rs->node, uuid_hash(uuid));
    }
    return rs;
}

/* Sets 'key' to 'value', or deletes it if that is null. */
static void
set_status(struct row_status *rs, const char *key, const char *value)
{
    if (value) {
        smap_replace(&rs->status, key, value);
    } else {
        smap_remove(&rs->status, key);
    }
    hmapx_add(&to_write, rs);
    if (!strcmp(key, "error")) {
        hmapx_add(&to_log, rs);
        if (value) {
            hmapx_add(&with_error, rs);
        } else {
            hmapx_find_and_delete(&with_error, rs);
        }
    }
}

void
config_set_status(const struct uuid *uuid, const char *key,
                  const char *format, ...)
{
    struct row_status *rs = (format ? get_row_status(uuid)
                             : find_row_status(uuid));

    if (!rs) {
        return;
    }

    const char *old = smap_get(&rs->status, key);
    char *new = NULL;

    if (format) {
        va_list args;

        va_start(args, format);
        new = xvasprintf(format, args);
        va_end(args);
    }
    if (!nullable_string_is_equal(old, new)) {
        set_status(rs, key, new);
    }
    free(new);
}

const char *
config_get_status(const struct uuid *uuid, const char *key)
{
    const struct row_status *rs = find_row_status(uuid);

    return rs ? smap_get(&rs->status, key) : NULL;
}

/* Finds the row with 'uuid' in any table. */
static bool
find_status_row(const struct uuid *uuid, struct status_row *sr)
{
    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        sr->table = &tasukirec_idl_class.tables[i];
        sr->row = ovsdb_idl_get_row_for_uuid(idl, sr->table, uuid);
        if (sr->row) {
            sr->column = find_column(sr->table, "status");
            return sr->column != NULL;
        }
    }
    return false;
}

/* Logs what is newly wrong or no longer wrong with a row. */
static void
log_error_change(struct row_status *rs)
{
    const char *error = smap_get(&rs->status, "error");
    struct status_row sr;

    if (!nullable_string_is_equal(error, rs->old_error)
        && find_status_row(&rs->uuid, &sr)) {
        char *table = xstrdup(sr.table->name);
        char *label = row_label(&sr);

        table[0] = tolower((unsigned char) table[0]);
        if (error) {
            VLOG_WARN("%s %s: %s", table, label, error);
        } else {
            VLOG_INFO("%s %s: no longer refused", table, label);
        }
        free(label);
        free(table);
    }
    free(rs->old_error);
    rs->old_error = nullable_xstrdup(error);
}

static void
log_error_changes(void)
{
    struct hmapx_node *node;

    HMAPX_FOR_EACH (node, &to_log) {
        log_error_change(node->data);
    }
    hmapx_clear(&to_log);
}

static bool
keeps_error(const struct row_status *rs)
{
    for (size_t i = 0; i < app_count(); i++) {
        const struct ovsdb_idl_table_class *kept = app_classes[i]->kept_errors;

        if (kept && ovsdb_idl_get_row_for_uuid(idl, kept, &rs->uuid)) {
            return true;
        }
    }
    return false;
}

static void
forget_errors(void)
{
    struct hmapx_node *node;

    HMAPX_FOR_EACH_SAFE (node, &with_error) {
        struct row_status *rs = node->data;

        if (!keeps_error(rs)) {
            set_status(rs, "error", NULL);
        }
    }
}

static void
write_row_status(const struct status_row *sr)
{
    static const struct smap no_status = SMAP_INITIALIZER(&no_status);
    const struct row_status *rs = find_row_status(&sr->row->uuid);
    struct ovsdb_datum want;

    ovsdb_datum_from_smap(&want, rs ? &rs->status : &no_status);
    if (ovsdb_datum_equals(&want, ovsdb_idl_read(sr->row, sr->column),
                           &sr->column->type)) {
        ovsdb_datum_destroy(&want, &sr->column->type);
    } else {
        ovsdb_idl_txn_write(sr->row, sr->column, &want);
    }
}

static bool
status_is_old(void)
{
    return write_all || !hmapx_is_empty(&to_write);
}

static void
write_statuses(void)
{
    struct hmapx_node *node;

    if (write_all) {
        for_each_status_row(write_row_status);
    } else {
        HMAPX_FOR_EACH (node, &to_write) {
            struct row_status *rs = node->data;
            struct status_row sr;

            if (find_status_row(&rs->uuid, &sr)) {
                write_row_status(&sr);
            }
        }
    }
    hmapx_clear(&to_write);
    write_all = false;
}

static void
run_status(void)
{
    if (!status_txn && status_is_old() && ovsdb_idl_has_lock(idl)) {
        status_txn = ovsdb_idl_txn_create(idl);
        write_statuses();
    }
    if (status_txn) {
        enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(status_txn);

        if (status != TXN_INCOMPLETE) {
            ovsdb_idl_txn_destroy(status_txn);
            status_txn = NULL;
            if (status != TXN_SUCCESS && status != TXN_UNCHANGED) {
                write_all = true;
            }
        }
    }
}

/* Changes. */

static bool all_changed;
static bool *tables_changed;        /* By index in tasukirec_idl_class. */

static size_t
table_index(const struct ovsdb_idl_table_class *table)
{
    return table - tasukirec_idl_class.tables;
}

bool
config_all_changed(void)
{
    return all_changed;
}

bool
config_has_changed(const struct ovsdb_idl_table_class *table)
{
    return all_changed || tables_changed[table_index(table)];
}

const struct ovsdb_idl_row *
config_find_row(const struct ovsdb_idl_table_class *table,
                const struct uuid *uuid)
{
    return ovsdb_idl_get_row_for_uuid(idl, table, uuid);
}

void
config_for_each_change(const struct ovsdb_idl_table_class *table,
                       void (*cb)(const struct uuid *, void *aux), void *aux)
{
    const struct ovsdb_idl_row *row;

    if (all_changed) {
        for (row = ovsdb_idl_first_row(idl, table); row;
             row = ovsdb_idl_next_row(row)) {
            cb(&row->uuid, aux);
        }
    } else {
        for (row = ovsdb_idl_track_get_first(idl, table); row;
             row = ovsdb_idl_track_get_next(row)) {
            cb(&row->uuid, aux);
        }
    }
}

/* Returns the table of which 'column' lists rows, or null. */
static const struct ovsdb_idl_table_class *
listed_table(const struct ovsdb_idl_column *column)
{
    const struct ovsdb_base_type *key = &column->type.key;

    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        if (key->type == OVSDB_TYPE_UUID && key->uuid.refTableName
            && key->uuid.refType == OVSDB_REF_STRONG
            && !strcmp(key->uuid.refTableName,
                       tasukirec_idl_class.tables[i].name)) {
            return &tasukirec_idl_class.tables[i];
        }
    }
    return NULL;
}

static void
note_change(const struct ovsdb_idl_table_class *table,
            const struct ovsdb_idl_row *row)
{
    if (ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_INSERT)
        || ovsdb_idl_row_get_seqno(row, OVSDB_IDL_CHANGE_DELETE)) {
        tables_changed[table_index(table)] = true;
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct ovsdb_idl_column *column = &table->columns[i];

        if (ovsdb_idl_track_is_updated(row, column)) {
            const struct ovsdb_idl_table_class *listed = listed_table(column);

            tables_changed[table_index(listed ? listed : table)] = true;
        }
    }
}

/* Finds out what has changed, and forgets rows that are gone. */
static void
note_changes(void)
{
    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        tables_changed[i] = false;
    }
    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        const struct ovsdb_idl_table_class *table
            = &tasukirec_idl_class.tables[i];
        const struct ovsdb_idl_row *row;

        for (row = ovsdb_idl_track_get_first(idl, table); row;
             row = ovsdb_idl_track_get_next(row)) {
            struct row_status *rs = get_row_status(&row->uuid);
            struct status_row sr;

            note_change(table, row);
            if (find_status_row(&row->uuid, &sr)) {
                hmapx_add(&to_write, rs);
            } else {
                row_status_destroy(rs);
            }
        }
    }
    if (all_changed) {
        struct row_status *rs;
        struct status_row sr;

        HMAP_FOR_EACH_SAFE (rs, node, &row_statuses) {
            if (!find_status_row(&rs->uuid, &sr)) {
                row_status_destroy(rs);
            }
        }
    }
}

/* Returns true if only tables that applications check themselves have
 * changed. */
static bool
only_kept_changed(void)
{
    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        const struct ovsdb_idl_table_class *table
            = &tasukirec_idl_class.tables[i];
        bool kept = false;

        for (size_t j = 0; j < app_count(); j++) {
            kept |= app_classes[j]->kept_errors == table;
        }
        if (config_has_changed(table) && !kept) {
            return false;
        }
    }
    return true;
}

/* Rows. */

void
config_refuse_row(const struct uuid *uuid, char *error)
{
    if (error) {
        config_set_status(uuid, "error", "%s", error);
        free(error);
    }
}

const struct tasukirec_switch *
config_find_switch(uint64_t dpid)
{
    const struct tasukirec_tasuki *cfg = config_get();

    for (size_t i = 0; cfg && i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        uint64_t row_dpid;

        if (dpid_from_string(row->datapath_id, &row_dpid)
            && row_dpid == dpid
            && !config_get_status(&row->header_.uuid, "error")) {
            return row;
        }
    }
    return NULL;
}

const struct tasukirec_tasuki *
config_get(void)
{
    return active ? tasukirec_tasuki_first(idl) : NULL;
}

bool
config_has_lock(void)
{
    return active && ovsdb_idl_has_lock(idl);
}

bool
config_is_active(void)
{
    return active;
}

uint64_t
config_generation_id(void)
{
    return generation_id;
}

/* Has the rest of the process do what 'cfg' says, or nothing if it is null. */
static void
apply(const struct tasukirec_tasuki *cfg, bool all)
{
    all_changed = all || !cfg;
    note_changes();
    forget_errors();
    apply_cb(cfg, cfg && only_kept_changed());
    log_error_changes();
    write_all |= all_changed;
}

/* Who is active. */

static void
drop_txn(struct ovsdb_idl_txn **txn)
{
    if (*txn) {
        ovsdb_idl_txn_destroy(*txn);
        *txn = NULL;
    }
}

static void
stand_by(void)
{
    VLOG_INFO_ONCE("another tasukid controls the switches of this database, "
                   "standing by (pid %ld)", (long int) getpid());
    drop_txn(&term_txn);
    drop_txn(&status_txn);
    if (active) {
        VLOG_WARN("another tasukid has taken over this database, standing by");
        active = false;
        apply(NULL, true);
    }
}

/* Begins a term as the active tasukid, by publishing a generation_id above all
 * earlier ones.  The wall clock keeps it rising even if the database was made
 * anew and the switches remember a number from the old one. */
static void
run_election(const struct tasukirec_tasuki *cfg)
{
    enum ovsdb_idl_txn_status status;

    if (!term_txn) {
        generation_id = MAX(cfg->generation_id + 1, time_wall_msec());
        term_txn = ovsdb_idl_txn_create(idl);
        tasukirec_tasuki_verify_generation_id(cfg);
        tasukirec_tasuki_set_generation_id(cfg, generation_id);
    }
    status = ovsdb_idl_txn_commit(term_txn);
    if (status == TXN_INCOMPLETE) {
        return;
    }
    ovsdb_idl_txn_destroy(term_txn);
    term_txn = NULL;
    if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
        VLOG_INFO("controlling the switches of this database, "
                  "generation %"PRIu64, generation_id);
        active = true;
        idl_seqno = 0;
    } else {
        poll_immediate_wake();
    }
}

void
config_init(const char *remote, config_apply_func *apply_)
{
    apply_cb = apply_;
    idl = ovsdb_idl_create(remote, &tasukirec_idl_class, true, true);
    ovsdb_idl_set_lock(idl, "tasukid");
    idl_remote = xstrdup(remote);

    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        const struct ovsdb_idl_table_class *table
            = &tasukirec_idl_class.tables[i];

        for (size_t j = 0; j < table->n_columns; j++) {
            const struct ovsdb_idl_column *column = &table->columns[j];

            /* A column that we write ourselves, or that is no
             * configuration. */
            if (!strcmp(column->name, "status")
                || !strcmp(column->name, "load")
                || column == &tasukirec_tasuki_col_generation_id) {
                ovsdb_idl_omit_alert(idl, column);
            } else {
                ovsdb_idl_track_add_column(idl, column);
            }
        }
    }
    tables_changed = xcalloc(tasukirec_idl_class.n_tables,
                             sizeof *tables_changed);
}

void
config_destroy(void)
{
    struct row_status *rs;

    active = false;
    HMAP_FOR_EACH_SAFE (rs, node, &row_statuses) {
        row_status_destroy(rs);
    }
    hmap_destroy(&row_statuses);
    hmapx_destroy(&with_error);
    hmapx_destroy(&to_log);
    hmapx_destroy(&to_write);
    free(tables_changed);
    drop_txn(&term_txn);
    drop_txn(&status_txn);
    ovsdb_idl_destroy(idl);
    free(idl_remote);
}

static void
run(void)
{
    const struct tasukirec_tasuki *cfg;
    bool has_lock;

    ovsdb_idl_run(idl);
    has_lock = ovsdb_idl_has_lock(idl);
    database_watch_run(&database_watch, idl, idl_remote,
                       has_lock || ovsdb_idl_is_lock_contended(idl));
    if (has_lock != had_lock) {
        /* The server does not write the status columns to disk, so a restart
         * may have lost them. */
        had_lock = has_lock;
        write_all = true;
    }

    if (ovsdb_idl_is_lock_contended(idl)) {
        stand_by();
        return;
    } else if (!ovsdb_idl_has_ever_connected(idl)) {
        return;
    }

    cfg = tasukirec_tasuki_first(idl);
    if (!active) {
        if (!has_lock || !cfg) {
            return;
        }
        run_election(cfg);
        if (!active) {
            return;
        }
    }

    if (ovsdb_idl_get_seqno(idl) != idl_seqno) {
        bool all = !idl_seqno;

        idl_seqno = ovsdb_idl_get_seqno(idl);
        apply(cfg, all);
    }
    run_status();
}

void
config_run(void)
{
    run();
    ovsdb_idl_track_clear(idl);
}

void
config_wait(void)
{
    ovsdb_idl_wait(idl);
    database_watch_wait(&database_watch);
    if (term_txn) {
        ovsdb_idl_txn_wait(term_txn);
    }
    if (status_txn) {
        ovsdb_idl_txn_wait(status_txn);
    } else if (active && ovsdb_idl_has_lock(idl)
               && status_is_old()
               && tasukirec_tasuki_first(idl)) {
        poll_immediate_wake();
    }
}

/* Returns true once it is known what there is to do: configured, standing by,
 * or an empty database. */
bool
config_is_settled(void)
{
    return (active || ovsdb_idl_is_lock_contended(idl)
            || (ovsdb_idl_has_ever_connected(idl) && ovsdb_idl_has_lock(idl)
                && !tasukirec_tasuki_first(idl)));
}

void
config_get_memory_usage(struct simap *usage)
{
    ovsdb_idl_get_memory_usage(idl, usage);
}
