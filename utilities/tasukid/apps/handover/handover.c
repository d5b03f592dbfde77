/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handover.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "dp-packet.h"
#include "flows.h"
#include "neigh.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "service-check.h"
#include "service-config.h"
#include "show.h"
#include "simap.h"
#include "smap.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/conn.h"
#include "utilities/tasukid/apps/handover/engine/service.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(handover);

#define MAX_HELD_BYTES_DEFAULT (64 * 1024 * 1024)
#define MAX_CONNECTIONS_DEFAULT 100000

struct engine_shared handover_shared = {
    .held = { .max = MAX_HELD_BYTES_DEFAULT },
    .max_in_progress = MAX_CONNECTIONS_DEFAULT,
    .next_id = 1,
};

/* What the database says, for switches that come later. */
static struct service_config **configs;
static size_t n_configs;

/* Returns true if 'packet', IPv4 that came in on 'in_port', goes to a service's
 * address: then the mirror has looked at it already. */
static bool
is_to_service(const struct hswitch *hsw, const struct dp_packet *packet,
              ofp_port_t in_port)
{
    const struct ip_header *ip = dp_packet_l3(packet);

    return (ip && dp_packet_l3_size(packet) >= sizeof *ip
            && service_lookup_vip(&hsw->engine,
                                  ofswitch_port_zone(hsw->ofsw, in_port),
                                  get_16aligned_be32(&ip->ip_dst)));
}

/* What the engine asks for. */

static void
send_packet(struct engine *e, struct dp_packet *packet, ofp_port_t port,
            bool to_server)
{
    const struct pipeline_notes notes = { .egress = port, .seen = to_server };

    ofswitch_inject(hswitch_from_engine(e)->ofsw, dp_packet_data(packet),
                    dp_packet_size(packet), OFPP_CONTROLLER, PIPE_MIRROR,
                    &notes);
    dp_packet_delete(packet);
}

static void
pass_packet(struct engine *e, const struct dp_packet *packet,
            ofp_port_t in_port)
{
    struct hswitch *hsw = hswitch_from_engine(e);
    uint64_t stub[128 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpact_resubmit *resubmit;

    if (is_to_service(hsw, packet, in_port)) {
        pipeline_put_seen(&ofpacts);
    }
    resubmit = ofpact_put_RESUBMIT(&ofpacts);
    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = PIPE_MIRROR;
    ofswitch_packet_out(hsw->ofsw, packet, in_port, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
forward_packet(struct engine *e, const struct entry *entry,
               const struct dp_packet *packet, ofp_port_t in_port)
{
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    if (entry->kind == ENTRY_TO_SERVER) {
        pipeline_put_seen(&ofpacts);
    }
    flow_put_actions(entry, in_port, &ofpacts);
    ofswitch_packet_out(hswitch_from_engine(e)->ofsw, packet, in_port,
                        &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
install(struct engine *e, const struct entry *entry)
{
    flow_install(hswitch_from_engine(e)->ofsw, entry);
}

static void
remove_entry(struct engine *e, const struct entry *entry)
{
    flow_remove(hswitch_from_engine(e)->ofsw, entry);
}

static void
remove_id(struct engine *e, uint64_t id, bool watched)
{
    flow_remove_id(hswitch_from_engine(e)->ofsw, id, watched);
}

static void
barrier(struct engine *e)
{
    ofswitch_barrier(hswitch_from_engine(e)->ofsw);
}

static void
redeclare(struct engine *e, bool by_packet)
{
    struct ofswitch *ofsw = hswitch_from_engine(e)->ofsw;

    if (by_packet) {
        ofswitch_redeclare_soon(ofsw, PIPE_APP_HANDOVER);
    } else {
        ofswitch_redeclare(ofsw, PIPE_APP_HANDOVER);
    }
}

static bool
has_moved(struct engine *e, const struct service *service, ovs_be32 ip,
          const struct place *old, const struct place *new,
          ovs_be16 vlan_tci)
{
    return neigh_has_moved(hswitch_from_engine(e), service, ip, old, new,
                           vlan_tci);
}

static void
check_member(struct engine *e, struct member *m, const struct place *place)
{
    neigh_check_member(hswitch_from_engine(e), m, place);
}

static void
probe_member(struct engine *e, struct member *m, bool everywhere)
{
    neigh_probe_member(hswitch_from_engine(e), m, everywhere);
}

static ofp_port_t
find_port(struct engine *e, const struct member *m, const char *name)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);
    const struct ofswitch *ofsw = hswitch_from_engine(e)->ofsw;
    ofp_port_t port = ofswitch_port_from_string(ofsw, name);

    if (port == OFPP_NONE) {
        VLOG_WARN_RL(&rl, "service %s: server %s: %s has no port \"%s\"",
                     m->service->cfg->name, m->name, ofswitch_name(ofsw),
                     name);
    }
    return port;
}

static void
tell(struct engine *e, const struct conn *conn, enum conn_news news)
{
    static const uint32_t what[] = {
        [CONN_HAS_BEGUN] = EVENT_CONN_BEGUN,
        [CONN_HAS_MOVED] = EVENT_CONN_MOVED,
        [CONN_HAS_ENDED] = EVENT_CONN_ENDED,
    };
    const struct service_config *cfg = conn->service->cfg;
    const struct event_conn event = {
        .what = what[news],
        .zone = cfg->zone,
        .client = conn->client,
        .service = cfg->vip,
        .client_port = conn->client_tp,
        .service_port = cfg->port,
        .server = conn->member ? conn->member->address : 0,
        .server_port = conn->member ? conn->member->tp_port : 0,
        .server_ofport = conn->member ? conn->member_port : OFPP_NONE,
    };

    event_publish(hswitch_from_engine(e)->ofsw, &event_conn, &event);
}

static void
show_state(struct engine *e OVS_UNUSED, const struct member *m,
           const char *state)
{
    config_set_status(&m->uuid, "state", "%s", state);
}

static const struct engine_ops engine_ops = {
    .send = send_packet,
    .pass = pass_packet,
    .forward = forward_packet,
    .install = install,
    .remove = remove_entry,
    .remove_id = remove_id,
    .barrier = barrier,
    .redeclare = redeclare,
    .has_moved = has_moved,
    .check_member = check_member,
    .probe_member = probe_member,
    .find_port = find_port,
    .show_state = show_state,
    .tell = tell,
};

/* Callbacks. */

/* Returns the application's data for a switch, and tells the engine the
 * time. */
static struct hswitch *
hswitch_from_ofswitch(const struct ofswitch *ofsw)
{
    struct hswitch *hsw = ofswitch_get_data(ofsw, PIPE_APP_HANDOVER);

    hsw->engine.now = time_msec();
    return hsw;
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
handle_port(struct ofswitch *ofsw, const void *event_, void *aux OVS_UNUSED)
{
    const struct event_port *event = event_;
    struct engine *e = &hswitch_from_ofswitch(ofsw)->engine;

    if (event->what & (EVENT_PORT_GONE | EVENT_PORT_DOWN)) {
        engine_port_changed(e, event->port, false);
    }
    if (event->up) {
        engine_port_changed(e, event->port, true);
    }
}

static void
handle_neighbour(struct ofswitch *ofsw, const void *event,
                 void *aux OVS_UNUSED)
{
    neigh_handle_event(hswitch_from_ofswitch(ofsw), event);
}

static void
init(void)
{
    /* Leaves room for 256 connections a millisecond. */
    handover_shared.next_id = (uint64_t) time_wall_msec() << 8;
    event_subscribe(PIPE_APP_HANDOVER, &event_port, handle_port, NULL);
    event_subscribe(PIPE_APP_HANDOVER, &event_neighbour, handle_neighbour,
                    NULL);
}

static void
destroy(void)
{
    event_unsubscribe(PIPE_APP_HANDOVER, &event_port, handle_port, NULL);
    event_unsubscribe(PIPE_APP_HANDOVER, &event_neighbour, handle_neighbour,
                      NULL);
    free_configs();
}

static void
configure_switch(struct ofswitch *ofsw, void *aux OVS_UNUSED)
{
    engine_configure(&hswitch_from_ofswitch(ofsw)->engine, configs, n_configs);
}

static void
configure(const struct tasukirec_tasuki *root)
{
    free_configs();
    configs = handover_config_read(root, &n_configs);

    handover_shared.held.max = (root && root->n_max_held_bytes
                                ? *root->max_held_bytes
                                : MAX_HELD_BYTES_DEFAULT);
    handover_shared.max_in_progress
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
    engine_init(&hsw->engine, &engine_ops, &handover_shared);
    hsw->engine.now = time_msec();
    neigh_init(hsw);
    ofswitch_set_data(ofsw, PIPE_APP_HANDOVER, hsw);
    engine_configure(&hsw->engine, configs, n_configs);
}

/* Nothing is lost: the switch's flows hold the connections that it
 * forwards. */
static void
switch_down(struct ofswitch *ofsw)
{
    struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    engine_destroy(&hsw->engine);
    neigh_destroy(hsw);
    free(hsw);
    ofswitch_set_data(ofsw, PIPE_APP_HANDOVER, NULL);
}

static void
declare_flows(struct ofswitch *ofsw, struct flow_set *flows)
{
    flow_declare(hswitch_from_ofswitch(ofsw), flows);
}

static void
list_addresses(const struct ofswitch *ofsw, app_address_func *cb, void *aux)
{
    const struct engine *e = &hswitch_from_ofswitch(ofsw)->engine;
    const struct service *service;

    LIST_FOR_EACH (service, node, &e->services) {
        const struct service_config *cfg = service->cfg;

        /* Once for each address. */
        if (service_lookup_vip(e, cfg->zone, cfg->vip) == service) {
            struct in6_addr addr;

            in6_addr_set_mapped_ipv4(&addr, cfg->vip);
            cb(cfg->zone, &addr, aux);
        }
    }
}

static bool
adopt_flow(struct ofswitch *ofsw, const struct ofputil_flow_stats *fs)
{
    struct entry entry;

    flow_parse(fs, &entry);
    return engine_adopt(&hswitch_from_ofswitch(ofsw)->engine, &entry,
                        fs->duration_sec * 1000LL);
}

static void
adopt_done(struct ofswitch *ofsw)
{
    size_t n = engine_adopt_done(&hswitch_from_ofswitch(ofsw)->engine);

    if (n) {
        VLOG_INFO("%s: adopted %"PRIuSIZE" connections", ofswitch_name(ofsw),
                  n);
    }
}

/* A segment that does not parse is counted for the service whose address and
 * port it has. */
static void
handle_segment(struct hswitch *hsw, const struct packet_in *pi)
{
    struct segment_in in = {
        .zone = pi->zone,
        .port = pi->flow.in_port.ofp_port,
        .packet = pi->packet,
    };

    in.error = tcp_segment_parse(pi->packet, &in.seg);
    if (in.error) {
        in.seg.ip_src = pi->flow.nw_src;
        in.seg.ip_dst = pi->flow.nw_dst;
        in.seg.tp_src = pi->flow.tp_src;
        in.seg.tp_dst = pi->flow.tp_dst;
    }
    engine_segment(&hsw->engine, &in);
}

static void
packet_in(struct ofswitch *ofsw, const struct packet_in *pi)
{
    struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    if (pi->flow.dl_type == htons(ETH_TYPE_ARP)) {
        neigh_handle_arp(hsw, pi);
    } else if (pi->flow.nw_proto == IPPROTO_ICMP) {
        engine_icmp(&hsw->engine, pi->zone, pi->packet);
    } else {
        handle_segment(hsw, pi);
    }
}

static void
flow_removed(struct ofswitch *ofsw, const struct ofputil_flow_removed *fr)
{
    long long int quiet_ms = (fr->reason == OFPRR_IDLE_TIMEOUT
                              ? fr->idle_timeout * 1000LL : 0);
    struct entry entry;

    flow_parse_removed(fr, &entry);
    engine_entry_removed(&hswitch_from_ofswitch(ofsw)->engine, &entry,
                         quiet_ms, fr->byte_count);
}

static void
flow_failed(struct ofswitch *ofsw, uint64_t cookie)
{
    engine_entry_failed(&hswitch_from_ofswitch(ofsw)->engine,
                        flow_conn_id(cookie), flow_is_watch(cookie));
}

static void
run_switch(struct ofswitch *ofsw, void *aux OVS_UNUSED)
{
    struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    engine_run(&hsw->engine);
    neigh_run(hsw);
}

static void
run(void)
{
    ofswitch_for_each(PIPE_APP_HANDOVER, run_switch, NULL);
}

static void
wait_switch(struct ofswitch *ofsw, void *aux OVS_UNUSED)
{
    struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    engine_wait(&hsw->engine);
    neigh_wait(hsw);
}

static void
wait(void)
{
    ofswitch_for_each(PIPE_APP_HANDOVER, wait_switch, NULL);
}

static void
memory_usage_switch(struct ofswitch *ofsw, void *usage)
{
    const struct hswitch *hsw = hswitch_from_ofswitch(ofsw);

    simap_increase(usage, "connections", hmap_count(&hsw->engine.conns));
    simap_increase(usage, "pairs", hmap_count(&hsw->engine.pairs));
}

static void
memory_usage(struct simap *usage)
{
    ofswitch_for_each(PIPE_APP_HANDOVER, memory_usage_switch, usage);
    simap_increase(usage, "held_bytes", handover_shared.held.used);
    simap_increase(usage, "in_progress", handover_shared.n_in_progress);
}

static const struct service_config *
find_config(const struct tasukirec_service *row)
{
    for (size_t i = 0; i < n_configs; i++) {
        if (uuid_equals(&configs[i]->uuid, &row->header_.uuid)) {
            return configs[i];
        }
    }
    return NULL;
}

/* After a start, what an earlier run left in the database says which rows are
 * in use. */
static bool
has_state(const struct tasukirec_server *row)
{
    return smap_get(&row->status, "state") != NULL;
}

static bool
service_is_used(const struct tasukirec_service *row)
{
    const struct service_config *cfg = find_config(row);
    ovs_be32 vip;

    if (cfg) {
        return (!strcmp(cfg->name, row->name) && cfg->port == htons(row->port)
                && ip_parse(row->address, &vip) && cfg->vip == vip);
    }
    for (size_t i = 0; !n_configs && i < row->n_servers; i++) {
        if (has_state(row->servers[i])) {
            return true;
        }
    }
    return false;
}

static bool
server_is_used(const struct tasukirec_service *service,
               const struct tasukirec_server *row)
{
    const struct service_config *cfg = find_config(service);

    for (size_t i = 0; cfg && i < cfg->n_members; i++) {
        if (uuid_equals(&cfg->members[i].uuid, &row->header_.uuid)) {
            return handover_config_has_server(cfg, i, row);
        }
    }
    return !n_configs && has_state(row);
}

static void
check_rows(const struct tasukirec_tasuki *cfg)
{
    static const struct service_check check = {
        .service_is_used = service_is_used,
        .server_is_used = server_is_used,
        .refuse = config_refuse_row,
    };

    service_check_rows(cfg, &check);
}

const struct app_class handover_app = {
    .name = "handover",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_HANDOVER,
    .stages = { { .table = PIPE_SERVICE, .n_tables = 1 } },
    .commands = handover_commands,
    .init = init,
    .destroy = destroy,
    .check_rows = check_rows,
    .configure = configure,
    .switch_up = switch_up,
    .switch_down = switch_down,
    .declare_flows = declare_flows,
    .adopt_flow = adopt_flow,
    .adopt_done = adopt_done,
    .list_addresses = list_addresses,
    .packet_in = packet_in,
    .flow_removed = flow_removed,
    .flow_failed = flow_failed,
    .run = run,
    .wait = wait,
    .memory_usage = memory_usage,
};
