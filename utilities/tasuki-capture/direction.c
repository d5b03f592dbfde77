/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "direction.h"

#include <string.h>

#include "dp-packet.h"
#include "flow.h"
#include "hash.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

uint32_t
direction_hash(const struct direction *dir)
{
    return hash_bytes(dir, sizeof *dir, 0);
}

bool
direction_equals(const struct direction *a, const struct direction *b)
{
    return !memcmp(a, b, sizeof *a);
}

bool
direction_extract(const void *data, size_t len, struct direction_frame *f)
{
    struct dp_packet packet;
    struct flow flow;

    memset(f, 0, sizeof *f);
    dp_packet_use_const(&packet, data, len);
    flow_extract(&packet, &flow);
    if (flow.nw_frag & FLOW_NW_FRAG_LATER
        || (flow.nw_proto != IPPROTO_TCP && flow.nw_proto != IPPROTO_UDP)) {
        return false;
    }
    if (flow.dl_type == htons(ETH_TYPE_IP)) {
        in6_addr_set_mapped_ipv4(&f->dir.src, flow.nw_src);
        in6_addr_set_mapped_ipv4(&f->dir.dst, flow.nw_dst);
    } else if (flow.dl_type == htons(ETH_TYPE_IPV6)) {
        f->dir.src = flow.ipv6_src;
        f->dir.dst = flow.ipv6_dst;
    } else {
        return false;
    }
    f->dir.src_port = flow.tp_src;
    f->dir.dst_port = flow.tp_dst;
    f->dir.nw_proto = flow.nw_proto;

    if (flow.nw_proto == IPPROTO_TCP) {
        const struct tcp_header *tcp = dp_packet_l4(&packet);
        uint16_t flags = ntohs(flow.tcp_flags);

        /* Without these the header is not there as a whole. */
        if (!dp_packet_get_tcp_payload(&packet)) {
            return false;
        }
        f->syn = (flags & TCP_SYN) != 0;
        f->end = (ntohl(get_16aligned_be32(&tcp->tcp_seq))
                  + dp_packet_get_tcp_payload_length(&packet)
                  + ((flags & TCP_SYN) != 0) + ((flags & TCP_FIN) != 0));
    }
    return true;
}
