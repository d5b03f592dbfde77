/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tag-frame.h"

#include <string.h>

#include "random.h"
#include "util.h"

/* Protocols with the offset of their checksum (IANA, RFC 9293, 768, 4340,
 * 3828, 4443). */
static const struct transport {
    uint8_t proto;
    bool ports;
    size_t len, csum;
} transports[] = {
    { 6, true, 20, 16 },
    { 17, true, 8, 6 },
    { 33, true, 12, 6 },
    { 136, true, 8, 6 },
    { 132, true, 12, 0 },
    { 58, false, 8, 2 },
    { 1, false, 8, 0 },
    { 50, false, 8, 0 },
};

static const struct transport *
transport_of(uint8_t proto)
{
    for (size_t i = 0; i < ARRAY_SIZE(transports); i++) {
        if (transports[i].proto == proto) {
            return &transports[i];
        }
    }
    return NULL;
}

void
tuple_random(struct tuple *t, int version, uint8_t proto)
{
    memset(t, 0, sizeof *t);
    t->version = version;
    t->proto = proto;
    random_bytes(t->src, version == 4 ? 4 : 16);
    random_bytes(t->dst, version == 4 ? 4 : 16);
    if (transport_of(proto)->ports) {
        t->sport = random_uint16();
        t->dport = random_range(1024);
    }
}

void
tuple_swap(struct tuple *t)
{
    struct tuple old = *t;

    memcpy(t->src, old.dst, sizeof t->src);
    memcpy(t->dst, old.src, sizeof t->dst);
    t->sport = old.dport;
    t->dport = old.sport;
}

/* The hash. */

static uint64_t
word(const uint8_t *p, size_t n)
{
    uint64_t x = 0;

    while (n--) {
        x = x * 256 + *p++;
    }
    return x;
}

uint32_t
tuple_hash(const struct tuple *t_, uint32_t basis, bool symmetric)
{
    size_t n = t_->version == 4 ? 4 : 16;
    struct tuple t = *t_;
    uint64_t words[5];
    size_t n_words;

    int order = memcmp(t.src, t.dst, n);
    if (symmetric && (order > 0 || (!order && t.sport > t.dport))) {
        tuple_swap(&t);
    }
    if (n == 4) {
        words[0] = word(t.src, 4) << 32 | word(t.dst, 4);
        n_words = 1;
    } else {
        words[0] = word(t.src, 8);
        words[1] = word(t.src + 8, 8);
        words[2] = word(t.dst, 8);
        words[3] = word(t.dst + 8, 8);
        n_words = 4;
    }
    words[n_words++] = ((uint64_t) t.sport << 48) + ((uint64_t) t.dport << 32)
                       + t.proto * 256 + t.version;

    uint64_t h = UINT64_C(0x9e3779b97f4a7c15) ^ basis;
    for (size_t i = 0; i < n_words; i++) {
        h ^= words[i];
        h *= UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
    }
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 33;
    h *= UINT64_C(0xc4ceb9fe1a85ec53);
    h ^= h >> 33;
    return h;
}

uint32_t
tuple_hash_l3(const struct tuple *t_, uint32_t basis)
{
    struct tuple t = *t_;

    t.sport = t.dport = t.proto = 0;
    return tuple_hash(&t, basis, true);
}

/* Packets. */

uint8_t *
tag_frame_data(struct tag_frame *f)
{
    return f->b + f->at;
}

size_t
tag_frame_len(const struct tag_frame *f)
{
    return sizeof f->b - f->at;
}

static uint8_t *
prepend(struct tag_frame *f, size_t n)
{
    ovs_assert(f->at >= n);
    f->at -= n;
    memset(f->b + f->at, 0, n);
    return f->b + f->at;
}

static void
set16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = x;
}

uint16_t
sum_of(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : p[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

void
tag_frame_start(struct tag_frame *f, const struct tuple *t, size_t n)
{
    const struct transport *tr = transport_of(t->proto);

    f->at = sizeof f->b;
    random_bytes(prepend(f, n), n);

    uint8_t *l4 = prepend(f, tr->len);
    random_bytes(l4, tr->len);
    if (tr->ports) {
        set16(l4, t->sport);
        set16(l4 + 2, t->dport);
    }
    if (t->proto == 6) {
        l4[12] = 0x50;
    }
    if (tr->csum) {
        set16(l4 + tr->csum, 0);
    }
}

/* Computes the checksum of the transport header that the frame begins with. */
static void
fix_l4(struct tag_frame *f, const struct tuple *t, uint8_t proto)
{
    const struct transport *tr = transport_of(proto);
    size_t n = t->version == 4 ? 4 : 16;
    uint32_t sum;

    if (!tr || !tr->csum || tag_frame_len(f) < tr->len
        || (proto == 58 && t->version == 4)) {
        return;
    }
    sum = sum_of(t->src, n, 0) + (uint32_t) sum_of(t->dst, n, 0) + proto
          + tag_frame_len(f);
    sum = (uint16_t) ~sum_of(tag_frame_data(f), tag_frame_len(f), sum);
    set16(tag_frame_data(f) + tr->csum, !sum && proto == 17 ? 0xffff : sum);
}

void
tag_frame_ip(struct tag_frame *f, const struct tuple *t, uint8_t proto,
             bool options, uint16_t fragment)
{
    static const uint8_t extensions[] = { 0, 43, 60, 51 };

    fix_l4(f, t, proto);
    if (t->version == 4) {
        size_t n = options ? random_range(11) * 4 : 0;
        uint8_t *p;

        /* No-operation. */
        memset(prepend(f, n), 1, n);
        p = prepend(f, 20);
        p[0] = 0x45 + n / 4;
        p[1] = random_uint32();
        set16(p + 2, tag_frame_len(f));
        random_bytes(p + 4, 2);
        set16(p + 6, fragment);
        p[8] = random_uint32();
        p[9] = proto;
        memcpy(p + 12, t->src, 4);
        memcpy(p + 16, t->dst, 4);
        set16(p + 10, ~sum_of(p, 20 + n, 0));
        f->type = 0x0800;
        return;
    }

    if (fragment) {
        uint8_t *p = prepend(f, 8);

        p[0] = proto;
        set16(p + 2, fragment);
        random_bytes(p + 4, 4);
        proto = 44;
    }
    for (int i = options ? random_range(3) : 0; i > 0; i--) {
        uint8_t kind = extensions[random_range(ARRAY_SIZE(extensions))];
        size_t n = kind == 51 ? 24 : 8 * (1 + random_range(2));
        uint8_t *p = prepend(f, n);

        p[0] = proto;
        p[1] = kind == 51 ? n / 4 - 2 : n / 8 - 1;
        proto = kind;
    }
    uint8_t *p = prepend(f, 40);
    random_bytes(p, 4);
    p[0] = 0x60 | (p[0] & 0xf);
    set16(p + 4, f->b + sizeof f->b - (p + 40));
    p[6] = proto;
    p[7] = random_uint32();
    memcpy(p + 8, t->src, 16);
    memcpy(p + 24, t->dst, 16);
    f->type = 0x86dd;
}

void
tag_frame_options(struct tag_frame *f, uint8_t proto, size_t n)
{
    uint8_t *p = prepend(f, n);

    p[0] = proto;
    p[1] = n / 8 - 1;
}

void
tag_frame_vlan(struct tag_frame *f, int n)
{
    for (; n > 0; n--) {
        uint8_t *p = prepend(f, 4);

        random_bytes(p, 2);
        set16(p + 2, f->type);
        f->type = n == 1 ? 0x88a8 : 0x8100;
    }
}

static void
ethernet(struct tag_frame *f)
{
    uint8_t *p;

    tag_frame_vlan(f, random_range(3));
    p = prepend(f, 14);
    random_bytes(p, 12);
    set16(p + 12, f->type);
    f->type = 0x6558;
}

static void
udp(struct tag_frame *f, struct tuple *outer, uint16_t port)
{
    size_t n = tag_frame_len(f) + 8;
    uint8_t *p = prepend(f, 8);

    outer->proto = 17;
    outer->sport = random_uint16();
    outer->dport = port;
    set16(p, outer->sport);
    set16(p + 2, port);
    set16(p + 4, n);
}

uint8_t
tag_frame_tunnel(struct tag_frame *f, struct tuple *outer)
{
    uint16_t flags;
    uint8_t *p;
    size_t n;

    outer->sport = outer->dport = 0;
    switch (random_range(4)) {
    case 0:
        return outer->proto = f->type == 0x0800 ? 4 : 41;

    case 1:
        if (random_range(2)) {
            ethernet(f);
        }
        flags = (random_range(2) ? 0x8000 : 0) | (random_range(2) ? 0x2000 : 0)
                | (random_range(2) ? 0x1000 : 0);
        n = 4 + 4 * count_1bits(flags);
        p = prepend(f, n);
        random_bytes(p + 4, n - 4);
        set16(p, flags);
        set16(p + 2, f->type);
        return outer->proto = 47;

    case 2:
        ethernet(f);
        p = prepend(f, 8);
        random_bytes(p + 4, 3);
        p[0] = 0x08;
        udp(f, outer, random_range(2) ? 4789 : 8472);
        return 17;

    default:
        if (random_range(2)) {
            ethernet(f);
        }
        n = random_range(5);
        p = prepend(f, 8 + 4 * n);
        random_bytes(p + 4, 3);
        p[0] = n;
        set16(p + 2, f->type);
        udp(f, outer, 6081);
        return 17;
    }
}
