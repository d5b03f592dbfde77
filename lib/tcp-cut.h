/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Cuts a TCP super-packet, which is to be segmented later, in two at an edge
 * of check_tcp_seq's window.
 *
 * Pure functions over bytes, for the userspace datapath alone: the kernel's
 * knows the size of a super-packet's segments and segments it.
 *
 * Both pieces are super-packets again.  Their headers are what the kernel's
 * segmentation gives them: FIN and PSH are on the rest alone, CWR is on the
 * first piece alone (RFC 3168 section 6.1.2), all options are on both.  Both
 * keep the packet's IPv4 identification, so it must be one that nobody may
 * fragment, in which that means nothing (RFC 6864 section 4.1). */

#ifndef TCP_CUT_H
#define TCP_CUT_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_tcp_seq;

/* Where to cut a packet, all in bytes. */
struct tcp_cut {
    size_t tcp;                 /* From the IP header to the TCP header. */
    size_t headers;             /* From the IP header to the payload. */
    size_t first;               /* Payload of the first piece, not 0. */
    size_t rest;                /* Payload of the rest, 0 if that is a FIN. */
};

/* Finds where to cut the IPv4 or IPv6 packet at 'l3' for its first piece to lie
 * on one side of the edges of 'c's window.  check_tcp_packet() must have
 * returned CHECK_TCP_STRADDLES for its 'len' bytes.
 *
 * Returns false if it must not be cut: if it may be fragmented, or if its IP
 * header leaves open how long it is. */
bool tcp_cut_find(const struct check_tcp_seq *c, const uint8_t *l3, size_t len,
                  struct tcp_cut *);

/* Turn the packet at 'l3' into the first piece, or into the rest.  Its TCP
 * checksum must be, and then is, the sum of the pseudo header alone, which
 * offload completes.  Return the new length from 'l3' on. */
size_t tcp_cut_first(const struct tcp_cut *, uint8_t *l3);
size_t tcp_cut_rest(const struct tcp_cut *, uint8_t *l3);

#endif /* tcp-cut.h */
