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
#include "utilities/tasukid/apps/ipsec/row.h"
#include "utilities/tasukid/tasuki-idl.h"

/* The commands on groups of IPsec SAs. */

static const struct tasukirec_ipsec_group *
find_group(struct ctl_context *ctx, const char *name,
           const struct tasukirec_switch **swp)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *sw = cfg->switches[i];

        for (size_t j = 0; j < sw->n_ipsec_groups; j++) {
            if (!strcmp(sw->ipsec_groups[j]->name, name)) {
                *swp = sw;
                return sw->ipsec_groups[j];
            }
        }
    }
    return NULL;
}

/* Returns the only switch that tags. */
static const struct tasukirec_switch *
default_switch(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);
    const struct tasukirec_switch *found = NULL;

    for (size_t i = 0; i < cfg->n_switches; i++) {
        if (ipsec_runs_on(cfg->switches[i])) {
            if (found) {
                ctl_error(ctx, "switch: required, as application \"ipsec\" "
                          "runs on several switches");
                return NULL;
            }
            found = cfg->switches[i];
        }
    }
    if (!found) {
        ctl_error(ctx, "switch: application \"ipsec\" runs on none, see "
                  "add-switch");
    }
    return found;
}

static bool
set_switch(struct ctl_context *ctx, const struct ctl_arg *arg, void *swp_)
{
    const struct tasukirec_switch **swp = swp_;

    if (!strcmp(arg->key, "switch")) {
        *swp = ctl_find_switch(ctx, arg->value);
        return true;
    }
    return false;
}

/* Sets an error if the groups that 'sw' has leave no room for 'row'. */
static bool
check_row(struct ctl_context *ctx, const struct tasukirec_switch *sw,
          const struct tasukirec_ipsec_group *row)
{
    const struct tasukirec_ipsec_group **rows = ipsec_groups_by_name(sw);
    struct shash accepted = SHASH_INITIALIZER(&accepted);
    bool ok;

    /* First the groups in use, as in tasukid. */
    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < sw->n_ipsec_groups; i++) {
            if (!!smap_get(&rows[i]->status, "state") == in_use) {
                free(row_check_ipsec_group(sw, &accepted, rows[i]));
            }
        }
    }
    free(rows);
    ok = ctl_check(ctx, row_check_ipsec_group(sw, &accepted, row));
    shash_destroy(&accepted);
    return ok;
}

static void
cmd_add_ipsec_group(struct ctl_context *ctx)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_ipsec_group_col_match,
        &tasukirec_ipsec_group_col_priority,
        &tasukirec_ipsec_group_col_n,
        &tasukirec_ipsec_group_col_to,
        &tasukirec_ipsec_group_col_base,
        &tasukirec_ipsec_group_col_port,
        &tasukirec_ipsec_group_col_hash,
        &tasukirec_ipsec_group_col_basis,
        &tasukirec_ipsec_group_col_map,
        &tasukirec_ipsec_group_col_buckets,
        &tasukirec_ipsec_group_col_rebalance,
        &tasukirec_ipsec_group_col_rebalance_interval,
        &tasukirec_ipsec_group_col_rebalance_moves,
        &tasukirec_ipsec_group_col_rebalance_skew,
        &tasukirec_ipsec_group_col_rebalance_idle,
    };
    const char *name = ctx->argv[1];
    const struct tasukirec_switch *other, *sw = NULL;
    struct tasukirec_ipsec_group *row;

    if (find_group(ctx, name, &other)) {
        if (!ctl_has_option(ctx, "--may-exist")) {
            ctl_error(ctx, "name: there is an IPsec group \"%s\" already",
                      name);
        }
        return;
    }

    row = tasukirec_ipsec_group_insert(ctx->txn);
    tasukirec_ipsec_group_set_name(row, name);
    if (!ctl_set_columns(ctx, 2, &row->header_, columns, ARRAY_SIZE(columns),
                         set_switch, &sw)) {
        return;
    }
    if (!sw) {
        sw = default_switch(ctx);
    } else if (!ipsec_runs_on(sw)) {
        ctl_error(ctx, "switch: application \"ipsec\" does not run on %s",
                  sw->datapath_id);
    }
    if (!ctx->error && check_row(ctx, sw, row)) {
        ctl_change_refs(&sw->header_, &tasukirec_switch_col_ipsec_groups,
                        &row->header_, true);
    }
}

static void
cmd_del_ipsec_group(struct ctl_context *ctx)
{
    const struct tasukirec_switch *sw;
    const struct tasukirec_ipsec_group *row = find_group(ctx, ctx->argv[1],
                                                         &sw);

    if (row) {
        ctl_change_refs(&sw->header_, &tasukirec_switch_col_ipsec_groups,
                        &row->header_, false);
    } else if (!ctl_has_option(ctx, "--if-exists")) {
        ctl_error(ctx, "there is no IPsec group \"%s\"", ctx->argv[1]);
    }
}

/* Showing. */

static void
show_string(const char *key, const char *value, struct ds *out)
{
    if (value) {
        ds_put_format(out, " %s=%s", key, value);
    }
}

static void
show_integer(const char *key, const int64_t *value, size_t n, struct ds *out)
{
    if (n) {
        ds_put_format(out, " %s=%"PRId64, key, *value);
    }
}

static void
show_status(const struct smap *status, struct ds *out)
{
    const char *error = smap_get(status, "error");
    const char *state = smap_get(status, "state");
    const char *reason = smap_get(status, "reason");
    const char *skew = smap_get(status, "skew");

    ds_put_format(out, ": %s", error ? "refused" : state ? state : "unknown");
    if (error || reason) {
        ds_put_format(out, ", %s", error ? error : reason);
    }
    if (!error && skew) {
        ds_put_format(out, ", skew %s, %s moves", skew,
                      smap_get_def(status, "moves", "0"));
    }
    ds_put_char(out, '\n');
}

static void
show_group(const struct tasukirec_ipsec_group *row, struct ds *out)
{
    ds_put_format(out, "%s:", row->name);
    show_string("match", row->match, out);
    show_integer("priority", row->priority, row->n_priority, out);
    show_integer("n", &row->n, 1, out);
    show_string("to", row->to, out);
    show_string("base", row->base, out);
    show_string("port", row->port, out);
    show_string("hash", row->hash, out);
    show_integer("basis", row->basis, row->n_basis, out);
    show_string("map", row->map, out);
    show_string("rebalance", row->rebalance, out);
    show_integer("buckets", row->buckets, row->n_buckets, out);
    show_integer("rebalance-interval", row->rebalance_interval,
                 row->n_rebalance_interval, out);
    show_integer("rebalance-moves", row->rebalance_moves,
                 row->n_rebalance_moves, out);
    show_integer("rebalance-skew", row->rebalance_skew,
                 row->n_rebalance_skew, out);
    show_integer("rebalance-idle", row->rebalance_idle,
                 row->n_rebalance_idle, out);
    show_status(&row->status, out);
}

void
tasuki_ctl_show_ipsec_groups(const struct tasukirec_switch *sw, int indent,
                             struct ds *out)
{
    const struct tasukirec_ipsec_group **rows = ipsec_groups_by_name(sw);

    for (size_t i = 0; i < sw->n_ipsec_groups; i++) {
        ds_put_format(out, "%*s", indent, "");
        show_group(rows[i], out);
    }
    free(rows);
}

static void
cmd_show_ipsec_groups(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    if (ctx->argc > 1) {
        const struct tasukirec_switch *sw;
        const struct tasukirec_ipsec_group *row
            = find_group(ctx, ctx->argv[1], &sw);

        if (row) {
            show_group(row, &ctx->output);
        } else {
            ctl_error(ctx, "there is no IPsec group \"%s\"", ctx->argv[1]);
        }
        return;
    }
    for (size_t i = 0; i < cfg->n_switches; i++) {
        tasuki_ctl_show_ipsec_groups(cfg->switches[i], 0, &ctx->output);
    }
}

const struct ctl_command_syntax tasuki_ctl_ipsec_commands[] = {
    {"add-ipsec-group", 1, INT_MAX, "NAME [KEY=VALUE]...", tasuki_ctl_pre_all,
     cmd_add_ipsec_group, NULL, "--may-exist", RW},
    {"del-ipsec-group", 1, 1, "NAME", tasuki_ctl_pre_all, cmd_del_ipsec_group,
     NULL, "--if-exists", RW},
    {"show-ipsec-groups", 0, 1, "[NAME]", tasuki_ctl_pre_all,
     cmd_show_ipsec_groups, NULL, "", RO},

    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
