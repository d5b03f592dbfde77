/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-ctl.h"

#include <inttypes.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "uuid.h"

/* Prints the configuration as a tree, with what tasukid says about each row,
 * in an order that does not depend on UUIDs. */

static int
compare_switches(const void *a_, const void *b_)
{
    const struct tasukirec_switch *const *a = a_;
    const struct tasukirec_switch *const *b = b_;

    return strcmp((*a)->datapath_id, (*b)->datapath_id);
}

static int
compare_services(const void *a_, const void *b_)
{
    const struct tasukirec_service *const *a = a_;
    const struct tasukirec_service *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

static int
compare_servers(const void *a_, const void *b_)
{
    const struct tasukirec_server *const *a = a_;
    const struct tasukirec_server *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

/* Compares rules by the order in which they are tried. */
static int
compare_rules(const void *a_, const void *b_)
{
    const struct tasukirec_rule *const *a = a_;
    const struct tasukirec_rule *const *b = b_;

    return ((*a)->priority != (*b)->priority
            ? ((*a)->priority > (*b)->priority ? -1 : 1)
            : uuid_compare_3way(&(*a)->header_.uuid, &(*b)->header_.uuid));
}

/* Returns a sorted copy of the 'n' row pointers in 'rows'. */
static void *
sort_rows(const void *rows, size_t n, int (*compare)(const void *,
                                                     const void *))
{
    void *copy = xmalloc(n * sizeof(void *));

    if (n) {
        memcpy(copy, rows, n * sizeof(void *));
        qsort(copy, n, sizeof(void *), compare);
    }
    return copy;
}

/* Prints those keys of 'status' that are not printed elsewhere. */
static void
show_status(struct ds *out, const struct smap *status, int indent,
            const char *const skip[])
{
    const struct smap_node **nodes = smap_sort(status);

    for (size_t i = 0; i < smap_count(status); i++) {
        bool skipped = false;

        for (size_t j = 0; skip && skip[j]; j++) {
            skipped |= !strcmp(nodes[i]->key, skip[j]);
        }
        if (!skipped) {
            ds_put_format(out, "%*s%s: %s\n", indent, "",
                          nodes[i]->key, nodes[i]->value);
        }
    }
    free(nodes);
}

static void
show_switch(struct ds *out, const struct tasukirec_switch *sw)
{
    static const char *const shown[] = {
        "name", "connected", "version", "target", NULL
    };
    const char *name = smap_get(&sw->status, "name");
    const char *version = smap_get(&sw->status, "version");

    ds_put_format(out, "    switch %s", sw->datapath_id);
    if (name) {
        ds_put_format(out, " (%s)", name);
    }
    ds_put_cstr(out, smap_get_bool(&sw->status, "connected", false)
                ? ": connected" : ": not connected");
    if (version) {
        ds_put_format(out, ", %s", version);
    }
    ds_put_char(out, '\n');

    ds_put_cstr(out, "        applications:");
    for (size_t i = 0; i < sw->n_applications; i++) {
        ds_put_format(out, " %s", sw->applications[i]);
        if (!strcmp(sw->applications[i], "forward") && sw->forward_mode) {
            ds_put_format(out, " (%s)", sw->forward_mode);
        }
    }
    ds_put_char(out, '\n');
    show_status(out, &sw->status, 8, shown);
    if (sw->n_tenants) {
        ds_put_cstr(out, "        tenants:\n");
        tasuki_ctl_show_tenants(sw, 12, out);
    }
    if (sw->n_mirrors) {
        ds_put_cstr(out, "        mirrors:\n");
        tasuki_ctl_show_mirrors(sw, 12, out);
    }
    if (sw->n_ipsec_groups) {
        ds_put_cstr(out, "        ipsec groups:\n");
        tasuki_ctl_show_ipsec_groups(sw, 12, out);
    }
}

static void
show_server(struct ds *out, const struct tasukirec_service *service,
            const struct tasukirec_server *server)
{
    ds_put_format(out, "        server %s: %s:%"PRId64, server->name,
                  server->address ? server->address : service->address,
                  server->n_port ? *server->port : service->port);
    if (server->mac) {
        ds_put_format(out, " mac %s", server->mac);
    }
    if (server->ofport) {
        ds_put_format(out, " port %s", server->ofport);
    }
    if (server->n_weight) {
        ds_put_format(out, " weight %"PRId64, *server->weight);
    }
    if (service->default_server == server) {
        ds_put_cstr(out, " (default)");
    }
    ds_put_char(out, '\n');
    show_status(out, &server->status, 12, NULL);
}

static void
show_rule(struct ds *out, const struct tasukirec_rule *rule)
{
    const struct smap_node **headers;
    struct tasukirec_server **servers;

    ds_put_format(out, "        rule %08x: priority %"PRId64,
                  rule->header_.uuid.parts[0], rule->priority);
    if (rule->host) {
        ds_put_format(out, " host=%s", rule->host);
    }
    if (rule->path) {
        ds_put_format(out, " path=%s", rule->path);
    }
    if (rule->method) {
        ds_put_format(out, " method=%s", rule->method);
    }
    headers = smap_sort(&rule->headers);
    for (size_t i = 0; i < smap_count(&rule->headers); i++) {
        ds_put_format(out, " header:%s=%s",
                      headers[i]->key, headers[i]->value);
    }
    free(headers);

    ds_put_cstr(out, " ->");
    servers = sort_rows(rule->servers, rule->n_servers, compare_servers);
    for (size_t i = 0; i < rule->n_servers; i++) {
        ds_put_format(out, " %s", servers[i]->name);
    }
    free(servers);
    ds_put_char(out, '\n');
    show_status(out, &rule->status, 12, NULL);
}

static void
show_service(struct ds *out, const struct tasukirec_service *service)
{
    struct tasukirec_server **servers;
    struct tasukirec_rule **rules;

    ds_put_format(out, "    service %s: %s:%"PRId64" %s/%s %s\n",
                  service->name, service->address, service->port,
                  service->protocol ? service->protocol : "tcp",
                  service->inspection ? service->inspection : "http",
                  service->mode ? service->mode : "server-first");
    show_status(out, &service->status, 8, NULL);

    servers = sort_rows(service->servers, service->n_servers,
                        compare_servers);
    for (size_t i = 0; i < service->n_servers; i++) {
        show_server(out, service, servers[i]);
    }
    free(servers);

    rules = sort_rows(service->rules, service->n_rules, compare_rules);
    for (size_t i = 0; i < service->n_rules; i++) {
        show_rule(out, rules[i]);
    }
    free(rules);
}

void
tasuki_ctl_show(struct ctl_context *ctx)
{
    const struct tasukirec_tasuki *cfg = tasukirec_tasuki_first(ctx->idl);
    struct tasukirec_service **services;
    struct tasukirec_switch **switches;
    struct ds *out = &ctx->output;

    ds_put_cstr(out, "Tasuki\n");
    for (size_t i = 0; i < cfg->n_connections; i++) {
        const char *target = cfg->connections[i];
        const char *status = smap_get(&cfg->status, target);

        ds_put_format(out, "    connection %s%s%s\n", target,
                      status ? ": " : "", status ? status : "");
    }

    switches = sort_rows(cfg->switches, cfg->n_switches, compare_switches);
    for (size_t i = 0; i < cfg->n_switches; i++) {
        show_switch(out, switches[i]);
    }
    free(switches);

    services = sort_rows(cfg->services, cfg->n_services, compare_services);
    for (size_t i = 0; i < cfg->n_services; i++) {
        show_service(out, services[i]);
    }
    free(services);
}
