/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Packets for the tests of ipsec_tag, made from the inside out, and what the
 * action's definition says of them. */

#ifndef TAG_FRAME_H
#define TAG_FRAME_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The ends of a packet. */
struct tuple {
    int version;                /* 4 or 6. */
    uint8_t src[16], dst[16];   /* 4 bytes of each for IPv4. */
    uint16_t sport, dport;      /* 0 without ports. */
    uint8_t proto;
};

struct tag_frame {
    uint8_t b[2048];
    size_t at;                  /* Where it begins.  It ends with 'b'. */
    uint16_t type;              /* Of Ethernet, of what it begins with. */
};

void tuple_random(struct tuple *, int version, uint8_t proto);
void tuple_swap(struct tuple *);

/* The hash of 't' by the definition in lib/ipsec-tag.h. */
uint32_t tuple_hash(const struct tuple *t, uint32_t basis, bool symmetric);

/* The same with addresses alone. */
uint32_t tuple_hash_l3(const struct tuple *, uint32_t basis);

uint8_t *tag_frame_data(struct tag_frame *);
size_t tag_frame_len(const struct tag_frame *);

/* Starts with a transport header and 'n' random bytes behind it.  Its checksum
 * is right once tag_frame_ip() has put the addresses before it. */
void tag_frame_start(struct tag_frame *, const struct tuple *, size_t n);

/* Prepends an IP header with random options or extension headers if 'options'.
 * 'proto' is of what it begins with until now.  'fragment' is IPv4's fragment
 * field, or IPv6's, from which a fragment header is made if it is not 0. */
void tag_frame_ip(struct tag_frame *, const struct tuple *, uint8_t proto,
                  bool options, uint16_t fragment);

/* Prepends destination options of IPv6, 'n' bytes, a multiple of 8. */
void tag_frame_options(struct tag_frame *, uint8_t proto, size_t n);

/* Prepends a random tunnel's header, except the outer IP header.  Returns its
 * protocol of IP. */
uint8_t tag_frame_tunnel(struct tag_frame *, struct tuple *outer);

/* Prepends 'n' VLAN tags. */
void tag_frame_vlan(struct tag_frame *, int n);

uint16_t sum_of(const uint8_t *, size_t, uint32_t sum);

#endif /* tag-frame.h */
