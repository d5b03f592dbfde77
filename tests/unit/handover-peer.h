/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef HANDOVER_PEER_H
#define HANDOVER_PEER_H 1

/* What a client and its servers say to each other in the tests of the handover
 * application, and what they should hear. */

#include "fake-net.h"

#define C_ISN 1000              /* Client. */
#define S1_ISN 0xfffffff0       /* Servers; the first one's will wrap. */
#define S2_ISN 900000
#define S3_ISN 77

#define C_TSVAL 100
#define S1_TSVAL 7000
#define S2_TSVAL 50
#define S3_TSVAL 0x80000000

#define C_WSCALE 5
#define S1_WSCALE 7
#define S2_WSCALE 9
#define S3_WSCALE 2

#define ALL_OPTS (TCP_OPT_MSS | TCP_OPT_WSCALE | TCP_OPT_SACK_OK | TCP_OPT_TS)

#define GET_IMAGES "GET /images/ HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_VIDEO "GET /video/ HTTP/1.1\r\nHost: a\r\n\r\n"
#define GET_OTHER "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

uint32_t isn_of(int server);
uint32_t tsval_of(int server);
int wscale_of(int server);

/* Starts with a rule for /images/ to server 2 and one for /video/ to 3. */
void start(void);
void start_with(struct service_config *);

/* Returns a segment with 'flags' from the client, with ack and timestamps as
 * the first server's SYN-ACK made them. */
struct tcp_segment from_client(uint16_t flags, const char *payload);

/* Returns a segment with 'flags' from server 'n', that acknowledges what the
 * client has sent up to C_ISN + 1 + 'acked'. */
struct tcp_segment from_server(int n, uint16_t flags, uint32_t acked,
                               const char *payload);

void client_syn(void);
void server_synack(int n);

/* The handshake of the client with server 1, each step checked. */
void shake_hands(void);

/* Asserts that the next segment at 'port' has exactly 'flags', sequence number
 * 'seq', acknowledgment 'ack' (unless 'flags' have none) and 'payload'. */
struct tcp_segment expect(ofp_port_t port, uint16_t flags, uint32_t seq,
                          uint32_t ack, const char *payload);
void expect_nothing(ofp_port_t port);
void expect_nothing_anywhere(void);

/* Asserts that server 'n' gets the client's SYN. */
struct tcp_segment expect_syn(int n);

/* A whole handover of a request to server 'n'. */
void move(int n, const char *request);

/* Returns how many connections there are. */
size_t n_conns(void);

/* Ends a test. */
int stop(void **state);

#endif /* handover-peer.h */
