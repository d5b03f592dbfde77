/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "entry.h"

#include "conn.h"
#include "util.h"

/* How long an entry stays without traffic after FIN, in seconds.  Later
 * segments find no entry, but still the connection (see forwarded.c). */
#define FIN_IDLE_TIMEOUT 10

/* The same for an orphan: a connection whose handshake nobody saw, and that
 * may not exist. */
#define ORPHAN_IDLE_TIMEOUT 10

static uint16_t
idle_timeout(const struct conn *conn, enum conn_direction direction)
{
    uint16_t timeout = conn->service->cfg->idle_timeout;

    if (conn->orphan) {
        timeout = MIN(timeout, ORPHAN_IDLE_TIMEOUT);
    }
    if (conn->closing & direction) {
        timeout = MIN(timeout, FIN_IDLE_TIMEOUT);
    }
    return timeout;
}

static void
to_server(const struct conn *conn, struct entry *entry)
{
    const struct service_config *cfg = conn->service->cfg;

    *entry = (struct entry) {
        .kind = ENTRY_TO_SERVER,
        .in_port = conn->client_port,
        .eth_src = conn->client_mac,
        .ip_src = conn->client,
        .ip_dst = cfg->vip,
        .tp_src = conn->client_tp,
        .tp_dst = cfg->port,
        .new_eth_dst = conn->member_mac,
        .new_ip_src = conn->client,
        .new_ip_dst = conn->member->address,
        .new_tp_src = conn->client_tp,
        .new_tp_dst = conn->member->tp_port,
        .out_port = conn->member_port,
        .ack = conn->seq_delta,
        .tsecr = -conn->ts_delta,
        .wscale = conn->client_wscale,
    };
}

/* The MAC address tells servers that share an address apart. */
static void
to_client(const struct conn *conn, struct entry *entry)
{
    const struct service_config *cfg = conn->service->cfg;

    *entry = (struct entry) {
        .kind = ENTRY_TO_CLIENT,
        .in_port = conn->member_port,
        .eth_src = conn->member_mac,
        .ip_src = conn->member->address,
        .ip_dst = conn->client,
        .tp_src = conn->member->tp_port,
        .tp_dst = conn->client_tp,
        .new_eth_dst = conn->client_mac,
        .new_ip_src = cfg->vip,
        .new_ip_dst = conn->client,
        .new_tp_src = cfg->port,
        .new_tp_dst = conn->client_tp,
        .out_port = conn->client_port,
        .seq = -conn->seq_delta,
        .tsval = conn->ts_delta,
        .wscale = conn->member_wscale,
    };
}

void
entry_for_conn(const struct conn *conn, enum conn_direction direction,
               struct entry *entry)
{
    if (direction == CONN_TO_SERVER) {
        to_server(conn, entry);
    } else {
        to_client(conn, entry);
    }
    entry->id = conn->id;
    entry->zone = conn->service->cfg->zone;
    entry->new_eth_src = conn->service->cfg->mac;
    entry->idle_timeout = idle_timeout(conn, direction);
    entry->fin_idle_timeout = FIN_IDLE_TIMEOUT;
}

void
entry_for_watch(const struct conn *conn, const struct member *m,
                struct entry *entry)
{
    *entry = (struct entry) {
        .kind = ENTRY_WATCH,
        .id = conn->id,
        .zone = conn->service->cfg->zone,
        .in_port = OFPP_NONE,
        .ip_src = m->address,
        .ip_dst = conn->client,
        .tp_src = m->tp_port,
        .tp_dst = conn->client_tp,
    };
}
