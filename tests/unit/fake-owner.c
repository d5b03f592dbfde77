/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "fake-owner.h"

#include <stdlib.h>

#include "dp-packet.h"
#include "flow.h"
#include "packets.h"
#include "tcp-offset.h"
#include "util.h"

/* What the owner has, and knows. */
static struct owner {
    struct engine engine;
    bool started;
    struct ovs_list entries;    /* Contains 'struct owned_entry's. */

    /* Entries that were refused, or removed, and that the engine has to be
     * told of when it is done with what it does now. */
    struct entry failed[64];
    size_t n_failed;
    struct entry removed[64];
    size_t n_removed;
} owner;

struct owned_entry {
    struct ovs_list node;
    struct entry e;
    uint16_t idle_timeout;      /* In seconds, as it is now. */
    long long int used;         /* In ms. */
};

static struct engine_shared shared = { .next_id = 1 };
struct engine_shared *const fake_shared = &shared;

bool owner_has_moved;
unsigned int owner_n_checks;
struct owner_action owner_actions[OWNER_MAX_ACTIONS];
size_t owner_n_actions;

static void
note_action(enum owner_action_type type, ofp_port_t port,
            const struct entry *entry)
{
    if (owner_n_actions < OWNER_MAX_ACTIONS) {
        struct owner_action *a = &owner_actions[owner_n_actions++];

        a->type = type;
        a->port = port;
        a->entry = entry ? *entry : (struct entry) { .kind = ENTRY_NONE };
    }
}

/* Entries. */

static bool
same_segments(const struct entry *a, const struct entry *b)
{
    return (a->kind == b->kind && a->zone == b->zone
            && a->in_port == b->in_port
            && eth_addr_equals(a->eth_src, b->eth_src)
            && a->ip_src == b->ip_src && a->ip_dst == b->ip_dst
            && a->tp_src == b->tp_src && a->tp_dst == b->tp_dst);
}

static bool
matches(const struct entry *e, const struct segment_in *in)
{
    const struct tcp_segment *seg = &in->seg;

    if (e->zone != in->zone || e->ip_src != seg->ip_src
        || e->ip_dst != seg->ip_dst || e->tp_src != seg->tp_src) {
        return false;
    }
    return (e->kind == ENTRY_DIRECT
            || (e->tp_dst == seg->tp_dst
                && (e->kind == ENTRY_WATCH
                    || (!(seg->flags & (TCP_SYN | TCP_RST))
                        && (e->in_port == OFPP_NONE || e->in_port == in->port)
                        && eth_addr_equals(e->eth_src, seg->eth_src)))));
}

/* Returns the entry for '*in': kinds are in the order in which they count. */
static struct owned_entry *
entry_lookup(const struct segment_in *in)
{
    struct owned_entry *best = NULL;
    struct owned_entry *o;

    LIST_FOR_EACH (o, node, &owner.entries) {
        if (matches(&o->e, in) && (!best || o->e.kind < best->e.kind)) {
            best = o;
        }
    }
    return best;
}

static void
entry_free(struct owned_entry *o)
{
    ovs_list_remove(&o->node);
    free(o);
}

/* Forgets 'o', which the engine has asked for. */
static void
entry_removed(struct owned_entry *o)
{
    if (fake_flows_age && o->idle_timeout) {
        ovs_assert(owner.n_removed < ARRAY_SIZE(owner.removed));
        owner.removed[owner.n_removed++] = o->e;
    }
    entry_free(o);
}

static void
owner_install(struct engine *e OVS_UNUSED, const struct entry *entry)
{
    struct owned_entry *o;

    fake_n_flow_mods++;
    note_action(ACTION_INSTALL, OFPP_NONE, entry);
    LIST_FOR_EACH_SAFE (o, node, &owner.entries) {
        if (same_segments(&o->e, entry)) {
            entry_free(o);
        }
    }
    if (fake_table_full) {
        if (owner.n_failed < ARRAY_SIZE(owner.failed)) {
            owner.failed[owner.n_failed++] = *entry;
        }
        return;
    }
    o = xmalloc(sizeof *o);
    o->e = *entry;
    o->idle_timeout = entry->idle_timeout;
    o->used = fake_now;
    ovs_list_push_back(&owner.entries, &o->node);
}

static void
owner_remove(struct engine *e OVS_UNUSED, const struct entry *entry)
{
    struct owned_entry *o;

    fake_n_flow_mods++;
    note_action(ACTION_REMOVE, OFPP_NONE, entry);
    LIST_FOR_EACH_SAFE (o, node, &owner.entries) {
        if (same_segments(&o->e, entry) && o->e.id == entry->id) {
            entry_removed(o);
        }
    }
}

static void
owner_remove_id(struct engine *e OVS_UNUSED, uint64_t id, bool watched)
{
    struct owned_entry *o;

    fake_n_flow_mods += 1 + watched;
    note_action(ACTION_REMOVE, OFPP_NONE, NULL);
    LIST_FOR_EACH_SAFE (o, node, &owner.entries) {
        if (o->e.id == id && o->e.kind != ENTRY_DIRECT
            && (o->e.kind != ENTRY_WATCH || watched)) {
            entry_removed(o);
        }
    }
}

static void
report(void)
{
    while (owner.n_failed || owner.n_removed) {
        if (owner.n_failed) {
            const struct entry *e = &owner.failed[--owner.n_failed];

            engine_entry_failed(fake_engine(), e->id, e->kind == ENTRY_WATCH);
        } else {
            const struct entry e = owner.removed[--owner.n_removed];

            engine_entry_removed(fake_engine(), &e, 0, 100);
        }
    }
}

size_t
fake_n_flows(void)
{
    return ovs_list_size(&owner.entries);
}

static void
expire(struct owned_entry *o)
{
    const struct entry e = o->e;
    long long int quiet_ms = o->idle_timeout * 1000LL;

    entry_free(o);
    engine_entry_removed(fake_engine(), &e, quiet_ms, 100);
}

/* Returns an entry of 'kind', if that is not ENTRY_NONE, which is old if
 * 'old'; the engine may remove others when it is told of one. */
static struct owned_entry *
find_to_expire(enum entry_kind kind, bool old)
{
    struct owned_entry *o;

    LIST_FOR_EACH (o, node, &owner.entries) {
        if (o->idle_timeout && (kind == ENTRY_NONE || o->e.kind == kind)
            && (!old || fake_now - o->used >= o->idle_timeout * 1000LL)) {
            return o;
        }
    }
    return NULL;
}

void
fake_expire(enum entry_kind kind)
{
    struct owned_entry *o;

    while ((o = find_to_expire(kind, false))) {
        expire(o);
    }
}

/* Packets. */

static void
owner_pass(struct engine *e OVS_UNUSED, const struct dp_packet *packet,
           ofp_port_t in_port OVS_UNUSED)
{
    fake_n_packet_outs++;
    note_action(ACTION_PASS, OFPP_NONE, NULL);
    fake_send_by_mac(packet);
}

static void
owner_send(struct engine *e OVS_UNUSED, struct dp_packet *packet,
           ofp_port_t port, bool to_server OVS_UNUSED)
{
    fake_n_packet_outs++;
    note_action(ACTION_SEND, port, NULL);
    if (port == OFPP_NONE) {
        fake_send_by_mac(packet);
    } else {
        fake_send(packet, port);
    }
    dp_packet_delete(packet);
}

/* Does to 'packet' what '*entry' says. */
static void
apply(const struct entry *entry, const struct dp_packet *packet_)
{
    struct dp_packet *packet = dp_packet_clone(packet_);
    const struct tcp_offset o = {
        .fields = ((entry->seq ? TCP_OFFSET_SEQ : 0)
                   | (entry->ack ? TCP_OFFSET_ACK : 0)
                   | (entry->tsval ? TCP_OFFSET_TSVAL : 0)
                   | (entry->tsecr ? TCP_OFFSET_TSECR : 0)
                   | (entry->wscale ? TCP_OFFSET_WSCALE : 0)),
        .wscale = entry->wscale,
        .seq = entry->seq,
        .ack = entry->ack,
        .tsval = entry->tsval,
        .tsecr = entry->tsecr,
    };
    struct flow flow;

    /* Sets the offsets of the headers. */
    flow_extract(packet, &flow);
    if (o.fields) {
        tcp_offset_packet(&o, dp_packet_l3(packet), dp_packet_l3_size(packet),
                          false);
    }

    struct eth_header *eth = dp_packet_data(packet);
    struct ip_header *ip = dp_packet_l3(packet);
    eth->eth_src = entry->new_eth_src;
    eth->eth_dst = entry->new_eth_dst;
    packet_set_ipv4(packet, entry->new_ip_src, entry->new_ip_dst, ip->ip_tos,
                    ip->ip_ttl);
    packet_set_tcp_port(packet, entry->new_tp_src, entry->new_tp_dst);
    if (entry->out_port == OFPP_NONE) {
        fake_send_by_mac(packet);
    } else {
        fake_send(packet, entry->out_port);
    }
    dp_packet_delete(packet);
}

static void
owner_forward(struct engine *e OVS_UNUSED, const struct entry *entry,
              const struct dp_packet *packet, ofp_port_t in_port OVS_UNUSED)
{
    fake_n_packet_outs++;
    note_action(ACTION_FORWARD, entry->out_port, entry);
    apply(entry, packet);
}

static void
hit(struct owned_entry *o, const struct segment_in *in)
{
    o->used = fake_now;
    if (in->seg.flags & (TCP_FIN | TCP_RST) && o->e.fin_idle_timeout) {
        o->idle_timeout = MIN(o->idle_timeout, o->e.fin_idle_timeout);
    }
    if (o->e.kind == ENTRY_DIRECT) {
        fake_send_by_mac(in->packet);
    } else {
        apply(&o->e, in->packet);
    }
}

void
owner_packet_in(struct dp_packet *packet, ofp_port_t port, uint32_t zone)
{
    struct segment_in in = { .zone = zone, .port = port, .packet = packet };
    struct flow flow;

    flow_extract(packet, &flow);
    in.error = tcp_segment_parse(packet, &in.seg);
    if (in.error) {
        in.seg.ip_src = flow.nw_src;
        in.seg.ip_dst = flow.nw_dst;
        in.seg.tp_src = flow.tp_src;
        in.seg.tp_dst = flow.tp_dst;
    }

    struct owned_entry *o = in.error ? NULL : entry_lookup(&in);
    if (o && o->e.kind != ENTRY_WATCH) {
        hit(o, &in);
    } else if (flow.dl_type == htons(ETH_TYPE_IP)) {
        fake_n_packet_ins++;
        if (flow.nw_proto == IPPROTO_ICMP) {
            engine_icmp(fake_engine(), zone, packet);
        } else {
            engine_segment(fake_engine(), &in);
        }
        report();
    }
    dp_packet_delete(packet);
}

void
fake_packet_in(struct dp_packet *packet, ofp_port_t port)
{
    owner_packet_in(packet, port, 0);
}

/* What else the engine asks for. */

static void
owner_barrier(struct engine *e OVS_UNUSED)
{
    note_action(ACTION_BARRIER, OFPP_NONE, NULL);
}

static void
owner_redeclare(struct engine *e OVS_UNUSED, bool by_packet OVS_UNUSED)
{
    fake_n_redeclared++;
}

static bool
has_moved(struct engine *e OVS_UNUSED,
          const struct service *service OVS_UNUSED, ovs_be32 ip OVS_UNUSED,
          const struct place *old OVS_UNUSED,
          const struct place *new OVS_UNUSED, ovs_be16 vlan_tci OVS_UNUSED)
{
    owner_n_checks++;
    return owner_has_moved;
}

static void
owner_check_member(struct engine *e OVS_UNUSED, struct member *m OVS_UNUSED,
                   const struct place *place OVS_UNUSED)
{
    owner_n_checks++;
}

static void
owner_probe_member(struct engine *e OVS_UNUSED, struct member *m OVS_UNUSED,
                   bool everywhere OVS_UNUSED)
{
}

static ofp_port_t
owner_find_port(struct engine *e OVS_UNUSED, const struct member *m OVS_UNUSED,
                const char *name)
{
    return u16_to_ofp(atoi(name));
}

unsigned int owner_n_news[3];

static void
owner_tell(struct engine *e OVS_UNUSED, const struct conn *conn OVS_UNUSED,
           enum conn_news news)
{
    owner_n_news[news]++;
}

static void
owner_show_state(struct engine *e OVS_UNUSED,
                 const struct member *m OVS_UNUSED, const char *state OVS_UNUSED)
{
}

static const struct engine_ops ops = {
    .send = owner_send,
    .pass = owner_pass,
    .forward = owner_forward,
    .install = owner_install,
    .remove = owner_remove,
    .remove_id = owner_remove_id,
    .barrier = owner_barrier,
    .redeclare = owner_redeclare,
    .has_moved = has_moved,
    .check_member = owner_check_member,
    .probe_member = owner_probe_member,
    .find_port = owner_find_port,
    .show_state = owner_show_state,
    .tell = owner_tell,
};

/* Life. */

struct engine *
fake_engine(void)
{
    if (!owner.started) {
        return NULL;
    }
    owner.engine.now = fake_now;
    return &owner.engine;
}

static void
engine_up(void)
{
    engine_init(&owner.engine, &ops, &shared);
    owner.started = true;
    engine_configure(fake_engine(), &fake_cfg, fake_cfg != NULL);
}

static void
engine_down(void)
{
    engine_destroy(&owner.engine);
    owner.started = false;
}

void
fake_configure(struct service_config *cfg)
{
    fake_net_configure(cfg);
    if (owner.started) {
        engine_configure(fake_engine(), &fake_cfg, fake_cfg != NULL);
    }
}

void
fake_start(struct service_config *cfg)
{
    ovs_list_init(&owner.entries);
    owner.n_failed = owner.n_removed = 0;
    owner_has_moved = false;
    owner_n_checks = 0;
    owner_n_actions = 0;
    shared.held.max = 64 * 1024 * 1024;
    shared.max_in_progress = 100000;
    fake_net_start();
    fake_net_configure(cfg);
    engine_up();
    engine_adopt_done(fake_engine());
}

void
fake_restart(void)
{
    struct owned_entry *o;

    engine_down();
    engine_up();
    LIST_FOR_EACH_SAFE (o, node, &owner.entries) {
        if (!engine_adopt(fake_engine(), &o->e, 0)) {
            entry_free(o);
        }
    }
    engine_adopt_done(fake_engine());
}

void
fake_stop(void)
{
    struct owned_entry *o;

    engine_down();
    fake_net_configure(NULL);
    LIST_FOR_EACH_SAFE (o, node, &owner.entries) {
        entry_free(o);
    }
    fake_net_stop();
}

void
fake_pass(long long int ms)
{
    struct owned_entry *o;

    while (ms > 0) {
        /* Finely at the end, where tests look closely. */
        long long int step = ms > 1000 ? 500 : MIN(ms, 10);

        fake_now += step;
        ms -= step;
        while (fake_flows_age && (o = find_to_expire(ENTRY_NONE, true))) {
            expire(o);
        }
        engine_run(fake_engine());
        report();
    }
}
