/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ofswitch-private.h"

#include <inttypes.h>

#include "app-call.h"
#include "byte-order.h"
#include "coverage.h"
#include "dp-packet.h"
#include "events.h"
#include "flow-set.h"
#include "ofp-version-opt.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-print.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "stream.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ofswitch_conn);

COVERAGE_DEFINE(ofswitch_error_reply);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Seconds without a message before an echo request. */
#define PROBE_INTERVAL 15

/* Seconds between connection attempts, at most. */
#define MAX_BACKOFF 8

/* Messages from one switch before it is the next one's turn.  The sooner
 * packets are in the fair queue, the sooner it is known who sends too many. */
#define MAX_BATCH 500

/* OpenFlow 1.3 is the first version whose packet-ins carry the cookie by which
 * they are dispatched. */
uint32_t
ofswitch_allowed_versions(void)
{
    return get_allowed_ofp_versions() & ((1u << OFP13_VERSION)
                                         | (1u << OFP14_VERSION)
                                         | (1u << OFP15_VERSION));
}

/* Creates a switch without a connection. */
struct ofswitch *
ofswitch_create(int probe_interval)
{
    struct ofswitch *sw = xzalloc(sizeof *sw);

    sw->rconn = rconn_create(probe_interval, MAX_BACKOFF, DSCP_DEFAULT,
                             ofswitch_allowed_versions());
    sw->txq = rconn_packet_counter_create();
    sw->conn_seqno = rconn_get_connection_seqno(sw->rconn);
    sw->state = OSS_DISCONNECTED;
    ovs_list_init(&sw->requests);
    sw->stopping_app = -1;
    sw->retry_at = LLONG_MAX;
    sw->redeclare_at = LLONG_MAX;
    hmap_init(&sw->ports);
    hmap_init(&sw->ports_by_name);
    ofswitch_packet_init(sw);
    ovs_list_push_back(&ofswitches, &sw->node);
    return sw;
}

/* Creates a connection to 'target', an active OpenFlow connection method.  It
 * is made again whenever it is lost. */
struct ofswitch *
ofswitch_create_active(const char *target)
{
    struct ofswitch *sw = ofswitch_create(PROBE_INTERVAL);

    sw->target = xstrdup(target);
    rconn_connect(sw->rconn, target, NULL);
    return sw;
}

/* Creates a connection out of accepted 'vconn', which it takes ownership
 * of. */
struct ofswitch *
ofswitch_create_passive(struct vconn *vconn)
{
    const char *name = vconn_get_name(vconn);
    struct ofswitch *sw = ofswitch_create(
        stream_or_pstream_needs_probes(name) ? PROBE_INTERVAL : 0);

    rconn_connect_unreliably(sw->rconn, vconn, NULL);
    return sw;
}

/* Forgets everything about the switch as the connection was lost. */
static void
ofswitch_disconnected(struct ofswitch *sw)
{
    if (sw->state == OSS_MANAGED) {
        VLOG_INFO("%s: disconnected", ofswitch_name(sw));
    }
    ofswitch_stop_applications(sw);
    requests_cancel(sw, PIPE_APP_CORE);
    events_drop(sw);
    ofswitch_packet_clear(sw);
    ofswitch_clear_ports(sw);
    sw->row = NULL;
    sw->have_features = false;
    sw->have_ports = false;
    free(sw->name);
    sw->name = NULL;
    ofswitch_set_state(sw, OSS_DISCONNECTED);
}

void
ofswitch_destroy(struct ofswitch *sw)
{
    if (sw) {
        ofswitch_disconnected(sw);
        ofswitch_packet_destroy(sw);
        ovs_list_remove(&sw->node);
        rconn_destroy(sw->rconn);
        rconn_packet_counter_destroy(sw->txq);
        hmap_destroy(&sw->ports);
        hmap_destroy(&sw->ports_by_name);
        free(sw->cookies);
        free(sw->target);
        free(sw);
    }
}

/* Two connections lead to one switch.  The newer one is right: the older one
 * may be the half-open rest of a connection that the switch has given up.  If
 * we made the older one, we would make it again, and it would take over in
 * turn.  So it is held back as long as the newer one lives. */
static void
supersede_older(struct ofswitch *sw)
{
    struct ofswitch *old;

    LIST_FOR_EACH (old, node, &ofswitches) {
        if (old != sw && old->have_features && old->dpid == sw->dpid) {
            VLOG_WARN("datapath %016"PRIx64" connected through %s, closing "
                      "its older connection through %s", sw->dpid,
                      rconn_get_name(sw->rconn), rconn_get_name(old->rconn));
            ofswitch_disconnected(old);
            if (old->target) {
                rconn_disconnect(old->rconn);
                old->conn_seqno = rconn_get_connection_seqno(old->rconn);
                ofswitch_set_state(old, OSS_HELD);
            } else {
                old->doomed = true;
            }
        }
    }
}

static void
run_held(struct ofswitch *sw)
{
    const struct ofswitch *other;

    LIST_FOR_EACH (other, node, &ofswitches) {
        if (other != sw && other->have_features && other->dpid == sw->dpid) {
            return;
        }
    }
    ofswitch_set_state(sw, OSS_DISCONNECTED);
    rconn_connect(sw->rconn, sw->target, NULL);
}

/* Requests of the core. */

static void
check_handshake(struct ofswitch *sw)
{
    if (sw->state == OSS_HANDSHAKE && sw->have_features && sw->have_ports) {
        ofswitch_set_name(sw);
        ofswitch_configure(sw);
    }
}

static void
handle_features(struct ofswitch *sw, const struct request_reply *reply,
                void *aux OVS_UNUSED)
{
    struct ofputil_switch_features features;

    if (!ofswitch_has_answer(sw, reply)) {
        return;
    }

    struct ofpbuf b = *reply->msgs[0];
    enum ofperr error = ofputil_pull_switch_features(&b, &features);
    if (error) {
        ofswitch_bad_message(sw, reply->msgs[0], error);
        ofswitch_reconnect(sw, "the switch does not describe itself");
        return;
    }
    sw->dpid = features.datapath_id;
    sw->have_features = true;
    supersede_older(sw);
}

static void
start_handshake(struct ofswitch *sw)
{
    sw->version = rconn_get_version(sw->rconn);
    sw->protocol = ofputil_protocol_from_ofp_version(sw->version);
    ofswitch_ask(sw, ofpraw_alloc(OFPRAW_OFPT_FEATURES_REQUEST,
                                  sw->version, 0),
                 OFSWITCH_HANDSHAKE_MS, handle_features);
    ofswitch_read_ports(sw);
}

/* Messages that nobody asked for.  Each handler returns 0 or the reason why
 * the message is bad. */

static enum ofperr
handle_port_status(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_port_status ps;
    enum ofperr error = ofputil_decode_port_status(oh, &ps);

    if (error) {
        return error;
    }

    if (ps.reason == OFPPR_DELETE) {
        ofswitch_delete_port(sw, ps.desc.port_no);
    } else {
        ofswitch_put_port(sw, &ps.desc);
    }
    return 0;
}

static enum ofperr
handle_flow_removed(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_flow_removed fr;
    enum ofperr error;
    int index;

    error = ofputil_decode_flow_removed(&fr, oh);
    if (error) {
        return error;
    }

    sw->stats.flows_removed++;
    index = app_index_from_id(PIPE_COOKIE_APP(ntohll(fr.cookie)));
    if (index < 0 || !(sw->running & (UINT32_C(1) << index))) {
        /* A flow of somebody else, or of an application that was stopped. */
    } else if (!ofswitch_flow_lost(sw, index, &fr)
               && app_classes[index]->flow_removed) {
        APP_CALL(app_classes[index], flow_removed, sw, &fr);
    }
    return 0;
}

/* 'request' is what an error message quotes of the message that it is about.
 * If that is a flow_mod, tells the application whose flow it is. */
static void
report_failed_flow(struct ofswitch *sw, const struct ofpbuf *request)
{
    const struct ofp_header *oh = request->data;
    enum ofpraw raw;
    ovs_be64 cookie;
    int index;

    /* The cookie is what a flow_mod begins with from OpenFlow 1.1 on. */
    if (request->size < sizeof *oh + sizeof cookie
        || ofpraw_decode_partial(&raw, oh, request->size)
        || ofptype_from_ofpraw(raw) != OFPTYPE_FLOW_MOD) {
        return;
    }
    memcpy(&cookie, oh + 1, sizeof cookie);
    index = app_index_from_id(PIPE_COOKIE_APP(ntohll(cookie)));
    if (index >= 0 && sw->running & (UINT32_C(1) << index)) {
        ofswitch_flow_refused(sw, index, ntohll(cookie));
        if (app_classes[index]->flow_failed) {
            APP_CALL(app_classes[index], flow_failed, sw, ntohll(cookie));
        }
    }
}

static enum ofperr
handle_error(struct ofswitch *sw, const struct ofp_header *oh)
{
    /* An error message that is no longer than its header quotes nothing
     * (OpenFlow 1.3.5 section 7.4.4).  ofperr_decode_msg() does not expect
     * that. */
    size_t max_header = sizeof *oh + 8;
    struct ofpbuf request = { .size = 0 };
    enum ofperr error = ofperr_decode_msg(
        oh, ntohs(oh->length) > max_header ? &request : NULL);

    COVERAGE_INC(ofswitch_error_reply);
    sw->stats.errors++;
    if (error == OFPERR_OFPBRC_IS_SECONDARY) {
        ofswitch_reconnect(sw, "another controller has become primary");
    }
    if (requests_handle_error(sw, oh, error)) {
        ofpbuf_uninit(&request);
        return 0;
    }
    report_failed_flow(sw, &request);
    ofpbuf_uninit(&request);

    if (!sw->doomed && !VLOG_DROP_WARN(&rl)) {
        char *s = ofp_to_string(oh, ntohs(oh->length), NULL, NULL, 1);

        VLOG_WARN("%s: the switch refuses a message: %s",
                  ofswitch_name(sw), s);
        free(s);
    }
    return 0;
}

static enum ofperr
handle_role_status(struct ofswitch *sw, const struct ofp_header *oh)
{
    struct ofputil_role_status rs;
    enum ofperr error = ofputil_decode_role_status(oh, &rs);

    if (!error && rs.role == OFPCR12_ROLE_SECONDARY) {
        ofswitch_reconnect(sw, "another controller has become primary");
    }
    return error;
}

/* Processes 'msg', which the switch sent.  It has at least a header, and the
 * length that the header says.  Returns 0, or the reason why it is bad. */
enum ofperr
ofswitch_handle_message(struct ofswitch *sw, const struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;
    enum ofptype type;
    enum ofperr error = ofptype_decode(&type, oh);

    if (error) {
        return error;
    }
    if (oh->version != sw->version && type != OFPTYPE_HELLO) {
        return OFPERR_OFPBRC_BAD_VERSION;
    }

    switch ((int) type) {
    case OFPTYPE_ECHO_REQUEST:
        ofswitch_send(sw, ofputil_encode_echo_reply(oh));
        return 0;

    case OFPTYPE_ERROR:
        return handle_error(sw, oh);

    case OFPTYPE_PORT_STATUS:
        return handle_port_status(sw, oh);

    case OFPTYPE_PACKET_IN:
        return ofswitch_packet_receive(sw, oh);

    case OFPTYPE_FLOW_REMOVED:
        return handle_flow_removed(sw, oh);

    case OFPTYPE_ROLE_STATUS:
        return handle_role_status(sw, oh);

    default:
        /* Nobody waits for what ofswitch_barrier() brings back. */
        if (!requests_handle_reply(sw, oh, type)
            && type != OFPTYPE_BARRIER_REPLY) {
            sw->stats.unasked++;
        }
        check_handshake(sw);
        return 0;
    }
}

static void
receive_messages(struct ofswitch *sw)
{
    for (int i = 0; i < MAX_BATCH && !sw->doomed; i++) {
        struct ofpbuf *msg = rconn_recv(sw->rconn);
        enum ofperr error;

        if (!msg) {
            break;
        }
        error = ofswitch_handle_message(sw, msg);
        if (error) {
            ofswitch_bad_message(sw, msg, error);
        }
        ofpbuf_delete(msg);
    }
}

/* Runs 'sw'.  The caller must then destroy it if it is doomed. */
void
ofswitch_conn_run(struct ofswitch *sw)
{
    unsigned int seqno;

    if (sw->state == OSS_HELD) {
        run_held(sw);
    }

    rconn_run(sw->rconn);
    seqno = rconn_get_connection_seqno(sw->rconn);
    if (seqno != sw->conn_seqno) {
        sw->conn_seqno = seqno;
        ofswitch_disconnected(sw);
        if (rconn_is_connected(sw->rconn)) {
            start_handshake(sw);
        }
    }

    if (sw->state != OSS_DISCONNECTED && sw->state != OSS_HELD) {
        receive_messages(sw);
        ofswitch_packet_run(sw);
        ofswitch_sync_run(sw);
    }

    if (sw->doomed && sw->target) {
        sw->doomed = false;
        rconn_reconnect(sw->rconn);
    } else if (!sw->target && !rconn_is_alive(sw->rconn)) {
        sw->doomed = true;
    }
}

/* Arranges for the poll loop to wake up when 'sw' has something to do.
 *
 * rconn_send() has written what the applications sent to the socket at once.
 * Only what did not fit there is left to rconn_run(), when the socket becomes
 * writable. */
void
ofswitch_conn_wait(struct ofswitch *sw)
{
    rconn_run_wait(sw->rconn);
    rconn_recv_wait(sw->rconn);
    ofswitch_packet_wait(sw);
    if (sw->retry_at != LLONG_MAX) {
        poll_timer_wait_until(sw->retry_at);
    }
    if (sw->redeclare_at != LLONG_MAX) {
        poll_timer_wait_until(sw->redeclare_at);
    }
    if (sw->doomed
        || rconn_get_connection_seqno(sw->rconn) != sw->conn_seqno
        || ofswitch_sync_is_pending(sw)) {
        poll_immediate_wake();
    }
}
