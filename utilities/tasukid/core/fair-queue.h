/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_FAIR_QUEUE_H
#define TASUKID_FAIR_QUEUE_H 1

/* Items that wait for their turn, from several sources.
 *
 * What is shared is not the number of items but what they cost to work on, of
 * which each port gets the same share, and of a port's share each sender: the
 * next item is always from the source that has had least so far (start-time
 * fair queueing, Goyal, Vin and Cheng, SIGCOMM 1996, in two levels).  Senders
 * are told apart by a hash only, a few a port, as in stochastic fair queueing
 * (McKenney, INFOCOM 1990), since they can be as many as somebody likes.
 *
 * A source has no debts when nobody waits: then the queue forgets all. */

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
    uint64_t now;               /* Virtual time: what was used where the last
                                 * item came from. */
    struct fair_port *served;   /* Where that is, null if nowhere. */
};

/* Initializes 'queue' for up to 'max' items, at least 1. */
void fair_queue_init(struct fair_queue *queue, size_t max);

/* 'queue' must be empty. */
void fair_queue_destroy(struct fair_queue *queue);

/* Adds 'item' from 'port' and the sender with 'hash'.  Returns an item that
 * the caller has to drop to make room, or null: the last one of the sender
 * that has most waiting, at the port that does, which may be 'item'. */
struct fair_item *fair_queue_push(struct fair_queue *queue,
                                  struct fair_item *item, uint32_t port,
                                  uint32_t hash);

/* Takes out and returns the item whose turn it is, or null. */
struct fair_item *fair_queue_pop(struct fair_queue *queue);

/* Notes what it cost to work on the item that was taken out last, in any
 * unit. */
void fair_queue_charge(struct fair_queue *queue, uint64_t cost);

#endif /* TASUKID_FAIR_QUEUE_H */
