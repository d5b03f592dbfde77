/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handover.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "conn.h"
#include "coverage.h"
#include "flows.h"
#include "icmp.h"
#include "neigh.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "pair.h"
#include "service-check.h"
#include "service-config.h"
#include "show.h"
#include "simap.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

COVERAGE_DEFINE(handover_connection);
COVERAGE_DEFINE(handover_kept);
COVERAGE_DEFINE(handover_moved);
COVERAGE_DEFINE(handover_drop);

#define MAX_HELD_BYTES_DEFAULT (64 * 1024 * 1024)
#define MAX_CONNECTIONS_DEFAULT 100000

struct handover_limits handover_limits = {
    .held = { .max = MAX_HELD_BYTES_DEFAULT },
    .max_in_progress = MAX_CONNECTIONS_DEFAULT,
};

/* What the database says, for switches that come later. */
static struct service_config **configs;
static size_t n_configs;

const char *
handover_counter_name(enum handover_counter counter)
{
    static const char *const names[] = {
#define HANDOVER_COUNTER_NAME(ENUMERATOR, NAME, DESCRIPTION) NAME,
        HANDOVER_COUNTERS(HANDOVER_COUNTER_NAME)
#undef HANDOVER_COUNTER_NAME
    };

    return names[counter];
}

const char *
handover_counter_description(enum handover_counter counter)
{
    static const char *const descriptions[] = {
#define HANDOVER_COUNTER_DESCRIPTION(ENUMERATOR, NAME, DESCRIPTION) \
        DESCRIPTION,
        HANDOVER_COUNTERS(HANDOVER_COUNTER_DESCRIPTION)
#undef HANDOVER_COUNTER_DESCRIPTION
    };

    return descriptions[counter];
}

void
handover_count(struct hswitch *hsw, struct service *service,
               enum handover_counter counter)
{
    if (service) {
        service->counters[counter]++;
    } else {
        hsw->counters[counter]++;
    }

    if (counter == HC_CONNECTIONS) {
        COVERAGE_INC(handover_connection);
    } else if (counter == HC_KEPT) {
        COVERAGE_INC(handover_kept);
    } else if (counter == HC_MOVED) {
        COVERAGE_INC(handover_moved);
    } else if (counter >= HC_DROP_NOT_TCP) {
        COVERAGE_INC(handover_drop);
    }
}

void
hswitch_pass(struct hswitch *hsw, const struct dp_packet *packet,
             ofp_port_t in_port)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(&ofpacts);

    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = PIPE_MIRROR;
    ofswitch_packet_out(hsw->ofsw, packet, in_port, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

void
hswitch_send(struct hswitch *hsw, struct dp_packet *packet, ofp_port_t port)
{
    if (port != OFPP_NONE) {
        ofswitch_output(hsw->ofsw, packet, port);
    } else {
        hswitch_pass(hsw, packet, OFPP_CONTROLLER);
    }
    dp_packet_delete(packet);
}

/* Callbacks. */

static struct hswitch *
hswitch_from_ofswitch(const struct ofswitch *ofsw)
{
    return ofswitch_get_data(ofsw, PIPE_APP_HANDOVER);
}

static void
free_configs(void)
{
    for (size_t i = 0; i < n_configs; i++) {
        service_config_unref(configs[i]);
    }
    free(configs);
    configs = NULL;
    n_configs = 0;
}

static void
destroy(void)
{
    free_configs();
}

static void
configure_switch(struct ofswitch *ofsw, void *aux OVS_UNUSED)
{
    services_configure(hswitch_from_ofswitch(ofsw), configs, n_configs);
}

static void
configure(const struct tasukirec_tasuki *root)
{
    free_configs();
    configs = handover_config_read(root, &n_configs);

    handover_limits.held.max = (root && root->n_max_held_bytes
                                ? *root->max_held_bytes
                                : MAX_HELD_BYTES_DEFAULT);
    handover_limits.max_in_progress
        = (root && root->n_max_connections
           ? MIN(*root->max_connections, UINT32_MAX)
           : MAX_CONNECTIONS_DEFAULT);
    ofswitch_for_each(PIPE_APP_HANDOVER, configure_switch, NULL);
}

static void
switch_up(struct ofswitch *ofsw)
{
    struct hswitch *hsw = xzalloc(sizeof *hsw);

    hsw->ofsw = ofsw;
    ovs_list_init(&hsw->services);
    hmap_init(&hsw->vips);
    hmap_init(&hsw->members);
    conns_init(hsw);
    pairs_init(hsw);
    neigh_init(hsw);
    ofswitch_set_data(ofsw, PIPE_APP_HANDOVER, hsw);
    services_configure(hsw, configs, n_configs);
}

/* Nothing is lost: connections that the switch forwards are in its flows. */
static void
switch_down(struct ofswitch *ofsw)
{
    struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    conns_destroy(hsw);
    pairs_destroy(hsw);
    services_destroy(hsw);
    neigh_destroy(hsw);
    hmap_destroy(&hsw->vips);
    hmap_destroy(&hsw->members);
    free(hsw);
    ofswitch_set_data(ofsw, PIPE_APP_HANDOVER, NULL);
}

static void
declare_flows(struct ofswitch *ofsw, struct flow_set *flows)
{
    flow_declare(hswitch_from_ofswitch(ofsw), flows);
}

static bool
adopt_flow(struct ofswitch *ofsw, const struct ofputil_flow_stats *fs)
{
    return conn_adopt_flow(hswitch_from_ofswitch(ofsw), fs);
}

static void
adopt_done(struct ofswitch *ofsw)
{
    conn_adopt_done(hswitch_from_ofswitch(ofsw));
}

static void
packet_in(struct ofswitch *ofsw, const struct packet_in *pi)
{
    struct hswitch *hsw = hswitch_from_ofswitch(ofsw);
    const struct flow *flow = &pi->flow;

    if (flow->dl_type == htons(ETH_TYPE_ARP)) {
        neigh_handle_arp(hsw, pi);
        return;
    }

    if (flow->nw_proto == IPPROTO_ICMP) {
        icmp_from_network(hsw, pi);
        return;
    }

    struct service *service = service_lookup(hsw, flow->nw_dst, flow->tp_dst);
    if (service) {
        conn_from_client(hsw, service, pi);
        return;
    }
    struct member *m = member_lookup_next(hsw, flow->nw_src, flow->tp_src,
                                          NULL);
    if (m) {
        conn_from_server(hsw, m, pi);
        return;
    }

    /* Of a service that was just removed. */
    handover_count(hsw, NULL, HC_DROP_ORPHAN);
}

static void
flow_removed(struct ofswitch *ofsw, const struct ofputil_flow_removed *fr)
{
    conn_flow_removed(hswitch_from_ofswitch(ofsw), fr);
}

static void
port_status(struct ofswitch *ofsw, const struct ofputil_port_status *ps)
{
    bool live = (ps->reason != OFPPR_DELETE
                 && !(ps->desc.state & OFPUTIL_PS_LINK_DOWN));

    services_port_changed(hswitch_from_ofswitch(ofsw), ps->desc.port_no,
                          live);
}

static void
flow_failed(struct ofswitch *ofsw, uint64_t cookie)
{
    conn_flow_failed(hswitch_from_ofswitch(ofsw), cookie);
}

static void
run_switch(struct ofswitch *ofsw, void *aux OVS_UNUSED)
{
    struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    services_run(hsw);
    neigh_run(hsw);
}

static void
run(void)
{
    conns_run();
    ofswitch_for_each(PIPE_APP_HANDOVER, run_switch, NULL);
}

static void
wait_switch(struct ofswitch *ofsw, void *aux OVS_UNUSED)
{
    struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    services_wait(hsw);
    neigh_wait(hsw);
}

static void
wait(void)
{
    conns_wait();
    ofswitch_for_each(PIPE_APP_HANDOVER, wait_switch, NULL);
}

static void
memory_usage_switch(struct ofswitch *ofsw, void *usage)
{
    const struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    simap_increase(usage, "connections", hmap_count(&hsw->conns));
    simap_increase(usage, "pairs", hmap_count(&hsw->pairs));
    simap_increase(usage, "neighbors", hmap_count(&hsw->neighs));
}

static void
memory_usage(struct simap *usage)
{
    ofswitch_for_each(PIPE_APP_HANDOVER, memory_usage_switch, usage);
    simap_increase(usage, "held_bytes", handover_limits.held.used);
    simap_increase(usage, "in_progress", handover_limits.n_in_progress);
}

static void
check_rows(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_services; i++) {
        const struct tasukirec_service *service = cfg->services[i];

        config_refuse_row(&service->header_.uuid,
                          row_check_service(cfg, service));
        for (size_t j = 0; j < service->n_servers; j++) {
            config_refuse_row(&service->servers[j]->header_.uuid,
                              row_check_server(service, service->servers[j]));
        }
        for (size_t j = 0; j < service->n_rules; j++) {
            config_refuse_row(&service->rules[j]->header_.uuid,
                              row_check_rule(service, service->rules[j]));
        }
    }
}

const struct app_class handover_app = {
    .name = "handover",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_HANDOVER,
    .stage = { .table = PIPE_SERVICE, .n_tables = 1 },
    .commands = handover_commands,
    .destroy = destroy,
    .check_rows = check_rows,
    .configure = configure,
    .switch_up = switch_up,
    .switch_down = switch_down,
    .declare_flows = declare_flows,
    .adopt_flow = adopt_flow,
    .adopt_done = adopt_done,
    .packet_in = packet_in,
    .flow_removed = flow_removed,
    .port_status = port_status,
    .flow_failed = flow_failed,
    .run = run,
    .wait = wait,
    .memory_usage = memory_usage,
};
