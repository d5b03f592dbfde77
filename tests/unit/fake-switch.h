/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef FAKE_SWITCH_H
#define FAKE_SWITCH_H 1

/* A switch in place of utilities/tasukid/core/ofswitch.c, for tests and fuzz
 * targets of the whole handover application: see fake-net.h.  Link with
 * -Wl,--wrap=time_msec. */

#include "fake-net.h"

struct ofputil_flow_stats;

/* The zone of packets that come in. */
extern uint32_t fake_zone;

struct hswitch *fake_hswitch(void);
struct ofswitch *fake_ofswitch(void);

/* Calls 'cb' for each flow, as the switch describes it. */
void fake_for_each_flow(void (*cb)(const struct ofputil_flow_stats *,
                                   void *aux), void *aux);

/* Returns the cookie of the flow that was installed last. */
uint64_t fake_last_cookie(void);

#endif /* fake-switch.h */
