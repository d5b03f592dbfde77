/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "config-db.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "app-call.h"
#include "connections.h"
#include "database-watch.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "ovsdb-idl.h"
#include "ovsdb-idl-provider.h"
#include "packets.h"
#include "row-check.h"
#include "simap.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(config);

static struct ovsdb_idl *idl;
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
    char *old_error;            /* Value of "error" before 'configure'. */
};
static struct hmap row_statuses = HMAP_INITIALIZER(&row_statuses);
static bool status_changed;
static struct ovsdb_idl_txn *status_txn;
static uint64_t connections_seen;

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
    smap_destroy(&rs->status);
    free(rs->old_error);
    free(rs);
}

void
config_set_status(const struct uuid *uuid, const char *key,
                  const char *format, ...)
{
    struct row_status *rs = find_row_status(uuid);

    if (!rs) {
        if (!format) {
            return;
        }
        rs = xzalloc(sizeof *rs);
        rs->uuid = *uuid;
        smap_init(&rs->status);
        hmap_insert(&row_statuses, &rs->node, uuid_hash(uuid));
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
        status_changed = true;
        if (new) {
            smap_replace(&rs->status, key, new);
        } else {
            smap_remove(&rs->status, key);
        }
    }
    free(new);
}

const char *
config_get_status(const struct uuid *uuid, const char *key)
{
    const struct row_status *rs = find_row_status(uuid);

    return rs ? smap_get(&rs->status, key) : NULL;
}

/* Logs what is newly wrong or no longer wrong with a row. */
static void
log_error_change(const struct status_row *sr)
{
    struct row_status *rs = find_row_status(&sr->row->uuid);
    const char *error = rs ? smap_get(&rs->status, "error") : NULL;
    const char *old_error = rs ? rs->old_error : NULL;

    if (!nullable_string_is_equal(error, old_error)) {
        char *table = xstrdup(sr->table->name);
        char *label = row_label(sr);

        table[0] = tolower((unsigned char) table[0]);
        if (error) {
            VLOG_WARN("%s %s: %s", table, label, error);
        } else {
            VLOG_INFO("%s %s: no longer refused", table, label);
        }
        free(label);
        free(table);
    }
}

static void
forget_errors(void)
{
    struct row_status *rs;

    HMAP_FOR_EACH (rs, node, &row_statuses) {
        const char *error = smap_get(&rs->status, "error");

        free(rs->old_error);
        rs->old_error = nullable_xstrdup(error);
        if (error) {
            smap_remove(&rs->status, "error");
            status_changed = true;
        }
    }
}

static bool
row_exists(const struct uuid *uuid)
{
    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        if (ovsdb_idl_get_row_for_uuid(idl, &tasukirec_idl_class.tables[i],
                                       uuid)) {
            return true;
        }
    }
    return false;
}

static void
forget_deleted_rows(void)
{
    struct row_status *rs;

    HMAP_FOR_EACH_SAFE (rs, node, &row_statuses) {
        if (!row_exists(&rs->uuid)) {
            row_status_destroy(rs);
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

static void
run_status(const struct tasukirec_tasuki *cfg)
{
    uint64_t seqno = connections_seqno();

    if (cfg && seqno != connections_seen) {
        connections_seen = seqno;
        connections_set_status(cfg);
    }

    if (!status_txn && status_changed && ovsdb_idl_has_lock(idl)) {
        status_changed = false;
        status_txn = ovsdb_idl_txn_create(idl);
        for_each_status_row(write_row_status);
    }
    if (status_txn) {
        enum ovsdb_idl_txn_status status = ovsdb_idl_txn_commit(status_txn);

        if (status != TXN_INCOMPLETE) {
            ovsdb_idl_txn_destroy(status_txn);
            status_txn = NULL;
            if (status != TXN_SUCCESS && status != TXN_UNCHANGED) {
                status_changed = true;
            }
        }
    }
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

/* Sees to it that the applications of 'row' are there, and says which are
 * not. */
static void
check_applications(const struct tasukirec_switch *row)
{
    struct ds refused = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < row->n_applications; i++) {
        const char *name = row->applications[i];
        const char *error = (app_index_from_name(name) < 0
                             ? app_load(name) : NULL);

        if (error) {
            ds_put_format(&refused, "%s%s: %s", refused.length ? "; " : "",
                          name, error);
        }
    }
    config_set_status(&row->header_.uuid, "refused_applications",
                      refused.length ? "%s" : NULL, ds_cstr(&refused));
    ds_destroy(&refused);
}

static void
check_rows(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        config_refuse_row(&cfg->switches[i]->header_.uuid,
                          row_check_switch(cfg, cfg->switches[i]));
        check_applications(cfg->switches[i]);
    }
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->check_rows) {
            APP_CALL(app_classes[i], check_rows, cfg);
        }
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

static void
publish_applications(const struct tasukirec_tasuki *cfg)
{
    struct ds names = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->id != PIPE_APP_CORE) {
            ds_put_format(&names, "%s%s", names.length ? "," : "",
                          app_classes[i]->name);
        }
    }
    config_set_status(&cfg->header_.uuid, "applications", "%s",
                      ds_cstr(&names));
    ds_destroy(&names);
}

/* Makes the rest of the process do what 'cfg' says, or nothing if it is null:
 * then the connections go first, as the flows are to stay in the switches when
 * the services that they are for are gone from here. */
static void
apply(const struct tasukirec_tasuki *cfg)
{
    if (!cfg) {
        connections_configure(NULL);
    }
    forget_deleted_rows();
    forget_errors();
    if (cfg) {
        check_rows(cfg);
    }
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->configure) {
            APP_CALL(app_classes[i], configure, cfg);
        }
    }
    if (cfg) {
        connections_configure(cfg);
        for_each_status_row(log_error_change);
        connections_set_status(cfg);
        publish_applications(cfg);
    }
    status_changed = true;
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
        apply(NULL);
    }
}

/* Begins a term as the active tasukid, by publishing a generation_id above
 * all earlier ones.  The wall clock keeps it rising when the database was made
 * anew and the switches remember the number from the old one. */
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
config_init(const char *remote)
{
    idl = ovsdb_idl_create(remote, &tasukirec_idl_class, true, true);
    ovsdb_idl_set_lock(idl, "tasukid");
    idl_remote = xstrdup(remote);

    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        const struct ovsdb_idl_column *status
            = find_column(&tasukirec_idl_class.tables[i], "status");

        if (status) {
            ovsdb_idl_omit_alert(idl, status);
        }
    }
    ovsdb_idl_omit_alert(idl, &tasukirec_tasuki_col_generation_id);
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
    drop_txn(&term_txn);
    drop_txn(&status_txn);
    ovsdb_idl_destroy(idl);
    free(idl_remote);
}

void
config_run(void)
{
    const struct tasukirec_tasuki *cfg;
    bool has_lock;

    ovsdb_idl_run(idl);
    has_lock = ovsdb_idl_has_lock(idl);
    database_watch_run(&database_watch, idl, idl_remote,
                       has_lock || ovsdb_idl_is_lock_contended(idl));
    if (has_lock != had_lock) {
        /* The server may have been restarted, and have forgotten the status
         * columns, which it does not write to disk. */
        had_lock = has_lock;
        status_changed = true;
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
        idl_seqno = ovsdb_idl_get_seqno(idl);
        apply(cfg);
    }
    run_status(cfg);
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
               && (status_changed || connections_seqno() != connections_seen)
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
