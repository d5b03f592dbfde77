/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "group.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "byte-order.h"
#include "dp-packet.h"
#include "engine/engine.h"
#include "hash.h"
#include "ipsec.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/vlog.h"
#include "row.h"
#include "status.h"
#include "tasuki-ipsec-tag.h"
#include "tasuki-sample.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(ipsec_group);

BUILD_ASSERT_DECL((int) BALANCE_MAX == (int) IPSEC_MAX_BUCKETS);
BUILD_ASSERT_DECL((int) BALANCE_MAX == (int) IPSEC_MAX_TAGS);

/* Of each packet that is sampled, tasukid needs what the action reads, and the
 * Ethernet header with two VLAN tags before that. */
#define SAMPLE_LEN (ETH_HEADER_LEN + 2 * VLAN_HEADER_LEN + IPSEC_TAG_READ_MAX)

/* The first packets are taken with this probability, until it is known how
 * many there are. */
#define FIRST_PROBABILITY (UINT32_C(1) << 26)   /* 1 of 64. */

/* How long after the probability was changed there may be packets that were
 * taken with the old one, in ms. */
#define SETTLING_TIME 200

/* Maps. */

struct kept_map {
    struct hmap_node node;      /* In 'kept_maps', by 'uuid'. */
    struct uuid uuid;
    size_t n;
    uint8_t map[BALANCE_MAX];
};

static struct hmap kept_maps = HMAP_INITIALIZER(&kept_maps);

static struct kept_map *
find_kept_map(const struct uuid *uuid)
{
    struct kept_map *km;

    HMAP_FOR_EACH_WITH_HASH (km, node, uuid_hash(uuid), &kept_maps) {
        if (uuid_equals(&km->uuid, uuid)) {
            return km;
        }
    }
    return NULL;
}

static void
forget_map(struct kept_map *km)
{
    hmap_remove(&kept_maps, &km->node);
    free(km);
}

void
ipsec_maps_keep(const struct ipsec_group *g)
{
    struct kept_map *km = find_kept_map(&g->uuid);

    if (!g->balance) {
        return;
    }
    if (!km) {
        km = xzalloc(sizeof *km);
        km->uuid = g->uuid;
        hmap_insert(&kept_maps, &km->node, uuid_hash(&km->uuid));
    }
    km->n = ipsec_group_tag(g)->n_buckets;
    memcpy(km->map, balance_map(g->balance), km->n);
}

void
ipsec_maps_keep_only(bool (*exists)(const struct uuid *))
{
    struct kept_map *km;

    HMAP_FOR_EACH_SAFE (km, node, &kept_maps) {
        if (!exists(&km->uuid)) {
            forget_map(km);
        }
    }
}

/* The action that tags. */

static struct ipsec_tag *
get_args(const struct ofpact *a)
{
    struct ofpact_tasuki *oa = ofpact_get_TASUKI(a);

    return &ALIGNED_CAST(struct ofpact_ipsec_tag *, oa->args)->tag;
}

const struct ipsec_tag *
ipsec_group_tag(const struct ipsec_group *g)
{
    return get_args(g->tag.data);
}

/* Writes the map that is wanted by now to the action. */
static void
update_action(struct ipsec_group *g)
{
    if (g->balance) {
        struct ipsec_tag *t = get_args(g->tag.data);

        memcpy(t->map, balance_map(g->balance), t->n_buckets);
    }
}

/* Rounds. */

static void
begin_round(struct ipsec_group *g, long long int now)
{
    g->round_began = now;
    g->n_samples = 0;
    balance_restart(g->balance, now);
    timeout_set(&g->round, now + g->interval);
}

static void
log_moves(const struct ipsec_group *g, const struct balance_move moves[],
          size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct balance_move *m = &moves[i];

        VLOG_INFO("%s: bucket %d, %s, %.0f bytes/s, gets tag %d instead of %d",
                  g->name, m->bucket, m->idle ? "idle" : "in use", m->load,
                  m->to, m->from);
    }
}

/* Returns true if buckets have other tags than before. */
static bool
rebalance(struct ipsec_group *g, long long int now)
{
    struct balance_move moves[BALANCE_MAX];
    size_t n = balance_round(g->balance, now, moves);

    log_moves(g, moves, n);
    g->n_moves += n;
    update_action(g);
    return n > 0;
}

/* If there were so many samples that the meter held some back, those that it
 * let pass are not random. */
static void
round_expired(struct timeout *timeout)
{
    struct ipsec_group *g = CONTAINER_OF(timeout, struct ipsec_group, round);
    long long int now = time_msec();
    long long int ms = now - g->round_began;
    uint32_t probability = balance_probability(g->probability, g->n_samples,
                                               ms);
    bool metered = g->n_samples * 1000LL > IPSEC_METER_RATE * 9LL / 10 * ms;
    bool changed = !metered && rebalance(g, now);

    if (probability != g->probability) {
        g->probability = probability;
        changed = true;
        now += SETTLING_TIME;
    }
    begin_round(g, now);
    if (changed) {
        ofswitch_redeclare_cookie(g->is->sw, g->cookie);
    }
    ipsec_status_write(g);
}

void
ipsec_group_sample(struct ipsec_group *g, const struct packet_in *pi)
{
    long long int now = time_msec();
    unsigned int bucket;

    if (!g->balance) {
        return;
    }
    ipsec_tag_of_packet(ipsec_group_tag(g), pi->packet, &bucket);
    if (now < g->round_began) {
        balance_see(g->balance, bucket, now);
    } else {
        balance_sample(g->balance, bucket,
                       pi->total_len * (UINT32_MAX / (double) g->probability),
                       now);
        g->n_samples++;
        g->n_sampled++;
    }
}

/* Rows. */

static int64_t
value_or(const int64_t *value, size_t n, int64_t otherwise)
{
    return n ? *value : otherwise;
}

static void
read_balance_config(const struct tasukirec_ipsec_group *row,
                    struct balance_config *cfg)
{
    *cfg = (struct balance_config) {
        .n_tags = row->n,
        .n_buckets = ipsec_row_buckets(row),
        .max_moves = value_or(row->rebalance_moves, row->n_rebalance_moves,
                              IPSEC_MOVES_DEFAULT),
        .tolerance = value_or(row->rebalance_skew, row->n_rebalance_skew,
                              IPSEC_SKEW_DEFAULT) / 100.0,
        .idle = value_or(row->rebalance_idle, row->n_rebalance_idle,
                         IPSEC_IDLE_DEFAULT),
        .idle_only = !strcmp(row->rebalance, "idle"),
    };
}

/* Returns true if the same packets have the same buckets by 'a' and by 'b', and
 * the same tags can be in the map. */
static bool
same_buckets(const struct ipsec_tag *a, const struct ipsec_tag *b)
{
    return (a->n == b->n && a->n_buckets == b->n_buckets && a->hash == b->hash
            && a->basis == b->basis);
}

static void
stop_balance(struct ipsec_group *g)
{
    balance_destroy(g->balance);
    g->balance = NULL;
    timeout_cancel(&g->round);
}

static void
start_balance(struct ipsec_group *g, const struct balance_config *cfg)
{
    struct kept_map *km = find_kept_map(&g->uuid);
    long long int now = time_msec();

    g->balance = balance_create(cfg, now);
    g->probability = FIRST_PROBABILITY;
    if (km) {
        balance_set_map(g->balance, km->map, km->n);
        forget_map(km);
    }
    begin_round(g, now);
}

/* 'old' is what tagged until now, or null. */
static void
read_balance(struct ipsec_group *g, const struct tasukirec_ipsec_group *row,
             const struct ipsec_tag *old)
{
    struct balance_config cfg;

    if (g->balance && (!ipsec_row_rebalances(row)
                       || !same_buckets(old, ipsec_group_tag(g)))) {
        stop_balance(g);
    }
    if (!ipsec_row_rebalances(row)) {
        return;
    }
    read_balance_config(row, &cfg);
    g->interval = 1000 * value_or(row->rebalance_interval,
                                  row->n_rebalance_interval,
                                  IPSEC_INTERVAL_DEFAULT);
    if (g->balance) {
        balance_configure(g->balance, &cfg);
    } else {
        start_balance(g, &cfg);
    }
    update_action(g);
}

static void
put_tag(const struct tasukirec_ipsec_group *row, struct ofpbuf *tag)
{
    if (ipsec_row_rebalances(row)) {
        uint8_t map[IPSEC_MAX_BUCKETS] = { 0 };

        ipsec_row_put_tag(row, map, ipsec_row_buckets(row), tag);
    } else {
        ipsec_row_put_tag(row, NULL, 0, tag);
    }
}

static void
read_row(struct ipsec_group *g, const struct tasukirec_ipsec_group *row)
{
    struct ofpbuf old = g->tag;

    g->name = xstrdup(row->name);
    ipsec_row_match(row, &g->match);
    g->priority = ipsec_row_priority(row);
    ofpbuf_init(&g->base, 0);
    ipsec_row_put_base(row, &g->base);
    ofpbuf_init(&g->tag, 0);
    put_tag(row, &g->tag);
    g->port = nullable_xstrdup(row->port);
    g->refused = false;
    read_balance(g, row, old.size ? get_args(old.data) : NULL);
    ofpbuf_uninit(&old);
}

static void
clear_row(struct ipsec_group *g)
{
    free(g->name);
    ofpbuf_uninit(&g->base);
    free(g->port);
}

/* 56 bits of a UUID are as good as unique. */
static uint64_t
make_cookie(const struct uuid *uuid)
{
    uint64_t bits = (uint64_t) uuid->parts[0] << 32 | uuid->parts[1];

    return PIPE_COOKIE(PIPE_APP_IPSEC, bits & ~PIPE_COOKIE_MASK);
}

struct ipsec_group *
ipsec_group_create(struct ipsec_switch *is,
                   const struct tasukirec_ipsec_group *row)
{
    struct ipsec_group *g = xzalloc(sizeof *g);

    g->is = is;
    g->uuid = row->header_.uuid;
    g->cookie = make_cookie(&g->uuid);
    timeout_init(&g->round, round_expired);
    hmap_insert(&is->groups, &g->node, hash_uint64(g->cookie));
    read_row(g, row);
    return g;
}

void
ipsec_group_destroy(struct ipsec_group *g)
{
    hmap_remove(&g->is->groups, &g->node);
    stop_balance(g);
    clear_row(g);
    ofpbuf_uninit(&g->tag);
    free(g);
}

void
ipsec_group_update(struct ipsec_group *g,
                   const struct tasukirec_ipsec_group *row)
{
    clear_row(g);
    read_row(g, row);
}

struct ipsec_group *
ipsec_group_find(const struct ipsec_switch *is, uint64_t cookie)
{
    struct ipsec_group *g;

    HMAP_FOR_EACH_WITH_HASH (g, node, hash_uint64(cookie), &is->groups) {
        if (g->cookie == cookie) {
            return g;
        }
    }
    return NULL;
}

struct ipsec_group *
ipsec_group_of(const struct ipsec_switch *is, const struct uuid *row)
{
    struct ipsec_group *g = ipsec_group_find(is, make_cookie(row));

    return g && uuid_equals(&g->uuid, row) ? g : NULL;
}

/* The flow. */

/* A packet whose way another application has decided is not for 'port'. */
static void
make_match(const struct ipsec_group *g, struct match *match)
{
    *match = g->match;
    match_set_reg(match, PIPE_ZONE_REG, 0);
    if (g->port) {
        match_set_reg_masked(match, PIPE_EGRESS_REG, 0, PIPE_EGRESS_VALID);
    }
}

static bool
port_is_up(const struct ipsec_group *g, struct ds *reason)
{
    const struct ofswitch *sw = g->is->sw;
    ofp_port_t port = ofswitch_port_by_name(sw, g->port);

    if (port == OFPP_NONE) {
        ds_put_format(reason, "port: no port %s", g->port);
    } else if (ofswitch_port_is_owned(sw, port)) {
        ds_put_format(reason, "port: port %s belongs to another application",
                      g->port);
    } else {
        return true;
    }
    return false;
}

bool
ipsec_group_is_up(const struct ipsec_group *g, struct ds *reason)
{
    if (!g->is->adopted) {
        ds_put_cstr(reason, "the switch is being asked for its flows");
        return false;
    } else if (g->refused) {
        ds_put_cstr(reason, "the switch refuses the flow");
        if (ipsec_group_tag(g)->field == IPSEC_TAG_PKT_MARK) {
            ds_put_cstr(reason, "; a datapath in userspace has no pkt_mark");
        }
        return false;
    } else if (g->port && !port_is_up(g, reason)) {
        return false;
    }
    if (g->balance && !g->is->has_meter) {
        ds_put_cstr(reason, "rebalance: the switch refuses a meter");
    }
    return true;
}

static void
put_actions(const struct ipsec_group *g, struct ofpbuf *ofpacts)
{
    const struct ofswitch *sw = g->is->sw;

    ofpbuf_put(ofpacts, g->base.data, g->base.size);
    if (g->balance && g->is->has_meter) {
        tasuki_sample_put(ofpacts, g->probability, SAMPLE_LEN,
                          PIPE_ID(PIPE_APP_IPSEC, 0));
    }
    ofpbuf_put(ofpacts, g->tag.data, g->tag.size);
    if (g->port) {
        pipeline_put_output(sw, PIPE_IPSEC,
                            ofswitch_port_by_name(sw, g->port), 0, ofpacts);
    } else {
        ofpact_put_GOTO_TABLE(ofpacts)->table_id
            = pipeline_next(sw, PIPE_IPSEC);
    }
}

void
ipsec_group_declare(const struct ipsec_group *g, struct flow_set *flows)
{
    struct ds reason = DS_EMPTY_INITIALIZER;

    if (g->is->adopted && (!g->port || port_is_up(g, &reason))) {
        uint64_t stub[1024 / 8];
        struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
        struct match match;

        make_match(g, &match);
        put_actions(g, &ofpacts);
        flow_set_add(flows, PIPE_APP_IPSEC, g->cookie, PIPE_IPSEC, g->priority,
                     &match, &ofpacts);
        ofpbuf_uninit(&ofpacts);
    }
    ds_destroy(&reason);
}

static const struct ipsec_tag *
find_tag(const struct ofpact *ofpacts, size_t ofpacts_len)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH (a, ofpacts, ofpacts_len) {
        if (a->type == OFPACT_TASUKI
            && ofpact_get_TASUKI(a)->id == tasuki_ipsec_tag.id) {
            return get_args(a);
        }
    }
    return NULL;
}

bool
ipsec_group_adopt(struct ipsec_group *g, const struct ofputil_flow_stats *fs)
{
    const struct ipsec_tag *t = find_tag(fs->ofpacts, fs->ofpacts_len);
    struct match match;

    if (t && g->balance && same_buckets(t, ipsec_group_tag(g))
        && balance_set_map(g->balance, t->map, t->n_buckets)) {
        update_action(g);
    }
    make_match(g, &match);
    match_set_default_packet_type(&match);
    return (match_equal(&match, &fs->match) && fs->priority == g->priority
            && fs->table_id == PIPE_IPSEC);
}
