/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* tcp_offset on many random packets with random arguments, each held against
 * the model in tcp-model.c.
 *
 * TCP_OFFSET_SEED in the environment repeats a run, which prints its seed. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "random.h"
#include "tcp-packet.h"

#define N_PACKETS 400000

static bool
one_in(int n)
{
    return random_range(n) == 0;
}

static void
random_bytes_at(uint8_t *p, size_t n)
{
    while (n--) {
        *p++ = random_uint8();
    }
}

/* Mostly anything, often a value where carries and folds happen. */
static uint32_t
random_u32(void)
{
    static const uint32_t edges[] = {
        0, 1, 0xfffe, 0xffff, 0x10000, 0x10001, 0x7fffffff, 0x80000000,
        0xffff0000, 0xfffeffff, 0xfffffffe, 0xffffffff,
    };

    return (one_in(3) ? edges[random_range(sizeof edges / sizeof *edges)]
            : random_uint32());
}

static struct tcp_offset
random_arguments(void)
{
    struct tcp_offset o = { .fields = 1 + random_range(31) };

    o.seq = o.fields & TCP_OFFSET_SEQ ? random_u32() : 0;
    o.ack = o.fields & TCP_OFFSET_ACK ? random_u32() : 0;
    o.tsval = o.fields & TCP_OFFSET_TSVAL ? random_u32() : 0;
    o.tsecr = o.fields & TCP_OFFSET_TSECR ? random_u32() : 0;
    if (o.fields & TCP_OFFSET_WSCALE) {
        o.wscale = (int) random_range(2 * TCP_OFFSET_WSCALE_MAX + 1)
                   - TCP_OFFSET_WSCALE_MAX;
    }
    return o;
}

/* Fills the 'room' bytes of 'opts' with options of random kinds, sizes and
 * alignment, now and then malformed. */
static void
random_options(uint8_t *opts, size_t room)
{
    size_t i, n;

    if (room == sizeof aligned_ts && !one_in(4)) {
        random_bytes_at(opts, room);
        memcpy(opts, aligned_ts, 4);
        return;
    }
    for (i = 0; i < room; i += n) {
        uint8_t option[40];

        random_bytes_at(option, sizeof option);
        option[0] = 1;
        n = 1;
        switch (random_range(6)) {
        case 0:
            option[0] = 8;
            n = 10;
            break;
        case 1:
            option[0] = 5;
            n = 2 + 8 * (1 + random_range(4));
            break;
        case 2:
            option[0] = random_uint8();
            n = 2 + random_range(12);
            break;
        case 3:
            option[0] = one_in(10) ? 0 : 1;
            break;
        }
        if (n > room - i) {
            n = 1;
            option[0] = one_in(40) ? option[0] : 1;
        } else if (n > 1) {
            option[1] = one_in(40) ? random_uint8() : n;
        }
        memcpy(&opts[i], option, n);
    }
}

static void
random_ip_headers(struct packet *p)
{
    uint8_t bytes[64];

    random_bytes_at(bytes, sizeof bytes);
    if (one_in(2)) {
        size_t n = one_in(3) ? random_range(11) * 4 : 0;

        packet_ip(p, 4, one_in(30) ? random_uint8() : 6);
        random_bytes_at(&p->b[12], 8);
        p->b[0] += n / 4;
        packet_append(p, bytes, n);
        put16(&p->b[6], (one_in(20) ? random_uint16()
                         : one_in(5) ? 0x2000 : 0x4000));
    } else {
        static const uint8_t kinds[] = { 0, 43, 44, 51, 60 };
        uint8_t *next = &p->b[6];
        int n_ext = one_in(2) ? random_range(5) : 0;

        packet_ip(p, 6, 6);
        random_bytes_at(&p->b[8], 32);
        while (n_ext--) {
            uint8_t kind = kinds[random_range(sizeof kinds)];
            size_t units = random_range(4);
            size_t n = (kind == 44 ? 8 : kind == 51 ? 8 + units * 4
                        : 8 + units * 8);

            *next = kind;
            next = &p->b[p->len];
            packet_append(p, bytes, n);
            next[0] = 6;
            next[1] = units;
            if (kind == 44) {
                put16(next + 2, (one_in(4) ? random_uint16()
                                 : random_range(8)));
            }
        }
        if (one_in(30)) {
            *next = random_uint8();
        }
    }
}

/* Any part may be damaged, but most packets are not, or else nothing but
 * errors would be tested. */
static void
random_packet(struct packet *p)
{
    size_t room = one_in(3) ? sizeof aligned_ts : random_range(11) * 4u;
    uint8_t opts[40], payload[64];
    uint8_t *tcp;

    random_ip_headers(p);
    random_options(opts, room);
    packet_tcp(p, random_uint8(), opts, room);
    tcp = &p->b[p->tcp];
    put32(tcp + 4, random_u32());
    put32(tcp + 8, random_u32());
    put16(tcp + 14, random_u32());
    put16(tcp + 18, random_u32());
    random_bytes_at(payload, sizeof payload);
    packet_append(p, payload, random_range(sizeof payload));
    packet_fix_len(p);

    if (one_in(40)) {
        tcp[12] = random_uint8();
    }
    packet_fix_csum(p);
    if (one_in(4)) {
        put16(tcp + 16, random_u32());
    }

    if (one_in(8)) {
        /* The IP length may end anywhere, or not be given. */
        put16(&p->b[p->b[0] >> 4 == 4 ? 2 : 4],
              one_in(2) ? 0 : random_range(p->len));
    }
    if (one_in(8)) {
        packet_append(p, payload, random_range(8));     /* Padding. */
    }
    if (one_in(8)) {
        p->len = random_range(p->len + 1);
    }
    if (one_in(8) && p->len) {
        p->b[random_range(p->len)] ^= 1 << random_range(8);
    }
}

static void
print_case(const struct tcp_offset *o, const struct packet *p, bool partial)
{
    size_t i;

    print_error("seq=%#x ack=%#x tsval=%#x tsecr=%#x wscale=%d partial=%d\n",
                o->seq, o->ack, o->tsval, o->tsecr, o->wscale, partial);
    for (i = 0; i < p->len; i++) {
        print_error("%02x", p->b[i]);
    }
    print_error("\n");
}

static void
random_packets_match_the_model(void **state)
{
    unsigned int results[TCP_OFFSET_N_RESULTS] = { 0 };
    int i;

    (void) state;
    for (i = 0; i < N_PACKETS; i++) {
        struct tcp_offset o = random_arguments();
        bool partial = one_in(4);
        const char *error;
        struct packet p;

        random_packet(&p);
        error = tcp_model_check(&o, p.b, p.len, partial);
        if (error) {
            print_case(&o, &p, partial);
            fail_msg("packet %d: %s", i, error);
        }
        results[tcp_offset_packet(&o, p.b, p.len, partial)]++;
    }

    for (i = 0; i < TCP_OFFSET_N_RESULTS; i++) {
        print_message("%8u %s\n", results[i], tcp_offset_result_name(i));
    }
    /* Or else the generator has stopped testing something. */
    for (i = 0; i < TCP_OFFSET_N_RESULTS; i++) {
        assert_true(results[i] > N_PACKETS / 1000);
    }
    assert_true(results[TCP_OFFSET_OK] > N_PACKETS / 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_packets_match_the_model),
    };
    const char *env = getenv("TCP_OFFSET_SEED");
    uint32_t seed = env ? (uint32_t) strtoul(env, NULL, 0)
                        : (uint32_t) time(NULL);

    seed = seed ? seed : 1;
    print_message("TCP_OFFSET_SEED=%u\n", seed);
    random_set_seed(seed);
    return cmocka_run_group_tests_name("tcp_offset, random", tests,
                                       NULL, NULL);
}
