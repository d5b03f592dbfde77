/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_FAIR_QUEUE_H
#define TASUKID_FAIR_QUEUE_H 1

/* Items that wait for their turn, from several sources.
 *
 * Sources share the cost of the work on their items, not the number of items.
 * Each port gets the same share, and each sender the same part of its port's.
 * The next item is always from the source that has had least so far
 * (start-time fair queueing, Goyal, Vin and Cheng, SIGCOMM 1996, in two
 * levels).  A hash alone tells senders apart, a few a port, as in stochastic
 * fair queueing (McKenney, INFOCOM 1990): somebody may invent any number of
 * senders.
 *
 * When no item waits, the queue forgets what each source has used. */

#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"

/* To be embedded in what waits. */
struct fair_item {
    struct ovs_list node;
};

struct fair_queue {
    struct hmap ports;          /* Contains 'struct fair_port's. */
    size_t n;                   /* Items. */
    size_t max;
    uint64_t now;               /* Virtual time: what the port of the last item
                                 * has used. */
    struct fair_port *served;   /* That port, or null. */
};

/* Initializes 'queue' for up to 'max' items, at least 1. */
void fair_queue_init(struct fair_queue *queue, size_t max);

/* 'queue' must be empty. */
void fair_queue_destroy(struct fair_queue *queue);

/* Adds 'item' from 'port' and the sender with 'hash'.  Returns null, or an
 * item that the caller has to drop to make room: at the port with most items
 * waiting, the last one of the sender with most.  It may be 'item'. */
struct fair_item *fair_queue_push(struct fair_queue *queue,
                                  struct fair_item *item, uint32_t port,
                                  uint32_t hash);

/* Takes out and returns the item whose turn it is, or null. */
struct fair_item *fair_queue_pop(struct fair_queue *queue);

/* Notes the cost, in any unit, of the item that was taken out last. */
void fair_queue_charge(struct fair_queue *queue, uint64_t cost);

#endif /* TASUKID_FAIR_QUEUE_H */
