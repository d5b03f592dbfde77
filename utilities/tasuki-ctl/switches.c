/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-ctl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "smap.h"
#include "sset.h"
#include "util.h"
#include "utilities/tasukid/apps/apps.h"
#include "utilities/tasukid/apps/tenant/row.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"

/* The commands on connections and switches. */

/* Connections. */

static void
cmd_set_connection(struct ctl_context *ctx)
{
    struct sset targets = SSET_INITIALIZER(&targets);

    for (int i = 1; i < ctx->argc && !ctx->error; i++) {
        if (ctl_check(ctx, row_check_connection(ctx->argv[i]))
            && !sset_add(&targets, ctx->argv[i])) {
            ctl_error(ctx, "connections: \"%s\" given twice", ctx->argv[i]);
        }
    }
    if (!ctx->error) {
        tasukirec_tasuki_set_connections(ctl_root(ctx),
                                         (const char **) &ctx->argv[1],
                                         ctx->argc - 1);
    }
    sset_destroy(&targets);
}

static void
cmd_get_connection(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    for (size_t i = 0; i < cfg->n_connections; i++) {
        ds_put_format(&ctx->output, "%s\n", cfg->connections[i]);
    }
}

static void
cmd_del_connection(struct ctl_context *ctx)
{
    tasukirec_tasuki_set_connections(ctl_root(ctx), NULL, 0);
}

static void
cmd_set_ssl(struct ctl_context *ctx)
{
    static const char *const names[] = {
        "private_key", "certificate", "ca_cert"
    };

    for (int i = 1; i < ctx->argc; i++) {
        if (ctx->argv[i][0] != '/') {
            ctl_error(ctx, "%s: \"%s\" is not an absolute file name",
                      names[i - 1], ctx->argv[i]);
            return;
        }
    }
    tasukirec_tasuki_set_private_key(ctl_root(ctx), ctx->argv[1]);
    tasukirec_tasuki_set_certificate(ctl_root(ctx), ctx->argv[2]);
    tasukirec_tasuki_set_ca_cert(ctl_root(ctx), ctx->argv[3]);
}

static void
cmd_get_ssl(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    if (cfg->private_key[0] || cfg->certificate[0] || cfg->ca_cert[0]) {
        ds_put_format(&ctx->output, "Private key: %s\n", cfg->private_key);
        ds_put_format(&ctx->output, "Certificate: %s\n", cfg->certificate);
        ds_put_format(&ctx->output, "CA Certificate: %s\n", cfg->ca_cert);
    }
}

static void
cmd_del_ssl(struct ctl_context *ctx)
{
    tasukirec_tasuki_set_private_key(ctl_root(ctx), "");
    tasukirec_tasuki_set_certificate(ctl_root(ctx), "");
    tasukirec_tasuki_set_ca_cert(ctl_root(ctx), "");
}

/* Switches. */

/* Makes 'bridge' keep its datapath id when ports come and go and when it
 * starts anew.  By default the id is made from the address of one of its
 * ports. */
static void
keep_datapath_id(struct ovsdb_idl *idl, const struct ovsrec_bridge *bridge)
{
    struct ovsdb_idl_txn *txn;

    if (smap_get(&bridge->other_config, "datapath-id") || ctl_is_dry_run()) {
        return;
    }
    txn = ovsdb_idl_txn_create(idl);
    ovsdb_idl_txn_add_comment(txn, "tasuki-ctl add-switch");
    ovsrec_bridge_update_other_config_setkey(bridge, "datapath-id",
                                             bridge->datapath_id);
    /* If the commit fails, somebody has just changed the bridge. */
    ovsdb_idl_txn_commit_block(txn);
    ovsdb_idl_txn_destroy(txn);
}

/* Asks database Open_vSwitch, on the same server, for the datapath id of
 * bridge 'name'.  With 'keep', the bridge is made to keep it.  Returns an
 * error, or null and the id in '*dpid'. */
static char *
bridge_datapath_id(const char *name, bool keep, uint64_t *dpid)
{
    const struct ovsrec_bridge *bridge;
    struct ovsdb_idl *idl;
    char *error = NULL;
    unsigned int seqno;

    idl = ovsdb_idl_create(tasuki_ctl_db, &ovsrec_idl_class, false, false);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_datapath_id);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_other_config);
    seqno = ovsdb_idl_get_seqno(idl);
    for (;;) {
        ovsdb_idl_run(idl);
        if (!ovsdb_idl_is_alive(idl)) {
            error = xasprintf("\"%s\" is not a datapath id, 16 hexadecimal "
                              "digits, and %s does not know bridges, as it "
                              "does not serve database Open_vSwitch",
                              name, tasuki_ctl_db);
            goto out;
        } else if (ovsdb_idl_get_seqno(idl) != seqno) {
            break;
        }
        ovsdb_idl_wait(idl);
        poll_block();
    }

    OVSREC_BRIDGE_FOR_EACH (bridge, idl) {
        if (!strcmp(bridge->name, name)) {
            if (!bridge->datapath_id
                || !dpid_from_string(bridge->datapath_id, dpid)) {
                error = xasprintf("bridge \"%s\" has no datapath id yet (is "
                                  "ovs-vswitchd running?)", name);
            } else if (keep) {
                keep_datapath_id(idl, bridge);
            }
            goto out;
        }
    }
    error = xasprintf("\"%s\" is neither a datapath id, 16 hexadecimal "
                      "digits, nor a bridge", name);
out:
    ovsdb_idl_destroy(idl);
    return error;
}

static bool
parse_datapath(struct ctl_context *ctx, const char *s, bool keep,
               uint64_t *dpid)
{
    return (dpid_from_string(s, dpid)
            || ctl_check(ctx, bridge_datapath_id(s, keep, dpid)));
}

static const struct tasukirec_switch *
find_switch(const struct ctl_context *ctx, uint64_t dpid)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    for (size_t i = 0; i < cfg->n_switches; i++) {
        uint64_t other;

        if (dpid_from_string(cfg->switches[i]->datapath_id, &other)
            && other == dpid) {
            return cfg->switches[i];
        }
    }
    return NULL;
}

/* Adds the names of applications to 'apps': those that are part of Tasuki, and
 * others that tasukid reports. */
static void
get_applications(const struct ctl_context *ctx, struct sset *apps)
{
    sset_from_delimited_string(apps, smap_get_def(&ctl_root(ctx)->status,
                                                  "applications", ""), ",");
#define TASUKID_APP(NAME) sset_add(apps, #NAME);
    TASUKID_APPS
#undef TASUKID_APP
}

static void
cmd_list_applications(struct ctl_context *ctx)
{
    struct sset apps = SSET_INITIALIZER(&apps);
    const char **names;

    get_applications(ctx, &apps);
    names = sset_sort(&apps);
    for (size_t i = 0; i < sset_count(&apps); i++) {
        ds_put_format(&ctx->output, "%s\n", names[i]);
    }
    free(names);
    sset_destroy(&apps);
}

static char *
check_application(const struct ctl_context *ctx, const char *name)
{
    struct sset apps = SSET_INITIALIZER(&apps);
    char *error = NULL;

    get_applications(ctx, &apps);
    if (!sset_contains(&apps, name)) {
        char *known = sset_join(&apps, ", ", "");

        error = xasprintf("applications: \"%s\" is not one of: %s",
                          name, known);
        free(known);
    }
    sset_destroy(&apps);
    return error;
}

static bool
set_applications(struct ctl_context *ctx, const struct ctl_arg *arg, void *row)
{
    struct sset apps = SSET_INITIALIZER(&apps);
    const char *app;

    if (strcmp(arg->key, "apps")) {
        return false;
    }
    sset_from_delimited_string(&apps, arg->value, ",");
    SSET_FOR_EACH (app, &apps) {
        if (!ctl_check(ctx, check_application(ctx, app))) {
            break;
        }
    }
    if (!ctx->error) {
        const char **array = sset_array(&apps);

        tasukirec_switch_set_applications(row, array, sset_count(&apps));
        free(array);
    }
    sset_destroy(&apps);
    return true;
}

static void
cmd_add_switch(struct ctl_context *ctx)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_switch_col_forward_mode,
        &tasukirec_switch_col_ovsdb,
    };
    static const char *default_apps[] = { "forward", "handover" };
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);
    struct tasukirec_switch *row;
    char dpid_s[17];
    uint64_t dpid;

    if (!parse_datapath(ctx, ctx->argv[1], true, &dpid)) {
        return;
    }
    snprintf(dpid_s, sizeof dpid_s, "%016"PRIx64, dpid);
    if (find_switch(ctx, dpid)) {
        if (!ctl_has_option(ctx, "--may-exist")) {
            ctl_error(ctx, "datapath_id: there is a switch %s already",
                      dpid_s);
        }
        return;
    }

    row = tasukirec_switch_insert(ctx->txn);
    tasukirec_switch_set_datapath_id(row, dpid_s);
    tasukirec_switch_set_applications(row, default_apps,
                                      ARRAY_SIZE(default_apps));
    if (ctl_set_columns(ctx, 2, &row->header_, columns, ARRAY_SIZE(columns),
                        set_applications, row)
        && ctl_check(ctx, row_check_switch(cfg, row))
        && ctl_check(ctx, row_check_tenant_switch(row))) {
        ctl_change_refs(&cfg->header_, &tasukirec_tasuki_col_switches,
                        &row->header_, true);
    }
}

const struct tasukirec_switch *
ctl_find_switch(struct ctl_context *ctx, const char *s)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);
    const struct tasukirec_switch *row = NULL;
    uint64_t dpid;

    /* tasukid still knows a deleted bridge by name. */
    for (size_t i = 0; i < cfg->n_switches && !row; i++) {
        const char *name = smap_get(&cfg->switches[i]->status, "name");

        if (name && !strcmp(name, s)) {
            row = cfg->switches[i];
        }
    }
    if (!row && parse_datapath(ctx, s, false, &dpid)) {
        row = find_switch(ctx, dpid);
    }
    if (!row && !ctx->error) {
        ctl_error(ctx, "there is no switch \"%s\"", s);
    }
    return row;
}

static void
cmd_del_switch(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);
    const struct tasukirec_switch *row = ctl_find_switch(ctx, ctx->argv[1]);

    if (row) {
        ctl_change_refs(&cfg->header_, &tasukirec_tasuki_col_switches,
                        &row->header_, false);
    } else if (ctl_has_option(ctx, "--if-exists")) {
        free(ctx->error);
        ctx->error = NULL;
    }
}

const struct ctl_command_syntax tasuki_ctl_switch_commands[] = {
    {"set-connection", 1, INT_MAX, "TARGET...", tasuki_ctl_pre_all,
     cmd_set_connection, NULL, "", RW},
    {"get-connection", 0, 0, "", tasuki_ctl_pre_all, cmd_get_connection, NULL,
     "", RO},
    {"del-connection", 0, 0, "", tasuki_ctl_pre_all, cmd_del_connection, NULL,
     "", RW},
    {"set-ssl", 3, 3, "PRIVATE-KEY CERTIFICATE CA-CERT", tasuki_ctl_pre_all,
     cmd_set_ssl, NULL, "", RW},
    {"get-ssl", 0, 0, "", tasuki_ctl_pre_all, cmd_get_ssl, NULL, "", RO},
    {"del-ssl", 0, 0, "", tasuki_ctl_pre_all, cmd_del_ssl, NULL, "", RW},

    {"add-switch", 1, INT_MAX, "DPID|BRIDGE [KEY=VALUE]...",
     tasuki_ctl_pre_all, cmd_add_switch, NULL, "--may-exist", RW},
    {"del-switch", 1, 1, "DPID|BRIDGE", tasuki_ctl_pre_all, cmd_del_switch,
     NULL, "--if-exists", RW},
    {"list-applications", 0, 0, "", tasuki_ctl_pre_all, cmd_list_applications,
     NULL, "", RO},

    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
