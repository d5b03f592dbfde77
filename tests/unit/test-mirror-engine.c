/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The engine of mirrors and HTTP: what is copied, what its entries are, what
 * is reported as skipped. */

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

/* A body of known length: all but its edges, and the ACKs but the last. */
static void
known_length(void **state)
{
    static const char head[] = BODY(10000);

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 10000 });
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(peer_ack(MIRROR_TO_CLIENT), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, head), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_WINDOW);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.start,
                     peer_next[MIRROR_TO_CLIENT]);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.len, 9999);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].ack.len, 0);
    assert_int_equal(sw.entries[MIRROR_TO_SERVER].ack.start,
                     peer_next[MIRROR_TO_CLIENT] + 1);
    assert_int_equal(sw.entries[MIRROR_TO_SERVER].ack.len, 9999);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 0);
        assert_int_equal(fake_fate, FAKE_ALONE);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
        assert_int_equal(fake_fate, FAKE_ALONE);
    }
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 999), 0);
    assert_int_equal(sw.n_skips, 0);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1), 1);
    assert_int_equal(sw.n_skips, 1);
    assert_skip(0, MIRROR_TO_CLIENT, strlen(head), 9999, "h/a",
                "response body");
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(2) "ab"), 1);
    peer_close();
    assert_int_equal(sw.n_skips, 1);
    fake_stop();
}

/* One byte less than the threshold is copied, by the switch alone if that is
 * worth it. */
static void
threshold(void **state)
{
    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 100001 });
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(100000)), 1);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
        assert_int_equal(fake_fate, i < 99 ? FAKE_ALONE : FAKE_HELD);
    }
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(100001)), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50001), 1);
    peer_close();
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].len, 50000);
    fake_stop();
}

/* A body that is not worth an entry is skipped by the engine alone, and its
 * ACKs. */
static void
small_body(void **state)
{
    static const size_t lens[] = { 1000, 1000, 999, 1 };

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(3000)), 1);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
    for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
        bool last = i == ARRAY_SIZE(lens) - 1;

        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, lens[i]), last);
        assert_int_equal(fake_fate, FAKE_HELD);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), last);
        assert_int_equal(fake_fate, FAKE_HELD);
    }
    assert_int_equal(sw.n_set, 0);
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].len, 2999);
    fake_stop();
}

/* Wherever heads are cut, they are copied, and the window is the body's. */
static void
heads_cut_at_every_byte(void **state)
{
    static const char head[] = "HTTP/1.1 100 Continue\r\n\r\n"
        OK "A: b\r\n c\r\nContent-Length: 5000\r\nX:\r\n\r\n";

    (void) state;
    for (size_t cut = 1; cut < sizeof head - 1; cut++) {
        for (size_t step = 1; step < 4; step++) {
            size_t pos = 0;

            peer_start(true, (struct mirror_wants) { .threshold = 0 });
            for (size_t i = 0; i < strlen(GET); i += step) {
                assert_int_equal(peer_send(MIRROR_TO_SERVER, TCP_ACK, GET + i,
                                           MIN(step, strlen(GET) - i)), 1);
            }
            for (size_t n = cut; pos < sizeof head - 1; pos += n, n = step) {
                n = MIN(n, sizeof head - 1 - pos);
                assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_ACK,
                                           head + pos, n), 1);
            }
            assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.start,
                             peer_next[MIRROR_TO_CLIENT]);
            assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.len, 4999);
            fake_stop();
        }
    }
}

/* Head, the whole body and the next head in one segment. */
static void
much_in_one_segment(void **state)
{
    static char text[20000];

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 1 });
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET GET GET), 1);
    memset(text, 'x', sizeof text - 1);
    memcpy(text, BODY(3) "abc" BODY(30000),
           strlen(BODY(3) "abc" BODY(30000)));
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, text), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_WINDOW);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.start
                     + sw.entries[MIRROR_TO_CLIENT].seq.len,
                     SERVER_ISN + 1
                     + (uint32_t) strlen(BODY(3) "abc" BODY(30000)) + 29999);
    fake_stop();
}

/* Lengths without bodies (RFC 9112 section 6.3). */
static void
no_body(void **state)
{
    static const char *const dialogues[][2] = {
        { "HEAD / HTTP/1.1\r\n\r\n", BODY(1000000) },
        { GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99999\r\n\r\n" },
        { GET, "HTTP/1.1 204 No Content\r\nContent-Length: 99999\r\n\r\n" },
        { GET, "HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\n\r\n"
               BODY(0) },
        { "HEAD / HTTP/1.1\r\n\r\n",
          OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n" },
    };

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    for (size_t i = 0; i < 3 * ARRAY_SIZE(dialogues); i++) {
        const char *const *d = dialogues[i % ARRAY_SIZE(dialogues)];

        assert_int_equal(peer_say(MIRROR_TO_SERVER, d[0]), 1);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, d[1]), 1);
        assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    }
    assert_conn("http", NULL);
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(10000));
    assert_mode(MIRROR_TO_CLIENT, MIRROR_WINDOW);
    fake_stop();
}

/* Chunks: open after the threshold, until the next request, which is held
 * until the window has ended where that says. */
static void
chunks(void **state)
{
    uint32_t start;

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 3000 });
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, CHUNKED), 1);
    start = peer_next[MIRROR_TO_CLIENT];
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, "f000;x=y\r\n"), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 2980), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_WINDOW);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.len, 1 << 30);
    assert_true(sw.entries[MIRROR_TO_SERVER].hold);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 0);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);

    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(fake_fate, FAKE_HELD);
    assert_true(fake_verdict.barrier);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.start
                     + sw.entries[MIRROR_TO_CLIENT].seq.len,
                     peer_next[MIRROR_TO_CLIENT]);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, CHUNKED "0\r\n\r\n"), 1);
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].len, 51000);
    assert_int_equal(sw.skips[0].seq, start + 10 + 3980);
    assert_string_equal(sw.skips[0].reason, "chunked response body");
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_false(fake_verdict.barrier);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, CHUNKED "5\r\nabcde\r\n"), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, "0\r\nA: b\r\n\r\n"), 1);
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_conn("http", NULL);
    peer_close();
    fake_stop();
}

/* The same without held packets: only once the client's entry holds for
 * sure. */
static void
chunks_copied(void **state)
{
    (void) state;
    peer_start(false, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, CHUNKED "f000\r\n");
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    assert_mode(MIRROR_TO_SERVER, MIRROR_WINDOW);
    assert_true(sw.entries[MIRROR_TO_SERVER].hold);
    assert_int_equal(sw.entries[MIRROR_TO_SERVER].policies, 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
    fake_wait(99);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
    assert_int_equal(fake_fate, FAKE_ALONE);
    fake_wait(1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
    assert_int_equal(fake_fate, FAKE_HELD);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_WINDOW);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(fake_fate, FAKE_HELD);
    assert_true(fake_verdict.barrier);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(3)), 1);
    assert_int_equal(fake_fate, FAKE_COPIED);
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].len, 50000);
    fake_stop();
}

/* Who wants chunks whole gets them, from the switch. */
static void
chunks_whole(void **state)
{
    static const struct mirror_wants wants[] = {
        { .chunked_whole = true }, { .threshold = 10000 },
    };

    (void) state;
    peer_start_all(true, wants, 2);
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, CHUNKED "f000\r\n");
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 20000), 3);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 20000), 1);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
    peer_close();
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].policies, 2);
    assert_int_equal(sw.skips[0].len, 20000);
    fake_stop();
}

/* A client that does not wait: chunks are read, and only their insides
 * skipped. */
static void
chunks_pipelined(void **state)
{
    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 1000 });
    peer_say(MIRROR_TO_SERVER, GET GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, CHUNKED "2710\r\n"), 1);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.len, 9999);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 9999), 0);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, "x\r\n2\r\nab\r\n0\r\n\r\n"),
                     1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(10000)), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 9999), 0);
    assert_conn("http", NULL);
    fake_stop();
}

/* A request in the middle of an open response. */
static void
request_too_early(void **state)
{
    uint32_t start;

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, CHUNKED "f000\r\n");
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 0);
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 1);
    assert_conn("unknown", "a request in the middle of a response");
    assert_mode(MIRROR_TO_CLIENT, MIRROR_COPY);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 1);
    fake_stop();
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].len, 10000);

    /* The same, and it is older than what has passed. */
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, CHUNKED "f000\r\n");
    start = peer_next[MIRROR_TO_CLIENT];
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 0);
    assert_int_equal(peer_segment(MIRROR_TO_SERVER,
                                  peer_next[MIRROR_TO_SERVER], start,
                                  TCP_ACK, GET, strlen(GET)), 1);
    peer_next[MIRROR_TO_SERVER] += strlen(GET);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 1);
    peer_ack(MIRROR_TO_SERVER);
    fake_wait(1100);
    peer_ack(MIRROR_TO_SERVER);
    assert_conn("unknown", "a part of it was not seen");
    fake_stop();
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].seq, start);
    assert_int_equal(sw.skips[0].len, 10000);
}

/* A response that promises more than comes, and one that does not: a request
 * in the middle of it is held, and what follows it looked at. */
static void
lies(void **state)
{
    static char fill[9000];
    uint32_t start;
    size_t n_skips;

    (void) state;
    memset(fill, 'x', sizeof fill);
    for (int holds = 0; holds < 2; holds++) {
        peer_start(holds, (struct mirror_wants) { .threshold = 0 });
        peer_say(MIRROR_TO_SERVER, GET);
        peer_say(MIRROR_TO_CLIENT, BODY(100000000000));
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
        assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
        assert_int_equal(fake_fate, FAKE_HELD);
        assert_true(fake_verdict.barrier);
        assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_ACK, "HT", 2), 1);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(20000) + 2), 1);
        assert_int_equal(sw.n_skips, 1);
        assert_int_equal(sw.skips[0].len, 50000);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 19999), 0);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1), 1);

        /* True, but the client does not wait. */
        peer_say(MIRROR_TO_SERVER, GET);
        peer_say(MIRROR_TO_CLIENT, BODY(30000));
        assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_ACK, fill, 9000), 0);
        assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
        assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_ACK, fill, 9000),
                         !holds);
        assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_ACK, fill, 9000), 0);
        assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_ACK, fill, 3000), 1);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(3) "abc"), 1);

        /* The same, and its request is older than what has passed. */
        peer_say(MIRROR_TO_SERVER, GET);
        peer_say(MIRROR_TO_CLIENT, BODY(90000));
        start = peer_next[MIRROR_TO_CLIENT];
        peer_send(MIRROR_TO_CLIENT, TCP_ACK, fill, 9000);
        peer_send(MIRROR_TO_CLIENT, TCP_ACK, fill, 9000);
        n_skips = sw.n_skips;
        assert_int_equal(peer_segment(MIRROR_TO_SERVER,
                                      peer_next[MIRROR_TO_SERVER], start,
                                      TCP_ACK, GET, strlen(GET)), 1);
        peer_next[MIRROR_TO_SERVER] += strlen(GET);
        peer_noise(MIRROR_TO_CLIENT, 9000);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 60000), 0);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 3000), 1);
        assert_true(sw.n_skips > n_skips);
        assert_int_equal(sw.skips[n_skips].seq, start);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(3) "abc"), 1);
        assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(10000)), 1);
        assert_mode(MIRROR_TO_CLIENT, MIRROR_WINDOW);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 9999), 0);
        fake_stop();
    }
}

/* 'n' bytes to the client, of which nobody gets a copy. */
static void
pass_alone(size_t n)
{
    for (size_t len; n; n -= len) {
        len = MIN(n, 10000);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, len), 0);
    }
}

/* A request in the middle of a response that begins with 'head', when 'before'
 * bytes of the body have passed and 5000 were acknowledged.  The server does
 * not get it yet if 'waits'. */
static void
overtake(bool holds, bool waits, const char *head, size_t before)
{
    uint32_t ack;

    peer_start(holds, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, head);
    ack = peer_next[MIRROR_TO_CLIENT] + 5000;
    pass_alone(before);
    peer_segment(MIRROR_TO_SERVER, peer_next[MIRROR_TO_SERVER], ack, TCP_ACK,
                 GET, strlen(GET));
    peer_next[MIRROR_TO_SERVER] += strlen(GET);
    assert_int_equal(fake_fate, FAKE_HELD);
    assert_true(fake_verdict.barrier);
    sw.waits = waits;
}

/* The rest of the body, the last byte apart, and the next response: no more is
 * copied.  Of both bodies 'skipped' bytes were left out. */
static void
finish_overtaken(size_t left, size_t skipped)
{
    if (left) {
        pass_alone(left - 1);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1), 1);
    }
    sw.waits = false;
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(9000)), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 8999), 0);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1), 1);
    assert_conn("http", NULL);
    for (size_t i = 0; i < sw.n_skips; i++) {
        skipped -= sw.skips[i].len;
    }
    assert_int_equal(skipped, 0);
    fake_stop();
}

/* A client that does not wait for the end of a body.  What the server sends
 * before it gets the request is not the next response. */
static void
overtaken(void **state)
{
    static char end[10009];

    (void) state;
    for (int holds = 0; holds < 2; holds++) {
        /* All that follows is still to come. */
        overtake(holds, true, BODY(100000), 10000);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), !holds);
        finish_overtaken(89000, 99999 + 8999 - 1000 * !holds);

        /* The client acknowledges what has passed. */
        overtake(holds, true, BODY(100000), 50000);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), !holds);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
        finish_overtaken(50000, 99999 + 8999);

        /* Only the end has not passed, far behind the request. */
        overtake(holds, true, BODY(400000), 390000);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 9000), !holds);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 1);
        finish_overtaken(0, 399000 + 8999 - 9000 * !holds);

        /* The same, and the next head begins in the same segment. */
        overtake(holds, true, BODY(400000), 390000);
        memcpy(end + 10000, BODY(9000), 9);
        assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_ACK, end, 10009), 1);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(9000) + 9), 1);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 8999), 0);
        assert_conn("http", NULL);
        fake_stop();
    }
}

/* The same, but the request is with the server by then.  Soon there is more
 * than could come early by chance, however far it is from the request. */
static void
overtaken_late(void **state)
{
    (void) state;
    overtake(true, false, BODY(100000), 10000);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 0);
    finish_overtaken(89000, 99999 + 8999);

    overtake(true, false, BODY(400000), 390000);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 0);
    finish_overtaken(9000, 399999 + 8999);
}

static void
until_close(void **state)
{
    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, OK "\r\n"), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 50000), 0);
    assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_ACK | TCP_FIN, NULL, 7),
                     1);
    assert_int_equal(sw.n_skips, 1);
    assert_skip(0, MIRROR_TO_CLIENT, strlen(OK "\r\n"), 100000, "h/a",
                "response body until close");
    assert_int_equal(peer_send(MIRROR_TO_SERVER, TCP_ACK | TCP_FIN, NULL, 0),
                     1);
    fake_stop();
    assert_int_equal(sw.n_skips, 1);
}

static void
uploads(void **state)
{
    static const char put[] = "PUT /u HTTP/1.1\r\nHost: h\r\n"
        "Expect: 100-continue\r\nContent-Length: 20000\r\n\r\n";

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    assert_int_equal(peer_say(MIRROR_TO_SERVER, put), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT,
                              "HTTP/1.1 100 Continue\r\n\r\n"), 1);
    assert_int_equal(peer_noise(MIRROR_TO_SERVER, 10000), 0);
    assert_int_equal(peer_ack(MIRROR_TO_CLIENT), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_int_equal(peer_noise(MIRROR_TO_SERVER, 10000), 1);
    assert_int_equal(peer_ack(MIRROR_TO_CLIENT), 1);
    assert_skip(0, MIRROR_TO_SERVER, strlen(put), 10000, "h/u",
                "request body");
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(0)), 1);

    /* Chunks are read: a request may follow at once. */
    assert_int_equal(peer_say(MIRROR_TO_SERVER, "POST / HTTP/1.1\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n"), 1);
    assert_int_equal(peer_say(MIRROR_TO_SERVER, "2710\r\n"), 1);
    assert_int_equal(peer_noise(MIRROR_TO_SERVER, 9999), 0);
    assert_int_equal(peer_say(MIRROR_TO_SERVER, "x\r\n0\r\n\r\n" GET), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(0) BODY(10000)), 1);
    assert_int_equal(sw.entries[MIRROR_TO_CLIENT].seq.len, 9999);
    assert_conn("http", NULL);
    fake_stop();
}

/* Two recipients may see two lengths: whole, for good. */
static void
conflicts(void **state)
{
    static const char *const cases[][2] = {
        { "Content-Length: 5000\r\nContent-Length: 6000\r\n",
          "two different Content-Lengths" },
        { "Content-Length: 5000\r\nTransfer-Encoding: chunked\r\n",
          "Content-Length and Transfer-Encoding" },
        { "Transfer-Encoding: chunked\r\nContent-Length: 5000\r\n",
          "Content-Length and Transfer-Encoding" },
        { "Content-Length: +5000\r\n", "Content-Length is no length" },
        { "Content-Length: 5000,5000\r\n", "Content-Length is no length" },
        { "Content-Length: 99999999999999999999\r\n",
          "Content-Length is no length" },
        { "Content-Length:\r\n", "Content-Length is no length" },
        { "Transfer-Encoding: chunked, gzip\r\n",
          "Transfer-Encoding is not chunked" },
        { "Transfer-Encoding: xchunked\r\n",
          "Transfer-Encoding is not chunked" },
        { "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
          "two Transfer-Encodings" },
        { "Content-Length : 5000\r\n",
          "a line in the head that is no field" },
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char head[256];

        for (int request = 0; request < 2; request++) {
            enum mirror_dir dir = (request ? MIRROR_TO_SERVER
                                   : MIRROR_TO_CLIENT);

            peer_start(true, (struct mirror_wants) { .threshold = 0 });
            if (!request) {
                peer_say(MIRROR_TO_SERVER, GET);
            }
            snprintf(head, sizeof head, "%s%s\r\n",
                     request ? "POST / HTTP/1.1\r\n" : OK, cases[i][0]);
            assert_int_equal(peer_say(dir, head), 1);
            assert_conn("whole", cases[i][1]);
            assert_int_equal(peer_noise(dir, 50000), 1);
            assert_int_equal(peer_noise(dir, 50000), 1);
            assert_int_equal(fake_fate, FAKE_ALONE);
            assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
            assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(50000)), 1);
            assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 40000), 1);
            assert_conn("whole", cases[i][1]);
            peer_close();
            assert_int_equal(sw.n_skips, 0);
            fake_stop();
        }
    }
}

/* Twice the same length, and a list of codings that ends well, are fine. */
static void
no_conflicts(void **state)
{
    static const char *const fields[] = {
        "Content-Length: 50000\r\ncontent-length: 50000\r\n",
        "Transfer-Encoding: gzip,Chunked\r\n",
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        char head[256];

        peer_start(true, (struct mirror_wants) { .threshold = 0 });
        peer_say(MIRROR_TO_SERVER, GET);
        snprintf(head, sizeof head, OK "%s\r\n", fields[i]);
        peer_say(MIRROR_TO_CLIENT, head);
        assert_conn("http", NULL);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 40000), 0);
        fake_stop();
    }
}

static void
upgrades(void **state)
{
    static const char ask[] = "GET /w HTTP/1.1\r\nHost: h\r\n"
        "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n";

    (void) state;
    /* Declined. */
    peer_start(true, (struct mirror_wants) { .threshold = 0, .keep = 100 });
    peer_say(MIRROR_TO_SERVER, ask);
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(1) "x" BODY(10000));
    assert_conn("http", NULL);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 9999), 0);
    fake_stop();

    /* Accepted. */
    peer_start(true, (struct mirror_wants) { .threshold = 0, .keep = 100 });
    peer_say(MIRROR_TO_SERVER, ask);
    peer_say(MIRROR_TO_CLIENT,
             "HTTP/1.1 101 Switching Protocols\r\n\r\n");
    assert_conn("other", NULL);
    assert_int_equal(peer_noise(MIRROR_TO_SERVER, 100), 1);
    assert_int_equal(peer_noise(MIRROR_TO_SERVER, 100), 0);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 100), 1);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 100), 0);
    fake_stop();

    peer_start(true, (struct mirror_wants) { .threshold = 0, .keep = 100 });
    peer_say(MIRROR_TO_SERVER, "CONNECT h:443 HTTP/1.1\r\n\r\n");
    peer_noise(MIRROR_TO_SERVER, 10);
    peer_say(MIRROR_TO_CLIENT, OK "\r\n");
    assert_conn("other", NULL);
    fake_stop();
}

/* 5 GB: windows of 1 GiB, and few packets that the engine sees.  Sequence
 * numbers come round. */
static void
large_body(void **state)
{
    uint64_t left = 5000000000u;
    int n_seen = 0, n_copied = 0;

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 10000000 });
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(5000000000)), 1);
    while (left) {
        size_t n = MIN(left, 64000);

        n_copied += peer_noise(MIRROR_TO_CLIENT, n);
        n_seen += fake_fate != FAKE_ALONE;
        left -= n;
        if (left) {
            assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
            n_seen += fake_fate != FAKE_ALONE;
        }
    }
    assert_int_equal(n_copied, 1);
    assert_in_range(n_seen, 1, 20);
    assert_int_equal(sw.n_skips, 1);
    assert_skip(0, MIRROR_TO_CLIENT, strlen(BODY(5000000000)),
                5000000000u - 64000, "h/a", "response body");
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(3)), 1);
    assert_conn("http", NULL);
    fake_stop();
}

/* The same without a length. */
static void
large_open_body(void **state)
{
    int n_seen = 0;

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, CHUNKED);
    for (int i = 0; i < 80000; i++) {
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 64000), 0);
        n_seen += fake_fate != FAKE_ALONE;
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), 0);
        n_seen += fake_fate != FAKE_ALONE;
    }
    assert_in_range(n_seen, 1, 30);
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(3)), 1);
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].len, 80000ull * 64000);
    assert_conn("http", NULL);
    fake_stop();
}

/* Sequence numbers come round to where something was skipped long ago. */
static void
old_window(void **state)
{
    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 100000 });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(1000000));
    for (int i = 0; i < 20; i++) {
        peer_noise(MIRROR_TO_CLIENT, 50000);
    }
    assert_int_equal(sw.n_skips, 1);
    for (int i = 0; i < 75000; i++) {
        assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(60000)), 1);
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 60000), 1);
        assert_int_equal(peer_ack(MIRROR_TO_SERVER), 1);
    }
    assert_int_equal(sw.n_skips, 1);
    fake_stop();
}

/* Many on one connection: heads, requests and two segments a body. */
static void
keep_alive(void **state)
{
    int n_copied = 0;

    (void) state;
    peer_start(true, (struct mirror_wants) { .threshold = 0 });
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
        assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(100000)), 1);
        for (int j = 0; j < 100; j++) {
            n_copied += peer_noise(MIRROR_TO_CLIENT, 1000);
            peer_ack(MIRROR_TO_SERVER);
        }
    }
    assert_int_equal(n_copied, 1000);
    assert_int_equal(sw.n_skips, 1000);
    assert_true(sw.n_set <= 2001);
    fake_stop();
}

/* Policies that differ, on one connection. */
static void
thresholds(void **state)
{
    static const struct mirror_wants wants[] = {
        { .threshold = 1000 }, { .threshold = 20000 },
    };

    (void) state;
    peer_start_all(true, wants, 2);
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(10000)), 3);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 9000), 2);
    assert_int_equal(fake_fate, FAKE_ALONE);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 3);
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(20000)), 3);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 9000), 0);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 11000), 3);
    peer_say(MIRROR_TO_SERVER, GET);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, OK "\r\n"), 3);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 900), 3);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 200), 3);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 18000), 2);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 2);
    assert_int_equal(fake_fate, FAKE_HELD);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 0);
    assert_int_equal(fake_fate, FAKE_ALONE);
    fake_stop();
}

/* A policy comes: nothing is skipped that it may want, and what it matches is
 * not known before the next packet. */
static void
policies_change(void **state)
{
    struct mirror_wants wants[MIRROR_MAX_POLICIES] = {
        { .exists = true, .threshold = 1000 },
    };

    (void) state;
    peer_start(true, wants[0]);
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(100000));
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 0);
    mirror_engine_set_wants(sw.engine, wants);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_WINDOW);

    wants[1] = (struct mirror_wants) { .exists = true, .threshold = 200000 };
    sw.policies = 3;
    mirror_engine_set_wants(sw.engine, wants);
    fake_barrier();
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    assert_mode(MIRROR_TO_SERVER, MIRROR_LOOK);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 2);
    assert_int_equal(fake_fate, FAKE_HELD);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 2);
    assert_int_equal(fake_fate, FAKE_ALONE);

    wants[0].exists = false;
    sw.policies = 2;
    mirror_engine_set_wants(sw.engine, wants);
    fake_barrier();
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 1000), 2);
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 60000), 2);
    fake_stop();
    assert_int_equal(sw.skips[0].policies, 1);
}

/* The paper's way: everything passes while the body does, the switch is asked
 * for its counters, and shortly before the end the entries go. */
static void
by_stats(void **state)
{
    const uint64_t total = 10000000, ms_bytes = 10000;
    uint64_t passed = 0, n_packets = 0, n_bytes = 0;
    size_t n_asked = 0;

    (void) state;
    peer_start(true, (struct mirror_wants) { .by_stats = true });
    peer_say(MIRROR_TO_SERVER, GET);
    peer_say(MIRROR_TO_CLIENT, BODY(10000000));
    assert_mode(MIRROR_TO_CLIENT, MIRROR_PASS);
    assert_mode(MIRROR_TO_SERVER, MIRROR_PASS);
    while (sw.entries[MIRROR_TO_CLIENT].mode == MIRROR_PASS) {
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, ms_bytes), 0);
        passed += ms_bytes;
        n_packets += 7;
        n_bytes += ms_bytes + 7 * (14 + 20 + 32);
        fake_wait(1);
        if (sw.n_asked != n_asked) {
            assert_in_range(sw.n_asked, n_asked, n_asked + 1);
            n_asked = sw.n_asked;
            mirror_engine_bytes(sw.engine, sw.now, sw.id, MIRROR_TO_CLIENT,
                                n_packets, n_bytes);
            fake_barrier();
        }
        assert_true(passed < total);
    }
    /* Two questions in 100 ms at least.  The end is a round trip of 10 ms
     * away, at 10000 bytes a ms, with a margin for options. */
    assert_true(n_asked >= passed / ms_bytes / 50);
    assert_in_range(total - passed, 100000, 400000);
    assert_mode(MIRROR_TO_SERVER, MIRROR_LOOK);
    while (passed + ms_bytes < total) {
        assert_int_equal(peer_noise(MIRROR_TO_CLIENT, ms_bytes), 0);
        passed += ms_bytes;
        assert_int_equal(fake_fate, FAKE_HELD);
    }
    assert_int_equal(peer_noise(MIRROR_TO_CLIENT, total - passed), 1);
    assert_int_equal(sw.n_skips, 1);
    assert_int_equal(sw.skips[0].len, passed);
    assert_int_equal(peer_say(MIRROR_TO_SERVER, GET), 1);
    assert_int_equal(peer_say(MIRROR_TO_CLIENT, BODY(10000000)), 1);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_PASS);

    /* Without an answer the engine looks itself. */
    fake_wait(2000);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
    fake_stop();
}

/* A download of 30 MB at 10 MB a second, of which 'max' come.  Entries take
 * effect after 'delay' ms, counters are brought up to date every 500 ms, or
 * never.  Returns how many bytes have come when the entries are taken back. */
static uint64_t
download_by_stats(uint64_t max, int delay, bool never)
{
    uint64_t come = 0, counted = 0, n_bytes = 0;
    size_t n_asked = 0;

    peer_start(true, (struct mirror_wants) { .by_stats = true });
    peer_say(MIRROR_TO_SERVER, GET);
    sw.delay = delay;
    peer_say(MIRROR_TO_CLIENT, BODY(30000000));
    while (sw.set[MIRROR_TO_CLIENT].mode == MIRROR_PASS) {
        if (come < max) {
            assert_int_equal(peer_noise(MIRROR_TO_CLIENT, 10000), 0);
            come += 10000;
            counted += fake_fate == FAKE_ALONE ? 10000 : 0;
        }
        fake_wait(1);
        if (sw.now % 500 == 0 && !never) {
            n_bytes = counted;
        }
        if (sw.n_asked != n_asked) {
            n_asked = sw.n_asked;
            mirror_engine_bytes(sw.engine, sw.now, sw.id, MIRROR_TO_CLIENT, 0,
                                n_bytes);
        }
        assert_true(sw.now < 20000);
    }
    fake_stop();
    return come;
}

/* Counters that lag behind, as those of Open vSwitch do: what has passed since
 * is estimated.  In the end they stand still. */
static void
late_stats(void **state)
{
    (void) state;
    assert_in_range(download_by_stats(30000000, 0, false), 29000000,
                    29950000);
    assert_in_range(download_by_stats(30000000, 1000, false), 29000000,
                    29950000);
    assert_int_equal(download_by_stats(2000000, 0, false), 2000000);
    assert_int_equal(download_by_stats(2000000, 0, true), 2000000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_length),
        cmocka_unit_test(threshold),
        cmocka_unit_test(small_body),
        cmocka_unit_test(heads_cut_at_every_byte),
        cmocka_unit_test(much_in_one_segment),
        cmocka_unit_test(no_body),
        cmocka_unit_test(chunks),
        cmocka_unit_test(chunks_copied),
        cmocka_unit_test(chunks_whole),
        cmocka_unit_test(chunks_pipelined),
        cmocka_unit_test(request_too_early),
        cmocka_unit_test(lies),
        cmocka_unit_test(overtaken),
        cmocka_unit_test(overtaken_late),
        cmocka_unit_test(until_close),
        cmocka_unit_test(uploads),
        cmocka_unit_test(conflicts),
        cmocka_unit_test(no_conflicts),
        cmocka_unit_test(upgrades),
        cmocka_unit_test(large_body),
        cmocka_unit_test(large_open_body),
        cmocka_unit_test(old_window),
        cmocka_unit_test(keep_alive),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(policies_change),
        cmocka_unit_test(by_stats),
        cmocka_unit_test(late_stats),
    };

    return cmocka_run_group_tests_name("mirror-engine", tests, NULL, NULL);
}
