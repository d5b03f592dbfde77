/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_IPSEC_LOAD_H
#define TASUKID_IPSEC_LOAD_H 1

/* The load of each bucket and each tag, by samples. */

#include "engine.h"

struct bucket {
    uint8_t tag;

    /* Samples of this round: their number, the sum of what they stand for, and
     * that of the squares. */
    unsigned int n;
    double sum, sum2;

    /* By all rounds, the last ones most. */
    double rate;                /* Samples per second. */
    double load;                /* Bytes per second. */
    double variance;            /* Of 'load', as of an estimate. */

    long long int seen;         /* When the last packet was, or LLONG_MIN. */
    unsigned int moved;         /* In which round, 0 if never. */
};

struct tag {
    double load, variance;      /* The sums over its buckets. */
};

struct loads {
    struct bucket buckets[BALANCE_MAX];
    unsigned int n_buckets;
    struct tag tags[BALANCE_MAX];
    unsigned int n_tags;
    double mean;                /* Of the tags' loads. */
    long long int begin;        /* Of this round. */
    long long int learned;      /* Time that the loads are about, in ms. */
};

/* Begins a round. */
void loads_begin(struct loads *, long long int now);

/* Ends a round: updates the loads.  Returns false, and does nothing, if no
 * time has passed. */
bool loads_learn(struct loads *, long long int now);

/* Adds up the loads of the tags anew, as buckets have other tags. */
void loads_sum_up(struct loads *);

/* Returns true if a bucket has most likely had no packet for 'idle' ms. */
bool bucket_is_idle(const struct bucket *, long long int idle,
                    long long int now);

#endif /* TASUKID_IPSEC_LOAD_H */
