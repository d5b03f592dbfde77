/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_HANDSHAKE_H
#define TASUKID_HANDOVER_HANDSHAKE_H 1

/* What is known of a connection from its SYN until it is forwarded.  machine.c
 * and the files that it calls work on it. */

#include "conn.h"
#include "judge.h"
#include "openvswitch/list.h"

/* One server's end of the connection. */
struct peer {
    struct member *m;           /* Owns a reference.  Null if none. */
    bool alive;                 /* Answered the SYN, no reset since. */
    bool acked;                 /* Was sent the handshake's last ACK. */
    uint16_t flags;             /* Of its SYN-ACK. */
    uint8_t tos;                /* The same. */
    uint32_t isn;
    uint32_t snd_nxt;           /* What we acknowledge next. */
    uint32_t tsval;             /* Latest. */
    uint16_t window;            /* Latest, as in the header. */
    struct tcp_options opts;    /* Of its SYN-ACK. */
};

struct handshake {
    struct ovs_list node;       /* In service's 'half_open' or 'waiting'. */
    struct conn *conn;
    struct service_config *cfg; /* Owns a reference. */

    /* Client. */
    struct tcp_options client_opts; /* Of its SYN, but for those removed. */
    uint16_t syn_flags;         /* TCP_ECE and TCP_CWR of its SYN. */
    uint16_t syn_window;
    uint16_t window;            /* Latest, as in the header. */
    uint16_t told_mss;          /* In the SYN-ACK that the client got. */
    uint8_t tos;
    bool spoke;                 /* ACKed the SYN-ACK. */
    uint32_t tsval;             /* Latest. */
    uint32_t tsecr;             /* The one that came with it. */

    /* Servers: the one that shook hands with the client first, and the chosen
     * one if it is another. */
    struct peer first;
    struct peer second;

    /* Servers to try, in this order. */
    struct member *candidates[SERVICE_MAX_CANDIDATES];  /* Own references. */
    uint8_t n_candidates;
    uint8_t next_candidate;

    /* Trying one. */
    uint8_t n_resets;           /* Answers about older connections. */
    bool refused;               /* Some server did. */
    bool watching;              /* See watch() in try.c. */
    bool contested;             /* Its direct connection may have the ports. */
    int rto;                    /* In ms. */
    long long int not_before;   /* In ms, send a SYN. */
    long long int deadline;     /* In ms. */

    /* Request. */
    long long int inspect_deadline; /* In ms. */
    struct tcp_hold hold;
    struct judge judge;

    /* Delivery, as offsets into 'hold'. */
    struct peer *target;        /* '&first' or '&second'. */
    uint32_t acked;             /* What we acknowledged to the client. */
    uint32_t snd_una;           /* What the server acknowledged. */
    uint32_t snd_nxt;           /* What it was sent. */
    uint32_t snd_wnd;           /* Its window, in bytes. */
    bool fin_sent;              /* After that. */
    uint32_t server_nxt;        /* What it sends next, in its numbers. */
};

/* Frees conn->hs.  Sends nothing. */
void handshake_destroy(struct conn *);

/* Changes conn->state of a connection with a handshake. */
void handshake_set_state(struct conn *, enum conn_state);

/* Returns true if 'm' is a server that knows of the connection. */
bool handshake_involves(const struct conn *, const struct member *m);

/* Returns true if a connection to another service than 'service' has the
 * client's address and port and the same server as 'm'.  At that server the
 * two would be one connection. */
bool conn_collides(const struct service *, ovs_be32 client,
                   ovs_be16 client_tp, const struct member *m);

/* Change which servers to try: none, or one more at the end. */
void handshake_clear_candidates(struct handshake *);
void handshake_add_candidate(struct handshake *, struct member *);

/* Holds what '*seg' carries. */
enum tcp_hold_result handshake_hold(struct conn *,
                                    const struct tcp_segment *seg);

/* Returns the client's window as a server sees it behind the entry. */
uint16_t handshake_client_window(const struct conn *);

/* Sends a reset to the client, from the service. */
void handshake_reset_client(struct conn *);

/* Send 'peer' a reset, or the handshake's last ACK; forget it. */
void peer_reset(struct conn *, struct peer *);
void peer_ack(struct conn *, struct peer *);
void peer_clear(struct peer *);

#endif /* handshake.h */
