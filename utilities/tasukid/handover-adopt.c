/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handover-conn.h"

#include "handover-bypass.h"
#include "handover-flow.h"
#include "ofswitch.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(handover_adopt);

/* Takes up connections where the switch has them and the daemon does not, or
 * not any more: after a restart, or after the OpenFlow channel was lost.  All
 * that is needed to go on is in the flows themselves. */

/* Returns the member that 'info', of a flow to a server, leads to. */
static struct member *
adopt_member(struct service *service, const struct flow_info *info)
{
    bool shared = info->new_ip_dst == service->cfg->vip;

    for (size_t i = 0; i < service->cfg->n_members; i++) {
        struct member *m = service->members[i];

        if (m->address == info->new_ip_dst && m->tp_port == info->new_tp_dst
            && (!shared
                || member_is_source(m, info->new_eth_dst, info->out_port))) {
            if (!member_is_resolved(m)) {
                member_set_location(m, info->new_eth_dst, info->out_port);
            }
            return member_ref(m);
        }
    }
    return member_create_stray(service, info->new_ip_dst, info->new_tp_dst);
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

    struct member *m = adopt_member(service, info);
    conn_set_member(conn, m);
    member_unref(m);
    conn->member_mac = info->new_eth_dst;
    conn->member_port = info->out_port;
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
    conn->member_wscale = info->wscale;
    conn->flows |= CONN_TO_CLIENT;
    return true;
}

bool
conn_adopt_flow(struct hswitch *hsw, const struct ofputil_flow_stats *fs)
{
    struct flow_info info;

    flow_parse(fs, &info);
    if (info.kind == FLOW_KIND_BYPASS) {
        bypass_adopt(hsw, &info);
        return true;
    } else if (info.kind == FLOW_KIND_CONN) {
        return (info.direction == CONN_TO_SERVER
                ? adopt_to_server(hsw, &info, fs->duration_sec)
                : adopt_to_client(hsw, &info));
    }
    return false;
}

/* One direction alone does not say enough to go on with. */
void
conn_adopt_done(struct hswitch *hsw)
{
    struct conn *conn;
    size_t n = 0;

    HMAP_FOR_EACH_SAFE (conn, node, &hsw->conns) {
        if (conn->flows != CONN_BOTH) {
            conn_destroy(conn);
            continue;
        }
        bool moved = (conn->seq_delta || conn->ts_delta || conn->client_wscale
                      || conn->member_wscale);
        conn->state = moved ? CONN_MOVED : CONN_KEPT;
        conn_count(conn, HC_ADOPTED);
        n++;
    }
    if (n) {
        VLOG_INFO("%s: adopted %"PRIuSIZE" connections",
                  ofswitch_name(hsw->ofsw), n);
    }
}

