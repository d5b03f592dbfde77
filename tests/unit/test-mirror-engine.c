/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The engine of mirrors, step by step: what of a connection is copied, what
 * its entries are, what is reported as skipped. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "mirror-switch.h"
#include "util.h"

#define CLIENT_ISN 1000u
#define SERVER_ISN 0xfffffff0u  /* Comes round soon. */

/* Where each direction stands, by sequence number. */
static uint32_t next[2];

static enum mirror_dir
opposite(enum mirror_dir dir)
{
    return dir == MIRROR_TO_SERVER ? MIRROR_TO_CLIENT : MIRROR_TO_SERVER;
}

/* Returns who got a copy of a segment with 'len' bytes at 'data', or of
 * anything if that is null. */
static uint32_t
segment(enum mirror_dir dir, uint32_t seq, uint16_t flags, const void *data,
        size_t len)
{
    static const uint8_t body[65000];

    return fake_send(&(struct fake_packet) {
        .dir = dir,
        .seq = seq,
        .ack = flags & TCP_ACK ? next[opposite(dir)] : 0,
        .flags = flags,
        .payload = data ? data : body,
        .len = len,
    });
}

static uint32_t
send_flags(enum mirror_dir dir, uint16_t flags, const void *data, size_t len)
{
    uint32_t copies = segment(dir, next[dir], flags, data, len);

    next[dir] += len + !!(flags & (TCP_SYN | TCP_FIN));
    return copies;
}

static uint32_t
say(enum mirror_dir dir, const char *text)
{
    return send_flags(dir, TCP_ACK | TCP_PSH, text, strlen(text));
}

static uint32_t
body(enum mirror_dir dir, size_t len)
{
    return send_flags(dir, TCP_ACK, NULL, len);
}

static uint32_t
ack(enum mirror_dir dir)
{
    return send_flags(dir, TCP_ACK, NULL, 0);
}

static void
shake_hands(void)
{
    next[MIRROR_TO_SERVER] = CLIENT_ISN;
    next[MIRROR_TO_CLIENT] = SERVER_ISN;
    assert_int_equal(send_flags(MIRROR_TO_SERVER, TCP_SYN, NULL, 0),
                     sw.policies);
    fake_wait(5);
    assert_int_equal(send_flags(MIRROR_TO_CLIENT, TCP_SYN | TCP_ACK, NULL, 0),
                     sw.policies);
    fake_wait(5);
    assert_int_equal(ack(MIRROR_TO_SERVER), sw.policies);
}

/* One policy. */
static void
start(bool holds, struct mirror_wants wants)
{
    fake_start(holds, &wants, 1);
    shake_hands();
}

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n"

static void
assert_skip(size_t i, enum mirror_dir dir, uint64_t first, uint64_t len,
            const char *url, const char *reason)
{
    assert_true(i < sw.n_skips);
    assert_int_equal(sw.skips[i].dir, dir);
    assert_int_equal(sw.skips[i].first, first);
    assert_int_equal(sw.skips[i].len, len);
    assert_int_equal(sw.skips[i].seq,
                     (dir == MIRROR_TO_SERVER ? CLIENT_ISN : SERVER_ISN) + 1
                     + (uint32_t) first);
    assert_string_equal(sw.skips[i].url, url);
    assert_string_equal(sw.skips[i].reason, reason);
}

/* A body of known length: all but its edges, and the ACKs but the last. */
static void
known_length(void **state)
{
    static const char head[] = OK "Content-Length: 10000\r\n\r\n";

    (void) state;
    start(true, (struct mirror_wants) { .threshold = 10000 });
    assert_int_equal(say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(ack(MIRROR_TO_CLIENT), 1);
    assert_int_equal(say(MIRROR_TO_CLIENT, head), 1);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].mode, MIRROR_WINDOW);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.start,
                     next[MIRROR_TO_CLIENT]);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.len, 9999);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].ack.len, 0);
    assert_int_equal(sw.entries[MIRROR_TO_SERVER].ack.start,
                     next[MIRROR_TO_CLIENT] + 1);
    assert_int_equal(sw.entries[MIRROR_TO_SERVER].ack.len, 9999);
    assert_false(sw.entries[MIRROR_TO_SERVER].hold);
    assert_int_equal(ack(MIRROR_TO_SERVER), 1);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(body(MIRROR_TO_CLIENT, 1000), 0);
        assert_int_equal(fake_fate, FAKE_ALONE);
        assert_int_equal(ack(MIRROR_TO_SERVER), 0);
        assert_int_equal(fake_fate, FAKE_ALONE);
    }
    assert_int_equal(body(MIRROR_TO_CLIENT, 999), 0);
    assert_int_equal(sw.n_skips, 0);
    assert_int_equal(body(MIRROR_TO_CLIENT, 1), 1);
    assert_int_equal(sw.n_skips, 1);
    assert_skip(0, MIRROR_TO_CLIENT, strlen(head), 9999, "h/a",
                "response body");
    assert_int_equal(ack(MIRROR_TO_SERVER), 1);
    assert_int_equal(say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(say(MIRROR_TO_CLIENT, OK "Content-Length: 2\r\n\r\nab"),
                     1);
    fake_stop();
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.set[0].mode, MIRROR_LOOK);
    assert_int_equal(sw.set[1].mode, MIRROR_LOOK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_length),
    };

    return cmocka_run_group_tests_name("mirror-engine", tests, NULL, NULL);
}
