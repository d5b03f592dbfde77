/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "entries.h"

#include <stdlib.h>

#include "flow.h"
#include "flows.h"
#include "hash.h"
#include "mirror.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "tasuki-check-tcp-seq.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/requests.h"

/* The application's 56 bits of an entry's cookie: KIND_ENTRY, a number that is
 * another one when the entry is added again, the direction, and the
 * connection's id. */
#define KIND_ENTRY (UINT64_C(1) << 55)
#define GENERATION_SHIFT 49
#define GENERATION_MASK 0x3f
#define DIR_SHIFT 48
#define ID_MASK ((UINT64_C(1) << DIR_SHIFT) - 1)

/* How long the switch may take to say what it has counted, in msec. */
#define ASK_TIMEOUT 5000

/* What the switch has. */
struct entry {
    struct hmap_node node;      /* In 'entries', by connection. */
    uint64_t id;
    enum mirror_dir dir;
    uint64_t cookie;
    uint64_t place;
    bool holds;
};

/* A question. */
struct ask {
    struct ovs_list node;       /* In 'asks', until it is sent. */
    uint64_t id;
    enum mirror_dir dir;
};

/* Places and zones. */

uint64_t
mirror_place(const struct packet_in *pi)
{
    uint8_t table = pi->table_id - MIRROR_STEP;

    return (table == PIPE_MIRROR_IN
            ? table | (uint64_t) ofp_to_u16(pi->flow.in_port.ofp_port) << 8
            : table);
}

uint8_t
mirror_place_table(uint64_t place)
{
    return place & 0xff;
}

ofp_port_t
mirror_place_port(uint64_t place)
{
    return u16_to_ofp(place >> 8);
}

uint32_t
mirror_zone(uint32_t zone, const struct flow *flow)
{
    uint32_t tci = ntohs(flow->vlans[0].tci);

    return zone | (tci & VLAN_CFI ? (tci & (VLAN_CFI | VLAN_VID_MASK)) << 16
                   : 0);
}

uint32_t
mirror_zone_zone(uint32_t zone)
{
    return zone & UINT16_MAX;
}

uint16_t
mirror_zone_vid(uint32_t zone)
{
    return zone >> 16;
}

/* Flows. */

static void
match_addresses(const struct mirror_end *src, const struct mirror_end *dst,
                struct match *match)
{
    if (IN6_IS_ADDR_V4MAPPED(&src->addr)) {
        match_set_dl_type(match, htons(ETH_TYPE_IP));
        match_set_nw_src(match, in6_addr_get_mapped_ipv4(&src->addr));
        match_set_nw_dst(match, in6_addr_get_mapped_ipv4(&dst->addr));
    } else {
        match_set_dl_type(match, htons(ETH_TYPE_IPV6));
        match_set_ipv6_src(match, &src->addr);
        match_set_ipv6_dst(match, &dst->addr);
    }
}

static void
match_direction(const struct mirror_key *key, enum mirror_dir dir,
                uint64_t place, struct match *match)
{
    bool to_server = dir == MIRROR_TO_SERVER;
    const struct mirror_end *src = to_server ? &key->client : &key->server;
    const struct mirror_end *dst = to_server ? &key->server : &key->client;

    match_init_catchall(match);
    if (mirror_place_table(place) == PIPE_MIRROR_IN) {
        match_set_in_port(match, mirror_place_port(place));
    } else {
        match_set_reg(match, PIPE_ZONE_REG, mirror_zone_zone(key->zone));
    }
    match_set_vlan_vid(match, htons(mirror_zone_vid(key->zone)));
    match_addresses(src, dst, match);
    match_set_nw_proto(match, key->nw_proto);
    match_set_nw_frag(match, 0);
    match_set_tp_src(match, src->port);
    match_set_tp_dst(match, dst->port);
}

static void
put_check(struct ofpbuf *ofpacts, const struct mirror_window *window,
          enum check_tcp_number number, uint32_t bit)
{
    if (window->len) {
        const struct mf_subfield dst = {
            .field = mf_from_id(MFF_REG0 + PIPE_MIRROR_REG),
            .ofs = ctz32(bit),
            .n_bits = 1,
        };

        *ofpact_put_check_tcp_seq(ofpacts, &dst) = (struct check_tcp_seq) {
            .start = window->start,
            .len = window->len,
            .number = number,
        };
    }
}

static void
put_actions(const struct mirror_entry *entry, uint8_t decide,
            struct ofpbuf *ofpacts)
{
    uint32_t bits = ((entry->mode == MIRROR_PASS ? MIRROR_PASSED
                      : entry->mode == MIRROR_COPY ? MIRROR_COPIED : 0)
                     | (entry->hold ? MIRROR_HOLD : 0));

    mirror_put_bits(ofpacts, bits, entry->policies);
    if (entry->mode == MIRROR_WINDOW) {
        put_check(ofpacts, &entry->seq, CHECK_TCP_SEQ, MIRROR_INSIDE_SEQ);
        put_check(ofpacts, &entry->ack, CHECK_TCP_ACK, MIRROR_INSIDE_ACK);
    }
    ofpact_put_GOTO_TABLE(ofpacts)->table_id = decide;
}

static void
add_flow(struct mirror_switch *ms, const struct mirror_key *key,
         const struct entry *e, const struct mirror_entry *entry)
{
    uint8_t table = mirror_place_table(e->place);
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_direction(key, e->dir, e->place, &match);
    put_actions(entry, table + MIRROR_DECIDE, &ofpacts);

    mirror_flow_add(ms, table + MIRROR_CONNECTIONS, MIRROR_PRIO_ENTRY,
                    e->cookie, &match, &(struct mirror_flow_life) {
                        .idle_timeout = entry->idle_timeout,
                        .tell = true,
                    }, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Entries. */

static struct entry *
find_entry(const struct mirror_switch *ms, uint64_t id, enum mirror_dir dir)
{
    struct entry *e;

    HMAP_FOR_EACH_WITH_HASH (e, node, hash_uint64(id), &ms->entries) {
        if (e->id == id && e->dir == dir) {
            return e;
        }
    }
    return NULL;
}

static struct entry *
create_entry(struct mirror_switch *ms, uint64_t id, enum mirror_dir dir)
{
    uint64_t generation = ms->generation++ & GENERATION_MASK;
    struct entry *e = xmalloc(sizeof *e);

    e->id = id;
    e->dir = dir;
    e->holds = false;
    e->cookie = PIPE_COOKIE(PIPE_APP_MIRROR,
                            (KIND_ENTRY | generation << GENERATION_SHIFT
                             | (uint64_t) dir << DIR_SHIFT | (id & ID_MASK)));
    hmap_insert(&ms->entries, &e->node, hash_uint64(id));
    return e;
}

static void
free_entry(struct mirror_switch *ms, struct entry *e)
{
    hmap_remove(&ms->entries, &e->node);
    ms->n_holding -= e->holds;
    free(e);
}

void
mirror_entry_set(struct mirror_switch *ms, const struct mirror_conn *conn,
                 enum mirror_dir dir, const struct mirror_entry *entry)
{
    uint64_t place = mirror_conn_place(conn, dir);
    struct entry *e = find_entry(ms, mirror_conn_id(conn), dir);

    if (e && (entry->mode == MIRROR_LOOK || e->place != place)) {
        mirror_flows_delete(ms, (mirror_place_table(e->place)
                                 + MIRROR_CONNECTIONS), e->cookie);
        free_entry(ms, e);
        e = NULL;
    }
    if (entry->mode != MIRROR_LOOK && place) {
        if (!e) {
            e = create_entry(ms, mirror_conn_id(conn), dir);
            e->place = place;
        }
        ms->n_holding += entry->hold - e->holds;
        e->holds = entry->hold;
        mirror_flows_hold(ms);
        add_flow(ms, mirror_conn_key(conn), e, entry);
    }
}

bool
mirror_entry_take(struct mirror_switch *ms, uint64_t cookie, uint64_t *id,
                  enum mirror_dir *dir)
{
    struct entry *e;

    *id = cookie & ID_MASK;
    *dir = (cookie >> DIR_SHIFT & 1 ? MIRROR_TO_CLIENT : MIRROR_TO_SERVER);
    e = cookie & KIND_ENTRY ? find_entry(ms, *id, *dir) : NULL;
    if (!e || e->cookie != cookie) {
        return false;
    }
    free_entry(ms, e);
    return true;
}

/* Counters. */

/* 'reply' has at most one flow. */
static void
count_reply(struct mirror_switch *ms, const struct ask *ask,
            const struct request_reply *reply)
{
    uint64_t stub[256 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofputil_flow_stats fs;

    for (size_t i = 0; i < reply->n_msgs; i++) {
        struct ofpbuf b = *reply->msgs[i];

        if (!ofputil_decode_flow_stats_reply(&fs, &b, false, &ofpacts)) {
            mirror_engine_bytes(ms->engine, time_msec(), ask->id, ask->dir,
                                fs.packet_count, fs.byte_count);
        }
        ofpbuf_clear(&ofpacts);
    }
    ofpbuf_uninit(&ofpacts);
}

static void
handle_counters(struct ofswitch *sw, const struct request_reply *reply,
                void *ask_)
{
    struct mirror_switch *ms = mirror_switch_get(sw);
    struct ask *ask = ask_;

    if (ms && (reply->status == REQUEST_DONE
               || reply->status == REQUEST_PART)) {
        count_reply(ms, ask, reply);
    }
    if (reply->status != REQUEST_PART) {
        free(ask);
    }
}

/* Returns false if it cannot be sent now. */
static bool
send_ask(struct mirror_switch *ms, struct ask *ask)
{
    const struct entry *e = find_entry(ms, ask->id, ask->dir);

    if (!e) {
        free(ask);
        return true;
    }

    struct ofputil_flow_stats_request fsr = {
        .cookie = htonll(e->cookie),
        .cookie_mask = OVS_BE64_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = mirror_place_table(e->place) + MIRROR_CONNECTIONS,
    };
    match_init_catchall(&fsr.match);
    return request_send(ms->sw, PIPE_APP_MIRROR,
                        ofputil_encode_flow_stats_request(
                            &fsr, ofswitch_protocol(ms->sw)),
                        REQUEST_WHOLE, ASK_TIMEOUT, handle_counters, ask);
}

void
mirror_entry_ask(struct mirror_switch *ms, const struct mirror_conn *conn,
                 enum mirror_dir dir)
{
    struct ask *ask = xmalloc(sizeof *ask);

    ask->id = mirror_conn_id(conn);
    ask->dir = dir;
    if (!ovs_list_is_empty(&ms->asks) || !send_ask(ms, ask)) {
        ovs_list_push_back(&ms->asks, &ask->node);
    }
}

void
mirror_entries_run(struct mirror_switch *ms)
{
    struct ask *ask;

    LIST_FOR_EACH_SAFE (ask, node, &ms->asks) {
        ovs_list_remove(&ask->node);
        if (!send_ask(ms, ask)) {
            ovs_list_push_front(&ms->asks, &ask->node);
            break;
        }
    }
}

void
mirror_entries_init(struct mirror_switch *ms)
{
    hmap_init(&ms->entries);
    ovs_list_init(&ms->asks);
}

void
mirror_entries_forget(struct mirror_switch *ms)
{
    struct entry *e;

    HMAP_FOR_EACH_SAFE (e, node, &ms->entries) {
        free_entry(ms, e);
    }
}

void
mirror_entries_destroy(struct mirror_switch *ms)
{
    struct ask *ask;

    mirror_entries_forget(ms);
    hmap_destroy(&ms->entries);
    LIST_FOR_EACH_POP (ask, node, &ms->asks) {
        free(ask);
    }
}
