/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "neighbours.h"

#include <stdlib.h>

#include "app.h"
#include "claims.h"
#include "events.h"
#include "hash.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/token-bucket.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

/* Most hosts of a switch.  One more costs the port that says so what it said
 * before. */
#define MAX_NEIGHBOURS 4096

/* What is wanted: how often to ask, and how often in vain where it was. */
#define WANT_INTERVAL_MS 1000
#define WANT_TRIES 3

/* What asking where a host was costs, in tokens of 'checks', which gets one a
 * millisecond. */
#define CHECK_COST 20

/* One switch. */
struct table {
    struct hmap_node node;      /* In 'tables'. */
    struct ofswitch *sw;
    struct hmap neighbours;     /* Contains 'struct neighbour's. */
    struct ovs_list lru;        /* The same, the one heard first in front. */
    struct claims claims;
    struct ovs_list wants;      /* Contains 'struct want's. */
    struct ovs_list askers;     /* Contains 'struct limit's. */
};

struct neighbour {
    struct hmap_node node;      /* In 'neighbours' of a table. */
    struct ovs_list lru_node;   /* In 'lru' of the table. */
    uint32_t zone;
    ovs_be32 ip;
    struct place place;
    struct place from;          /* Where it was before. */
    long long int heard;        /* In ms, from 'place'. */
};

struct want {
    struct ovs_list node;       /* In 'wants' of a table. */
    uint8_t app;
    uint32_t zone;
    ovs_be32 ip;
    struct arp_asker asker;
    int n_asked;                /* Since something was heard. */
    long long int next;         /* When to ask, or look, again, in ms. */
};

/* How much an application may ask on behalf of what packets say. */
struct limit {
    struct ovs_list node;       /* In 'askers' of a table. */
    uint8_t app;
    struct token_bucket checks;
};

static struct hmap tables = HMAP_INITIALIZER(&tables);
static const struct place nowhere = { .port = OFPP_NONE };

static struct table *
find_table(const struct ofswitch *sw)
{
    struct table *t;

    HMAP_FOR_EACH_WITH_HASH (t, node, hash_pointer(sw, 0), &tables) {
        if (t->sw == sw) {
            return t;
        }
    }
    return NULL;
}

static struct table *
get_table(struct ofswitch *sw)
{
    struct table *t = find_table(sw);

    if (!t) {
        t = xmalloc(sizeof *t);
        t->sw = sw;
        hmap_init(&t->neighbours);
        ovs_list_init(&t->lru);
        claims_init(&t->claims, sw);
        ovs_list_init(&t->wants);
        ovs_list_init(&t->askers);
        hmap_insert(&tables, &t->node, hash_pointer(sw, 0));
    }
    return t;
}

/* Publishes that 'ip' of 'zone' was in 'old' and is in 'new'. */
static void
publish(const struct table *t, uint32_t what, uint32_t zone, ovs_be32 ip,
        const struct place *old, const struct place *new)
{
    const struct event_neighbour event = {
        .what = what,
        .zone = zone,
        .ip = ip,
        .old_port = old->port,
        .old_mac = old->mac,
        .port = new->port,
        .mac = new->mac,
    };

    event_publish(t->sw, &event_neighbour, &event);
}

/* Hosts. */

static uint32_t
hash_ip(uint32_t zone, ovs_be32 ip)
{
    return hash_2words(zone, (OVS_FORCE uint32_t) ip);
}

static struct neighbour *
lookup(const struct table *t, uint32_t zone, ovs_be32 ip)
{
    struct neighbour *n;

    HMAP_FOR_EACH_WITH_HASH (n, node, hash_ip(zone, ip), &t->neighbours) {
        if (n->zone == zone && n->ip == ip) {
            return n;
        }
    }
    return NULL;
}

static bool
is_fresh(const struct neighbour *n)
{
    return n && time_msec() < n->heard + NEIGHBOUR_FRESH_MS;
}

static void
neighbour_delete(struct table *t, struct neighbour *n)
{
    hmap_remove(&t->neighbours, &n->node);
    ovs_list_remove(&n->lru_node);
    free(n);
}

static void
lose(struct table *t, struct neighbour *n)
{
    publish(t, EVENT_NEIGHBOUR_LOST, n->zone, n->ip, &n->place, &nowhere);
    neighbour_delete(t, n);
}

/* Makes room for what 'port' says: at the cost of what it said before, if
 * there is anything. */
static void
make_room(struct table *t, ofp_port_t port)
{
    struct neighbour *n;

    LIST_FOR_EACH (n, lru_node, &t->lru) {
        if (n->place.port == port) {
            lose(t, n);
            return;
        }
    }
    lose(t, CONTAINER_OF(ovs_list_front(&t->lru), struct neighbour,
                         lru_node));
}

static void
heard(struct table *t, struct neighbour *n)
{
    n->heard = time_msec();
    ovs_list_remove(&n->lru_node);
    ovs_list_push_back(&t->lru, &n->lru_node);
}

void
neighbours_learn(struct ofswitch *sw, uint8_t app, uint32_t zone, ovs_be32 ip,
                 const struct place *place, const struct arp_asker *asker)
{
    struct table *t = get_table(sw);
    struct neighbour *n = lookup(t, zone, ip);
    bool was_fresh = is_fresh(n);

    if (n && !place_equals(&n->place, place)) {
        claims_add(&t->claims, app, zone, ip, &n->place, place, asker);
        return;
    }
    if (!n) {
        if (hmap_count(&t->neighbours) >= MAX_NEIGHBOURS) {
            make_room(t, place->port);
        }
        n = xmalloc(sizeof *n);
        n->zone = zone;
        n->ip = ip;
        n->place = *place;
        n->from = nowhere;
        hmap_insert(&t->neighbours, &n->node, hash_ip(zone, ip));
        ovs_list_push_back(&t->lru, &n->lru_node);
    }
    heard(t, n);
    if (!was_fresh) {
        publish(t, EVENT_NEIGHBOUR_FOUND, zone, ip, &nowhere, place);
    }
}

bool
neighbours_find(const struct ofswitch *sw, uint32_t zone, ovs_be32 ip,
                struct place *place)
{
    const struct table *t = find_table(sw);
    const struct neighbour *n = t ? lookup(t, zone, ip) : NULL;

    if (!is_fresh(n)) {
        return false;
    }
    *place = n->place;
    return true;
}

/* Moving. */

void
neighbours_claim(struct ofswitch *sw, uint8_t app, uint32_t zone, ovs_be32 ip,
                 const struct place *old, const struct place *new,
                 const struct arp_asker *asker)
{
    claims_add(&get_table(sw)->claims, app, zone, ip, old, new, asker);
}

void
neighbours_hear(struct ofswitch *sw, const struct packet_in *pi)
{
    const struct place from = arp_place(pi);
    struct table *t = get_table(sw);
    struct place old;

    while (claims_hear(&t->claims, pi, &old)) {
        struct neighbour *n = lookup(t, pi->zone, pi->flow.nw_src);

        if (n && place_equals(&n->place, &old)) {
            n->from = old;
            n->place = from;
            heard(t, n);
        }
        publish(t, EVENT_NEIGHBOUR_MOVED, pi->zone, pi->flow.nw_src, &old,
                &from);
    }
}

static bool
has_moved(const struct neighbour *n, const struct place *old,
          const struct place *new)
{
    return place_equals(&n->place, new) && place_equals(&n->from, old);
}

/* A gateway moves with its MAC address and all that is behind it.  It may have
 * several addresses.  Returns one that is known to be in 'old' still, else one
 * that has moved from there to 'new', else null. */
static const struct neighbour *
find_gateway(const struct table *t, uint32_t zone, const struct place *old,
             const struct place *new)
{
    const struct neighbour *found = NULL;
    const struct neighbour *n;

    if (!eth_addr_equals(old->mac, new->mac)) {
        return NULL;
    }
    LIST_FOR_EACH (n, lru_node, &t->lru) {
        if (n->zone != zone) {
            continue;
        } else if (place_equals(&n->place, old)) {
            return n;
        } else if (has_moved(n, old, new)) {
            found = n;
        }
    }
    return found;
}

/* Returns true if 'app' may ask on behalf of what packets say. */
static bool
may_check(struct table *t, uint8_t app)
{
    struct limit *l;

    LIST_FOR_EACH (l, node, &t->askers) {
        if (l->app == app) {
            return token_bucket_withdraw(&l->checks, CHECK_COST);
        }
    }
    l = xmalloc(sizeof *l);
    l->app = app;
    token_bucket_init(&l->checks, 1, 50 * CHECK_COST);
    ovs_list_push_back(&t->askers, &l->node);
    return token_bucket_withdraw(&l->checks, CHECK_COST);
}

/* Only a host that was in the old place can be known to have left it.  ARP
 * says nothing about an address behind a gateway. */
bool
neighbours_have_moved(struct ofswitch *sw, uint8_t app, uint32_t zone,
                      ovs_be32 ip, const struct place *old,
                      const struct place *new, const struct arp_asker *asker)
{
    struct table *t = get_table(sw);
    const struct neighbour *n = lookup(t, zone, ip);

    if (!n || (!place_equals(&n->place, old) && !has_moved(n, old, new))) {
        n = find_gateway(t, zone, old, new);
    }
    if (n && has_moved(n, old, new)) {
        return true;
    }
    if (n) {
        claims_add(&t->claims, app, zone, n->ip, old, new, asker);
    } else if (may_check(t, app)) {
        /* If the host is there, that is known from now on. */
        arp_ask(sw, asker, zone, ip, old);
    }
    return false;
}

/* What is wanted. */

static struct want *
find_want(const struct table *t, uint8_t app, uint32_t zone, ovs_be32 ip)
{
    struct want *w;

    LIST_FOR_EACH (w, node, &t->wants) {
        if (w->app == app && w->zone == zone && w->ip == ip) {
            return w;
        }
    }
    return NULL;
}

static size_t
count_wants(const struct table *t, uint8_t app)
{
    const struct want *w;
    size_t n = 0;

    LIST_FOR_EACH (w, node, &t->wants) {
        n += w->app == app;
    }
    return n;
}

static void
want_delete(struct want *w)
{
    ovs_list_remove(&w->node);
    free(w);
}

static void
want_ask(struct table *t, struct want *w)
{
    w->n_asked++;
    w->next = time_msec() + WANT_INTERVAL_MS;
    arp_ask_all(t->sw, &w->asker, w->zone, w->ip, OFPP_FLOOD);
}

static void
want_run(struct table *t, struct want *w)
{
    struct neighbour *n = lookup(t, w->zone, w->ip);

    if (is_fresh(n)) {
        w->n_asked = 0;
        w->next = n->heard + NEIGHBOUR_FRESH_MS;
        return;
    }
    if (n && w->n_asked >= WANT_TRIES) {
        lose(t, n);
    }
    want_ask(t, w);
}

bool
neighbours_want(struct ofswitch *sw, uint8_t app, uint32_t zone, ovs_be32 ip,
                const struct arp_asker *asker)
{
    struct table *t = get_table(sw);
    struct want *w = find_want(t, app, zone, ip);

    if (w) {
        w->asker = *asker;
        if (!is_fresh(lookup(t, zone, ip))) {
            arp_ask_all(sw, asker, zone, ip, OFPP_FLOOD);
        }
        return true;
    } else if (count_wants(t, app) >= NEIGHBOURS_MAX_WANTED) {
        return false;
    }

    w = xmalloc(sizeof *w);
    *w = (struct want) {
        .app = app,
        .zone = zone,
        .ip = ip,
        .asker = *asker,
    };
    ovs_list_push_back(&t->wants, &w->node);
    want_run(t, w);
    return true;
}

void
neighbours_forget(struct ofswitch *sw, uint8_t app, uint32_t zone,
                  ovs_be32 ip)
{
    struct table *t = find_table(sw);
    struct want *w = t ? find_want(t, app, zone, ip) : NULL;

    if (w) {
        want_delete(w);
    }
}

/* For the core. */

static void
table_run(struct table *t)
{
    long long int now = time_msec();
    struct place old;
    struct want *w;
    uint32_t zone;
    ovs_be32 ip;

    while (claims_run(&t->claims, &zone, &ip, &old)) {
        struct neighbour *n = lookup(t, zone, ip);

        if (n && place_equals(&n->place, &old)) {
            lose(t, n);
        }
    }
    LIST_FOR_EACH (w, node, &t->wants) {
        if (now >= w->next) {
            want_run(t, w);
        }
    }
}

void
neighbours_run(void)
{
    struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        table_run(t);
    }
}

void
neighbours_wait(void)
{
    const struct table *t;

    HMAP_FOR_EACH (t, node, &tables) {
        const struct want *w;

        claims_wait(&t->claims);
        LIST_FOR_EACH (w, node, &t->wants) {
            poll_timer_wait_until(w->next);
        }
    }
}

void
neighbours_stop(struct ofswitch *sw, uint8_t app)
{
    struct table *t = find_table(sw);
    struct want *w;

    if (!t) {
        return;
    }
    claims_forget(&t->claims, app);
    LIST_FOR_EACH_SAFE (w, node, &t->wants) {
        if (w->app == app) {
            want_delete(w);
        }
    }
}

void
neighbours_drop(struct ofswitch *sw)
{
    struct table *t = find_table(sw);
    struct neighbour *n;
    struct limit *l;
    struct want *w;

    if (!t) {
        return;
    }
    claims_destroy(&t->claims);
    LIST_FOR_EACH_SAFE (n, lru_node, &t->lru) {
        neighbour_delete(t, n);
    }
    hmap_destroy(&t->neighbours);
    LIST_FOR_EACH_POP (w, node, &t->wants) {
        free(w);
    }
    LIST_FOR_EACH_POP (l, node, &t->askers) {
        free(l);
    }
    hmap_remove(&tables, &t->node);
    free(t);
}

size_t
neighbours_count(const struct ofswitch *sw)
{
    const struct table *t = find_table(sw);

    return t ? hmap_count(&t->neighbours) : 0;
}

size_t
neighbours_count_claims(const struct ofswitch *sw)
{
    const struct table *t = find_table(sw);

    return t ? ovs_list_size(&t->claims.list) : 0;
}
