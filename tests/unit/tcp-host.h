/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TCP_HOST_H
#define TCP_HOST_H 1

/* A host with a small TCP of its own: one connection at a time, no options,
 * segments judged as RFC 9293 section 3.10.7 and RFC 5961 have it.  A client
 * opens the connection; a server accepts whatever comes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "utilities/tasukid/protocol/tcp-segment.h"

enum tcp_host_state {
    HOST_CLOSED,                /* For a server: LISTEN. */
    HOST_SYN_SENT,
    HOST_SYN_RCVD,
    HOST_ESTABLISHED,           /* And all that comes after. */
    HOST_TIME_WAIT,
};

struct tcp_host {
    bool server;
    uint32_t iss;               /* Of the next connection. */
    void (*send)(struct tcp_host *, struct tcp_segment);
    int number;                 /* For 'send'. */

    enum tcp_host_state state;
    uint32_t snd_una, snd_nxt, rcv_nxt;
    bool fin_sent, fin_rcvd;
    char out[1024];             /* What was said, from number 'iss' + 1 on. */
    size_t n_out;
    char in[1024];              /* What was heard; null-terminated. */
    size_t n_in;

    /* What became of connections. */
    int n_opened;
    int n_reset;
};

void tcp_host_init(struct tcp_host *, bool server, int number, uint32_t iss,
                   void (*send)(struct tcp_host *, struct tcp_segment));

void tcp_host_connect(struct tcp_host *);

/* Sends 'text', or a FIN. */
void tcp_host_say(struct tcp_host *, const char *text);
void tcp_host_close(struct tcp_host *);

/* Forgets the connection and tells nobody. */
void tcp_host_forget(struct tcp_host *);

/* Ends it with a reset. */
void tcp_host_abort(struct tcp_host *);

void tcp_host_receive(struct tcp_host *, const struct tcp_segment *);

/* Sends again what was not acknowledged. */
void tcp_host_timeout(struct tcp_host *);

#endif /* tcp-host.h */
