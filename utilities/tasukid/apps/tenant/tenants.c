/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tenant.h"

#include "coverage.h"
#include "hash.h"
#include "hmapx.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "row.h"
#include "util.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

COVERAGE_DEFINE(tenant_checked);

struct hmap tenants = HMAP_INITIALIZER(&tenants);
static struct hmap tenant_ports = HMAP_INITIALIZER(&tenant_ports);

/* The tenants of one row of table Switch. */
struct site {
    struct hmap_node node;      /* In 'sites', by 'uuid'. */
    struct uuid uuid;
    struct shash claims;        /* What tenants have for themselves (see
                                 * row_check_tenant()), to their names. */
};

static struct hmap sites = HMAP_INITIALIZER(&sites);

/* Contains the "struct tenant"s whose rows are refused. */
static struct hmapx refused = HMAPX_INITIALIZER(&refused);

/* Collected in 'check_rows', used in 'configure'. */
static struct tenant_change *changes;
static size_t n_changes, allocated_changes;
static bool sites_changed;          /* Sites came or went, or tenants changed
                                     * sites. */

struct tenant_change *
tenants_changes(size_t *n)
{
    *n = n_changes;
    return changes;
}

bool
tenants_sites_changed(void)
{
    return sites_changed;
}

bool
tenant_is_refused(const struct tasukirec_tenant *row)
{
    return config_get_status(&row->header_.uuid, "error") != NULL;
}

bool
tenant_runs(const struct tenant *t)
{
    return (t->row && t->dpid && tenant_runs_on(t->sw)
            && !tenant_is_refused(t->row));
}

uint64_t
tenant_cookie(const struct uuid *uuid)
{
    uint64_t id = (uint64_t) uuid->parts[0] << 32 | uuid->parts[1];

    return PIPE_COOKIE(PIPE_APP_TENANT, id & ~PIPE_COOKIE_MASK);
}

struct tenant *
tenants_find(uint64_t cookie)
{
    struct tenant *t;

    HMAP_FOR_EACH_WITH_HASH (t, node, hash_uint64(cookie), &tenants) {
        if (t->cookie == cookie) {
            return t;
        }
    }
    return NULL;
}

const struct tenant *
tenants_find_port_owner(uint64_t dpid, const char *name)
{
    const struct tenant *owner = NULL;
    const struct tenant_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_string(name, 0),
                             &tenant_ports) {
        if (port->tenant->dpid == dpid && !strcmp(port->name, name)) {
            owner = port->tenant;
            if (!tenant_is_refused(owner->row)) {
                break;
            }
        }
    }
    return owner;
}

void
tenants_for_each_with_port(uint64_t dpid, const char *name,
                           void (*cb)(struct tenant *))
{
    struct tenant_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_string(name, 0),
                             &tenant_ports) {
        if (port->tenant->dpid == dpid && !strcmp(port->name, name)) {
            cb(port->tenant);
        }
    }
}

struct dpid_search {
    uint64_t dpid;
    struct ofswitch *found;
};

static void
compare_dpid(struct ofswitch *sw, void *search_)
{
    struct dpid_search *search = search_;

    if (ofswitch_datapath_id(sw) == search->dpid) {
        search->found = sw;
    }
}

struct ofswitch *
tenants_find_switch(uint64_t dpid)
{
    struct dpid_search search = { .dpid = dpid };

    ofswitch_for_each(PIPE_APP_TENANT, compare_dpid, &search);
    return search.found;
}

/* Rows. */

static struct site *
get_site(const struct uuid *uuid)
{
    struct site *site;

    HMAP_FOR_EACH_WITH_HASH (site, node, uuid_hash(uuid), &sites) {
        if (uuid_equals(&site->uuid, uuid)) {
            return site;
        }
    }
    site = xmalloc(sizeof *site);
    site->uuid = *uuid;
    shash_init(&site->claims);
    hmap_insert(&sites, &site->node, uuid_hash(uuid));
    return site;
}

static void
clear_changes(void)
{
    for (size_t i = 0; i < n_changes; i++) {
        struct tenant_change *c = &changes[i];

        if (c->tenant) {
            c->tenant->changing = false;
        }
        for (size_t j = 0; j < c->n_ports; j++) {
            free(c->ports[j]);
        }
        free(c->name);
    }
    n_changes = 0;
    sites_changed = false;
}

/* Moves the former name and ports of 't' to 'changes'. */
static void
begin_change(struct tenant *t)
{
    const char *claim;

    if (t->changing) {
        return;
    }
    if (n_changes >= allocated_changes) {
        changes = x2nrealloc(changes, &allocated_changes, sizeof *changes);
    }

    struct tenant_change *c = &changes[n_changes++];

    c->tenant = t;
    c->name = t->name;
    c->n_ports = t->n_ports;
    for (size_t i = 0; i < t->n_ports; i++) {
        hmap_remove(&tenant_ports, &t->ports[i].node);
        c->ports[i] = t->ports[i].name;
    }
    SSET_FOR_EACH (claim, &t->claims) {
        shash_find_and_delete(&get_site(&t->site)->claims, claim);
    }
    sset_clear(&t->claims);
    hmapx_find_and_delete(&refused, t);
    t->changing = true;
    t->row = NULL;
    t->name = NULL;
    t->n_ports = 0;
}

static void
tenant_destroy(struct tenant *t)
{
    ovs_list_remove(&t->dirty_node);
    hmap_remove(&tenants, &t->node);
    sset_destroy(&t->claims);
    free(t);
}

void
tenants_forget(void)
{
    struct tenant *t;
    struct site *site;

    HMAP_FOR_EACH (t, node, &tenants) {
        begin_change(t);
    }
    clear_changes();
    HMAP_FOR_EACH_SAFE (t, node, &tenants) {
        tenant_destroy(t);
    }
    HMAP_FOR_EACH_POP (site, node, &sites) {
        shash_destroy(&site->claims);
        free(site);
    }
}

static void
add_port(struct tenant *t, const char *name)
{
    struct tenant_port *port = &t->ports[t->n_ports++];

    port->tenant = t;
    port->name = xstrdup(name);
    hmap_insert(&tenant_ports, &port->node, hash_string(name, 0));
}

/* Makes 't' what 'row', which 'sw' lists, says, whether or not 'row' makes
 * sense. */
static void
tenant_read(struct tenant *t, const struct tasukirec_tenant *row,
            const struct tasukirec_switch *sw)
{
    char buf[TENANT_PORT_NAME_SIZE];

    t->row = row;
    t->sw = sw;
    t->site = sw->header_.uuid;
    if (!dpid_from_string(sw->datapath_id, &t->dpid)) {
        t->dpid = 0;
    }
    t->name = xstrdup(row->name);
    add_port(t, tenant_lan_port(row, buf));
    add_port(t, row->service);
    if (row->native6) {
        add_port(t, row->native6);
    }
}

static struct tenant *
tenant_create(const struct uuid *uuid)
{
    struct tenant *t = xzalloc(sizeof *t);

    t->uuid = *uuid;
    t->cookie = tenant_cookie(uuid);
    sset_init(&t->claims);
    ovs_list_init(&t->dirty_node);
    hmap_insert(&tenants, &t->node, hash_uint64(t->cookie));
    return t;
}

static void
begin_row_change(const struct uuid *uuid, void *aux OVS_UNUSED)
{
    struct tenant *t = tenants_find(tenant_cookie(uuid));

    begin_change(t ? t : tenant_create(uuid));
}

/* Finds the tenants that have changed, and makes them what their rows say. */
static void
read_changes(const struct tasukirec_tasuki *cfg)
{
    struct hmapx_node *node;

    if (!sites_changed) {
        config_for_each_change(&tasukirec_table_tenant, begin_row_change,
                               NULL);

        /* What these tenants had may be free for refused ones now. */
        HMAPX_FOR_EACH_SAFE (node, &refused) {
            begin_change(node->data);
        }
    } else {
        struct tenant *t;

        HMAP_FOR_EACH (t, node, &tenants) {
            begin_change(t);
        }
    }

    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *sw = cfg->switches[i];

        for (size_t j = 0; j < sw->n_tenants; j++) {
            const struct uuid *uuid = &sw->tenants[j]->header_.uuid;
            struct tenant *t = tenants_find(tenant_cookie(uuid));

            if (!t || t->sw != sw) {
                /* Another switch has the tenant now. */
                sites_changed |= t && t->sw;
                begin_row_change(uuid, NULL);
                t = tenants_find(tenant_cookie(uuid));
            }
            if (t->changing) {
                tenant_read(t, sw->tenants[j], sw);
            }
        }
    }
}

static void
check_tenant(struct tenant *t)
{
    struct shash *claims = &get_site(&t->site)->claims;
    char *error = row_check_tenant(claims, t->row);

    COVERAGE_INC(tenant_checked);
    if (error) {
        hmapx_add(&refused, t);
        config_refuse_row(&t->uuid, error);
    } else {
        struct shash own = SHASH_INITIALIZER(&own);
        struct shash_node *node;

        /* The tenant has what it would have if it were the only one. */
        free(row_check_tenant(&own, t->row));
        SHASH_FOR_EACH (node, &own) {
            shash_replace(claims, node->name, t->name);
            sset_add(&t->claims, node->name);
        }
        shash_destroy(&own);
        config_set_status(&t->uuid, "error", NULL);
    }
}

/* Checks tenants that are in use first, so that no new row takes what they
 * have.  The database forgets which they are when its server is restarted, and
 * tasukid when it is restarted itself. */
static void
check_tenants(void)
{
    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < n_changes; i++) {
            struct tenant *t = changes[i].tenant;

            if (t->row && in_use == (config_get_status(&t->uuid, "state")
                                     || smap_get(&t->row->status, "state"))) {
                check_tenant(t);
            }
        }
    }
}

void
tenants_check_rows(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        config_refuse_row(&cfg->switches[i]->header_.uuid,
                          row_check_tenant_switch(cfg->switches[i]));
    }

    clear_changes();
    sites_changed = config_has_changed(&tasukirec_table_switch);
    if (sites_changed || config_has_changed(&tasukirec_table_tenant)) {
        read_changes(cfg);
        check_tenants();
    }
}

void
tenants_end_changes(void)
{
    for (size_t i = 0; i < n_changes; i++) {
        struct tenant *t = changes[i].tenant;

        t->changing = false;
        if (!t->row) {
            tenant_destroy(t);
        }
        changes[i].tenant = NULL;
    }
    clear_changes();
}

void
tenants_destroy(void)
{
    tenants_forget();
    hmap_destroy(&tenants);
    hmap_destroy(&tenant_ports);
    hmap_destroy(&sites);
    hmapx_destroy(&refused);
    free(changes);
    changes = NULL;
}
