/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_LOAD_H
#define TASUKI_IPSEC_LOAD_H 1

/* How much SAs and CPUs have to do: what the kernel has counted, and what that
 * is in a second.  These are pure functions. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sa.h"

struct ds;

/* A CPU, from /proc/net/softnet_stat.  A packet that is decrypted counts
 * twice: as it comes in, and as what was in it goes on. */
struct load_cpu {
    unsigned int cpu;
    uint32_t packets;           /* These wrap around. */
    uint32_t dropped;           /* Its queue was full. */
    uint32_t squeezed;          /* Times that it ran out of time. */
};

/* An SA. */
struct load_sa {
    struct in6_addr src, dst;
    uint32_t spi;
    bool out;                   /* From this end of the tunnel. */
    int tag;                    /* -1 if no tunnel was given. */
    struct sa_counts counts;
};

struct load {
    long long int when;         /* In ms. */
    struct load_cpu *cpus;
    size_t n_cpus;
    struct load_sa *sas;        /* Outbound ones last, each by tag or SPI. */
    size_t n_sas;
};

#define LOAD_INITIALIZER { .when = 0 }

void load_uninit(struct load *);

/* Puts what 'text', all of /proc/net/softnet_stat, says into 'load'.  Returns
 * false if it makes no sense. */
bool load_read_cpus(struct load *, const char *text);

/* Puts the SAs for ESP of 'set' into 'load': those of 't', seen from its end
 * 'side', or all if 't' is null. */
void load_read_sas(struct load *, const struct sa_set *set,
                   const struct tunnel *t, enum tunnel_side side);

/* What an SA of 'new' has done since 'old', in which there may be another one
 * with its SPI. */
void load_sa_delta(const struct load *old, const struct load_sa *new,
                   uint64_t *packets, uint64_t *bytes);

/* Puts the tags of outbound SAs into 'tags', and into 'rates' how many bytes a
 * second each has carried since 'old'.  Both have room for TUNNEL_MAX_TAGS.
 * Returns the number of tags. */
size_t load_by_tag(const struct load *old, const struct load *new,
                   int64_t *tags, int64_t *rates);

/* Prints a table of what was done between 'old' and 'new', in a second. */
void load_print_table(const struct load *old, const struct load *new,
                      struct ds *);

/* Prints counters in Prometheus' text format. */
void load_print_metrics(const struct load *, const char *tunnel, struct ds *);

#endif /* TASUKI_IPSEC_LOAD_H */
