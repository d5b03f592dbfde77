/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "pair.h"

#include <stdlib.h>

#include "flows.h"
#include "hash.h"
#include "openvswitch/ofp-monitor.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

/* Most hosts and servers with a flow for direct connections, a switch.  What
 * exceeds that is passed on packet by packet. */
#define MAX_DIRECT 65536

/* When segments still come here after this time, the flow is not there: the
 * switch may have had no room. */
#define RETRY_MS 5000

static uint32_t
hash_pair(ovs_be32 client, ovs_be32 server, ovs_be16 server_tp)
{
    return hash_3words((OVS_FORCE uint32_t) client,
                       (OVS_FORCE uint32_t) server,
                       (OVS_FORCE uint32_t) server_tp);
}

static struct pair *
pair_lookup(const struct hswitch *hsw, ovs_be32 client, ovs_be32 server,
            ovs_be16 server_tp)
{
    struct pair *p;

    HMAP_FOR_EACH_WITH_HASH (p, node, hash_pair(client, server, server_tp),
                             &hsw->pairs) {
        if (p->client == client && p->server == server
            && p->server_tp == server_tp) {
            return p;
        }
    }
    return NULL;
}

static struct pair *
pair_get(struct hswitch *hsw, ovs_be32 client, ovs_be32 server,
         ovs_be16 server_tp)
{
    struct pair *p = pair_lookup(hsw, client, server, server_tp);

    if (!p) {
        p = xzalloc(sizeof *p);
        p->client = client;
        p->server = server;
        p->server_tp = server_tp;
        ovs_list_init(&p->conns);
        hmap_insert(&hsw->pairs, &p->node,
                    hash_pair(client, server, server_tp));
    }
    return p;
}

static void
pair_set_direct(struct hswitch *hsw, struct pair *p, bool direct)
{
    hsw->n_direct += direct - p->direct;
    p->direct = direct;
}

/* Forgets '*p' if there is nothing to remember. */
static void
pair_release(struct hswitch *hsw, struct pair *p)
{
    if (!p->direct && ovs_list_is_empty(&p->conns)) {
        hmap_remove(&hsw->pairs, &p->node);
        free(p);
    }
}

void
pairs_init(struct hswitch *hsw)
{
    hmap_init(&hsw->pairs);
    token_bucket_init(&hsw->new_direct, 1, 1000);
}

void
pairs_destroy(struct hswitch *hsw)
{
    struct pair *p;

    HMAP_FOR_EACH_SAFE (p, node, &hsw->pairs) {
        pair_set_direct(hsw, p, false);
        pair_release(hsw, p);
    }
    hmap_destroy(&hsw->pairs);
}

/* Connections by way of a service. */

static bool
has_own_address(const struct conn *conn, const struct member *m)
{
    return m->address != conn->service->cfg->vip;
}

void
pair_join(struct conn *conn, const struct member *m)
{
    struct hswitch *hsw = conn->service->hsw;
    struct pair *old = conn->pair;

    if (old) {
        ovs_list_remove(&conn->pair_node);
        conn->pair = NULL;
    }
    if (m && has_own_address(conn, m)) {
        conn->pair = pair_get(hsw, conn->client, m->address, m->tp_port);
        ovs_list_push_back(&conn->pair->conns, &conn->pair_node);
    }
    if (old) {
        pair_release(hsw, old);
    }
}

bool
pair_watch(struct conn *conn, const struct member *m)
{
    const struct pair *p = pair_lookup(conn->service->hsw, conn->client,
                                       m->address, m->tp_port);

    if (!p || !p->direct) {
        return false;
    }
    flow_install_watch(conn, m);
    conn->watched = true;
    return true;
}

void
pair_unwatch(struct conn *conn, const struct member *m)
{
    if (conn->watched && has_own_address(conn, m)) {
        flow_delete_watch(conn, m);
    }
}

/* Direct connections. */

static void
set_direct(struct hswitch *hsw, const struct tcp_segment *seg)
{
    struct pair *p = pair_lookup(hsw, seg->ip_dst, seg->ip_src, seg->tp_src);
    struct conn *conn;

    if (p && p->direct) {
        if (time_msec() < p->installed + RETRY_MS) {
            return;
        }
    } else {
        /* After a reset there is nothing left to let pass. */
        if (seg->flags & TCP_RST || hsw->n_direct >= MAX_DIRECT
            || !token_bucket_withdraw(&hsw->new_direct, 1)) {
            return;
        }
        handover_count(hsw, NULL, HC_DIRECT);
        p = pair_get(hsw, seg->ip_dst, seg->ip_src, seg->tp_src);
        pair_set_direct(hsw, p, true);
    }

    /* First what must not pass. */
    LIST_FOR_EACH (conn, pair_node, &p->conns) {
        pair_watch(conn, conn->member);
    }
    flow_install_direct(hsw, p);
    p->installed = time_msec();
}

void
pair_pass(struct hswitch *hsw, const struct dp_packet *packet,
          ofp_port_t in_port, const struct tcp_segment *seg)
{
    set_direct(hsw, seg);
    hswitch_pass(hsw, packet, in_port);
}

void
pair_flow_removed(struct hswitch *hsw, const struct ofputil_flow_removed *fr)
{
    const struct flow *flow = &fr->match.flow;
    struct pair *p = pair_lookup(hsw, flow->nw_dst, flow->nw_src,
                                 flow->tp_src);

    if (p) {
        pair_set_direct(hsw, p, false);
        pair_release(hsw, p);
    }
}

void
pair_adopt(struct hswitch *hsw, const struct flow_info *info)
{
    struct pair *p = pair_get(hsw, info->ip_dst, info->ip_src, info->tp_src);

    pair_set_direct(hsw, p, true);
    p->installed = time_msec();
}
