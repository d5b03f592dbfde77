/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* What the tcp_offset action does to nearly every segment (see tcp-offset.h),
 * for callers to whom a function call costs as much. */

#ifndef TCP_OFFSET_INLINE_H
#define TCP_OFFSET_INLINE_H 1

#include "tcp-offset.h"

#define HOST_IS_BIG_ENDIAN (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

/* Inline even in a kernel that is optimized for size. */
#define HOT static inline __attribute__((__always_inline__))

/* Offsets into the TCP header (RFC 9293 section 3.1). */
enum {
    TCP_SEQ = 4,
    TCP_ACK = 8,
    TCP_DOFF = 12,
    TCP_FLAGS = 13,
    TCP_WINDOW = 14,
    TCP_CSUM = 16,
    TCP_MIN_LEN = 20,
};
enum {
    FLAG_SYN = 0x02,
    FLAG_ACK = 0x10,
};

/* NOP, NOP, timestamp, its length: appendix A of RFC 7323, and the whole
 * option list of nearly every segment on the Internet. */
#define ALIGNED_TS 0x0101080aU
enum {
    ALIGNED_TS_TSVAL = TCP_MIN_LEN + 4,
    ALIGNED_TS_TSECR = TCP_MIN_LEN + 8,
    ALIGNED_TS_HLEN = TCP_MIN_LEN + 12,
};

/* Big-endian loads and stores at any alignment.  Compilers recognize bytes put
 * together by shifts as well, but then some of them merge neighbouring stores
 * into worse code than two byte swaps.  User Mode Linux is compiled with
 * -fno-builtin, which would make memcpy() a call. */
HOT uint16_t
get16(const uint8_t *p)
{
    uint16_t x;

    __builtin_memcpy(&x, p, sizeof x);
    return HOST_IS_BIG_ENDIAN ? x : __builtin_bswap16(x);
}

HOT uint32_t
get32(const uint8_t *p)
{
    uint32_t x;

    __builtin_memcpy(&x, p, sizeof x);
    return HOST_IS_BIG_ENDIAN ? x : __builtin_bswap32(x);
}

HOT void
put16(uint8_t *p, uint16_t x)
{
    x = HOST_IS_BIG_ENDIAN ? x : __builtin_bswap16(x);
    __builtin_memcpy(p, &x, sizeof x);
}

HOT void
put32(uint8_t *p, uint32_t x)
{
    x = HOST_IS_BIG_ENDIAN ? x : __builtin_bswap32(x);
    __builtin_memcpy(p, &x, sizeof x);
}

/* Adds 'n' to the 32-bit number at 'p' and returns what that adds to the
 * Internet checksum's sum, if 'p' is at an even offset.
 *
 * Modulo 65535 a 32-bit number equals the sum of its halves, because 65536 is
 * congruent to 1.  So the difference is 'n' itself, less the 2^32 (again 1)
 * lost on wrap-around.  A wrap-around needs an 'n' of at least 1. */
HOT uint32_t
add32(uint8_t *p, uint32_t n)
{
    uint32_t sum = get32(p) + n;

    put32(p, sum);
    return n - (sum < n);
}

/* Adds 'delta' to the sum behind the checksum at 'p': HC' = ~(~HC + delta),
 * equation 3 of RFC 1624.  It keeps 0 and 0xffff apart as a recomputed
 * checksum would.
 *
 * The 10 numbers in a full option list, at odd offsets, and the fixed header
 * add up to less than 2^44, for which three folds are enough. */
HOT void
update_csum(uint8_t *p, uint64_t delta)
{
    uint64_t sum = delta + (uint16_t) ~get16(p);

    sum = (sum & 0xffffffffU) + (sum >> 32);
    sum = (sum & 0xffffU) + (sum >> 16);
    sum = (sum & 0xffffU) + (sum >> 16);
    put16(p, (uint16_t) ~sum);
}

/* Applies 'o' to the TCP segment at 'tcp', like tcp_offset_segment(), if it
 * has no options or only timestamps, and the window is not to be scaled.
 * Otherwise changes nothing and returns false. */
HOT bool
tcp_offset_plain_segment(const struct tcp_offset *o, uint8_t *tcp, size_t len,
                         bool csum_partial)
{
    uint32_t ack_mask;
    uint64_t delta;
    size_t hlen;

    if (len < TCP_MIN_LEN || o->wscale) {
        return false;
    }
    hlen = (size_t) (tcp[TCP_DOFF] >> 4) * 4;
    ack_mask = tcp[TCP_FLAGS] & FLAG_ACK ? 0xffffffffU : 0;
    if (hlen == TCP_MIN_LEN) {
        delta = 0;
    } else if (hlen == ALIGNED_TS_HLEN && len >= ALIGNED_TS_HLEN
               && get32(tcp + TCP_MIN_LEN) == ALIGNED_TS) {
        delta = add32(tcp + ALIGNED_TS_TSVAL, o->tsval);
        delta += add32(tcp + ALIGNED_TS_TSECR, o->tsecr & ack_mask);
    } else {
        return false;
    }
    delta += add32(tcp + TCP_SEQ, o->seq);
    delta += add32(tcp + TCP_ACK, o->ack & ack_mask);
    if (!csum_partial) {
        update_csum(tcp + TCP_CSUM, delta);
    }
    return true;
}

#endif /* tcp-offset-inline.h */
