/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* ARP (RFC 826, RFC 5227) and Neighbor Discovery (RFC 4861, RFC 4862).
 *
 *     ARP                                    Neighbor Discovery
 *     request                                solicitation
 *     request from 0.0.0.0 (probe)           solicitation from :: (DAD)
 *     reply                                  advertisement, solicited
 *     request or reply about the sender      advertisement to all nodes
 *
 * Each message is made anew out of the fields of the other. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* Offsets into an ARP message for Ethernet and IPv4. */
enum {
    ARP_OP = 6,
    ARP_SHA = 8,
    ARP_SPA = 14,
    ARP_THA = 18,
    ARP_TPA = 24,
    ARP_LEN = 28,
};
enum {
    ARP_REQUEST = 1,
    ARP_REPLY = 2,
};

/* Offsets into solicitations and advertisements (RFC 4861 sections 4.3 and
 * 4.4), and of the only option that we write. */
enum {
    ND_FLAGS = 4,
    ND_TARGET = 8,
    ND_LEN = 24,
    ND_OPT_LEN = 8,
};
enum {
    ND_SOLICITED = 0x40,
    ND_OVERRIDE = 0x20,
};
enum {
    OPT_SLLA = 1,               /* Source link-layer address. */
    OPT_TLLA = 2,               /* Target link-layer address. */
};

#define ND_HOPS 255

static bool
is_zero4(const uint8_t *ip4)
{
    return !nat64_get32(ip4);
}

static bool
is_zero6(const uint8_t *ip6)
{
    static const uint8_t zero[16];

    return !memcmp(ip6, zero, sizeof zero);
}

/* Returns whether 'eth' may be the address of one station. */
static bool
is_station(const uint8_t *eth)
{
    return !(eth[0] & 1) && (nat64_get32(eth) || nat64_get16(eth + 4));
}

/* Stores the solicited-node group of 'ip6' in 'group' (RFC 4291 section
 * 2.7.1). */
static void
solicited_node(const uint8_t *ip6, uint8_t *group)
{
    memcpy(group, nat64_all_nodes, 16);
    group[11] = 0x01;
    group[12] = 0xff;
    memcpy(group + 13, ip6 + 13, 3);
}

static bool
is_solicited_node(const uint8_t *ip6)
{
    static const uint8_t prefix[13] = {
        0xff, 0x02, [11] = 0x01, [12] = 0xff
    };

    return !memcmp(ip6, prefix, sizeof prefix);
}

/* ARP to Neighbor Discovery. */

/* Sets the length of the new frame, of which nothing of the old one stays. */
static enum nat64_result
all_in_head(const struct nat64_frame *f, struct nat64_head *h, size_t l3_len,
            size_t l4, uint8_t proto)
{
    h->strip = f->len;
    h->keep = 0;
    h->len = h->l3_ofs + l3_len;
    h->l4_ofs = (uint16_t) l4;
    h->proto = proto;
    return NAT64_OK;
}

/* Completes the message at 'icmp' behind the IPv6 header at 'ip', which has
 * its addresses.  Adds the link-layer option 'opt' if 'lla' is not NULL, the
 * lengths and the checksum. */
static enum nat64_result
finish_nd(const struct nat64_frame *f, struct nat64_head *h, uint8_t opt,
          const uint8_t *lla)
{
    uint8_t *ip = h->bytes + h->l3_ofs;
    uint8_t *icmp = ip + IP6_LEN;
    size_t len = ND_LEN;
    uint16_t csum;

    if (lla) {
        icmp[len] = opt;
        icmp[len + 1] = ND_OPT_LEN / 8;
        memcpy(icmp + len + 2, lla, 6);
        len += ND_OPT_LEN;
    }
    nat64_put_ip6(ip, 0, (uint16_t) len, PROTO_ICMP6, ND_HOPS);
    csum = (uint16_t) ~nat64_fold(nat64_pseudo6(ip, len)
                                  + nat64_sum(icmp, len));
    memcpy(icmp + ICMP_CSUM, &csum, sizeof csum);
    return all_in_head(f, h, IP6_LEN + len, h->l3_ofs + (size_t) IP6_LEN,
                       PROTO_ICMP6);
}

static enum nat64_result
request_to_solicitation(const struct nat64 *n, const struct nat64_frame *f,
                        struct nat64_head *h, const uint8_t *arp)
{
    bool probe = is_zero4(arp + ARP_SPA);
    uint8_t *ip = h->bytes + h->l3_ofs;
    uint8_t *icmp = ip + IP6_LEN;
    uint8_t *target = icmp + ND_TARGET;

    if (!nat64_embed(n, arp + ARP_TPA, target)) {
        return NAT64_ADDRESS;
    }
    if (probe) {
        memset(ip + IP6_SRC, 0, 16);
    } else if (!nat64_embed(n, arp + ARP_SPA, ip + IP6_SRC)) {
        return NAT64_ADDRESS;
    }
    if (probe || f->data[0] & 1) {
        solicited_node(target, ip + IP6_DST);
        nat64_group_eth6(ip + IP6_DST, h->bytes);
    } else {
        memcpy(ip + IP6_DST, target, 16);
    }
    nat64_put32(icmp, (uint32_t) ICMP6_NS << 24);
    nat64_put32(icmp + ND_FLAGS, 0);
    return finish_nd(f, h, OPT_SLLA, probe ? NULL : arp + ARP_SHA);
}

/* A reply to one host, or with 'to_all' an announcement to all hosts.  A reply
 * to a probe can only go to all nodes (RFC 4861 section 7.2.4). */
static enum nat64_result
reply_to_advertisement(const struct nat64 *n, const struct nat64_frame *f,
                       struct nat64_head *h, const uint8_t *arp, bool to_all)
{
    uint8_t *ip = h->bytes + h->l3_ofs;
    uint8_t *icmp = ip + IP6_LEN;

    if (!nat64_embed(n, arp + ARP_SPA, ip + IP6_SRC)) {
        return NAT64_ADDRESS;
    }
    memcpy(icmp + ND_TARGET, ip + IP6_SRC, 16);
    if (to_all) {
        memcpy(ip + IP6_DST, nat64_all_nodes, 16);
        nat64_group_eth6(ip + IP6_DST, h->bytes);
    } else if (!nat64_embed(n, arp + ARP_TPA, ip + IP6_DST)) {
        return NAT64_ADDRESS;
    }
    nat64_put32(icmp, (uint32_t) ICMP6_NA << 24);
    nat64_put32(icmp + ND_FLAGS,
                (uint32_t) (ND_OVERRIDE | (to_all ? 0 : ND_SOLICITED)) << 24);
    return finish_nd(f, h, OPT_TLLA, arp + ARP_SHA);
}

enum nat64_result
nat64_arp_to_nd(const struct nat64 *n, const struct nat64_frame *f,
                struct nat64_head *h)
{
    const uint8_t *arp = f->data + f->l3_ofs;
    bool about_sender;

    if (f->linear < f->l3_ofs + (size_t) ARP_LEN) {
        return nat64_short(f, h, f->l3_ofs + (size_t) ARP_LEN);
    }
    /* Ethernet, IPv4, and the lengths of their addresses. */
    if (nat64_get32(arp) != 0x00010800U || nat64_get16(arp + 4) != 0x0604
        || !is_station(arp + ARP_SHA)) {
        return NAT64_ARP;
    }
    nat64_put_eth(f, h, ETH_IP6);
    about_sender = !memcmp(arp + ARP_SPA, arp + ARP_TPA, 4);
    switch (nat64_get16(arp + ARP_OP)) {
    case ARP_REQUEST:
        return (about_sender
                ? reply_to_advertisement(n, f, h, arp, true)
                : request_to_solicitation(n, f, h, arp));

    case ARP_REPLY:
        return reply_to_advertisement(n, f, h, arp,
                                      about_sender || f->data[0] & 1
                                      || is_zero4(arp + ARP_TPA));

    default:
        return NAT64_ARP;
    }
}

/* Neighbor Discovery to ARP. */

/* Checks the options of the message at 'icmp'.  Points '*lla' to the
 * link-layer address in the option of type 'opt', or sets it to NULL if there
 * is none. */
static bool
parse_options(const uint8_t *icmp, size_t len, uint8_t opt,
              const uint8_t **lla)
{
    size_t i, n;

    *lla = NULL;
    for (i = ND_LEN; i < len; i += n) {
        if (len - i < ND_OPT_LEN) {
            return false;
        }
        n = (size_t) icmp[i + 1] * 8;
        if (!n || n > len - i) {
            return false;
        }
        if (icmp[i] == opt && n == ND_OPT_LEN) {
            *lla = icmp + i + 2;
        }
    }
    return true;
}

/* What solicitations and advertisements must have in common: RFC 4861
 * sections 7.1.1 and 7.1.2. */
static bool
is_valid_nd(const uint8_t *ip, const uint8_t *icmp, size_t len)
{
    return (ip[IP6_HOPS] == ND_HOPS
            && !icmp[ICMP_CODE]
            && icmp[ND_TARGET] != 0xff
            && nat64_fold(nat64_pseudo6(ip, len)
                          + nat64_sum(icmp, len)) == 0xffff);
}

/* Writes the ARP message whose sender has Ethernet address 'sha'. */
static enum nat64_result
finish_arp(const struct nat64_frame *f, struct nat64_head *h, uint16_t op,
           const uint8_t *sha, const uint8_t *spa,
           const uint8_t *tha, const uint8_t *tpa)
{
    uint8_t *arp = h->bytes + h->l3_ofs;

    if (!is_station(sha)) {
        return NAT64_ND;
    }
    nat64_put32(arp, 0x00010800U);
    nat64_put32(arp + 4, 0x06040000U | op);
    memcpy(arp + ARP_SHA, sha, 6);
    memcpy(arp + ARP_SPA, spa, 4);
    memcpy(arp + ARP_THA, tha, 6);
    memcpy(arp + ARP_TPA, tpa, 4);
    return all_in_head(f, h, ARP_LEN, 0, 0);
}

static const uint8_t zero[6];

static enum nat64_result
solicitation_to_request(const struct nat64 *n, const struct nat64_frame *f,
                        struct nat64_head *h, const uint8_t *ip,
                        const uint8_t *target, const uint8_t *lla)
{
    bool dad = is_zero6(ip + IP6_SRC);
    uint8_t spa[4] = { 0 };

    if (dad && (lla || !is_solicited_node(ip + IP6_DST))) {
        return NAT64_ND;
    }
    if (!dad && !nat64_extract(n, ip + IP6_SRC, spa)) {
        return NAT64_ADDRESS;
    }
    if (f->data[0] & 1) {
        memset(h->bytes, 0xff, 6);
    }
    return finish_arp(f, h, ARP_REQUEST, lla ? lla : f->data + ETH_SRC, spa,
                      zero, target);
}

/* The source of an advertisement does not matter, only its target: a router
 * may well speak for others. */
static enum nat64_result
advertisement_to_reply(const struct nat64 *n, const struct nat64_frame *f,
                       struct nat64_head *h, const uint8_t *ip,
                       const uint8_t *icmp, const uint8_t *target,
                       const uint8_t *lla)
{
    uint8_t tpa[4];

    lla = lla ? lla : f->data + ETH_SRC;
    if (ip[IP6_DST] == 0xff) {
        if (icmp[ND_FLAGS] & ND_SOLICITED) {
            return NAT64_ND;
        }
        if (f->data[0] & 1) {
            memset(h->bytes, 0xff, 6);
        }
        return finish_arp(f, h, ARP_REQUEST, lla, target, zero, target);
    }
    if (!nat64_extract(n, ip + IP6_DST, tpa)) {
        return NAT64_ADDRESS;
    }
    return finish_arp(f, h, ARP_REPLY, lla, target, f->data, tpa);
}

enum nat64_result
nat64_nd_to_arp(const struct nat64 *n, const struct nat64_frame *f,
                struct nat64_head *h, size_t l4, size_t end)
{
    const uint8_t *ip = f->data + f->l3_ofs;
    const uint8_t *icmp = f->data + l4;
    bool solicitation = icmp[0] == ICMP6_NS;
    size_t len = end - l4;
    const uint8_t *lla;
    uint8_t target[4];

    if (len < ND_LEN) {
        return NAT64_ND;
    }
    if (f->linear < end) {
        return nat64_short(f, h, end);
    }
    if (!is_valid_nd(ip, icmp, len)
        || !parse_options(icmp, len, solicitation ? OPT_SLLA : OPT_TLLA,
                          &lla)) {
        return NAT64_ND;
    }
    if (!nat64_extract(n, icmp + ND_TARGET, target)) {
        return NAT64_ADDRESS;
    }
    nat64_put_eth(f, h, ETH_ARP);
    return (solicitation
            ? solicitation_to_request(n, f, h, ip, target, lla)
            : advertisement_to_reply(n, f, h, ip, icmp, target, lla));
}
