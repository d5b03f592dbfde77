/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef SETTLE_H
#define SETTLE_H 1

/* The OpenFlow message by which a controller asks a switch to say when its
 * datapath does what its flow tables say.
 *
 * A barrier's reply says that the flow tables have changed.  Open vSwitch then
 * still has packets pass as before, until it has brought its datapath's flows
 * in line: usually some milliseconds, but nobody knows how many.
 *
 * The reply to this message is a barrier reply with the same transaction id.
 * It comes once no packet that the switch receives from then on meets a flow
 * of the datapath that is older than the message.  Other messages are not kept
 * waiting.  A switch that does not know the message answers with an error. */

#include <stdbool.h>
#include <stdint.h>

struct ofp_header;
struct ofpbuf;

/* Returns such a message, in the given version of OpenFlow.  The caller owns
 * it. */
struct ofpbuf *settle_encode(uint8_t ofp_version);

/* Returns true if 'oh', whose length is right, is one. */
bool settle_is(const struct ofp_header *oh);

#endif /* SETTLE_H */
