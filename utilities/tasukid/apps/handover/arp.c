/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "arp.h"

#include "dp-packet.h"
#include "handover.h"
#include "utilities/tasukid/core/app.h"

struct place
arp_place(const struct packet_in *pi)
{
    return (struct place) {
        .mac = pi->flow.arp_sha,
        .port = pi->flow.in_port.ofp_port,
    };
}

void
arp_send(struct hswitch *hsw, uint16_t op, struct eth_addr sha, ovs_be32 spa,
         struct eth_addr tha, ovs_be32 tpa, bool broadcast, ovs_be16 vlan_tci,
         ofp_port_t port)
{
    struct dp_packet *packet = dp_packet_new_with_headroom(
        ETH_HEADER_LEN + ARP_ETH_HEADER_LEN, VLAN_HEADER_LEN);

    compose_arp(packet, op, sha, tha, broadcast, spa, tpa);
    if (vlan_tci) {
        eth_push_vlan(packet, htons(ETH_TYPE_VLAN_8021Q), vlan_tci);
    }
    hswitch_send(hsw, packet, port, false);
}
