/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_SHOW_H
#define TASUKID_HANDOVER_SHOW_H 1

#include "utilities/tasukid/core/app.h"

/* The "service/..." commands for ovs-appctl. */
extern const struct app_command handover_commands[];

#endif /* show.h */
