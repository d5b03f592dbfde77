/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handshake.h"

#include <stdlib.h>

#include "engine.h"
#include "packets.h"
#include "util.h"

/* Servers. */

void
peer_clear(struct peer *peer)
{
    member_unref(peer->m);
    memset(peer, 0, sizeof *peer);
}

/* A reset that a server accepts carries the very sequence number it expects
 * next (RFC 5961 section 3.2): nothing after the SYN has reached it, unless
 * what is held is being delivered to it. */
void
peer_reset(struct conn *conn, struct peer *peer)
{
    const struct handshake *hs = conn->hs;

    if (peer->m && peer->alive && member_is_resolved(peer->m)) {
        conn_send_to_member(conn, peer->m, &(struct tcp_segment) {
            .seq = (hs->target == peer
                    ? hs->hold.base + hs->snd_nxt + hs->fin_sent
                    : conn->client_isn + 1),
            .ack = peer->snd_nxt,
            .flags = TCP_RST | TCP_ACK,
            .tos = hs->tos,
        });
    }
    peer->alive = false;
}

void
peer_ack(struct conn *conn, struct peer *peer)
{
    const struct handshake *hs = conn->hs;

    conn_send_to_member(conn, peer->m, &(struct tcp_segment) {
        .seq = conn->client_isn + 1,
        .ack = peer->snd_nxt,
        .flags = TCP_ACK,
        .tos = hs->tos,
        .window = handshake_client_window(conn),
        .opts = {
            .present = peer->opts.present & TCP_OPT_TS,
            .tsval = hs->tsval,
            .tsecr = peer->tsval,
        },
    });
    peer->acked = true;
}

uint16_t
handshake_client_window(const struct conn *conn)
{
    return MIN((uint32_t) conn->hs->window << conn->client_wscale,
               UINT16_MAX);
}

void
handshake_clear_candidates(struct handshake *hs)
{
    for (size_t i = 0; i < hs->n_candidates; i++) {
        member_unref(hs->candidates[i]);
    }
    hs->n_candidates = hs->next_candidate = 0;
}

void
handshake_add_candidate(struct handshake *hs, struct member *m)
{
    if (hs->n_candidates < SERVICE_MAX_CANDIDATES) {
        hs->candidates[hs->n_candidates++] = member_ref(m);
    }
}

bool
handshake_involves(const struct conn *conn, const struct member *m)
{
    return m == conn->hs->first.m || m == conn->hs->second.m;
}

static bool
is_same_server(const struct member *a, const struct member *b)
{
    return (a && a->zone == b->zone && a->address == b->address
            && a->tp_port == b->tp_port && eth_addr_equals(a->mac, b->mac));
}

bool
conn_collides(const struct service *service, ovs_be32 client,
              ovs_be16 client_tp, const struct member *m)
{
    const struct service *other;

    LIST_FOR_EACH (other, node, &service->engine->services) {
        const struct conn *conn = (other == service ? NULL
                                   : conn_lookup(other, client, client_tp));
        if (conn
            && (is_same_server(conn->member, m)
                || (conn->hs && (is_same_server(conn->hs->first.m, m)
                                 || is_same_server(conn->hs->second.m, m))))) {
            return true;
        }
    }
    return false;
}

/* Client. */

void
handshake_reset_client(struct conn *conn)
{
    const struct handshake *hs = conn->hs;
    bool synchronized = conn->state != CONN_SYN_SENT;

    conn_send_to_client(conn, &(struct tcp_segment) {
        .seq = (hs->target ? hs->server_nxt - conn->seq_delta
                : synchronized ? hs->first.snd_nxt : 0),
        .ack = (synchronized ? tcp_hold_rcv_nxt(&hs->hold)
                : conn->client_isn + 1),
        .flags = TCP_RST | TCP_ACK,
    });
}

enum tcp_hold_result
handshake_hold(struct conn *conn, const struct tcp_segment *seg)
{
    enum tcp_hold_result result = tcp_hold_add(&conn->hs->hold, seg->seq,
                                               seg->payload, seg->len,
                                               seg->flags & TCP_FIN);

    if (result == TCP_HOLD_BEYOND || result == TCP_HOLD_FRAGMENTED) {
        conn_count(conn, HC_DROP_HOLD);
    }
    return result;
}

/* Life. */

void
handshake_set_state(struct conn *conn, enum conn_state state)
{
    struct service *service = conn->service;
    struct handshake *hs = conn->hs;

    conn->state = state;
    ovs_list_remove(&hs->node);
    if (state == CONN_SYN_SENT || state == CONN_SYN_RCVD) {
        ovs_list_push_back(&service->half_open, &hs->node);
    } else if (state == CONN_ESTABLISHED || state == CONN_INSPECT) {
        ovs_list_push_back(&service->waiting, &hs->node);
    } else {
        ovs_list_init(&hs->node);
    }
}

void
handshake_destroy(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (!hs) {
        return;
    }
    conn->hs = NULL;
    conn->service->n_in_progress--;
    conn->service->engine->shared->n_in_progress--;
    ovs_list_remove(&hs->node);
    handshake_clear_candidates(hs);
    peer_clear(&hs->first);
    peer_clear(&hs->second);
    tcp_hold_destroy(&hs->hold);
    judge_destroy(&hs->judge);
    service_config_unref(hs->cfg);
    free(hs);
}
