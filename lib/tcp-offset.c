/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "tcp-offset.h"
#include "tcp-offset-inline.h"

/* IP protocol and IPv6 next header numbers. */
enum {
    NH_HOP_BY_HOP = 0,
    NH_TCP = 6,
    NH_ROUTING = 43,
    NH_FRAGMENT = 44,
    NH_AUTH = 51,
    NH_DEST_OPTS = 60,
};

/* Offsets into the IPv4 header (RFC 791), its shortest form, and the part of
 * the fragment field that holds the offset. */
enum {
    IP4_TOT_LEN = 2,
    IP4_FRAG = 6,
    IP4_PROTO = 9,
    IP4_MIN_LEN = 20,
    IP4_FRAG_OFS_MASK = 0x1fff,
    IP4_FRAG_MORE = 0x2000,
};

/* Offsets into the IPv6 header and its fragment header (RFC 8200). */
enum {
    IP6_PLEN = 4,
    IP6_NEXT = 6,
    IP6_LEN = 40,
    IP6_EXT_MIN_LEN = 8,
    IP6_FRAG_OFS = 2,
    IP6_FRAG_OFS_MASK = 0xfff8,
    IP6_FRAG_MORE = 0x0001,
};

/* TCP options. */
enum {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_SACK = 5,               /* RFC 2018. */
    OPT_TS = 8,                 /* RFC 7323. */
    OPT_TS_LEN = 10,
    SACK_BLOCK_LEN = 8,
};

/* Scales the window at 'p' by 'shift' and returns what that adds to the sum,
 * modulo 65535. */
static inline uint32_t
scale_window(uint8_t *p, int shift)
{
    uint32_t old = get16(p);
    uint32_t new = shift >= 0 ? old << shift : old >> -shift;

    if (new > 0xffffU) {
        new = 0xffffU;
    }
    put16(p, (uint16_t) new);
    return new + 0xffffU - old;
}

/* Returns the length of the option at 'opt', where 'avail' >= 1 bytes of the
 * option list are left, or 0 if it is malformed.  End of Option List takes all
 * the rest. */
static inline size_t
option_len(const uint8_t *opt, size_t avail)
{
    switch (opt[0]) {
    case OPT_EOL:
        return avail;

    case OPT_NOP:
        return 1;

    default:
        return avail >= 2 && opt[1] >= 2 && opt[1] <= avail ? opt[1] : 0;
    }
}

static bool
options_are_valid(const uint8_t *opts, size_t len)
{
    size_t i, n;

    for (i = 0; i < len; i += n) {
        n = option_len(&opts[i], len - i);
        if (!n) {
            return false;
        }
    }
    return true;
}

/* Applies the offsets to the valid options 'opts' and returns what that adds
 * to the sum, modulo 65535. */
static uint64_t
offset_options(uint8_t *opts, size_t len,
               uint32_t tsval, uint32_t tsecr, uint32_t ack)
{
    uint64_t delta = 0;
    size_t i, n;

    for (i = 0; i < len; i += n) {
        uint8_t *opt = &opts[i];
        uint64_t d = 0;
        size_t j;

        n = option_len(opt, len - i);
        if (opt[0] == OPT_TS && n == OPT_TS_LEN) {
            d += add32(opt + 2, tsval);
            d += add32(opt + 6, tsecr);
        } else if (opt[0] == OPT_SACK && n % SACK_BLOCK_LEN == 2) {
            for (j = 2; j < n; j += 4) {
                d += add32(opt + j, ack);
            }
        }

        /* At an odd offset each byte is in the other half of its 16-bit word,
         * so it counts 256 times as much. */
        delta += i & 1 ? d << 8 : d;
    }
    return delta;
}

/* Applies the offsets to the fixed part of the header and returns what that
 * adds to the sum, modulo 65535. */
static inline uint64_t
offset_fixed_part(const struct tcp_offset *o, uint8_t *tcp, uint32_t ack)
{
    uint64_t delta = add32(tcp + TCP_SEQ, o->seq);

    delta += add32(tcp + TCP_ACK, ack);
    if (o->wscale && !(tcp[TCP_FLAGS] & FLAG_SYN)) {
        delta += scale_window(tcp + TCP_WINDOW, o->wscale);
    }
    return delta;
}

/* tcp_offset_segment() for a complete header of 'hlen' bytes with any options.
 * Not inlined, to leave its caller the registers that it needs. */
static enum tcp_offset_result __attribute__((__noinline__))
offset_any_options(const struct tcp_offset *o, uint8_t *tcp, size_t hlen,
                   bool csum_partial)
{
    uint32_t ack_mask = tcp[TCP_FLAGS] & FLAG_ACK ? 0xffffffffU : 0;
    uint32_t ack = o->ack & ack_mask;
    uint8_t *opts = tcp + TCP_MIN_LEN;
    size_t opts_len = hlen - TCP_MIN_LEN;
    uint64_t delta;

    /* Validate all before changing anything. */
    if (!options_are_valid(opts, opts_len)) {
        return TCP_OFFSET_BAD_OPTION;
    }
    delta = offset_fixed_part(o, tcp, ack);
    delta += offset_options(opts, opts_len, o->tsval, o->tsecr & ack_mask,
                            ack);
    if (!csum_partial) {
        update_csum(tcp + TCP_CSUM, delta);
    }
    return TCP_OFFSET_OK;
}

enum tcp_offset_result
tcp_offset_segment(const struct tcp_offset *o, uint8_t *tcp, size_t len,
                   bool csum_partial)
{
    size_t hlen;

    if (tcp_offset_plain_segment(o, tcp, len, csum_partial)) {
        return TCP_OFFSET_OK;
    }
    if (len < TCP_MIN_LEN) {
        return TCP_OFFSET_TRUNCATED;
    }
    hlen = (size_t) (tcp[TCP_DOFF] >> 4) * 4;
    if (hlen < TCP_MIN_LEN) {
        return TCP_OFFSET_BAD_DOFF;
    }
    if (len < hlen) {
        return TCP_OFFSET_TRUNCATED;
    }
    return offset_any_options(o, tcp, hlen, csum_partial);
}

/* tcp_offset_locate() for IPv4. */
static inline enum tcp_offset_result
locate_ip4(const uint8_t *ip, size_t len, size_t *ofs, size_t *avail,
           bool *more)
{
    size_t ihl, tot_len;

    if (len < IP4_MIN_LEN) {
        return TCP_OFFSET_TRUNCATED;
    }
    ihl = (ip[0] & 0xf) * 4;
    if (ip[IP4_PROTO] != NH_TCP || ihl < IP4_MIN_LEN) {
        return TCP_OFFSET_NOT_TCP;
    }
    if (get16(ip + IP4_FRAG) & IP4_FRAG_OFS_MASK) {
        return TCP_OFFSET_LATER_FRAG;
    }
    tot_len = get16(ip + IP4_TOT_LEN);
    if (tot_len && tot_len < len) {
        len = tot_len;
    }
    if (len < ihl) {
        return TCP_OFFSET_TRUNCATED;
    }
    *ofs = ihl;
    *avail = len - ihl;
    *more = get16(ip + IP4_FRAG) & IP4_FRAG_MORE;
    return TCP_OFFSET_OK;
}

/* tcp_offset_locate() for IPv6.
 *
 * A fragment after the first is reported as such whatever its next header.
 * The next header names the first header of the fragmentable part, which may
 * be another extension header, so nobody can tell whether TCP follows. */
static inline enum tcp_offset_result
locate_ip6(const uint8_t *ip, size_t len, size_t *ofs, size_t *avail,
           bool *more)
{
    size_t plen, i, n;
    uint8_t next;

    if (len < IP6_LEN) {
        return TCP_OFFSET_TRUNCATED;
    }
    plen = get16(ip + IP6_PLEN);
    if (plen && plen < len - IP6_LEN) {
        len = IP6_LEN + plen;
    }

    *more = false;
    next = ip[IP6_NEXT];
    for (i = IP6_LEN; next != NH_TCP; i += n) {
        const uint8_t *ext = ip + i;

        if (next != NH_HOP_BY_HOP && next != NH_ROUTING
            && next != NH_FRAGMENT && next != NH_AUTH
            && next != NH_DEST_OPTS) {
            return TCP_OFFSET_NOT_TCP;
        }
        if (len - i < IP6_EXT_MIN_LEN) {
            return TCP_OFFSET_TRUNCATED;
        }
        if (next == NH_FRAGMENT) {
            if (get16(ext + IP6_FRAG_OFS) & IP6_FRAG_OFS_MASK) {
                return TCP_OFFSET_LATER_FRAG;
            }
            *more = get16(ext + IP6_FRAG_OFS) & IP6_FRAG_MORE;
            n = IP6_EXT_MIN_LEN;
        } else if (next == NH_AUTH) {
            /* RFC 4302 counts 32-bit words, less two. */
            n = (ext[1] + (size_t) 2) * 4;
        } else {
            n = (ext[1] + (size_t) 1) * 8;
        }
        if (len - i < n) {
            return TCP_OFFSET_TRUNCATED;
        }
        next = ext[0];
    }
    *ofs = i;
    *avail = len - i;
    return TCP_OFFSET_OK;
}

static inline enum tcp_offset_result
locate(const uint8_t *l3, size_t len, size_t *ofs, size_t *avail, bool *more)
{
    if (!len) {
        return TCP_OFFSET_TRUNCATED;
    }
    switch (l3[0] >> 4) {
    case 4:
        return locate_ip4(l3, len, ofs, avail, more);

    case 6:
        return locate_ip6(l3, len, ofs, avail, more);

    default:
        return TCP_OFFSET_NOT_TCP;
    }
}

enum tcp_offset_result
tcp_offset_locate(const uint8_t *l3, size_t len, size_t *ofs, size_t *avail,
                  bool *more)
{
    return locate(l3, len, ofs, avail, more);
}

enum tcp_offset_result
tcp_offset_packet(const struct tcp_offset *o, uint8_t *l3, size_t len,
                  bool csum_partial)
{
    enum tcp_offset_result result;
    size_t ofs, avail;
    bool more;

    result = locate(l3, len, &ofs, &avail, &more);
    return (result == TCP_OFFSET_OK
            ? tcp_offset_segment(o, l3 + ofs, avail, csum_partial)
            : result);
}

const char *
tcp_offset_result_name(enum tcp_offset_result result)
{
    switch (result) {
    case TCP_OFFSET_OK:
        return "ok";
    case TCP_OFFSET_LATER_FRAG:
        return "later_frag";
    case TCP_OFFSET_NOT_TCP:
        return "not_tcp";
    case TCP_OFFSET_TRUNCATED:
        return "truncated";
    case TCP_OFFSET_BAD_DOFF:
        return "bad_doff";
    case TCP_OFFSET_BAD_OPTION:
        return "bad_option";
    default:
        return "unknown";
    }
}
