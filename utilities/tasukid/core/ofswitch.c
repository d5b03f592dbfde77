/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ofswitch.h"

#include <errno.h>
#include <inttypes.h>

#include "app-call.h"
#include "byte-order.h"
#include "coverage.h"
#include "dp-packet.h"
#include "events.h"
#include "hash.h"
#include "ofswitch-private.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/vlog.h"
#include "smap.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(ofswitch);

COVERAGE_DEFINE(ofswitch_flow_mod);
COVERAGE_DEFINE(ofswitch_flow_refused);
COVERAGE_DEFINE(ofswitch_packet_out);
COVERAGE_DEFINE(ofswitch_packet_out_dropped);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct ovs_list ofswitches = OVS_LIST_INITIALIZER(&ofswitches);
uint64_t ofswitch_seqno = 1;

/* A switch that does not read its connection must not take all memory.  Above
 * the first limit packets are dropped, as on any full queue.  Losing a
 * flow_mod would leave the switch in a state that nobody knows, so above the
 * second the connection starts anew, which brings the flows in line. */
#define MAX_TXQ_PACKET_BYTES (32 * 1024 * 1024)
#define MAX_TXQ_BYTES (64 * 1024 * 1024)

uint64_t
ofswitch_datapath_id(const struct ofswitch *sw)
{
    return sw->dpid;
}

const char *
ofswitch_name(const struct ofswitch *sw)
{
    return sw->name ? sw->name : rconn_get_name(sw->rconn);
}

enum ofp_version
ofswitch_version(const struct ofswitch *sw)
{
    return sw->version;
}

enum ofputil_protocol
ofswitch_protocol(const struct ofswitch *sw)
{
    return sw->protocol;
}

const struct tasukirec_switch *
ofswitch_row(const struct ofswitch *sw)
{
    return sw->row;
}

bool
ofswitch_runs(const struct ofswitch *sw, uint8_t app)
{
    int i = app_index_from_id(app);

    return i >= 0 && sw->running & (UINT32_C(1) << i);
}

void
ofswitch_for_each(uint8_t app,
                  void (*cb)(struct ofswitch *, void *aux), void *aux)
{
    struct ofswitch *sw;

    LIST_FOR_EACH_SAFE (sw, node, &ofswitches) {
        if (ofswitch_runs(sw, app)) {
            cb(sw, aux);
        }
    }
}

void *
ofswitch_get_data(const struct ofswitch *sw, uint8_t app)
{
    return sw->data[app_index_from_id(app)];
}

void
ofswitch_set_data(struct ofswitch *sw, uint8_t app, void *data)
{
    sw->data[app_index_from_id(app)] = data;
}

/* Ports. */

static struct ofswitch_port *
find_port(const struct ofswitch *sw, ofp_port_t port_no)
{
    struct ofswitch_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_ofp_port(port_no), &sw->ports) {
        if (port->desc.port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

const struct ofputil_phy_port *
ofswitch_port(const struct ofswitch *sw, ofp_port_t port_no)
{
    const struct ofswitch_port *port = find_port(sw, port_no);

    return port ? &port->desc : NULL;
}

ofp_port_t
ofswitch_port_by_name(const struct ofswitch *sw, const char *name)
{
    struct ofswitch_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, name_node, hash_string(name, 0),
                             &sw->ports_by_name) {
        if (!strcmp(port->desc.name, name)) {
            return port->desc.port_no;
        }
    }
    return OFPP_NONE;
}

ofp_port_t
ofswitch_port_from_string(const struct ofswitch *sw, const char *s)
{
    ofp_port_t port_no = ofswitch_port_by_name(sw, s);

    if (port_no != OFPP_NONE) {
        return port_no;
    }
    return (ofputil_port_from_string(s, NULL, &port_no)
            && find_port(sw, port_no) ? port_no : OFPP_NONE);
}

static bool
port_is_up(const struct ofputil_phy_port *desc)
{
    return (!(desc->config & OFPUTIL_PC_PORT_DOWN)
            && !(desc->state & OFPUTIL_PS_LINK_DOWN));
}

/* Tells the applications that 'what' happened to 'port'.  Those that start will
 * see for themselves. */
static void
publish_port(struct ofswitch *sw, const struct ofswitch_port *port,
             uint32_t what)
{
    bool exists = !(what & EVENT_PORT_GONE);
    struct event_port event = {
        .what = what,
        .port = port->desc.port_no,
        .exists = exists,
        .up = exists && port_is_up(&port->desc),
    };

    if (what && sw->state == OSS_MANAGED) {
        event_publish(sw, &event_port, &event);
    }
}

/* Returns what is different about a port that was 'old'. */
static uint32_t
compare_port(const struct ofputil_phy_port *old,
             const struct ofputil_phy_port *new)
{
    uint32_t what = memcmp(old, new, sizeof *old) ? EVENT_PORT_CHANGED : 0;

    if (port_is_up(old) != port_is_up(new)) {
        what |= port_is_up(new) ? EVENT_PORT_UP : EVENT_PORT_DOWN;
    }
    return what;
}

/* 'port' was in zone 'before', and is in 'after' now; PIPE_ZONE_NONE is also that
 * it was not, or is not, there.  A port that is an application's alone is nothing
 * to others, unless they watch all packets. */
static void
note_zone(struct ofswitch *sw, uint32_t before, uint32_t after)
{
    if (before && after && !pipeline_is_tapped(sw)) {
        return;
    }
    for (size_t i = 0; i < app_count(); i++) {
        if (!app_classes[i]->port_zone) {
            sw->redeclare |= sw->running & (UINT32_C(1) << i);
        }
    }
}

static void
update_zone(struct ofswitch *sw, struct ofswitch_port *port)
{
    uint32_t zone = ofswitch_port_zone(sw, port->desc.port_no);

    if (zone != port->zone) {
        note_zone(sw, port->zone, zone);
        port->zone = zone;
        publish_port(sw, port, EVENT_PORT_ZONE);
    }
}

void
ofswitch_zone_changed(struct ofswitch *sw, const char *name)
{
    struct ofswitch_port *port;

    if (name) {
        port = find_port(sw, ofswitch_port_by_name(sw, name));
        if (port) {
            update_zone(sw, port);
        }
    } else {
        HMAP_FOR_EACH (port, node, &sw->ports) {
            update_zone(sw, port);
        }
    }
}

/* Port 'name' has come or gone. */
static void
tell_owners(struct ofswitch *sw, const char *name)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->port_named
            && ofswitch_runs(sw, app_classes[i]->id)) {
            APP_CALL(app_classes[i], port_named, sw, name);
        }
    }
}

void
ofswitch_put_port(struct ofswitch *sw, const struct ofputil_phy_port *desc)
{
    struct ofswitch_port *port = find_port(sw, desc->port_no);
    char old_name[OFP_MAX_PORT_NAME_LEN] = "";
    uint32_t what;

    if (!port) {
        port = xmalloc(sizeof *port);
        hmap_insert(&sw->ports, &port->node, hash_ofp_port(desc->port_no));
        what = EVENT_PORT_ADDED | (port_is_up(desc) ? EVENT_PORT_UP : 0);
        port->zone = PIPE_ZONE_NONE;
    } else {
        hmap_remove(&sw->ports_by_name, &port->name_node);
        what = compare_port(&port->desc, desc);
        ovs_strlcpy(old_name, port->desc.name, sizeof old_name);
    }
    port->desc = *desc;
    port->confirmed = true;
    hmap_insert(&sw->ports_by_name, &port->name_node,
                hash_string(desc->name, 0));
    publish_port(sw, port, what);

    if (strcmp(old_name, desc->name)) {
        uint32_t zone = ofswitch_port_zone(sw, desc->port_no);

        /* One that has another name is another one. */
        note_zone(sw, port->zone, PIPE_ZONE_NONE);
        note_zone(sw, PIPE_ZONE_NONE, zone);
        port->zone = zone;
        if (old_name[0]) {
            tell_owners(sw, old_name);
        }
        tell_owners(sw, desc->name);
    }
}

void
ofswitch_delete_port(struct ofswitch *sw, ofp_port_t port_no)
{
    struct ofswitch_port *port = find_port(sw, port_no);

    if (port) {
        hmap_remove(&sw->ports, &port->node);
        hmap_remove(&sw->ports_by_name, &port->name_node);
        publish_port(sw, port, (EVENT_PORT_GONE
                                | (port_is_up(&port->desc)
                                   ? EVENT_PORT_DOWN : 0)));
        note_zone(sw, port->zone, PIPE_ZONE_NONE);
        tell_owners(sw, port->desc.name);
        free(port);
    }
}

void
ofswitch_doubt_ports(struct ofswitch *sw)
{
    struct ofswitch_port *port;

    HMAP_FOR_EACH (port, node, &sw->ports) {
        port->confirmed = false;
    }
}

void
ofswitch_delete_doubted_ports(struct ofswitch *sw)
{
    struct ofswitch_port *port;

    HMAP_FOR_EACH_SAFE (port, node, &sw->ports) {
        if (!port->confirmed) {
            ofswitch_delete_port(sw, port->desc.port_no);
        }
    }
}

void
ofswitch_clear_ports(struct ofswitch *sw)
{
    struct ofswitch_port *port;

    hmap_clear(&sw->ports_by_name);
    HMAP_FOR_EACH_POP (port, node, &sw->ports) {
        free(port);
    }
}

uint32_t
ofswitch_port_zone(const struct ofswitch *sw, ofp_port_t port)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->port_zone
            && ofswitch_runs(sw, app_classes[i]->id)) {
            uint32_t zone = APP_ASK(app_classes[i], port_zone, sw, port);

            if (zone) {
                return zone;
            }
        }
    }
    return 0;
}

bool
ofswitch_port_is_owned(const struct ofswitch *sw, ofp_port_t port)
{
    return ofswitch_port_zone(sw, port) != 0;
}

bool
ofswitch_has_owners(const struct ofswitch *sw)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->port_zone
            && ofswitch_runs(sw, app_classes[i]->id)) {
            return true;
        }
    }
    return false;
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct ofswitch_port *const *a = a_;
    const struct ofswitch_port *const *b = b_;
    uint32_t a_no = ofp_to_u16((*a)->desc.port_no);
    uint32_t b_no = ofp_to_u16((*b)->desc.port_no);

    return a_no < b_no ? -1 : a_no > b_no;
}

/* In the order of their numbers so that the same ports always make the same
 * flow. */
void
ofswitch_for_each_port(struct ofswitch *sw,
                       void (*cb)(struct ofswitch *,
                                  const struct ofputil_phy_port *, void *aux),
                       void *aux)
{
    size_t n = hmap_count(&sw->ports);
    struct ofswitch_port **ports = xmalloc(n * sizeof *ports);
    struct ofswitch_port *port;
    size_t i = 0;

    HMAP_FOR_EACH (port, node, &sw->ports) {
        ports[i++] = port;
    }
    qsort(ports, n, sizeof *ports, compare_ports);
    for (i = 0; i < n; i++) {
        cb(sw, &ports[i]->desc, aux);
    }
    free(ports);
}

static void
put_output_unless_owned(struct ofswitch *sw,
                        const struct ofputil_phy_port *port, void *ofpacts)
{
    if (!ofswitch_port_is_owned(sw, port->port_no)) {
        ofpact_put_OUTPUT(ofpacts)->port = port->port_no;
    }
}

void
ofswitch_put_flood(struct ofswitch *sw, struct ofpbuf *ofpacts)
{
    if (ofswitch_has_owners(sw)) {
        ofswitch_for_each_port(sw, put_output_unless_owned, ofpacts);
    } else {
        ofpact_put_OUTPUT(ofpacts)->port = OFPP_FLOOD;
    }
}

/* Names 'sw' after its local port, which in Open vSwitch has the name of the
 * bridge. */
void
ofswitch_set_name(struct ofswitch *sw)
{
    const struct ofputil_phy_port *local = ofswitch_port(sw, OFPP_LOCAL);

    free(sw->name);
    sw->name = (local && local->name[0]
                ? xstrdup(local->name)
                : xasprintf("%016"PRIx64, sw->dpid));
}

void
ofswitch_set_state(struct ofswitch *sw, enum ofswitch_state state)
{
    if (sw->state != state) {
        sw->state = state;
        ofswitch_seqno++;
        poll_immediate_wake();
    }
}

/* Sending. */

/* Drops the connection because of 'reason', soon: the caller may be in the
 * middle of a callback. */
void
ofswitch_reconnect(struct ofswitch *sw, const char *reason)
{
    if (!sw->doomed) {
        VLOG_WARN("%s: dropping the connection: %s",
                  ofswitch_name(sw), reason);
        sw->doomed = true;
        poll_immediate_wake();
    }
}

/* Sends 'msg' and takes ownership of it. */
void
ofswitch_send(struct ofswitch *sw, struct ofpbuf *msg)
{
    if (rconn_packet_counter_n_bytes(sw->txq) > MAX_TXQ_BYTES) {
        ofpbuf_delete(msg);
        if (!sw->doomed) {
            ofswitch_reconnect(sw, "the switch does not read its messages");
        }
        return;
    }

    int error = rconn_send(sw->rconn, msg, sw->txq);
    if (error && error != ENOTCONN) {
        VLOG_WARN_RL(&rl, "%s: send: %s", ofswitch_name(sw),
                     ovs_strerror(error));
    }
}

/* Returns what is wrong with 'fm' if application 'app' sends it, null if nothing
 * is: no application may touch the flows of another one. */
static const char *
check_flow_mod(const struct app_class *app, const struct ofputil_flow_mod *fm)
{
    uint64_t mask = ntohll(fm->cookie_mask);

    if (fm->command == OFPFC_ADD || fm->command == OFPFC_MODIFY
        || fm->command == OFPFC_MODIFY_STRICT) {
        if (PIPE_COOKIE_APP(ntohll(fm->new_cookie)) != app->id) {
            return "a flow with another application's id";
        } else if (!pipeline_may_have_flow(app->id, fm->table_id,
                                           fm->priority)) {
            return "a flow in a table or with a priority that is not its own";
        }
    }
    if (fm->command != OFPFC_ADD
        && ((mask & PIPE_COOKIE_MASK) != PIPE_COOKIE_MASK
            || PIPE_COOKIE_APP(ntohll(fm->cookie)) != app->id)) {
        return "a change of flows that may be another application's";
    }
    return NULL;
}

void
ofswitch_flow_mod(struct ofswitch *sw, const struct ofputil_flow_mod *fm)
{
    const struct app_class *app = app_running();
    const char *problem = app ? check_flow_mod(app, fm) : NULL;

    if (problem) {
        COVERAGE_INC(ofswitch_flow_refused);
        VLOG_WARN_RL(&rl, "%s: application %s: refusing %s (table %"PRIu8", "
                     "priority %d, cookie %#"PRIx64"/%#"PRIx64", new cookie "
                     "%#"PRIx64")", ofswitch_name(sw), app->name, problem,
                     fm->table_id, fm->priority, ntohll(fm->cookie),
                     ntohll(fm->cookie_mask), ntohll(fm->new_cookie));
        return;
    }

    COVERAGE_INC(ofswitch_flow_mod);
    sw->stats.flow_mods++;
    ofswitch_send(sw, ofputil_encode_flow_mod(fm, sw->protocol));
}

void
ofswitch_packet_out(struct ofswitch *sw, const struct dp_packet *packet,
                    ofp_port_t in_port, const struct ofpbuf *ofpacts)
{
    struct ofputil_packet_out po = {
        .packet = dp_packet_data(packet),
        .packet_len = dp_packet_size(packet),
        .buffer_id = UINT32_MAX,
        .ofpacts = ofpacts->data,
        .ofpacts_len = ofpacts->size,
    };
    match_set_in_port(&po.flow_metadata, in_port);

    struct ofpbuf *msg = ofputil_encode_packet_out(&po, sw->protocol);

    /* The longest packets fit no message. */
    if (msg->size > UINT16_MAX
        || rconn_packet_counter_n_bytes(sw->txq) > MAX_TXQ_PACKET_BYTES) {
        COVERAGE_INC(ofswitch_packet_out_dropped);
        sw->stats.packet_outs_dropped++;
        ofpbuf_delete(msg);
        return;
    }
    COVERAGE_INC(ofswitch_packet_out);
    sw->stats.packet_outs++;
    ofswitch_send(sw, msg);
}

void
ofswitch_output(struct ofswitch *sw, const struct dp_packet *packet,
                ofp_port_t port)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    if (port == OFPP_FLOOD) {
        ofswitch_put_flood(sw, &ofpacts);
    } else if (!ofswitch_port_is_owned(sw, port)) {
        ofpact_put_OUTPUT(&ofpacts)->port = port;
    }
    ofswitch_packet_out(sw, packet, OFPP_CONTROLLER, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

void
ofswitch_inject(struct ofswitch *sw, const void *data, size_t size,
                ofp_port_t in_port, uint8_t table,
                const struct pipeline_notes *notes)
{
    uint64_t stub[128 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpact_resubmit *resubmit;
    struct dp_packet packet;

    if (notes->zone) {
        pipeline_put_zone(&ofpacts, notes->zone);
    }
    if (notes->egress != OFPP_NONE) {
        pipeline_put_egress(&ofpacts, notes->egress);
    }
    resubmit = ofpact_put_RESUBMIT(&ofpacts);
    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = table;

    dp_packet_use_const(&packet, data, size);
    ofswitch_packet_out(sw, &packet, in_port, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

const char *
ofswitch_other_config(const struct ofswitch *sw, const char *key)
{
    return smap_get(&sw->row->other_config, key);
}

void
ofswitch_barrier(struct ofswitch *sw)
{
    ofswitch_send(sw, ofputil_encode_barrier_request(sw->version));
}

void
ofswitch_redeclare(struct ofswitch *sw, uint8_t app)
{
    int index = app_index_from_id(app);

    if (index >= 0) {
        sw->redeclare |= UINT32_C(1) << index;
    }
}

void
ofswitch_redeclare_cookie(struct ofswitch *sw, uint64_t cookie)
{
    if (sw->n_cookies >= sw->allocated_cookies) {
        sw->cookies = x2nrealloc(sw->cookies, &sw->allocated_cookies,
                                 sizeof *sw->cookies);
    }
    sw->cookies[sw->n_cookies++] = cookie;
}

void
ofswitch_redeclare_soon(struct ofswitch *sw, uint8_t app)
{
    int index = app_index_from_id(app);

    if (index >= 0) {
        sw->redeclare_soon |= UINT32_C(1) << index;
    }
    sw->redeclare_at = MIN(sw->redeclare_at,
                           MAX(time_msec(),
                               sw->declared + OFSWITCH_REDECLARE_MS));
}
