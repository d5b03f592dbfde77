/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_BYPASS_H
#define TASUKID_HANDOVER_BYPASS_H 1

/* Direct connections between a host and a server's own address.
 *
 * What a server sends from the port of a service comes to the daemon, because
 * it may belong to a handshake.  If it does not, a flow keeps the rest of that
 * connection away. */

#include "conn.h"

struct flow_info;
struct ofputil_flow_removed;
struct packet_in;

struct bypass {
    struct hmap_node node;      /* In hswitch's 'bypasses'. */
    ovs_be32 client;
    ovs_be32 server;
    ovs_be16 client_tp;
    ovs_be16 server_tp;
    bool closing;               /* The server sent FIN or RST. */
};

void bypasses_init(struct hswitch *);
void bypasses_destroy(struct hswitch *);

/* Sends what bypass_replace() has kept. */
void bypasses_run(struct hswitch *);
void bypasses_wait(struct hswitch *);

/* '*seg', in 'packet', came from a server's own address on 'in_port' and
 * belongs to no connection of ours: passes it on, and has the switch do so
 * from now on. */
void bypass_start(struct hswitch *, const struct dp_packet *packet,
                  ofp_port_t in_port, const struct tcp_segment *seg);

/* The same for the SYN-ACK of a direct connection with the ports of one of
 * ours, whose flows have just been deleted: waits until the datapath has
 * noticed. */
void bypass_replace(struct hswitch *, const struct dp_packet *packet,
                    ofp_port_t in_port);

/* Returns true if 'conn' cannot use server 'm' because its client has a direct
 * connection with the same ports there. */
bool bypass_is_alive(const struct conn *conn, const struct member *m);

/* 'conn' is about to use server 'm': a direct connection with the same ports
 * must not keep that server's segments away from us.  Returns true if there
 * was one, which the datapath has yet to forget. */
bool bypass_remove_for(const struct conn *conn, const struct member *m);

/* The flow of a bypass ended; one was found in the switch. */
void bypass_flow_removed(struct hswitch *,
                         const struct ofputil_flow_removed *);
void bypass_adopt(struct hswitch *, const struct flow_info *);

#endif /* bypass.h */
