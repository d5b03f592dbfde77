/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "service-config.h"

#include "smap.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/rule-check.h"
#include "utilities/tasukid/apps/handover/engine/service.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/tasuki-idl.h"

/* Each row has been checked (service-check.h).  If it has no error, its
 * strings are well-formed. */
static bool
row_is_good(const struct uuid *uuid)
{
    return !config_get_status(uuid, "error");
}

/* Fills in '*m', whose address and port are those of the service. */
static void
fill_member(const struct tasukirec_server *row, struct member_config *m)
{
    if (row->address) {
        ip_parse(row->address, &m->address);
    }
    if (row->n_port) {
        m->port = htons(*row->port);
    }
    if (row->mac) {
        m->has_mac = eth_addr_from_string(row->mac, &m->mac);
    }
    if (row->n_weight) {
        m->weight = *row->weight;
    }
    m->ofport = nullable_xstrdup(row->ofport);
}

static void
read_server(const struct tasukirec_server *row, struct service_config *cfg)
{
    fill_member(row, service_config_add_member(cfg, &row->header_.uuid,
                                               row->name));
}

bool
handover_config_has_server(const struct service_config *cfg, size_t i,
                           const struct tasukirec_server *row)
{
    const struct member_config *m = &cfg->members[i];
    struct member_config now = { .address = cfg->vip, .port = cfg->port };

    fill_member(row, &now);
    bool same = (!strcmp(m->name, row->name) && m->address == now.address
                 && m->port == now.port && m->has_mac == now.has_mac
                 && eth_addr_equals(m->mac, now.mac)
                 && nullable_string_is_equal(m->ofport, now.ofport));
    free(now.ofport);
    return same;
}

static void
read_rule(const struct tasukirec_rule *row, struct service_config *cfg)
{
    struct rule *rule = rule_create(&row->header_.uuid, row->priority);
    struct smap_node *node;

    if (row->host) {
        char *glob = rule_host_glob(row->host);

        rule_add_condition(rule, RULE_HOST, glob);
        free(glob);
    }
    if (row->path) {
        rule_add_condition(rule, RULE_PATH, row->path);
    }
    if (row->method) {
        rule_add_condition(rule, RULE_METHOD, row->method);
    }
    SMAP_FOR_EACH (node, &row->headers) {
        rule_add_condition(rule, node->key, node->value);
    }
    for (size_t i = 0; i < row->n_servers; i++) {
        rule_add_server(rule, &row->servers[i]->header_.uuid);
    }
    rule_set_add(&cfg->rules, rule);
}

/* A pattern that makes sense can still be too complex for a matcher. */
static void
refuse_rule(const struct rule *rule, const char *name, const char *reason)
{
    config_set_status(&rule->uuid, "error",
                      "%s: the pattern is too complex (%s)",
                      name[0] == ':' ? name + 1 : "headers", reason);
}

static struct service_config *
read_service(const struct tasukirec_service *row)
{
    ovs_be32 vip;

    if (!ip_parse(row->address, &vip)) {
        return NULL;
    }

    struct service_config *cfg = service_config_create(
        &row->header_.uuid, row->name, vip, htons(row->port));
    if (row->mac) {
        eth_addr_from_string(row->mac, &cfg->mac);
    }
    if (row->n_max_connections) {
        cfg->max_connections = MIN(*row->max_connections, UINT32_MAX);
    }
    if (row->n_inspect_bytes) {
        cfg->inspect_bytes = *row->inspect_bytes;
    }
    if (row->n_inspect_timeout) {
        cfg->inspect_timeout = *row->inspect_timeout;
    }
    if (row->n_connect_timeout) {
        cfg->connect_timeout = *row->connect_timeout;
    }
    if (row->n_idle_timeout) {
        cfg->idle_timeout = *row->idle_timeout;
    }
    if (row->default_server) {
        cfg->default_server = row->default_server->header_.uuid;
    }

    for (size_t i = 0; i < row->n_servers; i++) {
        if (row_is_good(&row->servers[i]->header_.uuid)) {
            read_server(row->servers[i], cfg);
        }
    }
    for (size_t i = 0; i < row->n_rules; i++) {
        if (row_is_good(&row->rules[i]->header_.uuid)) {
            read_rule(row->rules[i], cfg);
        }
    }
    rule_set_finish(&cfg->rules, refuse_rule);
    return cfg;
}

struct service_config **
handover_config_read(const struct tasukirec_tasuki *root, size_t *n)
{
    size_t max = root ? root->n_services : 0;
    struct service_config **cfgs = xcalloc(MAX(max, 1), sizeof *cfgs);

    *n = 0;
    for (size_t i = 0; i < max; i++) {
        const struct tasukirec_service *row = root->services[i];
        struct service_config *cfg = (row_is_good(&row->header_.uuid)
                                      ? read_service(row) : NULL);
        if (cfg) {
            cfgs[(*n)++] = cfg;
        }
    }
    return cfgs;
}
