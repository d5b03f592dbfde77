/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_TAPS_H
#define TASUKID_TAPS_H 1

/* Looking at packets that switches send to other applications.
 *
 * What becomes of a packet-in is decided by the application whose flow sent it.
 * Before that, others may look: each gets the same packet, parsed already, and
 * must not change it.  They come in the order in which applications are
 * registered. */

#include <stdbool.h>
#include <stdint.h>

struct ofswitch;
struct packet_in;

typedef void tap_func(struct ofswitch *, const struct packet_in *, void *aux);

#define TAP_ANY_TABLE UINT8_MAX

enum {
    TAP_ALL_ZONES = 1 << 0,     /* Also from ports that another application has
                                 * for itself: 'zone' tells whose they are. */
};

/* Has 'cb' called for packets from 'table' on switches that run 'app', but for
 * those that are the application's own to decide. */
void packet_tap(uint8_t app, uint8_t table, int flags, tap_func *cb,
                void *aux);
void packet_untap(uint8_t app, uint8_t table, tap_func *cb, void *aux);

/* For the core: returns true if somebody wants to look at 'pi', which is the
 * application's with id 'owner'; has all of those look at it and returns how
 * many they are. */
bool taps_want(const struct ofswitch *, uint8_t owner,
               const struct packet_in *pi);
unsigned int taps_run(struct ofswitch *, uint8_t owner,
                      const struct packet_in *pi);

#endif /* TASUKID_TAPS_H */
