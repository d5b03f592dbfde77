/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_ENTRIES_H
#define TASUKID_MIRROR_ENTRIES_H 1

/* Flows of connections: what the engine's entries are in a switch.
 *
 * There is at most one flow for each direction of a connection, in
 * MIRROR_CONNECTIONS of the place where its packets are looked at.  The flow
 * notes what it knows about a packet, and MIRROR_DECIDE does the rest.  So it
 * stays right when targets or later stages change. */

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"
#include "openvswitch/flow.h"

struct mirror_switch;
struct packet_in;

/* Where a packet was looked at, as a number for the engine, and back. */
uint64_t mirror_place(const struct packet_in *);
uint8_t mirror_place_table(uint64_t place);
ofp_port_t mirror_place_port(uint64_t place);

/* The engine's name for the packets among which connections have different
 * addresses: a zone, and a VLAN in it.  (Zones are numbers of ports.) */
uint32_t mirror_zone(uint32_t zone, const struct flow *);
uint32_t mirror_zone_zone(uint32_t zone);
uint16_t mirror_zone_vid(uint32_t zone);

void mirror_entries_init(struct mirror_switch *);
void mirror_entries_destroy(struct mirror_switch *);

/* Forgets all entries, so that they stay in the switch. */
void mirror_entries_forget(struct mirror_switch *);

/* Has the switch do what '*entry' says. */
void mirror_entry_set(struct mirror_switch *, const struct mirror_conn *,
                      enum mirror_dir, const struct mirror_entry *entry);

/* Returns true if 'cookie' is that of an entry that the switch should have;
 * fills in what it is for, and forgets it. */
bool mirror_entry_take(struct mirror_switch *, uint64_t cookie, uint64_t *id,
                       enum mirror_dir *);

/* Asks the switch for the entry's counters, for mirror_engine_bytes(). */
void mirror_entry_ask(struct mirror_switch *, const struct mirror_conn *,
                      enum mirror_dir);

/* Sends questions that could not be sent at once. */
void mirror_entries_run(struct mirror_switch *);

#endif /* TASUKID_MIRROR_ENTRIES_H */
