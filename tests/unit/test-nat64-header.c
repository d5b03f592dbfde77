/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* IP headers of nat64: RFC 7915 sections 4.1, 5.1 and 5.1.1. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

static struct frame in, out, expected;
static struct nat64_head head;

#define PROTO_ESP 50

/* A datagram that is too long for its IPv4 packet to have DF clear. */
static void
big_udp4(struct frame *f)
{
    frame_ip4(f, UDP);
    frame_udp(f, 1300);
}

static void
big_udp6(struct frame *f)
{
    frame_ip6(f, UDP);
    frame_udp(f, 1300);
}

/* Both directions. */

static void
every_traffic_class(void **state)
{
    unsigned int tos;

    (void) state;
    for (tos = 0; tos < 256; tos++) {
        big_udp4(&in);
        in.b[in.l3 + 1] = tos;
        frame_finish(&in);
        big_udp6(&expected);
        expected.b[expected.l3] |= tos >> 4;
        expected.b[expected.l3 + 1] = tos << 4;
        frame_finish(&expected);
        assert_becomes(&to6, &in, &expected);
        assert_becomes(&to4, &expected, &in);
    }
}

/* A bridge: nobody decrements. */
static void
every_hop_limit(void **state)
{
    unsigned int ttl;

    (void) state;
    for (ttl = 0; ttl < 256; ttl++) {
        big_udp4(&in);
        in.b[in.l3 + 8] = ttl;
        frame_finish(&in);
        big_udp6(&expected);
        expected.b[expected.l3 + 7] = ttl;
        frame_finish(&expected);
        assert_becomes(&to6, &in, &expected);
        assert_becomes(&to4, &expected, &in);
    }
}

static void
flow_label_is_lost(void **state)
{
    (void) state;
    big_udp6(&in);
    in.b[in.l3 + 1] = 0x0f;
    in.b[in.l3 + 2] = in.b[in.l3 + 3] = 0xff;
    frame_finish(&in);
    big_udp4(&expected);
    frame_finish(&expected);
    assert_becomes(&to4, &in, &expected);
}

static void
lengths_of_every_size(void **state)
{
    size_t n;

    (void) state;
    for (n = 1233; n < 1600; n++) {
        frame_ip4(&in, UDP);
        frame_udp(&in, n);
        frame_finish(&in);
        frame_ip6(&expected, UDP);
        frame_udp(&expected, n);
        frame_finish(&expected);
        assert_int_equal(get16(expected.b + 18), 8 + n);
        assert_becomes(&to6, &in, &expected);
        assert_becomes(&to4, &expected, &in);
    }
}

/* Bytes behind the packet, which make a frame long enough for Ethernet. */
static void
padding_is_left_behind(void **state)
{
    (void) state;
    frame_ip4(&in, UDP);
    frame_udp(&in, 1);
    frame_finish(&in);
    frame_append(&in, "padding", 7);
    frame_ip6(&expected, UDP);
    frame_udp(&expected, 1);
    frame_finish(&expected);
    assert_becomes(&to6, &in, &expected);

    big_udp6(&in);
    frame_finish(&in);
    frame_append(&in, "padding", 7);
    big_udp4(&expected);
    frame_finish(&expected);
    assert_becomes(&to4, &in, &expected);
}

/* Puts VLAN tags between the addresses and the type. */
static void
add_tags(struct frame *f, int n)
{
    static const uint8_t tags[] = { 0x88, 0xa8, 0x20, 7, 0x81, 0, 0, 9 };

    memmove(f->b + 12 + 4 * n, f->b + 12, f->len - 12);
    memcpy(f->b + 12, tags + 8 - 4 * n, 4 * n);
    f->len += 4 * n;
    f->l3 += 4 * n;
    f->l4 += 4 * n;
}

static void
vlan_tags_stay(void **state)
{
    int n;

    (void) state;
    for (n = 1; n <= 2; n++) {
        big_udp4(&in);
        frame_finish(&in);
        add_tags(&in, n);
        big_udp6(&expected);
        frame_finish(&expected);
        add_tags(&expected, n);
        assert_becomes(&to6, &in, &expected);
        assert_becomes(&to4, &expected, &in);
    }
}

static void
other_protocols_are_copied(void **state)
{
    unsigned int proto;

    (void) state;
    for (proto = 0; proto < 256; proto++) {
        if (proto == TCP || proto == UDP || proto == ICMP || proto == ICMP6
            || proto == HOPOPTS || proto == ROUTING || proto == FRAGMENT
            || proto == DSTOPTS || proto == 2) {
            continue;
        }
        frame_ip4(&in, proto);
        frame_payload(&in, 1300);
        frame_finish(&in);
        frame_ip6(&expected, proto);
        frame_payload(&expected, 1300);
        frame_finish(&expected);
        assert_becomes(&to6, &in, &expected);
        assert_becomes(&to4, &expected, &in);
    }
}

/* What one family knows as its own must not come out of the other. */
static void
protocols_of_the_other_family(void **state)
{
    static const struct {
        const struct nat64 *n;
        uint8_t proto;
        enum nat64_result reason;
    } cases[] = {
        { &to6, HOPOPTS, NAT64_EXTENSION },
        { &to6, ROUTING, NAT64_EXTENSION },
        { &to6, FRAGMENT, NAT64_EXTENSION },
        { &to6, DSTOPTS, NAT64_EXTENSION },
        { &to6, ICMP6, NAT64_ICMP_TYPE },
        { &to6, 2, NAT64_MULTICAST_CONTROL },
        { &to4, ICMP, NAT64_ICMP_TYPE },
        { &to4, 2, NAT64_MULTICAST_CONTROL },
    };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        if (cases[i].n == &to6) {
            frame_ip4(&in, cases[i].proto);
        } else {
            frame_ip6(&in, cases[i].proto);
        }
        frame_payload(&in, 64);
        frame_finish(&in);
        assert_dropped(cases[i].n, &in, cases[i].reason);
    }
}

static void
empty_payload(void **state)
{
    (void) state;
    frame_ip4(&in, PROTO_ESP);
    put16(in.b + in.l3 + 6, 0);
    frame_finish(&in);
    frame_ip6(&expected, PROTO_ESP);
    frame_finish(&expected);
    assert_becomes(&to6, &in, &expected);
    assert_becomes(&to4, &expected, &in);
}

/* IPv4 to IPv6. */

static void
df_and_identification_alone_are_lost(void **state)
{
    static const uint16_t frags[] = { 0, DF, 0x8000, 0x8000 | DF };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(frags); i++) {
        big_udp4(&in);
        put16(in.b + in.l3 + 4, 0x1234);
        put16(in.b + in.l3 + 6, frags[i]);
        frame_finish(&in);
        big_udp6(&expected);
        frame_finish(&expected);
        assert_becomes(&to6, &in, &expected);
    }
}

/* Fragments of a datagram whose checksum is right for the whole. */
static void
fragment4(struct frame *f, uint16_t id, uint16_t frag, const uint8_t *data,
          size_t n)
{
    frame_ip4(f, UDP);
    put16(f->b + f->l3 + 4, id);
    put16(f->b + f->l3 + 6, frag);
    frame_append(f, data, n);
    frame_finish_ip(f);
}

static void
fragment6(struct frame *f, uint32_t id, uint16_t ofs, bool more,
          const uint8_t *data, size_t n)
{
    frame_ip6(f, FRAGMENT);
    frame_frag(f, UDP, ofs, more, id);
    frame_append(f, data, n);
    frame_finish_ip(f);
}

static void
fragments(void **state)
{
    static struct frame whole4, whole6;
    const uint8_t *data4, *data6;

    (void) state;
    frame_ip4(&whole4, UDP);
    frame_udp(&whole4, 1600);
    frame_finish(&whole4);
    data4 = whole4.b + whole4.l4;
    frame_ip6(&whole6, UDP);
    frame_udp(&whole6, 1600);
    frame_finish(&whole6);
    data6 = whole6.b + whole6.l4;

    fragment4(&in, 0xbeef, MF, data4, 800);
    fragment6(&expected, 0xbeef, 0, true, data6, 800);
    assert_becomes(&to6, &in, &expected);
    assert_becomes(&to4, &expected, &in);

    fragment4(&in, 0xbeef, MF | 100, data4 + 800, 400);
    fragment6(&expected, 0xbeef, 800, true, data6 + 800, 400);
    assert_becomes(&to6, &in, &expected);
    assert_becomes(&to4, &expected, &in);

    fragment4(&in, 0xbeef, 150, data4 + 1200, 408);
    fragment6(&expected, 0xbeef, 1200, false, data6 + 1200, 408);
    assert_becomes(&to6, &in, &expected);
    assert_becomes(&to4, &expected, &in);

    /* The last byte that a packet can have. */
    fragment4(&in, 0xffff, 0x1ffd, data4, 3);
    fragment6(&expected, 0xffff, 0xffe8, false, data4, 3);
    assert_becomes(&to6, &in, &expected);
    assert_becomes(&to4, &expected, &in);
}

static void
fragment_with_df(void **state)
{
    static const uint8_t data[24];

    (void) state;
    fragment4(&in, 7, DF | MF | 3, data, 24);
    fragment6(&expected, 7, 24, true, data, 24);
    assert_becomes(&to6, &in, &expected);
}

/* Sets IPv4 options of 'n' bytes, with a datagram behind them. */
static void
with_options(struct frame *f, const void *options, size_t n)
{
    frame_ip4(f, UDP);
    f->b[f->l3] = 0x40 | (20 + n) / 4;
    frame_append(f, options, n);
    frame_udp(f, 1300);
    frame_finish(f);
}

static void
options_are_skipped(void **state)
{
    /* Security, expired source routes, stream identifier; record route,
     * timestamp; unknown; padding of all kinds. */
    static const struct {
        uint8_t b[40];
        size_t n;
    } options[] = {
        { { 130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 12 },
        { { 131, 7, 8, 1, 2, 3, 4, 137, 7, 8, 5, 6, 7, 8, 1, 1 }, 16 },
        { { 136, 4, 1, 2 }, 4 },
        { { 7, 11, 8, 1, 2, 3, 4, 0, 0, 0, 0, 68, 12, 13, 1, 1, 2, 3, 4, 0, 0,
            0, 1, 0 }, 24 },
        { { 94, 40 }, 40 },
        { { 94, 2, 0, 131 }, 4 },
        { { 1, 1, 94, 2 }, 4 },
        { { 1, 1, 1, 0 }, 4 },
        /* What follows End of Option List is not an option. */
        { { 0, 131, 7, 4, 1, 2, 3, 4 }, 8 },
    };
    size_t i;

    (void) state;
    big_udp6(&expected);
    frame_finish(&expected);
    for (i = 0; i < ARRAY_SIZE(options); i++) {
        with_options(&in, options[i].b, options[i].n);
        assert_becomes(&to6, &in, &expected);
    }
}

static void
unexpired_source_route(void **state)
{
    uint8_t options[12] = { 1, 131, 11, 4 };

    (void) state;
    for (options[3] = 4; options[3] <= 11; options[3]++) {
        options[1] = 131;
        with_options(&in, options, sizeof options);
        assert_dropped(&to6, &in, NAT64_SOURCE_ROUTE);
        options[1] = 137;
        with_options(&in, options, sizeof options);
        assert_dropped(&to6, &in, NAT64_SOURCE_ROUTE);
    }
}

static void
lying_options(void **state)
{
    static const uint8_t options[][4] = {
        { 1, 1, 1, 7 }, { 7, 0, 0, 0 }, { 7, 1, 0, 0 }, { 7, 5, 0, 0 },
        { 131, 2, 0, 0 },
    };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(options); i++) {
        with_options(&in, options[i], 4);
        assert_dropped(&to6, &in, NAT64_BAD_HEADER);
    }
}

static void
lying_ipv4_headers(void **state)
{
    static const struct {
        size_t ofs;
        uint8_t value;
        enum nat64_result reason;
    } cases[] = {
        { 0, 0x55, NAT64_BAD_HEADER },          /* Version. */
        { 0, 0x65, NAT64_BAD_HEADER },
        { 0, 0x44, NAT64_BAD_HEADER },          /* Header length. */
        { 0, 0x40, NAT64_BAD_HEADER },
        { 2, 0x7f, NAT64_TRUNCATED },           /* Total length. */
    };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        big_udp4(&in);
        frame_finish(&in);
        in.b[in.l3 + cases[i].ofs] = cases[i].value;
        assert_dropped(&to6, &in, cases[i].reason);
    }
    for (i = 0; i < 20; i++) {
        frame_ip4(&in, PROTO_ESP);
        frame_payload(&in, 64);
        frame_finish(&in);
        put16(in.b + in.l3 + 2, i);
        put16(in.b + in.l3 + 10, 0);
        put16(in.b + in.l3 + 10, ~model_fold(model_sum(in.b + in.l3, 20, 0)));
        assert_dropped(&to6, &in, NAT64_BAD_HEADER);
    }
}

/* Every bit of the header that is wrong, because no checksum in the new packet
 * would cover it. */
static void
ipv4_header_checksum(void **state)
{
    size_t bit;

    (void) state;
    for (bit = 0; bit < 20 * 8; bit++) {
        big_udp4(&in);
        frame_finish(&in);
        in.b[in.l3 + bit / 8] ^= 1 << bit % 8;
        assert_int_not_equal(frame_translate(&to6, &in, &out, &head),
                             NAT64_OK);
    }
}

static void
truncated_ipv4(void **state)
{
    size_t len;

    (void) state;
    frame_ip4(&in, TCP);
    frame_tcp(&in, 10);
    frame_finish(&in);
    for (len = in.len - 1; ; len--) {
        in.len = len;
        assert_dropped(&to6, &in, NAT64_TRUNCATED);
        if (!len) {
            break;
        }
    }
}

/* IPv6 to IPv4. */

/* Section 5.1, Flags: 1260 bytes are the most without DF. */
static void
df_by_size(void **state)
{
    size_t n;

    (void) state;
    for (n = 1222; n <= 1242; n++) {
        frame_ip6(&in, UDP);
        frame_udp(&in, n - 8);
        frame_finish(&in);
        assert_int_equal(frame_translate(&to4, &in, &out, &head), NAT64_OK);
        assert_int_equal(get16(out.b + 16), 20 + n);
        assert_int_equal(get16(out.b + 20), 20 + n <= 1260 ? 0 : DF);
        if (20 + n > 1260) {
            assert_int_equal(get16(out.b + 18), 0);
        }
    }
}

/* Section 5.1, Identification.  Different packets mostly get different ones:
 * of 1000 out of 65536, some 8 are expected to be of a pair.  With 'partial',
 * the checksum does not tell one from the other. */
static void
assert_identifications_differ(uint8_t proto, bool partial)
{
    static bool seen[65536];
    unsigned int i, repeated = 0;

    memset(seen, 0, sizeof seen);
    for (i = 0; i < 1000; i++) {
        uint16_t id;

        frame_ip6(&in, proto);
        if (proto == TCP) {
            frame_tcp(&in, 100);
            put32(in.b + in.l4 + 4, i * 100);
        } else {
            frame_udp(&in, 100);
            put32(in.b + in.l4 + 8, i);
        }
        if (partial) {
            frame_finish_ip(&in);
        } else {
            frame_finish(&in);
        }
        assert_int_equal(frame_translate_offload(&to4, &in, 0, partial, &out,
                                                 &head), NAT64_OK);
        id = get16(out.b + 18);
        repeated += seen[id];
        seen[id] = true;
    }
    assert_true(repeated < 30);
}

static void
identifications_differ(void **state)
{
    (void) state;
    assert_identifications_differ(TCP, false);
    assert_identifications_differ(TCP, true);
    assert_identifications_differ(UDP, false);
    assert_identifications_differ(UDP, true);
}

/* It does not depend on how much of the packet happens to be readable, which
 * frame_translate() varies. */
static void
identification_of_unknown_protocols(void **state)
{
    size_t n;

    (void) state;
    for (n = 0; n < 30; n++) {
        frame_ip6(&in, 47);
        frame_payload(&in, n);
        frame_finish(&in);
        assert_int_equal(frame_translate(&to4, &in, &out, &head), NAT64_OK);

        /* Nor is anything read before it is there. */
        frame_ip6(&in, DSTOPTS);
        frame_ext(&in, TCP, 64);
        frame_tcp(&in, n);
        frame_finish(&in);
        assert_int_equal(frame_translate(&to4, &in, &out, &head), NAT64_OK);
    }
}

/* A packet with one extension header of 'n' bytes in front of its UDP. */
static void
with_extension(struct frame *f, uint8_t type, size_t n)
{
    frame_ip6(f, type);
    frame_ext(f, UDP, n);
    frame_udp(f, 1300);
    frame_finish(f);
}

static void
extension_headers_are_skipped(void **state)
{
    static const uint8_t types[] = { HOPOPTS, DSTOPTS, ROUTING };
    size_t i, n;

    (void) state;
    big_udp4(&expected);
    frame_finish(&expected);
    for (i = 0; i < ARRAY_SIZE(types); i++) {
        for (n = 8; n <= 2048; n *= 2) {
            with_extension(&in, types[i], n);
            assert_becomes(&to4, &in, &expected);
        }
    }

    frame_ip6(&in, HOPOPTS);
    frame_ext(&in, DSTOPTS, 8);
    frame_ext(&in, ROUTING, 16);
    frame_ext(&in, DSTOPTS, 24);
    frame_ext(&in, UDP, 8);
    frame_udp(&in, 1300);
    frame_finish(&in);
    assert_becomes(&to4, &in, &expected);
}

static void
segments_left(void **state)
{
    (void) state;
    with_extension(&in, ROUTING, 24);
    in.b[in.l3 + 40 + 3] = 1;
    assert_dropped(&to4, &in, NAT64_SOURCE_ROUTE);
}

/* RFC 7915 names neither: they are what the packet carries. */
static void
authentication_and_encryption_pass(void **state)
{
    static const uint8_t protos[] = { AH, PROTO_ESP };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(protos); i++) {
        frame_ip6(&in, DSTOPTS);
        frame_ext(&in, protos[i], 8);
        frame_payload(&in, 1300);
        frame_finish(&in);
        frame_ip4(&expected, protos[i]);
        frame_payload(&expected, 1300);
        frame_finish(&expected);
        assert_becomes(&to4, &in, &expected);
    }
}

static void
extension_headers_before_a_fragment_header(void **state)
{
    static const uint8_t data[40] = { 1, 2, 3 };

    (void) state;
    frame_ip6(&in, HOPOPTS);
    frame_ext(&in, DSTOPTS, 8);
    frame_ext(&in, FRAGMENT, 16);
    frame_frag(&in, UDP, 80, true, 0x12345678);
    frame_append(&in, data, sizeof data);
    frame_finish_ip(&in);
    fragment4(&expected, 0x5678, MF | 10, data, sizeof data);
    assert_becomes(&to4, &in, &expected);
}

static void
extension_headers_after_a_fragment_header(void **state)
{
    static const uint8_t types[] = { HOPOPTS, DSTOPTS, ROUTING, FRAGMENT, AH };
    static const uint16_t frags[] = { 0, 1, 8, 9 };
    size_t i, j;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(types); i++) {
        for (j = 0; j < ARRAY_SIZE(frags); j++) {
            frame_ip6(&in, FRAGMENT);
            frame_frag(&in, types[i], frags[j] & ~7, frags[j] & 1, 1);
            frame_ext(&in, UDP, 8);
            frame_udp(&in, 16);
            frame_finish(&in);
            assert_dropped(&to4, &in, NAT64_EXTENSION);
        }
    }

    /* All but Encapsulating Security Payload. */
    frame_ip6(&in, FRAGMENT);
    frame_frag(&in, PROTO_ESP, 0, true, 1);
    frame_payload(&in, 16);
    frame_finish(&in);
    frame_ip4(&expected, PROTO_ESP);
    put16(expected.b + 18, 1);
    put16(expected.b + 20, MF);
    frame_payload(&expected, 16);
    frame_finish(&expected);
    assert_becomes(&to4, &in, &expected);
}

/* A fragment header on what is not fragmented (RFC 6946). */
static void
atomic_fragment(void **state)
{
    (void) state;
    frame_ip6(&in, FRAGMENT);
    frame_frag(&in, UDP, 0, false, 0xabcd4321);
    frame_udp(&in, 1300);
    frame_finish(&in);
    big_udp4(&expected);
    put16(expected.b + 18, 0x4321);
    put16(expected.b + 20, 0);
    frame_finish(&expected);
    assert_becomes(&to4, &in, &expected);
}

static void
too_many_extension_headers(void **state)
{
    int i, n;

    (void) state;
    for (n = 8; n <= 9; n++) {
        frame_ip6(&in, DSTOPTS);
        for (i = 0; i < n; i++) {
            frame_ext(&in, i < n - 1 ? DSTOPTS : UDP, 8);
        }
        frame_udp(&in, 1300);
        frame_finish(&in);
        assert_int_equal(frame_translate(&to4, &in, &out, &head),
                         n == 8 ? NAT64_OK : NAT64_EXTENSION);
    }
}

static void
truncated_ipv6(void **state)
{
    size_t len;

    (void) state;
    frame_ip6(&in, HOPOPTS);
    frame_ext(&in, UDP, 24);
    frame_udp(&in, 10);
    frame_finish(&in);
    for (len = in.len - 1; ; len--) {
        in.len = len;
        assert_dropped(&to4, &in, NAT64_TRUNCATED);
        if (!len) {
            break;
        }
    }
}

static void
lying_ipv6_headers(void **state)
{
    size_t plen;

    (void) state;
    big_udp6(&in);
    frame_finish(&in);
    in.b[in.l3] = 0x50;
    assert_dropped(&to4, &in, NAT64_BAD_HEADER);
    in.b[in.l3] = 0x40;
    assert_dropped(&to4, &in, NAT64_BAD_HEADER);

    /* An extension header that runs past the packet, not past the frame. */
    for (plen = 1; plen < 16; plen++) {
        with_extension(&in, DSTOPTS, 16);
        put16(in.b + in.l3 + 4, plen);
        assert_dropped(&to4, &in, NAT64_TRUNCATED);
    }
}

static void
wrong_types(void **state)
{
    struct nat64_frame f = { .data = in.b, .l3_ofs = 26 };

    (void) state;
    big_udp4(&in);
    frame_finish(&in);
    assert_dropped(&to4, &in, NAT64_WRONG_TYPE);
    big_udp6(&in);
    frame_finish(&in);
    assert_dropped(&to6, &in, NAT64_WRONG_TYPE);
    put16(in.b + 12, 0x8847);
    assert_dropped(&to6, &in, NAT64_WRONG_TYPE);
    assert_dropped(&to4, &in, NAT64_WRONG_TYPE);
    put16(in.b + 12, ARP);
    assert_dropped(&to4, &in, NAT64_WRONG_TYPE);

    f.linear = f.len = in.len;
    assert_int_equal(nat64_translate(&to4, &f, &head), NAT64_WRONG_TYPE);
    f.l3_ofs = 12;
    assert_int_equal(nat64_translate(&to4, &f, &head), NAT64_WRONG_TYPE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_traffic_class),
        cmocka_unit_test(every_hop_limit),
        cmocka_unit_test(flow_label_is_lost),
        cmocka_unit_test(lengths_of_every_size),
        cmocka_unit_test(padding_is_left_behind),
        cmocka_unit_test(vlan_tags_stay),
        cmocka_unit_test(other_protocols_are_copied),
        cmocka_unit_test(protocols_of_the_other_family),
        cmocka_unit_test(empty_payload),
        cmocka_unit_test(df_and_identification_alone_are_lost),
        cmocka_unit_test(fragments),
        cmocka_unit_test(fragment_with_df),
        cmocka_unit_test(options_are_skipped),
        cmocka_unit_test(unexpired_source_route),
        cmocka_unit_test(lying_options),
        cmocka_unit_test(lying_ipv4_headers),
        cmocka_unit_test(ipv4_header_checksum),
        cmocka_unit_test(truncated_ipv4),
        cmocka_unit_test(df_by_size),
        cmocka_unit_test(identifications_differ),
        cmocka_unit_test(identification_of_unknown_protocols),
        cmocka_unit_test(extension_headers_are_skipped),
        cmocka_unit_test(segments_left),
        cmocka_unit_test(authentication_and_encryption_pass),
        cmocka_unit_test(extension_headers_before_a_fragment_header),
        cmocka_unit_test(extension_headers_after_a_fragment_header),
        cmocka_unit_test(atomic_fragment),
        cmocka_unit_test(too_many_extension_headers),
        cmocka_unit_test(truncated_ipv6),
        cmocka_unit_test(lying_ipv6_headers),
        cmocka_unit_test(wrong_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
