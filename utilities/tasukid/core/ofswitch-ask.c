/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ofswitch-private.h"

#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* What the core itself asks a switch, which has to answer, and the questions
 * about ports. */

/* Returns true if 'reply' brings a message.  Otherwise drops the connection,
 * unless it is gone. */
bool
ofswitch_has_answer(struct ofswitch *sw, const struct request_reply *reply)
{
    switch (reply->status) {
    case REQUEST_PART:
    case REQUEST_DONE:
        return true;

    case REQUEST_REFUSED:
        ofswitch_reconnect(sw, "the switch does not describe itself");
        return false;

    case REQUEST_TIMED_OUT:
        ofswitch_reconnect(sw, "the switch does not reply");
        return false;

    case REQUEST_GONE:
        return false;
    }
    OVS_NOT_REACHED();
}

/* Sends 'msg', a request of the core that must have an answer. */
void
ofswitch_ask(struct ofswitch *sw, struct ofpbuf *msg, long long int timeout_ms,
             request_func *cb)
{
    if (!request_send(sw, PIPE_APP_CORE, msg, 0, timeout_ms, cb, NULL)) {
        ofswitch_reconnect(sw, "too many requests wait for their replies");
    }
}

static void
handle_ports(struct ofswitch *sw, const struct request_reply *reply,
             void *aux OVS_UNUSED)
{
    struct ofputil_phy_port desc;
    int retval;

    if (!ofswitch_has_answer(sw, reply)) {
        return;
    }

    struct ofpbuf b = *reply->msgs[0];
    ofpraw_pull_assert(&b);
    while (!(retval = ofputil_pull_phy_port(sw->version, &b, &desc))) {
        ofswitch_put_port(sw, &desc);
    }
    if (retval != EOF) {
        ofswitch_bad_message(sw, reply->msgs[0], retval);
    }

    bool last = reply->status == REQUEST_DONE;
    if (sw->state == OSS_MANAGED) {
        if (last) {
            ofswitch_delete_doubted_ports(sw);
        }
    } else if (last) {
        sw->have_ports = true;
    }
}

static void
request_ports(struct ofswitch *sw)
{
    ofswitch_ask(sw, ofputil_encode_port_desc_stats_request(sw->version,
                                                            OFPP_ANY),
                 OFSWITCH_HANDSHAKE_MS, handle_ports);
}

/* Forgets the ports and asks which there are. */
void
ofswitch_read_ports(struct ofswitch *sw)
{
    ofswitch_clear_ports(sw);
    sw->have_ports = false;
    ofswitch_set_state(sw, OSS_HANDSHAKE);
    request_ports(sw);
}

/* Asks which ports there are, to learn what has changed. */
void
ofswitch_check_ports(struct ofswitch *sw)
{
    ofswitch_doubt_ports(sw);
    request_ports(sw);
}
