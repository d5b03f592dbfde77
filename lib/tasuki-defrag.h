/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_DEFRAG_H
#define TASUKI_DEFRAG_H 1

/* Whole packets from conntrack, in the userspace datapath.
 *
 * Both datapaths put fragments together for action "ct".  In the kernel the
 * whole packet goes on.  In userspace its fragments do, one by one, and only
 * the first has ports and a sequence number.  In one connection tracking zone
 * of Tasuki's own, the whole packet goes on in userspace, too.  Nothing is
 * tracked there.
 *
 * A packet goes nowhere if a fragment of it is missing.  A fragment counts as
 * missing if it overlaps one that came before, if it ends behind the longest
 * possible packet (RFC 791 section 3.1: 65535 bytes), or if it is less than
 * 400 bytes long without being the last. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/types.h"

struct dp_packet_batch;

/* The zone: "TK". */
#define TASUKI_DEFRAG_ZONE 0x544b

/* Hook for conntrack_execute(), with its arguments.  Returns false, and does
 * nothing, if 'zone' is another one or the packets are not IPv4.  Otherwise
 * takes fragments out of the batch, and adds packets that are complete by now.
 * Packets that are no fragments stay as they are.  'now' is in ms.
 *
 * Thread-safe.  Takes a lock, but for fragments only. */
bool tasuki_defrag(struct dp_packet_batch *, ovs_be16 dl_type, uint16_t zone,
                   long long int now, uint32_t hash_basis);

#endif /* TASUKI_DEFRAG_H */
