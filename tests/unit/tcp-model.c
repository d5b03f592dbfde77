/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tcp-model.h"
#include <stdlib.h>
#include <string.h>

#define TWO_TO_32 ((uint64_t) 1 << 32)

/* A reader of big-endian numbers that remembers having been asked for more
 * than there is. */
struct cursor {
    const uint8_t *p;
    size_t left;
    bool overrun;
};

static uint64_t
take(struct cursor *c, size_t n)
{
    uint64_t value = 0;

    if (n > c->left) {
        c->overrun = true;
        c->left = 0;
        return 0;
    }
    for (; n; n--) {
        value = value * 256 + *c->p++;
        c->left--;
    }
    return value;
}

static void
skip(struct cursor *c, size_t n)
{
    for (; n && !c->overrun; n--) {
        take(c, 1);
    }
}

static void
write_be(uint8_t *p, uint64_t value, size_t n)
{
    while (n--) {
        p[n] = value % 256;
        value /= 256;
    }
}

/* One's complement arithmetic, one 16-bit word at a time. */
static uint16_t
ones_add(uint16_t a, uint16_t b)
{
    uint32_t sum = (uint32_t) a + b;

    return sum > 0xffff ? sum - 0xffff : sum;
}

static uint16_t
ones_sum(uint16_t sum, const uint8_t *p, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        sum = ones_add(sum, i % 2 ? p[i] : p[i] * 256);
    }
    return sum;
}

uint16_t
tcp_model_pseudo_sum(const uint8_t *l3, size_t tcp_ofs, size_t len)
{
    bool v6 = l3[0] / 16 == 6;
    uint16_t sum = ones_sum(0, v6 ? l3 + 8 : l3 + 12, v6 ? 32 : 8);
    uint8_t rest[8];

    write_be(rest, len - tcp_ofs, 4);
    write_be(rest + 4, 6, 4);
    return ones_sum(sum, rest, sizeof rest);
}

uint16_t
tcp_model_csum(const uint8_t *l3, size_t tcp_ofs, size_t len)
{
    uint16_t sum = tcp_model_pseudo_sum(l3, tcp_ofs, len);

    sum = ones_sum(sum, l3 + tcp_ofs, 16);
    sum = ones_sum(sum, l3 + tcp_ofs + 18, len - tcp_ofs - 18);
    return 0xffff - sum;
}

/* What the model says about a packet. */
struct verdict {
    enum tcp_offset_result result;
    size_t tcp_ofs;             /* Only for TCP_OFFSET_OK. */
    size_t end;                 /* Where the segment ends; same. */
    bool reversible;            /* The window can be scaled back. */
};

/* Leaves 'c' at the start of the TCP header and bounded by the IP length. */
static enum tcp_offset_result
find_tcp(struct cursor *c)
{
    struct cursor peek = *c;
    uint64_t version_ihl = take(&peek, 1);
    uint64_t len, proto, frag;

    if (peek.overrun) {
        return TCP_OFFSET_TRUNCATED;
    }
    if (version_ihl / 16 == 4) {
        struct cursor whole = *c;

        take(&peek, 1);                         /* TOS. */
        len = take(&peek, 2);
        take(&peek, 2);                         /* Identification. */
        frag = take(&peek, 2) % 8192;
        take(&peek, 1);                         /* TTL. */
        proto = take(&peek, 1);
        take(&peek, 10);                        /* Checksum, addresses. */
        if (peek.overrun) {
            return TCP_OFFSET_TRUNCATED;
        }
        if (proto != 6 || version_ihl % 16 < 5) {
            return TCP_OFFSET_NOT_TCP;
        }
        if (frag) {
            return TCP_OFFSET_LATER_FRAG;
        }
        if (len && len < whole.left) {
            whole.left = len;
        }
        skip(&whole, version_ihl % 16 * 4);
        *c = whole;
        return c->overrun ? TCP_OFFSET_TRUNCATED : TCP_OFFSET_OK;
    }
    if (version_ihl / 16 != 6) {
        return TCP_OFFSET_NOT_TCP;
    }

    take(&peek, 3);                             /* Class, flow label. */
    len = take(&peek, 2);
    proto = take(&peek, 1);
    skip(&peek, 33);                            /* Hop limit, addresses. */
    if (peek.overrun) {
        return TCP_OFFSET_TRUNCATED;
    }
    *c = peek;
    if (len && len < c->left) {
        c->left = len;
    }
    while (proto != 6) {
        bool known = (proto == 0 || proto == 43 || proto == 44 || proto == 51
                      || proto == 60);
        uint64_t next, units, word;

        if (!known) {
            return TCP_OFFSET_NOT_TCP;
        }
        next = take(c, 1);
        units = take(c, 1);
        word = take(c, 2);
        skip(c, 4);
        if (c->overrun) {
            return TCP_OFFSET_TRUNCATED;
        }
        if (proto == 44) {
            if (word / 8) {
                return TCP_OFFSET_LATER_FRAG;
            }
        } else if (proto == 51) {
            skip(c, units * 4);
        } else {
            skip(c, units * 8);
        }
        if (c->overrun) {
            return TCP_OFFSET_TRUNCATED;
        }
        proto = next;
    }
    return TCP_OFFSET_OK;
}

static uint64_t
scale(uint64_t window, int shift)
{
    int i;

    for (i = 0; i < shift; i++) {
        window *= 2;
    }
    for (i = 0; i > shift; i--) {
        window /= 2;
    }
    return window > 65535 ? 65535 : window;
}

/* Writes into 'out', a copy of the packet's 'len' bytes, everything that the
 * action changes except the checksum, or part of it if the verdict is not
 * TCP_OFFSET_OK. */
static struct verdict
model(const struct tcp_offset *o, const uint8_t *l3, size_t len, uint8_t *out)
{
    struct verdict v = { .reversible = true };
    struct cursor c = { .p = l3, .left = len };
    uint64_t seq, ack, doff, flags, window;
    struct cursor opts;
    uint8_t *tcp;

    v.result = find_tcp(&c);
    if (v.result != TCP_OFFSET_OK) {
        return v;
    }
    v.tcp_ofs = c.p - l3;
    v.end = v.tcp_ofs + c.left;
    tcp = out + v.tcp_ofs;

    opts = c;
    take(&c, 4);                                /* Ports. */
    seq = take(&c, 4);
    ack = take(&c, 4);
    doff = take(&c, 1) / 16;
    flags = take(&c, 1);
    window = take(&c, 2);
    take(&c, 4);                                /* Checksum, urgent. */
    if (c.overrun) {
        v.result = TCP_OFFSET_TRUNCATED;
        return v;
    }
    if (doff < 5) {
        v.result = TCP_OFFSET_BAD_DOFF;
        return v;
    }
    if (doff * 4 > opts.left) {
        v.result = TCP_OFFSET_TRUNCATED;
        return v;
    }
    opts.left = doff * 4;
    skip(&opts, 20);

    bool is_ack = flags / 16 % 2;
    bool is_syn = flags / 2 % 2;

    write_be(tcp + 4, (seq + o->seq) % TWO_TO_32, 4);
    if (is_ack) {
        write_be(tcp + 8, (ack + o->ack) % TWO_TO_32, 4);
    }
    if (!is_syn) {
        uint64_t scaled = scale(window, o->wscale);

        write_be(tcp + 14, scaled, 2);
        v.reversible = scale(scaled, -o->wscale) == window;
    }

    while (opts.left) {
        uint8_t *data = out + (opts.p - l3) + 2;
        uint64_t kind = take(&opts, 1);
        uint64_t size, value;
        struct cursor body;

        if (kind == 0) {
            break;
        } else if (kind == 1) {
            continue;
        }
        size = take(&opts, 1);
        if (opts.overrun || size < 2 || size - 2 > opts.left) {
            v.result = TCP_OFFSET_BAD_OPTION;
            return v;
        }
        body = opts;
        skip(&opts, size - 2);

        if (kind == 8 && size == 10) {
            value = take(&body, 4);
            write_be(data, (value + o->tsval) % TWO_TO_32, 4);
            value = take(&body, 4);
            if (is_ack) {
                write_be(data + 4, (value + o->tsecr) % TWO_TO_32, 4);
            }
        } else if (kind == 5 && (size == 10 || size == 18 || size == 26
                                 || size == 34)) {
            for (body.left = size - 2; body.left && is_ack; data += 4) {
                value = take(&body, 4);
                write_be(data, (value + o->ack) % TWO_TO_32, 4);
            }
        }
    }
    return v;
}

static uint8_t *
exact_copy(const void *p, size_t n)
{
    /* One byte would do for malloc(0), but would hide a read of it. */
    uint8_t *copy = malloc(n);

    if (!copy && n) {
        abort();
    }
    if (n) {
        memcpy(copy, p, n);
    }
    return copy;
}

static struct tcp_offset
negate(const struct tcp_offset *o)
{
    struct tcp_offset n = *o;

    n.seq = -o->seq;
    n.ack = -o->ack;
    n.tsval = -o->tsval;
    n.tsecr = -o->tsecr;
    n.wscale = -o->wscale;
    return n;
}

/* Bytes equal, and checksum fields equal as one's complement numbers, where 0
 * and 0xffff are the same. */
static bool
same_packet(const uint8_t *a, const uint8_t *b, size_t len, size_t csum_ofs)
{
    return (!memcmp(a, b, csum_ofs)
            && !memcmp(a + csum_ofs + 2, b + csum_ofs + 2, len - csum_ofs - 2)
            && ((a[csum_ofs] * 256 + a[csum_ofs + 1]) % 65535
                == (b[csum_ofs] * 256 + b[csum_ofs + 1]) % 65535));
}

static const char *
check_csum(const uint8_t *before, const uint8_t *after,
           const struct verdict *v, bool csum_partial)
{
    size_t n = v->end - v->tcp_ofs;
    const uint8_t *b = before + v->tcp_ofs;
    const uint8_t *a = after + v->tcp_ofs;
    unsigned int was = b[16] * 256 + b[17];
    unsigned int is = a[16] * 256 + a[17];
    unsigned int right_was = tcp_model_csum(before, v->tcp_ofs, v->end);
    unsigned int right_is = tcp_model_csum(after, v->tcp_ofs, v->end);

    if (csum_partial) {
        return is == was ? NULL : "checksum left to offload was changed";
    }
    if (was == right_was && is != right_is) {
        return "right checksum became wrong";
    }
    if ((was + 65535 - right_was) % 65535 != (is + 65535 - right_is) % 65535) {
        return "error of the checksum changed";
    }
    if (is == 0xffff && was != 0xffff) {
        return "checksum became 0xffff, which no sum of a segment gives";
    }
    if (ones_sum(0, b, n) % 65535 != ones_sum(0, a, n) % 65535) {
        return "sum over the segment changed: CHECKSUM_COMPLETE breaks";
    }
    return NULL;
}

/* The checks that need the packet transformed more than once. */
static const char *
check_algebra(const struct tcp_offset *o, const uint8_t *before,
              const uint8_t *after, size_t len, const struct verdict *v,
              bool csum_partial)
{
    size_t csum_ofs = v->tcp_ofs + 16;
    struct tcp_offset negated = negate(o);
    struct tcp_offset second = {
        .seq = o->ack, .ack = o->tsval, .tsval = o->tsecr, .tsecr = o->seq,
        .fields = 0xf,
    };
    struct tcp_offset sum = {
        .seq = o->seq + second.seq, .ack = o->ack + second.ack,
        .tsval = o->tsval + second.tsval, .tsecr = o->tsecr + second.tsecr,
        .wscale = o->wscale, .fields = o->fields | second.fields,
    };
    uint8_t *a = exact_copy(after, len);
    uint8_t *b = exact_copy(before, len);
    const char *error = NULL;

    if (tcp_offset_packet(&negated, a, len, csum_partial) != TCP_OFFSET_OK) {
        error = "result of the negated offsets differs";
    } else if (v->reversible && !same_packet(a, before, len, csum_ofs)) {
        error = "negated offsets do not restore the packet";
    }

    memcpy(a, after, len);
    if (tcp_offset_packet(&second, a, len, csum_partial) != TCP_OFFSET_OK
        || tcp_offset_packet(&sum, b, len, csum_partial) != TCP_OFFSET_OK) {
        error = "result of a second action differs";
    } else if (!same_packet(a, b, len, csum_ofs)) {
        error = "two actions do not add up";
    }
    free(a);
    free(b);
    return error;
}

/* tcp_offset_locate() followed by tcp_offset_segment(), the way that the
 * kernel goes, is tcp_offset_packet(). */
static const char *
check_split(const struct tcp_offset *o, const uint8_t *before,
            const uint8_t *after, size_t len, enum tcp_offset_result result,
            bool csum_partial)
{
    uint8_t *l3 = exact_copy(before, len);
    enum tcp_offset_result r;
    size_t ofs, avail;
    bool same, more;

    r = tcp_offset_locate(l3, len, &ofs, &avail, &more);
    if (r == TCP_OFFSET_OK) {
        uint8_t *tcp = exact_copy(l3 + ofs, avail);

        r = tcp_offset_segment(o, tcp, avail, csum_partial);
        if (avail) {
            memcpy(l3 + ofs, tcp, avail);
        }
        free(tcp);
    }
    same = r == result && (!len || !memcmp(l3, after, len));
    free(l3);
    return same ? NULL : "locate and segment differ from packet";
}

const char *
tcp_model_check(const struct tcp_offset *o, const uint8_t *l3, size_t len,
                bool csum_partial)
{
    uint8_t *after = exact_copy(l3, len);
    uint8_t *expected = exact_copy(l3, len);
    struct verdict v = model(o, l3, len, expected);
    const char *error = NULL;

    if (tcp_offset_packet(o, after, len, csum_partial) != v.result) {
        error = "result differs from the model's";
    } else if (v.result != TCP_OFFSET_OK) {
        if (len && memcmp(after, l3, len)) {
            error = "packet changed although it could not be handled";
        }
    } else {
        memcpy(expected + v.tcp_ofs + 16, after + v.tcp_ofs + 16, 2);
        if (memcmp(after, expected, len)) {
            error = "bytes differ from the model's";
        } else {
            error = check_csum(l3, after, &v, csum_partial);
        }
        if (!error) {
            error = check_algebra(o, l3, after, len, &v, csum_partial);
        }
    }
    if (!error) {
        error = check_split(o, l3, after, len, v.result, csum_partial);
    }
    free(after);
    free(expected);
    return error;
}

bool
tcp_model_in_window(const struct check_tcp_seq *c, int64_t number)
{
    const int64_t two32 = INT64_C(1) << 32;

    for (int64_t n = number - 2 * two32; n <= number + 2 * two32; n += two32) {
        if (n >= c->start && n < (int64_t) c->start + c->len) {
            return true;
        }
    }
    return false;
}
