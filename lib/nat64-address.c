/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Addresses: RFC 6052, and the groups of this project. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* Bits 64 to 71 of an address with an IPv4 address in it are zero (RFC 6052
 * section 2.2). */
#define U_OCTET 8

const uint8_t nat64_all_nodes[16] = { 0xff, 0x02, [15] = 0x01 };

const char *
nat64_check(const struct nat64 *n)
{
    size_t i;

    if (n->direction != NAT64_4TO6 && n->direction != NAT64_6TO4) {
        return "direction is neither 4to6 nor 6to4";
    }
    switch (n->prefix_len) {
    case 32:
    case 40:
    case 48:
    case 56:
    case 64:
    case 96:
        break;

    default:
        return "prefix length is not 32, 40, 48, 56, 64 or 96";
    }
    for (i = n->prefix_len / 8; i < sizeof n->prefix; i++) {
        if (n->prefix[i]) {
            return "prefix has bits set behind its length";
        }
    }
    if (n->prefix[U_OCTET]) {
        return "prefix has bits set among bits 64 to 71";
    }
    if (n->prefix[0] == 0xff) {
        return "prefix is one of multicast addresses";
    }
    if (n->mtu && n->mtu < (n->direction == NAT64_4TO6
                            ? NAT64_MTU_MIN_6 : NAT64_MTU_MIN_4)) {
        return "MTU is less than the least that IP allows";
    }
    return NULL;
}

/* nat64_embed() for prefixes shorter than 96 bits: the IPv4 address goes right
 * behind the prefix, around the "u" octet. */
void
nat64_embed_split(const struct nat64 *n, const uint8_t *ip4, uint8_t *ip6)
{
    size_t to = n->prefix_len / 8;
    size_t i;

    memcpy(ip6, n->prefix, sizeof n->prefix);
    for (i = 0; i < 4; i++) {
        to += to == U_OCTET;
        ip6[to++] = ip4[i];
    }
}

/* nat64_extract() for prefixes shorter than 96 bits.  What is behind the IPv4
 * address is ignored, as section 2.2 reserves it for extensions. */
bool
nat64_extract_split(const struct nat64 *n, const uint8_t *ip6, uint8_t *ip4)
{
    size_t from = n->prefix_len / 8;
    size_t i;

    if (memcmp(ip6, n->prefix, from) || ip6[U_OCTET]) {
        return false;
    }
    for (i = 0; i < 4; i++) {
        from += from == U_OCTET;
        ip4[i] = ip6[from++];
    }
    return true;
}

/* Returns whether 'ip4' is globally reachable, according to the registry of
 * RFC 6890. */
bool
nat64_is_global4(const uint8_t *ip4)
{
    static const struct {
        uint32_t prefix;
        uint32_t mask;
    } not_global[] = {
        { 0x00000000, 0xff000000 },     /* 0.0.0.0/8, this network. */
        { 0x0a000000, 0xff000000 },     /* 10.0.0.0/8, private. */
        { 0x64400000, 0xffc00000 },     /* 100.64.0.0/10, shared. */
        { 0x7f000000, 0xff000000 },     /* 127.0.0.0/8, loopback. */
        { 0xa9fe0000, 0xffff0000 },     /* 169.254.0.0/16, link-local. */
        { 0xac100000, 0xfff00000 },     /* 172.16.0.0/12, private. */
        { 0xc0000000, 0xffffff00 },     /* 192.0.0.0/24, assignments. */
        { 0xc0000200, 0xffffff00 },     /* 192.0.2.0/24, examples. */
        { 0xc0a80000, 0xffff0000 },     /* 192.168.0.0/16, private. */
        { 0xc6120000, 0xfffe0000 },     /* 198.18.0.0/15, benchmarks. */
        { 0xc6336400, 0xffffff00 },     /* 198.51.100.0/24, examples. */
        { 0xcb007100, 0xffffff00 },     /* 203.0.113.0/24, examples. */
        { 0xe0000000, 0xe0000000 },     /* 224.0.0.0/3, groups, reserved. */
    };
    uint32_t addr = nat64_get32(ip4);
    size_t i;

    for (i = 0; i < sizeof not_global / sizeof not_global[0]; i++) {
        if ((addr & not_global[i].mask) == not_global[i].prefix) {
            return false;
        }
    }
    return true;
}

/* Groups that hosts know by a fixed address in each family are translated to
 * one another.  Any other IPv4 group a.b.c.d is ff02::a.b.c.d.  Nobody else
 * uses those: what IANA assigned in ff02:: is far below 224.0.0.0 or, like the
 * solicited-node groups, has more bits set. */
static const struct {
    uint32_t ip4;
    uint32_t ip6;               /* Last 32 bits of an ff02:: address. */
} groups[] = {
    { 0xe0000001, 0x00000001 }, /* 224.0.0.1, ff02::1: all nodes. */
    { 0xe00000fb, 0x000000fb }, /* 224.0.0.251, ff02::fb: mDNS. */
    { 0xe00000fc, 0x00010003 }, /* 224.0.0.252, ff02::1:3: LLMNR. */
    { 0xeffffffa, 0x0000000c }, /* 239.255.255.250, ff02::c: SSDP. */
};
#define N_GROUPS (sizeof groups / sizeof groups[0])

static uint32_t
group_4to6(uint32_t ip4)
{
    size_t i;

    for (i = 0; i < N_GROUPS; i++) {
        if (groups[i].ip4 == ip4) {
            return groups[i].ip6;
        }
    }
    return ip4;
}

static uint32_t
group_6to4(uint32_t ip6)
{
    size_t i;

    for (i = 0; i < N_GROUPS; i++) {
        if (groups[i].ip6 == ip6) {
            return groups[i].ip4;
        }
    }
    return ip6;
}

static bool
is_group4(uint32_t ip4)
{
    return ip4 >> 28 == 0xe;
}

static bool
is_broadcast_eth(const uint8_t *eth)
{
    return nat64_get32(eth) == 0xffffffffU && nat64_get16(eth + 4) == 0xffff;
}

/* A datagram for a group that was sent to one host's Ethernet address
 * (RFC 6085) stays with that host. */
bool
nat64_group_4to6(const struct nat64 *n, const uint8_t *ip4,
                 const uint8_t *eth_dst, uint8_t *ip6, uint8_t *eth_out)
{
    uint32_t addr = nat64_get32(ip4);

    if (is_group4(addr)) {
        memcpy(ip6, nat64_all_nodes, sizeof nat64_all_nodes);
        nat64_put32(ip6 + 12, group_4to6(addr));
    } else if (addr == 0xffffffffU
               || (is_broadcast_eth(eth_dst) && nat64_is_host4(ip4))) {
        /* Without the netmask, only the frame shows a directed broadcast. */
        memcpy(ip6, nat64_all_nodes, sizeof nat64_all_nodes);
    } else {
        return nat64_embed(n, ip4, ip6);
    }
    if (eth_dst[0] & 1) {
        nat64_group_eth6(ip6, eth_out);
    }
    return true;
}

bool
nat64_group_6to4(const uint8_t *ip6, const uint8_t *eth_dst,
                 uint8_t *ip4, uint8_t *eth_out)
{
    uint32_t addr;

    if (memcmp(ip6, nat64_all_nodes, 12)) {
        return false;
    }
    addr = group_6to4(nat64_get32(ip6 + 12));
    if (!is_group4(addr)) {
        return false;
    }
    nat64_put32(ip4, addr);
    if (eth_dst[0] & 1) {
        /* RFC 1112 section 6.4. */
        nat64_put32(eth_out, 0x01005e00U | (addr >> 16 & 0x7f));
        nat64_put16(eth_out + 4, (uint16_t) addr);
    }
    return true;
}
