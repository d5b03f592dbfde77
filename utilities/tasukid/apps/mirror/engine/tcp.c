/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tcp.h"

#include "entries.h"
#include "http.h"
#include "life.h"
#include "other.h"
#include "packets.h"
#include "reader.h"
#include "skip.h"
#include "unknown.h"
#include "util.h"

/* What may be ahead of where a stream stands, or behind it. */
#define AHEAD_MAX (1 << 20)
#define BEHIND_MAX (1 << 30)
#define ACK_BEHIND_MAX (1 << 24)

/* Data of TCP Fast Open in a SYN (RFC 7413). */
#define SYN_DATA_MAX 65536

/* If nothing has fitted for so long, and so much has not, the connection is
 * another one than we think. */
#define UNFIT_MS 1000
#define UNFIT_MAX 32

/* What one side has acknowledged, and did not come here within that time,
 * never will. */
#define MISSED_MS 1000

/* Opening. */

static void
start_stream(struct mirror_conn *c, enum mirror_dir dir, uint32_t seq)
{
    struct tcp_stream *s = &c->streams[dir];

    tcp_stream_init(s, &c->engine->budget, seq);
    tcp_stream_read_head(s, READ_START, false);
}

/* The client's first sequence number is 'isn'. */
static struct mirror_conn *
open_conn(struct mirror_engine *e, uint32_t zone,
          const struct mirror_end *client, const struct mirror_end *server,
          uint32_t isn)
{
    struct mirror_conn *c = life_begin(e, zone, IPPROTO_TCP, client, server);

    start_stream(c, MIRROR_TO_SERVER, isn + 1);
    return c;
}

static enum mirror_dir
direction(const struct mirror_conn *c, const struct mirror_packet *p)
{
    return (mirror_end_equals(&c->key.client, &p->src) ? MIRROR_TO_SERVER
            : MIRROR_TO_CLIENT);
}

static bool
is_open(const struct mirror_conn *c)
{
    return c->streams[0].synced && c->streams[1].synced;
}

/* A SYN of an open connection may be the next one's, or of nobody.  The other
 * side decides. */
static struct mirror_conn *
see_syn(struct mirror_engine *e, struct mirror_conn *c,
        const struct mirror_packet *p)
{
    if (c) {
        const struct tcp_stream *s = &c->streams[MIRROR_TO_SERVER];
        enum mirror_dir dir = direction(c, p);

        if (dir == MIRROR_TO_SERVER && s->synced
            && tcp_stream_seq(s, 0) == p->seq + 1) {
            return c;
        } else if (is_open(c) && !c->ending) {
            c->has_syn = true;
            c->syn_seq = p->seq;
            c->syn_dir = dir;
            return c;
        }
        life_end(c);
    }
    c = open_conn(e, p->zone, &p->src, &p->dst, p->seq);
    tcp_stream_take(&c->streams[MIRROR_TO_SERVER], p->seq + 1, p->payload,
                    MIN(p->len, SYN_DATA_MAX));
    return c;
}

static struct mirror_conn *
see_syn_ack(struct mirror_engine *e, struct mirror_conn *c,
            const struct mirror_packet *p, struct mirror_verdict *v)
{
    if (c && c->has_syn && direction(c, p) != c->syn_dir
        && p->ack - (c->syn_seq + 1) <= SYN_DATA_MAX) {
        uint32_t isn = c->syn_seq;

        life_end(c);
        c = open_conn(e, p->zone, &p->dst, &p->src, isn);
        v->barrier = p->held;
    } else if (!c) {
        c = open_conn(e, p->zone, &p->dst, &p->src, p->ack - 1);
    }
    if (c->streams[MIRROR_TO_SERVER].synced && !is_open(c)
        && direction(c, p) == MIRROR_TO_CLIENT) {
        int64_t ack = tcp_stream_offset(&c->streams[MIRROR_TO_SERVER], p->ack);

        if (ack >= 0 && ack <= c->streams[MIRROR_TO_SERVER].seen) {
            start_stream(c, MIRROR_TO_CLIENT, p->seq + 1);
        }
    }
    return c;
}

/* Fitting. */

static bool
fits(const struct tcp_stream *s, int64_t offset, int behind)
{
    return (offset >= s->pos - behind
            && offset <= s->pos + MIN(s->left, COVER_MAX) + AHEAD_MAX);
}

/* Returns true if 'p' may belong to the connection.  Who does not see it
 * cannot easily make up one that does. */
static bool
segment_fits(const struct mirror_conn *c, enum mirror_dir dir,
             const struct mirror_packet *p)
{
    const struct tcp_stream *s = &c->streams[dir];
    const struct tcp_stream *other = &c->streams[mirror_opposite(dir)];

    return (fits(s, tcp_stream_offset(s, p->seq),
                 p->flags & TCP_RST ? AHEAD_MAX : BEHIND_MAX)
            && (!(p->flags & TCP_ACK) || !other->synced
                || fits(other, tcp_stream_offset(other, p->ack),
                        ACK_BEHIND_MAX)));
}

static void
see_unfit(struct mirror_conn *c)
{
    c->n_unfit++;
    if (c->n_unfit > UNFIT_MAX && c->engine->now - c->fit > UNFIT_MS) {
        unknown_begin(c, "out of step with the connection");
        c->n_unfit = 0;
    }
}

/* Returns true if 's' lacks what the other side has acknowledged. */
static bool
has_missed(struct tcp_stream *s, int64_t ack, long long int now)
{
    if (s->left
        || MIN(ack, s->fin) <= s->pos + tcp_hold_contiguous(&s->hold)) {
        s->missed = 0;
    } else if (!s->missed) {
        s->missed = now;
    }
    return s->missed && now - s->missed > MISSED_MS;
}

/* Reading. */

/* Where a FIN was, something goes on. */
static void
see_no_fin(struct tcp_stream *s)
{
    s->fin = INT64_MAX;
    region_reopen(s);
}

static void
see_fin(struct mirror_conn *c, enum mirror_dir dir,
        const struct mirror_packet *p)
{
    struct tcp_stream *s = &c->streams[dir];
    int64_t end = tcp_stream_offset(s, p->seq) + p->len;

    if (p->flags & TCP_FIN && end >= s->pos) {
        s->fin = end;
        s->seen = MAX(s->seen, end);
        if (region_is_active(s)) {
            region_end(s, end);
        }
        if (c->streams[mirror_opposite(dir)].fin != INT64_MAX) {
            life_ending(c);
        }
    }
}

static enum progress
read_payload(struct mirror_conn *c, enum mirror_dir dir,
             const struct mirror_packet *p)
{
    struct tcp_stream *s = &c->streams[dir];
    int64_t start = tcp_stream_offset(s, p->seq);

    if (s->reading == READ_DOUBT && start > s->pos) {
        /* It may be too far ahead to be held while there is a doubt. */
        enum progress progress;

        s->seen = MAX(s->seen, start + (int64_t) p->len);
        progress = reader_run(c);
        if (progress != PROGRESS_NONE) {
            return progress;
        }
    }
    if (start + (int64_t) p->len > s->pos) {
        if (dir == MIRROR_TO_SERVER) {
            enum progress progress = http_from_client(c, s->ack);

            if (progress == PROGRESS_LOST) {
                return progress;
            }
        } else if (c->protocol == PROTOCOL_NEW && !s->ack
                   && !c->streams[MIRROR_TO_SERVER].seen) {
            /* The server speaks first. */
            other_begin(c);
        }
    }
    if (!tcp_stream_take(s, p->seq, p->payload, p->len)) {
        c->reason = "too much to hold";
        return PROGRESS_LOST;
    }
    return reader_run(c);
}

/* Reads 'p', which fits. */
static enum progress
read_segment(struct mirror_conn *c, enum mirror_dir dir,
             const struct mirror_packet *p)
{
    struct tcp_stream *other = &c->streams[mirror_opposite(dir)];
    enum progress progress = PROGRESS_NONE;

    if (p->flags & TCP_ACK) {
        c->streams[dir].ack = tcp_stream_offset(other, p->ack);
    }
    if (p->len) {
        struct tcp_stream *s = &c->streams[dir];

        if (tcp_stream_offset(s, p->seq) + (int64_t) p->len > s->fin) {
            see_no_fin(s);
        }
        if (c->ending == ENDING_DOUBTED) {
            life_goes_on(c);
            see_no_fin(s);
            see_no_fin(other);
        }
        c->has_syn = false;
        progress = read_payload(c, dir, p);
    } else if (c->streams[MIRROR_TO_CLIENT].reading == READ_DOUBT) {
        progress = reader_run(c);
    }
    if (progress == PROGRESS_NONE) {
        see_fin(c, dir, p);
        if (has_missed(other, c->streams[dir].ack, c->engine->now)) {
            c->reason = "a part of it was not seen";
            progress = PROGRESS_LOST;
        }
    }
    return progress;
}

/* Judges 'p', which fits and was read. */
static void
judge(struct mirror_conn *c, enum mirror_dir dir,
      const struct mirror_packet *p, struct mirror_verdict *v)
{
    struct tcp_stream *s = &c->streams[dir];
    const struct tcp_stream *other = &c->streams[mirror_opposite(dir)];
    int64_t start = tcp_stream_offset(s, p->seq);
    uint32_t skippers = 0;

    if (!(p->flags & (TCP_FIN | TCP_URG)) && !entries_too_early(c)) {
        skippers = (p->len ? skip_judge(s, start, start + p->len)
                    : skip_judge_ack(other, tcp_stream_offset(other, p->ack)));
    }
    v->copies = p->policies & ~skippers;
    if (p->len && p->held) {
        skip_by(s, start, start + p->len, skippers);
    }
    if (!p->held || !skippers) {
        skip_copied(s, start, start + p->len);
    }
}

/* It says how far both streams have come. */
static void
see_rst(struct mirror_conn *c, enum mirror_dir dir,
        const struct mirror_packet *p)
{
    struct tcp_stream *s = &c->streams[dir];
    struct tcp_stream *other = &c->streams[mirror_opposite(dir)];

    s->seen = MAX(s->seen, tcp_stream_offset(s, p->seq));
    if (p->flags & TCP_ACK) {
        other->seen = MAX(other->seen, tcp_stream_offset(other, p->ack));
    }
    life_ending(c);
}

static void
see_segment(struct mirror_conn *c, enum mirror_dir dir,
            const struct mirror_packet *p, struct mirror_verdict *v)
{
    enum progress progress;

    c->unanswered = p->waited_for;
    c->fit = c->engine->now;
    c->n_unfit = 0;
    if (p->flags & TCP_RST) {
        see_rst(c, dir, p);
        return;
    }

    progress = read_segment(c, dir, p);
    if (progress == PROGRESS_LOST) {
        struct tcp_stream *s = &c->streams[dir];
        int64_t start = tcp_stream_offset(s, p->seq);

        skip_copied(s, start, start + p->len);
        http_lost(c);
        unknown_begin(c, c->reason);
        return;
    } else if (progress == PROGRESS_WHOLE) {
        whole_begin(c, c->reason);
    }
    skip_update(c, MIRROR_TO_SERVER);
    skip_update(c, MIRROR_TO_CLIENT);
    judge(c, dir, p, v);
    skip_report(c, MIRROR_TO_SERVER, false);
    skip_report(c, MIRROR_TO_CLIENT, false);
}

/* Returns true if the connection is one that is understood. */
static bool
is_understood(struct mirror_conn *c, enum mirror_dir dir,
              const struct mirror_packet *p)
{
    if (c->protocol == PROTOCOL_UNKNOWN) {
        if (unknown_segment(c, dir, p)) {
            return true;
        }
        if (p->flags & (TCP_FIN | TCP_RST)) {
            life_ending(c);
        } else if (p->len && c->ending == ENDING_DOUBTED) {
            life_goes_on(c);
        }
        return false;
    }
    if (!c->streams[MIRROR_TO_CLIENT].synced && dir == MIRROR_TO_SERVER
        && p->flags & TCP_ACK && segment_fits(c, dir, p)) {
        /* The SYN-ACK was not seen. */
        start_stream(c, MIRROR_TO_CLIENT, p->ack);
    }
    return is_open(c);
}

void
tcp_segment(struct mirror_engine *e, struct mirror_conn *c,
            const struct mirror_packet *p, struct mirror_verdict *v)
{
    enum mirror_dir dir;

    if (p->flags & TCP_SYN) {
        if (p->flags & TCP_RST) {
            return;
        }
        c = (p->flags & TCP_ACK ? see_syn_ack(e, c, p, v)
             : see_syn(e, c, p));
        dir = direction(c, p);
        entries_seen(c, dir, p);
        mirror_conn_used(c, true);
        entries_update(c);
        return;
    }
    if (!c) {
        bool from_client = unknown_from_client(p);

        if (p->flags & TCP_RST) {
            return;
        }
        c = life_begin(e, p->zone, IPPROTO_TCP,
                       from_client ? &p->src : &p->dst,
                       from_client ? &p->dst : &p->src);
        unknown_begin(c, "its beginning was not seen");
    }

    dir = direction(c, p);
    entries_seen(c, dir, p);
    if (is_understood(c, dir, p)) {
        if (segment_fits(c, dir, p)) {
            if (!c->rtt) {
                c->rtt = MAX(e->now - c->created, 1);
            }
            see_segment(c, dir, p, v);
        } else {
            see_unfit(c);
        }
    }
    mirror_conn_used(c, c->fresh && (dir == MIRROR_TO_CLIENT || !is_open(c)));
    entries_update(c);
    v->barrier = c->barrier && p->held;
    c->barrier = false;
}
