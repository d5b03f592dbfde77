/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_CONN_H
#define TASUKID_MIRROR_CONN_H 1

/* Connections, by their addresses and by number, and when something is due. */

#include "engine.h"
#include "heap.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "stream.h"

/* Connections of which one side is all that was seen give way to others, but
 * never to more than so many: a flood of them does not push out the rest. */
#define CONN_MAX 65536
#define CONN_MAX_FRESH 16384

/* Payload that all connections together may hold, in bytes. */
#define CONN_MAX_HELD (64 * 1024 * 1024)

/* What a connection carries. */
enum protocol {
    PROTOCOL_NEW,               /* Not known yet. */
    PROTOCOL_HTTP,
    PROTOCOL_TLS,
    PROTOCOL_OTHER,
    PROTOCOL_UDP,
    PROTOCOL_WHOLE,             /* Not understood: copied whole, for good. */
    PROTOCOL_UNKNOWN,           /* Until the next request, at least. */
};

const char *protocol_name(enum protocol);

/* A request that was not answered yet. */
struct request {
    struct ovs_list node;
    bool is_head, is_connect, upgrade;
    char *url;                  /* Null if there was no memory for it. */
};

/* How far an end of the connection has come. */
enum ending {
    ENDING_NOT,
    ENDING_SEEN,                /* Both FINs, or a RST. */
    ENDING_DOUBTED,             /* Some time later, without entries, so that
                                 * it is seen if the connection goes on. */
};

/* Skipping by the switch's byte counters (polls.h). */
struct polls {
    bool active;
    bool over;                  /* For the present body. */
    bool asked;
    enum mirror_dir dir;        /* Of the body. */
    int64_t start;              /* Where it stood when the entry was set. */
    uint64_t n_seen;            /* 'counts' of the direction then, in bytes. */
    int64_t last;               /* Where the last answer said it stands. */
    long long int last_time;    /* When it first said so, in ms. */
    int64_t rate;               /* Before that, in bytes a ms. */
};

struct mirror_conn {
    struct hmap_node node;      /* In engine's 'conns'. */
    struct hmap_node id_node;   /* In engine's 'ids'. */
    struct ovs_list used_node;  /* In engine's 'fresh' or 'used'. */
    struct heap_node timer;     /* In engine's 'timers' if 'when'. */
    struct mirror_engine *engine;
    uint64_t id;
    struct mirror_key key;
    bool fresh;                 /* Only one side was seen. */
    long long int created, used, when;      /* In ms. */

    enum protocol protocol;
    const char *reason;         /* Why it is copied whole. */
    struct tcp_stream streams[2];   /* By the direction in which they go. */
    struct ovs_list requests;   /* Contains 'struct request's. */
    size_t n_requests;
    bool barrier;               /* What is held must wait for the switch. */
    bool unanswered;            /* Something still waited for it when the last
                                 * packet came. */

    bool has_syn;               /* This may be the next connection's. */
    uint32_t syn_seq;
    enum mirror_dir syn_dir;
    enum ending ending;
    long long int rtt;          /* In ms, 0 if not known. */
    long long int fit;          /* When a segment fitted last, in ms. */
    unsigned n_unfit;           /* Segments since that did not. */
    long long int settled;      /* When the switch does not skip any more what
                                 * an unknown connection skipped before, in
                                 * ms, or 0: then that was told. */
    unsigned n_fruitless;       /* Segments with payload but no request, of
                                 * an unknown connection. */
    bool has_ack;
    uint32_t ack;               /* The last one, of those. */
    uint32_t next;              /* Sequence number after the last one. */
    struct polls polls;

    struct mirror_entry entries[2];
    long long int set_time;     /* When one was last set, in ms. */
    long long int refused;      /* Set none before that, in ms. */
    bool held[2];               /* The last packet of each direction was. */
    long long int hold_since;   /* When the client's entry began to hold, in
                                 * ms, or 0. */
    bool hold_works;            /* It does, and all that passed before that
                                 * came here. */
    uint32_t policies[2];       /* Those that match it. */
    uint64_t places[2];
    struct mirror_counts counts[2];
};

struct mirror_engine {
    const struct mirror_ops *ops;
    void *aux;
    uint32_t salt;
    long long int now;          /* In ms. */

    struct mirror_wants wants[MIRROR_MAX_POLICIES];
    uint32_t policies;          /* Those that exist. */

    struct hmap conns;
    struct hmap ids;
    struct ovs_list fresh;      /* The one used last is last. */
    struct ovs_list used;
    size_t n_fresh;
    struct heap timers;
    uint64_t next_id;

    struct tcp_hold_budget budget;
    struct mirror_totals totals;
};

/* A new connection.  There is none with the same key, whoever is called its
 * client. */
struct mirror_conn *mirror_conn_create(struct mirror_engine *,
                                       const struct mirror_key *);

/* Frees it.  Its entries stay where they are. */
void mirror_conn_free(struct mirror_conn *);

/* Finds the connection of packets from 'src' to 'dst' or back. */
struct mirror_conn *mirror_conn_lookup(const struct mirror_engine *,
                                       uint32_t zone, uint8_t nw_proto,
                                       const struct mirror_end *src,
                                       const struct mirror_end *dst);

bool mirror_end_equals(const struct mirror_end *, const struct mirror_end *);

/* It was used just now.  It is no longer fresh if '!fresh'. */
void mirror_conn_used(struct mirror_conn *, bool fresh);

/* The one to give up first, or null while there may be one more. */
struct mirror_conn *mirror_conn_surplus(const struct mirror_engine *);

/* Has mirror_conn_due() return it at 'when', and at no other time, or never if
 * that is 0. */
void mirror_conn_set_timer(struct mirror_conn *, long long int when);
struct mirror_conn *mirror_conn_due(const struct mirror_engine *);

static inline enum mirror_dir
mirror_opposite(enum mirror_dir dir)
{
    return dir == MIRROR_TO_SERVER ? MIRROR_TO_CLIENT : MIRROR_TO_SERVER;
}

/* The policies that match any direction. */
static inline uint32_t
mirror_conn_policies(const struct mirror_conn *c)
{
    return (c->policies[0] | c->policies[1]) & c->engine->policies;
}

/* Returns true if the next segment from the client is to be seen, as it tells
 * how much was skipped. */
static inline bool
mirror_conn_is_asking(const struct mirror_conn *c)
{
    return c->settled && c->engine->now >= c->settled;
}

/* Requests.  request_push() takes ownership of 'url', request_pop() forgets
 * the first one, if any. */
struct request *request_push(struct mirror_conn *, char *url);
struct request *request_first(const struct mirror_conn *);
struct request *request_last(const struct mirror_conn *);
void request_pop(struct mirror_conn *);

#endif /* conn.h */
