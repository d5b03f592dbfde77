/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_ARP_H
#define TASUKID_HANDOVER_ARP_H 1

/* ARP packets (RFC 826), and where they come from. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"
#include "utilities/tasukid/apps/handover/engine/place.h"

struct hswitch;
struct packet_in;

/* Returns where 'pi', an ARP packet, comes from. */
struct place arp_place(const struct packet_in *pi);

/* Sends an ARP packet from 'sha' and 'spa' out of 'port', which may be
 * OFPP_FLOOD, to 'tha', or to all hosts if 'broadcast'. */
void arp_send(struct hswitch *, uint16_t op, struct eth_addr sha, ovs_be32 spa,
              struct eth_addr tha, ovs_be32 tpa, bool broadcast,
              ovs_be16 vlan_tci, ofp_port_t port);

#endif /* arp.h */
