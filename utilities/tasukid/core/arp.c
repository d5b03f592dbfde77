/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "arp.h"

#include "app.h"
#include "dp-packet.h"
#include "ofswitch.h"
#include "pipeline.h"

struct place
arp_place(const struct packet_in *pi)
{
    return (struct place) {
        .mac = pi->flow.arp_sha,
        .port = pi->flow.in_port.ofp_port,
    };
}

/* Stages that tap see what leaves by one port.  A flood has no egress that
 * could be noted. */
void
arp_send(struct ofswitch *sw, uint32_t zone, uint16_t op, struct eth_addr sha,
         ovs_be32 spa, struct eth_addr tha, ovs_be32 tpa, bool broadcast,
         ovs_be16 vlan_tci, ofp_port_t port)
{
    uint64_t stub[128 / 8];
    struct dp_packet packet;

    dp_packet_use_stub(&packet, stub, sizeof stub);
    compose_arp(&packet, op, sha, tha, broadcast, spa, tpa);
    if (vlan_tci) {
        eth_push_vlan(&packet, htons(ETH_TYPE_VLAN_8021Q), vlan_tci);
    }
    if (port == OFPP_FLOOD) {
        ofswitch_output(sw, &packet, port);
    } else {
        const struct pipeline_notes notes = { .egress = port, .zone = zone };

        ofswitch_inject(sw, dp_packet_data(&packet), dp_packet_size(&packet),
                        OFPP_CONTROLLER, PIPE_MIRROR, &notes);
    }
    dp_packet_uninit(&packet);
}

void
arp_ask(struct ofswitch *sw, const struct arp_asker *asker, uint32_t zone,
        ovs_be32 ip, const struct place *place)
{
    arp_send(sw, zone, ARP_OP_REQUEST, asker->mac, asker->ip, place->mac, ip,
             false, asker->vlan_tci, place->port);
}

void
arp_ask_all(struct ofswitch *sw, const struct arp_asker *asker, uint32_t zone,
            ovs_be32 ip, ofp_port_t port)
{
    arp_send(sw, zone, ARP_OP_REQUEST, asker->mac, asker->ip, eth_addr_zero,
             ip, true, asker->vlan_tci, port);
}
