/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "fake-switch.h"

#include <stdlib.h>

#include "byte-order.h"
#include "csum.h"
#include "flow.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "tcp-offset.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/apps/apps.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/apps/handover/flows.h"
#include "utilities/tasukid/apps/handover/handover.h"
#include "utilities/tasukid/apps/handover/service-config.h"
#include "utilities/tasukid/core/ofswitch.h"

const struct eth_addr client_mac = ETH_ADDR_C(02,00,00,00,00,09);
const struct eth_addr server_macs[N_SERVERS + 1] = {
    [1] = ETH_ADDR_C(02,00,00,00,00,01),
    [2] = ETH_ADDR_C(02,00,00,00,00,02),
    [3] = ETH_ADDR_C(02,00,00,00,00,03),
};

long long int fake_now = 1000000;
bool fake_table_full;
unsigned int fake_n_packet_ins;
bool fake_flows_age;
size_t fake_n_flow_mods;
size_t fake_n_packet_outs;

/* The one switch there is. */
static struct fake {
    void *data;                 /* The application's. */
    struct ovs_list flows;      /* Contains 'struct fake_flow's. */
    struct ovs_list outputs;    /* Contains 'struct fake_packet's. */
    struct service_config *cfg;

    /* Cookies of flows that were refused. */
    uint64_t failed[64];
    size_t n_failed;

    /* Messages about flows that were deleted. */
    struct ofputil_flow_removed removed[64];
    size_t n_removed;
} fake;

struct fake_flow {
    struct ovs_list node;
    struct minimatch match;
    uint16_t priority;
    uint64_t cookie;
    uint16_t idle_timeout;      /* In seconds, 0 if it never expires. */
    long long int used;         /* In ms. */
    struct ofpbuf *ofpacts;
};

struct fake_packet {
    struct ovs_list node;
    struct dp_packet *packet;
    ofp_port_t port;
};

static struct ofswitch *
fake_ofswitch(void)
{
    return (struct ofswitch *) &fake;
}

long long int __wrap_time_msec(void);

long long int
__wrap_time_msec(void)
{
    return fake_now;
}

/* Flows. */

static void
fake_flow_delete(struct fake_flow *f)
{
    ovs_list_remove(&f->node);
    minimatch_destroy(&f->match);
    ofpbuf_delete(f->ofpacts);
    free(f);
}

/* Takes 'f' out and describes that in '*fr'. */
static void
fake_flow_remove(struct fake_flow *f, enum ofp_flow_removed_reason reason,
                 struct ofputil_flow_removed *fr)
{
    *fr = (struct ofputil_flow_removed) {
        .cookie = htonll(f->cookie),
        .priority = f->priority,
        .reason = reason,
        .idle_timeout = f->idle_timeout,
        .packet_count = 1,
        .byte_count = 100,
    };
    minimatch_expand(&f->match, &fr->match);
    fake_flow_delete(f);
}

static struct fake_flow *
fake_flow_lookup(const struct flow *flow)
{
    struct fake_flow *best = NULL;
    struct fake_flow *f;

    LIST_FOR_EACH (f, node, &fake.flows) {
        if (minimatch_matches_flow(&f->match, flow)
            && (!best || f->priority > best->priority)) {
            best = f;
        }
    }
    return best;
}

void
ofswitch_flow_mod(struct ofswitch *ofsw OVS_UNUSED,
                  const struct ofputil_flow_mod *fm)
{
    struct fake_flow *f;

    fake_n_flow_mods++;
    LIST_FOR_EACH_SAFE (f, node, &fake.flows) {
        bool same = (f->priority == fm->priority
                     && minimatch_equal(&f->match, &fm->match));
        bool same_cookie = !((htonll(f->cookie) ^ fm->cookie)
                             & fm->cookie_mask);
        bool delete = (fm->command == OFPFC_DELETE ? same_cookie
                       : fm->command == OFPFC_DELETE_STRICT
                       ? same && same_cookie
                       : same);
        if (!delete) {
            continue;
        } else if (fake_flows_age && fm->command != OFPFC_ADD
                   && f->idle_timeout) {
            ovs_assert(fake.n_removed < ARRAY_SIZE(fake.removed));
            fake_flow_remove(f, OFPRR_DELETE, &fake.removed[fake.n_removed++]);
        } else {
            fake_flow_delete(f);
        }
    }
    if (fm->command != OFPFC_ADD) {
        return;
    }
    if (fake_table_full) {
        /* The message comes when the application is done with what it does
         * now. */
        if (fake.n_failed < ARRAY_SIZE(fake.failed)) {
            fake.failed[fake.n_failed++] = ntohll(fm->new_cookie);
        }
        return;
    }
    f = xmalloc(sizeof *f);
    minimatch_clone(&f->match, &fm->match);
    f->priority = fm->priority;
    f->cookie = ntohll(fm->new_cookie);
    f->idle_timeout = fm->idle_timeout;
    f->used = fake_now;
    f->ofpacts = ofpbuf_clone_data(fm->ofpacts, fm->ofpacts_len);
    ovs_list_push_back(&fake.flows, &f->node);
}

/* The application gets to know what has become of its flows. */
static void
report_flows(void)
{
    while (fake.n_failed || fake.n_removed) {
        if (fake.n_failed) {
            handover_app.flow_failed(fake_ofswitch(),
                                     fake.failed[--fake.n_failed]);
        } else {
            struct ofputil_flow_removed fr = fake.removed[--fake.n_removed];
            handover_app.flow_removed(fake_ofswitch(), &fr);
        }
    }
}

size_t
fake_n_flows(void)
{
    return ovs_list_size(&fake.flows);
}

static struct fake_flow *
find_to_expire(uint16_t priority)
{
    struct fake_flow *f;

    LIST_FOR_EACH (f, node, &fake.flows) {
        if (f->idle_timeout && (!priority || f->priority == priority)) {
            return f;
        }
    }
    return NULL;
}

static void
fake_flow_expire(struct fake_flow *f)
{
    struct ofputil_flow_removed fr;

    fake_flow_remove(f, OFPRR_IDLE_TIMEOUT, &fr);
    handover_app.flow_removed(fake_ofswitch(), &fr);
}

void
fake_expire_flow(uint16_t priority)
{
    struct fake_flow *f;

    /* The application may delete others meanwhile. */
    while ((f = find_to_expire(priority))) {
        fake_flow_expire(f);
    }
}

static struct fake_flow *
find_old_flow(void)
{
    struct fake_flow *f;

    LIST_FOR_EACH (f, node, &fake.flows) {
        if (f->idle_timeout
            && fake_now - f->used >= f->idle_timeout * 1000LL) {
            return f;
        }
    }
    return NULL;
}

static void
expire_old_flows(void)
{
    struct fake_flow *f;

    while ((f = find_old_flow())) {
        fake_flow_expire(f);
    }
}

void
fake_expire_flows(void)
{
    fake_expire_flow(0);
}

/* Packets. */

static void
output(const struct dp_packet *packet, ofp_port_t port)
{
    struct fake_packet *p = xmalloc(sizeof *p);

    p->packet = dp_packet_clone(packet);
    p->port = port;
    ovs_list_push_back(&fake.outputs, &p->node);
}

static void
flood(const struct dp_packet *packet)
{
    output(packet, CLIENT_PORT);
    for (int i = 1; i <= N_SERVERS; i++) {
        output(packet, i);
    }
}

/* What the forwarding application would do. */
static void
output_by_mac(const struct dp_packet *packet)
{
    const struct eth_header *eth = dp_packet_data(packet);

    if (eth_addr_equals(eth->eth_dst, client_mac)) {
        output(packet, CLIENT_PORT);
        return;
    }
    for (int i = 1; i <= N_SERVERS; i++) {
        if (eth_addr_equals(eth->eth_dst, server_macs[i])) {
            output(packet, i);
            return;
        }
    }
    flood(packet);
}

static void
set_field(struct dp_packet *packet, const struct ofpact_set_field *sf,
          ofp_port_t in_port, ofp_port_t *egress)
{
    const union mf_value *value = sf->value;
    struct eth_header *eth = dp_packet_data(packet);
    struct ip_header *ip = dp_packet_l3(packet);
    struct tcp_header *tcp = dp_packet_l4(packet);
    ovs_be16 src = tcp ? tcp->tcp_src : 0;
    ovs_be16 dst = tcp ? tcp->tcp_dst : 0;

    switch ((int) sf->field->id) {
    case MFF_ETH_SRC:
        eth->eth_src = value->mac;
        break;

    case MFF_ETH_DST:
        eth->eth_dst = value->mac;
        break;

    case MFF_IPV4_SRC:
        packet_set_ipv4(packet, value->be32, get_16aligned_be32(&ip->ip_dst),
                        ip->ip_tos, ip->ip_ttl);
        break;

    case MFF_IPV4_DST:
        packet_set_ipv4(packet, get_16aligned_be32(&ip->ip_src), value->be32,
                        ip->ip_tos, ip->ip_ttl);
        break;

    case MFF_TCP_SRC:
        packet_set_tcp_port(packet, value->be16, dst);
        break;

    case MFF_TCP_DST:
        packet_set_tcp_port(packet, src, value->be16);
        break;

    case MFF_REG0:
        *egress = u16_to_ofp(ntohl(value->be32) & UINT16_MAX);
        if (*egress == OFPP_IN_PORT) {
            *egress = in_port;
        } else {
            /* A switch would drop it. */
            ovs_assert(*egress != in_port);
        }
        break;

    default:
        OVS_NOT_REACHED();
    }
}

static void
execute(const struct dp_packet *packet_, ofp_port_t in_port,
        const struct ofpact *ofpacts, size_t len)
{
    struct dp_packet *packet = dp_packet_clone(packet_);
    ofp_port_t egress = OFPP_NONE;
    const struct ofpact *a;
    struct flow flow;

    /* Sets the offsets of the headers. */
    flow_extract(packet, &flow);

    OFPACT_FOR_EACH (a, ofpacts, len) {
        switch ((int) a->type) {
        case OFPACT_SET_FIELD:
            set_field(packet, ofpact_get_SET_FIELD(a), in_port, &egress);
            break;

        case OFPACT_TASUKI: {
            struct tcp_offset o;
            memcpy(&o, ofpact_get_TASUKI(a)->args, sizeof o);
            tcp_offset_packet(&o, dp_packet_l3(packet),
                              dp_packet_l3_size(packet), false);
            break;
        }

        case OFPACT_FIN_TIMEOUT:
            break;

        case OFPACT_OUTPUT: {
            ofp_port_t port = ofpact_get_OUTPUT(a)->port;
            if (port == OFPP_FLOOD) {
                flood(packet);
            } else {
                output(packet, port);
            }
            break;
        }

        case OFPACT_GOTO_TABLE:
            ovs_assert(ofpact_get_GOTO_TABLE(a)->table_id == PIPE_MIRROR);
            goto forward;

        case OFPACT_RESUBMIT:
            ovs_assert(ofpact_get_RESUBMIT(a)->table_id == PIPE_MIRROR);
        forward:
            if (egress != OFPP_NONE) {
                output(packet, egress);
            } else {
                output_by_mac(packet);
            }
            break;

        default:
            OVS_NOT_REACHED();
        }
    }
    dp_packet_delete(packet);
}

void
ofswitch_packet_out(struct ofswitch *ofsw OVS_UNUSED,
                    const struct dp_packet *packet, ofp_port_t in_port,
                    const struct ofpbuf *ofpacts)
{
    fake_n_packet_outs++;
    execute(packet, in_port, ofpacts->data, ofpacts->size);
}

void
ofswitch_output(struct ofswitch *ofsw OVS_UNUSED,
                const struct dp_packet *packet, ofp_port_t port)
{
    fake_n_packet_outs++;
    if (port == OFPP_FLOOD) {
        flood(packet);
    } else {
        output(packet, port);
    }
}

static bool
goes_to_controller(const struct fake_flow *f)
{
    const struct ofpact *a = f->ofpacts->data;

    return (a->type == OFPACT_OUTPUT
            && ofpact_get_OUTPUT(a)->port == OFPP_CONTROLLER);
}

/* 'f' has a packet with 'tcp_flags'. */
static void
fake_flow_hit(struct fake_flow *f, ovs_be16 tcp_flags)
{
    const struct ofpact *a;

    f->used = fake_now;
    OFPACT_FOR_EACH (a, f->ofpacts->data, f->ofpacts->size) {
        if (a->type == OFPACT_FIN_TIMEOUT
            && tcp_flags & htons(TCP_FIN | TCP_RST)) {
            f->idle_timeout = MIN(
                f->idle_timeout,
                ofpact_get_FIN_TIMEOUT(a)->fin_idle_timeout);
        }
    }
}

void
fake_packet_in(struct dp_packet *packet, ofp_port_t port)
{
    struct packet_in pi = {
        .packet = packet,
        .total_len = dp_packet_size(packet),
    };

    flow_extract(packet, &pi.flow);
    pi.flow.in_port.ofp_port = port;

    struct fake_flow *f = fake_flow_lookup(&pi.flow);
    if (f && !goes_to_controller(f)) {
        fake_flow_hit(f, pi.flow.tcp_flags);
        execute(packet, port, f->ofpacts->data, f->ofpacts->size);
    } else if (pi.flow.dl_type == htons(ETH_TYPE_ARP)
               || pi.flow.dl_type == htons(ETH_TYPE_IP)) {
        pi.table_id = PIPE_SERVICE;
        fake_n_packet_ins++;
        handover_app.packet_in(fake_ofswitch(), &pi);
        report_flows();
    }
    dp_packet_delete(packet);
}

static void
inject(struct tcp_segment *seg, ofp_port_t port)
{
    fake_packet_in(tcp_segment_compose(seg), port);
}

void
fake_from_client(struct tcp_segment seg)
{
    seg.eth_src = client_mac;
    seg.eth_dst = fake.cfg->mac;
    seg.ip_src = htonl(CLIENT_IP);
    seg.ip_dst = htonl(VIP);
    seg.tp_src = seg.tp_src ? seg.tp_src : htons(40000);
    seg.tp_dst = htons(VIP_PORT);
    inject(&seg, CLIENT_PORT);
}

void
fake_from_server(int n, struct tcp_segment seg)
{
    seg.eth_src = server_macs[n];
    seg.eth_dst = client_mac;
    seg.ip_src = htonl(n == 3 ? 0x0a000003 : VIP);
    seg.ip_dst = htonl(CLIENT_IP);
    seg.tp_src = htons(n == 3 ? 8080 : VIP_PORT);
    seg.tp_dst = seg.tp_dst ? seg.tp_dst : htons(40000);
    inject(&seg, n);
}

struct dp_packet *
fake_output(ofp_port_t port)
{
    struct fake_packet *p;

    LIST_FOR_EACH (p, node, &fake.outputs) {
        if (p->port == port) {
            struct dp_packet *packet = p->packet;
            ovs_list_remove(&p->node);
            free(p);
            return packet;
        }
    }
    return NULL;
}

ofp_port_t
fake_oldest_output(void)
{
    return (ovs_list_is_empty(&fake.outputs) ? OFPP_NONE
            : CONTAINER_OF(ovs_list_front(&fake.outputs), struct fake_packet,
                           node)->port);
}

bool
fake_next(ofp_port_t port, struct tcp_segment *seg)
{
    static struct dp_packet *last;

    dp_packet_delete(last);
    last = fake_output(port);
    if (!last) {
        return false;
    }
    enum tcp_segment_error error = tcp_segment_parse(last, seg);
    ovs_assert(error == TCP_SEGMENT_OK);
    return true;
}

void
fake_drain(void)
{
    struct fake_packet *p;

    LIST_FOR_EACH_POP (p, node, &fake.outputs) {
        dp_packet_delete(p->packet);
        free(p);
    }
}

/* What else the application asks of its switch. */

void
ofswitch_barrier(struct ofswitch *ofsw OVS_UNUSED)
{
}

unsigned int fake_n_redeclared;

void
ofswitch_redeclare(struct ofswitch *ofsw OVS_UNUSED,
                   uint8_t app OVS_UNUSED)
{
    fake_n_redeclared++;
}

void
ofswitch_redeclare_soon(struct ofswitch *ofsw OVS_UNUSED,
                        uint8_t app OVS_UNUSED)
{
    fake_n_redeclared++;
}

const char *
ofswitch_name(const struct ofswitch *ofsw OVS_UNUSED)
{
    return "fake";
}

ofp_port_t
ofswitch_port_from_string(const struct ofswitch *ofsw OVS_UNUSED,
                          const char *s)
{
    return u16_to_ofp(atoi(s));
}

void *
ofswitch_get_data(const struct ofswitch *ofsw OVS_UNUSED,
                  uint8_t app OVS_UNUSED)
{
    return fake.data;
}

void
ofswitch_set_data(struct ofswitch *ofsw OVS_UNUSED,
                  uint8_t app OVS_UNUSED, void *data)
{
    fake.data = data;
}

void
ofswitch_for_each(uint8_t app OVS_UNUSED,
                  void (*cb)(struct ofswitch *, void *), void *aux)
{
    if (fake.data) {
        cb(fake_ofswitch(), aux);
    }
}

void
flow_set_add(struct flow_set *flows OVS_UNUSED,
             uint8_t app OVS_UNUSED, uint64_t cookie OVS_UNUSED,
             uint8_t table OVS_UNUSED, uint16_t priority OVS_UNUSED,
             const struct match *match OVS_UNUSED,
             const struct ofpbuf *ofpacts OVS_UNUSED)
{
}

/* Configuration. */

void
config_set_status(const struct uuid *uuid OVS_UNUSED,
                  const char *key OVS_UNUSED, const char *format OVS_UNUSED,
                  ...)
{
}

void
config_refuse_row(const struct uuid *uuid OVS_UNUSED, char *error)
{
    free(error);
}

struct service_config **
handover_config_read(const struct tasukirec_tasuki *root OVS_UNUSED,
                     size_t *n)
{
    struct service_config **cfgs = xcalloc(1, sizeof *cfgs);

    *n = fake.cfg != NULL;
    cfgs[0] = fake.cfg ? service_config_ref(fake.cfg) : NULL;
    return cfgs;
}

static struct uuid
server_uuid(int n)
{
    return (struct uuid) { .parts = { 0x5e, n } };
}

struct service_config *
fake_config(void)
{
    struct uuid uuid = { .parts = { 0x5c } };
    struct service_config *cfg = service_config_create(&uuid, "web",
                                                       htonl(VIP),
                                                       htons(VIP_PORT));
    for (int i = 1; i <= N_SERVERS; i++) {
        char *name = xasprintf("server%d", i);

        uuid = server_uuid(i);
        struct member_config *m = service_config_add_member(cfg, &uuid, name);
        free(name);
        m->ofport = xasprintf("%d", i);
        m->has_mac = true;
        m->mac = server_macs[i];
        if (i == 3) {
            m->address = htonl(0x0a000003);
            m->port = htons(8080);
        }
    }
    cfg->default_server = server_uuid(1);
    return cfg;
}

void
fake_add_rule(struct service_config *cfg, const char *path, int n)
{
    struct uuid uuid = { .parts = { 0x1e, cfg->rules.n_rules } };
    struct rule *rule = rule_create(&uuid, 0);

    rule_add_condition(rule, RULE_PATH, path);
    uuid = server_uuid(n);
    rule_add_server(rule, &uuid);
    rule_set_add(&cfg->rules, rule);
}

static void
refuse_no_rule(const struct rule *rule OVS_UNUSED, const char *name OVS_UNUSED,
               const char *reason OVS_UNUSED)
{
    OVS_NOT_REACHED();
}

void
fake_configure(struct service_config *cfg)
{
    if (cfg && !cfg->rules.n_fields) {
        rule_set_finish(&cfg->rules, refuse_no_rule);
    }
    service_config_unref(fake.cfg);
    fake.cfg = cfg;
    handover_app.configure(NULL);
}

void
fake_start(struct service_config *cfg)
{
    ovs_list_init(&fake.flows);
    ovs_list_init(&fake.outputs);
    fake.n_failed = fake.n_removed = 0;
    fake_table_full = fake_flows_age = false;
    fake_n_packet_ins = 0;
    fake_n_flow_mods = fake_n_packet_outs = 0;
    fake_configure(cfg);
    handover_app.switch_up(fake_ofswitch());
    handover_app.adopt_done(fake_ofswitch());
}

void
fake_restart(void)
{
    struct fake_flow *f;

    handover_app.switch_down(fake_ofswitch());
    handover_app.switch_up(fake_ofswitch());
    LIST_FOR_EACH_SAFE (f, node, &fake.flows) {
        struct ofputil_flow_stats fs = {
            .cookie = htonll(f->cookie),
            .table_id = PIPE_SERVICE,
            .priority = f->priority,
            .ofpacts = f->ofpacts->data,
            .ofpacts_len = f->ofpacts->size,
        };
        minimatch_expand(&f->match, &fs.match);
        if (!handover_app.adopt_flow(fake_ofswitch(), &fs)) {
            fake_flow_delete(f);
        }
    }
    handover_app.adopt_done(fake_ofswitch());
}

void
fake_stop(void)
{
    struct fake_flow *f;
    struct tcp_segment seg;

    handover_app.switch_down(fake_ofswitch());
    fake_configure(NULL);
    handover_app.destroy();
    LIST_FOR_EACH_SAFE (f, node, &fake.flows) {
        fake_flow_delete(f);
    }
    fake_drain();
    fake_next(OFPP_NONE, &seg);
    ovs_assert(!fake_shared->n_in_progress);
    ovs_assert(!fake_shared->held.used);
}

void
fake_pass(long long int ms)
{
    while (ms > 0) {
        /* Finely at the end, where tests look closely. */
        long long int step = ms > 1000 ? 500 : MIN(ms, 10);

        fake_now += step;
        ms -= step;
        if (fake_flows_age) {
            expire_old_flows();
        }
        handover_app.run();
        report_flows();
    }
}

struct engine_shared *const fake_shared = &handover_shared;

struct hswitch *
fake_hswitch(void)
{
    return fake.data;
}

struct engine *
fake_engine(void)
{
    return fake.data ? &fake_hswitch()->engine : NULL;
}

uint64_t
fake_counter(enum handover_counter counter)
{
    const struct service *service = service_lookup(fake_engine(), 0, htonl(VIP),
                                                   htons(VIP_PORT));
    return service->counters[counter];
}
