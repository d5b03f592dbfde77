/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_SAMPLE_H
#define TASUKI_SAMPLE_H 1

/* Packets to the controller, taken at random.
 *
 * Open vSwitch translates a controller action that has a meter to a sample of
 * the datapath's, whose probability is 1.  The user data of the action may
 * give another one.  So the datapath itself takes packets at random: one that
 * is not taken costs a random number, no copy, and no lock.  (A meter alone
 * lets those pass that come first after a while: of packets that come in
 * trains, the heads.) */

#include <stddef.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct ofpbuf;

/* What a packet is taken with, out of 2**32; UINT32_MAX takes all. */
#define TASUKI_SAMPLE_ALL UINT32_MAX

/* Appends an action that sends a packet, or its first 'max_len' bytes, to the
 * controller with 'probability', and as fast as OpenFlow meter 'meter_id'
 * allows. */
void tasuki_sample_put(struct ofpbuf *ofpacts, uint32_t probability,
                       uint16_t max_len, uint32_t meter_id);

/* Hook for xlate_controller_action().  Returns the probability that the user
 * data of a controller action gives, TASUKI_SAMPLE_ALL if it gives none. */
uint32_t tasuki_sample_probability(const uint8_t *userdata, size_t len);

#endif /* TASUKI_SAMPLE_H */
