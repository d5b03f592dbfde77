/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_STEER_PICK_H
#define TASUKI_IPSEC_STEER_PICK_H 1

/* Choosing what is on the wire of each SA so that a NIC whose hash is known
 * gives each a queue of its own. */

#include <stdbool.h>
#include <stddef.h>

#include "rss.h"

/* What tells the SAs of a tunnel apart, for the receiver's NIC. */
enum steer_key {
    STEER_SPI,                  /* SPIs, which the receiver chooses. */
    STEER_PORT,                 /* Source ports of ESP in UDP. */
    STEER_ADDRESS,              /* Outer addresses. */
};

/* "SPI", "source port", "address". */
const char *steer_key_name(enum steer_key);

/* Returns what NICs must hash to tell SAs apart by 'key'. */
enum rss_fields steer_key_fields(enum steer_key);

/* Returns the number of queues in the table. */
size_t rss_n_queues(const struct rss *);

/* Returns true if the queues of the 'n' flows are all different or, with fewer
 * queues, have as many flows each as possible, plus or minus one. */
bool steer_is_even(const struct rss *, enum rss_fields,
                   const struct sa_flow *, size_t n);

/* Changes 'key' in the 'n' flows so that steer_is_even().  Tries values
 * upwards from that of flows[0], so the result is always the same, and stays
 * the same if it is tried again.  With STEER_ADDRESS, destinations count up, or sources
 * if there is one destination: the last byte of an IPv4 address, the last two
 * of an IPv6 address.
 *
 * Returns null.  If there is no such choice, leaves 'flows' as it is and
 * returns the reason, which the caller must free. */
char *steer_pick(const struct rss *, enum steer_key, struct sa_flow *flows,
                 size_t n);

#endif /* TASUKI_IPSEC_STEER_PICK_H */
