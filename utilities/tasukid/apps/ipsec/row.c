/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "nx-match.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/shash.h"
#include "util.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"

static int
compare_names(const void *a_, const void *b_)
{
    const struct tasukirec_ipsec_group *const *a = a_;
    const struct tasukirec_ipsec_group *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

const struct tasukirec_ipsec_group **
ipsec_groups_by_name(const struct tasukirec_switch *sw)
{
    const struct tasukirec_ipsec_group **rows
        = xmalloc(sw->n_ipsec_groups * sizeof *rows);

    for (size_t i = 0; i < sw->n_ipsec_groups; i++) {
        rows[i] = sw->ipsec_groups[i];
    }
    qsort(rows, sw->n_ipsec_groups, sizeof *rows, compare_names);
    return rows;
}

bool
ipsec_runs_on(const struct tasukirec_switch *sw)
{
    for (size_t i = 0; i < sw->n_applications; i++) {
        if (!strcmp(sw->applications[i], "ipsec")) {
            return true;
        }
    }
    return false;
}

static bool
is(const char *value, const char *expected)
{
    return value && !strcmp(value, expected);
}

/* Returns 'error' behind the name of 'column', on one line, and frees it. */
static char *
about(const char *column, char *error)
{
    char *message = xasprintf("%s: %s", column, error);

    free(error);
    for (char *p = message; *p; p++) {
        if (*p == '\n') {
            *p = ' ';
        }
    }
    return message;
}

/* The match. */

/* What is part of a packet, or known about it before any application has
 * looked at it. */
static void
mask_allowed(struct flow_wildcards *wc)
{
    flow_wildcards_init_catchall(wc);
    wc->masks.in_port.ofp_port = u16_to_ofp(UINT16_MAX);
    memset(&wc->masks.dl_dst, 0xff, sizeof wc->masks.dl_dst);
    memset(&wc->masks.dl_src, 0xff, sizeof wc->masks.dl_src);
    wc->masks.dl_type = OVS_BE16_MAX;
    wc->masks.vlans[0].qtag = OVS_BE32_MAX;
    wc->masks.nw_src = OVS_BE32_MAX;
    wc->masks.nw_dst = OVS_BE32_MAX;
    wc->masks.ipv6_src = in6addr_exact;
    wc->masks.ipv6_dst = in6addr_exact;
    wc->masks.ipv6_label = OVS_BE32_MAX;
    wc->masks.nw_frag = UINT8_MAX;
    wc->masks.nw_tos = UINT8_MAX;
    wc->masks.nw_proto = UINT8_MAX;
    wc->masks.tp_src = OVS_BE16_MAX;
    wc->masks.tp_dst = OVS_BE16_MAX;
}

/* Every flow that is sent to a switch has the packet type in its match. */
static char *
check_fields(const char *s, const struct match *match)
{
    const uint64_t *mask = (const uint64_t *) &match->wc.masks;
    struct flow_wildcards allowed;

    mask_allowed(&allowed);
    allowed.masks.packet_type = match->wc.masks.packet_type;
    for (size_t i = 0; i < sizeof allowed.masks / sizeof *mask; i++) {
        if (mask[i] & ~((const uint64_t *) &allowed.masks)[i]) {
            return xasprintf("match: \"%s\" has a field other than the "
                             "ingress port, Ethernet type and addresses, "
                             "VLAN, what IP headers have, and ports", s);
        }
    }
    return NULL;
}

static char *
parse_match(const char *s, struct match *match)
{
    enum ofputil_protocol usable;
    struct ofputil_flow_stats_request fsr;
    char *problem;

    if (!s[0]) {
        return xstrdup("match: required, the packets for the tunnel, such as "
                       "ip,nw_dst=192.0.2.0/24");
    }
    problem = parse_ofp_flow_stats_request_str(&fsr, false, s, NULL, NULL,
                                               &usable);
    if (problem) {
        return about("match", problem);
    }
    if (fsr.table_id != OFPTT_ALL || fsr.cookie_mask
        || fsr.out_port != OFPP_ANY || fsr.out_group != OFPG_ANY) {
        return xasprintf("match: \"%s\" is not about packets alone", s);
    }
    *match = fsr.match;
    return check_fields(s, match);
}

void
ipsec_row_match(const struct tasukirec_ipsec_group *row, struct match *match)
{
    free(parse_match(row->match, match));
}

uint16_t
ipsec_row_priority(const struct tasukirec_ipsec_group *row)
{
    return row->n_priority ? *row->priority : IPSEC_PRIORITY_DEFAULT;
}

/* Where the tag goes. */

/* What an application behind this one would look at: a packet with such a tag
 * has to know its way already. */
static bool
steers_forwarding(enum mf_field_id id)
{
    return id == MFF_VLAN_VID || id == MFF_ETH_DST;
}

static bool
is_carrier(enum mf_field_id id)
{
    return (steers_forwarding(id) || id == MFF_PKT_MARK
            || id == MFF_IPV6_LABEL || id == MFF_IPV4_SRC
            || id == MFF_IPV4_DST || id == MFF_IPV6_SRC
            || id == MFF_IPV6_DST);
}

/* A subfield has nothing in it that could end the action's argument. */
static char *
parse_to(const char *s, struct mf_subfield *to)
{
    char *problem;

    if (!s[0]) {
        return xstrdup("to: required, the field that carries the tag, such as "
                       "pkt_mark[0..7]");
    }
    if (s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                 "0123456789_.[]")]) {
        return xasprintf("to: \"%s\" is not a field, such as pkt_mark[0..7]",
                         s);
    }
    problem = mf_parse_subfield(to, s);
    if (problem) {
        return about("to", problem);
    }
    if (!is_carrier(to->field->id)) {
        return xasprintf("to: \"%s\" is not part of pkt_mark, vlan_vid, "
                         "eth_dst, ipv6_label, or an IP address", s);
    }
    return NULL;
}

static char *
check_to(const struct tasukirec_ipsec_group *row, const struct match *match)
{
    struct mf_subfield to;
    char *error = parse_to(row->to, &to);

    if (!error && to.n_bits < 31 && row->n > 1 << to.n_bits) {
        error = xasprintf("to: \"%s\" has no room for n=%"PRId64, row->to,
                          row->n);
    }
    if (!error && to.field->id != MFF_VLAN_VID
        && !mf_are_match_prereqs_ok(to.field, match)) {
        error = xasprintf("to: \"%s\" is not a field that all packets of "
                          "match=%s have", row->to, row->match);
    }
    if (!error && steers_forwarding(to.field->id) && !row->port) {
        error = xasprintf("port: required with to=%s, as the switch forwards "
                          "by that", row->to);
    }
    return error;
}

/* Maps. */

static bool
is_power_of_two(int64_t x)
{
    return x > 0 && !(x & (x - 1));
}

static char *
check_map(const struct tasukirec_ipsec_group *row)
{
    size_t n = 0;

    for (const char *p = row->map; ; p++) {
        char number[5];
        size_t len = strcspn(p, "-");
        int tag;

        if (len >= sizeof number) {
            len = sizeof number - 1;
        }
        memcpy(number, p, len);
        number[len] = '\0';
        if (!str_to_int(number, 10, &tag) || tag < 0 || tag >= row->n) {
            return xasprintf("map: \"%s\" is not a number from 0 to %"PRId64,
                             number, row->n - 1);
        }
        n++;
        p += len;
        if (!*p) {
            break;
        }
    }
    if (n > IPSEC_MAX_BUCKETS || !is_power_of_two(n)) {
        return xasprintf("map: there are %"PRIuSIZE" numbers, not a power of "
                         "two up to %d", n, IPSEC_MAX_BUCKETS);
    }
    return NULL;
}

bool
ipsec_row_rebalances(const struct tasukirec_ipsec_group *row)
{
    return row->rebalance && strcmp(row->rebalance, "off");
}

unsigned int
ipsec_row_buckets(const struct tasukirec_ipsec_group *row)
{
    return row->n_buckets ? *row->buckets : IPSEC_BUCKETS_DEFAULT;
}

static char *
check_rebalance(const struct tasukirec_ipsec_group *row)
{
    unsigned int buckets = ipsec_row_buckets(row);

    if (!ipsec_row_rebalances(row)) {
        return (row->n_buckets || row->n_rebalance_interval
                || row->n_rebalance_moves || row->n_rebalance_skew
                || row->n_rebalance_idle
                ? xstrdup("rebalance: required with buckets, "
                          "rebalance_interval, rebalance_moves, "
                          "rebalance_skew and rebalance_idle") : NULL);
    } else if (row->map) {
        return xstrdup("map: rebalancing makes its own");
    } else if (!is_power_of_two(buckets) || buckets < row->n) {
        return xasprintf("buckets: %u is not a power of two that is at least "
                         "n=%"PRId64, buckets, row->n);
    }
    return NULL;
}

static char *
check_hash(const struct tasukirec_ipsec_group *row)
{
    if (is(row->hash, "cpu")
        && (row->map || row->n_basis || ipsec_row_rebalances(row))) {
        return xstrdup("hash: cpu goes without basis, map and rebalance");
    }
    return NULL;
}

/* Actions. */

static char *
parse_actions(const char *s, struct ofpbuf *ofpacts)
{
    enum ofputil_protocol usable;
    const struct ofpact_parse_params pp = {
        .ofpacts = ofpacts,
        .usable_protocols = &usable,
    };

    return ofpacts_parse_actions(s, &pp);
}

static char *
put_base(const struct tasukirec_ipsec_group *row, const struct match *match,
         struct ofpbuf *ofpacts)
{
    struct mf_subfield to;
    char *error = NULL;

    free(parse_to(row->to, &to));
    if (to.field->id == MFF_VLAN_VID
        && !(match->flow.vlans[0].tci & htons(VLAN_CFI))) {
        ofpact_put_PUSH_VLAN(ofpacts)->ethertype = htons(ETH_TYPE_VLAN_8021Q);
    }
    if (row->base) {
        union mf_value value, mask;
        char *problem = mf_parse(to.field, row->base, NULL, &value, &mask);

        if (problem) {
            error = about("base", problem);
        } else {
            if (to.field->id == MFF_VLAN_VID) {
                /* OpenFlow has a bit that says that there is a VLAN. */
                value.be16 |= htons(VLAN_CFI);
                mask.be16 |= htons(VLAN_CFI);
            }
            ofpact_put_set_field(ofpacts, to.field, &value, &mask);
        }
    }
    return error;
}

static char *
put_tag(const struct tasukirec_ipsec_group *row, const uint8_t map[],
        size_t n_map, struct ofpbuf *ofpacts)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    char *problem;

    ds_put_format(&s, "ipsec_tag(n=%"PRId64",to=%s", row->n, row->to);
    if (row->hash) {
        ds_put_format(&s, ",hash=%s", row->hash);
    }
    if (row->n_basis) {
        ds_put_format(&s, ",basis=%"PRId64, *row->basis);
    }
    if (map) {
        for (size_t i = 0; i < n_map; i++) {
            ds_put_format(&s, "%s%d", i ? "-" : ",map=", map[i]);
        }
    } else if (row->map) {
        ds_put_format(&s, ",map=%s", row->map);
    }
    ds_put_char(&s, ')');
    problem = parse_actions(ds_cstr(&s), ofpacts);
    ds_destroy(&s);
    return problem ? about("to", problem) : NULL;
}

void
ipsec_row_put_base(const struct tasukirec_ipsec_group *row,
                   struct ofpbuf *ofpacts)
{
    struct match match;

    ipsec_row_match(row, &match);
    free(put_base(row, &match, ofpacts));
}

void
ipsec_row_put_tag(const struct tasukirec_ipsec_group *row,
                  const uint8_t map[], size_t n_map, struct ofpbuf *ofpacts)
{
    free(put_tag(row, map, n_map, ofpacts));
}

static char *
check_actions(const struct tasukirec_ipsec_group *row,
              const struct match *match)
{
    uint64_t stub[512 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    char *error = put_base(row, match, &ofpacts);

    if (!error) {
        error = put_tag(row, NULL, 0, &ofpacts);
    }
    ofpbuf_uninit(&ofpacts);
    return error;
}

/* Rows. */

/* The switch would have only one of the two. */
static char *
check_others(const struct shash *accepted,
             const struct tasukirec_ipsec_group *row,
             const struct match *match)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, accepted) {
        const struct tasukirec_ipsec_group *other = node->data;
        struct match other_match;

        ipsec_row_match(other, &other_match);
        if (ipsec_row_priority(other) == ipsec_row_priority(row)
            && match_equal(&other_match, match)) {
            return xasprintf("match: group \"%s\" has the same packets, with "
                             "the same priority", other->name);
        }
    }
    return NULL;
}

char *
row_check_ipsec_group(const struct tasukirec_switch *sw OVS_UNUSED,
                      struct shash *accepted,
                      const struct tasukirec_ipsec_group *row)
{
    char *error = row_check_name(row->name);
    struct match match;

    if (!error) {
        error = parse_match(row->match, &match);
    }
    if (!error && row->n < 1) {
        error = xasprintf("n: required, 1 to %d tags", IPSEC_MAX_TAGS);
    }
    if (!error) {
        error = check_to(row, &match);
    }
    if (!error) {
        error = check_hash(row);
    }
    if (!error && row->map) {
        error = check_map(row);
    }
    if (!error) {
        error = check_rebalance(row);
    }
    if (!error && row->port && !row->port[0]) {
        error = xstrdup("port: \"\" is not the name of a port");
    }
    if (!error) {
        error = check_actions(row, &match);
    }
    if (!error) {
        error = check_others(accepted, row, &match);
    }
    if (!error) {
        shash_add(accepted, row->name, row);
    }
    return error;
}
