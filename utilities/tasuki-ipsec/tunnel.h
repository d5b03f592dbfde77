/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_TUNNEL_H
#define TASUKI_IPSEC_TUNNEL_H 1

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cipher.h"
#include "compiler.h"

/* A tunnel, as its description says: a JSON object, the same at both ends.
 * See tasuki-ipsec(8) for its members.
 *
 * A tag is a number from 0 that a packet gets before it is encrypted.  Each
 * tag has a security association (SA) of its own in each direction.
 *
 * IPv4 addresses are mapped into IPv6 ones, as everywhere in Open vSwitch. */

#define TUNNEL_MAX_TAGS 256
#define TUNNEL_MAX_NETWORKS 256
#define TUNNEL_MAX_WINDOW 4096  /* The kernel's XFRMA_REPLAY_ESN_MAX, bits. */
#define TUNNEL_PORT 4500        /* ESP in UDP (RFC 3948) goes there. */

/* A tunnel owns so many numbers that name SAs to policies. */
#define TUNNEL_REQIDS 512

enum tunnel_side { SIDE_A, SIDE_B, N_SIDES };

/* Where the sending kernel finds a packet's tag. */
enum tunnel_tag_in {
    TAG_IN_MARK,                /* In bits 'mark_mask' of the mark. */
    TAG_IN_ADDRESS,             /* It is the index of the network, of the other
                                 * end's, that the destination is in. */
};

/* By what, beside the SPI, tags differ in the packets that are sent. */
enum tunnel_wire {
    WIRE_SPI,                   /* Nothing. */
    WIRE_ADDRESS,               /* The pair of addresses. */
    WIRE_PORT,                  /* The UDP source port: ESP in UDP. */
};

struct tunnel_network {
    struct in6_addr address;
    uint8_t plen;               /* At most 32 if 'address' is IPv4. */
};

struct tunnel_end {
    size_t n_tags;              /* It sends with so many SAs. */

    struct in6_addr *addresses; /* One, or as many as the tunnel has tags. */
    size_t n_addresses;

    struct tunnel_network *networks; /* What is behind it. */
    size_t n_networks;

    /* SPIs of the SAs to this end, which it chooses: one for each tag of the
     * other end's. */
    uint32_t *spis;
    size_t n_spis;

    uint32_t *ports;            /* It sends tag i from UDP port ports[i]. */
};

struct tunnel {
    char *name;
    size_t n_tags;              /* The greater of those of the two ends. */
    enum tunnel_tag_in tag_in;
    uint32_t mark_mask;         /* A run of ones. */
    enum tunnel_wire wire;
    const struct cipher *cipher;
    unsigned int replay_window; /* In packets. */
    bool esn;                   /* Extended sequence numbers. */
    bool copy_dscp;             /* To the outer header. */
    uint32_t reqid;             /* First of TUNNEL_REQIDS. */
    uint32_t if_id;             /* Of an xfrm interface, or 0. */
    uint32_t priority;          /* Of its first policies. */
    struct tunnel_end ends[N_SIDES];
};

struct tunnel *tunnel_parse(const char *text, char **errorp)
    OVS_WARN_UNUSED_RESULT;
struct tunnel *tunnel_read(const char *file, char **errorp)
    OVS_WARN_UNUSED_RESULT;
void tunnel_destroy(struct tunnel *);

const char *tunnel_side_name(enum tunnel_side);
static inline enum tunnel_side
tunnel_other(enum tunnel_side side)
{
    return side == SIDE_A ? SIDE_B : SIDE_A;
}
char *tunnel_find_side(const struct tunnel *, enum tunnel_side *)
    OVS_WARN_UNUSED_RESULT;

const struct in6_addr *tunnel_address(const struct tunnel *, enum tunnel_side,
                                      size_t tag);
bool tunnel_has_address(const struct tunnel *, enum tunnel_side,
                        const struct in6_addr *);
bool tunnel_networks_overlap(const struct tunnel_network *,
                             const struct tunnel_network *);
uint32_t tunnel_mark(const struct tunnel *, size_t tag);

#endif /* utilities/tasuki-ipsec/tunnel.h */
