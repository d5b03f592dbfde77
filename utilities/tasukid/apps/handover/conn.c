/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "conn.h"

#include <stdlib.h>

#include "challenge.h"
#include "dp-packet.h"
#include "flows.h"
#include "handshake.h"
#include "hash.h"
#include "neigh.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "pair.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/ofswitch.h"

VLOG_DEFINE_THIS_MODULE(handover_conn);

/* A segment that comes here although its connection is in the switch was
 * overtaken by the flow, or the datapath has not noticed the flow yet.  When
 * that still happens after this time, the flow is not there. */
#define LATE_MS 1000

/* How long after one direction's flow that of the other expires, too, if both
 * have seen FIN: what the switch takes to notice. */
#define OTHER_FLOW_MS 2000

/* How often to try again to get a flow into a switch that refused it. */
#define RETRY_MS 5000

/* Most timers to handle before the rest of the daemon gets its turn. */
#define MAX_TIMEOUTS_PER_RUN 256

/* All connections of all switches that wait for something, by time. */
static struct heap timers = { NULL, 0, 0 };

/* Ids of connections: never 0, and greater than those that an earlier run of
 * the daemon left in the switch. */
static uint64_t next_id;

const char *
conn_state_name(enum conn_state state)
{
    switch (state) {
    case CONN_SYN_SENT: return "SYN_SENT";
    case CONN_SYN_RCVD: return "SYN_RCVD";
    case CONN_ESTABLISHED: return "ESTABLISHED";
    case CONN_INSPECT: return "INSPECT";
    case CONN_REPLAY: return "REPLAY";
    case CONN_DELIVER: return "DELIVER";
    case CONN_KEPT: return "KEPT";
    case CONN_MOVED: return "MOVED";
    default: OVS_NOT_REACHED();
    }
}

void
conn_count(struct conn *conn, enum handover_counter counter)
{
    handover_count(conn->service->hsw, conn->service, counter);
}

/* Table. */

static uint32_t
hash_conn(ovs_be32 client, ovs_be16 client_tp, ovs_be32 vip, ovs_be16 port)
{
    return hash_3words((OVS_FORCE uint32_t) client, (OVS_FORCE uint32_t) vip,
                       (OVS_FORCE uint32_t) client_tp << 16
                       | (OVS_FORCE uint32_t) port);
}

struct conn *
conn_lookup(const struct hswitch *hsw, const struct service *service,
            ovs_be32 client, ovs_be16 client_tp)
{
    uint32_t hash = hash_conn(client, client_tp, service->cfg->vip,
                              service->cfg->port);
    struct conn *conn;

    HMAP_FOR_EACH_WITH_HASH (conn, node, hash, &hsw->conns) {
        if (conn->client == client && conn->client_tp == client_tp
            && conn->service == service) {
            return conn;
        }
    }
    return NULL;
}

static bool
is_same_server(const struct member *a, const struct member *b)
{
    return (a && a->address == b->address && a->tp_port == b->tp_port
            && eth_addr_equals(a->mac, b->mac));
}

bool
conn_collides(const struct service *service, ovs_be32 client,
              ovs_be16 client_tp, const struct member *m)
{
    const struct service *other;

    LIST_FOR_EACH (other, node, &service->hsw->services) {
        const struct conn *conn = (other == service ? NULL
                                   : conn_lookup(service->hsw, other, client,
                                                 client_tp));
        if (conn
            && (is_same_server(conn->member, m)
                || (conn->hs && (is_same_server(conn->hs->first.m, m)
                                 || is_same_server(conn->hs->second.m, m))))) {
            return true;
        }
    }
    return false;
}

struct conn *
conn_lookup_id(const struct hswitch *hsw, uint64_t id)
{
    struct conn *conn;

    HMAP_FOR_EACH_WITH_HASH (conn, id_node, hash_uint64(id),
                             &hsw->conn_ids) {
        if (conn->id == id) {
            return conn;
        }
    }
    return NULL;
}

static void
insert_id(struct conn *conn, uint64_t id)
{
    conn->id = id;
    hmap_insert(&conn->service->hsw->conn_ids, &conn->id_node,
                hash_uint64(id));
}

static uint64_t
new_id(void)
{
    if (!next_id) {
        /* Leaves room for 256 connections a millisecond. */
        next_id = (uint64_t) time_wall_msec() << 8;
    }
    return next_id++ & ((UINT64_C(1) << 52) - 1);
}

struct conn *
conn_insert(struct service *service, ovs_be32 client, ovs_be16 client_tp,
            uint64_t id)
{
    struct hswitch *hsw = service->hsw;
    struct conn *conn = xzalloc(sizeof *conn);

    conn->service = service;
    conn->created = time_msec();
    conn->client = client;
    conn->client_tp = client_tp;
    conn->member_port = OFPP_NONE;
    hmap_insert(&hsw->conns, &conn->node,
                hash_conn(client, client_tp, service->cfg->vip,
                          service->cfg->port));
    insert_id(conn, id);
    return conn;
}

struct conn *
conn_create(struct service *service, ofp_port_t in_port,
            const struct tcp_segment *seg, bool handshake)
{
    struct conn *conn = conn_insert(service, seg->ip_src, seg->tp_src,
                                    new_id());

    conn->client_mac = seg->eth_src;
    conn->client_port = in_port;
    conn->vlan_tci = seg->vlan_tci;
    if (handshake) {
        conn->state = CONN_SYN_SENT;
        conn->client_isn = seg->seq;
        conn->has_isn = true;
    } else {
        conn->state = CONN_KEPT;
    }
    return conn;
}

/* Forgets 'conn' and leaves its flows alone. */
static void
conn_forget(struct conn *conn)
{
    struct hswitch *hsw = conn->service->hsw;

    handshake_destroy(conn);
    challenge_destroy(conn);
    conn_cancel_timer(conn);
    conn_set_member(conn, NULL);
    member_unref(conn->first);
    if (conn->orphan) {
        conn->service->n_orphans--;
    }
    hmap_remove(&hsw->conns, &conn->node);
    hmap_remove(&hsw->conn_ids, &conn->id_node);
    free(conn);
}

void
conn_destroy(struct conn *conn)
{
    if (conn->flows || conn->watched) {
        flow_delete(conn);
    }
    conn_forget(conn);
}

void
conn_set_member(struct conn *conn, struct member *m)
{
    if (conn->member) {
        conn->member->n_conns--;
        member_unref(conn->member);
    }
    conn->member = member_ref(m);
    pair_join(conn, m);
    if (m) {
        m->n_conns++;
        conn->member_mac = m->mac;
        conn->member_port = m->port;
    }
}

void
conns_flush_service(struct service *service)
{
    struct conn *conn;

    HMAP_FOR_EACH_SAFE (conn, node, &service->hsw->conns) {
        if (conn->service == service) {
            if (conn->hs) {
                handshake_abort(conn, true);
            } else {
                conn_destroy(conn);
            }
        }
    }
}

/* Timers.  The heap has the greatest priority first. */

void
conn_set_timer(struct conn *conn, long long int when)
{
    uint64_t priority = UINT64_MAX - MAX(when, 0);

    if (conn->timer_set) {
        heap_change(&timers, &conn->timer, priority);
    } else {
        heap_insert(&timers, &conn->timer, priority);
        conn->timer_set = true;
    }
}

void
conn_cancel_timer(struct conn *conn)
{
    if (conn->timer_set) {
        heap_remove(&timers, &conn->timer);
        conn->timer_set = false;
    }
}

static long long int
next_timeout(void)
{
    return (heap_is_empty(&timers) ? LLONG_MAX
            : UINT64_MAX - heap_max(&timers)->priority);
}

/* After their handshake only connections that are challenged, or that have no
 * flows, have a timer. */
void
conn_update_timer(struct conn *conn)
{
    if (conn->hs) {
        return;
    }

    long long int when = challenge_when(conn);
    if (!conn->flows || conn->carried) {
        when = MIN(when, conn->expires);
    }
    if (when != LLONG_MAX) {
        conn_set_timer(conn, when);
    } else {
        conn_cancel_timer(conn);
    }
}

static void
conn_timeout(struct conn *conn)
{
    if (conn->hs) {
        handshake_timeout(conn);
        return;
    }
    if (time_msec() >= conn->expires) {
        if (!conn->flows) {
            /* One of those that were refused may be there. */
            conn->flows = conn->carried ? CONN_BOTH : 0;
            conn_finish(conn);
            return;
        }
        /* If flows were refused before, they were not any more when they were
         * installed last. */
        conn->carried = false;
    }
    if (challenge_run(conn)) {
        conn_update_timer(conn);
    }
}

void
conns_run(void)
{
    long long int now = time_msec();

    for (int i = 0; i < MAX_TIMEOUTS_PER_RUN && next_timeout() <= now; i++) {
        struct conn *conn = CONTAINER_OF(heap_max(&timers), struct conn,
                                         timer);
        conn_cancel_timer(conn);
        conn_timeout(conn);
    }
}

void
conns_wait(void)
{
    if (!heap_is_empty(&timers)) {
        poll_timer_wait_until(next_timeout());
    }
}

void
conns_init(struct hswitch *hsw)
{
    hmap_init(&hsw->conns);
    hmap_init(&hsw->conn_ids);

    /* A restart makes orphans of the connections that were in progress: so
     * many at once, and one a millisecond. */
    token_bucket_init(&hsw->orphans, 1, 1000);
    token_bucket_init(&hsw->challenges, 1, 1000);
}

void
conns_destroy(struct hswitch *hsw)
{
    struct conn *conn;

    HMAP_FOR_EACH_SAFE (conn, node, &hsw->conns) {
        conn_forget(conn);
    }
    hmap_destroy(&hsw->conns);
    hmap_destroy(&hsw->conn_ids);
}

/* Sending. */

void
conn_send_to_client(struct conn *conn, struct tcp_segment *seg)
{
    const struct service_config *cfg = conn->service->cfg;

    seg->eth_src = cfg->mac;
    seg->eth_dst = conn->client_mac;
    seg->vlan_tci = conn->vlan_tci;
    seg->ip_src = cfg->vip;
    seg->tp_src = cfg->port;
    seg->ip_dst = conn->client;
    seg->tp_dst = conn->client_tp;
    hswitch_send(conn->service->hsw, tcp_segment_compose(seg),
                 conn->client_port);
}

void
conn_send_to_server(struct conn *conn, struct tcp_segment *seg)
{
    seg->eth_src = conn->service->cfg->mac;
    seg->eth_dst = conn->member_mac;
    seg->vlan_tci = conn->vlan_tci;
    seg->ip_src = conn->client;
    seg->tp_src = conn->client_tp;
    seg->ip_dst = conn->member->address;
    seg->tp_dst = conn->member->tp_port;
    hswitch_send(conn->service->hsw, tcp_segment_compose(seg),
                 conn->member_port);
}

void
conn_send_to_member(struct conn *conn, const struct member *m,
                    struct tcp_segment *seg)
{
    seg->eth_src = conn->service->cfg->mac;
    seg->eth_dst = m->mac;
    seg->vlan_tci = conn->vlan_tci;
    seg->ip_src = conn->client;
    seg->tp_src = conn->client_tp;
    seg->ip_dst = m->address;
    seg->tp_dst = m->tp_port;
    hswitch_send(conn->service->hsw, tcp_segment_compose(seg), m->port);
}

/* Flows. */

void
conn_install(struct conn *conn, enum conn_direction directions)
{
    if (directions & CONN_TO_CLIENT) {
        flow_install(conn, CONN_TO_CLIENT);
    }
    if (directions & CONN_TO_SERVER) {
        flow_install(conn, CONN_TO_SERVER);
    }
    conn->flows |= directions;
    conn->installed = time_msec();
}

void
conn_forward(struct conn *conn, enum conn_direction direction,
             const struct dp_packet *packet, ofp_port_t in_port)
{
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    flow_put_actions(conn, direction, in_port, &ofpacts);
    ofswitch_packet_out(conn->service->hsw->ofsw, packet, in_port, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Notes that 'conn' was last seen 'ms' ago. */
static void
conn_seen(struct conn *conn, long long int ms)
{
    conn->expires = MAX(conn->expires,
                        (time_msec() - ms
                         + conn->service->cfg->idle_timeout * 1000LL));
}

/* Returns true if '*seg' may be what a server says in TIME-WAIT when it is
 * asked whether it has the connection.  There is no need for flows because of
 * that.  If the client does not deny the connection either, the next answer is
 * a reason to have flows again. */
static bool
is_last_word(const struct conn *conn, enum conn_direction direction,
             const struct tcp_segment *seg)
{
    return (direction == CONN_TO_CLIENT && !conn->flows
            && seg->flags == TCP_ACK && !seg->len
            && challenge_is_first(conn));
}

/* SYN and RST always come here.  They are judged where they go to. */
static void
pass_on(struct conn *conn, enum conn_direction direction,
        const struct packet_in *pi, const struct tcp_segment *seg)
{
    if (!challenge_allows(conn)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }
    conn_forward(conn, direction, pi->packet, pi->flow.in_port.ofp_port);
    if (seg->flags & TCP_RST && !conn->orphan) {
        challenge_server(conn, 0);
    }
}

void
conn_late(struct conn *conn, enum conn_direction direction,
          const struct packet_in *pi, const struct tcp_segment *seg)
{
    conn_count(conn, direction == CONN_TO_SERVER ? HC_LATE_CLIENT
                     : HC_LATE_SERVER);
    if (challenge_has_ended(conn)) {
        conn_count(conn, HC_DROP_STALE);
        return;
    }
    if (seg->flags & (TCP_SYN | TCP_RST)) {
        pass_on(conn, direction, pi, seg);
        return;
    }
    conn_forward(conn, direction, pi->packet, pi->flow.in_port.ofp_port);
    if (is_last_word(conn, direction, seg)) {
        return;
    }

    /* A flow that expired while the connection was quiet; one that somebody
     * deleted; one that the switch had no room for; or one that has not seen
     * that it is about to end. */
    long long int wait = conn->carried ? RETRY_MS : LATE_MS;
    bool closing = seg->flags & TCP_FIN && !(conn->closing & direction);
    if (closing) {
        conn->closing |= direction;
    }
    if (closing || time_msec() >= conn->installed + wait) {
        conn_count(conn, HC_REINSTALLED);
        conn_install(conn, conn->carried ? CONN_BOTH : direction);
    }
    if (conn->carried) {
        conn_seen(conn, 0);
        conn_update_timer(conn);
    }
}

/* The flows get another id, so that the end of those that were deleted is not
 * taken for theirs. */
static void
renew_id(struct conn *conn)
{
    hmap_remove(&conn->service->hsw->conn_ids, &conn->id_node);
    insert_id(conn, new_id());
}

void
conn_relocate(struct conn *conn)
{
    conn_count(conn, HC_RELOCATED);
    flow_delete(conn);
    renew_id(conn);
    conn->watched = pair_watch(conn, conn->member);
    conn_install(conn, CONN_BOTH);
}

void
conn_uninstall(struct conn *conn)
{
    flow_delete(conn);
    renew_id(conn);
    conn->watched = pair_watch(conn, conn->member);
    conn->flows = 0;
    conn_seen(conn, 0);
    conn_update_timer(conn);
}

static void
conn_log_end(const struct conn *conn)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(600, 100);

    if (!VLOG_DROP_DBG(&rl)) {
        struct ds ds = DS_EMPTY_INITIALIZER;
        conn_format(conn, &ds);
        VLOG_DBG("done: %s", ds_cstr(&ds));
        ds_destroy(&ds);
    }
}

void
conn_finish(struct conn *conn)
{
    conn_count(conn, HC_FINISHED);
    conn_log_end(conn);
    conn_destroy(conn);
}

/* One direction may be quiet for good, after FIN, while the other one still
 * has something to say.  Once both are, the connection is over if they were
 * quiet for as long as a connection may be.  If not, because a FIN cut that
 * short, it may have been anybody's: the server is asked.  So it is if the
 * other direction lives on, which has not seen the end if somebody was quiet
 * for long amid it. */
void
conn_flow_removed(struct hswitch *hsw, const struct ofputil_flow_removed *fr)
{
    uint64_t cookie = ntohll(fr->cookie);

    if (flow_is_direct(cookie)) {
        pair_flow_removed(hsw, fr);
        return;
    }

    struct conn *conn = conn_lookup_id(hsw, flow_conn_id(cookie));
    if (!conn || conn->hs) {
        return;
    }

    enum conn_direction direction = (fr->priority == FLOW_TO_SERVER
                                     ? CONN_TO_SERVER : CONN_TO_CLIENT);
    conn->flows &= ~direction;
    conn->closing &= ~direction;
    if (fr->byte_count != UINT64_MAX) {
        conn->n_bytes += fr->byte_count;
    }
    conn_seen(conn, (fr->reason == OFPRR_IDLE_TIMEOUT
                     ? fr->idle_timeout * 1000LL : 0));
    if (conn->carried) {
        return;
    }
    bool quiet = time_msec() >= conn->expires;
    if (!conn->flows && (quiet || conn->orphan)) {
        conn_finish(conn);
    } else if (!quiet && !conn->orphan) {
        challenge_server(conn, conn->flows ? OTHER_FLOW_MS : 0);
    }
}

/* Without room in the switch the connection is carried by packet-ins, and its
 * end noticed by a timer. */
void
conn_flow_failed(struct hswitch *hsw, uint64_t cookie)
{
    struct conn *conn = conn_lookup_id(hsw, flow_conn_id(cookie));

    if (conn && flow_is_watch(cookie)) {
        conn_count(conn, HC_FLOW_FAILED);
        if (conn->hs) {
            handshake_not_watched(conn);
        }
    } else if (conn && !conn->hs) {
        conn_count(conn, HC_FLOW_FAILED);
        conn->flows = 0;
        conn->carried = true;
        conn_seen(conn, 0);
        conn_update_timer(conn);
    }
}

void
conn_format(const struct conn *conn, struct ds *ds)
{
    const struct service_config *cfg = conn->service->cfg;

    ds_put_format(ds, IP_FMT":%"PRIu16" %s %s", IP_ARGS(conn->client),
                  ntohs(conn->client_tp), cfg->name,
                  conn_state_name(conn->state));
    if (conn->first) {
        ds_put_format(ds, " %s", conn->first->name);
    }
    if (conn->member && conn->member != conn->first) {
        ds_put_format(ds, " -> %s", conn->member->name);
    }
    if (conn->state == CONN_MOVED) {
        ds_put_format(ds, " D=%"PRId32" T=%"PRId32" W=%d",
                      (int32_t) conn->seq_delta, (int32_t) conn->ts_delta,
                      conn->member_wscale);
    }
    if (conn->client_wscale) {
        ds_put_format(ds, " client_wscale=%d", conn->client_wscale);
    }
    ds_put_format(ds, " age=%.3fs", (time_msec() - conn->created) / 1000.0);
    if (conn->hs) {
        ds_put_format(ds, " held=%"PRIu32,
                      tcp_hold_contiguous(&conn->hs->hold));
    }
    if (conn->n_bytes) {
        ds_put_format(ds, " bytes=%"PRIu64, conn->n_bytes);
    }
}
