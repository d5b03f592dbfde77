/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_ICMP_H
#define TASUKID_HANDOVER_ICMP_H 1

struct hswitch;
struct packet_in;

/* Handles an ICMP error that came for a service's address.
 *
 * A router on the way to a client that finds a segment too large, or no way to
 * go on, tells its sender, which is the service as far as it knows.  The
 * server that sent the segment gets to know if it finds its own address, port
 * and sequence number in what the router quotes. */
void icmp_from_network(struct hswitch *, const struct packet_in *);

#endif /* icmp.h */
