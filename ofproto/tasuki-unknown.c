/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ofproto/ofproto-dpif.h"
#include "tasuki-unknown.h"

#include "flow.h"
#include "util.h"

/* Notes that 'dst' is unknown from now on. */
void
tasuki_unknown_add(struct tasuki_unknown *u, const struct mf_subfield *dst)
{
    for (size_t i = 0; i < u->n; i++) {
        struct mf_subfield *old = &u->bits[i];

        if (old->field == dst->field) {
            if (old->ofs != dst->ofs || old->n_bits != dst->n_bits) {
                old->ofs = 0;
                old->n_bits = old->field->n_bits;
            }
            return;
        }
    }
    ovs_assert(u->n < TASUKI_UNKNOWN_MAX);
    u->bits[u->n++] = *dst;
}

static void
mask_subfield(const struct mf_subfield *sf, struct flow_wildcards *wc)
{
    union mf_value mask;

    memset(&mask, 0, sizeof mask);
    bitwise_one(&mask, sf->field->n_bytes, sf->ofs, sf->n_bits);
    mf_mask_field_masked(sf->field, &mask, wc);
}

static bool
is_vlan_field(const struct mf_field *field)
{
    return field->id == MFF_VLAN_TCI || field->id == MFF_DL_VLAN
           || field->id == MFF_VLAN_VID || field->id == MFF_DL_VLAN_PCP
           || field->id == MFF_VLAN_PCP;
}

bool
tasuki_unknown_has_vlan(const struct tasuki_unknown *u)
{
    for (size_t i = 0; i < u->n; i++) {
        if (is_vlan_field(u->bits[i].field)) {
            return true;
        }
    }
    return false;
}

/* Returns true if one of 'wc's bits is unknown. */
static bool
has_bits(const struct tasuki_unknown *u, const struct flow_wildcards *wc)
{
    struct flow_wildcards unknown;

    flow_wildcards_init_catchall(&unknown);
    for (size_t i = 0; i < u->n; i++) {
        mask_subfield(&u->bits[i], &unknown);
    }

    const uint64_t *a = (const uint64_t *) &unknown.masks;
    const uint64_t *b = (const uint64_t *) &wc->masks;
    for (size_t i = 0; i < FLOW_U64S; i++) {
        if (a[i] & b[i]) {
            return true;
        }
    }
    return false;
}

/* Returns true if 'sf' has unknown bits. */
static bool
reads(const struct tasuki_unknown *u, const struct mf_subfield *sf)
{
    struct flow_wildcards wc;

    flow_wildcards_init_catchall(&wc);
    mask_subfield(sf, &wc);
    return has_bits(u, &wc);
}

/* Returns true if part of 'field' is unknown.  Whoever sets any bit of a field
 * makes the datapath write the whole field, and the whole tag of a VLAN. */
static bool
sets(const struct tasuki_unknown *u, const struct mf_field *field)
{
    const struct mf_subfield all = {
        .field = field,
        .n_bits = field->n_bits,
    };

    return is_vlan_field(field) ? tasuki_unknown_has_vlan(u) : reads(u, &all);
}

static bool
sets_id(const struct tasuki_unknown *u, enum mf_field_id id)
{
    return sets(u, mf_from_id(id));
}

/* Returns true if looking up 'flow', with input port 'in_port', in table
 * 'table_id' of 'ofproto' depends on an unknown bit. */
bool
tasuki_unknown_is_read(const struct tasuki_unknown *u,
                       struct ofproto_dpif *ofproto, ovs_version_t version,
                       const struct flow *flow, ofp_port_t in_port,
                       uint8_t table_id)
{
    struct flow_wildcards wc;
    struct flow copy;

    if (!u->n) {
        return false;
    }
    copy = *flow;
    flow_wildcards_init_catchall(&wc);
    rule_dpif_lookup_from_table(ofproto, version, &copy, &wc, NULL, &table_id,
                                in_port, false, true, NULL);
    return has_bits(u, &wc);
}

/* Returns true if 'a' reads unknown bits or sets a field that has some, or if
 * it may.  Outputs, groups and what looks up a table are the caller's. */
bool
tasuki_unknown_is_used(const struct tasuki_unknown *u, const struct ofpact *a)
{
    switch (a->type) {
    case OFPACT_SET_FIELD:
        return sets(u, ofpact_get_SET_FIELD(a)->field);

    case OFPACT_REG_MOVE:
        return (reads(u, &ofpact_get_REG_MOVE(a)->src)
                || sets(u, ofpact_get_REG_MOVE(a)->dst.field));

    case OFPACT_STACK_PUSH:
        return reads(u, &ofpact_get_STACK_PUSH(a)->subfield);

    case OFPACT_STACK_POP:
        return sets(u, ofpact_get_STACK_POP(a)->subfield.field);

    case OFPACT_SET_ETH_DST:
        return sets_id(u, MFF_ETH_DST);

    case OFPACT_SET_IPV4_SRC:
        return sets_id(u, MFF_IPV4_SRC);

    case OFPACT_SET_IPV4_DST:
        return sets_id(u, MFF_IPV4_DST);

    case OFPACT_SET_VLAN_VID:
    case OFPACT_SET_VLAN_PCP:
    case OFPACT_STRIP_VLAN:
    case OFPACT_PUSH_VLAN:
        return tasuki_unknown_has_vlan(u);

    case OFPACT_CT:
        return (ofpact_get_CT(a)->zone_src.field
                && reads(u, &(const struct mf_subfield) {
                    .field = ofpact_get_CT(a)->zone_src.field,
                    .ofs = ofpact_get_CT(a)->zone_src.ofs,
                    .n_bits = ofpact_get_CT(a)->zone_src.n_bits,
                }));

    /* They neither read nor set one of the fields.  If an action holds others,
     * those are asked in their turn. */
    case OFPACT_SET_ETH_SRC:
    case OFPACT_SET_IP_DSCP:
    case OFPACT_SET_IP_ECN:
    case OFPACT_SET_IP_TTL:
    case OFPACT_DEC_TTL:
    case OFPACT_SET_L4_SRC_PORT:
    case OFPACT_SET_L4_DST_PORT:
    case OFPACT_SET_TUNNEL:
    case OFPACT_SET_QUEUE:
    case OFPACT_POP_QUEUE:
    case OFPACT_FIN_TIMEOUT:
    case OFPACT_CT_CLEAR:
    case OFPACT_CLONE:
    case OFPACT_CONJUNCTION:
    case OFPACT_NOTE:
    case OFPACT_EXIT:
    case OFPACT_UNROLL_XLATE:
    case OFPACT_METER:
    case OFPACT_CLEAR_ACTIONS:
    case OFPACT_WRITE_ACTIONS:
    case OFPACT_WRITE_METADATA:
    case OFPACT_TASUKI:
        return false;

    case OFPACT_OUTPUT:
    case OFPACT_OUTPUT_TRUNC:
    case OFPACT_OUTPUT_REG:
    case OFPACT_ENQUEUE:
    case OFPACT_GROUP:
    case OFPACT_RESUBMIT:
    case OFPACT_GOTO_TABLE:
    case OFPACT_CONTROLLER:
    case OFPACT_BUNDLE:
    case OFPACT_PUSH_MPLS:
    case OFPACT_POP_MPLS:
    case OFPACT_SET_MPLS_LABEL:
    case OFPACT_SET_MPLS_TC:
    case OFPACT_SET_MPLS_TTL:
    case OFPACT_DEC_MPLS_TTL:
    case OFPACT_LEARN:
    case OFPACT_MULTIPATH:
    case OFPACT_SAMPLE:
    case OFPACT_NAT:
    case OFPACT_ENCAP:
    case OFPACT_DECAP:
    case OFPACT_DEC_NSH_TTL:
    case OFPACT_CHECK_PKT_LARGER:
    case OFPACT_DELETE_FIELD:
    case OFPACT_DEBUG_RECIRC:
    case OFPACT_DEBUG_SLOW:
    default:
        return true;
    }
}
