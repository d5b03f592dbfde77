/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_CLAIMS_H
#define TASUKID_CLAIMS_H 1

/* Claims that a host, known to be in one place, is in another.
 *
 * Anybody may claim that, so the host is asked at the old place.  If it says
 * anything in ARP there, it defends its address (RFC 5227 section 2.4) and the
 * claim has failed.  If it is silent, the new place is asked.  An answer
 * proves the claim: a reply to our question, from the place that was asked,
 * after it was.  What comes unasked never counts for a claim. */

#include <stdint.h>

#include "arp.h"
#include "openvswitch/list.h"

struct ofswitch;

/* The claims of one switch. */
struct claims {
    struct ofswitch *sw;
    struct ovs_list list;       /* Contains 'struct claim's. */
};

void claims_init(struct claims *, struct ofswitch *);
void claims_destroy(struct claims *);

/* Somebody in 'new' claims to have 'ip' of 'zone', which is known to be in
 * 'old'.  Asks in the name of 'asker', for application 'app'. */
void claims_add(struct claims *, uint8_t app, uint32_t zone, ovs_be32 ip,
                const struct place *old, const struct place *new,
                const struct arp_asker *asker);

/* Notes what 'pi', an ARP packet, says about claims.  Returns true if it
 * proves one; its sender then was in '*old' before.  Call it until it returns
 * false: a packet may prove several claims.
 *
 * A proven claim stays until claims_run(), so that nobody claims the same
 * meanwhile. */
bool claims_hear(struct claims *, const struct packet_in *pi,
                 struct place *old);

/* Periodic work.  Returns true if a claim ended because nobody answered in
 * either place: '*ip' of '*zone' was in '*old' and is nowhere now.  Call it
 * until it returns false. */
bool claims_run(struct claims *, uint32_t *zone, ovs_be32 *ip,
                struct place *old);
void claims_wait(const struct claims *);

/* Forgets the claims of 'app', which will not hear any more answers. */
void claims_forget(struct claims *, uint8_t app);

#endif /* TASUKID_CLAIMS_H */
