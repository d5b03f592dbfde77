/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "engine.h"

#include <limits.h>

#include "choose.h"
#include "load.h"
#include "util.h"

/* So many rounds wait for a bucket to be idle.  Then others may move, too. */
#define PATIENCE 1

struct balance {
    struct balance_config cfg;
    struct loads loads;
    uint8_t map[BALANCE_MAX];
    unsigned int round;

    /* Since how many rounds the load is skewed, 0 if it is not.  It begins to
     * be at the tolerance, and ends to be at half of that. */
    unsigned int skewed;
};

struct balance *
balance_create(const struct balance_config *cfg, long long int now)
{
    struct balance *balance = xzalloc(sizeof *balance);

    balance->cfg = *cfg;
    balance->loads.n_tags = cfg->n_tags;
    balance->loads.n_buckets = cfg->n_buckets;
    for (unsigned int i = 0; i < cfg->n_buckets; i++) {
        balance->map[i] = i % cfg->n_tags;
        balance->loads.buckets[i] = (struct bucket) {
            .tag = balance->map[i],
            .seen = LLONG_MIN,
        };
    }
    loads_begin(&balance->loads, now);
    return balance;
}

void
balance_destroy(struct balance *balance)
{
    free(balance);
}

void
balance_configure(struct balance *balance, const struct balance_config *cfg)
{
    ovs_assert(cfg->n_tags == balance->cfg.n_tags
               && cfg->n_buckets == balance->cfg.n_buckets);
    balance->cfg = *cfg;
}

const uint8_t *
balance_map(const struct balance *balance)
{
    return balance->map;
}

bool
balance_set_map(struct balance *balance, const uint8_t map[], size_t n)
{
    if (n != balance->cfg.n_buckets) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (map[i] >= balance->cfg.n_tags) {
            return false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        balance->map[i] = balance->loads.buckets[i].tag = map[i];
    }
    loads_sum_up(&balance->loads);
    return true;
}

void
balance_see(struct balance *balance, uint8_t bucket, long long int now)
{
    ovs_assert(bucket < balance->cfg.n_buckets);
    balance->loads.buckets[bucket].seen = now;
}

void
balance_sample(struct balance *balance, uint8_t bucket, double bytes,
               long long int now)
{
    struct bucket *b = &balance->loads.buckets[bucket];

    balance_see(balance, bucket, now);
    b->n++;
    b->sum += bytes;
    b->sum2 += bytes * bytes;
}

void
balance_restart(struct balance *balance, long long int now)
{
    loads_begin(&balance->loads, now);
}

static bool
some_tag_is_busy(const struct balance *balance, double tolerance)
{
    for (unsigned int i = 0; i < balance->cfg.n_tags; i++) {
        if (tag_is_busy(&balance->loads, i, tolerance)) {
            return true;
        }
    }
    return false;
}

size_t
balance_round(struct balance *balance, long long int now,
              struct balance_move moves[])
{
    const struct balance_config *cfg = &balance->cfg;
    size_t n = 0;

    if (!loads_learn(&balance->loads, now)) {
        return 0;
    }
    balance->round++;
    if (!some_tag_is_busy(balance, (balance->skewed ? cfg->tolerance / 2
                                    : cfg->tolerance))) {
        balance->skewed = 0;
        return 0;
    }

    const struct choice choice = {
        .loads = &balance->loads,
        .cfg = cfg,
        .now = now,
        .round = balance->round,
        .tolerance = cfg->tolerance / 2,
        .idle_only = cfg->idle_only || balance->skewed < PATIENCE,
    };
    balance->skewed++;
    while (n < cfg->max_moves && choose_move(&choice, &moves[n])) {
        balance->map[moves[n].bucket] = moves[n].to;
        n++;
    }
    return n;
}

double
balance_tag_load(const struct balance *balance, uint8_t tag)
{
    return balance->loads.tags[tag].load;
}

double
balance_bucket_load(const struct balance *balance, uint8_t bucket)
{
    return balance->loads.buckets[bucket].load;
}

double
balance_skew(const struct balance *balance)
{
    const struct loads *loads = &balance->loads;
    double max = 0;

    for (unsigned int i = 0; i < loads->n_tags; i++) {
        max = MAX(max, loads->tags[i].load);
    }
    return loads->mean > 0 ? max / loads->mean : 1;
}
