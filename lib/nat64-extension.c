/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* The protocols behind an IP header, and IPv6 extension headers: RFC 7915
 * sections 4.1, 5.1 and 5.1.1, RFC 8200 section 4. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* A packet has each kind of extension header once, and destination options
 * twice.  A packet with more is meant to cost us time. */
#define MAX_HEADERS 8

/* Offset into the routing header. */
#define ROUTING_SEGMENTS_LEFT 3

/* Returns whether 'next' is an extension header to be skipped.  Encapsulating
 * Security Payload, Authentication Header and all unknown numbers count as
 * transport protocols. */
static bool
is_extension(uint8_t next)
{
    return next == PROTO_HOP_BY_HOP || next == PROTO_ROUTING
           || next == PROTO_FRAGMENT || next == PROTO_DEST_OPTS;
}

/* Returns whether 'next' must not follow a fragment header, by section 5.1.1.
 * It would have to be cut out of the first fragment, and the offsets in later
 * fragments would not fit any more. */
static bool
is_forbidden_in_fragment(uint8_t next)
{
    return is_extension(next) || next == PROTO_AUTH;
}

enum nat64_result
nat64_protocol_4to6(uint8_t proto)
{
    return (proto == PROTO_IGMP ? NAT64_MULTICAST_CONTROL
            : proto == PROTO_ICMP6 ? NAT64_ICMP_TYPE
            : is_extension(proto) ? NAT64_EXTENSION
            : NAT64_OK);
}

enum nat64_result
nat64_protocol_6to4(uint8_t proto)
{
    return (proto == PROTO_IGMP ? NAT64_MULTICAST_CONTROL
            : proto == PROTO_ICMP4 ? NAT64_ICMP_TYPE
            : NAT64_OK);
}

enum nat64_result
nat64_walk(const uint8_t *ip, size_t linear, size_t len,
           struct nat64_chain *chain, size_t *need)
{
    uint8_t next = ip[IP6_NEXT];
    size_t ofs = IP6_LEN;
    int i;

    chain->frag = 0;
    for (i = 0; is_extension(next); i++) {
        const uint8_t *ext = ip + ofs;
        size_t ext_len;

        if (i == MAX_HEADERS) {
            return NAT64_EXTENSION;
        }
        if (len - ofs < 8) {
            return NAT64_TRUNCATED;
        }
        if (linear < ofs + 8) {
            *need = ofs + 8;
            return NAT64_PULL;
        }
        ext_len = next == PROTO_FRAGMENT ? 8 : (ext[1] + (size_t) 1) * 8;
        if (len - ofs < ext_len) {
            return NAT64_TRUNCATED;
        }
        if (next == PROTO_ROUTING && ext[ROUTING_SEGMENTS_LEFT]) {
            return NAT64_SOURCE_ROUTE;
        }
        if (next == PROTO_FRAGMENT) {
            if (is_forbidden_in_fragment(ext[0])) {
                return NAT64_EXTENSION;
            }
            chain->frag = ofs;
        }
        next = ext[0];
        ofs += ext_len;
    }
    chain->l4 = ofs;
    chain->proto = next;
    return NAT64_OK;
}
