/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "fragment.h"

#include <netinet/in.h>
#include <netinet/ip6.h>

#include "csum.h"
#include "flow.h"
#include "packets.h"
#include "util.h"

uint8_t
fragment_byte(uint16_t id, size_t ofs)
{
    return (id * 31 + ofs / 8 * 7 + ofs) % 251;
}

static struct dp_packet *
with_payload(struct dp_packet *packet, uint16_t id, size_t ofs, size_t len)
{
    uint8_t *payload = dp_packet_put_uninit(packet, len);
    struct flow flow;

    for (size_t i = 0; i < len; i++) {
        payload[i] = fragment_byte(id, ofs + i);
    }
    flow_extract(packet, &flow);
    return packet;
}

struct dp_packet *
fragment_create(uint16_t id, unsigned int ihl, size_t ofs, size_t len,
                bool more)
{
    struct dp_packet *packet = dp_packet_new(ETH_HEADER_LEN + ihl * 4 + len);
    struct eth_header *eth = dp_packet_put_zeros(packet, sizeof *eth);
    eth->eth_type = htons(ETH_TYPE_IP);

    struct ip_header *ip = dp_packet_put_zeros(packet, ihl * 4);
    ip->ip_ihl_ver = IP_IHL_VER(ihl, 4);
    ip->ip_tot_len = htons(ihl * 4 + len);
    ip->ip_id = htons(id);
    ip->ip_frag_off = htons(ofs / 8 | (more ? IP_MORE_FRAGMENTS : 0));
    ip->ip_ttl = 64;
    ip->ip_proto = IPPROTO_TCP;
    put_16aligned_be32(&ip->ip_src, htonl(0xc0000201));
    put_16aligned_be32(&ip->ip_dst, htonl(0xc0000202));
    ip->ip_csum = csum(ip, ihl * 4);
    return with_payload(packet, id, ofs, len);
}

struct dp_packet *
fragment_create6(uint16_t id, size_t ofs, size_t len, bool more)
{
    /* With the IP header aligned. */
    struct dp_packet *packet = dp_packet_new_with_headroom(
        ETH_HEADER_LEN + 48 + len, 2);
    struct eth_header *eth = dp_packet_put_zeros(packet, sizeof *eth);
    eth->eth_type = htons(ETH_TYPE_IPV6);

    struct ip6_hdr *ip = dp_packet_put_zeros(packet, sizeof *ip);
    ip->ip6_vfc = 0x60;
    ip->ip6_plen = htons(sizeof(struct ip6_frag) + len);
    ip->ip6_nxt = IPPROTO_FRAGMENT;
    ip->ip6_src.s6_addr[15] = 1;
    ip->ip6_dst.s6_addr[15] = 2;

    struct ip6_frag *frag = dp_packet_put_zeros(packet, sizeof *frag);
    frag->ip6f_nxt = IPPROTO_TCP;
    frag->ip6f_offlg = htons(ofs) | (more ? IP6F_MORE_FRAG : 0);
    frag->ip6f_ident = htonl(id);
    return with_payload(packet, id, ofs, len);
}

bool
fragment_is_whole(const struct dp_packet *packet, size_t *len)
{
    const struct ip_header *ip = dp_packet_l3(packet);
    const uint8_t *payload = dp_packet_l4(packet);
    size_t ip_len = IP_IHL(ip->ip_ihl_ver) * 4;

    *len = ntohs(ip->ip_tot_len) - ip_len;
    if (IP_IS_FRAGMENT(ip->ip_frag_off) || csum(ip, ip_len)
        || ntohs(ip->ip_tot_len) != dp_packet_l3_size(packet)
        || payload != (const uint8_t *) ip + ip_len) {
        return false;
    }
    for (size_t i = 0; i < *len; i++) {
        if (payload[i] != fragment_byte(ntohs(ip->ip_id), i)) {
            return false;
        }
    }
    return true;
}
