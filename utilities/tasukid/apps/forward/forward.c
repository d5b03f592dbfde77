/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "forward.h"

#include <inttypes.h>

#include "byte-order.h"
#include "coverage.h"
#include "flows.h"
#include "hash.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "simap.h"
#include "smap.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(forward);

COVERAGE_DEFINE(forward_learned);
COVERAGE_DEFINE(forward_moved);
COVERAGE_DEFINE(forward_aged);
COVERAGE_DEFINE(forward_evicted);
COVERAGE_DEFINE(forward_rate_limited);

/* The learning switch.  It has two tables, so that N hosts take 2N flows, not
 * N^2, and no packet ever waits for tasukid:
 *
 *     PIPE_FORWARD      in_port=P,vlan=V,eth_src=M   known where it is: go on
 *                       anything else                tell us, and go on
 *     PIPE_FORWARD_DST  vlan=V,eth_dst=M             output to P
 *                       anything else                flood
 *
 * When a host has moved, its source flow does not match, so its first packet
 * from the new port tells us.  The source flow times out when the host has
 * been silent for long enough, and then the destination flow is deleted, too.
 *
 * In mode "normal" PIPE_FORWARD leaves all that to Open vSwitch. */

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Enough of the packet to see the addresses behind a stack of VLAN tags. */
#define MISS_LEN 64

/* Addresses that may be learned per millisecond, and at once.  Packets from
 * further addresses are forwarded all the same. */
#define LEARN_RATE 1
#define LEARN_BURST 4096

/* If an address still misses this long after its flows were sent, the switch
 * has lost them, and they are sent again. */
#define RELEARN_SECONDS 2

#define MIN_AGING_TIME 15
#define MAX_AGING_TIME 3600

/* A destination flow found in the switch. */
struct found_dst {
    struct hmap_node node;
    struct eth_addr mac;
    uint16_t vlan;
    ofp_port_t port;
};

struct forward *
forward_get(const struct ofswitch *sw)
{
    return ofswitch_get_data(sw, PIPE_APP_FORWARD);
}

/* mac_learning keeps a pointer per entry.  Here it is the port number, and
 * never null, as no port has number 0. */
ofp_port_t
forward_entry_port(const struct mac_learning *ml, const struct mac_entry *e)
    OVS_REQ_RDLOCK(ml->rwlock)
{
    void *port = mac_entry_get_port(ml, e);

    return (OVS_FORCE ofp_port_t) (uintptr_t) port;
}

static void
set_entry_port(struct mac_learning *ml, struct mac_entry *e, ofp_port_t port)
    OVS_REQ_WRLOCK(ml->rwlock)
{
    mac_entry_set_port(ml, e, (void *) (OVS_FORCE uintptr_t) port);
}

/* The table of addresses. */

static void
publish_host(struct ofswitch *sw, uint32_t what, struct eth_addr mac,
             uint16_t vlan, ofp_port_t port)
{
    const struct event_host event = {
        .what = what,
        .vlan = vlan,
        .mac = mac,
        .port = port,
    };

    event_publish(sw, &event_host, &event);
}

static void
expire(struct ofswitch *sw, struct mac_learning *ml, struct mac_entry *e)
    OVS_REQ_WRLOCK(ml->rwlock)
{
    publish_host(sw, EVENT_HOST_GONE, e->mac, e->vlan, OFPP_NONE);
    mac_learning_expire(ml, e);
}

static void
forget(struct ofswitch *sw, struct mac_learning *ml, struct mac_entry *e)
    OVS_REQ_WRLOCK(ml->rwlock)
{
    forward_delete_src_flow(sw, e->mac, e->vlan, forward_entry_port(ml, e));
    forward_delete_dst_flow(sw, e->mac, e->vlan);
    expire(sw, ml, e);
}

/* Makes room for one more entry, at the cost of the port that has most.  If a
 * port floods us with addresses, it is that one.  (By itself mac_learning
 * would do the same, but not say whose flows to delete.) */
static void
make_room(struct ofswitch *sw, struct mac_learning *ml)
    OVS_REQ_WRLOCK(ml->rwlock)
{
    while (hmap_count(&ml->table) >= ml->max_entries) {
        struct mac_learning_port *mlport
            = CONTAINER_OF(heap_max(&ml->ports_by_usage),
                           struct mac_learning_port, heap_node);

        COVERAGE_INC(forward_evicted);
        ml->total_evicted++;
        forget(sw, ml, CONTAINER_OF(ovs_list_front(&mlport->port_lrus),
                                    struct mac_entry, port_lru_node));
    }
}

static void
learn(struct ofswitch *sw, struct mac_learning *ml, struct eth_addr mac,
      uint16_t vlan, ofp_port_t port)
    OVS_REQ_WRLOCK(ml->rwlock)
{
    struct mac_entry *e = mac_learning_lookup(ml, mac, vlan);

    if (e && forward_entry_port(ml, e) == port
        && mac_entry_age(ml, e) < RELEARN_SECONDS) {
        /* The packet was sent before our flow was in place. */
        return;
    }
    if (!token_bucket_withdraw(&forward_get(sw)->limit, 1)) {
        COVERAGE_INC(forward_rate_limited);
        return;
    }

    if (!e) {
        COVERAGE_INC(forward_learned);
        VLOG_DBG_RL(&rl, "%s: "ETH_ADDR_FMT" vlan %"PRIu16" is on port "
                    "%"PRIu32, ofswitch_name(sw), ETH_ADDR_ARGS(mac), vlan,
                    port);
        make_room(sw, ml);
        publish_host(sw, EVENT_HOST_SEEN, mac, vlan, port);
    } else if (forward_entry_port(ml, e) != port) {
        COVERAGE_INC(forward_moved);
        ml->total_moved++;
        VLOG_DBG_RL(&rl, "%s: "ETH_ADDR_FMT" vlan %"PRIu16" moves from port "
                    "%"PRIu32" to %"PRIu32, ofswitch_name(sw),
                    ETH_ADDR_ARGS(mac), vlan, forward_entry_port(ml, e), port);
        forward_delete_src_flow(sw, mac, vlan, forward_entry_port(ml, e));
        publish_host(sw, EVENT_HOST_MOVED, mac, vlan, port);
    }

    e = mac_learning_insert(ml, mac, vlan);
    set_entry_port(ml, e, port);

    /* The source flow comes last, as it ends the packet-ins. */
    forward_add_dst_flow(sw, mac, vlan, port);
    forward_add_src_flow(sw, mac, vlan, port,
                         forward_get(sw)->aging_time);
}

void
forward_flush_port(struct ofswitch *sw, ofp_port_t port)
{
    struct mac_learning *ml = forward_get(sw)->ml;
    struct mac_entry *e;
    bool any = false;

    if (!ml) {
        return;
    }

    ovs_rwlock_wrlock(&ml->rwlock);
    HMAP_FOR_EACH_SAFE (e, hmap_node, &ml->table) {
        if (port == OFPP_ANY || forward_entry_port(ml, e) == port) {
            expire(sw, ml, e);
            any = true;
        }
    }
    ovs_rwlock_unlock(&ml->rwlock);
    if (any) {
        forward_delete_port_flows(sw, port);
    }
}

static bool
port_is_up(const struct ofputil_phy_port *port)
{
    return (!(port->config & OFPUTIL_PC_PORT_DOWN)
            && !(port->state & OFPUTIL_PS_LINK_DOWN));
}

/* Application callbacks. */

static void
configure_switch(struct ofswitch *sw, void *aux OVS_UNUSED)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);
    struct forward *fwd = forward_get(sw);
    bool normal = row->forward_mode && !strcmp(row->forward_mode, "normal");

    if (normal) {
        forward_flush_port(sw, OFPP_ANY);
        mac_learning_unref(fwd->ml);
        fwd->ml = NULL;
        return;
    }

    if (!fwd->ml) {
        /* Entries go when the switch says so, never by mac_learning_run(). */
        fwd->ml = mac_learning_create(MAC_ENTRY_DEFAULT_IDLE_TIME);
    }
    fwd->aging_time = MIN(MAX(smap_get_int(&row->other_config,
                                           "mac-aging-time",
                             MAC_ENTRY_DEFAULT_IDLE_TIME),
                              MIN_AGING_TIME), MAX_AGING_TIME);
    ovs_rwlock_wrlock(&fwd->ml->rwlock);
    mac_learning_set_max_entries(fwd->ml,
                                 MAX(0, smap_get_int(&row->other_config,
                                                     "mac-table-size",
                                     MAC_DEFAULT_MAX)));
    if (hmap_count(&fwd->ml->table) > fwd->ml->max_entries) {
        make_room(sw, fwd->ml);
    }
    ovs_rwlock_unlock(&fwd->ml->rwlock);
}

static void
forward_configure(const struct tasukirec_tasuki *cfg OVS_UNUSED)
{
    ofswitch_for_each(PIPE_APP_FORWARD, configure_switch, NULL);
}

static void
forward_switch_up(struct ofswitch *sw)
{
    struct forward *fwd = xzalloc(sizeof *fwd);

    token_bucket_init(&fwd->limit, LEARN_RATE, LEARN_BURST);
    hmap_init(&fwd->found_dsts);
    ofswitch_set_data(sw, PIPE_APP_FORWARD, fwd);
    configure_switch(sw, NULL);
}

static void
clear_found_dsts(struct forward *fwd)
{
    struct found_dst *dst;

    HMAP_FOR_EACH_POP (dst, node, &fwd->found_dsts) {
        free(dst);
    }
}

static void
forward_switch_down(struct ofswitch *sw)
{
    struct forward *fwd = forward_get(sw);

    clear_found_dsts(fwd);
    hmap_destroy(&fwd->found_dsts);
    mac_learning_unref(fwd->ml);
    free(fwd);
}

static void
declare(struct flow_set *flows, uint8_t table, uint16_t priority,
        const struct match *match, struct ofpbuf *ofpacts)
{
    flow_set_add(flows, PIPE_APP_FORWARD,
                 PIPE_COOKIE(PIPE_APP_FORWARD, FORWARD_COOKIE_STATIC),
                 table, priority, match, ofpacts);
    ofpbuf_clear(ofpacts);
}

static void
forward_declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);

    if (!forward_get(sw)->ml) {
        ofpact_put_OUTPUT(&ofpacts)->port = OFPP_NORMAL;
        declare(flows, PIPE_FORWARD, FORWARD_PRIO_MISS, &match, &ofpacts);
        ofpbuf_uninit(&ofpacts);
        return;
    }

    struct ofpact_output *output = ofpact_put_OUTPUT(&ofpacts);
    output->port = OFPP_CONTROLLER;
    output->max_len = MISS_LEN;
    ofpact_put_GOTO_TABLE(&ofpacts)->table_id = PIPE_FORWARD_DST;
    declare(flows, PIPE_FORWARD, FORWARD_PRIO_MISS, &match, &ofpacts);

    ofswitch_put_flood(sw, &ofpacts);
    declare(flows, PIPE_FORWARD_DST, 0, &match, &ofpacts);

    /* IEEE 802.1D: a bridge does not forward packets to the reserved group
     * addresses. */
    match_init_catchall(&match);
    match_set_dl_dst_masked(&match,
                            (struct eth_addr) ETH_ADDR_C(01,80,c2,00,00,00),
                            (struct eth_addr) ETH_ADDR_C(ff,ff,ff,ff,ff,f0));
    declare(flows, PIPE_FORWARD, FORWARD_PRIO_RESERVED, &match, &ofpacts);

    /* A group address is never a valid source. */
    match_init_catchall(&match);
    match_set_dl_src_masked(&match,
                            (struct eth_addr) ETH_ADDR_C(01,00,00,00,00,00),
                            (struct eth_addr) ETH_ADDR_C(01,00,00,00,00,00));
    declare(flows, PIPE_FORWARD, FORWARD_PRIO_RESERVED, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static bool
adopt_src(struct ofswitch *sw, struct mac_learning *ml, struct eth_addr mac,
          uint16_t vlan, ofp_port_t port_no)
{
    const struct ofputil_phy_port *port = ofswitch_port(sw, port_no);
    bool adopted = false;

    if (!port || !port_is_up(port) || ofswitch_port_is_owned(sw, port_no)) {
        return false;
    }

    ovs_rwlock_wrlock(&ml->rwlock);
    if (mac_learning_may_learn(ml, mac, vlan)
        && !mac_learning_lookup(ml, mac, vlan)
        && hmap_count(&ml->table) < ml->max_entries) {
        set_entry_port(ml, mac_learning_insert(ml, mac, vlan), port_no);
        publish_host(sw, EVENT_HOST_SEEN, mac, vlan, port_no);
        adopted = true;
    }
    ovs_rwlock_unlock(&ml->rwlock);
    return adopted;
}

static uint32_t
hash_mac_vlan(struct eth_addr mac, uint16_t vlan)
{
    return hash_mac(mac, vlan, 0);
}

static struct found_dst *
find_dst(const struct forward *fwd, struct eth_addr mac, uint16_t vlan)
{
    struct found_dst *dst;

    HMAP_FOR_EACH_WITH_HASH (dst, node, hash_mac_vlan(mac, vlan),
                            &fwd->found_dsts) {
        if (eth_addr_equals(dst->mac, mac) && dst->vlan == vlan) {
            return dst;
        }
    }
    return NULL;
}

static bool
adopt_dst(struct forward *fwd, const struct ofputil_flow_stats *fs)
{
    const struct ofpact_output *output = ofpact_get_OUTPUT(fs->ofpacts);
    struct found_dst *dst = xmalloc(sizeof *dst);

    dst->mac = fs->match.flow.dl_dst;
    dst->vlan = forward_flow_vlan(&fs->match.flow);
    dst->port = output->port;
    hmap_insert(&fwd->found_dsts, &dst->node,
                hash_mac_vlan(dst->mac, dst->vlan));
    return true;
}

/* Learns from the flows in the switch.  Where the two tables disagree, the
 * source flows are right: see adopt_done(). */
static bool
forward_adopt_flow(struct ofswitch *sw, const struct ofputil_flow_stats *fs)
{
    struct forward *fwd = forward_get(sw);
    const struct flow *flow = &fs->match.flow;
    struct match match;

    if (!fwd->ml || fs->priority != FORWARD_PRIO_LEARNED
        || fs->cookie != htonll(PIPE_COOKIE(PIPE_APP_FORWARD,
                                            FORWARD_COOKIE_LEARNED))) {
        return false;
    }

    if (fs->table_id == PIPE_FORWARD) {
        forward_match_src(&match, flow->dl_src, forward_flow_vlan(flow),
                          flow->in_port.ofp_port);
        return (match_equal(&match, &fs->match)
                && fs->idle_timeout == fwd->aging_time
                && adopt_src(sw, fwd->ml, flow->dl_src,
                             forward_flow_vlan(flow),
                             flow->in_port.ofp_port));
    } else if (fs->table_id == PIPE_FORWARD_DST) {
        forward_match_dst(&match, flow->dl_dst, forward_flow_vlan(flow));
        return (match_equal(&match, &fs->match)
                && fs->ofpacts_len && fs->ofpacts->type == OFPACT_OUTPUT
                && ofpact_end(fs->ofpacts, fs->ofpacts_len)
                   == ofpact_next(fs->ofpacts)
                && adopt_dst(fwd, fs));
    }
    return false;
}

static void
forward_adopt_done(struct ofswitch *sw)
{
    struct forward *fwd = forward_get(sw);
    struct mac_learning *ml = fwd->ml;
    struct found_dst *dst;
    struct mac_entry *e;

    if (!ml) {
        return;
    }

    ovs_rwlock_wrlock(&ml->rwlock);
    HMAP_FOR_EACH (dst, node, &fwd->found_dsts) {
        if (!mac_learning_lookup(ml, dst->mac, dst->vlan)) {
            forward_delete_dst_flow(sw, dst->mac, dst->vlan);
        }
    }
    HMAP_FOR_EACH (e, hmap_node, &ml->table) {
        dst = find_dst(fwd, e->mac, e->vlan);
        if (!dst || dst->port != forward_entry_port(ml, e)) {
            forward_add_dst_flow(sw, e->mac, e->vlan,
                                 forward_entry_port(ml, e));
        }
    }
    ovs_rwlock_unlock(&ml->rwlock);
    clear_found_dsts(fwd);
}

static void
forward_packet_in(struct ofswitch *sw, const struct packet_in *pi)
{
    struct mac_learning *ml = forward_get(sw)->ml;
    uint16_t vlan = forward_flow_vlan(&pi->flow);

    /* A packet that tasukid itself sent through the pipeline may claim to come
     * from a port that hosts cannot be on. */
    if (!ml || !ofswitch_port(sw, pi->flow.in_port.ofp_port)) {
        return;
    }

    ovs_rwlock_wrlock(&ml->rwlock);
    if (mac_learning_may_learn(ml, pi->flow.dl_src, vlan)) {
        learn(sw, ml, pi->flow.dl_src, vlan, pi->flow.in_port.ofp_port);
    }
    ovs_rwlock_unlock(&ml->rwlock);
}

/* A source flow is gone: it timed out, or somebody else deleted it.  (If we
 * deleted it ourselves, the table has no such entry any more.) */
static void
forward_flow_removed(struct ofswitch *sw,
                     const struct ofputil_flow_removed *fr)
{
    struct mac_learning *ml = forward_get(sw)->ml;
    const struct flow *flow = &fr->match.flow;
    struct mac_entry *e;

    if (!ml || fr->table_id != PIPE_FORWARD
        || fr->cookie != htonll(PIPE_COOKIE(PIPE_APP_FORWARD,
                                            FORWARD_COOKIE_LEARNED))) {
        return;
    }

    ovs_rwlock_wrlock(&ml->rwlock);
    e = mac_learning_lookup(ml, flow->dl_src, forward_flow_vlan(flow));
    if (e && forward_entry_port(ml, e) == flow->in_port.ofp_port) {
        COVERAGE_INC(forward_aged);
        ml->total_expired++;
        forget(sw, ml, e);
    }
    ovs_rwlock_unlock(&ml->rwlock);
}

/* What is behind a port that another application takes is not ours to know. */
static void
handle_port(struct ofswitch *sw, const void *event_, void *aux OVS_UNUSED)
{
    const struct event_port *event = event_;

    if (event->what & (EVENT_PORT_GONE | EVENT_PORT_DOWN)
        || ofswitch_port_is_owned(sw, event->port)) {
        forward_flush_port(sw, event->port);
    }
}

static void
forward_init(void)
{
    event_subscribe(PIPE_APP_FORWARD, &event_port, handle_port, NULL);
}

static void
forward_destroy(void)
{
    event_unsubscribe(PIPE_APP_FORWARD, &event_port, handle_port, NULL);
}

static void
count_entries(struct ofswitch *sw, void *usage)
{
    const struct mac_learning *ml = forward_get(sw)->ml;

    if (ml) {
        simap_increase(usage, "MAC entries", hmap_count(&ml->table));
    }
}

static void
forward_memory_usage(struct simap *usage)
{
    ofswitch_for_each(PIPE_APP_FORWARD, count_entries, usage);
}

const struct app_class forward_app = {
    .name = "forward",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_FORWARD,
    .stages = { { .table = PIPE_FORWARD, .n_tables = 2 } },
    .commands = forward_commands,
    .init = forward_init,
    .destroy = forward_destroy,
    .configure = forward_configure,
    .switch_up = forward_switch_up,
    .switch_down = forward_switch_down,
    .declare_flows = forward_declare_flows,
    .adopt_flow = forward_adopt_flow,
    .adopt_done = forward_adopt_done,
    .packet_in = forward_packet_in,
    .flow_removed = forward_flow_removed,
    .memory_usage = forward_memory_usage,
};
