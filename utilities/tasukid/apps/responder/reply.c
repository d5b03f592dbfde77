/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "reply.h"

#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <string.h>

#include "csum.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* Of all answers.  RFC 4861 asks for it. */
#define TTL 255

/* As many VLAN tags as may be stacked (IEEE 802.1ad). */
#define MAX_TAGS 2

const char *
reply_name(enum reply reply)
{
    switch (reply) {
    case REPLY_ARP: return "arp";
    case REPLY_ND: return "neighbor";
    case REPLY_ECHO: return "echo";
    case REPLY_ECHO6: return "echo6";
    case REPLY_OTHER: return "other";
    case REPLY_MALFORMED: return "malformed";
    case REPLY_CHECKSUM: return "checksum";
    case REPLY_FRAGMENT: return "fragment";
    case REPLY_HEADERS: return "headers";
    case REPLY_HOP_LIMIT: return "hop_limit";
    case REPLY_SOURCE: return "source";
    case REPLY_N: default: OVS_NOT_REACHED();
    }
}

/* Addresses. */

/* RFC 1122, section 3.2.1.3: neither "this network", nor loopback, nor a
 * group, nor reserved, nor broadcast. */
static bool
is_host4(ovs_be32 ip)
{
    uint8_t first = ntohl(ip) >> 24;

    return first != 0 && first != 127 && first < 224;
}

bool
reply_is_host_address(const struct in6_addr *address)
{
    return (IN6_IS_ADDR_V4MAPPED(address)
            ? is_host4(in6_addr_get_mapped_ipv4(address))
            : !IN6_IS_ADDR_UNSPECIFIED(address)
              && !IN6_IS_ADDR_LOOPBACK(address)
              && !IN6_IS_ADDR_MULTICAST(address));
}

static bool
is_ours(const struct replier *r, const struct in6_addr *address)
{
    for (size_t i = 0; i < r->n_addresses; i++) {
        if (ipv6_addr_equals(&r->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

static bool
is_ours4(const struct replier *r, ovs_be32 ip)
{
    struct in6_addr address;

    in6_addr_set_mapped_ipv4(&address, ip);
    return is_ours(r, &address);
}

/* Returns true if another host may have 'ip', or 'address', as its source. */
static bool
is_other4(const struct replier *r, ovs_be32 ip)
{
    return is_host4(ip) && !is_ours4(r, ip);
}

static bool
is_other6(const struct replier *r, const struct in6_addr *address)
{
    return (reply_is_host_address(address) && !IN6_IS_ADDR_V4MAPPED(address)
            && !is_ours(r, address));
}

static bool
is_other_mac(const struct replier *r, struct eth_addr mac)
{
    return (!eth_addr_is_multicast(mac) && !eth_addr_is_zero(mac)
            && !eth_addr_equals(mac, r->mac));
}

/* Ethernet. */

struct ethernet {
    const struct eth_header *header;
    size_t len;                 /* With tags. */
    ovs_be16 type;              /* Of what follows. */
};

/* Takes the Ethernet header and VLAN tags off the front of 'b'. */
static bool
pull_ethernet(struct ofpbuf *b, struct ethernet *eth)
{
    eth->header = ofpbuf_try_pull(b, ETH_HEADER_LEN);
    if (!eth->header) {
        return false;
    }
    eth->len = ETH_HEADER_LEN;
    eth->type = eth->header->eth_type;
    while (eth_type_vlan(eth->type)) {
        const struct vlan_header *tag = ofpbuf_try_pull(b, VLAN_HEADER_LEN);

        if (!tag || eth->len >= ETH_HEADER_LEN + MAX_TAGS * VLAN_HEADER_LEN) {
            return false;
        }
        eth->len += VLAN_HEADER_LEN;
        eth->type = tag->vlan_next_type;
    }
    return true;
}

/* Appends an Ethernet header from 'r' to 'dst', with the same tags. */
static void
put_ethernet(struct ofpbuf *answer, const struct replier *r,
             const struct ethernet *eth, struct eth_addr dst)
{
    struct eth_header *header = ofpbuf_put(answer, eth->header, eth->len);

    header->eth_dst = dst;
    header->eth_src = r->mac;
}

/* ARP. */

static enum reply
answer_arp(const struct replier *r, const struct ethernet *eth,
           struct ofpbuf *b, struct ofpbuf *answer)
{
    const struct arp_eth_header *request
        = ofpbuf_try_pull(b, ARP_ETH_HEADER_LEN);

    if (!request
        || request->ar_hrd != htons(ARP_HRD_ETHERNET)
        || request->ar_pro != htons(ARP_PRO_IP)
        || request->ar_hln != ETH_ADDR_LEN
        || request->ar_pln != sizeof(ovs_be32)) {
        return REPLY_MALFORMED;
    }

    ovs_be32 spa = get_16aligned_be32(&request->ar_spa);
    ovs_be32 tpa = get_16aligned_be32(&request->ar_tpa);
    if (request->ar_op != htons(ARP_OP_REQUEST) || !is_ours4(r, tpa)) {
        return REPLY_OTHER;
    }
    /* A probe (RFC 5227) has no sender's protocol address. */
    if (!is_other_mac(r, request->ar_sha) || (spa && !is_other4(r, spa))) {
        return REPLY_SOURCE;
    }

    struct arp_eth_header reply = *request;
    reply.ar_op = htons(ARP_OP_REPLY);
    reply.ar_sha = r->mac;
    put_16aligned_be32(&reply.ar_spa, tpa);
    reply.ar_tha = request->ar_sha;
    put_16aligned_be32(&reply.ar_tpa, spa);
    put_ethernet(answer, r, eth, request->ar_sha);
    ofpbuf_put(answer, &reply, sizeof reply);
    return REPLY_ARP;
}

/* IPv4. */

/* RFC 792: the answer is the request with other addresses, type and checksums.
 * RFC 1122, section 3.2.2.6: it has all of the request's data. */
static enum reply
answer_ipv4(const struct replier *r, const struct ethernet *eth,
            struct ofpbuf *b, struct ofpbuf *answer)
{
    const struct ip_header *ip = ofpbuf_try_pull(b, IP_HEADER_LEN);

    if (!ip || IP_VER(ip->ip_ihl_ver) != 4) {
        return REPLY_MALFORMED;
    }
    size_t header_len = IP_IHL(ip->ip_ihl_ver) * 4;
    size_t len = ntohs(ip->ip_tot_len);
    if (header_len < IP_HEADER_LEN || len < header_len
        || len - IP_HEADER_LEN > b->size) {
        return REPLY_MALFORMED;
    }
    b->size = len - IP_HEADER_LEN;      /* The rest pads the frame. */

    ovs_be32 src = get_16aligned_be32(&ip->ip_src);
    ovs_be32 dst = get_16aligned_be32(&ip->ip_dst);
    if (csum(ip, header_len)) {
        return REPLY_CHECKSUM;
    } else if (!eth_addr_equals(eth->header->eth_dst, r->mac)
               || !is_ours4(r, dst) || ip->ip_proto != IPPROTO_ICMP) {
        return REPLY_OTHER;
    } else if (IP_IS_FRAGMENT(ip->ip_frag_off)) {
        return REPLY_FRAGMENT;
    } else if (header_len > IP_HEADER_LEN) {
        return REPLY_HEADERS;
    } else if (!is_other4(r, src)) {
        return REPLY_SOURCE;
    }

    const struct icmp_header *icmp = b->data;
    if (b->size < ICMP_HEADER_LEN) {
        return REPLY_MALFORMED;
    } else if (csum(icmp, b->size)) {
        return REPLY_CHECKSUM;
    } else if (icmp->icmp_type != ICMP4_ECHO_REQUEST || icmp->icmp_code) {
        return REPLY_OTHER;
    }

    /* The identification and "don't fragment" are the request's, so the
     * identification is as unique as it was, or need not be (RFC 6864). */
    struct ip_header ip_reply = *ip;
    ip_reply.ip_ttl = TTL;
    put_16aligned_be32(&ip_reply.ip_src, dst);
    put_16aligned_be32(&ip_reply.ip_dst, src);
    ip_reply.ip_csum = 0;
    ip_reply.ip_csum = csum(&ip_reply, sizeof ip_reply);
    put_ethernet(answer, r, eth, eth->header->eth_src);
    ofpbuf_put(answer, &ip_reply, sizeof ip_reply);

    struct icmp_header *icmp_reply = ofpbuf_put(answer, icmp, b->size);
    icmp_reply->icmp_type = ICMP4_ECHO_REPLY;
    icmp_reply->icmp_csum = 0;
    icmp_reply->icmp_csum = csum(icmp_reply, b->size);
    return REPLY_ECHO;
}

/* IPv6. */

struct ipv6 {
    const struct ovs_16aligned_ip6_hdr *header;
    struct in6_addr src;
    struct in6_addr dst;
};

/* Appends the header of a packet from 'src' to 'dst' with 'size' bytes of
 * ICMPv6.  It takes only the traffic class from the request 'ip': the flow
 * label is its sender's (RFC 6437). */
static void
put_ipv6(struct ofpbuf *answer, const struct ipv6 *ip,
         const struct in6_addr *src, const struct in6_addr *dst, size_t size)
{
    struct ovs_16aligned_ip6_hdr *header = ofpbuf_put_zeros(answer,
                                                            sizeof *header);
    ovs_be32 flow = get_16aligned_be32(&ip->header->ip6_flow);

    put_16aligned_be32(&header->ip6_flow, flow & htonl(0xfff00000));
    header->ip6_plen = htons(size);
    header->ip6_nxt = IPPROTO_ICMPV6;
    header->ip6_hlim = TTL;
    memcpy(&header->ip6_src, src, sizeof *src);
    memcpy(&header->ip6_dst, dst, sizeof *dst);
}

/* Appends the 'size' bytes at 'data' with another 'type', and with the
 * checksum that fits the IPv6 header in front of them. */
static void
put_icmpv6(struct ofpbuf *answer, uint8_t type, const void *data, size_t size)
{
    struct icmp6_header *icmp = ofpbuf_put(answer, data, size);
    const struct ovs_16aligned_ip6_hdr *header
        = (const void *) ((const char *) icmp - IPV6_HEADER_LEN);

    icmp->icmp6_type = type;
    icmp->icmp6_cksum = 0;
    icmp->icmp6_cksum = packet_csum_upperlayer6(header, icmp, IPPROTO_ICMPV6,
                                                size);
}

/* RFC 4443, section 4.2. */
static enum reply
answer_echo6(const struct replier *r, const struct ethernet *eth,
             const struct ipv6 *ip, const struct ofpbuf *b,
             struct ofpbuf *answer)
{
    const struct icmp6_header *icmp = b->data;

    if (b->size < ICMP6_DATA_HEADER_LEN) {
        return REPLY_MALFORMED;
    } else if (icmp->icmp6_code
               || !eth_addr_equals(eth->header->eth_dst, r->mac)
               || IN6_IS_ADDR_V4MAPPED(&ip->dst) || !is_ours(r, &ip->dst)) {
        return REPLY_OTHER;
    } else if (!is_other6(r, &ip->src)) {
        return REPLY_SOURCE;
    }

    put_ethernet(answer, r, eth, eth->header->eth_src);
    put_ipv6(answer, ip, &ip->dst, &ip->src, b->size);
    put_icmpv6(answer, ICMP6_ECHO_REPLY, b->data, b->size);
    return REPLY_ECHO6;
}

/* Finds the sender's MAC address in the options of a Neighbor Solicitation.
 * Returns false if they make no sense (RFC 4861, section 4.6). */
static bool
find_source_option(struct ofpbuf *options, const struct eth_addr **mac)
{
    *mac = NULL;
    while (options->size) {
        const struct ovs_nd_lla_opt *option = options->data;

        if (options->size < sizeof *option || !option->len
            || !ofpbuf_try_pull(options, option->len * 8)) {
            return false;
        }
        if (option->type == ND_OPT_SOURCE_LINKADDR && option->len == 1) {
            *mac = &option->mac;
        }
    }
    return true;
}

/* Appends a Neighbor Advertisement for 'target' to 'ip->src', or to all nodes
 * if that is not specified: RFC 4861, section 7.2.4. */
static void
put_advertisement(struct ofpbuf *answer, const struct replier *r,
                  const struct ethernet *eth, const struct ipv6 *ip,
                  const struct in6_addr *target, struct eth_addr mac)
{
    bool solicited = !IN6_IS_ADDR_UNSPECIFIED(&ip->src);
    struct {
        struct ovs_nd_msg msg;
        struct ovs_nd_lla_opt option;
    } na = {
        .option = { ND_OPT_TARGET_LINKADDR, 1, r->mac },
    };

    put_16aligned_be32(&na.msg.rso_flags,
                       htonl(ND_RSO_OVERRIDE
                             | (solicited ? ND_RSO_SOLICITED : 0)));
    memcpy(&na.msg.target, target, sizeof *target);
    if (!solicited) {
        ipv6_multicast_to_ethernet(&mac, &in6addr_all_hosts);
    }
    put_ethernet(answer, r, eth, mac);
    put_ipv6(answer, ip, target, solicited ? &ip->src : &in6addr_all_hosts,
             sizeof na);
    put_icmpv6(answer, ND_NEIGHBOR_ADVERT, &na, sizeof na);
}

/* RFC 4861: section 7.1.1 says which solicitations are valid, and section
 * 7.2.3 what to do with a valid one. */
static enum reply
answer_solicitation(const struct replier *r, const struct ethernet *eth,
                    const struct ipv6 *ip, struct ofpbuf *b,
                    struct ofpbuf *answer)
{
    const struct ovs_nd_msg *ns = ofpbuf_try_pull(b, ND_MSG_LEN);
    const struct eth_addr *source;

    if (ip->header->ip6_hlim != 255) {
        return REPLY_HOP_LIMIT;
    } else if (!ns || ns->icmph.icmp6_code
               || !find_source_option(b, &source)) {
        return REPLY_MALFORMED;
    }

    struct in6_addr target, group;
    memcpy(&target, &ns->target, sizeof target);
    in6_addr_solicited_node(&group, &target);
    bool to_group = ipv6_addr_equals(&ip->dst, &group);
    if (IN6_IS_ADDR_V4MAPPED(&target) || !is_ours(r, &target)
        || (!to_group && !ipv6_addr_equals(&ip->dst, &target))) {
        return REPLY_OTHER;
    }

    struct eth_addr mac = source ? *source : eth->header->eth_src;
    if (IN6_IS_ADDR_UNSPECIFIED(&ip->src)) {
        /* Duplicate address detection: somebody wants to have the address. */
        if (!to_group || source) {
            return REPLY_MALFORMED;
        }
    } else if (!is_other6(r, &ip->src) || !is_other_mac(r, mac)) {
        return REPLY_SOURCE;
    }
    put_advertisement(answer, r, eth, ip, &target, mac);
    return REPLY_ND;
}

static enum reply
answer_ipv6(const struct replier *r, const struct ethernet *eth,
            struct ofpbuf *b, struct ofpbuf *answer)
{
    struct ipv6 ip = { .header = ofpbuf_try_pull(b, IPV6_HEADER_LEN) };

    if (!ip.header || ip.header->ip6_vfc >> 4 != 6
        || ntohs(ip.header->ip6_plen) > b->size) {
        return REPLY_MALFORMED;
    }
    b->size = ntohs(ip.header->ip6_plen);
    memcpy(&ip.src, &ip.header->ip6_src, sizeof ip.src);
    memcpy(&ip.dst, &ip.header->ip6_dst, sizeof ip.dst);

    const struct icmp6_header *icmp = b->data;
    if (ip.header->ip6_nxt == IPPROTO_FRAGMENT) {
        return REPLY_FRAGMENT;
    } else if (ip.header->ip6_nxt != IPPROTO_ICMPV6) {
        return REPLY_HEADERS;
    } else if (b->size < sizeof *icmp) {
        return REPLY_MALFORMED;
    } else if (packet_csum_upperlayer6(ip.header, icmp, IPPROTO_ICMPV6,
                                       b->size)) {
        return REPLY_CHECKSUM;
    }
    return (icmp->icmp6_type == ICMP6_ECHO_REQUEST
            ? answer_echo6(r, eth, &ip, b, answer)
            : icmp->icmp6_type == ND_NEIGHBOR_SOLICIT
            ? answer_solicitation(r, eth, &ip, b, answer)
            : REPLY_OTHER);
}

enum reply
reply_make(const struct replier *r, const void *frame, size_t size,
           struct ofpbuf *answer)
{
    struct ethernet eth;
    struct ofpbuf b;

    ofpbuf_use_const(&b, frame, size);
    if (!pull_ethernet(&b, &eth)) {
        return REPLY_MALFORMED;
    } else if (!is_other_mac(r, eth.header->eth_src)) {
        return REPLY_SOURCE;
    }
    return (eth.type == htons(ETH_TYPE_ARP) ? answer_arp(r, &eth, &b, answer)
            : eth.type == htons(ETH_TYPE_IP) ? answer_ipv4(r, &eth, &b, answer)
            : eth.type == htons(ETH_TYPE_IPV6)
            ? answer_ipv6(r, &eth, &b, answer)
            : REPLY_OTHER);
}
