/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-ctl.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#include "lib/vswitch-idl.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "ovsdb-data.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "row-check.h"
#include "smap.h"
#include "sset.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "uuid.h"

const char tasuki_ctl_verbs_usage[] = "\n\
Overview:\n\
  init                        create the database's root row, if it is not there\n\
  show                        print services and switches with their status\n\
\n\
Connection commands:\n\
  set-connection TARGET...    connect to, or listen on, TARGETs only\n\
  get-connection              print the targets\n\
  del-connection              delete all targets\n\
  set-ssl KEY CERT CA-CERT    use these files for ssl: and pssl: targets\n\
  get-ssl                     print them\n\
  del-ssl                     delete them\n\
\n\
Switch commands:\n\
  add-switch DPID|BRIDGE [apps=APP[,APP]...] [forward-mode=learning|normal]\n\
                              run applications on a switch\n\
  del-switch DPID|BRIDGE      leave a switch alone\n\
\n\
Service commands:\n\
  add-service NAME ADDRESS:PORT [KEY=VALUE]...\n\
                              add a service; keys: mac, protocol, inspection,\n\
                              mode, max-connections, inspect-bytes,\n\
                              inspect-timeout, connect-timeout, idle-timeout\n\
  del-service NAME            delete a service, its servers and rules\n\
  add-server SERVICE NAME [address=IP] [port=PORT] [mac=MAC] [ofport=PORT]\n\
             [weight=N] [default=yes|no]\n\
                              add a server; the first one is the default\n\
  set-default-server SERVICE NAME\n\
                              make another server the default\n\
  del-server SERVICE NAME     delete a server\n\
  add-rule SERVICE server=NAME[,NAME]... [priority=N] [host=PATTERN]\n\
           [path=PATTERN] [method=PATTERN] [header:NAME=PATTERN]...\n\
                              send matching requests to these servers and\n\
                              print the rule's UUID\n\
  del-rule SERVICE UUID       delete a rule; a unique prefix of UUID will do\n\
";

/* Common to all commands. */

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

static const struct tasukirec_tasuki *
root(const struct ctl_context *ctx)
{
    return tasukirec_tasuki_first(ctx->idl);
}

/* Makes 'error', if there is one, that of the command, and returns true if
 * there is none. */
static bool
check(struct ctl_context *ctx, char *error)
{
    if (error) {
        ctl_error(ctx, "%s", error);
        free(error);
        return false;
    }
    return true;
}

static bool
has_option(const struct ctl_context *ctx, const char *option)
{
    return shash_find(&ctx->options, option) != NULL;
}

/* Adds 'member' to, or removes it from, the references in 'column' of 'row'.
 * (The generated functions that do so hide the change from the commands that
 * follow in the same transaction.) */
static void
change_refs(const struct ovsdb_idl_row *row,
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

struct arg {
    char *key;                  /* With '_' for '-'. */
    const char *value;
};

static bool
parse_arg(struct ctl_context *ctx, const char *s, struct arg *arg)
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

static char *
check_enum(const struct ovsdb_idl_column *column, const char *value)
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
static char *
set_scalar(const struct ovsdb_idl_row *row,
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
            char *error = check_enum(column, value);

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

/* Sets columns of 'row' from the arguments from 'first' on, each of which must
 * name one of the 'n' in 'columns', unless 'other' takes it. */
static bool
set_columns(struct ctl_context *ctx, int first,
            const struct ovsdb_idl_row *row,
            const struct ovsdb_idl_column *const columns[], size_t n,
            bool (*other)(struct ctl_context *, const struct arg *,
                          void *aux), void *aux)
{
    struct sset seen = SSET_INITIALIZER(&seen);

    for (int i = first; i < ctx->argc && !ctx->error; i++) {
        const struct ovsdb_idl_column *column;
        struct arg arg;

        if (!parse_arg(ctx, ctx->argv[i], &arg)) {
            break;
        }
        column = find_column(arg.key, columns, n);
        if (!sset_add(&seen, arg.key)) {
            ctl_error(ctx, "%s: given twice", arg.key);
        } else if (column) {
            check(ctx, set_scalar(row, column, arg.value));
        } else if ((!other || !other(ctx, &arg, aux)) && !ctx->error) {
            ctl_error(ctx, "%s: unknown key, see --help", arg.key);
        }
        free(arg.key);
    }
    sset_destroy(&seen);
    return !ctx->error;
}

static bool
parse_bool(struct ctl_context *ctx, const struct arg *arg, bool *value)
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

/* Connections. */

static void
cmd_set_connection(struct ctl_context *ctx)
{
    struct sset targets = SSET_INITIALIZER(&targets);

    for (int i = 1; i < ctx->argc && !ctx->error; i++) {
        if (check(ctx, row_check_connection(ctx->argv[i]))
            && !sset_add(&targets, ctx->argv[i])) {
            ctl_error(ctx, "connections: \"%s\" given twice", ctx->argv[i]);
        }
    }
    if (!ctx->error) {
        tasukirec_tasuki_set_connections(root(ctx),
                                         (const char **) &ctx->argv[1],
                                         ctx->argc - 1);
    }
    sset_destroy(&targets);
}

static void
cmd_get_connection(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = root(ctx);

    for (size_t i = 0; i < cfg->n_connections; i++) {
        ds_put_format(&ctx->output, "%s\n", cfg->connections[i]);
    }
}

static void
cmd_del_connection(struct ctl_context *ctx)
{
    tasukirec_tasuki_set_connections(root(ctx), NULL, 0);
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
    tasukirec_tasuki_set_private_key(root(ctx), ctx->argv[1]);
    tasukirec_tasuki_set_certificate(root(ctx), ctx->argv[2]);
    tasukirec_tasuki_set_ca_cert(root(ctx), ctx->argv[3]);
}

static void
cmd_get_ssl(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = root(ctx);

    if (cfg->private_key[0] || cfg->certificate[0] || cfg->ca_cert[0]) {
        ds_put_format(&ctx->output, "Private key: %s\n", cfg->private_key);
        ds_put_format(&ctx->output, "Certificate: %s\n", cfg->certificate);
        ds_put_format(&ctx->output, "CA Certificate: %s\n", cfg->ca_cert);
    }
}

static void
cmd_del_ssl(struct ctl_context *ctx)
{
    tasukirec_tasuki_set_private_key(root(ctx), "");
    tasukirec_tasuki_set_certificate(root(ctx), "");
    tasukirec_tasuki_set_ca_cert(root(ctx), "");
}

/* Switches. */

/* Asks database Open_vSwitch, on the same server, for the datapath id of
 * bridge 'name'.  Returns an error, or null and the id in '*dpid'. */
static char *
bridge_datapath_id(const char *name, uint64_t *dpid)
{
    const struct ovsrec_bridge *bridge;
    struct ovsdb_idl *idl;
    char *error = NULL;
    unsigned int seqno;

    idl = ovsdb_idl_create(tasuki_ctl_db, &ovsrec_idl_class, false, false);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_name);
    ovsdb_idl_add_column(idl, &ovsrec_bridge_col_datapath_id);
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
parse_datapath(struct ctl_context *ctx, const char *s, uint64_t *dpid)
{
    return (dpid_from_string(s, dpid)
            || check(ctx, bridge_datapath_id(s, dpid)));
}

static const struct tasukirec_switch *
find_switch(const struct ctl_context *ctx, uint64_t dpid)
{
    const struct tasukirec_tasuki *cfg = root(ctx);

    for (size_t i = 0; i < cfg->n_switches; i++) {
        uint64_t other;

        if (dpid_from_string(cfg->switches[i]->datapath_id, &other)
            && other == dpid) {
            return cfg->switches[i];
        }
    }
    return NULL;
}

static bool
set_applications(struct ctl_context *ctx, const struct arg *arg, void *row)
{
    struct sset apps = SSET_INITIALIZER(&apps);
    const char *app;

    if (strcmp(arg->key, "apps")) {
        return false;
    }
    sset_from_delimited_string(&apps, arg->value, ",");
    SSET_FOR_EACH (app, &apps) {
        if (!check(ctx, check_enum(&tasukirec_switch_col_applications,
                                   app))) {
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
    };
    static const char *default_apps[] = { "forward", "handover" };
    const struct tasukirec_tasuki *cfg = root(ctx);
    struct tasukirec_switch *row;
    char dpid_s[17];
    uint64_t dpid;

    if (!parse_datapath(ctx, ctx->argv[1], &dpid)) {
        return;
    }
    snprintf(dpid_s, sizeof dpid_s, "%016"PRIx64, dpid);
    if (find_switch(ctx, dpid)) {
        if (!has_option(ctx, "--may-exist")) {
            ctl_error(ctx, "datapath_id: there is a switch %s already",
                      dpid_s);
        }
        return;
    }

    row = tasukirec_switch_insert(ctx->txn);
    tasukirec_switch_set_datapath_id(row, dpid_s);
    tasukirec_switch_set_applications(row, default_apps,
                                      ARRAY_SIZE(default_apps));
    if (set_columns(ctx, 2, &row->header_, columns, ARRAY_SIZE(columns),
                    set_applications, row)
        && check(ctx, row_check_switch(cfg, row))) {
        change_refs(&cfg->header_, &tasukirec_tasuki_col_switches,
                    &row->header_, true);
    }
}

static void
cmd_del_switch(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = root(ctx);
    const struct tasukirec_switch *row = NULL;
    uint64_t dpid;

    /* A bridge that was deleted is still known by name to tasukid. */
    for (size_t i = 0; i < cfg->n_switches && !row; i++) {
        const char *name = smap_get(&cfg->switches[i]->status, "name");

        if (name && !strcmp(name, ctx->argv[1])) {
            row = cfg->switches[i];
        }
    }
    if (!row && parse_datapath(ctx, ctx->argv[1], &dpid)) {
        row = find_switch(ctx, dpid);
    }

    if (row) {
        change_refs(&cfg->header_, &tasukirec_tasuki_col_switches,
                    &row->header_, false);
    } else if (has_option(ctx, "--if-exists")) {
        free(ctx->error);
        ctx->error = NULL;
    } else if (!ctx->error) {
        ctl_error(ctx, "there is no switch \"%s\"", ctx->argv[1]);
    }
}

/* Services. */

static const struct tasukirec_service *
find_service(struct ctl_context *ctx, const char *name, bool must_exist)
{
    const struct tasukirec_tasuki *cfg = root(ctx);

    for (size_t i = 0; i < cfg->n_services; i++) {
        if (!strcmp(cfg->services[i]->name, name)) {
            return cfg->services[i];
        }
    }
    if (must_exist) {
        ctl_error(ctx, "there is no service \"%s\"", name);
    }
    return NULL;
}

/* Splits ADDRESS:PORT.  The caller must free '*address'. */
static bool
parse_address_port(struct ctl_context *ctx, const char *s, char **address,
                   const char **port)
{
    const char *colon = strrchr(s, ':');

    if (s[0] == '[' && colon > s && colon[-1] == ']') {
        *address = xmemdup0(s + 1, colon - s - 2);
    } else if (colon && colon == strchr(s, ':')) {
        *address = xmemdup0(s, colon - s);
    } else if (colon) {
        /* Several colons: an IPv6 address, refused as such. */
        *address = xstrdup(s);
    } else {
        ctl_error(ctx, "\"%s\" is not of the form ADDRESS:PORT", s);
        return false;
    }
    *port = colon + 1;
    return true;
}

static void
cmd_add_service(struct ctl_context *ctx)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_service_col_mac,
        &tasukirec_service_col_protocol,
        &tasukirec_service_col_inspection,
        &tasukirec_service_col_mode,
        &tasukirec_service_col_max_connections,
        &tasukirec_service_col_inspect_bytes,
        &tasukirec_service_col_inspect_timeout,
        &tasukirec_service_col_connect_timeout,
        &tasukirec_service_col_idle_timeout,
    };
    const struct tasukirec_tasuki *cfg = root(ctx);
    struct tasukirec_service *row;
    const char *port;
    ovs_be32 ignored;
    char *address;

    if (has_option(ctx, "--may-exist")
        && find_service(ctx, ctx->argv[1], false)) {
        return;
    }
    if (!parse_address_port(ctx, ctx->argv[2], &address, &port)) {
        return;
    }

    row = tasukirec_service_insert(ctx->txn);
    tasukirec_service_set_name(row, ctx->argv[1]);
    tasukirec_service_set_address(row, address);
    if (check(ctx, row_check_ipv4("address", address, &ignored))
        && check(ctx, set_scalar(&row->header_, &tasukirec_service_col_port,
                                 port))
        && set_columns(ctx, 3, &row->header_, columns, ARRAY_SIZE(columns),
                       NULL, NULL)
        && check(ctx, row_check_service(cfg, row))) {
        change_refs(&cfg->header_, &tasukirec_tasuki_col_services,
                    &row->header_, true);
    }
    free(address);
}

static void
cmd_del_service(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = root(ctx);
    const struct tasukirec_service *row;

    row = find_service(ctx, ctx->argv[1], !has_option(ctx, "--if-exists"));
    if (row) {
        change_refs(&cfg->header_, &tasukirec_tasuki_col_services,
                    &row->header_, false);
    }
}

/* Servers. */

static const struct tasukirec_server *
find_server(struct ctl_context *ctx, const struct tasukirec_service *service,
            const char *name, bool must_exist)
{
    for (size_t i = 0; i < service->n_servers; i++) {
        if (!strcmp(service->servers[i]->name, name)) {
            return service->servers[i];
        }
    }
    if (must_exist) {
        ctl_error(ctx, "service \"%s\" has no server \"%s\"",
                  service->name, name);
    }
    return NULL;
}

static bool
set_default(struct ctl_context *ctx, const struct arg *arg, void *value)
{
    if (strcmp(arg->key, "default")) {
        return false;
    }
    parse_bool(ctx, arg, value);
    return true;
}

static void
cmd_add_server(struct ctl_context *ctx)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_server_col_address,
        &tasukirec_server_col_port,
        &tasukirec_server_col_mac,
        &tasukirec_server_col_ofport,
        &tasukirec_server_col_weight,
    };
    const struct tasukirec_service *service;
    struct tasukirec_server *row;
    bool is_default;

    service = find_service(ctx, ctx->argv[1], true);
    if (!service
        || (has_option(ctx, "--may-exist")
            && find_server(ctx, service, ctx->argv[2], false))) {
        return;
    }

    row = tasukirec_server_insert(ctx->txn);
    tasukirec_server_set_name(row, ctx->argv[2]);
    is_default = !service->n_servers;
    if (set_columns(ctx, 3, &row->header_, columns, ARRAY_SIZE(columns),
                    set_default, &is_default)
        && check(ctx, row_check_server(service, row))) {
        change_refs(&service->header_, &tasukirec_service_col_servers,
                    &row->header_, true);
        if (is_default) {
            tasukirec_service_set_default_server(service, row);
        }
    }
}

static void
cmd_set_default_server(struct ctl_context *ctx)
{
    const struct tasukirec_service *service;
    const struct tasukirec_server *server;

    service = find_service(ctx, ctx->argv[1], true);
    server = service ? find_server(ctx, service, ctx->argv[2], true) : NULL;
    if (server) {
        tasukirec_service_set_default_server(service, server);
    }
}

/* Returns why deleting 'server' would break the rest of the service, or
 * null. */
static char *
check_server_unused(const struct tasukirec_service *service,
                    const struct tasukirec_server *server)
{
    if (service->default_server == server && service->n_servers > 1) {
        return xasprintf("server \"%s\" is the default server of \"%s\": "
                         "see set-default-server", server->name,
                         service->name);
    }
    for (size_t i = 0; i < service->n_rules; i++) {
        const struct tasukirec_rule *rule = service->rules[i];

        if (rule->n_servers == 1 && rule->servers[0] == server) {
            return xasprintf("server \"%s\" is the only one of rule "UUID_FMT
                             ": see del-rule", server->name,
                             UUID_ARGS(&rule->header_.uuid));
        }
    }
    return NULL;
}

static void
cmd_del_server(struct ctl_context *ctx)
{
    bool must_exist = !has_option(ctx, "--if-exists");
    const struct tasukirec_service *service;
    const struct tasukirec_server *server;

    service = find_service(ctx, ctx->argv[1], must_exist);
    server = (service
              ? find_server(ctx, service, ctx->argv[2], must_exist) : NULL);
    if (server && check(ctx, check_server_unused(service, server))) {
        change_refs(&service->header_, &tasukirec_service_col_servers,
                    &server->header_, false);
    }
}

/* Rules. */

struct rule_args {
    const struct tasukirec_service *service;
    struct tasukirec_rule *row;
};

static void
set_rule_servers(struct ctl_context *ctx, const struct rule_args *args,
                 const char *names)
{
    struct sset set = SSET_INITIALIZER(&set);
    struct tasukirec_server **servers;
    const char *name;
    size_t n = 0;

    sset_from_delimited_string(&set, names, ",");
    servers = xmalloc(sset_count(&set) * sizeof *servers);
    SSET_FOR_EACH (name, &set) {
        const struct tasukirec_server *server
            = find_server(ctx, args->service, name, true);

        if (!server) {
            break;
        }
        servers[n++] = CONST_CAST(struct tasukirec_server *, server);
    }
    if (!ctx->error) {
        tasukirec_rule_set_servers(args->row, servers, n);
    }
    free(servers);
    sset_destroy(&set);
}

static bool
set_rule_arg(struct ctl_context *ctx, const struct arg *arg, void *args_)
{
    const struct rule_args *args = args_;

    if (!strcmp(arg->key, "server")) {
        set_rule_servers(ctx, args, arg->value);
        return true;
    } else if (!strncmp(arg->key, "header:", 7)) {
        struct smap headers;

        smap_clone(&headers, &args->row->headers);
        smap_replace(&headers, arg->key + 7, arg->value);
        tasukirec_rule_set_headers(args->row, &headers);
        smap_destroy(&headers);
        return true;
    }
    return false;
}

/* Returns true if 'a' and 'b' match the same requests with the same
 * priority. */
static bool
same_conditions(const struct tasukirec_rule *a, const struct tasukirec_rule *b)
{
    return (a->priority == b->priority
            && nullable_string_is_equal(a->host, b->host)
            && nullable_string_is_equal(a->path, b->path)
            && nullable_string_is_equal(a->method, b->method)
            && smap_equal(&a->headers, &b->headers));
}

static void
cmd_add_rule(struct ctl_context *ctx)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_rule_col_priority,
        &tasukirec_rule_col_host,
        &tasukirec_rule_col_path,
        &tasukirec_rule_col_method,
    };
    struct rule_args args;

    args.service = find_service(ctx, ctx->argv[1], true);
    if (!args.service) {
        return;
    }
    args.row = tasukirec_rule_insert(ctx->txn);
    if (!set_columns(ctx, 2, &args.row->header_, columns, ARRAY_SIZE(columns),
                     set_rule_arg, &args)
        || !check(ctx, row_check_rule(args.service, args.row))) {
        return;
    }

    for (size_t i = 0; i < args.service->n_rules; i++) {
        const struct tasukirec_rule *rule = args.service->rules[i];

        if (same_conditions(rule, args.row)) {
            if (has_option(ctx, "--may-exist")) {
                tasukirec_rule_delete(args.row);
                ds_put_format(&ctx->output, UUID_FMT,
                              UUID_ARGS(&rule->header_.uuid));
            } else {
                ctl_error(ctx, "rule "UUID_FMT" has the same priority and "
                          "conditions", UUID_ARGS(&rule->header_.uuid));
            }
            return;
        }
    }
    change_refs(&args.service->header_, &tasukirec_service_col_rules,
                &args.row->header_, true);
    ds_put_format(&ctx->output, UUID_FMT, UUID_ARGS(&args.row->header_.uuid));
}

/* The UUID under which a row is inserted is known after the commit only. */
static void
post_add_rule(struct ctl_context *ctx)
{
    const struct uuid *real;
    struct uuid uuid;

    if (uuid_from_string(&uuid, ds_cstr(&ctx->output))) {
        real = ovsdb_idl_txn_get_insert_uuid(ctx->txn, &uuid);
        if (real) {
            ds_clear(&ctx->output);
            ds_put_format(&ctx->output, UUID_FMT, UUID_ARGS(real));
        }
    }
    ds_put_char(&ctx->output, '\n');
}

static void
cmd_del_rule(struct ctl_context *ctx)
{
    bool must_exist = !has_option(ctx, "--if-exists");
    const struct tasukirec_rule *found = NULL;
    const struct tasukirec_service *service;
    const char *id = ctx->argv[2];

    service = find_service(ctx, ctx->argv[1], must_exist);
    if (!service) {
        return;
    }
    if (uuid_is_partial_string(id) < 4) {
        ctl_error(ctx, "\"%s\" is not the UUID of a rule, nor 4 digits or "
                  "more of its beginning", id);
        return;
    }
    for (size_t i = 0; i < service->n_rules; i++) {
        const struct tasukirec_rule *rule = service->rules[i];

        if (uuid_is_partial_match(&rule->header_.uuid, id)) {
            if (found) {
                ctl_error(ctx, "\"%s\" is the beginning of the UUIDs of more "
                          "than one rule", id);
                return;
            }
            found = rule;
        }
    }
    if (found) {
        change_refs(&service->header_, &tasukirec_service_col_rules,
                    &found->header_, false);
    } else if (must_exist) {
        ctl_error(ctx, "service \"%s\" has no rule \"%s\"",
                  service->name, id);
    }
}

const struct ctl_command_syntax tasuki_ctl_verbs[] = {
    {"init", 0, 0, "", tasuki_ctl_pre_all, NULL, NULL, "", RW},
    {"show", 0, 0, "", tasuki_ctl_pre_all, tasuki_ctl_show, NULL, "", RO},

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

    {"add-service", 2, INT_MAX, "NAME ADDRESS:PORT [KEY=VALUE]...",
     tasuki_ctl_pre_all, cmd_add_service, NULL, "--may-exist", RW},
    {"del-service", 1, 1, "NAME", tasuki_ctl_pre_all, cmd_del_service, NULL,
     "--if-exists", RW},
    {"add-server", 2, INT_MAX, "SERVICE NAME [KEY=VALUE]...",
     tasuki_ctl_pre_all, cmd_add_server, NULL, "--may-exist", RW},
    {"set-default-server", 2, 2, "SERVICE NAME", tasuki_ctl_pre_all,
     cmd_set_default_server, NULL, "", RW},
    {"del-server", 2, 2, "SERVICE NAME", tasuki_ctl_pre_all, cmd_del_server,
     NULL, "--if-exists", RW},
    {"add-rule", 2, INT_MAX, "SERVICE server=NAME [KEY=VALUE]...",
     tasuki_ctl_pre_all, cmd_add_rule, post_add_rule, "--may-exist", RW},
    {"del-rule", 2, 2, "SERVICE UUID", tasuki_ctl_pre_all, cmd_del_rule, NULL,
     "--if-exists", RW},

    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
