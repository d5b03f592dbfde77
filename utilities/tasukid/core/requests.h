/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_REQUESTS_H
#define TASUKID_REQUESTS_H 1

/* Questions to a switch, and changes that it may refuse.  An application sends
 * an OpenFlow message, and a callback gets the reply or the error.
 *
 * The transaction id tells which request an answer belongs to.  So any number
 * of applications may ask at once, and each gets its own answers only.
 *
 * An application may send messages that have a reply of their own: statistics
 * of any kind (descriptions of ports, groups, meters and tables, too),
 * barriers, and questions about features and settings.  Of messages without a
 * reply, it may send group, meter, port and table modifications.
 * request_send() adds a barrier to these, whose reply says that the switch has
 * done it and refused nothing.  All other messages are the core's.  Flows are
 * modified with ofswitch_flow_mod().
 *
 * The ids of groups and meters are shared out like cookies: the top byte is
 * the application's id (PIPE_ID() in pipeline.h).  No application may modify
 * the groups and meters of another, or its ports ('port_zone' in app.h).
 * Multipart requests are one message long. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"

struct ofp_header;
struct ofpbuf;
struct ofswitch;

enum request_status {
    REQUEST_PART,               /* A part of the reply: more follow. */

    /* The end.  One of these comes exactly once, as the last. */
    REQUEST_DONE,               /* The reply, or its last part. */
    REQUEST_REFUSED,            /* The switch has answered with an error. */
    REQUEST_TIMED_OUT,          /* No answer, or no end of it.  The switch may
                                 * have done what was asked for. */
    REQUEST_GONE,               /* The connection was lost, the application
                                 * stops, or the reply is too long. */
};

struct request_reply {
    enum request_status status;
    enum ofperr error;          /* With REQUEST_REFUSED, otherwise 0. */

    /* The messages: one with REQUEST_PART; one with REQUEST_DONE, or all of
     * them if the request was REQUEST_WHOLE.  None with other statuses, after
     * a barrier request, or where the only reply is the barrier's.  Each is of
     * the type that answers the request and starts with its header; the rest
     * was not checked.  They are valid during the callback. */
    struct ofpbuf *const *msgs;
    size_t n_msgs;
};

typedef void request_func(struct ofswitch *, const struct request_reply *,
                          void *aux);

enum {
    REQUEST_WHOLE = 1 << 0,     /* No REQUEST_PART: all parts at the end, of at
                                 * most REQUESTS_MAX_BYTES. */
};

/* Most requests of one application that wait for one switch. */
#define REQUESTS_MAX 256

/* Most bytes of a reply that are collected. */
#define REQUESTS_MAX_BYTES (16 * 1024 * 1024)

/* Sends 'msg', of which it takes ownership, for application 'app'.  'cb' is
 * called from the main loop, later.  If the answer, or the next part of it,
 * takes longer than 'timeout_ms', 'cb' gets REQUEST_TIMED_OUT, and what comes
 * after that is ignored.
 *
 * Returns false, and never calls 'cb', if the application does not run on the
 * switch or is about to stop, has REQUESTS_MAX requests there already, or may
 * not send such a message. */
bool request_send(struct ofswitch *, uint8_t app, struct ofpbuf *msg,
                  int flags, long long int timeout_ms,
                  request_func *cb, void *aux)
    OVS_WARN_UNUSED_RESULT;

/* Likewise, and asks when the switch's datapath does what its flow tables say
 * now (lib/settle.h): REQUEST_DONE, without messages, says that it does.  A
 * barrier's reply says only that the tables have changed. */
bool request_settle(struct ofswitch *, uint8_t app, long long int timeout_ms,
                    request_func *cb, void *aux)
    OVS_WARN_UNUSED_RESULT;

/* For the core. */

/* Give 'oh', an error or what may be a reply, to the request that waits for
 * it.  Return false if none does. */
bool requests_handle_error(struct ofswitch *, const struct ofp_header *oh,
                           enum ofperr);
bool requests_handle_reply(struct ofswitch *, const struct ofp_header *oh,
                           enum ofptype);

/* Ends all requests of 'app' with REQUEST_GONE. */
void requests_cancel(struct ofswitch *, uint8_t app);

#endif /* TASUKID_REQUESTS_H */
