/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The engine of application ipsec, with traffic of which it sees samples only.
 * What it does is judged by what the traffic really is. */

#include <config.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "openvswitch/util.h"
#include "util.h"
#include "utilities/tasukid/apps/ipsec/engine/engine.h"

#define INTERVAL 2000           /* Of a round, in ms. */
#define BYTES 1500              /* Of a packet. */

static uint64_t seed;

/* Returns a random number of at least 0 and less than 1 (Knuth's MMIX
 * generator). */
static double
draw(void)
{
    seed = seed * UINT64_C(6364136223846793005)
           + UINT64_C(1442695040888963407);
    return (seed >> 11) / (double) (UINT64_C(1) << 53);
}

struct world {
    struct balance *balance;
    struct balance_config cfg;
    long long int now;
    double load[BALANCE_MAX];   /* What each bucket really has. */

    /* What has come of it. */
    unsigned int n_moves, n_busy_moves;
    unsigned int moved[BALANCE_MAX];    /* How often. */
    long long int moved_at[BALANCE_MAX];
};

static void
world_init(struct world *w, unsigned int n_tags)
{
    static uint64_t n_worlds;

    seed = n_worlds++;
    *w = (struct world) {
        .cfg = {
            .n_tags = n_tags,
            .n_buckets = BALANCE_MAX,
            .max_moves = 8,
            .tolerance = 0.1,
            .idle = 500,
        },
        .now = 1000000,
    };
    w->balance = balance_create(&w->cfg, w->now);
}

static double
sum_of(const double x[], size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum;
}

/* Returns the true load of the busiest tag, divided by the mean. */
static double
true_skew(const struct world *w)
{
    double tags[BALANCE_MAX] = { 0 };
    double max = 0;

    for (unsigned int i = 0; i < w->cfg.n_buckets; i++) {
        tags[balance_map(w->balance)[i]] += w->load[i];
    }
    for (unsigned int i = 0; i < w->cfg.n_tags; i++) {
        max = MAX(max, tags[i]);
    }
    return max * w->cfg.n_tags / sum_of(tags, w->cfg.n_tags);
}

static uint8_t
draw_bucket(const struct world *w, double sum)
{
    double x = draw() * sum;
    unsigned int i = 0;

    while (i < w->cfg.n_buckets - 1 && x >= w->load[i]) {
        x -= w->load[i++];
    }
    return i;
}

/* Samples for one round, at random times: as many as the engine aims at. */
static void
sample(struct world *w)
{
    const unsigned int n = BALANCE_RATE * INTERVAL / 1000;
    double sum = sum_of(w->load, w->cfg.n_buckets);

    for (unsigned int i = 0; i < n && sum > 0; i++) {
        balance_sample(w->balance, draw_bucket(w, sum), BYTES,
                       w->now + i * (long long int) INTERVAL / n);
    }
    w->now += INTERVAL;
}

/* Ends a round.  What holds for each is checked: no more moves than allowed,
 * each to another tag, none of a bucket that was moved just before, and the map
 * says what the moves say. */
static size_t
end_round(struct world *w)
{
    struct balance_move moves[BALANCE_MAX];
    uint8_t map[BALANCE_MAX];
    size_t n;

    memcpy(map, balance_map(w->balance), w->cfg.n_buckets);
    n = balance_round(w->balance, w->now, moves);
    assert_true(n <= w->cfg.max_moves);
    for (size_t i = 0; i < n; i++) {
        const struct balance_move *m = &moves[i];

        assert_true(m->bucket < w->cfg.n_buckets);
        assert_int_equal(map[m->bucket], m->from);
        assert_true(m->to < w->cfg.n_tags && m->to != m->from);
        assert_true(!w->moved[m->bucket]
                    || w->now - w->moved_at[m->bucket] >= 10 * INTERVAL);
        assert_true(m->idle || !w->cfg.idle_only);
        map[m->bucket] = m->to;
        w->moved[m->bucket]++;
        w->moved_at[m->bucket] = w->now;
        w->n_moves++;
        w->n_busy_moves += !m->idle;
    }
    assert_memory_equal(map, balance_map(w->balance), w->cfg.n_buckets);
    return n;
}

static size_t
run_round(struct world *w)
{
    sample(w);
    return end_round(w);
}

static void
run_for(struct world *w, long long int ms)
{
    for (; ms > 0; ms -= INTERVAL) {
        run_round(w);
    }
}

/* 'n' connections, as busy as each other, fall into buckets by chance. */
static void
add_connections(struct world *w, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        w->load[(size_t) (draw() * w->cfg.n_buckets)] += 1;
    }
}

/* One connection in each of 4 buckets of one tag has 80 % of the load. */
static void
skewed_load(void **state OVS_UNUSED)
{
    for (int run = 0; run < 20; run++) {
        struct world w;

        world_init(&w, 4);
        add_connections(&w, 200);
        for (int i = 0; i < 4; i++) {
            w.load[i * 4 * 5] = 200;
        }
        assert_true(true_skew(&w) > 3);
        run_for(&w, 10 * 1000);
        assert_true(true_skew(&w) <= 1.3);
        balance_destroy(w.balance);
    }
}

/* The same when another load was there before, as the estimates remember. */
static void
load_becomes_skewed(void **state OVS_UNUSED)
{
    for (int run = 0; run < 20; run++) {
        struct world w;

        world_init(&w, 4);
        add_connections(&w, 200);
        run_for(&w, 30 * 1000);
        for (int i = 0, n = 0; n < 4; i++) {
            if (balance_map(w.balance)[i] == 2) {
                w.load[i] = 200;
                n++;
            }
        }
        run_for(&w, 10 * 1000);
        assert_true(true_skew(&w) <= 1.3);
        balance_destroy(w.balance);
    }
}

/* A perfect hash gets to 1.15 in 66 % of cases with 4 tags, and in 7 % with
 * 8. */
static void
connections(void **state OVS_UNUSED)
{
    static const unsigned int n_tags[] = { 2, 4, 8 };
    unsigned int n_bad_before = 0;

    for (size_t i = 0; i < ARRAY_SIZE(n_tags); i++) {
        for (int run = 0; run < 20; run++) {
            struct world w;

            world_init(&w, n_tags[i]);
            add_connections(&w, 256);
            n_bad_before += true_skew(&w) > 1.15;
            run_for(&w, 40 * 1000);
            assert_true(true_skew(&w) <= 1.15);
            balance_destroy(w.balance);
        }
    }
    assert_true(n_bad_before > 15);
}

/* What does not change ends in a map that does not change. */
static void
constant_load(void **state OVS_UNUSED)
{
    for (int run = 0; run < 10; run++) {
        struct world w;
        unsigned int n;

        world_init(&w, 4);
        for (int i = 0; i < BALANCE_MAX; i++) {
            w.load[i] = -log(1 - draw());       /* Some have much more. */
        }
        run_for(&w, 60 * 1000);
        n = w.n_moves;
        run_for(&w, 400 * 1000);

        /* Chance has an exception now and then. */
        assert_true(w.n_moves - n <= 4);
        for (int i = 0; i < BALANCE_MAX; i++) {
            assert_true(w.moved[i] <= 2);
        }
        balance_destroy(w.balance);
    }
}

/* Where there is nothing to gain, nothing moves, whatever chance does. */
static void
balanced_load(void **state OVS_UNUSED)
{
    unsigned int n_moves = 0;

    for (int run = 0; run < 10; run++) {
        struct world w;

        world_init(&w, 4);
        for (int i = 0; i < BALANCE_MAX; i++) {
            w.load[i] = 1;
        }
        run_for(&w, 200 * 1000);
        n_moves += w.n_moves;
        balance_destroy(w.balance);
    }
    /* In 1000 rounds. */
    assert_true(n_moves <= 10);
}

/* One bucket has more than a tag's share.  It is not passed around. */
static void
elephant(void **state OVS_UNUSED)
{
    for (int run = 0; run < 10; run++) {
        struct world w;

        world_init(&w, 4);
        add_connections(&w, 256);
        w.load[17] = 300;
        run_for(&w, 400 * 1000);
        assert_true(w.moved[17] <= 1);
        assert_true(w.n_moves < 200);

        /* Its tag has little else. */
        assert_true(true_skew(&w) <= (w.load[17] + 20) * 4
                    / sum_of(w.load, BALANCE_MAX));
        balance_destroy(w.balance);
    }
}

/* Loads that come and go in step with the rounds, or slower: the map does not
 * swing with them. */
static void
swinging_load(void **state OVS_UNUSED)
{
    static const int periods[] = { 1, 2, 3, 5, 10, 20 };

    for (size_t p = 0; p < ARRAY_SIZE(periods); p++) {
        struct world w;

        world_init(&w, 4);
        for (int round = 0; round < 200; round++) {
            for (int i = 0; i < BALANCE_MAX; i++) {
                bool first = i % 4 < 2;
                bool on = first == (round / periods[p] % 2 == 0);

                w.load[i] = on ? 3 : 1;
            }
            run_round(&w);
        }
        /* Not more often than a bucket may move at all. */
        for (int i = 0; i < BALANCE_MAX; i++) {
            assert_true(w.moved[i] <= 200 / 10);
        }
        assert_true(w.n_moves < BALANCE_MAX * 4);
        balance_destroy(w.balance);
    }
}

/* Bursts with gaps: all packets are seen. */
static void
burst(struct world *w, const bool silent[])
{
    for (long long int t = 0; t < INTERVAL; t += 10) {
        for (unsigned int i = 0; i < w->cfg.n_buckets; i++) {
            if (w->load[i] > 0 && (!silent[i] || t < INTERVAL / 2)) {
                balance_sample(w->balance, i, w->load[i], w->now + t);
            }
        }
    }
    w->now += INTERVAL;
}

/* Of buckets that are as busy as each other, those that are idle just now
 * move. */
static void
idle_buckets_first(void **state OVS_UNUSED)
{
    bool silent[BALANCE_MAX] = { false };
    struct world w;

    world_init(&w, 4);
    for (int i = 0; i < 16; i++) {
        w.load[i * 4] = 1000;           /* All of tag 0. */
        silent[i * 4] = i >= 10;
    }
    for (int round = 0; round < 20; round++) {
        burst(&w, silent);
        end_round(&w);
        if (round == 0) {
            assert_true(w.n_moves > 0);
            assert_int_equal(w.n_busy_moves, 0);
        }
    }
    for (int i = 10; i < 16; i++) {
        assert_int_equal(w.moved[i * 4], 1);
    }
    assert_true(w.n_busy_moves > 0);    /* 6 idle ones were too few. */
    balance_destroy(w.balance);
}

static void
idle_buckets_only(void **state OVS_UNUSED)
{
    bool silent[BALANCE_MAX] = { false };
    struct world w;

    world_init(&w, 4);
    w.cfg.idle_only = true;
    balance_configure(w.balance, &w.cfg);
    for (int i = 0; i < 16; i++) {
        w.load[i * 4] = 1000;
        silent[i * 4] = i >= 14;
    }
    for (int round = 0; round < 20; round++) {
        burst(&w, silent);
        end_round(&w);
    }
    assert_int_equal(w.n_moves, 2);
    assert_int_equal(w.n_busy_moves, 0);
    balance_destroy(w.balance);
}

/* A bucket of which few packets are sampled is not idle for lack of samples: 1
 * of 20 rounds has none for 500 ms or more by chance alone. */
static void
rare_samples(void **state OVS_UNUSED)
{
    struct world w;
    unsigned int n_idle = 0;

    world_init(&w, 2);
    w.cfg.idle_only = true;
    balance_configure(w.balance, &w.cfg);
    for (int round = 0; round < 400; round++) {
        unsigned int n = w.n_moves;

        /* 3 samples a second, and all of tag 0 and as busy. */
        for (int i = 0; i < 6 * 40; i++) {
            balance_sample(w.balance, 2 * (unsigned int) (draw() * 40), BYTES,
                           w.now + i * INTERVAL / (6 * 40));
        }
        w.now += INTERVAL;
        end_round(&w);
        n_idle += w.n_moves - n;
        if (balance_skew(w.balance) < 1.1) {
            break;
        }
    }
    /* It takes 20 moves to balance, so there were enough to be wrong about:
     * in 400 rounds 40 buckets are taken for idle in 1 of 20 cases. */
    assert_true(n_idle <= 40);
    assert_int_equal(w.n_busy_moves, 0);
    balance_destroy(w.balance);
}

static void
nothing_to_do(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w, 4);
    assert_true(balance_skew(w.balance) == 1);
    run_for(&w, 20 * 1000);
    assert_int_equal(w.n_moves, 0);
    assert_true(balance_skew(w.balance) == 1);

    /* Three packets are no reason. */
    for (int i = 0; i < 3; i++) {
        balance_sample(w.balance, 0, 1e9, w.now);
    }
    w.now += INTERVAL;
    assert_int_equal(end_round(&w), 0);

    /* No time has passed. */
    assert_int_equal(end_round(&w), 0);
    balance_destroy(w.balance);

    world_init(&w, 1);
    add_connections(&w, 100);
    run_for(&w, 20 * 1000);
    assert_int_equal(w.n_moves, 0);
    balance_destroy(w.balance);
}

static void
maps(void **state OVS_UNUSED)
{
    uint8_t map[BALANCE_MAX];
    struct world w;

    world_init(&w, 3);
    for (int i = 0; i < BALANCE_MAX; i++) {
        assert_int_equal(balance_map(w.balance)[i], i % 3);
        map[i] = 2;
    }
    map[255] = 3;
    assert_false(balance_set_map(w.balance, map, 256));
    map[255] = 0;
    assert_false(balance_set_map(w.balance, map, 128));
    assert_int_equal(balance_map(w.balance)[0], 0);
    assert_true(balance_set_map(w.balance, map, 256));
    assert_memory_equal(balance_map(w.balance), map, 256);

    /* It is where balancing goes on from. */
    for (int i = 0; i < BALANCE_MAX; i++) {
        w.load[i] = 1;
    }
    assert_true(true_skew(&w) > 2.9);
    w.cfg.max_moves = 100;
    balance_configure(w.balance, &w.cfg);
    run_for(&w, 40 * 1000);
    assert_true(true_skew(&w) < 1.15);
    balance_destroy(w.balance);
}

static void
restart(void **state OVS_UNUSED)
{
    struct world w;

    world_init(&w, 4);
    w.load[0] = 1;
    sample(&w);
    balance_restart(w.balance, w.now);
    w.now += INTERVAL;
    end_round(&w);
    assert_true(balance_bucket_load(w.balance, 0) == 0);
    assert_true(balance_tag_load(w.balance, 0) == 0);
    run_for(&w, 40 * 1000);
    assert_true(balance_bucket_load(w.balance, 0)
                > BALANCE_RATE * BYTES * 0.95);
    assert_true(balance_tag_load(w.balance, 0)
                == balance_bucket_load(w.balance, 0));
    balance_destroy(w.balance);
}

/* Returns how many packets per second there are after a few steps. */
static double
settle(uint32_t *p, double pps, int steps)
{
    for (int i = 0; i < steps; i++) {
        *p = balance_probability(*p, pps * 2 * *p / UINT32_MAX, 2000);
        assert_true(*p == UINT32_MAX || (*p && !(*p & (*p - 1))));
    }
    return pps * *p / UINT32_MAX;
}

static void
probabilities(void **state OVS_UNUSED)
{
    uint32_t p = UINT32_C(1) << 26;

    /* Few packets: all, at once. */
    settle(&p, 10, 1);
    assert_int_equal(p, UINT32_MAX);
    settle(&p, 0, 1);
    assert_int_equal(p, UINT32_MAX);

    /* More and more, and less again. */
    for (double pps = 1e3; pps < 1e8; pps *= 7) {
        assert_in_range(settle(&p, pps, 1), BALANCE_RATE / 2,
                        BALANCE_RATE * 2);
    }
    for (double pps = 1e8; pps > 1e3; pps /= 7) {
        assert_in_range(settle(&p, pps, 2), BALANCE_RATE / 2,
                        BALANCE_RATE * 2);
    }

    /* It stays if it is good. */
    p = UINT32_C(1) << 20;
    assert_int_equal(balance_probability(p, BALANCE_RATE * 2 * 0.6, 2000), p);
    assert_int_equal(balance_probability(p, BALANCE_RATE * 2 * 1.9, 2000), p);
    assert_int_equal(balance_probability(p, 0, 0), UINT32_C(1) << 26);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skewed_load),
        cmocka_unit_test(load_becomes_skewed),
        cmocka_unit_test(connections),
        cmocka_unit_test(constant_load),
        cmocka_unit_test(balanced_load),
        cmocka_unit_test(elephant),
        cmocka_unit_test(swinging_load),
        cmocka_unit_test(idle_buckets_first),
        cmocka_unit_test(idle_buckets_only),
        cmocka_unit_test(rare_samples),
        cmocka_unit_test(nothing_to_do),
        cmocka_unit_test(maps),
        cmocka_unit_test(restart),
        cmocka_unit_test(probabilities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
