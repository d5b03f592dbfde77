/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Two hosts with a little TCP on both sides of the switch of mirror-switch.h,
 * and a network that loses, doubles and swaps packets. */

#ifndef MIRROR_HOSTS_H
#define MIRROR_HOSTS_H 1

#include "mirror-session.h"
#include "mirror-switch.h"

struct hosts_config {
    int loss;                   /* One of so many packets, 0 for none, on each
                                 * side of the switch. */
    int dup;                    /* The same, doubled. */
    int link;                   /* From a host to the switch, in ticks. */
    int jitter;                 /* Up to so much later, in ticks. */
    int engine_delay;           /* Until the engine gets a packet, in ticks. */
    size_t mss;
    uint32_t isn[2];            /* By the direction of the stream. */
};

/* A tick is a tenth of a millisecond. */
#define HOSTS_TICKS_PER_MS 10

/* What becomes of packets. */
struct hosts_ops {
    /* It has passed the switch, and these policies got a copy, in that
     * order. */
    void (*passed)(const struct fake_packet *, uint32_t copies, void *aux);
    void *aux;
};

/* Plays 's' from SYN to FIN, or until nothing happens any more. */
void hosts_run(const struct session *s, const struct hosts_config *,
               const struct hosts_ops *);

#endif /* mirror-hosts.h */
