/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "mirror-peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "util.h"

uint32_t peer_next[2];

uint32_t
peer_segment(enum mirror_dir dir, uint32_t seq, uint32_t ack, uint16_t flags,
             const void *data, size_t len)
{
    static const uint8_t noise[65000];

    return fake_send(&(struct fake_packet) {
        .dir = dir,
        .seq = seq,
        .ack = flags & TCP_ACK ? ack : 0,
        .flags = flags,
        .payload = data ? data : noise,
        .len = len,
    });
}

uint32_t
peer_send(enum mirror_dir dir, uint16_t flags, const void *data, size_t len)
{
    uint32_t copies = peer_segment(dir, peer_next[dir], peer_next[!dir], flags,
                                   data, len);

    peer_next[dir] += len + !!(flags & (TCP_SYN | TCP_FIN));
    return copies;
}

uint32_t
peer_say(enum mirror_dir dir, const char *text)
{
    return peer_send(dir, TCP_ACK | TCP_PSH, text, strlen(text));
}

uint32_t
peer_noise(enum mirror_dir dir, size_t len)
{
    return peer_send(dir, TCP_ACK, NULL, len);
}

uint32_t
peer_ack(enum mirror_dir dir)
{
    return peer_send(dir, TCP_ACK, NULL, 0);
}

void
peer_shake_hands(void)
{
    peer_next[MIRROR_TO_SERVER] = CLIENT_ISN;
    peer_next[MIRROR_TO_CLIENT] = SERVER_ISN;
    assert_int_equal(peer_send(MIRROR_TO_SERVER, TCP_SYN, NULL, 0),
                     sw.policies);
    fake_wait(5);
    assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_SYN | TCP_ACK, NULL, 0),
                     sw.policies);
    fake_wait(5);
    assert_int_equal(peer_ack(MIRROR_TO_SERVER), sw.policies);
}

void
peer_start_all(bool holds, const struct mirror_wants wants[], size_t n)
{
    fake_start(holds, wants, n);
    peer_shake_hands();
}

void
peer_start(bool holds, struct mirror_wants wants)
{
    peer_start_all(holds, &wants, 1);
}

void
peer_close(void)
{
    struct mirror_totals totals;

    assert_int_equal(peer_send(MIRROR_TO_SERVER, TCP_FIN | TCP_ACK, NULL, 0),
                     sw.policies);
    assert_int_equal(peer_send(MIRROR_TO_CLIENT, TCP_FIN | TCP_ACK, NULL, 0),
                     sw.policies);
    peer_ack(MIRROR_TO_SERVER);
    fake_wait(10000);
    mirror_engine_totals(sw.engine, &totals);
    assert_int_equal(totals.n_conns, 0);
    assert_mode(MIRROR_TO_SERVER, MIRROR_LOOK);
    assert_mode(MIRROR_TO_CLIENT, MIRROR_LOOK);
}

void
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

void
assert_conn(const char *protocol, const char *reason)
{
    const struct mirror_conn *c = mirror_engine_first(sw.engine);
    struct mirror_show show;

    assert_non_null(c);
    assert_null(mirror_engine_next(sw.engine, c));
    mirror_conn_show(c, &show);
    assert_string_equal(show.protocol, protocol);
    assert_string_equal(show.reason ? show.reason : "", reason ? reason : "");
}
