/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CAPTURE_WRITER_H
#define TASUKI_CAPTURE_WRITER_H 1

/* One pcapng file (draft-ietf-opsawg-pcapng), written by Wireshark's
 * libwiretap. */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "compiler.h"

struct svec;
struct writer;

/* Once, before anything else. */
void writer_init(void);

/* Begins a file, by a copy of 'fd', for packets of interface 'interface'.
 * 'description' of it may be null.  Returns null and sets '*error', a positive
 * errno value, if that is not possible. */
struct writer *writer_open(int fd, bool gzip, const char *interface,
                           const char *description, int *error);

/* Appends a packet.  Returns 0 or a positive errno value, after which nothing
 * else can be appended. */
int writer_put(struct writer *, const struct timespec *when, const void *data,
               uint32_t caplen, uint32_t len, const struct svec *comments);

/* Passes all to the kernel that was appended.  Returns 0 or a positive errno
 * value. */
int writer_flush(struct writer *);

/* Returns how many bytes were appended, before compression. */
uint64_t writer_bytes(const struct writer *);

/* Of one packet with comments, at most. */
uint64_t writer_packet_bytes(uint32_t caplen, const struct svec *comments);

/* An interface's statistics, for the end of the file. */
struct writer_stats {
    struct timespec start, end;
    uint64_t received;          /* Packets that came out of the interface. */
    uint64_t dropped;           /* Of them, dropped by the kernel. */
    uint64_t delivered;         /* Of them, given to us. */
    const char *comment;
};

/* Ends the file, and frees the writer in any case.  Returns 0 or a positive
 * errno value.  With null for 'stats', the file just stops. */
int writer_close(struct writer *, const struct writer_stats *stats);

#endif /* TASUKI_CAPTURE_WRITER_H */
