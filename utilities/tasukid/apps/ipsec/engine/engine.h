/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_IPSEC_ENGINE_H
#define TASUKID_IPSEC_ENGINE_H 1

/* The engine of application ipsec: which buckets of a group should have
 * another tag.
 *
 * Samples of packets come in; moves go out, a few at a time.  A move gives one
 * bucket, all whose packets have one tag, another tag.  What is in flight may
 * then be overtaken by what follows, so a move has a price: there is none
 * unless the load is skewed by more than is tolerated and by more than chance
 * explains, none that would not make the busiest tag less busy, and none of a
 * bucket that was moved a short while ago.  Buckets that are idle just now are
 * moved first: nothing of theirs is in flight.
 *
 * The engine knows no switch, no OpenFlow, no database and no clock.  Loads
 * are in bytes per second, times in ms.
 *
 * No file calls one that is listed above it:
 *
 *   balance.c        rounds: when to move something
 *   choose.c         which bucket to move, and where to
 *   load.c           the load of each bucket and each tag, by samples
 *   rate.c           how many packets to sample */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BALANCE_MAX = 256,          /* Most tags, and most buckets. */

    /* How many samples a second to aim at.  With 4 tags, chance then moves the
     * estimated load of a tag by 2 % or so. */
    BALANCE_RATE = 1000,
};

struct balance_config {
    unsigned int n_tags;        /* 1 to BALANCE_MAX. */
    unsigned int n_buckets;     /* The same; a power of two. */
    unsigned int max_moves;     /* In a round. */
    double tolerance;           /* How much busier than the mean a tag may be:
                                 * 0.1 is 10 %. */
    long long int idle;         /* A bucket with no packet for so long has none
                                 * in flight. */
    bool idle_only;             /* Other buckets must not be moved. */
};

struct balance_move {
    uint8_t bucket;
    uint8_t from, to;           /* Tags. */
    bool idle;                  /* Was the bucket idle? */
    double load;                /* Of the bucket. */
};

/* The caller must destroy what it creates.  At first, tags take turns in the
 * order of the buckets. */
struct balance *balance_create(const struct balance_config *,
                               long long int now);
void balance_destroy(struct balance *);

/* Changes all but 'n_tags' and 'n_buckets', which must stay. */
void balance_configure(struct balance *, const struct balance_config *);

/* The tag of each bucket. */
const uint8_t *balance_map(const struct balance *);

/* Sets the tags of all buckets.  Does nothing and returns false if one of the
 * 'n' is out of range, or 'n' is not the number of buckets. */
bool balance_set_map(struct balance *, const uint8_t map[], size_t n);

/* Notes a packet of 'bucket' that was taken at random and stands for 'bytes'
 * of traffic. */
void balance_sample(struct balance *, uint8_t bucket, double bytes,
                    long long int now);

/* Notes that a packet of 'bucket' has passed, and nothing about its load. */
void balance_see(struct balance *, uint8_t bucket, long long int now);

/* Forgets the samples since the last round, and begins that anew. */
void balance_restart(struct balance *, long long int now);

/* Ends a round: learns the loads from the samples since the last one, and
 * moves buckets.  Writes the moves to 'moves', which has room for
 * 'max_moves', and returns how many. */
size_t balance_round(struct balance *, long long int now,
                     struct balance_move moves[]);

/* Return the estimated loads. */
double balance_tag_load(const struct balance *, uint8_t tag);
double balance_bucket_load(const struct balance *, uint8_t bucket);

/* Returns the load of the busiest tag divided by the mean, 1 if there is no
 * load. */
double balance_skew(const struct balance *);

/* Returns the probability, out of 2**32, with which to take packets from now
 * on, if 'probability' has given 'n' packets in 'ms': 2**32 - 1 (all), or a
 * power of two.  It stays as it is unless that would be far from BALANCE_RATE,
 * as the switch has to be told. */
uint32_t balance_probability(uint32_t probability, unsigned int n,
                             long long int ms);

#endif /* TASUKID_IPSEC_ENGINE_H */
