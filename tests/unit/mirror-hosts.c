/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "mirror-hosts.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "util.h"

#define RTO 2000                /* In ticks. */
#define WINDOW 12               /* Segments on their way. */
#define MAX_EVENTS 4096
#define GIVE_UP 2000000

enum event_type { TO_SWITCH, TO_ENGINE, TO_HOST, TIMER };

struct event {
    long long int when;
    unsigned int order;         /* Among those at the same time. */
    enum event_type type;
    struct fake_packet packet;
    bool held;
    int host;                   /* For TIMER. */
};

/* A host sends one way.  Offsets count SYN and FIN, so payload begins at 1. */
struct host {
    size_t una, nxt, end;       /* 'end' is where what it may say ends. */
    size_t n_said;              /* Writes. */
    bool fin;                   /* The byte before 'end' is FIN. */
    bool closed;
    bool has[SESSION_MAX + 3];  /* What has come the other way. */
    size_t rcv_nxt;
    size_t rcv_fin;             /* Where FIN is, 0 if not known. */
    bool established;
    size_t una_then;            /* At the last timeout. */
};

static struct event events[MAX_EVENTS];
static size_t n_events;
static unsigned int n_ordered;
static struct host hosts[2];    /* By the direction in which they send. */
static const struct session *session;
static const struct hosts_config *config;
static const struct hosts_ops *ops;
static long long int now, engine_free;

static void
schedule(enum event_type type, long long int when,
         const struct fake_packet *packet, bool held, int host)
{
    assert_true(n_events < MAX_EVENTS);
    events[n_events++] = (struct event) {
        when, n_ordered++, type,
        packet ? *packet : (struct fake_packet) { .seq = 0 }, held, host };
}

static struct event
next_event(void)
{
    size_t first = 0;

    for (size_t i = 1; i < n_events; i++) {
        if (events[i].when < events[first].when
            || (events[i].when == events[first].when
                && events[i].order - events[first].order > UINT32_MAX / 2)) {
            first = i;
        }
    }

    struct event event = events[first];
    events[first] = events[--n_events];
    return event;
}

static bool
one_of(int n)
{
    return n && random() % n == 0;
}

/* Over a link, unless it is lost. */
static void
transmit(enum event_type type, const struct fake_packet *p)
{
    int jitter = config->jitter ? random() % config->jitter : 0;

    if (!one_of(config->loss)) {
        schedule(type, now + config->link + jitter, p, false, 0);
        if (one_of(config->dup)) {
            schedule(type, now + config->link + 3 + jitter, p, false, 0);
        }
    }
}

static void
send_segment(int dir, size_t start, size_t end)
{
    const struct host *h = &hosts[dir];
    struct fake_packet p = {
        .dir = dir,
        .seq = config->isn[dir] + start,
        .flags = 0,
    };
    bool fin = h->fin && end == h->end && end > start;

    if (!start && end) {
        p.flags |= TCP_SYN;
        start++;
        end = 1;
    }
    if (fin) {
        p.flags |= TCP_FIN;
        end--;
    }
    if (end > start) {
        p.payload = session->ways[dir].bytes + start - 1;
        p.len = end - start;
        p.flags |= TCP_PSH;
    }
    if (h->rcv_nxt) {
        p.flags |= TCP_ACK;
        p.ack = config->isn[!dir] + h->rcv_nxt;
    }
    transmit(TO_SWITCH, &p);
}

/* Sends what may be sent, cut anyhow. */
static void
push(int dir)
{
    struct host *h = &hosts[dir];

    if (!h->established) {
        return;
    }
    while (h->nxt < h->end && h->nxt - h->una < WINDOW * config->mss) {
        size_t n = MIN(config->mss, h->end - h->nxt);

        if (random() % 4 == 0) {
            n = 1 + random() % n;
        }
        send_segment(dir, h->nxt, h->nxt + n);
        h->nxt += n;
    }
}

/* Says what it may say now. */
static void
think(int dir)
{
    struct host *h = &hosts[dir];
    const struct session_way *way = &session->ways[dir];
    size_t come = h->rcv_nxt ? MIN(h->rcv_nxt - 1, session->ways[!dir].len)
                  : 0;

    while (h->n_said < way->n_writes
           && way->writes[h->n_said].need <= come) {
        h->end += way->writes[h->n_said++].len;
    }
    if (!h->closed && h->n_said == way->n_writes
        && ((dir == MIRROR_TO_SERVER
             && come == session->ways[MIRROR_TO_CLIENT].len)
            || (dir == MIRROR_TO_CLIENT
                && (session->server_closes || h->rcv_fin)))) {
        h->closed = h->fin = true;
        h->end++;
    }
    push(dir);
}

static void
receive_data(struct host *h, const struct fake_packet *p, size_t start)
{
    for (size_t i = 0; i < p->len; i++) {
        assert_true(start + i < ARRAY_SIZE(h->has));
        h->has[start + i] = true;
    }
    if (p->flags & TCP_FIN) {
        h->rcv_fin = start + p->len;
        h->has[h->rcv_fin] = true;
    }
    while (h->has[h->rcv_nxt]) {
        h->rcv_nxt++;
    }
}

static void
receive(const struct fake_packet *p)
{
    int dir = !p->dir;          /* In which this host sends. */
    struct host *h = &hosts[dir];
    size_t start = p->seq - config->isn[p->dir];

    if (p->flags & TCP_SYN) {
        h->has[0] = true;
        h->rcv_nxt = MAX(h->rcv_nxt, 1);
        if (dir == MIRROR_TO_CLIENT && !h->established) {
            send_segment(dir, 0, 1);
            h->nxt = MAX(h->nxt, 1);
        }
    } else {
        receive_data(h, p, start);
    }
    if (p->flags & TCP_ACK) {
        size_t ack = p->ack - config->isn[dir];

        assert_true(ack <= h->end);
        h->una = MAX(h->una, ack);
        h->nxt = MAX(h->nxt, ack);
        h->established = h->established || (h->una && h->rcv_nxt);
    }
    if (p->len || p->flags & (TCP_SYN | TCP_FIN)) {
        if (h->established) {
            send_segment(dir, h->nxt, h->nxt);      /* A pure ACK. */
        }
    }
    think(dir);
}

/* Sends again, sometimes cut differently, sometimes more than needed. */
static void
time_out(int dir)
{
    struct host *h = &hosts[dir];

    if (!h->established) {
        if ((dir == MIRROR_TO_SERVER || h->rcv_nxt)
            && (config->loss || !h->nxt)) {
            send_segment(dir, 0, 1);
            h->nxt = MAX(h->nxt, 1);
        }
    } else if (!config->loss) {
        return;
    } else if (h->una != h->una_then) {
        h->una_then = h->una;
    } else if (h->una < h->nxt) {
        size_t n = MIN(config->mss, h->nxt - h->una);

        if (random() % 4 == 0) {
            n = 1 + random() % n;
        }
        send_segment(dir, h->una, h->una + n);
        if (random() % 3 == 0) {
            h->nxt = h->una + n;                    /* And all after it. */
            push(dir);
        }
    } else if (random() % 8 == 0 && h->una > 1) {
        /* A keep-alive probe. */
        send_segment(dir, h->una - 1, h->una - 1);
    }
    schedule(TIMER, now + RTO + random() % RTO, NULL, false, dir);
}

static void
enter_switch(const struct fake_packet *p)
{
    uint32_t copies;
    enum fake_fate fate = fake_input(p, &copies);

    if (fate != FAKE_HELD) {
        ops->passed(p, copies, ops->aux);
        transmit(TO_HOST, p);
    }
    if (fate != FAKE_ALONE) {
        /* In the order in which they came. */
        engine_free = MAX(engine_free, now + config->engine_delay);
        schedule(TO_ENGINE, engine_free, p, fate == FAKE_HELD, 0);
    }
}

static void
enter_engine(const struct event *event)
{
    struct mirror_verdict v = fake_judge(&event->packet, event->held);

    if (event->held) {
        if (v.barrier) {
            fake_barrier();
        }
        ops->passed(&event->packet, v.copies, ops->aux);
        transmit(TO_HOST, &event->packet);
    }
}

static bool
is_over(void)
{
    return (hosts[0].closed && hosts[1].closed
            && hosts[0].una == hosts[0].end && hosts[1].una == hosts[1].end);
}

void
hosts_run(const struct session *s, const struct hosts_config *cfg,
          const struct hosts_ops *o)
{
    session = s;
    config = cfg;
    ops = o;
    memset(hosts, 0, sizeof hosts);
    hosts[0].end = hosts[1].end = 1;
    n_events = 0;
    now = engine_free = sw.now * HOSTS_TICKS_PER_MS;

    schedule(TIMER, now, NULL, false, MIRROR_TO_SERVER);
    schedule(TIMER, now + RTO, NULL, false, MIRROR_TO_CLIENT);
    for (long long int begun = now; !is_over() && now < begun + GIVE_UP; ) {
        struct event event = next_event();

        assert_true(event.when >= now);
        now = event.when;
        sw.now = now / HOSTS_TICKS_PER_MS;
        mirror_engine_run(sw.engine, sw.now);
        switch (event.type) {
        case TO_SWITCH: enter_switch(&event.packet); break;
        case TO_ENGINE: enter_engine(&event); break;
        case TO_HOST: receive(&event.packet); break;
        case TIMER: time_out(event.host); break;
        default: OVS_NOT_REACHED();
        }
    }
    assert_true(is_over());

    /* What is still with the engine. */
    while (n_events) {
        struct event event = next_event();

        now = MAX(now, event.when);
        sw.now = now / HOSTS_TICKS_PER_MS;
        if (event.type == TO_ENGINE) {
            enter_engine(&event);
        }
    }
}
