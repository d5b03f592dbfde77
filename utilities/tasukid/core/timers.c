/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "timers.h"

#include <limits.h>

#include "openvswitch/poll-loop.h"
#include "timeval.h"
#include "util.h"

/* The heap has the greatest priority first. */
static struct heap timeouts = { NULL, 0, 0 };

/* Most timeouts to handle before the rest of the daemon gets its turn. */
#define MAX_PER_RUN 1000

void
timeout_init(struct timeout *t, void (*expired)(struct timeout *))
{
    t->when = LLONG_MAX;
    t->expired = expired;
}

bool
timeout_is_set(const struct timeout *t)
{
    return t->when != LLONG_MAX;
}

void
timeout_cancel(struct timeout *t)
{
    if (timeout_is_set(t)) {
        heap_remove(&timeouts, &t->node);
        t->when = LLONG_MAX;
    }
}

void
timeout_set(struct timeout *t, long long int when)
{
    timeout_cancel(t);
    if (when != LLONG_MAX) {
        t->when = MAX(when, 0);
        heap_insert(&timeouts, &t->node, UINT64_MAX - t->when);
    }
}

static struct timeout *
first(void)
{
    return (heap_is_empty(&timeouts) ? NULL
            : CONTAINER_OF(heap_max(&timeouts), struct timeout, node));
}

void
timers_run(void)
{
    long long int now = time_msec();

    for (int i = 0; i < MAX_PER_RUN; i++) {
        struct timeout *t = first();

        if (!t || t->when > now) {
            break;
        }
        timeout_cancel(t);
        t->expired(t);
    }
}

void
timers_wait(void)
{
    const struct timeout *t = first();

    if (t) {
        poll_timer_wait_until(t->when);
    }
}
