/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "fake-switch.h"

#include <stdlib.h>

#include "byte-order.h"
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
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/apps/handover/flows.h"
#include "utilities/tasukid/apps/handover/handover.h"
#include "utilities/tasukid/apps/handover/neigh.h"
#include "utilities/tasukid/apps/handover/service-config.h"
#include "utilities/tasukid/core/neighbours.h"
#include "utilities/tasukid/core/ofswitch.h"

/* The one switch there is. */
static struct fake {
    void *data;                 /* The application's. */
    struct ovs_list flows;      /* Contains 'struct fake_flow's. */
    struct fake_flow *current;  /* In fake_for_each_flow(). */

    /* Cookies of flows that were refused. */
    uint64_t failed[64];
    size_t n_failed;

    /* Messages about flows that were deleted. */
    struct ofputil_flow_removed removed[64];
    size_t n_removed;
} fake;

uint32_t fake_zone;

static void deliver_events(void);

struct fake_flow {
    struct ovs_list node;
    struct minimatch match;
    uint16_t priority;
    uint64_t cookie;
    uint16_t idle_timeout;      /* In seconds, 0 if it never expires. */
    long long int used;         /* In ms. */
    struct ofpbuf *ofpacts;
};

struct ofswitch *
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
fake_expire(enum entry_kind kind)
{
    uint16_t priority = (kind == ENTRY_TO_SERVER ? FLOW_TO_SERVER
                         : kind == ENTRY_TO_CLIENT ? FLOW_TO_CLIENT
                         : 0);
    struct fake_flow *f;

    ovs_assert(priority || kind == ENTRY_NONE);

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

/* Packets. */

/* What the stages after ours do. */
static void
leave(const struct dp_packet *packet, ofp_port_t egress)
{
    if (egress != OFPP_NONE) {
        fake_send(packet, egress);
    } else {
        fake_send_by_mac(packet);
    }
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

    case MFF_REG0 + PIPE_MIRROR_REG:
        /* What mirrors do not look at. */
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
                fake_flood(packet);
            } else {
                fake_send(packet, port);
            }
            break;
        }

        case OFPACT_GOTO_TABLE:
            ovs_assert(ofpact_get_GOTO_TABLE(a)->table_id == PIPE_MIRROR);
            goto forward;

        case OFPACT_RESUBMIT:
            ovs_assert(ofpact_get_RESUBMIT(a)->table_id == PIPE_MIRROR);
        forward:
            leave(packet, egress);
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
ofswitch_inject(struct ofswitch *ofsw OVS_UNUSED, const void *data,
                size_t size, ofp_port_t in_port, uint8_t table,
                const struct pipeline_notes *notes)
{
    struct dp_packet *packet = dp_packet_clone_data(data, size);

    ovs_assert(in_port == OFPP_CONTROLLER && table == PIPE_MIRROR
               && !notes->zone);
    fake_n_packet_outs++;
    leave(packet, notes->egress);
    dp_packet_delete(packet);
}

void
ofswitch_output(struct ofswitch *ofsw OVS_UNUSED,
                const struct dp_packet *packet, ofp_port_t port)
{
    fake_n_packet_outs++;
    if (port == OFPP_FLOOD) {
        fake_flood(packet);
    } else {
        fake_send(packet, port);
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
        .zone = fake_zone,
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
        deliver_events();
        report_flows();
    }
    dp_packet_delete(packet);
}

/* What else the application asks of its switch. */

void
ofswitch_barrier(struct ofswitch *ofsw OVS_UNUSED)
{
}

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

uint32_t
ofswitch_port_zone(const struct ofswitch *ofsw OVS_UNUSED,
                   ofp_port_t port OVS_UNUSED)
{
    return 0;
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

/* Events: those about neighbours are delivered. */

static struct event_neighbour events[64];
static size_t n_events;

bool
event_subscribe(uint8_t app OVS_UNUSED,
                const struct event_type *type OVS_UNUSED,
                event_func *cb OVS_UNUSED, void *aux OVS_UNUSED)
{
    return true;
}

void
event_unsubscribe(uint8_t app OVS_UNUSED,
                  const struct event_type *type OVS_UNUSED,
                  event_func *cb OVS_UNUSED, void *aux OVS_UNUSED)
{
}

void
event_publish(struct ofswitch *ofsw OVS_UNUSED, const struct event_type *type,
              const void *event)
{
    if (type == &event_neighbour) {
        ovs_assert(n_events < ARRAY_SIZE(events));
        events[n_events++] = *(const struct event_neighbour *) event;
    }
}

static void
deliver_events(void)
{
    for (size_t i = 0; i < n_events; i++) {
        neigh_handle_event(fake_hswitch(), &events[i]);
    }
    n_events = 0;
}

const struct event_type event_port = { .name = "core/port" };
const struct event_type event_conn = { .name = "core/conn" };
const struct event_type event_neighbour = { .name = "core/neighbour" };

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

    *n = fake_cfg != NULL;
    cfgs[0] = fake_cfg ? service_config_ref(fake_cfg) : NULL;
    return cfgs;
}

bool
handover_config_has_server(const struct service_config *cfg OVS_UNUSED,
                           size_t i OVS_UNUSED,
                           const struct tasukirec_server *row OVS_UNUSED)
{
    OVS_NOT_REACHED();
}

void
fake_configure(struct service_config *cfg)
{
    fake_net_configure(cfg);
    handover_app.configure(NULL);
}

void
fake_start(struct service_config *cfg)
{
    ovs_list_init(&fake.flows);
    fake.n_failed = fake.n_removed = 0;
    fake_zone = 0;
    fake_net_start();
    fake_configure(cfg);
    handover_app.switch_up(fake_ofswitch());
    handover_app.adopt_done(fake_ofswitch());
}

void
fake_for_each_flow(void (*cb)(const struct ofputil_flow_stats *, void *aux),
                   void *aux)
{
    struct fake_flow *f;

    LIST_FOR_EACH_SAFE (f, node, &fake.flows) {
        struct ofputil_flow_stats fs = {
            .cookie = htonll(f->cookie),
            .table_id = PIPE_SERVICE,
            .priority = f->priority,
            .idle_timeout = f->idle_timeout,
            .ofpacts = f->ofpacts->data,
            .ofpacts_len = f->ofpacts->size,
        };

        minimatch_expand(&f->match, &fs.match);
        fake.current = f;
        cb(&fs, aux);
    }
}

uint64_t
fake_last_cookie(void)
{
    return CONTAINER_OF(ovs_list_back(&fake.flows), struct fake_flow,
                        node)->cookie;
}

static void
adopt(const struct ofputil_flow_stats *fs, void *aux OVS_UNUSED)
{
    if (!handover_app.adopt_flow(fake_ofswitch(), fs)) {
        fake_flow_delete(fake.current);
    }
}

void
fake_restart(void)
{
    handover_app.switch_down(fake_ofswitch());
    neighbours_drop(fake_ofswitch());
    handover_app.switch_up(fake_ofswitch());
    fake_for_each_flow(adopt, NULL);
    handover_app.adopt_done(fake_ofswitch());
}

void
fake_stop(void)
{
    struct fake_flow *f;

    handover_app.switch_down(fake_ofswitch());
    neighbours_drop(fake_ofswitch());
    n_events = 0;
    fake_configure(NULL);
    handover_app.destroy();
    LIST_FOR_EACH_SAFE (f, node, &fake.flows) {
        fake_flow_delete(f);
    }
    fake_net_stop();
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
        neighbours_run();
        deliver_events();
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
    struct engine *e = fake.data ? &fake_hswitch()->engine : NULL;

    if (e) {
        e->now = fake_now;
    }
    return e;
}
