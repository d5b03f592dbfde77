/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "flow.h"
#include "coverage.h"
#include "hash.h"
#include "hmapx.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "row.h"
#include "simap.h"
#include "sset.h"
#include "tasuki-nat64.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/ovs-ports.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(tenant);

/* Tenants: LANs that all use the same IPv4 addresses, and a service that sees
 * each LAN as IPv6 link-local, on an interface of its own.
 *
 * Each tenant has a port towards its LAN and one towards the service, for
 * translated packets.  It may have a third one for the LAN's native IPv6.  It
 * has five flows in PIPE_ZONE:
 *
 *     LAN, IPv4 or ARP    nat64(4to6), output to the service (two flows)
 *     service, IPv6       nat64(6to4), output to the LAN
 *     LAN, IPv6           output to native6
 *     native6, IPv6       output to the LAN
 *
 * A tenant's frames go to its own ports or nowhere.  No other flow takes them,
 * and packets that miss in PIPE_ZONE are dropped.  So frames of another kind
 * do not leak, and a port whose flows are not there yet does not, either.
 * Frames with a VLAN tag match none of the five flows.  Each port that is no
 * tenant's has a flow that sends its packets on to the other applications.
 * They do not flood to the tenants' ports (see 'port_zone'). */

#define PIPE_APP_TENANT 0x57

#define PRIO_TENANT 10
#define PRIO_OTHERS 1

/* Of the flows of ports that are no tenant's. */
#define COOKIE_OPEN PIPE_COOKIE(PIPE_APP_TENANT, 0)

COVERAGE_DEFINE(tenant_checked);
COVERAGE_DEFINE(tenant_state);

/* One row of table Tenant, and what was made of it when the database changed
 * last. */
struct tenant {
    struct hmap_node node;      /* In 'tenants'. */
    struct uuid uuid;
    uint64_t cookie;            /* Of its flows. */
    const struct tasukirec_tenant *row;     /* Null if it is gone. */
    const struct tasukirec_switch *sw;      /* The row that lists it. */
    struct uuid site;           /* UUID of that row. */
    uint64_t dpid;              /* Of its switch, or 0. */
    bool changing;              /* It is in 'changes'. */
    char *name;
    struct sset claims;         /* Those of the site's that it has. */
    struct tenant_port {
        struct hmap_node node;  /* In 'tenant_ports'. */
        struct tenant *tenant;
        char *name;
    } ports[3];                 /* "lan", "service", "native6". */
    size_t n_ports;
    struct ovs_list dirty_node; /* In 'dirty', or empty. */
};

/* By cookie, and by name. */
static struct hmap tenants = HMAP_INITIALIZER(&tenants);
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

/* The tenants whose state may have to change. */
static struct ovs_list dirty = OVS_LIST_INITIALIZER(&dirty);

/* One switch. */
struct tenant_switch {
    struct sset open;           /* Names of the ports that are no tenant's. */
};

/* How long a switch may be gone before its tenants count as down, in msec.
 * Its flows stay in place when tasukid starts anew or the connection
 * breaks. */
#define SWITCH_GRACE 5000

/* When to look which switches are missing, in msec, or LLONG_MAX. */
static long long int check_switches_at = LLONG_MAX;

static struct tenant_switch *
tenant_switch_get(const struct ofswitch *sw)
{
    return ofswitch_get_data(sw, PIPE_APP_TENANT);
}

static bool
is_refused(const struct tasukirec_tenant *row)
{
    return config_get_status(&row->header_.uuid, "error") != NULL;
}

/* Finds the flows of a tenant among all others. */
static uint64_t
tenant_cookie(const struct uuid *uuid)
{
    uint64_t id = (uint64_t) uuid->parts[0] << 32 | uuid->parts[1];

    return PIPE_COOKIE(PIPE_APP_TENANT, id & ~PIPE_COOKIE_MASK);
}

static struct tenant *
find_tenant(uint64_t cookie)
{
    struct tenant *t;

    HMAP_FOR_EACH_WITH_HASH (t, node, hash_uint64(cookie), &tenants) {
        if (t->cookie == cookie) {
            return t;
        }
    }
    return NULL;
}

/* Returns a tenant of 'dpid' that has port 'name', preferably one that is not
 * refused, or null.  The ports of a refused row count as its tenant's: nobody
 * can have meant them to be open to all. */
static const struct tenant *
find_port_owner(uint64_t dpid, const char *name)
{
    const struct tenant *owner = NULL;
    const struct tenant_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_string(name, 0),
                             &tenant_ports) {
        if (port->tenant->dpid == dpid && !strcmp(port->name, name)) {
            owner = port->tenant;
            if (!is_refused(owner->row)) {
                break;
            }
        }
    }
    return owner;
}

/* Returns true if other applications may have port 'name': it is no tenant's,
 * and no former tenant's port that still has to go. */
static bool
is_open(const struct ofswitch *sw, const char *name)
{
    uint64_t dpid = ofswitch_datapath_id(sw);

    return (!find_port_owner(dpid, name)
            && ovs_ports_is_free(PIPE_APP_TENANT, dpid, name));
}

/* A tenant's zone is the number of the port towards its LAN.  It is unique on
 * the switch, and the same when tasukid starts anew. */
static uint32_t
tenant_port_zone(const struct ofswitch *sw, ofp_port_t port_no)
{
    const struct ofputil_phy_port *port = ofswitch_port(sw, port_no);
    const struct tenant *owner;
    ofp_port_t lan;

    if (!port || is_open(sw, port->name)) {
        return 0;
    }
    owner = find_port_owner(ofswitch_datapath_id(sw), port->name);
    lan = (owner ? ofswitch_port_by_name(sw, owner->ports[0].name)
           : OFPP_NONE);
    return lan == OFPP_NONE ? PIPE_ZONE_NONE : ofp_to_u16(lan);
}

/* Flows. */

/* Frames of type 'dl_type' without a VLAN tag that come from 'in_port' go to
 * 'out_port', through 'nat64' unless that is null. */
static void
declare_path(struct ofswitch *sw, struct flow_set *flows,
             const struct tasukirec_tenant *row,
             ofp_port_t in_port, uint16_t dl_type, const struct nat64 *nat64,
             ofp_port_t out_port)
{
    uint64_t stub[128 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    match_set_in_port(&match, in_port);
    match_set_dl_type(&match, htons(dl_type));
    match_set_vlan_vid(&match, htons(0));
    if (nat64) {
        *ofpact_put_nat64(&ofpacts) = *nat64;
    }
    pipeline_put_output(sw, PIPE_ZONE, out_port,
                        tenant_port_zone(sw, in_port), &ofpacts);
    flow_set_add(flows, PIPE_APP_TENANT, tenant_cookie(&row->header_.uuid),
                 PIPE_ZONE, PRIO_TENANT, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
declare_translation(struct ofswitch *sw, struct flow_set *flows,
                    const struct tasukirec_tenant *row,
                    ofp_port_t lan, ofp_port_t service)
{
    struct nat64 to_service = { .direction = NAT64_4TO6 };
    struct nat64 to_lan = {
        .direction = NAT64_6TO4,
        .mtu = tenant_mtu(row),
    };

    tenant_get_prefix(row, &to_service);
    tenant_get_prefix(row, &to_lan);
    declare_path(sw, flows, row, lan, ETH_TYPE_IP, &to_service, service);
    declare_path(sw, flows, row, lan, ETH_TYPE_ARP, &to_service, service);
    declare_path(sw, flows, row, service, ETH_TYPE_IPV6, &to_lan, lan);
}

/* The ports of a tenant.  Each is OFPP_NONE if tenants have no such port. */
struct found_ports {
    ofp_port_t lan, service, native6;
};

/* Returns the port, or OFPP_NONE after appending to 'missing' why not. */
static ofp_port_t
find_port(const struct ofswitch *sw, const char *column, const char *name,
          struct ds *missing)
{
    ofp_port_t port = ofswitch_port_by_name(sw, name);
    uint64_t dpid = ofswitch_datapath_id(sw);

    if (ovs_ports_is_foreign(PIPE_APP_TENANT, dpid, name)) {
        port = OFPP_NONE;
    }
    if (port == OFPP_NONE) {
        const char *why = ovs_ports_problem(PIPE_APP_TENANT, dpid, name);

        ds_put_format(missing, "%s%s: %s%s", missing->length ? "; " : "",
                      column, why ? why : "no port ", why ? "" : name);
    }
    return port;
}

static struct found_ports
find_ports(const struct ofswitch *sw, const struct tasukirec_tenant *row,
           struct ds *missing)
{
    char name[TENANT_PORT_NAME_SIZE];
    struct found_ports found = { .native6 = OFPP_NONE };

    found.lan = find_port(sw, "lan", tenant_lan_port(row, name), missing);
    found.service = find_port(sw, "service", row->service, missing);
    if (row->native6) {
        found.native6 = find_port(sw, "native6", row->native6, missing);
    }
    return found;
}

static bool
is_up(const struct found_ports *found)
{
    return found->lan != OFPP_NONE && found->service != OFPP_NONE;
}

static void
set_state(const struct tasukirec_tenant *row, const char *state,
          const char *reason)
{
    const struct uuid *uuid = &row->header_.uuid;
    const char *old_state = config_get_status(uuid, "state");
    const char *old_reason = config_get_status(uuid, "reason");
    char lan_port[TENANT_PORT_NAME_SIZE];

    if (is_refused(row)) {
        config_set_status(uuid, "state", NULL);
        config_set_status(uuid, "reason", NULL);
        config_set_status(uuid, "lan_port", NULL);
        return;
    }

    if (!old_state || strcmp(old_state, state)
        || strcmp(old_reason ? old_reason : "", reason)) {
        VLOG_INFO("tenant %s: %s%s%s", row->name, state,
                  reason[0] ? ", " : "", reason);
    }
    config_set_status(uuid, "state", "%s", state);
    if (reason[0]) {
        config_set_status(uuid, "reason", "%s", reason);
    } else {
        config_set_status(uuid, "reason", NULL);
    }
    config_set_status(uuid, "lan_port", "%s", tenant_lan_port(row, lan_port));
}

static void
declare_tenant(struct ofswitch *sw, const struct tasukirec_tenant *row,
               struct flow_set *flows)
{
    struct ds missing = DS_EMPTY_INITIALIZER;
    struct found_ports found = find_ports(sw, row, &missing);

    if (is_up(&found)) {
        declare_translation(sw, flows, row, found.lan, found.service);
    }
    if (found.lan != OFPP_NONE && found.native6 != OFPP_NONE) {
        declare_path(sw, flows, row, found.lan, ETH_TYPE_IPV6, NULL,
                     found.native6);
        declare_path(sw, flows, row, found.native6, ETH_TYPE_IPV6, NULL,
                     found.lan);
    }
    ds_destroy(&missing);
}

static void
declare_open_port(struct ofswitch *sw, const char *name,
                  struct flow_set *flows)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    ofp_port_t port = ofswitch_port_by_name(sw, name);
    struct match match;

    if (port != OFPP_NONE) {
        match_init_catchall(&match);
        match_set_in_port(&match, port);
        ofpact_put_GOTO_TABLE(&ofpacts)->table_id = pipeline_next(sw,
                                                                PIPE_ZONE);
        flow_set_add(flows, PIPE_APP_TENANT, COOKIE_OPEN, PIPE_ZONE,
                     PRIO_OTHERS, &match, &ofpacts);
    }
    ofpbuf_uninit(&ofpacts);
}

static void
declare_open_ports(struct ofswitch *sw, struct flow_set *flows)
{
    const char *name;

    SSET_FOR_EACH (name, &tenant_switch_get(sw)->open) {
        declare_open_port(sw, name, flows);
    }
}

static void
tenant_declare_cookie(struct ofswitch *sw, uint64_t cookie,
                      struct flow_set *flows)
{
    if (cookie == COOKIE_OPEN) {
        declare_open_ports(sw, flows);
    } else {
        const struct tenant *t = find_tenant(cookie);

        if (t && t->dpid == ofswitch_datapath_id(sw) && !is_refused(t->row)) {
            declare_tenant(sw, t->row, flows);
        }
    }
}

static void
tenant_declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);

    for (size_t i = 0; i < row->n_tenants; i++) {
        if (!is_refused(row->tenants[i])) {
            declare_tenant(sw, row->tenants[i], flows);
        }
    }
    declare_open_ports(sw, flows);
}

/* What may have to be declared anew. */

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

/* Returns the switch if it is connected and runs this application, or null. */
static struct ofswitch *
find_switch(uint64_t dpid)
{
    struct dpid_search search = { .dpid = dpid };

    ofswitch_for_each(PIPE_APP_TENANT, compare_dpid, &search);
    return search.found;
}

/* Port 'name' of 'sw' may have come or gone, or got or lost its tenant. */
static void
note_port(struct ofswitch *sw, const char *name)
{
    struct sset *open = &tenant_switch_get(sw)->open;
    bool was_open = sset_contains(open, name);
    bool now_open = (ofswitch_port_by_name(sw, name) != OFPP_NONE
                     && is_open(sw, name));

    if (now_open) {
        sset_add(open, name);
    } else {
        sset_find_and_delete(open, name);
    }
    if (was_open || now_open) {
        ofswitch_redeclare_cookie(sw, COOKIE_OPEN);
    }
    ofswitch_zone_changed(sw, name);
}

/* Something about 't' has changed, or about one of its ports. */
static void
note_tenant(struct tenant *t)
{
    struct ofswitch *sw = find_switch(t->dpid);

    if (ovs_list_is_empty(&t->dirty_node)) {
        ovs_list_push_back(&dirty, &t->dirty_node);
    }
    if (sw) {
        ofswitch_redeclare_cookie(sw, t->cookie);
        for (size_t i = 0; i < t->n_ports; i++) {
            note_port(sw, t->ports[i].name);
        }
    }
}

static void
note_tenants_with_port(struct ofswitch *sw, const char *name)
{
    struct tenant_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_string(name, 0),
                             &tenant_ports) {
        if (port->tenant->dpid == ofswitch_datapath_id(sw)
            && !strcmp(port->name, name)) {
            note_tenant(port->tenant);
        }
    }
    note_port(sw, name);
}

static void
note_open_port(struct ofswitch *sw, const struct ofputil_phy_port *port,
               void *aux OVS_UNUSED)
{
    note_port(sw, port->name);
}

/* Everything about 'sw' may be new. */
static void
note_all(struct ofswitch *sw)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);

    ofswitch_for_each_port(sw, note_open_port, NULL);
    for (size_t i = 0; i < row->n_tenants; i++) {
        struct tenant *t = find_tenant(
            tenant_cookie(&row->tenants[i]->header_.uuid));

        if (t) {
            note_tenant(t);
        }
    }
}

static void
note_ports_changed(uint64_t dpid, const char *name)
{
    struct ofswitch *sw = find_switch(dpid);

    if (sw && name) {
        note_tenants_with_port(sw, name);
    } else if (sw) {
        note_all(sw);
    }
    poll_immediate_wake();
}

static void
update_state(const struct tenant *t)
{
    const struct ofswitch *sw = find_switch(t->dpid);

    COVERAGE_INC(tenant_state);
    if (is_refused(t->row)) {
        set_state(t->row, NULL, NULL);
    } else if (sw) {
        struct ds missing = DS_EMPTY_INITIALIZER;
        struct found_ports found = find_ports(sw, t->row, &missing);

        set_state(t->row, is_up(&found) ? "up" : "down",
                  ds_cstr_ro(&missing));
        ds_destroy(&missing);
    }
}

/* Updates the states of 'dirty' tenants, whose flows have been declared by
 * now. */
static void
update_states(void)
{
    while (!ovs_list_is_empty(&dirty)) {
        struct ovs_list *node = ovs_list_pop_front(&dirty);

        ovs_list_init(node);
        update_state(CONTAINER_OF(node, struct tenant, dirty_node));
    }
}

/* Ports. */

static void
want_ports(const struct tasukirec_tenant *row, struct ovs_wants *wants)
{
    char name[TENANT_PORT_NAME_SIZE];

    if (row->tunnel_type) {
        bool gre = !strcmp(row->tunnel_type, "gre");
        struct smap *options = ovs_ports_add(wants, tenant_lan_port(row, name),
                                             row->name,
                                             gre ? "gre" : "vxlan");

        tenant_tunnel_options(row, options);
    } else {
        ovs_ports_add(wants, row->lan, row->name, "");
    }
    ovs_ports_add(wants, row->service, row->name, "");
    if (row->native6) {
        ovs_ports_add(wants, row->native6, row->name, "");
    }
}

/* What an earlier tasukid published about a tenant holds until this one knows
 * better. */
static void
adopt_state(const struct tasukirec_tenant *row)
{
    static const char *const keys[] = { "state", "reason", "lan_port" };
    const struct uuid *uuid = &row->header_.uuid;

    if (config_get_status(uuid, "state")) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = smap_get(&row->status, keys[i]);

        if (value) {
            config_set_status(uuid, keys[i], "%s", value);
        }
    }
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

/* What has changed about a tenant: its name and ports, as they were. */
struct change {
    struct tenant *tenant;
    char *name;
    char *ports[3];
    size_t n_ports;
};

/* Collected in 'check_rows', used in 'configure'. */
static struct change *changes;
static size_t n_changes, allocated_changes;
static bool sites_changed;          /* Sites came or went, or tenants changed
                                     * sites. */

static void
clear_changes(void)
{
    for (size_t i = 0; i < n_changes; i++) {
        struct change *c = &changes[i];

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

    struct change *c = &changes[n_changes++];

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

static void
forget_all(void)
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
    struct tenant *t = find_tenant(tenant_cookie(uuid));

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
            struct tenant *t = find_tenant(tenant_cookie(uuid));

            if (!t || t->sw != sw) {
                /* Another switch has the tenant now. */
                sites_changed |= t && t->sw;
                begin_row_change(uuid, NULL);
                t = find_tenant(tenant_cookie(uuid));
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

static void
tenant_check_rows(const struct tasukirec_tasuki *cfg)
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

static void
tenant_want_ports(const struct tenant *t)
{
    if (t->row && t->dpid && tenant_runs_on(t->sw) && !is_refused(t->row)) {
        adopt_state(t->row);
        want_ports(t->row, ovs_ports_want(PIPE_APP_TENANT, t->sw->ovsdb,
                                          t->dpid, true));
    }
}

/* A switch whose row is refused, or that is not connected, keeps its ports.
 * Otherwise creating them anew later would interrupt all its tenants. */
static void
want_all_ports(const struct tasukirec_tasuki *cfg)
{
    const struct tenant *t;

    ovs_ports_begin(PIPE_APP_TENANT, true);
    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        bool runs = tenant_runs_on(row);
        uint64_t dpid;

        if ((runs || row->n_tenants)
            && dpid_from_string(row->datapath_id, &dpid)) {
            ovs_ports_want(PIPE_APP_TENANT, row->ovsdb, dpid, runs);
        }
    }
    HMAP_FOR_EACH (t, node, &tenants) {
        tenant_want_ports(t);
    }
    ovs_ports_end(PIPE_APP_TENANT);
}

static void
want_changed_ports(void)
{
    ovs_ports_begin(PIPE_APP_TENANT, false);
    for (size_t i = 0; i < n_changes; i++) {
        const struct change *c = &changes[i];
        const struct tenant *t = c->tenant;

        for (size_t j = 0; j < c->n_ports && t->dpid; j++) {
            ovs_ports_remove(ovs_ports_want(PIPE_APP_TENANT, t->sw->ovsdb,
                                            t->dpid, tenant_runs_on(t->sw)),
                             c->ports[j], c->name);
        }
    }
    for (size_t i = 0; i < n_changes; i++) {
        tenant_want_ports(changes[i].tenant);
    }
    ovs_ports_end(PIPE_APP_TENANT);
}

/* Notes what has to be declared or published anew because of 'c'. */
static void
note_change(const struct change *c)
{
    struct ofswitch *sw = find_switch(c->tenant->dpid);

    for (size_t i = 0; sw && i < c->n_ports; i++) {
        note_port(sw, c->ports[i]);
    }
    if (c->tenant->row) {
        note_tenant(c->tenant);
    } else if (sw) {
        ofswitch_redeclare_cookie(sw, c->tenant->cookie);
    }
}

static void
tenant_configure(const struct tasukirec_tasuki *cfg)
{
    if (!cfg) {
        forget_all();
        return;
    }

    if (sites_changed) {
        want_all_ports(cfg);
    } else if (n_changes) {
        want_changed_ports();
    }
    for (size_t i = 0; i < n_changes; i++) {
        note_change(&changes[i]);
    }
    for (size_t i = 0; i < n_changes; i++) {
        struct tenant *t = changes[i].tenant;

        t->changing = false;
        if (!t->row) {
            tenant_destroy(t);
        }
        changes[i].tenant = NULL;
    }
    clear_changes();
    check_switches_at = time_msec() + SWITCH_GRACE;
}

/* Switches. */

/* What the switch does must not change until it is known which ports are
 * tenants'. */
static bool
tenant_is_ready(const struct ofswitch *sw)
{
    return ovs_ports_are_known(PIPE_APP_TENANT, ofswitch_datapath_id(sw));
}

/* Stays as long as there are tenants' ports, so that nobody else gets them. */
static bool
tenant_must_stay(const struct ofswitch *sw)
{
    return ovs_ports_has_ours(PIPE_APP_TENANT, ofswitch_datapath_id(sw));
}

static void
tenant_switch_up(struct ofswitch *sw)
{
    struct tenant_switch *ts = xmalloc(sizeof *ts);

    sset_init(&ts->open);
    ofswitch_set_data(sw, PIPE_APP_TENANT, ts);
    note_all(sw);
}

static void
tenant_switch_down(struct ofswitch *sw)
{
    struct tenant_switch *ts = tenant_switch_get(sw);

    sset_destroy(&ts->open);
    free(ts);
    check_switches_at = time_msec() + SWITCH_GRACE;
}

static const char *
why_not_running(const struct tasukirec_switch *row)
{
    uint64_t dpid;

    if (config_get_status(&row->header_.uuid, "error")) {
        return "the switch is refused";
    } else if (!tenant_runs_on(row)) {
        return "application \"tenant\" does not run on the switch";
    }
    dpid_from_string(row->datapath_id, &dpid);
    return find_switch(dpid) ? NULL : "the switch is not connected";
}

/* Sets the state of the tenants that update_state() leaves out: those of
 * switches that do not run this application now. */
static void
check_switches(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        const char *why = why_not_running(row);

        for (size_t j = 0; why && j < row->n_tenants; j++) {
            set_state(row->tenants[j], "down", why);
        }
    }
}

static void
tenant_run(void)
{
    update_states();
    if (time_msec() >= check_switches_at) {
        check_switches_at = LLONG_MAX;
        if (config_get()) {
            check_switches(config_get());
        }
    }
}

static void
tenant_wait(void)
{
    if (!ovs_list_is_empty(&dirty)) {
        poll_immediate_wake();
    }
    if (check_switches_at != LLONG_MAX) {
        poll_timer_wait_until(check_switches_at);
    }
}

/* Commands. */

static void
show_port(const struct ofswitch *sw, const char *role, const char *name,
          struct ds *out)
{
    ofp_port_t port = ofswitch_port_by_name(sw, name);

    ds_put_format(out, "  %s: %s", role, name);
    if (port != OFPP_NONE) {
        ds_put_format(out, " (port %"PRIu32")", port);
    } else {
        ds_put_cstr(out, " (no such port)");
    }
    ds_put_char(out, '\n');
}

static void
show_tenant(const struct ofswitch *sw, const struct tasukirec_tenant *row,
            struct ds *out)
{
    struct ds missing = DS_EMPTY_INITIALIZER;
    struct found_ports found = find_ports(sw, row, &missing);
    char name[TENANT_PORT_NAME_SIZE];
    struct nat64 n = { .direction = NAT64_4TO6 };
    struct in6_addr prefix;

    tenant_get_prefix(row, &n);
    memcpy(&prefix, n.prefix, sizeof prefix);

    ds_put_format(out, "%s on %s: %s\n", row->name, ofswitch_name(sw),
                  is_up(&found) ? "up" : "down");
    ds_destroy(&missing);
    show_port(sw, "lan", tenant_lan_port(row, name), out);
    show_port(sw, "service", row->service, out);
    if (row->native6) {
        show_port(sw, "native6", row->native6, out);
    }
    ds_put_cstr(out, "  prefix: ");
    ipv6_format_addr(&prefix, out);
    ds_put_format(out, "/%d\n", n.prefix_len);
    if (tenant_mtu(row)) {
        ds_put_format(out, "  mtu: %d\n", tenant_mtu(row));
    }
    ds_put_format(out, "  flows: cookie=%#"PRIx64",table=%d\n",
                  tenant_cookie(&row->header_.uuid), PIPE_ZONE);
}

struct show {
    const char *name;           /* Null for all. */
    struct ds out;
};

static void
show_switch(struct ofswitch *sw, void *show_)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);
    const struct tasukirec_tenant **rows = tenants_by_name(row);
    struct show *show = show_;

    for (size_t i = 0; i < row->n_tenants; i++) {
        if ((!show->name || !strcmp(show->name, rows[i]->name))
            && !is_refused(rows[i])) {
            show_tenant(sw, rows[i], &show->out);
        }
    }
    free(rows);
}

static void
tenant_show(struct unixctl_conn *conn, int argc, const char *argv[],
            void *aux OVS_UNUSED)
{
    struct show show = {
        .name = argc > 1 ? argv[1] : NULL,
        .out = DS_EMPTY_INITIALIZER,
    };

    ofswitch_for_each(PIPE_APP_TENANT, show_switch, &show);
    if (show.name && !show.out.length) {
        unixctl_command_reply_error(conn, "no such tenant on a connected "
                                    "switch");
    } else {
        unixctl_command_reply(conn, ds_cstr(&show.out));
    }
    ds_destroy(&show.out);
}

/* Process life. */

static const struct app_command tenant_commands[] = {
    { "tenant/show", "[tenant]", 0, 1, tenant_show, NULL },
    { .name = NULL },
};

static void
count_tenants(struct ofswitch *sw, void *usage)
{
    simap_increase(usage, "tenants", ofswitch_row(sw)->n_tenants);
}

static void
tenant_memory_usage(struct simap *usage)
{
    ofswitch_for_each(PIPE_APP_TENANT, count_tenants, usage);
}

static void
tenant_destroy_all(void)
{
    forget_all();
    hmap_destroy(&tenants);
    hmap_destroy(&tenant_ports);
    hmap_destroy(&sites);
    hmapx_destroy(&refused);
    free(changes);
    changes = NULL;
}

const struct app_class tenant_app = {
    .name = "tenant",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_TENANT,
    .stages = { { .table = PIPE_ZONE, .n_tables = 1, .closed = true } },
    .commands = tenant_commands,
    .destroy = tenant_destroy_all,
    .check_rows = tenant_check_rows,
    .kept_errors = &tasukirec_table_tenant,
    .configure = tenant_configure,
    .is_ready = tenant_is_ready,
    .must_stay = tenant_must_stay,
    .switch_up = tenant_switch_up,
    .switch_down = tenant_switch_down,
    .declare_flows = tenant_declare_flows,
    .declare_cookie = tenant_declare_cookie,
    .port_zone = tenant_port_zone,
    .port_named = note_tenants_with_port,
    .ovs_port_changed = note_ports_changed,
    .run = tenant_run,
    .wait = tenant_wait,
    .memory_usage = tenant_memory_usage,
};
