/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* IP headers, as the ipsec_tag action reads them (see ipsec-tag.h). */

#ifndef IPSEC_TAG_INLINE_H
#define IPSEC_TAG_INLINE_H 1

#include "ipsec-tag.h"
#include "tcp-offset-inline.h"

/* Types of Ethernet, and protocols of IP (IANA). */
enum {
    TYPE_IP4 = 0x0800,
    TYPE_TEB = 0x6558,
    TYPE_VLAN = 0x8100,
    TYPE_IP6 = 0x86dd,
    TYPE_QINQ = 0x88a8,
};
enum {
    PROTO_HOP_BY_HOP = 0,
    PROTO_IP4 = 4,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_DCCP = 33,
    PROTO_IP6 = 41,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_GRE = 47,
    PROTO_AUTH = 51,
    PROTO_ICMP6 = 58,
    PROTO_DEST_OPTS = 60,
    PROTO_SCTP = 132,
    PROTO_UDPLITE = 136,
};

/* Offsets into the headers of IPv4, IPv6 (RFC 791, RFC 8200). */
enum {
    IP4_TOT_LEN = 2,
    IP4_FRAG = 6,
    IP4_PROTO = 9,
    IP4_CSUM = 10,
    IP4_SRC = 12,
    IP4_DST = 16,
    IP4_MIN_LEN = 20,
};
enum {
    IP6_PLEN = 4,
    IP6_NEXT = 6,
    IP6_SRC = 8,
    IP6_DST = 24,
    IP6_LEN = 40,
};

/* In the fragment fields: offset and more fragments. */
#define IP4_FRAG_MASK 0x3fff
#define IP4_FRAG_OFS_MASK 0x1fff
#define IP6_FRAG_MASK 0xfff9
#define IP6_FRAG_OFS_MASK 0xfff8

/* Extension headers that are skipped at most. */
#define IP_EXT_MAX 8

struct ip_part {
    const uint8_t *src;         /* The source address; DST's follows it. */
    uint8_t version;
    uint8_t proto;              /* What 'l4' is, or could not be read. */
    bool fragment;              /* Of a datagram in several pieces. */
    bool later;                 /* And not the first. */
    bool routed;                /* The pseudo header has another
                                 * destination. */
    const uint8_t *l4;
    size_t l4_len;              /* How much of it is there. */
};

/* True if 'have' bytes are less than 'need', which it notes in '*cut'. */
HOT bool
ip_lacks(size_t have, size_t need, bool *cut)
{
    *cut |= have < need;
    return have < need;
}

HOT bool
ip_is_extension(uint8_t version, uint8_t proto)
{
    return (proto == PROTO_AUTH
            || (version == 6
                && (proto == PROTO_HOP_BY_HOP || proto == PROTO_ROUTING
                    || proto == PROTO_FRAGMENT
                    || proto == PROTO_DEST_OPTS)));
}

/* Skips extension headers at 'ip->l4'. */
static inline void
ip_skip_extensions(struct ip_part *ip, bool *cut)
{
    unsigned int n;
    uint16_t frag;

    for (n = 0; ip_is_extension(ip->version, ip->proto); n++) {
        const uint8_t *ext = ip->l4;
        size_t len;

        if (n >= IP_EXT_MAX || ip_lacks(ip->l4_len, 8, cut)) {
            ip->l4_len = 0;
            return;
        }
        len = (ext[1] + 1U) * 8;
        if (ip->proto == PROTO_AUTH) {
            /* RFC 4302 counts 32-bit words, less two. */
            len = (ext[1] + 2U) * 4;
        } else if (ip->proto == PROTO_FRAGMENT) {
            frag = get16(ext + 2);
            ip->fragment = frag & IP6_FRAG_MASK;
            ip->later = frag & IP6_FRAG_OFS_MASK;
            len = 8;
        } else if (ip->proto == PROTO_ROUTING) {
            ip->routed |= ext[3] != 0;
        }
        if (ip->later || ip_lacks(ip->l4_len, len, cut)) {
            ip->l4_len = 0;
            return;
        }
        ip->proto = ext[0];
        ip->l4 += len;
        ip->l4_len -= len;
    }
}

/* Reads the IPv4 header at 'p', of which 'len' bytes are there.  Returns true
 * if successful, false if it is none. */
HOT bool
ip_read4(struct ip_part *ip, const uint8_t *p, size_t len, bool *cut)
{
    size_t ihl, tot_len;
    uint16_t frag;

    if (ip_lacks(len, IP4_MIN_LEN, cut)) {
        return false;
    }
    ihl = (p[0] & 0xf) * 4U;
    if (p[0] >> 4 != 4 || ihl < IP4_MIN_LEN) {
        return false;
    }

    /* What is behind the length is padding.  A super-packet of more than 65535
     * bytes has no length. */
    tot_len = get16(p + IP4_TOT_LEN);
    if (tot_len && tot_len < len) {
        len = tot_len;
    }
    frag = get16(p + IP4_FRAG);
    ip->src = p + IP4_SRC;
    ip->version = 4;
    ip->proto = p[IP4_PROTO];
    ip->fragment = frag & IP4_FRAG_MASK;
    ip->later = frag & IP4_FRAG_OFS_MASK;
    ip->routed = false;
    ip->l4 = p + ihl;
    ip->l4_len = ip->later || ip_lacks(len, ihl, cut) ? 0 : len - ihl;
    if (ip->proto == PROTO_AUTH && !ip->later) {
        ip_skip_extensions(ip, cut);
    }
    return true;
}

/* Likewise for IPv6. */
HOT bool
ip_read6(struct ip_part *ip, const uint8_t *p, size_t len, bool *cut)
{
    size_t plen;

    if (ip_lacks(len, IP6_LEN, cut) || p[0] >> 4 != 6) {
        return false;
    }
    plen = get16(p + IP6_PLEN);
    if (plen && plen < len - IP6_LEN) {
        len = plen + IP6_LEN;
    }
    ip->src = p + IP6_SRC;
    ip->version = 6;
    ip->proto = p[IP6_NEXT];
    ip->fragment = false;
    ip->later = false;
    ip->routed = false;
    ip->l4 = p + IP6_LEN;
    ip->l4_len = len - IP6_LEN;
    if (ip_is_extension(6, ip->proto)) {
        ip_skip_extensions(ip, cut);
    }
    return true;
}

/* Likewise for a packet of 'type', in host byte order. */
HOT bool
ip_read(struct ip_part *ip, uint16_t type, const uint8_t *p, size_t len,
        bool *cut)
{
    return (type == TYPE_IP4 ? ip_read4(ip, p, len, cut)
            : type == TYPE_IP6 ? ip_read6(ip, p, len, cut)
            : false);
}

#endif /* ipsec-tag-inline.h */
