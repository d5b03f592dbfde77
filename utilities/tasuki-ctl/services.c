/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-ctl.h"

#include <limits.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "sset.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/service-check.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "uuid.h"

/* The commands on services, their servers and rules. */

/* Services. */

static const struct tasukirec_service *
find_service(struct ctl_context *ctx, const char *name, bool must_exist)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);

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
        /* Several colons: an IPv6 address, which a later check refuses. */
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
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);
    struct tasukirec_service *row;
    const char *port;
    ovs_be32 ignored;
    char *address;

    if (ctl_has_option(ctx, "--may-exist")
        && find_service(ctx, ctx->argv[1], false)) {
        return;
    }
    if (!parse_address_port(ctx, ctx->argv[2], &address, &port)) {
        return;
    }

    row = tasukirec_service_insert(ctx->txn);
    tasukirec_service_set_name(row, ctx->argv[1]);
    tasukirec_service_set_address(row, address);
    if (ctl_check(ctx, row_check_ipv4("address", address, &ignored))
        && ctl_check(ctx, ctl_set_scalar(&row->header_,
                                         &tasukirec_service_col_port, port))
        && ctl_set_columns(ctx, 3, &row->header_, columns, ARRAY_SIZE(columns),
                           NULL, NULL)
        && ctl_check(ctx, row_check_service(row, cfg->services,
                                           cfg->n_services))) {
        ctl_change_refs(&cfg->header_, &tasukirec_tasuki_col_services,
                        &row->header_, true);
    }
    free(address);
}

static void
cmd_del_service(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = ctl_root(ctx);
    const struct tasukirec_service *row;

    row = find_service(ctx, ctx->argv[1], !ctl_has_option(ctx, "--if-exists"));
    if (row) {
        ctl_change_refs(&cfg->header_, &tasukirec_tasuki_col_services,
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
set_default(struct ctl_context *ctx, const struct ctl_arg *arg, void *value)
{
    if (strcmp(arg->key, "default")) {
        return false;
    }
    ctl_parse_bool(ctx, arg, value);
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
        || (ctl_has_option(ctx, "--may-exist")
            && find_server(ctx, service, ctx->argv[2], false))) {
        return;
    }

    row = tasukirec_server_insert(ctx->txn);
    tasukirec_server_set_name(row, ctx->argv[2]);
    is_default = !service->n_servers;
    if (ctl_set_columns(ctx, 3, &row->header_, columns, ARRAY_SIZE(columns),
                        set_default, &is_default)
        && ctl_check(ctx, row_check_server(service, row, service->servers,
                                          service->n_servers))) {
        ctl_change_refs(&service->header_, &tasukirec_service_col_servers,
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
    bool must_exist = !ctl_has_option(ctx, "--if-exists");
    const struct tasukirec_service *service;
    const struct tasukirec_server *server;

    service = find_service(ctx, ctx->argv[1], must_exist);
    server = (service
              ? find_server(ctx, service, ctx->argv[2], must_exist) : NULL);
    if (server && ctl_check(ctx, check_server_unused(service, server))) {
        ctl_change_refs(&service->header_, &tasukirec_service_col_servers,
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
set_rule_arg(struct ctl_context *ctx, const struct ctl_arg *arg, void *args_)
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

/* The arguments name servers first, without a key or as "server=...". */
static void
cmd_add_rule(struct ctl_context *ctx)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_rule_col_priority,
        &tasukirec_rule_col_host,
        &tasukirec_rule_col_path,
        &tasukirec_rule_col_method,
    };
    bool positional = !strchr(ctx->argv[2], '=');
    struct rule_args args;

    args.service = find_service(ctx, ctx->argv[1], true);
    if (!args.service) {
        return;
    }
    args.row = tasukirec_rule_insert(ctx->txn);
    if (positional) {
        set_rule_servers(ctx, &args, ctx->argv[2]);
        if (ctx->error) {
            return;
        }
    }
    if (!ctl_set_columns(ctx, positional ? 3 : 2, &args.row->header_,
                         columns, ARRAY_SIZE(columns), set_rule_arg, &args)
        || !ctl_check(ctx, row_check_rule(args.service, args.row))) {
        return;
    }

    for (size_t i = 0; i < args.service->n_rules; i++) {
        const struct tasukirec_rule *rule = args.service->rules[i];

        if (same_conditions(rule, args.row)) {
            if (ctl_has_option(ctx, "--may-exist")) {
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
    ctl_change_refs(&args.service->header_, &tasukirec_service_col_rules,
                    &args.row->header_, true);
    ds_put_format(&ctx->output, UUID_FMT, UUID_ARGS(&args.row->header_.uuid));
}

/* The UUID of an inserted row is known only after the commit. */
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
    bool must_exist = !ctl_has_option(ctx, "--if-exists");
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
        ctl_change_refs(&service->header_, &tasukirec_service_col_rules,
                        &found->header_, false);
    } else if (must_exist) {
        ctl_error(ctx, "service \"%s\" has no rule \"%s\"",
                  service->name, id);
    }
}

const struct ctl_command_syntax tasuki_ctl_service_commands[] = {
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
    {"add-rule", 2, INT_MAX, "SERVICE SERVER[,SERVER]... [KEY=VALUE]...",
     tasuki_ctl_pre_all, cmd_add_rule, post_add_rule, "--may-exist", RW},
    {"del-rule", 2, 2, "SERVICE UUID", tasuki_ctl_pre_all, cmd_del_rule, NULL,
     "--if-exists", RW},

    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};
