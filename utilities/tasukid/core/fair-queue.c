/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "fair-queue.h"

#include <stdlib.h>

#include "hash.h"
#include "util.h"

enum { N_SENDERS = 16 };

struct fair_sender {
    struct ovs_list items;
    size_t n;
    uint64_t used;              /* In the port's virtual time. */
};

struct fair_port {
    struct hmap_node node;
    uint32_t port;
    size_t n;                   /* Items of all senders. */
    uint64_t used;              /* In the queue's virtual time. */
    uint64_t now;               /* As in 'struct fair_queue'. */
    struct fair_sender *served;
    struct fair_sender senders[N_SENDERS];
};

void
fair_queue_init(struct fair_queue *queue, size_t max)
{
    *queue = (struct fair_queue) { .max = max };
    hmap_init(&queue->ports);
}

/* Called when no item waits. */
static void
forget_ports(struct fair_queue *queue)
{
    struct fair_port *p;

    HMAP_FOR_EACH_POP (p, node, &queue->ports) {
        free(p);
    }
    queue->served = NULL;
    queue->now = 0;
}

void
fair_queue_destroy(struct fair_queue *queue)
{
    ovs_assert(!queue->n);
    forget_ports(queue);
    hmap_destroy(&queue->ports);
}

static struct fair_port *
get_port(struct fair_queue *queue, uint32_t port)
{
    uint32_t hash = hash_int(port, 0);
    struct fair_port *p;

    HMAP_FOR_EACH_WITH_HASH (p, node, hash, &queue->ports) {
        if (p->port == port) {
            return p;
        }
    }
    p = xzalloc(sizeof *p);
    p->port = port;
    for (size_t i = 0; i < N_SENDERS; i++) {
        ovs_list_init(&p->senders[i].items);
    }
    hmap_insert(&queue->ports, &p->node, hash);
    return p;
}

/* Takes 'item' out. */
static void
take(struct fair_queue *queue, struct fair_port *p, struct fair_sender *s,
     struct fair_item *item)
{
    ovs_list_remove(&item->node);
    s->n--;
    p->n--;
    queue->n--;
}

static struct fair_item *
drop_one(struct fair_queue *queue)
{
    struct fair_sender *s = NULL;
    struct fair_port *p = NULL;
    struct fair_port *other;

    HMAP_FOR_EACH (other, node, &queue->ports) {
        if (!p || other->n > p->n) {
            p = other;
        }
    }
    for (size_t i = 0; i < N_SENDERS; i++) {
        if (!s || p->senders[i].n > s->n) {
            s = &p->senders[i];
        }
    }

    struct fair_item *item = CONTAINER_OF(ovs_list_back(&s->items),
                                          struct fair_item, node);
    take(queue, p, s, item);
    return item;
}

struct fair_item *
fair_queue_push(struct fair_queue *queue, struct fair_item *item,
                uint32_t port, uint32_t hash)
{
    struct fair_port *p = get_port(queue, port);
    struct fair_sender *s = &p->senders[hash % N_SENDERS];

    /* Unused shares are not saved up. */
    if (!p->n++) {
        p->used = MAX(p->used, queue->now);
    }
    if (!s->n++) {
        s->used = MAX(s->used, p->now);
    }
    queue->n++;
    ovs_list_push_back(&s->items, &item->node);
    return queue->n > queue->max ? drop_one(queue) : NULL;
}

struct fair_item *
fair_queue_pop(struct fair_queue *queue)
{
    struct fair_sender *s = NULL;
    struct fair_port *p = NULL;
    struct fair_port *other;

    if (!queue->n) {
        forget_ports(queue);
        return NULL;
    }

    HMAP_FOR_EACH (other, node, &queue->ports) {
        if (other->n && (!p || other->used < p->used)) {
            p = other;
        }
    }
    for (size_t i = 0; i < N_SENDERS; i++) {
        struct fair_sender *sender = &p->senders[i];
        if (sender->n && (!s || sender->used < s->used)) {
            s = sender;
        }
    }

    queue->now = p->used;
    queue->served = p;
    p->now = s->used;
    p->served = s;

    struct fair_item *item = CONTAINER_OF(ovs_list_front(&s->items),
                                          struct fair_item, node);
    take(queue, p, s, item);
    return item;
}

void
fair_queue_charge(struct fair_queue *queue, uint64_t cost)
{
    struct fair_port *p = queue->served;

    if (p) {
        p->used += cost;
        p->served->used += cost;
    }
}
