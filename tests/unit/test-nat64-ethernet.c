/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Ethernet headers of nat64: Ethernet II (RFC 894, RFC 2464), 802.3 with LLC
 * and SNAP (RFC 1042), VLAN tags in either. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

static struct frame in, out, expected;
static struct nat64_head head;

enum { MAX_TAGS = 2, SNAP = 8 };

/* Inserts 'n' bytes at 'ofs' in front of the IP header. */
static uint8_t *
insert(struct frame *f, size_t ofs, const void *p, size_t n)
{
    memmove(f->b + ofs + n, f->b + ofs, f->len - ofs);
    memcpy(f->b + ofs, p, n);
    f->len += n;
    f->l3 += n;
    f->l4 += n;
    return f->b + ofs;
}

/* Puts 'n' VLAN tags between the addresses and the type. */
static void
add_tags(struct frame *f, int n)
{
    static const uint8_t tags[] = { 0x88, 0xa8, 0x20, 7, 0x81, 0, 0, 9 };

    insert(f, 12, tags + 8 - 4 * n, 4 * n);
}

/* Makes an 802.3 frame of Ethernet II: the length, of what follows it, and LLC
 * and SNAP in front of the type. */
static void
make_8023(struct frame *f)
{
    uint8_t snap[SNAP] = { 0, 0, 0xaa, 0xaa, 0x03 };

    put16(snap, f->len - f->l3 + SNAP);
    insert(f, f->l3 - 2, snap, sizeof snap);
}

/* Packets of every kind that the translator has a way of its own for, in both
 * languages. */

static void
datagram(struct frame *f4, struct frame *f6)
{
    frame_ip4(f4, UDP);
    frame_udp(f4, 1300);
    frame_ip6(f6, UDP);
    frame_udp(f6, 1300);
}

static void
segment(struct frame *f4, struct frame *f6)
{
    frame_ip4(f4, TCP);
    frame_tcp(f4, 1400);
    frame_ip6(f6, TCP);
    frame_tcp(f6, 1400);
}

static void
echo(struct frame *f4, struct frame *f6)
{
    frame_ip4(f4, ICMP);
    frame_icmp(f4, 8, 0, 0x00070001);
    frame_payload(f4, 1300);
    frame_ip6(f6, ICMP6);
    frame_icmp(f6, 128, 0, 0x00070001);
    frame_payload(f6, 1300);
}

static void
fragment(struct frame *f4, struct frame *f6)
{
    frame_ip4(f4, UDP);
    put16(f4->b + f4->l3 + 4, 0x1234);
    put16(f4->b + f4->l3 + 6, MF | 100);
    frame_payload(f4, 80);
    frame_ip6(f6, FRAGMENT);
    frame_frag(f6, UDP, 800, true, 0x1234);
    frame_payload(f6, 80);
}

static void
error(struct frame *f4, struct frame *f6)
{
    static const uint8_t udp[8] = { 0, 1, 0, 2, 0, 8 };
    static struct frame inner4, inner6;

    frame_ip4(&inner4, UDP);
    put16(inner4.b + inner4.l3 + 6, 0);
    frame_append(&inner4, udp, sizeof udp);
    frame_finish_ip(&inner4);
    frame_ip6(&inner6, UDP);
    frame_append(&inner6, udp, sizeof udp);
    frame_finish_ip(&inner6);

    frame_ip4(f4, ICMP);
    put16(f4->b + f4->l3 + 6, 0);
    frame_icmp(f4, 3, 3, 0);
    frame_append(f4, inner4.b + 14, inner4.len - 14);
    frame_ip6(f6, ICMP6);
    frame_icmp(f6, 1, 4, 0);
    frame_append(f6, inner6.b + 14, inner6.len - 14);
}

static void
neighbor(struct frame *f4, struct frame *f6)
{
    static const uint8_t arp[8] = { 0, 1, 8, 0, 6, 4, 0, 2 };

    frame_eth(f4, ARP);
    frame_append(f4, arp, sizeof arp);
    frame_append(f4, mac_a, 6);
    frame_append(f4, a4, 4);
    frame_append(f4, mac_b, 6);
    frame_append(f4, b4, 4);

    frame_ip6(f6, ICMP6);
    f6->b[f6->l3 + 7] = 255;
    frame_icmp(f6, 136, 0, 0x60000000);
    frame_append(f6, a6, 16);
    frame_append(f6, "\2\1", 2);
    frame_append(f6, mac_a, 6);
}

static void (*const kinds[])(struct frame *, struct frame *) = {
    datagram, segment, echo, fragment, error, neighbor
};

static void
finish(struct frame *f)
{
    if (get16(f->b + f->l3 - 2) != ARP) {
        frame_finish(f);
    }
}

/* What came in a frame of either kind leaves as Ethernet II. */
static void
every_kind_of_frame(void **state)
{
    static struct frame f[2];
    const struct nat64 *n[2] = { &to6, &to4 };
    size_t i, tags, snap, padding;
    int from;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(kinds); i++) {
        for (tags = 0; tags <= MAX_TAGS; tags++) {
            for (snap = 0; snap < 2; snap++) {
                for (padding = 0; padding < 60; padding += 13) {
                    for (from = 0; from < 2; from++) {
                        kinds[i](&f[0], &f[1]);
                        finish(&f[0]);
                        finish(&f[1]);
                        in = f[from];
                        expected = f[!from];
                        if (snap) {
                            make_8023(&in);
                        }
                        add_tags(&in, tags);
                        add_tags(&expected, tags);
                        frame_append(&in, NULL, padding);
                        assert_becomes(n[from], &in, &expected);
                    }
                }
            }
        }
    }
}

/* The length of the frame is the most that a packet in it has. */
static void
lengths_that_lie(void **state)
{
    size_t tags, len;

    (void) state;
    for (tags = 0; tags <= MAX_TAGS; tags++) {
        datagram(&in, &expected);
        finish(&in);
        finish(&expected);
        make_8023(&in);
        add_tags(&in, tags);
        add_tags(&expected, tags);
        frame_append(&in, NULL, 30);
        for (len = 0; len < 1500; len++) {
            put16(in.b + 12 + 4 * tags, len);
            if (len >= 8 + 1328 && len <= 8 + 1328 + 30) {
                assert_becomes(&to6, &in, &expected);
            } else {
                assert_dropped(&to6, &in, NAT64_TRUNCATED);
            }
        }
    }
}

/* Nothing but SNAP with the type in it has one. */
static void
other_llc(void **state)
{
    size_t i;

    (void) state;
    for (i = 0; i < 6; i++) {
        datagram(&in, &expected);
        finish(&in);
        make_8023(&in);
        in.b[14 + i] ^= 1;
        assert_dropped(&to6, &in, NAT64_WRONG_TYPE);
    }
}

static void
too_many_tags(void **state)
{
    int snap;

    (void) state;
    for (snap = 0; snap < 2; snap++) {
        datagram(&in, &expected);
        finish(&in);
        if (snap) {
            make_8023(&in);
        }
        add_tags(&in, 2);
        add_tags(&in, 1);
        assert_dropped(&to6, &in, NAT64_WRONG_TYPE);
    }
}

/* Fragments, and the answer to what must not be cut. */
static void
too_big(void **state)
{
    static uint8_t a[NAT64_HEAD_MAX], b[NAT64_HEAD_MAX];
    struct nat64 n = to6;
    size_t tags;

    (void) state;
    n.mtu = 1280;
    for (tags = 0; tags <= MAX_TAGS; tags++) {
        size_t ofs = 0, hdr_len, take, answer;
        struct nat64_frame f = { .l3_ofs = 14 + 4 * tags };

        datagram(&in, &expected);
        add_tags(&in, tags);
        finish(&in);
        expected = in;
        f.data = expected.b;
        f.linear = f.len = expected.len;
        answer = nat64_too_big(&f, 1260, a);
        assert_int_not_equal(answer, 0);

        in = expected;
        insert(&in, in.l3 - 2, "\0\0\xaa\xaa\3\0\0\0", SNAP);
        put16(in.b + 12 + 4 * tags, 8 + 1328);
        assert_dropped(&n, &in, NAT64_TOO_BIG);
        f.data = in.b;
        f.linear = f.len = in.len;
        f.l3_ofs = in.l3;
        assert_int_equal(nat64_too_big(&f, 1260, b), answer);
        assert_memory_equal(a, b, answer);
        assert_int_equal(nat64_l3_ofs(&f), 14 + 4 * tags);

        put16(in.b + in.l3 + 6, 0);
        frame_finish_ip(&in);
        assert_int_equal(frame_translate(&n, &in, &out, &head),
                         NAT64_FRAGMENT);
        assert_true(nat64_fragment(&head, 1308, &ofs, a, &hdr_len, &take));
        assert_int_equal(hdr_len, 14 + 4 * tags + 48);
        assert_int_equal(get16(a + 12 + 4 * tags), IP6);
        assert_memory_equal(a, in.b, 12 + 4 * tags);
    }
}

/* A super-packet's length is one of its parts', or nobody's. */
static void
super_packet(void **state)
{
    static const uint16_t lengths[] = { 0, 7, 1000, 1500 };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(lengths); i++) {
        segment(&in, &expected);
        finish(&in);
        finish(&expected);
        make_8023(&in);
        put16(in.b + 12, lengths[i]);
        assert_int_equal(frame_translate_offload(&to6, &in, 536, false, &out,
                                                 &head), NAT64_OK);
        assert_same_frame(&out, &expected);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_frame),
        cmocka_unit_test(lengths_that_lie),
        cmocka_unit_test(other_llc),
        cmocka_unit_test(too_many_tags),
        cmocka_unit_test(too_big),
        cmocka_unit_test(super_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
