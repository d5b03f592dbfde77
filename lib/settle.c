/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "settle.h"

#include "byte-order.h"
#include "openflow/openflow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "tasuki-action.h"
#include "unaligned.h"

/* OFPT_VENDOR of OpenFlow 1.0, OFPT_EXPERIMENTER of later versions. */
#define TYPE_EXPERIMENTER 4

/* Our first message. */
#define SUBTYPE_SETTLE 0

struct settle_message {
    struct ofp_header header;
    ovs_be32 vendor;            /* TASUKI_VENDOR_ID. */
    ovs_be32 subtype;           /* SUBTYPE_SETTLE. */
};
BUILD_ASSERT_DECL(sizeof(struct settle_message) == 16);

struct ofpbuf *
settle_encode(uint8_t ofp_version)
{
    /* A barrier request has a transaction id of its own, and nothing else. */
    struct ofpbuf *msg = ofputil_encode_barrier_request(ofp_version);
    struct settle_message *m;

    ofpbuf_put_zeros(msg, sizeof *m - msg->size);
    m = msg->data;
    m->header.type = TYPE_EXPERIMENTER;
    m->vendor = htonl(TASUKI_VENDOR_ID);
    m->subtype = htonl(SUBTYPE_SETTLE);
    ofpmsg_update_length(msg);
    return msg;
}

bool
settle_is(const struct ofp_header *oh)
{
    const struct settle_message *m
        = ALIGNED_CAST(const struct settle_message *, oh);

    return (oh->type == TYPE_EXPERIMENTER
            && ntohs(oh->length) == sizeof *m
            && m->vendor == htonl(TASUKI_VENDOR_ID)
            && m->subtype == htonl(SUBTYPE_SETTLE));
}
