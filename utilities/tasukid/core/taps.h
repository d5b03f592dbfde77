/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_TAPS_H
#define TASUKID_TAPS_H 1

/* Looking at packets that switches send to other applications.
 *
 * The application whose flow sent a packet-in decides what becomes of it.
 * Others may look before that: each gets the same packet, parsed already, and
 * must not change it.  They come in the order in which applications are
 * registered. */

#include <stdbool.h>
#include <stdint.h>

struct ofswitch;
struct packet_in;

typedef void tap_func(struct ofswitch *, const struct packet_in *, void *aux);

#define TAP_ANY_TABLE UINT8_MAX

enum {
    TAP_ALL_ZONES = 1 << 0,     /* Packets from ports that another application
                                 * owns, too: 'zone' says whose packet it
                                 * is. */
};

/* Has 'cb' called for packets from 'table' on switches that run 'app', but for
 * those that the application's own flows sent. */
void packet_tap(uint8_t app, uint8_t table, int flags, tap_func *cb,
                void *aux);
void packet_untap(uint8_t app, uint8_t table, tap_func *cb, void *aux);

/* For the core.  'pi' belongs to the application with id 'owner'.  taps_want()
 * returns true if others want to look at it; taps_run() has them look at it
 * and returns how many they are. */
bool taps_want(const struct ofswitch *, uint8_t owner,
               const struct packet_in *pi);
unsigned int taps_run(struct ofswitch *, uint8_t owner,
                      const struct packet_in *pi);

#endif /* TASUKID_TAPS_H */
