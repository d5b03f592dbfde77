/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "flow-set.h"

#include <inttypes.h>

#include "app-call.h"
#include "byte-order.h"
#include "coverage.h"
#include "hash.h"
#include "ofswitch.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(flow_set);

COVERAGE_DEFINE(flow_set_added);
COVERAGE_DEFINE(flow_set_declared);
COVERAGE_DEFINE(flow_set_deleted);
COVERAGE_DEFINE(flow_set_kept);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* A flow in the form in which the switch would report it. */
struct static_flow {
    struct hmap_node node;      /* In 'flows' or 'leaving'. */
    struct hmap_node cookie_node;   /* In 'by_cookie', if in 'flows'. */
    struct ovs_list missing_node;   /* In 'missing', or empty. */
    uint8_t table;
    uint16_t priority;
    struct minimatch match;
    ovs_be64 cookie;
    struct ofpact *ofpacts;
    size_t ofpacts_len;
    bool present;               /* The switch has exactly this, unless it
                                 * refused it. */
    long long int forget_at;    /* If in 'leaving', in msec. */
};

/* How long after a flow was deleted the switch may report that it is gone, in
 * msec.  Open vSwitch reports it from a thread of its own, after the answers
 * to later messages. */
#define LEAVING_TIME 10000

struct flow_set {
    enum ofputil_protocol protocol;
    struct hmap flows;          /* Contains "struct static_flow"s. */
    struct hmap by_cookie;      /* The same. */
    struct ovs_list missing;    /* Those that flow_set_push() has to send. */
    struct hmap leaving;        /* Those that we have deleted ourselves. */
};

struct flow_set *
flow_set_create(enum ofputil_protocol protocol)
{
    struct flow_set *set = xmalloc(sizeof *set);

    set->protocol = protocol;
    hmap_init(&set->flows);
    hmap_init(&set->by_cookie);
    ovs_list_init(&set->missing);
    hmap_init(&set->leaving);
    return set;
}

/* Puts 'flow', which is in no set, into 'set'. */
static void
insert_flow(struct flow_set *set, struct static_flow *flow)
{
    uint32_t hash = minimatch_hash(&flow->match,
                                   hash_2words(flow->table, flow->priority));

    hmap_insert(&set->flows, &flow->node, hash);
    hmap_insert(&set->by_cookie, &flow->cookie_node,
                hash_uint64(ntohll(flow->cookie)));
    ovs_list_init(&flow->missing_node);
}

static void
remove_flow(struct flow_set *set, struct static_flow *flow)
{
    hmap_remove(&set->flows, &flow->node);
    hmap_remove(&set->by_cookie, &flow->cookie_node);
    ovs_list_remove(&flow->missing_node);
    ovs_list_init(&flow->missing_node);
}

/* Has flow_set_push() send 'flow'. */
static void
note_missing(struct flow_set *set, struct static_flow *flow)
{
    if (ovs_list_is_empty(&flow->missing_node)) {
        ovs_list_push_back(&set->missing, &flow->missing_node);
    }
}

static void
static_flow_destroy(struct static_flow *flow)
{
    minimatch_destroy(&flow->match);
    free(flow->ofpacts);
    free(flow);
}

void
flow_set_destroy(struct flow_set *set)
{
    if (set) {
        struct static_flow *flow;

        HMAP_FOR_EACH_POP (flow, node, &set->flows) {
            static_flow_destroy(flow);
        }
        HMAP_FOR_EACH_POP (flow, node, &set->leaving) {
            static_flow_destroy(flow);
        }
        hmap_destroy(&set->flows);
        hmap_destroy(&set->by_cookie);
        hmap_destroy(&set->leaving);
        free(set);
    }
}

size_t
flow_set_count(const struct flow_set *set)
{
    return set ? hmap_count(&set->flows) : 0;
}

static struct static_flow *
find_flow(const struct hmap *flows, uint8_t table, uint16_t priority,
          const struct minimatch *match)
{
    uint32_t hash = minimatch_hash(match, hash_2words(table, priority));
    struct static_flow *flow;

    HMAP_FOR_EACH_WITH_HASH (flow, node, hash, flows) {
        if (flow->table == table && flow->priority == priority
            && minimatch_equal(&flow->match, match)) {
            return flow;
        }
    }
    return NULL;
}

static struct static_flow *
find_match(const struct hmap *flows, uint8_t table, uint16_t priority,
           const struct match *match)
{
    struct static_flow *flow;
    struct minimatch mm;

    minimatch_init(&mm, match);
    flow = find_flow(flows, table, priority, &mm);
    minimatch_destroy(&mm);
    return flow;
}

/* Encodes the flow and decodes it again.  In memory a match or an action can
 * be written in many forms; this yields the one in which the switch reports
 * it.  Decoding checks that the actions are consistent with the match, too. */
void
flow_set_add(struct flow_set *set, uint8_t app, uint64_t cookie,
             uint8_t table, uint16_t priority, const struct match *match,
             const struct ofpbuf *ofpacts)
{
    struct ofputil_flow_mod fm = {
        .priority = priority,
        .new_cookie = htonll(cookie),
        .table_id = table,
        .command = OFPFC_ADD,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .ofpacts = ofpacts->data,
        .ofpacts_len = ofpacts->size,
    };
    struct static_flow *flow;
    struct ofpbuf decoded;
    struct ofpbuf *msg;
    enum ofperr error;

    if (PIPE_COOKIE_APP(cookie) != app
        || (app_running() && app_running()->id != app)
        || !pipeline_may_have_flow(app, table, priority)) {
        VLOG_ERR_RL(&rl, "application 0x%02x declared a flow that is not its "
                    "own: cookie %#"PRIx64", table %"PRIu8", priority "
                    "%"PRIu16, app, cookie, table, priority);
        return;
    }

    COVERAGE_INC(flow_set_declared);
    minimatch_init(&fm.match, match);
    msg = ofputil_encode_flow_mod(&fm, set->protocol);
    minimatch_destroy(&fm.match);

    ofpbuf_init(&decoded, 64);
    error = ofputil_decode_flow_mod(&fm, msg->data, set->protocol, NULL, NULL,
                                    &decoded, OFPP_MAX, OFPTT_MAX);
    ofpbuf_delete(msg);
    if (error) {
        VLOG_ERR_RL(&rl, "application 0x%02x declared a bad flow in table "
                    "%"PRIu8" (%s)", app, table, ofperr_to_string(error));
        ofpbuf_uninit(&decoded);
        return;
    }
    if (find_flow(&set->flows, table, priority, &fm.match)) {
        VLOG_ERR_RL(&rl, "application 0x%02x declared a flow twice, table "
                    "%"PRIu8" priority %"PRIu16, app, table, priority);
        minimatch_destroy(&fm.match);
        ofpbuf_uninit(&decoded);
        return;
    }

    flow = xmalloc(sizeof *flow);
    flow->table = table;
    flow->priority = priority;
    minimatch_move(&flow->match, &fm.match);
    flow->cookie = fm.new_cookie;
    flow->ofpacts_len = decoded.size;
    flow->ofpacts = ofpbuf_steal_data(&decoded);
    flow->present = false;
    insert_flow(set, flow);
    note_missing(set, flow);
}

bool
flow_set_found(struct flow_set *set, const struct ofputil_flow_stats *fs)
{
    struct static_flow *flow = find_match(&set->flows, fs->table_id,
                                          fs->priority, &fs->match);
    if (!flow) {
        return false;
    }
    if (fs->cookie == flow->cookie
        && !fs->idle_timeout && !fs->hard_timeout
        && (fs->flags & OFPUTIL_FF_SEND_FLOW_REM)
        && (ofpacts_equal(fs->ofpacts, fs->ofpacts_len,
                          flow->ofpacts, flow->ofpacts_len)
            || ofpacts_equal_stringwise(fs->ofpacts, fs->ofpacts_len,
                                        flow->ofpacts, flow->ofpacts_len))) {
        COVERAGE_INC(flow_set_kept);
        flow->present = true;
        ovs_list_remove(&flow->missing_node);
        ovs_list_init(&flow->missing_node);
    }
    return true;
}

bool
flow_set_lost(struct flow_set *set, const struct ofputil_flow_removed *fr,
              bool *expected)
{
    struct static_flow *flow = find_match(&set->leaving, fr->table_id,
                                          fr->priority, &fr->match);
    *expected = flow && flow->cookie == fr->cookie;
    if (*expected) {
        hmap_remove(&set->leaving, &flow->node);
        static_flow_destroy(flow);
    }

    flow = find_match(&set->flows, fr->table_id, fr->priority, &fr->match);
    if (!flow || flow->cookie != fr->cookie) {
        return false;
    }
    flow->present = false;
    note_missing(set, flow);
    return true;
}

bool
flow_set_refused(struct flow_set *set, uint64_t cookie)
{
    struct static_flow *flow;
    bool found = false;

    HMAP_FOR_EACH_WITH_HASH (flow, cookie_node, hash_uint64(cookie),
                             &set->by_cookie) {
        if (flow->cookie == htonll(cookie)) {
            note_missing(set, flow);
            found = true;
        }
    }
    return found;
}

static void
static_flow_send(const struct static_flow *flow, uint16_t command,
                 flow_set_send_func *send, void *aux)
{
    bool add = command == OFPFC_ADD;
    struct ofputil_flow_mod fm = {
        .priority = flow->priority,
        .new_cookie = add ? flow->cookie : OVS_BE64_MAX,
        .cookie = add ? 0 : flow->cookie,
        .cookie_mask = add ? 0 : OVS_BE64_MAX,
        .table_id = flow->table,
        .command = command,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        /* So that it is put back when somebody else deletes it. */
        .flags = add ? OFPUTIL_FF_SEND_FLOW_REM : 0,
        .ofpacts = add ? flow->ofpacts : NULL,
        .ofpacts_len = add ? flow->ofpacts_len : 0,
    };

    minimatch_clone(&fm.match, &flow->match);
    send(&fm, aux);
    minimatch_destroy(&fm.match);
}

size_t
flow_set_push(struct flow_set *set, flow_set_send_func *send, void *aux)
{
    size_t n = 0;

    while (!ovs_list_is_empty(&set->missing)) {
        struct ovs_list *node = ovs_list_pop_front(&set->missing);
        struct static_flow *flow = CONTAINER_OF(node, struct static_flow,
                                                missing_node);

        ovs_list_init(node);
        COVERAGE_INC(flow_set_added);
        static_flow_send(flow, OFPFC_ADD, send, aux);
        flow->present = true;
        n++;
    }
    return n;
}

static void
forget_left(struct flow_set *set)
{
    struct static_flow *flow;

    HMAP_FOR_EACH_SAFE (flow, node, &set->leaving) {
        if (time_msec() >= flow->forget_at) {
            hmap_remove(&set->leaving, &flow->node);
            static_flow_destroy(flow);
        }
    }
}

/* Deletes 'flow' from the switch and from 'set'. */
static void
delete_flow(struct flow_set *set, struct static_flow *flow,
            flow_set_send_func *send, void *aux)
{
    uint32_t hash = flow->node.hash;

    remove_flow(set, flow);
    if (flow->present) {
        COVERAGE_INC(flow_set_deleted);
        static_flow_send(flow, OFPFC_DELETE_STRICT, send, aux);
        flow->forget_at = time_msec() + LEAVING_TIME;
        hmap_insert(&set->leaving, &flow->node, hash);
    } else {
        static_flow_destroy(flow);
    }
}

static bool
is_declared(const struct flow_set *set, const struct static_flow *flow)
{
    return find_flow(&set->flows, flow->table, flow->priority,
                     &flow->match) != NULL;
}

/* Moves 'flow', which is in no set, into 'set'.  It replaces the one with the
 * same match that 'set' may have, whatever its cookie. */
static void
take_over_flow(struct flow_set *set, struct static_flow *flow)
{
    struct static_flow *was = find_flow(&set->flows, flow->table,
                                        flow->priority, &flow->match);
    bool missing = true;

    if (was) {
        flow->present = (was->present && flow->cookie == was->cookie
                         && ofpacts_equal(flow->ofpacts, flow->ofpacts_len,
                                          was->ofpacts, was->ofpacts_len));
        missing = (!flow->present
                   || !ovs_list_is_empty(&was->missing_node));
        remove_flow(set, was);
        static_flow_destroy(was);
    }
    insert_flow(set, flow);
    if (missing) {
        note_missing(set, flow);
    }
}

static void
take_over_flows(struct flow_set *set, struct flow_set *new)
{
    struct static_flow *flow;

    HMAP_FOR_EACH_SAFE (flow, node, &new->flows) {
        remove_flow(new, flow);
        take_over_flow(set, flow);
    }
}

void
flow_set_update(struct flow_set *set, struct flow_set *new,
                flow_set_send_func *send, void *aux)
{
    struct static_flow *flow;

    forget_left(set);
    HMAP_FOR_EACH_SAFE (flow, node, &set->flows) {
        if (!is_declared(new, flow)) {
            delete_flow(set, flow, send, aux);
        }
    }
    take_over_flows(set, new);
}

void
flow_set_update_cookies(struct flow_set *set, struct flow_set *new,
                        const uint64_t cookies[], size_t n,
                        flow_set_send_func *send, void *aux)
{
    forget_left(set);
    for (size_t i = 0; i < n; i++) {
        struct hmap_node *node = hmap_first_with_hash(&set->by_cookie,
                                                      hash_uint64(cookies[i]));
        while (node) {
            struct static_flow *flow = CONTAINER_OF(node, struct static_flow,
                                                    cookie_node);

            node = hmap_next_with_hash(node);
            if (flow->cookie == htonll(cookies[i])
                && !is_declared(new, flow)) {
                delete_flow(set, flow, send, aux);
            }
        }
    }
    take_over_flows(set, new);
}
