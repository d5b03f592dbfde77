/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_ENTRY_H
#define TASUKID_HANDOVER_ENTRY_H 1

/* What the engine wants to have forwarded without it, as plain values.  The
 * owner turns them into what its switch takes, and back. */

#include <stdint.h>

#include "openvswitch/types.h"

struct conn;
struct member;

/* The two directions of a connection, as bits for sets of them. */
enum conn_direction {
    CONN_TO_SERVER = 1 << 0,
    CONN_TO_CLIENT = 1 << 1,
    CONN_BOTH = CONN_TO_SERVER | CONN_TO_CLIENT,
};

enum entry_kind {
    ENTRY_NONE,
    ENTRY_TO_SERVER,    /* Segments of one client to its server, without SYN
                         * and RST: rewritten and sent on. */
    ENTRY_TO_CLIENT,    /* Segments of that server to that client, the same. */
    ENTRY_WATCH,        /* All segments of a server to one port of a client:
                         * come here. */
    ENTRY_DIRECT,       /* All segments of a server's port to a client: sent on
                         * as they are. */
};

/* One entry.  In ENTRY_WATCH and ENTRY_DIRECT, members that are zero, or
 * OFPP_NONE in 'in_port', match anything. */
struct entry {
    enum entry_kind kind;
    uint64_t id;                /* Of the connection, 52 bits; 0 if none. */
    uint32_t zone;

    /* Which segments. */
    ofp_port_t in_port;         /* OFPP_NONE for any. */
    struct eth_addr eth_src;
    ovs_be32 ip_src, ip_dst;
    ovs_be16 tp_src, tp_dst;

    /* What becomes of a connection's segments. */
    struct eth_addr new_eth_src, new_eth_dst;
    ovs_be32 new_ip_src, new_ip_dst;
    ovs_be16 new_tp_src, new_tp_dst;
    ofp_port_t out_port;        /* OFPP_NONE: wherever the address is. */
    uint32_t seq, ack, tsval, tsecr;    /* To be added. */
    int8_t wscale;              /* Shift of windows. */

    /* When it ends without traffic, in seconds.  0: never, and no message
     * comes. */
    uint16_t idle_timeout;
    uint16_t fin_idle_timeout;  /* After FIN. */
};

/* How long a removed entry may still be obeyed: a datapath takes its time to
 * notice.  Until then segments pass as if the entry were still there. */
#define ENTRY_REMOVAL_MS 50

/* Fill in '*entry' for one direction of 'conn', which has a server; or to
 * watch 'm', which has its own address, for 'conn'. */
void entry_for_conn(const struct conn *, enum conn_direction,
                    struct entry *entry);
void entry_for_watch(const struct conn *, const struct member *m,
                     struct entry *entry);

#endif /* entry.h */
