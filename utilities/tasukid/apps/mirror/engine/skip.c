/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "skip.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

/* A known range is reported when its last byte has come, or at the latest when
 * the stream has gone on so far that this byte was lost for good. */
#define REPORT_LATEST (1 << 20)

bool
region_is_active(const struct tcp_stream *s)
{
    return s->region.kind != REGION_NONE && s->pos < s->region.limit;
}

static struct skip *
newest(struct tcp_stream *s)
{
    return s->n_skips ? &s->skips[s->n_skips - 1] : NULL;
}

/* If it was open, all of it may be skipped: what ended it came later. */
void
region_end(struct tcp_stream *s, int64_t offset)
{
    struct skip *last = newest(s);

    s->region.limit = MIN(s->region.limit, offset);
    if (last && last->end > s->region.limit) {
        last->end = MAX(last->start, s->region.limit);
        last->known = false;
    }
}

void
region_begin(struct mirror_conn *c, enum mirror_dir dir,
             enum region_kind kind, int64_t origin, int64_t len)
{
    struct tcp_stream *s = &c->streams[dir];
    bool known = kind == REGION_BODY || kind == REGION_CHUNK;

    if (region_is_active(s)) {
        region_end(s, s->pos);
    }
    s->region = (struct region) {
        .kind = kind,
        .start = s->pos,
        .origin = origin,
        .limit = known ? s->pos + len - 1 : INT64_MAX,
        .is_open = !known,
    };
}

void
region_reopen(struct tcp_stream *s)
{
    s->region.limit = (s->left == INT64_MAX ? INT64_MAX
                       : s->pos + MAX(s->left - 1, 0));
}

/* Where a policy begins to skip 'r', or INT64_MAX if it does not. */
static int64_t
skip_from(const struct region *r, const struct mirror_wants *wants)
{
    int64_t threshold = MIN(wants->threshold, INT64_MAX / 2);

    switch (r->kind) {
    case REGION_CHUNK:
        if (wants->chunked_whole) {
            return INT64_MAX;
        }
        /* Fall through. */
    case REGION_BODY:
        /* As far as is known, the body is at least so long. */
        return r->limit + 1 - r->origin >= threshold ? r->start : INT64_MAX;
    case REGION_CHUNKED:
        return wants->chunked_whole ? INT64_MAX : r->origin + threshold;
    case REGION_UNTIL_CLOSE:
        return r->origin + threshold;
    case REGION_REST:
        return r->origin + wants->keep;
    case REGION_NONE:
    case REGION_WHOLE:
    default:
        return INT64_MAX;
    }
}

uint32_t
region_skippers(const struct mirror_conn *c, enum mirror_dir dir,
                int64_t *from, int64_t *until)
{
    const struct tcp_stream *s = &c->streams[dir];
    uint32_t policies = mirror_conn_policies(c), skippers = 0;

    *from = s->region.start;
    *until = s->region.limit;
    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        if (policies & 1u << i) {
            int64_t start = skip_from(&s->region, &c->engine->wants[i]);

            if (start <= s->pos) {
                skippers |= 1u << i;
                *from = MAX(*from, start);
            } else {
                *until = MIN(*until, start);
            }
        }
    }
    return skippers;
}

static const char *
reason(const struct mirror_conn *c, enum mirror_dir dir)
{
    switch (c->streams[dir].region.kind) {
    case REGION_BODY:
        return dir == MIRROR_TO_CLIENT ? "response body" : "request body";
    case REGION_CHUNK:
    case REGION_CHUNKED:
        return (dir == MIRROR_TO_CLIENT ? "chunked response body"
                : "chunked request body");
    case REGION_UNTIL_CLOSE:
        return "response body until close";
    case REGION_REST:
        return (c->protocol == PROTOCOL_TLS ? "TLS application data"
                : "not HTTP");
    case REGION_NONE:
    case REGION_WHOLE:
    default:
        OVS_NOT_REACHED();
    }
}

void
skip_tell(struct mirror_conn *c, enum mirror_dir dir, const struct skip *skip,
          int64_t first, int64_t len, uint32_t seq)
{
    struct mirror_engine *e = c->engine;

    c->counts[dir].n_skipped += len;
    e->totals.counts.n_skipped += len;
    e->ops->skipped(e, &(struct mirror_skip) {
        .key = &c->key,
        .dir = dir,
        .policies = skip->policies,
        .first = first,
        .seq = seq,
        .len = len,
        .protocol = skip->protocol,
        .url = skip->url,
        .reason = skip->reason,
    });
}

/* Returns where 'skip' really ended.  If that is before its end, all that is
 * known is how far the stream has come. */
static int64_t
real_end(const struct tcp_stream *s, const struct skip *skip)
{
    return (s->pos >= skip->end ? skip->end
            : MIN(MIN(skip->end, s->fin), MAX(s->pos, s->seen)));
}

/* Reports it: what nobody got of it. */
static void
report_one(struct mirror_conn *c, enum mirror_dir dir, struct skip *skip)
{
    const struct tcp_stream *s = &c->streams[dir];
    int64_t end = real_end(s, skip);

    skip->reported = true;
    for (int64_t pos = skip->start; pos < end; ) {
        struct range gap = ranges_first_gap(&s->copied, pos, end);

        if (gap.start < gap.end) {
            skip_tell(c, dir, skip, gap.start, gap.end - gap.start,
                      tcp_stream_seq(s, gap.start));
        }
        pos = gap.end;
    }
}

/* Makes room for one more. */
static struct skip *
skip_push(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];

    if (s->n_skips == STREAM_MAX_SKIPS) {
        if (!s->skips[0].reported) {
            report_one(c, dir, &s->skips[0]);
        }
        free(s->skips[0].url);
        s->n_skips--;
        memmove(&s->skips[0], &s->skips[1], s->n_skips * sizeof s->skips[0]);
    }
    return &s->skips[s->n_skips++];
}

void
skip_update(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];
    struct skip *last = newest(s);
    int64_t from, until;
    uint32_t policies;

    if (!region_is_active(s)) {
        return;
    }

    policies = region_skippers(c, dir, &from, &until);
    if (last && last->policies == policies && last->start >= s->region.start
        && last->end >= s->pos) {
        last->end = until;
        last->known = !s->region.is_open && until == s->region.limit;
        return;
    }
    if (last && last->end > s->region.start) {
        from = MAX(from, MIN(last->end, s->pos));
        last->end = MIN(last->end, from);
    }
    if (policies && from < until) {
        last = skip_push(c, dir);
        *last = (struct skip) {
            .start = from,
            .end = until,
            .policies = policies,
            .protocol = protocol_name(c->protocol),
            .reason = reason(c, dir),
            .url = nullable_xstrdup(s->url),
            .known = !s->region.is_open && until == s->region.limit,
        };
    }
}

/* A segment may reach from one skip into the next. */
uint32_t
skip_judge(const struct tcp_stream *s, int64_t start, int64_t end)
{
    uint32_t policies = UINT32_MAX;

    for (size_t i = 0; i < s->n_skips; i++) {
        const struct skip *skip = &s->skips[i];

        if (start >= skip->start && start < skip->end) {
            policies &= skip->policies;
            start = skip->end;
            if (start >= end) {
                return policies;
            }
        }
    }
    return 0;
}

/* Who begins to skip in the middle of it got it, and so begins after it. */
void
skip_by(struct tcp_stream *s, int64_t start, int64_t end, uint32_t policies)
{
    struct skip *last = newest(s);

    if (s->n_skips > 1 && last->start > start && last->start < end
        && last[-1].end == last->start && !last[-1].reported
        && last->policies & ~policies) {
        last->start = last[-1].end = MIN(end, last->end);
    }
}

uint32_t
skip_judge_ack(const struct tcp_stream *s, int64_t ack)
{
    uint32_t policies = 0;

    for (size_t i = 0; i < s->n_skips; i++) {
        if (ack > s->skips[i].start && ack <= s->skips[i].end) {
            policies |= s->skips[i].policies;
        }
    }
    return policies;
}

void
skip_copied(struct tcp_stream *s, int64_t start, int64_t end)
{
    int64_t keep = s->pos;

    for (size_t i = 0; i < s->n_skips; i++) {
        if (!s->skips[i].reported) {
            keep = MIN(keep, s->skips[i].start);
        }
    }
    ranges_forget(&s->copied, keep);
    ranges_add(&s->copied, start, end);
}

/* Returns true if nothing more is going to happen to 'skip'. */
static bool
is_certain(const struct tcp_stream *s, const struct skip *skip)
{
    if (s->pos < skip->end || s->reading == READ_DOUBT) {
        return false;
    }
    if (!skip->known) {
        return skip != &s->skips[s->n_skips - 1] || !region_is_active(s)
               || s->pos > skip->end;
    }
    return (s->pos > skip->end + REPORT_LATEST
            || (s->pos > skip->end
                && ranges_first_gap(&s->copied, skip->end, skip->end + 1).start
                   > skip->end));
}

void
skip_report(struct mirror_conn *c, enum mirror_dir dir, bool all)
{
    struct tcp_stream *s = &c->streams[dir];

    for (size_t i = 0; i < s->n_skips; i++) {
        struct skip *skip = &s->skips[i];

        if (!skip->reported && (all || is_certain(s, skip))) {
            report_one(c, dir, skip);
        }
    }
}
