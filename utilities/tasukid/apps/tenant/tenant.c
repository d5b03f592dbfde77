/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tenant.h"

#include "openvswitch/ofp-port.h"
#include "openvswitch/poll-loop.h"
#include "simap.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/ovs-ports.h"
#include "utilities/tasukid/tasuki-idl.h"

/* How long a switch may be gone before its tenants count as down, in msec.
 * Its flows stay in place when tasukid starts anew or the connection
 * breaks. */
#define SWITCH_GRACE 5000

/* When to look which switches are missing, in msec, or LLONG_MAX. */
static long long int check_switches_at = LLONG_MAX;

/* What may have to be declared anew. */

/* Something about 't' has changed, or about one of its ports. */
static void
note_tenant(struct tenant *t)
{
    struct ofswitch *sw = tenants_find_switch(t->dpid);

    tenant_state_changed(t);
    if (sw) {
        ofswitch_redeclare_cookie(sw, t->cookie);
        for (size_t i = 0; i < t->n_ports; i++) {
            tenant_note_port(sw, t->ports[i].name);
        }
    }
}

static void
note_tenants_with_port(struct ofswitch *sw, const char *name)
{
    tenants_for_each_with_port(ofswitch_datapath_id(sw), name, note_tenant);
    tenant_note_port(sw, name);
}

static void
note_open_port(struct ofswitch *sw, const struct ofputil_phy_port *port,
               void *aux OVS_UNUSED)
{
    tenant_note_port(sw, port->name);
}

/* Everything about 'sw' may be new. */
static void
note_all(struct ofswitch *sw)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);

    ofswitch_for_each_port(sw, note_open_port, NULL);
    for (size_t i = 0; i < row->n_tenants; i++) {
        struct tenant *t = tenants_find(
            tenant_cookie(&row->tenants[i]->header_.uuid));

        if (t) {
            note_tenant(t);
        }
    }
}

static void
note_ports_changed(uint64_t dpid, const char *name)
{
    struct ofswitch *sw = tenants_find_switch(dpid);

    if (sw && name) {
        note_tenants_with_port(sw, name);
    } else if (sw) {
        note_all(sw);
    }
    poll_immediate_wake();
}

/* Configuration. */

/* Notes what has to be declared or published anew because of 'c'. */
static void
note_change(const struct tenant_change *c)
{
    struct ofswitch *sw = tenants_find_switch(c->tenant->dpid);

    for (size_t i = 0; sw && i < c->n_ports; i++) {
        tenant_note_port(sw, c->ports[i]);
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
    struct tenant_change *changes;
    size_t n_changes;

    if (!cfg) {
        tenants_forget();
        return;
    }

    changes = tenants_changes(&n_changes);
    for (size_t i = 0; i < n_changes; i++) {
        tenant_adopt_state(changes[i].tenant);
    }
    if (tenants_sites_changed()) {
        tenant_want_all_ports(cfg);
    } else if (n_changes) {
        tenant_want_changed_ports();
    }
    for (size_t i = 0; i < n_changes; i++) {
        note_change(&changes[i]);
    }
    tenants_end_changes();
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

static void
tenant_run(void)
{
    tenant_update_states();
    if (time_msec() >= check_switches_at) {
        check_switches_at = LLONG_MAX;
        if (config_get()) {
            tenant_check_switches(config_get());
        }
    }
}

static void
tenant_wait(void)
{
    if (tenant_states_are_old()) {
        poll_immediate_wake();
    }
    if (check_switches_at != LLONG_MAX) {
        poll_timer_wait_until(check_switches_at);
    }
}

/* Process life. */

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

const struct app_class tenant_app = {
    .name = "tenant",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_TENANT,
    .stages = { { .table = PIPE_ZONE, .n_tables = 1, .closed = true } },
    .commands = tenant_commands,
    .destroy = tenants_destroy,
    .check_rows = tenants_check_rows,
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
