/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-ctl.h"

#include <inttypes.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "ovsdb-data.h"
#include "ovsdb-idl.h"
#include "sset.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"

void
tasuki_ctl_pre_all(struct ctl_context *ctx)
{
    for (size_t i = 0; i < TASUKIREC_N_TABLES; i++) {
        const struct ovsdb_idl_table_class *table
            = &tasukirec_table_classes[i];

        for (size_t j = 0; j < table->n_columns; j++) {
            ovsdb_idl_add_column(ctx->idl, &table->columns[j]);
        }
    }
}

const struct tasukirec_tasuki *
ctl_root(const struct ctl_context *ctx)
{
    return tasukirec_tasuki_first(ctx->idl);
}

/* Returns true if 'error' is null.  Otherwise makes it the command's error. */
bool
ctl_check(struct ctl_context *ctx, char *error)
{
    if (error) {
        ctl_error(ctx, "%s", error);
        free(error);
        return false;
    }
    return true;
}

bool
ctl_has_option(const struct ctl_context *ctx, const char *option)
{
    return shash_find(&ctx->options, option) != NULL;
}

/* Adds 'member' to, or removes it from, the references in 'column' of 'row'.
 * (The generated functions that do so hide the change from the commands that
 * follow in the same transaction.) */
void
ctl_change_refs(const struct ovsdb_idl_row *row,
                const struct ovsdb_idl_column *column,
                const struct ovsdb_idl_row *member, bool add)
{
    union ovsdb_atom atom = { .uuid = member->uuid };
    struct ovsdb_datum datum, one;

    ovsdb_datum_clone(&datum, ovsdb_idl_read(row, column));
    ovsdb_datum_init_empty(&one);
    ovsdb_datum_add_unsafe(&one, &atom, NULL, &column->type, NULL);
    if (add) {
        ovsdb_datum_union(&datum, &one, &column->type);
    } else {
        ovsdb_datum_subtract(&datum, &column->type, &one, &column->type);
    }
    ovsdb_datum_destroy(&one, &column->type);
    ovsdb_idl_txn_verify(row, column);
    ovsdb_idl_txn_write(row, column, &datum);
}

/* Arguments of the form KEY=VALUE. */

static bool
parse_arg(struct ctl_context *ctx, const char *s, struct ctl_arg *arg)
{
    const char *equals = strchr(s, '=');

    if (!equals || equals == s) {
        ctl_error(ctx, "\"%s\" is not of the form KEY=VALUE", s);
        return false;
    }
    arg->key = xmemdup0(s, equals - s);
    arg->value = equals + 1;
    for (char *p = arg->key; *p && *p != ':'; p++) {
        if (*p == '-') {
            *p = '_';
        }
    }
    return true;
}

/* Returns the column that 'key' names out of the 'n' in 'columns', or null. */
static const struct ovsdb_idl_column *
find_column(const char *key, const struct ovsdb_idl_column *const columns[],
            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(columns[i]->name, key)) {
            return columns[i];
        }
    }
    return NULL;
}

char *
ctl_check_enum(const struct ovsdb_idl_column *column, const char *value)
{
    const struct ovsdb_datum *enum_ = column->type.key.enum_;
    struct ds allowed = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < enum_->n; i++) {
        const char *s = json_string(enum_->keys[i].s);

        if (!strcmp(s, value)) {
            ds_destroy(&allowed);
            return NULL;
        }
        ds_put_format(&allowed, "%s%s", i ? ", " : "", s);
    }

    char *error = xasprintf("%s: \"%s\" is not one of: %s", column->name,
                            value, ds_cstr(&allowed));
    ds_destroy(&allowed);
    return error;
}

/* Writes 'value' to 'column', which holds at most one string or integer. */
char *
ctl_set_scalar(const struct ovsdb_idl_row *row,
               const struct ovsdb_idl_column *column, const char *value)
{
    const struct ovsdb_base_type *type = &column->type.key;
    union ovsdb_atom atom;
    struct ovsdb_datum datum;

    if (type->type == OVSDB_TYPE_INTEGER) {
        int64_t min = MAX(type->integer.min, 0);
        int64_t max = MIN(type->integer.max, UINT32_MAX);
        long long int x;

        if (!str_to_llong(value, 10, &x) || x < min || x > max) {
            return xasprintf("%s: \"%s\" is not %"PRId64" to %"PRId64,
                             column->name, value, min, max);
        }
        atom.integer = x;
    } else {
        if (type->enum_) {
            char *error = ctl_check_enum(column, value);

            if (error) {
                return error;
            }
        }
        atom.s = ovsdb_atom_string_create(value);
    }

    ovsdb_datum_init_empty(&datum);
    ovsdb_datum_add_unsafe(&datum, &atom, NULL, &column->type, NULL);
    ovsdb_atom_destroy(&atom, type->type);
    ovsdb_idl_txn_write(row, column, &datum);
    return NULL;
}

bool
ctl_set_columns(struct ctl_context *ctx, int first,
                const struct ovsdb_idl_row *row,
                const struct ovsdb_idl_column *const columns[], size_t n,
                bool (*other)(struct ctl_context *, const struct ctl_arg *,
                          void *aux), void *aux)
{
    struct sset seen = SSET_INITIALIZER(&seen);

    for (int i = first; i < ctx->argc && !ctx->error; i++) {
        const struct ovsdb_idl_column *column;
        struct ctl_arg arg;

        if (!parse_arg(ctx, ctx->argv[i], &arg)) {
            break;
        }
        column = find_column(arg.key, columns, n);
        if (!sset_add(&seen, arg.key)) {
            ctl_error(ctx, "%s: given twice", arg.key);
        } else if (column) {
            ctl_check(ctx, ctl_set_scalar(row, column, arg.value));
        } else if ((!other || !other(ctx, &arg, aux)) && !ctx->error) {
            ctl_error(ctx, "%s: unknown key, see --help", arg.key);
        }
        free(arg.key);
    }
    sset_destroy(&seen);
    return !ctx->error;
}

bool
ctl_parse_bool(struct ctl_context *ctx, const struct ctl_arg *arg, bool *value)
{
    if (!strcmp(arg->value, "yes") || !strcmp(arg->value, "true")) {
        *value = true;
    } else if (!strcmp(arg->value, "no") || !strcmp(arg->value, "false")) {
        *value = false;
    } else {
        ctl_error(ctx, "%s: \"%s\" is not yes or no", arg->key, arg->value);
        return false;
    }
    return true;
}
