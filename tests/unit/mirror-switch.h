/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* A switch for the engine of mirrors: it does with packets what the engine's
 * entries say, with check_tcp_seq's own code as the judge.  There is one
 * connection that matters, from client 10.0.0.1:40000 to 10.0.0.2:80. */

#ifndef MIRROR_SWITCH_H
#define MIRROR_SWITCH_H 1

#include "packets.h"
#include "utilities/tasukid/apps/mirror/engine/engine.h"

/* A packet, as the switch sees it. */
struct fake_packet {
    enum mirror_dir dir;
    uint32_t seq, ack;
    uint16_t flags;
    const uint8_t *payload;
    size_t len;
};

/* What the switch does with it. */
enum fake_fate {
    FAKE_ALONE,                 /* Passed, and copied for 'copies'. */
    FAKE_COPIED,                /* The same, and the engine gets it. */
    FAKE_HELD,                  /* The engine gets it. */
};

/* What the engine reported as skipped. */
struct fake_skip {
    enum mirror_dir dir;
    uint32_t policies, seq;
    uint64_t first, len;
    char url[64], protocol[16], reason[64];
};

#define FAKE_MAX_SKIPS 4096

struct fake_switch {
    struct mirror_engine *engine;
    bool holds;                 /* Mode inline, else copy. */
    bool waits;                 /* What waits for a barrier goes on waiting. */
    uint32_t policies;          /* Those that match all packets. */
    uint64_t place;
    struct mirror_end ends[2];  /* Where packets of a direction go. */
    uint8_t nw_proto;

    long long int now;          /* In ms, for the engine. */
    long long int delay;        /* Until an entry takes effect, in ms. */
    struct mirror_entry entries[2];         /* In effect. */
    struct mirror_entry set[2];             /* As they were set. */
    long long int effect[2];    /* When they take effect, or 0. */
    uint64_t id;                /* Of the connection that set one last. */
    size_t n_set, n_asked;

    struct fake_skip skips[FAKE_MAX_SKIPS];
    size_t n_skips;
};

extern struct fake_switch sw;

/* A switch with the 'n' policies in 'wants', all of which match. */
void fake_start(bool holds, const struct mirror_wants wants[], size_t n);
void fake_stop(void);

/* A packet comes in.  Sets '*copies' unless it is held. */
enum fake_fate fake_input(const struct fake_packet *, uint32_t *copies);

/* The engine gets it. */
struct mirror_verdict fake_judge(const struct fake_packet *, bool held);

/* Entries that were set are in effect now. */
void fake_barrier(void);

/* Both in one: returns who got a copy.  Sets 'fake_fate' and 'fake_verdict' to
 * what happened, the latter if it did. */
uint32_t fake_send(const struct fake_packet *);
extern enum fake_fate fake_fate;
extern struct mirror_verdict fake_verdict;

/* Time goes on. */
void fake_wait(long long int ms);

#endif /* mirror-switch.h */
