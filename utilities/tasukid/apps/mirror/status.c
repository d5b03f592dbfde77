/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "status.h"

#include <inttypes.h>
#include <string.h>

#include "capture.h"
#include "mirror.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "skips.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/ovs-ports.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(mirror_status);

/* What a tunnel adds to a frame: Ethernet is inside. */
#define VXLAN_LEN (8 + 8)       /* UDP and VXLAN: RFC 7348. */
#define ERSPAN_LEN (8 + 8)      /* GRE with sequence number, ERSPAN II. */

/* The longest frame that links usually have. */
#define USUAL_FRAME (ETH_HEADER_LEN + 1500)

/* Returns why there is no port for copies, or null. */
static const char *
find_port_problem(const struct mirror_switch *ms, const struct policy *p)
{
    uint64_t dpid = ofswitch_datapath_id(ms->sw);
    const char *name = p->target.port;

    if (p->target.kind != MIRROR_TO_PORT
        && (ofswitch_port_by_name(ms->sw, name) == OFPP_NONE
            || ovs_ports_is_foreign(PIPE_APP_MIRROR, dpid, name))) {
        return ovs_ports_problem(PIPE_APP_MIRROR, dpid, name);
    }
    return NULL;
}

static bool
target_is_up(const struct mirror_switch *ms, const struct policy *p,
             struct ds *reason)
{
    ofp_port_t port = ofswitch_port_by_name(ms->sw, p->target.port);
    const struct ofputil_phy_port *desc = ofswitch_port(ms->sw, port);
    const char *problem = find_port_problem(ms, p);

    if (problem) {
        ds_put_format(reason, "to: %s", problem);
    } else if (!desc) {
        ds_put_format(reason, "to: no port %s", p->target.port);
    } else if (ofswitch_port_zone(ms->sw, port) != PIPE_ZONE_NONE) {
        ds_put_format(reason, "to: port %s belongs to another application",
                      p->target.port);
    } else if (desc->config & OFPUTIL_PC_PORT_DOWN
               || desc->state & OFPUTIL_PS_LINK_DOWN) {
        ds_put_format(reason, "to: port %s is down", p->target.port);
    } else if (p->target.kind == MIRROR_TO_FILE
               && (problem = capture_problem(p->target.port))) {
        ds_put_format(reason, "to: %s", problem);
    } else {
        return true;
    }
    return false;
}

static bool
tenant_is_up(const struct mirror_switch *ms, const struct policy *p,
             struct ds *reason)
{
    if (p->tenant && !mirror_policy_zone(ms->sw, p)) {
        ds_put_format(reason, "tenant: no ports of tenant %s", p->tenant);
        return false;
    }
    return true;
}

/* A copy that is too long for the tunnel's path is lost, and nobody tells the
 * sender of the packet. */
static void
check_mtu(const struct mirror_switch *ms, const struct policy *p,
          struct ds *reason)
{
    int mtu = (p->target.remote
               ? ovs_ports_egress_mtu(ofswitch_datapath_id(ms->sw),
                                      p->target.port) : 0);
    int room = mtu - ((strchr(p->target.remote ? p->target.remote : "", ':')
                       ? IPV6_HEADER_LEN : IP_HEADER_LEN)
                      + (p->target.kind == MIRROR_TO_VXLAN ? VXLAN_LEN
                         : ERSPAN_LEN));

    if (mtu && room < USUAL_FRAME) {
        ds_put_format(reason, "to: frames of more than %d bytes do not fit "
                      "into the tunnel, whose packets leave with an MTU of "
                      "%d", room, mtu);
    }
}

bool
mirror_policy_is_up(const struct mirror_switch *ms, const struct policy *p,
                    struct ds *reason)
{
    const char *problem;

    if (!target_is_up(ms, p, reason) || !tenant_is_up(ms, p, reason)) {
        return false;
    }
    if (!p->in_effect) {
        ds_put_cstr(reason, "the switch is being told");
        return false;
    }
    check_mtu(ms, p, reason);
    if (!reason->length && p->events && (problem = skips_problem(p->name))) {
        ds_put_format(reason, "events: %s", problem);
    }
    return true;
}

static void
set_status(const struct uuid *uuid, const char *key, const char *value)
{
    if (value && value[0]) {
        config_set_status(uuid, key, "%s", value);
    } else {
        config_set_status(uuid, key, NULL);
    }
}

static void
set_state(const struct uuid *uuid, const char *name, const char *state,
          const char *reason, const char *port)
{
    const char *old_state = config_get_status(uuid, "state");
    const char *old_reason = config_get_status(uuid, "reason");

    if (!old_state || strcmp(old_state, state)
        || strcmp(old_reason ? old_reason : "", reason)) {
        VLOG_INFO("mirror %s: %s%s%s", name, state, reason[0] ? ", " : "",
                  reason);
    }
    set_status(uuid, "state", state);
    set_status(uuid, "reason", reason);
    set_status(uuid, "port", port);
}

void
mirror_status_write(const struct mirror_switch *ms)
{
    POLICY_FOR_EACH (i, p, &ms->set) {
        struct ds reason = DS_EMPTY_INITIALIZER;
        bool up = mirror_policy_is_up(ms, p, &reason);

        set_state(&p->uuid, p->name, up ? "up" : "down", ds_cstr(&reason),
                  p->target.port);
        ds_destroy(&reason);
    }
}

void
mirror_status_write_down(const struct tasukirec_switch *row)
{
    const char *why = (config_get_status(&row->header_.uuid, "error")
                       ? "the switch is refused"
                       : !mirror_runs_on(row)
                       ? "application \"mirror\" does not run on the switch"
                       : "the switch is not connected");

    for (size_t i = 0; i < row->n_mirrors; i++) {
        const struct tasukirec_mirror_policy *mirror = row->mirrors[i];
        const struct uuid *uuid = &mirror->header_.uuid;

        if (config_get_status(uuid, "error")) {
            set_status(uuid, "state", NULL);
            set_status(uuid, "reason", NULL);
            set_status(uuid, "port", NULL);
        } else {
            set_state(uuid, mirror->name, "down", why, NULL);
        }
    }
}
