/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CAPTURE_SOURCE_H
#define TASUKI_CAPTURE_SOURCE_H 1

/* Packets that come out of a network interface. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct source;

/* The kernel may gather packets for so long before we see them, in ms. */
enum { SOURCE_GATHER = 20 };

/* Longest packet, more than any that segmentation offload makes. */
enum { SOURCE_SNAPLEN = 262144 };

/* Makes network interface 'name' one that only gives packets: up, and as far
 * as we may, with no address of its own and no answers to what comes out of
 * it.  Logs what could not be done. */
void source_quiet(const char *name);

/* Opens network interface 'name' with a buffer of 'buffer' bytes in the
 * kernel.  Returns null and sets '*error', which the caller must free, if that
 * is not possible. */
struct source *source_open(const char *name, size_t buffer, char **error);
void source_close(struct source *);

typedef void source_packet_func(const struct timespec *, const void *data,
                                uint32_t caplen, uint32_t len, void *aux);

/* Calls 'cb' for packets that are there, not many more than 'max'.  Returns
 * how many, or -1 and sets '*error', which the caller must free, if there will
 * be no more. */
int source_read(struct source *, int max, source_packet_func *cb, void *aux,
                char **error);

/* Returns how many packets the kernel has dropped since source_open(). */
uint64_t source_dropped(struct source *);

/* Makes poll_block() wake up when there are packets. */
void source_wait(struct source *);

#endif /* TASUKI_CAPTURE_SOURCE_H */
