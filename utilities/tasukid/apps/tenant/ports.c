/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tenant.h"

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-port.h"
#include "packets.h"
#include "row.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/ovs-ports.h"
#include "utilities/tasukid/tasuki-idl.h"

struct tenant_switch *
tenant_switch_get(const struct ofswitch *sw)
{
    return ofswitch_get_data(sw, PIPE_APP_TENANT);
}

/* Returns true if other applications may have port 'name': it is no tenant's,
 * and no former tenant's port that still has to go. */
static bool
is_open(const struct ofswitch *sw, const char *name)
{
    uint64_t dpid = ofswitch_datapath_id(sw);

    return (!tenants_find_port_owner(dpid, name)
            && ovs_ports_is_free(PIPE_APP_TENANT, dpid, name));
}

uint32_t
tenant_port_zone(const struct ofswitch *sw, ofp_port_t port_no)
{
    const struct ofputil_phy_port *port = ofswitch_port(sw, port_no);
    const struct tenant *owner;
    ofp_port_t lan;

    if (!port || is_open(sw, port->name)) {
        return 0;
    }
    owner = tenants_find_port_owner(ofswitch_datapath_id(sw), port->name);
    lan = (owner ? ofswitch_port_by_name(sw, owner->ports[0].name)
           : OFPP_NONE);
    return lan == OFPP_NONE ? PIPE_ZONE_NONE : ofp_to_u16(lan);
}

void
tenant_note_port(struct ofswitch *sw, const char *name)
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

/* Which ports a tenant has. */

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

struct tenant_found_ports
tenant_find_ports(const struct ofswitch *sw,
                  const struct tasukirec_tenant *row, struct ds *missing)
{
    char name[TENANT_PORT_NAME_SIZE];
    struct tenant_found_ports found = { .native6 = OFPP_NONE };

    found.lan = find_port(sw, "lan", tenant_lan_port(row, name), missing);
    found.service = find_port(sw, "service", row->service, missing);
    if (row->native6) {
        found.native6 = find_port(sw, "native6", row->native6, missing);
    }
    return found;
}

bool
tenant_is_up(const struct tenant_found_ports *found)
{
    return found->lan != OFPP_NONE && found->service != OFPP_NONE;
}

/* Which ports there should be. */

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

static void
want_tenant(const struct tenant *t)
{
    if (tenant_runs(t)) {
        want_ports(t->row, ovs_ports_want(PIPE_APP_TENANT, t->sw->ovsdb,
                                          t->dpid, true));
    }
}

/* A switch whose row is refused, or that is not connected, keeps its ports.
 * Otherwise creating them anew later would interrupt all its tenants. */
void
tenant_want_all_ports(const struct tasukirec_tasuki *cfg)
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
        want_tenant(t);
    }
    ovs_ports_end(PIPE_APP_TENANT);
}

void
tenant_want_changed_ports(void)
{
    size_t n_changes;
    const struct tenant_change *changes = tenants_changes(&n_changes);

    ovs_ports_begin(PIPE_APP_TENANT, false);
    for (size_t i = 0; i < n_changes; i++) {
        const struct tenant_change *c = &changes[i];
        const struct tenant *t = c->tenant;

        for (size_t j = 0; j < c->n_ports && t->dpid; j++) {
            ovs_ports_remove(ovs_ports_want(PIPE_APP_TENANT, t->sw->ovsdb,
                                            t->dpid, tenant_runs_on(t->sw)),
                             c->ports[j], c->name);
        }
    }
    for (size_t i = 0; i < n_changes; i++) {
        want_tenant(changes[i].tenant);
    }
    ovs_ports_end(PIPE_APP_TENANT);
}
