/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_NIC_H
#define TASUKI_IPSEC_NIC_H 1

/* What a network interface, and the kernel above it, can do to bring packets
 * of different SAs to different CPUs. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rss.h"

struct svec;

/* Does the NIC filter by it?  ethtool can tell that there are filters, but
 * not which kinds: for drivers that we do not know, only a try shows that. */
enum nic_answer { NIC_NO, NIC_TRY, NIC_YES };

/* Whether a NIC hashes more than the addresses: the SPI of ESP or the ports of
 * UDP. */
struct nic_hash {
    bool is_on;
    bool can_be_set;            /* By ethtool -N ... rx-flow-hash. */
};

struct nic {
    char *name;
    char *driver;               /* "" if unknown. */
    bool is_veth;
    unsigned int n_rx, n_tx;    /* Queues. */
    unsigned int max_rx;        /* At most by ethtool -L; 0 if unknown. */

    /* Filters (ethtool -N), a queue for what matches. */
    bool ntuple;                /* Switched on? */
    enum nic_answer by_spi, by_port, by_address;
    unsigned int n_rules;       /* Room, 0 if unknown. */
    uint32_t *used;             /* Places that are taken. */
    size_t n_used;

    /* RSS. */
    struct nic_hash esp, udp;   /* Of the IP version in question. */
    struct rss rss;             /* Empty if 'no_rss'. */
    char *no_rss;               /* Why its result is not known, or null. */

    /* RPS, in software. */
    char **rps_cpus;            /* A queue's CPUs, as in sysfs; null if the
                                 * kernel has no RPS. */
    unsigned int n_cpus;        /* CPUs 0 ... n_cpus - 1 can be used. */

    /* A sender's. */
    bool has_clsact;            /* tc's place for egress filters is there. */
};

/* Finds out what interface 'name' can do with ESP over IPv4, or 'ipv6'.
 * Returns null if all is well, otherwise an error, which the caller must
 * free. */
char *nic_probe(struct nic *, const char *name, bool ipv6);
void nic_uninit(struct nic *);

/* Sets what is known of the driver only, and not told by ethtool.  'ipv6' as
 * in nic_probe(), and 'has_filters' if ethtool tells that there are any. */
void nic_know_driver(struct nic *, bool ipv6, bool has_filters);

/* Adds sentences about what the interface can do to 'words'. */
void nic_describe(const struct nic *, struct svec *words);

#endif /* TASUKI_IPSEC_NIC_H */
