/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_PROTOCOL_TCP_SEGMENT_H
#define TASUKID_PROTOCOL_TCP_SEGMENT_H 1

/* TCP over IPv4 segments in Ethernet frames, taken apart and put together
 * (RFC 9293 section 3.1, RFC 7323 section 3.2).
 *
 * Everything that is parsed comes from the network: every length is checked
 * against what really is there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet;
struct ds;

/* The options that this project understands. */
enum tcp_option_bit {
    TCP_OPT_MSS = 1 << 0,       /* Kind 2, SYN only. */
    TCP_OPT_WSCALE = 1 << 1,    /* Kind 3, SYN only. */
    TCP_OPT_SACK_OK = 1 << 2,   /* Kind 4, SYN only. */
    TCP_OPT_TS = 1 << 3,        /* Kind 8. */
};

/* Window scale that RFC 7323 section 2.3 says to use for a larger one. */
#define TCP_WSCALE_MAX 14

/* MSS to assume where a SYN has no such option (RFC 9293 section 3.7.1). */
#define TCP_MSS_DEFAULT 536

/* The least MSS to go by: 8 bytes of data after the longest possible headers
 * (60 + 60 + 8 - 40), as Linux's TCP_MIN_MSS, so that a hostile SYN-ACK does
 * not multiply the packets that data is cut into. */
#define TCP_MSS_MIN 88

struct tcp_options {
    uint8_t present;            /* TCP_OPT_*. */
    uint8_t wscale;             /* 0..TCP_WSCALE_MAX. */
    uint16_t mss;
    uint32_t tsval;
    uint32_t tsecr;
};

/* One segment.  Sequence numbers, lengths and the window (as in the header,
 * not scaled) are in host byte order, addresses and ports in network order. */
struct tcp_segment {
    struct eth_addr eth_src;
    struct eth_addr eth_dst;
    ovs_be16 vlan_tci;          /* Outermost tag with VLAN_CFI, or 0. */
    uint8_t tos;
    ovs_be32 ip_src;
    ovs_be32 ip_dst;
    ovs_be16 tp_src;
    ovs_be16 tp_dst;
    uint32_t seq;
    uint32_t ack;
    uint16_t flags;             /* TCP_FIN and the like, 12 bits. */
    uint16_t window;
    struct tcp_options opts;
    const uint8_t *payload;     /* Points into the packet. */
    size_t len;                 /* Bytes of payload. */
};

enum tcp_segment_error {
    TCP_SEGMENT_OK,
    TCP_SEGMENT_NOT_TCP,        /* Not TCP over IPv4 over Ethernet. */
    TCP_SEGMENT_TRUNCATED,      /* A header or length runs past the end. */
    TCP_SEGMENT_FRAGMENT,       /* Any fragment of an IP datagram. */
    TCP_SEGMENT_BAD_HEADER,     /* Impossible version or header length. */
    TCP_SEGMENT_BAD_CSUM,       /* IP header or TCP checksum is wrong. */
};
#define TCP_SEGMENT_N_ERRORS (TCP_SEGMENT_BAD_CSUM + 1)

/* Returns a static lower-case name for 'error', e.g. "bad_csum". */
const char *tcp_segment_error_name(enum tcp_segment_error error);

/* Takes the Ethernet frame in 'packet' apart into '*seg', which stays valid
 * only as long as 'packet' does.  On an error '*seg' is unspecified.
 *
 * A TCP checksum that is exactly the sum of the pseudo header is what a
 * virtual interface with transmit checksum offload leaves there and is
 * accepted: nothing has touched such a segment since its sender's stack wrote
 * it. */
enum tcp_segment_error tcp_segment_parse(const struct dp_packet *packet,
                                         struct tcp_segment *seg);

/* Returns a new Ethernet frame made from '*seg', with complete checksums, DF
 * set and a TTL of 64.  The caller frees it with dp_packet_delete().
 *
 * Segments with SYN carry all options in seg->opts, others only the
 * timestamps. */
struct dp_packet *tcp_segment_compose(const struct tcp_segment *seg);

/* Returns a new frame with an ICMP "fragmentation needed" message (RFC 1191)
 * for the sender of '*seg', saying that the link behind 'seg->ip_dst' takes
 * datagrams of at most 'mtu' bytes.  The caller frees it. */
struct dp_packet *tcp_segment_compose_frag_needed(
    const struct tcp_segment *seg, uint16_t mtu);

/* Bytes that the options of '*seg' take in its header, padded to words. */
size_t tcp_segment_options_len(const struct tcp_segment *seg);

/* Appends a one-line description of '*seg' to 'ds', for debug logs. */
void tcp_segment_format(struct ds *ds, const struct tcp_segment *seg);

/* Bytes of sequence space that '*seg' takes: payload, SYN and FIN. */
uint32_t tcp_segment_seq_len(const struct tcp_segment *seg);

/* Compare sequence numbers or timestamps modulo 2^32 (RFC 9293 section 3.4,
 * RFC 7323 section 5.2). */
static inline bool
tcp_seq_before(uint32_t a, uint32_t b)
{
    return (int32_t) (a - b) < 0;
}

static inline bool
tcp_seq_after(uint32_t a, uint32_t b)
{
    return tcp_seq_before(b, a);
}

#endif /* tcp-segment.h */
