/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* tcp_offset on packets of every shape: option lists, lengths, IP headers,
 * fragments, checksums, and all that it must refuse without changing a byte.
 * Every packet lies in a heap block of exactly its size, so that
 * AddressSanitizer sees each byte read or written outside of it. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tcp-packet.h"

#define NONE NULL, 0

/* Options. */

/* Timestamps and SACK at every offset that they fit at, odd ones included,
 * where their bytes are in the other half of the checksum's words. */
static void
options_at_every_offset(void **state)
{
    size_t i;

    (void) state;
    for (i = 0; i <= 30; i++) {
        uint8_t opts[40], expected[8];
        struct packet p;

        memset(opts, 1, sizeof opts);
        memcpy(&opts[i], &aligned_ts[2], 10);
        packet_make(&p, ACK, opts, sizeof opts);
        put32(expected, 0x11223344 + all_offsets.tsval);
        put32(expected + 4, 0x55667788 + all_offsets.tsecr);
        packet_apply(&all_offsets, &p);
        assert_memory_equal(&p.b[p.tcp + 20 + i + 2], expected, 8);

        opts[i] = 5;
        packet_make(&p, ACK, opts, sizeof opts);
        put32(expected, 0x11223344 + all_offsets.ack);
        put32(expected + 4, 0x55667788 + all_offsets.ack);
        packet_apply(&all_offsets, &p);
        assert_memory_equal(&p.b[p.tcp + 20 + i + 2], expected, 8);
    }
}

/* Asserts that the option list 'opts' is valid and leaves as it came. */
static void
assert_options_untouched(const void *opts, size_t n)
{
    struct packet p, before;

    packet_make(&p, ACK, opts, n);
    before = p;
    packet_apply(&all_offsets, &p);
    assert_memory_equal(&p.b[p.tcp + 20], &before.b[p.tcp + 20], n);
    assert_int_equal(get32(&p.b[p.tcp + 4]), SEQ + all_offsets.seq);
    assert_int_equal(get32(&p.b[p.tcp + 8]), ACKNO + all_offsets.ack);
}

static void
bytes_after_end_of_list_are_padding(void **state)
{
    static const uint8_t eol_ts[] = {
        0, 0, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8,
    };
    static const uint8_t eol_broken[] = { 1, 0, 8, 255 };
    static const uint8_t eol_sack[] = {
        3, 3, 7, 0, 5, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0,
    };

    (void) state;
    assert_options_untouched(eol_ts, sizeof eol_ts);
    assert_options_untouched(eol_broken, sizeof eol_broken);
    assert_options_untouched(eol_sack, sizeof eol_sack);
}

static void
other_options_are_left_alone(void **state)
{
    /* MSS, SACK-permitted, window scale. */
    static const uint8_t syn[] = {
        2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7,
    };
    /* MD5 signature, whose digest nobody without the key can mend. */
    static const uint8_t md5[20] = { 19, 18, 8, 10, 5, 10, 8, 10, 5, 10 };
    /* TCP-AO, Fast Open cookie. */
    static const uint8_t ao_tfo[28] = {
        29, 16, 1, 2, 8, 10, 5, 10, 8, 10, 5, 10, 8, 10, 5, 10,
        34, 10, 8, 10, 5, 10, 8, 10, 5, 10, 1, 0,
    };
    /* Unknown kinds, of no data and of much that looks like options. */
    static const uint8_t unknown[40] = {
        253, 2, 254, 38, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 5, 10,
    };

    (void) state;
    assert_options_untouched(syn, sizeof syn);
    assert_options_untouched(md5, sizeof md5);
    assert_options_untouched(ao_tfo, sizeof ao_tfo);
    assert_options_untouched(unknown, sizeof unknown);
}

/* A length that the RFC of its kind does not know: receivers skip it. */
static void
ill_sized_options_are_unknown(void **state)
{
    int kind, len;

    (void) state;
    for (kind = 5; kind <= 8; kind += 3) {
        for (len = 2; len <= 40; len++) {
            bool valid = kind == 8 ? len == 10 : len % 8 == 2 && len >= 10;
            uint8_t opts[40];

            memset(opts, 1, sizeof opts);
            opts[0] = kind;
            opts[1] = len;
            if (!valid) {
                assert_options_untouched(opts, sizeof opts);
            }
        }
    }
}

static void
malformed_options_change_nothing(void **state)
{
    size_t room, ofs;
    int kind, len;

    (void) state;
    for (room = 4; room <= 40; room += 4) {
        for (ofs = 0; ofs < room; ofs++) {
            for (kind = 2; kind < 256; kind += kind < 9 ? 1 : 82) {
                for (len = 0; len < 256; len++) {
                    uint8_t opts[40];
                    struct packet p;

                    memset(opts, 1, sizeof opts);
                    opts[ofs] = kind;
                    if (ofs + 1 < room) {
                        opts[ofs + 1] = len;
                        if (len >= 2 && ofs + len <= room) {
                            continue;
                        }
                    }
                    packet_make(&p, ACK, opts, room);
                    packet_apply_result(&all_offsets, &p,
                                        TCP_OFFSET_BAD_OPTION);
                }
            }
        }
    }
}

/* Well-formed or not does not depend on which arguments were given. */
static void
malformed_options_whatever_the_argument(void **state)
{
    static const uint8_t opts[] = { 1, 1, 8, 3 };
    struct tcp_offset o[] = {
        { .seq = 1, .fields = TCP_OFFSET_SEQ },
        { .ack = 1, .fields = TCP_OFFSET_ACK },
        { .tsval = 1, .fields = TCP_OFFSET_TSVAL },
        { .tsecr = 1, .fields = TCP_OFFSET_TSECR },
        { .wscale = 1, .fields = TCP_OFFSET_WSCALE },
    };
    size_t i;

    (void) state;
    for (i = 0; i < sizeof o / sizeof *o; i++) {
        struct packet p;

        packet_make(&p, ACK, opts, sizeof opts);
        packet_apply_result(&o[i], &p, TCP_OFFSET_BAD_OPTION);
    }
}

/* Lengths. */

static void
data_offset_0_to_15(void **state)
{
    int doff;

    (void) state;
    for (doff = 0; doff <= 15; doff++) {
        struct packet p;
        uint8_t nops[40];

        memset(nops, 1, sizeof nops);
        packet_make(&p, ACK, nops, sizeof nops);
        p.b[p.tcp + 12] = doff << 4 | 0xf;      /* Reserved bits set. */
        packet_fix_csum(&p);
        packet_apply_result(&all_offsets, &p,
                            doff < 5 ? TCP_OFFSET_BAD_DOFF : TCP_OFFSET_OK);
    }
}

/* Cuts a packet after every byte, once in the buffer alone (capture), once in
 * the IP length too (a first fragment may be that short), once in the IP
 * length alone (the rest is Ethernet padding). */
static void
check_truncation(const struct packet *whole, size_t hlen)
{
    size_t need = whole->tcp + hlen;
    size_t ip_len = whole->b[0] >> 4 == 4 ? 20 : 40;
    size_t n;

    for (n = 0; n <= whole->len; n++) {
        enum tcp_offset_result result;
        struct packet p = *whole;

        result = n < need ? TCP_OFFSET_TRUNCATED : TCP_OFFSET_OK;
        p.len = n;
        packet_apply_result(&all_offsets, &p, result);
        /* A length of 0 in the IPv6 header would mean a jumbogram. */
        if (n > ip_len) {
            p = *whole;
            p.len = n;
            packet_fix_len(&p);
            packet_apply_result(&all_offsets, &p, result);
            p = *whole;
            p.len = n;
            packet_fix_len(&p);
            p.len = whole->len;
            packet_apply_result(&all_offsets, &p, result);
        }
    }
}

/* All extension headers that are walked, in the order of RFC 8200 section
 * 4.1. */
static void
packet_ip6_extended(struct packet *p)
{
    packet_ip(p, 6, 0);
    packet_ext(p, 60, 1, 16);           /* Hop-by-hop options. */
    packet_ext(p, 43, 0, 8);            /* Destination options. */
    packet_ext(p, 44, 2, 24);           /* Routing. */
    packet_ext(p, 51, 0xff, 8);         /* Fragment: its length is fixed. */
    packet_ext(p, 60, 4, 24);           /* Authentication: 4-byte units. */
    packet_ext(p, 6, 0, 8);             /* Destination options. */
}

static void
truncated_at_every_byte(void **state)
{
    uint8_t opts[20] = {
        1, 1, 5, 18, 9, 9, 9, 9, 8, 8, 8, 8, 7, 7, 7, 7, 6, 6, 6, 6,
    };
    static const uint8_t router_alert[4] = { 148, 4 };
    struct packet p;

    (void) state;
    packet_make(&p, ACK, NONE);
    check_truncation(&p, 20);
    packet_make(&p, ACK, aligned_ts, sizeof aligned_ts);
    check_truncation(&p, 32);
    packet_make(&p, ACK, opts, sizeof opts);
    check_truncation(&p, 40);

    packet_ip(&p, 4, 6);
    p.b[0] = 0x46;
    packet_append(&p, router_alert, 4);
    packet_tcp(&p, ACK, aligned_ts, sizeof aligned_ts);
    check_truncation(&p, 32);

    packet_ip(&p, 6, 6);
    packet_tcp(&p, ACK, aligned_ts, sizeof aligned_ts);
    check_truncation(&p, 32);
    packet_ip6_extended(&p);
    packet_tcp(&p, ACK, aligned_ts, sizeof aligned_ts);
    check_truncation(&p, 32);
}

/* BIG TCP and jumbograms: the IP header does not say how long it is. */
static void
zero_ip_length_means_to_the_end(void **state)
{
    struct packet p;

    (void) state;
    packet_make(&p, ACK, aligned_ts, sizeof aligned_ts);
    put16(&p.b[2], 0);
    packet_apply(&all_offsets, &p);
    assert_int_equal(get32(&p.b[p.tcp + 4]), SEQ + all_offsets.seq);

    packet_ip(&p, 6, 0);
    packet_ext(&p, 6, 0, 8);
    p.b[42] = 0xc2;                     /* RFC 2675: jumbo payload. */
    p.b[43] = 4;
    packet_tcp(&p, ACK, aligned_ts, sizeof aligned_ts);
    put16(&p.b[4], 0);
    packet_apply(&all_offsets, &p);
    assert_int_equal(get32(&p.b[p.tcp + 4]), SEQ + all_offsets.seq);
}

/* IP headers. */

static void
ipv4_options_are_skipped(void **state)
{
    size_t n;

    (void) state;
    for (n = 0; n <= 40; n += 4) {
        uint8_t nops[40];
        struct packet p;

        memset(nops, 1, sizeof nops);
        packet_ip(&p, 4, 6);
        p.b[0] = 0x45 + n / 4;
        packet_append(&p, nops, n);
        packet_tcp(&p, ACK, aligned_ts, sizeof aligned_ts);
        packet_apply(&all_offsets, &p);
        assert_int_equal(get32(&p.b[20 + n + 4]), SEQ + all_offsets.seq);
        assert_int_equal(get32(&p.b[20 + n + 24]),
                         0x11223344 + all_offsets.tsval);
    }
}

static void
ipv4_header_shorter_than_20(void **state)
{
    int ihl;

    (void) state;
    for (ihl = 0; ihl < 5; ihl++) {
        struct packet p;

        packet_make(&p, ACK, NONE);
        p.b[0] = 0x40 + ihl;
        packet_apply_result(&all_offsets, &p, TCP_OFFSET_NOT_TCP);
    }
}

static void
ipv6_extension_headers_are_walked(void **state)
{
    static const uint8_t each[] = { 0, 43, 60 };
    struct packet p;
    size_t i;

    (void) state;
    for (i = 0; i < sizeof each; i++) {
        packet_ip(&p, 6, each[i]);
        packet_ext(&p, 6, 7, 64);
        packet_tcp(&p, ACK, NONE);
        packet_apply(&all_offsets, &p);
        assert_int_equal(get32(&p.b[40 + 64 + 4]), SEQ + all_offsets.seq);
    }

    packet_ip6_extended(&p);
    packet_tcp(&p, ACK, NONE);
    packet_apply(&all_offsets, &p);
    assert_int_equal(get32(&p.b[40 + 88 + 4]), SEQ + all_offsets.seq);
}

static void
other_protocols_change_nothing(void **state)
{
    static const uint8_t exts[] = { 0, 43, 44, 51, 60 };
    struct packet p;
    int proto;

    (void) state;
    for (proto = 0; proto < 256; proto++) {
        if (proto != 6) {
            packet_make(&p, ACK, NONE);
            p.b[9] = proto;
            packet_apply_result(&all_offsets, &p, TCP_OFFSET_NOT_TCP);
            if (!memchr(exts, proto, sizeof exts)) {
                packet_ip(&p, 6, proto);
                packet_tcp(&p, ACK, NONE);
                packet_apply_result(&all_offsets, &p, TCP_OFFSET_NOT_TCP);
                packet_ip(&p, 6, 60);
                packet_ext(&p, proto, 0, 8);
                packet_tcp(&p, ACK, NONE);
                packet_apply_result(&all_offsets, &p, TCP_OFFSET_NOT_TCP);
            }
        }
    }
    for (proto = 0; proto < 16; proto++) {
        if (proto != 4 && proto != 6) {
            packet_make(&p, ACK, NONE);
            p.b[0] = proto << 4 | 5;
            packet_apply_result(&all_offsets, &p, TCP_OFFSET_NOT_TCP);
        }
    }
}

/* Makes 'p' a fragment with 'field' for fragment offset and flags. */
static void
make_fragment(struct packet *p, int version, uint16_t field)
{
    if (version == 4) {
        packet_make(p, ACK, aligned_ts, sizeof aligned_ts);
        put16(&p->b[6], field);
    } else {
        packet_ip(p, 6, 44);
        packet_ext(p, 6, 0, 8);
        packet_tcp(p, ACK, aligned_ts, sizeof aligned_ts);
        put16(&p->b[42], field);
    }
}

/* Every fragment offset counts as one, no flag does. */
static void
fragments(void **state)
{
    int bit, inverted, offset;

    (void) state;
    for (bit = 0; bit < 16; bit++) {
        for (inverted = 0; inverted < 2; inverted++) {
            uint16_t field = inverted ? ~(1 << bit) : 1 << bit;
            struct packet p;

            make_fragment(&p, 4, field);
            offset = field % 8192;
            packet_apply_result(&all_offsets, &p,
                                (offset ? TCP_OFFSET_LATER_FRAG
                                 : TCP_OFFSET_OK));

            make_fragment(&p, 6, field);
            offset = field / 8;
            packet_apply_result(&all_offsets, &p,
                                (offset ? TCP_OFFSET_LATER_FRAG
                                 : TCP_OFFSET_OK));
        }
    }
}

/* Checksums. */

static void
corrupt_stays_corrupt(void **state)
{
    unsigned int error;

    (void) state;
    for (error = 1; error < 0xffff; error += 13) {
        unsigned int sum, right;
        struct packet p;

        packet_make(&p, ACK, aligned_ts, sizeof aligned_ts);
        sum = get16(&p.b[p.tcp + 16]) + error;
        put16(&p.b[p.tcp + 16], sum > 0xffff ? sum - 0xffff : sum);
        packet_apply_result(&all_offsets, &p, TCP_OFFSET_OK);
        right = tcp_model_csum(p.b, p.tcp, p.len);
        assert_int_equal((get16(&p.b[p.tcp + 16]) + 65535 - right) % 65535,
                         error);
    }
}

/* Where the right checksum is 0x0000 before or after: the value that the
 * update of RFC 1141 got wrong. */
static void
right_checksum_may_be_zero(void **state)
{
    struct tcp_offset o = { .seq = 1, .fields = TCP_OFFSET_SEQ };
    struct tcp_offset negated = { .seq = -1, .fields = TCP_OFFSET_SEQ };
    struct packet p, zero;

    (void) state;
    /* Move what the checksum lacks to zero into the urgent pointer. */
    packet_make(&zero, ACK, NONE);
    put16(&zero.b[zero.tcp + 18], get16(&zero.b[zero.tcp + 16]));
    packet_fix_csum(&zero);
    assert_int_equal(get16(&zero.b[zero.tcp + 16]), 0);

    p = zero;
    packet_apply(&o, &p);
    assert_int_equal(get16(&p.b[p.tcp + 16]), 0xfffe);
    packet_apply(&negated, &p);
    assert_memory_equal(p.b, zero.b, p.len);
}

static void
no_offset_changes_nothing(void **state)
{
    struct tcp_offset o = { .fields = 0x1f };
    unsigned int csum;
    struct packet p, before;

    (void) state;
    packet_make(&p, ACK, aligned_ts, sizeof aligned_ts);
    for (csum = 0; csum <= 0xffff; csum += 0x101) {
        put16(&p.b[p.tcp + 16], csum);
        before = p;
        packet_apply_result(&o, &p, TCP_OFFSET_OK);
        assert_memory_equal(p.b, before.b, p.len);
    }
}

static void
result_names_are_distinct(void **state)
{
    int i, j;

    (void) state;
    for (i = 0; i < TCP_OFFSET_N_RESULTS; i++) {
        assert_string_not_equal(tcp_offset_result_name(i), "unknown");
        for (j = 0; j < i; j++) {
            assert_string_not_equal(tcp_offset_result_name(i),
                                    tcp_offset_result_name(j));
        }
    }
    assert_string_equal(tcp_offset_result_name(TCP_OFFSET_N_RESULTS),
                        "unknown");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_at_every_offset),
        cmocka_unit_test(bytes_after_end_of_list_are_padding),
        cmocka_unit_test(other_options_are_left_alone),
        cmocka_unit_test(ill_sized_options_are_unknown),
        cmocka_unit_test(malformed_options_change_nothing),
        cmocka_unit_test(malformed_options_whatever_the_argument),
        cmocka_unit_test(data_offset_0_to_15),
        cmocka_unit_test(truncated_at_every_byte),
        cmocka_unit_test(zero_ip_length_means_to_the_end),
        cmocka_unit_test(ipv4_options_are_skipped),
        cmocka_unit_test(ipv4_header_shorter_than_20),
        cmocka_unit_test(ipv6_extension_headers_are_walked),
        cmocka_unit_test(other_protocols_change_nothing),
        cmocka_unit_test(fragments),
        cmocka_unit_test(corrupt_stays_corrupt),
        cmocka_unit_test(right_checksum_may_be_zero),
        cmocka_unit_test(no_offset_changes_nothing),
        cmocka_unit_test(result_names_are_distinct),
    };

    return cmocka_run_group_tests_name("tcp_offset, packets", tests,
                                       NULL, NULL);
}
