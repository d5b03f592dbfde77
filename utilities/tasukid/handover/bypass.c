/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "bypass.h"

#include <stdlib.h>

#include "dp-packet.h"
#include "flows.h"
#include "hash.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/app.h"
#include "utilities/tasukid/ofswitch.h"

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

static struct bypass *
bypass_insert(struct hswitch *hsw, const struct bypass *key)
{
    struct bypass *b = xmemdup(key, sizeof *key);

    hmap_insert(&hsw->bypasses, &b->node, hash_bypass(b));
    return b;
}

static void
bypass_forget(struct hswitch *hsw, struct bypass *b)
{
    hmap_remove(&hsw->bypasses, &b->node);
    free(b);
}

/* A SYN-ACK that waits for the datapath. */
struct kept_packet {
    struct ovs_list node;       /* In hswitch's 'kept_packets'. */
    struct dp_packet *packet;
    ofp_port_t in_port;
    long long int when;         /* To send it, in ms. */
};

/* Such coincidences are rare, and a server repeats its SYN-ACK. */
#define MAX_KEPT_PACKETS 64

void
bypasses_init(struct hswitch *hsw)
{
    hmap_init(&hsw->bypasses);
    ovs_list_init(&hsw->kept_packets);
    token_bucket_init(&hsw->new_bypasses, 1, 1000);
}

void
bypasses_destroy(struct hswitch *hsw)
{
    struct kept_packet *kept;
    struct bypass *b;

    LIST_FOR_EACH_POP (kept, node, &hsw->kept_packets) {
        dp_packet_delete(kept->packet);
        free(kept);
    }
    HMAP_FOR_EACH_SAFE (b, node, &hsw->bypasses) {
        bypass_forget(hsw, b);
    }
    hmap_destroy(&hsw->bypasses);
}

static struct kept_packet *
oldest_kept_packet(const struct hswitch *hsw)
{
    return (ovs_list_is_empty(&hsw->kept_packets) ? NULL
            : CONTAINER_OF(ovs_list_front(&hsw->kept_packets),
                           struct kept_packet, node));
}

void
bypasses_run(struct hswitch *hsw)
{
    struct kept_packet *kept;
    struct tcp_segment seg;

    while ((kept = oldest_kept_packet(hsw)) && time_msec() >= kept->when) {
        ovs_list_remove(&kept->node);
        if (tcp_segment_parse(kept->packet, &seg) == TCP_SEGMENT_OK) {
            bypass_start(hsw, kept->packet, kept->in_port, &seg);
        }
        dp_packet_delete(kept->packet);
        free(kept);
    }
}

void
bypasses_wait(struct hswitch *hsw)
{
    const struct kept_packet *kept = oldest_kept_packet(hsw);

    if (kept) {
        poll_timer_wait_until(kept->when);
    }
}

void
bypass_replace(struct hswitch *hsw, const struct dp_packet *packet,
               ofp_port_t in_port)
{
    if (ovs_list_size(&hsw->kept_packets) >= MAX_KEPT_PACKETS) {
        return;
    }

    struct kept_packet *kept = xmalloc(sizeof *kept);
    kept->packet = dp_packet_clone(packet);
    kept->in_port = in_port;
    kept->when = time_msec() + HANDOVER_DATAPATH_WAIT_MS;
    ovs_list_push_back(&hsw->kept_packets, &kept->node);
}

/* Has the switch pass on what 'key' stands for.  FIN and RST still come here,
 * to tell when the ports can be used otherwise. */
static void
install(struct hswitch *hsw, const struct bypass *key, uint16_t flags)
{
    struct bypass *b = bypass_lookup(hsw, key);
    bool closing = flags & (TCP_FIN | TCP_RST);

    if (!b) {
        /* After a reset there is nothing left to keep away. */
        if (flags & TCP_RST || hmap_count(&hsw->bypasses) >= MAX_BYPASSES
            || !token_bucket_withdraw(&hsw->new_bypasses, 1)) {
            return;
        }
        handover_count(hsw, NULL, HC_BYPASSED);
        b = bypass_insert(hsw, key);
    } else if (b->closing == closing && !(flags & TCP_SYN)) {
        return;
    }
    b->closing = closing;
    flow_install_bypass(hsw, b);
}

void
bypass_start(struct hswitch *hsw, const struct dp_packet *packet,
             ofp_port_t in_port, const struct tcp_segment *seg)
{
    install(hsw, &(struct bypass) {
        .client = seg->ip_dst,
        .client_tp = seg->tp_dst,
        .server = seg->ip_src,
        .server_tp = seg->tp_src,
    }, seg->flags);

    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(&ofpacts);
    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = PIPE_MIRROR;
    ofswitch_packet_out(hsw->ofsw, packet, in_port, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static struct bypass *
lookup_for(const struct conn *conn, const struct member *m)
{
    return bypass_lookup(conn->service->hsw, &(struct bypass) {
        .client = conn->client,
        .client_tp = conn->client_tp,
        .server = m->address,
        .server_tp = m->tp_port,
    });
}

bool
bypass_is_alive(const struct conn *conn, const struct member *m)
{
    const struct bypass *b = lookup_for(conn, m);

    return b && !b->closing;
}

bool
bypass_remove_for(const struct conn *conn, const struct member *m)
{
    struct hswitch *hsw = conn->service->hsw;
    struct bypass *b = lookup_for(conn, m);

    if (!b) {
        return false;
    }
    flow_delete_bypass(hsw, b);
    bypass_forget(hsw, b);
    return true;
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
