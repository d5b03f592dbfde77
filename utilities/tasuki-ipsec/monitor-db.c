/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "monitor-db.h"

#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "util.h"
#include "utilities/tasukid/core/database-watch.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(monitor_db);

struct monitor_db {
    char *remote;
    struct ovsdb_idl *idl;
    struct ovsdb_idl_txn *txn;
    struct database_watch watch;
};

struct monitor_db *
monitor_db_open(const char *remote)
{
    struct monitor_db *db = xzalloc(sizeof *db);

    db->remote = xstrdup(remote);
    db->idl = ovsdb_idl_create(remote, &tasukirec_idl_class, false, true);
    ovsdb_idl_add_column(db->idl, &tasukirec_ipsec_group_col_name);
    ovsdb_idl_add_column(db->idl, &tasukirec_ipsec_group_col_load);
    ovsdb_idl_omit_alert(db->idl, &tasukirec_ipsec_group_col_load);
    return db;
}

void
monitor_db_close(struct monitor_db *db)
{
    if (db) {
        if (db->txn) {
            ovsdb_idl_txn_abort(db->txn);
            ovsdb_idl_txn_destroy(db->txn);
        }
        ovsdb_idl_destroy(db->idl);
        free(db->remote);
        free(db);
    }
}

static const struct tasukirec_ipsec_group *
find_row(const struct monitor_db *db, const char *name)
{
    const struct tasukirec_ipsec_group *row;

    TASUKIREC_IPSEC_GROUP_FOR_EACH (row, db->idl) {
        if (!strcmp(row->name, name)) {
            return row;
        }
    }
    return NULL;
}

static void
commit(struct monitor_db *db)
{
    if (db->txn && ovsdb_idl_txn_commit(db->txn) != TXN_INCOMPLETE) {
        /* If it failed, the next one will do. */
        ovsdb_idl_txn_destroy(db->txn);
        db->txn = NULL;
    }
}

void
monitor_db_put(struct monitor_db *db, const char *tunnel,
               const struct load *old, const struct load *new)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 2);
    int64_t tags[TUNNEL_MAX_TAGS], rates[TUNNEL_MAX_TAGS];
    const struct tasukirec_ipsec_group *row;
    size_t n;

    if (db->txn || !ovsdb_idl_has_ever_connected(db->idl)) {
        return;
    }
    row = find_row(db, tunnel);
    if (!row) {
        VLOG_WARN_RL(&rl, "%s: no such group in the database at %s",
                     tunnel, db->remote);
        return;
    }
    n = load_by_tag(old, new, tags, rates);
    db->txn = ovsdb_idl_txn_create(db->idl);
    tasukirec_ipsec_group_set_load(row, tags, rates, n);
    commit(db);
}

void
monitor_db_run(struct monitor_db *db)
{
    ovsdb_idl_run(db->idl);
    database_watch_run(&db->watch, db->idl, db->remote,
                       ovsdb_idl_has_ever_connected(db->idl));
    commit(db);
}

void
monitor_db_wait(struct monitor_db *db)
{
    ovsdb_idl_wait(db->idl);
    database_watch_wait(&db->watch);
    if (db->txn) {
        ovsdb_idl_txn_wait(db->txn);
    }
}
