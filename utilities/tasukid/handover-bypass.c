/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handover-bypass.h"

#include <stdlib.h>

#include "app.h"
#include "handover-flow.h"
#include "hash.h"
#include "ofswitch.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* Most direct connections to keep track of, a switch.  What exceeds that is
 * passed on packet by packet. */
#define MAX_BYPASSES 65536

static uint32_t
hash_bypass(const struct bypass *key)
{
    return hash_3words((OVS_FORCE uint32_t) key->client,
                       (OVS_FORCE uint32_t) key->server,
                       (OVS_FORCE uint32_t) key->client_tp << 16
                       | (OVS_FORCE uint32_t) key->server_tp);
}

static struct bypass *
bypass_lookup(const struct hswitch *hsw, const struct bypass *key)
{
    struct bypass *b;

    HMAP_FOR_EACH_WITH_HASH (b, node, hash_bypass(key), &hsw->bypasses) {
        if (b->client == key->client && b->client_tp == key->client_tp
            && b->server == key->server && b->server_tp == key->server_tp) {
            return b;
        }
    }
    return NULL;
}

static void
bypass_insert(struct hswitch *hsw, const struct bypass *key)
{
    struct bypass *b = xmemdup(key, sizeof *key);

    hmap_insert(&hsw->bypasses, &b->node, hash_bypass(b));
}

static void
bypass_forget(struct hswitch *hsw, struct bypass *b)
{
    hmap_remove(&hsw->bypasses, &b->node);
    free(b);
}

void
bypasses_init(struct hswitch *hsw)
{
    hmap_init(&hsw->bypasses);
}

void
bypasses_destroy(struct hswitch *hsw)
{
    struct bypass *b;

    HMAP_FOR_EACH_SAFE (b, node, &hsw->bypasses) {
        bypass_forget(hsw, b);
    }
    hmap_destroy(&hsw->bypasses);
}

void
bypass_start(struct hswitch *hsw, const struct packet_in *pi,
             const struct tcp_segment *seg)
{
    struct bypass key = {
        .client = seg->ip_dst,
        .client_tp = seg->tp_dst,
        .server = seg->ip_src,
        .server_tp = seg->tp_src,
    };

    if (!bypass_lookup(hsw, &key)
        && hmap_count(&hsw->bypasses) < MAX_BYPASSES) {
        handover_count(hsw, NULL, HC_BYPASSED);
        bypass_insert(hsw, &key);
        flow_install_bypass(hsw, &key);
    }

    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(&ofpacts);
    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = PIPE_MIRROR;
    ofswitch_packet_out(hsw->ofsw, pi->packet, pi->flow.in_port.ofp_port,
                        &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

void
bypass_remove_for(const struct conn *conn, const struct member *m)
{
    struct hswitch *hsw = conn->service->hsw;
    struct bypass *b = bypass_lookup(hsw, &(struct bypass) {
        .client = conn->client,
        .client_tp = conn->client_tp,
        .server = m->address,
        .server_tp = m->tp_port,
    });

    if (b) {
        flow_delete_bypass(hsw, b);
        bypass_forget(hsw, b);
    }
}

void
bypass_flow_removed(struct hswitch *hsw, const struct ofputil_flow_removed *fr)
{
    const struct flow *flow = &fr->match.flow;
    struct bypass *b = bypass_lookup(hsw, &(struct bypass) {
        .client = flow->nw_dst,
        .client_tp = flow->tp_dst,
        .server = flow->nw_src,
        .server_tp = flow->tp_src,
    });

    if (b) {
        bypass_forget(hsw, b);
    }
}

void
bypass_adopt(struct hswitch *hsw, const struct flow_info *info)
{
    struct bypass key = {
        .client = info->ip_dst,
        .client_tp = info->tp_dst,
        .server = info->ip_src,
        .server_tp = info->tp_src,
    };

    if (!bypass_lookup(hsw, &key)) {
        bypass_insert(hsw, &key);
    }
}
