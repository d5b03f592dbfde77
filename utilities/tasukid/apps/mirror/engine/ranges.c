/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ranges.h"

#include <string.h>

#include "util.h"

void
ranges_add(struct ranges *ranges, int64_t start, int64_t end)
{
    struct range *r = ranges->r;
    size_t i = 0, j;

    if (start >= end) {
        return;
    }

    /* Ranges [i, j) overlap or touch the new one. */
    while (i < ranges->n && r[i].end < start) {
        i++;
    }
    for (j = i; j < ranges->n && r[j].start <= end; j++) {
        start = MIN(start, r[j].start);
        end = MAX(end, r[j].end);
    }
    if (i == j && ranges->n == RANGES_MAX) {
        if (!i) {
            return;
        }
        memmove(&r[0], &r[1], (--ranges->n) * sizeof *r);
        j = --i;
    }
    memmove(&r[i + 1], &r[j], (ranges->n - j) * sizeof *r);
    r[i] = (struct range) { start, end };
    ranges->n = ranges->n - (j - i) + 1;
}

void
ranges_forget(struct ranges *ranges, int64_t pos)
{
    size_t n = 0;

    while (n + 1 < ranges->n && ranges->r[n].end <= pos) {
        n++;
    }
    ranges->n -= n;
    memmove(&ranges->r[0], &ranges->r[n], ranges->n * sizeof ranges->r[0]);
}

struct range
ranges_first_gap(const struct ranges *ranges, int64_t start, int64_t end)
{
    for (size_t i = 0; i < ranges->n && start < end; i++) {
        const struct range *r = &ranges->r[i];

        if (r->start > start) {
            end = MIN(end, r->start);
            break;
        }
        start = MAX(start, r->end);
    }
    return (struct range) { MIN(start, end), end };
}
