/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_NEIGHBOURS_H
#define TASUKID_NEIGHBOURS_H 1

/* Where hosts of a switch are, according to ARP (RFC 826), for all
 * applications.
 *
 * The core has no flows for that.  An application that asks, or has the core
 * ask, in the name of an address has the flows that bring it ARP packets to
 * that address.  It says what it hears, as far as it believes that, and all
 * applications know it then.  A host is known by zone and address.
 *
 * Once ARP has said where a host is, the host counts as moved only when it
 * does not answer there any more: see claims.h.
 *
 * What has changed is published as event_neighbour (events.h). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arp.h"
#include "openvswitch/types.h"

struct ofswitch;
struct packet_in;

/* How long it counts what a host has said, in ms.  After that, it may still be
 * known where the host is, but that is not said to others any more. */
#define NEIGHBOUR_FRESH_MS 60000

/* Notes what 'pi', a good ARP packet, says about hosts that may have moved, to
 * those who asked.  To be called for every one before anything else. */
void neighbours_hear(struct ofswitch *, const struct packet_in *pi);

/* ARP says, from 'place', that packets to 'ip' go there.  If another place is
 * known, asks there first, in the name of 'asker'. */
void neighbours_learn(struct ofswitch *, uint8_t app, uint32_t zone,
                      ovs_be32 ip, const struct place *place,
                      const struct arp_asker *asker);

/* Somebody in 'new' claims to have 'ip', which is known to be in 'old'.  Asks
 * there first, in the name of 'asker'.  (For addresses that several hosts
 * have, which nobody must learn.) */
void neighbours_claim(struct ofswitch *, uint8_t app, uint32_t zone,
                      ovs_be32 ip, const struct place *old,
                      const struct place *new, const struct arp_asker *asker);

/* Returns true if the host with address 'ip', or its gateway, was in 'old' and
 * is in 'new' now.  If that is not known, asks in 'old', so that the next call
 * may know. */
bool neighbours_have_moved(struct ofswitch *, uint8_t app, uint32_t zone,
                           ovs_be32 ip, const struct place *old,
                           const struct place *new,
                           const struct arp_asker *asker);

/* Returns true if 'ip' was heard lately, and sets '*place' to where it is. */
bool neighbours_find(const struct ofswitch *, uint32_t zone, ovs_be32 ip,
                     struct place *place);

/* Most hosts that an application wants on one switch. */
#define NEIGHBOURS_MAX_WANTED 256

/* Application 'app' wants to know where 'ip' is, until neighbours_forget().
 * Asks for it in the name of 'asker', at once and then every second, until
 * something is heard, and again when that is not fresh any more.  A wanted
 * host that does not answer three times where it was is lost.
 *
 * Wanting what is wanted already asks once more, if it is not known.  Returns
 * false if the application wants too many. */
bool neighbours_want(struct ofswitch *, uint8_t app, uint32_t zone,
                     ovs_be32 ip, const struct arp_asker *asker);

/* Undoes neighbours_want(), which others may have called, too. */
void neighbours_forget(struct ofswitch *, uint8_t app, uint32_t zone,
                       ovs_be32 ip);

/* Return the number of hosts whose place is known, and of claims that they
 * have moved. */
size_t neighbours_count(const struct ofswitch *);
size_t neighbours_count_claims(const struct ofswitch *);

/* For the core. */

void neighbours_run(void);
void neighbours_wait(void);

/* Forgets what 'app' has asked, and wants to know. */
void neighbours_stop(struct ofswitch *, uint8_t app);

/* Forgets all that is known about the switch. */
void neighbours_drop(struct ofswitch *);

#endif /* TASUKID_NEIGHBOURS_H */
