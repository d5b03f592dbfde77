/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Who gets how much of the time that there is, and who loses what. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "random.h"
#include "util.h"
#include "utilities/tasukid/core/fair-queue.h"

#define MAX_JOBS 100

struct job {
    struct fair_item item;
    uint32_t port;
    uint32_t sender;
    uint64_t cost;
    uint64_t came;
};

static uint64_t now;            /* What all jobs so far have cost. */
static struct job *lost;        /* The last that was dropped. */
static unsigned int n_lost[10]; /* By port. */

static void
push(struct fair_queue *q, uint32_t port, uint32_t sender, uint64_t cost)
{
    struct job *job = xmalloc(sizeof *job);

    *job = (struct job) {
        .port = port, .sender = sender, .cost = cost, .came = now,
    };
    struct fair_item *item = fair_queue_push(q, &job->item, port, sender);
    if (item) {
        free(lost);
        lost = CONTAINER_OF(item, struct job, item);
        n_lost[lost->port]++;
    }
}

/* Works on the next job and returns what it was, or one of port 0. */
static struct job
work(struct fair_queue *q)
{
    struct fair_item *item = fair_queue_pop(q);
    struct job job = { .port = 0 };

    if (item) {
        struct job *p = CONTAINER_OF(item, struct job, item);
        job = *p;
        free(p);
        now += job.cost;
        fair_queue_charge(q, job.cost);
    }
    return job;
}

static void
start(struct fair_queue *q)
{
    now = 0;
    memset(n_lost, 0, sizeof n_lost);
    fair_queue_init(q, MAX_JOBS);
}

static void
stop(struct fair_queue *q)
{
    while (work(q).port) {
        continue;
    }
    fair_queue_destroy(q);
    free(lost);
    lost = NULL;
}

/* One source alone: first come, first served. */
static void
one_source(void **state)
{
    struct fair_queue q;

    (void) state;
    start(&q);
    for (int i = 1; i <= MAX_JOBS; i++) {
        push(&q, 1, 7, i);
    }
    for (int i = 1; i <= MAX_JOBS; i++) {
        assert_int_equal(work(&q).cost, i);
    }
    assert_int_equal(work(&q).port, 0);
    stop(&q);
}

/* What is shared is time: two ports that never stop get the same although
 * one's jobs cost 45 times what the other's do. */
static void
ports_share_time(void **state)
{
    uint64_t used[3] = { 0 };
    struct fair_queue q;

    (void) state;
    start(&q);
    for (int i = 0; i < 20000; i++) {
        push(&q, 1, random_uint32(), 4500);
        push(&q, 2, 7, 100);
        struct job job = work(&q);
        used[job.port] += job.cost;
    }
    assert_in_range(used[1], used[2] - 4500, used[2] + 4500);
    stop(&q);
}

/* So do a port's senders, whatever another port's are. */
static void
senders_share_time(void **state)
{
    uint64_t used[3][2] = { { 0 } };
    struct fair_queue q;

    (void) state;
    start(&q);
    for (int i = 0; i < 20000; i++) {
        push(&q, 1, 0, 300);
        push(&q, 1, 1, 100);
        push(&q, 2, 0, 200);
        struct job job = work(&q);
        used[job.port][job.sender] += job.cost;
    }
    assert_in_range(used[1][0], used[1][1] - 300, used[1][1] + 300);
    uint64_t sum = used[1][0] + used[1][1];
    assert_in_range(used[2][0], sum - 300, sum + 300);
    stop(&q);
}

/* Whoever sends less than his share loses nothing, and waits for one job of
 * each of the others at most, while they flood with the costliest there are
 * and under all addresses that they can think of. */
static void
polite_source_waits_little(void **state)
{
    struct fair_queue q;
    int n_served = 0;

    (void) state;
    start(&q);
    for (int i = 0; i < 20000; i++) {
        for (int j = 0; j < 3; j++) {
            push(&q, 1, random_uint32(), 4500);
            push(&q, 2, 7, 4500);
        }
        if (!(i % 10)) {
            push(&q, 3, 7, 100);
        }
        struct job job = work(&q);
        if (job.port == 3) {
            assert_in_range(now - job.came, 100, 2 * 4500 + 100);
            n_served++;
        }
    }
    assert_int_equal(n_served, 2000);
    assert_int_equal(n_lost[3], 0);
    assert_true(n_lost[1] && n_lost[2]);
    assert_in_range(q.n, 1, MAX_JOBS);
    stop(&q);
}

/* Nobody saves up what he did not use, nor pays for what nobody else
 * wanted. */
static void
past_does_not_count(void **state)
{
    struct fair_queue q;

    (void) state;
    start(&q);
    for (int i = 0; i < 1000; i++) {
        push(&q, 1, 7, 100);
        work(&q);
    }
    for (int i = 0; i < 10; i++) {
        push(&q, 1, 7, 100);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(work(&q).port, 1);
    }
    for (int i = 0; i < 10; i++) {
        push(&q, 2, 7, 100);
    }
    int n[3] = { 0 };
    for (int i = 0; i < 8; i++) {
        n[work(&q).port]++;
    }
    assert_in_range(n[1], 3, 5);
    stop(&q);
}

/* Who loses is the one with most waiting: his newest. */
static void
longest_queue_loses(void **state)
{
    struct fair_queue q;

    (void) state;
    start(&q);
    for (int i = 1; i <= 60; i++) {
        push(&q, 1, i % 3 ? 1 : 2, i);
    }
    for (int i = 1; i <= 40; i++) {
        push(&q, 2, 1, i);
    }
    assert_null(lost);
    push(&q, 3, 1, 1);
    assert_int_equal(lost->port, 1);
    assert_int_equal(lost->sender, 1);
    assert_int_equal(lost->cost, 59);
    stop(&q);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_source),
        cmocka_unit_test(ports_share_time),
        cmocka_unit_test(senders_share_time),
        cmocka_unit_test(polite_source_waits_little),
        cmocka_unit_test(past_does_not_count),
        cmocka_unit_test(longest_queue_loses),
    };

    return cmocka_run_group_tests_name("fair-queue", tests, NULL, NULL);
}
