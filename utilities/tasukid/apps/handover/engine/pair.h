/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_PAIR_H
#define TASUKID_HANDOVER_PAIR_H 1

/* A host and a server with its own address, and the connections between them:
 * those that a service brought to the server, and those that go to the server
 * directly.
 *
 * What a server sends from the port of a service comes to the engine, because
 * it may belong to a connection to the service.  The first segment to a host
 * that does not installs one entry that lets all others between the two pass
 * (ENTRY_DIRECT).  From then on, each connection of that host to the service
 * needs an entry that sends what the server sends to its ports here
 * (ENTRY_WATCH).
 *
 * Without direct connections nothing in the datapath lets a server's segments
 * pass.  Then a handover need not care when the datapath notices an entry. */

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
    long long int installed;    /* In ms, the entry, last time. */
    struct pair_key key;
    bool direct;                /* There is an entry for direct connections. */
};

void pairs_init(struct engine *);
void pairs_destroy(struct engine *);

/* Notes that 'm', which may be null, is the server of 'conn'. */
void pair_join(struct conn *, const struct member *m);

/* Has what 'm' sends to the ports of 'conn' come here.  Returns true if that
 * took an entry, which the datapath has yet to notice. */
bool pair_watch(struct conn *, const struct member *m);

/* Server 'm' is none of those of 'conn' any more. */
void pair_unwatch(struct conn *, const struct member *m);

/* '*in' came from a server's own address and belongs to no connection of ours.
 * Passes it on, and has later segments between that host and server passed on
 * without us. */
void pair_pass(struct engine *, const struct segment_in *in);

/* '*entry' for direct connections was removed; was found. */
void pair_removed(struct engine *, const struct entry *entry);
void pair_adopt(struct engine *, const struct entry *entry);

#endif /* pair.h */
