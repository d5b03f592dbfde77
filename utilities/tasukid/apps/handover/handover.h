/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_HANDOVER_H
#define TASUKID_HANDOVER_HANDOVER_H 1

/* The handover application: a connection to a service is accepted by one
 * server and continued by the one that its request asks for.
 *
 * This header is for the files of the application alone:
 *
 *   handover.c        callbacks of the application
 *   service-config.c  database rows to 'struct service_config'
 *   service.c         services, and choosing a server
 *   member.c          their servers
 *   rules.c           requests to servers
 *   neigh.c           ARP, with
 *   claim.c           hosts that claim to be elsewhere, and
 *   arp.c             its packets
 *   icmp.c            ICMP errors about segments of servers
 *   dispatch.c        segments to connections
 *   challenge.c       what says that a connection is over, checked
 *   conn.c            table of connections, timers
 *   handshake.c       a connection until the switch forwards it, with
 *   try.c             shaking hands with servers
 *   inspect.c         holding the request
 *   replay.c          handing the connection over
 *   flows.c           what ends up in the switch
 *   fragments.c       putting segments together that come in fragments
 *   adopt.c           and what is found there after a restart
 *   pair.c            hosts that talk to a server directly, too
 *   show.c            commands for ovs-appctl
 *
 * Everything runs in one thread. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/token-bucket.h"
#include "openvswitch/types.h"
#include "utilities/tasukid/protocol/tcp-hold.h"

struct dp_packet;
struct ofswitch;
struct service;

#define PIPE_APP_HANDOVER 0x56

/* What is counted, a service and a switch: X(ENUMERATOR, NAME, DESCRIPTION).
 * Those whose name begins with "drop_" count packets that went nowhere. */
#define HANDOVER_COUNTERS(X) \
    X(CONNECTIONS, "connections", "SYNs that opened a connection") \
    X(KEPT, "kept", "connections that stayed on the first server") \
    X(MOVED, "moved", "connections handed over to another server") \
    X(ADOPTED, "adopted", "connections found in the switch") \
    X(ORPHANS, "orphans", "connections joined in the middle") \
    X(FINISHED, "finished", "connections that left the switch again") \
    X(BY_RULE, "by_rule", "requests that a rule matched") \
    X(BY_DEFAULT, "by_default", "requests that no rule matched") \
    X(NOT_HTTP, "not_http", "first bytes that are no HTTP/1 request") \
    X(INSPECT_TIMEOUT, "inspect_timeout", "requests that took too long") \
    X(INSPECT_LIMIT, "inspect_limit", "requests with too long a head") \
    X(HELD_LIMIT, "held_limit", "not inspected for want of memory") \
    X(CLIENT_FIN, "client_fin", "clients that closed before a request") \
    X(SERVER_SPOKE, "server_spoke", "servers that spoke before a request") \
    X(OVERLOAD, "overload", "not inspected for too many connections") \
    X(REFUSED, "refused", "handshakes that a server refused") \
    X(SILENT, "silent", "handshakes that a server did not answer") \
    X(REPLAY_FAILED, "replay_failed", "stayed because no other answered") \
    X(NO_SERVER, "no_server", "connections that no server took") \
    X(CLIENT_RESET, "client_reset", "reset by the client before a choice") \
    X(SERVER_RESET, "server_reset", "reset by the first server before that") \
    X(HALF_OPEN_TIMEOUT, "half_open_timeout", "handshakes never finished") \
    X(IDLE_TIMEOUT, "idle_timeout", "clients that never sent anything") \
    X(EVICTED, "evicted", "half-open ones that made room for others") \
    X(DELIVER_FAILED, "deliver_failed", "held data never acknowledged") \
    X(TS_LOST, "ts_lost", "moved to a server without timestamps") \
    X(FRAG_NEEDED, "frag_needed", "clients told of a smaller MTU") \
    X(LATE_CLIENT, "late_client", "client segments that missed their flow") \
    X(LATE_SERVER, "late_server", "server segments that missed their flow") \
    X(REINSTALLED, "reinstalled", "flows installed again") \
    X(RELOCATED, "relocated", "hosts that moved to another port or MAC") \
    X(FLOW_FAILED, "flow_failed", "flows that the switch refused") \
    X(COLLIDED, "collided", "ports that a server has another use for") \
    X(CHALLENGES, "challenges", "servers asked if they have a connection") \
    X(DIRECT, "direct", "hosts that talk to a server directly") \
    X(ICMP, "icmp", "ICMP errors passed on to a server") \
    X(DROP_NOT_TCP, "drop_not_tcp", "not TCP over IPv4") \
    X(DROP_TRUNCATED, "drop_truncated", "longer than it is") \
    X(DROP_FRAGMENT, "drop_fragment", "IP fragments") \
    X(DROP_BAD_HEADER, "drop_bad_header", "impossible header") \
    X(DROP_BAD_CSUM, "drop_bad_csum", "wrong checksum") \
    X(DROP_CONN_LIMIT, "drop_conn_limit", "SYNs above max_connections") \
    X(DROP_HOLD, "drop_hold", "payload that could not be held") \
    X(DROP_UNEXPECTED, "drop_unexpected", "not acceptable in this state") \
    X(DROP_STALE, "drop_stale", "from a server no longer in charge") \
    X(DROP_ORPHAN, "drop_orphan", "segments without a connection") \
    X(DROP_LOCATION, "drop_location", "from where ARP found nobody") \
    X(DROP_NO_SERVER, "drop_no_server", "SYNs while there is no server") \
    X(DROP_ICMP, "drop_icmp", "ICMP errors about no connection") \
    X(DROP_ARP, "drop_arp", "ARP that claims a service's address")

enum handover_counter {
#define HANDOVER_COUNTER_ENUM(ENUMERATOR, NAME, DESCRIPTION) HC_##ENUMERATOR,
    HANDOVER_COUNTERS(HANDOVER_COUNTER_ENUM)
#undef HANDOVER_COUNTER_ENUM
    HC_N
};

const char *handover_counter_name(enum handover_counter);
const char *handover_counter_description(enum handover_counter);

/* How long the datapath may take to notice that flows were deleted.  Until
 * then segments that they match come and go as if they were still there. */
#define HANDOVER_DATAPATH_WAIT_MS 50

/* The application on one switch. */
struct hswitch {
    struct ofswitch *ofsw;
    struct ovs_list services;   /* Contains 'struct service's. */
    struct hmap vips;           /* The same, by address and port. */
    struct hmap members;        /* Contains 'struct member's, by the same. */

    struct hmap conns;          /* Contains 'struct conn's, by 4-tuple. */
    struct hmap conn_ids;       /* The same, by id. */
    struct hmap pairs;          /* Contains 'struct pair's. */
    size_t n_direct;            /* Those that have a flow. */
    struct token_bucket new_direct; /* Limits adding such flows. */
    struct token_bucket orphans; /* Limits joining in the middle. */
    struct token_bucket challenges; /* Limits what challenge.h is about. */
    struct token_bucket checks; /* Limits asking where clients are. */

    struct ovs_list claims;     /* Contains 'struct claim's. */
    struct hmap neighs;         /* Contains 'struct neigh'es, by address. */
    struct ovs_list neigh_lru;  /* The same, oldest first. */
    struct ovs_list askers;     /* Contains 'struct asker's, oldest first. */

    uint64_t counters[HC_N];    /* What concerns no particular service. */
};

/* Limits of the whole daemon. */
struct handover_limits {
    struct tcp_hold_budget held;    /* Payload. */
    uint32_t n_in_progress;         /* Connections not handed over yet. */
    uint32_t max_in_progress;
};
extern struct handover_limits handover_limits;

/* Counts an event for 'service', or for the switch if that is null. */
void handover_count(struct hswitch *, struct service *, enum handover_counter);

/* Sends 'packet' out of 'port', or wherever the forwarding table has its
 * destination if 'port' is OFPP_NONE, and frees it. */
void hswitch_send(struct hswitch *, struct dp_packet *packet,
                  ofp_port_t port);

/* Passes on 'packet', which came in on 'in_port' and stays the caller's, as if
 * it were none of ours. */
void hswitch_pass(struct hswitch *, const struct dp_packet *packet,
                  ofp_port_t in_port);

#endif /* handover.h */
