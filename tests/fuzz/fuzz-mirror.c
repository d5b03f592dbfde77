/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the engine of mirrors: the input is a series of
 * packets, both sides of two connections, and of what else may happen.
 * Sequence numbers are mostly those that come next, so that it gets far.
 *
 * Whatever comes, SYN, FIN and RST are copied for all, windows are no larger
 * than promised, and in the end nothing is left in the switch. */

#include <config.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "util.h"
#include "utilities/tasukid/apps/mirror/engine/engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define N_CONNS 2
#define N_POLICIES 3
#define ALL ((1u << N_POLICIES) - 1)

static struct mirror_engine *engine;
static long long int now;
static uint32_t next[N_CONNS][2];
static size_t n_entries;        /* In the switch. */
static bool has_entry[N_CONNS][2];
static uint64_t ids[N_CONNS];   /* Of who set one last. */

static void
set_entry(struct mirror_engine *e, const struct mirror_conn *c,
          enum mirror_dir dir, const struct mirror_entry *entry)
{
    const struct mirror_key *key = mirror_conn_key(c);
    const struct mirror_end *end = &key->client;
    size_t i = (ntohs(end->port) == 80 ? ntohs(key->server.port)
                : ntohs(end->port)) - 40000;

    ovs_assert(e == engine && i < N_CONNS);
    ovs_assert(mirror_engine_find(e, mirror_conn_id(c)) == c);
    ovs_assert(!(entry->policies & ~ALL));
    ovs_assert(entry->seq.len <= 1u << 30 && entry->ack.len <= 1u << 30);
    ovs_assert(entry->mode != MIRROR_WINDOW || entry->seq.len
               || entry->ack.len);
    n_entries -= has_entry[i][dir];
    has_entry[i][dir] = entry->mode != MIRROR_LOOK;
    n_entries += has_entry[i][dir];
    ids[i] = mirror_conn_id(c);
}

static void
ask_bytes(struct mirror_engine *e, const struct mirror_conn *c,
          enum mirror_dir dir)
{
    ovs_assert(mirror_engine_find(e, mirror_conn_id(c)) == c && dir < 2);
}

static void
skipped(struct mirror_engine *e, const struct mirror_skip *skip)
{
    ovs_assert(e == engine);
    ovs_assert(skip->len && skip->len < UINT64_C(1) << 62);
    ovs_assert(skip->policies && !(skip->policies & ~ALL));
    ovs_assert(skip->protocol && skip->reason);
    ovs_assert(!skip->url || strlen(skip->url) <= 512);
}

static const struct mirror_ops ops = { set_entry, ask_bytes, skipped };

/* The input, byte by byte, and zeros after its end. */
struct input {
    const uint8_t *data;
    size_t len;
};

static uint8_t
get(struct input *in)
{
    return in->len ? in->len--, *in->data++ : 0;
}

static void
set_wants(struct input *in)
{
    struct mirror_wants wants[MIRROR_MAX_POLICIES] = { { .exists = false } };
    uint8_t bits = get(in);

    for (int i = 0; i < N_POLICIES; i++) {
        wants[i] = (struct mirror_wants) {
            .exists = i == 0 || bits & 1u << i,
            .threshold = get(in) * 16u,
            .keep = get(in) * 16u,
            .keep_packets = get(in) % 8,
            .chunked_whole = bits & 1u << (i + 3),
            .by_stats = bits >> 7,
        };
    }
    mirror_engine_set_wants(engine, wants);
}

static struct mirror_end
end_of(size_t conn, bool server)
{
    struct mirror_end end = { .port = htons(server ? 80 : 40000 + conn) };

    end.addr.s6_addr[10] = end.addr.s6_addr[11] = 0xff;
    end.addr.s6_addr[15] = 1 + server;
    return end;
}

/* How far off a number is: mostly not at all. */
static uint32_t
offset(struct input *in, uint8_t how)
{
    switch (how & 7) {
    case 1: return get(in);
    case 2: return -(uint32_t) get(in);
    case 3: return (uint32_t) get(in) << 12;
    case 4: return -((uint32_t) get(in) << 12);
    case 5: return (uint32_t) get(in) << 24;
    default: return 0;
    }
}

static void
send_packet(struct input *in, uint8_t op)
{
    static const uint16_t flags[] = {
        TCP_ACK, TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH, TCP_SYN,
        TCP_SYN | TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST,
    };
    static uint8_t noise[65536];
    size_t conn = op >> 4 & 1;
    enum mirror_dir dir = op >> 5 & 1;
    uint8_t kind = get(in), how = get(in), len = get(in);
    struct mirror_packet p = {
        .nw_proto = conn && kind & 0x80 ? IPPROTO_UDP : IPPROTO_TCP,
        .src = end_of(conn, dir == MIRROR_TO_CLIENT),
        .dst = end_of(conn, dir == MIRROR_TO_SERVER),
        .seq = next[conn][dir] + offset(in, how),
        .flags = flags[kind & 7],
        .policies = ALL & ~(kind >> 3 & how >> 3 & 7),
        .held = how >> 6 & 1,
        .waited_for = how >> 5 & 1,
        .place = 1 + (how >> 7 && kind & 0x40),
    };
    struct mirror_verdict v;
    uint8_t *copy = NULL;

    if (p.flags & TCP_ACK) {
        p.ack = next[conn][!dir] + offset(in, how >> 3);
    }
    if (kind & 0x20) {
        p.payload = noise;
        p.len = len << 8;
    } else {
        p.len = MIN(len, in->len);
        p.payload = copy = xmemdup(in->data, MAX(p.len, 1) * !!in->len);
        in->data += p.len;
        in->len -= p.len;
    }
    if (!(how & 7)) {
        next[conn][dir] += p.len + !!(p.flags & (TCP_SYN | TCP_FIN));
    }

    mirror_engine_packet(engine, now, &p, &v);
    free(copy);
    ovs_assert(!(v.copies & ~p.policies));
    ovs_assert(p.held || !v.barrier);
    ovs_assert(p.nw_proto == IPPROTO_UDP || v.copies == p.policies
               || !(p.flags & (TCP_SYN | TCP_FIN | TCP_RST)));
}

static void
entry_gone(size_t conn, enum mirror_dir dir)
{
    if (has_entry[conn][dir]) {
        has_entry[conn][dir] = false;
        n_entries--;
        mirror_engine_entry_gone(engine, now, ids[conn], dir);
    }
}

static void
run(uint8_t ms)
{
    now += ms * ms;
    ovs_assert(mirror_engine_run(engine, now) > now);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    struct mirror_totals totals;

    now = 1000;
    n_entries = 0;
    memset(has_entry, 0, sizeof has_entry);
    memset(next, 0, sizeof next);
    engine = mirror_engine_create(&ops, 1, NULL);
    set_wants(&in);
    while (in.len) {
        uint8_t op = get(&in);

        switch (op & 15) {
        case 15: set_wants(&in); break;
        case 14: entry_gone(op >> 4 & 1, op >> 5 & 1); break;
        case 13:
            mirror_engine_bytes(engine, now, ids[op >> 4 & 1], op >> 5 & 1,
                                get(&in), get(&in) << 8);
            break;
        case 12: run(get(&in)); break;
        default: send_packet(&in, op); break;
        }
    }

    mirror_engine_totals(engine, &totals);
    ovs_assert(totals.n_conns <= 2 * N_CONNS);
    mirror_engine_destroy(engine);
    ovs_assert(!n_entries);
    return 0;
}
