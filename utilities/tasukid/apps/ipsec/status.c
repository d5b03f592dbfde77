/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "status.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine.h"
#include "group.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/vlog.h"
#include "row.h"
#include "util.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(ipsec_status);

/* The skew is written again when it has changed by so much. */
#define SKEW_STEP 0.05

static void
set_state(const struct uuid *uuid, const char *name, const char *state,
          const char *reason)
{
    const char *old_state = config_get_status(uuid, "state");
    const char *old_reason = config_get_status(uuid, "reason");

    if (!old_state || strcmp(old_state, state)
        || strcmp(old_reason ? old_reason : "", reason)) {
        VLOG_INFO("IPsec group %s: %s%s%s", name, state,
                  reason[0] ? ", " : "", reason);
    }
    config_set_status(uuid, "state", "%s", state);
    config_set_status(uuid, "reason", reason[0] ? "%s" : NULL, reason);
}

static void
clear_balance(const struct uuid *uuid)
{
    config_set_status(uuid, "skew", NULL);
    config_set_status(uuid, "moves", NULL);
}

static void
write_balance(const struct ipsec_group *g)
{
    const char *old = config_get_status(&g->uuid, "skew");
    double skew = balance_skew(g->balance);

    if (!old || fabs(strtod(old, NULL) - skew) >= SKEW_STEP) {
        config_set_status(&g->uuid, "skew", "%.2f", skew);
    }
    config_set_status(&g->uuid, "moves", "%"PRIu64, g->n_moves);
}

void
ipsec_status_write(const struct ipsec_group *g)
{
    struct ds reason = DS_EMPTY_INITIALIZER;
    bool up = ipsec_group_is_up(g, &reason);

    set_state(&g->uuid, g->name, up ? "up" : "down", ds_cstr(&reason));
    ds_destroy(&reason);
    if (g->balance) {
        write_balance(g);
    } else {
        clear_balance(&g->uuid);
    }
}

void
ipsec_status_clear(const struct uuid *uuid)
{
    config_set_status(uuid, "state", NULL);
    config_set_status(uuid, "reason", NULL);
    clear_balance(uuid);
}

void
ipsec_status_write_down(const struct tasukirec_switch *row)
{
    const char *why = (config_get_status(&row->header_.uuid, "error")
                       ? "the switch is refused"
                       : !ipsec_runs_on(row)
                       ? "application \"ipsec\" does not run on the switch"
                       : "the switch is not connected");

    for (size_t i = 0; i < row->n_ipsec_groups; i++) {
        const struct tasukirec_ipsec_group *group = row->ipsec_groups[i];
        const struct uuid *uuid = &group->header_.uuid;

        if (config_get_status(uuid, "error")) {
            ipsec_status_clear(uuid);
        } else {
            clear_balance(uuid);
            set_state(uuid, group->name, "down", why);
        }
    }
}
