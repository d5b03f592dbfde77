/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* tcp_offset on well-formed segments: the paper's vectors and every row of the
 * table of its arguments. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tcp-packet.h"

#define NONE NULL, 0

/* Asserts that 'p' equals 'before' apart from the checksum and the 'n' bytes
 * at 'ofs' in the TCP header, which hold 'value'. */
static void
assert_only_changed(const struct packet *p, const struct packet *before,
                    size_t ofs, uint32_t value, size_t n)
{
    struct packet expected = *before;

    if (n == 4) {
        put32(&expected.b[p->tcp + ofs], value);
    } else {
        put16(&expected.b[p->tcp + ofs], value);
    }
    memcpy(&expected.b[p->tcp + 16], &p->b[p->tcp + 16], 2);
    assert_int_equal(p->len, expected.len);
    assert_memory_equal(p->b, expected.b, p->len);
}

static void
from_hex(struct packet *p, const char *hex)
{
    p->len = 0;
    for (; *hex; hex += 2) {
        char digits[3];

        hex += strspn(hex, " ");
        memcpy(digits, hex, 2);
        digits[2] = '\0';
        p->b[p->len++] = strtoul(digits, NULL, 16);
    }
    p->tcp = 20;
}

#define NONE NULL, 0

/* The paper. */

/* Figures 6 and 7: a SYN, seq += 0x01020304.  The input was captured before
 * its checksum was filled in, the output after. */
#define FIGURE_6 \
    "4500 003c d481 4000 4006 e2e6 c0a8 0101 c0a8 0102 82d2 abcd 5ec7 62a5" \
    "0000 0000 a002 3908 8382 0000 0204 05b4 0402 080a 0007 b624 0000 0000" \
    "0103 0305"
#define FIGURE_7 \
    "4500 003c d481 4000 4006 e2e6 c0a8 0101 c0a8 0102 82d2 abcd 5fc9 65a9" \
    "0000 0000 a002 3908 e167 0000 0204 05b4 0402 080a 0007 b624 0000 0000" \
    "0103 0305"

static void
paper_figures_6_and_7(void **state)
{
    struct tcp_offset o = { .seq = 0x01020304, .fields = TCP_OFFSET_SEQ };
    struct packet p, figure_7;

    (void) state;
    from_hex(&p, FIGURE_6);
    from_hex(&figure_7, FIGURE_7);
    assert_int_equal(p.len, 60);
    assert_int_equal(figure_7.len, 60);

    packet_fix_csum(&p);
    packet_apply(&o, &p);
    assert_memory_equal(p.b, figure_7.b, p.len);
}

/* The same with the checksum still to be filled in, as it was printed. */
static void
paper_figure_6_offloaded(void **state)
{
    struct tcp_offset o = { .seq = 0x01020304, .fields = TCP_OFFSET_SEQ };
    struct packet p, figure_7;

    (void) state;
    from_hex(&p, FIGURE_6);
    from_hex(&figure_7, FIGURE_7);
    assert_int_equal(get16(&p.b[36]), tcp_model_pseudo_sum(p.b, 20, p.len));

    assert_int_equal(tcp_offset_packet(&o, p.b, p.len, true), TCP_OFFSET_OK);
    assert_int_equal(get16(&p.b[36]), 0x8382);
    packet_fix_csum(&p);                /* As the network interface would. */
    assert_memory_equal(p.b, figure_7.b, p.len);
}

/* Figures 10 and 11: ack += 0x94ac4ea9, and ip_dst 192.168.1.2 -> .3.  They
 * print 64 of 152 bytes.  The payload that can be seen counts 1234567890; if
 * it goes on like that, the checksum printed in figure 11 is right. */
static void
paper_figures_10_and_11(void **state)
{
    struct tcp_offset o = { .ack = 0x94ac4ea9, .fields = TCP_OFFSET_ACK };
    struct packet p, figure_11;
    int i;

    (void) state;
    from_hex(&p,
             "4500 0098 a16f 4000 4006 159d c0a8 0101 c0a8 0102 82e0 abcd"
             "2b75 f8e3 2293 cf64 8018 01c9 83de 0000 0101 080a 000f 84a1"
             "000f 5910");
    from_hex(&figure_11,
             "4500 0098 a16f 4000 4006 159d c0a8 0101 c0a8 0103 82e0 abcd"
             "2b75 f8e3 b740 1e0d 8018 01c9 86dc 0000 0101 080a 000f 84a1"
             "000f 5910");
    for (i = 0; i < 10; i++) {
        packet_append(&p, "1234567890", 10);
        packet_append(&figure_11, "1234567890", 10);
    }
    assert_int_equal(p.len, get16(&p.b[2]));

    p.b[19] = 3;
    packet_fix_csum(&p);
    packet_apply(&o, &p);
    assert_memory_equal(p.b, figure_11.b, p.len);
}

/* A row each of the table of arguments. */

static void
seq_moves_sequence_number_alone(void **state)
{
    static const uint8_t flags[] = { 0, SYN, ACK, SYN | ACK, RST, FIN | ACK };
    struct tcp_offset o = { .seq = 5, .fields = TCP_OFFSET_SEQ };
    size_t i;

    (void) state;
    for (i = 0; i < sizeof flags; i++) {
        struct packet p, before;

        packet_make(&p, flags[i], NONE);
        before = p;
        packet_apply(&o, &p);
        assert_only_changed(&p, &before, 4, SEQ + 5, 4);
    }
}

static void
seq_and_ack_wrap_around(void **state)
{
    static const uint32_t n[] = {
        0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
        0xffff, 0x10000, 0xffff0000,
    };
    size_t i, j;

    (void) state;
    for (i = 0; i < sizeof n / sizeof *n; i++) {
        for (j = 0; j < sizeof n / sizeof *n; j++) {
            struct tcp_offset o = {
                .seq = n[j], .ack = -n[j],
                .fields = TCP_OFFSET_SEQ | TCP_OFFSET_ACK,
            };
            struct packet p;

            packet_make(&p, ACK, NONE);
            put32(&p.b[p.tcp + 4], n[i]);
            put32(&p.b[p.tcp + 8], n[i]);
            packet_fix_csum(&p);
            packet_apply(&o, &p);
            assert_int_equal(get32(&p.b[p.tcp + 4]),
                             ((uint64_t) n[i] + n[j]) % 0x100000000);
            assert_int_equal(get32(&p.b[p.tcp + 8]),
                             (0x100000000 + n[i] - n[j]) % 0x100000000);
        }
    }
}

static void
ack_only_with_ack_flag(void **state)
{
    static const uint8_t sack[] = {
        1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2,
    };
    struct tcp_offset o = { .ack = 1, .fields = TCP_OFFSET_ACK };
    struct packet p, before;

    (void) state;
    packet_make(&p, ACK, NONE);
    before = p;
    packet_apply(&o, &p);
    assert_only_changed(&p, &before, 8, ACKNO + 1, 4);

    /* What a reset in answer to a segment without ACK looks like, and a SYN:
     * nothing to acknowledge, nothing to move. */
    packet_make(&p, RST, NONE);
    before = p;
    packet_apply(&o, &p);
    assert_memory_equal(p.b, before.b, p.len);

    packet_make(&p, SYN, sack, sizeof sack);
    before = p;
    packet_apply(&o, &p);
    assert_memory_equal(p.b, before.b, p.len);
}

/* 1 to 4 blocks, as many as fit without timestamps (RFC 2018 section 3); the
 * first one also as D-SACK (RFC 2883): below the acknowledgment number. */
static void
ack_moves_every_sack_edge(void **state)
{
    struct tcp_offset o = { .ack = 0xfffffff0, .fields = TCP_OFFSET_ACK };
    int n, i;

    (void) state;
    for (n = 1; n <= 4; n++) {
        uint8_t opts[36] = { 1, 1, 5, 2 + n * 8 };
        struct packet p, expected;

        put32(&opts[4], ACKNO - 2920);
        put32(&opts[8], ACKNO - 1460);
        for (i = 1; i < n; i++) {
            put32(&opts[4 + i * 8], 0xffffff00 + i * 64);   /* Some wrap. */
            put32(&opts[8 + i * 8], 0xffffff20 + i * 64);
        }
        packet_make(&p, ACK, opts, 4 + n * 8);

        expected = p;
        put32(&expected.b[p.tcp + 8], ACKNO - 16);
        for (i = 0; i < n * 2; i++) {
            uint8_t *edge = &expected.b[p.tcp + 24 + i * 4];

            put32(edge, get32(edge) - 16);
        }
        packet_fix_csum(&expected);
        packet_apply(&o, &p);
        assert_memory_equal(p.b, expected.b, p.len);
    }
}

/* The option list that Linux sends while packets are missing. */
static void
timestamp_and_three_sack_blocks(void **state)
{
    struct tcp_offset o = {
        .seq = 1, .ack = 2, .tsval = 3, .tsecr = 4, .wscale = 1,
        .fields = 0x1f,
    };
    uint8_t opts[40] = { 1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 1, 1, 5, 26 };
    struct packet p, expected;
    int i;

    (void) state;
    for (i = 0; i < 6; i++) {
        put32(&opts[16 + i * 4], 1000 * i);
    }
    packet_make(&p, ACK, opts, sizeof opts);

    expected = p;
    put32(&expected.b[p.tcp + 4], SEQ + 1);
    put32(&expected.b[p.tcp + 8], ACKNO + 2);
    put16(&expected.b[p.tcp + 14], WINDOW * 2);
    put32(&expected.b[p.tcp + 24], 7 + 3);
    put32(&expected.b[p.tcp + 28], 9 + 4);
    for (i = 0; i < 6; i++) {
        put32(&expected.b[p.tcp + 36 + i * 4], 1000 * i + 2);
    }
    packet_fix_csum(&expected);
    packet_apply(&o, &p);
    assert_memory_equal(p.b, expected.b, p.len);
}

static void
tsval_moves_alone(void **state)
{
    struct tcp_offset o = { .tsval = -7, .fields = TCP_OFFSET_TSVAL };
    struct packet p, before;

    (void) state;
    packet_make(&p, ACK, aligned_ts, sizeof aligned_ts);
    before = p;
    packet_apply(&o, &p);
    assert_only_changed(&p, &before, 24, 0x11223344 - 7, 4);

    /* TSval counts without ACK too: in a SYN. */
    packet_make(&p, SYN, aligned_ts, sizeof aligned_ts);
    before = p;
    packet_apply(&o, &p);
    assert_only_changed(&p, &before, 24, 0x11223344 - 7, 4);
}

static void
tsecr_only_with_ack_flag(void **state)
{
    struct tcp_offset o = { .tsecr = 0xf0000000, .fields = TCP_OFFSET_TSECR };
    struct packet p, before;

    (void) state;
    packet_make(&p, ACK, aligned_ts, sizeof aligned_ts);
    before = p;
    packet_apply(&o, &p);
    assert_only_changed(&p, &before, 28, 0x45667788, 4);

    packet_make(&p, SYN, aligned_ts, sizeof aligned_ts);
    before = p;
    packet_apply(&o, &p);
    assert_memory_equal(p.b, before.b, p.len);
}

static void
wscale_shifts_and_saturates(void **state)
{
    static const uint16_t windows[] = {
        0, 1, 2, 3, 4, 0x1234, 0x3fff, 0x4000, 0x7fff, 0x8000, 0xffff,
    };
    size_t i;
    int s;

    (void) state;
    for (s = -14; s <= 14; s++) {
        for (i = 0; i < sizeof windows / sizeof *windows; i++) {
            struct tcp_offset o = {
                .wscale = s, .fields = TCP_OFFSET_WSCALE,
            };
            /* Multiplied or divided, as opposed to shifted. */
            uint32_t expected = windows[i];
            struct packet p, before;
            int j;

            for (j = 0; j < s; j++) {
                expected *= 2;
            }
            for (j = 0; j < -s; j++) {
                expected /= 2;
            }
            if (expected > 65535) {
                expected = 65535;
            }

            packet_make(&p, ACK, NONE);
            put16(&p.b[p.tcp + 14], windows[i]);
            packet_fix_csum(&p);
            before = p;
            packet_apply(&o, &p);
            assert_only_changed(&p, &before, 14, expected, 2);
        }
    }
}

static void
wscale_spares_syn(void **state)
{
    static const uint8_t flags[] = { SYN, SYN | ACK };
    size_t i;
    int s;

    (void) state;
    for (s = -14; s <= 14; s++) {
        for (i = 0; i < sizeof flags; i++) {
            struct tcp_offset o = {
                .wscale = s, .fields = TCP_OFFSET_WSCALE,
            };
            struct packet p, before;

            packet_make(&p, flags[i], aligned_ts, sizeof aligned_ts);
            before = p;
            packet_apply(&o, &p);
            assert_memory_equal(p.b, before.b, p.len);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_figures_6_and_7),
        cmocka_unit_test(paper_figure_6_offloaded),
        cmocka_unit_test(paper_figures_10_and_11),
        cmocka_unit_test(seq_moves_sequence_number_alone),
        cmocka_unit_test(seq_and_ack_wrap_around),
        cmocka_unit_test(ack_only_with_ack_flag),
        cmocka_unit_test(ack_moves_every_sack_edge),
        cmocka_unit_test(timestamp_and_three_sack_blocks),
        cmocka_unit_test(tsval_moves_alone),
        cmocka_unit_test(tsecr_only_with_ack_flag),
        cmocka_unit_test(wscale_shifts_and_saturates),
        cmocka_unit_test(wscale_spares_syn),
    };

    return cmocka_run_group_tests_name("tcp_offset", tests, NULL, NULL);
}
