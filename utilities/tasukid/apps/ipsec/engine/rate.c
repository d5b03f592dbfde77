/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "engine.h"

#include "util.h"

/* At most so many times as many packets as before. */
#define MAX_RAISE 64

uint32_t
balance_probability(uint32_t probability, unsigned int n, long long int ms)
{
    double rate = n * 1000.0 / MAX(ms, 1);
    bool too_few = rate < BALANCE_RATE / 2 && probability < UINT32_MAX;
    bool too_many = rate > BALANCE_RATE * 2;

    if (!too_few && !too_many) {
        return probability;
    }

    double factor = rate > 0 ? BALANCE_RATE / rate : MAX_RAISE;
    double wanted = probability * MIN(factor, MAX_RAISE);

    return (wanted >= UINT32_MAX ? UINT32_MAX
            : UINT32_C(1) << log_2_floor(MAX(wanted, 1)));
}
