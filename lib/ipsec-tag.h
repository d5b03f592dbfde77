/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* What the ipsec_tag action does to a packet: it computes a tag, a number below
 * 'n', and writes it to some bits of the packet.
 *
 * Pure functions over bytes, shared by the userspace datapath and the kernel
 * module: no allocation, no state, no types of either side.  The same bytes
 * have the same tag everywhere.
 *
 * The tag
 *
 * Its source is the innermost IP header that can be read, inside IPv4 and IPv6
 * in IP (RFC 2003, RFC 2473, RFC 4213), GRE (RFC 2784, RFC 2890) with IP or
 * Ethernet, VXLAN (RFC 7348) and Geneve (RFC 8926), up to IPSEC_TAG_TUNNELS_MAX
 * of them.  What cannot be read is what is malformed, cut off, encrypted, or
 * beyond the first IPSEC_TAG_READ_MAX bytes; then the header around it is the
 * source.  By enum ipsec_tag_hash, the hash is over
 *
 *   - the addresses, the protocol and, of a transport that has them, the ports;
 *   - or the addresses alone, as it always is for a fragment, the first one
 *     included (not for an IPv6 packet with a fragment header that is in one
 *     piece, RFC 6946).
 *
 * So all fragments of a datagram have one tag.  A packet that is not IP has
 * hash 0.
 *
 * With a map, the low bits of the hash choose a bucket of it, which holds the
 * tag.  Without, the tag is hash * n / 2^32.
 *
 * The definition of the hash, in 64-bit arithmetic.  SRC and DST are the
 * endpoints, exchanged if symmetric and (address, port) of SRC is greater:
 *
 *     h = 0x9e3779b97f4a7c15 ^ basis
 *     for each word w:
 *         h = (h ^ w) * 0x9e3779b97f4a7c15, h ^= h >> 32
 *     h = the finalizer of MurmurHash3, of 64 bits; its low 32 bits
 *
 * The words are, for IPv4, SRC's address << 32 | DST's; for IPv6, the halves of
 * SRC's address, the first 64 bits first, and those of DST's; then SRC's port
 * << 48 | DST's port << 32 | protocol << 8 | 4 or 6. */

#ifndef IPSEC_TAG_H
#define IPSEC_TAG_H 1

#ifdef __KERNEL__
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

enum ipsec_tag_hash {
    IPSEC_TAG_SYMMETRIC_L4,     /* Both directions alike. */
    IPSEC_TAG_L4,               /* Each direction by itself. */
    IPSEC_TAG_L3,               /* Addresses only, both directions alike. */
    IPSEC_TAG_CPU,              /* The CPU, instead of a hash. */
};
#define IPSEC_TAG_N_HASHES (IPSEC_TAG_CPU + 1)

/* Where the tag goes. */
enum ipsec_tag_field {
    IPSEC_TAG_VALUE,            /* Where the datapath has a packet's hash. */
    IPSEC_TAG_PKT_MARK,
    IPSEC_TAG_ETH_DST,
    IPSEC_TAG_VLAN_VID,         /* Of the outer VLAN tag. */
    IPSEC_TAG_IP_SRC,           /* The rest are of the outer IP header. */
    IPSEC_TAG_IP_DST,
    IPSEC_TAG_IPV6_SRC,
    IPSEC_TAG_IPV6_DST,
    IPSEC_TAG_IPV6_LABEL,
};
#define IPSEC_TAG_N_FIELDS (IPSEC_TAG_IPV6_LABEL + 1)

#define IPSEC_TAG_N_MAX 256
#define IPSEC_TAG_BUCKETS_MAX 256
#define IPSEC_TAG_TUNNELS_MAX 4

/* How much of a packet is looked at, in bytes from its network header on. */
#define IPSEC_TAG_READ_MAX 256

/* Arguments of the action, in host byte order.  In a datapath, what is behind
 * the map's buckets is not there. */
struct ipsec_tag {
    uint32_t basis;
    uint16_t n;                 /* 1 to IPSEC_TAG_N_MAX. */
    uint16_t n_buckets;         /* In 'map', a power of two.  0: no map. */
    uint8_t hash;               /* enum ipsec_tag_hash. */
    uint8_t field;              /* enum ipsec_tag_field. */
    uint8_t ofs;                /* The subfield's lowest bit. */
    uint8_t n_bits;             /* Its width. */
    uint8_t map[IPSEC_TAG_BUCKETS_MAX]; /* A tag for each bucket. */
};

/* Returns the length of 't' in a datapath, in bytes. */
static inline size_t
ipsec_tag_len(const struct ipsec_tag *t)
{
    return offsetof(struct ipsec_tag, map) + t->n_buckets;
}

/* Returns the width of 'field', enum ipsec_tag_field, in bits. */
static inline unsigned int
ipsec_tag_field_bits(unsigned int field)
{
    switch (field) {
    case IPSEC_TAG_ETH_DST:
        return 48;
    case IPSEC_TAG_VLAN_VID:
        return 12;
    case IPSEC_TAG_IPV6_SRC:
    case IPSEC_TAG_IPV6_DST:
        return 128;
    case IPSEC_TAG_IPV6_LABEL:
        return 20;
    default:
        return 32;
    }
}

/* Returns NULL if 't', of which 'len' bytes are there, is what a datapath
 * takes, otherwise a static string on what is wrong with it. */
const char *ipsec_tag_check(const struct ipsec_tag *t, size_t len);

/* Returns the hash of the packet whose network header is at 'l3', of which
 * 'len' bytes are readable.  'eth_type' is its type in host byte order.  VLAN
 * tags in front of an IP header are skipped.
 *
 * Sets '*cut' to true if more bytes could have changed the result. */
uint32_t ipsec_tag_hash(const struct ipsec_tag *t, uint16_t eth_type,
                        const uint8_t *l3, size_t len, bool *cut);

/* Returns the bucket for 'number', which is a hash or the number of a CPU.
 * Without a map, each tag is a bucket. */
static inline unsigned int
ipsec_tag_bucket(const struct ipsec_tag *t, uint32_t number)
{
    if (t->n_buckets) {
        return number & (t->n_buckets - 1U);
    } else if (t->hash == IPSEC_TAG_CPU) {
        return number % t->n;
    } else {
        return ((uint64_t) number * t->n) >> 32;
    }
}

/* Returns the tag of 'bucket'. */
static inline unsigned int
ipsec_tag_of_bucket(const struct ipsec_tag *t, unsigned int bucket)
{
    return t->n_buckets ? t->map[bucket] : bucket;
}

/* Returns 'field', a number of less than 64 bits, with 'tag' in the subfield. */
static inline uint64_t
ipsec_tag_put(const struct ipsec_tag *t, unsigned int tag, uint64_t field)
{
    uint64_t mask = ((uint64_t) 1 << t->n_bits) - 1;

    return (field & ~(mask << t->ofs)) | (uint64_t) tag << t->ofs;
}

/* Returns how many bytes from 'l3' on ipsec_tag_write() may write, if it is
 * called with the same 'len'.  Returns 0 if the packet does not have the
 * field.  Sets '*cut' to true if more bytes could have changed the result. */
size_t ipsec_tag_span(const struct ipsec_tag *t, const uint8_t *l3, size_t len,
                      bool *cut);

/* Writes 'tag' to the field, one of the outer IP header's, of the packet at
 * 'l3', of which 'len' bytes are readable, and updates the checksums of that
 * header and of TCP, UDP, UDP-Lite, DCCP or ICMPv6 behind it (RFC 1624).
 *
 * The checksum of a header at 'partial_ofs' from 'l3' holds only the sum of the
 * pseudo header (CHECKSUM_PARTIAL, transmit checksum offload), and continues to
 * do so.
 *
 * Returns true if successful.  Returns false if the packet does not have the
 * field, and changes nothing then. */
bool ipsec_tag_write(const struct ipsec_tag *t, unsigned int tag, uint8_t *l3,
                     size_t len, size_t partial_ofs);

#endif /* ipsec-tag.h */
