/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_TIMERS_H
#define TASUKID_TIMERS_H 1

/* Callbacks at a given time.
 *
 * A "struct timeout" is part of the thing that it is about:
 *
 *     struct thing {
 *         struct timeout timeout;
 *     };
 *
 *     timeout_init(&thing->timeout, thing_expired);
 *     timeout_set(&thing->timeout, time_msec() + 1000);
 *
 * and thing_expired() finds the thing with CONTAINER_OF().  Callbacks come
 * from the main loop, the earliest first. */

#include <stdbool.h>

#include "heap.h"

struct timeout {
    struct heap_node node;
    long long int when;         /* As time_msec(), LLONG_MAX if not set. */
    void (*expired)(struct timeout *);
};

void timeout_init(struct timeout *, void (*expired)(struct timeout *));

/* Has 'expired' called once, at 'when' or soon after it.  A time that was set
 * before is forgotten. */
void timeout_set(struct timeout *, long long int when);

/* Unsets the timeout.  It must not be set when the thing is freed. */
void timeout_cancel(struct timeout *);

bool timeout_is_set(const struct timeout *);

/* For the main loop. */
void timers_run(void);
void timers_wait(void);

#endif /* TASUKID_TIMERS_H */
