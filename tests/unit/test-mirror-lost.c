/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The engine of mirrors and what does not come to it, or not in time: the
 * switch drops what it has no room for, and each direction waits on its own.
 * Entries take their time, too. */

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
#define PUT "PUT / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n"

static void
assert_skipping(void)
{
    peer_noise(MIRROR_TO_CLIENT, 1000);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
}

/* The offset of what comes next. */
static uint32_t
offset(enum mirror_dir dir)
{
    return peer_next[dir] - (dir == MIRROR_TO_SERVER ? CLIENT_ISN
                             : SERVER_ISN) - 1;
}

/* A response is there before the request that it answers. */
static void
request_comes_late(void **state)
{
    uint32_t seq, ack;

    (void) state;
    for (int holds = 0; holds < 2; holds++) {
        peer_start(holds, (struct mirror_wants) { .threshold = 0 });
        peer_say(MIRROR_TO_SERVER, GET);
        peer_say(MIRROR_TO_CLIENT, BODY(3) "abc");
        seq = peer_next[MIRROR_TO_SERVER];
        ack = peer_next[MIRROR_TO_CLIENT];
        peer_next[MIRROR_TO_SERVER] += strlen(GET);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, HUGE), 1);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
        assert_conn("http", NULL);
        assert_int_equal(peer_segment(MIRROR_TO_SERVER, seq, ack, TCP_ACK,
                                      GET, strlen(GET)), 1);
        assert_skipping();
        fake_stop();
    }
}

/* The same, and most of an upload before it is late as well. */
static void
upload_comes_late(void **state)
{
    uint32_t seq, ack;

    (void) state;
    peer_start(false, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, PUT);
    peer_noise(MIRROR_TO_SERVER, 1000);
    seq = peer_next[MIRROR_TO_SERVER];
    peer_next[MIRROR_TO_SERVER] += 99000;
    peer_say(MIRROR_TO_CLIENT, BODY(3) "abc");
    ack = peer_next[MIRROR_TO_CLIENT];
    peer_next[MIRROR_TO_SERVER] += strlen(GET);
    peer_say(MIRROR_TO_CLIENT, HUGE);
    assert_conn("http", NULL);
    peer_segment(MIRROR_TO_SERVER, seq, ack, TCP_ACK, NULL, 50000);
    peer_segment(MIRROR_TO_SERVER, seq + 99000, ack, TCP_ACK, GET,
                 strlen(GET));
    assert_skipping();
    fake_stop();
}

/* It never comes. */
static void
request_is_lost(void **state)
{
    (void) state;
    peer_start(false, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(3) "abc");
    peer_next[MIRROR_TO_SERVER] += strlen(GET);
    peer_say(MIRROR_TO_CLIENT, HUGE);
    fake_wait(1100);
    peer_noise(MIRROR_TO_CLIENT, 1000);
    assert_conn("unknown", "a part of it was not seen");
    fake_stop();
}

/* It is lost while the switch is being told to hold it: nothing of its
 * response may be skipped, though nobody knows of it. */
static void
open_request_is_lost(void **state)
{
    (void) state;
    peer_start(false, (struct mirror_wants) { .threshold = 0 });
    sw.delay = 200;
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, CHUNKED "f000\r\n");
    peer_next[MIRROR_TO_SERVER] += strlen(GET);
    for (int i = 0; i < 10; i++) {
        fake_wait(90);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(3) "abc"), 1);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
    }
    fake_stop();
}

/* Nobody asked. */
static void
no_request(void **state)
{
    (void) state;
    peer_start(false, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(3) "abc");
    peer_say(MIRROR_TO_CLIENT, BODY(3) "abc");
    assert_conn("unknown", "a response without a request");
    fake_stop();
}

/* A switch that does not have an entry yet is not told another one with each
 * packet that comes meanwhile. */
static void
entry_is_late(void **state)
{
    uint32_t start;

    (void) state;
    fake_start(true, &(struct mirror_wants) { .threshold = 0 }, 1);
    sw.delay = 50;
    start = peer_next[MIRROR_TO_SERVER] = 5;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(peer_noise(MIRROR_TO_SERVER, 1000), 1);
    }
    /* Some of it again. */
    for (int i = 0; i < 100; i++) {
        assert_int_equal(peer_segment(MIRROR_TO_SERVER, start + i * 1000, 0,
                                      TCP_ACK, NULL, 1000), 1);
    }
    assert_in_range(sw.n_set, 1, 10);
    fake_stop();
}

/* What a switch skips while the engine has lost track is told, and all later
 * offsets are right. */
static void
skips_of_unknown(void **state)
{
    uint32_t first;

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, CHUNKED "f000\r\n");
    first = offset(MIRROR_TO_CLIENT);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 0);
    sw.delay = 300;
    peer_segment(MIRROR_TO_SERVER, peer_next[MIRROR_TO_SERVER],
                 SERVER_ISN + 10, TCP_ACK, GET, strlen(GET));
    assert_conn("unknown", "a request in the middle of a response");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 0);
        assert_int_equal(fake_fate, FAKE_ALONE);
    }
    fake_wait(400);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 1);
    peer_ack(MIRROR_TO_SERVER);
    assert_int_equal(sw.n_skips, 0);

    /* The next ACK tells, and none after it comes here. */
    fake_wait(500);
    peer_ack(MIRROR_TO_SERVER);
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].first, first);
    assert_int_equal(sw.skips[0].seq, (uint32_t) (SERVER_ISN + 1 + first));
    assert_in_range(sw.skips[0].len, 40000, 50000);
    fake_wait(500);
    peer_noise(MIRROR_TO_CLIENT, 10000);
    peer_ack(MIRROR_TO_SERVER);
    assert_int_equal(fake_fate, FAKE_ALONE);

    sw.delay = 0;
    peer_next[MIRROR_TO_SERVER] += strlen(GET);
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(100001));
    first = offset(MIRROR_TO_CLIENT);
    peer_noise(MIRROR_TO_CLIENT, 50000);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    peer_noise(MIRROR_TO_CLIENT, 1);
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(sw.n_skips, 2);
    assert_int_equal(sw.skips[1].first, first);
    assert_int_equal(sw.skips[1].seq, (uint32_t) (SERVER_ISN + 1 + first));
    fake_stop();
    assert_int_equal(sw.n_skips, 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_comes_late),
        cmocka_unit_test(upload_comes_late),
        cmocka_unit_test(request_is_lost),
        cmocka_unit_test(open_request_is_lost),
        cmocka_unit_test(no_request),
        cmocka_unit_test(entry_is_late),
        cmocka_unit_test(skips_of_unknown),
    };

    return cmocka_run_group_tests_name("mirror-lost", tests, NULL, NULL);
}
