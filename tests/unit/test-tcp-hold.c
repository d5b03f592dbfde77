/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Reassembly of held payload: one property after the other, and random cuts of
 * a stream against an oracle that keeps a map of every byte. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "utilities/tasukid/protocol/tcp-hold.h"

static struct tcp_hold_budget budget;

static void
start(struct tcp_hold *hold, uint32_t base, uint32_t limit)
{
    budget = (struct tcp_hold_budget) { .max = 1 << 20 };
    tcp_hold_init(hold, &budget, base, limit);
}

static enum tcp_hold_result
add(struct tcp_hold *hold, uint32_t seq, const char *payload, bool fin)
{
    return tcp_hold_add(hold, seq, (const uint8_t *) payload, strlen(payload),
                        fin);
}

static void
assert_held(const struct tcp_hold *hold, const char *expected)
{
    assert_int_equal(tcp_hold_contiguous(hold), strlen(expected));
    if (*expected) {
        assert_memory_equal(hold->data, expected, strlen(expected));
    }
}

static void
in_order(void **state)
{
    struct tcp_hold hold;

    (void) state;
    start(&hold, 1000, 100);
    assert_held(&hold, "");
    assert_int_equal(tcp_hold_rcv_nxt(&hold), 1000);
    assert_int_equal(add(&hold, 1000, "GET ", false), TCP_HOLD_NEW);
    assert_int_equal(add(&hold, 1004, "/", false), TCP_HOLD_NEW);
    assert_held(&hold, "GET /");
    assert_int_equal(tcp_hold_rcv_nxt(&hold), 1005);
    tcp_hold_destroy(&hold);
    assert_int_equal(budget.used, 0);
}

static void
out_of_order(void **state)
{
    struct tcp_hold hold;

    (void) state;
    start(&hold, 0xfffffffe, 100);      /* Sequence numbers wrap. */
    assert_int_equal(add(&hold, 4, "ghi", false), TCP_HOLD_NEW);
    assert_held(&hold, "");
    assert_int_equal(add(&hold, 1, "def", false), TCP_HOLD_NEW);
    assert_held(&hold, "");
    assert_int_equal(add(&hold, 0xfffffffe, "abc", false), TCP_HOLD_NEW);
    assert_held(&hold, "abcdefghi");
    assert_int_equal(tcp_hold_rcv_nxt(&hold), 7);
    tcp_hold_destroy(&hold);
}

/* RFC 9293 section 3.10.7.4: what lies before RCV.NXT is trimmed. */
static void
overlaps_are_trimmed(void **state)
{
    struct tcp_hold hold;

    (void) state;
    start(&hold, 10, 100);
    assert_int_equal(add(&hold, 7, "xyzab", false), TCP_HOLD_NEW);
    assert_held(&hold, "ab");
    assert_int_equal(add(&hold, 10, "ab", false), TCP_HOLD_OLD);
    assert_int_equal(add(&hold, 9, "z", false), TCP_HOLD_OLD);
    assert_int_equal(add(&hold, 11, "bcd", false), TCP_HOLD_NEW);
    assert_held(&hold, "abcd");
    tcp_hold_destroy(&hold);
}

/* Nobody may change what was inspected already. */
static void
first_bytes_stay(void **state)
{
    struct tcp_hold hold;

    (void) state;
    start(&hold, 0, 100);
    add(&hold, 2, "cd", false);
    add(&hold, 6, "gh", false);
    add(&hold, 0, "XXXXXXXXXX", false);
    assert_held(&hold, "XXcdXXghXX");
    tcp_hold_destroy(&hold);
}

static void
limit(void **state)
{
    struct tcp_hold hold;

    (void) state;
    start(&hold, 0, 4);
    assert_false(tcp_hold_is_full(&hold));
    assert_int_equal(add(&hold, 4, "e", false), TCP_HOLD_BEYOND);
    assert_int_equal(add(&hold, 2, "cdef", true), TCP_HOLD_NEW);
    assert_int_equal(add(&hold, 0, "ab", false), TCP_HOLD_NEW);
    assert_held(&hold, "abcd");
    assert_true(tcp_hold_is_full(&hold));

    /* The FIN came after bytes that were left out. */
    assert_false(tcp_hold_is_complete(&hold));
    assert_int_equal(tcp_hold_rcv_nxt(&hold), 4);
    tcp_hold_destroy(&hold);
}

static void
fin(void **state)
{
    struct tcp_hold hold;

    (void) state;
    start(&hold, 0, 100);
    assert_int_equal(add(&hold, 3, "def", true), TCP_HOLD_NEW);
    assert_false(tcp_hold_is_complete(&hold));
    assert_int_equal(add(&hold, 0, "abc", false), TCP_HOLD_NEW);
    assert_true(tcp_hold_is_complete(&hold));
    assert_int_equal(tcp_hold_rcv_nxt(&hold), 7);

    /* Nothing can follow, and the FIN cannot move. */
    assert_int_equal(add(&hold, 6, "g", false), TCP_HOLD_OLD);
    assert_int_equal(add(&hold, 0, "ab", true), TCP_HOLD_OLD);
    assert_held(&hold, "abcdef");
    tcp_hold_destroy(&hold);

    /* Alone. */
    start(&hold, 0, 100);
    assert_int_equal(add(&hold, 0, "", true), TCP_HOLD_NEW);
    assert_true(tcp_hold_is_complete(&hold));
    assert_int_equal(tcp_hold_rcv_nxt(&hold), 1);
    tcp_hold_destroy(&hold);

    /* Not where bytes are already. */
    start(&hold, 0, 100);
    add(&hold, 0, "abcdef", false);
    assert_int_equal(add(&hold, 0, "abc", true), TCP_HOLD_OLD);
    assert_int_equal(add(&hold, 6, "", true), TCP_HOLD_NEW);
    assert_true(tcp_hold_is_complete(&hold));
    tcp_hold_destroy(&hold);
}

static void
gaps_are_bounded(void **state)
{
    struct tcp_hold hold;
    uint32_t i;

    (void) state;
    start(&hold, 0, 1000);
    for (i = 0; i < TCP_HOLD_MAX_RANGES; i++) {
        assert_int_equal(add(&hold, 10 + 2 * i, "x", false), TCP_HOLD_NEW);
    }
    assert_int_equal(add(&hold, 10 + 2 * i, "x", false), TCP_HOLD_FRAGMENTED);

    /* What fills a gap, or prolongs a range, still gets in. */
    assert_int_equal(add(&hold, 11, "y", false), TCP_HOLD_NEW);
    assert_int_equal(add(&hold, 9, "y", false), TCP_HOLD_NEW);
    tcp_hold_destroy(&hold);
}

static void
budget_is_kept(void **state)
{
    struct tcp_hold a, b;
    uint8_t payload[600] = { 0 };

    (void) state;
    start(&a, 0, 10000);
    tcp_hold_init(&b, &budget, 0, 10000);
    budget.max = 1000;

    assert_int_equal(tcp_hold_add(&a, 0, payload, 600, false), TCP_HOLD_NEW);
    assert_in_range(budget.used, 600, 1000);
    assert_int_equal(tcp_hold_add(&b, 0, payload, 600, false),
                     TCP_HOLD_NO_BUDGET);
    assert_int_equal(tcp_hold_contiguous(&b), 0);
    tcp_hold_destroy(&a);
    assert_int_equal(budget.used, 0);
    assert_int_equal(tcp_hold_add(&b, 0, payload, 600, false), TCP_HOLD_NEW);

    /* The last byte of the budget can be used. */
    assert_int_equal(tcp_hold_add(&b, 600, payload, 400, false),
                     TCP_HOLD_NEW);
    assert_int_equal(budget.used, 1000);
    assert_int_equal(tcp_hold_add(&b, 1000, payload, 1, false),
                     TCP_HOLD_NO_BUDGET);
    tcp_hold_destroy(&b);
    assert_int_equal(budget.used, 0);
}

/* Byte by byte must not mean copying everything for each byte. */
static void
grows_by_doubling(void **state)
{
    struct tcp_hold hold;
    size_t n_growths = 0;
    uint32_t allocated = 0;

    (void) state;
    start(&hold, 0, 100000);
    for (uint32_t i = 0; i < 100000; i++) {
        tcp_hold_add(&hold, i, (const uint8_t *) "x", 1, false);
        n_growths += hold.allocated != allocated;
        allocated = hold.allocated;
    }
    assert_in_range(n_growths, 1, 20);
    tcp_hold_destroy(&hold);
}

/* The oracle: what is known about each byte, and who said so first. */
struct oracle {
    uint8_t data[4096];
    bool known[4096];
    uint32_t limit;
};

static uint32_t
oracle_contiguous(const struct oracle *o)
{
    uint32_t n = 0;

    while (n < o->limit && o->known[n]) {
        n++;
    }
    return n;
}

static void
oracle_advance(struct oracle *o, uint32_t n)
{
    for (uint32_t i = 0; i < o->limit; i++) {
        o->known[i] = i + n < o->limit && o->known[i + n];
        o->data[i] = o->known[i] ? o->data[i + n] : 0;
    }
}

/* The base moves over what is there and over what is not. */
static void
advance(void **state)
{
    struct tcp_hold hold;

    (void) state;
    start(&hold, 1000, 100);
    add(&hold, 1000, "abc", false);
    add(&hold, 1005, "fg", true);
    tcp_hold_advance(&hold, 2);
    assert_int_equal(hold.base, 1002);
    assert_held(&hold, "c");
    assert_int_equal(add(&hold, 1000, "xyc", false), TCP_HOLD_OLD);
    tcp_hold_advance(&hold, 2);
    assert_int_equal(tcp_hold_contiguous(&hold), 0);
    assert_int_equal(add(&hold, 1004, "e", false), TCP_HOLD_NEW);
    assert_held(&hold, "efg");
    assert_true(tcp_hold_is_complete(&hold));
    tcp_hold_advance(&hold, 3);
    assert_int_equal(budget.used, 0);
    assert_int_equal(tcp_hold_rcv_nxt(&hold), 1008);
    tcp_hold_advance(&hold, 1);
    assert_false(tcp_hold_is_complete(&hold));
    tcp_hold_destroy(&hold);
}

static void
random_cuts(void **state)
{
    (void) state;
    srandom(2);
    for (int i = 0; i < 1000; i++) {
        struct oracle o = { .limit = 1 + random() % sizeof o.data };
        uint32_t base = random() ^ random() << 16;
        bool consistent = random() % 2;
        uint8_t stream[8192];
        struct tcp_hold hold;
        int n_segments = random() % 200;
        uint32_t advanced = 0;

        start(&hold, base, o.limit);
        for (size_t j = 0; j < sizeof stream; j++) {
            stream[j] = random();
        }
        for (int j = 0; j < n_segments; j++) {
            int32_t ofs = random() % (o.limit + 200) - 100;
            uint32_t len = random() % (random() % 2 ? 16 : 600);
            uint8_t payload[600];

            for (uint32_t k = 0; k < len; k++) {
                payload[k] = (consistent ? stream[(advanced + ofs + k) % sizeof stream]
                              : random());
            }
            enum tcp_hold_result result
                = tcp_hold_add(&hold, base + ofs, payload, len, false);
            bool news = false;
            for (uint32_t k = 0; k < len; k++) {
                int32_t at = ofs + (int32_t) k;
                if (at < 0 || at >= (int32_t) o.limit || o.known[at]) {
                    continue;
                }
                news = true;
                if (result != TCP_HOLD_FRAGMENTED) {
                    o.known[at] = true;
                    o.data[at] = payload[k];
                }
            }
            assert_true(result == TCP_HOLD_FRAGMENTED
                        || news == (result == TCP_HOLD_NEW));

            uint32_t n = oracle_contiguous(&o);
            assert_int_equal(tcp_hold_contiguous(&hold), n);
            if (n) {
                assert_memory_equal(hold.data, o.data, n);
            }
            assert_in_range(hold.n_ranges, 0, TCP_HOLD_MAX_RANGES);
            assert_int_equal(budget.used, hold.allocated);
            assert_true(hold.allocated < o.limit + 512);

            if (random() % 8 == 0) {
                uint32_t step = random() % (o.limit + 1);

                tcp_hold_advance(&hold, step);
                oracle_advance(&o, step);
                advanced += step;
                base += step;
                assert_int_equal(hold.base, base);
            }
        }
        tcp_hold_destroy(&hold);
        assert_int_equal(budget.used, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(out_of_order),
        cmocka_unit_test(overlaps_are_trimmed),
        cmocka_unit_test(first_bytes_stay),
        cmocka_unit_test(limit),
        cmocka_unit_test(fin),
        cmocka_unit_test(gaps_are_bounded),
        cmocka_unit_test(budget_is_kept),
        cmocka_unit_test(grows_by_doubling),
        cmocka_unit_test(advance),
        cmocka_unit_test(random_cuts),
    };

    return cmocka_run_group_tests_name("tcp-hold", tests, NULL, NULL);
}
