/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-forward.h"

#include "dpif.h"
#include "timeval.h"

/* To ask thousands of devices takes some milliseconds, too.  In msec. */
#define INTERVAL 50

bool
tasuki_forward(struct dpif *dpif)
{
    static long long int next;

    if (time_msec() < next) {
        return false;
    }

    bool changed = dpif_run(dpif);

    next = time_msec() + INTERVAL;
    return changed;
}
