/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* check_tcp_seq, against the definition byte by byte: a number that grows
 * without end, of which TCP shows the last 32 bits. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "check-tcp-seq.h"
#include "random.h"
#include "tcp-packet.h"
#include "util.h"

enum { URG = 0x20 };

static enum check_tcp_verdict
model(const struct check_tcp_seq *c, uint8_t flags, uint32_t seq, uint32_t ack,
      unsigned int size)
{
    unsigned int n_in = 0;

    if (c->number == CHECK_TCP_ACK) {
        return (!size && flags & ACK && !(flags & (SYN | FIN | RST))
                && tcp_model_in_window(c, ack) ? CHECK_TCP_INSIDE : CHECK_TCP_OUTSIDE);
    }
    if (flags & (SYN | RST | URG)) {
        return CHECK_TCP_OUTSIDE;
    }
    for (unsigned int i = 0; i < size; i++) {
        n_in += tcp_model_in_window(c, (int64_t) seq + i);
    }
    return (!n_in ? CHECK_TCP_OUTSIDE
            : n_in == size && !(flags & FIN) ? CHECK_TCP_INSIDE
            : CHECK_TCP_STRADDLES);
}

/* Makes a packet of IP 'version' with these numbers and 'size' bytes of
 * payload, and returns what the action says to it. */
static enum check_tcp_verdict
verdict(const struct check_tcp_seq *c, int version, uint8_t flags,
        uint32_t seq, uint32_t ack, unsigned int size, struct packet *p)
{
    static const uint8_t zeros[256];

    packet_ip(p, version, 6);
    p->tcp = p->len;
    packet_append(p, zeros, 20);
    put32(p->b + p->tcp + 4, seq);
    put32(p->b + p->tcp + 8, ack);
    p->b[p->tcp + 12] = 0x50;
    p->b[p->tcp + 13] = flags;
    packet_append(p, zeros, size);
    packet_fix_len(p);

    /* Of exactly that size, so that AddressSanitizer sees what is read. */
    uint8_t *copy = malloc(p->len);
    memcpy(copy, p->b, p->len);
    enum check_tcp_verdict v = check_tcp_packet(c, copy, p->len);
    free(copy);
    return v;
}

static uint32_t
near(uint32_t number)
{
    return number + random_range(21) - 10;
}

static void
random_segments(void **state)
{
    static const uint8_t flags[] = {
        ACK, ACK, ACK, ACK | PSH, ACK | FIN, SYN, ACK | SYN, RST, ACK | RST,
        ACK | URG, 0,
    };
    unsigned int n[CHECK_TCP_STRADDLES + 1] = { 0 };

    (void) state;
    for (int i = 0; i < 200000; i++) {
        uint32_t len = (random_range(4) ? 1 + random_range(200)
                        : CHECK_TCP_LEN_MAX - random_range(20));
        struct check_tcp_seq c = {
            .start = near(random_range(2) ? 0 : random_uint32()),
            .len = len,
            .number = random_range(3) ? CHECK_TCP_SEQ : CHECK_TCP_ACK,
        };
        uint32_t edge = random_range(2) ? c.start : c.start + c.len;
        uint8_t f = flags[random_range(ARRAY_SIZE(flags))];
        unsigned int size = random_range(3) ? random_range(30) : 0;
        uint32_t seq = near(edge - (random_range(2) ? size : 0));
        uint32_t ack = near(edge);
        int version = random_range(2) ? 4 : 6;
        struct packet p;

        enum check_tcp_verdict v = verdict(&c, version, f, seq, ack, size, &p);
        assert_int_equal(v, model(&c, f, seq, ack, size));
        n[v]++;
    }

    /* All cases were met. */
    for (size_t i = 0; i < ARRAY_SIZE(n); i++) {
        assert_true(n[i] > 1000);
    }
}

/* A packet that was cut short, wherever, or whose headers lie, is outside. */
static void
malformed(void **state)
{
    const struct check_tcp_seq c = { .start = 0, .len = CHECK_TCP_LEN_MAX };

    (void) state;
    for (int version = 4; version <= 6; version += 2) {
        struct packet p;

        assert_int_equal(verdict(&c, version, ACK, 5, 5, 10, &p),
                         CHECK_TCP_INSIDE);
        for (size_t len = 0; len < p.len; len++) {
            uint8_t *copy = malloc(len ? len : 1);

            memcpy(copy, p.b, len);
            assert_int_equal(check_tcp_packet(&c, copy, len),
                             CHECK_TCP_OUTSIDE);
            free(copy);
        }
        for (int doff = 0; doff < 16; doff++) {
            p.b[p.tcp + 12] = doff << 4;
            assert_int_equal(check_tcp_packet(&c, p.b, p.len),
                             doff >= 5 && doff * 4 < 30 ? CHECK_TCP_INSIDE
                             : CHECK_TCP_OUTSIDE);
        }
    }
}

static void
arguments(void **state)
{
    struct check_tcp_seq c = { .len = 1 };

    (void) state;
    assert_null(check_tcp_seq_check(&c));
    c.len = CHECK_TCP_LEN_MAX;
    c.number = CHECK_TCP_ACK;
    assert_null(check_tcp_seq_check(&c));
    c.number = 2;
    assert_non_null(check_tcp_seq_check(&c));
    c.number = 0;
    c.len = 0;
    assert_non_null(check_tcp_seq_check(&c));
    c.len = UINT32_C(1) << 31;
    assert_non_null(check_tcp_seq_check(&c));
    c.len = 1;
    c.pad[2] = 1;
    assert_non_null(check_tcp_seq_check(&c));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_segments),
        cmocka_unit_test(malformed),
        cmocka_unit_test(arguments),
    };

    random_set_seed(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
