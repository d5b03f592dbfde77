/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "conn.h"

#include "flows.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/vlog.h"
#include "pair.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"

VLOG_DEFINE_THIS_MODULE(handover_adopt);

/* Takes up connections where the switch has them and the daemon does not, or
 * not any more: after a restart, or after the OpenFlow channel was lost.  All
 * that is needed to go on is in the flows themselves. */

/* Makes the member at 'address' and 'tp_port', with 'mac' at 'port', the one
 * that 'conn' has. */
static void
adopt_member(struct conn *conn, ovs_be32 address, ovs_be16 tp_port,
             struct eth_addr mac, ofp_port_t port)
{
    struct service *service = conn->service;
    bool shared = address == service->cfg->vip;
    struct member *found = NULL;

    for (size_t i = 0; i < service->cfg->n_members && !found; i++) {
        struct member *m = service->members[i];

        if (m->address == address && m->tp_port == tp_port
            && (!shared || member_is_source(m, mac, port))) {
            if (!member_is_resolved(m)) {
                member_set_location(m, mac, port);
            }
            found = member_ref(m);
        }
    }
    if (!found) {
        found = member_create_stray(service, address, tp_port);
    }
    conn_set_member(conn, found);
    member_unref(found);
    conn->member_mac = mac;
    conn->member_port = port;
}

static bool
adopt_to_server(struct hswitch *hsw, const struct flow_info *info,
                unsigned int age)
{
    struct service *service = service_lookup(hsw, info->ip_dst, info->tp_dst);
    if (!service) {
        return false;
    }

    struct conn *conn = conn_lookup_id(hsw, info->id);
    if (!conn) {
        if (conn_lookup(hsw, service, info->ip_src, info->tp_src)) {
            return false;
        }
        conn = conn_insert(service, info->ip_src, info->tp_src, info->id);
    }

    adopt_member(conn, info->new_ip_dst, info->new_tp_dst, info->new_eth_dst,
                 info->out_port);
    conn->created = time_msec() - age * 1000LL;
    conn->client_mac = info->eth_src;
    conn->client_port = info->in_port;
    conn->seq_delta = info->ack;
    conn->ts_delta = -info->tsecr;
    conn->client_wscale = info->wscale;
    conn->flows |= CONN_TO_SERVER;
    return true;
}

/* The client's end is in the addresses that the flow sets or leaves. */
static bool
adopt_to_client(struct hswitch *hsw, const struct flow_info *info)
{
    struct service *service = service_lookup(hsw, info->new_ip_src,
                                             info->new_tp_src);
    if (!service) {
        return false;
    }

    struct conn *conn = conn_lookup_id(hsw, info->id);
    if (!conn) {
        if (conn_lookup(hsw, service, info->ip_dst, info->tp_dst)) {
            return false;
        }
        conn = conn_insert(service, info->ip_dst, info->tp_dst, info->id);
    }
    if (!conn->member) {
        adopt_member(conn, info->ip_src, info->tp_src, info->eth_src,
                     info->in_port);
        conn->client_mac = info->new_eth_dst;
        conn->client_port = info->out_port;
        conn->seq_delta = -info->seq;
        conn->ts_delta = info->tsval;
    }
    conn->member_wscale = info->wscale;
    conn->flows |= CONN_TO_CLIENT;
    return true;
}

bool
conn_adopt_flow(struct hswitch *hsw, const struct ofputil_flow_stats *fs)
{
    struct flow_info info;

    flow_parse(fs, &info);
    if (info.kind == FLOW_KIND_DIRECT) {
        pair_adopt(hsw, &info);
        return true;
    } else if (info.kind == FLOW_KIND_CONN) {
        return (info.direction == CONN_TO_SERVER
                ? adopt_to_server(hsw, &info, fs->duration_sec)
                : adopt_to_client(hsw, &info));
    }
    return false;
}

/* The direction to the client may be the only one that is left, after the
 * client's FIN.  It says enough to go on with, but for the shift of the
 * client's windows, which seem smaller without.  The other direction alone
 * does not.
 *
 * Flows that watch a server were deleted: those found may be of connections
 * that are not there any more.  Now it is known which are needed. */
void
conn_adopt_done(struct hswitch *hsw)
{
    struct conn *conn;
    size_t n = 0;

    HMAP_FOR_EACH_SAFE (conn, node, &hsw->conns) {
        if (!(conn->flows & CONN_TO_CLIENT)) {
            conn_destroy(conn);
            continue;
        }
        bool moved = (conn->seq_delta || conn->ts_delta || conn->client_wscale
                      || conn->member_wscale);
        conn->state = moved ? CONN_MOVED : CONN_KEPT;
        pair_watch(conn, conn->member);
        conn_count(conn, HC_ADOPTED);
        n++;
    }
    if (n) {
        VLOG_INFO("%s: adopted %"PRIuSIZE" connections",
                  ofswitch_name(hsw->ofsw), n);
    }
}

