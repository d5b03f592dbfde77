/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* A property of nat64: a host that gets an error about a packet finds in it
 * what it has sent.  So every packet that leaves the translator, whole or in
 * pieces, is quoted in an error of the other family, at every length, and what
 * the translator makes of that error is compared with what the sender sent, as
 * far as RFC 7915 does not have it lost on the way out. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "nat64-frame.h"
#include "util.h"

static struct frame sent, out, piece, error, back, expected;
static struct nat64_head head, back_head;

static uint32_t seed;

static uint32_t
below(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* What is sent. */
struct packet {
    bool is6;
    uint8_t proto;              /* ICMP stands for either. */
    size_t len;                 /* Of the IP payload, without extensions. */
    bool options;               /* IPv4 options, or IPv6 extension headers. */
    bool frag;                  /* There is a fragment header; DF is clear. */
    bool more;
    size_t ofs;
    uint32_t id;
};

static struct packet
random_packet(void)
{
    static const uint8_t protos[] = { TCP, UDP, ICMP, 47 };
    struct packet p = {
        .is6 = below(2),
        .proto = protos[below(ARRAY_SIZE(protos))],
        .len = 24 + (below(2) ? below(60) : below(3000)),
        .options = !below(4),
        .frag = below(2),
        .id = below(0x1000000) * 77,
    };

    if (p.frag && p.proto != ICMP && below(2)) {
        p.more = below(2);
        p.ofs = p.more && below(2) ? 0 : 8 + below(7000) * 8;
    }
    return p;
}

/* Writes the header of the transport protocol, and data, as much as the
 * fragment has. */
static void
put_payload(struct frame *f, const struct packet *p)
{
    if (p->ofs) {
        frame_payload(f, p->len);
    } else if (p->proto == TCP) {
        frame_tcp(f, p->len - 20);
    } else if (p->proto == UDP) {
        frame_udp(f, p->len - 8);
        put16(f->b + f->l4 + 4, p->len + (p->more ? 800 : 0));
    } else if (p->proto == ICMP) {
        frame_icmp(f, p->is6 ? 128 : 8, 0, 0x00070009);
        frame_payload(f, p->len - 8);
    } else {
        frame_payload(f, p->len);
    }
}

/* The packet as B sends it to A, with the headers that it gets quoted with: for
 * the sender, 'as_sent', or in an error, without what the RFC leaves out. */
static void
put_packet(struct frame *f, const struct packet *p, bool as_sent)
{
    uint8_t proto = p->is6 && p->proto == ICMP ? ICMP6 : p->proto;
    bool options = as_sent && p->options;

    if (p->is6) {
        frame_ip6(f, options ? DSTOPTS : p->frag ? FRAGMENT : proto);
        memcpy(f->b + f->l3 + 8, b6, 16);
        memcpy(f->b + f->l3 + 24, a6, 16);
        if (options) {
            frame_ext(f, p->frag ? FRAGMENT : proto, 16);
        }
        if (p->frag) {
            frame_frag(f, proto, p->ofs, p->more, p->id);
        }
    } else {
        frame_ip4(f, proto);
        memcpy(f->b + f->l3 + 12, b4, 4);
        memcpy(f->b + f->l3 + 16, a4, 4);
        put16(f->b + f->l3 + 4, p->id & 0xffff);
        put16(f->b + f->l3 + 6,
              p->frag ? p->ofs / 8 | (p->more ? MF : 0) : DF);
        if (options) {
            f->b[f->l3] = 0x46;
            frame_append(f, "\1\1\1\0", 4);
        }
    }
    put_payload(f, p);
    if (!p->ofs && f->proto) {
        frame_finish_ip(f);
        frame_csum(f, f->l3, f->l4, f->proto);
    }
    frame_finish_ip(f);
}

/* An error about the first 'n' bytes of the packet in 'f', in its language.
 * With 'id' it is in an "atomic" fragment. */
static void
put_error(const struct frame *f, size_t n, uint32_t id)
{
    if (f->b[f->l3] >> 4 == 6) {
        frame_ip6(&error, id ? FRAGMENT : ICMP6);
        if (id) {
            frame_frag(&error, ICMP6, 0, false, id);
        }
        frame_icmp(&error, 1, 4, 0);
    } else {
        frame_ip4(&error, ICMP);
        frame_icmp(&error, 3, 3, 0);
    }
    frame_append(&error, f->b + f->l3, n);
    frame_finish(&error);
}

/* Bytes in the headers of the IP packet at 'ip'. */
static size_t
ip_hlen(const uint8_t *ip)
{
    return ip[0] >> 4 != 6 ? 20 : ip[6] == FRAGMENT ? 48 : 40;
}

/* What the sender of 'p' may see of the bytes of its payload that are in a
 * piece, which 'is_fragment' if it has a fragment header or as IPv4 packet not
 * DF. */
static void
expect(const struct packet *p, bool is_fragment, size_t ofs, bool more,
       size_t from, size_t len)
{
    struct packet q = *p;

    q.frag = is_fragment;
    q.ofs = ofs;
    q.more = more;
    put_packet(&expected, p, false);
    /* The header for the piece, with the payload of the whole. */
    {
        static struct frame whole;

        whole = expected;
        put_packet(&expected, &q, false);
        expected.len = expected.l3 + ip_hlen(expected.b + expected.l3);
        expected.proto = 0;
        frame_append(&expected, whole.b + whole.l3
                     + ip_hlen(whole.b + whole.l3) + from, len);
        frame_finish_ip(&expected);
    }
}

/* Where the checksum is in what is quoted, or 0. */
static size_t
csum_at(const struct packet *p, size_t from)
{
    return (p->ofs || from ? 0
            : p->proto == TCP ? 16
            : p->proto == UDP ? 6
            : p->proto == ICMP ? 2
            : 0);
}

/* Quotes 'n' bytes of 'piece', which are made of the payload of 'p' from byte
 * 'from' on, 'len' bytes, and checks what becomes of it. */
static void
check_quote(const struct packet *p, size_t from, size_t len, size_t n)
{
    const struct nat64 *reverse = p->is6 ? &to6 : &to4;
    const uint8_t *ip = piece.b + piece.l3;
    uint32_t id = below(2) ? 0x87654321 : 0;
    bool is_fragment, more;
    size_t ofs, csum, got, want, hlen;
    uint8_t *q, *e;

    put_error(&piece, n, id);
    assert_string_equal(
        nat64_result_name(frame_translate(reverse, &error, &back, &back_head)),
        "ok");
    q = back.b + back.l4 + 8;
    got = back.len - back.l4 - 8;

    if (p->is6) {
        uint16_t frag = get16(ip + 6);

        /* RFC 7915 section 4.1: a fragment header if it is a fragment. */
        ofs = (frag & 0x1fff) * 8;
        more = frag & MF;
        is_fragment = ofs || more;
    } else {
        /* RFC 7915 section 5.1.1: of the outer header. */
        assert_int_equal(get16(back.b + back.l3 + 4), id & 0xffff);
        assert_int_equal(get16(back.b + back.l3 + 6), 0);
        is_fragment = ip[6] == FRAGMENT;
        ofs = is_fragment ? get16(ip + 42) & 0xfff8 : 0;
        more = is_fragment && get16(ip + 42) & 1;
    }
    expect(p, is_fragment, ofs, more, from, len);
    e = expected.b + expected.l3;
    hlen = ip_hlen(e);
    want = hlen + (n - ip_hlen(ip));
    want = MIN(want, p->is6 ? 1280 - 48 : 576 - 28);
    assert_int_equal(got, want);

    if (p->is6) {
        if (is_fragment) {
            /* 16 bits of it, or made for it in IPv4. */
            put32(e + 44, get16(ip + 4));
        }
    } else if (!is_fragment) {
        /* Section 5.1: by the size, as the RFC guesses it. */
        put16(e + 4, 0);
        put16(e + 6, get16(e + 2) > 1260 ? DF : 0);
        put16(e + 10, 0);
        put16(e + 10, ~model_fold(model_sum(e, 20, 0)));
    }
    csum = csum_at(p, from);
    if (csum && want - hlen > csum) {
        if (p->proto == ICMP && is_fragment) {
            /* It covers a length that nobody knows here. */
            memcpy(q + hlen + csum, e + hlen + csum, 2);
        } else {
            assert_int_equal(get16(q + hlen + csum) % 0xffff,
                             get16(e + hlen + csum) % 0xffff);
        }
        memcpy(q + hlen + csum, e + hlen + csum, 2);
    }
    assert_memory_equal(q, e, want);
}

static void
check_quotes(const struct packet *p, size_t from, size_t len)
{
    size_t hlen = ip_hlen(piece.b + piece.l3);
    size_t csum = csum_at(p, from);
    size_t least = csum && p->proto == ICMP ? 4 : 0;
    int i;

    for (i = 0; i < 4; i++) {
        size_t n = least + below(MIN(len, i ? 64 : 1200) + 1 - least);

        if (!csum || n != csum + 1) {
            check_quote(p, from, len, hlen + n);
        }
    }
}

/* Returns the number of packets on the wire that 'p' becomes. */
static int
check_packet(const struct packet *p, const struct nat64 *n)
{
    size_t start, payload, ofs = 0;
    enum nat64_result result;
    bool more = true;
    int pieces;

    put_packet(&sent, p, true);
    result = frame_translate(n, &sent, &out, &head);
    if (result == NAT64_OK) {
        piece = out;
        check_quotes(p, 0, p->len);
        return 1;
    } else if (result == NAT64_TOO_BIG) {
        return 0;
    }
    assert_int_equal(result, NAT64_FRAGMENT);

    start = out.l3 + ip_hlen(out.b + out.l3);
    payload = out.len - start;
    assert_int_equal(payload, p->len);
    for (pieces = 0; more; pieces++) {
        size_t from = ofs, take;

        more = nat64_fragment(&head, payload, &ofs, piece.b, &piece.len,
                              &take);
        piece.l3 = out.l3;
        frame_append(&piece, out.b + start + from, take);
        check_quotes(p, from, take);
    }
    return pieces;
}

static void
errors_about_all_that_is_sent(void **state)
{
    static const uint16_t mtus[2][4] = {
        { 0, 1280, 1400, 1500 }, { 0, 68, 576, 1500 },
    };
    int whole = 0, cut = 0, i;

    (void) state;
    for (i = 0; i < 4000; i++) {
        struct packet p;
        struct nat64 n;
        int pieces;

        seed = i;
        p = random_packet();
        n = p.is6 ? to4 : to6;
        n.mtu = mtus[p.is6][below(4)];
        pieces = check_packet(&p, &n);
        whole += pieces == 1;
        cut += pieces > 1;
    }
    assert_true(whole > 1000 && cut > 500);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_about_all_that_is_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
