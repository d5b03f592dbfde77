/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CAPTURE_DIRECTION_H
#define TASUKI_CAPTURE_DIRECTION_H 1

/* One direction of a connection. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

/* Has no padding that is not zero, so that bytes can be compared. */
struct direction {
    struct in6_addr src, dst;   /* IPv4-mapped for IPv4. */
    ovs_be16 src_port, dst_port;
    uint8_t nw_proto;           /* IPPROTO_TCP or IPPROTO_UDP. */
    uint8_t zero[3];
};

uint32_t direction_hash(const struct direction *);
bool direction_equals(const struct direction *, const struct direction *);

/* What matters of a frame. */
struct direction_frame {
    struct direction dir;
    bool syn;                   /* Of TCP only: */
    uint32_t end;               /* Sequence number after its last byte, where
                                 * SYN and FIN count as one (RFC 9293 section
                                 * 3.4).  In host byte order. */
};

/* Takes apart the Ethernet frame of 'len' bytes at 'data', which may be cut
 * short and anything at all.  Returns false if it is not TCP or UDP, or not
 * the first fragment. */
bool direction_extract(const void *data, size_t len, struct direction_frame *);

#endif /* TASUKI_CAPTURE_DIRECTION_H */
