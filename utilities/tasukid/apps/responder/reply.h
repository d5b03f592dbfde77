/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_RESPONDER_REPLY_H
#define TASUKID_RESPONDER_REPLY_H 1

/* How a host answers ARP (RFC 826), Neighbor Discovery (RFC 4861) and echo
 * requests (RFC 792, RFC 4443).  Bytes in, bytes out: no switch, no database,
 * no clock. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "openvswitch/types.h"

struct ofpbuf;

#define REPLIER_MAX_ADDRESSES 64

/* The host. */
struct replier {
    struct eth_addr mac;
    struct in6_addr addresses[REPLIER_MAX_ADDRESSES];   /* IPv4 is mapped. */
    size_t n_addresses;
};

/* What becomes of a packet.  The first four have an answer. */
enum reply {
    REPLY_ARP,
    REPLY_ND,
    REPLY_ECHO,                 /* IPv4. */
    REPLY_ECHO6,

    REPLY_N_ANSWERS,
    REPLY_OTHER = REPLY_N_ANSWERS, /* No request, or to somebody else. */
    REPLY_MALFORMED,            /* Cut short, or with impossible fields. */
    REPLY_CHECKSUM,
    REPLY_FRAGMENT,
    REPLY_HEADERS,              /* IPv4 options or IPv6 extension headers. */
    REPLY_HOP_LIMIT,            /* Neighbor Discovery that was forwarded. */
    REPLY_SOURCE,               /* Not from another host. */

    REPLY_N
};

/* Returns the name of a counter. */
const char *reply_name(enum reply);

/* Appends to 'answer', which is empty, what 'r' answers to the 'size' bytes at
 * 'frame', which are aligned to 2 bytes.  The frame is Ethernet without FCS.
 * The answer has the same VLAN tags, if any.  Leaves 'answer' empty if it
 * returns REPLY_N_ANSWERS or more. */
enum reply reply_make(const struct replier *r, const void *frame, size_t size,
                      struct ofpbuf *answer);

/* Returns true if 'address', IPv6 or mapped IPv4, can be that of a single host
 * on a network. */
bool reply_is_host_address(const struct in6_addr *address);

#endif /* TASUKID_RESPONDER_REPLY_H */
