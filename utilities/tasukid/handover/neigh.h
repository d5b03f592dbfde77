/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_NEIGH_H
#define TASUKID_HANDOVER_NEIGH_H 1

/* ARP (RFC 826, RFC 5227) for addresses of services.
 *
 * A service's address belongs to a MAC address that no machine has.  Requests
 * for it are answered here.  Servers that have the address as well never get
 * to speak ARP about it with anyone else: what they ask is answered here, on
 * behalf of whom they ask for, and what they announce stays here. */

#include "handover.h"
#include "openvswitch/types.h"

struct member;
struct packet_in;
struct service;

/* Handles an ARP packet that names a service's address. */
void neigh_handle_arp(struct hswitch *, const struct packet_in *);

/* Returns true if ARP says that what 'ip' sends, or its gateway for it, comes
 * from 'mac' on 'port', other than from 'old_mac' as before.  If it says
 * nothing, asks for 'ip', so that the answer may be another one next time. */
bool neigh_has_moved(struct hswitch *, const struct service *, ovs_be32 ip,
                     struct eth_addr old_mac, struct eth_addr mac,
                     ofp_port_t port, ovs_be16 vlan_tci);

/* Asks for the MAC address of 'm', at the port where it was last if it is
 * anywhere, or everywhere. */
void neigh_probe_member(struct member *m, bool everywhere);

/* Something came from where 'm' was not: asks where it is, now and then. */
void neigh_check_member(struct member *m);

/* Forgets old entries. */
void neigh_run(struct hswitch *);
void neigh_wait(struct hswitch *);

void neigh_init(struct hswitch *);
void neigh_destroy(struct hswitch *);

#endif /* neigh.h */
