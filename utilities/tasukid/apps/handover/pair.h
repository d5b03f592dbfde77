/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_PAIR_H
#define TASUKID_HANDOVER_PAIR_H 1

/* A host and a server with its own address, and what they have to do with each
 * other: the host's connections that a service brought to the server, and
 * those that go to the server directly.
 *
 * What a server sends from the port of a service comes to the daemon, because
 * it may belong to a connection to the service.  The first segment of a host
 * and a server that does not has one flow let all others between the two pass
 * (FLOW_DIRECT).  From then on a connection of that host to the service needs
 * a flow that takes out what that server sends to its ports (FLOW_WATCH).
 *
 * Without direct connections there is nothing in the datapath that could let a
 * server's segments pass, and a handover need not care when it notices a
 * flow. */

#include "conn.h"

struct dp_packet;
struct flow_info;
struct ofputil_flow_removed;

struct pair {
    struct hmap_node node;      /* In hswitch's 'pairs'. */
    struct ovs_list conns;      /* Contains 'struct conn's, whose member is the
                                 * server. */
    long long int installed;    /* In ms, of the flow, when last. */
    ovs_be32 client;
    ovs_be32 server;
    ovs_be16 server_tp;
    bool direct;                /* There is a flow for direct connections. */
};

void pairs_init(struct hswitch *);
void pairs_destroy(struct hswitch *);

/* Notes that 'm', which may be null, is the server of 'conn'. */
void pair_join(struct conn *, const struct member *m);

/* Sees to it that what 'm' sends to the ports of 'conn' comes to the daemon.
 * Returns true if that took a flow, which the datapath has yet to notice. */
bool pair_watch(struct conn *, const struct member *m);

/* Server 'm' is none of those of 'conn' any more. */
void pair_unwatch(struct conn *, const struct member *m);

/* '*seg', in 'packet', came from a server's own address on 'in_port' and
 * belongs to no connection of ours: passes it on, and has the switch do so
 * with others of that host and server from now on. */
void pair_pass(struct hswitch *, const struct dp_packet *packet,
               ofp_port_t in_port, const struct tcp_segment *seg);

/* The flow of direct connections ended; one was found in the switch. */
void pair_flow_removed(struct hswitch *, const struct ofputil_flow_removed *);
void pair_adopt(struct hswitch *, const struct flow_info *);

#endif /* pair.h */
