/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "effect.h"

#include "mirror.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/requests.h"
#include "utilities/tasukid/core/timers.h"

VLOG_DEFINE_THIS_MODULE(mirror_effect);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* How long a switch may take for a barrier, in msec.  Then it is asked
 * again. */
#define BARRIER_TIMEOUT 10000

/* How long after that Open vSwitch's datapath may go on as before, in msec.
 * It takes a few, or more if the machine is busy. */
#define DATAPATH_TIME 100

/* When to try again if a barrier cannot be sent, in msec. */
#define RETRY_TIME 1000

/* Makes policies that were 'asked' about either in effect or not. */
static void
end_asking(struct mirror_switch *ms, bool in_effect)
{
    POLICY_FOR_EACH (i, p, &ms->set) {
        if (p->asked) {
            p->asked = false;
            p->in_effect = in_effect;
        }
    }
    ms->asking = false;
    if (in_effect) {
        mirror_status_changed();
    }
}

static void
datapath_follows(struct timeout *timeout)
{
    end_asking(CONTAINER_OF(timeout, struct mirror_switch, effect), true);
}

static void
barrier_done(struct ofswitch *sw, const struct request_reply *reply, void *ms_)
{
    struct mirror_switch *ms = ms_;

    if (reply->status == REQUEST_DONE) {
        timeout_set(&ms->effect, time_msec() + DATAPATH_TIME);
        return;
    }
    if (reply->status == REQUEST_TIMED_OUT) {
        VLOG_WARN_RL(&rl, "%s: does not answer whether it has the flows of "
                     "new mirrors", ofswitch_name(sw));
    }
    end_asking(ms, false);
}

/* Returns the policies that may take effect and have not. */
static uint32_t
find_waiting(const struct mirror_switch *ms)
{
    uint32_t waiting = 0;

    POLICY_FOR_EACH (i, p, &ms->set) {
        if (!p->in_effect) {
            waiting |= ms->active & (UINT32_C(1) << i);
        }
    }
    return waiting;
}

void
mirror_effect_run(struct mirror_switch *ms)
{
    uint32_t waiting = find_waiting(ms);

    if (!waiting || ms->asking || !ofswitch_is_told(ms->sw)) {
        return;
    }
    ms->asking = true;
    if (request_send(ms->sw, PIPE_APP_MIRROR,
                     ofputil_encode_barrier_request(ofswitch_version(ms->sw)),
                     0, BARRIER_TIMEOUT, barrier_done, ms)) {
        POLICY_FOR_EACH (i, p, &ms->set) {
            p->asked = (waiting & (UINT32_C(1) << i)) != 0;
        }
    } else {
        timeout_set(&ms->effect, time_msec() + RETRY_TIME);
    }
}

void
mirror_effect_init(struct mirror_switch *ms)
{
    timeout_init(&ms->effect, datapath_follows);
}

void
mirror_effect_destroy(struct mirror_switch *ms)
{
    timeout_cancel(&ms->effect);
}
