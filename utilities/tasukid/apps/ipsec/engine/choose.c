/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "choose.h"

#include <math.h>

#include "util.h"

/* By how many standard deviations a load must differ to count as different.
 * Chance does that in 7 of 100 cases. */
#define DEVIATIONS 1.5

/* A bucket that was moved stays for so many rounds. */
#define STAY 10

/* The busiest tag must get less busy by this part of the mean. */
#define MIN_GAIN 0.005

/* An idle bucket is moved though another one would be better by so much. */
#define IDLE_PRICE 2

bool
tag_is_busy(const struct loads *loads, unsigned int i, double tolerance)
{
    const struct tag *tag = &loads->tags[i];

    return (tag->load - DEVIATIONS * sqrt(tag->variance)
            > loads->mean * (1 + tolerance));
}

static unsigned int
find_least_busy(const struct loads *loads)
{
    unsigned int least = 0;

    for (unsigned int i = 1; i < loads->n_tags; i++) {
        if (loads->tags[i].load < loads->tags[least].load) {
            least = i;
        }
    }
    return least;
}

/* Returns by how much the busier of two tags gets less busy if 'load' moves
 * from 'from' to 'to'. */
static double
find_gain(const struct tag *from, const struct tag *to, double load)
{
    return from->load - MAX(from->load - load, to->load + load);
}

/* Finds the best bucket to move from tag 'from' to tag 'to'.  Returns false if
 * there is none. */
static bool
find_bucket(const struct choice *c, unsigned int from, unsigned int to,
            struct balance_move *move)
{
    const struct loads *loads = c->loads;
    double best = 0;
    bool found = false;

    for (unsigned int i = 0; i < loads->n_buckets; i++) {
        const struct bucket *b = &loads->buckets[i];

        if (b->tag != from || (b->moved && c->round - b->moved < STAY)) {
            continue;
        }

        double gain = find_gain(&loads->tags[from], &loads->tags[to], b->load);
        bool idle = bucket_is_idle(b, c->cfg->idle, c->now);

        if (gain < loads->mean * MIN_GAIN || (c->idle_only && !idle)) {
            continue;
        }
        gain *= idle ? IDLE_PRICE : 1;
        if (gain > best) {
            best = gain;
            found = true;
            *move = (struct balance_move) {
                .bucket = i,
                .from = from,
                .to = to,
                .idle = idle,
                .load = b->load,
            };
        }
    }
    return found;
}

/* The busiest tag comes first.  If it has but one heavy bucket, which would
 * make any other tag as busy, there may be something to gain at the next. */
bool
choose_move(const struct choice *c, struct balance_move *move)
{
    struct loads *loads = c->loads;
    unsigned int to = find_least_busy(loads);
    bool tried[BALANCE_MAX] = { false };

    for (;;) {
        int from = -1;

        for (unsigned int i = 0; i < loads->n_tags; i++) {
            if (!tried[i] && tag_is_busy(loads, i, c->tolerance)
                && (from < 0 || loads->tags[i].load > loads->tags[from].load)) {
                from = i;
            }
        }
        if (from < 0) {
            return false;
        }
        if (find_bucket(c, from, to, move)) {
            loads->buckets[move->bucket].tag = to;
            loads->buckets[move->bucket].moved = c->round;
            loads_sum_up(loads);
            return true;
        }
        tried[from] = true;
    }
}
