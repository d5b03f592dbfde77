/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ending.h"

#include <stdlib.h>

#include "challenge.h"
#include "engine.h"
#include "inspect.h"
#include "life.h"
#include "machine.h"
#include "packets.h"
#include "util.h"

/* Returns true if the server may well be gone. */
static bool
has_lost_server(const struct conn *conn)
{
    const struct member *m = conn->member;

    return m->configured && (!member_is_resolved(m) || member_has_failed(m));
}

void
ending_syn(struct conn *conn, const struct tcp_segment *syn)
{
    if (!challenge_allows(conn)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }

    struct challenge *c = conn->challenge;
    if (c->denied) {
        c->syn = xmemdup(syn, sizeof *syn);
        ending_end(conn);
        return;
    }
    if (!challenge_has_syn(conn)) {
        c->deadline = conn_now(conn) + CHALLENGE_TIMEOUT_MS;
        c->silent = !conn->hs && has_lost_server(conn);
        if (c->silent && conn->flows) {
            /* Whatever the server says comes here now. */
            conn_uninstall(conn);
        }
    }
    free(c->syn);
    c->syn = xmemdup(syn, sizeof *syn);
    c->syn->payload = NULL;
    c->syn->len = 0;

    if (!conn->hs) {
        challenge_ask_in(conn, 0);
    } else if (conn->state != CONN_SYN_SENT) {
        inspect_ack_again(conn);
    }
}

void
ending_end(struct conn *conn)
{
    struct service *service = conn->service;
    struct challenge *c = conn->challenge;
    ofp_port_t in_port = conn->client_port;
    bool installed = conn->flows || c->denied;
    struct tcp_segment *syn = c->syn;

    if (!syn && conn->flows) {
        /* If the client soon opens another connection with these ports, it has
         * to wait until the datapath has noticed. */
        conn_uninstall(conn);
        c->denied = true;
        c->next = LLONG_MAX;
        c->deadline = conn_now(conn) + ENTRY_REMOVAL_MS;
        challenge_update_timer(conn);
        return;
    }
    c->syn = NULL;
    if (conn->hs) {
        conn_abort(conn, false);
    } else {
        conn_finish(conn);
    }
    if (syn) {
        machine_open(service, in_port, syn, installed);
        free(syn);
    }
}

bool
ending_run(struct conn *conn)
{
    const struct challenge *c = conn->challenge;

    if (c && conn_now(conn) >= c->deadline && (c->silent || c->denied)) {
        ending_end(conn);
        return false;
    }
    challenge_run(conn);
    return true;
}
