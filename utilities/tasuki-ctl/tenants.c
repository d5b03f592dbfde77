/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-ctl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "util.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "utilities/tasukid/apps/tenant/row.h"

/* The commands on tenants. */

static const struct tasukirec_tenant *
find_tenant(struct ctl_context *ctx, const char *name,
            const struct tasukirec_switch **swp)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *sw = cfg->switches[i];

        for (size_t j = 0; j < sw->n_tenants; j++) {
            if (!strcmp(sw->tenants[j]->name, name)) {
                *swp = sw;
                return sw->tenants[j];
            }
        }
    }
    return NULL;
}

static bool
runs_tenants(const struct tasukirec_switch *sw)
{
    for (size_t i = 0; i < sw->n_applications; i++) {
        if (!strcmp(sw->applications[i], "tenant")) {
            return true;
        }
    }
    return false;
}

/* Returns the only switch that has tenants. */
static const struct tasukirec_switch *
default_switch(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);
    const struct tasukirec_switch *found = NULL;

    for (size_t i = 0; i < cfg->n_switches; i++) {
        if (runs_tenants(cfg->switches[i])) {
            if (found) {
                ctl_error(ctx, "switch: required, as application \"tenant\" "
                          "runs on several switches");
                return NULL;
            }
            found = cfg->switches[i];
        }
    }
    if (!found) {
        ctl_error(ctx, "switch: application \"tenant\" runs on none, see "
                  "add-switch");
    }
    return found;
}

/* Splits TYPE:REMOTE:KEY.  REMOTE may be an IPv6 address, with or without
 * brackets. */
static bool
set_tunnel(struct ctl_context *ctx, const char *value,
           struct tasukirec_tenant *row)
{
    const char *remote = strchr(value, ':') + 1;
    const char *colon = strrchr(remote, ':');
    char *type = xmemdup0(value, remote - 1 - value);
    bool ok = false;

    if (!colon || !colon[1]) {
        ctl_error(ctx, "lan: \"%s\" is not of the form %s:REMOTE:%s", value,
                  type, !strcmp(type, "vxlan") ? "VNI" : "KEY");
    } else if (ctl_check(ctx, ctl_set_scalar(&row->header_,
                                       &tasukirec_tenant_col_tunnel_type, type))
               && ctl_check(ctx, ctl_set_scalar(&row->header_,
                                       &tasukirec_tenant_col_tunnel_key,
                                       colon + 1))) {
        size_t len = colon - remote;
        bool brackets = len > 1 && remote[0] == '[' && colon[-1] == ']';
        char *address = xmemdup0(remote + brackets, len - 2 * brackets);

        tasukirec_tenant_set_tunnel_remote(row, address);
        free(address);
        ok = true;
    }
    free(type);
    return ok;
}

struct add_args {
    struct tasukirec_tenant *row;
    const struct tasukirec_switch *sw;
};

static bool
set_lan_or_switch(struct ctl_context *ctx, const struct ctl_arg *arg,
                  void *aux)
{
    struct add_args *args = aux;

    if (!strcmp(arg->key, "switch")) {
        args->sw = ctl_find_switch(ctx, arg->value);
        return true;
    } else if (strcmp(arg->key, "lan")) {
        return false;
    }

    if (strchr(arg->value, ':')) {
        set_tunnel(ctx, arg->value, args->row);
    } else {
        tasukirec_tenant_set_lan(args->row, arg->value);
    }
    return true;
}

/* Sets an error if a tenant that 'sw' has leaves no room for 'row'. */
static bool
check_conflicts(struct ctl_context *ctx, const struct tasukirec_switch *sw,
                const struct tasukirec_tenant *row)
{
    struct shash claims = SHASH_INITIALIZER(&claims);
    bool ok;

    /* First the tenants in use, as in tasukid. */
    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < sw->n_tenants; i++) {
            const struct tasukirec_tenant *tenant = sw->tenants[i];

            if (!!smap_get(&tenant->status, "state") == in_use) {
                free(row_check_tenant(&claims, tenant));
            }
        }
    }
    ok = ctl_check(ctx, row_check_tenant(&claims, row));
    shash_destroy(&claims);
    return ok;
}

static void
cmd_add_tenant(struct ctl_context *ctx)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_tenant_col_service,
        &tasukirec_tenant_col_native6,
        &tasukirec_tenant_col_prefix,
        &tasukirec_tenant_col_mtu,
    };
    const char *name = ctx->argv[1];
    const struct tasukirec_switch *other;
    struct add_args args = { .sw = NULL };

    if (find_tenant(ctx, name, &other)) {
        if (!ctl_has_option(ctx, "--may-exist")) {
            ctl_error(ctx, "name: there is a tenant \"%s\" already", name);
        }
        return;
    }

    args.row = tasukirec_tenant_insert(ctx->txn);
    tasukirec_tenant_set_name(args.row, name);
    if (!ctl_set_columns(ctx, 2, &args.row->header_, columns,
                         ARRAY_SIZE(columns), set_lan_or_switch, &args)) {
        return;
    }
    if (!args.row->service[0]) {
        ctl_error(ctx, "service: required");
        return;
    }
    if (!args.sw) {
        args.sw = default_switch(ctx);
    } else if (!runs_tenants(args.sw)) {
        ctl_error(ctx, "switch: application \"tenant\" does not run on %s",
                  args.sw->datapath_id);
    }
    if (!ctx->error && check_conflicts(ctx, args.sw, args.row)) {
        ctl_change_refs(&args.sw->header_, &tasukirec_switch_col_tenants,
                        &args.row->header_, true);
    }
}

static void
cmd_del_tenant(struct ctl_context *ctx)
{
    const struct tasukirec_switch *sw;
    const struct tasukirec_tenant *row = find_tenant(ctx, ctx->argv[1], &sw);

    if (row) {
        ctl_change_refs(&sw->header_, &tasukirec_switch_col_tenants,
                        &row->header_, false);
    } else if (!ctl_has_option(ctx, "--if-exists")) {
        ctl_error(ctx, "there is no tenant \"%s\"", ctx->argv[1]);
    }
}

/* Showing. */

static void
show_tenant(const struct tasukirec_tenant *row, struct ds *out)
{
    const char *error = smap_get(&row->status, "error");
    const char *state = smap_get(&row->status, "state");
    const char *reason = smap_get(&row->status, "reason");
    const char *lan_port = smap_get(&row->status, "lan_port");

    ds_put_format(out, "%s: lan=", row->name);
    tenant_format_lan(row, out);
    if (lan_port && !row->lan) {
        ds_put_format(out, " (%s)", lan_port);
    }
    ds_put_format(out, " service=%s", row->service);
    if (row->native6) {
        ds_put_format(out, " native6=%s", row->native6);
    }
    if (row->prefix) {
        ds_put_format(out, " prefix=%s", row->prefix);
    }
    if (row->n_mtu) {
        ds_put_format(out, " mtu=%"PRId64, row->mtu[0]);
    }
    ds_put_format(out, ": %s", error ? "refused" : state ? state : "unknown");
    if (error || reason) {
        ds_put_format(out, ", %s", error ? error : reason);
    }
    ds_put_char(out, '\n');
}

void
tasuki_ctl_show_tenants(const struct tasukirec_switch *sw, int indent,
                        struct ds *out)
{
    const struct tasukirec_tenant **tenants = tenants_by_name(sw);

    for (size_t i = 0; i < sw->n_tenants; i++) {
        ds_put_format(out, "%*s", indent, "");
        show_tenant(tenants[i], out);
    }
    free(tenants);
}

static void
cmd_show_tenants(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    if (ctx->argc > 1) {
        const struct tasukirec_switch *sw;
        const struct tasukirec_tenant *row = find_tenant(ctx, ctx->argv[1],
                                                         &sw);

        if (row) {
            show_tenant(row, &ctx->output);
        } else {
            ctl_error(ctx, "there is no tenant \"%s\"", ctx->argv[1]);
        }
        return;
    }
    for (size_t i = 0; i < cfg->n_switches; i++) {
        tasuki_ctl_show_tenants(cfg->switches[i], 0, &ctx->output);
    }
}

const struct ctl_command_syntax tasuki_ctl_tenant_commands[] = {
    {"add-tenant", 1, INT_MAX, "NAME [KEY=VALUE]...", tasuki_ctl_pre_all,
     cmd_add_tenant, NULL, "--may-exist", RW},
    {"del-tenant", 1, 1, "NAME", tasuki_ctl_pre_all, cmd_del_tenant, NULL,
     "--if-exists", RW},
    {"show-tenants", 0, 1, "[NAME]", tasuki_ctl_pre_all, cmd_show_tenants,
     NULL, "", RO},

    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
