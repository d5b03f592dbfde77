/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CAPTURE_HELD_H
#define TASUKI_CAPTURE_HELD_H 1

/* Packets wait here for a moment before they are written.
 *
 * Packets come out of the switch, news of what was skipped in front of them
 * from tasukid: either may be first.  News that finds no packet that follows
 * the range waits for one. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "direction.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "svec.h"

struct held_packet {
    struct timespec when;
    uint32_t len;               /* On the wire. */
    uint32_t caplen;            /* Bytes in 'data'. */
    struct svec comments;

    /* For held.c alone. */
    struct ovs_list node;       /* In struct held's 'packets'. */
    struct stream *stream;      /* Its direction, or null. */
    struct ovs_list in_stream;  /* In the stream's 'packets'. */
    long long int due;          /* In ms. */
    struct direction_frame frame;

    uint8_t data[];
};

struct held {
    struct ovs_list packets;    /* The oldest is first. */
    size_t bytes;               /* That the packets take. */

    struct ovs_list news;       /* That waits, the oldest is first. */
    size_t n_news;
    uint64_t n_without_packet;  /* News that no packet will follow. */

    struct hmap streams;        /* Directions that have any of both. */

    long long int delay;        /* In ms. */
    size_t max_bytes;
};

/* News that waits: more than that, and the oldest is given up. */
enum { HELD_MAX_NEWS = 10000 };

struct skip_event;

/* Packets will wait for 'delay' ms, fewer if they take more than 'max_bytes'
 * bytes. */
void held_init(struct held *, long long int delay, size_t max_bytes);
void held_destroy(struct held *);

/* Takes a copy of a packet that came at 'now' (in ms). */
void held_put(struct held *, long long int now, const struct timespec *when,
              const void *data, uint32_t caplen, uint32_t len);

/* Finds the packet that follows the range of '*event', which came at 'now' (in
 * ms): one that is here, or one that comes later. */
void held_tell(struct held *, long long int now,
               const struct skip_event *event);

/* Returns the next packet that has waited long enough at 'now' (in ms), or
 * null.  The caller must pass it to held_free().  With LLONG_MAX for 'now',
 * none need wait. */
struct held_packet *held_pop(struct held *, long long int now);
void held_free(struct held_packet *);

/* Returns when held_pop() will have a packet, or LLONG_MAX. */
long long int held_due(const struct held *);

#endif /* TASUKI_CAPTURE_HELD_H */
