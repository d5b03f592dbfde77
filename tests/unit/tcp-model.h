/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* A second opinion on tcp_offset and check_tcp_seq, for tests alone.
 *
 * Slow and simple on purpose, and sharing nothing with lib/tcp-offset.c and
 * lib/check-tcp-seq.c but their types: it decodes a packet into numbers, changes the numbers, encodes
 * them again, and sums checksums from scratch over the pseudo header and the
 * whole segment. */

#ifndef TCP_MODEL_H
#define TCP_MODEL_H 1

#include "check-tcp-seq.h"
#include "tcp-offset.h"

/* Checks what tcp_offset_packet() does to the 'len' bytes at 'l3' against the
 * model, on a heap copy of exactly 'len' bytes so that AddressSanitizer sees
 * every access outside of it:
 *
 *   - the result and all bytes but the checksum are the model's, and nothing
 *     changes unless the result is TCP_OFFSET_OK;
 *   - a right checksum stays right, a wrong one stays wrong by the same
 *     difference, one left to offload is not touched;
 *   - tcp_offset_locate() and tcp_offset_segment() agree;
 *   - the negated offsets restore the packet, where the window allows;
 *   - two actions in a row do what their sum does.
 *
 * Returns NULL if all of it holds, otherwise a sentence on what does not. */
const char *tcp_model_check(const struct tcp_offset *o,
                            const uint8_t *l3, size_t len, bool csum_partial);

/* Returns the complete TCP checksum for the IPv4 or IPv6 packet at 'l3', whose
 * TCP header starts at 'tcp_ofs' and whose segment ends at 'len', whatever its
 * checksum field holds. */
uint16_t tcp_model_csum(const uint8_t *l3, size_t tcp_ofs, size_t len);

/* Returns the Internet checksum's folded sum, not complemented, of the pseudo
 * header alone: what CHECKSUM_PARTIAL leaves in the checksum field. */
uint16_t tcp_model_pseudo_sum(const uint8_t *l3, size_t tcp_ofs, size_t len);

/* Returns true if 'number', or another that looks the same in a header, is in
 * the window of 'c'. */
bool tcp_model_in_window(const struct check_tcp_seq *c, int64_t number);

#endif /* tcp-model.h */
