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
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "tasuki-tcp-offset.h"
#include "utilities/tasukid/apps/handover/engine/service.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/pipeline.h"

/* The application's 56 bits of a cookie: the kind of flow and the connection's
 * id, if there is one.  Both directions have the same kind and id, so that one
 * message can delete them, and another the flows that watch a server. */
#define KIND_SHIFT 52
#define KIND_STATIC UINT64_C(0)
#define KIND_CONN UINT64_C(1)
#define KIND_WATCH UINT64_C(2)
#define KIND_DIRECT UINT64_C(3)
#define ID_MASK ((UINT64_C(1) << KIND_SHIFT) - 1)

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

/* Does not match the zone: all services are in zone 0, and so is every packet
 * that comes to this table without a decision about its egress.  (A tenant's
 * packets have one, and the core sends them past this table.) */
static void
match_entry(const struct entry *entry, struct match *match)
{
    match_tcp(match);
    match_set_nw_src(match, entry->ip_src);
    match_set_tp_src(match, entry->tp_src);
    match_set_nw_dst(match, entry->ip_dst);
    if (entry->kind != ENTRY_DIRECT) {
        match_set_tp_dst(match, entry->tp_dst);
    }
    if (entry->kind == ENTRY_TO_SERVER || entry->kind == ENTRY_TO_CLIENT) {
        match_no_flags(match, TCP_SYN | TCP_RST);
        match_set_dl_src(match, entry->eth_src);
        if (entry->in_port != OFPP_NONE) {
            match_set_in_port(match, entry->in_port);
        }
    }
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
put_rewrites(const struct entry *entry, ofp_port_t in_port,
             struct ofpbuf *ofpacts)
{
    put_tcp_offset(ofpacts, &(struct tcp_offset) {
        .seq = entry->seq,
        .ack = entry->ack,
        .tsval = entry->tsval,
        .tsecr = entry->tsecr,
        .wscale = entry->wscale,
    });
    put_set(ofpacts, MFF_ETH_SRC, &entry->new_eth_src);
    put_set(ofpacts, MFF_ETH_DST, &entry->new_eth_dst);
    if (entry->new_ip_src != entry->ip_src) {
        put_set(ofpacts, MFF_IPV4_SRC, &entry->new_ip_src);
    }
    if (entry->new_ip_dst != entry->ip_dst) {
        put_set(ofpacts, MFF_IPV4_DST, &entry->new_ip_dst);
    }
    if (entry->new_tp_src != entry->tp_src) {
        put_set(ofpacts, MFF_TCP_SRC, &entry->new_tp_src);
    }
    if (entry->new_tp_dst != entry->tp_dst) {
        put_set(ofpacts, MFF_TCP_DST, &entry->new_tp_dst);
    }
    put_egress(ofpacts, in_port, entry->out_port);
}

void
flow_put_actions(const struct entry *entry, ofp_port_t in_port,
                 struct ofpbuf *ofpacts)
{
    put_rewrites(entry, in_port, ofpacts);

    struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(ofpacts);
    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = PIPE_MIRROR;
}

/* Flow mods. */

/* A flow without 'idle_timeout' stays until it is deleted, without a
 * message. */
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

/* Deletes the flows with 'cookie' that 'match' and, unless it is 0, have
 * 'priority'. */
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

static enum flow_priority
entry_priority(const struct entry *entry)
{
    switch (entry->kind) {
    case ENTRY_TO_SERVER: return FLOW_TO_SERVER;
    case ENTRY_TO_CLIENT: return FLOW_TO_CLIENT;
    case ENTRY_WATCH: return FLOW_WATCH;
    case ENTRY_DIRECT: return FLOW_DIRECT;
    case ENTRY_NONE:
    default: OVS_NOT_REACHED();
    }
}

static uint64_t
entry_cookie(const struct entry *entry)
{
    return make_cookie((entry->kind == ENTRY_WATCH ? KIND_WATCH
                        : entry->kind == ENTRY_DIRECT ? KIND_DIRECT
                        : KIND_CONN), entry->id);
}

void
flow_install(struct ofswitch *ofsw, const struct entry *entry)
{
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_entry(entry, &match);
    if (entry->kind == ENTRY_WATCH) {
        put_controller(&ofpacts);
    } else {
        if (entry->kind != ENTRY_DIRECT) {
            put_rewrites(entry, entry->in_port, &ofpacts);
            ofpact_put_FIN_TIMEOUT(&ofpacts)->fin_idle_timeout
                = entry->fin_idle_timeout;
        }
        put_goto(&ofpacts, PIPE_MIRROR);
    }
    add_flow(ofsw, &match, entry_priority(entry), entry_cookie(entry),
             entry->idle_timeout, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

void
flow_remove(struct ofswitch *ofsw, const struct entry *entry)
{
    struct match match;

    match_entry(entry, &match);
    delete_flows(ofsw, &match, entry_priority(entry), entry_cookie(entry));
}

void
flow_remove_id(struct ofswitch *ofsw, uint64_t id, bool watched)
{
    struct match match;

    match_init_catchall(&match);
    delete_flows(ofsw, &match, 0, make_cookie(KIND_CONN, id));
    if (watched) {
        delete_flows(ofsw, &match, 0, make_cookie(KIND_WATCH, id));
    }
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
        if (m != member_lookup_next(service->engine, m->zone, m->address,
                                    m->tp_port, NULL)) {
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
 * that has the address.  What that server sends has the service's MAC address.
 * Without such a server, the packets are dropped. */
static void
declare_others(struct flow_set *flows, const struct service *service)
{
    const struct service_config *cfg = service->cfg;
    const struct member *owner = service_vip_owner(service);
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
    const struct engine *e = &hsw->engine;
    const struct service *service;

    fragments_declare(e, flows);
    LIST_FOR_EACH (service, node, &e->services) {
        const struct service_config *cfg = service->cfg;

        declare_service(flows, service);

        /* Once for each address. */
        if (service_lookup_vip(e, cfg->zone, cfg->vip) == service) {
            declare_arp(flows, cfg->vip);
            declare_icmp(flows, cfg->vip);
            declare_others(flows, service);
        }
    }
}

/* Flows found in the switch. */

static void
parse_set_field(const struct ofpact_set_field *sf, struct entry *entry)
{
    const union mf_value *value = sf->value;

    if (sf->field->id == MFF_REG0 + PIPE_EGRESS_REG) {
        uint32_t reg = ntohl(value->be32);
        if (reg & PIPE_EGRESS_VALID) {
            entry->out_port = u16_to_ofp(reg & UINT16_MAX);
            if (entry->out_port == OFPP_IN_PORT) {
                entry->out_port = entry->in_port;
            }
        }
    } else if (sf->field->id == MFF_ETH_SRC) {
        entry->new_eth_src = value->mac;
    } else if (sf->field->id == MFF_ETH_DST) {
        entry->new_eth_dst = value->mac;
    } else if (sf->field->id == MFF_IPV4_SRC) {
        entry->new_ip_src = value->be32;
    } else if (sf->field->id == MFF_IPV4_DST) {
        entry->new_ip_dst = value->be32;
    } else if (sf->field->id == MFF_TCP_SRC) {
        entry->new_tp_src = value->be16;
    } else if (sf->field->id == MFF_TCP_DST) {
        entry->new_tp_dst = value->be16;
    }
}

static void
parse_tasuki(const struct ofpact_tasuki *ot, struct entry *entry)
{
    if (ot->id == tasuki_tcp_offset.id) {
        struct tcp_offset o;

        memcpy(&o, ot->args, sizeof o);
        entry->seq = o.seq;
        entry->ack = o.ack;
        entry->tsval = o.tsval;
        entry->tsecr = o.tsecr;
        entry->wscale = o.wscale;
    }
}

static enum entry_kind
parse_kind(uint64_t cookie, uint16_t priority)
{
    uint64_t kind = cookie_kind(cookie);

    return (kind == KIND_DIRECT ? ENTRY_DIRECT
            : kind != KIND_CONN || !(cookie & ID_MASK) ? ENTRY_NONE
            : priority == FLOW_TO_SERVER ? ENTRY_TO_SERVER
            : priority == FLOW_TO_CLIENT ? ENTRY_TO_CLIENT
            : ENTRY_NONE);
}

static void
parse_match(const struct match *match, struct entry *entry)
{
    const struct flow *flow = &match->flow;

    entry->in_port = (match->wc.masks.in_port.ofp_port
                      ? flow->in_port.ofp_port : OFPP_NONE);
    entry->eth_src = flow->dl_src;
    entry->ip_src = entry->new_ip_src = flow->nw_src;
    entry->ip_dst = entry->new_ip_dst = flow->nw_dst;
    entry->tp_src = entry->new_tp_src = flow->tp_src;
    entry->tp_dst = entry->new_tp_dst = flow->tp_dst;
}

void
flow_parse(const struct ofputil_flow_stats *fs, struct entry *entry)
{
    uint64_t cookie = ntohll(fs->cookie);

    *entry = (struct entry) {
        .kind = (fs->table_id == PIPE_SERVICE
                 ? parse_kind(cookie, fs->priority) : ENTRY_NONE),
        .id = cookie & ID_MASK,
        .out_port = OFPP_NONE,
        .idle_timeout = fs->idle_timeout,
    };
    if (entry->kind == ENTRY_NONE) {
        return;
    }

    const struct ofpact *a;
    parse_match(&fs->match, entry);
    OFPACT_FOR_EACH (a, fs->ofpacts, fs->ofpacts_len) {
        if (a->type == OFPACT_SET_FIELD) {
            parse_set_field(ofpact_get_SET_FIELD(a), entry);
        } else if (a->type == OFPACT_FIN_TIMEOUT) {
            entry->fin_idle_timeout
                = ofpact_get_FIN_TIMEOUT(a)->fin_idle_timeout;
        } else if (a->type == OFPACT_TASUKI) {
            parse_tasuki(ofpact_get_TASUKI(a), entry);
        }
    }
}

void
flow_parse_removed(const struct ofputil_flow_removed *fr, struct entry *entry)
{
    uint64_t cookie = ntohll(fr->cookie);

    *entry = (struct entry) {
        .kind = parse_kind(cookie, fr->priority),
        .id = cookie & ID_MASK,
    };
    parse_match(&fr->match, entry);
}
