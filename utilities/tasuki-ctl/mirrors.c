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
#include "utilities/tasukid/apps/mirror/row.h"
#include "utilities/tasukid/tasuki-idl.h"

/* The commands on mirrors: policies on what to copy. */

static const struct tasukirec_mirror_policy *
find_mirror(struct ctl_context *ctx, const char *name,
            const struct tasukirec_switch **swp)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *sw = cfg->switches[i];

        for (size_t j = 0; j < sw->n_mirrors; j++) {
            if (!strcmp(sw->mirrors[j]->name, name)) {
                *swp = sw;
                return sw->mirrors[j];
            }
        }
    }
    return NULL;
}

/* Returns the only switch that mirrors. */
static const struct tasukirec_switch *
default_switch(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);
    const struct tasukirec_switch *found = NULL;

    for (size_t i = 0; i < cfg->n_switches; i++) {
        if (mirror_runs_on(cfg->switches[i])) {
            if (found) {
                ctl_error(ctx, "switch: required, as application \"mirror\" "
                          "runs on several switches");
                return NULL;
            }
            found = cfg->switches[i];
        }
    }
    if (!found) {
        ctl_error(ctx, "switch: application \"mirror\" runs on none, see "
                  "add-switch");
    }
    return found;
}

struct add_args {
    struct tasukirec_mirror_policy *row;
    const struct tasukirec_switch *sw;
};

/* "else" is a word of the language that bindings to the database are in. */
static bool
set_else_or_switch(struct ctl_context *ctx, const struct ctl_arg *arg,
                   void *aux)
{
    struct add_args *args = aux;

    if (!strcmp(arg->key, "switch")) {
        args->sw = ctl_find_switch(ctx, arg->value);
        return true;
    } else if (!strcmp(arg->key, "else")) {
        ctl_check(ctx, ctl_set_scalar(
                      &args->row->header_,
                      &tasukirec_mirror_policy_col_uninspected, arg->value));
        return true;
    }
    return false;
}

/* Sets an error if the mirrors that 'sw' has leave no room for 'row'. */
static bool
check_row(struct ctl_context *ctx, const struct tasukirec_switch *sw,
          const struct tasukirec_mirror_policy *row)
{
    const struct tasukirec_mirror_policy **rows = mirrors_by_name(sw);
    struct shash accepted = SHASH_INITIALIZER(&accepted);
    bool ok;

    /* First the mirrors in use, as in tasukid. */
    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < sw->n_mirrors; i++) {
            if (!!smap_get(&rows[i]->status, "state") == in_use) {
                free(row_check_mirror(sw, &accepted, rows[i]));
            }
        }
    }
    free(rows);
    ok = ctl_check(ctx, row_check_mirror(sw, &accepted, row));
    shash_destroy(&accepted);
    return ok;
}

static void
cmd_add_mirror(struct ctl_context *ctx)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_mirror_policy_col_match,
        &tasukirec_mirror_policy_col_tenant,
        &tasukirec_mirror_policy_col_side,
        &tasukirec_mirror_policy_col_to,
        &tasukirec_mirror_policy_col_start,
        &tasukirec_mirror_policy_col_threshold,
        &tasukirec_mirror_policy_col_keep,
        &tasukirec_mirror_policy_col_keep_packets,
        &tasukirec_mirror_policy_col_chunked,
        &tasukirec_mirror_policy_col_events,
        &tasukirec_mirror_policy_col_file_size,
        &tasukirec_mirror_policy_col_file_time,
        &tasukirec_mirror_policy_col_file_count,
        &tasukirec_mirror_policy_col_file_compress,
    };
    const char *name = ctx->argv[1];
    const struct tasukirec_switch *other;
    struct add_args args = { .sw = NULL };

    if (find_mirror(ctx, name, &other)) {
        if (!ctl_has_option(ctx, "--may-exist")) {
            ctl_error(ctx, "name: there is a mirror \"%s\" already", name);
        }
        return;
    }

    args.row = tasukirec_mirror_policy_insert(ctx->txn);
    tasukirec_mirror_policy_set_name(args.row, name);
    if (!ctl_set_columns(ctx, 2, &args.row->header_, columns,
                         ARRAY_SIZE(columns), set_else_or_switch, &args)) {
        return;
    }
    if (!args.sw) {
        args.sw = default_switch(ctx);
    } else if (!mirror_runs_on(args.sw)) {
        ctl_error(ctx, "switch: application \"mirror\" does not run on %s",
                  args.sw->datapath_id);
    }
    if (!ctx->error && check_row(ctx, args.sw, args.row)) {
        ctl_change_refs(&args.sw->header_, &tasukirec_switch_col_mirrors,
                        &args.row->header_, true);
    }
}

static void
cmd_del_mirror(struct ctl_context *ctx)
{
    const struct tasukirec_switch *sw;
    const struct tasukirec_mirror_policy *row = find_mirror(ctx, ctx->argv[1],
                                                            &sw);

    if (row) {
        ctl_change_refs(&sw->header_, &tasukirec_switch_col_mirrors,
                        &row->header_, false);
    } else if (!ctl_has_option(ctx, "--if-exists")) {
        ctl_error(ctx, "there is no mirror \"%s\"", ctx->argv[1]);
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
show_mirror(const struct tasukirec_mirror_policy *row, struct ds *out)
{
    const char *error = smap_get(&row->status, "error");
    const char *state = smap_get(&row->status, "state");
    const char *reason = smap_get(&row->status, "reason");

    ds_put_format(out, "%s:", row->name);
    show_string("match", row->match, out);
    show_string("tenant", row->tenant, out);
    show_string("side", row->side, out);
    show_string("to", row->to, out);
    show_string("start", row->start, out);
    show_integer("threshold", row->threshold, row->n_threshold, out);
    show_integer("keep", row->keep, row->n_keep, out);
    show_integer("keep-packets", row->keep_packets, row->n_keep_packets, out);
    show_string("chunked", row->chunked, out);
    show_string("else", row->uninspected, out);
    show_string("events", row->events, out);
    show_integer("file-size", row->file_size, row->n_file_size, out);
    show_integer("file-time", row->file_time, row->n_file_time, out);
    show_integer("file-count", row->file_count, row->n_file_count, out);
    show_string("file-compress", row->file_compress, out);
    ds_put_format(out, ": %s", error ? "refused" : state ? state : "unknown");
    if (error || reason) {
        ds_put_format(out, ", %s", error ? error : reason);
    }
    ds_put_char(out, '\n');
}

void
tasuki_ctl_show_mirrors(const struct tasukirec_switch *sw, int indent,
                        struct ds *out)
{
    const struct tasukirec_mirror_policy **rows = mirrors_by_name(sw);

    for (size_t i = 0; i < sw->n_mirrors; i++) {
        ds_put_format(out, "%*s", indent, "");
        show_mirror(rows[i], out);
    }
    free(rows);
}

static void
cmd_show_mirrors(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

    if (ctx->argc > 1) {
        const struct tasukirec_switch *sw;
        const struct tasukirec_mirror_policy *row
            = find_mirror(ctx, ctx->argv[1], &sw);

        if (row) {
            show_mirror(row, &ctx->output);
        } else {
            ctl_error(ctx, "there is no mirror \"%s\"", ctx->argv[1]);
        }
        return;
    }
    for (size_t i = 0; i < cfg->n_switches; i++) {
        tasuki_ctl_show_mirrors(cfg->switches[i], 0, &ctx->output);
    }
}

const struct ctl_command_syntax tasuki_ctl_mirror_commands[] = {
    {"add-mirror", 1, INT_MAX, "NAME [KEY=VALUE]...", tasuki_ctl_pre_all,
     cmd_add_mirror, NULL, "--may-exist", RW},
    {"del-mirror", 1, 1, "NAME", tasuki_ctl_pre_all, cmd_del_mirror, NULL,
     "--if-exists", RW},
    {"show-mirrors", 0, 1, "[NAME]", tasuki_ctl_pre_all, cmd_show_mirrors,
     NULL, "", RO},

    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
