/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The engine of mirrors and TCP: connections that it did not see from the
 * beginning, packets that somebody made up, and how connections end. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "mirror-peer.h"
#include "util.h"

#define HUGE BODY(1000000000)

/* A large body is going by. */
static void
start_skipping(bool holds)
{
    peer_start(holds, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, HUGE);
    peer_noise(MIRROR_TO_CLIENT, 50000);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
}

static void
assert_skipping(void)
{
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
}

static size_t
n_conns(void)
{
    struct mirror_totals totals;

    mirror_engine_totals(sw.engine, &totals);
    return totals.n_conns;
}

/* Joining. */

/* Everything is copied, until a request at the beginning of a segment. */
static void
joined_in_the_middle(void **state)
{
    (void) state;
    for (int holds = 0; holds < 2; holds++) {
        fake_start(holds, &(struct mirror_wants) { .threshold = 0 }, 1);
        peer_next[MIRROR_TO_SERVER] = 5;
        peer_next[MIRROR_TO_CLIENT] = SERVER_ISN;
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
        assert_conn("unknown", "its beginning was not seen");
        assert_mode(MIRROR_TO_CLIENT, MIRROR_COPY);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
        assert_int_equal(fake_fate, FAKE_ALONE);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
        assert_int_equal(fake_fate, FAKE_ALONE);

        /* Not at the beginning. */
        assert_int_equal(peer_say(MIRROR_TO_SERVER, "\1" GET), 1);
        assert_conn("unknown", "its beginning was not seen");
        assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
        assert_int_equal(fake_fate, FAKE_HELD);
        assert_true(fake_verdict.barrier);
        assert_conn("http", NULL);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(100000)), 1);
        assert_int_equal(fake_fate, holds ? FAKE_HELD : FAKE_COPIED);
        assert_skipping();
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 1);
        fake_stop();
        assert_int_equal(sw.n_skips, 1);
        assert_int_equal(sw.skips[0].first, strlen(BODY(100000)));
    }
}

/* What comes is not the response. */
static void
joined_wrongly(void **state)
{
    (void) state;
    fake_start(true, &(struct mirror_wants) { .threshold = 0 }, 1);
    peer_say(MIRROR_TO_SERVER, GET);
    assert_conn("http", NULL);
    peer_noise(MIRROR_TO_CLIENT, 1000);
    assert_conn("unknown", "no response where one should begin");
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, HUGE);
    assert_skipping();
    fake_stop();
}

/* An upload of which nothing is known does not flood the engine. */
static void
joined_upload(void **state)
{
    int n_seen = 0;

    (void) state;
    fake_start(true, &(struct mirror_wants) { .threshold = 0 }, 1);
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(peer_noise(MIRROR_TO_SERVER, 1000), 1);
        n_seen += fake_fate != FAKE_ALONE;
    }
    assert_in_range(n_seen, 9, 20);
    fake_stop();
}

/* The SYN or the SYN-ACK was lost on its way to the engine. */
static void
handshake_not_seen(void **state)
{
    (void) state;
    for (int i = 0; i < 2; i++) {
        fake_start(true, &(struct mirror_wants) { .threshold = 0 }, 1);
        peer_next[MIRROR_TO_SERVER] = CLIENT_ISN;
        peer_next[MIRROR_TO_CLIENT] = SERVER_ISN;
        if (i) {
            peer_send(MIRROR_TO_SERVER, TCP_SYN, NULL, 0);
            peer_next[MIRROR_TO_CLIENT]++;
        } else {
            peer_next[MIRROR_TO_SERVER]++;
            peer_send(MIRROR_TO_CLIENT, TCP_SYN | TCP_ACK, NULL, 0);
        }
        peer_ack(MIRROR_TO_SERVER);
        peer_say(MIRROR_TO_SERVER, GET);
        peer_say(MIRROR_TO_CLIENT, HUGE);
        assert_skipping();
        fake_stop();
    }
}

/* Data in the SYN (RFC 7413). */
static void
fast_open(void **state)
{
    (void) state;
    fake_start(true, &(struct mirror_wants) { .threshold = 0 }, 1);
    peer_next[MIRROR_TO_SERVER] = CLIENT_ISN;
    peer_next[MIRROR_TO_CLIENT] = SERVER_ISN;
    peer_send(MIRROR_TO_SERVER, TCP_SYN, GET, strlen(GET));
    peer_send(MIRROR_TO_CLIENT, TCP_SYN | TCP_ACK, NULL, 0);
    peer_ack(MIRROR_TO_SERVER);
    peer_say(MIRROR_TO_CLIENT, HUGE);
    assert_skipping();
    fake_stop();
}

/* A part of the client's stream did not come here: nothing can be told. */
static void
missed_part(void **state)
{
    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    peer_next[MIRROR_TO_SERVER] += strlen(GET);
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(3) "abc");
    assert_conn("new", NULL);
    fake_wait(1100);
    peer_say(MIRROR_TO_CLIENT, BODY(3) "abc");
    assert_conn("unknown", "a part of it was not seen");
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, HUGE);
    assert_skipping();
    fake_stop();
}

/* Made up. */

/* Who knows addresses and ports only. */
static void
attacker(uint32_t seq, uint32_t ack)
{
    static const uint16_t flags[] = {
        TCP_RST, TCP_RST | TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK,
        TCP_FIN | TCP_ACK, TCP_ACK,
    };
    static const char request[] = "HEAD / HTTP/1.1\r\n\r\n";

    for (int dir = 0; dir < 2; dir++) {
        for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
            assert_int_equal(peer_segment(dir, seq, ack, flags[i], NULL, 0),
                             1);
            assert_int_equal(peer_segment(dir, seq, ack, flags[i], request,
                                          strlen(request)), 1);
        }
    }
}

static void
attacks_while_skipping(void **state)
{
    (void) state;
    for (int holds = 0; holds < 2; holds++) {
        start_skipping(holds);
        for (int i = 0; i < 100; i++) {
            /* More than the window away, and out of its acknowledgments. */
            attacker(peer_next[MIRROR_TO_CLIENT] + 0x80000000 + i * 1000,
                     peer_next[MIRROR_TO_SERVER] + 0x80000000);
            assert_skipping();
        }
        fake_wait(10000);
        assert_skipping();
        assert_conn("http", NULL);
        peer_say(MIRROR_TO_SERVER, GET);
        fake_stop();
    }
}

static void
attacks_while_looking(void **state)
{
    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    for (uint32_t i = 0; i < 500; i++) {
        attacker(i * 0x0173b157 + 0x20000000, i * 0x0173b157 + 0x20000000);
    }
    peer_say(MIRROR_TO_SERVER, GET);
    for (uint32_t i = 0; i < 500; i++) {
        attacker(i * 0x0173b157 + 0x20000000, i * 0x0173b157 + 0x20000000);
    }
    peer_say(MIRROR_TO_CLIENT, HUGE);
    assert_skipping();
    assert_int_equal(n_conns(), 1);
    fake_stop();
}

/* A RST or FINs with numbers that are good enough, but nobody's: the entries
 * go for a moment, and come back with the next packet. */
static void
lucky_attack(void **state)
{
    (void) state;
    for (int fin = 0; fin < 2; fin++) {
        start_skipping(true);
        for (int dir = 0; dir < 2; dir++) {
            peer_segment(dir, peer_next[dir] + (dir ? 100000 : 0),
                         peer_next[!dir], fin ? TCP_FIN | TCP_ACK : TCP_RST,
                         NULL, 0);
        }
        if (!fin) {
            assert_skipping();
        }
        fake_wait(2500);
        assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
        }
        assert_skipping();
        fake_wait(10000);
        assert_skipping();
        fake_stop();
    }
}

/* A connection that does not fit at all is another one. */
static void
out_of_step(void **state)
{
    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    peer_next[MIRROR_TO_SERVER] += 0x40000000;
    peer_next[MIRROR_TO_CLIENT] += 0x40000000;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(peer_noise(MIRROR_TO_SERVER, 10), 1);
        fake_wait(100);
    }
    assert_conn("unknown", "out of step with the connection");
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, HUGE);
    assert_skipping();
    fake_stop();
}

/* Ends. */

/* The same ports again, without an end that was seen. */
static void
ports_again(void **state)
{
    uint64_t id;

    (void) state;
    start_skipping(true);
    id = sw.id;
    peer_next[MIRROR_TO_SERVER] = 77;
    peer_next[MIRROR_TO_CLIENT] = 7777;
    assert_int_equal(peer_send(MIRROR_TO_SERVER, TCP_SYN, NULL, 0), 1);
    assert_int_equal(sw.n_skips, 0);
    assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_SYN | TCP_ACK, NULL, 0),
                     1);
    assert_true(fake_verdict.barrier);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, HUGE);
    assert_skipping();
    assert_int_equal(n_conns(), 1);
    assert_int_not_equal(sw.id, id);
    fake_stop();
}

/* A download goes on when the client has nothing more to say. */
static void
half_close(void **state)
{
    (void) state;
    start_skipping(true);
    assert_int_equal(peer_send(MIRROR_TO_SERVER, TCP_FIN | TCP_ACK, NULL, 0),
                     1);
    fake_wait(10000);
    assert_skipping();
    fake_stop();
}

static void
reset(void **state)
{
    (void) state;
    for (int dir = 0; dir < 2; dir++) {
        start_skipping(true);
        assert_int_equal(peer_send(dir, TCP_RST | TCP_ACK, NULL, 0), 1);
        fake_wait(10000);
        assert_int_equal(n_conns(), 0);
        assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
        assert_mode(MIRROR_TO_SERVER, MIRROR_LOOK);
        assert_int_equal(sw.n_skips, 1);
        assert_int_equal(sw.skips[0].len, 100000);
        fake_stop();
    }
}

static void
simultaneous_close(void **state)
{
    uint32_t ack[2];

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    memcpy(ack, peer_next, sizeof ack);
    for (int dir = 0; dir < 2; dir++) {
        assert_int_equal(peer_segment(dir, peer_next[dir], ack[!dir],
                                      TCP_FIN | TCP_ACK, NULL, 0), 1);
        peer_next[dir]++;
    }
    peer_ack(MIRROR_TO_SERVER);
    peer_ack(MIRROR_TO_CLIENT);
    fake_wait(10000);
    assert_int_equal(n_conns(), 0);
    fake_stop();
}

/* A stray RST opens nothing. */
static void
stray_reset(void **state)
{
    (void) state;
    fake_start(true, &(struct mirror_wants) { .threshold = 0 }, 1);
    assert_int_equal(peer_send(MIRROR_TO_SERVER, TCP_RST, NULL, 0), 1);
    assert_int_equal(n_conns(), 0);
    fake_stop();
}

/* Entries that are gone come back with the next packet, but not at once if
 * the switch refused them. */
static void
entries_gone(void **state)
{
    (void) state;
    start_skipping(true);
    fake_wait(400000);
    for (int dir = 0; dir < 2; dir++) {
        sw.entries[dir].mode = sw.set[dir].mode = MIRROR_LOOK;
        mirror_engine_entry_gone(sw.engine, sw.now, sw.id, dir);
    }
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(fake_fate, FAKE_HELD);
    assert_skipping();

    for (int dir = 0; dir < 2; dir++) {
        sw.entries[dir].mode = sw.set[dir].mode = MIRROR_LOOK;
        mirror_engine_entry_gone(sw.engine, sw.now, sw.id, dir);
    }
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(fake_fate, FAKE_HELD);
    fake_wait(10000);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_skipping();

    /* Of a connection that is no more. */
    mirror_engine_entry_gone(sw.engine, sw.now, 12345, MIRROR_TO_CLIENT);
    fake_stop();
}

static void
idle(void **state)
{
    (void) state;
    start_skipping(true);

    /* The switch sees it, and would say if it did not. */
    fake_wait(4000000);
    assert_skipping();
    for (int dir = 0; dir < 2; dir++) {
        sw.entries[dir].mode = sw.set[dir].mode = MIRROR_LOOK;
        mirror_engine_entry_gone(sw.engine, sw.now, sw.id, dir);
    }
    fake_wait(16 * 60 * 1000);
    assert_int_equal(n_conns(), 0);
    fake_stop();

    /* A SYN alone. */
    fake_start(true, &(struct mirror_wants) { .threshold = 0 }, 1);
    peer_send(MIRROR_TO_SERVER, TCP_SYN, NULL, 0);
    assert_int_equal(n_conns(), 1);
    fake_wait(31000);
    assert_int_equal(n_conns(), 0);
    fake_stop();
}

/* The packets of a direction come by another way. */
static void
another_place(void **state)
{
    (void) state;
    start_skipping(true);
    sw.place = 8;
    assert_int_equal(peer_segment(MIRROR_TO_CLIENT, SERVER_ISN + 1,
                                  peer_next[MIRROR_TO_SERVER], TCP_ACK,
                                  "H", 1), 1);
    assert_int_equal(peer_segment(MIRROR_TO_SERVER, CLIENT_ISN + 1,
                                  peer_next[MIRROR_TO_CLIENT], TCP_ACK,
                                  "G", 1), 1);
    assert_int_equal(sw.n_set, 6);
    assert_skipping();
    fake_stop();
}

/* A flood of SYNs pushes out connections of which nobody answered, and no
 * others; their entries go. */
static void
flood(void **state)
{
    struct mirror_totals totals;
    struct mirror_end client;

    (void) state;
    start_skipping(true);
    client = sw.ends[MIRROR_TO_CLIENT];
    for (int i = 0; i < 40000; i++) {
        struct fake_packet syn = {
            .dir = MIRROR_TO_SERVER, .seq = i, .flags = TCP_SYN,
        };

        sw.ends[MIRROR_TO_CLIENT].addr.s6_addr[13] = 1 + (i >> 16);
        sw.ends[MIRROR_TO_CLIENT].port = htons(i);
        fake_judge(&syn, true);
    }
    mirror_engine_totals(sw.engine, &totals);
    assert_in_range(totals.n_conns, 16384, 16385);
    assert_int_equal(totals.n_evicted, 40001 - totals.n_conns);
    sw.ends[MIRROR_TO_CLIENT] = client;
    assert_skipping();
    fake_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_in_the_middle),
        cmocka_unit_test(joined_wrongly),
        cmocka_unit_test(joined_upload),
        cmocka_unit_test(handshake_not_seen),
        cmocka_unit_test(fast_open),
        cmocka_unit_test(missed_part),
        cmocka_unit_test(attacks_while_skipping),
        cmocka_unit_test(attacks_while_looking),
        cmocka_unit_test(lucky_attack),
        cmocka_unit_test(out_of_step),
        cmocka_unit_test(ports_again),
        cmocka_unit_test(half_close),
        cmocka_unit_test(reset),
        cmocka_unit_test(simultaneous_close),
        cmocka_unit_test(stray_reset),
        cmocka_unit_test(entries_gone),
        cmocka_unit_test(idle),
        cmocka_unit_test(another_place),
        cmocka_unit_test(flood),
    };

    return cmocka_run_group_tests_name("mirror-tcp", tests, NULL, NULL);
}
