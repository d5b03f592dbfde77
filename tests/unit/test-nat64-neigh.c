/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* ARP and Neighbor Discovery of nat64: RFC 826, RFC 5227, RFC 4861,
 * RFC 4862. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

enum { NS = 135, NA = 136 };
enum { SOLICITED = 0x40, OVERRIDE = 0x20 };
enum { SLLA = 1, TLLA = 2 };

static struct frame arp, nd, out;
static struct nat64_head head;

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t zero_mac[6];
static const uint8_t zero4[4];
static const uint8_t zero6[16];
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
/* RFC 4291 section 2.7.1, for 10.0.0.2 and 10.0.0.1. */
static const uint8_t b_group[16] = { 0xff, 2, [11] = 1, 0xff, 0, 0, 2 };
static const uint8_t b_group_mac[6] = { 0x33, 0x33, 0xff, 0, 0, 2 };

static void
make_arp(uint16_t op, const uint8_t *eth_dst, const uint8_t *sha,
         const uint8_t *spa, const uint8_t *tha, const uint8_t *tpa)
{
    frame_eth(&arp, ARP);
    memcpy(arp.b, eth_dst, 6);
    frame_append(&arp, "\0\1\x08\0\6\4", 6);
    put16(frame_append(&arp, NULL, 2), op);
    frame_append(&arp, sha, 6);
    frame_append(&arp, spa, 4);
    frame_append(&arp, tha, 6);
    frame_append(&arp, tpa, 4);
}

static void
make_nd(uint8_t type, uint8_t flags, const uint8_t *eth_dst,
        const uint8_t *src, const uint8_t *dst, const uint8_t *target,
        uint8_t option, const uint8_t *lla)
{
    frame_ip6(&nd, ICMP6);
    memcpy(nd.b, eth_dst, 6);
    nd.b[nd.l3 + 7] = 255;
    memcpy(nd.b + nd.l3 + 8, src, 16);
    memcpy(nd.b + nd.l3 + 24, dst, 16);
    frame_icmp(&nd, type, 0, (uint32_t) flags << 24);
    frame_append(&nd, target, 16);
    if (lla) {
        uint8_t header[2] = { option, 1 };

        frame_append(&nd, header, 2);
        frame_append(&nd, lla, 6);
    }
    frame_finish(&nd);
}

/* The frames that hosts exchange. */

static void
request(void **state)
{
    (void) state;
    make_arp(1, broadcast, mac_a, a4, zero_mac, b4);
    make_nd(NS, 0, b_group_mac, a6, b_group, b6, SLLA, mac_a);
    assert_becomes(&to6, &arp, &nd);
    assert_becomes(&to4, &nd, &arp);
}

/* As when an entry of the cache is checked once more. */
static void
unicast_request(void **state)
{
    (void) state;
    make_arp(1, mac_b, mac_a, a4, zero_mac, b4);
    make_nd(NS, 0, mac_b, a6, b6, b6, SLLA, mac_a);
    assert_becomes(&to6, &arp, &nd);
    assert_becomes(&to4, &nd, &arp);
}

static void
reply(void **state)
{
    (void) state;
    make_arp(2, mac_b, mac_a, a4, mac_b, b4);
    make_nd(NA, SOLICITED | OVERRIDE, mac_b, a6, b6, a6, TLLA, mac_a);
    assert_becomes(&to6, &arp, &nd);
    assert_becomes(&to4, &nd, &arp);
}

/* RFC 5227 section 1.1 and RFC 4862 section 5.4.2. */
static void
probe(void **state)
{
    (void) state;
    make_arp(1, broadcast, mac_a, zero4, zero_mac, b4);
    make_nd(NS, 0, b_group_mac, zero6, b_group, b6, 0, NULL);
    assert_becomes(&to6, &arp, &nd);
    assert_becomes(&to4, &nd, &arp);
}

/* RFC 5227 section 3 and RFC 4861 section 7.2.6. */
static void
announcement(void **state)
{
    (void) state;
    make_arp(1, broadcast, mac_a, a4, zero_mac, a4);
    make_nd(NA, OVERRIDE, all_nodes_mac, a6, all_nodes, a6, TLLA, mac_a);
    assert_becomes(&to6, &arp, &nd);
    assert_becomes(&to4, &nd, &arp);
}

static void
gratuitous_reply(void **state)
{
    (void) state;
    make_nd(NA, OVERRIDE, all_nodes_mac, a6, all_nodes, a6, TLLA, mac_a);
    make_arp(2, broadcast, mac_a, a4, broadcast, a4);
    assert_becomes(&to6, &arp, &nd);
    make_arp(2, broadcast, mac_a, a4, mac_b, b4);
    assert_becomes(&to6, &arp, &nd);
}

/* The one who probes has no address yet: RFC 4861 section 7.2.4. */
static void
reply_to_probe(void **state)
{
    (void) state;
    make_arp(2, mac_b, mac_a, a4, mac_b, zero4);
    make_nd(NA, OVERRIDE, all_nodes_mac, a6, all_nodes, a6, TLLA, mac_a);
    assert_becomes(&to6, &arp, &nd);
}

/* The link-layer address that counts is in the message; without an option, it
 * is the sender's (RFC 4861 section 4.4 has it left out of unicast). */
static void
link_layer_addresses(void **state)
{
    static const uint8_t mac_c[6] = { 2, 0, 0, 0, 0, 0xc };

    (void) state;
    make_arp(2, mac_b, mac_c, a4, mac_b, b4);
    make_nd(NA, SOLICITED | OVERRIDE, mac_b, a6, b6, a6, TLLA, mac_c);
    assert_becomes(&to6, &arp, &nd);
    assert_becomes(&to4, &nd, &arp);

    make_arp(2, mac_b, mac_a, a4, mac_b, b4);
    make_nd(NA, SOLICITED, mac_b, a6, b6, a6, 0, NULL);
    assert_becomes(&to4, &nd, &arp);
    make_arp(1, mac_b, mac_a, a4, zero_mac, b4);
    make_nd(NS, 0, mac_b, a6, b6, b6, 0, NULL);
    assert_becomes(&to4, &nd, &arp);

    /* The option of the other message is none, as is one for addresses of
     * another length. */
    make_nd(NS, 0, mac_b, a6, b6, b6, TLLA, mac_c);
    assert_becomes(&to4, &nd, &arp);
    make_nd(NS, 0, mac_b, a6, b6, b6, SLLA, mac_c);
    nd.b[nd.l3 + 40 + 25] = 2;
    frame_append(&nd, NULL, 8);
    frame_finish(&nd);
    assert_becomes(&to4, &nd, &arp);
}

/* Unknown options are ignored, wherever they are: a nonce (RFC 3971). */
static void
other_options(void **state)
{
    (void) state;
    make_arp(1, broadcast, mac_a, a4, zero_mac, b4);
    make_nd(NS, 0, b_group_mac, a6, b_group, b6, 14, zero_mac);
    frame_append(&nd, "\1\1", 2);
    frame_append(&nd, mac_a, 6);
    frame_append(&nd, "\x0e\2xxxxxxxxxxxxxx", 16);
    frame_finish(&nd);
    assert_becomes(&to4, &nd, &arp);

    make_arp(1, broadcast, mac_a, zero4, zero_mac, b4);
    make_nd(NS, 0, b_group_mac, zero6, b_group, b6, 14, zero_mac);
    assert_becomes(&to4, &nd, &arp);
}

/* One who speaks for others, from an address of its own. */
static void
advertisement_from_elsewhere(void **state)
{
    static const uint8_t eui64[16] = {
        0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1
    };

    (void) state;
    make_arp(2, mac_b, mac_a, a4, mac_b, b4);
    make_nd(NA, SOLICITED, mac_b, eui64, b6, a6, TLLA, mac_a);
    assert_becomes(&to4, &nd, &arp);
}

static void
vlan_tag(void **state)
{
    struct frame *frames[] = { &arp, &nd };
    size_t i;

    (void) state;
    make_arp(1, broadcast, mac_a, a4, zero_mac, b4);
    make_nd(NS, 0, b_group_mac, a6, b_group, b6, SLLA, mac_a);
    for (i = 0; i < 2; i++) {
        struct frame *f = frames[i];

        memmove(f->b + 16, f->b + 12, f->len - 12);
        memcpy(f->b + 12, "\x81\0\0\7", 4);
        f->len += 4;
        f->l3 += 4;
        f->l4 += 4;
    }
    assert_becomes(&to6, &arp, &nd);
    assert_becomes(&to4, &nd, &arp);
}

static void
arp_padding_is_left_behind(void **state)
{
    (void) state;
    make_arp(1, broadcast, mac_a, a4, zero_mac, b4);
    frame_append(&arp, NULL, 18);
    make_nd(NS, 0, b_group_mac, a6, b_group, b6, SLLA, mac_a);
    assert_becomes(&to6, &arp, &nd);
}

/* Not what translates. */

static void
malformed_arp(void **state)
{
    static const struct {
        size_t ofs;
        uint8_t value;
    } cases[] = {
        { 1, 6 }, { 0, 1 },             /* Hardware type. */
        { 2, 0x86 }, { 3, 0x06 },       /* Protocol. */
        { 4, 8 }, { 5, 16 },            /* Lengths of addresses. */
        { 7, 0 }, { 7, 3 }, { 7, 4 }, { 7, 8 }, { 6, 1 },       /* RARP etc. */
        { 8, 1 },                       /* Sender's Ethernet address. */
    };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        make_arp(1, broadcast, mac_a, a4, zero_mac, b4);
        arp.b[arp.l3 + cases[i].ofs] = cases[i].value;
        assert_dropped(&to6, &arp, NAT64_ARP);
    }
    make_arp(2, mac_b, zero_mac, a4, mac_b, b4);
    assert_dropped(&to6, &arp, NAT64_ARP);
}

static void
truncated_arp(void **state)
{
    (void) state;
    make_arp(1, broadcast, mac_a, a4, zero_mac, b4);
    while (arp.len--) {
        assert_dropped(&to6, &arp, NAT64_TRUNCATED);
        if (!arp.len) {
            break;
        }
    }
}

static void
arp_about_no_host(void **state)
{
    static const uint8_t none[][4] = {
        { 0, 0, 0, 0 }, { 127, 0, 0, 1 }, { 224, 0, 0, 1 },
        { 255, 255, 255, 255 },
    };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(none); i++) {
        make_arp(1, broadcast, mac_a, a4, zero_mac, none[i]);
        assert_dropped(&to6, &arp, NAT64_ADDRESS);
        make_arp(1, broadcast, mac_a, none[i], zero_mac, none[i]);
        assert_dropped(&to6, &arp, NAT64_ADDRESS);
        make_arp(2, mac_b, mac_a, none[i], mac_b, b4);
        assert_dropped(&to6, &arp, NAT64_ADDRESS);
        if (i) {
            make_arp(1, broadcast, mac_a, none[i], zero_mac, b4);
            assert_dropped(&to6, &arp, NAT64_ADDRESS);
            make_arp(2, mac_b, mac_a, a4, mac_b, none[i]);
            assert_dropped(&to6, &arp, NAT64_ADDRESS);
        }
    }
}

/* RFC 4861 sections 7.1.1 and 7.1.2. */

static void
make_either(uint8_t type)
{
    if (type == NS) {
        make_nd(NS, 0, mac_b, a6, b6, b6, SLLA, mac_a);
    } else {
        make_nd(NA, SOLICITED, mac_b, a6, b6, a6, TLLA, mac_a);
    }
}

static void
nd_hop_limit(void **state)
{
    int hops;

    (void) state;
    for (hops = 0; hops < 255; hops++) {
        make_either(hops & 1 ? NS : NA);
        nd.b[nd.l3 + 7] = hops;
        assert_dropped(&to4, &nd, NAT64_ND);
    }
}

static void
nd_checksum(void **state)
{
    size_t i;

    (void) state;
    for (i = 41; i < 72; i++) {
        make_either(i & 1 ? NS : NA);
        nd.b[nd.l3 + i] ^= 0x10;
        assert_dropped(&to4, &nd, NAT64_ND);
    }
}

static void
nd_code(void **state)
{
    uint8_t type;

    (void) state;
    for (type = NS; type <= NA; type++) {
        make_either(type);
        nd.b[nd.l4 + 1] = 1;
        frame_finish(&nd);
        assert_dropped(&to4, &nd, NAT64_ND);
    }
}

static void
nd_length(void **state)
{
    uint8_t type;
    size_t len;

    (void) state;
    for (type = NS; type <= NA; type++) {
        for (len = 8; len < 24; len++) {
            make_either(type);
            nd.len = nd.l4 + len;
            frame_finish(&nd);
            assert_dropped(&to4, &nd, NAT64_ND);
        }
        for (; len < 32; len++) {
            make_either(type);
            nd.len = nd.l4 + len;
            frame_finish(&nd);
            assert_int_equal(frame_translate(&to4, &nd, &out, &head),
                             len == 24 ? NAT64_OK : NAT64_ND);
        }
    }
}

static void
nd_target_multicast(void **state)
{
    uint8_t type;

    (void) state;
    for (type = NS; type <= NA; type++) {
        make_either(type);
        nd.b[nd.l4 + 8] = 0xff;
        frame_finish(&nd);
        assert_dropped(&to4, &nd, NAT64_ND);
    }
}

static void
nd_option_length(void **state)
{
    uint8_t type;

    (void) state;
    for (type = NS; type <= NA; type++) {
        make_either(type);
        nd.b[nd.l4 + 25] = 0;
        frame_finish(&nd);
        assert_dropped(&to4, &nd, NAT64_ND);
        nd.b[nd.l4 + 25] = 2;
        frame_finish(&nd);
        assert_dropped(&to4, &nd, NAT64_ND);
    }
}

static void
solicitation_from_nowhere(void **state)
{
    (void) state;
    /* With an address that it cannot have yet. */
    make_nd(NS, 0, b_group_mac, zero6, b_group, b6, SLLA, mac_a);
    assert_dropped(&to4, &nd, NAT64_ND);
    /* To elsewhere than the solicited-node group. */
    make_nd(NS, 0, mac_b, zero6, b6, b6, 0, NULL);
    assert_dropped(&to4, &nd, NAT64_ND);
    make_nd(NS, 0, all_nodes_mac, zero6, all_nodes, b6, 0, NULL);
    assert_dropped(&to4, &nd, NAT64_ND);
}

static void
solicited_to_all(void **state)
{
    (void) state;
    make_nd(NA, SOLICITED, all_nodes_mac, a6, all_nodes, a6, TLLA, mac_a);
    assert_dropped(&to4, &nd, NAT64_ND);
}

static void
nd_link_layer_address_of_a_group(void **state)
{
    (void) state;
    make_nd(NA, 0, all_nodes_mac, a6, all_nodes, a6, TLLA, broadcast);
    assert_dropped(&to4, &nd, NAT64_ND);
    make_nd(NA, 0, all_nodes_mac, a6, all_nodes, a6, TLLA, zero_mac);
    assert_dropped(&to4, &nd, NAT64_ND);
}

static void
nd_outside_the_prefix(void **state)
{
    static const uint8_t eui64[16] = {
        0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1
    };

    (void) state;
    make_nd(NS, 0, b_group_mac, eui64, b_group, b6, SLLA, mac_a);
    assert_dropped(&to4, &nd, NAT64_ADDRESS);
    make_nd(NS, 0, mac_b, a6, b6, eui64, SLLA, mac_a);
    assert_dropped(&to4, &nd, NAT64_ADDRESS);
    make_nd(NA, SOLICITED, mac_b, a6, eui64, a6, TLLA, mac_a);
    assert_dropped(&to4, &nd, NAT64_ADDRESS);
}

/* RFC 6980. */
static void
nd_in_a_fragment(void **state)
{
    (void) state;
    frame_ip6(&nd, FRAGMENT);
    nd.b[nd.l3 + 7] = 255;
    frame_frag(&nd, ICMP6, 0, true, 1);
    frame_icmp(&nd, NS, 0, 0);
    frame_append(&nd, b6, 16);
    frame_finish(&nd);
    assert_dropped(&to4, &nd, NAT64_FRAGMENT_DROP);
}

static void
router_discovery(void **state)
{
    static const uint8_t types[] = { 133, 134, 137 };
    size_t i;

    (void) state;
    for (i = 0; i < ARRAY_SIZE(types); i++) {
        make_nd(types[i], 0, all_nodes_mac, a6, all_nodes, a6, SLLA, mac_a);
        assert_dropped(&to4, &nd, NAT64_ROUTER_DISCOVERY);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request),
        cmocka_unit_test(unicast_request),
        cmocka_unit_test(reply),
        cmocka_unit_test(probe),
        cmocka_unit_test(announcement),
        cmocka_unit_test(gratuitous_reply),
        cmocka_unit_test(reply_to_probe),
        cmocka_unit_test(link_layer_addresses),
        cmocka_unit_test(other_options),
        cmocka_unit_test(advertisement_from_elsewhere),
        cmocka_unit_test(vlan_tag),
        cmocka_unit_test(arp_padding_is_left_behind),
        cmocka_unit_test(malformed_arp),
        cmocka_unit_test(truncated_arp),
        cmocka_unit_test(arp_about_no_host),
        cmocka_unit_test(nd_hop_limit),
        cmocka_unit_test(nd_checksum),
        cmocka_unit_test(nd_code),
        cmocka_unit_test(nd_length),
        cmocka_unit_test(nd_target_multicast),
        cmocka_unit_test(nd_option_length),
        cmocka_unit_test(solicitation_from_nowhere),
        cmocka_unit_test(solicited_to_all),
        cmocka_unit_test(nd_link_layer_address_of_a_group),
        cmocka_unit_test(nd_outside_the_prefix),
        cmocka_unit_test(nd_in_a_fragment),
        cmocka_unit_test(router_discovery),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
