/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "ipsec-tag-inline.h"

/* Destination ports of UDP: VXLAN's, and the one that Linux had before there
 * was one; Geneve's. */
enum {
    PORT_VXLAN = 4789,
    PORT_VXLAN_LINUX = 8472,
    PORT_GENEVE = 6081,
};
enum {
    ETH_LEN = 14,
    VLAN_LEN = 4,
    UDP_LEN = 8,
    GRE_MIN_LEN = 4,
    VXLAN_LEN = 8,
    GENEVE_MIN_LEN = 8,
};

/* GRE's flags and version. */
enum {
    GRE_CSUM = 0x8000,
    GRE_KEY = 0x2000,
    GRE_SEQ = 0x1000,
    GRE_OTHER = 0x4fff,
};

#define VLAN_TAGS_MAX 2

/* A header to be read. */
struct place {
    const uint8_t *p;
    size_t len;                 /* How much of it is there. */
    uint16_t type;              /* Of Ethernet. */
    bool cut;                   /* Something was not there. */
};

/* Moves 'at' 'n' bytes on.  Returns false if they are not there. */
static inline bool
skip(struct place *at, size_t n)
{
    if (ip_lacks(at->len, n, &at->cut)) {
        return false;
    }
    at->p += n;
    at->len -= n;
    return true;
}

/* If 'at' is an Ethernet header, moves it behind that. */
static bool
enter_ethernet(struct place *at)
{
    if (at->type != TYPE_TEB) {
        return true;
    }
    if (!skip(at, ETH_LEN)) {
        return false;
    }
    at->type = get16(at->p - 2);
    return true;
}

static bool
skip_vlan_tags(struct place *at)
{
    int n;

    for (n = 0; n < VLAN_TAGS_MAX
         && (at->type == TYPE_VLAN || at->type == TYPE_QINQ); n++) {
        if (!skip(at, VLAN_LEN)) {
            return false;
        }
        at->type = get16(at->p - 2);
    }
    return true;
}

static bool
enter_gre(struct place *at)
{
    uint16_t flags;
    size_t len;

    if (ip_lacks(at->len, GRE_MIN_LEN, &at->cut)) {
        return false;
    }
    flags = get16(at->p);
    if (flags & GRE_OTHER) {
        return false;
    }
    at->type = get16(at->p + 2);
    len = GRE_MIN_LEN + (flags & GRE_CSUM ? 4U : 0U)
          + (flags & GRE_KEY ? 4U : 0U) + (flags & GRE_SEQ ? 4U : 0U);
    return skip(at, len);
}

static bool
enter_udp(struct place *at)
{
    uint16_t port;
    size_t len;

    if (ip_lacks(at->len, UDP_LEN, &at->cut)) {
        return false;
    }
    port = get16(at->p + 2);
    if (port == PORT_VXLAN || port == PORT_VXLAN_LINUX) {
        /* There is a VNI. */
        if (!skip(at, UDP_LEN) || ip_lacks(at->len, VXLAN_LEN, &at->cut)
            || !(at->p[0] & 0x08)) {
            return false;
        }
        at->type = TYPE_TEB;
        return skip(at, VXLAN_LEN);
    }
    if (port == PORT_GENEVE) {
        /* Version 0. */
        if (!skip(at, UDP_LEN) || ip_lacks(at->len, GENEVE_MIN_LEN, &at->cut)
            || at->p[0] >> 6) {
            return false;
        }
        at->type = get16(at->p + 2);
        len = GENEVE_MIN_LEN + (at->p[0] & 0x3f) * 4U;
        return skip(at, len);
    }
    return false;
}

/* Moves 'at' to what is inside 'ip'.  Returns false if 'ip' is no tunnel. */
static inline bool
enter_tunnel(const struct ip_part *ip, struct place *at)
{
    at->p = ip->l4;
    at->len = ip->l4_len;
    switch (ip->proto) {
    case PROTO_IP4:
        at->type = TYPE_IP4;
        return true;

    case PROTO_IP6:
        at->type = TYPE_IP6;
        return true;

    case PROTO_GRE:
        return enter_gre(at);

    case PROTO_UDP:
        return enter_udp(at);

    default:
        return false;
    }
}

/* Reads the innermost IP header of the packet 'at' into '*ip'.  Returns false
 * if there is none. */
static inline bool
read_innermost(struct ip_part *ip, struct place *at)
{
    struct ip_part inner;
    int n;

    if (!skip_vlan_tags(at)
        || !ip_read(ip, at->type, at->p, at->len, &at->cut)) {
        return false;
    }
    for (n = 0; n < IPSEC_TAG_TUNNELS_MAX && !ip->fragment
         && enter_tunnel(ip, at) && enter_ethernet(at) && skip_vlan_tags(at)
         && ip_read(&inner, at->type, at->p, at->len, &at->cut); n++) {
        *ip = inner;
    }
    return true;
}

static inline bool
has_ports(uint8_t proto)
{
    return (proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP
            || proto == PROTO_DCCP || proto == PROTO_UDPLITE);
}

/* The hash proper: see ipsec-tag.h. */

#define GOLDEN 0x9e3779b97f4a7c15ULL

static inline uint64_t
absorb(uint64_t h, uint64_t word)
{
    h = (h ^ word) * GOLDEN;
    return h ^ h >> 32;
}

static inline uint32_t
finish(uint64_t h)
{
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdULL;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return h ^ h >> 33;
}

static inline uint64_t
get64(const uint8_t *p)
{
    return (uint64_t) get32(p) << 32 | get32(p + 4);
}

static uint32_t
hash4(uint32_t basis, bool symmetric, const uint8_t *src, uint16_t sport,
      uint16_t dport, uint8_t proto)
{
    uint64_t a = (uint64_t) get32(src) << 16 | sport;
    uint64_t b = (uint64_t) get32(src + 4) << 16 | dport;
    uint64_t h = GOLDEN ^ basis;

    if (symmetric && a > b) {
        uint64_t c = a;

        a = b;
        b = c;
    }
    h = absorb(h, a >> 16 << 32 | b >> 16);
    h = absorb(h, a << 48 | (b & 0xffff) << 32 | (uint64_t) proto << 8 | 4);
    return finish(h);
}

static uint32_t
hash6(uint32_t basis, bool symmetric, const uint8_t *src, uint16_t sport,
      uint16_t dport, uint8_t proto)
{
    uint64_t a[3] = { get64(src), get64(src + 8), sport };
    uint64_t b[3] = { get64(src + 16), get64(src + 24), dport };
    const uint64_t *first = a, *second = b;
    uint64_t h = GOLDEN ^ basis;

    if (symmetric
        && (a[0] != b[0] ? a[0] > b[0]
            : a[1] != b[1] ? a[1] > b[1] : a[2] > b[2])) {
        first = b;
        second = a;
    }
    h = absorb(h, first[0]);
    h = absorb(h, first[1]);
    h = absorb(h, second[0]);
    h = absorb(h, second[1]);
    h = absorb(h, first[2] << 48 | second[2] << 32 | (uint64_t) proto << 8
               | 6);
    return finish(h);
}

uint32_t
ipsec_tag_hash(const struct ipsec_tag *t, uint16_t eth_type,
               const uint8_t *l3, size_t len, bool *cut)
{
    struct place at = {
        .p = l3,
        .len = len < IPSEC_TAG_READ_MAX ? len : IPSEC_TAG_READ_MAX,
        .type = eth_type,
    };
    uint16_t sport = 0, dport = 0;
    bool symmetric = t->hash != IPSEC_TAG_L4;
    struct ip_part ip;
    uint8_t proto = 0;

    if (!read_innermost(&ip, &at)) {
        *cut = at.cut;
        return 0;
    }
    if (t->hash != IPSEC_TAG_L3 && !ip.fragment) {
        proto = ip.proto;
        if (has_ports(proto) && !ip_lacks(ip.l4_len, 4, &at.cut)) {
            sport = get16(ip.l4);
            dport = get16(ip.l4 + 2);
        }
    }
    *cut = at.cut;
    return (ip.version == 4
            ? hash4(t->basis, symmetric, ip.src, sport, dport, proto)
            : hash6(t->basis, symmetric, ip.src, sport, dport, proto));
}

const char *
ipsec_tag_check(const struct ipsec_tag *t, size_t len)
{
    unsigned int i;

    if (len < offsetof(struct ipsec_tag, map) || len != ipsec_tag_len(t)) {
        return "ipsec_tag: wrong length";
    }
    if (!t->n || t->n > IPSEC_TAG_N_MAX) {
        return "ipsec_tag: n is out of range";
    }
    if (t->hash >= IPSEC_TAG_N_HASHES) {
        return "ipsec_tag: unknown hash";
    }
    if (t->n_buckets > IPSEC_TAG_BUCKETS_MAX
        || t->n_buckets & (t->n_buckets - 1)) {
        return "ipsec_tag: the map's length is not a power of two up to 256";
    }
    for (i = 0; i < t->n_buckets; i++) {
        if (t->map[i] >= t->n) {
            return "ipsec_tag: the map has a tag that is not below n";
        }
    }
    if (t->field >= IPSEC_TAG_N_FIELDS) {
        return "ipsec_tag: unknown field";
    }
    if (!t->n_bits
        || t->ofs + t->n_bits > ipsec_tag_field_bits(t->field)) {
        return "ipsec_tag: the field does not have such bits";
    }
    if (t->n_bits < 8 && t->n > 1U << t->n_bits) {
        return "ipsec_tag: the field's bits are too few for n tags";
    }
    return NULL;
}
