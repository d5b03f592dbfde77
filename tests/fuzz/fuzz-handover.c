/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the whole handover application, on a fake switch: see
 * ../unit/handover-ops.h for what the input means and what must hold. */

#include <config.h>
#include "../unit/handover-ops.h"
#include "openvswitch/vlog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    handover_ops_run(data, size);
    return 0;
}
