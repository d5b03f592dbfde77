/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "stream.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

void
tcp_stream_init(struct tcp_stream *s, struct tcp_hold_budget *budget,
                uint32_t seq)
{
    memset(s, 0, sizeof *s);
    s->synced = true;
    s->fin = INT64_MAX;
    tcp_hold_init(&s->hold, budget, seq, STREAM_AHEAD_MAX);
}

void
tcp_stream_destroy(struct tcp_stream *s)
{
    if (s->synced) {
        tcp_hold_destroy(&s->hold);
    }
    for (size_t i = 0; i < s->n_skips; i++) {
        free(s->skips[i].url);
    }
    free(s->url);
    memset(s, 0, sizeof *s);
}

void
tcp_stream_stop(struct tcp_stream *s)
{
    if (s->synced) {
        tcp_hold_destroy(&s->hold);
        s->synced = false;
        s->stopped = true;
        s->region = (struct region) { .kind = REGION_NONE };
        s->cover = (struct cover) { .end = 0 };
    }
}

/* Who carries more than 2 GiB meanwhile is off by a multiple of 4 GiB. */
void
tcp_stream_resume(struct tcp_stream *s, struct tcp_hold_budget *budget,
                  uint32_t seq)
{
    int64_t pos = s->stopped ? MAX(tcp_stream_offset(s, seq), 0) : 0;

    tcp_stream_destroy(s);
    tcp_stream_init(s, budget, seq);
    s->pos = s->seen = pos;
}

int64_t
tcp_stream_offset(const struct tcp_stream *s, uint32_t seq)
{
    return s->pos + (int32_t) (seq - s->hold.base);
}

uint32_t
tcp_stream_seq(const struct tcp_stream *s, int64_t offset)
{
    return s->hold.base + (uint32_t) (offset - s->pos);
}

const uint8_t *
tcp_stream_data(const struct tcp_stream *s, size_t *len)
{
    *len = tcp_hold_contiguous(&s->hold);
    return s->hold.data;
}

void
tcp_stream_advance(struct tcp_stream *s, int64_t offset)
{
    while (s->pos < offset) {
        uint32_t n = MIN(offset - s->pos, INT32_MAX);

        tcp_hold_advance(&s->hold, n);
        s->pos += n;
    }
}

void
tcp_stream_count(struct tcp_stream *s, int64_t offset)
{
    const struct tcp_hold *hold = &s->hold;

    if (hold->n_ranges) {
        offset = MAX(offset, s->pos + hold->ranges[hold->n_ranges - 1].end);
    }
    if (s->left && offset > s->pos) {
        int64_t n = MIN(offset - s->pos, s->left);

        s->left -= s->left == INT64_MAX ? 0 : n;
        tcp_stream_advance(s, s->pos + n);
    }
}

bool
tcp_stream_take(struct tcp_stream *s, uint32_t seq, const uint8_t *payload,
                size_t len)
{
    int64_t end = tcp_stream_offset(s, seq) + len;

    s->seen = MAX(s->seen, end);
    tcp_stream_count(s, end);
    if (end <= s->pos || !len) {
        return true;
    }

    /* Beyond the limit, or behind too many gaps: if it is not sent again, it
     * is found to be missing. */
    return (tcp_hold_add(&s->hold, seq, payload, len, false)
            != TCP_HOLD_NO_BUDGET);
}

void
tcp_stream_skip_reading(struct tcp_stream *s, enum reading reading,
                        int64_t left)
{
    s->reading = reading;
    s->left = left;
}

void
tcp_stream_read_head(struct tcp_stream *s, enum reading reading, bool response)
{
    s->reading = reading;
    s->left = 0;
    (response ? http_head_init_response : http_head_init)(&s->head);
}
