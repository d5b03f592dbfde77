/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tcp-cut.h"

#include <string.h>

#include "check-tcp-seq-inline.h"

/* Offsets into the IPv4 and IPv6 headers (RFC 791, RFC 8200). */
enum {
    IP4_TOT_LEN = 2,
    IP4_FRAG = 6,
    IP4_CSUM = 10,
    IP6_PLEN = 4,
};
#define IP4_DF 0x4000

/* RFC 9293 section 3.1. */
enum {
    CUT_FLAG_PSH = 0x08,
    CUT_FLAG_CWR = 0x80,
};

static bool
is_ip4(const uint8_t *l3)
{
    return l3[0] >> 4 == 4;
}

/* Returns where the packet's length is in its IP header. */
static size_t
length_ofs(const uint8_t *l3)
{
    return is_ip4(l3) ? IP4_TOT_LEN : IP6_PLEN;
}

bool
tcp_cut_find(const struct check_tcp_seq *c, const uint8_t *l3, size_t len,
             struct tcp_cut *cut)
{
    size_t avail;
    bool more;

    if (!get16(l3 + length_ofs(l3))
        || (is_ip4(l3) && !(get16(l3 + IP4_FRAG) & IP4_DF))
        || tcp_offset_locate(l3, len, &cut->tcp, &avail,
                             &more) != TCP_OFFSET_OK) {
        return false;
    }

    const uint8_t *tcp = l3 + cut->tcp;
    size_t hlen = (size_t) (tcp[TCP_DOFF] >> 4) * 4;
    size_t size = avail - hlen;
    uint32_t into_window = get32(tcp + TCP_SEQ) - c->start;
    uint32_t to_edge = (into_window < c->len ? c->len - into_window
                        : -into_window);

    /* No edge is in the payload of a packet that straddles for its FIN. */
    cut->headers = cut->tcp + hlen;
    cut->first = to_edge < size ? to_edge : size;
    cut->rest = size - cut->first;
    return true;
}

/* Has the headers at 'l3' say that 'n' bytes less come after them. */
static void
shorten(const struct tcp_cut *cut, uint8_t *l3, size_t n)
{
    uint8_t *length = l3 + length_ofs(l3);
    uint8_t *csum = l3 + cut->tcp + TCP_CSUM;
    uint32_t minus_n = 0xffff - n;      /* In ones' complement. */
    uint32_t sum = get16(csum) + minus_n;

    put16(length, get16(length) - n);
    if (is_ip4(l3)) {
        update_csum(l3 + IP4_CSUM, minus_n);
    }
    put16(csum, (sum & 0xffff) + (sum >> 16));
}

size_t
tcp_cut_first(const struct tcp_cut *cut, uint8_t *l3)
{
    l3[cut->tcp + TCP_FLAGS] &= ~(CHECK_FLAG_FIN | CUT_FLAG_PSH);
    shorten(cut, l3, cut->rest);
    return cut->headers + cut->first;
}

size_t
tcp_cut_rest(const struct tcp_cut *cut, uint8_t *l3)
{
    uint8_t *tcp = l3 + cut->tcp;
    uint8_t *payload = l3 + cut->headers;

    tcp[TCP_FLAGS] &= ~CUT_FLAG_CWR;
    put32(tcp + TCP_SEQ, get32(tcp + TCP_SEQ) + cut->first);
    memmove(payload, payload + cut->first, cut->rest);
    shorten(cut, l3, cut->first);
    return cut->headers + cut->rest;
}
