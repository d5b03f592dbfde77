/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Thousands of random HTTP sessions through the engine of mirrors, with
 * packets lost, doubled and swapped, and entries that take their time.  What
 * the sensors got is held against what the sessions were made of. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "mirror-hosts.h"
#include "util.h"

/* Of the bytes of a way: who got it, and whether it passed at all. */
#define PASSED 0x80

static struct session session;
static struct mirror_wants wants[2];
static struct hosts_config config;
static uint8_t got[2][SESSION_MAX];
static uint8_t reported[2][SESSION_MAX];
static size_t gapless[2];       /* Up to here, all that matters was copied. */
static int n_special, n_special_copied;
static bool was_lost;           /* The engine began anew in the middle. */
static int n_lost;              /* In how many sessions. */
static bool clean;              /* Nothing is lost, doubled or swapped. */
static const char *how;         /* For messages. */
static int round_;

/* Copied segments that touch a body's bytes, and pure ACKs inside it. */
static int n_touching[SESSION_MAX_BODIES], n_acks[SESSION_MAX_BODIES];

static void
wrong(const char *what, enum mirror_dir dir, size_t at)
{
    fail_msg("%s, round %d: %s, %s client, byte %"PRIuSIZE, how, round_, what,
             dir == MIRROR_TO_CLIENT ? "to" : "from", at);
}

/* Returns the body that byte 'at' belongs to, or null. */
static const struct session_body *
body_at(enum mirror_dir dir, size_t at)
{
    for (size_t i = 0; i < session.n_bodies; i++) {
        const struct session_body *b = &session.bodies[i];

        if (b->dir == dir && at >= b->start && at < b->end) {
            return b;
        }
    }
    return NULL;
}

/* Returns true if policy 'i' may miss byte 'at' of 'b'. */
static bool
may_miss(const struct session_body *b, size_t at, int i)
{
    uint64_t threshold = wants[i].threshold;

    switch (b->framing) {
    case SESSION_LENGTH:
        return b->end - b->start >= threshold && at != b->end - 1;
    case SESSION_CHUNKED:
        return !wants[i].chunked_whole && b->end - b->start >= threshold;
    case SESSION_UNTIL_CLOSE:
    default:
        return at - b->start >= threshold;
    }
}

/* An ACK must not reach a sensor before the heads that it acknowledges. */
static void
check_order(const struct fake_packet *p)
{
    enum mirror_dir dir = !p->dir;
    size_t acked = p->ack - config.isn[dir] - 1;

    acked = MIN(acked, session.ways[dir].len);
    while (gapless[dir] < session.ways[dir].len
           && (got[dir][gapless[dir]] & 1 || body_at(dir, gapless[dir]))) {
        gapless[dir]++;
    }
    if (acked > gapless[dir]) {
        wrong("an ACK before its data", dir, gapless[dir]);
    }
}

static void
count_copied(const struct fake_packet *p, size_t start)
{
    size_t acked = p->ack - config.isn[!p->dir] - 1;

    for (size_t i = 0; i < session.n_bodies; i++) {
        const struct session_body *b = &session.bodies[i];

        n_touching[i] += (b->dir == p->dir && p->len && start < b->end
                          && start + p->len > b->start);
        n_acks[i] += (b->dir != p->dir && !p->len && !(p->flags & TCP_FIN)
                      && acked > b->start && acked < b->end);
    }
}

static void
passed(const struct fake_packet *p, uint32_t copies, void *aux)
{
    size_t start = p->seq - config.isn[p->dir] - 1;

    (void) aux;
    for (size_t i = 0; i < p->len; i++) {
        got[p->dir][start + i] |= copies | PASSED;
    }
    if (p->flags & (TCP_SYN | TCP_FIN | TCP_RST)) {
        n_special++;
        n_special_copied += copies == 3;
    }
    if (copies & 1 && p->flags & TCP_ACK && !(p->flags & TCP_SYN)) {
        check_order(p);
        count_copied(p, start);
    }
}

/* Every gap is inside one body that may be skipped. */
static void
check_copies(void)
{
    for (int dir = 0; dir < 2; dir++) {
        for (size_t at = 0; at < session.ways[dir].len; at++) {
            for (int i = 0; i < 2; i++) {
                const struct session_body *b;

                if (!(got[dir][at] & PASSED)) {
                    wrong("it did not even pass", dir, at);
                } else if (!(got[dir][at] & 1u << i)) {
                    b = body_at(dir, at);
                    if (!b || !may_miss(b, at, i)) {
                        wrong("not copied", dir, at);
                    }
                }
            }
        }
    }
}

/* What was not copied was reported; if nothing was lost, exactly that. */
static void
check_reports(void)
{
    for (size_t i = 0; i < sw.n_skips; i++) {
        const struct fake_skip *skip = &sw.skips[i];
        size_t first = skip->seq - config.isn[skip->dir] - 1;

        assert_true(was_lost || first == skip->first);
        assert_true(first + skip->len <= session.ways[skip->dir].len);
        for (size_t j = 0; j < skip->len; j++) {
            reported[skip->dir][first + j] |= skip->policies;
        }
    }
    for (int dir = 0; dir < 2; dir++) {
        for (size_t at = 0; at < session.ways[dir].len; at++) {
            uint8_t missed = ~got[dir][at] & 3;

            if (missed & ~reported[dir][at]) {
                wrong("skipped and not reported", dir, at);
            }
            if (clean && reported[dir][at] & ~missed) {
                wrong("reported and not skipped", dir, at);
            }
        }
    }
}

/* With all packets held, no more of a body is copied than its edges, unless
 * other messages are on their way. */
static void
check_excess(void)
{
    for (size_t i = 0; i < session.n_bodies; i++) {
        const struct session_body *b = &session.bodies[i];
        size_t len = b->end - b->start;

        if (b->pipelined) {
            continue;
        } else if (b->framing == SESSION_LENGTH
                   && len >= wants[0].threshold) {
            if (n_touching[i] > 2 || n_acks[i] > 1) {
                wrong("too much of a body", b->dir, b->start);
            }
        } else if (!wants[0].threshold && !wants[0].chunked_whole
                   && b->dir == MIRROR_TO_CLIENT && n_touching[i] > 2) {
            wrong("too much of an open body", b->dir, b->start);
        }
    }
}

static uint64_t
random_threshold(void)
{
    return random() % 3 ? random() % 5000 : 0;
}

static void
run(bool holds, bool perfect, bool big)
{
    struct mirror_totals totals;

    memset(got, 0, sizeof got);
    memset(reported, 0, sizeof reported);
    memset(gapless, 0, sizeof gapless);
    memset(n_touching, 0, sizeof n_touching);
    memset(n_acks, 0, sizeof n_acks);
    n_special = n_special_copied = 0;
    clean = perfect;
    session_make(&session, big);
    config = (struct hosts_config) {
        .loss = perfect ? 0 : 5 + random() % 60,
        .dup = perfect ? 0 : 5 + random() % 60,
        .link = random() % 2 ? 10 : 300,
        .jitter = perfect ? 0 : random() % 60,
        .engine_delay = random() % 30,
        .mss = 100 + random() % 1348,
        .isn = { random() ^ (uint32_t) random() << 16,
                 random() % 2 ? random() : UINT32_MAX - random() % 10000 },
    };
    for (int i = 0; i < 2; i++) {
        wants[i] = (struct mirror_wants) {
            .threshold = random_threshold(),
            .chunked_whole = random() % 4 == 0,
        };
    }

    fake_start(holds, wants, 2);
    sw.delay = random() % 4;
    hosts_run(&session, &config, &(struct hosts_ops) { .passed = passed });
    mirror_engine_totals(sw.engine, &totals);
    was_lost = totals.n_unknown != 0;
    n_lost += was_lost;
    fake_stop();
    check_copies();
    check_reports();
    assert_int_equal(n_special, n_special_copied);
    if (holds && perfect) {
        check_excess();
    }
}

static void
sessions(const char *what, unsigned int seed, int n, bool holds, bool perfect)
{
    how = what;
    n_lost = 0;
    for (round_ = 0; round_ < n; round_++) {
        srandom(seed + round_);
        run(holds, perfect, round_ % 8 == 0);
    }

    /* It happens if there are more gaps than can be held. */
    assert_true(n_lost <= (perfect ? 0 : n / 100));
}

static void
held_and_perfect(void **state)
{
    (void) state;
    sessions("held, perfect", 1000, 1500, true, true);
}

static void
held_and_lossy(void **state)
{
    (void) state;
    sessions("held, lossy", 100000, 1000, true, false);
}

static void
copied_and_perfect(void **state)
{
    (void) state;
    sessions("copied, perfect", 200000, 1000, false, true);
}

static void
copied_and_lossy(void **state)
{
    (void) state;
    sessions("copied, lossy", 300000, 1000, false, false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_and_perfect),
        cmocka_unit_test(held_and_lossy),
        cmocka_unit_test(copied_and_perfect),
        cmocka_unit_test(copied_and_lossy),
    };

    return cmocka_run_group_tests_name("mirror-random", tests, NULL, NULL);
}
