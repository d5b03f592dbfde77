/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_BYPASS_H
#define TASUKID_HANDOVER_BYPASS_H 1

/* Direct connections between a host and a server's own address.
 *
 * What a server sends from the port of a service comes to the daemon, because
 * it may belong to a handshake.  If it does not, a flow keeps the rest of that
 * connection away. */

#include "handover-conn.h"

struct flow_info;
struct ofputil_flow_removed;
struct packet_in;

struct bypass {
    struct hmap_node node;      /* In hswitch's 'bypasses'. */
    ovs_be32 client;
    ovs_be32 server;
    ovs_be16 client_tp;
    ovs_be16 server_tp;
};

void bypasses_init(struct hswitch *);
void bypasses_destroy(struct hswitch *);

/* '*seg', in 'pi', came from a server's own address and belongs to no
 * connection of ours: passes it on, and has the switch do so from now on. */
void bypass_start(struct hswitch *, const struct packet_in *pi,
                  const struct tcp_segment *seg);

/* 'conn' is about to use server 'm': a direct connection with the same ports
 * must not keep that server's segments away from us. */
void bypass_remove_for(const struct conn *conn, const struct member *m);

/* The flow of a bypass ended; one was found in the switch. */
void bypass_flow_removed(struct hswitch *,
                         const struct ofputil_flow_removed *);
void bypass_adopt(struct hswitch *, const struct flow_info *);

#endif /* handover-bypass.h */
