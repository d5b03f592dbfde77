/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* ICMP errors: RFC 7915 sections 4.2 and 5.2, and RFC 4884. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* Least length of the quoted packet if extensions follow it: RFC 4884
 * section 4. */
#define QUOTE_MIN 128

/* Where the length attribute of RFC 4884 is, and what it counts. */
enum {
    ATTR_4 = 5,
    ATTR_UNIT_4 = 4,
    ATTR_6 = 4,
    ATTR_UNIT_6 = 8,
};

/* The first 8 bytes of an error. */
struct error {
    uint8_t type;
    uint8_t code;
    uint32_t rest;              /* Last 4 bytes of the new message's 8. */
    size_t quote;               /* Length of the old quotation if extensions
                                 * follow it, or else 0. */
    bool extends;               /* The new type may have extensions. */
};

/* What differs between the directions. */
struct family {
    size_t limit;               /* Of the whole new packet. */
    size_t ip_len;
    size_t attr;
    size_t attr_unit;
    size_t (*inner)(const struct nat64 *, const uint8_t *in, size_t len,
                    uint8_t *out, size_t room);
};

/* Map fields of the IPv4 header to fields of the IPv6 header, and the other
 * way: figures 3 and 6 of RFC 7915.  A negative number stands for a field that
 * the other header does not have. */

static int
pointer_4to6(uint8_t pointer)
{
    static const int8_t map[IP4_LEN] = {
        0, 1, 4, 4, -1, -1, -1, -1, 7, 6, -1, -1,
        8, 8, 8, 8, 24, 24, 24, 24
    };

    return pointer < IP4_LEN ? map[pointer] : -1;
}

static int
pointer_6to4(uint32_t pointer)
{
    static const int8_t map[8] = { 0, 1, -1, -1, 2, 2, 9, 8 };

    return (pointer < IP6_SRC ? map[pointer]
            : pointer < IP6_DST ? IP4_SRC
            : pointer < IP6_LEN ? IP4_DST
            : -1);
}

/* Guesses the MTU that a router older than RFC 1191 did not tell, from the
 * size of the packet that did not fit: section 7.1 of RFC 1191. */
static uint32_t
plateau(uint32_t tot_len)
{
    static const uint16_t plateaus[] = {
        65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296
    };
    size_t i;

    for (i = 0; i < sizeof plateaus / sizeof plateaus[0]; i++) {
        if (plateaus[i] < tot_len) {
            return plateaus[i];
        }
    }
    return NAT64_MTU_MIN_4;
}

/* Section 4.2, Fragmentation Needed.  The sender counts IPv6 headers. */
static uint32_t
mtu_4to6(const struct nat64 *n, const uint8_t *icmp, size_t len)
{
    uint32_t mtu = nat64_get16(icmp + 6);

    if (!mtu && len >= ICMP_LEN + IP4_LEN) {
        mtu = plateau(nat64_get16(icmp + ICMP_LEN + IP4_TOT_LEN));
    }
    mtu += IP6_LEN - IP4_LEN;
    if (n->mtu && mtu > n->mtu) {
        mtu = n->mtu;
    }
    return mtu < NAT64_MTU_MIN_6 ? NAT64_MTU_MIN_6 : mtu;
}

/* Section 5.2, Packet Too Big.  If the packet had a fragment header, that is a
 * part of the difference between the headers. */
static uint32_t
mtu_6to4(const struct nat64 *n, const uint8_t *icmp, size_t len)
{
    uint32_t mtu = nat64_get32(icmp + ICMP_REST);
    uint32_t less = IP6_LEN - IP4_LEN;

    if (len >= ICMP_LEN + IP6_LEN
        && icmp[ICMP_LEN + IP6_NEXT] == PROTO_FRAGMENT) {
        less += FRAG_LEN;
    }
    mtu = mtu < less + NAT64_MTU_MIN_4 ? NAT64_MTU_MIN_4 : mtu - less;
    if (n->mtu && mtu > n->mtu) {
        mtu = n->mtu;
    }
    return mtu > 0xffff ? 0xffff : mtu;
}

/* Section 4.2, Destination Unreachable. */
static bool
unreachable_4to6(const struct nat64 *n, const uint8_t *icmp, size_t len,
                 struct error *e)
{
    e->type = ICMP6_UNREACH;
    switch (icmp[ICMP_CODE]) {
    case 0:                     /* Network unreachable. */
    case 1:                     /* Host unreachable. */
    case 5:                     /* Source route failed. */
    case 6:                     /* Network unknown. */
    case 7:                     /* Host unknown. */
    case 8:                     /* Source host isolated. */
    case 11:                    /* Network unreachable for this TOS. */
    case 12:                    /* Host unreachable for this TOS. */
        e->code = 0;            /* No route. */
        return true;

    case 2:                     /* Protocol unreachable. */
        e->type = ICMP6_PARAM_PROBLEM;
        e->code = 1;            /* Unrecognized next header. */
        e->rest = IP6_NEXT;
        e->extends = false;
        return true;

    case 3:                     /* Port unreachable. */
        e->code = 4;
        return true;

    case ICMP4_FRAG_NEEDED:
        e->type = ICMP6_TOO_BIG;
        e->code = 0;
        e->rest = mtu_4to6(n, icmp, len);
        e->extends = false;
        return true;

    case 9:                     /* Network prohibited. */
    case 10:                    /* Host prohibited. */
    case 13:                    /* Administratively prohibited. */
    case 15:                    /* Precedence cutoff. */
        e->code = 1;
        return true;

    default:                    /* 14, host precedence violation. */
        return false;
    }
}

/* Section 4.2, Parameter Problem. */
static bool
parameter_problem_4to6(const uint8_t *icmp, struct error *e)
{
    int pointer = pointer_4to6(icmp[ICMP_REST]);

    /* 1, missing a required option, has no counterpart. */
    if ((icmp[ICMP_CODE] != 0 && icmp[ICMP_CODE] != 2) || pointer < 0) {
        return false;
    }
    e->type = ICMP6_PARAM_PROBLEM;
    e->code = 0;
    e->rest = (uint32_t) pointer;
    e->extends = false;
    return true;
}

static bool
error_4to6(const struct nat64 *n, const uint8_t *icmp, size_t len,
           struct error *e)
{
    e->rest = 0;
    e->quote = (size_t) icmp[ATTR_4] * ATTR_UNIT_4;
    e->extends = true;
    switch (icmp[0]) {
    case ICMP4_UNREACH:
        return unreachable_4to6(n, icmp, len, e);

    case ICMP4_TIME_EXCEEDED:
        e->type = ICMP6_TIME_EXCEEDED;
        e->code = icmp[ICMP_CODE];
        return true;

    default:
        return parameter_problem_4to6(icmp, e);
    }
}

/* Section 5.2, Destination Unreachable. */
static bool
unreachable_6to4(const uint8_t *icmp, struct error *e)
{
    e->type = ICMP4_UNREACH;
    switch (icmp[ICMP_CODE]) {
    case 0:                     /* No route. */
    case 2:                     /* Beyond the scope of the source. */
    case 3:                     /* Address unreachable. */
        e->code = 1;            /* Host unreachable. */
        return true;

    case 1:                     /* Administratively prohibited. */
        e->code = 10;
        return true;

    case 4:                     /* Port unreachable. */
        e->code = 3;
        return true;

    default:
        return false;
    }
}

/* Section 5.2, Parameter Problem. */
static bool
parameter_problem_6to4(const uint8_t *icmp, struct error *e)
{
    int pointer;

    switch (icmp[ICMP_CODE]) {
    case 0:                     /* Erroneous header field. */
        pointer = pointer_6to4(nat64_get32(icmp + ICMP_REST));
        if (pointer < 0) {
            return false;
        }
        e->type = ICMP4_PARAM_PROBLEM;
        e->code = 0;
        e->rest = (uint32_t) pointer << 24;
        return true;

    case 1:                     /* Unrecognized next header. */
        e->type = ICMP4_UNREACH;
        e->code = 2;            /* Protocol unreachable. */
        return true;

    default:                    /* 2, unrecognized option. */
        return false;
    }
}

static bool
error_6to4(const struct nat64 *n, const uint8_t *icmp, size_t len,
           struct error *e)
{
    e->rest = 0;
    e->quote = 0;               /* Some types have no length attribute. */
    e->extends = true;
    switch (icmp[0]) {
    case ICMP6_UNREACH:
        e->quote = (size_t) icmp[ATTR_6] * ATTR_UNIT_6;
        return unreachable_6to4(icmp, e);

    case ICMP6_TOO_BIG:
        e->type = ICMP4_UNREACH;
        e->code = ICMP4_FRAG_NEEDED;
        e->rest = mtu_6to4(n, icmp, len);
        return true;

    case ICMP6_TIME_EXCEEDED:
        e->quote = (size_t) icmp[ATTR_6] * ATTR_UNIT_6;
        e->type = ICMP4_TIME_EXCEEDED;
        e->code = icmp[ICMP_CODE];
        return true;

    default:
        return parameter_problem_6to4(icmp, e);
    }
}

/* Writes the 'len' bytes of extensions at 'ext' behind the 'quoted' bytes of
 * the packet in error at 'out' + 8, which it pads for this.  Returns the
 * length of both together: RFC 4884 section 5.1. */
static size_t
put_extensions(const struct family *to, uint8_t *out, size_t quoted,
               const uint8_t *ext, size_t len)
{
    size_t padded = quoted < QUOTE_MIN ? QUOTE_MIN : quoted;

    padded += -padded % to->attr_unit;
    memset(out + ICMP_LEN + quoted, 0, padded - quoted);
    memcpy(out + ICMP_LEN + padded, ext, len);
    out[to->attr] = (uint8_t) (padded / to->attr_unit);
    return padded + len;
}

/* Translates the error 'e' at 'icmp', 'len' bytes, to 'out', except for the
 * checksum.  Returns its new length, or 0 if the packet in it does not
 * translate. */
static size_t
put_error(const struct nat64 *n, const struct family *to,
          const struct error *e, const uint8_t *icmp, size_t len, uint8_t *out)
{
    size_t room = to->limit - to->ip_len - ICMP_LEN;
    size_t quote = len - ICMP_LEN;
    size_t ext_len = 0;
    size_t quoted;

    if (e->quote) {
        if (e->extends && quote - e->quote + QUOTE_MIN <= room) {
            ext_len = quote - e->quote;
            room -= ext_len;
            room -= room % to->attr_unit;
        }
        quote = e->quote;
    }
    out[0] = e->type;
    out[ICMP_CODE] = e->code;
    nat64_put16(out + ICMP_CSUM, 0);
    nat64_put32(out + ICMP_REST, e->rest);
    quoted = to->inner(n, icmp + ICMP_LEN, quote, out + ICMP_LEN, room);
    if (!quoted) {
        return 0;
    }
    if (ext_len) {
        quoted = put_extensions(to, out, quoted, icmp + len - ext_len,
                                ext_len);
    }
    return ICMP_LEN + quoted;
}

/* Writes the checksum of the 'len' bytes of ICMP at 'out'.  'pseudo' is the
 * sum of their pseudo header, and 'old' the sum of the old message, checksum
 * and pseudo header included.  If 'old' is not 0xffff, the old message was
 * damaged on its way, and the new checksum is to be wrong as well. */
static void
put_checksum(uint8_t *out, size_t len, uint64_t pseudo, uint16_t old)
{
    uint64_t sum = pseudo + nat64_sum(out, len);
    uint16_t csum = (uint16_t) ~nat64_fold(sum + (uint16_t) ~old);

    memcpy(out + ICMP_CSUM, &csum, sizeof csum);
}

static void
finish(const struct nat64_frame *f, struct nat64_head *h, size_t l4)
{
    h->strip = f->len;
    h->keep = 0;
    h->l4_ofs = (uint16_t) l4;
}

enum nat64_result
nat64_icmp_error_4to6(const struct nat64 *n, const struct nat64_frame *f,
                      struct nat64_head *h, size_t l4, size_t end)
{
    static const struct family family = {
        .limit = NAT64_MTU_MIN_6,
        .ip_len = IP6_LEN,
        .attr = ATTR_6,
        .attr_unit = ATTR_UNIT_6,
        .inner = nat64_inner_4to6,
    };
    uint8_t *ip6 = h->bytes + h->l3_ofs;
    const uint8_t *icmp = f->data + l4;
    uint8_t *out = ip6 + IP6_LEN;
    size_t len = end - l4;
    struct error e;

    if (f->linear < end) {
        return nat64_short(f, h, end);
    }
    if (!error_4to6(n, icmp, len, &e)) {
        return NAT64_ICMP_TYPE;
    }
    if (e.quote > len - ICMP_LEN) {
        return NAT64_BAD_HEADER;
    }
    len = put_error(n, &family, &e, icmp, len, out);
    if (!len) {
        return NAT64_ICMP_INNER;
    }
    nat64_put16(ip6 + IP6_PLEN, (uint16_t) len);
    put_checksum(out, len, nat64_pseudo6(ip6, len),
                 nat64_fold(nat64_sum(icmp, end - l4)));
    h->len = h->l3_ofs + IP6_LEN + len;
    finish(f, h, h->l3_ofs + (size_t) IP6_LEN);
    return NAT64_OK;
}

enum nat64_result
nat64_icmp_error_6to4(const struct nat64 *n, const struct nat64_frame *f,
                      struct nat64_head *h, size_t l4, size_t end)
{
    struct family family = {
        .limit = (n->mtu && n->mtu < NAT64_ICMP4_MAX
                  ? n->mtu : NAT64_ICMP4_MAX),
        .ip_len = IP4_LEN,
        .attr = ATTR_4,
        .attr_unit = ATTR_UNIT_4,
        .inner = nat64_inner_6to4,
    };
    const uint8_t *ip6 = f->data + f->l3_ofs;
    uint8_t *ip4 = h->bytes + h->l3_ofs;
    const uint8_t *icmp = f->data + l4;
    uint8_t *out = ip4 + IP4_LEN;
    size_t len = end - l4;
    uint16_t old;
    struct error e;

    if (f->linear < end) {
        return nat64_short(f, h, end);
    }
    if (!error_6to4(n, icmp, len, &e)) {
        return NAT64_ICMP_TYPE;
    }
    if (e.quote > len - ICMP_LEN) {
        return NAT64_BAD_HEADER;
    }
    old = nat64_fold(nat64_pseudo6(ip6, len) + nat64_sum(icmp, len));
    len = put_error(n, &family, &e, icmp, len, out);
    if (!len) {
        return NAT64_ICMP_INNER;
    }
    nat64_put_ip4(ip4, ip4[IP4_TOS], (uint16_t) (IP4_LEN + len),
                  nat64_get16(ip4 + IP4_ID), 0, ip4[IP4_TTL], PROTO_ICMP4,
                  nat64_get32(ip4 + IP4_SRC), nat64_get32(ip4 + IP4_DST));
    put_checksum(out, len, 0, old);
    h->len = h->l3_ofs + IP4_LEN + len;
    finish(f, h, h->l3_ofs + (size_t) IP4_LEN);
    return NAT64_OK;
}
