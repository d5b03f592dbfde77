/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TESTS_UNIT_FRAGMENT_H
#define TESTS_UNIT_FRAGMENT_H 1

/* Fragments of IPv4 packets to try the datapath with, and an oracle: a byte of
 * payload depends on its packet and its place in it alone. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dp-packet.h"

uint8_t fragment_byte(uint16_t id, size_t ofs);

/* Returns a frame with bytes 'ofs' to 'ofs' + 'len' - 1 of the payload of
 * packet 'id', 'more' to follow.  'ofs' is a multiple of 8 below 65536 and
 * 'ihl' the length of the IP header in words, 5 to 15.  Lengths and offset may
 * be those of an impossible packet. */
struct dp_packet *fragment_create(uint16_t id, unsigned int ihl, size_t ofs,
                                  size_t len, bool more);

/* The same in IPv6, where it has no further extension headers. */
struct dp_packet *fragment_create6(uint16_t id, size_t ofs, size_t len,
                                   bool more);

/* Returns true if 'packet' is a whole packet of the bytes that the others
 * would put there, and sets '*len' to how many. */
bool fragment_is_whole(const struct dp_packet *packet, size_t *len);

#endif /* fragment.h */
