/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_FLOWS_H
#define TASUKID_HANDOVER_FLOWS_H 1

/* What the handover application has in the switch.
 *
 * In PIPE_SERVICE, by priority:
 *
 *   FLOW_FRAGMENT   fragments to and from services: put together first
 *   FLOW_TO_SERVER  segments of one client to its server, but for SYN and RST
 *   FLOW_TO_CLIENT  segments of that server to that client
 *   FLOW_WATCH      segments of a server to the ports of one client, if that
 *                   talks to it directly, too: come here
 *   FLOW_DIRECT     segments of a server to one host that talks to it directly
 *   FLOW_SYN        SYNs to services, and from their servers: come here
 *   FLOW_SERVICE    all other segments to and from services, ICMP errors, and
 *                   ARP that names a service's address: come here
 *   FLOW_OTHER      whatever else is sent to, or from, a service's address
 *
 * A RST always comes here because it ends both directions, and the flow that
 * it would hit is only one.  A FIN does not come here.  The switch removes the
 * flow of its direction when nothing has followed for a while.  That does no
 * harm if the FIN was forged, since the connection stays known here (see
 * challenge.h).
 *
 * A SYN always comes here because it may open a new connection with an old
 * one's ports.  Matching on the SYN flag has another merit: a segment after
 * the handshake never hits what the datapath has cached for the handshake
 * itself. */

#include "handover.h"

struct flow_set;
struct ofpbuf;
struct ofputil_flow_removed;
struct ofputil_flow_stats;

enum flow_priority {
    FLOW_OTHER = 100,
    FLOW_SERVICE = 200,
    FLOW_SYN = 201,
    FLOW_DIRECT = 300,
    FLOW_WATCH = 350,
    FLOW_TO_CLIENT = 400,
    FLOW_TO_SERVER = 401,
    FLOW_FRAGMENT = 500,
};

/* Adds the flows that do not depend on connections. */
void flow_declare(struct hswitch *, struct flow_set *);

/* Install the flow for '*entry'; delete that flow; delete all flows of a
 * connection. */
void flow_install(struct ofswitch *, const struct entry *entry);
void flow_remove(struct ofswitch *, const struct entry *entry);
void flow_remove_id(struct ofswitch *, uint64_t id, bool watched);

/* Appends to 'ofpacts' the actions that rewrite a packet from 'in_port' for
 * the other side, and send it on through the rest of the pipeline. */
void flow_put_actions(const struct entry *entry, ofp_port_t in_port,
                      struct ofpbuf *ofpacts);

/* Fill in '*entry' from a flow that was found in the switch, or that it has
 * removed.  Of a removed one, only kind, id and match are filled in.  The kind
 * is ENTRY_NONE if the flow is no entry to be kept. */
void flow_parse(const struct ofputil_flow_stats *, struct entry *entry);
void flow_parse_removed(const struct ofputil_flow_removed *,
                        struct entry *entry);

/* Returns the id of the connection in 'cookie', or 0 if it has none. */
uint64_t flow_conn_id(uint64_t cookie);

/* Returns true if 'cookie' is that of a flow that watches a server. */
bool flow_is_watch(uint64_t cookie);

#endif /* flows.h */
