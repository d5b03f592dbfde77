/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_UNKNOWN_H
#define TASUKI_UNKNOWN_H 1

/* Bits of a packet that only the datapath knows, because it wrote them itself
 * (TASUKI_NEW_BITS).
 *
 * In translation, the flow has what those bits were before.  That is no harm as
 * long as nobody looks at them and nobody sets the field: what is in the flow
 * and in the base flow alike is not written to the packet.  What does either
 * makes the packet recirculate first.  Then the datapath has read the packet
 * again, and nothing is unknown.
 *
 * What is noted stays noted until the translation ends, even where it goes back
 * to a packet without the bits.  At worst that one recirculates for nothing. */

#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/types.h"

struct flow;
struct ofproto_dpif;

/* As many as there are fields that an action of ours writes to. */
enum { TASUKI_UNKNOWN_MAX = 8 };

struct tasuki_unknown {
    size_t n;
    struct mf_subfield bits[TASUKI_UNKNOWN_MAX];
};

void tasuki_unknown_add(struct tasuki_unknown *, const struct mf_subfield *);
bool tasuki_unknown_is_read(const struct tasuki_unknown *,
                            struct ofproto_dpif *, ovs_version_t,
                            const struct flow *, ofp_port_t in_port,
                            uint8_t table_id);
bool tasuki_unknown_is_used(const struct tasuki_unknown *,
                            const struct ofpact *);
bool tasuki_unknown_has_vlan(const struct tasuki_unknown *);

#endif /* tasuki-unknown.h */
