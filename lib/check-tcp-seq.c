/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "check-tcp-seq-inline.h"

/* Offsets into the IPv4 and IPv6 headers (RFC 791, RFC 8200). */
enum {
    IP4_TOT_LEN = 2,
    IP4_FRAG = 6,
    IP4_PROTO = 9,
    IP4_PLAIN_LEN = 20,
    IP6_PLEN = 4,
    IP6_LEN = 40,
    PROTO_TCP = 6,
};

/* In the fragment field: all but "don't fragment" and the reserved bit. */
#define IP4_IS_FRAG 0x3fff

/* Returns the length that the IP header of the packet at 'l3' says.  'len'
 * bytes are there.  Returns 'len' if the header leaves the length open, as in
 * a super-packet of more than 65535 bytes. */
static size_t
packet_len(const uint8_t *l3, size_t len)
{
    size_t n = (l3[0] >> 4 == 4 ? get16(l3 + IP4_TOT_LEN)
                : get16(l3 + IP6_PLEN));

    return !n ? len : l3[0] >> 4 == 4 ? n : n + IP6_LEN;
}

static enum check_tcp_verdict
check_any_packet(const struct check_tcp_seq *c, const uint8_t *l3, size_t len)
{
    size_t ofs, avail;
    bool more;

    if (tcp_offset_locate(l3, len, &ofs, &avail, &more) != TCP_OFFSET_OK
        || more || packet_len(l3, len) > len) {
        return CHECK_TCP_OUTSIDE;
    }
    return check_tcp_segment(c, l3 + ofs, avail);
}

enum check_tcp_verdict
check_tcp_packet(const struct check_tcp_seq *c, const uint8_t *l3, size_t len)
{
    size_t tot_len;

    /* IPv4 without options and fragments, as nearly all is. */
    if (len >= IP4_PLAIN_LEN && l3[0] == 0x45 && l3[IP4_PROTO] == PROTO_TCP
        && !(get16(l3 + IP4_FRAG) & IP4_IS_FRAG)) {
        tot_len = get16(l3 + IP4_TOT_LEN);
        if (tot_len >= IP4_PLAIN_LEN && tot_len <= len) {
            return check_tcp_segment(c, l3 + IP4_PLAIN_LEN,
                                     tot_len - IP4_PLAIN_LEN);
        }
    }
    return check_any_packet(c, l3, len);
}

const char *
check_tcp_seq_check(const struct check_tcp_seq *c)
{
    if (c->number > CHECK_TCP_ACK) {
        return "check_tcp_seq: the number must be seq or ack";
    }
    if (!c->len || c->len > CHECK_TCP_LEN_MAX) {
        return "check_tcp_seq: len is out of range";
    }
    if (c->pad[0] || c->pad[1] || c->pad[2]) {
        return "check_tcp_seq: padding must be zero";
    }
    return NULL;
}
