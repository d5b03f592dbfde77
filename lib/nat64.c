/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

/* Returns the offset of the length of an 802.3 frame, or 0 if 'f' is none. */
static uint16_t
length_ofs(const struct nat64_frame *f)
{
    uint16_t ofs = f->l3_ofs - SNAP_LEN - 2;

    return (f->l3_ofs >= ETH_LEN + SNAP_LEN
            && nat64_get16(f->data + ofs) < ETH_TYPE_MIN
            ? ofs : 0);
}

uint16_t
nat64_l3_ofs(const struct nat64_frame *f)
{
    uint16_t ofs = f->l3_ofs;

    if (ofs < ETH_LEN || ofs > ETH_MAX_LEN + SNAP_LEN || f->linear < ofs) {
        return 0;
    }
    ofs -= length_ofs(f) ? SNAP_LEN : 0;
    return ofs <= ETH_MAX_LEN ? ofs : 0;
}

static inline enum nat64_result
translate(const struct nat64 *n, const struct nat64_frame *f,
          struct nat64_head *h)
{
    uint16_t type = nat64_get16(f->data + f->l3_ofs - 2);

    if (n->direction == NAT64_4TO6) {
        if (NAT64_LIKELY(type == ETH_IP4)) {
            return nat64_4to6(n, f, h);
        } else if (type == ETH_ARP) {
            return nat64_arp_to_nd(n, f, h);
        }
    } else if (type == ETH_IP6) {
        return nat64_6to4(n, f, h);
    }
    return NAT64_WRONG_TYPE;
}

/* translate() for a frame with more than addresses and type.  The packet in an
 * 802.3 frame must fit into the frame's length, but that of a super-packet
 * means nothing until it is cut. */
static NAT64_SLOW enum nat64_result
translate_long(const struct nat64 *n, const struct nat64_frame *f_,
               struct nat64_head *h)
{
    static const uint8_t snap[6] = { 0xaa, 0xaa, 0x03 };
    struct nat64_frame f = *f_;
    uint16_t ofs;

    h->l3_ofs = nat64_l3_ofs(&f);
    if (!h->l3_ofs) {
        return NAT64_WRONG_TYPE;
    }
    ofs = length_ofs(&f);
    if (ofs) {
        size_t end = ofs + 2 + (size_t) nat64_get16(f.data + ofs);

        if (memcmp(f.data + ofs + 2, snap, sizeof snap)) {
            return NAT64_WRONG_TYPE;
        }
        if (!f.gso_size) {
            if (end < f.l3_ofs || end > f.len) {
                return NAT64_TRUNCATED;
            }
            f.len = end;
            f.linear = f.linear < end ? f.linear : end;
        }
    }
    return translate(n, &f, h);
}

enum nat64_result
nat64_translate(const struct nat64 *n, const struct nat64_frame *f,
                struct nat64_head *h)
{
    if (NAT64_UNLIKELY(f->linear < f->l3_ofs)) {
        return nat64_short(f, h, f->l3_ofs);
    }
    if (NAT64_UNLIKELY(f->l3_ofs != ETH_LEN)) {
        return translate_long(n, f, h);
    }
    h->l3_ofs = ETH_LEN;
    return translate(n, f, h);
}

uint64_t
nat64_sum(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (; len >= 4; p += 4, len -= 4) {
        sum += nat64_word32(p);
    }
    if (len) {
        uint8_t last[4] = { 0 };

        memcpy(last, p, len);
        sum += nat64_word32(last);
    }
    return sum;
}

const char *
nat64_result_name(enum nat64_result result)
{
    switch (result) {
#define NAT64_RESULT_NAME(ENUM, NAME)                                         \
    case NAT64_##ENUM:                                                        \
        return #NAME;
    NAT64_RESULTS(NAT64_RESULT_NAME)
#undef NAT64_RESULT_NAME
    case NAT64_N_RESULTS:
    default:
        return "unknown";
    }
}
