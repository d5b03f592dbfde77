/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Fragments in the userspace datapath become packets: RFC 791 section 3.2. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "coverage.h"
#include "fragment.h"
#include "ipf.h"
#include "packets.h"
#include "random.h"
#include "tasuki-defrag.h"
#include "timeval.h"
#include "util.h"

extern struct coverage_counter counter_tasuki_defrag_fragment;
extern struct coverage_counter counter_tasuki_defrag_whole;
extern struct coverage_counter counter_tasuki_defrag_drop;
extern struct coverage_counter counter_tasuki_defrag_expired;

/* As docs/handover.md says. */
enum { MAX_FRAGMENTS = 1000, EXPIRY_MS = 15000 };

static long long int now;
static uint16_t next_id;

static void
batch_add(struct dp_packet_batch *batch, struct dp_packet *packet)
{
    assert_false(dp_packet_batch_is_full(batch));
    dp_packet_batch_add(batch, packet);
}

static void
defrag(struct dp_packet_batch *batch)
{
    assert_true(tasuki_defrag(batch, htons(ETH_TYPE_IP), TASUKI_DEFRAG_ZONE,
                              now, 0));
}

/* Feeds 'packet', and returns how long the packet is that comes out, or 0. */
static size_t
feed(struct dp_packet *packet)
{
    struct dp_packet_batch batch;
    size_t len = 0;

    dp_packet_batch_init_packet(&batch, packet);
    defrag(&batch);
    assert_true(dp_packet_batch_size(&batch) <= 1);
    if (dp_packet_batch_size(&batch)) {
        assert_true(fragment_is_whole(batch.packets[0], &len));
    }
    dp_packet_delete_batch(&batch, true);
    return len;
}

static size_t
feed_fragment(uint16_t id, size_t ofs, size_t len, bool more)
{
    return feed(fragment_create(id, 5, ofs, len, more));
}

static void
reset_counters(void)
{
    counter_tasuki_defrag_fragment.count();
    counter_tasuki_defrag_whole.count();
    counter_tasuki_defrag_drop.count();
    counter_tasuki_defrag_expired.count();
}

/* A later time, at which nothing is left of earlier tests. */
static int
setup(void **state)
{
    (void) state;
    now += EXPIRY_MS + 1;
    for (int i = 0; i < MAX_FRAGMENTS; i++) {
        uint16_t id = next_id++;

        feed_fragment(id, 0, 976, true);
        assert_int_equal(feed_fragment(id, 976, 8, false), 984);
    }
    reset_counters();
    return 0;
}

static void
in_order(void **state)
{
    uint16_t id = next_id++;

    (void) state;
    assert_int_equal(feed_fragment(id, 0, 976, true), 0);
    assert_int_equal(feed_fragment(id, 976, 504, false), 1480);
    assert_int_equal(counter_tasuki_defrag_fragment.count(), 2);
    assert_int_equal(counter_tasuki_defrag_whole.count(), 1);
    assert_int_equal(counter_tasuki_defrag_drop.count(), 0);
}

static void
last_first(void **state)
{
    uint16_t id = next_id++;

    (void) state;
    assert_int_equal(feed_fragment(id, 1952, 1, false), 0);
    assert_int_equal(feed_fragment(id, 976, 976, true), 0);
    assert_int_equal(feed_fragment(id, 0, 976, true), 1953);
}

static void
two_packets_interleaved(void **state)
{
    uint16_t a = next_id++, b = next_id++;

    (void) state;
    feed_fragment(a, 0, 976, true);
    feed_fragment(b, 0, 1000, true);
    assert_int_equal(feed_fragment(a, 976, 10, false), 986);
    assert_int_equal(feed_fragment(b, 1000, 20, false), 1020);
}

/* As many packets as a batch holds are complete at once. */
static void
many_packets_in_a_batch(void **state)
{
    struct dp_packet_batch batch;
    uint16_t id = next_id;

    (void) state;
    next_id += NETDEV_MAX_BURST;
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        feed_fragment(id + i, 0, 976, true);
        feed_fragment(id + i, 976, 976, true);
    }
    dp_packet_batch_init(&batch);
    for (int i = 0; i < NETDEV_MAX_BURST; i++) {
        batch_add(&batch, fragment_create(id + i, 5, 1952, i + 1, false));
    }
    defrag(&batch);
    assert_int_equal(dp_packet_batch_size(&batch), NETDEV_MAX_BURST);

    struct dp_packet *packet;
    DP_PACKET_BATCH_FOR_EACH (i, packet, &batch) {
        size_t len;

        assert_true(fragment_is_whole(packet, &len));
        assert_int_equal(len, 1953 + i);
    }
    dp_packet_delete_batch(&batch, true);
    assert_int_equal(counter_tasuki_defrag_whole.count(), NETDEV_MAX_BURST);

    /* The fragments of all of them are gone: there is room. */
    feed_fragment(next_id++, 0, 976, true);
    assert_int_equal(counter_tasuki_defrag_expired.count(), 0);
}

static void
missing(void **state)
{
    uint16_t id = next_id++;

    (void) state;
    feed_fragment(id, 0, 976, true);
    feed_fragment(id, 1952, 10, false);
    now += EXPIRY_MS + 1;
    assert_int_equal(counter_tasuki_defrag_expired.count(), 0);
    feed_fragment(next_id++, 0, 976, true);
    assert_int_equal(counter_tasuki_defrag_expired.count(), 2);
    assert_int_equal(feed_fragment(id, 976, 976, true), 0);
    assert_int_equal(counter_tasuki_defrag_whole.count(), 0);
}

/* What came first counts, also where the later one says otherwise. */
static void
overlapping(void **state)
{
    static const struct {
        size_t ofs, len;
        bool more;
    } others[] = {
        { 0, 976, true },           /* The same. */
        { 400, 976, true },         /* Its end, and more. */
        { 8, 400, true },           /* A part of it. */
        { 0, 500, true },
        { 968, 16, false },
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        uint16_t id = next_id++;
        struct dp_packet *other = fragment_create(
            id, 5, others[i].ofs, others[i].len, others[i].more);

        memset(dp_packet_l4(other), 'x', others[i].len);
        feed_fragment(id, 0, 976, true);
        assert_int_equal(feed(other), 0);
        assert_int_equal(counter_tasuki_defrag_drop.count(), 1);
        assert_int_equal(feed_fragment(id, 976, 504, false), 1480);
    }
}

/* One that encloses another. */
static void
enclosing(void **state)
{
    uint16_t id = next_id++;

    (void) state;
    feed_fragment(id, 976, 400, true);
    feed_fragment(id, 0, 1480, true);
    assert_int_equal(feed_fragment(id, 1480, 10, false), 0);
    assert_int_equal(feed_fragment(id, 1376, 104, true), 0);
}

static void
too_short(void **state)
{
    uint16_t id = next_id++;

    (void) state;
    feed_fragment(id, 0, 376, true);
    assert_int_equal(counter_tasuki_defrag_drop.count(), 1);
    assert_int_equal(feed_fragment(id, 376, 10, false), 0);
    id = next_id++;
    feed_fragment(id, 0, 384, true);
    assert_int_equal(feed_fragment(id, 384, 10, false), 394);
    assert_int_equal(counter_tasuki_defrag_drop.count(), 0);
}

/* The longest packet that can be, and what would be longer. */
static void
longest(void **state)
{
    enum { STEP = 1480, MAX = UINT16_MAX - 20 };

    (void) state;
    for (int last_first = 0; last_first < 2; last_first++) {
        for (size_t len = MAX - 1; len <= MAX + 100; len += len < MAX + 2
                                                            ? 1 : 49) {
            size_t last = MIN(len / STEP * STEP, UINT16_MAX / 8 * 8);
            uint16_t id = next_id++;
            size_t whole = 0;

            if (last_first) {
                whole += feed_fragment(id, last, len - last, false);
            }
            for (size_t ofs = 0; ofs < last; ofs += STEP) {
                whole += feed_fragment(id, ofs, MIN(STEP, last - ofs), true);
            }
            if (!last_first) {
                whole += feed_fragment(id, last, len - last, false);
            }
            assert_int_equal(whole, len <= MAX ? len : 0);
        }

        /* The last one starts where no packet goes. */
        uint16_t id = next_id++;
        size_t last = UINT16_MAX / 8 * 8;
        size_t whole = 0;

        if (last_first) {
            whole += feed_fragment(id, last, 100, false);
        }
        for (size_t ofs = 0; ofs < last; ofs += STEP) {
            whole += feed_fragment(id, ofs, MIN(STEP, last - ofs), true);
        }
        whole += feed_fragment(id, last, 100, false);
        assert_int_equal(whole, 0);
    }
    assert_true(counter_tasuki_defrag_drop.count() > 0);
}

/* The same in IPv6, of which conntrack alone puts fragments together. */
static void
too_long_in_ipv6(void **state)
{
    enum { STEP = 1448 };
    struct dp_packet_batch batch;
    static struct ipf *ipf;
    size_t last = UINT16_MAX / 8 * 8;

    (void) state;
    /* Stays: ipf_destroy() may wait for ever, for a thread that waits for a
     * lock that it holds. */
    ipf = ipf_init();
    for (size_t ofs = last; ; ) {
        size_t len = ofs == last ? 100 : MIN(STEP, last - ofs);

        dp_packet_batch_init_packet(
            &batch, fragment_create6(1, ofs, len, ofs != last));
        ipf_preprocess_conntrack(ipf, &batch, now, htons(ETH_TYPE_IPV6), 0, 0);
        assert_int_equal(dp_packet_batch_size(&batch),
                         ofs == last || len < STEP);
        dp_packet_delete_batch(&batch, true);
        ofs = ofs == last ? 0 : ofs + STEP;
        if (ofs >= last) {
            break;
        }
    }
}

/* The first fragment may have options that the others lack. */
static void
options(void **state)
{
    uint16_t id = next_id++;

    (void) state;
    feed_fragment(id, 976, 504, false);
    assert_int_equal(feed(fragment_create(id, 15, 0, 976, true)), 1480);
}

static void
others_stay_as_they_are(void **state)
{
    struct dp_packet_batch batch;
    uint16_t id = next_id++;

    (void) state;
    dp_packet_batch_init(&batch);
    struct dp_packet *whole = fragment_create(id, 5, 0, 100, false);
    batch_add(&batch, whole);
    defrag(&batch);
    assert_int_equal(dp_packet_batch_size(&batch), 1);
    assert_ptr_equal(batch.packets[0], whole);

    batch_add(&batch, fragment_create(id, 5, 0, 976, true));
    struct dp_packet *fragment = batch.packets[1];
    assert_false(tasuki_defrag(&batch, htons(ETH_TYPE_IP),
                               TASUKI_DEFRAG_ZONE + 1, now, 0));
    assert_int_equal(dp_packet_batch_size(&batch), 2);
    assert_ptr_equal(batch.packets[1], fragment);

    defrag(&batch);
    assert_int_equal(dp_packet_batch_size(&batch), 1);
    size_t len;
    assert_true(fragment_is_whole(batch.packets[0], &len));
    assert_int_equal(len, 100);
    assert_int_equal(counter_tasuki_defrag_fragment.count(), 1);
    assert_int_equal(counter_tasuki_defrag_whole.count(), 0);
    dp_packet_delete_batch(&batch, true);
}

/* Memory is bounded, and who sends both fragments one behind the other is not
 * disturbed. */
static void
flood(void **state)
{
    enum { N = 20000 };

    (void) state;
    for (int i = 0; i < N; i++) {
        feed_fragment(next_id++, 0, 976, true);
        if (!(i % 100)) {
            uint16_t id = next_id++;
            assert_int_equal(feed_fragment(id, 976, 504, false), 0);
            for (int j = 0; j < 100; j++) {
                feed_fragment(next_id++, 0, 976, true);
            }
            assert_int_equal(feed_fragment(id, 0, 976, true), 1480);
        }
    }
    unsigned int came = counter_tasuki_defrag_fragment.count();
    unsigned int whole = counter_tasuki_defrag_whole.count();
    unsigned int expired = counter_tasuki_defrag_expired.count();
    assert_int_equal(counter_tasuki_defrag_drop.count(), 0);
    assert_in_range(came - 2 * whole - expired, 0, MAX_FRAGMENTS);
}

/* Packets of any length, cut anywhere, in any order, one fragment twice. */
static void
at_random(void **state)
{
    enum { STEP_MIN = 384, PIECES_MAX = UINT16_MAX / STEP_MIN + 1 };

    (void) state;
    for (int round = 0; round < 2000; round++) {
        size_t len = STEP_MIN + 1 + random_range(random_range(20) ? 9000
                                                 : 65000 - STEP_MIN);
        struct dp_packet *pieces[PIECES_MAX + 1];
        uint16_t id = next_id++;
        size_t n = 0, ofs = 0;

        while (ofs < len) {
            size_t step = STEP_MIN + random_range(200) * 8;
            if (!ofs) {
                step = MIN(step, (len - 1) / 8 * 8);
            }
            step = MIN(step, len - ofs);
            pieces[n++] = fragment_create(id, 5 + random_range(11), ofs, step,
                                          ofs + step < len);
            ofs += step;
        }
        if (random_range(2)) {
            pieces[n] = dp_packet_clone(pieces[random_range(n)]);
            n++;
        }
        for (size_t i = n - 1; i; i--) {
            size_t j = random_range(i + 1);
            struct dp_packet *p = pieces[i];
            pieces[i] = pieces[j];
            pieces[j] = p;
        }

        size_t whole = 0;
        for (size_t i = 0; i < n; i++) {
            whole += feed(pieces[i]);
        }
        assert_int_equal(whole, len);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(in_order, setup),
        cmocka_unit_test_setup(last_first, setup),
        cmocka_unit_test_setup(two_packets_interleaved, setup),
        cmocka_unit_test_setup(many_packets_in_a_batch, setup),
        cmocka_unit_test_setup(missing, setup),
        cmocka_unit_test_setup(overlapping, setup),
        cmocka_unit_test_setup(enclosing, setup),
        cmocka_unit_test_setup(too_short, setup),
        cmocka_unit_test_setup(longest, setup),
        cmocka_unit_test_setup(too_long_in_ipv6, setup),
        cmocka_unit_test_setup(options, setup),
        cmocka_unit_test_setup(others_stay_as_they_are, setup),
        cmocka_unit_test_setup(flood, setup),
        cmocka_unit_test_setup(at_random, setup),
    };

    /* ipf has a thread of its own, which forgets what expired by its clock. */
    now = time_msec();
    return cmocka_run_group_tests_name("defrag", tests, NULL, NULL);
}
