/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Transport headers of nat64: RFC 7915 sections 4.5 and 5.5, offload. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

static struct frame in, out, expected;
static struct nat64_head head;

static void
make(struct frame *f, bool is6, uint8_t proto, size_t payload)
{
    if (is6) {
        frame_ip6(f, proto);
    } else {
        frame_ip4(f, proto);
    }
    if (proto == TCP) {
        frame_tcp(f, payload);
    } else {
        frame_udp(f, payload);
    }
    frame_finish(f);
}

static void
tcp_and_udp(void **state)
{
    static const uint8_t protos[] = { TCP, UDP };
    size_t i, n;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(protos); i++) {
        for (n = 1240; n < 1260; n++) {
            make(&in, false, protos[i], n);
            make(&expected, true, protos[i], n);
            assert_becomes(&to6, &in, &expected);
            assert_becomes(&to4, &expected, &in);
        }
    }
}

/* Every checksum, right and wrong, goes through every difference of
 * addresses there is in 16 bits: the new one is off by as much. */
static void
wrong_checksums_stay_wrong(void **state)
{
    unsigned int csum;

    (void) state;
    for (csum = 1; csum < 0x10000; csum += 7) {
        struct nat64 n6 = to6, n4 = to4;
        uint16_t before;

        put16(n6.prefix + 2, csum * 31);
        put16(n4.prefix + 2, csum * 31);
        make(&in, false, csum & 1 ? TCP : UDP, 8);
        put16(in.b + in.l4 + (csum & 1 ? 16 : 6), csum);
        before = frame_sum(&in, in.l3, in.l4, csum & 1 ? TCP : UDP);
        assert_int_equal(frame_translate(&n6, &in, &out, &head), NAT64_OK);
        assert_int_equal(frame_sum(&out, out.l3, out.l4, csum & 1 ? TCP : UDP)
                         % 0xffff, before % 0xffff);

        in = out;
        assert_int_equal(frame_translate(&n4, &in, &out, &head), NAT64_OK);
        assert_int_equal(frame_sum(&out, out.l3, out.l4, csum & 1 ? TCP : UDP)
                         % 0xffff, before % 0xffff);
    }
}

/* A UDP checksum that happens to be 0 is sent as 0xffff, RFC 768.  The data is
 * made so that the new one is. */
static void
udp_checksum_of_zero(void **state)
{
    const struct nat64 *n[] = { &to6, &to4 };
    int i;

    (void) state;
    for (i = 0; i < 2; i++) {
        uint8_t *data;
        uint16_t sum;

        make(&expected, i == 0, UDP, 1300);
        data = expected.b + expected.l4 + 8;
        put16(data, 0);
        put16(expected.b + expected.l4 + 6, 0);
        sum = frame_sum(&expected, expected.l3, expected.l4, UDP);
        put16(data, 0xffff - sum);
        put16(expected.b + expected.l4 + 6, 0xffff);

        make(&in, i == 1, UDP, 1300);
        memcpy(in.b + in.l4 + 8, data, 2);
        frame_finish(&in);
        assert_becomes(n[i], &in, &expected);
    }
}

static void
udp_without_checksum_is_computed(void **state)
{
    size_t n;

    (void) state;
    for (n = 0; n < 100; n++) {
        make(&in, false, UDP, n);
        put16(in.b + in.l4 + 6, 0);
        frame_append(&in, "padding", 7);
        make(&expected, true, UDP, n);
        assert_becomes(&to6, &in, &expected);
    }

    /* What is behind the datagram is not covered. */
    make(&in, false, UDP, 20);
    make(&expected, true, UDP, 20);
    put16(in.b + in.l4 + 4, 18);
    put16(in.b + in.l4 + 6, 0);
    put16(expected.b + expected.l4 + 4, 18);
    expected.len -= 10;
    frame_finish(&expected);
    frame_append(&expected, in.b + in.len - 10, 10);
    frame_finish_ip(&expected);
    assert_becomes(&to6, &in, &expected);
}

static void
udp_without_checksum_in_fragments(void **state)
{
    (void) state;
    make(&in, false, UDP, 64);
    put16(in.b + in.l3 + 6, MF);
    put16(in.b + in.l4 + 6, 0);
    frame_finish_ip(&in);
    assert_dropped(&to6, &in, NAT64_FRAGMENT_DROP);
}

static void
udp_without_checksum_from_ipv6(void **state)
{
    (void) state;
    make(&in, true, UDP, 64);
    put16(in.b + in.l4 + 6, 0);
    assert_dropped(&to4, &in, NAT64_UDP_CSUM);
}

static void
udp_length(void **state)
{
    static const uint16_t lies[] = { 0, 7, 73, 0xffff };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(lies); i++) {
        make(&in, false, UDP, 64);
        put16(in.b + in.l4 + 4, lies[i]);
        assert_dropped(&to6, &in, NAT64_BAD_HEADER);
        make(&in, true, UDP, 64);
        put16(in.b + in.l4 + 4, lies[i]);
        assert_dropped(&to4, &in, NAT64_BAD_HEADER);
    }
}

static void
tcp_data_offset(void **state)
{
    const struct nat64 *n[] = { &to6, &to4 };
    unsigned int doff;
    int i;

    (void) state;
    for (i = 0; i < 2; i++) {
        for (doff = 0; doff < 16; doff++) {
            make(&in, i == 1, TCP, 16);
            in.b[in.l4 + 12] = doff << 4;
            frame_finish(&in);
            assert_int_equal(frame_translate(n[i], &in, &out, &head),
                             doff < 5 ? NAT64_BAD_HEADER
                             : doff > 9 ? NAT64_TRUNCATED : NAT64_OK);
        }
    }
}

/* By the IP length: bytes of padding do not count. */
static void
short_headers(void **state)
{
    static const struct {
        uint8_t proto;
        size_t len;
    } headers[] = { { TCP, 20 }, { UDP, 8 } };
    size_t i, n;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(headers); i++) {
        for (n = 0; n < headers[i].len; n++) {
            frame_ip4(&in, headers[i].proto);
            frame_payload(&in, n);
            frame_finish_ip(&in);
            frame_payload(&in, 40);
            assert_dropped(&to6, &in, NAT64_TRUNCATED);
            frame_ip6(&in, headers[i].proto);
            frame_payload(&in, n);
            frame_finish_ip(&in);
            frame_payload(&in, 40);
            assert_dropped(&to4, &in, NAT64_TRUNCATED);
        }
    }
}

/* Transmit checksum offload: the field is the sum of the pseudo header, not
 * complemented. */

static uint16_t
pseudo(const struct frame *f, uint8_t proto)
{
    bool is6 = f->b[f->l3] >> 4 == 6;

    return model_fold((is6 ? model_sum(f->b + f->l3 + 8, 32, 0)
                           : model_sum(f->b + f->l3 + 12, 8, 0))
                      + proto + (f->len - f->l4));
}

static void
checksum_left_to_offload(void **state)
{
    static const uint8_t protos[] = { TCP, UDP };
    size_t i, n;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(protos); i++) {
        size_t csum = protos[i] == TCP ? 16 : 6;

        for (n = 1250; n < 1400; n++) {
            make(&in, false, protos[i], n);
            put16(in.b + in.l4 + csum, pseudo(&in, protos[i]));
            make(&expected, true, protos[i], n);
            put16(expected.b + expected.l4 + csum,
                  pseudo(&expected, protos[i]));
            assert_int_equal(frame_translate_offload(&to6, &in, 0, true, &out,
                                                     &head), NAT64_OK);
            assert_same_frame(&out, &expected);
            assert_int_equal(frame_translate_offload(&to4, &expected, 0, true,
                                                     &out, &head), NAT64_OK);
            assert_same_frame(&out, &in);
        }
    }
}

/* Super-packets. */

static void
super_packets(void **state)
{
    static const size_t sizes[] = { 1301, 30000, 65495 };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct nat64 n6 = to6, n4 = to4;

        n6.mtu = n4.mtu = 1500;
        make(&in, false, TCP, sizes[i]);
        put16(in.b + in.l4 + 16, pseudo(&in, TCP));
        make(&expected, true, TCP, sizes[i]);
        put16(expected.b + expected.l4 + 16, pseudo(&expected, TCP));
        assert_int_equal(frame_translate_offload(&n6, &in, 1440, true, &out,
                                                 &head), NAT64_OK);
        assert_same_frame(&out, &expected);
        assert_int_equal(frame_translate_offload(&n4, &expected, 1440, true,
                                                 &out, &head), NAT64_OK);
        assert_same_frame(&out, &in);
    }
}

/* Of more than 65535 bytes, with a length of 0 (BIG TCP). */
static void
big_tcp(void **state)
{
    (void) state;
    frame_ip4(&in, TCP);
    frame_tcp(&in, 66000);
    put16(in.b + in.l3 + 2, 0);
    put16(in.b + in.l3 + 10, 0);
    put16(in.b + in.l3 + 10,
          ~model_fold(model_sum(in.b + in.l3, 20, 0)));
    put16(in.b + in.l4 + 16, 0x1234);

    frame_ip6(&expected, TCP);
    frame_tcp(&expected, 66000);
    /* The pseudo headers differ by 2 * 0xfe80. */
    put16(expected.b + expected.l4 + 16,
          model_fold(0x1234 + 2 * 0xfe80));
    assert_int_equal(frame_translate_offload(&to6, &in, 1440, true, &out,
                                             &head), NAT64_OK);
    assert_same_frame(&out, &expected);
    assert_int_equal(frame_translate_offload(&to4, &expected, 1440, true, &out,
                                             &head), NAT64_OK);
    assert_same_frame(&out, &in);

    /* Without offload nobody writes such a thing. */
    make(&in, false, UDP, 64);
    put16(in.b + in.l3 + 2, 0);
    put16(in.b + in.l3 + 10, 0);
    put16(in.b + in.l3 + 10,
          ~model_fold(model_sum(in.b + in.l3, 20, 0)));
    assert_dropped(&to6, &in, NAT64_BAD_HEADER);
}

/* IPv4 cannot hold all of the largest IPv6 payload. */
static void
largest_ipv6_packet(void **state)
{
    (void) state;
    make(&in, true, UDP, 65527);
    assert_int_equal(get16(in.b + in.l3 + 4), 65535);
    assert_dropped(&to4, &in, NAT64_TOO_BIG);
    make(&in, true, UDP, 65507);
    make(&expected, false, UDP, 65507);
    assert_becomes(&to4, &in, &expected);
}

static void
super_packet_of_udp_without_checksum(void **state)
{
    (void) state;
    make(&in, false, UDP, 4000);
    put16(in.b + in.l4 + 6, 0);
    assert_int_equal(frame_translate_offload(&to6, &in, 1000, false, &out,
                                             &head), NAT64_UDP_CSUM);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_and_udp),
        cmocka_unit_test(wrong_checksums_stay_wrong),
        cmocka_unit_test(udp_checksum_of_zero),
        cmocka_unit_test(udp_without_checksum_is_computed),
        cmocka_unit_test(udp_without_checksum_in_fragments),
        cmocka_unit_test(udp_without_checksum_from_ipv6),
        cmocka_unit_test(udp_length),
        cmocka_unit_test(tcp_data_offset),
        cmocka_unit_test(short_headers),
        cmocka_unit_test(checksum_left_to_offload),
        cmocka_unit_test(super_packets),
        cmocka_unit_test(big_tcp),
        cmocka_unit_test(largest_ipv6_packet),
        cmocka_unit_test(super_packet_of_udp_without_checksum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
