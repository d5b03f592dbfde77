/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tcp-hold.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Requests seldom need more than one or two segments.  An allocation is
 * charged to the sender's connection in full, so it is small. */
#define GROWTH_UNIT 64

#define NO_FIN UINT32_MAX

void
tcp_hold_init(struct tcp_hold *hold, struct tcp_hold_budget *budget,
              uint32_t base, uint32_t limit)
{
    *hold = (struct tcp_hold) {
        .budget = budget,
        .base = base,
        .limit = MIN(limit, INT32_MAX),
        .fin = NO_FIN,
    };
}

void
tcp_hold_destroy(struct tcp_hold *hold)
{
    hold->budget->used -= hold->allocated;
    free(hold->data);
    hold->data = NULL;
    hold->allocated = 0;
    hold->n_ranges = 0;
}

/* Makes room for 'end' bytes.  Returns false if the budget does not allow
 * it. */
static bool
reserve(struct tcp_hold *hold, uint32_t end)
{
    if (end <= hold->allocated) {
        return true;
    }

    /* Doubling keeps the copying linear when the bytes come one by one. */
    uint32_t want = MAX(ROUND_UP(end, GROWTH_UNIT),
                        MIN(2 * hold->allocated, hold->limit));
    size_t budget_left = (hold->budget->max > hold->budget->used
                          ? hold->budget->max - hold->budget->used : 0);
    if (want - hold->allocated > budget_left) {
        want = end;
        if (want - hold->allocated > budget_left) {
            return false;
        }
    }

    hold->data = xrealloc(hold->data, want);
    hold->budget->used += want - hold->allocated;
    hold->allocated = want;
    return true;
}

/* Copies those bytes of [start, end) that are not there yet. */
static void
fill_gaps(struct tcp_hold *hold, uint32_t start, uint32_t end,
          const uint8_t *payload)
{
    uint32_t pos = start;

    for (size_t i = 0; i <= hold->n_ranges && pos < end; i++) {
        bool last = i == hold->n_ranges;
        uint32_t gap_end = last ? end : MIN(end, hold->ranges[i].start);

        if (pos < gap_end) {
            memcpy(hold->data + pos, payload + (pos - start), gap_end - pos);
        }
        if (!last) {
            pos = MAX(pos, hold->ranges[i].end);
        }
    }
}

/* Merges [start, end) into the ranges.  Returns false, changing nothing, if
 * there would be too many. */
static bool
insert_range(struct tcp_hold *hold, uint32_t start, uint32_t end)
{
    struct tcp_hold_range *r = hold->ranges;
    size_t n = hold->n_ranges;

    /* Ranges [i, j) overlap or touch the new one. */
    size_t i = 0;
    while (i < n && r[i].end < start) {
        i++;
    }
    size_t j = i;
    while (j < n && r[j].start <= end) {
        start = MIN(start, r[j].start);
        end = MAX(end, r[j].end);
        j++;
    }

    if (i == j && n == TCP_HOLD_MAX_RANGES) {
        return false;
    }
    memmove(&r[i + 1], &r[j], (n - j) * sizeof *r);
    r[i] = (struct tcp_hold_range) { .start = start, .end = end };
    hold->n_ranges = n - (j - i) + 1;
    return true;
}

static bool
is_covered(const struct tcp_hold *hold, uint32_t start, uint32_t end)
{
    for (size_t i = 0; i < hold->n_ranges; i++) {
        if (start >= hold->ranges[i].start && end <= hold->ranges[i].end) {
            return true;
        }
    }
    return start == end;
}

/* Notes a FIN at 'offset'.  Returns true if it is new.  As with bytes, the
 * first FIN counts.  A FIN must not cut off bytes that are there. */
static bool
note_fin(struct tcp_hold *hold, uint32_t offset)
{
    if (hold->fin != NO_FIN || offset > hold->limit
        || (hold->n_ranges
            && offset < hold->ranges[hold->n_ranges - 1].end)) {
        return false;
    }
    hold->fin = offset;
    return true;
}

enum tcp_hold_result
tcp_hold_add(struct tcp_hold *hold, uint32_t seq, const uint8_t *payload,
             size_t len, bool fin)
{
    int64_t start = (int32_t) (seq - hold->base);
    int64_t end = start + MIN(len, INT32_MAX);
    int64_t limit = hold->fin != NO_FIN ? hold->fin : hold->limit;

    if (end < 0) {
        return TCP_HOLD_OLD;
    }
    if (start >= limit && (len || start > limit)) {
        return hold->fin != NO_FIN ? TCP_HOLD_OLD : TCP_HOLD_BEYOND;
    }
    if (start < 0) {
        payload += -start;
        start = 0;
    }
    fin = fin && end <= limit;
    end = MIN(end, limit);

    bool news = !is_covered(hold, start, end);
    if (news) {
        if (!reserve(hold, end)) {
            return TCP_HOLD_NO_BUDGET;
        }

        /* The gaps are those from before the range was inserted. */
        struct tcp_hold before = *hold;
        if (!insert_range(hold, start, end)) {
            return TCP_HOLD_FRAGMENTED;
        }
        fill_gaps(&before, start, end, payload);
    }
    if (fin && note_fin(hold, end)) {
        news = true;
    }
    return news ? TCP_HOLD_NEW : TCP_HOLD_OLD;
}

void
tcp_hold_advance(struct tcp_hold *hold, uint32_t n)
{
    uint8_t n_ranges = 0;

    for (size_t i = 0; i < hold->n_ranges; i++) {
        struct tcp_hold_range r = hold->ranges[i];

        if (r.end > n) {
            uint32_t start = MAX(r.start, n);

            memmove(hold->data + (start - n), hold->data + start,
                    r.end - start);
            hold->ranges[n_ranges++] = (struct tcp_hold_range) {
                .start = start - n,
                .end = r.end - n,
            };
        }
    }
    hold->n_ranges = n_ranges;
    hold->base += n;
    hold->fin = (hold->fin != NO_FIN && hold->fin >= n ? hold->fin - n
                 : NO_FIN);
    if (!n_ranges) {
        tcp_hold_destroy(hold);
    }
}

uint32_t
tcp_hold_contiguous(const struct tcp_hold *hold)
{
    return (hold->n_ranges && !hold->ranges[0].start ? hold->ranges[0].end
            : 0);
}

bool
tcp_hold_is_complete(const struct tcp_hold *hold)
{
    return tcp_hold_contiguous(hold) == hold->fin;
}

bool
tcp_hold_is_full(const struct tcp_hold *hold)
{
    return tcp_hold_contiguous(hold) == hold->limit;
}

uint32_t
tcp_hold_rcv_nxt(const struct tcp_hold *hold)
{
    return (hold->base + tcp_hold_contiguous(hold)
            + (tcp_hold_is_complete(hold) ? 1 : 0));
}
