/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_RATE_H
#define TASUKID_HANDOVER_RATE_H 1

/* How often something may be done: a token bucket like that of openvswitch's
 * token-bucket.h, for callers that are told the time. */

#include <limits.h>
#include <stdbool.h>

#include "util.h"

struct rate {
    unsigned int per_ms;        /* Tokens that come in a millisecond. */
    unsigned int burst;         /* Most tokens to keep. */
    unsigned int tokens;
    long long int filled;       /* In ms, last time. */
};

/* A bucket that is full when it is first looked at. */
#define RATE(PER_MS, BURST) \
    (struct rate) { .per_ms = (PER_MS), .burst = (BURST), .filled = LLONG_MIN }

/* Takes 'n' tokens if there are so many at 'now', in ms.  Returns true if
 * so. */
static inline bool
rate_allows(struct rate *r, unsigned int n, long long int now)
{
    if (r->tokens < n && now > r->filled) {
        unsigned long long int passed = now;

        passed -= r->filled;
        r->tokens = (passed < r->burst
                     ? MIN(r->tokens + passed * r->per_ms, r->burst)
                     : r->burst);
        r->filled = now;
    }
    if (r->tokens < n) {
        return false;
    }
    r->tokens -= n;
    return true;
}

#endif /* rate.h */
