/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_CLAIM_H
#define TASUKID_HANDOVER_CLAIM_H 1

/* Claims that a host, known to be in one place, is in another.
 *
 * Anybody may claim that, so the host is asked at the old place.  If it says
 * anything in ARP there, it defends its address (RFC 5227 section 2.4) and the
 * claim has failed.  If it is silent, the new place is asked.  An answer
 * proves the claim: a reply to our question, from the place that was asked,
 * after it was.  What comes unasked never counts for a claim. */

#include "arp.h"
#include "handover.h"

struct service_config;

/* Somebody in 'new' claims to have 'ip', which is known to be in 'old'.  Asks
 * in the name of the service, with tag 'vlan_tci' unless that is 0. */
void claim_start(struct hswitch *, const struct service_config *, ovs_be32 ip,
                 const struct place *old, const struct place *new,
                 ovs_be16 vlan_tci);

/* Notes what 'pi', an ARP packet, says about claims.  Returns true if it
 * proves one; its sender then was in '*old' before.  Call it until it returns
 * false: a packet may prove several claims. */
bool claims_hear(struct hswitch *, const struct packet_in *pi,
                 struct place *old);

/* Periodic work.  Returns true if a claim ended because nobody answered in
 * either place: '*ip' of '*zone' was in '*old' and is nowhere now.  Call it
 * until it returns false. */
bool claims_run(struct hswitch *, uint32_t *zone, ovs_be32 *ip,
                struct place *old);
void claims_wait(struct hswitch *);

void claims_init(struct hswitch *);
void claims_destroy(struct hswitch *);

#endif /* claim.h */
