/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Packets that nat64 makes too big: RFC 7915 sections 1.4, 4, 4.1, 5 and 5.1,
 * RFC 8200 section 4.5, RFC 1191, RFC 4443 section 3.2. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

static struct frame in, out, expected;
static struct nat64_head head;

static struct nat64
with_mtu(const struct nat64 *n, uint16_t mtu)
{
    struct nat64 copy = *n;

    copy.mtu = mtu;
    assert_null(nat64_check(&copy));
    return copy;
}

/* An UDP datagram in an IP packet of 'len' bytes. */
static void
packet4(struct frame *f, size_t len, uint16_t frag)
{
    frame_ip4(f, UDP);
    put16(f->b + f->l3 + 4, 0x5a5a);
    put16(f->b + f->l3 + 6, frag);
    frame_udp(f, len - 28);
    frame_finish(f);
}

static void
packet6(struct frame *f, size_t len)
{
    frame_ip6(f, UDP);
    frame_udp(f, len - 48);
    frame_finish(f);
}

/* Cuts 'out', for which nat64_translate() returned NAT64_FRAGMENT, checks
 * every fragment, and puts the payload together again in 'data'.  Returns how
 * long that is. */
static size_t
reassemble(size_t hlen, size_t mtu, uint8_t *data)
{
    size_t payload = out.len - out.l3 - hlen;
    size_t from = out.l3 + hlen;
    size_t ofs = 0, done = 0, n = 0;
    bool more = true;

    while (more) {
        uint8_t hdr[NAT64_FRAG_HEAD_MAX];
        size_t hdr_len, take;
        uint8_t *ip = hdr + out.l3;

        assert_int_equal(ofs, done);
        more = nat64_fragment(&head, payload, &ofs, hdr, &hdr_len, &take);
        assert_int_equal(hdr_len, out.l3 + hlen);
        assert_memory_equal(hdr, out.b, out.l3);
        assert_int_equal(ofs, done + take);
        assert_true(hlen + take <= mtu);
        if (more) {
            /* As much as fits, in units of 8 bytes. */
            assert_int_equal(take, (mtu - hlen) / 8 * 8);
        }
        if (hlen == 20) {
            assert_int_equal(get16(ip + 2), 20 + take);
            assert_int_equal(get16(ip + 6),
                             done / 8 | (more ? MF : 0));
            assert_int_equal(model_fold(model_sum(ip, 20, 0)), 0xffff);
            assert_memory_equal(ip + 12, out.b + out.l3 + 12, 8);
            assert_memory_equal(ip + 4, out.b + out.l3 + 4, 2);
            assert_memory_equal(ip + 8, out.b + out.l3 + 8, 2);
        } else {
            assert_int_equal(get16(ip + 4), 8 + take);
            assert_int_equal(get16(ip + 42), done | more);
            assert_memory_equal(ip, out.b + out.l3, 4);
            assert_memory_equal(ip + 6, out.b + out.l3 + 6, 36);
            assert_memory_equal(ip + 44, out.b + out.l3 + 44, 4);
        }
        memcpy(data + done, out.b + from + done, take);
        done += take;
        n++;
    }
    assert_int_equal(done, payload);
    assert_true(n >= 2);
    return done;
}

static void
fragments_4to6_and_back_together(void **state)
{
    static const uint16_t mtus[] = { 1280, 1281, 1402, 1500, 9000 };
    static uint8_t data[70000];
    size_t i, len;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(mtus); i++) {
        struct nat64 n = with_mtu(&to6, mtus[i]);

        for (len = mtus[i] - 19; len < 4 * (size_t) mtus[i]; len += 131) {
            packet4(&in, len, 0);
            assert_int_equal(frame_translate(&n, &in, &out, &head),
                             NAT64_FRAGMENT);
            assert_int_equal(head.mtu, mtus[i]);
            /* The identification in the low 16 bits. */
            assert_int_equal(get32(out.b + out.l3 + 44), 0x5a5a);
            assert_int_equal(out.b[out.l3 + 6], FRAGMENT);
            assert_int_equal(out.b[out.l3 + 40], UDP);

            packet6(&expected, len + 20);
            assert_int_equal(reassemble(48, mtus[i], data), len - 20);
            assert_memory_equal(data, expected.b + expected.l4, len - 20);
        }
    }
}

static void
whole_packets_without_fragment_header(void **state)
{
    struct nat64 n = with_mtu(&to6, 1280);

    (void) state;
    packet4(&in, 1260, 0);
    packet6(&expected, 1280);
    assert_becomes(&n, &in, &expected);
    packet4(&in, 1260, DF);
    assert_becomes(&n, &in, &expected);
}

static void
fragmentation_needed_4to6(void **state)
{
    static const uint16_t mtus[] = { 1280, 1400, 1500 };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(mtus); i++) {
        struct nat64 n = with_mtu(&to6, mtus[i]);

        packet4(&in, mtus[i] - 20, DF);
        assert_int_equal(frame_translate(&n, &in, &out, &head), NAT64_OK);
        packet4(&in, mtus[i] - 19, DF);
        assert_int_equal(frame_translate(&n, &in, &out, &head),
                         NAT64_TOO_BIG);
        assert_int_equal(head.mtu, mtus[i] - 20);

        /* A fragment has a fragment header to carry besides. */
        packet4(&in, mtus[i] - 28, DF | MF);
        assert_int_equal(frame_translate(&n, &in, &out, &head), NAT64_OK);
        packet4(&in, mtus[i] - 27, DF | MF);
        assert_int_equal(frame_translate(&n, &in, &out, &head),
                         NAT64_TOO_BIG);
        assert_int_equal(head.mtu, mtus[i] - 28);
    }
}

/* A fragment is cut into fragments of the same packet. */
static void
fragments_of_fragments_4to6(void **state)
{
    struct nat64 n = with_mtu(&to6, 1280);
    static uint8_t hdr[NAT64_FRAG_HEAD_MAX];
    size_t ofs = 0, hdr_len, take;

    (void) state;
    frame_ip4(&in, UDP);
    put16(in.b + in.l3 + 4, 0x1234);
    put16(in.b + in.l3 + 6, MF | 100);
    frame_payload(&in, 1240);
    frame_finish_ip(&in);
    assert_int_equal(frame_translate(&n, &in, &out, &head), NAT64_FRAGMENT);
    assert_true(nat64_fragment(&head, 1240, &ofs, hdr, &hdr_len, &take));
    assert_int_equal(take, 1232);
    assert_int_equal(get16(hdr + out.l3 + 42), 800 | 1);
    assert_false(nat64_fragment(&head, 1240, &ofs, hdr, &hdr_len, &take));
    assert_int_equal(take, 8);
    assert_int_equal(get16(hdr + out.l3 + 42), (800 + 1232) | 1);
    assert_int_equal(get32(hdr + out.l3 + 44), 0x1234);
}

static void
fragments_6to4_and_back_together(void **state)
{
    static const uint16_t mtus[] = { 68, 576, 1000, 1259 };
    static uint8_t data[70000];
    size_t i, len;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(mtus); i++) {
        struct nat64 n = with_mtu(&to4, mtus[i]);

        for (len = mtus[i] + 21; len <= 1280; len += 57) {
            packet6(&in, len);
            assert_int_equal(frame_translate(&n, &in, &out, &head),
                             NAT64_FRAGMENT);
            packet4(&expected, len - 20, 0);
            assert_int_equal(reassemble(20, mtus[i], data), len - 40);
            assert_memory_equal(data, expected.b + expected.l4, len - 40);
        }
    }
}

static void
packet_too_big_6to4(void **state)
{
    static const uint16_t mtus[] = { 1300, 1400, 1500, 9000 };
    struct nat64 n;
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(mtus); i++) {
        n = with_mtu(&to4, mtus[i]);
        packet6(&in, mtus[i] + 20);
        assert_int_equal(frame_translate(&n, &in, &out, &head), NAT64_OK);
        packet6(&in, mtus[i] + 21);
        assert_int_equal(frame_translate(&n, &in, &out, &head),
                         NAT64_TOO_BIG);
        assert_int_equal(head.mtu, mtus[i] + 20);
    }

    /* No host is told of less than 1280, and none need be: what it sends then
     * may be fragmented. */
    n = with_mtu(&to4, 576);
    packet6(&in, 1281);
    assert_int_equal(frame_translate(&n, &in, &out, &head), NAT64_TOO_BIG);
    assert_int_equal(head.mtu, 1280);
    packet6(&in, 1280);
    assert_int_equal(frame_translate(&n, &in, &out, &head), NAT64_FRAGMENT);
}

/* Section 5.1.1: DF is clear in what had a fragment header. */
static void
fragments_of_fragments_6to4(void **state)
{
    struct nat64 n = with_mtu(&to4, 1400);
    static uint8_t hdr[NAT64_FRAG_HEAD_MAX];
    size_t ofs = 0, hdr_len, take;

    (void) state;
    frame_ip6(&in, FRAGMENT);
    frame_frag(&in, UDP, 2400, false, 0x12345678);
    frame_payload(&in, 1401);
    frame_finish_ip(&in);
    assert_int_equal(frame_translate(&n, &in, &out, &head), NAT64_FRAGMENT);
    assert_true(nat64_fragment(&head, 1401, &ofs, hdr, &hdr_len, &take));
    assert_int_equal(take, 1376);
    assert_int_equal(get16(hdr + out.l3 + 6), MF | 300);
    assert_false(nat64_fragment(&head, 1401, &ofs, hdr, &hdr_len, &take));
    assert_int_equal(take, 25);
    assert_int_equal(get16(hdr + out.l3 + 6), 300 + 172);
    assert_int_equal(get16(hdr + out.l3 + 4), 0x5678);
}

/* A fragment of 'len' bytes at 'ofs', of a packet in the language that 'n'
 * translates from. */
static void
fragment_at(struct frame *f, const struct nat64 *n, size_t ofs, bool more,
            size_t len)
{
    if (n->direction == NAT64_4TO6) {
        frame_ip4(f, UDP);
        put16(f->b + f->l3 + 6, ofs / 8 | (more ? MF : 0));
    } else {
        frame_ip6(f, FRAGMENT);
        frame_frag(f, UDP, ofs, more, 1);
    }
    frame_payload(f, len);
    frame_finish_ip(f);
}

/* The offset in bytes that a fragment's headers 'hdr' say. */
static size_t
offset_in(const uint8_t *hdr, const struct nat64 *n)
{
    return n->direction == NAT64_4TO6 ? get16(hdr + 14 + 42) & 0xfff8
                                      : (get16(hdr + 14 + 6) & 0x1fff) * 8;
}

/* No IPv4 packet has more than 65535 bytes, 20 of them header (RFC 791 section
 * 3.1).  What lies beyond is dropped, and what does not keeps its place,
 * whatever it is cut into. */
static void
offsets_never_wrap(void **state)
{
    static const size_t lens[] = { 8, 136, 1240, 4000, 65000 };
    const struct nat64 actions[] = {
        with_mtu(&to6, 0), with_mtu(&to6, 1280),
        with_mtu(&to4, 0), with_mtu(&to4, 68),
    };
    size_t i, j, ofs, more;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(actions); i++) {
        const struct nat64 *n = &actions[i];

        for (j = 0; j < ARRAY_SIZE(lens); j++) {
            for (ofs = 65512 - lens[j] - 16; ofs < 65536; ofs += 8) {
                enum nat64_result result;
                size_t at = 0, hdr_len, take;

                more = ofs & 8;
                fragment_at(&in, n, ofs, more, lens[j]);
                result = frame_translate(n, &in, &out, &head);
                if (ofs + lens[j] > 65535 - 20) {
                    assert_int_equal(result, NAT64_BAD_HEADER);
                    continue;
                }
                if (result == NAT64_OK) {
                    assert_int_equal(offset_in(out.b, n), ofs);
                    continue;
                }
                assert_int_equal(result, NAT64_FRAGMENT);
                while (at < lens[j]) {
                    static uint8_t hdr[NAT64_FRAG_HEAD_MAX];
                    size_t from = at;

                    nat64_fragment(&head, lens[j], &at, hdr, &hdr_len, &take);
                    assert_int_equal(offset_in(hdr, n), ofs + from);
                    assert_int_equal(at, from + take);
                }
            }
        }
    }
}

/* Nor may a length of 0 stand for more than 65535, but in a super-packet. */
static void
no_length(void **state)
{
    struct nat64 n6 = with_mtu(&to6, 1500), n4 = with_mtu(&to4, 1280);

    (void) state;
    frame_ip4(&in, UDP);
    frame_udp(&in, 66000);
    frame_finish(&in);
    put16(in.b + in.l3 + 2, 0);
    put16(in.b + in.l3 + 6, 0);
    put16(in.b + in.l3 + 10, 0);
    put16(in.b + in.l3 + 10, ~model_fold(model_sum(in.b + in.l3, 20, 0)));
    assert_dropped(&n6, &in, NAT64_BAD_HEADER);
    frame_ip6(&in, FRAGMENT);
    frame_frag(&in, UDP, 0, false, 1);
    frame_udp(&in, 66000);
    frame_finish_ip(&in);
    put16(in.b + in.l3 + 4, 0);
    assert_dropped(&n4, &in, NAT64_TRUNCATED);
}

/* A super-packet is as big as what it will be cut into. */
static void
super_packets_by_segment(void **state)
{
    struct nat64 n6 = with_mtu(&to6, 1500), n4 = with_mtu(&to4, 1480);

    (void) state;
    frame_ip4(&in, TCP);
    frame_tcp(&in, 9000);
    frame_finish(&in);
    assert_int_equal(frame_translate_offload(&n6, &in, 1440, true, &out,
                                             &head), NAT64_OK);
    assert_int_equal(frame_translate_offload(&n6, &in, 1441, true, &out,
                                             &head), NAT64_TOO_BIG);
    assert_int_equal(head.mtu, 1480);
    assert_int_equal(frame_translate_offload(&n6, &in, 1460, true, &out,
                                             &head), NAT64_TOO_BIG);
    /* One that is not larger than its segments. */
    frame_ip4(&in, TCP);
    frame_tcp(&in, 1440);
    frame_finish(&in);
    assert_int_equal(frame_translate_offload(&n6, &in, 1460, true, &out,
                                             &head), NAT64_OK);

    /* Options count. */
    frame_ip6(&in, TCP);
    frame_tcp(&in, 9000);
    in.b[in.l4 + 12] = 8 << 4;
    frame_finish(&in);
    assert_int_equal(frame_translate_offload(&n4, &in, 1428, true, &out,
                                             &head), NAT64_OK);
    assert_int_equal(frame_translate_offload(&n4, &in, 1429, true, &out,
                                             &head), NAT64_TOO_BIG);
    assert_int_equal(head.mtu, 1500);
}

/* Which a later fragment has no header for. */
static void
later_fragments_are_not_super_packets(void **state)
{
    struct nat64 n4 = with_mtu(&to4, 1280);

    (void) state;
    frame_ip6(&in, FRAGMENT);
    frame_frag(&in, TCP, 2400, true, 1);
    frame_payload(&in, 1400);
    frame_finish_ip(&in);
    assert_int_equal(frame_translate_offload(&n4, &in, 100, true, &out,
                                             &head), NAT64_FRAGMENT);
}

/* Section 5.1, Flags, for each of the segments. */
static void
super_packets_df(void **state)
{
    (void) state;
    frame_ip6(&in, TCP);
    frame_tcp(&in, 9000);
    frame_finish(&in);
    assert_int_equal(frame_translate_offload(&to4, &in, 1220, true, &out,
                                             &head), NAT64_OK);
    assert_int_equal(get16(out.b + out.l3 + 6), 0);
    assert_int_equal(frame_translate_offload(&to4, &in, 1221, true, &out,
                                             &head), NAT64_OK);
    assert_int_equal(get16(out.b + out.l3 + 6), DF);
}

/* The answer. */

static size_t
answer(const struct frame *f, uint16_t mtu)
{
    struct nat64_frame frame = {
        .data = f->b, .linear = f->len, .len = f->len, .l3_ofs = f->l3,
    };

    memset(out.b, 0xa5, NAT64_HEAD_MAX);
    return nat64_too_big(&frame, mtu, out.b);
}

/* Swaps the hosts of 'f'. */
static void
from_b_to_a(struct frame *f)
{
    memcpy(f->b, mac_a, 6);
    memcpy(f->b + 6, mac_b, 6);
    if (f->b[f->l3] >> 4 == 6) {
        memcpy(f->b + f->l3 + 8, b6, 16);
        memcpy(f->b + f->l3 + 24, a6, 16);
    } else {
        memcpy(f->b + f->l3 + 12, b4, 4);
        memcpy(f->b + f->l3 + 16, a4, 4);
    }
}

static void
answer_in_ipv4(void **state)
{
    size_t len;

    (void) state;
    for (len = 1481; len < 1600; len += 40) {
        packet4(&in, len, DF);
        frame_ip4(&expected, ICMP);
        expected.b[expected.l3 + 1] = 0xc0;
        expected.b[expected.l3 + 8] = 64;
        from_b_to_a(&expected);
        frame_icmp(&expected, 3, 4, 1480);
        /* RFC 1812 section 4.3.2.3: at most 576 bytes. */
        frame_append(&expected, in.b + in.l3, 576 - 28);
        frame_finish(&expected);
        out.len = answer(&in, 1480);
        assert_same_frame(&out, &expected);
    }
}

static void
answer_in_ipv6(void **state)
{
    (void) state;
    packet6(&in, 1521);
    frame_ip6(&expected, ICMP6);
    expected.b[expected.l3 + 7] = 64;
    from_b_to_a(&expected);
    frame_icmp(&expected, 2, 0, 1520);
    /* RFC 4443 section 2.4(c): at most 1280 bytes. */
    frame_append(&expected, in.b + in.l3, 1280 - 48);
    frame_finish(&expected);
    out.len = answer(&in, 1520);
    assert_same_frame(&out, &expected);
}

static void
answer_quotes_what_there_is(void **state)
{
    (void) state;
    packet4(&in, 200, DF);
    frame_append(&in, "padding", 7);
    assert_int_equal(answer(&in, 100), 14 + 20 + 8 + 200);
    packet6(&in, 200);
    frame_append(&in, "padding", 7);
    assert_int_equal(answer(&in, 100), 14 + 40 + 8 + 200);
}

/* RFC 1122 section 3.2.2, RFC 4443 section 2.4(e). */
static void
no_answer(void **state)
{
    static const uint8_t errors4[] = { 3, 4, 5, 11, 12, 13 };
    static const uint8_t errors6[] = { 1, 2, 3, 4, 127, 137 };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(errors4); i++) {
        frame_ip4(&in, ICMP);
        frame_icmp(&in, errors4[i], 0, 0);
        frame_finish(&in);
        assert_int_equal(answer(&in, 1480), 0);
        frame_ip6(&in, DSTOPTS);
        frame_ext(&in, ICMP6, 8);
        frame_icmp(&in, errors6[i], 0, 0);
        frame_finish(&in);
        assert_int_equal(answer(&in, 1480), 0);
    }
    /* But about an echo request. */
    frame_ip4(&in, ICMP);
    frame_icmp(&in, 8, 0, 0);
    frame_finish(&in);
    assert_int_not_equal(answer(&in, 1480), 0);
    frame_ip6(&in, ICMP6);
    frame_icmp(&in, 128, 0, 0);
    frame_finish(&in);
    assert_int_not_equal(answer(&in, 1480), 0);

    /* A later fragment; a group; nobody. */
    packet4(&in, 1500, DF | 1);
    assert_int_equal(answer(&in, 1480), 0);
    packet4(&in, 1500, DF);
    in.b[0] |= 1;
    assert_int_equal(answer(&in, 1480), 0);
    packet4(&in, 1500, DF);
    in.b[in.l3 + 16] = 224;
    assert_int_equal(answer(&in, 1480), 0);
    packet4(&in, 1500, DF);
    memset(in.b + in.l3 + 12, 0, 4);
    assert_int_equal(answer(&in, 1480), 0);
    packet6(&in, 1500);
    in.b[in.l3 + 24] = 0xff;
    assert_int_equal(answer(&in, 1480), 0);
    packet6(&in, 1500);
    memset(in.b + in.l3 + 8, 0, 16);
    assert_int_equal(answer(&in, 1480), 0);
    packet6(&in, 1500);
    in.b[in.l3 + 8] = 0xff;
    assert_int_equal(answer(&in, 1480), 0);

    /* Neither IPv4 nor IPv6; cut short. */
    frame_eth(&in, ARP);
    frame_payload(&in, 60);
    assert_int_equal(answer(&in, 1480), 0);
    packet4(&in, 1500, DF);
    in.len = 33;
    assert_int_equal(answer(&in, 1480), 0);
    packet6(&in, 1500);
    in.len = 53;
    assert_int_equal(answer(&in, 1480), 0);
    frame_ip4(&in, ICMP);
    frame_finish(&in);
    assert_int_equal(answer(&in, 1480), 0);
    frame_ip6(&in, ICMP6);
    frame_finish(&in);
    assert_int_equal(answer(&in, 1480), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_4to6_and_back_together),
        cmocka_unit_test(whole_packets_without_fragment_header),
        cmocka_unit_test(fragmentation_needed_4to6),
        cmocka_unit_test(fragments_of_fragments_4to6),
        cmocka_unit_test(fragments_6to4_and_back_together),
        cmocka_unit_test(packet_too_big_6to4),
        cmocka_unit_test(fragments_of_fragments_6to4),
        cmocka_unit_test(offsets_never_wrap),
        cmocka_unit_test(no_length),
        cmocka_unit_test(super_packets_by_segment),
        cmocka_unit_test(later_fragments_are_not_super_packets),
        cmocka_unit_test(super_packets_df),
        cmocka_unit_test(answer_in_ipv4),
        cmocka_unit_test(answer_in_ipv6),
        cmocka_unit_test(answer_quotes_what_there_is),
        cmocka_unit_test(no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
