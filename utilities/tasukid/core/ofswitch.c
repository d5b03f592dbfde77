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

COVERAGE_DEFINE(ofswitch_bad_message);
COVERAGE_DEFINE(ofswitch_flow_mod);
COVERAGE_DEFINE(ofswitch_flow_refused);
COVERAGE_DEFINE(ofswitch_packet_out);
COVERAGE_DEFINE(ofswitch_packet_out_dropped);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

struct ovs_list ofswitches = OVS_LIST_INITIALIZER(&ofswitches);
uint64_t ofswitch_seqno = 1;

/* A switch that does not read its connection must not take all memory.  Above
 * the first limit packets are dropped, as on any full queue.  A lost flow_mod
 * would leave the switch in an unknown state.  So above the second limit the
 * connection starts anew, which brings the flows in line. */
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

/* Drops the connection because of 'reason', but not at once: the caller may be
 * in the middle of a callback. */
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

/* Returns null if application 'app' may send 'fm', or what is wrong with it.
 * No application may touch the flows of another. */
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

    /* The longest packets do not fit into a message. */
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

/* Counts and logs that 'msg' could not be decoded. */
void
ofswitch_bad_message(struct ofswitch *sw, const struct ofpbuf *msg,
                     enum ofperr error)
{
    COVERAGE_INC(ofswitch_bad_message);
    sw->stats.bad_messages++;
    if (!VLOG_DROP_WARN(&rl)) {
        const struct ofp_header *oh = msg->data;

        VLOG_WARN("%s: ignoring a bad message, version 0x%02"PRIx8", type "
                  "%"PRIu8", %"PRIu32" bytes (%s)", ofswitch_name(sw),
                  oh->version, oh->type, msg->size, ofperr_to_string(error));
    }
}
