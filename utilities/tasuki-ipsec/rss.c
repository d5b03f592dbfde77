/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "rss.h"

#include "packets.h"
#include "util.h"

uint32_t
toeplitz_hash(const uint8_t *key, size_t key_len, const void *data_, size_t n)
{
    const uint8_t *data = data_;
    uint32_t window = 0;        /* Of the key, as of the present bit. */
    uint32_t hash = 0;

    for (size_t i = 0; i < 4; i++) {
        window = window << 8 | (i < key_len ? key[i] : 0);
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t next = i + 4 < key_len ? key[i + 4] : 0;

        for (int bit = 7; bit >= 0; bit--) {
            if (data[i] & 1u << bit) {
                hash ^= window;
            }
            window = window << 1 | (next >> bit & 1);
        }
    }
    return hash;
}

/* Appends the source and destination of 'size' bytes each to 'p', mixed as
 * 'mix' says, and returns the end. */
static uint8_t *
put_pair(uint8_t *p, enum rss_mix mix, const void *src_, const void *dst_,
         size_t size)
{
    const uint8_t *src = src_;
    const uint8_t *dst = dst_;

    for (size_t i = 0; i < size; i++) {
        p[i] = (mix == RSS_AS_IS ? src[i]
                : mix == RSS_XOR ? src[i] ^ dst[i] : src[i] | dst[i]);
        p[size + i] = mix == RSS_AS_IS ? dst[i] : src[i] ^ dst[i];
    }
    return p + 2 * size;
}

uint32_t
rss_hash(const struct rss *rss, enum rss_fields fields,
         const struct sa_flow *flow)
{
    /* Two addresses, then two ports or an SPI. */
    uint8_t data[2 * sizeof(struct in6_addr) + 4];
    uint8_t *p = data;

    if (IN6_IS_ADDR_V4MAPPED(&flow->dst)) {
        p = put_pair(p, rss->mix, &flow->src.s6_addr[12],
                     &flow->dst.s6_addr[12], 4);
    } else {
        p = put_pair(p, rss->mix, &flow->src, &flow->dst, sizeof flow->src);
    }
    if (fields == RSS_PORTS) {
        p = put_pair(p, rss->mix, &flow->src_port, &flow->dst_port, 2);
    } else if (fields == RSS_SPI) {
        memcpy(p, &flow->spi, 4);
        p += 4;
    }
    return toeplitz_hash(rss->key, rss->key_len, data, p - data);
}

uint32_t
rss_queue(const struct rss *rss, enum rss_fields fields,
          const struct sa_flow *flow)
{
    return rss->table[rss_hash(rss, fields, flow) % rss->n_table];
}
