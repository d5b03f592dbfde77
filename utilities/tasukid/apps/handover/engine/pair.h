/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_PAIR_H
#define TASUKID_HANDOVER_PAIR_H 1

/* A host and a server with its own address, and what they have to do with each
 * other: the host's connections that a service brought to the server, and
 * those that go to the server directly.
 *
 * What a server sends from the port of a service comes to the engine, because
 * it may belong to a connection to the service.  The first segment of a host
 * and a server that does not has one entry let all others between the two pass
 * (ENTRY_DIRECT).  From then on a connection of that host to the service needs
 * an entry that takes out what that server sends to its ports (ENTRY_WATCH).
 *
 * Without direct connections there is nothing in the datapath that could let a
 * server's segments pass, and a handover need not care when it notices an
 * entry. */

#include "conn.h"

struct pair_key {
    uint32_t zone;
    ovs_be32 client;
    ovs_be32 server;
    ovs_be16 server_tp;
};

struct pair {
    struct hmap_node node;      /* In engine's 'pairs'. */
    struct ovs_list conns;      /* Contains 'struct conn's, whose member is the
                                 * server. */
    long long int installed;    /* In ms, of the entry, when last. */
    struct pair_key key;
    bool direct;                /* There is an entry for direct connections. */
};

void pairs_init(struct engine *);
void pairs_destroy(struct engine *);

/* Notes that 'm', which may be null, is the server of 'conn'. */
void pair_join(struct conn *, const struct member *m);

/* Sees to it that what 'm' sends to the ports of 'conn' comes here.  Returns
 * true if that took an entry, which the datapath has yet to notice. */
bool pair_watch(struct conn *, const struct member *m);

/* Server 'm' is none of those of 'conn' any more. */
void pair_unwatch(struct conn *, const struct member *m);

/* '*in' came from a server's own address and belongs to no connection of ours:
 * passes it on, and has others of that host and server passed on without us
 * from now on. */
void pair_pass(struct engine *, const struct segment_in *in);

/* '*entry' for direct connections ended; was found. */
void pair_removed(struct engine *, const struct entry *entry);
void pair_adopt(struct engine *, const struct entry *entry);

#endif /* pair.h */
