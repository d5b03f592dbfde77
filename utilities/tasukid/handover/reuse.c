/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "conn.h"

#include <stdlib.h>

#include "handshake.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/app.h"

/* A SYN that opens a connection with the ports of one that is there.
 *
 * Its sender may be the client, that is done with the old connection, or
 * anybody who can forge its address and port.  RFC 5961 section 4 tells them
 * apart: the SYN is answered by a challenge, an acknowledgment of the old
 * connection, and only a client that does not know that one any more answers
 * with a reset.  Once the switch forwards a connection it is the server who
 * knows what to acknowledge, so that the SYN goes there.  A server that does
 * not know the old connection either takes the SYN for what it is. */

/* How long the answer may take: long enough for a client to repeat its SYN
 * once or twice. */
#define CHALLENGE_TIMEOUT_MS 3000

void
conn_forget_syn(struct conn *conn)
{
    free(conn->syn);
    conn->syn = NULL;
}

void
conn_reopen(struct conn *conn)
{
    struct service *service = conn->service;
    struct tcp_segment *syn = conn->syn;
    ofp_port_t in_port = conn->client_port;
    bool installed = !conn->hs;

    conn->syn = NULL;
    if (conn->hs) {
        handshake_abort(conn, false);
    } else {
        conn_destroy(conn);
    }
    conn_open(service, in_port, syn, installed);
    free(syn);
}

/* Returns true if there is nobody left whom to ask. */
static bool
has_lost_server(const struct conn *conn)
{
    const struct member *m = conn->member;

    return m->configured && (!member_is_resolved(m) || member_has_failed(m));
}

void
conn_challenge(struct conn *conn, const struct packet_in *pi,
               const struct tcp_segment *syn)
{
    if (!token_bucket_withdraw(&conn->service->hsw->challenges, 1)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }
    conn_forget_syn(conn);
    conn->syn = xmemdup(syn, sizeof *syn);
    conn->syn->payload = NULL;
    conn->syn->len = 0;

    if (conn->state == CONN_SYN_SENT
        || (!conn->hs && has_lost_server(conn))) {
        conn_reopen(conn);
    } else if (conn->hs) {
        handshake_challenge(conn);
    } else {
        conn_forward(conn, CONN_TO_SERVER, pi->packet,
                     pi->flow.in_port.ofp_port);
        if (!conn->carried) {
            conn_set_timer(conn, time_msec() + CHALLENGE_TIMEOUT_MS);
        }
    }
}
