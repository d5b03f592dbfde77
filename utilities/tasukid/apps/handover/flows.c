/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "flows.h"

#include <netinet/in.h>

#include "flow.h"
#include "fragments.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "pair.h"
#include "tasuki-tcp-offset.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/pipeline.h"

/* The application's 56 bits of a cookie: what kind of flow, and for those of
 * connections the id that both directions have in common, so that one message
 * can delete them, and another one those that watch a server. */
#define KIND_SHIFT 52
#define KIND_STATIC UINT64_C(0)
#define KIND_CONN UINT64_C(1)
#define KIND_WATCH UINT64_C(2)
#define KIND_DIRECT UINT64_C(3)
#define ID_MASK ((UINT64_C(1) << KIND_SHIFT) - 1)

/* How long a flow stays without traffic after FIN, in seconds.  What comes
 * later finds no flow but still the connection (see conn_flow_removed()). */
#define FIN_IDLE_TIMEOUT 10

/* And one that nobody has seen a handshake of, and that may not exist. */
#define ORPHAN_IDLE_TIMEOUT 10

/* Direct connections are other people's, and come back here if all of a host
 * were quiet for longer.  More than the datapath remembers anything. */
#define DIRECT_IDLE_TIMEOUT 60

static uint64_t
make_cookie(uint64_t kind, uint64_t id)
{
    return PIPE_COOKIE(PIPE_APP_HANDOVER, kind << KIND_SHIFT | id);
}

static uint64_t
cookie_kind(uint64_t cookie)
{
    return (cookie & ~PIPE_COOKIE_MASK) >> KIND_SHIFT;
}

uint64_t
flow_conn_id(uint64_t cookie)
{
    return (cookie_kind(cookie) == KIND_CONN || flow_is_watch(cookie)
            ? cookie & ID_MASK : 0);
}

bool
flow_is_watch(uint64_t cookie)
{
    return cookie_kind(cookie) == KIND_WATCH;
}

bool
flow_is_direct(uint64_t cookie)
{
    return cookie_kind(cookie) == KIND_DIRECT;
}

/* Matches. */

static void
match_tcp(struct match *match)
{
    match_init_catchall(match);
    match_set_dl_type(match, htons(ETH_TYPE_IP));
    match_set_nw_proto(match, IPPROTO_TCP);
}

static void
match_no_flags(struct match *match, uint16_t flags)
{
    match_set_tcp_flags_masked(match, 0, htons(flags));
}

static void
match_conn(const struct conn *conn, enum conn_direction direction,
           struct match *match)
{
    const struct service_config *cfg = conn->service->cfg;

    match_tcp(match);
    match_no_flags(match, TCP_SYN | TCP_RST);
    if (direction == CONN_TO_SERVER) {
        match_set_in_port(match, conn->client_port);
        match_set_dl_src(match, conn->client_mac);
        match_set_nw_src(match, conn->client);
        match_set_tp_src(match, conn->client_tp);
        match_set_nw_dst(match, cfg->vip);
        match_set_tp_dst(match, cfg->port);
    } else {
        /* Servers that share an address are told apart by MAC address. */
        if (conn->member_port != OFPP_NONE) {
            match_set_in_port(match, conn->member_port);
        }
        match_set_dl_src(match, conn->member_mac);
        match_set_nw_src(match, conn->member->address);
        match_set_tp_src(match, conn->member->tp_port);
        match_set_nw_dst(match, conn->client);
        match_set_tp_dst(match, conn->client_tp);
    }
}

static void
match_direct(ovs_be32 server, ovs_be16 server_tp, ovs_be32 client,
             struct match *match)
{
    match_tcp(match);
    match_set_nw_src(match, server);
    match_set_tp_src(match, server_tp);
    match_set_nw_dst(match, client);
}

static void
match_watch(const struct conn *conn, const struct member *m,
            struct match *match)
{
    match_direct(m->address, m->tp_port, conn->client, match);
    match_set_tp_dst(match, conn->client_tp);
}

/* Actions. */

static void
put_set(struct ofpbuf *ofpacts, enum mf_field_id id, const void *value)
{
    ofpact_put_set_field(ofpacts, mf_from_id(id), value, NULL);
}

static void
put_egress(struct ofpbuf *ofpacts, ofp_port_t in_port, ofp_port_t port)
{
    if (port == OFPP_NONE) {
        return;
    }
    if (port == in_port) {
        port = OFPP_IN_PORT;
    }
    ovs_be32 reg = htonl(PIPE_EGRESS_VALID
                         | (ofp_to_u16(port) & UINT16_MAX));
    put_set(ofpacts, MFF_REG0 + PIPE_EGRESS_REG, &reg);
}

static void
put_goto(struct ofpbuf *ofpacts, uint8_t table)
{
    ofpact_put_GOTO_TABLE(ofpacts)->table_id = table;
}

static void
put_controller(struct ofpbuf *ofpacts)
{
    struct ofpact_output *output = ofpact_put_OUTPUT(ofpacts);

    output->port = OFPP_CONTROLLER;
    output->max_len = UINT16_MAX;
}

/* Fills in the fields of 'o' for the numbers that are not zero. */
static void
put_tcp_offset(struct ofpbuf *ofpacts, const struct tcp_offset *o)
{
    struct tcp_offset fields = *o;

    fields.fields = ((o->seq ? TCP_OFFSET_SEQ : 0)
                     | (o->ack ? TCP_OFFSET_ACK : 0)
                     | (o->tsval ? TCP_OFFSET_TSVAL : 0)
                     | (o->tsecr ? TCP_OFFSET_TSECR : 0)
                     | (o->wscale ? TCP_OFFSET_WSCALE : 0));
    if (fields.fields) {
        *ofpact_put_tcp_offset(ofpacts) = fields;
    }
}

static void
put_to_server(const struct conn *conn, ofp_port_t in_port,
              struct ofpbuf *ofpacts)
{
    const struct service_config *cfg = conn->service->cfg;
    const struct member *m = conn->member;

    put_tcp_offset(ofpacts, &(struct tcp_offset) {
        .ack = conn->seq_delta,
        .tsecr = -conn->ts_delta,
        .wscale = conn->client_wscale,
    });
    put_set(ofpacts, MFF_ETH_SRC, &cfg->mac);
    put_set(ofpacts, MFF_ETH_DST, &conn->member_mac);
    if (m->address != cfg->vip) {
        put_set(ofpacts, MFF_IPV4_DST, &m->address);
    }
    if (m->tp_port != cfg->port) {
        put_set(ofpacts, MFF_TCP_DST, &m->tp_port);
    }
    put_egress(ofpacts, in_port, conn->member_port);
}

static void
put_to_client(const struct conn *conn, ofp_port_t in_port,
              struct ofpbuf *ofpacts)
{
    const struct service_config *cfg = conn->service->cfg;
    const struct member *m = conn->member;

    put_tcp_offset(ofpacts, &(struct tcp_offset) {
        .seq = -conn->seq_delta,
        .tsval = conn->ts_delta,
        .wscale = conn->member_wscale,
    });
    put_set(ofpacts, MFF_ETH_SRC, &cfg->mac);
    put_set(ofpacts, MFF_ETH_DST, &conn->client_mac);
    if (m->address != cfg->vip) {
        put_set(ofpacts, MFF_IPV4_SRC, &cfg->vip);
    }
    if (m->tp_port != cfg->port) {
        put_set(ofpacts, MFF_TCP_SRC, &cfg->port);
    }
    put_egress(ofpacts, in_port, conn->client_port);
}

static void
put_rewrites(const struct conn *conn, enum conn_direction direction,
             ofp_port_t in_port, struct ofpbuf *ofpacts)
{
    if (direction == CONN_TO_SERVER) {
        put_to_server(conn, in_port, ofpacts);
    } else {
        put_to_client(conn, in_port, ofpacts);
    }
}

void
flow_put_actions(const struct conn *conn, enum conn_direction direction,
                 ofp_port_t in_port, struct ofpbuf *ofpacts)
{
    put_rewrites(conn, direction, in_port, ofpacts);

    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(ofpacts);
    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = PIPE_MIRROR;
}

/* Flow mods. */

/* A flow without 'idle_timeout' stays until it is deleted, and no message says
 * so. */
static void
add_flow(struct ofswitch *ofsw, const struct match *match,
         enum flow_priority priority, uint64_t cookie, uint16_t idle_timeout,
         const struct ofpbuf *ofpacts)
{
    struct ofputil_flow_mod fm = {
        .priority = priority,
        .new_cookie = htonll(cookie),
        .table_id = PIPE_SERVICE,
        .command = OFPFC_ADD,
        .idle_timeout = idle_timeout,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .flags = idle_timeout ? OFPUTIL_FF_SEND_FLOW_REM : 0,
        .ofpacts = ofpacts->data,
        .ofpacts_len = ofpacts->size,
    };

    minimatch_init(&fm.match, match);
    ofswitch_flow_mod(ofsw, &fm);
    minimatch_destroy(&fm.match);
}

/* Deletes the flows with 'cookie' that 'match', and have 'priority' unless
 * that is 0. */
static void
delete_flows(struct ofswitch *ofsw, const struct match *match,
             enum flow_priority priority, uint64_t cookie)
{
    struct ofputil_flow_mod fm = {
        .priority = priority,
        .cookie = htonll(cookie),
        .cookie_mask = OVS_BE64_MAX,
        .new_cookie = OVS_BE64_MAX,
        .table_id = PIPE_SERVICE,
        .command = priority ? OFPFC_DELETE_STRICT : OFPFC_DELETE,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };

    minimatch_init(&fm.match, match);
    ofswitch_flow_mod(ofsw, &fm);
    minimatch_destroy(&fm.match);
}

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

void
flow_install(const struct conn *conn, enum conn_direction direction)
{
    bool to_server = direction == CONN_TO_SERVER;
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_conn(conn, direction, &match);
    put_rewrites(conn, direction,
                 to_server ? conn->client_port : conn->member_port, &ofpacts);
    ofpact_put_FIN_TIMEOUT(&ofpacts)->fin_idle_timeout = FIN_IDLE_TIMEOUT;
    put_goto(&ofpacts, PIPE_MIRROR);
    add_flow(conn->service->hsw->ofsw, &match,
             to_server ? FLOW_TO_SERVER : FLOW_TO_CLIENT,
             make_cookie(KIND_CONN, conn->id),
             idle_timeout(conn, direction), &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

void
flow_delete(const struct conn *conn)
{
    struct ofswitch *ofsw = conn->service->hsw->ofsw;
    struct match match;

    match_init_catchall(&match);
    delete_flows(ofsw, &match, 0, make_cookie(KIND_CONN, conn->id));
    if (conn->watched) {
        delete_flows(ofsw, &match, 0, make_cookie(KIND_WATCH, conn->id));
    }
}

void
flow_install_watch(const struct conn *conn, const struct member *m)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_watch(conn, m, &match);
    put_controller(&ofpacts);
    add_flow(conn->service->hsw->ofsw, &match, FLOW_WATCH,
             make_cookie(KIND_WATCH, conn->id), 0, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

void
flow_delete_watch(const struct conn *conn, const struct member *m)
{
    struct match match;

    match_watch(conn, m, &match);
    delete_flows(conn->service->hsw->ofsw, &match, FLOW_WATCH,
                 make_cookie(KIND_WATCH, conn->id));
}

void
flow_install_direct(struct hswitch *hsw, const struct pair *p)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_direct(p->server, p->server_tp, p->client, &match);
    put_goto(&ofpacts, PIPE_MIRROR);
    add_flow(hsw->ofsw, &match, FLOW_DIRECT, make_cookie(KIND_DIRECT, 0),
             DIRECT_IDLE_TIMEOUT, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Flows that do not depend on connections. */

static void
declare(struct flow_set *flows, uint16_t priority, const struct match *match,
        const struct ofpbuf *ofpacts)
{
    flow_set_add(flows, PIPE_APP_HANDOVER, make_cookie(KIND_STATIC, 0),
                 PIPE_SERVICE, priority, match, ofpacts);
}

static void
declare_to_controller(struct flow_set *flows, uint16_t priority,
                      const struct match *match)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    put_controller(&ofpacts);
    declare(flows, priority, match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Sends TCP segments that match 'match' here, in two flows. */
static void
declare_tcp(struct flow_set *flows, struct match *match)
{
    declare_to_controller(flows, FLOW_SERVICE, match);
    match_set_tcp_flags_masked(match, htons(TCP_SYN), htons(TCP_SYN));
    declare_to_controller(flows, FLOW_SYN, match);
}

static void
declare_service(struct flow_set *flows, const struct service *service)
{
    struct match match;

    match_tcp(&match);
    match_set_nw_dst(&match, service->cfg->vip);
    match_set_tp_dst(&match, service->cfg->port);
    declare_tcp(flows, &match);

    for (size_t i = 0; i < service->cfg->n_members; i++) {
        const struct member *m = service->members[i];

        /* Once for each address and port. */
        if (m != member_lookup_next(service->hsw, m->address, m->tp_port,
                                    NULL)) {
            continue;
        }
        match_tcp(&match);
        match_set_nw_src(&match, m->address);
        match_set_tp_src(&match, m->tp_port);
        declare_tcp(flows, &match);
    }
}

static void
declare_arp(struct flow_set *flows, ovs_be32 vip)
{
    struct match match;

    match_init_catchall(&match);
    match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    match_set_nw_dst(&match, vip);
    declare_to_controller(flows, FLOW_SERVICE, &match);

    match_init_catchall(&match);
    match_set_dl_type(&match, htons(ETH_TYPE_ARP));
    match_set_nw_src(&match, vip);
    declare_to_controller(flows, FLOW_SERVICE, &match);
}

/* ICMP errors to 'vip' are about what its servers sent. */
static void
declare_icmp(struct flow_set *flows, ovs_be32 vip)
{
    static const uint8_t types[] = { ICMP4_DST_UNREACH, ICMP4_TIME_EXCEEDED };

    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        struct match match;

        match_init_catchall(&match);
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        match_set_nw_proto(&match, IPPROTO_ICMP);
        match_set_nw_dst(&match, vip);
        match_set_icmp_type(&match, types[i]);
        declare_to_controller(flows, FLOW_SERVICE, &match);
    }
}

/* What is neither TCP nor for one of the services at 'vip' goes to one server
 * that has the address, and comes from that one under the service's MAC
 * address; without such a server it goes nowhere. */
static void
declare_others(struct flow_set *flows, const struct hswitch *hsw,
               const struct service *service)
{
    const struct service_config *cfg = service->cfg;
    const struct member *owner = service_vip_owner(hsw, cfg->vip);
    uint64_t stub[128 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    match_set_dl_type(&match, htons(ETH_TYPE_IP));
    match_set_dl_dst(&match, cfg->mac);
    match_set_nw_dst(&match, cfg->vip);
    if (owner) {
        put_set(&ofpacts, MFF_ETH_DST, &owner->mac);
        put_egress(&ofpacts, OFPP_NONE, owner->port);
        put_goto(&ofpacts, PIPE_MIRROR);
    }
    declare(flows, FLOW_OTHER, &match, &ofpacts);

    if (owner) {
        match_init_catchall(&match);
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        match_set_dl_src(&match, owner->mac);
        match_set_nw_src(&match, cfg->vip);
        ofpbuf_clear(&ofpacts);
        put_set(&ofpacts, MFF_ETH_SRC, &cfg->mac);
        put_goto(&ofpacts, PIPE_MIRROR);
        declare(flows, FLOW_OTHER, &match, &ofpacts);
    }
    ofpbuf_uninit(&ofpacts);
}

void
flow_declare(struct hswitch *hsw, struct flow_set *flows)
{
    const struct service *service;

    fragments_declare(hsw, flows);
    LIST_FOR_EACH (service, node, &hsw->services) {
        declare_service(flows, service);

        /* Once for each address. */
        if (service_lookup_vip(hsw, service->cfg->vip) == service) {
            declare_arp(flows, service->cfg->vip);
            declare_icmp(flows, service->cfg->vip);
            declare_others(flows, hsw, service);
        }
    }
}

/* Flows found in the switch. */

static void
parse_set_field(const struct ofpact_set_field *sf, struct flow_info *info)
{
    const union mf_value *value = sf->value;

    if (sf->field->id == MFF_REG0 + PIPE_EGRESS_REG) {
        uint32_t reg = ntohl(value->be32);
        if (reg & PIPE_EGRESS_VALID) {
            info->out_port = u16_to_ofp(reg & UINT16_MAX);
            if (info->out_port == OFPP_IN_PORT) {
                info->out_port = info->in_port;
            }
        }
    } else if (sf->field->id == MFF_ETH_DST) {
        info->new_eth_dst = value->mac;
    } else if (sf->field->id == MFF_IPV4_SRC) {
        info->new_ip_src = value->be32;
    } else if (sf->field->id == MFF_IPV4_DST) {
        info->new_ip_dst = value->be32;
    } else if (sf->field->id == MFF_TCP_SRC) {
        info->new_tp_src = value->be16;
    } else if (sf->field->id == MFF_TCP_DST) {
        info->new_tp_dst = value->be16;
    }
}

static void
parse_tasuki(const struct ofpact_tasuki *ot, struct flow_info *info)
{
    if (ot->id == tasuki_tcp_offset.id) {
        struct tcp_offset o;

        memcpy(&o, ot->args, sizeof o);
        info->seq = o.seq;
        info->ack = o.ack;
        info->tsval = o.tsval;
        info->tsecr = o.tsecr;
        info->wscale = o.wscale;
    }
}

void
flow_parse(const struct ofputil_flow_stats *fs, struct flow_info *info)
{
    const struct flow *flow = &fs->match.flow;
    uint64_t cookie = ntohll(fs->cookie);

    *info = (struct flow_info) {
        .kind = FLOW_KIND_UNKNOWN,
        .id = cookie & ID_MASK,
        .in_port = fs->match.wc.masks.in_port.ofp_port
                   ? flow->in_port.ofp_port : OFPP_NONE,
        .eth_src = flow->dl_src,
        .ip_src = flow->nw_src,
        .ip_dst = flow->nw_dst,
        .tp_src = flow->tp_src,
        .tp_dst = flow->tp_dst,
        .new_ip_src = flow->nw_src,
        .new_ip_dst = flow->nw_dst,
        .new_tp_src = flow->tp_src,
        .new_tp_dst = flow->tp_dst,
        .out_port = OFPP_NONE,
    };

    if (fs->table_id != PIPE_SERVICE) {
        return;
    } else if (cookie_kind(cookie) == KIND_CONN && info->id
               && fs->priority == FLOW_TO_SERVER) {
        info->kind = FLOW_KIND_CONN;
        info->direction = CONN_TO_SERVER;
    } else if (cookie_kind(cookie) == KIND_CONN && info->id
               && fs->priority == FLOW_TO_CLIENT) {
        info->kind = FLOW_KIND_CONN;
        info->direction = CONN_TO_CLIENT;
    } else if (cookie_kind(cookie) == KIND_DIRECT) {
        info->kind = FLOW_KIND_DIRECT;
    }

    const struct ofpact *a;
    OFPACT_FOR_EACH (a, fs->ofpacts, fs->ofpacts_len) {
        if (a->type == OFPACT_SET_FIELD) {
            parse_set_field(ofpact_get_SET_FIELD(a), info);
        } else if (a->type == OFPACT_TASUKI) {
            parse_tasuki(ofpact_get_TASUKI(a), info);
        }
    }
}
