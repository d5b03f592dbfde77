/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Header arithmetic of the tcp_offset action.
 *
 * Pure functions over bytes, shared by the userspace datapath and the kernel
 * module: no allocation, no state, no types of either side.
 *
 * What changes, per segment (RFC 9293 section 3.1, RFC 7323, RFC 2018):
 *
 *   - sequence number += 'seq';
 *   - with ACK set, acknowledgment number and both edges of every SACK block
 *     += 'ack': they lie in the same sequence space, D-SACK (RFC 2883) too;
 *   - timestamp option: TSval += 'tsval' and, with ACK set, TSecr += 'tsecr',
 *     because TSecr means nothing without ACK;
 *   - with SYN clear, the window is shifted by 'wscale', saturating at 65535.
 *     The window of a SYN is never scaled (RFC 7323 section 2.2).
 *
 * Every option in the list is looked at, so whether a segment is well-formed
 * does not depend on the arguments.  A timestamp or SACK option of a length
 * that its RFC does not allow is skipped like an unknown kind, as receivers
 * do.  Bytes after End of Option List are padding.  The digests of TCP MD5
 * (RFC 2385) and TCP-AO (RFC 5925) cover the sequence numbers.  They are left
 * alone: no one without the key can move such a connection.
 *
 * The TCP checksum is updated incrementally (RFC 1624), so a segment that
 * arrived corrupt leaves corrupt, off by the same amount.  The sum over the
 * whole segment, checksum included, stays what it was modulo 65535, even if an
 * option lies at an odd offset.  So the kernel need not change the skb->csum
 * of CHECKSUM_COMPLETE. */

#ifndef TCP_OFFSET_H
#define TCP_OFFSET_H 1

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

/* The arguments that were given, for struct tcp_offset's 'fields'. */
enum tcp_offset_field {
    TCP_OFFSET_SEQ = 1 << 0,
    TCP_OFFSET_ACK = 1 << 1,
    TCP_OFFSET_TSVAL = 1 << 2,
    TCP_OFFSET_TSECR = 1 << 3,
    TCP_OFFSET_WSCALE = 1 << 4,
};

/* Largest shift count of RFC 7323 section 2.3, hence the largest difference
 * between two of them. */
#define TCP_OFFSET_WSCALE_MAX 14

/* Arguments of the action, in host byte order.
 *
 * A value whose bit in 'fields' is clear must be 0.  The arithmetic relies on
 * that and does not read 'fields': adding 0 costs less than asking. */
struct tcp_offset {
    uint32_t seq;
    uint32_t ack;
    uint32_t tsval;
    uint32_t tsecr;
    uint8_t fields;             /* TCP_OFFSET_*. */
    int8_t wscale;              /* Within +-TCP_OFFSET_WSCALE_MAX. */
    uint8_t pad[2];
};

/* What became of a packet.  It is changed only by TCP_OFFSET_OK: with any
 * other result every byte is as it was. */
enum tcp_offset_result {
    TCP_OFFSET_OK,
    TCP_OFFSET_LATER_FRAG,      /* Fragment after the first: no TCP header. */
    TCP_OFFSET_NOT_TCP,         /* Neither TCP over IPv4 nor over IPv6. */
    TCP_OFFSET_TRUNCATED,       /* A header runs past the end of the packet. */
    TCP_OFFSET_BAD_DOFF,        /* Data offset below 5. */
    TCP_OFFSET_BAD_OPTION,      /* An option runs past the header, or is
                                 * shorter than its own kind and length. */
};
#define TCP_OFFSET_N_RESULTS (TCP_OFFSET_BAD_OPTION + 1)

/* Returns a static lower-case name for 'result', e.g. "bad_option". */
const char *tcp_offset_result_name(enum tcp_offset_result result);

/* Applies 'o' to the TCP segment at 'tcp', of which 'len' bytes are readable
 * and writable and belong to the IP packet (that is, without Ethernet
 * padding).  The payload need not be there.
 *
 * With 'csum_partial' the checksum field holds only the sum of the pseudo
 * header (CHECKSUM_PARTIAL, transmit checksum offload) and is left alone.
 *
 * Does not care about alignment. */
enum tcp_offset_result tcp_offset_segment(const struct tcp_offset *o,
                                          uint8_t *tcp, size_t len,
                                          bool csum_partial);

/* Finds the TCP header in the IPv4 or IPv6 packet at 'l3', of which 'len'
 * bytes are readable.  Looks at the IP headers alone, including the IPv6
 * extension headers hop-by-hop options, routing, fragment, destination options
 * and authentication.
 *
 * On TCP_OFFSET_OK stores the offset of the TCP header from 'l3' in '*ofs'.
 * Stores in '*avail' how many of the 'len' bytes belong to the TCP segment by
 * the length in the IP header, possibly too few for a TCP header.  A length of
 * zero in the IP header means "to the end of 'len'": Linux writes it in
 * super-packets of more than 65535 bytes (BIG TCP), and RFC 2675 in
 * jumbograms.  Stores in '*more' whether other fragments hold the rest of the
 * segment. */
enum tcp_offset_result tcp_offset_locate(const uint8_t *l3, size_t len,
                                         size_t *ofs, size_t *avail,
                                         bool *more);

/* Applies 'o' to the IPv4 or IPv6 packet at 'l3': tcp_offset_locate(), then
 * tcp_offset_segment(). */
enum tcp_offset_result tcp_offset_packet(const struct tcp_offset *o,
                                         uint8_t *l3, size_t len,
                                         bool csum_partial);

#endif /* tcp-offset.h */
