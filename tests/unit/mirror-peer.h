/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Both sides of a connection through the switch of mirror-switch.h, by hand:
 * what one says next, in order. */

#ifndef MIRROR_PEER_H
#define MIRROR_PEER_H 1

#include "mirror-switch.h"

/* Numbers of the SYNs.  The server's comes round soon. */
#define CLIENT_ISN 1000u
#define SERVER_ISN 0xfffffff0u

#define GET "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n"
#define BODY(n) OK "Content-Length: " #n "\r\n\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

/* The next sequence number of each direction. */
extern uint32_t peer_next[2];

/* These return who got a copy.  One segment with 'len' bytes at 'data', or
 * noise if that is null, that does not move the stream on; that does; and the
 * same for text, noise, a pure ACK. */
uint32_t peer_segment(enum mirror_dir, uint32_t seq, uint32_t ack,
                      uint16_t flags, const void *data, size_t len);
uint32_t peer_send(enum mirror_dir, uint16_t flags, const void *data,
                   size_t len);
uint32_t peer_say(enum mirror_dir, const char *text);
uint32_t peer_noise(enum mirror_dir, size_t len);
uint32_t peer_ack(enum mirror_dir);

/* One policy, or 'n', and a handshake. */
void peer_start(bool holds, struct mirror_wants);
void peer_start_all(bool holds, const struct mirror_wants[], size_t n);
void peer_shake_hands(void);

/* A FIN from both sides, and time goes on until the connection is gone. */
void peer_close(void);

/* Fails unless that is what was reported as number 'i'. */
void assert_skip(size_t i, enum mirror_dir, uint64_t first, uint64_t len,
                 const char *url, const char *reason);

/* Fails unless that is what the engine says of its only connection.  Null if
 * it has no reason to give. */
void assert_conn(const char *protocol, const char *reason);

#define assert_mode(DIR, MODE) assert_int_equal(sw.entries[DIR].mode, MODE)

#endif /* mirror-peer.h */
