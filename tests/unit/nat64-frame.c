/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"

const uint8_t mac_a[6] = { 0x02, 0, 0, 0, 0, 0x0a };
const uint8_t mac_b[6] = { 0x02, 0, 0, 0, 0, 0x0b };
const uint8_t a4[4] = { 10, 0, 0, 1 };
const uint8_t b4[4] = { 10, 0, 0, 2 };
const uint8_t a6[16] = { 0xfe, 0x80, [12] = 10, [15] = 1 };
const uint8_t b6[16] = { 0xfe, 0x80, [12] = 10, [15] = 2 };

const struct nat64 to6 = {
    .direction = NAT64_4TO6, .prefix_len = 96, .prefix = { 0xfe, 0x80 },
};
const struct nat64 to4 = {
    .direction = NAT64_6TO4, .prefix_len = 96, .prefix = { 0xfe, 0x80 },
};

uint16_t
get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

uint32_t
get32(const uint8_t *p)
{
    return (uint32_t) get16(p) << 16 | get16(p + 2);
}

void
put16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = x & 0xff;
}

void
put32(uint8_t *p, uint32_t x)
{
    put16(p, x >> 16);
    put16(p + 2, x & 0xffff);
}

uint32_t
model_sum(const uint8_t *p, size_t len, uint32_t sum)
{
    size_t i;

    for (i = 0; i < len; i++) {
        sum += i & 1 ? p[i] : p[i] << 8;
    }
    return sum;
}

uint16_t
model_fold(uint32_t sum)
{
    while (sum > 0xffff) {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    return sum;
}

uint8_t *
frame_append(struct frame *f, const void *p, size_t n)
{
    uint8_t *at = f->b + f->len;

    assert_true(n <= sizeof f->b - f->len);
    if (p) {
        memcpy(at, p, n);
    } else {
        memset(at, 0, n);
    }
    f->len += n;
    return at;
}

void
frame_eth(struct frame *f, uint16_t type)
{
    f->len = 0;
    f->proto = 0;
    frame_append(f, mac_b, 6);
    frame_append(f, mac_a, 6);
    put16(frame_append(f, NULL, 2), type);
    f->l3 = f->l4 = f->len;
}

void
frame_ip4(struct frame *f, uint8_t proto)
{
    uint8_t *ip;

    frame_eth(f, IP4);
    ip = frame_append(f, NULL, 20);
    ip[0] = 0x45;
    put16(ip + 6, DF);
    ip[8] = 63;
    ip[9] = proto;
    memcpy(ip + 12, a4, 4);
    memcpy(ip + 16, b4, 4);
    f->l4 = f->len;
}

void
frame_ip6(struct frame *f, uint8_t next)
{
    uint8_t *ip;

    frame_eth(f, IP6);
    ip = frame_append(f, NULL, 40);
    ip[0] = 0x60;
    ip[6] = next;
    ip[7] = 63;
    memcpy(ip + 8, a6, 16);
    memcpy(ip + 24, b6, 16);
    f->l4 = f->len;
}

void
frame_payload(struct frame *f, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        uint8_t byte = (uint8_t) (i * 7 + 3);

        frame_append(f, &byte, 1);
    }
}

void
frame_tcp(struct frame *f, size_t payload)
{
    static const uint8_t tcp[20] = {
        0x12, 0x34, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, 0x18, 0xff, 0
    };

    f->l4 = f->len;
    f->proto = TCP;
    frame_append(f, tcp, sizeof tcp);
    frame_payload(f, payload);
}

void
frame_udp(struct frame *f, size_t payload)
{
    uint8_t *udp;

    f->l4 = f->len;
    f->proto = UDP;
    udp = frame_append(f, NULL, 8);
    put16(udp, 4660);
    put16(udp + 2, 53);
    put16(udp + 4, 8 + payload);
    frame_payload(f, payload);
}

void
frame_icmp(struct frame *f, uint8_t type, uint8_t code, uint32_t rest)
{
    uint8_t *icmp;

    f->l4 = f->len;
    f->proto = f->b[f->l3] >> 4 == 6 ? ICMP6 : ICMP;
    icmp = frame_append(f, NULL, 8);
    icmp[0] = type;
    icmp[1] = code;
    put32(icmp + 4, rest);
}

void
frame_frag(struct frame *f, uint8_t next, uint16_t ofs, bool more,
           uint32_t id)
{
    uint8_t *ext = frame_append(f, NULL, 8);

    ext[0] = next;
    put16(ext + 2, ofs | more);
    put32(ext + 4, id);
    f->l4 = f->len;
}

void
frame_ext(struct frame *f, uint8_t next, size_t n)
{
    uint8_t *ext = frame_append(f, NULL, n);

    ext[0] = next;
    ext[1] = n / 8 - 1;
    f->l4 = f->len;
}

/* Returns where the checksum is in a header of 'proto', or 0. */
static size_t
csum_ofs(uint8_t proto)
{
    switch (proto) {
    case TCP:
        return 16;
    case UDP:
        return 6;
    case ICMP:
    case ICMP6:
        return 2;
    default:
        return 0;
    }
}

/* The sum of the pseudo header. */
static uint32_t
pseudo_sum(const struct frame *f, size_t l3, size_t len, uint8_t proto)
{
    bool is6 = f->b[l3] >> 4 == 6;

    if (!is6 && proto == ICMP) {
        return 0;
    }
    return (is6 ? model_sum(f->b + l3 + 8, 32, 0)
                : model_sum(f->b + l3 + 12, 8, 0)) + len + proto;
}

static size_t
packet_end(const struct frame *f, size_t l3)
{
    return l3 + (f->b[l3] >> 4 == 6 ? 40 + get16(f->b + l3 + 4)
                                    : get16(f->b + l3 + 2));
}

uint16_t
frame_sum(const struct frame *f, size_t l3, size_t l4, uint8_t proto)
{
    size_t len = packet_end(f, l3) - l4;

    return model_fold(model_sum(f->b + l4, len,
                                pseudo_sum(f, l3, len, proto)));
}

void
frame_csum(struct frame *f, size_t l3, size_t l4, uint8_t proto)
{
    uint8_t *csum = f->b + l4 + csum_ofs(proto);
    uint16_t value;

    put16(csum, 0);
    value = ~frame_sum(f, l3, l4, proto);
    put16(csum, proto == UDP && !value ? 0xffff : value);
}

void
frame_finish_ip(struct frame *f)
{
    uint8_t *ip = f->b + f->l3;

    if (ip[0] >> 4 == 6) {
        put16(ip + 4, f->len - f->l3 - 40);
    } else {
        size_t hlen = (ip[0] & 0xf) * 4;

        put16(ip + 2, f->len - f->l3);
        put16(ip + 10, 0);
        put16(ip + 10, ~model_fold(model_sum(ip, hlen, 0)));
    }
}

void
frame_finish(struct frame *f)
{
    frame_finish_ip(f);
    if (f->proto) {
        frame_csum(f, f->l3, f->l4, f->proto);
    }
}

/* nat64_translate() with the first 'linear' bytes of 'in' in memory of that
 * size. */
static enum nat64_result
translate(const struct nat64 *n, const struct frame *in, size_t linear,
          uint16_t gso_size, bool partial, struct nat64_head *h)
{
    struct nat64_frame f = {
        .linear = linear,
        .len = in->len,
        .l3_ofs = in->l3,
        .gso_size = gso_size,
        .csum_partial = partial,
    };
    uint8_t *data = malloc(linear ? linear : 1);
    enum nat64_result result;

    assert_non_null(data);
    memcpy(data, in->b, linear);
    f.data = data;
    memset(h, 0xa5, sizeof *h);
    result = nat64_translate(n, &f, h);
    free(data);
    return result;
}

/* Where the IP header is in what is made of 'in': LLC and SNAP are gone. */
static size_t
new_l3(const struct frame *in)
{
    bool has_length = in->l3 >= 22 && get16(in->b + in->l3 - 10) < 0x600;

    return has_length ? in->l3 - 8 : in->l3;
}

static bool
makes_frame(enum nat64_result result)
{
    return result == NAT64_OK || result == NAT64_FRAGMENT;
}

enum nat64_result
frame_translate_offload(const struct nat64 *n, const struct frame *in,
                        uint16_t gso_size, bool partial, struct frame *out,
                        struct nat64_head *h)
{
    static struct nat64_head whole;
    enum nat64_result result;
    size_t linear = 0;

    for (;;) {
        result = translate(n, in, linear, gso_size, partial, h);
        if (result != NAT64_PULL) {
            break;
        }
        assert_true(h->need > linear);
        assert_true(h->need <= in->len);
        linear = h->need;
    }

    /* More than was asked for must not make a difference. */
    assert_int_equal(translate(n, in, in->len, gso_size, partial, &whole),
                     result);
    if (makes_frame(result)) {
        assert_int_equal(whole.len, h->len);
        assert_memory_equal(whole.bytes, h->bytes, h->len);
        assert_int_equal(whole.strip, h->strip);
        assert_int_equal(whole.keep, h->keep);

        assert_true(h->len <= NAT64_HEAD_MAX);
        assert_true(h->strip <= in->len && h->keep <= in->len - h->strip);
        assert_true(h->l4_ofs <= h->len);
        assert_int_equal(h->l3_ofs, new_l3(in));
        assert_int_equal(h->eth_type, get16(h->bytes + h->l3_ofs - 2));
        out->len = 0;
        out->l3 = h->l3_ofs;
        out->l4 = h->l4_ofs;
        frame_append(out, h->bytes, h->len);
        frame_append(out, in->b + h->strip, h->keep);
    }
    return result;
}

enum nat64_result
frame_translate(const struct nat64 *n, const struct frame *in,
                struct frame *out, struct nat64_head *h)
{
    return frame_translate_offload(n, in, 0, false, out, h);
}

void
assert_same_frame(const struct frame *f, const struct frame *expected)
{
    assert_int_equal(f->len, expected->len);
    assert_memory_equal(f->b, expected->b, expected->len);
}

void
assert_becomes(const struct nat64 *n, const struct frame *in,
               const struct frame *expected)
{
    static struct nat64_head h;
    static struct frame out;

    assert_string_equal(nat64_result_name(frame_translate(n, in, &out, &h)),
                        "ok");
    assert_same_frame(&out, expected);
    if (h.eth_type == ARP) {
        assert_int_equal(h.l4_ofs, 0);
        assert_int_equal(h.proto, 0);
    } else if (h.l4_ofs) {
        assert_int_equal(h.l4_ofs, expected->l4);
    }
    if (expected->proto) {
        assert_int_equal(h.proto, expected->proto);
    }
}

void
assert_dropped(const struct nat64 *n, const struct frame *in,
               enum nat64_result reason)
{
    static struct nat64_head h;
    static struct frame out;

    assert_string_equal(nat64_result_name(frame_translate(n, in, &out, &h)),
                        nat64_result_name(reason));
}
