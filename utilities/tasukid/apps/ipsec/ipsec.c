/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ipsec.h"

#include <limits.h>
#include <stdlib.h>

#include "byte-order.h"
#include "group.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "row.h"
#include "smap.h"
#include "status.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/requests.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(ipsec);

/* When to look at switches that do not run the application: their connection
 * may be about to come. */
#define SWITCH_GRACE 5000
static long long int check_switches_at = LLONG_MAX;

#define METER_TIMEOUT 10000

struct ipsec_switch *
ipsec_switch_get(const struct ofswitch *sw)
{
    return ofswitch_get_data(sw, PIPE_APP_IPSEC);
}

/* Rows. */

/* Checks groups that are in use first, so that no new row takes what they
 * have.  The database forgets which they are when its server is restarted, and
 * tasukid when it is restarted itself. */
static void
check_switch(const struct tasukirec_switch *sw)
{
    const struct tasukirec_ipsec_group **rows = ipsec_groups_by_name(sw);
    struct shash accepted = SHASH_INITIALIZER(&accepted);

    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < sw->n_ipsec_groups; i++) {
            const struct uuid *uuid = &rows[i]->header_.uuid;

            if (in_use == (config_get_status(uuid, "state")
                           || smap_get(&rows[i]->status, "state"))) {
                config_refuse_row(uuid, row_check_ipsec_group(sw, &accepted,
                                                              rows[i]));
            }
        }
    }
    shash_destroy(&accepted);
    free(rows);
}

static void
ipsec_check_rows(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        check_switch(cfg->switches[i]);
    }
}

static const struct tasukirec_ipsec_group *
find_row(const struct tasukirec_switch *sw, const struct uuid *uuid)
{
    for (size_t i = 0; i < sw->n_ipsec_groups; i++) {
        if (uuid_equals(&sw->ipsec_groups[i]->header_.uuid, uuid)
            && !config_get_status(uuid, "error")) {
            return sw->ipsec_groups[i];
        }
    }
    return NULL;
}

static void
write_status(struct ofswitch *sw, void *aux OVS_UNUSED)
{
    struct ipsec_group *g;

    HMAP_FOR_EACH (g, node, &ipsec_switch_get(sw)->groups) {
        ipsec_status_write(g);
    }
}

static void
read_groups(struct ipsec_switch *is, const struct tasukirec_switch *row)
{
    struct ipsec_group *g;

    HMAP_FOR_EACH_SAFE (g, node, &is->groups) {
        if (!find_row(row, &g->uuid)) {
            ipsec_group_destroy(g);
        }
    }
    for (size_t i = 0; i < row->n_ipsec_groups; i++) {
        const struct tasukirec_ipsec_group *group = row->ipsec_groups[i];

        if (config_get_status(&group->header_.uuid, "error")) {
            ipsec_status_clear(&group->header_.uuid);
        } else {
            g = ipsec_group_of(is, &group->header_.uuid);
            if (g) {
                ipsec_group_update(g, group);
            } else {
                ipsec_group_create(is, group);
            }
        }
    }
}

static void
configure_switch(struct ofswitch *sw, void *aux OVS_UNUSED)
{
    const struct tasukirec_switch *row
        = config_find_switch(ofswitch_datapath_id(sw));

    if (row) {
        read_groups(ipsec_switch_get(sw), row);
    }
}

static bool
row_exists(const struct uuid *uuid)
{
    return config_find_row(&tasukirec_table_ipsec_group, uuid) != NULL;
}

static void
ipsec_configure(const struct tasukirec_tasuki *cfg)
{
    if (cfg) {
        ofswitch_for_each(PIPE_APP_IPSEC, configure_switch, NULL);
        ofswitch_for_each(PIPE_APP_IPSEC, write_status, NULL);
    }
    ipsec_maps_keep_only(row_exists);
    check_switches_at = time_msec() + SWITCH_GRACE;
}

/* The meter. */

static void
meter_added(struct ofswitch *sw, const struct request_reply *reply,
            void *aux OVS_UNUSED)
{
    struct ipsec_switch *is = ipsec_switch_get(sw);

    if (reply->status == REQUEST_GONE) {
        return;
    }
    is->has_meter = (reply->status == REQUEST_DONE
                     || reply->error == OFPERR_OFPMMFC_METER_EXISTS);
    if (!is->has_meter) {
        VLOG_WARN("%s: no meter for samples (%s), so nothing is rebalanced",
                  ofswitch_name(sw),
                  reply->error ? ofperr_to_string(reply->error) : "timeout");
    }
    ofswitch_redeclare(sw, PIPE_APP_IPSEC);
    write_status(sw, NULL);
}

/* A meter that a tasukid before this one has added is as good. */
static void
add_meter(struct ofswitch *sw)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP,
        .rate = IPSEC_METER_RATE,
        .burst_size = IPSEC_METER_RATE / 4,
    };
    const struct ofputil_meter_mod mm = {
        .command = OFPMC13_ADD,
        .meter = {
            .meter_id = PIPE_ID(PIPE_APP_IPSEC, 0),
            .flags = OFPMF13_PKTPS | OFPMF13_BURST,
            .n_bands = 1,
            .bands = &band,
        },
    };
    enum ofp_version version = ofswitch_version(sw);

    if (version < OFP13_VERSION
        || !request_send(sw, PIPE_APP_IPSEC,
                         ofputil_encode_meter_mod(version, &mm), 0,
                         METER_TIMEOUT, meter_added, NULL)) {
        VLOG_WARN("%s: no meter for samples, so nothing is rebalanced",
                  ofswitch_name(sw));
    }
}

/* Life. */

static void
ipsec_switch_up(struct ofswitch *sw)
{
    struct ipsec_switch *is = xzalloc(sizeof *is);

    is->sw = sw;
    hmap_init(&is->groups);
    ofswitch_set_data(sw, PIPE_APP_IPSEC, is);
    add_meter(sw);
    read_groups(is, ofswitch_row(sw));
    write_status(sw, NULL);
}

static void
ipsec_switch_down(struct ofswitch *sw)
{
    struct ipsec_switch *is = ipsec_switch_get(sw);
    struct ipsec_group *g;

    HMAP_FOR_EACH_SAFE (g, node, &is->groups) {
        ipsec_maps_keep(g);
        ipsec_group_destroy(g);
    }
    hmap_destroy(&is->groups);
    free(is);
    ofswitch_set_data(sw, PIPE_APP_IPSEC, NULL);
    check_switches_at = time_msec() + SWITCH_GRACE;
}

static bool
exists_no_more(const struct uuid *uuid OVS_UNUSED)
{
    return false;
}

static void
ipsec_destroy(void)
{
    ipsec_maps_keep_only(exists_no_more);
}

/* Flows. */

static void
ipsec_declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    struct ipsec_group *g;

    HMAP_FOR_EACH (g, node, &ipsec_switch_get(sw)->groups) {
        ipsec_group_declare(g, flows);
    }
}

static void
ipsec_declare_cookie(struct ofswitch *sw, uint64_t cookie,
                     struct flow_set *flows)
{
    const struct ipsec_group *g = ipsec_group_find(ipsec_switch_get(sw),
                                                   cookie);

    if (g) {
        ipsec_group_declare(g, flows);
    }
}

static bool
ipsec_adopt_flow(struct ofswitch *sw, const struct ofputil_flow_stats *fs)
{
    struct ipsec_group *g = ipsec_group_find(ipsec_switch_get(sw),
                                             ntohll(fs->cookie));

    return g && ipsec_group_adopt(g, fs);
}

static void
ipsec_adopt_done(struct ofswitch *sw)
{
    ipsec_switch_get(sw)->adopted = true;
    ofswitch_redeclare(sw, PIPE_APP_IPSEC);
    write_status(sw, NULL);
}

static void
ipsec_flow_failed(struct ofswitch *sw, uint64_t cookie)
{
    struct ipsec_group *g = ipsec_group_find(ipsec_switch_get(sw), cookie);

    if (g) {
        g->refused = true;
        ipsec_status_write(g);
    }
}

static void
ipsec_packet_in(struct ofswitch *sw, const struct packet_in *pi)
{
    struct ipsec_group *g = ipsec_group_find(ipsec_switch_get(sw), pi->cookie);

    if (g) {
        ipsec_group_sample(g, pi);
    }
}

/* Ports. */

static void
handle_port(struct ofswitch *sw, const void *event OVS_UNUSED,
            void *aux OVS_UNUSED)
{
    write_status(sw, NULL);
}

static void
ipsec_init(void)
{
    event_subscribe(PIPE_APP_IPSEC, &event_port, handle_port, NULL);
}

/* Switches that do not run the application. */

struct dpid_search {
    uint64_t dpid;
    bool found;
};

static void
compare_dpid(struct ofswitch *sw, void *search_)
{
    struct dpid_search *search = search_;

    search->found |= ofswitch_datapath_id(sw) == search->dpid;
}

static bool
runs_on(uint64_t dpid)
{
    struct dpid_search search = { .dpid = dpid };

    ofswitch_for_each(PIPE_APP_IPSEC, compare_dpid, &search);
    return search.found;
}

static void
ipsec_run(void)
{
    const struct tasukirec_tasuki *cfg = config_get();

    if (time_msec() < check_switches_at) {
        return;
    }
    check_switches_at = LLONG_MAX;
    for (size_t i = 0; cfg && i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        uint64_t dpid;

        if (dpid_from_string(row->datapath_id, &dpid) && !runs_on(dpid)) {
            ipsec_status_write_down(row);
        }
    }
}

static void
ipsec_wait(void)
{
    if (check_switches_at != LLONG_MAX) {
        poll_timer_wait_until(check_switches_at);
    }
}

const struct app_class ipsec_app = {
    .name = "ipsec",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_IPSEC,
    .stages = { { .table = PIPE_IPSEC, .n_tables = 1, .taps = true } },
    .commands = ipsec_commands,
    .init = ipsec_init,
    .destroy = ipsec_destroy,
    .check_rows = ipsec_check_rows,
    .configure = ipsec_configure,
    .switch_up = ipsec_switch_up,
    .switch_down = ipsec_switch_down,
    .declare_flows = ipsec_declare_flows,
    .declare_cookie = ipsec_declare_cookie,
    .adopt_flow = ipsec_adopt_flow,
    .adopt_done = ipsec_adopt_done,
    .packet_in = ipsec_packet_in,
    .packet_excess = ipsec_packet_in,
    .flow_failed = ipsec_flow_failed,
    .run = ipsec_run,
    .wait = ipsec_wait,
};
