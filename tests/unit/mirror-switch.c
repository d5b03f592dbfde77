/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "mirror-switch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "check-tcp-seq.h"
#include "packets.h"
#include "util.h"

struct fake_switch sw;
enum fake_fate fake_fate;
struct mirror_verdict fake_verdict;

#define WINDOW_MAX (1u << 30)

static void
put16(uint8_t *p, uint16_t x)
{
    p[0] = x >> 8;
    p[1] = x;
}

static void
put32(uint8_t *p, uint32_t x)
{
    put16(p, x >> 16);
    put16(p + 2, x);
}

/* The entry's own words: is 'p' inside 'w'? */
static bool
is_inside(const struct mirror_window *w, enum check_tcp_number number,
          const struct fake_packet *p)
{
    static uint8_t l3[65600];
    struct check_tcp_seq check = {
        .start = w->start,
        .len = w->len,
        .number = number,
    };
    size_t len = 40 + p->len;

    if (!w->len) {
        return false;
    }
    assert_null(check_tcp_seq_check(&check));
    assert_true(w->len <= WINDOW_MAX);
    assert_true(len <= 65535);
    l3[0] = 0x45;
    put16(l3 + 2, len);
    l3[9] = IPPROTO_TCP;
    put32(l3 + 24, p->seq);
    put32(l3 + 28, p->ack);
    l3[32] = 5 << 4;
    l3[33] = p->flags;
    return check_tcp_packet(&check, l3, len) == CHECK_TCP_INSIDE;
}

static void
set_entry(struct mirror_engine *e, const struct mirror_conn *c,
          enum mirror_dir dir, const struct mirror_entry *entry)
{
    assert_ptr_equal(mirror_engine_aux(e), &sw);
    assert_ptr_equal(mirror_engine_find(e, mirror_conn_id(c)), c);
    assert_true(mirror_conn_id(c) && mirror_conn_id(c) >> 48 == 0);
    if (entry->mode != MIRROR_LOOK) {
        assert_int_equal(entry->policies & ~sw.policies, 0);
        assert_true(entry->idle_timeout);
        assert_int_equal(mirror_conn_place(c, dir), sw.place);
    }
    if (entry->mode == MIRROR_WINDOW) {
        assert_true(entry->seq.len || entry->ack.len);
    }
    sw.id = mirror_conn_id(c);
    sw.n_set++;
    sw.set[dir] = *entry;
    sw.effect[dir] = sw.now + sw.delay;
}

static void
ask_bytes(struct mirror_engine *e, const struct mirror_conn *c,
          enum mirror_dir dir)
{
    assert_ptr_equal(mirror_engine_find(e, mirror_conn_id(c)), c);
    assert_int_equal(sw.set[dir].mode, MIRROR_PASS);
    sw.n_asked++;
}

static void
skipped(struct mirror_engine *e, const struct mirror_skip *skip)
{
    struct fake_skip *copy = &sw.skips[sw.n_skips++];

    (void) e;
    assert_true(sw.n_skips < FAKE_MAX_SKIPS);
    assert_true(skip->len);
    assert_true(skip->policies);
    copy->dir = skip->dir;
    copy->policies = skip->policies;
    copy->first = skip->first;
    copy->seq = skip->seq;
    copy->len = skip->len;
    ovs_strlcpy(copy->url, skip->url ? skip->url : "", sizeof copy->url);
    ovs_strlcpy(copy->protocol, skip->protocol, sizeof copy->protocol);
    ovs_strlcpy(copy->reason, skip->reason, sizeof copy->reason);
}

static const struct mirror_ops ops = { set_entry, ask_bytes, skipped };

static struct mirror_end
end(const char *addr, uint16_t port)
{
    struct mirror_end e = { .port = htons(port) };

    assert_true(ipv6_parse(addr, &e.addr));
    return e;
}

void
fake_start(bool holds, const struct mirror_wants wants[], size_t n)
{
    struct mirror_wants all[MIRROR_MAX_POLICIES] = { { .exists = false } };

    memset(&sw, 0, sizeof sw);
    memcpy(all, wants, n * sizeof *wants);
    for (size_t i = 0; i < n; i++) {
        all[i].exists = true;
        sw.policies |= 1u << i;
    }
    sw.holds = holds;
    sw.place = 7;
    sw.nw_proto = IPPROTO_TCP;
    sw.now = 1000;
    sw.ends[MIRROR_TO_SERVER] = end("::ffff:10.0.0.2", 80);
    sw.ends[MIRROR_TO_CLIENT] = end("::ffff:10.0.0.1", 40000);
    sw.engine = mirror_engine_create(&ops, 1, &sw);
    mirror_engine_set_wants(sw.engine, all);
}

void
fake_stop(void)
{
    mirror_engine_destroy(sw.engine);
    sw.engine = NULL;
}

static void
take_effect(void)
{
    for (int dir = 0; dir < 2; dir++) {
        if (sw.effect[dir] && sw.effect[dir] <= sw.now) {
            sw.entries[dir] = sw.set[dir];
            sw.effect[dir] = 0;
        }
    }
}

enum fake_fate
fake_input(const struct fake_packet *p, uint32_t *copies)
{
    const struct mirror_entry *entry = &sw.entries[p->dir];

    take_effect();
    *copies = sw.policies;
    if (entry->mode == MIRROR_COPY) {
        return FAKE_ALONE;
    } else if (entry->mode == MIRROR_PASS
               || (entry->mode == MIRROR_WINDOW
                   && (is_inside(&entry->seq, CHECK_TCP_SEQ, p)
                       || is_inside(&entry->ack, CHECK_TCP_ACK, p)))) {
        *copies = entry->policies;
        return FAKE_ALONE;
    } else if (sw.nw_proto == IPPROTO_TCP
               && (sw.holds
                   || (entry->mode == MIRROR_WINDOW && entry->hold))) {
        *copies = 0;
        return FAKE_HELD;
    }
    return FAKE_COPIED;
}

struct mirror_verdict
fake_judge(const struct fake_packet *p, bool held)
{
    struct mirror_packet packet = {
        .zone = 1,
        .nw_proto = sw.nw_proto,
        .src = sw.ends[p->dir == MIRROR_TO_SERVER ? MIRROR_TO_CLIENT
                       : MIRROR_TO_SERVER],
        .dst = sw.ends[p->dir],
        .seq = p->seq,
        .ack = p->ack,
        .flags = p->flags,
        /* Its end is the end of what may be read. */
        .payload = p->len ? xmemdup(p->payload, p->len) : NULL,
        .len = p->len,
        .policies = sw.policies,
        .held = held,
        .waited_for = sw.waits,
        .place = sw.place,
    };
    struct mirror_verdict v;

    mirror_engine_packet(sw.engine, sw.now, &packet, &v);
    free(CONST_CAST(uint8_t *, packet.payload));
    assert_int_equal(v.copies & ~sw.policies, 0);
    assert_true(held || !v.barrier);
    return v;
}

void
fake_barrier(void)
{
    for (int dir = 0; dir < 2; dir++) {
        if (sw.effect[dir]) {
            sw.effect[dir] = sw.now;
        }
    }
    take_effect();
}

uint32_t
fake_send(const struct fake_packet *p)
{
    uint32_t copies;

    fake_fate = fake_input(p, &copies);
    if (fake_fate != FAKE_ALONE) {
        fake_verdict = fake_judge(p, fake_fate == FAKE_HELD);
        if (fake_fate == FAKE_HELD) {
            copies = fake_verdict.copies;
        }
        if (fake_verdict.barrier) {
            fake_barrier();
        }
        take_effect();
    }
    return copies;
}

void
fake_wait(long long int ms)
{
    long long int until = sw.now + ms;
    long long int next;

    while ((next = mirror_engine_run(sw.engine, sw.now)) < until) {
        assert_true(next > sw.now);
        sw.now = next;
    }
    sw.now = until;
    mirror_engine_run(sw.engine, sw.now);
    take_effect();
}
