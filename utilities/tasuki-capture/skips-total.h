/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CAPTURE_SKIPS_TOTAL_H
#define TASUKI_CAPTURE_SKIPS_TOTAL_H 1

/* How much each policy has skipped. */

#include <stdint.h>

#include "openvswitch/shash.h"

struct ds;

struct skips_total {
    struct shash policies;
};

/* More policies than these are counted together. */
enum { SKIPS_TOTAL_MAX_POLICIES = 64 };

void skips_total_init(struct skips_total *);
void skips_total_destroy(struct skips_total *);
void skips_total_clear(struct skips_total *);

/* Counts a range of 'length' bytes. */
void skips_total_add(struct skips_total *, const char *policy,
                     uint64_t length);

/* Appends "; policy NAME skipped N bytes in M ranges" for each policy. */
void skips_total_format(const struct skips_total *, struct ds *);

#endif /* TASUKI_CAPTURE_SKIPS_TOTAL_H */
