/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_REQUESTS_H
#define TASUKID_REQUESTS_H 1

/* Questions to a switch, and changes that it may refuse: an application sends
 * an OpenFlow message, and a callback gets what comes of it.
 *
 * What belongs to which request is told by the transaction id, so that any
 * number of applications may ask at once and each gets its own answers only.
 *
 * Messages that have a reply of their own are statistics of any kind (also
 * descriptions of ports, groups, meters and tables), barriers, and questions
 * about features and settings.  Of those that have none an application may send
 * group, meter, port and table modifications: requests add a barrier, whose
 * reply says that the switch has done it and refused nothing.  All other
 * messages are the core's.  Flows are modified with ofswitch_flow_mod().
 *
 * The ids of groups and meters are shared out like cookies: the top byte is the
 * application's id (PIPE_ID() in pipeline.h), and no application may modify
 * those of another.  Multipart requests are one message long. */

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
    REQUEST_TIMED_OUT,          /* No answer, or no end of it: what was asked
                                 * for may have been done or not. */
    REQUEST_GONE,               /* The connection was lost, or the application
                                 * stops, or the reply is too long. */
};

struct request_reply {
    enum request_status status;
    enum ofperr error;          /* With REQUEST_REFUSED, otherwise 0. */

    /* The messages: one with REQUEST_PART; one with REQUEST_DONE, or all of
     * them if the request was REQUEST_WHOLE; none with the rest, after a
     * barrier, and where there is no reply but the barrier's.  Each is of the
     * type that answers the request and starts with its header; what follows
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

/* Most requests of one application that wait, a switch. */
#define REQUESTS_MAX 256

/* Most bytes of a reply that are collected. */
#define REQUESTS_MAX_BYTES (16 * 1024 * 1024)

/* Sends 'msg', of which it takes ownership, for application 'app'.  'cb' is
 * called from the main loop, later.  If the answer takes longer than
 * 'timeout_ms', or the next part of it does, it is called with
 * REQUEST_TIMED_OUT, and what comes then is ignored.
 *
 * Returns false, and never calls 'cb', if the application does not run on the
 * switch or is about to stop, has REQUESTS_MAX requests there already, or may
 * not send such a message. */
bool request_send(struct ofswitch *, uint8_t app, struct ofpbuf *msg,
                  int flags, long long int timeout_ms,
                  request_func *cb, void *aux)
    OVS_WARN_UNUSED_RESULT;

/* For the core. */

/* Gives the asker 'oh', an error or what may be a reply.  Returns false if no
 * request waits for it. */
bool requests_handle_error(struct ofswitch *, const struct ofp_header *oh,
                           enum ofperr);
bool requests_handle_reply(struct ofswitch *, const struct ofp_header *oh,
                           enum ofptype);

/* Ends all requests of 'app' with REQUEST_GONE. */
void requests_cancel(struct ofswitch *, uint8_t app);

#endif /* TASUKID_REQUESTS_H */
