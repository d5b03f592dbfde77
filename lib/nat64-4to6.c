/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* IPv4 to IPv6: RFC 7915 section 4. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* IPv4 options (RFC 791 section 3.1). */
enum {
    OPT_END = 0,
    OPT_NOP = 1,
    OPT_LSRR = 131,             /* Loose source route. */
    OPT_SSRR = 137,             /* Strict source route. */
};

/* What the translation needs of a valid IPv4 header. */
struct ip4 {
    const uint8_t *p;
    size_t l4;                  /* Offset in the frame of what follows. */
    size_t end;                 /* Where the packet ends in the frame. */
    size_t len;                 /* Bytes between. */
    uint16_t frag;              /* DF, MF, and the offset. */
    uint8_t proto;
};

/* Options do not translate and are left out: section 4.1.  A source route that
 * is not used up stops the packet. */
static NAT64_SLOW enum nat64_result
check_options(const uint8_t *opts, size_t len)
{
    size_t i, n;

    for (i = 0; i < len && opts[i] != OPT_END; i += n) {
        if (opts[i] == OPT_NOP) {
            n = 1;
            continue;
        }
        if (len - i < 2 || opts[i + 1] < 2 || opts[i + 1] > len - i) {
            return NAT64_BAD_HEADER;
        }
        n = opts[i + 1];
        if (opts[i] == OPT_LSRR || opts[i] == OPT_SSRR) {
            if (n < 3) {
                return NAT64_BAD_HEADER;
            }
            if (opts[i + 2] <= n) {
                return NAT64_SOURCE_ROUTE;
            }
        }
    }
    return NAT64_OK;
}

/* The rest of parse() for a header of 'hlen' > 20 bytes, whose first 20 bytes
 * add up to '*sum'. */
static NAT64_SLOW enum nat64_result
parse_options(const struct nat64_frame *f, struct nat64_head *h,
              const uint8_t *p, size_t hlen, uint64_t *sum)
{
    if (f->linear < f->l3_ofs + hlen) {
        return nat64_short(f, h, f->l3_ofs + hlen);
    }
    *sum += nat64_sum(p + IP4_LEN, hlen - IP4_LEN);
    return check_options(p + IP4_LEN, hlen - IP4_LEN);
}

/* Validates the IPv4 header.  IPv6 has no header checksum, so this is the last
 * chance to find a damaged header. */
static inline enum nat64_result
parse(const struct nat64_frame *f, struct nat64_head *h, struct ip4 *ip)
{
    const uint8_t *p = f->data + f->l3_ofs;
    size_t hlen, tot_len, avail;
    uint64_t sum;

    if (NAT64_UNLIKELY(f->linear < f->l3_ofs + (size_t) IP4_LEN)) {
        return nat64_short(f, h, f->l3_ofs + (size_t) IP4_LEN);
    }
    avail = f->len - f->l3_ofs;
    tot_len = nat64_get16(p + IP4_TOT_LEN);
    if (NAT64_UNLIKELY(!tot_len) && f->gso_size) {
        tot_len = avail;
    }
    hlen = (p[0] & 0xf) * 4;
    if (NAT64_UNLIKELY(p[0] >> 4 != 4 || hlen < IP4_LEN || tot_len < hlen)) {
        return NAT64_BAD_HEADER;
    }
    if (NAT64_UNLIKELY(tot_len > avail)) {
        return NAT64_TRUNCATED;
    }

    sum = nat64_word32(p) + nat64_word32(p + 4) + nat64_word32(p + 8)
          + nat64_sum_addrs4(p);
    if (NAT64_UNLIKELY(hlen > IP4_LEN)) {
        enum nat64_result result = parse_options(f, h, p, hlen, &sum);

        if (result != NAT64_OK) {
            return result;
        }
    }
    /* The sender of a super-packet may leave the checksum to whoever cuts
     * it. */
    if (NAT64_UNLIKELY(nat64_fold(sum) != 0xffff) && !f->gso_size) {
        return NAT64_BAD_HEADER;
    }

    ip->p = p;
    ip->l4 = f->l3_ofs + hlen;
    ip->end = f->l3_ofs + tot_len;
    ip->len = tot_len - hlen;
    ip->frag = nat64_get16(p + IP4_FRAG);
    ip->proto = p[IP4_PROTO];
    if (NAT64_UNLIKELY(ip->frag & (IP4_MF | IP4_OFS_MASK))
        && !nat64_is_in_packet((size_t) (ip->frag & IP4_OFS_MASK) << 3,
                               ip->len)) {
        return NAT64_BAD_HEADER;
    }
    return NAT64_OK;
}

static bool
is_icmp_error(const struct nat64_frame *f, const struct ip4 *ip)
{
    uint8_t type = f->data[ip->l4];

    return type != ICMP4_ECHO && type != ICMP4_ECHO_REPLY;
}

/* Section 4.1, Source Address and Destination Address.  An ICMP error is
 * useful whatever its source address is. */
static inline bool
put_addresses(const struct nat64 *n, const struct nat64_frame *f,
              struct nat64_head *h, const struct ip4 *ip, uint8_t *ip6)
{
    const uint8_t *src = ip->p + IP4_SRC;
    const uint8_t *dst = ip->p + IP4_DST;

    if (NAT64_LIKELY(!(f->data[0] & 1) && nat64_is_host4(dst))) {
        if (!nat64_embed_any(n, dst, ip6 + IP6_DST)) {
            return false;
        }
    } else if (!nat64_group_4to6(n, dst, f->data, ip6 + IP6_DST, h->bytes)) {
        return false;
    }
    return ((nat64_is_host4(src)
             || (ip->proto == PROTO_ICMP4 && is_icmp_error(f, ip)))
            && nat64_embed_any(n, src, ip6 + IP6_SRC));
}

/* Section 4.1, fragment header. */
static void
put_fragment_header(uint8_t *out, uint8_t next, const struct ip4 *ip)
{
    uint16_t ofs = (uint16_t) ((ip->frag & IP4_OFS_MASK) << 3);

    nat64_put32(out, (uint32_t) next << 24 | ofs
                     | (ip->frag & IP4_MF ? FRAG_M : 0));
    nat64_put32(out + FRAG_ID, nat64_get16(ip->p + IP4_ID));
}

/* Section 4.2, echo.  The checksum covers the new pseudo header in
 * addition. */
static enum nat64_result
echo(const struct nat64_frame *f, const struct ip4 *ip, const uint8_t *ip6,
     uint8_t *out, size_t *copied)
{
    const uint8_t *icmp = f->data + ip->l4;
    uint64_t delta = nat64_pseudo6(ip6, ip->len)
                     + nat64_less32(nat64_word16(icmp));

    memcpy(out, icmp, ICMP_LEN);
    out[0] = icmp[0] == ICMP4_ECHO ? ICMP6_ECHO : ICMP6_ECHO_REPLY;
    nat64_adjust(out + ICMP_CSUM, delta + nat64_word16(out), false);
    *copied = ICMP_LEN;
    return NAT64_OK;
}

/* Returns NAT64_OK for an ICMP message of a type that may translate. */
static enum nat64_result
check_icmp(const struct nat64_frame *f, struct nat64_head *h,
           const struct ip4 *ip)
{
    if (ip->frag & (IP4_MF | IP4_OFS_MASK)) {
        /* The checksum of ICMPv6 covers the length of the whole message, which
         * a fragment does not have. */
        return NAT64_FRAGMENT_DROP;
    }
    if (ip->len < ICMP_LEN) {
        return NAT64_TRUNCATED;
    }
    if (f->linear < ip->l4 + ICMP_LEN) {
        return nat64_short(f, h, ip->l4 + ICMP_LEN);
    }
    switch (f->data[ip->l4]) {
    case ICMP4_ECHO:
    case ICMP4_ECHO_REPLY:
    case ICMP4_UNREACH:
    case ICMP4_TIME_EXCEEDED:
    case ICMP4_PARAM_PROBLEM:
        return NAT64_OK;

    case ICMP4_REDIRECT:
    case ICMP4_ROUTER_ADVERT:
    case ICMP4_ROUTER_SOLICIT:
        return NAT64_ROUTER_DISCOVERY;

    default:
        return NAT64_ICMP_TYPE;
    }
}

/* Writes to 'out' the start of the IP payload, as far as it changes. */
static inline enum nat64_result
put_transport(const struct nat64_frame *f, struct nat64_head *h,
              const struct ip4 *ip, const uint8_t *ip6, uint8_t *out,
              size_t *copied)
{
    uint64_t delta;

    if (NAT64_UNLIKELY(ip->frag & IP4_OFS_MASK)) {
        *copied = 0;
        return NAT64_OK;
    }
    delta = nat64_sum_addrs6(ip6) + nat64_less_addrs4(ip->p);
    if (NAT64_LIKELY(ip->proto == PROTO_TCP)) {
        return nat64_tcp(f, h, ip->l4, ip->len, delta, out, copied);
    } else if (ip->proto == PROTO_UDP) {
        return nat64_udp(f, h, ip->l4, ip->len, !(ip->frag & IP4_MF), delta,
                         ip6, out, copied);
    } else if (ip->proto == PROTO_ICMP4) {
        return echo(f, ip, ip6, out, copied);
    } else {
        *copied = 0;
        return NAT64_OK;
    }
}

/* Section 4, on packets that are too big for the next link.  '*frag_len' is
 * the length of the fragment header, which there is if DF is clear. */
static NAT64_SLOW enum nat64_result
too_big(const struct nat64 *n, struct nat64_head *h, const struct ip4 *ip,
        size_t *frag_len)
{
    if (!(ip->frag & IP4_DF)) {
        *frag_len = FRAG_LEN;
        h->mtu = n->mtu;
        return NAT64_FRAGMENT;
    }
    h->mtu = (uint16_t) (n->mtu - (IP6_LEN - IP4_LEN) - *frag_len);
    return NAT64_TOO_BIG;
}

enum nat64_result
nat64_4to6(const struct nat64 *n, const struct nat64_frame *f,
           struct nat64_head *h)
{
    enum nat64_result result, verdict = NAT64_OK;
    uint8_t *ip6 = h->bytes + h->l3_ofs;
    size_t frag_len, copied, plen, unit;
    struct ip4 ip;
    uint8_t next;

    result = parse(f, h, &ip);
    if (NAT64_UNLIKELY(result != NAT64_OK)) {
        return result;
    }
    next = ip.proto;
    if (NAT64_UNLIKELY(next != PROTO_TCP && next != PROTO_UDP)) {
        if (next == PROTO_ICMP4) {
            next = PROTO_ICMP6;
            result = check_icmp(f, h, &ip);
        } else {
            result = nat64_protocol_4to6(next);
        }
        if (result != NAT64_OK) {
            return result;
        }
    }

    nat64_put_eth(f, h, ETH_IP6);
    if (NAT64_UNLIKELY(!put_addresses(n, f, h, &ip, ip6))) {
        return NAT64_ADDRESS;
    }
    h->proto = next;
    if (NAT64_UNLIKELY(next == PROTO_ICMP6) && is_icmp_error(f, &ip)) {
        nat64_put_ip6(ip6, ip.p[IP4_TOS], 0, next, ip.p[IP4_TTL]);
        return nat64_icmp_error_4to6(n, f, h, ip.l4, ip.end);
    }

    frag_len = ip.frag & (IP4_MF | IP4_OFS_MASK) ? FRAG_LEN : 0;
    unit = nat64_unit(f, ip.proto, ip.l4, ip.len, !(ip.frag & IP4_OFS_MASK));
    if (n->mtu && NAT64_UNLIKELY(IP6_LEN + frag_len + unit > n->mtu)) {
        verdict = too_big(n, h, &ip, &frag_len);
        if (verdict == NAT64_TOO_BIG) {
            return verdict;
        }
    }

    plen = frag_len + ip.len;
    nat64_put_ip6(ip6, ip.p[IP4_TOS], plen > 0xffff ? 0 : (uint16_t) plen,
                  frag_len ? PROTO_FRAGMENT : next, ip.p[IP4_TTL]);
    if (NAT64_UNLIKELY(frag_len)) {
        put_fragment_header(ip6 + IP6_LEN, next, &ip);
    }
    result = put_transport(f, h, &ip, ip6, ip6 + IP6_LEN + frag_len, &copied);
    if (NAT64_UNLIKELY(result != NAT64_OK)) {
        return result;
    }
    h->strip = ip.l4 + copied;
    h->keep = ip.len - copied;
    h->len = h->l3_ofs + IP6_LEN + frag_len + copied;
    h->l4_ofs = (ip.frag & IP4_OFS_MASK
                 ? 0 : (uint16_t) (h->l3_ofs + IP6_LEN + frag_len));
    return verdict;
}
