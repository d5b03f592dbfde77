/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* The packet in an ICMP error: RFC 7915 sections 4.3 and 5.3.
 *
 * It is quoted as its sender knows it.  The translator gave the sender's
 * packet the other family on its way out, and gives it back its family here.
 * The quote is cut off somewhere, often 8 bytes behind the IP header, so
 * lengths come from its header and not from what is there.  Nobody relies on
 * its checksums; they are carried over nevertheless, as far as they are
 * there. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* The offset of the transport header's checksum, or 0 if it has none that
 * covers addresses. */
static size_t
csum_ofs(uint8_t proto)
{
    return (proto == PROTO_TCP ? TCP_CSUM
            : proto == PROTO_UDP ? UDP_CSUM
            : 0);
}

/* Copies the quoted start of a TCP, UDP or other payload, 'len' bytes, to
 * 'out', adding 'delta' to the checksum if there is one.  UDP datagrams that
 * came without a checksum are quoted without. */
static void
copy_transport(uint8_t proto, const uint8_t *in, size_t len, uint64_t delta,
               uint8_t *out)
{
    size_t ofs = csum_ofs(proto);

    memcpy(out, in, len);
    if (!ofs || len < ofs + 2
        || (proto == PROTO_UDP && !nat64_word16(in + ofs))) {
        return;
    }
    if (!nat64_adjust(out + ofs, delta, false) && proto == PROTO_UDP) {
        nat64_put16(out + ofs, 0xffff);
    }
}

/* Copies the quoted start of an ICMP message and gives it the new 'type', if
 * it is an echo of type 'request' or 'reply'.  Anything else would be an error
 * in an error, or has not gone through the translator.  A fragment may come
 * from an echo that the translator cut.  Its checksum is off by the length of
 * the whole message, which is not known here. */
static bool
copy_echo(const uint8_t *in, size_t len, uint8_t request, uint8_t reply,
          uint8_t new_request, uint8_t new_reply, uint64_t delta,
          uint8_t *out)
{
    if (len < ICMP_REST || (in[0] != request && in[0] != reply)) {
        return false;
    }
    memcpy(out, in, len);
    out[0] = in[0] == request ? new_request : new_reply;
    delta += nat64_less32(nat64_word16(in)) + nat64_word16(out);
    nat64_adjust(out + ICMP_CSUM, delta, false);
    return true;
}

static size_t
min(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t
nat64_inner_4to6(const struct nat64 *n, const uint8_t *in, size_t len,
                 uint8_t *out, size_t room)
{
    size_t hlen, tot_len, new_hlen = IP6_LEN;
    uint16_t frag;
    uint8_t next;

    if (len < IP4_LEN || in[0] >> 4 != 4) {
        return 0;
    }
    hlen = (in[0] & 0xf) * 4;
    tot_len = nat64_get16(in + IP4_TOT_LEN);
    if (hlen < IP4_LEN || tot_len < hlen || len < hlen
        || !nat64_embed(n, in + IP4_SRC, out + IP6_SRC)
        || !nat64_embed(n, in + IP4_DST, out + IP6_DST)) {
        return 0;
    }
    frag = nat64_get16(in + IP4_FRAG) & (IP4_MF | IP4_OFS_MASK);
    next = in[IP4_PROTO] == PROTO_ICMP4 ? PROTO_ICMP6 : in[IP4_PROTO];
    if (nat64_protocol_4to6(in[IP4_PROTO]) != NAT64_OK) {
        return 0;
    }
    if (frag) {
        uint8_t *ext = out + IP6_LEN;

        nat64_put32(ext, (uint32_t) next << 24
                         | (uint32_t) (frag & IP4_OFS_MASK) << 3
                         | (frag & IP4_MF ? FRAG_M : 0));
        nat64_put32(ext + FRAG_ID, nat64_get16(in + IP4_ID));
        new_hlen += FRAG_LEN;
    }
    nat64_put_ip6(out, in[IP4_TOS],
                  (uint16_t) (tot_len - hlen + new_hlen - IP6_LEN),
                  frag ? PROTO_FRAGMENT : next, in[IP4_TTL]);

    len = min(min(len, tot_len) - hlen, room - new_hlen);
    if (frag & IP4_OFS_MASK) {
        memcpy(out + new_hlen, in + hlen, len);
    } else if (next == PROTO_ICMP6) {
        if (!copy_echo(in + hlen, len, ICMP4_ECHO, ICMP4_ECHO_REPLY,
                       ICMP6_ECHO, ICMP6_ECHO_REPLY,
                       nat64_pseudo6(out, tot_len - hlen), out + new_hlen)) {
            return 0;
        }
    } else {
        copy_transport(next, in + hlen, len,
                       nat64_sum_addrs6(out) + nat64_less_addrs4(in),
                       out + new_hlen);
    }
    return new_hlen + len;
}

/* Writes the IPv4 header's fragment fields for an IPv6 packet with fragment
 * header 'ext', or without one if 'ext' is NULL.  In that case the former
 * identification is not known here. */
static void
fragment_fields(const uint8_t *ext, size_t tot_len, uint16_t *id,
                uint16_t *frag)
{
    if (ext) {
        uint16_t ofs = nat64_get16(ext + FRAG_OFS);

        *id = nat64_get16(ext + FRAG_ID + 2);
        *frag = (uint16_t) (ofs >> 3) | (ofs & FRAG_M ? IP4_MF : 0);
    } else {
        *id = 0;
        *frag = tot_len > NAT64_DF_ABOVE ? IP4_DF : 0;
    }
}

size_t
nat64_inner_6to4(const struct nat64 *n, const uint8_t *in, size_t len,
                 uint8_t *out, size_t room)
{
    const uint8_t *ext, *l4;
    struct nat64_chain chain;
    size_t plen, payload, need;
    uint8_t src[4], dst[4], proto;
    uint16_t id, frag;

    if (len < IP6_LEN || in[0] >> 4 != 6
        || !nat64_extract(n, in + IP6_SRC, src)
        || !nat64_extract(n, in + IP6_DST, dst)
        || nat64_walk(in, len, len, &chain, &need) != NAT64_OK
        || nat64_protocol_6to4(chain.proto) != NAT64_OK) {
        return 0;
    }
    plen = nat64_get16(in + IP6_PLEN);
    if (IP6_LEN + plen < chain.l4
        || plen > 0xffff - IP4_LEN + chain.l4 - IP6_LEN) {
        return 0;
    }
    payload = IP6_LEN + plen - chain.l4;
    proto = chain.proto == PROTO_ICMP6 ? PROTO_ICMP4 : chain.proto;
    ext = chain.frag ? in + chain.frag : NULL;
    fragment_fields(ext, IP4_LEN + payload, &id, &frag);
    nat64_put_ip4(out, (uint8_t) (nat64_get16(in) >> 4),
                  (uint16_t) (IP4_LEN + payload), id, frag, in[IP6_HOPS],
                  proto, nat64_get32(src), nat64_get32(dst));

    l4 = in + chain.l4;
    out += IP4_LEN;
    len = min(min(len - chain.l4, payload), room - IP4_LEN);
    if (frag & IP4_OFS_MASK) {
        memcpy(out, l4, len);
    } else if (proto == PROTO_ICMP4) {
        uint16_t pseudo = nat64_fold(nat64_pseudo6(in, payload));

        if (!copy_echo(l4, len, ICMP6_ECHO, ICMP6_ECHO_REPLY, ICMP4_ECHO,
                       ICMP4_ECHO_REPLY, nat64_less32(pseudo), out)) {
            return 0;
        }
    } else {
        copy_transport(proto, l4, len,
                       nat64_less_addrs6(in) + nat64_sum_addr4(src)
                       + nat64_sum_addr4(dst), out);
    }
    return IP4_LEN + len;
}
