/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* What the files of the translator share: the names of the headers' fields,
 * loads and stores, checksums, and what each file offers to the others.
 *
 * Code that every packet goes through is inline, and written for the usual
 * case: a prefix of 96 bits, unicast, no options. */

#ifndef NAT64_PRIVATE_H
#define NAT64_PRIVATE_H 1

#ifdef __KERNEL__
#include <linux/string.h>

/* User Mode Linux is compiled with -fno-builtin, which would turn every load
 * of two bytes into a call. */
#undef memcpy
#define memcpy(DST, SRC, N) __builtin_memcpy(DST, SRC, N)
#else
#include <string.h>
#endif

#include "nat64.h"

#define NAT64_LIKELY(X) __builtin_expect(!!(X), 1)
#define NAT64_UNLIKELY(X) __builtin_expect(!!(X), 0)
#define NAT64_SLOW __attribute__((__noinline__, __cold__))
#define NAT64_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* Ethernet. */
enum {
    ETH_SRC = 6,
    ETH_LEN = 14,               /* Without tags. */
    ETH_MAX_LEN = 22,           /* With two. */
    ETH_TYPE_MIN = 0x600,       /* Less is a length. */
    SNAP_LEN = 8,               /* LLC and SNAP headers, type included. */
    ETH_IP4 = 0x0800,
    ETH_ARP = 0x0806,
    ETH_IP6 = 0x86dd,
};

/* IP protocols and IPv6 next headers. */
enum {
    PROTO_HOP_BY_HOP = 0,
    PROTO_ICMP4 = 1,
    PROTO_IGMP = 2,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AUTH = 51,
    PROTO_ICMP6 = 58,
    PROTO_DEST_OPTS = 60,
};

/* Offsets into the IPv4 header (RFC 791) and its flags. */
enum {
    IP4_TOS = 1,
    IP4_TOT_LEN = 2,
    IP4_ID = 4,
    IP4_FRAG = 6,
    IP4_TTL = 8,
    IP4_PROTO = 9,
    IP4_CSUM = 10,
    IP4_SRC = 12,
    IP4_DST = 16,
    IP4_LEN = 20,
    IP4_DF = 0x4000,
    IP4_MF = 0x2000,
    IP4_OFS_MASK = 0x1fff,      /* In units of 8 bytes. */
};

/* Offsets into the IPv6 header and its fragment header (RFC 8200). */
enum {
    IP6_PLEN = 4,
    IP6_NEXT = 6,
    IP6_HOPS = 7,
    IP6_SRC = 8,
    IP6_DST = 24,
    IP6_LEN = 40,
    FRAG_OFS = 2,
    FRAG_ID = 4,
    FRAG_LEN = 8,
    FRAG_OFS_MASK = 0xfff8,     /* In bytes. */
    FRAG_M = 1,
};

/* Offsets into transport headers. */
enum {
    TCP_DOFF = 12,
    TCP_CSUM = 16,
    TCP_LEN = 20,
    UDP_LEN_FIELD = 4,
    UDP_CSUM = 6,
    UDP_LEN = 8,
    ICMP_CODE = 1,
    ICMP_CSUM = 2,
    ICMP_REST = 4,
    ICMP_LEN = 8,
};

/* ICMP types (RFC 792) and ICMPv6 types (RFC 4443). */
enum {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACH = 3,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO = 8,
    ICMP4_ROUTER_ADVERT = 9,
    ICMP4_ROUTER_SOLICIT = 10,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAM_PROBLEM = 12,
    ICMP4_FRAG_NEEDED = 4,      /* A code of ICMP4_UNREACH. */

    ICMP6_UNREACH = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAM_PROBLEM = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_MLD_QUERY = 130,
    ICMP6_MLD_DONE = 132,
    ICMP6_ROUTER_SOLICIT = 133,
    ICMP6_ROUTER_ADVERT = 134,
    ICMP6_NS = 135,
    ICMP6_NA = 136,
    ICMP6_REDIRECT = 137,
    ICMP6_MLD2_REPORT = 143,
};

/* An IPv4 packet of at most this size may be fragmented, though the IPv6
 * packet that it was could not: RFC 7915 section 5.1, Flags. */
#define NAT64_DF_ABOVE 1260

/* How much an ICMPv4 error may hold, headers included: RFC 1812 section
 * 4.3.2.3. */
#define NAT64_ICMP4_MAX 576

/* Big-endian loads and stores at any alignment. */

static inline uint16_t
nat64_get16(const uint8_t *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return NAT64_BIG_ENDIAN ? x : __builtin_bswap16(x);
}

static inline uint32_t
nat64_get32(const uint8_t *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return NAT64_BIG_ENDIAN ? x : __builtin_bswap32(x);
}

static inline void
nat64_put16(uint8_t *p, uint16_t x)
{
    x = NAT64_BIG_ENDIAN ? x : __builtin_bswap16(x);
    memcpy(p, &x, sizeof x);
}

static inline void
nat64_put32(uint8_t *p, uint32_t x)
{
    x = NAT64_BIG_ENDIAN ? x : __builtin_bswap32(x);
    memcpy(p, &x, sizeof x);
}

/* Internet checksums (RFC 1071).
 *
 * Sums are over words as the machine loads them: byte order does not matter to
 * such a sum as long as load and store agree.  They are kept in 64 bits, where
 * some thousand words of 32 bits fit. */

static inline uint64_t
nat64_word16(const uint8_t *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

static inline uint64_t
nat64_word32(const uint8_t *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    return x;
}

/* The word that stands for 'x' in a packet. */
static inline uint64_t
nat64_word(uint16_t x)
{
    return NAT64_BIG_ENDIAN ? x : __builtin_bswap16(x);
}

/* Returns what to add to a sum to take off 'word', of 32 bits: modulo 65535
 * the complement is the negative. */
static inline uint64_t
nat64_less32(uint64_t word)
{
    return (uint32_t) ~word;
}

static inline uint64_t
nat64_sum_addr4(const uint8_t *ip4)
{
    return nat64_word32(ip4);
}

static inline uint64_t
nat64_sum_addr6(const uint8_t *ip6)
{
    return nat64_word32(ip6) + nat64_word32(ip6 + 4)
           + nat64_word32(ip6 + 8) + nat64_word32(ip6 + 12);
}

/* The sum of both addresses in an IPv4 or IPv6 header. */
static inline uint64_t
nat64_sum_addrs4(const uint8_t *ip)
{
    return nat64_sum_addr4(ip + IP4_SRC) + nat64_sum_addr4(ip + IP4_DST);
}

static inline uint64_t
nat64_sum_addrs6(const uint8_t *ip)
{
    return nat64_sum_addr6(ip + IP6_SRC) + nat64_sum_addr6(ip + IP6_DST);
}

/* Like nat64_sum_addrs4() and nat64_sum_addrs6(), but negative. */
static inline uint64_t
nat64_less_addrs4(const uint8_t *ip)
{
    return nat64_less32(nat64_word32(ip + IP4_SRC))
           + nat64_less32(nat64_word32(ip + IP4_DST));
}

static inline uint64_t
nat64_less_addrs6(const uint8_t *ip)
{
    uint64_t sum = 0;
    int i;

    for (i = IP6_SRC; i < IP6_LEN; i += 4) {
        sum += nat64_less32(nat64_word32(ip + i));
    }
    return sum;
}

static inline uint16_t
nat64_fold(uint64_t sum)
{
    sum = (sum & 0xffffffffU) + (sum >> 32);
    sum = (sum & 0xffffffffU) + (sum >> 32);
    sum = (sum & 0xffffU) + (sum >> 16);
    sum = (sum & 0xffffU) + (sum >> 16);
    return (uint16_t) sum;
}

/* Adds 'delta' to the sum behind the checksum at 'p': HC' = ~(~HC + delta),
 * equation 3 of RFC 1624, so that a checksum that was wrong stays wrong by as
 * much.  With 'partial' the field is a sum itself, not the complement of
 * one. */
static inline uint16_t
nat64_adjust(uint8_t *p, uint64_t delta, bool partial)
{
    uint16_t flip = partial ? 0 : 0xffff;
    uint16_t csum = nat64_fold(delta + (nat64_word16(p) ^ flip)) ^ flip;

    memcpy(p, &csum, sizeof csum);
    return csum;
}

/* Returns the sum of 'len' bytes. */
uint64_t nat64_sum(const uint8_t *, size_t len);

/* Returns the sum of ICMPv6's pseudo header, for an IPv6 header at 'ip' and a
 * message of 'len' bytes. */
static inline uint64_t
nat64_pseudo6(const uint8_t *ip, size_t len)
{
    return nat64_sum_addrs6(ip) + nat64_word((uint16_t) len)
           + nat64_word((uint16_t) (len >> 16)) + nat64_word(PROTO_ICMP6);
}

/* Returns the result for a frame whose first 'upto' bytes should be readable
 * but are not. */
static inline enum nat64_result
nat64_short(const struct nat64_frame *f, struct nat64_head *h, size_t upto)
{
    h->need = upto;
    return upto > f->len ? NAT64_TRUNCATED : NAT64_PULL;
}

/* Starts the head, whose 'l3_ofs' is set, with the Ethernet header of the
 * frame, tags and all, and with the type in place of a length.  The copy has
 * no branch: it is as long as the longest header, which an IP header or ARP
 * message behind it allows.  What is too much will be overwritten. */
static inline void
nat64_put_eth(const struct nat64_frame *f, struct nat64_head *h, uint16_t type)
{
    memcpy(h->bytes, f->data, ETH_MAX_LEN + 2);
    nat64_put16(h->bytes + h->l3_ofs - 2, type);
    h->eth_type = type;
}

/* Returns whether there may be a fragment of 'len' bytes at 'ofs'.  IPv4 has
 * no longer packets (RFC 791 section 3.1), and if such a fragment were cut,
 * offsets could wrap. */
static inline bool
nat64_is_in_packet(size_t ofs, size_t len)
{
    return ofs + len <= 0xffff - IP4_LEN;
}

/* Writes an IPv4 header without options, addresses and all, to 'ip'. */
static inline void
nat64_put_ip4(uint8_t *ip, uint8_t tos, uint16_t tot_len, uint16_t id,
              uint16_t frag, uint8_t ttl, uint8_t proto,
              uint32_t src, uint32_t dst)
{
    uint32_t w0 = 0x45000000U | (uint32_t) tos << 16 | tot_len;
    uint32_t w1 = (uint32_t) id << 16 | frag;
    uint32_t w2 = (uint32_t) ttl << 24 | (uint32_t) proto << 16;
    uint64_t sum = (uint64_t) w0 + w1 + w2 + src + dst;

    nat64_put32(ip, w0);
    nat64_put32(ip + IP4_ID, w1);
    nat64_put32(ip + IP4_TTL, w2 | (uint16_t) ~nat64_fold(sum));
    nat64_put32(ip + IP4_SRC, src);
    nat64_put32(ip + IP4_DST, dst);
}

/* Writes an IPv6 header without addresses to 'ip'. */
static inline void
nat64_put_ip6(uint8_t *ip, uint8_t tc, uint16_t plen, uint8_t next,
              uint8_t hops)
{
    nat64_put32(ip, 0x60000000U | (uint32_t) tc << 20);
    nat64_put32(ip + IP6_PLEN, (uint32_t) plen << 16
                               | (uint32_t) next << 8 | hops);
}

/* nat64-address.c. */

void nat64_embed_split(const struct nat64 *, const uint8_t *ip4,
                       uint8_t *ip6);
bool nat64_extract_split(const struct nat64 *, const uint8_t *ip6,
                         uint8_t *ip4);
bool nat64_is_global4(const uint8_t *ip4);

/* Returns whether the prefix is 64:ff9b::/96, which must not be used with
 * addresses that are not global (RFC 6052 section 3.1). */
static inline bool
nat64_well_known(const struct nat64 *n)
{
    return nat64_get32(n->prefix) == 0x0064ff9bU && n->prefix_len == 96;
}

/* Returns whether 'ip4' may be the address of a host: not of "this network",
 * loopback, multicast or reserved (RFC 6890). */
static inline bool
nat64_is_host4(const uint8_t *ip4)
{
    return (uint8_t) (ip4[0] - 1) < 224 - 1 && ip4[0] != 127;
}

/* Stores the IPv6 address of 'ip4' in 'ip6' (RFC 6052 section 2.3), or returns
 * false if 'ip4' must not have one.  Unlike for nat64_embed(), 'ip4' need not
 * be the address of a host. */
static inline bool
nat64_embed_any(const struct nat64 *n, const uint8_t *ip4, uint8_t *ip6)
{
    if (NAT64_UNLIKELY(nat64_well_known(n)) && !nat64_is_global4(ip4)) {
        return false;
    }
    if (NAT64_LIKELY(n->prefix_len == 96)) {
        memcpy(ip6, n->prefix, 12);
        memcpy(ip6 + 12, ip4, 4);
    } else {
        nat64_embed_split(n, ip4, ip6);
    }
    return true;
}

static inline bool
nat64_embed(const struct nat64 *n, const uint8_t *ip4, uint8_t *ip6)
{
    return nat64_is_host4(ip4) && nat64_embed_any(n, ip4, ip6);
}

/* Stores the IPv4 address of the host 'ip6' in 'ip4', or returns false if it
 * has none. */
static inline bool
nat64_extract(const struct nat64 *n, const uint8_t *ip6, uint8_t *ip4)
{
    if (NAT64_LIKELY(n->prefix_len == 96)) {
        uint64_t a, b;
        uint32_t c, d;

        memcpy(&a, ip6, 8);
        memcpy(&b, n->prefix, 8);
        memcpy(&c, ip6 + 8, 4);
        memcpy(&d, n->prefix + 8, 4);
        if ((a ^ b) | (c ^ d)) {
            return false;
        }
        memcpy(ip4, ip6 + 12, 4);
    } else if (!nat64_extract_split(n, ip6, ip4)) {
        return false;
    }
    return nat64_is_host4(ip4)
           && (!NAT64_UNLIKELY(nat64_well_known(n)) || nat64_is_global4(ip4));
}

/* Translate destinations that are not one host, or that seem to be one while
 * the frame goes to a group.  'eth_dst' is the destination of the frame, and
 * 'eth_out' that of the new frame, which is changed if need be. */
bool nat64_group_4to6(const struct nat64 *, const uint8_t *ip4,
                      const uint8_t *eth_dst, uint8_t *ip6, uint8_t *eth_out);
bool nat64_group_6to4(const uint8_t *ip6, const uint8_t *eth_dst,
                      uint8_t *ip4, uint8_t *eth_out);

/* The group of all nodes, ff02::1. */
extern const uint8_t nat64_all_nodes[16];

/* Stores the Ethernet address of the IPv6 group 'ip6' (RFC 2464 section 7). */
static inline void
nat64_group_eth6(const uint8_t *ip6, uint8_t *eth)
{
    eth[0] = 0x33;
    eth[1] = 0x33;
    memcpy(eth + 2, ip6 + 12, 4);
}

/* nat64-transport.c. */

/* Copy the first bytes of a transport header to 'out', adding 'delta' to its
 * checksum, and store their number in '*copied'.  The header is at offset 'l4'
 * in the frame and must be the start of the 'len' bytes of IP payload.
 * 'whole' says that these are the whole IP payload. */

static inline enum nat64_result
nat64_tcp(const struct nat64_frame *f, struct nat64_head *h, size_t l4,
          size_t len, uint64_t delta, uint8_t *out, size_t *copied)
{
    const uint8_t *tcp = f->data + l4;
    size_t doff;

    if (NAT64_UNLIKELY(len < TCP_LEN)) {
        return NAT64_TRUNCATED;
    }
    if (NAT64_UNLIKELY(f->linear < l4 + TCP_LEN)) {
        return nat64_short(f, h, l4 + TCP_LEN);
    }
    doff = (size_t) (tcp[TCP_DOFF] >> 4) * 4;
    if (NAT64_UNLIKELY(doff < TCP_LEN || doff > len)) {
        return doff < TCP_LEN ? NAT64_BAD_HEADER : NAT64_TRUNCATED;
    }
    memcpy(out, tcp, TCP_LEN);
    nat64_adjust(out + TCP_CSUM, delta, f->csum_partial);
    *copied = TCP_LEN;
    return NAT64_OK;
}

enum nat64_result nat64_udp_no_csum(const struct nat64_frame *,
                                    struct nat64_head *, size_t l4,
                                    size_t len, bool whole,
                                    const uint8_t *ip6, uint8_t *out);

/* 'ip6' is the new IPv6 header, addresses and all, or NULL if the new packet
 * is an IPv4 packet. */
static inline enum nat64_result
nat64_udp(const struct nat64_frame *f, struct nat64_head *h, size_t l4,
          size_t len, bool whole, uint64_t delta, const uint8_t *ip6,
          uint8_t *out, size_t *copied)
{
    const uint8_t *udp = f->data + l4;
    size_t udp_len;

    if (NAT64_UNLIKELY(len < UDP_LEN)) {
        return NAT64_TRUNCATED;
    }
    if (NAT64_UNLIKELY(f->linear < l4 + UDP_LEN)) {
        return nat64_short(f, h, l4 + UDP_LEN);
    }
    /* A fragment is shorter than the length says, and a super-packet may have
     * the length of one of its parts, or none. */
    udp_len = nat64_get16(udp + UDP_LEN_FIELD);
    if (NAT64_UNLIKELY((udp_len < UDP_LEN || (whole && udp_len > len))
                       && !f->gso_size)) {
        return NAT64_BAD_HEADER;
    }
    memcpy(out, udp, UDP_LEN);
    *copied = UDP_LEN;
    if (NAT64_UNLIKELY(!nat64_word16(udp + UDP_CSUM) && !f->csum_partial)) {
        return nat64_udp_no_csum(f, h, l4, udp_len, whole, ip6, out);
    }
    if (NAT64_UNLIKELY(!nat64_adjust(out + UDP_CSUM, delta, f->csum_partial)
                       && !f->csum_partial)) {
        /* 0 means that there is no checksum (RFC 768). */
        nat64_put16(out + UDP_CSUM, 0xffff);
    }
    return NAT64_OK;
}

/* Returns the size of the largest IP payload among the packets that the frame
 * is, or will be cut into, for a payload of 'len' bytes at 'l4'.  'start' says
 * that it starts with a transport header. */
size_t nat64_gso_unit(const struct nat64_frame *, uint8_t proto, size_t l4,
                      size_t len, bool start);

static inline size_t
nat64_unit(const struct nat64_frame *f, uint8_t proto, size_t l4, size_t len,
           bool start)
{
    return (NAT64_LIKELY(!f->gso_size)
            ? len : nat64_gso_unit(f, proto, l4, len, start));
}

/* nat64-extension.c. */

/* What is between an IPv6 header and the transport header.  Offsets are from
 * the IPv6 header. */
struct nat64_chain {
    size_t l4;                  /* What follows the last extension header. */
    size_t frag;                /* Fragment header, or 0 if there is none. */
    uint8_t proto;              /* What is at 'l4'. */
};

/* Goes through the extension headers of the IPv6 packet at 'ip' of 'len'
 * bytes, of which the first 'linear' can be read.  Returns NAT64_OK and fills
 * in 'chain', or returns why the packet does not translate, or NAT64_PULL with
 * the number of bytes that must be readable in '*need'. */
enum nat64_result nat64_walk(const uint8_t *ip, size_t linear, size_t len,
                             struct nat64_chain *chain, size_t *need);

/* Return NAT64_OK if packets with protocol 'proto', which has no translation
 * of its own, may get an IPv6 or IPv4 header.  They may not if they would mean
 * something else there, which might even be believed. */
enum nat64_result nat64_protocol_4to6(uint8_t proto);
enum nat64_result nat64_protocol_6to4(uint8_t proto);

/* The translators, each for one kind of frame. */

/* nat64-4to6.c, nat64-6to4.c. */
enum nat64_result nat64_4to6(const struct nat64 *, const struct nat64_frame *,
                             struct nat64_head *);
enum nat64_result nat64_6to4(const struct nat64 *, const struct nat64_frame *,
                             struct nat64_head *);

/* nat64-icmp.c.  ICMP errors.  The head has the new IP header, apart from its
 * length.  The message is from 'l4' to 'end' in the frame. */
enum nat64_result nat64_icmp_error_4to6(const struct nat64 *,
                                        const struct nat64_frame *,
                                        struct nat64_head *,
                                        size_t l4, size_t end);
enum nat64_result nat64_icmp_error_6to4(const struct nat64 *,
                                        const struct nat64_frame *,
                                        struct nat64_head *,
                                        size_t l4, size_t end);

/* nat64-inner.c.  Translate the first 'len' bytes of a packet, quoted in an
 * ICMP error, to at most 'room' bytes at 'out'.  Return the number of bytes,
 * or 0 if the packet does not translate. */
size_t nat64_inner_4to6(const struct nat64 *, const uint8_t *in, size_t len,
                        uint8_t *out, size_t room);
size_t nat64_inner_6to4(const struct nat64 *, const uint8_t *in, size_t len,
                        uint8_t *out, size_t room);

/* nat64-neigh.c.  In nat64_nd_to_arp(), the ICMPv6 message is from 'l4' to
 * 'end' in the frame. */
enum nat64_result nat64_arp_to_nd(const struct nat64 *,
                                  const struct nat64_frame *,
                                  struct nat64_head *);
enum nat64_result nat64_nd_to_arp(const struct nat64 *,
                                  const struct nat64_frame *,
                                  struct nat64_head *, size_t l4, size_t end);

#endif /* nat64-private.h */
