/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_HELD_H
#define TASUKID_MIRROR_HELD_H 1

/* Packets that have neither passed nor been copied: tasukid does both.
 *
 * Sometimes a packet may only pass once the switch does what it was told: a
 * request, for instance, whose response would otherwise be taken for the rest
 * of the response before it.  Then the packet waits until the switch says that
 * its datapath follows, and those of the same direction that come after it
 * queue behind it. */

#include <stdbool.h>
#include <stdint.h>

struct mirror_packet;
struct mirror_switch;
struct packet_in;

void mirror_held_init(struct mirror_switch *);
void mirror_held_destroy(struct mirror_switch *);

/* Copies the packet for 'policies' and passes it on. */
void mirror_release(struct mirror_switch *, const struct packet_in *,
                    uint32_t policies);

/* Returns true if packets of the connection that 'mp' is of wait. */
bool mirror_held_waits(const struct mirror_switch *,
                       const struct mirror_packet *mp);

/* As mirror_release(), but first the switch has to carry out all that it was
 * told, if 'barrier'.  'mp' says whose packet it is. */
void mirror_release_in_order(struct mirror_switch *, const struct packet_in *,
                             const struct mirror_packet *mp,
                             uint32_t policies, bool barrier);

#endif /* TASUKID_MIRROR_HELD_H */
