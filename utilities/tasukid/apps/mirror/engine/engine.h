/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_ENGINE_H
#define TASUKID_MIRROR_ENGINE_H 1

/* The engine of the mirror application: which packets of a connection are
 * worth a copy.
 *
 * Packets come in, in the order in which the switch saw them; verdicts go out,
 * and entries: what the switch does alone with one direction of a connection.
 * The engine knows no switch, no OpenFlow, no database and no clock.  Its
 * owner has one engine for each switch.
 *
 * No file calls one that is listed above it:
 *
 *   engine.c         policies, time, what the owner asks and tells
 *   tcp.c            segments: do they fit, what becomes of them
 *   datagram.c       UDP
 *
 *   life.c           the beginning and the end of connections
 *   reader.c         reading streams
 *   unknown.c        connections that are not understood
 *   http.c           HTTP/1: where messages begin and end
 *   message.c        what a head says about that
 *   tls.c            TLS: where data begins
 *   other.c          what is not read
 *   entries.c        what the switch does alone
 *   polls.c          skipping by byte counters
 *   skip.c           what is not copied, and saying so
 *   conn.c           table of connections, timers
 *   stream.c         one direction of a connection, read in order
 *   ranges.c         a few ranges of it */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

/* Policies are numbered, and a set of them is a bitmap. */
enum { MIRROR_MAX_POLICIES = 32 };

/* What a policy asks for. */
struct mirror_wants {
    bool exists;
    uint64_t threshold;         /* Shorter bodies are copied whole.  In
                                 * bytes. */
    uint32_t keep;              /* Bytes to copy of each direction of what is
                                 * not HTTP; of TLS, after the first
                                 * application data. */
    uint32_t keep_packets;      /* Of each direction of UDP. */
    bool chunked_whole;         /* Bodies with chunks are copied whole. */
    bool by_stats;              /* Skipping of bodies of known length ends by
                                 * the switch's byte counters, not by sequence
                                 * numbers. */
};

struct mirror_end {
    struct in6_addr addr;       /* IPv4-mapped for IPv4. */
    ovs_be16 port;
};

/* Directions are named by where packets go. */
enum mirror_dir { MIRROR_TO_SERVER, MIRROR_TO_CLIENT };

/* A connection, as its client sees it.  The client is who opened it. */
struct mirror_key {
    uint32_t zone;
    uint8_t nw_proto;           /* IPPROTO_TCP or IPPROTO_UDP. */
    struct mirror_end client, server;
};

/* A packet.  Numbers are in host byte order. */
struct mirror_packet {
    uint32_t zone;
    uint8_t nw_proto;
    struct mirror_end src, dst;

    uint32_t seq, ack;          /* TCP only, down to here: */
    uint16_t flags;             /* TCP_FIN and so on. */

    const uint8_t *payload;
    size_t len;                 /* Bytes of payload. */

    uint32_t policies;          /* Those that match it. */
    bool held;                  /* It has neither passed nor been copied. */
    bool waited_for;            /* A packet of its connection still waits, as a
                                 * verdict said.  If that is a request, the
                                 * server has not got it. */
    uint64_t place;             /* The owner's name, not 0, for where in the
                                 * switch packets of this direction are looked
                                 * at. */
};

/* What the switch does with packets of one direction.  The other packets, and
 * all of them without an entry, come to the engine: MIRROR_LOOK.  What comes
 * here and is not held has passed, and was copied for all that match. */
enum mirror_mode {
    MIRROR_LOOK,                /* No entry. */
    MIRROR_WINDOW,              /* Those inside a window are only for
                                 * 'policies'.  The rest comes here. */
    MIRROR_PASS,                /* All are only for 'policies'. */
    MIRROR_COPY,                /* All are copied, for all that match. */
};

/* A part of the sequence space: 'len' numbers from 'start' on, at most 2^30.
 * Nothing is in it if 'len' is 0. */
struct mirror_window {
    uint32_t start, len;
};

struct mirror_entry {
    enum mirror_mode mode;

    /* In MIRROR_WINDOW, a packet is inside if it is inside one of the two, as
     * check-tcp-seq.h says.  One of them may have no length. */
    struct mirror_window seq;   /* Segments with payload (CHECK_TCP_SEQ). */
    struct mirror_window ack;   /* Pure ACKs (CHECK_TCP_ACK). */

    uint32_t policies;          /* Who still gets a copy: some of those that
                                 * match this direction. */
    bool hold;                  /* What is outside must not pass before the
                                 * engine has seen it, whatever the policies
                                 * say. */
    uint16_t idle_timeout;      /* In seconds. */
};

/* What becomes of a packet that came to the engine.  (If it was not held, it
 * has passed and been copied already.) */
struct mirror_verdict {
    uint32_t copies;            /* Policies that get a copy.  Of no meaning
                                 * if the packet was not held. */
    bool barrier;               /* It may only pass once the switch has the
                                 * entries that were set meanwhile. */
};

/* A range of a stream that was not copied.  If a connection ends without a
 * sign, in the middle of what is skipped, how much more of that has passed is
 * not known, and not reported. */
struct mirror_skip {
    const struct mirror_key *key;
    enum mirror_dir dir;
    uint32_t policies;          /* Who did not get it. */
    uint64_t first;             /* Of the direction's bytes, the first is 0;
                                 * relative to where looking began, if that is
                                 * not the SYN. */
    uint32_t seq;               /* Sequence number of that byte. */
    uint64_t len;
    const char *protocol;       /* "http", "tls", "other", "udp". */
    const char *url;            /* Host and target of the request, or null. */
    const char *reason;         /* A static string: why it was skipped. */
};

struct mirror_conn;
struct mirror_engine;

/* What the engine asks of its owner.  None of these may call the engine. */
struct mirror_ops {
    /* The entry of direction 'dir' becomes '*entry' (mode MIRROR_LOOK: none is
     * left). */
    void (*set_entry)(struct mirror_engine *, const struct mirror_conn *,
                      enum mirror_dir, const struct mirror_entry *entry);

    /* Asks for mirror_engine_bytes() of the entry of 'dir', soon. */
    void (*ask_bytes)(struct mirror_engine *, const struct mirror_conn *,
                      enum mirror_dir);

    /* Something was skipped.  Called before the engine's verdict on the packet
     * that ends the range, or at the end of the connection. */
    void (*skipped)(struct mirror_engine *, const struct mirror_skip *);
};

/* A connection's identity, for cookies: never 0, at most 48 bits, not used
 * again for long. */
uint64_t mirror_conn_id(const struct mirror_conn *);
const struct mirror_key *mirror_conn_key(const struct mirror_conn *);
/* Where packets of that direction were last looked at, or 0 if none was. */
uint64_t mirror_conn_place(const struct mirror_conn *, enum mirror_dir);
struct mirror_conn *mirror_engine_find(struct mirror_engine *, uint64_t id);

/* 'salt' makes ids and hashes differ between runs.  Times are in ms. */
struct mirror_engine *mirror_engine_create(const struct mirror_ops *,
                                           uint32_t salt, void *aux);
void mirror_engine_destroy(struct mirror_engine *);
void *mirror_engine_aux(const struct mirror_engine *);

/* Policies have changed.  Connections of those that are gone or different
 * forget what they skipped: their entries are taken back. */
void mirror_engine_set_wants(struct mirror_engine *,
                             const struct mirror_wants[MIRROR_MAX_POLICIES]);

/* Judges a packet. */
void mirror_engine_packet(struct mirror_engine *, long long int now,
                          const struct mirror_packet *,
                          struct mirror_verdict *);

/* The switch no longer has the entry (it was idle, or refused). */
void mirror_engine_entry_gone(struct mirror_engine *, long long int now,
                              uint64_t id, enum mirror_dir);

/* The answer to 'ask_bytes': bytes of payload cannot be told from headers, so
 * 'n_bytes' counts frames of 'n_packets' packets, since the entry was set.  Of
 * UDP, this is to be called once, before mirror_engine_entry_gone(), as that
 * is all that can be known about what passed. */
void mirror_engine_bytes(struct mirror_engine *, long long int now,
                         uint64_t id, enum mirror_dir, uint64_t n_packets,
                         uint64_t n_bytes);

/* What was counted.  What the switch does alone, only the switch can count. */
struct mirror_counts {
    uint64_t n_packets;         /* That came to the engine. */
    uint64_t n_bytes;           /* Of their payload. */
    uint64_t n_skipped;         /* Bytes reported as skipped. */
};

/* What is known of a connection, for people.  Strings are valid until the
 * engine is called again. */
struct mirror_show {
    const char *protocol;       /* As in 'struct mirror_skip', or "unknown". */
    const char *reason;         /* Why it is copied whole, or null. */
    const char *url;            /* Of the last request, or null. */
    long long int used;         /* When a packet last came here. */
    struct mirror_counts counts[2];         /* By 'enum mirror_dir'. */
    const struct mirror_entry *entries[2];  /* By the same. */
};

void mirror_conn_show(const struct mirror_conn *, struct mirror_show *);

/* The connection used last, and the one used before 'conn'; null if there is
 * none. */
const struct mirror_conn *mirror_engine_first(const struct mirror_engine *);
const struct mirror_conn *mirror_engine_next(const struct mirror_engine *,
                                             const struct mirror_conn *conn);

/* All connections, those that are gone included. */
struct mirror_totals {
    struct mirror_counts counts;
    size_t n_conns;             /* Now. */
    uint64_t n_opened;
    uint64_t n_evicted;         /* Given up for newer ones. */
    uint64_t n_unknown;         /* Times when a connection was not, or no
                                 * longer, understood. */
};

void mirror_engine_totals(const struct mirror_engine *,
                          struct mirror_totals *);

/* Runs what is due, and returns when to call it next, or LLONG_MAX. */
long long int mirror_engine_run(struct mirror_engine *, long long int now);

#endif /* TASUKID_MIRROR_ENGINE_H */
