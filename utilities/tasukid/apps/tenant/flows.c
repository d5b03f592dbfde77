/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tenant.h"

#include <netinet/in.h>

#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "row.h"
#include "tasuki-nat64.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

#define PRIO_TENANT 10
#define PRIO_OTHERS 1

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

static void
declare_tenant(struct ofswitch *sw, const struct tasukirec_tenant *row,
               struct flow_set *flows)
{
    struct ds missing = DS_EMPTY_INITIALIZER;
    struct tenant_found_ports found = tenant_find_ports(sw, row, &missing);

    if (tenant_is_up(&found)) {
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

void
tenant_declare_cookie(struct ofswitch *sw, uint64_t cookie,
                      struct flow_set *flows)
{
    if (cookie == COOKIE_OPEN) {
        declare_open_ports(sw, flows);
    } else {
        const struct tenant *t = tenants_find(cookie);

        if (t && t->dpid == ofswitch_datapath_id(sw)
            && !tenant_is_refused(t->row)) {
            declare_tenant(sw, t->row, flows);
        }
    }
}

void
tenant_declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);

    for (size_t i = 0; i < row->n_tenants; i++) {
        if (!tenant_is_refused(row->tenants[i])) {
            declare_tenant(sw, row->tenants[i], flows);
        }
    }
    declare_open_ports(sw, flows);
}
