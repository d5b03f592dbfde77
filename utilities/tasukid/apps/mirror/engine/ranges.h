/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_RANGES_H
#define TASUKID_MIRROR_RANGES_H 1

/* A few ranges of a stream, ascending and apart. */

#include <stddef.h>
#include <stdint.h>

/* Losses make more than one of them: each is a gap that was filled by the
 * switch alone. */
#define RANGES_MAX 8

struct range {
    int64_t start;
    int64_t end;                /* Not part of it. */
};

struct ranges {
    size_t n;
    struct range r[RANGES_MAX];
};

/* Adds [start, end).  Forgets the lowest range if there are too many. */
void ranges_add(struct ranges *, int64_t start, int64_t end);

/* Forgets what is before 'pos', but for the last range. */
void ranges_forget(struct ranges *, int64_t pos);

/* Returns the first part of [start, end) that is in none of them, or an empty
 * range. */
struct range ranges_first_gap(const struct ranges *, int64_t start,
                              int64_t end);

#endif /* ranges.h */
