/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tenant.h"

#include "coverage.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "row.h"
#include "util.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(tenant);

COVERAGE_DEFINE(tenant_state);

/* The tenants whose state may have to change. */
static struct ovs_list dirty = OVS_LIST_INITIALIZER(&dirty);

void
tenant_state_changed(struct tenant *t)
{
    if (ovs_list_is_empty(&t->dirty_node)) {
        ovs_list_push_back(&dirty, &t->dirty_node);
    }
}

bool
tenant_states_are_old(void)
{
    return !ovs_list_is_empty(&dirty);
}

static void
set_state(const struct tasukirec_tenant *row, const char *state,
          const char *reason)
{
    const struct uuid *uuid = &row->header_.uuid;
    const char *old_state = config_get_status(uuid, "state");
    const char *old_reason = config_get_status(uuid, "reason");
    char lan_port[TENANT_PORT_NAME_SIZE];

    if (tenant_is_refused(row)) {
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
update_state(const struct tenant *t)
{
    const struct ofswitch *sw = tenants_find_switch(t->dpid);

    COVERAGE_INC(tenant_state);
    if (tenant_is_refused(t->row)) {
        set_state(t->row, NULL, NULL);
    } else if (sw) {
        struct ds missing = DS_EMPTY_INITIALIZER;
        struct tenant_found_ports found = tenant_find_ports(sw, t->row,
                                                            &missing);

        set_state(t->row, tenant_is_up(&found) ? "up" : "down",
                  ds_cstr_ro(&missing));
        ds_destroy(&missing);
    }
}

void
tenant_update_states(void)
{
    while (!ovs_list_is_empty(&dirty)) {
        struct ovs_list *node = ovs_list_pop_front(&dirty);

        ovs_list_init(node);
        update_state(CONTAINER_OF(node, struct tenant, dirty_node));
    }
}

void
tenant_adopt_state(const struct tenant *t)
{
    static const char *const keys[] = { "state", "reason", "lan_port" };

    if (!tenant_runs(t) || config_get_status(&t->uuid, "state")) {
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *value = smap_get(&t->row->status, keys[i]);

        if (value) {
            config_set_status(&t->uuid, keys[i], "%s", value);
        }
    }
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
    return tenants_find_switch(dpid) ? NULL : "the switch is not connected";
}

void
tenant_check_switches(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        const char *why = why_not_running(row);

        for (size_t j = 0; why && j < row->n_tenants; j++) {
            set_state(row->tenants[j], "down", why);
        }
    }
}
