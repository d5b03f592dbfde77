/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_HANDSHAKE_H
#define TASUKID_HANDOVER_HANDSHAKE_H 1

/* A connection from its SYN until the switch forwards it.
 *
 *   handshake.c  its life, and what to do with which segment
 *   try.c        shaking hands with servers
 *   inspect.c    holding the request and choosing a server
 *   replay.c     handing the connection over */

#include "conn.h"
#include "judge.h"
#include "openvswitch/list.h"

/* One server's end of the connection. */
struct peer {
    struct member *m;           /* Owns a reference.  Null if none. */
    bool alive;                 /* Answered the SYN, has not reset. */
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
    struct tcp_options client_opts; /* Of its SYN, without what we take out. */
    uint16_t syn_flags;         /* TCP_ECE and TCP_CWR of its SYN. */
    uint16_t syn_window;
    uint16_t window;            /* Latest, as in the header. */
    uint16_t told_mss;          /* In the SYN-ACK that the client got. */
    uint8_t tos;
    bool spoke;                 /* ACKed the SYN-ACK. */
    uint32_t tsval;             /* Latest. */
    uint32_t tsecr;             /* The one that came with it. */

    /* Servers: the one that shook hands with the client first, and the one
     * that was chosen if it is another. */
    struct peer first;
    struct peer second;

    /* Those to try, in this order. */
    struct member *candidates[SERVICE_MAX_CANDIDATES];  /* Own references. */
    uint8_t n_candidates;
    uint8_t next_candidate;

    /* Trying one. */
    uint8_t n_resets;           /* Answers that belong to older connections. */
    bool refused;               /* Some server did. */
    bool watching;              /* See watch() in try.c. */
    bool contested;             /* It has another use for these ports. */
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

/* handshake.c */

/* Opens a connection for the SYN in '*seg'.  'replaces' says that the switch
 * has just been told to forget another one with the same ports. */
void handshake_start(struct conn *, const struct tcp_segment *seg,
                     bool replaces);

/* Frees conn->hs.  Sends nothing. */
void handshake_destroy(struct conn *);

/* Handle a segment from the client, or from 'm'. */
void handshake_from_client(struct conn *, const struct packet_in *,
                           const struct tcp_segment *seg);
void handshake_from_server(struct conn *, struct member *m,
                           const struct packet_in *,
                           const struct tcp_segment *seg);

/* Returns true if 'm' is a server that knows of the connection. */
bool handshake_involves(const struct conn *, const struct member *m);

/* Returns true if '*seg', a reset from the client, is not a forged one. */
bool handshake_accepts_reset(const struct conn *,
                             const struct tcp_segment *seg);

/* The connection's timer expired. */
void handshake_timeout(struct conn *);

/* Ends the connection, with a reset to every server that knows of it, and to
 * the client if it 'tell_client'. */
void handshake_abort(struct conn *, bool tell_client);

/* Changes conn->state of a connection with a handshake. */
void handshake_set_state(struct conn *, enum conn_state);

/* Sends a reset to the client, from the service. */
void handshake_reset_client(struct conn *);

/* Change which servers to try: none, or one more at the end. */
void handshake_clear_candidates(struct handshake *);
void handshake_add_candidate(struct handshake *, struct member *);

/* try.c */

/* In states CONN_SYN_SENT and CONN_REPLAY: sends the SYN to the next server to
 * try.  If there is none left, ends the connection or stays on the first
 * server. */
void handshake_try_next(struct conn *);

/* A segment from the server that is being tried.  Returns true if it is the
 * SYN-ACK, or what was waited for after that, and it is noted in the peer. */
bool handshake_try_from_server(struct conn *, const struct packet_in *,
                               const struct tcp_segment *seg);
void handshake_try_timeout(struct conn *);

/* The switch has no room to watch the server that is being tried. */
void handshake_not_watched(struct conn *);

/* Fills in '*syn' with what the client said, as far as it still holds: to the
 * first server, what all servers can go on with, to another one what the first
 * agreed to. */
void handshake_compose_syn(const struct conn *, struct tcp_segment *syn);

/* Resets whatever connection 'm', the sender of '*seg', which does not fit
 * ours, has in mind (RFC 9293 section 3.10.7.3, first check). */
void handshake_reset_sender(struct conn *, const struct member *m,
                            const struct tcp_segment *seg);

/* Sends 'peer' a reset, or the handshake's last ACK; forgets it. */
void peer_reset(struct conn *, struct peer *);
void peer_ack(struct conn *, struct peer *);
void peer_clear(struct peer *);

/* inspect.c */

/* Handles a segment from the client in states CONN_ESTABLISHED and
 * CONN_INSPECT. */
void handshake_inspect(struct conn *, const struct packet_in *,
                       const struct tcp_segment *seg);

/* Acknowledges to the client what was acknowledged before. */
void handshake_challenge(struct conn *);

/* Ends inspection without looking any further. */
void handshake_decide_default(struct conn *, enum handover_counter why);

/* Holds what '*seg' carries. */
enum tcp_hold_result handshake_hold(struct conn *, const struct tcp_segment *seg);

/* replay.c */

/* Returns the client's window as a server sees it behind the flow. */
uint16_t handshake_client_window(const struct conn *);

/* In state CONN_REPLAY: starts to shake hands with one of the candidates, or
 * hands the connection over to the first server if that is the best of them or
 * if there are none. */
void replay_start(struct conn *);

/* Hands the connection over to the first server. */
void replay_keep(struct conn *);

/* '*seg' is the SYN-ACK of 'hs->second': hand the connection over to it. */
void replay_move(struct conn *);

/* In state CONN_DELIVER. */
void replay_from_server(struct conn *, const struct packet_in *,
                        const struct tcp_segment *seg);
void replay_timeout(struct conn *);

#endif /* handshake.h */
