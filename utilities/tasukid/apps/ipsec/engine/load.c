/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "load.h"

#include <limits.h>
#include <math.h>

#include "util.h"

/* After so many ms, what was counts for 1/e of what it did.  Short enough to
 * follow a new load within seconds, long enough for several thousand
 * samples. */
#define MEMORY 4000

/* If only a part of the packets is sampled, a bucket may go without a sample
 * though it has packets.  For so many times its mean gap between samples that
 * happens with a probability of exp(-3), 5 %. */
#define IDLE_GAPS 3

void
loads_begin(struct loads *loads, long long int now)
{
    loads->begin = now;
    for (unsigned int i = 0; i < loads->n_buckets; i++) {
        struct bucket *b = &loads->buckets[i];

        b->n = 0;
        b->sum = b->sum2 = 0;
    }
}

/* Updates 'b' by a round of 'ms', which counts for 'part' of the whole. */
static void
learn(struct bucket *b, double part, long long int ms)
{
    double seconds = ms / 1000.0;

    b->rate += part * (b->n / seconds - b->rate);
    b->load += part * (b->sum / seconds - b->load);

    /* The number of samples has a Poisson distribution, so the variance of
     * their sum is the sum of their squares. */
    b->variance = ((1 - part) * (1 - part) * b->variance
                   + part * part * b->sum2 / (seconds * seconds));
}

bool
loads_learn(struct loads *loads, long long int now)
{
    long long int ms = now - loads->begin;

    if (ms <= 0) {
        return false;
    }
    loads->learned += ms;

    /* At first the plain mean of all rounds. */
    double part = MAX(1 - exp(-(double) ms / MEMORY),
                      (double) ms / loads->learned);

    for (unsigned int i = 0; i < loads->n_buckets; i++) {
        learn(&loads->buckets[i], part, ms);
    }
    loads_sum_up(loads);
    loads_begin(loads, now);
    return true;
}

void
loads_sum_up(struct loads *loads)
{
    double sum = 0;

    for (unsigned int i = 0; i < loads->n_tags; i++) {
        loads->tags[i] = (struct tag) { .load = 0 };
    }
    for (unsigned int i = 0; i < loads->n_buckets; i++) {
        const struct bucket *b = &loads->buckets[i];
        struct tag *tag = &loads->tags[b->tag];

        tag->load += b->load;
        tag->variance += b->variance;
        sum += b->load;
    }
    loads->mean = sum / loads->n_tags;
}

bool
bucket_is_idle(const struct bucket *b, long long int idle, long long int now)
{
    if (b->seen == LLONG_MIN) {
        return true;
    }

    long long int silence = now - b->seen;
    return silence >= idle && silence / 1000.0 * b->rate >= IDLE_GAPS;
}
