/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_RSS_H
#define TASUKI_IPSEC_RSS_H 1

/* Receive side scaling: which queue of a NIC a packet of an SA comes to.
 *
 * The hash is Toeplitz's, as Microsoft has specified it ("RSS Hashing
 * Functions"): over the addresses and, if the NIC takes them in, the ports or
 * the SPI, all in network byte order.  The hash modulo the number of its
 * entries is an index into a table of queues. */

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

/* An SA as a NIC of its receiver sees it. */
struct sa_flow {
    struct in6_addr src, dst;   /* Of the outer header; IPv4-mapped. */
    ovs_be32 spi;
    ovs_be16 src_port;          /* Of ESP in UDP (RFC 3948); 0 for ESP. */
    ovs_be16 dst_port;
};

/* What a NIC takes into the hash besides the addresses, which it always
 * does. */
enum rss_fields {
    RSS_ADDRESSES,
    RSS_PORTS,
    RSS_SPI,
};

/* How a NIC mixes source and destination, if it does: addresses (or ports) S
 * and D are hashed as the two values in the comment. */
enum rss_mix {
    RSS_AS_IS,                  /* S, D */
    RSS_XOR,                    /* S ^ D, S ^ D */
    RSS_OR_XOR,                 /* S | D, S ^ D */
};

struct rss {
    uint8_t *key;
    size_t key_len;
    uint32_t *table;            /* Queues. */
    size_t n_table;             /* 0 if the NIC does not tell. */
    enum rss_mix mix;
};

/* Returns the Toeplitz hash of 'n' bytes of 'data'.  A key of fewer than n + 4
 * bytes goes on with zeros. */
uint32_t toeplitz_hash(const uint8_t *key, size_t key_len,
                       const void *data, size_t n);

uint32_t rss_hash(const struct rss *, enum rss_fields, const struct sa_flow *);

/* Returns a packet's queue.  The table must not be empty. */
uint32_t rss_queue(const struct rss *, enum rss_fields,
                   const struct sa_flow *);

#endif /* TASUKI_IPSEC_RSS_H */
