/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef __KERNEL__
#include <config.h>
#endif

#include "nat64-private.h"

enum nat64_result
nat64_translate(const struct nat64 *n, const struct nat64_frame *f,
                struct nat64_head *h)
{
    uint16_t type;

    if (NAT64_UNLIKELY(f->l3_ofs < ETH_LEN || f->l3_ofs > ETH_MAX_LEN)) {
        return NAT64_WRONG_TYPE;
    }
    if (NAT64_UNLIKELY(f->linear < f->l3_ofs)) {
        return nat64_short(f, h, f->l3_ofs);
    }
    type = nat64_get16(f->data + f->l3_ofs - 2);
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
