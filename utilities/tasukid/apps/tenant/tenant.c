/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>

#include "flow.h"
#include "openflow/openflow.h"
#include "openvswitch/dynamic-string.h"
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
 * each of them as IPv6 link-local, on an interface of its own.
 *
 * Each has a port towards its LAN, one towards the service for what is
 * translated, and perhaps one for the IPv6 that is native to the LAN, and five
 * flows in PIPE_ZONE:
 *
 *     LAN, IPv4 or ARP    nat64(4to6), output to the service (two flows)
 *     service, IPv6       nat64(6to4), output to the LAN
 *     LAN, IPv6           output to native6
 *     native6, IPv6       output to the LAN
 *
 * A tenant's frames go to its own ports or nowhere: no other flow takes them,
 * and what misses in PIPE_ZONE is dropped, so that neither a frame of another
 * kind nor a port whose flows are not there yet leaks.  Frames with a VLAN tag
 * match none of the five.  Ports that are no tenant's have a flow each that
 * sends their packets on to the other applications, and those do not flood to
 * the tenants' ports (see 'port_zone'). */

#define PIPE_APP_TENANT 0x57

#define PRIO_TENANT 10
#define PRIO_OTHERS 1

/* One switch. */
struct tenant_switch {
    struct simap ports;         /* Those that tenants have: names to zones. */
    struct sset up;             /* Names of tenants that are. */
};

static uint64_t ports_seqno;    /* ovs_ports_seqno() when last declared. */

/* How long a switch may be gone before its tenants are called down, in msec:
 * its flows stay in place when tasukid starts anew or the connection breaks. */
#define SWITCH_GRACE 5000

/* When to look which switches are not there, in msec, or LLONG_MAX. */
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

/* Returns true if 'port' is neither a tenant's nor was one's that still has
 * to go: other applications may have it. */
static bool
is_open(const struct ofswitch *sw, const struct ofputil_phy_port *port)
{
    return (!simap_contains(&tenant_switch_get(sw)->ports, port->name)
            && ovs_ports_is_free(ofswitch_datapath_id(sw), port->name));
}

static uint32_t
tenant_port_zone(const struct ofswitch *sw, ofp_port_t port_no)
{
    const struct ofputil_phy_port *port = ofswitch_port(sw, port_no);

    if (!port || is_open(sw, port)) {
        return 0;
    }
    return simap_contains(&tenant_switch_get(sw)->ports, port->name)
           ? simap_get(&tenant_switch_get(sw)->ports, port->name)
           : PIPE_ZONE_NONE;
}

/* Flows. */

/* Finds the flows of a tenant among all others. */
static uint64_t
tenant_cookie(const struct tasukirec_tenant *row)
{
    const struct uuid *uuid = &row->header_.uuid;
    uint64_t id = (uint64_t) uuid->parts[0] << 32 | uuid->parts[1];

    return PIPE_COOKIE(PIPE_APP_TENANT, id & ~PIPE_COOKIE_MASK);
}

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
    flow_set_add(flows, PIPE_APP_TENANT, tenant_cookie(row), PIPE_ZONE,
                 PRIO_TENANT, &match, &ofpacts);
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

/* Returns the number of port 'name' of 'column'.  If there is no such port for
 * tenants, returns OFPP_NONE and appends why to 'missing'. */
static ofp_port_t
find_port(const struct ofswitch *sw, const char *column, const char *name,
          struct ds *missing)
{
    ofp_port_t port = ofswitch_port_by_name(sw, name);
    uint64_t dpid = ofswitch_datapath_id(sw);

    if (ovs_ports_is_foreign(dpid, name)) {
        port = OFPP_NONE;
    }
    if (port == OFPP_NONE) {
        const char *why = ovs_ports_problem(dpid, name);

        ds_put_format(missing, "%s%s: %s%s", missing->length ? "; " : "",
                      column, why ? why : "no port ", why ? "" : name);
    }
    return port;
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
    char name[TENANT_PORT_NAME_SIZE];
    ofp_port_t lan = find_port(sw, "lan", tenant_lan_port(row, name),
                               &missing);
    ofp_port_t service = find_port(sw, "service", row->service, &missing);
    bool up = lan != OFPP_NONE && service != OFPP_NONE;

    if (up) {
        declare_translation(sw, flows, row, lan, service);
    }
    if (row->native6) {
        ofp_port_t native6 = find_port(sw, "native6", row->native6, &missing);

        if (lan != OFPP_NONE && native6 != OFPP_NONE) {
            declare_path(sw, flows, row, lan, ETH_TYPE_IPV6, NULL, native6);
            declare_path(sw, flows, row, native6, ETH_TYPE_IPV6, NULL, lan);
        }
    }
    if (up) {
        sset_add(&tenant_switch_get(sw)->up, row->name);
    }
    set_state(row, up ? "up" : "down", ds_cstr_ro(&missing));
    ds_destroy(&missing);
}

static void
declare_other_port(struct ofswitch *sw, const struct ofputil_phy_port *port,
                   void *flows)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    if (!is_open(sw, port)) {
        return;
    }
    match_init_catchall(&match);
    match_set_in_port(&match, port->port_no);
    ofpact_put_GOTO_TABLE(&ofpacts)->table_id = pipeline_next(sw, PIPE_ZONE);
    flow_set_add(flows, PIPE_APP_TENANT, PIPE_COOKIE(PIPE_APP_TENANT, 0),
                 PIPE_ZONE, PRIO_OTHERS, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Returns the zone of the tenant whose LAN is behind 'port': that port's number,
 * which is as good as any, and the same when tasukid starts anew. */
static uint32_t
zone_of_lan(ofp_port_t port)
{
    return port == OFPP_NONE ? PIPE_ZONE_NONE : ofp_to_u16(port);
}

/* Notes what ports the tenants of 'sw' have.  Also those of a row that is
 * refused, as nobody can have meant them to be open to everybody else. */
static void
note_ports(struct ofswitch *sw)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);
    struct simap *ports = &tenant_switch_get(sw)->ports;

    simap_clear(ports);
    for (size_t i = 0; i < row->n_tenants; i++) {
        const struct tasukirec_tenant *tenant = row->tenants[i];
        char buf[TENANT_PORT_NAME_SIZE];
        const char *lan = tenant_lan_port(tenant, buf);
        uint32_t zone = zone_of_lan(ofswitch_port_by_name(sw, lan));

        simap_put(ports, lan, zone);
        simap_put(ports, tenant->service, zone);
        if (tenant->native6) {
            simap_put(ports, tenant->native6, zone);
        }
    }
}

static void
tenant_declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);

    note_ports(sw);
    sset_clear(&tenant_switch_get(sw)->up);
    for (size_t i = 0; i < row->n_tenants; i++) {
        if (is_refused(row->tenants[i])) {
            set_state(row->tenants[i], NULL, NULL);
        } else {
            declare_tenant(sw, row->tenants[i], flows);
        }
    }
    ofswitch_for_each_port(sw, declare_other_port, flows);
}

/* Ports. */

static void
want_ports(const struct tasukirec_tenant *row, struct shash *ports)
{
    char name[TENANT_PORT_NAME_SIZE];

    if (row->tunnel_type) {
        bool gre = !strcmp(row->tunnel_type, "gre");
        struct smap *options = ovs_ports_add(ports, tenant_lan_port(row, name),
                                             row->name,
                                             gre ? "gre" : "vxlan");

        tenant_tunnel_options(row, options);
    } else {
        ovs_ports_add(ports, row->lan, row->name, "");
    }
    ovs_ports_add(ports, row->service, row->name, "");
    if (row->native6) {
        ovs_ports_add(ports, row->native6, row->name, "");
    }
}

/* What the tasukid before this one said about a tenant holds until this one
 * knows better. */
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

/* A switch whose row is refused, or that is not connected, keeps its ports: to
 * create them anew would interrupt all its tenants once that is mended. */
static void
tenant_configure(const struct tasukirec_tasuki *cfg)
{
    if (!cfg) {
        ovs_ports_forget();
        return;
    }

    ovs_ports_begin();
    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        bool runs = tenant_runs_on(row);
        uint64_t dpid;

        if ((runs || row->n_tenants)
            && dpid_from_string(row->datapath_id, &dpid)) {
            struct shash *ports = ovs_ports_want(row->ovsdb, dpid, runs);

            for (size_t j = 0; runs && j < row->n_tenants; j++) {
                if (!is_refused(row->tenants[j])) {
                    adopt_state(row->tenants[j]);
                    want_ports(row->tenants[j], ports);
                }
            }
        }
    }
    ovs_ports_end();
    check_switches_at = time_msec() + SWITCH_GRACE;
}

/* Switches. */

/* Until it is known which ports are tenants', what the switch does had better
 * not change. */
static bool
tenant_is_ready(const struct ofswitch *sw)
{
    return ovs_ports_are_known(ofswitch_datapath_id(sw));
}

/* As long as tenants' ports are there, nobody else may have them. */
static bool
tenant_must_stay(const struct ofswitch *sw)
{
    return ovs_ports_has_ours(ofswitch_datapath_id(sw));
}

static void
tenant_switch_up(struct ofswitch *sw)
{
    struct tenant_switch *ts = xmalloc(sizeof *ts);

    simap_init(&ts->ports);
    sset_init(&ts->up);
    ofswitch_set_data(sw, PIPE_APP_TENANT, ts);
    note_ports(sw);
}

static void
tenant_switch_down(struct ofswitch *sw)
{
    struct tenant_switch *ts = tenant_switch_get(sw);

    simap_destroy(&ts->ports);
    sset_destroy(&ts->up);
    free(ts);
    check_switches_at = time_msec() + SWITCH_GRACE;
}

struct dpid_search {
    uint64_t dpid;
    const struct ofswitch *found;
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
static const struct ofswitch *
find_switch(uint64_t dpid)
{
    struct dpid_search search = { .dpid = dpid };

    ofswitch_for_each(PIPE_APP_TENANT, compare_dpid, &search);
    return search.found;
}

/* Nobody knows what ports a switch has that is not connected. */
static bool
switch_may_have_port(uint64_t dpid, const char *name)
{
    const struct ofswitch *sw = find_switch(dpid);

    return !sw || ofswitch_port_by_name(sw, name) != OFPP_NONE;
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

/* Sets the state of tenants for which declare_tenant() will not. */
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
redeclare(struct ofswitch *sw, void *aux OVS_UNUSED)
{
    ofswitch_zones_changed(sw);
}

static void
tenant_run(void)
{
    ovs_ports_run(switch_may_have_port);
    if (ports_seqno != ovs_ports_seqno()) {
        ports_seqno = ovs_ports_seqno();
        ofswitch_for_each(PIPE_APP_TENANT, redeclare, NULL);
        poll_immediate_wake();
    }
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
    ovs_ports_wait();
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
    char name[TENANT_PORT_NAME_SIZE];
    struct nat64 n = { .direction = NAT64_4TO6 };
    struct in6_addr prefix;

    tenant_get_prefix(row, &n);
    memcpy(&prefix, n.prefix, sizeof prefix);

    ds_put_format(out, "%s on %s: %s\n", row->name, ofswitch_name(sw),
                  sset_contains(&tenant_switch_get(sw)->up, row->name)
                  ? "up" : "down");
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
                  tenant_cookie(row), PIPE_ZONE);
}

struct show {
    const char *name;           /* Null for all. */
    struct ds out;
};

static void
show_switch(struct ofswitch *sw, void *show_)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);
    const struct tasukirec_tenant **tenants = tenants_by_name(row);
    struct show *show = show_;

    for (size_t i = 0; i < row->n_tenants; i++) {
        if ((!show->name || !strcmp(show->name, tenants[i]->name))
            && !is_refused(tenants[i])) {
            show_tenant(sw, tenants[i], &show->out);
        }
    }
    free(tenants);
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
    { NULL },
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

/* Checks tenants that are in use already first, so that no row that somebody
 * adds takes what they have.  The database has forgotten which they are when
 * its server was started anew, and we when we were. */
static void
check_tenants(const struct tasukirec_switch *sw)
{
    struct shash claims = SHASH_INITIALIZER(&claims);

    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < sw->n_tenants; i++) {
            const struct tasukirec_tenant *row = sw->tenants[i];
            bool has_state = (config_get_status(&row->header_.uuid, "state")
                              || smap_get(&row->status, "state"));

            if (has_state == in_use) {
                config_refuse_row(&row->header_.uuid,
                                  row_check_tenant(&claims, row));
            }
        }
    }
    shash_destroy(&claims);
}

static void
tenant_check_rows(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        config_refuse_row(&cfg->switches[i]->header_.uuid,
                          row_check_tenant_switch(cfg->switches[i]));
        check_tenants(cfg->switches[i]);
    }
}

const struct app_class tenant_app = {
    .name = "tenant",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_TENANT,
    .stage = { .table = PIPE_ZONE, .n_tables = 1, .closed = true },
    .commands = tenant_commands,
    .destroy = ovs_ports_destroy,
    .check_rows = tenant_check_rows,
    .configure = tenant_configure,
    .is_ready = tenant_is_ready,
    .must_stay = tenant_must_stay,
    .switch_up = tenant_switch_up,
    .switch_down = tenant_switch_down,
    .declare_flows = tenant_declare_flows,
    .port_zone = tenant_port_zone,
    .run = tenant_run,
    .wait = tenant_wait,
    .memory_usage = tenant_memory_usage,
};
