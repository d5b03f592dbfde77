/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tcp-packet.h"

const struct tcp_offset all_offsets = {
    .seq = 0x01234567, .ack = 0x89abcdef, .tsval = 0xfedcba98,
    .tsecr = 0x76543210, .wscale = 1, .fields = 0x1f,
};

const uint8_t aligned_ts[12] = {
    1, 1, 8, 10, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
};

void
put32(uint8_t *p, uint32_t x)
{
    p[0] = x >> 24;
    p[1] = x >> 16;
    p[2] = x >> 8;
    p[3] = x;
}

uint32_t
get32(const uint8_t *p)
{
    return p[0] * 0x1000000U + p[1] * 0x10000U + p[2] * 0x100U + p[3];
}

uint16_t
get16(const uint8_t *p)
{
    return p[0] * 0x100U + p[1];
}

void
put16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = x;
}

void
packet_fix_csum(struct packet *p)
{
    put16(&p->b[p->tcp + 16], tcp_model_csum(p->b, p->tcp, p->len));
}

void
packet_fix_len(struct packet *p)
{
    if (p->b[0] >> 4 == 4) {
        put16(&p->b[2], p->len);
    } else {
        put16(&p->b[4], p->len - 40);
    }
}

void
packet_append(struct packet *p, const void *data, size_t n)
{
    assert_true(p->len + n <= sizeof p->b);
    memcpy(&p->b[p->len], data, n);
    p->len += n;
}

void
packet_ip(struct packet *p, int version, uint8_t proto)
{
    static const uint8_t ip4[20] = {
        0x45, 0, 0, 0, 0xd4, 0x81, 0x40, 0, 64, 0, 0, 0,
        192, 0, 2, 1, 198, 51, 100, 2,
    };
    static const uint8_t ip6[40] = {
        0x60, 0, 0, 0, 0, 0, 0, 64,
        0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
        0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
    };

    p->len = 0;
    if (version == 4) {
        packet_append(p, ip4, sizeof ip4);
        p->b[9] = proto;
    } else {
        packet_append(p, ip6, sizeof ip6);
        p->b[6] = proto;
    }
}

void
packet_ext(struct packet *p, uint8_t next, uint8_t len_field, size_t n)
{
    uint8_t ext[64] = { next, len_field };

    packet_append(p, ext, n);
}

void
packet_tcp(struct packet *p, uint8_t flags, const void *opts, size_t n)
{
    uint8_t tcp[20] = { 0x82, 0xd2, 0, 80 };

    assert_true(n % 4 == 0 && n <= 40);
    put32(&tcp[4], SEQ);
    put32(&tcp[8], ACKNO);
    tcp[12] = (5 + n / 4) << 4;
    tcp[13] = flags;
    put16(&tcp[14], WINDOW);

    p->tcp = p->len;
    packet_append(p, tcp, sizeof tcp);
    if (n) {
        packet_append(p, opts, n);
    }
    packet_append(p, "hello", 5);
    packet_fix_len(p);
    packet_fix_csum(p);
}

void
packet_make(struct packet *p, uint8_t flags, const void *opts, size_t n)
{
    packet_ip(p, 4, 6);
    packet_tcp(p, flags, opts, n);
}

void
packet_apply_result(const struct tcp_offset *o, struct packet *p,
             enum tcp_offset_result result)
{
    uint8_t *copy = malloc(p->len);
    const char *error;

    error = tcp_model_check(o, p->b, p->len, false);
    if (!error) {
        error = tcp_model_check(o, p->b, p->len, true);
    }
    if (error) {
        fail_msg("%s", error);
    }

    assert_non_null(copy);
    memcpy(copy, p->b, p->len);
    assert_string_equal(
        tcp_offset_result_name(tcp_offset_packet(o, copy, p->len, false)),
        tcp_offset_result_name(result));
    if (result != TCP_OFFSET_OK) {
        assert_memory_equal(copy, p->b, p->len);
    }
    memcpy(p->b, copy, p->len);
    free(copy);
}

void
packet_apply(const struct tcp_offset *o, struct packet *p)
{
    packet_apply_result(o, p, TCP_OFFSET_OK);
    assert_int_equal(get16(&p->b[p->tcp + 16]),
                     tcp_model_csum(p->b, p->tcp, p->len));
}
