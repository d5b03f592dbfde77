/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_ARP_H
#define TASUKID_ARP_H 1

/* ARP packets (RFC 826): where they come from, and sending them. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "utilities/tasukid/protocol/place.h"

struct ofswitch;
struct packet_in;

/* Returns where 'pi', an ARP packet, comes from. */
struct place arp_place(const struct packet_in *pi);

/* Sends an ARP packet with operation 'op' in 'zone', from 'sha' and 'spa' to
 * 'tha', or to all hosts if 'broadcast', out of 'port', which may be
 * OFPP_FLOOD.  It has tag 'vlan_tci' unless that is 0. */
void arp_send(struct ofswitch *, uint32_t zone, uint16_t op,
              struct eth_addr sha, ovs_be32 spa, struct eth_addr tha,
              ovs_be32 tpa, bool broadcast, ovs_be16 vlan_tci,
              ofp_port_t port);

/* In whose name somebody asks.  Replies go to that address. */
struct arp_asker {
    struct eth_addr mac;
    ovs_be32 ip;                /* 0 in a probe (RFC 5227). */
    ovs_be16 vlan_tci;          /* 0 without a tag. */
};

/* Asks the host in 'place' of 'zone' whether it has 'ip'. */
void arp_ask(struct ofswitch *, const struct arp_asker *, uint32_t zone,
             ovs_be32 ip, const struct place *);

/* Asks all hosts of 'zone' who has 'ip', out of 'port', which may be
 * OFPP_FLOOD. */
void arp_ask_all(struct ofswitch *, const struct arp_asker *, uint32_t zone,
                 ovs_be32 ip, ofp_port_t port);

#endif /* TASUKID_ARP_H */
