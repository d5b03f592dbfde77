/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_NEIGH_H
#define TASUKID_HANDOVER_NEIGH_H 1

/* ARP (RFC 826, RFC 5227) for addresses of services.
 *
 * A service's address belongs to a MAC address that no machine has.  Requests
 * for it are answered here.  Servers that have the address as well never speak
 * ARP about it with anyone else.  Their requests are answered here, on behalf
 * of the host they ask for, and their announcements stay here.
 *
 * ARP says where hosts are, servers as well as clients, and the core's
 * neighbours.h keeps that. */

#include <stdbool.h>

#include "openvswitch/types.h"

struct event_neighbour;
struct hswitch;
struct member;
struct packet_in;
struct place;
struct service;

/* Handles an ARP packet that names a service's address. */
void neigh_handle_arp(struct hswitch *, const struct packet_in *);

/* Returns true if a client with address 'ip', or its gateway, was in 'old' and
 * is in 'new' now.  If that is not known, asks in 'old', so that the next call
 * may know. */
bool neigh_has_moved(struct hswitch *, const struct service *, ovs_be32 ip,
                     const struct place *old, const struct place *new,
                     ovs_be16 vlan_tci);

/* Asks for the MAC address of 'm', at its last port if there is one, or
 * 'everywhere'. */
void neigh_probe_member(struct hswitch *, struct member *m, bool everywhere);

/* Something that claims to be from 'm' came from 'place', where 'm' was not.
 * Asks where 'm' is, but not each time. */
void neigh_check_member(struct hswitch *, struct member *m,
                        const struct place *place);

/* The core knows where a host is, or that it has moved. */
void neigh_handle_event(struct hswitch *, const struct event_neighbour *);

/* Periodic work. */
void neigh_run(struct hswitch *);
void neigh_wait(struct hswitch *);

void neigh_init(struct hswitch *);
void neigh_destroy(struct hswitch *);

#endif /* neigh.h */
