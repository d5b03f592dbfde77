/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_XLATE_H
#define TASUKI_XLATE_H 1

/* Translation of our actions to the datapath's, and the slow path for a
 * datapath that lacks one.  Hooks for ofproto-dpif.c and
 * ofproto-dpif-xlate.c. */

#include "odp-util.h"

struct dpif;
struct dpif_backer_support;
struct flow;
struct flow_wildcards;
struct ofpact_tasuki;
struct ofpbuf;

void tasuki_check_support(struct dpif *, struct dpif_backer_support *);

enum slow_path_reason tasuki_translate(const struct ofpact_tasuki *,
                                       const struct dpif_backer_support *,
                                       const struct flow *,
                                       struct flow_wildcards *,
                                       struct ofpbuf *odp_actions);

#endif /* TASUKI_XLATE_H */
