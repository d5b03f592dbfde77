/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef HANDOVER_OPS_H
#define HANDOVER_OPS_H 1

#include <stddef.h>
#include <stdint.h>

#include "utilities/tasukid/apps/handover/engine/counters.h"

/* Runs the handover application on a fake switch through what 'data' says:
 * segments from a client and from servers with any numbers, frames that are
 * anything, time that passes, flows that expire, restarts, another
 * configuration.  Aborts unless
 *
 *   - all frames that the application made itself have right checksums;
 *   - limits are kept;
 *   - nothing is left when everything has timed out. */
void handover_ops_run(const uint8_t *data, size_t size);

/* What the service counted in all runs together. */
extern uint64_t handover_ops_counters[HC_N];

#endif /* handover-ops.h */
