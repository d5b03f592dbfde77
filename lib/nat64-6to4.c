/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* IPv6 to IPv4: RFC 7915 section 5. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* What the translation needs of valid IPv6 headers. */
struct ip6 {
    const uint8_t *p;
    const uint8_t *frag;        /* Fragment header, or NULL. */
    size_t l4;                  /* Offset in the frame of what follows. */
    size_t end;                 /* Where the packet ends in the frame. */
    size_t len;                 /* Bytes between. */
    uint16_t frag_ofs;          /* FRAG_OFS_MASK and FRAG_M, or 0. */
    uint8_t proto;
};

/* The rest of parse() for a packet that has extension headers, or an unusual
 * protocol. */
static enum nat64_result
parse_chain(const struct nat64_frame *f, struct nat64_head *h, struct ip6 *ip)
{
    struct nat64_chain chain;
    enum nat64_result result;
    size_t need;

    result = nat64_walk(ip->p, f->linear - f->l3_ofs, ip->end - f->l3_ofs,
                        &chain, &need);
    if (result == NAT64_PULL) {
        return nat64_short(f, h, f->l3_ofs + need);
    } else if (result != NAT64_OK) {
        return result;
    }
    ip->l4 = f->l3_ofs + chain.l4;
    ip->proto = chain.proto;
    if (chain.frag) {
        ip->frag = ip->p + chain.frag;
        ip->frag_ofs = nat64_get16(ip->frag + FRAG_OFS)
                       & (FRAG_OFS_MASK | FRAG_M);
        if (!nat64_is_in_packet(ip->frag_ofs & FRAG_OFS_MASK,
                                ip->end - ip->l4)) {
            return NAT64_BAD_HEADER;
        }
    }
    return NAT64_OK;
}

static inline enum nat64_result
parse(const struct nat64_frame *f, struct nat64_head *h, struct ip6 *ip)
{
    const uint8_t *p = f->data + f->l3_ofs;
    size_t plen, avail;

    if (NAT64_UNLIKELY(f->linear < f->l3_ofs + (size_t) IP6_LEN)) {
        return nat64_short(f, h, f->l3_ofs + (size_t) IP6_LEN);
    }
    if (NAT64_UNLIKELY(p[0] >> 4 != 6)) {
        return NAT64_BAD_HEADER;
    }
    avail = f->len - f->l3_ofs - IP6_LEN;
    plen = nat64_get16(p + IP6_PLEN);
    if (NAT64_UNLIKELY(!plen) && f->gso_size) {
        plen = avail;
    }
    if (NAT64_UNLIKELY(plen > avail)) {
        return NAT64_TRUNCATED;
    }
    ip->p = p;
    ip->frag = NULL;
    ip->frag_ofs = 0;
    ip->l4 = f->l3_ofs + (size_t) IP6_LEN;
    ip->end = ip->l4 + plen;
    ip->proto = p[IP6_NEXT];
    if (NAT64_UNLIKELY(ip->proto != PROTO_TCP && ip->proto != PROTO_UDP
                       && ip->proto != PROTO_ICMP6)) {
        enum nat64_result result = parse_chain(f, h, ip);

        if (result != NAT64_OK) {
            return result;
        }
    }
    ip->len = ip->end - ip->l4;
    return NAT64_OK;
}

/* Section 5.1, Source Address and Destination Address. */
static inline bool
get_addresses(const struct nat64 *n, const struct nat64_frame *f,
              struct nat64_head *h, const uint8_t *ip6, uint8_t addrs[8])
{
    if (NAT64_LIKELY(ip6[IP6_DST] != 0xff)) {
        if (!nat64_extract(n, ip6 + IP6_DST, addrs + 4)) {
            return false;
        }
    } else if (!nat64_group_6to4(ip6 + IP6_DST, f->data, addrs + 4,
                                 h->bytes)) {
        return false;
    }
    return nat64_extract(n, ip6 + IP6_SRC, addrs);
}

/* Section 5.2, echo: like the other direction, but the checksum no longer
 * covers a pseudo header. */
static enum nat64_result
echo(const struct nat64_frame *f, const struct ip6 *ip, uint8_t *out,
     size_t *copied)
{
    const uint8_t *icmp = f->data + ip->l4;
    uint16_t pseudo = nat64_fold(nat64_pseudo6(ip->p, ip->len));
    uint64_t delta = nat64_less32(pseudo) + nat64_less32(nat64_word16(icmp));

    memcpy(out, icmp, ICMP_LEN);
    out[0] = icmp[0] == ICMP6_ECHO ? ICMP4_ECHO : ICMP4_ECHO_REPLY;
    nat64_adjust(out + ICMP_CSUM, delta + nat64_word16(out), false);
    *copied = ICMP_LEN;
    return NAT64_OK;
}

static bool
is_neighbor_discovery(const struct nat64_frame *f, const struct ip6 *ip)
{
    return (ip->proto == PROTO_ICMP6
            && (f->data[ip->l4] == ICMP6_NS || f->data[ip->l4] == ICMP6_NA));
}

static bool
is_icmp_error(const struct nat64_frame *f, const struct ip6 *ip)
{
    return ip->proto == PROTO_ICMP6 && f->data[ip->l4] < ICMP6_ECHO;
}

/* Returns NAT64_OK for an ICMPv6 message of a type that may translate. */
static enum nat64_result
check_icmp(const struct nat64_frame *f, struct nat64_head *h,
           const struct ip6 *ip)
{
    if (ip->frag_ofs) {
        return NAT64_FRAGMENT_DROP;
    }
    if (ip->len < ICMP_LEN) {
        return NAT64_TRUNCATED;
    }
    if (f->linear < ip->l4 + ICMP_LEN) {
        return nat64_short(f, h, ip->l4 + ICMP_LEN);
    }
    switch (f->data[ip->l4]) {
    case ICMP6_ECHO:
    case ICMP6_ECHO_REPLY:
    case ICMP6_UNREACH:
    case ICMP6_TOO_BIG:
    case ICMP6_TIME_EXCEEDED:
    case ICMP6_PARAM_PROBLEM:
    case ICMP6_NS:
    case ICMP6_NA:
        return NAT64_OK;

    case ICMP6_ROUTER_SOLICIT:
    case ICMP6_ROUTER_ADVERT:
    case ICMP6_REDIRECT:
        return NAT64_ROUTER_DISCOVERY;

    case ICMP6_MLD_QUERY:
    case ICMP6_MLD_QUERY + 1:
    case ICMP6_MLD_DONE:
    case ICMP6_MLD2_REPORT:
        return NAT64_MULTICAST_CONTROL;

    default:
        return NAT64_ICMP_TYPE;
    }
}

/* How much of the IP payload of 'ip' identification() reads: for TCP the fixed
 * part of the header, otherwise what may be a header and some data. */
static inline size_t
identified_by(const struct ip6 *ip)
{
    size_t n = ip->proto == PROTO_TCP ? TCP_LEN : 16;

    return ip->len < n ? ip->len : n;
}

/* Section 5.1, Identification, for a packet without fragment header that may
 * be fragmented later.
 *
 * A counter would be state.  Instead the identification is made of what
 * differs between packets of a flow: the sequence number and the checksum,
 * which may be left to offload, or the start of the data.  If all of that is
 * the same in two packets, the packets probably are, and then it is harmless
 * if their fragments get mixed. */
static inline uint16_t
identification(const uint8_t *l4, const struct ip6 *ip)
{
    uint64_t x = 0, y = 0;

    if (ip->len >= TCP_LEN && ip->proto == PROTO_TCP) {
        x = nat64_word32(l4 + 4) << 32 | nat64_word32(l4 + TCP_CSUM);
    } else if (ip->len >= 16) {
        memcpy(&x, l4, 8);
        memcpy(&y, l4 + 8, 8);
        y *= 0xff51afd7ed558ccdU;
    } else if (ip->len >= 8) {
        memcpy(&x, l4, 8);
    }
    return (uint16_t) ((x ^ y ^ y >> 32) * 0x9e3779b97f4a7c15U >> 48);
}

/* Section 5.1, Identification, Flags and Fragment Offset, and section 5.1.1,
 * for a new packet of up to 'size' bytes.
 *
 * A packet that must not be fragmented has an identification of 0 (RFC 6864
 * section 4.1), which lets receivers merge such packets. */
static inline enum nat64_result
fragment_fields(const struct nat64_frame *f, struct nat64_head *h,
                const struct ip6 *ip, size_t size, uint16_t *id,
                uint16_t *frag)
{
    *id = 0;
    *frag = IP4_DF;
    if (NAT64_UNLIKELY(ip->frag != NULL)) {
        *id = nat64_get16(ip->frag + FRAG_ID + 2);
        *frag = (uint16_t) (ip->frag_ofs >> 3)
                | (ip->frag_ofs & FRAG_M ? IP4_MF : 0);
    } else if (size <= NAT64_DF_ABOVE) {
        size_t upto = ip->l4 + identified_by(ip);

        if (NAT64_UNLIKELY(f->linear < upto)) {
            return nat64_short(f, h, upto);
        }
        *id = identification(f->data + ip->l4, ip);
        *frag = 0;
    }
    return NAT64_OK;
}

/* Writes to 'out' the start of the IP payload, as far as it changes. */
static inline enum nat64_result
put_transport(const struct nat64_frame *f, struct nat64_head *h,
              const struct ip6 *ip, const uint8_t addrs[8], uint8_t *out,
              size_t *copied)
{
    uint64_t delta;

    if (NAT64_UNLIKELY(ip->frag_ofs & FRAG_OFS_MASK)) {
        *copied = 0;
        return NAT64_OK;
    }
    delta = nat64_less_addrs6(ip->p) + nat64_sum_addr4(addrs)
            + nat64_sum_addr4(addrs + 4);
    if (NAT64_LIKELY(ip->proto == PROTO_TCP)) {
        return nat64_tcp(f, h, ip->l4, ip->len, delta, out, copied);
    } else if (ip->proto == PROTO_UDP) {
        return nat64_udp(f, h, ip->l4, ip->len, !ip->frag_ofs, delta, NULL,
                         out, copied);
    } else if (ip->proto == PROTO_ICMP6) {
        return echo(f, ip, out, copied);
    } else {
        *copied = 0;
        return NAT64_OK;
    }
}

/* Section 5, on packets that are too big for the next link.  A packet that had
 * a fragment header may be cut once more, as by an IPv4 router.  The sender of
 * any other is told the MTU, but none below IPv6's minimum. */
static NAT64_SLOW enum nat64_result
too_big(size_t limit, struct nat64_head *h, uint16_t frag)
{
    size_t mtu = limit + (IP6_LEN - IP4_LEN);

    if (!(frag & IP4_DF)) {
        h->mtu = (uint16_t) limit;
        return NAT64_FRAGMENT;
    }
    mtu = mtu < NAT64_MTU_MIN_6 ? NAT64_MTU_MIN_6 : mtu;
    h->mtu = (uint16_t) (mtu > 0xffff ? 0xffff : mtu);
    return NAT64_TOO_BIG;
}

enum nat64_result
nat64_6to4(const struct nat64 *n, const struct nat64_frame *f,
           struct nat64_head *h)
{
    enum nat64_result result, verdict = NAT64_OK;
    uint8_t *ip4 = h->bytes + h->l3_ofs;
    size_t tot_len, unit, limit, copied;
    uint8_t addrs[8], proto, tc;
    uint16_t id, frag;
    struct ip6 ip;

    result = parse(f, h, &ip);
    if (NAT64_UNLIKELY(result != NAT64_OK)) {
        return result;
    }
    proto = ip.proto;
    if (NAT64_UNLIKELY(proto != PROTO_TCP && proto != PROTO_UDP)) {
        if (proto == PROTO_ICMP6) {
            proto = PROTO_ICMP4;
            result = check_icmp(f, h, &ip);
        } else {
            result = nat64_protocol_6to4(proto);
        }
        if (result != NAT64_OK) {
            return result;
        }
        if (is_neighbor_discovery(f, &ip)) {
            return nat64_nd_to_arp(n, f, h, ip.l4, ip.end);
        }
    }

    nat64_put_eth(f, h, ETH_IP4);
    if (NAT64_UNLIKELY(!get_addresses(n, f, h, ip.p, addrs))) {
        return NAT64_ADDRESS;
    }
    h->proto = proto;
    tc = (uint8_t) (nat64_get16(ip.p) >> 4);
    if (NAT64_UNLIKELY(proto == PROTO_ICMP4) && is_icmp_error(f, &ip)) {
        /* Section 5.1.1, if it is an "atomic" fragment. */
        id = ip.frag ? nat64_get16(ip.frag + FRAG_ID + 2) : 0;
        nat64_put_ip4(ip4, tc, 0, id, 0, ip.p[IP6_HOPS], proto,
                      nat64_get32(addrs), nat64_get32(addrs + 4));
        return nat64_icmp_error_6to4(n, f, h, ip.l4, ip.end);
    }

    tot_len = IP4_LEN + ip.len;
    unit = IP4_LEN + nat64_unit(f, ip.proto, ip.l4, ip.len,
                                !(ip.frag_ofs & FRAG_OFS_MASK));
    result = fragment_fields(f, h, &ip, unit, &id, &frag);
    if (NAT64_UNLIKELY(result != NAT64_OK)) {
        return result;
    }
    limit = n->mtu ? n->mtu : 0xffff;
    if (NAT64_UNLIKELY(unit > limit)) {
        verdict = too_big(limit, h, frag);
        if (verdict == NAT64_TOO_BIG) {
            return verdict;
        }
    }

    nat64_put_ip4(ip4, tc, tot_len > 0xffff ? 0 : (uint16_t) tot_len, id,
                  frag, ip.p[IP6_HOPS], proto,
                  nat64_get32(addrs), nat64_get32(addrs + 4));
    result = put_transport(f, h, &ip, addrs, ip4 + IP4_LEN, &copied);
    if (NAT64_UNLIKELY(result != NAT64_OK)) {
        return result;
    }
    h->strip = ip.l4 + copied;
    h->keep = ip.len - copied;
    h->len = h->l3_ofs + IP4_LEN + copied;
    h->l4_ofs = (ip.frag_ofs & FRAG_OFS_MASK
                 ? 0 : (uint16_t) (h->l3_ofs + IP4_LEN));
    return verdict;
}
