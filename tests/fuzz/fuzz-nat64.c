/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the nat64 translator: every input is an action and a
 * frame.  Whatever it is,
 *
 *   - nothing is read behind what can be read, which is in memory of its exact
 *     size, and the result does not depend on how much more can be;
 *   - a new frame is one: lengths, header checksum, offsets;
 *   - its transport checksum is as right or wrong as the old one;
 *   - fragments make up the packet and fit the MTU;
 *   - what was translated translates back, to what it was as far as the other
 *     family can say it.
 *
 *     byte 0           bit 0: direction; bits 1-3: prefix; bit 4: checksum
 *                      left to offload; bit 5: super-packet
 *     byte 1           bits 0-1: MTU; bits 2-3: VLAN tags; bits 4-7: what is
 *                      put right in the frame, see fix()
 *     bytes 2-3        bytes of padding, bit 6: 802.3 with SNAP; segment size
 *                      of a super-packet
 *     byte 4 on        a frame, from the Ethernet type on
 */

#include <config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "nat64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_LEN = 4, MAX_LEN = 2048 };
enum { IP4 = 0x0800, IP6 = 0x86dd, ARP = 0x0806 };
enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58, FRAGMENT = 44, AH = 51 };
enum { MF = 0x2000, OFS_MASK = 0x1fff };

#define REQUIRE(CONDITION)                                                    \
    do {                                                                      \
        if (!(CONDITION)) {                                                   \
            fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, #CONDITION);   \
            abort();                                                          \
        }                                                                     \
    } while (0)

struct frame {
    uint8_t b[MAX_LEN + 256 + NAT64_HEAD_MAX];
    size_t len;
    size_t l3;
};

/* What is in an IP packet, as far as it can be told. */
struct packet {
    size_t l3;
    size_t l4;
    size_t end;
    uint8_t proto;
    bool is6;
    bool fragment;              /* Not the whole of a packet. */
    bool later;                 /* Not even the start. */
};

static uint16_t
get16(const uint8_t *p)
{
    return p[0] << 8 | p[1];
}

static void
put16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = x & 0xff;
}

static uint32_t
sum(const uint8_t *p, size_t len)
{
    uint32_t total = 0;
    size_t i;

    for (i = 0; i < len; i++) {
        total += i & 1 ? p[i] : p[i] << 8;
    }
    return total;
}

/* Parses the IP packet in 'f'.  Returns false if it is not one whose headers
 * are all there. */
static bool
parse(const struct frame *f, struct packet *p)
{
    const uint8_t *ip = f->b + f->l3;
    size_t avail = f->len - f->l3;

    memset(p, 0, sizeof *p);
    p->l3 = f->l3;
    if (avail < 20) {
        return false;
    }
    if (ip[0] >> 4 == 4) {
        size_t hlen = (ip[0] & 15) * 4;
        uint16_t frag = get16(ip + 6);

        if (hlen < 20 || get16(ip + 2) < hlen || get16(ip + 2) > avail) {
            return false;
        }
        p->l4 = f->l3 + hlen;
        p->end = f->l3 + get16(ip + 2);
        p->proto = ip[9];
        p->fragment = frag & (MF | OFS_MASK);
        p->later = frag & OFS_MASK;
        return true;
    }

    if (ip[0] >> 4 != 6 || avail < 40 || get16(ip + 4) > avail - 40) {
        return false;
    }
    p->is6 = true;
    p->l4 = f->l3 + 40;
    p->end = p->l4 + get16(ip + 4);
    p->proto = ip[6];
    while (p->proto == 0 || p->proto == 43 || p->proto == 44
           || p->proto == 60) {
        const uint8_t *ext = f->b + p->l4;
        size_t n;

        if (p->end - p->l4 < 8) {
            return false;
        }
        n = p->proto == FRAGMENT ? 8 : (ext[1] + 1) * 8;
        if (p->end - p->l4 < n) {
            return false;
        }
        if (p->proto == FRAGMENT) {
            p->fragment = get16(ext + 2) & 0xfff9;
            p->later = get16(ext + 2) & 0xfff8;
        }
        p->proto = ext[0];
        p->l4 += n;
        if (p->later) {
            break;
        }
    }
    return true;
}

/* Where the transport checksum of 'p' is, or 0 if it has none that can be
 * checked. */
static size_t
csum_ofs(const struct packet *p)
{
    size_t ofs = (p->proto == TCP ? 16
                  : p->proto == UDP ? 6
                  : p->proto == (p->is6 ? ICMP6 : ICMP) ? 2
                  : 0);

    return ofs && !p->later && p->end - p->l4 >= ofs + 2 ? p->l4 + ofs : 0;
}

/* The sum of pseudo header and payload, modulo 65535. */
static uint32_t
transport_sum(const struct frame *f, const struct packet *p)
{
    uint32_t total = sum(f->b + p->l4, p->end - p->l4);

    if (p->is6) {
        total += sum(f->b + p->l3 + 8, 32);
    } else if (p->proto != ICMP) {
        total += sum(f->b + p->l3 + 12, 8);
    }
    if (p->is6 || p->proto != ICMP) {
        total += p->proto + (p->end - p->l4);
    }
    return total % 0xffff;
}

/* Puts right in 'f' what hardly any input gets right by itself: bit 0, IP
 * length; bit 1, addresses, also of a packet in an error; bit 2, IPv4 header
 * checksum; bit 3, transport checksum. */
static void
fix(const struct nat64 *n, struct frame *f, int bits)
{
    uint8_t *ip = f->b + f->l3;
    size_t avail = f->len - f->l3;
    struct packet p;

    if (get16(ip - 2) == IP6 && avail >= 40) {
        size_t pfx = n->prefix_len / 8;

        ip[0] = 0x60 | (ip[0] & 15);
        if (bits & 1) {
            put16(ip + 4, avail - 40);
        }
        if (bits & 2) {
            memcpy(ip + 8, n->prefix, pfx);
            ip[16] = 0;
            if (ip[24] != 0xff) {
                memcpy(ip + 24, n->prefix, pfx);
                ip[32] = 0;
            }
            if (parse(f, &p) && p.proto == ICMP6 && p.end - p.l4 >= 8) {
                uint8_t *in = f->b + p.l4 + 8;

                if (f->b[p.l4] < 128 && p.end - p.l4 >= 48) {
                    memcpy(in + 8, n->prefix, pfx);
                    memcpy(in + 24, n->prefix, pfx);
                    in[16] = in[32] = 0;
                } else if ((f->b[p.l4] | 1) == 137 && p.end - p.l4 >= 24) {
                    memcpy(in, n->prefix, pfx);
                    in[8] = 0;
                }
            }
        }
    } else if (get16(ip - 2) == IP4 && avail >= 20) {
        size_t hlen = (ip[0] & 15) * 4;

        ip[0] = 0x40 | (ip[0] & 15);
        if (bits & 1) {
            put16(ip + 2, avail);
        }
        if (bits & 4 && hlen >= 20 && hlen <= avail) {
            put16(ip + 10, 0);
            put16(ip + 10, ~(sum(ip, hlen) % 0xffff));
        }
    } else {
        return;
    }
    if (bits & 8 && parse(f, &p) && csum_ofs(&p)) {
        uint8_t *csum = f->b + csum_ofs(&p);

        put16(csum, 0);
        put16(csum, ~transport_sum(f, &p));
    }
}

static const struct nat64 actions[8] = {
    { .prefix_len = 96, .prefix = { 0xfe, 0x80 } },
    { .prefix_len = 96, .prefix = { 0x00, 0x64, 0xff, 0x9b } },
    { .prefix_len = 32, .prefix = { 0x20, 0x01, 0x0d, 0xb8 } },
    { .prefix_len = 40, .prefix = { 0x20, 0x01, 0x0d, 0xb8, 1 } },
    { .prefix_len = 48, .prefix = { 0x20, 0x01, 0x0d, 0xb8, 1, 2 } },
    { .prefix_len = 56, .prefix = { 0x20, 0x01, 0x0d, 0xb8, 1, 2, 3 } },
    { .prefix_len = 64, .prefix = { 0x20, 0x01, 0x0d, 0xb8, 1, 2, 3, 4 } },
    { .prefix_len = 96, .prefix = { 0xfe, 0x80 } },
};

/* nat64_translate() with the first 'linear' bytes of 'in' readable. */
static enum nat64_result
translate(const struct nat64 *n, const struct frame *in, size_t linear,
          uint16_t gso_size, bool partial, struct nat64_head *h)
{
    uint8_t *data = malloc(linear ? linear : 1);
    struct nat64_frame f = {
        .data = data,
        .linear = linear,
        .len = in->len,
        .l3_ofs = in->l3,
        .gso_size = gso_size,
        .csum_partial = partial,
    };
    enum nat64_result result;

    memcpy(data, in->b, linear);
    memset(h, 0xa5, sizeof *h);
    result = nat64_translate(n, &f, h);
    free(data);
    return result;
}

/* Where the IP header is in what is made of 'in': behind no LLC and SNAP. */
static size_t
new_l3(const struct frame *in)
{
    return (in->l3 >= 22 && get16(in->b + in->l3 - 10) < 0x600
            ? in->l3 - 8 : in->l3);
}

static bool
makes_frame(enum nat64_result result)
{
    return result == NAT64_OK || result == NAT64_FRAGMENT;
}

/* Translates 'in', with as little readable as there need be, to 'out'. */
static enum nat64_result
translate_all(const struct nat64 *n, const struct frame *in,
              uint16_t gso_size, bool partial, struct frame *out,
              struct nat64_head *h)
{
    static struct nat64_head whole;
    enum nat64_result result;
    size_t linear = 0;

    while ((result = translate(n, in, linear, gso_size, partial, h))
           == NAT64_PULL) {
        REQUIRE(h->need > linear && h->need <= in->len);
        linear = h->need;
    }
    REQUIRE(result < NAT64_N_RESULTS);
    REQUIRE(translate(n, in, in->len, gso_size, partial, &whole) == result);
    if (makes_frame(result)) {
        REQUIRE(h->len <= NAT64_HEAD_MAX && h->len == whole.len);
        REQUIRE(!memcmp(h->bytes, whole.bytes, h->len));
        REQUIRE(h->strip <= in->len && h->keep <= in->len - h->strip);
        REQUIRE(h->strip == whole.strip && h->keep == whole.keep);
        REQUIRE(h->l3_ofs == new_l3(in) && h->l4_ofs <= h->len);
        REQUIRE(h->eth_type == get16(h->bytes + h->l3_ofs - 2));
        memcpy(out->b, h->bytes, h->len);
        memcpy(out->b + h->len, in->b + h->strip, h->keep);
        out->len = h->len + h->keep;
        out->l3 = h->l3_ofs;
    }
    return result;
}

/* The new frame by itself. */
static void
check_frame(const struct nat64 *n, const struct frame *out,
            const struct nat64_head *h, bool fragment, uint16_t gso_size)
{
    const uint8_t *ip = out->b + out->l3;
    struct packet p;

    if (h->eth_type == ARP) {
        REQUIRE(n->direction == NAT64_6TO4);
        REQUIRE(out->len == out->l3 + 28 && !h->l4_ofs && !h->proto);
        return;
    }
    REQUIRE(h->eth_type == (n->direction == NAT64_4TO6 ? IP6 : IP4));
    REQUIRE(parse(out, &p));
    REQUIRE(p.end == out->len);
    REQUIRE(p.is6 == (h->eth_type == IP6));
    REQUIRE(h->proto == p.proto);
    REQUIRE(h->l4_ofs == (p.later ? 0 : p.l4));
    if (p.is6) {
        REQUIRE(!((ip[1] & 15) | ip[2] | ip[3]));
    } else {
        REQUIRE(p.l4 == p.l3 + 20);
        REQUIRE(sum(ip, 20) % 0xffff == 0);
    }
    if (n->mtu && !fragment && !gso_size) {
        /* An error is never cut, and never longer than IPv6's least MTU. */
        REQUIRE(out->len - out->l3 <= n->mtu);
    }
}

static void
check_fragments(const struct frame *out, const struct nat64_head *h)
{
    size_t hlen = h->eth_type == IP4 ? 20 : 48;
    size_t payload = out->len - out->l3 - hlen;
    size_t ofs = 0, last = 0;
    bool more = true;

    while (more) {
        static struct frame fragment;
        struct packet p;
        size_t take;

        more = nat64_fragment(h, payload, &ofs, fragment.b, &fragment.len,
                              &take);
        REQUIRE(fragment.len <= NAT64_FRAG_HEAD_MAX && take);
        REQUIRE(ofs == last + take && ofs <= payload);
        memcpy(fragment.b + fragment.len, out->b + out->l3 + hlen + last,
               take);
        fragment.l3 = out->l3;
        fragment.len += take;
        REQUIRE(fragment.len - fragment.l3 <= h->mtu);
        REQUIRE(parse(&fragment, &p) && p.end == fragment.len && p.fragment);
        last = ofs;
    }
    REQUIRE(ofs == payload);
}

static void
check_answer(const struct frame *in, uint16_t mtu)
{
    static struct frame out;
    struct nat64_frame f = {
        .data = in->b, .linear = in->len, .len = in->len, .l3_ofs = in->l3,
    };
    struct packet p;

    out.len = nat64_too_big(&f, mtu, out.b);
    out.l3 = new_l3(in);
    if (out.len) {
        REQUIRE(out.len <= NAT64_HEAD_MAX);
        REQUIRE(parse(&out, &p) && p.end == out.len);
        REQUIRE(p.proto == (p.is6 ? ICMP6 : ICMP));
        REQUIRE(transport_sum(&out, &p) == 0);
        REQUIRE(!memcmp(out.b, in->b + 6, 6) && !memcmp(out.b + 6, in->b, 6));
    }
}

static bool
is_error(const struct frame *f, const struct packet *p)
{
    uint8_t type = f->b[p->l4];

    return (p->is6 ? p->proto == ICMP6 && type < 128
                   : p->proto == ICMP && type != 0 && type != 8);
}

/* What the new packet has to do with the old one. */
static void
check_pair(const struct frame *in, const struct frame *out, bool offload)
{
    struct packet a, b;
    size_t skip;

    REQUIRE(parse(in, &a) && parse(out, &b));
    REQUIRE(a.later == b.later);
    if (!a.fragment && !offload && csum_ofs(&a)
        && (a.proto != UDP || get16(in->b + csum_ofs(&a)))) {
        REQUIRE(transport_sum(in, &a) == transport_sum(out, &b));
    }
    if (is_error(in, &a)) {
        return;
    }
    REQUIRE(a.end - a.l4 == b.end - b.l4);
    skip = csum_ofs(&a) ? csum_ofs(&a) + 2 - a.l4 : 0;
    REQUIRE(!memcmp(in->b + a.l4 + skip, out->b + b.l4 + skip,
                    a.end - a.l4 - skip));
}

/* Translates the new frame back. */
static void
check_back(const struct nat64 *n, const struct frame *in,
           const struct frame *out, bool partial)
{
    static struct frame back;
    static struct nat64_head h;
    struct nat64 reverse = *n;
    struct packet a, b;
    enum nat64_result result;

    reverse.direction = NAT64_4TO6 + NAT64_6TO4 - n->direction;
    reverse.mtu = 0;
    result = translate_all(&reverse, out, 0, partial, &back, &h);
    if (get16(out->b + out->l3 - 2) == ARP
        || get16(in->b + in->l3 - 2) == ARP) {
        REQUIRE(result == NAT64_OK);
        return;
    }
    REQUIRE(parse(in, &a));
    if (is_error(in, &a)) {
        return;                 /* From an illegal source, for one. */
    }
    if (!a.is6 && a.proto == AH && out->b[out->l3 + 6] == FRAGMENT) {
        /* RFC 7915 section 5.1.1 has it dropped, section 4.1 does not, and
         * makes fragments of what is too long. */
        REQUIRE(result == NAT64_EXTENSION);
        return;
    }
    REQUIRE(result == NAT64_OK);
    REQUIRE(parse(&back, &b));
    REQUIRE(a.is6 == b.is6 && a.proto == b.proto && a.later == b.later);
    REQUIRE(a.end - a.l4 == b.end - b.l4);
    if (a.is6) {
        REQUIRE(get16(in->b + a.l3) >> 4 == get16(back.b + b.l3) >> 4);
        REQUIRE(in->b[a.l3 + 7] == back.b[b.l3 + 7]);
        if (n->prefix_len == 96) {
            REQUIRE(!memcmp(in->b + a.l3 + 8, back.b + b.l3 + 8, 16));
        }
    } else {
        REQUIRE(in->b[a.l3 + 1] == back.b[b.l3 + 1]);
        REQUIRE(in->b[a.l3 + 8] == back.b[b.l3 + 8]);
        REQUIRE(!memcmp(in->b + a.l3 + 12, back.b + b.l3 + 12, 4));
        if (!(in->b[0] & 1) && in->b[a.l3 + 16] < 224) {
            REQUIRE(!memcmp(in->b + a.l3 + 16, back.b + b.l3 + 16, 4));
        }
        if (a.fragment) {
            REQUIRE(!memcmp(in->b + a.l3 + 4, back.b + b.l3 + 4, 2));
            REQUIRE((get16(in->b + a.l3 + 6) & (MF | OFS_MASK))
                    == get16(back.b + b.l3 + 6));
        }
    }
}

/* Makes an 802.3 frame of one that has a type. */
static void
add_snap(struct frame *f)
{
    uint8_t *type = f->b + f->l3 - 2;

    memmove(type + 8, type, f->len - (f->l3 - 2));
    memcpy(type, "\0\0\xaa\xaa\3\0\0", 8);
    put16(type, f->len - f->l3 + 8);
    f->len += 8;
    f->l3 += 8;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t mtus[2][4] = {
        { 0, 1280, 1500, 9000 }, { 0, 68, 576, 1280 },
    };
    static struct frame in, out;
    static struct nat64_head h;
    enum nat64_result result;
    uint16_t gso_size;
    struct nat64 n;
    size_t tags, i;
    bool partial;

    if (size < HEAD_LEN + 2 || size > MAX_LEN) {
        return 0;
    }
    n = actions[data[0] >> 1 & 7];
    n.direction = data[0] & 1 ? NAT64_6TO4 : NAT64_4TO6;
    n.mtu = mtus[data[0] & 1][data[1] & 3];
    REQUIRE(!nat64_check(&n));
    partial = data[0] & 16;
    gso_size = data[0] & 32 ? data[3] * 8 + 1 : 0;
    tags = (data[1] >> 2 & 3) % 3;

    memset(in.b, 0, sizeof in.b);
    memcpy(in.b, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
    if (data[0] & 64) {
        memset(in.b, 0xff, 6);
    } else if (data[0] & 128) {
        memcpy(in.b, "\x33\x33\0\0\0\1", 6);
    }
    for (i = 0; i < tags; i++) {
        put16(in.b + 12 + 4 * i, 0x8100);
    }
    in.l3 = 14 + 4 * tags;
    memcpy(in.b + in.l3 - 2, data + HEAD_LEN, size - HEAD_LEN);
    in.len = in.l3 - 2 + size - HEAD_LEN;
    fix(&n, &in, data[1] >> 4);
    if (data[2] & 64) {
        add_snap(&in);
    }
    in.len += data[2] & 63;

    result = translate_all(&n, &in, gso_size, partial, &out, &h);
    check_answer(&in, 1400);
    if (!makes_frame(result)) {
        return 0;
    }
    check_frame(&n, &out, &h, result == NAT64_FRAGMENT, gso_size);
    if (result == NAT64_FRAGMENT && !gso_size) {
        check_fragments(&out, &h);
    }
    if (!gso_size) {
        /* The length of a super-packet may be 0. */
        if (h.eth_type != ARP && get16(in.b + in.l3 - 2) != ARP) {
            check_pair(&in, &out, partial);
        }
        check_back(&n, &in, &out, partial);
    }
    return 0;
}
