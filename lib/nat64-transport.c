/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* What is rare about transport headers. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* UDP without checksum.  Its first 8 bytes are at 'out' already.  'udp_len' is
 * the length in its header, and 'ip6' as for nat64_udp().
 *
 * RFC 7915 section 4.5: over IPv6 there must be a checksum, so it is computed,
 * which takes the whole datagram. */
enum nat64_result
nat64_udp_no_csum(const struct nat64_frame *f, struct nat64_head *h,
                  size_t l4, size_t udp_len, bool whole, const uint8_t *ip6,
                  uint8_t *out)
{
    uint64_t sum;
    uint16_t csum;

    if (!whole) {
        return NAT64_FRAGMENT_DROP;
    }
    if (!ip6 || f->gso_size) {
        /* The datagram must not have come without checksum (RFC 8200 section
         * 8.1), or the checksum cannot be computed before the super-packet is
         * cut. */
        return NAT64_UDP_CSUM;
    }
    if (f->linear < l4 + udp_len) {
        return nat64_short(f, h, l4 + udp_len);
    }
    sum = nat64_sum_addrs6(ip6) + nat64_word((uint16_t) udp_len)
          + nat64_word(PROTO_UDP) + nat64_sum(f->data + l4, udp_len);
    csum = (uint16_t) ~nat64_fold(sum);
    csum = csum ? csum : 0xffff;
    memcpy(out + UDP_CSUM, &csum, sizeof csum);
    return NAT64_OK;
}

/* A TCP header that cannot be read yet counts as the shortest possible: if
 * that is too long, so is any. */
size_t
nat64_gso_unit(const struct nat64_frame *f, uint8_t proto, size_t l4,
               size_t len, bool start)
{
    size_t hlen = UDP_LEN;

    if (!start) {
        return len;
    }
    if (proto == PROTO_TCP) {
        hlen = TCP_LEN;
        if (f->linear > l4 + TCP_DOFF) {
            size_t doff = (size_t) (f->data[l4 + TCP_DOFF] >> 4) * 4;

            hlen = doff > hlen ? doff : hlen;
        }
    }
    return len < hlen + f->gso_size ? len : hlen + f->gso_size;
}
