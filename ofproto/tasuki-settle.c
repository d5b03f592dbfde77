/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-settle.h"

#include <stdlib.h>

#include "connmgr.h"
#include "coverage.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "ovs-atomic.h"
#include "ovs-rcu.h"
#include "seq.h"
#include "settle.h"
#include "util.h"

COVERAGE_DEFINE(tasuki_settle);

struct question {
    struct ovs_list node;       /* In 'questions'. */
    struct ofconn *ofconn;
    struct ofpbuf *reply;
    uint64_t period;            /* Of RCU: before its end, threads may use old
                                 * tables. */
    uint64_t round;             /* Of revalidation: when it has ended, the
                                 * datapath has followed.  0 if not begun. */
};

/* The oldest first. */
static struct ovs_list questions = OVS_LIST_INITIALIZER(&questions);

/* Periods that we asked to be told the end of, and the last one that has
 * ended. */
static uint64_t n_periods;
static atomic_uint64_t period_done = ATOMIC_VAR_INIT(0);
static struct seq *period_seq;

/* Runs in RCU's thread. */
static void
end_period(uint64_t *period)
{
    atomic_store_explicit(&period_done, *period, memory_order_release);
    seq_change(period_seq);
    free(period);
}

static uint64_t
begin_period(void)
{
    uint64_t *period = xmalloc(sizeof *period);

    if (!period_seq) {
        period_seq = seq_create();
    }
    *period = ++n_periods;
    ovsrcu_postpone(end_period, period);
    return n_periods;
}

/* Returns the last one that has ended, and wakes the main thread when another
 * one does. */
static uint64_t
last_period_done(void)
{
    uint64_t done;

    seq_wait(period_seq, seq_read(period_seq));
    atomic_read_explicit(&period_done, &done, memory_order_acquire);
    return done;
}

bool
tasuki_settle(struct ofconn *ofconn, const struct ofp_header *oh)
{
    struct question *q;

    if (!settle_is(oh)) {
        return false;
    }
    COVERAGE_INC(tasuki_settle);
    q = xmalloc(sizeof *q);
    q->ofconn = ofconn;
    q->reply = ofpraw_alloc_reply((oh->version == OFP10_VERSION
                                   ? OFPRAW_OFPT10_BARRIER_REPLY
                                   : OFPRAW_OFPT11_BARRIER_REPLY), oh, 0);
    q->period = begin_period();
    q->round = 0;
    ovs_list_push_back(&questions, &q->node);
    poll_immediate_wake();
    return true;
}

static void
question_destroy(struct question *q)
{
    ovs_list_remove(&q->node);
    ofpbuf_delete(q->reply);
    free(q);
}

void
tasuki_settle_forget(const struct ofconn *ofconn)
{
    struct question *q;

    LIST_FOR_EACH_SAFE (q, node, &questions) {
        if (q->ofconn == ofconn) {
            question_destroy(q);
        }
    }
}

void
tasuki_settle_run(struct dpif_backer *backer,
                  const struct tasuki_rounds *rounds)
{
    uint64_t begun = 0, period, round_done;
    struct question *q;

    if (ovs_list_is_empty(&questions)) {
        return;
    }

    period = last_period_done();
    round_done = rounds->done(backer);
    LIST_FOR_EACH_SAFE (q, node, &questions) {
        if (!rounds->is_of(backer, q->ofconn) || q->period > period) {
            continue;
        } else if (!q->round) {
            begun = begun ? begun : rounds->begin(backer);
            q->round = begun;
        } else if (q->round <= round_done) {
            ofconn_send_reply(q->ofconn, q->reply);
            q->reply = NULL;
            question_destroy(q);
        }
    }
}
