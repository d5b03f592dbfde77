/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The engine of mirrors and what is not HTTP: TLS, UDP, the rest. */

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

#define KEEP 1000

static const struct mirror_wants wants = {
    .keep = KEEP, .keep_packets = 5,
};

/* Returns a record of TLS with 'len' bytes in it. */
static const uint8_t *
record(uint8_t type, uint16_t len)
{
    static uint8_t bytes[70000];

    bytes[0] = type;
    bytes[1] = 3;
    bytes[2] = 3;
    bytes[3] = len >> 8;
    bytes[4] = len;
    return bytes;
}

static uint32_t
say_record(enum mirror_dir dir, uint8_t type, uint16_t len)
{
    return peer_send(dir, TCP_ACK, record(type, len), 5 + len);
}

/* All records but data, then some of that, in each direction. */
static void
tls(void **state)
{
    (void) state;
    peer_start(true, wants);
    assert_int_equal(say_record(MIRROR_TO_SERVER, 22, 500), 1);
    assert_conn("tls", NULL);
    assert_int_equal(say_record(MIRROR_TO_CLIENT, 22, 4000), 1);
    assert_int_equal(say_record(MIRROR_TO_CLIENT, 22, 4000), 1);
    assert_int_equal(say_record(MIRROR_TO_CLIENT, 20, 1), 1);
    assert_int_equal(say_record(MIRROR_TO_SERVER, 20, 1), 1);
    assert_int_equal(say_record(MIRROR_TO_SERVER, 22, 4000), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);

    assert_int_equal(say_record(MIRROR_TO_CLIENT, 23, KEEP - 5), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_WINDOW);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
        assert_int_equal(fake_fate, FAKE_ALONE);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
        assert_int_equal(fake_fate, FAKE_ALONE);
    }
    /* The other direction has said nothing of the kind. */
    assert_int_equal(say_record(MIRROR_TO_SERVER, 22, 100), 1);
    assert_int_equal(say_record(MIRROR_TO_SERVER, 23, KEEP - 6), 1);
    assert_int_equal(peer_noise(MIRROR_TO_SERVER, 1), 1);
    assert_int_equal(peer_noise(MIRROR_TO_SERVER, 50000), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
    peer_close();
    assert_int_equal(sw.n_skips, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sw.skips[i].len,
                         sw.skips[i].dir == MIRROR_TO_CLIENT ? 5000000
                         : 50000);
        assert_string_equal(sw.skips[i].protocol, "tls");
        assert_string_equal(sw.skips[i].reason, "TLS application data");
    }
    fake_stop();
}

/* Records cut anywhere. */
static void
tls_in_pieces(void **state)
{
    (void) state;
    for (size_t step = 1; step < 30; step++) {
        uint8_t hello[2 * 105 + 10];

        peer_start(true, wants);
        memcpy(hello, record(22, 100), 105);
        memcpy(hello + 105, record(22, 100), 105);
        memcpy(hello + 210, record(23, 1000), 10);
        for (size_t pos = 0; pos < sizeof hello; pos += step) {
            assert_int_equal(peer_send(MIRROR_TO_SERVER, TCP_ACK, hello + pos,
                                       MIN(step, sizeof hello - pos)), 1);
        }
        assert_int_equal(peer_noise(MIRROR_TO_SERVER, KEEP - 10), 1);
        assert_int_equal(peer_noise(MIRROR_TO_SERVER, 1), 0);
        assert_int_equal(sw.set[MIRROR_TO_SERVER].seq.start,
                         CLIENT_ISN + 1 + 210 + KEEP);
        assert_conn("tls", NULL);
        fake_stop();
    }
}

/* No TLS any more: as data. */
static void
tls_broken(void **state)
{
    (void) state;
    peer_start(true, wants);
    say_record(MIRROR_TO_SERVER, 22, 100);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, KEEP), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 0);
    fake_stop();
}

static void
other_protocols(void **state)
{
    static const char *const firsts[] = {
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "EHLO x\r\n", "\x16\x02 is no TLS",
        "GET /\r\n", "\xff", "GET / HTTP/x",
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(firsts); i++) {
        size_t len = strlen(firsts[i]);

        peer_start(true, wants);
        assert_int_equal(peer_say(MIRROR_TO_SERVER, firsts[i]), 1);
        assert_conn("other", NULL);
        assert_int_equal(peer_noise(MIRROR_TO_SERVER, KEEP - len), 1);
        assert_int_equal(peer_noise(MIRROR_TO_SERVER, 50000), 0);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, KEEP - 1), 1);

        /* A segment that is not wholly beyond is copied. */
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 2), 1);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
        peer_close();
        assert_int_equal(sw.n_skips, 2);
        assert_string_equal(sw.skips[0].protocol, "other");
        assert_string_equal(sw.skips[0].reason, "not HTTP");
        fake_stop();
    }
}

/* SMTP and SSH. */
static void
server_speaks_first(void **state)
{
    (void) state;
    peer_start(true, wants);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, "220 mail\r\n"), 1);
    assert_conn("other", NULL);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, KEEP - 10), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, KEEP), 0);
    fake_stop();
}

/* Policies that keep more and less. */
static void
keeping(void **state)
{
    static const struct mirror_wants differ[] = {
        { .keep = 100 }, { .keep = 30000 }, { .keep = UINT32_MAX },
    };

    (void) state;
    peer_start_all(true, differ, 3);
    peer_say(MIRROR_TO_SERVER, "\xff");
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 100), 7);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 20000), 6);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 9900), 6);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 100), 4);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 100), 4);
    assert_int_equal(fake_fate, FAKE_ALONE);
    peer_close();
    assert_int_equal(sw.n_skips, 2);
    assert_int_equal(sw.skips[0].policies, 1);
    assert_int_equal(sw.skips[0].first, 100);
    assert_int_equal(sw.skips[0].len, 29900);
    assert_int_equal(sw.skips[1].policies, 3);
    assert_int_equal(sw.skips[1].first, 30000);
    assert_int_equal(sw.skips[1].len, 200);
    fake_stop();
}

/* The first packets of each direction. */
static void
udp(void **state)
{
    (void) state;
    fake_start(true, &wants, 1);
    sw.nw_proto = IPPROTO_UDP;
    for (int i = 0; i < 5; i++) {
        assert_mode(MIRROR_TO_SERVER, MIRROR_LOOK);
        assert_int_equal(peer_send(MIRROR_TO_SERVER, 0, "abc", 3), 1);
        assert_int_equal(fake_fate, FAKE_COPIED);
    }
    assert_mode(MIRROR_TO_SERVER, MIRROR_PASS);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    assert_int_equal(peer_send(MIRROR_TO_SERVER, 0, "abc", 3), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_conn("udp", NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(peer_send(MIRROR_TO_CLIENT, 0, "abcd", 4), 1);
    }
    assert_int_equal(peer_send(MIRROR_TO_CLIENT, 0, "abcd", 4), 0);

    /* Idle: what passed is known from the counters. */
    fake_wait(61000);
    mirror_engine_bytes(sw.engine, sw.now, sw.id, MIRROR_TO_SERVER, 10,
                        10 * (42 + 3));
    mirror_engine_entry_gone(sw.engine, sw.now, sw.id, MIRROR_TO_SERVER);
    mirror_engine_entry_gone(sw.engine, sw.now, sw.id, MIRROR_TO_CLIENT);
    assert_null(mirror_engine_first(sw.engine));
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].dir, MIRROR_TO_SERVER);
    assert_int_equal(sw.skips[0].first, 15);
    assert_int_equal(sw.skips[0].len, 30);
    assert_string_equal(sw.skips[0].protocol, "udp");
    fake_stop();
}

/* Who wants more gets more; who wants all keeps nobody from passing. */
static void
udp_policies(void **state)
{
    static const struct mirror_wants differ[] = {
        { .keep_packets = 2 }, { .keep_packets = 4 },
        { .keep_packets = UINT32_MAX },
    };

    (void) state;
    fake_start(true, differ, 3);
    sw.nw_proto = IPPROTO_UDP;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(peer_send(MIRROR_TO_SERVER, 0, "abc", 3), 7);
        assert_int_equal(fake_verdict.copies, i < 2 ? 7 : 6);
    }
    assert_int_equal(peer_send(MIRROR_TO_SERVER, 0, "abc", 3), 4);
    assert_int_equal(fake_fate, FAKE_ALONE);
    fake_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tls),
        cmocka_unit_test(tls_in_pieces),
        cmocka_unit_test(tls_broken),
        cmocka_unit_test(other_protocols),
        cmocka_unit_test(server_speaks_first),
        cmocka_unit_test(keeping),
        cmocka_unit_test(udp),
        cmocka_unit_test(udp_policies),
    };

    return cmocka_run_group_tests_name("mirror-other", tests, NULL, NULL);
}
