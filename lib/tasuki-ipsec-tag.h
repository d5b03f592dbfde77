/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_TAG_H
#define TASUKI_IPSEC_TAG_H 1

/* The ipsec_tag action, for code that composes actions or wants to know what
 * the datapath does to a packet.  The hash is in ipsec-tag.h. */

#include "ipsec-tag.h"
#include "openvswitch/meta-flow.h"
#include "tasuki-action.h"

struct dp_packet;

/* Arguments of the action.  'tag.field', 'tag.ofs' and 'tag.n_bits' follow from
 * 'to'. */
struct ofpact_ipsec_tag {
    struct mf_subfield to;
    struct ipsec_tag tag;
};

/* Appends an ipsec_tag action that writes to 'to' to 'ofpacts'.  Returns the
 * rest of its arguments, zeroed, to fill in before anything else is appended:
 * 'n', and if wanted 'hash', 'basis', 'n_buckets' and 'map'.
 *
 * ipsec_tag_to_problem() says whether the action can write to 'to'. */
struct ipsec_tag *ofpact_put_ipsec_tag(struct ofpbuf *ofpacts,
                                       const struct mf_subfield *to);

/* Returns NULL if the action can write to the field of 'to', otherwise a static
 * string, the reason why not. */
const char *ipsec_tag_to_problem(const struct mf_subfield *to);

/* Returns the tag of 'packet', whose headers have been found
 * (flow_extract()), as the datapath computes it: a number below 't->n'.  Stores
 * its bucket in '*bucket', if nonnull: an index into 't->map', or the tag if
 * there is no map.
 *
 * With IPSEC_TAG_CPU that is the tag of this thread's CPU. */
unsigned int ipsec_tag_of_packet(const struct ipsec_tag *t,
                                 const struct dp_packet *packet,
                                 unsigned int *bucket);

/* The member 'execute' of tasuki_ipsec_tag. */
void ipsec_tag_execute(struct dp_packet_batch *, const void *payload,
                       const struct tasuki_exec *);

#endif /* tasuki-ipsec-tag.h */
