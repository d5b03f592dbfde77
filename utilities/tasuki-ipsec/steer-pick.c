/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "steer-pick.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "packets.h"
#include "util.h"

/* So many values are tried.  Of random ones, the last of 64 queues is found
 * among 4 096 but once in 10^28. */
#define MAX_TRIES 65536

const char *
steer_key_name(enum steer_key key)
{
    return (key == STEER_SPI ? "SPI"
            : key == STEER_PORT ? "source port" : "address");
}

enum rss_fields
steer_key_fields(enum steer_key key)
{
    return (key == STEER_SPI ? RSS_SPI
            : key == STEER_PORT ? RSS_PORTS : RSS_ADDRESSES);
}

/* How many flows each queue has. */
struct loads {
    size_t *n;                  /* Indexed by queue. */
    size_t n_max;               /* Elements of 'n'. */
    size_t least;               /* So many every queue may have, */
    size_t extra;               /* and so many queues one more. */
};

static void
loads_init(struct loads *loads, const struct rss *rss, size_t n_flows)
{
    size_t n_queues = rss_n_queues(rss);

    loads->n_max = 0;
    for (size_t i = 0; i < rss->n_table; i++) {
        loads->n_max = MAX(loads->n_max, (size_t) rss->table[i] + 1);
    }
    loads->n = xcalloc(loads->n_max, sizeof *loads->n);
    loads->least = n_flows / n_queues;
    loads->extra = n_flows % n_queues;
}

/* Gives 'queue' another flow, unless it has enough. */
static bool
loads_add(struct loads *loads, uint32_t queue)
{
    size_t n = loads->n[queue];

    if (n > loads->least || (n == loads->least && !loads->extra)) {
        return false;
    }
    loads->extra -= n == loads->least;
    loads->n[queue]++;
    return true;
}

size_t
rss_n_queues(const struct rss *rss)
{
    size_t n = 0;

    for (size_t i = 0; i < rss->n_table; i++) {
        size_t j = 0;

        while (rss->table[j] != rss->table[i]) {
            j++;
        }
        n += j == i;
    }
    return n;
}

bool
steer_is_even(const struct rss *rss, enum rss_fields fields,
              const struct sa_flow *flows, size_t n)
{
    struct loads loads;
    bool even = true;

    loads_init(&loads, rss, n);
    for (size_t i = 0; i < n && even; i++) {
        even = loads_add(&loads, rss_queue(rss, fields, &flows[i]));
    }
    free(loads.n);
    return even;
}

/* Adds 'i' to the part of 'addr' that counts.  Returns false, and leaves it,
 * if there is no such host address. */
static bool
address_add(struct in6_addr *addr, uint32_t i)
{
    if (IN6_IS_ADDR_V4MAPPED(addr)) {
        if (addr->s6_addr[15] + i > 254) {
            return false;
        }
        addr->s6_addr[15] += i;
    } else {
        uint32_t low = addr->s6_addr[14] << 8 | addr->s6_addr[15];

        if (low + i > UINT16_MAX) {
            return false;
        }
        addr->s6_addr[14] = (low + i) >> 8;
        addr->s6_addr[15] = low + i;
    }
    return true;
}

struct candidates {
    struct sa_flow first;
    enum steer_key key;
    bool by_src;                /* Which address counts up. */
};

/* Puts the value that is 'i' after the first one into '*flow'.  Returns false
 * if there is none. */
static bool
candidates_get(const struct candidates *c, uint32_t i, struct sa_flow *flow)
{
    switch (c->key) {
    case STEER_SPI:
        if (ntohl(c->first.spi) > UINT32_MAX - i) {
            return false;
        }
        flow->spi = htonl(ntohl(c->first.spi) + i);
        return true;

    case STEER_PORT:
        if (ntohs(c->first.src_port) + i > UINT16_MAX) {
            return false;
        }
        flow->src_port = htons(ntohs(c->first.src_port) + i);
        return true;

    case STEER_ADDRESS:
    default:
        if (c->by_src) {
            flow->src = c->first.src;
            return address_add(&flow->src, i);
        }
        flow->dst = c->first.dst;
        return address_add(&flow->dst, i);
    }
}

char *
steer_pick(const struct rss *rss, enum steer_key key, struct sa_flow *flows,
           size_t n)
{
    enum rss_fields fields = steer_key_fields(key);
    struct candidates c = { .first = flows[0], .key = key };
    struct sa_flow *picked = xmemdup(flows, n * sizeof *flows);
    struct loads loads;
    uint32_t tries = 0;
    char *error = NULL;

    c.by_src = n > 1 && ipv6_addr_equals(&flows[0].dst, &flows[1].dst);
    loads_init(&loads, rss, n);
    for (size_t i = 0; i < n && !error; i++) {
        while (tries < MAX_TRIES && candidates_get(&c, tries, &picked[i])
               && !loads_add(&loads, rss_queue(rss, fields, &picked[i]))) {
            tries++;
        }
        if (tries >= MAX_TRIES || !candidates_get(&c, tries, &picked[i])) {
            error = xasprintf("no %s of %"PRIu32" reaches the queue of its "
                              "own that SA %"PRIuSIZE" needs",
                              steer_key_name(key), tries, i);
        }
        tries++;
    }
    if (!error) {
        memcpy(flows, picked, n * sizeof *flows);
    }
    free(loads.n);
    free(picked);
    return error;
}
