/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_CLAIM_H
#define TASUKID_HANDOVER_CLAIM_H 1

/* Claims that a host, known to be in one place, is in another.
 *
 * Anybody may claim that, so the host is asked where it was.  It defends its
 * address there (RFC 5227 section 2.4) by saying anything in ARP, and the
 * claim has failed.  If it is silent, whoever claims to have its address is
 * asked, and has it if there is an answer: a reply to our question, from the
 * place that was asked, after it was.  What comes unasked never counts for a
 * claim. */

#include "arp.h"
#include "handover.h"

struct service_config;

/* Somebody in 'new' claims to have 'ip', which is known to be in 'old'.  Asks,
 * in the name of the service, with tag 'vlan_tci' unless that is 0. */
void claim_start(struct hswitch *, const struct service_config *, ovs_be32 ip,
                 const struct place *old, const struct place *new,
                 ovs_be16 vlan_tci);

/* Notes what 'pi', an ARP packet, says about claims.  Returns true if it
 * proves one; its sender then was in '*old' before.  To be called until it
 * returns false, since it may prove several. */
bool claims_hear(struct hswitch *, const struct packet_in *pi,
                 struct place *old);

/* Periodic work.  Returns true if a claim ended because nobody answered in
 * either place: '*ip' of '*zone' is nowhere any more, and was in '*old'.  To
 * be called until it returns false. */
bool claims_run(struct hswitch *, uint32_t *zone, ovs_be32 *ip,
                struct place *old);
void claims_wait(struct hswitch *);

void claims_init(struct hswitch *);
void claims_destroy(struct hswitch *);

#endif /* claim.h */
