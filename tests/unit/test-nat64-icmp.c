/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* ICMP types and codes of nat64: RFC 7915 sections 4.2 and 5.2. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

static struct frame in, out, expected;
static struct nat64_head head;

/* Appends to the error 'f', whose receiver is B, the datagram of B that it is
 * about, or its start: an IP header for 'len' bytes of UDP, and the UDP
 * header. */
static void
quote(struct frame *f, size_t len)
{
    bool is6 = f->b[f->l3] >> 4 == 6;
    static const uint8_t udp[8] = { 0, 7, 0, 9, 0, 8 };
    uint8_t *ip = frame_append(f, NULL, is6 ? 40 : 20);

    if (is6) {
        ip[0] = 0x60;
        put16(ip + 4, len);
        ip[6] = UDP;
        ip[7] = 1;
        memcpy(ip + 8, b6, 16);
        memcpy(ip + 24, a6, 16);
    } else {
        ip[0] = 0x45;
        put16(ip + 2, 20 + len);
        put16(ip + 6, 20 + len > 1260 ? DF : 0);
        ip[8] = 1;
        ip[9] = UDP;
        memcpy(ip + 12, b4, 4);
        memcpy(ip + 16, a4, 4);
        put16(ip + 10, ~model_fold(model_sum(ip, 20, 0)));
    }
    frame_append(f, udp, sizeof udp);
}

static void
error4(struct frame *f, uint8_t type, uint8_t code, uint32_t rest, size_t len)
{
    frame_ip4(f, ICMP);
    /* Written by 6to4 too, where an error is never long enough for DF. */
    put16(f->b + f->l3 + 6, 0);
    frame_icmp(f, type, code, rest);
    quote(f, len);
    frame_finish(f);
}

static void
error6(struct frame *f, uint8_t type, uint8_t code, uint32_t rest, size_t len)
{
    frame_ip6(f, ICMP6);
    frame_icmp(f, type, code, rest);
    quote(f, len);
    frame_finish(f);
}

/* Informational messages. */

static void
echo(void **state)
{
    static const struct {
        uint8_t type4, type6;
    } types[] = { { 8, 128 }, { 0, 129 } };
    size_t i, n;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(types); i++) {
        for (n = 1240; n < 1300; n++) {
            frame_ip4(&in, ICMP);
            frame_icmp(&in, types[i].type4, 0, 0x12345678);
            frame_payload(&in, n);
            frame_finish(&in);
            frame_ip6(&expected, ICMP6);
            frame_icmp(&expected, types[i].type6, 0, 0x12345678);
            frame_payload(&expected, n);
            frame_finish(&expected);
            assert_becomes(&to6, &in, &expected);
            assert_becomes(&to4, &expected, &in);
        }
    }
}

static void
wrong_echo_stays_wrong(void **state)
{
    unsigned int csum;

    (void) state;
    for (csum = 0; csum < 0x10000; csum += 11) {
        uint16_t before;

        frame_ip4(&in, ICMP);
        frame_icmp(&in, 8, 0, csum * 7);
        frame_payload(&in, csum % 9);
        frame_finish(&in);
        put16(in.b + in.l4 + 2, csum);
        before = frame_sum(&in, in.l3, in.l4, ICMP);
        assert_int_equal(frame_translate(&to6, &in, &out, &head), NAT64_OK);
        assert_int_equal(frame_sum(&out, out.l3, out.l4, ICMP6) % 0xffff,
                         before % 0xffff);
        in = out;
        assert_int_equal(frame_translate(&to4, &in, &out, &head), NAT64_OK);
        assert_int_equal(frame_sum(&out, out.l3, out.l4, ICMP) % 0xffff,
                         before % 0xffff);
    }
}

/* What is dropped, and what is not, of all types there are. */
static void
all_icmpv4_types(void **state)
{
    int type;

    (void) state;
    for (type = 0; type < 256; type++) {
        enum nat64_result result = NAT64_ICMP_TYPE;

        if (type == 0 || type == 8 || type == 3 || type == 11 || type == 12) {
            result = NAT64_OK;
        } else if (type == 5 || type == 9 || type == 10) {
            result = NAT64_ROUTER_DISCOVERY;
        }
        error4(&in, type, 0, 0, 8);
        assert_int_equal(frame_translate(&to6, &in, &out, &head), result);
    }
}

static void
all_icmpv6_types(void **state)
{
    int type;

    (void) state;
    for (type = 0; type < 256; type++) {
        enum nat64_result result = NAT64_ICMP_TYPE;

        if ((type >= 1 && type <= 4) || type == 128 || type == 129) {
            result = NAT64_OK;
        } else if (type == 135 || type == 136) {
            result = NAT64_ND;
        } else if ((type >= 130 && type <= 132) || type == 143) {
            result = NAT64_MULTICAST_CONTROL;
        } else if (type == 133 || type == 134 || type == 137) {
            result = NAT64_ROUTER_DISCOVERY;
        }
        error6(&in, type, 0, 0, 8);
        assert_int_equal(frame_translate(&to4, &in, &out, &head), result);
    }
}

/* Multicast Listener Discovery goes to groups and from addresses that do not
 * translate, behind a router alert: the reason is what it is nevertheless. */
static void
listener_report_on_its_own_terms(void **state)
{
    (void) state;
    frame_ip6(&in, HOPOPTS);
    memset(in.b + in.l3 + 8, 0, 16);
    memcpy(in.b + in.l3 + 24, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\x16", 16);
    frame_ext(&in, ICMP6, 8);
    frame_icmp(&in, 143, 0, 0);
    frame_finish(&in);
    assert_dropped(&to4, &in, NAT64_MULTICAST_CONTROL);
    frame_ip6(&in, ICMP6);
    memset(in.b + in.l3 + 8, 0, 16);
    memcpy(in.b + in.l3 + 24, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
    frame_icmp(&in, 133, 0, 0);
    frame_finish(&in);
    assert_dropped(&to4, &in, NAT64_ROUTER_DISCOVERY);
}

/* RFC 7915 section 1.2. */
static void
fragmented_icmp(void **state)
{
    static const uint16_t frags[] = { MF, MF | 1, 1, 0x1ffc };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(frags); i++) {
        frame_ip4(&in, ICMP);
        put16(in.b + in.l3 + 6, frags[i]);
        frame_icmp(&in, 8, 0, 0);
        frame_finish(&in);
        assert_dropped(&to6, &in, NAT64_FRAGMENT_DROP);

        frame_ip6(&in, FRAGMENT);
        frame_frag(&in, ICMP6, (frags[i] & 0x1fff) << 3, frags[i] & MF, 1);
        frame_icmp(&in, 128, 0, 0);
        frame_finish(&in);
        assert_dropped(&to4, &in, NAT64_FRAGMENT_DROP);
    }
}

static void
truncated_icmp(void **state)
{
    size_t n;

    (void) state;
    for (n = 0; n < 8; n++) {
        frame_ip4(&in, ICMP);
        frame_append(&in, "\x08\0\0\0\0\0\0\0", n);
        frame_finish_ip(&in);
        assert_dropped(&to6, &in, NAT64_TRUNCATED);
        frame_ip6(&in, ICMP6);
        frame_append(&in, "\x80\0\0\0\0\0\0\0", n);
        frame_finish_ip(&in);
        assert_dropped(&to4, &in, NAT64_TRUNCATED);
    }
}

/* Errors: code by code, as in the text. */

enum { DROP = 255 };

static void
unreachable_4to6(void **state)
{
    static const struct {
        uint8_t type, code;
        uint32_t rest;
    } becomes[] = {
        [0] = { 1, 0, 0 }, [1] = { 1, 0, 0 },
        [2] = { 4, 1, 6 }, [3] = { 1, 4, 0 },
        [5] = { 1, 0, 0 }, [6] = { 1, 0, 0 }, [7] = { 1, 0, 0 },
        [8] = { 1, 0, 0 }, [9] = { 1, 1, 0 }, [10] = { 1, 1, 0 },
        [11] = { 1, 0, 0 }, [12] = { 1, 0, 0 }, [13] = { 1, 1, 0 },
        [14] = { DROP, 0, 0 }, [15] = { 1, 1, 0 },
    };
    int code;

    (void) state;
    for (code = 0; code < 256; code++) {
        if (code == 4) {
            continue;           /* Has an MTU: see below. */
        }
        error4(&in, 3, code, 0, 8);
        if (code > 15 || becomes[code].type == DROP) {
            assert_dropped(&to6, &in, NAT64_ICMP_TYPE);
        } else {
            error6(&expected, becomes[code].type, becomes[code].code,
                   becomes[code].rest, 8);
            assert_becomes(&to6, &in, &expected);
        }
    }
}

static void
unreachable_6to4(void **state)
{
    static const uint8_t becomes[] = { 1, 10, 1, 1, 3 };
    int code;

    (void) state;
    for (code = 0; code < 256; code++) {
        error6(&in, 1, code, 0, 8);
        if (code >= (int) ARRAY_SIZE(becomes)) {
            assert_dropped(&to4, &in, NAT64_ICMP_TYPE);
        } else {
            error4(&expected, 3, becomes[code], 0, 8);
            assert_becomes(&to4, &in, &expected);
        }
    }
}

static void
time_exceeded(void **state)
{
    int code;

    (void) state;
    for (code = 0; code < 2; code++) {
        error4(&in, 11, code, 0, 8);
        error6(&expected, 3, code, 0, 8);
        assert_becomes(&to6, &in, &expected);
        assert_becomes(&to4, &expected, &in);
    }
}

/* Figure 3. */
static void
parameter_problem_4to6(void **state)
{
    static const uint8_t pointers[] = {
        0, 1, 4, 4, DROP, DROP, DROP, DROP, 7, 6, DROP, DROP,
        8, 8, 8, 8, 24, 24, 24, 24
    };
    int code, pointer;

    (void) state;
    for (code = 0; code < 4; code++) {
        for (pointer = 0; pointer < 256; pointer++) {
            error4(&in, 12, code, (uint32_t) pointer << 24, 8);
            if ((code == 0 || code == 2)
                && pointer < (int) ARRAY_SIZE(pointers)
                && pointers[pointer] != DROP) {
                error6(&expected, 4, 0, pointers[pointer], 8);
                assert_becomes(&to6, &in, &expected);
            } else {
                assert_dropped(&to6, &in, NAT64_ICMP_TYPE);
            }
        }
    }
}

/* Figure 6. */
static void
parameter_problem_6to4(void **state)
{
    static const uint8_t pointers[8] = { 0, 1, DROP, DROP, 2, 2, 9, 8 };
    uint32_t pointer;

    (void) state;
    for (pointer = 0; pointer < 300; pointer++) {
        uint8_t becomes = (pointer < 8 ? pointers[pointer]
                           : pointer < 24 ? 12 : pointer < 40 ? 16 : DROP);

        error6(&in, 4, 0, pointer, 8);
        if (becomes == DROP) {
            assert_dropped(&to4, &in, NAT64_ICMP_TYPE);
        } else {
            error4(&expected, 12, 0, (uint32_t) becomes << 24, 8);
            assert_becomes(&to4, &in, &expected);
        }
    }
    error6(&in, 4, 0, 0x10000000, 8);
    assert_dropped(&to4, &in, NAT64_ICMP_TYPE);

    error6(&in, 4, 1, 6, 8);
    error4(&expected, 3, 2, 0, 8);
    assert_becomes(&to4, &in, &expected);
    error6(&in, 4, 2, 0, 8);
    assert_dropped(&to4, &in, NAT64_ICMP_TYPE);
    error6(&in, 4, 3, 0, 8);
    assert_dropped(&to4, &in, NAT64_ICMP_TYPE);
}

/* MTUs. */

static void
assert_mtu_4to6(uint16_t link, uint32_t rest, size_t quoted, uint32_t mtu)
{
    struct nat64 n = to6;

    n.mtu = link;
    error4(&in, 3, 4, rest, quoted);
    error6(&expected, 2, 0, mtu, quoted);
    assert_becomes(&n, &in, &expected);
}

static void
fragmentation_needed(void **state)
{
    (void) state;
    assert_mtu_4to6(0, 1480, 1480, 1500);
    assert_mtu_4to6(0, 1261, 1480, 1281);
    assert_mtu_4to6(0, 1260, 1480, 1280);
    /* Never less than 1280. */
    assert_mtu_4to6(0, 1259, 1480, 1280);
    assert_mtu_4to6(0, 68, 1480, 1280);
    assert_mtu_4to6(0, 1, 1480, 1280);
    /* Nor more than the link to which it goes takes. */
    assert_mtu_4to6(1500, 9000, 9000, 1500);
    assert_mtu_4to6(1500, 1480, 9000, 1500);
    assert_mtu_4to6(1500, 1479, 9000, 1499);
    assert_mtu_4to6(0, 65535, 9000, 65555);
    /* The other half of the word is not the MTU. */
    assert_mtu_4to6(0, 0x00001480, 9000, 0x1480 + 20);
}

/* RFC 1191 section 7.1, table 7-1: the greatest plateau less than the total
 * length of the packet that was too big. */
static void
fragmentation_needed_without_mtu(void **state)
{
    static const struct {
        size_t tot_len;
        uint32_t plateau;
    } cases[] = {
        { 65535, 32000 }, { 32000, 17914 }, { 17914, 8166 }, { 8167, 8166 },
        { 8166, 4352 }, { 4352, 2002 }, { 2002, 1492 }, { 1500, 1492 },
    };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_mtu_4to6(0, 0, cases[i].tot_len - 20, cases[i].plateau + 20);
    }
    /* As quoted by who quotes just the header. */
    error4(&in, 3, 4, 0, 1980);
    in.len -= 8;
    frame_finish(&in);
    error6(&expected, 2, 0, 1512, 1980);
    expected.len -= 8;
    frame_finish(&expected);
    assert_becomes(&to6, &in, &expected);
    assert_mtu_4to6(0, 0, 1492 - 20, 1280);
    assert_mtu_4to6(0, 0, 100, 1280);
}

static void
assert_mtu_6to4(uint16_t link, uint32_t rest, uint32_t mtu)
{
    struct nat64 n = to4;

    n.mtu = link;
    error6(&in, 2, 0, rest, 1460);
    error4(&expected, 3, 4, mtu, 1460);
    assert_becomes(&n, &in, &expected);
}

static void
packet_too_big(void **state)
{
    (void) state;
    assert_mtu_6to4(0, 1500, 1480);
    assert_mtu_6to4(0, 1280, 1260);
    assert_mtu_6to4(1400, 1500, 1400);
    assert_mtu_6to4(1500, 1500, 1480);
    /* IPv4 cannot say more, and does not allow less. */
    assert_mtu_6to4(0, 65555, 65535);
    assert_mtu_6to4(0, 65554, 65534);
    assert_mtu_6to4(0, 0xffffffff, 65535);
    assert_mtu_6to4(0, 88, 68);
    assert_mtu_6to4(0, 87, 68);
    assert_mtu_6to4(0, 0, 68);
}

/* The packet in error had a fragment header, which the IPv4 packet did not
 * have. */
static void
packet_too_big_for_a_fragment(void **state)
{
    (void) state;
    frame_ip6(&in, ICMP6);
    frame_icmp(&in, 2, 0, 1400);
    quote(&in, 1460);
    in.b[in.l4 + 8 + 6] = FRAGMENT;
    put32(in.b + in.l4 + 48, (uint32_t) UDP << 24 | 1);
    put32(in.b + in.l4 + 52, 77);
    frame_finish(&in);
    assert_int_equal(frame_translate(&to4, &in, &out, &head), NAT64_OK);
    assert_int_equal(get32(out.b + out.l4 + 4), 1400 - 28);
    assert_int_equal(get16(out.b + out.l4 + 8 + 4), 77);
    assert_int_equal(get16(out.b + out.l4 + 8 + 6), MF);
    assert_int_equal(frame_sum(&out, out.l3, out.l4, ICMP), 0xffff);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(echo),
        cmocka_unit_test(wrong_echo_stays_wrong),
        cmocka_unit_test(all_icmpv4_types),
        cmocka_unit_test(all_icmpv6_types),
        cmocka_unit_test(listener_report_on_its_own_terms),
        cmocka_unit_test(fragmented_icmp),
        cmocka_unit_test(truncated_icmp),
        cmocka_unit_test(unreachable_4to6),
        cmocka_unit_test(unreachable_6to4),
        cmocka_unit_test(time_exceeded),
        cmocka_unit_test(parameter_problem_4to6),
        cmocka_unit_test(parameter_problem_6to4),
        cmocka_unit_test(fragmentation_needed),
        cmocka_unit_test(fragmentation_needed_without_mtu),
        cmocka_unit_test(packet_too_big),
        cmocka_unit_test(packet_too_big_for_a_fragment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
