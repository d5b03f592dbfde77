/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "counters.h"

#include "coverage.h"
#include "engine.h"
#include "service.h"

COVERAGE_DEFINE(handover_connection);
COVERAGE_DEFINE(handover_kept);
COVERAGE_DEFINE(handover_moved);
COVERAGE_DEFINE(handover_drop);

const char *
handover_counter_name(enum handover_counter counter)
{
    static const char *const names[] = {
#define HANDOVER_COUNTER_NAME(ENUMERATOR, NAME, DESCRIPTION) NAME,
        HANDOVER_COUNTERS(HANDOVER_COUNTER_NAME)
#undef HANDOVER_COUNTER_NAME
    };

    return names[counter];
}

const char *
handover_counter_description(enum handover_counter counter)
{
    static const char *const descriptions[] = {
#define HANDOVER_COUNTER_DESCRIPTION(ENUMERATOR, NAME, DESCRIPTION) \
        DESCRIPTION,
        HANDOVER_COUNTERS(HANDOVER_COUNTER_DESCRIPTION)
#undef HANDOVER_COUNTER_DESCRIPTION
    };

    return descriptions[counter];
}

void
engine_count(struct engine *e, struct service *service,
             enum handover_counter counter)
{
    if (service) {
        service->counters[counter]++;
    } else {
        e->counters[counter]++;
    }

    if (counter == HC_CONNECTIONS) {
        COVERAGE_INC(handover_connection);
    } else if (counter == HC_KEPT) {
        COVERAGE_INC(handover_kept);
    } else if (counter == HC_MOVED) {
        COVERAGE_INC(handover_moved);
    } else if (counter >= HC_DROP_NOT_TCP) {
        COVERAGE_INC(handover_drop);
    }
}
