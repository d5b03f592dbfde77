/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Packets for the tests of tcp_offset, from the IP header on. */

#ifndef TCP_PACKET_H
#define TCP_PACKET_H 1

#include "tcp-model.h"

/* TCP flags, RFC 9293 section 3.1. */
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

/* What packet_tcp() puts into a TCP header. */
#define SEQ 0x10203040U
#define ACKNO 0x50607080U
#define WINDOW 0x1234U

struct packet {
    uint8_t b[512];
    size_t len;
    size_t tcp;                 /* Offset of the TCP header. */
};

uint16_t get16(const uint8_t *);
uint32_t get32(const uint8_t *);
void put16(uint8_t *, uint16_t);
void put32(uint8_t *, uint32_t);

/* Starts 'p' with an IP header of 'version' up to where the transport
 * protocol 'proto' or an extension header follows. */
void packet_ip(struct packet *, int version, uint8_t proto);

void packet_append(struct packet *, const void *, size_t);

/* Appends an IPv6 extension header of 'n' bytes in front of 'next'. */
void packet_ext(struct packet *, uint8_t next, uint8_t len_field, size_t n);

/* Appends a TCP segment with the 'n' bytes of 'opts', whose number must be a
 * multiple of 4, and some payload, and completes lengths and checksum. */
void packet_tcp(struct packet *, uint8_t flags, const void *opts, size_t n);

/* packet_ip() with plain IPv4, then packet_tcp(). */
void packet_make(struct packet *, uint8_t flags, const void *opts, size_t n);

/* Writes the IP length field that suits 'p->len'; the right TCP checksum. */
void packet_fix_len(struct packet *);
void packet_fix_csum(struct packet *);

/* Applies 'o' to 'p', which must give 'result', and holds both against the
 * model as well, with and without checksum offload.  packet_apply() expects
 * TCP_OFFSET_OK and a right checksum. */
void packet_apply_result(const struct tcp_offset *, struct packet *p,
                         enum tcp_offset_result);
void packet_apply(const struct tcp_offset *, struct packet *p);

/* All offsets, each with another change of the checksum. */
extern const struct tcp_offset all_offsets;

/* NOP, NOP, timestamp 0x11223344 0x55667788: the usual option list. */
extern const uint8_t aligned_ts[12];

#endif /* tcp-packet.h */
