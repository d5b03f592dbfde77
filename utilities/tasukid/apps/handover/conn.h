/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_CONN_H
#define TASUKID_HANDOVER_CONN_H 1

/* Connections of clients to services.
 *
 * 'struct conn' is all that is kept of a connection once the switch forwards
 * it.  Until then 'struct handshake' hangs from it. */

#include "handover.h"
#include "heap.h"
#include "service.h"
#include "utilities/tasukid/protocol/tcp-hold.h"
#include "utilities/tasukid/protocol/tcp-segment.h"

struct ds;
struct ofputil_flow_removed;
struct ofputil_flow_stats;
struct packet_in;

/* NEW is a state that nobody ever sees a connection in, and in DONE it does
 * not exist any more. */
enum conn_state {
    CONN_SYN_SENT,              /* Trying servers for the handshake. */
    CONN_SYN_RCVD,              /* Client was sent the SYN-ACK: half open. */
    CONN_ESTABLISHED,           /* Client has not sent payload. */
    CONN_INSPECT,               /* Holding payload, no decision. */
    CONN_REPLAY,                /* Shaking hands with the chosen server. */
    CONN_DELIVER,               /* Until the server has what we ACKed. */
    CONN_KEPT,                  /* In the switch, on the first server. */
    CONN_MOVED,                 /* In the switch, on another server. */
};

const char *conn_state_name(enum conn_state);

/* The entries of a connection in the switch. */
enum conn_direction {
    CONN_TO_SERVER = 1 << 0,
    CONN_TO_CLIENT = 1 << 1,
    CONN_BOTH = CONN_TO_SERVER | CONN_TO_CLIENT,
};

struct conn {
    struct hmap_node node;      /* In hswitch's 'conns'. */
    struct hmap_node id_node;   /* In hswitch's 'conn_ids'. */
    struct heap_node timer;     /* In 'timers' if 'timer_set'. */
    struct service *service;
    struct member *member;      /* Owns a reference.  Null until chosen. */
    struct member *first;       /* That shook hands first, for display.  Owns
                                 * a reference.  Null if not known. */
    struct handshake *hs;       /* Null once the switch forwards. */
    struct pair *pair;          /* Of the client and 'member' if that has its
                                 * own address, else null. */
    struct ovs_list pair_node;  /* In pair's 'conns'. */
    struct challenge *challenge; /* Of what says that the connection is over,
                                 * or null. */
    uint64_t id;                /* Lower bits of the cookie. */
    long long int created;      /* In ms. */
    long long int installed;    /* In ms, of the flows, when last. */
    long long int expires;      /* In ms, when to forget it without flows. */
    uint64_t n_bytes;           /* Of flows that were removed. */

    ovs_be32 client;
    ovs_be16 client_tp;
    uint8_t state;              /* enum conn_state. */
    uint8_t flows : 4;          /* CONN_TO_*: in the switch. */
    uint8_t closing : 4;        /* CONN_TO_*: a FIN came here. */
    bool orphan;                /* Joined in the middle. */
    bool carried;               /* By packet-ins: flows were refused. */
    bool watched;               /* There are FLOW_WATCH flows. */
    bool timer_set;
    bool has_isn;
    uint32_t client_isn;

    /* Layer 2, where the client and 'member' are. */
    struct eth_addr client_mac;
    struct eth_addr member_mac;
    ofp_port_t client_port;
    ofp_port_t member_port;
    ovs_be16 vlan_tci;

    /* What lies between the client and 'member' (see replay.c). */
    int8_t client_wscale;       /* Shift of the client's windows. */
    int8_t member_wscale;       /* Shift of the member's windows. */
    uint32_t seq_delta;         /* D: member's stream minus client's view. */
    uint32_t ts_delta;          /* T: client's view minus member's clock. */
};

void conns_init(struct hswitch *);
void conns_destroy(struct hswitch *);

/* Expires timers of all connections of all switches. */
void conns_run(void);
void conns_wait(void);

/* Ends all connections of 'service' and takes their flows out of the
 * switch. */
void conns_flush_service(struct service *);

/* Handles a segment to a service. */
void conn_from_client(struct hswitch *, struct service *,
                      const struct packet_in *);

/* Handles a segment from an address and port where 'm' and perhaps others
 * are. */
void conn_from_server(struct hswitch *, struct member *m,
                      const struct packet_in *);

/* Flows. */
void conn_flow_removed(struct hswitch *, const struct ofputil_flow_removed *);
void conn_flow_failed(struct hswitch *, uint64_t cookie);
bool conn_adopt_flow(struct hswitch *, const struct ofputil_flow_stats *);
void conn_adopt_done(struct hswitch *);

struct conn *conn_lookup(const struct hswitch *, const struct service *,
                         ovs_be32 client, ovs_be16 client_tp);
struct conn *conn_lookup_id(const struct hswitch *, uint64_t id);

/* Returns true if a connection to another service than 'service' has the
 * client's address and port, and 'm' or another member that is the same
 * server: at that server they would be one connection. */
bool conn_collides(const struct service *, ovs_be32 client,
                   ovs_be16 client_tp, const struct member *m);

/* For the files that make up a connection's life. */

/* Creates a connection without handshake in state CONN_KEPT, or with one in
 * CONN_SYN_SENT. */
struct conn *conn_create(struct service *, ofp_port_t in_port,
                         const struct tcp_segment *, bool handshake);

/* Opens a connection for '*syn' from 'in_port' if there is room.  'replaces'
 * is as for handshake_start(). */
void conn_open(struct service *, ofp_port_t in_port,
               const struct tcp_segment *syn, bool replaces);

/* Creates an empty record with the given id. */
struct conn *conn_insert(struct service *, ovs_be32 client,
                         ovs_be16 client_tp, uint64_t id);

/* '*seg', in 'pi', of a connection that is in the switch came here all the
 * same: passes it on, and sees to it that its flow is there. */
void conn_late(struct conn *, enum conn_direction, const struct packet_in *pi,
               const struct tcp_segment *seg);

/* The client or the server of a connection that is in the switch is at another
 * MAC address or port: moves its flows there. */
void conn_relocate(struct conn *);

/* Takes the flows of a connection out of the switch and goes on without. */
void conn_uninstall(struct conn *);

/* Ends a connection: forgets it, its handshake, its flows.  conn_finish() is
 * for the one whose end is like any other's. */
void conn_destroy(struct conn *);
void conn_finish(struct conn *);

/* Has conn_timeout() called at 'when', in ms; or not at all. */
void conn_set_timer(struct conn *, long long int when);
void conn_cancel_timer(struct conn *);

/* Sets the timer of a connection without handshake for what comes next. */
void conn_update_timer(struct conn *);

/* Makes 'm' the server of 'conn', at its present location. */
void conn_set_member(struct conn *, struct member *m);

/* Installs the flows of 'directions'. */
void conn_install(struct conn *, enum conn_direction directions);

/* Does to 'packet', which came in on 'in_port', what the flow of 'direction'
 * would have done. */
void conn_forward(struct conn *, enum conn_direction direction,
                  const struct dp_packet *packet, ofp_port_t in_port);

/* Sends a segment that '*seg' describes to the client, to the connection's
 * server, or to 'm', and fills in its addresses and ports first. */
void conn_send_to_client(struct conn *, struct tcp_segment *seg);
void conn_send_to_server(struct conn *, struct tcp_segment *seg);
void conn_send_to_member(struct conn *, const struct member *m,
                         struct tcp_segment *seg);

void conn_count(struct conn *, enum handover_counter);

/* Formats one line about 'conn'. */
void conn_format(const struct conn *, struct ds *);

#endif /* conn.h */
