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
COVERAGE_DEFINE(flow_set_deleted);
COVERAGE_DEFINE(flow_set_kept);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* A flow in the form in which the switch would report it. */
struct static_flow {
    struct hmap_node node;
    uint8_t table;
    uint16_t priority;
    struct minimatch match;
    ovs_be64 cookie;
    struct ofpact *ofpacts;
    size_t ofpacts_len;
    bool present;               /* The switch has exactly this. */
    bool refused;               /* Unless it refused it. */
    long long int forget_at;    /* In 'leaving': when to, in msec. */
};

/* How long after a flow was deleted the switch may say that it is gone: Open
 * vSwitch does that in a thread of its own, after the answers to later messages.
 * In msec. */
#define LEAVING_TIME 10000

struct flow_set {
    enum ofputil_protocol protocol;
    struct hmap flows;          /* Contains "struct static_flow"s. */
    struct hmap leaving;        /* Those that we have deleted ourselves. */
};

struct flow_set *
flow_set_create(enum ofputil_protocol protocol)
{
    struct flow_set *set = xmalloc(sizeof *set);

    set->protocol = protocol;
    hmap_init(&set->flows);
    hmap_init(&set->leaving);
    return set;
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

/* Encodes the flow and decodes it again, which is the way to get from the
 * many forms in which a match or an action can be written in memory to the one
 * in which the switch reports it, and checks on the way that the actions are
 * consistent with the match. */
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
        VLOG_ERR_RL(&rl, "application 0x%02x declared a flow twice or one of "
                    "another application, table %"PRIu8" priority %"PRIu16,
                    app, table, priority);
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
    flow->refused = false;
    hmap_insert(&set->flows, &flow->node,
                minimatch_hash(&flow->match, hash_2words(table, priority)));
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
    return true;
}

bool
flow_set_refused(struct flow_set *set, uint64_t cookie)
{
    struct static_flow *flow;
    bool found = false;

    HMAP_FOR_EACH (flow, node, &set->flows) {
        if (flow->cookie == htonll(cookie)) {
            flow->refused = true;
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
    struct static_flow *flow;
    size_t n = 0;

    HMAP_FOR_EACH (flow, node, &set->flows) {
        if (!flow->present || flow->refused) {
            COVERAGE_INC(flow_set_added);
            static_flow_send(flow, OFPFC_ADD, send, aux);
            flow->present = true;
            flow->refused = false;
            n++;
        }
    }
    return n;
}

/* Moves 'flow' from 'flows', where it is, to 'set->leaving'. */
static void
flow_set_leave(struct flow_set *set, struct hmap *flows,
               struct static_flow *flow)
{
    uint32_t hash = flow->node.hash;

    hmap_remove(flows, &flow->node);
    hmap_insert(&set->leaving, &flow->node, hash);
}

void
flow_set_replace(struct flow_set *old, struct flow_set *new,
                 flow_set_send_func *send, void *aux)
{
    struct static_flow *was;

    HMAP_FOR_EACH_SAFE (was, node, &old->leaving) {
        if (time_msec() < was->forget_at) {
            flow_set_leave(new, &old->leaving, was);
        }
    }
    HMAP_FOR_EACH_SAFE (was, node, &old->flows) {
        struct static_flow *is = find_flow(&new->flows, was->table,
                                           was->priority, &was->match);
        if (!is) {
            if (was->present) {
                COVERAGE_INC(flow_set_deleted);
                static_flow_send(was, OFPFC_DELETE_STRICT, send, aux);
                was->forget_at = time_msec() + LEAVING_TIME;
                flow_set_leave(new, &old->flows, was);
            }
        } else {
            is->refused = was->refused;
            is->present = (was->present && is->cookie == was->cookie
                           && ofpacts_equal(is->ofpacts, is->ofpacts_len,
                                            was->ofpacts, was->ofpacts_len));
        }
    }
}
