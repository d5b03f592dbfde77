/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Frames for the tests of the nat64 translator: built field by field, without
 * help from what is tested, and compared byte by byte. */

#ifndef NAT64_FRAME_H
#define NAT64_FRAME_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "nat64.h"

/* Numbers from the standards. */
enum { IP4 = 0x0800, ARP = 0x0806, IP6 = 0x86dd };
enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };
enum { HOPOPTS = 0, ROUTING = 43, FRAGMENT = 44, AH = 51, DSTOPTS = 60 };
enum { DF = 0x4000, MF = 0x2000 };

struct frame {
    uint8_t b[70000];
    size_t len;
    size_t l3;                  /* Offset of the IP header. */
    size_t l4;                  /* Of what the last frame_*() appended. */
    uint8_t proto;              /* What is there, or 0 if it has no
                                 * checksum. */
};

/* The hosts of the tests, 10.0.0.1 and 10.0.0.2, and their addresses with
 * fe80::/96. */
extern const uint8_t mac_a[6], mac_b[6];
extern const uint8_t a4[4], b4[4];
extern const uint8_t a6[16], b6[16];

/* The action, with prefix fe80::/96 and without MTU. */
extern const struct nat64 to6, to4;

/* Bytes. */
uint16_t get16(const uint8_t *);
uint32_t get32(const uint8_t *);
void put16(uint8_t *, uint16_t);
void put32(uint8_t *, uint32_t);

/* The Internet checksum's sum over 'len' bytes, added to 'sum', not folded. */
uint32_t model_sum(const uint8_t *, size_t len, uint32_t sum);
uint16_t model_fold(uint32_t sum);

/* Start a frame from host A to host B. */
void frame_eth(struct frame *, uint16_t type);
void frame_ip4(struct frame *, uint8_t proto);
void frame_ip6(struct frame *, uint8_t next);

/* Append. */
uint8_t *frame_append(struct frame *, const void *, size_t);
void frame_payload(struct frame *, size_t len);
void frame_tcp(struct frame *, size_t payload);
void frame_udp(struct frame *, size_t payload);
void frame_icmp(struct frame *, uint8_t type, uint8_t code, uint32_t rest);
/* An IPv6 fragment header, 'ofs' in bytes. */
void frame_frag(struct frame *, uint8_t next, uint16_t ofs, bool more,
                uint32_t id);
/* An IPv6 extension header of 'n' bytes. */
void frame_ext(struct frame *, uint8_t next, size_t n);

/* Completes IP lengths and the IPv4 header checksum, and the checksum of the
 * transport header at 'l4' if it is TCP, UDP or ICMP; frame_finish_ip() only
 * the former. */
void frame_finish(struct frame *);
void frame_finish_ip(struct frame *);

/* Writes the right transport checksum of a message of 'proto' from 'l4' to the
 * end of the packet whose IP header is at 'l3'. */
void frame_csum(struct frame *, size_t l3, size_t l4, uint8_t proto);

/* Returns what the transport protocol's checksum adds up to: 0xffff if it is
 * right. */
uint16_t frame_sum(const struct frame *, size_t l3, size_t l4, uint8_t proto);

/* Translates 'in' and stores the new frame in 'out' if it translates.  The
 * frame is given in pieces: first without any byte readable, then with as many
 * as are asked for, in memory that ends behind them. */
enum nat64_result frame_translate(const struct nat64 *, const struct frame *in,
                                  struct frame *out, struct nat64_head *);

/* The same, with the arguments of super-packets and offload. */
enum nat64_result frame_translate_offload(const struct nat64 *,
                                          const struct frame *in,
                                          uint16_t gso_size, bool partial,
                                          struct frame *out,
                                          struct nat64_head *);

/* Asserts that 'in' becomes 'expected', or is dropped for 'reason'. */
void assert_becomes(const struct nat64 *, const struct frame *in,
                    const struct frame *expected);
void assert_dropped(const struct nat64 *, const struct frame *in,
                    enum nat64_result reason);
void assert_same_frame(const struct frame *, const struct frame *expected);

#endif /* nat64-frame.h */
