/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_SHOW_H
#define TASUKID_HANDOVER_SHOW_H 1

/* Registers the "service/..." commands for ovs-appctl. */
void handover_show_init(void);

#endif /* show.h */
