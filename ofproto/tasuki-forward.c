/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-forward.h"

#include "coverage.h"
#include "dpif.h"
#include "timeval.h"

COVERAGE_DEFINE(tasuki_forward);

/* How often to forward, in msec.  Asking thousands of devices takes some
 * milliseconds itself. */
#define INTERVAL 50

bool
tasuki_forward(struct dpif *dpif)
{
    static long long int next;

    if (time_msec() < next) {
        return false;
    }

    COVERAGE_INC(tasuki_forward);

    bool changed = dpif_run(dpif);

    next = time_msec() + INTERVAL;
    return changed;
}
