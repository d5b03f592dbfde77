/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* Stateless translation between IPv4 and IPv6 of whole Ethernet frames: the
 * arithmetic of the nat64 action.
 *
 * Pure functions over bytes, shared by the userspace datapath and the kernel
 * module: no allocation, no state, no types of either side.
 *
 * A translated frame is a new head in front of what stays of the old frame:
 *
 *     old:  [ strip .............. ][ keep ........... ][ padding ]
 *     new:  [ head ...... ][ keep ........... ]
 *
 * The translator only reads the frame and writes the head, so a frame that
 * does not translate stays as it was.  Payload is neither read nor moved,
 * except where a rule asks for it: then 'keep' is 0 and all is in the head. */

#ifndef NAT64_H
#define NAT64_H 1

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

enum nat64_direction {
    NAT64_4TO6 = 1,             /* IPv4 to IPv6, ARP to Neighbor Discovery. */
    NAT64_6TO4 = 2,             /* The other way. */
};

/* IPv6's smallest MTU (RFC 8200 section 5), and what a link must carry for
 * IPv4 (RFC 791). */
#define NAT64_MTU_MIN_6 1280
#define NAT64_MTU_MIN_4 68

/* Arguments of the action.  All bytes matter: padding is zero. */
struct nat64 {
    uint8_t direction;          /* NAT64_4TO6 or NAT64_6TO4. */
    uint8_t prefix_len;         /* In bits: 32, 40, 48, 56, 64 or 96. */
    uint16_t mtu;               /* Of the link to which the translated packet
                                 * goes, without Ethernet header; 0 if packets
                                 * may be of any size. */
    uint8_t prefix[16];         /* RFC 6052; bits behind 'prefix_len' and the
                                 * "u" octet (bits 64 to 71) are zero. */
    uint32_t answer;            /* Not for the translator: the recirculation id
                                 * with which the answer to a packet that is
                                 * too big goes back to the sender, or 0 if the
                                 * answer goes out of the packet's input port
                                 * unchanged. */
};

/* Returns NULL if 'n' is well-formed, or else a static string that says what
 * is wrong with it. */
const char *nat64_check(const struct nat64 *n);

/* A frame to translate.  The headers start at 'data'; up to two VLAN tags may
 * lie between the addresses and the type, and in an 802.3 frame the length and
 * LLC and SNAP headers (RFC 1042).  The new frame is Ethernet II, which every
 * host accepts (RFC 1122 section 2.3.3) and which is all that IPv6 has (RFC
 * 2464). */
struct nat64_frame {
    const uint8_t *data;        /* Ethernet header. */
    size_t linear;              /* Bytes that can be read at 'data'. */
    size_t len;                 /* Bytes in the whole frame. */
    uint16_t l3_ofs;            /* From 'data' to the IP or ARP header; the two
                                 * bytes before it are the type. */
    uint16_t gso_size;          /* Bytes of payload in each of the packets that
                                 * this one will be cut into later, or 0. */
    bool csum_partial;          /* The checksum of TCP or UDP covers only the
                                 * pseudo header; see tcp-offset.h. */
};

/* What becomes of a frame.  X(ENUM, NAME): all but the first four are reasons
 * to drop it, each with a counter of that name. */
#define NAT64_RESULTS(X)                                                      \
    X(OK, ok)                                                                 \
    /* More of the frame must be readable: nat64_head's 'need' bytes. */      \
    X(PULL, pull)                                                             \
    /* Translated, and to be cut by nat64_fragment(). */                      \
    X(FRAGMENT, fragment)                                                     \
    /* Too big, and must not be fragmented: nat64_too_big() makes the         \
     * answer. */                                                             \
    X(TOO_BIG, too_big)                                                       \
    X(TRUNCATED, truncated)           /* A header runs past the end. */       \
    X(BAD_HEADER, bad_header)         /* Version, length, offset, IPv4 header \
                                       * checksum that lie; a fragment of a   \
                                       * packet longer than IPv4 can have. */ \
    X(WRONG_TYPE, wrong_type)         /* Neither IP nor ARP, or the wrong     \
                                       * direction. */                        \
    X(ADDRESS, address)               /* Not one that the prefix maps, or not \
                                       * one that may stand there. */         \
    X(SOURCE_ROUTE, source_route)     /* RFC 7915 sections 4.1 and 5.1. */    \
    X(EXTENSION, extension)           /* An IPv6 extension header that has no \
                                       * counterpart; its number in IPv4. */  \
    X(FRAGMENT_DROP, fragmented)      /* A fragment of what does not translate\
                                       * in fragments: ICMP, UDP without      \
                                       * checksum. */                         \
    X(UDP_CSUM, udp_csum)             /* No checksum where IPv6 wants one. */ \
    X(ICMP_TYPE, icmp_type)           /* An ICMP type or code without a       \
                                       * counterpart. */                      \
    X(ICMP_INNER, icmp_inner)         /* The packet in an ICMP error does not \
                                       * translate. */                        \
    X(MULTICAST_CONTROL, multicast_control)     /* IGMP, MLD. */              \
    X(ROUTER_DISCOVERY, router_discovery)       /* RS, RA, redirect. */       \
    X(ARP, arp)                       /* Not Ethernet and IPv4, or neither    \
                                       * request nor reply. */                \
    X(ND, nd)                         /* A malformed NS or NA (RFC 4861       \
                                       * sections 7.1.1 and 7.1.2). */

enum nat64_result {
#define NAT64_RESULT_ENUM(ENUM, NAME) NAT64_##ENUM,
    NAT64_RESULTS(NAT64_RESULT_ENUM)
#undef NAT64_RESULT_ENUM
    NAT64_N_RESULTS
};

/* Returns a static name for 'result', e.g. "icmp_type". */
const char *nat64_result_name(enum nat64_result result);

/* Longest head.  An ICMP error is all head: no longer than IPv6's smallest MTU
 * (RFC 4443 section 2.4(c)), behind an Ethernet header with two tags. */
#define NAT64_HEAD_MAX (22 + NAT64_MTU_MIN_6)

struct nat64_head {
    size_t need;                /* With NAT64_PULL only. */
    size_t strip;               /* Bytes at the start of the old frame that
                                 * the head replaces. */
    size_t keep;                /* Bytes that stay after them.  The rest is
                                 * padding. */
    size_t len;                 /* Bytes in 'bytes'. */
    uint16_t l3_ofs;            /* Of the new frame. */
    uint16_t l4_ofs;            /* Likewise; 'len' or less.  0 if there is no
                                 * L4 header (ARP, later fragments). */
    uint16_t mtu;               /* With NAT64_TOO_BIG, what to tell the sender;
                                 * with NAT64_FRAGMENT, what the pieces must
                                 * not exceed. */
    uint16_t eth_type;          /* Of the new frame, in host byte order. */
    uint8_t proto;              /* IP protocol of the new frame, 0 for ARP. */
    uint8_t bytes[NAT64_HEAD_MAX];
};

/* Returns the offset of the IP or ARP header in frames that are made of 'f',
 * or 0 if 'f->data' does not have an Ethernet header up to 'f->l3_ofs'. */
uint16_t nat64_l3_ofs(const struct nat64_frame *f);

/* Translates frame 'f' as 'n' says and describes the new frame in 'head'.
 * Reads the first 'f->linear' bytes.  If those are too few, while 'f->len' is
 * enough, returns NAT64_PULL and how many it needs. */
enum nat64_result nat64_translate(const struct nat64 *n,
                                  const struct nat64_frame *f,
                                  struct nat64_head *head);

/* After NAT64_FRAGMENT.  'head' is what nat64_translate() has made, and
 * 'payload' the number of bytes of the whole new packet after the IPv4 header,
 * or after the IPv6 fragment header that is there for this purpose.  Makes the
 * Ethernet and IP headers of the fragment whose payload starts at byte '*ofs'
 * of the payload, 0 for the first, and writes them to 'out' (at least
 * NAT64_FRAG_HEAD_MAX bytes).  Stores the number of bytes of headers in
 * '*out_len', of payload in '*take', and in '*ofs' where the next fragment
 * starts.  Returns true if there is another one.
 *
 * A checksum that was left to be completed (csum_partial) must be completed
 * before. */
#define NAT64_FRAG_HEAD_MAX (22 + 60)
bool nat64_fragment(const struct nat64_head *head, size_t payload,
                    size_t *ofs, uint8_t *out, size_t *out_len, size_t *take);

/* After NAT64_TOO_BIG.  Makes the frame that tells the sender of 'f', in the
 * address family of 'f': Fragmentation Needed (RFC 1191) or Packet Too Big
 * (RFC 4443 section 3.2) with 'mtu', as if from the destination of 'f'.  It
 * has as much of 'f' as such an error quotes and 'f->linear' has.  'bytes' has
 * room for NAT64_HEAD_MAX.  Returns the length of the frame, or 0 if no error
 * may be sent about 'f' (RFC 1122 section 3.2.2, RFC 4443 section 2.4(e)). */
size_t nat64_too_big(const struct nat64_frame *f, uint16_t mtu,
                     uint8_t *bytes);

#endif /* nat64.h */
