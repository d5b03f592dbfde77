/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "effect.h"

#include "mirror.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/requests.h"
#include "utilities/tasukid/core/timers.h"

VLOG_DEFINE_THIS_MODULE(mirror_effect);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

/* How long the switch's datapath may take to do what the switch was told, in
 * msec.  Then it is asked again. */
#define SETTLE_TIMEOUT 10000

/* When to try again if that cannot be asked, in msec. */
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

/* Nothing was asked: no policy is in effect yet. */
static void
retry(struct timeout *timeout)
{
    end_asking(CONTAINER_OF(timeout, struct mirror_switch, effect), false);
}

static void
settled(struct ofswitch *sw, const struct request_reply *reply, void *ms)
{
    if (reply->status == REQUEST_TIMED_OUT) {
        VLOG_WARN_RL(&rl, "%s: does not answer whether it has the flows of "
                     "new mirrors", ofswitch_name(sw));
    }
    end_asking(ms, reply->status == REQUEST_DONE);
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
    if (request_settle(ms->sw, PIPE_APP_MIRROR, SETTLE_TIMEOUT, settled, ms)) {
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
    timeout_init(&ms->effect, retry);
}

void
mirror_effect_destroy(struct mirror_switch *ms)
{
    timeout_cancel(&ms->effect);
}
