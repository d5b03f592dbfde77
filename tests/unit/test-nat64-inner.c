/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Packets in ICMP errors of nat64: RFC 7915 sections 4.3 and 5.3, lengths, and
 * the extensions of RFC 4884. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

static struct frame in, out, expected, inner4, inner6;
static struct nat64_head head;

/* Makes B's packets with 'payload' bytes of data, the one that B sent and the
 * one that it became or was. */
static void
make_inner(uint8_t proto, size_t payload)
{
    struct frame *frames[] = { &inner4, &inner6 };
    int i;

    for (i = 0; i < 2; i++) {
        struct frame *f = frames[i];
        uint8_t *ip = f->b + 14;

        if (i) {
            frame_ip6(f, proto == ICMP ? ICMP6 : proto);
            memcpy(ip + 8, b6, 16);
            memcpy(ip + 24, a6, 16);
            ip[7] = 1;
        } else {
            frame_ip4(f, proto);
            memcpy(ip + 12, b4, 4);
            memcpy(ip + 16, a4, 4);
            ip[8] = 1;
        }
        switch (proto) {
        case TCP:
            frame_tcp(f, payload);
            break;
        case UDP:
            frame_udp(f, payload);
            break;
        case ICMP:
            frame_icmp(f, i ? 128 : 8, 0, 0x00070009);
            frame_payload(f, payload);
            break;
        default:
            frame_payload(f, payload);
        }
        if (!i && f->len - 14 <= 1260) {
            put16(ip + 6, 0);
        }
        frame_finish(f);
    }
}

/* An error with the first 'n' bytes of a packet in it. */
static void
error4(struct frame *f, uint8_t type, uint8_t code, uint32_t rest,
       const struct frame *inner, size_t n)
{
    frame_ip4(f, ICMP);
    put16(f->b + f->l3 + 6, 0);
    frame_icmp(f, type, code, rest);
    frame_append(f, inner->b + 14, n);
    frame_finish(f);
}

static void
error6(struct frame *f, uint8_t type, uint8_t code, uint32_t rest,
       const struct frame *inner, size_t n)
{
    frame_ip6(f, ICMP6);
    frame_icmp(f, type, code, rest);
    frame_append(f, inner->b + 14, n);
    frame_finish(f);
}

/* Unreachable port, with the inner packet cut behind 'n' bytes of payload. */
static void
errors_with(size_t n)
{
    error4(&in, 3, 3, 0, &inner4, 20 + n);
    error6(&expected, 1, 4, 0, &inner6, 40 + n);
}

/* What the sender sees is the start of what it sent, also as far as the
 * checksum goes, wherever it is cut, except for half a checksum. */
static void
quoted_packets(void **state)
{
    static const struct {
        uint8_t proto;
        size_t least, half;
    } cases[] = {
        { TCP, 0, 17 }, { UDP, 0, 7 }, { ICMP, 4, 0 }, { 47, 0, 0 }
    };
    size_t i, n;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        make_inner(cases[i].proto, 1300);
        for (n = cases[i].least; n < 60; n++) {
            if (!n || n != cases[i].half) {
                errors_with(n);
                assert_becomes(&to6, &in, &expected);
                assert_becomes(&to4, &expected, &in);
            }
        }
    }
}

/* A UDP checksum of 0, which means none, or 0xffff instead of it. */
static void
quoted_udp_checksums(void **state)
{
    uint8_t *data;
    uint16_t sum;

    (void) state;
    make_inner(UDP, 1300);
    put16(inner4.b + inner4.l4 + 6, 0);
    put16(inner6.b + inner6.l4 + 6, 0);
    errors_with(64);
    assert_becomes(&to6, &in, &expected);
    assert_becomes(&to4, &expected, &in);

    make_inner(UDP, 1300);
    data = inner6.b + inner6.l4 + 8;
    put16(data, 0);
    put16(inner6.b + inner6.l4 + 6, 0);
    sum = frame_sum(&inner6, inner6.l3, inner6.l4, UDP);
    put16(data, 0xffff - sum);
    put16(inner6.b + inner6.l4 + 6, 0xffff);
    memcpy(inner4.b + inner4.l4 + 8, data, 2);
    frame_finish(&inner4);
    errors_with(64);
    assert_becomes(&to6, &in, &expected);
}

/* Less of an IPv4 packet than RFC 792 asks for. */
static void
quoted_too_little(void **state)
{
    size_t n;

    (void) state;
    make_inner(UDP, 100);
    for (n = 0; n < 20; n++) {
        error4(&in, 3, 3, 0, &inner4, n);
        assert_dropped(&to6, &in, NAT64_ICMP_INNER);
    }
    for (n = 0; n < 40; n++) {
        error6(&in, 1, 4, 0, &inner6, n);
        assert_dropped(&to4, &in, NAT64_ICMP_INNER);
    }
}

/* The inner TTL is what it was when the error happened. */
static void
quoted_ttl_and_class(void **state)
{
    (void) state;
    make_inner(TCP, 1300);
    inner4.b[15] = 0x5a;
    frame_finish_ip(&inner4);
    inner6.b[14] |= 0x05;
    inner6.b[15] = 0xa0;
    inner4.b[14 + 8] = inner6.b[14 + 7] = 0;
    frame_finish_ip(&inner4);
    errors_with(8);
    assert_becomes(&to6, &in, &expected);
    assert_becomes(&to4, &expected, &in);
}

static void
quoted_options_and_extensions(void **state)
{
    (void) state;
    make_inner(UDP, 1300);
    errors_with(8);
    frame_ip4(&in, ICMP);
    frame_icmp(&in, 3, 3, 0);
    frame_append(&in, inner4.b + 14, 20);
    in.b[in.l4 + 8] = 0x46;
    put16(in.b + in.l4 + 10, get16(in.b + in.l4 + 10) + 4);
    frame_append(&in, "\1\1\1\0", 4);
    frame_append(&in, inner4.b + 34, 8);
    frame_finish(&in);
    assert_becomes(&to6, &in, &expected);

    error4(&expected, 3, 3, 0, &inner4, 28);
    frame_ip6(&in, ICMP6);
    frame_icmp(&in, 1, 4, 0);
    frame_append(&in, inner6.b + 14, 40);
    in.b[in.l4 + 14] = DSTOPTS;
    put16(in.b + in.l4 + 12, get16(in.b + in.l4 + 12) + 8);
    frame_append(&in, "\x11\0\1\4\0\0\0\0", 8);
    frame_append(&in, inner6.b + 54, 8);
    frame_finish(&in);
    assert_becomes(&to4, &in, &expected);
}

static void
quoted_fragments(void **state)
{
    static const struct {
        uint16_t frag4, frag6;
    } cases[] = { { MF, 1 }, { MF | 6, 49 }, { 6, 48 } };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        make_inner(UDP, 1300);
        if (cases[i].frag4 & 0x1fff) {
            /* No header, so nothing in it changes. */
            memcpy(inner6.b + 54, inner4.b + 34, 100);
        }
        put16(inner4.b + 18, 0x1234);
        put16(inner4.b + 20, cases[i].frag4);
        frame_finish_ip(&inner4);
        error4(&in, 11, 1, 0, &inner4, 20 + 64);

        frame_ip6(&expected, ICMP6);
        frame_icmp(&expected, 3, 1, 0);
        frame_append(&expected, inner6.b + 14, 40);
        put16(expected.b + expected.l4 + 12,
              get16(expected.b + expected.l4 + 12) + 8);
        expected.b[expected.l4 + 14] = FRAGMENT;
        put32(frame_append(&expected, NULL, 4),
              (uint32_t) UDP << 24 | cases[i].frag6);
        put32(frame_append(&expected, NULL, 4), 0x1234);
        frame_append(&expected, inner6.b + 54, 64);
        frame_finish(&expected);
        assert_becomes(&to6, &in, &expected);
        assert_becomes(&to4, &expected, &in);
    }
}

static void
quoted_packets_that_do_not_translate(void **state)
{
    (void) state;
    /* An error; the RFC wants to stop at the first embedded header. */
    make_inner(ICMP, 100);
    inner4.b[34] = 3;
    inner6.b[54] = 1;
    errors_with(64);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);
    assert_dropped(&to4, &expected, NAT64_ICMP_INNER);
    /* Something else that was never translated. */
    inner4.b[34] = 13;
    inner6.b[54] = 133;
    errors_with(64);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);
    assert_dropped(&to4, &expected, NAT64_ICMP_INNER);

    /* Addresses. */
    make_inner(UDP, 100);
    inner4.b[14 + 12] = 127;
    inner6.b[14 + 8 + 5] = 1;
    errors_with(64);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);
    assert_dropped(&to4, &expected, NAT64_ICMP_INNER);

    /* Versions, lengths. */
    make_inner(UDP, 100);
    inner4.b[14] = 0x65;
    inner6.b[14] = 0x40;
    errors_with(64);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);
    assert_dropped(&to4, &expected, NAT64_ICMP_INNER);
    make_inner(UDP, 100);
    inner4.b[14] = 0x44;
    errors_with(64);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);
    make_inner(UDP, 100);
    put16(inner4.b + 16, 19);
    errors_with(64);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);
    make_inner(UDP, 100);
    inner4.b[14] = 0x4f;
    errors_with(8);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);

    /* Protocols of the other family, which are never translated either. */
    make_inner(UDP, 100);
    inner4.b[14 + 9] = ICMP6;
    inner6.b[14 + 6] = ICMP;
    errors_with(64);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);
    assert_dropped(&to4, &expected, NAT64_ICMP_INNER);
    inner4.b[14 + 9] = FRAGMENT;
    errors_with(64);
    assert_dropped(&to6, &in, NAT64_ICMP_INNER);

    /* A routing header that is not done. */
    make_inner(UDP, 100);
    inner6.b[14 + 6] = ROUTING;
    memcpy(inner6.b + 54, "\x11\0\0\1", 4);
    errors_with(64);
    assert_dropped(&to4, &expected, NAT64_ICMP_INNER);
    /* A payload shorter than the extension headers in it. */
    inner6.b[57] = 0;
    put16(inner6.b + 18, 7);
    errors_with(64);
    assert_dropped(&to4, &expected, NAT64_ICMP_INNER);
}

/* Bytes behind the end of the quoted packet are none of it. */
static void
quoted_padding(void **state)
{
    (void) state;
    make_inner(UDP, 4);
    errors_with(12);
    frame_append(&in, NULL, 30);
    frame_finish(&in);
    assert_becomes(&to6, &in, &expected);
    error4(&expected, 3, 3, 0, &inner4, 32);
    error6(&in, 1, 4, 0, &inner6, 52);
    frame_append(&in, NULL, 30);
    frame_finish(&in);
    put16(expected.b + expected.l4 + 14, 0);
    put16(expected.b + expected.l4 + 18, 0);
    put16(expected.b + expected.l4 + 18,
          ~model_fold(model_sum(expected.b + expected.l4 + 8, 20, 0)));
    frame_finish(&expected);
    assert_becomes(&to4, &in, &expected);
}

/* RFC 4443 section 2.4(c). */
static void
longest_icmpv6_error(void **state)
{
    size_t n;

    (void) state;
    make_inner(UDP, 2000);
    for (n = 1100; n < 1600; n += 13) {
        error4(&in, 3, 3, 0, &inner4, 20 + n);
        error6(&expected, 1, 4, 0, &inner6,
               40 + (n < 1280 - 88 ? n : 1280 - 88));
        assert_becomes(&to6, &in, &expected);
    }
}

/* RFC 1812 section 4.3.2.3, and a link that takes less. */
static void
longest_icmpv4_error(void **state)
{
    struct nat64 n = to4;
    size_t len;

    (void) state;
    make_inner(UDP, 2000);
    for (len = 500; len < 1192; len += 13) {
        error6(&in, 1, 4, 0, &inner6, 40 + len);
        error4(&expected, 3, 3, 0, &inner4,
               20 + (len < 576 - 48 ? len : 576 - 48));
        assert_becomes(&to4, &in, &expected);
        n.mtu = 68;
        error4(&expected, 3, 3, 0, &inner4, 68 - 28);
        assert_becomes(&n, &in, &expected);
    }
}

/* The sum of an error that was damaged on its way stays what it was. */
static void
wrong_errors_stay_wrong(void **state)
{
    size_t ofs;

    (void) state;
    make_inner(UDP, 1000);
    for (ofs = 2; ofs < 500; ofs++) {
        uint16_t before;

        if (ofs >= 4 && ofs < 40) {
            continue;           /* May make it one that does not translate. */
        }
        errors_with(999);
        in.b[in.l4 + ofs] ^= 0x21;
        before = frame_sum(&in, in.l3, in.l4, ICMP);
        assert_int_not_equal(before, 0xffff);
        assert_int_equal(frame_translate(&to6, &in, &out, &head), NAT64_OK);
        assert_int_equal(frame_sum(&out, out.l3, out.l4, ICMP6), before);

        if (ofs < 4 || ofs >= 60) {
            expected.b[expected.l4 + ofs] ^= 0x21;
            before = frame_sum(&expected, expected.l3, expected.l4, ICMP6);
            assert_int_equal(frame_translate(&to4, &expected, &out, &head),
                             NAT64_OK);
            assert_int_equal(frame_sum(&out, out.l3, out.l4, ICMP), before);
        }
    }
}

/* RFC 4884.  'quoted' bytes of the inner packet, padded to 'padded', and
 * 'ext' bytes of extensions. */
static void
extended(struct frame *f, const struct frame *inner, size_t quoted,
         size_t padded, size_t ext)
{
    bool is6 = inner == &inner6;

    if (is6) {
        error6(f, 1, 4, (uint32_t) (padded / 8) << 24, inner, quoted);
    } else {
        error4(f, 3, 3, (uint32_t) (padded / 4) << 16, inner, quoted);
    }
    frame_append(f, NULL, padded - quoted);
    if (ext) {
        frame_append(f, "\x20\0\0\0\0\x08\1\1", 8);
        frame_payload(f, ext - 8);
    }
    frame_finish(f);
}

static void
extensions(void **state)
{
    (void) state;
    make_inner(UDP, 1400);
    /* No padding on either side. */
    extended(&in, &inner4, 132, 132, 40);
    extended(&expected, &inner6, 152, 152, 40);
    assert_becomes(&to6, &in, &expected);
    assert_becomes(&to4, &expected, &in);

    /* Padding because of the units. */
    extended(&in, &inner4, 128, 128, 40);
    extended(&expected, &inner6, 148, 152, 40);
    assert_becomes(&to6, &in, &expected);

    /* A packet shorter than what RFC 4884 wants. */
    make_inner(UDP, 62);
    extended(&in, &inner6, 110, 128, 16);
    extended(&expected, &inner4, 90, 128, 16);
    put16(expected.b + expected.l4 + 14, 0);
    put16(expected.b + expected.l4 + 18, 0);
    put16(expected.b + expected.l4 + 18,
          ~model_fold(model_sum(expected.b + expected.l4 + 8, 20, 0)));
    frame_finish(&expected);
    assert_becomes(&to4, &in, &expected);
    assert_becomes(&to6, &expected, &in);

    /* One that already came shorter. */
    extended(&in, &inner4, 28, 28, 16);
    extended(&expected, &inner6, 48, 128, 16);
    assert_becomes(&to6, &in, &expected);
}

/* The packet gives way to extensions, down to 128 bytes. */
static void
extensions_of_long_errors(void **state)
{
    (void) state;
    make_inner(UDP, 1400);
    extended(&in, &inner4, 1000, 1000, 640);
    extended(&expected, &inner6, 592, 592, 640);
    assert_becomes(&to6, &in, &expected);
    extended(&in, &inner4, 1000, 1000, 1104);
    extended(&expected, &inner6, 128, 128, 1104);
    assert_becomes(&to6, &in, &expected);
    extended(&in, &inner6, 600, 600, 40);
    extended(&expected, &inner4, 508, 508, 40);
    assert_becomes(&to4, &in, &expected);
    extended(&in, &inner6, 600, 600, 420);
    extended(&expected, &inner4, 128, 128, 420);
    assert_becomes(&to4, &in, &expected);
}

/* Then they have to go, all of them. */
static void
extensions_too_long(void **state)
{
    (void) state;
    make_inner(UDP, 1400);
    extended(&in, &inner4, 1000, 1000, 1105);
    error6(&expected, 1, 4, 0, &inner6, 1020);
    assert_becomes(&to6, &in, &expected);
    extended(&in, &inner6, 600, 600, 421);
    error4(&expected, 3, 3, 0, &inner4, 548);
    assert_becomes(&to4, &in, &expected);
}

/* Packet Too Big and Parameter Problem cannot be extended. */
static void
extensions_without_place(void **state)
{
    (void) state;
    make_inner(UDP, 1400);
    extended(&in, &inner4, 128, 128, 16);
    in.b[in.l4 + 1] = 4;
    put16(in.b + in.l4 + 6, 1400);
    frame_finish(&in);
    error6(&expected, 2, 0, 1420, &inner6, 148);
    assert_becomes(&to6, &in, &expected);

    extended(&in, &inner4, 128, 128, 16);
    in.b[in.l4] = 12;
    in.b[in.l4 + 1] = 0;
    in.b[in.l4 + 4] = 8;
    frame_finish(&in);
    error6(&expected, 4, 0, 7, &inner6, 148);
    assert_becomes(&to6, &in, &expected);

    extended(&in, &inner4, 128, 128, 16);
    in.b[in.l4 + 1] = 2;
    frame_finish(&in);
    error6(&expected, 4, 1, 6, &inner6, 148);
    assert_becomes(&to6, &in, &expected);

    /* The first byte of the MTU is not a length, nor is the pointer's. */
    error6(&in, 2, 0, 0x01000000, &inner6, 148);
    error4(&expected, 3, 4, 65535, &inner4, 128);
    assert_becomes(&to4, &in, &expected);
}

static void
extensions_that_lie(void **state)
{
    (void) state;
    make_inner(UDP, 1400);
    extended(&in, &inner4, 128, 128, 0);
    in.b[in.l4 + 5]++;
    frame_finish(&in);
    assert_dropped(&to6, &in, NAT64_BAD_HEADER);
    extended(&in, &inner6, 128, 128, 0);
    in.b[in.l4 + 4]++;
    frame_finish(&in);
    assert_dropped(&to4, &in, NAT64_BAD_HEADER);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quoted_packets),
        cmocka_unit_test(quoted_udp_checksums),
        cmocka_unit_test(quoted_too_little),
        cmocka_unit_test(quoted_ttl_and_class),
        cmocka_unit_test(quoted_options_and_extensions),
        cmocka_unit_test(quoted_fragments),
        cmocka_unit_test(quoted_packets_that_do_not_translate),
        cmocka_unit_test(quoted_padding),
        cmocka_unit_test(longest_icmpv6_error),
        cmocka_unit_test(longest_icmpv4_error),
        cmocka_unit_test(wrong_errors_stay_wrong),
        cmocka_unit_test(extensions),
        cmocka_unit_test(extensions_of_long_errors),
        cmocka_unit_test(extensions_too_long),
        cmocka_unit_test(extensions_without_place),
        cmocka_unit_test(extensions_that_lie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
