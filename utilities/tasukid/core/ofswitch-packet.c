/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ofswitch-private.h"

#include "app-call.h"

#include "byte-order.h"
#include "coverage.h"
#include "dp-packet.h"
#include "hash.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "taps.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ofswitch_packet);

COVERAGE_DEFINE(ofswitch_packet_in);
COVERAGE_DEFINE(ofswitch_packet_in_dropped);
COVERAGE_DEFINE(ofswitch_packet_in_ignored);

/* Packet-ins: from a switch to its applications.
 *
 * Anybody can send packets whose handling takes long, or many of them.  So
 * packets wait for their turn in a fair queue.  Only those of a sender that
 * takes more than its share of tasukid's time wait long, or are dropped when
 * the queue is full.  As long as tasukid keeps up, nobody is limited and
 * hardly any packet waits. */

/* Most packets of one switch that wait. */
#define MAX_WAITING 1000

/* How long to handle packets of one switch, in microseconds.  Then the rest of
 * them waits, the next switch has its turn, and new messages are read. */
#define MAX_RUN_US 2000

struct waiting_packet {
    struct fair_item item;
    const struct app_class *class;
    struct packet_in pi;        /* Owns its packet. */
};

static void
waiting_packet_destroy(struct waiting_packet *wp)
{
    dp_packet_delete(wp->pi.packet);
    free(wp);
}

void
ofswitch_packet_init(struct ofswitch *sw)
{
    fair_queue_init(&sw->packets, MAX_WAITING);
}

void
ofswitch_packet_destroy(struct ofswitch *sw)
{
    ofswitch_packet_clear(sw);
    fair_queue_destroy(&sw->packets);
}

static struct waiting_packet *
next_packet(struct ofswitch *sw)
{
    struct fair_item *item = fair_queue_pop(&sw->packets);

    return item ? CONTAINER_OF(item, struct waiting_packet, item) : NULL;
}

void
ofswitch_packet_clear(struct ofswitch *sw)
{
    struct waiting_packet *wp;

    while ((wp = next_packet(sw))) {
        waiting_packet_destroy(wp);
    }
}

/* Returns true if 'class' gets packets from 'port' now. */
static bool
gets_packets(const struct ofswitch *sw, const struct app_class *class,
             ofp_port_t port)
{
    uint32_t bit = UINT32_C(1) << app_index_from_id(class->id);

    return (class->packet_in && sw->running & ~sw->adopting & bit
            && (pipeline_app_taps(class)
                || !ofswitch_is_others_port(sw, class, port)));
}

/* There is no room for 'wp' to wait. */
static void
drop(struct ofswitch *sw, struct waiting_packet *wp)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);
    ofp_port_t port = wp->pi.flow.in_port.ofp_port;

    if (wp->class->packet_excess && gets_packets(sw, wp->class, port)) {
        APP_CALL(wp->class, packet_excess, sw, &wp->pi);
    } else {
        COVERAGE_INC(ofswitch_packet_in_dropped);
        sw->stats.packet_ins_dropped++;
        VLOG_WARN_RL(&rl, "%s: dropping packets from port %"PRIu32", which "
                     "take more than their share of time", ofswitch_name(sw),
                     port);
    }
    waiting_packet_destroy(wp);
}

static void
count_ignored(struct ofswitch *sw)
{
    COVERAGE_INC(ofswitch_packet_in_ignored);
    sw->stats.packet_ins_ignored++;
}

/* Hands 'pi' to those that want to look at it and then to 'class', which may
 * have lost the port since 'pi' came.  Returns how long that took, in
 * microseconds, at least 1. */
static unsigned int
handle(struct ofswitch *sw, const struct app_class *class,
       const struct packet_in *pi)
{
    long long int start = time_usec();
    unsigned int n_taps = taps_run(sw, class->id, pi);

    sw->stats.packet_ins_tapped += n_taps;
    if (gets_packets(sw, class, pi->flow.in_port.ofp_port)) {
        COVERAGE_INC(ofswitch_packet_in);
        sw->stats.packet_ins++;
        APP_CALL(class, packet_in, sw, pi);
    } else if (!n_taps) {
        count_ignored(sw);
    }

    long long int elapsed = time_usec() - start;
    elapsed = MAX(elapsed, 1);
    sw->packets_us += elapsed;
    return elapsed;
}

static void
enqueue(struct ofswitch *sw, const struct app_class *class,
        const struct packet_in *pi)
{
    const struct flow *flow = &pi->flow;

    if (!gets_packets(sw, class, flow->in_port.ofp_port)
        && !taps_want(sw, class->id, pi)) {
        count_ignored(sw);
        return;
    }

    struct waiting_packet *wp = xmalloc(sizeof *wp);
    wp->class = class;
    wp->pi = *pi;
    wp->pi.packet = dp_packet_clone(pi->packet);

    struct fair_item *dropped = fair_queue_push(
        &sw->packets, &wp->item, ofp_to_u16(flow->in_port.ofp_port),
        hash_mac(flow->dl_src, 0, (OVS_FORCE uint32_t) flow->nw_src));
    if (dropped) {
        drop(sw, CONTAINER_OF(dropped, struct waiting_packet, item));
    }
}

/* Handles the packet in 'oh', an OFPT_PACKET_IN.  If other packets wait or
 * there is no time, it waits for its turn. */
enum ofperr
ofswitch_packet_receive(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_packet_in pin;
    struct packet_in pi;
    struct dp_packet packet;
    enum ofperr error = ofputil_decode_packet_in(oh, true, NULL, NULL, &pin,
                                                 &pi.total_len, NULL, NULL);

    if (error) {
        return error;
    }

    pi.cookie = ntohll(pin.cookie);
    int index = app_index_from_id(PIPE_COOKIE_APP(pi.cookie));
    const struct app_class *class = (index >= 0 ? app_classes[index]
                                     : &core_app);

    pi.reason = pin.reason;
    pi.table_id = pin.table_id;
    dp_packet_use_const(&packet, pin.packet, pin.packet_len);
    packet.packet_type = pin.flow_metadata.flow.packet_type;
    flow_extract(&packet, &pi.flow);
    pi.flow.in_port.ofp_port = pin.flow_metadata.flow.in_port.ofp_port;
    pi.zone = ofswitch_port_zone(sw, pi.flow.in_port.ofp_port);
    pi.flow.metadata = pin.flow_metadata.flow.metadata;
    memcpy(pi.flow.regs, pin.flow_metadata.flow.regs, sizeof pi.flow.regs);
    pi.packet = &packet;

    if (sw->packets.n || sw->packets_us >= MAX_RUN_US) {
        enqueue(sw, class, &pi);
    } else {
        handle(sw, class, &pi);
    }
    return 0;
}

/* Handles packets whose turn it is, for a while. */
void
ofswitch_packet_run(struct ofswitch *sw)
{
    struct waiting_packet *wp;

    while (sw->packets_us < MAX_RUN_US && !sw->doomed
           && (wp = next_packet(sw))) {
        fair_queue_charge(&sw->packets, handle(sw, wp->class, &wp->pi));
        waiting_packet_destroy(wp);
    }
    sw->packets_us = 0;
}

void
ofswitch_packet_wait(const struct ofswitch *sw)
{
    if (sw->packets.n) {
        poll_immediate_wake();
    }
}
