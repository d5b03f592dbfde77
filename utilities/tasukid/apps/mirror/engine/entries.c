/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "entries.h"

#include <string.h>

#include "polls.h"
#include "skip.h"
#include "util.h"

/* An entry costs the switch more than so many bytes cost the engine: if they
 * are skipped, and if they are copied by the switch. */
#define MIN_SKIPPED 4096
#define MIN_COPIED 65536

/* When a window is renewed, what is sent again from so far back stays
 * inside. */
#define COVER_BACK (16 * 1024 * 1024)

/* A window that is behind the stream is harmless, and catches what is sent
 * again, until sequence numbers come near it again. */
#define COVER_STALE (INT64_C(1) << 28)

static const struct cover no_cover;

static bool
window_equals(const struct mirror_window *a, const struct mirror_window *b)
{
    return a->len == b->len && (!a->len || a->start == b->start);
}

static bool
entry_equals(const struct mirror_entry *a, const struct mirror_entry *b)
{
    return (a->mode == b->mode
            && (a->mode == MIRROR_LOOK
                || (a->policies == b->policies
                    && a->hold == b->hold
                    && a->idle_timeout == b->idle_timeout
                    && window_equals(&a->seq, &b->seq)
                    && window_equals(&a->ack, &b->ack))));
}

void
entries_set(struct mirror_conn *c, enum mirror_dir dir,
            const struct mirror_entry *entry)
{
    struct mirror_engine *e = c->engine;
    struct mirror_entry *old = &c->entries[dir];

    if (entry_equals(old, entry)
        || (e->now < c->refused && entry->mode != MIRROR_LOOK)) {
        return;
    }
    if (dir == MIRROR_TO_SERVER && entry->hold != old->hold) {
        c->hold_since = entry->hold ? e->now : 0;
        c->hold_works = false;
    }
    *old = *entry;
    c->set_time = e->now;
    e->ops->set_entry(e, c, dir, entry);
}

static bool
has_held_long(const struct mirror_conn *c)
{
    return c->hold_since && c->engine->now - c->hold_since >= ENTRY_HOLD_MS;
}

/* Looks whether 'p' shows that the client's entry holds. */
static void
see_held(struct mirror_conn *c, const struct mirror_packet *p)
{
    const struct tcp_stream *s = &c->streams[MIRROR_TO_SERVER];

    if (p->held && s->synced && has_held_long(c)) {
        int64_t read = s->pos + tcp_hold_contiguous(&s->hold);

        c->hold_works = tcp_stream_offset(s, p->seq) <= read;
    }
}

void
entries_seen(struct mirror_conn *c, enum mirror_dir dir,
             const struct mirror_packet *p)
{
    static const struct mirror_entry none = { .mode = MIRROR_LOOK };
    struct mirror_counts *total = &c->engine->totals.counts;
    struct mirror_counts *counts = &c->counts[dir];

    if (p->place != c->places[dir]) {
        entries_set(c, dir, &none);
        c->places[dir] = p->place;
    }
    c->policies[dir] = p->policies;
    c->held[dir] = p->held;
    if (dir == MIRROR_TO_SERVER) {
        see_held(c, p);
    }
    counts->n_packets++;
    counts->n_bytes += p->len;
    total->n_packets++;
    total->n_bytes += p->len;
}

void
entries_clear(struct mirror_conn *c)
{
    static const struct mirror_entry none = { .mode = MIRROR_LOOK };

    entries_set(c, MIRROR_TO_SERVER, &none);
    entries_set(c, MIRROR_TO_CLIENT, &none);
}

/* A window is to cover what comes next, from 'from' to 'until' at most. */
static void
renew_cover(struct tcp_stream *s, int64_t from, int64_t until,
            uint32_t policies)
{
    int64_t start = MAX(from, s->pos - COVER_BACK);
    int64_t end = MIN(until, start + COVER_MAX);

    if (end - MAX(s->pos, s->seen) >= (policies ? MIN_SKIPPED : MIN_COPIED)) {
        s->cover = (struct cover) { start, end, policies };
    }
}

static void
update_cover(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];
    struct cover *cover = &s->cover;

    if (s->pos - cover->end > COVER_STALE) {
        *cover = no_cover;
    }
    if (region_is_active(s) && !polls_cover(c, dir)) {
        int64_t from, until;
        uint32_t policies = region_skippers(c, dir, &from, &until);
        bool ends_early = (cover->end != until
                           && cover->end - cover->start != COVER_MAX);

        if (cover->start < s->region.start || s->pos >= cover->end
            || cover->policies != policies || ends_early) {
            if (cover->end > s->pos) {
                *cover = no_cover;
            }
            renew_cover(s, from, until, policies);
        }
    } else if (cover->start >= s->region.start) {
        cover->end = MIN(cover->end, MAX(cover->start, s->region.limit));
        if (cover->start == cover->end) {
            *cover = no_cover;
        }
    }
}

/* While a response is skipped, the next request tells where it ends, whatever
 * length it was to have. */
static bool
needs_hold(const struct mirror_conn *c)
{
    enum reading reading = c->streams[MIRROR_TO_CLIENT].reading;

    return (c->streams[MIRROR_TO_SERVER].reading == READ_HEAD
            && (reading == READ_OPEN || reading == READ_BODY));
}

/* Returns true if all packets are held, because policies want it.  No entry
 * has those to the client held. */
static bool
holds_all(const struct mirror_conn *c)
{
    return c->held[MIRROR_TO_SERVER] && c->held[MIRROR_TO_CLIENT];
}

bool
entries_too_early(const struct mirror_conn *c)
{
    return (needs_hold(c) && !holds_all(c)
            && c->streams[MIRROR_TO_CLIENT].reading == READ_OPEN
            && !c->hold_works);
}

static uint32_t
matching(const struct mirror_conn *c, enum mirror_dir dir)
{
    return c->policies[dir] & c->engine->policies;
}

static void
window_entry(const struct mirror_conn *c, enum mirror_dir dir,
             struct mirror_entry *entry)
{
    const struct tcp_stream *own = &c->streams[dir];
    const struct tcp_stream *other = &c->streams[mirror_opposite(dir)];
    struct cover seq = own->cover, ack = other->cover;

    if (entries_too_early(c)) {
        if (dir == MIRROR_TO_CLIENT) {
            return;
        }
        ack.policies = 0;
        if (has_held_long(c) && ack.start < ack.end) {
            /* The client's next packet is to come here. */
            ack.end = ack.start + 1;
        }
    }

    /* There is one set of policies for both.  An old window gives way. */
    if (seq.start < seq.end && ack.start < ack.end
        && seq.policies != ack.policies) {
        *(region_is_active(own) ? &ack : &seq) = no_cover;
    }
    if (seq.start < seq.end) {
        entry->seq = (struct mirror_window) {
            tcp_stream_seq(own, seq.start), seq.end - seq.start };
    }
    if (ack.start < ack.end) {
        /* An ACK says what comes next. */
        entry->ack = (struct mirror_window) {
            tcp_stream_seq(other, ack.start + 1), ack.end - ack.start };
    }
    if (entry->seq.len || entry->ack.len) {
        entry->mode = MIRROR_WINDOW;
        entry->policies = matching(c, dir) & ~(seq.policies | ack.policies);


        /* If all packets are held anyway, that need not be taken back. */
        entry->hold = (dir == MIRROR_TO_SERVER
                       && (needs_hold(c)
                           || (holds_all(c) && c->entries[dir].hold)));
    }
}

/* Of a connection that is not understood, what the client sends is looked at:
 * a request would be at the beginning of a segment. */
static void
unknown_entry(const struct mirror_conn *c, enum mirror_dir dir,
              struct mirror_entry *entry)
{
    enum { PATIENCE = 8, MIN_SHIFT = 16, MAX_SHIFT = 30 };

    bool asking = mirror_conn_is_asking(c);

    entry->policies = matching(c, dir);
    if (dir == MIRROR_TO_CLIENT) {
        entry->mode = MIRROR_COPY;
    } else if (c->has_ack) {
        entry->mode = MIRROR_WINDOW;
        entry->hold = true;
        entry->ack = (struct mirror_window) {
            c->ack - COVER_MAX / 2,
            asking ? COVER_MAX / 2 : COVER_MAX };
        if (c->n_fruitless > PATIENCE && !asking) {
            entry->seq = (struct mirror_window) {
                c->next,
                1u << MIN(MIN_SHIFT + c->n_fruitless - PATIENCE, MAX_SHIFT) };
        }
    }
}

void
entries_forget(struct mirror_conn *c, uint32_t policies)
{
    entries_clear(c);
    for (int dir = 0; dir < 2; dir++) {
        c->policies[dir] &= ~policies;
        c->streams[dir].cover = no_cover;
    }
}

void
entries_gone(struct mirror_conn *c, enum mirror_dir dir)
{
    c->entries[dir] = (struct mirror_entry) { .mode = MIRROR_LOOK };
    if (dir == MIRROR_TO_SERVER) {
        c->hold_since = 0;
        c->hold_works = false;
    }
}

void
entries_update(struct mirror_conn *c)
{
    polls_update(c);
    for (int dir = 0; dir < 2; dir++) {
        if (c->streams[dir].synced) {
            update_cover(c, dir);
        }
    }
    for (int dir = 0; dir < 2; dir++) {
        struct mirror_entry entry = {
            .mode = MIRROR_LOOK,
            .idle_timeout = ENTRY_IDLE_TIMEOUT,
        };

        if (c->ending == ENDING_DOUBTED || !c->places[dir]) {
            /* None. */
        } else if (c->protocol == PROTOCOL_UNKNOWN) {
            unknown_entry(c, dir, &entry);
        } else if (c->polls.active) {
            entry.mode = MIRROR_PASS;
            entry.policies = matching(c, dir) & ~polls_policies(c);
        } else if (c->streams[0].synced && c->streams[1].synced) {
            window_entry(c, dir, &entry);
        }
        entries_set(c, dir, &entry);
    }
}
