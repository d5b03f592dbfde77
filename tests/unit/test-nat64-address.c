/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Addresses of nat64: RFC 6052, groups, and what does not translate. */

#include <config.h>
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

static struct frame in, expected;

static struct nat64
action(uint8_t direction, const char *prefix, uint8_t len)
{
    struct nat64 n = { .direction = direction, .prefix_len = len };

    assert_int_equal(inet_pton(AF_INET6, prefix, n.prefix), 1);
    assert_null(nat64_check(&n));
    return n;
}

/* An UDP datagram from 'src' to 'dst' in the language of 'family'. */
static void
datagram(struct frame *f, int family, const char *src, const char *dst)
{
    if (family == AF_INET) {
        frame_ip4(f, UDP);
        assert_int_equal(inet_pton(family, src, f->b + f->l3 + 12), 1);
        assert_int_equal(inet_pton(family, dst, f->b + f->l3 + 16), 1);
    } else {
        frame_ip6(f, UDP);
        assert_int_equal(inet_pton(family, src, f->b + f->l3 + 8), 1);
        assert_int_equal(inet_pton(family, dst, f->b + f->l3 + 24), 1);
    }
    frame_udp(f, 1300);
    frame_finish(f);
}

/* Asserts that datagrams from one address to another translate both ways. */
static void
assert_both_ways(const char *prefix, uint8_t len, const char *src4,
                 const char *dst4, const char *src6, const char *dst6)
{
    struct nat64 n4 = action(NAT64_4TO6, prefix, len);
    struct nat64 n6 = action(NAT64_6TO4, prefix, len);

    datagram(&in, AF_INET, src4, dst4);
    datagram(&expected, AF_INET6, src6, dst6);
    assert_becomes(&n4, &in, &expected);
    assert_becomes(&n6, &expected, &in);
}

static void
drops(uint8_t direction, const char *prefix, uint8_t len, const char *src,
      const char *dst)
{
    struct nat64 n = action(direction, prefix, len);

    datagram(&in, direction == NAT64_4TO6 ? AF_INET : AF_INET6, src, dst);
    assert_dropped(&n, &in, NAT64_ADDRESS);
}

/* RFC 6052 section 2.4, its figures 2 and 3. */
static void
rfc6052_examples(void **state)
{
    static const struct {
        const char *prefix;
        uint8_t len;
        const char *address;
    } examples[] = {
        { "2001:db8::", 32, "2001:db8:c000:221::" },
        { "2001:db8:100::", 40, "2001:db8:1c0:2:21::" },
        { "2001:db8:122::", 48, "2001:db8:122:c000:2:2100::" },
        { "2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::" },
        { "2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::" },
        { "2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33" },
    };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(examples); i++) {
        assert_both_ways(examples[i].prefix, examples[i].len,
                         "192.0.2.33", "192.0.2.33",
                         examples[i].address, examples[i].address);
    }
}

/* RFC 6052 section 2.2: bits 64 to 71 are zero; the suffix is not looked
 * at. */
static void
u_octet_and_suffix(void **state)
{
    struct nat64 n6 = action(NAT64_6TO4, "2001:db8:122::", 48);

    (void) state;
    drops(NAT64_6TO4, "2001:db8:122::", 48, "2001:db8:122:c000:102:2100::",
          "2001:db8:122:c000:2:2100::");
    datagram(&in, AF_INET6, "2001:db8:122:c000:2:2100:0:7",
             "2001:db8:122:c000:2:2200::");
    datagram(&expected, AF_INET, "192.0.2.33", "192.0.2.34");
    assert_becomes(&n6, &in, &expected);
}

/* RFC 6052 section 3.1. */
static void
well_known_prefix_is_for_global_addresses(void **state)
{
    static const char *const not_global[] = {
        "10.0.0.1", "100.64.0.1", "169.254.0.1", "172.16.0.1", "172.31.0.1",
        "192.0.0.1", "192.0.2.1", "192.168.0.1", "198.18.0.1", "198.19.0.1",
        "198.51.100.1", "203.0.113.1"
    };
    char ip6[64];
    size_t i;

    (void) state;
    assert_both_ways("64:ff9b::", 96, "8.8.8.8", "172.32.0.1",
                     "64:ff9b::8.8.8.8", "64:ff9b::172.32.0.1");
    for (i = 0; i < ARRAY_SIZE(not_global); i++) {
        snprintf(ip6, sizeof ip6, "64:ff9b::%s", not_global[i]);
        drops(NAT64_4TO6, "64:ff9b::", 96, "8.8.8.8", not_global[i]);
        drops(NAT64_4TO6, "64:ff9b::", 96, not_global[i], "8.8.8.8");
        drops(NAT64_6TO4, "64:ff9b::", 96, "64:ff9b::8.8.8.8", ip6);
        drops(NAT64_6TO4, "64:ff9b::", 96, ip6, "64:ff9b::8.8.8.8");
    }
}

/* The tenant paper: private addresses in link-local ones. */
static void
link_local_prefix_takes_private_addresses(void **state)
{
    (void) state;
    assert_both_ways("fe80::", 96, "10.0.0.1", "192.168.255.254",
                     "fe80::10.0.0.1", "fe80::192.168.255.254");
    assert_both_ways("fe80::", 96, "169.254.1.2", "8.8.8.8",
                     "fe80::169.254.1.2", "fe80::8.8.8.8");
    assert_both_ways("fe80::", 96, "1.0.0.0", "223.255.255.255",
                     "fe80::1.0.0.0", "fe80::223.255.255.255");
    assert_both_ways("fe80::", 96, "126.255.255.255", "128.0.0.0",
                     "fe80::126.255.255.255", "fe80::128.0.0.0");
}

static void
addresses_outside_the_prefix(void **state)
{
    (void) state;
    drops(NAT64_6TO4, "fe80::", 96, "fe80::aff:fe00:a", "fe80::10.0.0.2");
    drops(NAT64_6TO4, "fe80::", 96, "fe80::10.0.0.1", "fe80::1:a00:2");
    drops(NAT64_6TO4, "fe80::", 96, "fe80::10.0.0.1", "2001:db8::1");
    drops(NAT64_6TO4, "fe80::", 96, "fe80::10.0.0.1", "fe80:1::10.0.0.2");
    drops(NAT64_6TO4, "fe80::", 96, "::", "fe80::10.0.0.2");
    drops(NAT64_6TO4, "fe80::", 96, "::1", "fe80::10.0.0.2");
    drops(NAT64_6TO4, "2001:db8::", 32, "2001:db9:c000:221::",
          "2001:db8:c000:221::");
}

/* RFC 7915 section 4.1, illegal source address, and RFC 6890. */
static void
addresses_of_no_host(void **state)
{
    static const char *const none[] = {
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "240.0.0.1",
        "255.255.255.254"
    };
    char ip6[64];
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(none); i++) {
        snprintf(ip6, sizeof ip6, "fe80::%s", none[i]);
        drops(NAT64_4TO6, "fe80::", 96, none[i], "10.0.0.2");
        drops(NAT64_4TO6, "fe80::", 96, "10.0.0.1", none[i]);
        drops(NAT64_6TO4, "fe80::", 96, ip6, "fe80::10.0.0.2");
        drops(NAT64_6TO4, "fe80::", 96, "fe80::10.0.0.1", ip6);
    }
    drops(NAT64_4TO6, "fe80::", 96, "224.0.0.251", "10.0.0.2");
    drops(NAT64_4TO6, "fe80::", 96, "255.255.255.255", "10.0.0.2");
    drops(NAT64_6TO4, "fe80::", 96, "ff02::fb", "fe80::10.0.0.2");
    drops(NAT64_6TO4, "fe80::", 96, "fe80::224.0.0.251", "fe80::10.0.0.2");
    drops(NAT64_6TO4, "fe80::", 96, "fe80::10.0.0.2", "fe80::224.0.0.251");
}

/* RFC 7915 section 4.1, at the end of Source Address. */
static void
errors_from_illegal_sources_translate(void **state)
{
    (void) state;
    frame_ip4(&in, ICMP);
    inet_pton(AF_INET, "127.0.0.1", in.b + in.l3 + 12);
    frame_icmp(&in, 3, 1, 0);
    frame_append(&in, "\x45\0\0\x1c\0\0\0\0\x40\x11\0\0"
                      "\x0a\0\0\2\x0a\0\0\1\0\1\0\2\0\x08\0\0", 28);
    frame_finish(&in);
    frame_ip6(&expected, ICMP6);
    inet_pton(AF_INET6, "fe80::127.0.0.1", expected.b + expected.l3 + 8);
    frame_icmp(&expected, 1, 0, 0);
    frame_append(&expected, "\x60\0\0\0\0\x08\x11\x40", 8);
    frame_append(&expected, b6, 16);
    frame_append(&expected, a6, 16);
    frame_append(&expected, "\0\1\0\2\0\x08\0\0", 8);
    frame_finish(&expected);
    assert_becomes(&to6, &in, &expected);
}

/* Groups. */

static void
set_macs(struct frame *f, const uint8_t dst[6])
{
    memcpy(f->b, dst, 6);
}

/* A datagram to a group goes to the other one, and back if 'back'. */
static void
assert_group(const char *group4, const uint8_t eth4[6], const char *group6,
             const uint8_t eth6[6], bool back)
{
    datagram(&in, AF_INET, "10.0.0.1", group4);
    set_macs(&in, eth4);
    datagram(&expected, AF_INET6, "fe80::10.0.0.1", group6);
    set_macs(&expected, eth6);
    assert_becomes(&to6, &in, &expected);
    if (back) {
        assert_becomes(&to4, &expected, &in);
    }
}

#define MAC(...) ((const uint8_t[6]) { __VA_ARGS__ })
static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes6[6] = { 0x33, 0x33, 0, 0, 0, 1 };

static void
known_groups(void **state)
{
    (void) state;
    assert_group("224.0.0.251", MAC(1, 0, 0x5e, 0, 0, 251),
                 "ff02::fb", MAC(0x33, 0x33, 0, 0, 0, 0xfb), true);
    assert_group("239.255.255.250", MAC(1, 0, 0x5e, 0x7f, 0xff, 0xfa),
                 "ff02::c", MAC(0x33, 0x33, 0, 0, 0, 0xc), true);
    assert_group("224.0.0.252", MAC(1, 0, 0x5e, 0, 0, 252),
                 "ff02::1:3", MAC(0x33, 0x33, 0, 1, 0, 3), true);
    assert_group("224.0.0.1", MAC(1, 0, 0x5e, 0, 0, 1),
                 "ff02::1", all_nodes6, true);
}

static void
other_groups(void **state)
{
    (void) state;
    assert_group("224.0.0.5", MAC(1, 0, 0x5e, 0, 0, 5),
                 "ff02::224.0.0.5", MAC(0x33, 0x33, 224, 0, 0, 5), true);
    assert_group("239.129.2.3", MAC(1, 0, 0x5e, 1, 2, 3),
                 "ff02::239.129.2.3", MAC(0x33, 0x33, 239, 129, 2, 3), true);
    assert_group("232.255.255.255", MAC(1, 0, 0x5e, 0x7f, 0xff, 0xff),
                 "ff02::232.255.255.255", MAC(0x33, 0x33, 232, 255, 255, 255),
                 true);
}

static void
broadcasts(void **state)
{
    (void) state;
    assert_group("255.255.255.255", broadcast, "ff02::1", all_nodes6, false);
    /* To a network, which only the frame tells. */
    assert_group("10.0.0.255", broadcast, "ff02::1", all_nodes6, false);
    assert_group("224.0.0.251", broadcast, "ff02::fb",
                 MAC(0x33, 0x33, 0, 0, 0, 0xfb), false);
    /* Nobody's address is not made right by a broadcast. */
    datagram(&in, AF_INET, "10.0.0.1", "127.0.0.1");
    set_macs(&in, broadcast);
    assert_dropped(&to6, &in, NAT64_ADDRESS);
}

/* RFC 6085. */
static void
group_at_one_station(void **state)
{
    (void) state;
    assert_group("224.0.0.251", mac_b, "ff02::fb", mac_b, true);
}

static void
groups_without_counterpart(void **state)
{
    static const char *const groups[] = {
        "ff02::2", "ff02::16", "ff02::1:2", "ff02::1:ff00:1", "ff05::c",
        "ff01::1", "ff02:1::1", "ff02::223.255.255.255", "ff02::240.0.0.0"
    };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(groups); i++) {
        drops(NAT64_6TO4, "fe80::", 96, "fe80::10.0.0.1", groups[i]);
    }
}

/* nat64_check(). */
static void
bad_arguments(void **state)
{
    struct nat64 n;
    unsigned int len;

    (void) state;
    for (len = 0; len < 256; len++) {
        bool valid = (len == 32 || len == 40 || len == 48 || len == 56
                      || len == 64 || len == 96);

        n = (struct nat64) {
            .direction = NAT64_4TO6,
            .prefix_len = len,
            .prefix = { 0x20, 0x01 },
        };
        assert_int_equal(!nat64_check(&n), valid);
        if (valid) {
            n.prefix[len / 8] = 1;
            assert_non_null(nat64_check(&n));
        }
    }
    n = to6;
    n.direction = 0;
    assert_non_null(nat64_check(&n));
    n.direction = 3;
    assert_non_null(nat64_check(&n));

    n = to6;
    n.prefix[8] = 1;
    assert_non_null(nat64_check(&n));
    n = to6;
    n.prefix[0] = 0xff;
    assert_non_null(nat64_check(&n));

    n = to6;
    n.mtu = 1279;
    assert_non_null(nat64_check(&n));
    n.mtu = 1280;
    assert_null(nat64_check(&n));
    n.direction = NAT64_6TO4;
    n.mtu = 67;
    assert_non_null(nat64_check(&n));
    n.mtu = 68;
    assert_null(nat64_check(&n));
}

static void
result_names(void **state)
{
    (void) state;
    assert_string_equal(nat64_result_name(NAT64_OK), "ok");
    assert_string_equal(nat64_result_name(NAT64_ND), "nd");
    assert_string_equal(nat64_result_name(NAT64_N_RESULTS), "unknown");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc6052_examples),
        cmocka_unit_test(u_octet_and_suffix),
        cmocka_unit_test(well_known_prefix_is_for_global_addresses),
        cmocka_unit_test(link_local_prefix_takes_private_addresses),
        cmocka_unit_test(addresses_outside_the_prefix),
        cmocka_unit_test(addresses_of_no_host),
        cmocka_unit_test(errors_from_illegal_sources_translate),
        cmocka_unit_test(known_groups),
        cmocka_unit_test(other_groups),
        cmocka_unit_test(broadcasts),
        cmocka_unit_test(group_at_one_station),
        cmocka_unit_test(groups_without_counterpart),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(result_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
