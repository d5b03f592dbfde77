/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "polls.h"

#include "skip.h"
#include "util.h"

/* Shorter rests are over before an answer comes. */
#define MIN_LEFT 65536

/* Ethernet, IP and TCP without options. */
enum { HEADERS_IPV4 = 14 + 20 + 20, HEADERS_IPV6 = 14 + 40 + 20 };

bool
polls_cover(const struct mirror_conn *c, enum mirror_dir dir)
{
    return (c->polls.active || c->polls.over) && c->polls.dir == dir;
}

uint32_t
polls_policies(const struct mirror_conn *c)
{
    int64_t from, until;

    return region_skippers(c, c->polls.dir, &from, &until);
}

/* Returns true if everybody who skips what comes next wants it so. */
static bool
is_wanted(const struct mirror_conn *c, enum mirror_dir dir)
{
    const struct tcp_stream *s = &c->streams[dir];
    int64_t from, until;
    uint32_t policies;

    if (!s->synced || s->region.is_open || !region_is_active(s)
        || s->region.limit - s->pos < MIN_LEFT) {
        return false;
    }
    policies = region_skippers(c, dir, &from, &until);
    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        if (policies & 1u << i && !c->engine->wants[i].by_stats) {
            return false;
        }
    }
    return policies != 0;
}

static void
ask_later(struct mirror_conn *c, long long int ms)
{
    c->polls.asked = false;
    mirror_conn_set_timer(c, c->engine->now + ms);
}

static void
start(struct mirror_conn *c, enum mirror_dir dir)
{
    c->polls = (struct polls) {
        .active = true,
        .dir = dir,
        .start = c->streams[dir].pos,
        .last = c->streams[dir].pos,
        .last_time = c->engine->now,
        .n_seen = c->counts[dir].n_bytes,
    };
    ask_later(c, POLLS_MAX_MS);
}

static void
stop(struct mirror_conn *c)
{
    c->polls.active = false;
    c->polls.over = true;
    mirror_conn_set_timer(c, 0);
}

void
polls_update(struct mirror_conn *c)
{
    struct polls *polls = &c->polls;

    if (c->ending || c->protocol != PROTOCOL_HTTP) {
        polls->active = false;
        return;
    }
    if (polls->over && !region_is_active(&c->streams[polls->dir])) {
        polls->over = false;
    }
    if (polls->active && !is_wanted(c, polls->dir)) {
        stop(c);
    }
    if (!polls->active && !polls->over) {
        if (is_wanted(c, MIRROR_TO_CLIENT)) {
            start(c, MIRROR_TO_CLIENT);
        } else if (is_wanted(c, MIRROR_TO_SERVER)) {
            start(c, MIRROR_TO_SERVER);
        }
    }
}

void
polls_timeout(struct mirror_conn *c)
{
    struct polls *polls = &c->polls;

    if (!polls->active) {
        return;
    }
    if (polls->asked) {
        /* Without an answer it is better to look again. */
        stop(c);
    } else {
        c->engine->ops->ask_bytes(c->engine, c, polls->dir);
        polls->asked = true;
        mirror_conn_set_timer(c, c->engine->now + 20 * POLLS_MAX_MS);
    }
}

/* The switch has counted 'payload' bytes of the body, the engine what still
 * came here after the entry was set. */
static void
update_rate(struct mirror_conn *c, int64_t payload)
{
    struct polls *polls = &c->polls;
    const struct tcp_stream *s = &c->streams[polls->dir];
    long long int ms = MAX(c->engine->now - polls->last_time, 1);
    int64_t seen = c->counts[polls->dir].n_bytes - polls->n_seen;
    int64_t now = MIN(polls->start + seen + payload, s->region.limit);

    if (now > polls->last) {
        polls->rate = (now - polls->last) / ms;
        polls->last = now;
        polls->last_time = c->engine->now;
    }
}

void
polls_answer(struct mirror_conn *c, enum mirror_dir dir, uint64_t n_packets,
             uint64_t n_bytes)
{
    struct polls *polls = &c->polls;
    struct tcp_stream *s = &c->streams[dir];
    uint64_t headers = n_packets * (IN6_IS_ADDR_V4MAPPED(&c->key.client.addr)
                                    ? HEADERS_IPV4 : HEADERS_IPV6);
    long long int still;
    int64_t left;

    if (!polls->active || polls->dir != dir) {
        return;
    }
    update_rate(c, n_bytes > headers ? n_bytes - headers : 0);
    tcp_stream_count(s, polls->last);

    still = c->engine->now - polls->last_time;
    left = s->region.limit - polls->last - polls->rate * still;
    if (still > POLLS_STILL_MS
        || left <= MAX(polls->rate * (MAX(c->rtt, POLLS_MIN_RTT) + 2),
                       MIN_LEFT)) {
        stop(c);
    } else {
        ask_later(c, polls->rate
                  ? MIN(MAX(left / polls->rate / 2, 1), POLLS_MAX_MS)
                  : POLLS_MAX_MS);
    }
}
