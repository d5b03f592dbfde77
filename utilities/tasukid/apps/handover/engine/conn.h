/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_CONN_H
#define TASUKID_HANDOVER_CONN_H 1

/* Connections of clients to services.
 *
 * 'struct conn' is all that is kept of a connection once the owner forwards
 * it.  Until then 'struct handshake' hangs from it. */

#include "engine.h"
#include "service.h"

/* The states NEW and DONE need no value: a connection is never seen in NEW,
 * and does not exist any more in DONE. */
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

struct conn {
    struct hmap_node node;      /* In engine's 'conns'. */
    struct hmap_node id_node;   /* In engine's 'conn_ids'. */
    struct heap_node timer;     /* In 'timers' if 'timer_set'. */
    struct service *service;
    struct member *member;      /* Owns a reference.  Null until chosen. */
    struct member *first;       /* Shook hands first, for display.  Owns a
                                 * reference.  Null if not known. */
    struct handshake *hs;       /* Null once it is forwarded. */
    struct pair *pair;          /* Of the client and 'member' if that has its
                                 * own address, else null. */
    struct ovs_list pair_node;  /* In pair's 'conns'. */
    struct challenge *challenge; /* Asks whether the connection is over.  Null
                                  * if nothing says so. */
    uint64_t id;                /* Lower bits of the cookie. */
    long long int created;      /* In ms. */
    long long int installed;    /* In ms, the flows, last time. */
    long long int expires;      /* In ms, when to forget it without flows. */
    uint64_t n_bytes;           /* Of flows that were removed. */

    ovs_be32 client;
    ovs_be16 client_tp;
    uint8_t state;              /* enum conn_state. */
    uint8_t flows : 4;          /* CONN_TO_*: installed. */
    uint8_t closing : 4;        /* CONN_TO_*: a FIN came here. */
    bool orphan;                /* Joined in the middle. */
    bool carried;               /* By packet-ins: flows were refused. */
    bool watched;               /* There are ENTRY_WATCH entries. */
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

static inline long long int
conn_now(const struct conn *conn)
{
    return conn->service->engine->now;
}

void conn_count(struct conn *, enum handover_counter);
void conn_tell(const struct conn *, enum conn_news);

/* Table. */

struct conn *conn_lookup(const struct service *, ovs_be32 client,
                         ovs_be16 client_tp);
struct conn *conn_lookup_id(const struct engine *, uint64_t id);

/* Creates a connection in state CONN_KEPT without handshake, or in state
 * CONN_SYN_SENT with one. */
struct conn *conn_create(struct service *, ofp_port_t in_port,
                         const struct tcp_segment *, bool handshake);

/* Creates an empty record with the given id. */
struct conn *conn_insert(struct service *, ovs_be32 client,
                         ovs_be16 client_tp, uint64_t id);

/* Frees 'conn', of which nothing else may be left. */
void conn_remove(struct conn *);

/* Makes 'm' the server of 'conn', at its present location. */
void conn_set_member(struct conn *, struct member *m);

/* Timers. */

/* Set when something is due, in ms; or that nothing is. */
void conn_set_timer(struct conn *, long long int when);
void conn_cancel_timer(struct conn *);

/* Returns the connection whose timer is next, and its time in '*when', or
 * null. */
struct conn *conn_next_timer(const struct engine *, long long int *when);

/* Sending. */

/* Fill in the addresses and ports of '*seg' and send it to the client, to the
 * connection's server, or to 'm'. */
void conn_send_to_client(struct conn *, struct tcp_segment *seg);
void conn_send_to_server(struct conn *, struct tcp_segment *seg);
void conn_send_to_member(struct conn *, const struct member *m,
                         struct tcp_segment *seg);

/* Does to '*in' what the entry of 'direction' would have done. */
void conn_forward(struct conn *, enum conn_direction direction,
                  const struct segment_in *in);

/* Entries. */

/* Installs the entries of 'directions'. */
void conn_install(struct conn *, enum conn_direction directions);

/* Removes all entries of the connection. */
void conn_remove_entries(struct conn *);

/* Gives entries that are installed from now on another id, so that a message
 * about removed ones is not taken for one about them. */
void conn_renew_id(struct conn *);

/* Notes that 'conn' was last seen 'ms' ago. */
void conn_seen(struct conn *, long long int ms);

#endif /* conn.h */
