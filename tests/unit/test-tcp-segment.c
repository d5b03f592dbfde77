/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Taking TCP segments apart and putting them together.  Checksums are verified
 * by an independent sum, straight from RFC 1071. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "dp-packet.h"
#include "packets.h"
#include "utilities/tasukid/protocol/tcp-segment.h"

/* Independent of lib/csum.c. */
static uint16_t
ones_complement_sum(const uint8_t *p, size_t n, uint32_t sum)
{
    for (size_t i = 0; i < n; i++) {
        sum += i % 2 ? p[i] : p[i] << 8;
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* Asserts that the checksums in the frame at 'p' are right. */
static void
assert_checksums(const struct dp_packet *packet)
{
    const uint8_t *p = dp_packet_data(packet);
    size_t l3 = p[12] == 0x81 ? 18 : 14;
    const uint8_t *ip = p + l3;
    size_t ip_len = ip[2] << 8 | ip[3];

    assert_int_equal(dp_packet_size(packet), l3 + ip_len);
    assert_int_equal(ones_complement_sum(ip, 20, 0), 0xffff);
    if (ip[9] == IPPROTO_TCP) {
        uint32_t pseudo = ones_complement_sum(ip + 12, 8,
                                              IPPROTO_TCP + ip_len - 20);
        assert_int_equal(ones_complement_sum(ip + 20, ip_len - 20, pseudo),
                         0xffff);
    } else {
        assert_int_equal(ones_complement_sum(ip + 20, ip_len - 20, 0),
                         0xffff);
    }
}

static struct dp_packet *
frame_from_hex(const char *hex)
{
    struct dp_packet *packet = dp_packet_new(64);

    for (; *hex; hex += 2) {
        char digits[3] = { 0 };

        hex += strspn(hex, " ");
        memcpy(digits, hex, 2);
        uint8_t byte = strtoul(digits, NULL, 16);
        dp_packet_put(packet, &byte, 1);
    }
    return packet;
}

#define ETHERNET "020000000001 020000000002 0800"

/* The paper's figure 6, a SYN whose checksum was left to offload, and figure
 * 7, with a complete one. */
#define FIGURE_6 ETHERNET \
    "4500 003c d481 4000 4006 e2e6 c0a8 0101 c0a8 0102 82d2 abcd 5ec7 62a5" \
    "0000 0000 a002 3908 8382 0000 0204 05b4 0402 080a 0007 b624 0000 0000" \
    "0103 0305"
#define FIGURE_7 ETHERNET \
    "4500 003c d481 4000 4006 e2e6 c0a8 0101 c0a8 0102 82d2 abcd 5fc9 65a9" \
    "0000 0000 a002 3908 e167 0000 0204 05b4 0402 080a 0007 b624 0000 0000" \
    "0103 0305"

static void
assert_paper_syn(const char *hex, uint32_t seq)
{
    struct dp_packet *packet = frame_from_hex(hex);
    struct tcp_segment seg;

    assert_int_equal(tcp_segment_parse(packet, &seg), TCP_SEGMENT_OK);
    assert_int_equal(ntohl(seg.ip_src), 0xc0a80101);
    assert_int_equal(ntohl(seg.ip_dst), 0xc0a80102);
    assert_int_equal(ntohs(seg.tp_src), 0x82d2);
    assert_int_equal(ntohs(seg.tp_dst), 0xabcd);
    assert_int_equal(seg.seq, seq);
    assert_int_equal(seg.flags, TCP_SYN);
    assert_int_equal(seg.window, 0x3908);
    assert_int_equal(seg.len, 0);
    assert_int_equal(seg.opts.present, (TCP_OPT_MSS | TCP_OPT_WSCALE
                                        | TCP_OPT_SACK_OK | TCP_OPT_TS));
    assert_int_equal(seg.opts.mss, 1460);
    assert_int_equal(seg.opts.wscale, 5);
    assert_int_equal(seg.opts.tsval, 0x0007b624);
    assert_int_equal(seg.opts.tsecr, 0);
    dp_packet_delete(packet);
}

static void
paper_syn(void **state)
{
    (void) state;
    assert_paper_syn(FIGURE_6, 0x5ec762a5);
    assert_paper_syn(FIGURE_7, 0x5fc965a9);
}

/* One wrong bit anywhere from the IP header on is noticed. */
static void
one_bit_wrong(void **state)
{
    struct dp_packet *packet = frame_from_hex(FIGURE_7);
    uint8_t *p = dp_packet_data(packet);
    struct tcp_segment seg;

    (void) state;
    for (size_t i = 14; i < dp_packet_size(packet); i++) {
        for (int bit = 0; bit < 8; bit++) {
            p[i] ^= 1 << bit;
            assert_int_not_equal(tcp_segment_parse(packet, &seg),
                                 TCP_SEGMENT_OK);
            p[i] ^= 1 << bit;
        }
    }
    assert_int_equal(tcp_segment_parse(packet, &seg), TCP_SEGMENT_OK);
    dp_packet_delete(packet);
}

static void
truncated(void **state)
{
    struct dp_packet *packet = frame_from_hex(FIGURE_7);
    size_t size = dp_packet_size(packet);
    struct tcp_segment seg;

    (void) state;
    for (size_t n = 1; n < size; n++) {
        /* An exact copy, so that reading too far is noticed. */
        struct dp_packet *copy = dp_packet_clone_data(dp_packet_data(packet),
                                                      n);
        assert_int_equal(tcp_segment_parse(copy, &seg),
                         TCP_SEGMENT_TRUNCATED);
        dp_packet_delete(copy);
    }
    dp_packet_delete(packet);
}

/* Ethernet's minimum makes frames longer than what is in them. */
static void
padding(void **state)
{
    struct dp_packet *packet = frame_from_hex(FIGURE_7);
    struct tcp_segment seg;

    (void) state;
    dp_packet_put_zeros(packet, 40);
    assert_int_equal(tcp_segment_parse(packet, &seg), TCP_SEGMENT_OK);
    assert_int_equal(seg.len, 0);
    dp_packet_delete(packet);
}

static void
assert_error(const char *hex, enum tcp_segment_error error)
{
    struct dp_packet *packet = frame_from_hex(hex);
    struct tcp_segment seg;

    assert_int_equal(tcp_segment_parse(packet, &seg), error);
    dp_packet_delete(packet);
}

static void
not_tcp(void **state)
{
    (void) state;
    assert_error("020000000001 020000000002 0806 0001", TCP_SEGMENT_NOT_TCP);
    assert_error("020000000001 020000000002 86dd 6000", TCP_SEGMENT_NOT_TCP);

    /* UDP.  The header's checksum is ~(4500 + 001c + 4011 + c0a8 + 0101 + c0a8
     * + 0102) = ~20880 = ~(0880 + 2), RFC 1071. */
    assert_error(ETHERNET "4500 001c 0000 0000 4011 f77d c0a8 0101 c0a8 0102"
                 "0001 0002 0008 0000", TCP_SEGMENT_NOT_TCP);
}

/* Fields that lie, with IP header checksums that do not. */
static void
lying(void **state)
{
    struct tcp_segment seg;

    (void) state;
    struct {
        size_t ofs;
        uint8_t value;
        enum tcp_segment_error error;
    } lies[] = {
        { 14, 0x44, TCP_SEGMENT_BAD_HEADER },   /* IP header of 16 bytes. */
        { 14, 0x65, TCP_SEGMENT_BAD_HEADER },   /* IP version 6. */
        { 14, 0x4f, TCP_SEGMENT_BAD_CSUM },     /* Reaches into TCP. */
        { 17, 0x13, TCP_SEGMENT_BAD_HEADER },   /* Total length 19. */
        { 17, 0x14, TCP_SEGMENT_TRUNCATED },    /* Total length 20. */
        { 17, 0x3d, TCP_SEGMENT_TRUNCATED },    /* One byte too many. */
        { 20, 0x20, TCP_SEGMENT_FRAGMENT },     /* More fragments. */
        { 21, 0x01, TCP_SEGMENT_FRAGMENT },     /* A later one. */
        { 46, 0x40, TCP_SEGMENT_BAD_HEADER },   /* TCP header of 16 bytes. */
        { 46, 0xf0, TCP_SEGMENT_TRUNCATED },    /* TCP header of 60 bytes. */
    };
    for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
        struct dp_packet *packet = frame_from_hex(FIGURE_7);
        uint8_t *p = dp_packet_data(packet);

        p[lies[i].ofs] = lies[i].value;
        if (lies[i].ofs < 34 && lies[i].value != 0x4f) {
            size_t n = (p[14] & 0xf) * 4;
            p[24] = p[25] = 0;
            uint16_t csum = ~ones_complement_sum(p + 14, n, 0);
            p[24] = csum >> 8;
            p[25] = csum;
        }
        assert_int_equal(tcp_segment_parse(packet, &seg), lies[i].error);
        dp_packet_delete(packet);
    }
}

/* Everything but 'payload' and the flags of a segment that tests start from. */
static const struct tcp_segment template = {
    .eth_src = ETH_ADDR_C(02,00,00,00,00,01),
    .eth_dst = ETH_ADDR_C(02,00,00,00,00,02),
    .tos = 0x28,
    .seq = 0x10203040,
    .ack = 0x50607080,
    .window = 0x1234,
};

static void
assert_round_trip(struct tcp_segment in)
{
    struct tcp_segment out;

    in.ip_src = htonl(0x0a000064);
    in.ip_dst = htonl(0x0a000001);
    in.tp_src = htons(40000);
    in.tp_dst = htons(80);

    struct dp_packet *packet = tcp_segment_compose(&in);
    assert_checksums(packet);
    assert_int_equal(tcp_segment_parse(packet, &out), TCP_SEGMENT_OK);
    assert_memory_equal(&out.eth_src, &in.eth_src, sizeof in.eth_src);
    assert_memory_equal(&out.eth_dst, &in.eth_dst, sizeof in.eth_dst);
    assert_int_equal(out.vlan_tci, in.vlan_tci);
    assert_int_equal(out.tos, in.tos);
    assert_int_equal(out.ip_src, in.ip_src);
    assert_int_equal(out.ip_dst, in.ip_dst);
    assert_int_equal(out.tp_src, in.tp_src);
    assert_int_equal(out.tp_dst, in.tp_dst);
    assert_int_equal(out.seq, in.seq);
    assert_int_equal(out.ack, in.flags & TCP_ACK ? in.ack : 0);
    assert_int_equal(out.flags, in.flags);
    assert_int_equal(out.window, in.window);

    uint8_t present = in.opts.present;
    if (!(in.flags & TCP_SYN)) {
        present &= TCP_OPT_TS;
    }
    assert_int_equal(out.opts.present, present);
    if (present & TCP_OPT_MSS) {
        assert_int_equal(out.opts.mss, in.opts.mss);
    }
    if (present & TCP_OPT_WSCALE) {
        assert_int_equal(out.opts.wscale, in.opts.wscale);
    }
    if (present & TCP_OPT_TS) {
        assert_int_equal(out.opts.tsval, in.opts.tsval);
        assert_int_equal(out.opts.tsecr, in.opts.tsecr);
    }
    assert_int_equal(out.len, in.len);
    if (in.len) {
        assert_memory_equal(out.payload, in.payload, in.len);
    }
    dp_packet_delete(packet);
}

static void
round_trips(void **state)
{
    (void) state;
    for (int present = 0; present < 16; present++) {
        for (size_t len = 0; len < 4; len++) {
            for (int vlan = 0; vlan < 2; vlan++) {
                static const uint16_t flags[] = {
                    TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_RST,
                    TCP_ACK | TCP_PSH | TCP_FIN,
                    TCP_SYN | TCP_ECE | TCP_CWR,
                };
                for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
                    struct tcp_segment seg = template;

                    seg.flags = flags[i];
                    seg.vlan_tci = vlan ? htons(0x6064 | VLAN_CFI) : 0;
                    seg.payload = (const uint8_t *) "abcd";
                    seg.len = len;
                    seg.opts = (struct tcp_options) {
                        .present = present,
                        .mss = 1460,
                        .wscale = 7,
                        .tsval = 0x01020304,
                        .tsecr = 0x05060708,
                    };
                    assert_round_trip(seg);
                }
            }
        }
    }
}

/* What Linux sends, byte by byte. */
static void
options_as_usual(void **state)
{
    static const uint8_t syn[] = {
        2, 4, 0x05, 0xb4,               /* MSS. */
        1,                              /* NOP. */
        3, 3, 7,                        /* Window scale. */
        4, 2,                           /* SACK permitted. */
        8, 10, 0, 0, 0, 1, 0, 0, 0, 0,  /* Timestamps. */
    };
    static const uint8_t ack[] = {
        1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2,
    };
    struct tcp_segment seg = template;

    (void) state;
    seg.flags = TCP_SYN;
    seg.opts = (struct tcp_options) {
        .present = TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS,
        .mss = 1460,
        .wscale = 7,
        .tsval = 1,
    };
    struct dp_packet *packet = tcp_segment_compose(&seg);
    assert_int_equal(dp_packet_size(packet), 14 + 20 + 20 + sizeof syn);
    assert_memory_equal((uint8_t *) dp_packet_data(packet) + 54, syn,
                        sizeof syn);
    dp_packet_delete(packet);

    seg.flags = TCP_ACK;
    seg.opts.tsecr = 2;
    packet = tcp_segment_compose(&seg);
    assert_memory_equal((uint8_t *) dp_packet_data(packet) + 54, ack,
                        sizeof ack);
    dp_packet_delete(packet);
}

/* Whatever the options are, the segment is one, and those that are well-formed
 * up to the first that is not count. */
static void
odd_options(void **state)
{
    static const struct {
        uint8_t bytes[8];
        uint8_t present;
    } tests[] = {
        { { 0, 2, 4, 0x05, 0xb4 }, 0 },         /* Ends at once. */
        { { 2, 4, 1, 2, 3, 0 }, TCP_OPT_MSS },  /* Length 0. */
        { { 2, 4, 1, 2, 3, 1 }, TCP_OPT_MSS },  /* Length 1. */
        { { 2, 4, 1, 2, 3, 9 }, TCP_OPT_MSS },  /* Runs past the end. */
        { { 1, 1, 1, 1, 1, 1, 1, 2 }, 0 },      /* No length. */
        { { 2, 5, 1, 2, 3, 3, 3, 9 }, TCP_OPT_WSCALE }, /* Not an MSS. */
        { { 30, 5, 1, 2, 3, 4, 2, 0 }, TCP_OPT_SACK_OK }, /* MPTCP. */
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
        struct tcp_segment seg = template, out;

        /* Makes room for 8 bytes of options, then replaces them. */
        seg.flags = TCP_SYN;
        seg.opts.present = TCP_OPT_MSS | TCP_OPT_WSCALE;
        struct dp_packet *packet = tcp_segment_compose(&seg);
        uint8_t *p = dp_packet_data(packet);
        memcpy(p + 54, tests[i].bytes, 8);
        p[50] = p[51] = 0;
        uint16_t csum = ~ones_complement_sum(
            p + 34, 28, ones_complement_sum(p + 26, 8, IPPROTO_TCP + 28));
        p[50] = csum >> 8;
        p[51] = csum;
        assert_checksums(packet);

        assert_int_equal(tcp_segment_parse(packet, &out), TCP_SEGMENT_OK);
        assert_int_equal(out.opts.present, tests[i].present);
        dp_packet_delete(packet);
    }
}

/* RFC 7323 section 2.3. */
static void
window_scale_is_at_most_14(void **state)
{
    struct tcp_segment seg = template, out;

    (void) state;
    seg.flags = TCP_SYN;
    seg.opts = (struct tcp_options) {
        .present = TCP_OPT_WSCALE,
        .wscale = 15,
    };
    struct dp_packet *packet = tcp_segment_compose(&seg);
    assert_int_equal(tcp_segment_parse(packet, &out), TCP_SEGMENT_OK);
    assert_int_equal(out.opts.wscale, 14);
    dp_packet_delete(packet);
}

/* RFC 1191 section 4, quoting what RFC 792 says is enough. */
static void
frag_needed(void **state)
{
    struct tcp_segment seg = template;

    (void) state;
    seg.ip_src = htonl(0x0a000064);
    seg.ip_dst = htonl(0x0a000001);
    seg.tp_src = htons(40000);
    seg.tp_dst = htons(80);
    seg.len = 1448;
    struct dp_packet *packet = tcp_segment_compose_frag_needed(&seg, 900);
    const uint8_t *p = dp_packet_data(packet);

    assert_checksums(packet);
    assert_memory_equal(p, &seg.eth_src, 6);        /* To whom sent it. */
    assert_memory_equal(p + 6, &seg.eth_dst, 6);
    assert_int_equal(p[23], IPPROTO_ICMP);
    assert_memory_equal(p + 26, &seg.ip_dst, 4);
    assert_memory_equal(p + 30, &seg.ip_src, 4);
    assert_int_equal(p[34], 3);                     /* Unreachable. */
    assert_int_equal(p[35], 4);                     /* Fragmentation needed. */
    assert_int_equal(p[40] << 8 | p[41], 900);
    assert_int_equal(ones_complement_sum(p + 42, 20, 0), 0xffff);
    assert_int_equal(p[44] << 8 | p[45], 1448 + 40);
    assert_memory_equal(p + 54, &seg.ip_src, 4);
    assert_memory_equal(p + 58, &seg.ip_dst, 4);
    assert_int_equal(p[62] << 8 | p[63], 40000);
    assert_int_equal(p[64] << 8 | p[65], 80);
    assert_memory_equal(p + 66, "\x10\x20\x30\x40", 4);
    dp_packet_delete(packet);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_syn),
        cmocka_unit_test(one_bit_wrong),
        cmocka_unit_test(truncated),
        cmocka_unit_test(padding),
        cmocka_unit_test(not_tcp),
        cmocka_unit_test(lying),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(options_as_usual),
        cmocka_unit_test(odd_options),
        cmocka_unit_test(window_scale_is_at_most_14),
        cmocka_unit_test(frag_needed),
    };

    return cmocka_run_group_tests_name("tcp-segment", tests, NULL, NULL);
}
