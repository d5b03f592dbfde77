/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "handover-handshake.h"

#include <stdlib.h>

#include "app.h"
#include "dp-packet.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(handover_handshake);

/* First retransmission of a SYN of ours.  Servers are near, or slow in a way
 * that waiting does not help against; what happened to take longer than this
 * costs no more than a duplicate. */
#define SYN_RTO_MS 200

/* How soon to try again while a server's MAC address is being asked for. */
#define RESOLVE_RETRY_MS 20

/* How long a client may take to finish its handshake: three retransmissions of
 * the SYN-ACK. */
#define HALF_OPEN_TIMEOUT_MS 8000

/* How often to reset an older connection that a server has with the same
 * ports, before it is regarded as silent. */
#define MAX_RESETS 3

/* How far beyond what was acknowledged a client may send. */
#define MAX_CLIENT_WINDOW (1 << 20)

/* Peers. */

void
peer_clear(struct peer *peer)
{
    member_unref(peer->m);
    memset(peer, 0, sizeof *peer);
}

/* A reset that a server accepts carries the very sequence number it expects
 * next (RFC 5961 section 3.2): nothing after the SYN has reached it. */
void
peer_reset(struct conn *conn, struct peer *peer)
{
    if (peer->m && peer->alive && member_is_resolved(peer->m)) {
        conn_send_to_member(conn, peer->m, &(struct tcp_segment) {
            .seq = conn->client_isn + 1,
            .ack = peer->snd_nxt,
            .flags = TCP_RST | TCP_ACK,
            .tos = conn->hs->tos,
        });
    }
    peer->alive = false;
}

/* Resets whatever connection the sender of '*seg', which does not fit ours,
 * has in mind (RFC 9293 section 3.10.7.3, first check). */
static void
reset_sender(struct conn *conn, const struct member *m,
             const struct tcp_segment *seg)
{
    conn_send_to_member(conn, m, &(struct tcp_segment) {
        .seq = seg->ack,
        .flags = TCP_RST,
    });
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
        .window = hs->window,
        .opts = {
            .present = peer->opts.present & TCP_OPT_TS,
            .tsval = hs->tsval,
            .tsecr = peer->tsval,
        },
    });
    peer->acked = true;
}

/* Acknowledges to the client what is held, in the first server's name: a
 * client that has more to send may be waiting for it (Nagle's algorithm, or a
 * full congestion window).  From then on these bytes are ours to deliver. */
static void
ack_held(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    uint32_t contiguous = tcp_hold_contiguous(&hs->hold);
    uint32_t room = hs->hold.limit - contiguous;
    uint8_t wscale = (hs->first.opts.present & TCP_OPT_WSCALE
                      ? hs->first.opts.wscale : 0);

    conn_send_to_client(conn, &(struct tcp_segment) {
        .seq = hs->first.snd_nxt,
        .ack = hs->hold.base + contiguous,
        .flags = TCP_ACK,
        .window = MIN(room >> wscale, UINT16_MAX),
        .opts = {
            .present = hs->first.opts.present & TCP_OPT_TS,
            .tsval = hs->first.tsval,
            .tsecr = hs->tsval,
        },
    });
    hs->acked = contiguous;
}

void
handshake_reset_client(struct conn *conn)
{
    const struct handshake *hs = conn->hs;
    bool synchronized = conn->state != CONN_SYN_SENT;

    conn_send_to_client(conn, &(struct tcp_segment) {
        .seq = synchronized ? hs->first.snd_nxt : 0,
        .ack = (synchronized ? tcp_hold_rcv_nxt(&hs->hold)
                : conn->client_isn + 1),
        .flags = TCP_RST | TCP_ACK,
    });
}

/* Life. */

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
handshake_start(struct conn *conn, const struct tcp_segment *syn)
{
    struct service *service = conn->service;
    struct handshake *hs = xzalloc(sizeof *hs);
    bool ecn;

    conn->hs = hs;
    hs->conn = conn;
    hs->cfg = service_config_ref(service->cfg);
    service->n_in_progress++;
    handover_limits.n_in_progress++;
    ovs_list_init(&hs->node);
    handshake_set_state(conn, CONN_SYN_SENT);

    /* Only what every server can go on with.  All other options, Fast Open,
     * MPTCP and whatever is experimental, were left out by the parser, and so
     * is data on the SYN, which its sender repeats if it is not acknowledged
     * (RFC 7413 section 4.2). */
    hs->client_opts = syn->opts;
    hs->client_opts.present &= service_common_options(service, &ecn);
    hs->syn_flags = syn->flags & (ecn ? TCP_ECE | TCP_CWR : 0);
    hs->syn_window = hs->window = syn->window;
    hs->tos = syn->tos;
    hs->tsval = syn->opts.tsval;
    tcp_hold_init(&hs->hold, &handover_limits.held, conn->client_isn + 1,
                  hs->cfg->inspect_bytes);
    http_request_init(&hs->http, &hs->cfg->rules.wanted);

    struct member *candidates[SERVICE_MAX_CANDIDATES];
    size_t n = service_choose(service, NULL, candidates);
    for (size_t i = 0; i < n; i++) {
        handshake_add_candidate(hs, candidates[i]);
    }
    handshake_try_next(conn);
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
    handover_limits.n_in_progress--;
    ovs_list_remove(&hs->node);
    handshake_clear_candidates(hs);
    peer_clear(&hs->first);
    peer_clear(&hs->second);
    tcp_hold_destroy(&hs->hold);
    http_request_destroy(&hs->http);
    service_config_unref(hs->cfg);
    free(hs);
}

void
handshake_abort(struct conn *conn)
{
    peer_reset(conn, &conn->hs->first);
    peer_reset(conn, &conn->hs->second);
    conn_destroy(conn);
}

/* Trying servers. */

/* The server that is being tried. */
static struct peer *
trying(struct conn *conn)
{
    return (conn->state == CONN_SYN_SENT ? &conn->hs->first
            : &conn->hs->second);
}

/* Fills in '*syn' with what the client said, as far as it still holds: to the
 * first server, what all servers can go on with, to another one what the first
 * agreed to. */
static void
compose_syn(const struct conn *conn, struct tcp_segment *syn)
{
    const struct handshake *hs = conn->hs;

    *syn = (struct tcp_segment) {
        .seq = conn->client_isn,
        .flags = TCP_SYN | hs->syn_flags,
        .window = hs->syn_window,
        .tos = hs->tos,
        .opts = hs->client_opts,
    };
    syn->opts.tsval = hs->tsval;
    syn->opts.tsecr = 0;
    if (conn->state == CONN_REPLAY) {
        syn->opts.present &= hs->first.opts.present | TCP_OPT_MSS;
        if (!(hs->first.flags & TCP_ECE)) {
            syn->flags &= ~(TCP_ECE | TCP_CWR);
        }
    }
}

static void
send_syn(struct conn *conn)
{
    const struct member *m = trying(conn)->m;
    struct handshake *hs = conn->hs;
    long long int now = time_msec();
    struct tcp_segment syn;

    if (!member_is_resolved(m)) {
        conn_set_timer(conn, MIN(now + RESOLVE_RETRY_MS, hs->deadline));
        return;
    }
    compose_syn(conn, &syn);
    conn_send_to_member(conn, m, &syn);
    conn_set_timer(conn, MIN(now + hs->rto, hs->deadline));
    hs->rto *= 2;
}

/* No server is left to try. */
static void
give_up(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (conn->state == CONN_REPLAY && hs->first.alive) {
        conn_count(conn, HC_REPLAY_FAILED);
        replay_keep(conn);
        return;
    }

    /* A client that only got silence tries again by itself. */
    conn_count(conn, HC_NO_SERVER);
    if (conn->state == CONN_REPLAY || hs->refused) {
        handshake_reset_client(conn);
    }
    conn_destroy(conn);
}

void
handshake_try_next(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    struct peer *peer = trying(conn);

    peer_clear(peer);
    if (hs->next_candidate >= hs->n_candidates) {
        give_up(conn);
        return;
    }

    struct member *m = hs->candidates[hs->next_candidate++];
    if (conn->state == CONN_REPLAY && m == hs->first.m && hs->first.alive) {
        replay_keep(conn);
        return;
    }
    peer->m = member_ref(m);
    if (conn->state == CONN_SYN_SENT) {
        conn_set_member(conn, m);
    }
    hs->rto = SYN_RTO_MS;
    hs->n_resets = 0;
    hs->deadline = time_msec() + hs->cfg->connect_timeout;
    send_syn(conn);
}

static void
try_failed(struct conn *conn, enum handover_counter why)
{
    conn_count(conn, why);
    member_failed(trying(conn)->m, (why == HC_REFUSED
                                    ? "refuses connections"
                                    : "does not answer"));
    conn->hs->refused |= why == HC_REFUSED;
    handshake_try_next(conn);
}

/* A segment from the server that is being tried.  Returns true if it is the
 * SYN-ACK, noted in the peer. */
static bool
try_from_server(struct conn *conn, const struct tcp_segment *seg)
{
    struct handshake *hs = conn->hs;
    struct peer *peer = trying(conn);
    bool ours = seg->flags & TCP_ACK && seg->ack == conn->client_isn + 1;

    if (seg->flags & TCP_RST) {
        if (ours) {
            try_failed(conn, HC_REFUSED);
        }
        return false;
    }
    if (!ours && seg->flags & TCP_ACK) {
        /* It still has an older connection with these ports. */
        if (hs->n_resets++ < MAX_RESETS) {
            reset_sender(conn, peer->m, seg);
            hs->rto = SYN_RTO_MS;
            send_syn(conn);
        }
        return false;
    }
    if (!ours || !(seg->flags & TCP_SYN)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return false;
    }

    struct tcp_segment syn;
    compose_syn(conn, &syn);
    member_learn_options(peer->m, &syn, seg);
    member_worked(peer->m);

    peer->alive = true;
    peer->flags = seg->flags;
    peer->isn = seg->seq;
    peer->snd_nxt = seg->seq + 1;
    peer->tsval = seg->opts.tsval;
    peer->window = seg->window;
    peer->opts = seg->opts;
    peer->opts.present &= syn.opts.present | TCP_OPT_MSS;
    return true;
}

/* Relays the first server's SYN-ACK. */
static void
relay_synack(struct conn *conn, const struct tcp_segment *synack)
{
    struct handshake *hs = conn->hs;
    uint16_t mss = (synack->opts.present & TCP_OPT_MSS ? synack->opts.mss
                    : TCP_MSS_DEFAULT);
    struct tcp_segment seg = {
        .seq = synack->seq,
        .ack = synack->ack,
        .flags = synack->flags & (TCP_SYN | TCP_ACK | TCP_ECE),
        .window = synack->window,
        .tos = synack->tos,
        .opts = hs->first.opts,
    };

    hs->told_mss = service_clamp_mss(conn->service, mss);
    seg.opts.present |= TCP_OPT_MSS;
    seg.opts.mss = hs->told_mss;
    seg.opts.tsval = synack->opts.tsval;
    seg.opts.tsecr = synack->opts.tsecr;
    conn_send_to_client(conn, &seg);
}

/* Inspection. */

static const struct rule *
judge(struct conn *conn, enum rule_verdict *verdict)
{
    struct handshake *hs = conn->hs;
    const struct rule *rule;

    *verdict = rule_set_judge(&hs->cfg->rules, &hs->http, hs->hold.data,
                              &rule);
    return rule;
}

void
handshake_decide_default(struct conn *conn, enum handover_counter why)
{
    struct handshake *hs = conn->hs;

    conn_count(conn, why);
    handshake_clear_candidates(hs);
    if (!hs->first.alive) {
        struct member *candidates[SERVICE_MAX_CANDIDATES];
        size_t n = service_choose(conn->service, NULL, candidates);
        for (size_t i = 0; i < n; i++) {
            handshake_add_candidate(hs, candidates[i]);
        }
    }
    handshake_set_state(conn, CONN_REPLAY);
    replay_start(conn);
}

static void
decide_rule(struct conn *conn, const struct rule *rule)
{
    struct handshake *hs = conn->hs;
    struct member *candidates[SERVICE_MAX_CANDIDATES];
    size_t n = service_choose(conn->service, rule, candidates);

    conn_count(conn, HC_BY_RULE);
    handshake_clear_candidates(hs);
    for (size_t i = 0; i < n; i++) {
        handshake_add_candidate(hs, candidates[i]);
    }
    handshake_set_state(conn, CONN_REPLAY);
    replay_start(conn);
}

/* Looks at what is held.  Returns true if that was enough for a decision. */
static bool
inspect(struct conn *conn)
{
    struct handshake *hs = conn->hs;
    enum rule_verdict verdict;

    enum http_request_state state
        = http_request_feed(&hs->http, hs->hold.data,
                            tcp_hold_contiguous(&hs->hold));
    if (state == HTTP_REQUEST_INVALID) {
        handshake_decide_default(conn, HC_NOT_HTTP);
        return true;
    }
    const struct rule *rule = judge(conn, &verdict);
    if (verdict == RULE_YES) {
        decide_rule(conn, rule);
    } else if (verdict == RULE_NO) {
        handshake_decide_default(conn, HC_BY_DEFAULT);
    } else if (tcp_hold_is_complete(&hs->hold)) {
        handshake_decide_default(conn, HC_CLIENT_FIN);
    } else if (tcp_hold_is_full(&hs->hold)) {
        handshake_decide_default(conn, HC_INSPECT_LIMIT);
    } else {
        return false;
    }
    return true;
}

/* Holds what '*seg' carries.  Returns false if that is not possible for want
 * of memory. */
static bool
hold_segment(struct conn *conn, const struct tcp_segment *seg)
{
    switch (tcp_hold_add(&conn->hs->hold, seg->seq, seg->payload, seg->len,
                         seg->flags & TCP_FIN)) {
    case TCP_HOLD_BEYOND:
    case TCP_HOLD_FRAGMENTED:
        conn_count(conn, HC_DROP_HOLD);
        return true;
    case TCP_HOLD_NO_BUDGET:
        return false;
    case TCP_HOLD_NEW:
    case TCP_HOLD_OLD:
    default:
        return true;
    }
}

static void
inspect_segment(struct conn *conn, const struct packet_in *pi,
                const struct tcp_segment *seg)
{
    struct handshake *hs = conn->hs;

    if (!seg->len && !(seg->flags & TCP_FIN)) {
        /* The handshake's last ACK, or one that asks whether we are there. */
        if (!hs->first.acked && hs->first.alive) {
            peer_ack(conn, &hs->first);
        } else if (seg->seq != tcp_hold_rcv_nxt(&hs->hold)) {
            ack_held(conn);
        }
        return;
    }

    if (conn->state == CONN_ESTABLISHED) {
        handshake_set_state(conn, CONN_INSPECT);
        hs->inspect_deadline = time_msec() + hs->cfg->inspect_timeout;
        conn_set_timer(conn, hs->inspect_deadline);
    }
    if (!hold_segment(conn, seg)) {
        /* What could not be held can be passed on if nothing was. */
        bool pass = !tcp_hold_contiguous(&hs->hold) && hs->first.alive;

        handshake_decide_default(conn, HC_HELD_LIMIT);
        if (pass) {
            conn_forward(conn, CONN_TO_SERVER, pi->packet,
                         pi->flow.in_port.ofp_port);
        }
    } else if (!inspect(conn)) {
        if (!hs->first.acked && hs->first.alive) {
            peer_ack(conn, &hs->first);
        }
        ack_held(conn);
    }
}

/* Segments from the client. */

static bool
acceptable_from_client(const struct conn *conn, const struct tcp_segment *seg)
{
    const struct handshake *hs = conn->hs;
    int32_t ofs = seg->seq - hs->hold.base;
    int32_t ack_ofs = seg->ack - hs->first.isn;

    /* Keepalives repeat a byte, others any number of them. */
    return (ofs >= -MAX_CLIENT_WINDOW && ofs <= MAX_CLIENT_WINDOW
            && seg->flags & TCP_ACK
            && ack_ofs > 0 && !tcp_seq_after(seg->ack, hs->first.snd_nxt));
}

static void
note_client(struct handshake *hs, const struct tcp_segment *seg)
{
    hs->window = seg->window;
    if (seg->opts.present & TCP_OPT_TS
        && !tcp_seq_before(seg->opts.tsval, hs->tsval)) {
        hs->tsval = seg->opts.tsval;
        hs->tsecr = seg->opts.tsecr;
    }
}

static void
reset_from_client(struct conn *conn, const struct tcp_segment *seg)
{
    int32_t ofs = seg->seq - conn->hs->hold.base;

    if (ofs < 0 || ofs > MAX_CLIENT_WINDOW) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }
    conn_count(conn, HC_CLIENT_RESET);
    handshake_abort(conn);
}

/* The client repeats its SYN: it has not got our SYN-ACK. */
static void
syn_again(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    if (conn->state == CONN_SYN_SENT) {
        /* Has a timer of its own. */
        return;
    }
    if (conn->state == CONN_SYN_RCVD && member_is_resolved(hs->first.m)) {
        struct tcp_segment syn;
        compose_syn(conn, &syn);
        conn_send_to_member(conn, hs->first.m, &syn);
        return;
    }
    conn_count(conn, HC_DROP_UNEXPECTED);
}

void
handshake_from_client(struct conn *conn, const struct packet_in *pi,
                      const struct tcp_segment *seg)
{
    struct handshake *hs = conn->hs;

    if (seg->flags & TCP_SYN) {
        syn_again(conn);
        return;
    } else if (seg->flags & TCP_RST) {
        reset_from_client(conn, seg);
        return;
    } else if (conn->state == CONN_SYN_SENT
               || !acceptable_from_client(conn, seg)) {
        conn_count(conn, HC_DROP_UNEXPECTED);
        return;
    }
    note_client(hs, seg);

    switch ((enum conn_state) conn->state) {
    case CONN_SYN_RCVD:
        if (seg->ack != hs->first.snd_nxt) {
            conn_count(conn, HC_DROP_UNEXPECTED);
            return;
        }
        handshake_set_state(conn, CONN_ESTABLISHED);
        conn_set_timer(conn, time_msec() + hs->cfg->idle_timeout * 1000LL);
        inspect_segment(conn, pi, seg);
        break;

    case CONN_ESTABLISHED:
    case CONN_INSPECT:
        inspect_segment(conn, pi, seg);
        break;

    case CONN_REPLAY:
    case CONN_DELIVER:
        if (seg->len || seg->flags & TCP_FIN) {
            hold_segment(conn, seg);
        }
        break;

    case CONN_SYN_SENT:
    case CONN_KEPT:
    case CONN_MOVED:
    default:
        OVS_NOT_REACHED();
    }
}

/* Segments from servers. */

/* The first server says something while the request is not known: it gives up
 * waiting for it, or is not an HTTP server.  What it said is the client's to
 * see, and from then on no other server can take over. */
static void
server_spoke(struct conn *conn, const struct packet_in *pi)
{
    handshake_decide_default(conn, HC_SERVER_SPOKE);
    conn_forward(conn, CONN_TO_CLIENT, pi->packet, pi->flow.in_port.ofp_port);
}

static void
inspecting_from_server(struct conn *conn, const struct packet_in *pi,
                       const struct tcp_segment *seg)
{
    struct handshake *hs = conn->hs;
    struct peer *first = &hs->first;

    if (seg->flags & TCP_RST) {
        if (seg->seq != first->snd_nxt) {
            conn_count(conn, HC_DROP_UNEXPECTED);
            return;
        }
        /* The client need not know: another server will do. */
        conn_count(conn, HC_SERVER_RESET);
        first->alive = false;
        member_failed(first->m, "reset a connection");
    } else if (seg->flags & TCP_SYN) {
        if (seg->seq != first->isn || !(seg->flags & TCP_ACK)) {
            conn_count(conn, HC_DROP_UNEXPECTED);
        } else if (conn->state == CONN_SYN_RCVD) {
            first->tsval = seg->opts.tsval;
            relay_synack(conn, seg);
        } else {
            peer_ack(conn, first);
        }
    } else if (seg->seq != first->snd_nxt || conn->state == CONN_SYN_RCVD
               || !first->alive) {
        conn_count(conn, HC_DROP_UNEXPECTED);
    } else if (seg->len || seg->flags & TCP_FIN) {
        server_spoke(conn, pi);
    }
}

void
handshake_from_server(struct conn *conn, struct member *m,
                      const struct packet_in *pi,
                      const struct tcp_segment *seg)
{
    struct handshake *hs = conn->hs;

    if (m != hs->first.m && m != hs->second.m) {
        /* Answers a SYN of ours after we gave it up. */
        if (seg->flags & TCP_SYN && seg->flags & TCP_ACK) {
            reset_sender(conn, m, seg);
        }
        conn_count(conn, HC_DROP_STALE);
        return;
    }

    switch ((enum conn_state) conn->state) {
    case CONN_SYN_SENT:
        if (try_from_server(conn, seg)) {
            handshake_set_state(conn, CONN_SYN_RCVD);
            conn->first = member_ref(m);
            handshake_clear_candidates(hs);
            conn_set_timer(conn, time_msec() + HALF_OPEN_TIMEOUT_MS);
            relay_synack(conn, seg);
        }
        break;

    case CONN_SYN_RCVD:
    case CONN_ESTABLISHED:
    case CONN_INSPECT:
        inspecting_from_server(conn, pi, seg);
        break;

    case CONN_REPLAY:
        if (m == hs->second.m) {
            if (try_from_server(conn, seg)) {
                replay_move(conn);
            }
        } else if (seg->flags & TCP_RST && seg->seq == hs->first.snd_nxt) {
            hs->first.alive = false;
        }
        /* Anything else the first server will repeat if it is kept. */
        break;

    case CONN_DELIVER:
        if (m == conn->member) {
            replay_from_server(conn, pi, seg);
        }
        break;

    case CONN_KEPT:
    case CONN_MOVED:
    default:
        OVS_NOT_REACHED();
    }
}

void
handshake_timeout(struct conn *conn)
{
    struct handshake *hs = conn->hs;

    switch ((enum conn_state) conn->state) {
    case CONN_SYN_SENT:
    case CONN_REPLAY:
        if (time_msec() >= hs->deadline) {
            try_failed(conn, HC_SILENT);
        } else {
            send_syn(conn);
        }
        break;

    case CONN_SYN_RCVD:
        conn_count(conn, HC_HALF_OPEN_TIMEOUT);
        handshake_abort(conn);
        break;

    case CONN_ESTABLISHED:
        conn_count(conn, HC_IDLE_TIMEOUT);
        handshake_abort(conn);
        break;

    case CONN_INSPECT:
        handshake_decide_default(conn, HC_INSPECT_TIMEOUT);
        break;

    case CONN_DELIVER:
        replay_timeout(conn);
        break;

    case CONN_KEPT:
    case CONN_MOVED:
    default:
        OVS_NOT_REACHED();
    }
}
