/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The hash of ipsec_tag: against its definition, for packets whose ends are
 * known because they were made from them; and how evenly the tags spread. */

#include <config.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "ipsec-tag.h"
#include "random.h"
#include "tag-frame.h"
#include "util.h"

static const uint8_t protos[] = { 6, 17, 33, 136, 132, 58, 1, 50 };

static const struct ipsec_tag symmetric = { .n = 4 };
static const struct ipsec_tag directed = { .n = 4, .hash = IPSEC_TAG_L4 };
static const struct ipsec_tag l3 = { .n = 4, .hash = IPSEC_TAG_L3 };

/* The hash of the first 'len' bytes of 'f', in a buffer of exactly that size,
 * so that AddressSanitizer sees what is read. */
static uint32_t
hash_len(const struct ipsec_tag *t, struct tag_frame *f, size_t len, bool *cut)
{
    uint8_t *copy = malloc(len ? len : 1);
    uint32_t hash;

    memcpy(copy, tag_frame_data(f), len);
    hash = ipsec_tag_hash(t, f->type, copy, len, cut);
    free(copy);
    return hash;
}

static uint32_t
hash_of(const struct ipsec_tag *t, struct tag_frame *f)
{
    bool cut;

    return hash_len(t, f, tag_frame_len(f), &cut);
}

static int
random_version(void)
{
    return random_range(2) ? 4 : 6;
}

/* Values that were computed once, by Python from the definition, so that the
 * hash cannot change unnoticed: the kernel's and userspace's may be of
 * different releases. */
static void
known_values(void **state)
{
    struct tuple v4 = { 4, { 192, 0, 2, 1 }, { 198, 51, 100, 7 }, 40000, 80,
                        6 };
    struct tuple v6 = { 6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 },
                        { 0x20, 0x01, 0x0d, 0xb8, [15] = 2 }, 53, 5353, 17 };
    struct ipsec_tag t = symmetric;
    struct tag_frame f;

    tag_frame_start(&f, &v4, 10);
    tag_frame_ip(&f, &v4, 6, false, 0);
    assert_int_equal(hash_of(&t, &f), 0x55d8cf8a);
    assert_int_equal(hash_of(&l3, &f), 0xfbf0528d);
    t.basis = 0x12345678;
    assert_int_equal(hash_of(&t, &f), 0xb92b1cd7);

    tag_frame_start(&f, &v6, 10);
    tag_frame_ip(&f, &v6, 17, false, 0);
    assert_int_equal(hash_of(&symmetric, &f), 0xebd5248b);
    tuple_swap(&v6);
    tag_frame_start(&f, &v6, 10);
    tag_frame_ip(&f, &v6, 17, false, 0);
    assert_int_equal(hash_of(&symmetric, &f), 0xebd5248b);
    assert_int_equal(hash_of(&directed, &f), 0x56e71826);
}

/* Makes a packet of 't' in 'depth' random tunnels. */
static void
make(struct tag_frame *f, const struct tuple *t, int depth, uint16_t fragment)
{
    bool options = depth < 2;

    tag_frame_start(f, t, random_range(20));
    tag_frame_ip(f, t, t->proto, options, fragment);
    while (depth--) {
        struct tuple outer;

        tuple_random(&outer, random_version(), 50);
        uint8_t proto = tag_frame_tunnel(f, &outer);
        tag_frame_ip(f, &outer, proto, options, 0);
    }
    tag_frame_vlan(f, random_range(3));
}

/* As far as a packet's headers can be read. */
static bool
reaches(const struct tag_frame *f)
{
    return tag_frame_len(f) <= IPSEC_TAG_READ_MAX;
}

static void
tunnels(void **state)
{
    int n[IPSEC_TAG_TUNNELS_MAX + 1] = { 0 };

    for (int i = 0; i < 20000; i++) {
        struct ipsec_tag t = { .n = 7, .basis = random_uint32() };
        int depth = random_range(IPSEC_TAG_TUNNELS_MAX + 1);
        struct tag_frame f;
        struct tuple c;

        tuple_random(&c, random_version(),
                     protos[random_range(ARRAY_SIZE(protos))]);
        if (!random_range(8)) {
            /* A host and itself: the ports say which end is which. */
            memcpy(c.src, c.dst, sizeof c.src);
        }
        make(&f, &c, depth, 0);
        if (!reaches(&f)) {
            continue;
        }
        n[depth]++;
        assert_int_equal(hash_of(&t, &f), tuple_hash(&c, t.basis, true));
        t.hash = IPSEC_TAG_L4;
        assert_int_equal(hash_of(&t, &f), tuple_hash(&c, t.basis, false));
        t.hash = IPSEC_TAG_L3;
        assert_int_equal(hash_of(&t, &f), tuple_hash_l3(&c, t.basis));

        /* The way back, by other tunnels. */
        t.hash = IPSEC_TAG_SYMMETRIC_L4;
        tuple_swap(&c);
        make(&f, &c, random_range(2), 0);
        if (reaches(&f)) {
            assert_int_equal(hash_of(&t, &f), tuple_hash(&c, t.basis, true));
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
        assert_true(n[i] > 100);
    }
}

/* One tunnel more than is looked into, and a header that lies too far in. */
static void
limits(void **state)
{
    struct tuple c[IPSEC_TAG_TUNNELS_MAX + 2];
    struct tag_frame f;

    for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
        tuple_random(&c[i], 4, 6);
        if (i) {
            c[i].proto = 4;
            c[i].sport = c[i].dport = 0;
        } else {
            tag_frame_start(&f, &c[0], 4);
        }
        tag_frame_ip(&f, &c[i], c[i].proto, false, 0);
    }
    assert_int_equal(hash_of(&symmetric, &f), tuple_hash(&c[1], 0, true));

    /* Without the ports' 4 bytes, without the inner header's 20. */
    struct tuple portless = c[0];
    bool cut;

    portless.sport = portless.dport = 0;
    tag_frame_start(&f, &c[0], 100);
    tag_frame_ip(&f, &c[0], 6, false, 0);
    tag_frame_ip(&f, &c[1], 4, false, 0);
    for (size_t len = 20; len <= 44; len++) {
        const struct tuple *seen = len < 40 ? &c[1]
                                   : len < 44 ? &portless : &c[0];

        assert_int_equal(hash_len(&symmetric, &f, len, &cut),
                         tuple_hash(seen, 0, true));
        assert_int_equal(cut, len < 44);
    }

    /* The same where IPSEC_TAG_READ_MAX ends. */
    for (size_t pad = 0; pad <= 80; pad += 8) {
        struct tuple t6;

        tag_frame_start(&f, &c[0], 0);
        tag_frame_ip(&f, &c[0], 6, false, 0);
        tuple_random(&t6, 6, 50);
        t6.proto = 60;
        tag_frame_options(&f, 4, IPSEC_TAG_READ_MAX - 40 - 80 + pad);
        tag_frame_ip(&f, &t6, 60, false, 0);
        assert_int_equal(hash_of(&symmetric, &f) == tuple_hash(&c[0], 0, true),
                         pad <= 80 - 24);
    }
}

/* All fragments of a datagram, and none of another kind. */
static void
fragments(void **state)
{
    for (int i = 0; i < 4000; i++) {
        int version = random_version();
        static const uint16_t fields4[] = { 0x2000, 0x2001, 0x00b9, 0x1fff };
        static const uint16_t fields6[] = { 0x0001, 0x0009, 0x05c8, 0xfff8 };
        const uint16_t *fields = version == 4 ? fields4 : fields6;
        struct tuple c;
        struct tag_frame f;

        tuple_random(&c, version, protos[random_range(ARRAY_SIZE(protos))]);
        for (int j = 0; j < 4; j++) {
            make(&f, &c, random_range(2), fields[j]);
            assert_int_equal(hash_of(&symmetric, &f), tuple_hash_l3(&c, 0));
            assert_int_equal(hash_of(&l3, &f), tuple_hash_l3(&c, 0));
        }
        /* IPv4's "don't fragment"; IPv6's atomic fragment has reserved bits
         * here so that there is a header at all. */
        make(&f, &c, 0, version == 4 ? 0x4000 : 0x0006);
        assert_int_equal(hash_of(&symmetric, &f), tuple_hash(&c, 0, true));

        /* A fragment of a tunnel's packet: what is inside is not looked at,
         * which the others do not have. */
        struct tuple outer;
        make(&f, &c, 0, 0);
        if (f.type == 0x0800 || f.type == 0x86dd) {
            tuple_random(&outer, 4, 50);
            uint8_t proto = tag_frame_tunnel(&f, &outer);
            tag_frame_ip(&f, &outer, proto, false, 0x2000);
            assert_int_equal(hash_of(&symmetric, &f),
                             tuple_hash_l3(&outer, 0));
        }
    }
}

/* Whatever is cut off, nothing behind is read, and the packet is told to be
 * cut if that matters. */
static void
truncated(void **state)
{
    for (int i = 0; i < 300; i++) {
        struct tag_frame f;
        struct tuple c;
        bool cut;

        tuple_random(&c, random_version(),
                     protos[random_range(ARRAY_SIZE(protos))]);
        make(&f, &c, random_range(IPSEC_TAG_TUNNELS_MAX + 1), 0);
        uint32_t whole = hash_of(&symmetric, &f);
        for (size_t len = 0; len < tag_frame_len(&f); len++) {
            uint32_t hash = hash_len(&symmetric, &f, len, &cut);

            assert_true(hash == whole || cut);
        }
    }
}

static void
not_ip(void **state)
{
    static const uint16_t types[] = { 0x0806, 0x8847, 0x8863, 0x0000, 0x0600 };
    struct tag_frame f;
    struct tuple c;

    tuple_random(&c, 4, 6);
    make(&f, &c, 0, 0);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        f.type = types[i];
        assert_int_equal(hash_of(&symmetric, &f), 0);
    }
}

/* Buckets and tags. */

static void
maps(void **state)
{
    struct ipsec_tag t = { .n = 3 };

    assert_int_equal(ipsec_tag_bucket(&t, 0), 0);
    assert_int_equal(ipsec_tag_bucket(&t, 0x55555555), 0);
    assert_int_equal(ipsec_tag_bucket(&t, 0x55555556), 1);
    assert_int_equal(ipsec_tag_bucket(&t, UINT32_MAX), 2);
    t.hash = IPSEC_TAG_CPU;
    assert_int_equal(ipsec_tag_bucket(&t, 7), 1);
    t.n_buckets = 4;
    t.map[3] = 2;
    assert_int_equal(ipsec_tag_bucket(&t, 7), 3);
    assert_int_equal(ipsec_tag_of_bucket(&t, 3), 2);
    for (t.n = 1; t.n <= 256; t.n++) {
        t.hash = IPSEC_TAG_SYMMETRIC_L4;
        t.n_buckets = 0;
        assert_int_equal(ipsec_tag_bucket(&t, UINT32_MAX), t.n - 1);
    }
}

/* How evenly tags spread. */

enum { N_FLOWS = 1 << 14 };

static uint32_t hashes[N_FLOWS];

/* Pearson's statistic of 'counts' is below what one in a million would exceed,
 * by Wilson's and Hilferty's approximation of its quantiles. */
static void
check_even(const unsigned int counts[], unsigned int n)
{
    double expected = (double) N_FLOWS / n, x = 0;

    for (unsigned int i = 0; i < n; i++) {
        x += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    if (n > 1) {
        double df = n - 1, v = 2 / (9 * df);
        double limit = df * pow(1 - v + 4.753 * sqrt(v), 3);

        assert_true(x < limit);
    }
}

static void
check_all_even(void)
{
    struct ipsec_tag t = { .n = 0 };

    for (t.n = 1; t.n <= IPSEC_TAG_N_MAX; t.n++) {
        unsigned int counts[IPSEC_TAG_N_MAX] = { 0 };

        for (size_t i = 0; i < N_FLOWS; i++) {
            counts[ipsec_tag_bucket(&t, hashes[i])]++;
        }
        check_even(counts, t.n);
    }
    for (t.n_buckets = 1; t.n_buckets <= IPSEC_TAG_BUCKETS_MAX;
         t.n_buckets *= 2) {
        unsigned int counts[IPSEC_TAG_BUCKETS_MAX] = { 0 };

        for (size_t i = 0; i < N_FLOWS; i++) {
            counts[ipsec_tag_bucket(&t, hashes[i])]++;
        }
        check_even(counts, t.n_buckets);
    }
}

static void
set32(uint8_t *p, uint32_t x)
{
    for (int i = 0; i < 4; i++) {
        p[i] = x >> (24 - 8 * i);
    }
}

/* Sets of flows by their number: addresses are 'base' and what varies. */
static void
real_flow(int set, unsigned int i, int version, struct tuple *c)
{
    uint32_t client = 0x0a000001, server = 0xc0000201;
    unsigned int sport = 32768 + i, dport = 443;

    switch (set) {
    case 0:                     /* Two hosts, sequential ports. */
        break;
    case 1:                     /* Linux's: every other port. */
        sport = 32768 + 2 * (i % 8192);
        client += i / 8192;
        break;
    case 2:                     /* Many clients, one connection each. */
        client += i;
        sport = 40000;
        break;
    case 3:                     /* Nets of clients, few servers and ports. */
        client += (i & 0xff) << 8;
        server += i >> 8 & 7;
        sport = 50000 + (i >> 11);
        break;
    case 4:                     /* As many clients as servers. */
        client += i & 0x7f;
        server += i >> 7;
        sport = dport = 4500;
        break;
    }
    memset(c, 0, sizeof *c);
    c->version = version;
    c->proto = 6;
    if (version == 6) {
        set32(c->src, 0x20010db8);
        set32(c->dst, 0x20010db8);
        c->dst[7] = 1;
    }
    set32(c->src + (version == 4 ? 0 : 12), client);
    set32(c->dst + (version == 4 ? 0 : 12), server);
    c->sport = sport;
    c->dport = dport;
}

static void
spread(void **state)
{
    static const struct ipsec_tag *const kinds[] = { &symmetric, &directed,
                                                     &l3 };
    struct tag_frame f;
    struct tuple c;

    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        for (int version = 4; version <= 6; version += 2) {
            for (size_t i = 0; i < N_FLOWS; i++) {
                tuple_random(&c, version, 6);
                tag_frame_start(&f, &c, 0);
                tag_frame_ip(&f, &c, 6, false, 0);
                hashes[i] = hash_of(kinds[k], &f);
            }
            check_all_even();

            /* Only sets of different addresses for the addresses alone. */
            static const int sets[] = { 2, 4, 0, 1, 3 };
            size_t n_sets = kinds[k] == &l3 ? 2 : ARRAY_SIZE(sets);
            for (size_t s = 0; s < n_sets; s++) {
                for (size_t i = 0; i < N_FLOWS; i++) {
                    real_flow(sets[s], i, version, &c);
                    tag_frame_start(&f, &c, 0);
                    tag_frame_ip(&f, &c, 6, false, 0);
                    hashes[i] = hash_of(kinds[k], &f);
                }
                check_all_even();
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(tunnels),
        cmocka_unit_test(limits),
        cmocka_unit_test(fragments),
        cmocka_unit_test(truncated),
        cmocka_unit_test(not_ip),
        cmocka_unit_test(maps),
        cmocka_unit_test(spread),
    };

    random_set_seed(0x7a6b);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
