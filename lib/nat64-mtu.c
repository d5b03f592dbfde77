/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Packets that outgrow the MTU: cut into fragments, or answered with an
 * error. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* Header fields of the frames that nat64_too_big() makes. */
#define ERROR_TTL 64
#define ERROR_TOS 0xc0          /* Internetwork control: RFC 1812 section
                                 * 4.3.2.5. */

/* Fragments. */

/* nat64_fragment() for IPv4: RFC 791 section 3.2. */
static void
put_fragment4(uint8_t *ip, size_t ofs, size_t take, bool more)
{
    uint16_t frag = nat64_get16(ip + IP4_FRAG);

    frag = (uint16_t) (frag + ofs / 8) | (more ? IP4_MF : 0);
    nat64_put_ip4(ip, ip[IP4_TOS], (uint16_t) (IP4_LEN + take),
                  nat64_get16(ip + IP4_ID), frag, ip[IP4_TTL], ip[IP4_PROTO],
                  nat64_get32(ip + IP4_SRC), nat64_get32(ip + IP4_DST));
}

/* Likewise for IPv6: RFC 8200 section 4.5. */
static void
put_fragment6(uint8_t *ip, size_t ofs, size_t take, bool more)
{
    uint8_t *ext = ip + IP6_LEN;
    uint16_t frag = nat64_get16(ext + FRAG_OFS);

    frag = (uint16_t) (frag + ofs) | (more ? FRAG_M : 0);
    nat64_put16(ext + FRAG_OFS, frag);
    nat64_put16(ip + IP6_PLEN, (uint16_t) (FRAG_LEN + take));
}

bool
nat64_fragment(const struct nat64_head *head, size_t payload,
               size_t *ofs, uint8_t *out, size_t *out_len, size_t *take)
{
    bool is_ip4 = head->eth_type == ETH_IP4;
    size_t hlen = is_ip4 ? IP4_LEN : IP6_LEN + FRAG_LEN;
    size_t left = payload - *ofs;
    size_t most = head->mtu - hlen;
    bool more = left > most;
    size_t n = more ? most / 8 * 8 : left;

    memcpy(out, head->bytes, head->l3_ofs + hlen);
    if (is_ip4) {
        put_fragment4(out + head->l3_ofs, *ofs, n, more);
    } else {
        put_fragment6(out + head->l3_ofs, *ofs, n, more);
    }
    *out_len = head->l3_ofs + hlen;
    *take = n;
    *ofs += n;
    return more;
}

/* Errors. */

static size_t
min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Writes the Ethernet header of an answer to 'f', 'l3' bytes. */
static void
put_eth_back(const struct nat64_frame *f, uint16_t l3, uint16_t type,
             uint8_t *bytes)
{
    memcpy(bytes, f->data, l3);
    memcpy(bytes, f->data + ETH_SRC, 6);
    memcpy(bytes + ETH_SRC, f->data, 6);
    nat64_put16(bytes + l3 - 2, type);
}

/* Returns whether an error may be sent about the IPv4 packet at 'ip', of which
 * 'avail' bytes can be read: not about an error, a later fragment, or a packet
 * that was not from one host to one host (RFC 1122 section 3.2.2). */
static bool
may_answer4(const uint8_t *ip, size_t avail)
{
    size_t hlen = (ip[0] & 0xf) * 4;

    if (!nat64_is_host4(ip + IP4_SRC) || !nat64_is_host4(ip + IP4_DST)
        || nat64_get16(ip + IP4_FRAG) & IP4_OFS_MASK) {
        return false;
    }
    if (ip[IP4_PROTO] == PROTO_ICMP4) {
        uint8_t type;

        if (hlen < IP4_LEN || avail <= hlen) {
            return false;
        }
        type = ip[hlen];
        return type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY;
    }
    return true;
}

/* Likewise for IPv6, by RFC 4443 section 2.4(e).  That section allows Packet
 * Too Big about multicast, but we send none: its source would have to be an
 * address of our own. */
static bool
may_answer6(const uint8_t *ip, size_t avail)
{
    static const uint8_t unspecified[16];
    struct nat64_chain chain;
    size_t need;

    if (ip[IP6_SRC] == 0xff || ip[IP6_DST] == 0xff
        || !memcmp(ip + IP6_SRC, unspecified, sizeof unspecified)
        || nat64_walk(ip, avail, avail, &chain, &need) != NAT64_OK) {
        return false;
    }
    return (chain.proto != PROTO_ICMP6
            || (avail > chain.l4
                && (ip[chain.l4] == ICMP6_ECHO
                    || ip[chain.l4] == ICMP6_ECHO_REPLY)));
}

/* Returns how many bytes of the packet in 'f' can be quoted.  'len' is the
 * length that its header says, or 0 for all that are there. */
static size_t
quotable(const struct nat64_frame *f, size_t len, size_t room)
{
    size_t avail = f->linear - f->l3_ofs;

    return min(len ? min(avail, len) : avail, room);
}

static size_t
fragmentation_needed(const struct nat64_frame *f, uint16_t l3, uint16_t mtu,
                     uint8_t *bytes)
{
    const uint8_t *ip = f->data + f->l3_ofs;
    uint8_t *out = bytes + l3;
    uint8_t *icmp = out + IP4_LEN;
    size_t quoted;
    uint16_t csum;

    if (f->linear < f->l3_ofs + (size_t) IP4_LEN
        || !may_answer4(ip, f->linear - f->l3_ofs)) {
        return 0;
    }
    quoted = quotable(f, nat64_get16(ip + IP4_TOT_LEN),
                      NAT64_ICMP4_MAX - IP4_LEN - ICMP_LEN);
    put_eth_back(f, l3, ETH_IP4, bytes);
    nat64_put_ip4(out, ERROR_TOS, (uint16_t) (IP4_LEN + ICMP_LEN + quoted), 0,
                  IP4_DF, ERROR_TTL, PROTO_ICMP4, nat64_get32(ip + IP4_DST),
                  nat64_get32(ip + IP4_SRC));
    nat64_put32(icmp, (uint32_t) ICMP4_UNREACH << 24
                      | (uint32_t) ICMP4_FRAG_NEEDED << 16);
    nat64_put32(icmp + ICMP_REST, mtu);
    memcpy(icmp + ICMP_LEN, ip, quoted);
    csum = (uint16_t) ~nat64_fold(nat64_sum(icmp, ICMP_LEN + quoted));
    memcpy(icmp + ICMP_CSUM, &csum, sizeof csum);
    return l3 + IP4_LEN + ICMP_LEN + quoted;
}

static size_t
packet_too_big(const struct nat64_frame *f, uint16_t l3, uint16_t mtu,
               uint8_t *bytes)
{
    const uint8_t *ip = f->data + f->l3_ofs;
    uint8_t *out = bytes + l3;
    uint8_t *icmp = out + IP6_LEN;
    size_t plen, quoted;
    uint16_t csum;

    if (f->linear < f->l3_ofs + (size_t) IP6_LEN
        || !may_answer6(ip, f->linear - f->l3_ofs)) {
        return 0;
    }
    plen = nat64_get16(ip + IP6_PLEN);
    quoted = quotable(f, plen ? IP6_LEN + plen : 0,
                      NAT64_MTU_MIN_6 - IP6_LEN - ICMP_LEN);
    put_eth_back(f, l3, ETH_IP6, bytes);
    nat64_put_ip6(out, 0, (uint16_t) (ICMP_LEN + quoted), PROTO_ICMP6,
                  ERROR_TTL);
    memcpy(out + IP6_SRC, ip + IP6_DST, 16);
    memcpy(out + IP6_DST, ip + IP6_SRC, 16);
    nat64_put32(icmp, (uint32_t) ICMP6_TOO_BIG << 24);
    nat64_put32(icmp + ICMP_REST, mtu);
    memcpy(icmp + ICMP_LEN, ip, quoted);
    csum = (uint16_t) ~nat64_fold(nat64_pseudo6(out, ICMP_LEN + quoted)
                                  + nat64_sum(icmp, ICMP_LEN + quoted));
    memcpy(icmp + ICMP_CSUM, &csum, sizeof csum);
    return l3 + IP6_LEN + ICMP_LEN + quoted;
}

size_t
nat64_too_big(const struct nat64_frame *f, uint16_t mtu, uint8_t *bytes)
{
    uint16_t l3 = nat64_l3_ofs(f);

    if (!l3 || f->data[0] & 1 || f->data[ETH_SRC] & 1) {
        return 0;
    }
    switch (nat64_get16(f->data + f->l3_ofs - 2)) {
    case ETH_IP4:
        return fragmentation_needed(f, l3, mtu, bytes);

    case ETH_IP6:
        return packet_too_big(f, l3, mtu, bytes);

    default:
        return 0;
    }
}
