/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "reconcile.h"

#include "app-call.h"
#include "config-db.h"
#include "connections.h"
#include "events.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "ovs-ports.h"
#include "pipeline.h"
#include "row-check.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"

static uint64_t connections_seen;       /* Published connections_seqno(). */

/* Loads the applications of 'row' that are missing, and publishes which of
 * them were refused. */
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

static void
publish_row(const struct uuid *uuid, void *table_)
{
    const struct ovsdb_idl_table_class *table = table_;
    bool exists = config_find_row(table, uuid) != NULL;
    const struct event_row event = {
        .what = exists ? EVENT_ROW_CHANGED : EVENT_ROW_GONE,
        .uuid = *uuid,
        .table = table->name,
        .exists = exists,
    };

    event_publish(NULL, &event_row, &event);
}

static void
publish_rows(void)
{
    for (size_t i = 0; i < tasukirec_idl_class.n_tables; i++) {
        const struct ovsdb_idl_table_class *table
            = &tasukirec_idl_class.tables[i];

        config_for_each_change(table, publish_row, CONST_CAST(void *, table));
    }
}

/* Makes the rest of the process do what 'cfg' says, or nothing if it is null.
 * In that case the connections go first, so that the flows stay in the
 * switches although their services are gone from here. */
static void
apply(const struct tasukirec_tasuki *cfg, bool only_kept)
{
    if (cfg) {
        check_rows(cfg);
        connections_set_rows();
    } else {
        connections_configure(NULL);
    }
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->configure) {
            APP_CALL(app_classes[i], configure, cfg);
        }
    }
    if (cfg) {
        publish_rows();
    } else {
        ovs_ports_forget();
    }
    if (cfg && !only_kept) {
        connections_configure(cfg);
        connections_set_status(cfg);
        publish_applications(cfg);
    }
}

void
reconcile_init(const char *remote)
{
    config_init(remote, apply);
}

void
reconcile_run(void)
{
    if (config_get() && connections_seqno() != connections_seen) {
        connections_seen = connections_seqno();
        connections_set_status(config_get());
    }
    config_run();
}

void
reconcile_wait(void)
{
    config_wait();
    if (config_has_lock() && config_get()
        && connections_seqno() != connections_seen) {
        poll_immediate_wake();
    }
}
