/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* What the check_tcp_seq action checks: does a TCP segment lie wholly inside a
 * window of the sequence space?
 *
 * Pure functions over bytes, shared by the userspace datapath and the kernel
 * module: no allocation, no state, no types of either side.
 *
 * Numbers are compared modulo 2^32 (RFC 9293 section 3.4).  Inside is
 *
 *   - by CHECK_TCP_SEQ, a segment with payload, every byte of which lies in
 *     [start, start + len), and with SYN, FIN, RST and URG clear;
 *   - by CHECK_TCP_ACK, an acknowledgment without payload whose number lies
 *     there, and with SYN, FIN and RST clear.
 *
 * Everything else is outside: malformed packets, and fragments.  The first
 * fragment is, too, since it does not say how far its segment reaches. */

#ifndef CHECK_TCP_SEQ_H
#define CHECK_TCP_SEQ_H 1

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stddef.h>
#include <stdint.h>
#endif

enum check_tcp_number {
    CHECK_TCP_SEQ,
    CHECK_TCP_ACK,
};

#define CHECK_TCP_LEN_MAX 0x7fffffffU

/* Arguments of the action, in host byte order. */
struct check_tcp_seq {
    uint32_t start;
    uint32_t len;               /* 1 to CHECK_TCP_LEN_MAX. */
    uint8_t number;             /* enum check_tcp_number. */
    uint8_t pad[3];             /* Must be zero. */
};

enum check_tcp_verdict {
    CHECK_TCP_OUTSIDE,
    CHECK_TCP_INSIDE,
    CHECK_TCP_STRADDLES,        /* Outside, but if cut into smaller segments,
                                 * some could be inside. */
};

/* Judges the IPv4 or IPv6 packet at 'l3', all 'len' bytes of which are
 * readable.  A packet shorter than its IP header says is outside. */
enum check_tcp_verdict check_tcp_packet(const struct check_tcp_seq *c,
                                        const uint8_t *l3, size_t len);

/* Returns NULL if 'c' is what the action takes, otherwise a static string on
 * what is wrong with it. */
const char *check_tcp_seq_check(const struct check_tcp_seq *c);

#endif /* check-tcp-seq.h */
