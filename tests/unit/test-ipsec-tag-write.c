/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* What ipsec_tag writes: the bits of the subfield, no other bit, and checksums
 * that are those of the whole packet computed anew. */

#include <config.h>
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

/* Where the fields of the outer IP header are: their last bit in the packet,
 * counted from its first. */
static const struct field {
    uint8_t field;
    int version;
    unsigned int last_bit, n_bits;
} fields[] = {
    { IPSEC_TAG_IP_SRC, 4, 127, 32 },
    { IPSEC_TAG_IP_DST, 4, 159, 32 },
    { IPSEC_TAG_IPV6_SRC, 6, 191, 128 },
    { IPSEC_TAG_IPV6_DST, 6, 319, 128 },
    { IPSEC_TAG_IPV6_LABEL, 6, 31, 20 },
};

static void
set_bit(uint8_t *p, unsigned int bit, bool value)
{
    uint8_t mask = 0x80 >> bit % 8;

    p[bit / 8] = value ? p[bit / 8] | mask : p[bit / 8] & ~mask;
}

/* Writes 'tag' to the subfield, bit by bit. */
static void
model(const struct field *field, const struct ipsec_tag *t, unsigned int tag,
      uint8_t *p)
{
    for (unsigned int i = 0; i < t->n_bits; i++) {
        set_bit(p, field->last_bit - t->ofs - i, i < 32 && tag >> i & 1);
    }
}

static const struct field *
random_subfield(struct ipsec_tag *t, unsigned int *tag)
{
    const struct field *field = &fields[random_range(ARRAY_SIZE(fields))];

    memset(t, 0, sizeof *t);
    t->field = field->field;
    t->n_bits = 1 + random_range(random_range(3) ? 8 : field->n_bits);
    t->n_bits = MIN(t->n_bits, field->n_bits);
    t->ofs = random_range(field->n_bits - t->n_bits + 1);
    *tag = random_range(1 << MIN(t->n_bits, 8));
    return field;
}

/* Has 'c' have the addresses of the packet at 'p'. */
static void
get_ends(const uint8_t *p, struct tuple *c)
{
    size_t n = c->version == 4 ? 4 : 16;

    memcpy(c->src, p + (n == 4 ? 12 : 8), n);
    memcpy(c->dst, p + (n == 4 ? 16 : 24), n);
}

/* Makes a packet of 'c' with 'n' bytes of payload, always the same. */
static void
make(struct tag_frame *f, const struct tuple *c, int n, bool options,
     uint32_t seed)
{
    random_set_seed(seed);
    tag_frame_start(f, c, n);
    tag_frame_ip(f, c, c->proto, options, 0);
}

static void
bits_and_checksums(void **state)
{
    uint32_t seed = 1;

    for (int i = 0; i < 40000; i++) {
        struct tag_frame f, expected;
        struct ipsec_tag t;
        unsigned int tag;
        struct tuple c;

        random_set_seed(seed++);
        const struct field *field = random_subfield(&t, &tag);
        tuple_random(&c, field->version,
                     protos[random_range(ARRAY_SIZE(protos))]);
        int n = random_range(30);
        bool options = random_range(2);

        /* The expected packet is one of the new addresses, made anew. */
        make(&f, &c, n, options, seed);
        memcpy(&expected, &f, sizeof f);
        model(field, &t, tag, tag_frame_data(&expected));
        if (t.field != IPSEC_TAG_IPV6_LABEL) {
            get_ends(tag_frame_data(&expected), &c);
            make(&expected, &c, n, options, seed);
        }
        assert_true(ipsec_tag_write(&t, tag, tag_frame_data(&f),
                                    tag_frame_len(&f), SIZE_MAX));
        assert_memory_equal(tag_frame_data(&f), tag_frame_data(&expected),
                            tag_frame_len(&f));

        bool cut;
        size_t span = ipsec_tag_span(&t, tag_frame_data(&f),
                                     tag_frame_len(&f), &cut);
        assert_true(span >= (field->version == 4 ? 20 : 40)
                    && span <= tag_frame_len(&f));
    }
}

/* UDP without checksum stays so; one whose checksum becomes 0 has 0xffff. */
static void
udp_checksum(void **state)
{
    struct ipsec_tag t = { .field = IPSEC_TAG_IP_DST, .n_bits = 16 };
    struct tuple c;
    struct tag_frame f;

    tuple_random(&c, 4, 17);
    for (int zero = 0; zero < 2; zero++) {
        tag_frame_start(&f, &c, 9);
        tag_frame_ip(&f, &c, 17, false, 0);
        uint8_t *csum = tag_frame_data(&f) + 26;
        if (zero) {
            csum[0] = csum[1] = 0;
            ipsec_tag_write(&t, 1, tag_frame_data(&f), tag_frame_len(&f),
                            SIZE_MAX);
            assert_int_equal(csum[0] | csum[1], 0);
            continue;
        }

        /* Take from the last two even bytes of payload what the sum has after
         * the tag was written: then it is 0xffff, its complement 0. */
        ipsec_tag_write(&t, 1, tag_frame_data(&f), tag_frame_len(&f),
                        SIZE_MAX);
        uint16_t rest = csum[0] << 8 | csum[1];
        uint8_t *pay = tag_frame_data(&f) + 28;
        uint32_t word = (pay[0] << 8 | pay[1]) + rest;
        word = (word & 0xffff) + (word >> 16);
        struct ipsec_tag back = t;
        ipsec_tag_write(&back, 2, tag_frame_data(&f), tag_frame_len(&f),
                        SIZE_MAX);
        /* The payload changes, and with it the checksum of tag 2. */
        uint16_t old = pay[0] << 8 | pay[1];
        pay[0] = word >> 8;
        pay[1] = word;
        uint32_t sum = (uint16_t) ~(csum[0] << 8 | csum[1]);
        sum += (uint16_t) ~old + word;
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        csum[0] = (uint16_t) ~sum >> 8;
        csum[1] = ~sum;
        ipsec_tag_write(&t, 1, tag_frame_data(&f), tag_frame_len(&f),
                        SIZE_MAX);
        assert_int_equal(csum[0], 0xff);
        assert_int_equal(csum[1], 0xff);
    }
}

/* A sum that is still to be completed is that of the pseudo header. */
static void
partial_checksum(void **state)
{
    for (int i = 0; i < 2000; i++) {
        struct tag_frame f;
        struct ipsec_tag t;
        unsigned int tag;
        struct tuple c;

        const struct field *field = random_subfield(&t, &tag);
        tuple_random(&c, field->version, random_range(2) ? 6 : 17);
        tag_frame_start(&f, &c, 20);
        size_t l4_len = tag_frame_len(&f);
        tag_frame_ip(&f, &c, c.proto, false, 0);

        size_t l4 = tag_frame_len(&f) - l4_len;
        size_t n = c.version == 4 ? 4 : 16;
        uint8_t *csum = tag_frame_data(&f) + l4 + (c.proto == 6 ? 16 : 6);
        for (int after = 0; after < 2; after++) {
            uint32_t sum = sum_of(c.src, n, 0);

            sum = sum_of(c.dst, n, sum + c.proto + l4_len);
            if (after) {
                /* 0 and 0xffff are the same number. */
                assert_int_equal((csum[0] << 8 | csum[1]) % 0xffff,
                                 sum % 0xffff);
                break;
            }
            csum[0] = sum >> 8;
            csum[1] = sum;
            ipsec_tag_write(&t, tag, tag_frame_data(&f), tag_frame_len(&f),
                            l4);
            get_ends(tag_frame_data(&f), &c);
        }
    }
}

/* While a packet is routed by its sender, its destination is not in the
 * checksum. */
static void
routing_header(void **state)
{
    struct ipsec_tag t = { .field = IPSEC_TAG_IPV6_DST, .n_bits = 8 };

    for (int left = 0; left < 2; left++) {
        struct tuple c;
        struct tag_frame f;
        uint8_t before[2];

        tuple_random(&c, 6, 6);
        tag_frame_start(&f, &c, 20);
        tag_frame_options(&f, 6, 24);
        tag_frame_data(&f)[3] = left;
        tag_frame_ip(&f, &c, 43, false, 0);
        uint8_t *csum = tag_frame_data(&f) + 40 + 24 + 16;
        memcpy(before, csum, 2);
        unsigned int tag = tag_frame_data(&f)[39] ^ 0x55;
        assert_true(ipsec_tag_write(&t, tag, tag_frame_data(&f),
                                    tag_frame_len(&f), SIZE_MAX));
        assert_int_equal(!memcmp(before, csum, 2), left);
    }
}

/* Of a packet that is cut off, or of a later fragment, the header is written
 * if it is there, and nothing behind what there is. */
static void
truncated(void **state)
{
    for (int i = 0; i < 500; i++) {
        struct ipsec_tag t;
        unsigned int tag;
        struct tuple c;
        struct tag_frame f;
        bool cut;

        const struct field *field = random_subfield(&t, &tag);
        tuple_random(&c, field->version,
                     protos[random_range(ARRAY_SIZE(protos))]);
        tag_frame_start(&f, &c, 4);
        tag_frame_ip(&f, &c, c.proto, true,
                     random_range(3) ? 0 : field->version == 4 ? 0x00b9
                                                               : 0x05c8);
        for (size_t len = 0; len <= tag_frame_len(&f); len++) {
            uint8_t *copy = malloc(len ? len : 1);
            size_t min = field->version == 4 ? 20 : 40;

            memcpy(copy, tag_frame_data(&f), len);
            size_t span = ipsec_tag_span(&t, copy, len, &cut);
            assert_int_equal(span > 0, len >= min);
            assert_true(span <= len);
            assert_true(span || cut);
            assert_int_equal(ipsec_tag_write(&t, tag, copy, len, SIZE_MAX),
                             len >= min);
            assert_memory_equal(copy + span, tag_frame_data(&f) + span,
                                len - span);
            free(copy);
        }
    }
}

/* The other version's packets. */
static void
other_version(void **state)
{
    for (int i = 0; i < 200; i++) {
        struct ipsec_tag t;
        unsigned int tag;
        struct tuple c;
        struct tag_frame f, old;

        const struct field *field = random_subfield(&t, &tag);
        tuple_random(&c, 10 - field->version, 6);
        tag_frame_start(&f, &c, 40);
        tag_frame_ip(&f, &c, 6, false, 0);
        memcpy(&old, &f, sizeof f);
        assert_false(ipsec_tag_write(&t, tag, tag_frame_data(&f),
                                     tag_frame_len(&f), SIZE_MAX));
        assert_memory_equal(&f, &old, sizeof f);
    }
}

/* Fields of up to 64 bits that are numbers. */
static void
numbers(void **state)
{
    struct ipsec_tag t = { .ofs = 4, .n_bits = 4 };

    assert_int_equal(ipsec_tag_put(&t, 5, 0xffff), 0xff5f);
    assert_int_equal(ipsec_tag_put(&t, 15, 0), 0xf0);
    t.ofs = 24;
    t.n_bits = 8;
    assert_int_equal(ipsec_tag_put(&t, 0xa5, 0xffffffff), 0xa5ffffff);
    t.ofs = 0;
    t.n_bits = 48;
    assert_int_equal(ipsec_tag_put(&t, 3, UINT64_C(0xffffffffffff)), 3);
}

/* What a datapath refuses. */
static void
arguments(void **state)
{
    struct ipsec_tag good = { .n = 4, .n_buckets = 4, .n_bits = 2,
                              .field = IPSEC_TAG_IP_DST, .map = { 3, 2, 1 } };
    size_t len = ipsec_tag_len(&good);

    assert_null(ipsec_tag_check(&good, len));
    assert_non_null(ipsec_tag_check(&good, len - 1));
    assert_non_null(ipsec_tag_check(&good, len + 1));
    assert_non_null(ipsec_tag_check(&good, 0));
#define BAD(MEMBER, VALUE)                                      \
    do {                                                        \
        struct ipsec_tag bad = good;                            \
                                                                \
        bad.MEMBER = VALUE;                                     \
        assert_non_null(ipsec_tag_check(&bad, ipsec_tag_len(&bad))); \
    } while (0)
    BAD(n, 0);
    BAD(n, 3);                  /* The map has a 3. */
    BAD(n, 5);                  /* For two bits. */
    BAD(n, 257);
    BAD(n_buckets, 3);
    BAD(n_buckets, 512);
    BAD(hash, IPSEC_TAG_N_HASHES);
    BAD(field, IPSEC_TAG_N_FIELDS);
    BAD(ofs, 31);
    BAD(n_bits, 0);
    BAD(n_bits, 33);
    BAD(map[0], 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_and_checksums),
        cmocka_unit_test(udp_checksum),
        cmocka_unit_test(partial_checksum),
        cmocka_unit_test(routing_header),
        cmocka_unit_test(truncated),
        cmocka_unit_test(other_version),
        cmocka_unit_test(numbers),
        cmocka_unit_test(arguments),
    };

    random_set_seed(0x7a6b);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
