/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-ipsec-tag.h"

#include <inttypes.h>

#include "flow.h"
#include "nx-match.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

/* The ipsec_tag action.  What it does to a packet is in ipsec-tag.h. */

/* The field for the tag. */

/* What the datapath writes to.  'field' is an enum ipsec_tag_field. */
static const struct carrier {
    enum mf_field_id id;
    uint8_t field;
} carriers[] = {
    { MFF_PKT_MARK, IPSEC_TAG_PKT_MARK },
    { MFF_ETH_DST, IPSEC_TAG_ETH_DST },
    { MFF_VLAN_VID, IPSEC_TAG_VLAN_VID },
    { MFF_IPV4_SRC, IPSEC_TAG_IP_SRC },
    { MFF_IPV4_DST, IPSEC_TAG_IP_DST },
    { MFF_IPV6_SRC, IPSEC_TAG_IPV6_SRC },
    { MFF_IPV6_DST, IPSEC_TAG_IPV6_DST },
    { MFF_IPV6_LABEL, IPSEC_TAG_IPV6_LABEL },
};
#define CARRIERS "pkt_mark, vlan_vid, eth_dst, ipv6_label, nw_src, nw_dst, " \
                 "ipv6_src, ipv6_dst, metadata or a register"

static const struct carrier *
carrier_of(const struct mf_field *field)
{
    for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
        if (carriers[i].id == field->id) {
            return &carriers[i];
        }
    }
    return NULL;
}

/* True for what translation keeps, to which the tag gets as a value. */
static bool
is_pipeline(const struct mf_field *field)
{
    return mf_is_register(field->id) || field->id == MFF_METADATA;
}

const char *
ipsec_tag_to_problem(const struct mf_subfield *to)
{
    const struct mf_field *field = to->field;

    if (carrier_of(field) || is_pipeline(field)) {
        return NULL;
    }
    if (field->id == MFF_VLAN_TCI || field->id == MFF_DL_VLAN) {
        return "the field for a VLAN is vlan_vid";
    }
    if (field->id >= MFF_TUN_ID && field->id < MFF_METADATA) {
        return "the datapath sets what is a tunnel's when it outputs, after "
               "all actions and alike for all packets of a flow: tag the "
               "packets of the tunnel, in the underlay's bridge";
    }
    return "the datapath does not write a tag there, only to " CARRIERS;
}

/* Sets 'o' to write to 'to'. */
static void
set_to(struct ofpact_ipsec_tag *o, const struct mf_subfield *to)
{
    const struct carrier *c = carrier_of(to->field);

    o->to = *to;
    o->tag.field = c ? c->field : IPSEC_TAG_VALUE;
    o->tag.ofs = c ? to->ofs : 0;
    o->tag.n_bits = c ? to->n_bits : 32;
}

struct ipsec_tag *
ofpact_put_ipsec_tag(struct ofpbuf *ofpacts, const struct mf_subfield *to)
{
    struct ofpact_ipsec_tag *o = tasuki_put_ofpact(ofpacts, &tasuki_ipsec_tag);

    set_to(o, to);
    return &o->tag;
}

/* Returns how many bits it takes to write the numbers below 'n'. */
static unsigned int
bits_for(unsigned int n)
{
    return n > 1 ? log_2_floor(n - 1) + 1 : 0;
}

static const struct mf_subfield *
ipsec_tag_dst(const void *o_)
{
    const struct ofpact_ipsec_tag *o = o_;

    return &o->to;
}

/* Arguments. */

static const char *const hash_names[IPSEC_TAG_N_HASHES] = {
    [IPSEC_TAG_SYMMETRIC_L4] = "symmetric_l4",
    [IPSEC_TAG_L4] = "l4",
    [IPSEC_TAG_L3] = "l3",
    [IPSEC_TAG_CPU] = "cpu",
};
#define HASHES "symmetric_l4, l4, l3, cpu"

/* The arguments as they stand in the text.  What is not given is NULL. */
struct args {
    const char *n, *to, *hash, *basis, *map;
};

static const struct arg {
    const char *name;
    size_t ofs;
} arg_names[] = {
    { "n", offsetof(struct args, n) },
    { "to", offsetof(struct args, to) },
    { "hash", offsetof(struct args, hash) },
    { "basis", offsetof(struct args, basis) },
    { "map", offsetof(struct args, map) },
};
#define ARGS "n, to, hash, basis, map"

static char *
split_args(char *s, struct args *args)
{
    char *key, *value;

    while (ofputil_parse_key_value(&s, &key, &value)) {
        const char **arg = NULL;

        for (size_t i = 0; i < ARRAY_SIZE(arg_names); i++) {
            if (!strcmp(key, arg_names[i].name)) {
                arg = ALIGNED_CAST(const char **,
                                   (char *) args + arg_names[i].ofs);
            }
        }
        if (!arg) {
            return xasprintf("ipsec_tag: unknown argument \"%s\", must be one "
                             "of " ARGS, key);
        }
        if (*arg) {
            return xasprintf("ipsec_tag: %s is given twice", key);
        }
        *arg = value;
    }
    if (!args->n || !args->to) {
        return xasprintf("ipsec_tag: %s is required", args->n ? "to" : "n");
    }
    return NULL;
}

static char *
parse_hash(const char *value, struct ipsec_tag *t)
{
    for (size_t i = 0; i < ARRAY_SIZE(hash_names); i++) {
        if (!strcmp(value, hash_names[i])) {
            t->hash = i;
            return NULL;
        }
    }
    return xasprintf("ipsec_tag: hash=%s is not one of " HASHES, value);
}

/* Parses "a-b-c...". */
static char *
parse_map(const char *value, struct ipsec_tag *t)
{
    char *copy = xstrdup(value);
    char *error = NULL;
    char *next = copy;
    size_t n = 0;

    for (char *s; !error && (s = strsep(&next, "-")); n++) {
        long long int tag;

        if (!tasuki_parse_number(s, 0, t->n - 1, &tag)) {
            error = xasprintf("ipsec_tag: map has \"%s\", which is not a "
                              "number from 0 to %d", s, t->n - 1);
        } else if (n < IPSEC_TAG_BUCKETS_MAX) {
            t->map[n] = tag;
        }
    }
    free(copy);
    if (!error && (n > IPSEC_TAG_BUCKETS_MAX || !is_pow2(n))) {
        error = xasprintf("ipsec_tag: map has %"PRIuSIZE" numbers, but must "
                          "have a power of two from 1 to %d", n,
                          IPSEC_TAG_BUCKETS_MAX);
    }
    t->n_buckets = n;
    return error;
}

static char *
parse_numbers(const struct args *args, struct ipsec_tag *t)
{
    long long int number;

    if (!tasuki_parse_number(args->n, 1, IPSEC_TAG_N_MAX, &number)) {
        return xasprintf("ipsec_tag: n=%s is not a number from 1 to %d",
                         args->n, IPSEC_TAG_N_MAX);
    }
    t->n = number;
    if (args->basis) {
        if (!tasuki_parse_number(args->basis, 0, UINT32_MAX, &number)) {
            return xasprintf("ipsec_tag: basis=%s is not a number from 0 to "
                             "%"PRIu32, args->basis, UINT32_MAX);
        }
        t->basis = number;
    }
    char *error = args->hash ? parse_hash(args->hash, t) : NULL;
    return !error && args->map ? parse_map(args->map, t) : error;
}

/* Parses all but 'to'. */
static char *
parse_args(char *s, struct args *args, struct ipsec_tag *t)
{
    memset(args, 0, sizeof *args);

    char *error = split_args(s, args);
    return error ? error : parse_numbers(args, t);
}

static char *
parse_subfield(const char *value, struct mf_subfield *to)
{
    char *problem = mf_parse_subfield(to, value);
    char *error = problem ? xasprintf("ipsec_tag: to=%s", problem) : NULL;

    free(problem);
    return error;
}

static char *
width_error(const char *to, unsigned int n_bits, unsigned int n)
{
    return (n_bits >= bits_for(n) ? NULL
            : xasprintf("ipsec_tag: to=%s has %u bits, but must have at least "
                        "%u for n=%u", to, n_bits, bits_for(n), n));
}

static char *
ipsec_tag_parse(char *s, void *o_)
{
    struct ofpact_ipsec_tag *o = o_;
    struct mf_subfield to;
    struct args args;

    char *error = parse_args(s, &args, &o->tag);
    if (!error) {
        error = parse_subfield(args.to, &to);
    }
    if (error) {
        return error;
    }

    const char *problem = ipsec_tag_to_problem(&to);
    if (problem) {
        return xasprintf("ipsec_tag: to=%s: %s", args.to, problem);
    }
    set_to(o, &to);
    return width_error(args.to, to.n_bits, o->tag.n);
}

static void
format(const struct mf_subfield *to, const struct ipsec_tag *t, struct ds *s)
{
    ds_put_format(s, "ipsec_tag(n=%d,to=", t->n);
    mf_format_subfield(to, s);
    if (t->hash != IPSEC_TAG_SYMMETRIC_L4) {
        ds_put_format(s, ",hash=%s", hash_names[t->hash]);
    }
    if (t->basis) {
        ds_put_format(s, ",basis=%"PRIu32, t->basis);
    }
    for (size_t i = 0; i < t->n_buckets; i++) {
        ds_put_format(s, "%s%d", i ? "-" : ",map=", t->map[i]);
    }
    ds_put_char(s, ')');
}

static void
ipsec_tag_format(const void *o_, struct ds *s)
{
    const struct ofpact_ipsec_tag *o = o_;

    format(&o->to, &o->tag, s);
}

/* OpenFlow. */

/* What follows struct tasuki_action_header and struct tasuki_dst_header.  The
 * map's 'n_buckets' bytes follow, and zeros up to a multiple of 8 bytes. */
struct ofp_ipsec_tag {
    ovs_be32 basis;
    ovs_be16 n;
    ovs_be16 n_buckets;         /* 0: no map. */
    uint8_t hash;               /* enum ipsec_tag_hash. */
    uint8_t pad[7];             /* Must be zero. */
};
BUILD_ASSERT_DECL(sizeof(struct ofp_ipsec_tag) == 16);

static void
ipsec_tag_encode(const void *o_, struct ofpbuf *out)
{
    const struct ofpact_ipsec_tag *o = o_;
    const struct ipsec_tag *t = &o->tag;

    tasuki_encode_dst(&o->to, out);
    struct ofp_ipsec_tag *ot = ofpbuf_put_zeros(out, sizeof *ot);
    ot->basis = htonl(t->basis);
    ot->n = htons(t->n);
    ot->n_buckets = htons(t->n_buckets);
    ot->hash = t->hash;
    ofpbuf_put(out, t->map, t->n_buckets);
}

/* Decodes all but the subfield. */
static enum ofperr
decode_tag(const struct ofp_ipsec_tag *ot, size_t len, struct ipsec_tag *t)
{
    const uint8_t *map = (const uint8_t *) (ot + 1);

    if (len < sizeof *ot) {
        return OFPERR_OFPBAC_BAD_LEN;
    }
    t->n_buckets = ntohs(ot->n_buckets);
    if (t->n_buckets > IPSEC_TAG_BUCKETS_MAX) {
        return OFPERR_OFPBAC_BAD_ARGUMENT;
    }
    if (len != ROUND_UP(sizeof *ot + t->n_buckets, 8)) {
        return OFPERR_OFPBAC_BAD_LEN;
    }
    if (!is_all_zeros(ot->pad, sizeof ot->pad)
        || !is_all_zeros(map + t->n_buckets,
                         len - sizeof *ot - t->n_buckets)) {
        return OFPERR_NXBRC_MUST_BE_ZERO;
    }

    t->basis = ntohl(ot->basis);
    t->n = ntohs(ot->n);
    t->hash = ot->hash;
    memcpy(t->map, map, t->n_buckets);
    return 0;
}

static enum ofperr
ipsec_tag_decode(const void *body, size_t len, void *o_)
{
    const struct tasuki_dst_header *dst = body;
    struct ofpact_ipsec_tag *o = o_;
    struct mf_subfield to = { .field = NULL };

    if (len < sizeof *dst) {
        return OFPERR_OFPBAC_BAD_LEN;
    }
    enum ofperr error = decode_tag((const void *) (dst + 1),
                                   len - sizeof *dst, &o->tag);
    if (!error) {
        error = tasuki_decode_dst(dst, &to);
    }
    if (error) {
        return error;
    }
    if (ipsec_tag_to_problem(&to)) {
        return OFPERR_OFPBAC_BAD_SET_TYPE;
    }
    set_to(o, &to);
    return (o->tag.n <= IPSEC_TAG_N_MAX && to.n_bits < bits_for(o->tag.n)
            ? OFPERR_OFPBAC_BAD_SET_LEN
            : ipsec_tag_check(&o->tag, ipsec_tag_len(&o->tag))
            ? OFPERR_OFPBAC_BAD_ARGUMENT : 0);
}

static enum ofperr
ipsec_tag_check_match(const void *o_, struct match *match)
{
    const struct ofpact_ipsec_tag *o = o_;

    /* As set_field does. */
    return (o->tag.field == IPSEC_TAG_VLAN_VID
            && !(match->flow.vlans[0].tci & htons(VLAN_CFI))
            ? OFPERR_OFPBAC_MATCH_INCONSISTENT : 0);
}

/* Translation. */

static void
ipsec_tag_put_odp(const struct ipsec_tag *t, struct ofpbuf *odp_actions)
{
    tasuki_odp_put(odp_actions, TASUKI_ACTION_ATTR_IPSEC_TAG, t,
                   ipsec_tag_len(t));
}

/* True if all packets of 'flow' have the same tag: there is one tag only, or
 * they are not IP.  What is behind more VLAN tags than the flow has is open. */
static bool
is_constant(const struct ipsec_tag *t, const struct flow *flow)
{
    return ((t->n == 1)
            || (t->hash != IPSEC_TAG_CPU && !is_ip_any(flow)
                && !eth_type_vlan(flow->dl_type)));
}

static enum tasuki_effect
ipsec_tag_translate(const void *o_, struct tasuki_xlate *x)
{
    const struct ofpact_ipsec_tag *o = o_;
    const struct ipsec_tag *t = &o->tag;

    if (t->field == IPSEC_TAG_VALUE) {
        if (is_constant(t, x->flow)) {
            x->value = ipsec_tag_of_bucket(t, ipsec_tag_bucket(t, 0));
            return TASUKI_CONSTANT;
        }
        ipsec_tag_put_odp(t, x->odp_actions);
        return TASUKI_VALUE;
    }

    /* A group bucket has no match of its own, so anything may come here. */
    if (!mf_are_prereqs_ok(o->to.field, x->flow, x->wc)
        || (t->field == IPSEC_TAG_VLAN_VID && !is_vlan(x->flow, x->wc))) {
        return TASUKI_OK;
    }
    ipsec_tag_put_odp(t, x->odp_actions);
    return TASUKI_NEW_BITS;
}

static const char *
ipsec_tag_dpif_problem(const void *o_, bool userspace)
{
    const struct ofpact_ipsec_tag *o = o_;

    return (userspace && o->tag.field == IPSEC_TAG_PKT_MARK
            ? "the userspace datapath sends no mark with a packet: use another "
              "field"
            : NULL);
}

static void
ipsec_tag_probe(struct ofpbuf *odp_actions)
{
    const struct ipsec_tag t = { .n = 1, .n_bits = 32 };

    ipsec_tag_put_odp(&t, odp_actions);
}

/* Datapath. */

static void
ipsec_tag_odp_format(const void *payload, size_t len, struct ds *s)
{
    struct ipsec_tag t = { .n = 0 };

    memcpy(&t, payload, MIN(len, sizeof t));
    if (ipsec_tag_check(&t, len)) {
        ds_put_format(s, "ipsec_tag(bad arguments)");
        return;
    }

    struct mf_subfield to = {
        .field = mf_from_id(MFF_DP_HASH),
        .ofs = t.ofs,
        .n_bits = t.n_bits,
    };
    for (size_t i = 0; i < ARRAY_SIZE(carriers); i++) {
        if (carriers[i].field == t.field) {
            to.field = mf_from_id(carriers[i].id);
        }
    }
    format(&to, &t, s);
}

/* In a datapath, a value goes to "dp_hash". */
static char *
ipsec_tag_odp_parse(char *s, struct ofpbuf *odp_actions)
{
    struct ofpact_ipsec_tag o = { .to.field = NULL };
    struct mf_subfield to;
    struct args args;

    char *error = parse_args(s, &args, &o.tag);
    if (!error) {
        error = parse_subfield(args.to, &to);
    }
    if (error) {
        return error;
    }
    if (!carrier_of(to.field) && to.field->id != MFF_DP_HASH) {
        return xasprintf("ipsec_tag: to=%s is not a datapath's", args.to);
    }
    set_to(&o, &to);
    error = width_error(args.to, to.n_bits, o.tag.n);
    if (!error) {
        ipsec_tag_put_odp(&o.tag, odp_actions);
    }
    return error;
}

const struct tasuki_action tasuki_ipsec_tag = {
    .id = TASUKI_ACTION_ATTR_IPSEC_TAG,
    .name = "ipsec_tag",
    .args_size = sizeof(struct ofpact_ipsec_tag),
    .dst = ipsec_tag_dst,
    .parse = ipsec_tag_parse,
    .format = ipsec_tag_format,
    .encode = ipsec_tag_encode,
    .decode = ipsec_tag_decode,
    .check = ipsec_tag_check_match,
    .translate = ipsec_tag_translate,
    .dpif_problem = ipsec_tag_dpif_problem,
    .probe = ipsec_tag_probe,
    .odp_format = ipsec_tag_odp_format,
    .odp_parse = ipsec_tag_odp_parse,
    .execute = ipsec_tag_execute,
};
