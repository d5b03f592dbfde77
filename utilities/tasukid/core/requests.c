/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "requests.h"

#include <inttypes.h>

#include "app-call.h"
#include "coverage.h"
#include "ofswitch-private.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "pipeline.h"
#include "settle.h"
#include "timers.h"
#include "timeval.h"
#include "unaligned.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(requests);

COVERAGE_DEFINE(request_sent);
COVERAGE_DEFINE(request_denied);
COVERAGE_DEFINE(request_timed_out);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* A switch answers more or less in the order in which it was asked, so the
 * request that a message answers is near the front of the list. */
struct request {
    struct ovs_list node;       /* In 'requests' of 'sw', the oldest first. */
    struct ofswitch *sw;
    uint8_t app;
    ovs_be32 xid;
    ovs_be32 end_xid;           /* Of the message whose reply is the end: the
                                 * request, or the barrier after it. */
    enum ofptype reply;         /* Type of that reply. */
    int flags;

    long long int timeout_ms;
    struct timeout timeout;

    request_func *cb;           /* Null after an error, while the barrier's
                                 * reply is still to come. */
    void *aux;

    struct ofpbuf **parts;      /* Collected, with REQUEST_WHOLE. */
    size_t n_parts, allocated_parts;
    size_t n_bytes;
};

/* Returns the type of the reply to a message of type 'request', or
 * OFPTYPE_BARRIER_REPLY if it has no reply of its own. */
static enum ofptype
reply_type(enum ofptype request)
{
#define REPLY(NAME) \
    case OFPTYPE_##NAME##_REQUEST: return OFPTYPE_##NAME##_REPLY;
    switch ((int) request) {
    REPLY(ECHO)
    REPLY(FEATURES)
    REPLY(GET_CONFIG)
    REPLY(BARRIER)
    REPLY(QUEUE_GET_CONFIG)
    REPLY(ROLE)
    REPLY(GET_ASYNC)
    REPLY(DESC_STATS)
    REPLY(FLOW_STATS)
    REPLY(AGGREGATE_STATS)
    REPLY(TABLE_STATS)
    REPLY(PORT_STATS)
    REPLY(QUEUE_STATS)
    REPLY(GROUP_STATS)
    REPLY(GROUP_DESC_STATS)
    REPLY(GROUP_FEATURES_STATS)
    REPLY(METER_STATS)
    REPLY(METER_CONFIG_STATS)
    REPLY(METER_FEATURES_STATS)
    REPLY(TABLE_FEATURES_STATS)
    REPLY(TABLE_DESC)
    REPLY(PORT_DESC_STATS)
    default:
        return OFPTYPE_BARRIER_REPLY;
    }
#undef REPLY
}

/* Returns true if 'oh', a group or meter modification, is about an id of
 * 'app'.  In every version the id is the second word of the body. */
static bool
is_own_id(const struct ofp_header *oh, uint8_t app)
{
    ovs_be32 id = get_unaligned_be32((const ovs_be32 *) (oh + 1) + 1);

    return PIPE_ID_APP(ntohl(id)) == app;
}

/* Returns true if 'oh', a port modification, is about a port that no other
 * application than 'app' owns. */
static bool
is_free_port(const struct ofswitch *sw, uint8_t app,
             const struct ofp_header *oh)
{
    struct ofputil_port_mod pm;

    return (!ofputil_decode_port_mod(oh, &pm, true)
            && !ofswitch_is_others_port(sw,
                                        app_classes[app_index_from_id(app)],
                                        pm.port_no));
}

/* Returns true if 'app' may send 'oh' to 'sw'. */
static bool
may_send(const struct ofswitch *sw, uint8_t app, const struct ofp_header *oh,
         enum ofptype type)
{
    if (app == PIPE_APP_CORE) {
        return true;
    }
    switch ((int) type) {
    case OFPTYPE_GROUP_MOD:
    case OFPTYPE_METER_MOD:
        return is_own_id(oh, app);

    case OFPTYPE_PORT_MOD:
        return is_free_port(sw, app, oh);

    case OFPTYPE_TABLE_MOD:
    case OFPTYPE_BARRIER_REQUEST:
        return true;

    case OFPTYPE_ROLE_REQUEST:
    case OFPTYPE_TABLE_FEATURES_STATS_REQUEST:
        /* These change what others rely on. */
        return false;

    default:
        return reply_type(type) != OFPTYPE_BARRIER_REPLY;
    }
}

static size_t
count_requests(const struct ofswitch *sw, uint8_t app)
{
    const struct request *r;
    size_t n = 0;

    LIST_FOR_EACH (r, node, &sw->requests) {
        n += r->app == app;
    }
    return n;
}

/* Returns null if 'app' may send 'oh' to 'sw' now, or the reason why not. */
static const char *
denied(const struct ofswitch *sw, uint8_t app, const struct ofp_header *oh,
       enum ofptype type)
{
    const struct app_class *caller = app_running();

    return (caller && caller->id != app
            ? "it is not the application's to send"
            : (app != PIPE_APP_CORE
               && (!ofswitch_runs(sw, app) || sw->stopping_app == app))
            ? "the application does not run there"
            : !may_send(sw, app, oh, type)
            ? "it is not the application's to send"
            : count_requests(sw, app) >= REQUESTS_MAX
            ? "too many others wait for their replies"
            : NULL);
}

/* Calls the callback of 'r', which may do anything but free 'r'. */
static void
tell(struct request *r, enum request_status status, enum ofperr error,
     struct ofpbuf *const *msgs, size_t n_msgs)
{
    const struct request_reply reply = {
        .status = status,
        .error = error,
        .msgs = msgs,
        .n_msgs = n_msgs,
    };
    request_func *cb = r->cb;

    if (status != REQUEST_PART) {
        r->cb = NULL;
    }
    if (cb && r->app == PIPE_APP_CORE) {
        cb(r->sw, &reply, r->aux);
    } else if (cb) {
        struct app_call call;

        app_enter(&call, app_classes[app_index_from_id(r->app)], "reply");
        cb(r->sw, &reply, r->aux);
        app_leave(&call);
    }
}

/* Ends 'r'.  It is off the list before the callback runs. */
static void
end(struct request *r, enum request_status status, enum ofperr error,
    struct ofpbuf *const *msgs, size_t n_msgs)
{
    ovs_list_remove(&r->node);
    timeout_cancel(&r->timeout);
    tell(r, status, error, msgs, n_msgs);
    for (size_t i = 0; i < r->n_parts; i++) {
        ofpbuf_delete(r->parts[i]);
    }
    free(r->parts);
    free(r);
}

static void
expired(struct timeout *timeout)
{
    COVERAGE_INC(request_timed_out);
    end(CONTAINER_OF(timeout, struct request, timeout), REQUEST_TIMED_OUT, 0,
        NULL, 0);
}

static ovs_be32
xid_of(const struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;

    return oh->xid;
}

/* Sends 'msg', to which the reply is of type 'reply', unless that is denied
 * because of 'why'.  Takes ownership of 'msg'. */
static struct request *
send_request(struct ofswitch *sw, uint8_t app, struct ofpbuf *msg,
             const char *why, enum ofptype reply, int flags,
             long long int timeout_ms, request_func *cb, void *aux)
{
    if (why) {
        COVERAGE_INC(request_denied);
        VLOG_WARN_RL(&rl, "%s: not sending a request of application %#"PRIx8
                     ": %s", ofswitch_name(sw), app, why);
        ofpbuf_delete(msg);
        return NULL;
    }

    struct request *r = xzalloc(sizeof *r);
    r->sw = sw;
    r->app = app;
    r->xid = r->end_xid = xid_of(msg);
    r->reply = reply;
    r->flags = flags;
    r->cb = cb;
    r->aux = aux;
    r->timeout_ms = timeout_ms;
    timeout_init(&r->timeout, expired);
    timeout_set(&r->timeout, time_msec() + timeout_ms);
    ovs_list_push_back(&sw->requests, &r->node);

    COVERAGE_INC(request_sent);
    ofswitch_send(sw, msg);
    return r;
}

bool
request_send(struct ofswitch *sw, uint8_t app, struct ofpbuf *msg, int flags,
             long long int timeout_ms, request_func *cb, void *aux)
{
    enum ofptype type = 0;
    struct request *r;

    ofpmsg_update_length(msg);
    const char *why = (ofptype_decode(&type, msg->data) ? "it makes no sense"
                       : denied(sw, app, msg->data, type));
    r = send_request(sw, app, msg, why, why ? 0 : reply_type(type), flags,
                     timeout_ms, cb, aux);
    if (r && r->reply == OFPTYPE_BARRIER_REPLY
        && type != OFPTYPE_BARRIER_REQUEST) {
        struct ofpbuf *barrier = ofputil_encode_barrier_request(sw->version);

        r->end_xid = xid_of(barrier);
        ofswitch_send(sw, barrier);
    }
    return r != NULL;
}

bool
request_settle(struct ofswitch *sw, uint8_t app, long long int timeout_ms,
               request_func *cb, void *aux)
{
    struct ofpbuf *msg = settle_encode(sw->version);
    const char *why = denied(sw, app, msg->data, OFPTYPE_BARRIER_REQUEST);

    return send_request(sw, app, msg, why, OFPTYPE_BARRIER_REPLY, 0,
                        timeout_ms, cb, aux) != NULL;
}

bool
requests_handle_error(struct ofswitch *sw, const struct ofp_header *oh,
                      enum ofperr error)
{
    struct request *r;

    LIST_FOR_EACH (r, node, &sw->requests) {
        if (r->end_xid == oh->xid) {
            end(r, REQUEST_REFUSED, error, NULL, 0);
            return true;
        } else if (r->xid == oh->xid) {
            /* Stays so that the barrier's reply finds it. */
            tell(r, REQUEST_REFUSED, error, NULL, 0);
            return true;
        }
    }
    return false;
}

/* Keeps a copy of 'msg', a part of the reply to 'r'.  Returns false if the
 * reply is too long. */
static bool
collect(struct request *r, const struct ofpbuf *msg)
{
    r->n_bytes += msg->size;
    if (r->n_bytes > REQUESTS_MAX_BYTES) {
        return false;
    }
    if (r->n_parts >= r->allocated_parts) {
        r->parts = x2nrealloc(r->parts, &r->allocated_parts,
                              sizeof *r->parts);
    }
    r->parts[r->n_parts++] = ofpbuf_clone(msg);
    return true;
}

static void
handle_reply(struct request *r, struct ofpbuf *msg, bool more)
{
    if (r->reply == OFPTYPE_BARRIER_REPLY) {
        end(r, REQUEST_DONE, 0, NULL, 0);
        return;
    }

    bool whole = r->flags & REQUEST_WHOLE;
    if (whole && !collect(r, msg)) {
        end(r, REQUEST_GONE, 0, NULL, 0);
    } else if (!more && whole) {
        end(r, REQUEST_DONE, 0, r->parts, r->n_parts);
    } else if (!more) {
        end(r, REQUEST_DONE, 0, &msg, 1);
    } else {
        timeout_set(&r->timeout, time_msec() + r->timeout_ms);
        if (!whole) {
            tell(r, REQUEST_PART, 0, &msg, 1);
        }
    }
}

bool
requests_handle_reply(struct ofswitch *sw, const struct ofp_header *oh,
                      enum ofptype type)
{
    bool more = ofpmsg_is_stat_reply(oh) && ofpmp_more(oh);
    struct ofpbuf msg = ofpbuf_const_initializer(oh, ntohs(oh->length));
    struct request *r;

    LIST_FOR_EACH (r, node, &sw->requests) {
        if (r->end_xid == oh->xid && r->reply == type) {
            handle_reply(r, &msg, more);
            return true;
        }
    }
    return false;
}

static struct request *
find_of_app(const struct ofswitch *sw, uint8_t app)
{
    struct request *r;

    LIST_FOR_EACH (r, node, &sw->requests) {
        if (r->app == app) {
            return r;
        }
    }
    return NULL;
}

void
requests_cancel(struct ofswitch *sw, uint8_t app)
{
    struct request *r;

    while ((r = find_of_app(sw, app))) {
        end(r, REQUEST_GONE, 0, NULL, 0);
    }
}
