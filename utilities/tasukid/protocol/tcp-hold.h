/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_PROTOCOL_TCP_HOLD_H
#define TASUKID_PROTOCOL_TCP_HOLD_H 1

/* One direction of a TCP connection, held.  The payload of segments that come
 * in any order, cut anyhow, some of them twice, becomes the byte stream again
 * (RFC 9293 section 3.10.7.4).
 *
 * What arrived first stays: a later segment that says something else about the
 * same sequence numbers cannot change what was already inspected. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much all holds together may allocate. */
struct tcp_hold_budget {
    size_t used;
    size_t max;
};

/* Bytes [start, end) from the base are there. */
struct tcp_hold_range {
    uint32_t start;
    uint32_t end;
};

/* Gaps are rare and short-lived.  A sender that makes more of them than this
 * has to retransmit. */
#define TCP_HOLD_MAX_RANGES 8

struct tcp_hold {
    struct tcp_hold_budget *budget;
    uint8_t *data;              /* Byte 0 has sequence number 'base'. */
    uint32_t allocated;         /* Of 'data', in bytes. */
    uint32_t limit;             /* Most bytes to hold, counted from 'base'. */
    uint32_t base;
    uint32_t fin;               /* Offset of the FIN, UINT32_MAX if none. */
    uint8_t n_ranges;
    struct tcp_hold_range ranges[TCP_HOLD_MAX_RANGES]; /* Ascending, apart. */
};

/* What became of a segment. */
enum tcp_hold_result {
    TCP_HOLD_NEW,               /* At least one byte, or FIN, was new. */
    TCP_HOLD_OLD,               /* Nothing new in it. */
    TCP_HOLD_BEYOND,            /* Lies wholly beyond the limit. */
    TCP_HOLD_FRAGMENTED,        /* Too many gaps. */
    TCP_HOLD_NO_BUDGET,         /* The budget is used up. */
};

/* Starts a hold whose first byte has sequence number 'base', of at most
 * 'limit' bytes, nothing allocated. */
void tcp_hold_init(struct tcp_hold *, struct tcp_hold_budget *,
                   uint32_t base, uint32_t limit);

/* Frees what is held and gives it back to the budget. */
void tcp_hold_destroy(struct tcp_hold *);

/* Adds 'len' bytes of payload that start at sequence number 'seq', with FIN
 * after them if 'fin'.  Bytes before the base or beyond the limit are left
 * out, and so is a FIN beyond the limit.  Copies 'payload'. */
enum tcp_hold_result tcp_hold_add(struct tcp_hold *, uint32_t seq,
                                  const uint8_t *payload, size_t len,
                                  bool fin);

/* Moves the base forward by 'n' bytes, whether or not they are there: forgets
 * them, and a FIN before the new base.  Frees memory if nothing is left. */
void tcp_hold_advance(struct tcp_hold *, uint32_t n);

/* Returns how many bytes from the base on are there without a gap. */
uint32_t tcp_hold_contiguous(const struct tcp_hold *);

/* Returns true if the whole stream up to its FIN is there. */
bool tcp_hold_is_complete(const struct tcp_hold *);

/* Returns true if no more bytes fit. */
bool tcp_hold_is_full(const struct tcp_hold *);

/* Returns the sequence number after the last one that came without a gap, the
 * FIN's included: what a receiver would acknowledge. */
uint32_t tcp_hold_rcv_nxt(const struct tcp_hold *);

#endif /* tcp-hold.h */
