/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "sha1.h"
#include "util.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"

/* Of the ports that are added for targets; a hash follows. */
#define TARGET_PORT_PREFIX "mirror-"

#define MAX_VNI ((1 << 24) - 1)         /* RFC 7348. */
#define MAX_ERSPAN_SESSION ((1 << 10) - 1)

static int
compare_names(const void *a_, const void *b_)
{
    const struct tasukirec_mirror_policy *const *a = a_;
    const struct tasukirec_mirror_policy *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

const struct tasukirec_mirror_policy **
mirrors_by_name(const struct tasukirec_switch *sw)
{
    const struct tasukirec_mirror_policy **rows
        = xmalloc(sw->n_mirrors * sizeof *rows);

    for (size_t i = 0; i < sw->n_mirrors; i++) {
        rows[i] = sw->mirrors[i];
    }
    qsort(rows, sw->n_mirrors, sizeof *rows, compare_names);
    return rows;
}

static bool
runs(const struct tasukirec_switch *sw, const char *app)
{
    for (size_t i = 0; i < sw->n_applications; i++) {
        if (!strcmp(sw->applications[i], app)) {
            return true;
        }
    }
    return false;
}

bool
mirror_runs_on(const struct tasukirec_switch *sw)
{
    return runs(sw, "mirror");
}

/* Targets. */

/* Names the port after 'what', in which everything is canonical. */
static void
name_port(struct mirror_target *target, const char *what)
{
    size_t room = MIRROR_PORT_NAME_SIZE - sizeof TARGET_PORT_PREFIX;
    uint8_t digest[SHA1_DIGEST_SIZE];
    char hex[SHA1_HEX_DIGEST_LEN + 1];

    sha1_bytes(what, strlen(what), digest);
    sha1_to_hex(digest, hex);
    snprintf(target->port, sizeof target->port, TARGET_PORT_PREFIX "%.*s",
             (int) room, hex);
}

static char *
parse_remote(const char *s, char **remote)
{
    struct in6_addr addr6;
    ovs_be32 addr4;

    if (ipv6_parse(s, &addr6)) {
        struct ds canonical = DS_EMPTY_INITIALIZER;

        if (ipv6_addr_is_multicast(&addr6) || !ipv6_addr_is_set(&addr6)
            || ipv6_addr_equals(&addr6, &in6addr_loopback)) {
            return xasprintf("to: \"%s\" is not the unicast address of a "
                             "host", s);
        }
        ipv6_format_addr(&addr6, &canonical);
        *remote = ds_steal_cstr(&canonical);
        return NULL;
    }
    if (!ip_parse(s, &addr4)) {
        return xasprintf("to: \"%s\" is not an IP address", s);
    }

    char *error = row_check_ipv4("to", s, &addr4);
    if (!error) {
        *remote = xasprintf(IP_FMT, IP_ARGS(addr4));
    }
    return error;
}

/* Parses REMOTE:KEY in 's', which follows "TYPE:". */
static char *
parse_tunnel(const char *to, const char *s, struct mirror_target *target)
{
    bool vxlan = target->kind == MIRROR_TO_VXLAN;
    uint32_t max = vxlan ? MAX_VNI : MAX_ERSPAN_SESSION;
    const char *colon = strrchr(s, ':');
    long long int key;

    if (!colon || !colon[1]) {
        return xasprintf("to: \"%s\" is not of the form %s", to,
                         vxlan ? "vxlan:REMOTE:VNI" : "erspan:REMOTE:ID");
    } else if (!str_to_llong(colon + 1, 10, &key) || key < 0 || key > max) {
        return xasprintf("to: \"%s\" is not %s, 0 to %"PRIu32, colon + 1,
                         vxlan ? "a VXLAN network identifier"
                               : "an ERSPAN session", max);
    }

    size_t len = colon - s;
    bool brackets = len > 1 && s[0] == '[' && colon[-1] == ']';
    char *address = xmemdup0(s + brackets, len - 2 * brackets);
    char *error = parse_remote(address, &target->remote);

    free(address);
    if (!error) {
        char *what = xasprintf("%s:%s:%lld", vxlan ? "vxlan" : "erspan",
                               target->remote, key);

        name_port(target, what);
        free(what);
        target->key = key;
    }
    return error;
}

static char *
check_path(const char *column, const char *path)
{
    if (path[0] != '/' || path[strlen(path) - 1] == '/') {
        return xasprintf("%s: \"%s\" is not the absolute name of a file",
                         column, path);
    }
    return NULL;
}

static char *
parse_file(const char *path, struct mirror_target *target)
{
    char *error = check_path("to", path);

    if (!error) {
        target->path = xstrdup(path);
        name_port(target, path);
    }
    return error;
}

static char *
parse_port(const char *name, struct mirror_target *target)
{
    if (!name[0] || strlen(name) >= sizeof target->port || name[0] == '-'
        || name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+")]
        || name[strspn(name, "0123456789")] == '\0') {
        return xasprintf("to: \"%s\" is not the name of a port, 1 to %d "
                         "characters, nor vxlan:REMOTE:VNI, erspan:REMOTE:ID "
                         "or file:PATH", name, MIRROR_PORT_NAME_SIZE - 1);
    }
    ovs_strlcpy(target->port, name, sizeof target->port);
    return NULL;
}

char *
mirror_target_parse(const char *to, struct mirror_target *target)
{
    const char *colon = strchr(to, ':');

    *target = (struct mirror_target) { .kind = MIRROR_TO_PORT };
    if (!strncmp(to, "vxlan:", 6)) {
        target->kind = MIRROR_TO_VXLAN;
        return parse_tunnel(to, colon + 1, target);
    } else if (!strncmp(to, "erspan:", 7)) {
        target->kind = MIRROR_TO_ERSPAN;
        return parse_tunnel(to, colon + 1, target);
    } else if (!strncmp(to, "file:", 5)) {
        target->kind = MIRROR_TO_FILE;
        return parse_file(colon + 1, target);
    } else {
        return parse_port(to, target);
    }
}

void
mirror_target_destroy(struct mirror_target *target)
{
    free(target->remote);
    free(target->path);
}

/* Matches. */

/* Fields that every packet of a connection has, in both directions, where the
 * mirror looks at it. */
static void
mask_allowed(struct flow_wildcards *wc)
{
    flow_wildcards_init_catchall(wc);
    memset(&wc->masks.dl_dst, 0xff, sizeof wc->masks.dl_dst);
    memset(&wc->masks.dl_src, 0xff, sizeof wc->masks.dl_src);
    wc->masks.dl_type = OVS_BE16_MAX;
    wc->masks.vlans[0].qtag = OVS_BE32_MAX;
    wc->masks.nw_src = OVS_BE32_MAX;
    wc->masks.nw_dst = OVS_BE32_MAX;
    wc->masks.ipv6_src = in6addr_exact;
    wc->masks.ipv6_dst = in6addr_exact;
    wc->masks.nw_proto = UINT8_MAX;
    wc->masks.tp_src = OVS_BE16_MAX;
    wc->masks.tp_dst = OVS_BE16_MAX;
}

/* Every flow that is sent to a switch has the packet type in its match. */
static char *
check_fields(const char *s, const struct match *match)
{
    const uint64_t *mask = (const uint64_t *) &match->wc.masks;
    const struct flow *flow = &match->flow;
    struct flow_wildcards allowed;

    mask_allowed(&allowed);
    allowed.masks.packet_type = match->wc.masks.packet_type;
    for (size_t i = 0; i < sizeof allowed.masks / sizeof *mask; i++) {
        if (mask[i] & ~((const uint64_t *) &allowed.masks)[i]) {
            return xasprintf("match: \"%s\" has a field other than Ethernet "
                             "type and addresses, VLAN, IP addresses, "
                             "protocol, and ports", s);
        }
    }
    if ((match->wc.masks.tp_src || match->wc.masks.tp_dst)
        && flow->nw_proto != IPPROTO_TCP && flow->nw_proto != IPPROTO_UDP
        && flow->nw_proto != IPPROTO_SCTP) {
        return xasprintf("match: \"%s\" is about packets that have no ports",
                         s);
    }
    if (match->wc.masks.nw_proto && !is_ip_any(flow)) {
        return xasprintf("match: \"%s\" is about one direction only", s);
    }
    return NULL;
}

char *
mirror_match_parse(const char *s, struct match *match)
{
    enum ofputil_protocol usable;
    struct ofputil_flow_stats_request fsr;
    char *problem, *error;

    match_init_catchall(match);
    if (!s) {
        return NULL;
    }
    problem = parse_ofp_flow_stats_request_str(&fsr, false, s, NULL, NULL,
                                               &usable);
    if (problem) {
        error = xasprintf("match: %s", problem);
        free(problem);
        for (char *p = error; *p; p++) {
            if (*p == '\n') {
                *p = ' ';
            }
        }
        return error;
    }
    if (fsr.table_id != OFPTT_ALL || fsr.cookie_mask
        || fsr.out_port != OFPP_ANY || fsr.out_group != OFPG_ANY) {
        return xasprintf("match: \"%s\" is not about packets alone", s);
    }
    *match = fsr.match;
    return check_fields(s, match);
}

#define SWAP_FIELDS(A, B)                       \
    do {                                        \
        __typeof__(A) swap__ = (A);             \
                                                \
        (A) = (B);                              \
        (B) = swap__;                           \
    } while (0)

static void
swap_ends(struct flow *flow)
{
    SWAP_FIELDS(flow->dl_src, flow->dl_dst);
    SWAP_FIELDS(flow->nw_src, flow->nw_dst);
    SWAP_FIELDS(flow->ipv6_src, flow->ipv6_dst);
    SWAP_FIELDS(flow->tp_src, flow->tp_dst);
}

void
mirror_match_reverse(const struct match *match, struct match *reverse)
{
    *reverse = *match;
    swap_ends(&reverse->flow);
    swap_ends(&reverse->wc.masks);
}

/* Rows. */

static const struct tasukirec_tenant *
find_tenant(const struct tasukirec_switch *sw, const char *name)
{
    for (size_t i = 0; i < sw->n_tenants; i++) {
        if (!strcmp(sw->tenants[i]->name, name)) {
            return sw->tenants[i];
        }
    }
    return NULL;
}

static char *
check_tenant(const struct tasukirec_switch *sw,
             const struct tasukirec_mirror_policy *row)
{
    if (!row->tenant) {
        return (row->side ? xstrdup("side: only a tenant has sides") : NULL);
    } else if (!find_tenant(sw, row->tenant)) {
        return xasprintf("tenant: the switch has no tenant \"%s\"",
                         row->tenant);
    }
    return NULL;
}

static bool
is_tenants_port(const struct tasukirec_tenant *t, const char *port)
{
    return ((t->lan && !strcmp(t->lan, port)) || !strcmp(t->service, port)
            || (t->native6 && !strcmp(t->native6, port)));
}

static char *
check_target_port(const struct tasukirec_switch *sw,
                  const struct mirror_target *target)
{
    for (size_t i = 0; i < sw->n_tenants; i++) {
        if (is_tenants_port(sw->tenants[i], target->port)) {
            return xasprintf("to: port %s belongs to tenant \"%s\"",
                             target->port, sw->tenants[i]->name);
        }
    }
    return NULL;
}

static bool
has_file_keys(const struct tasukirec_mirror_policy *row)
{
    return (row->n_file_size || row->n_file_time || row->n_file_count
            || row->file_compress);
}

static int64_t
integer_or(const int64_t *x, size_t n, int64_t otherwise)
{
    return n ? *x : otherwise;
}

static bool
writes_same_file(const struct tasukirec_mirror_policy *a,
                 const struct tasukirec_mirror_policy *b)
{
    const char *a_compress = a->file_compress ? a->file_compress : "none";
    const char *b_compress = b->file_compress ? b->file_compress : "none";

    return (integer_or(a->file_size, a->n_file_size, 0)
            == integer_or(b->file_size, b->n_file_size, 0)
            && (integer_or(a->file_time, a->n_file_time, 0)
                == integer_or(b->file_time, b->n_file_time, 0))
            && (integer_or(a->file_count, a->n_file_count, 0)
                == integer_or(b->file_count, b->n_file_count, 0))
            && !strcmp(a_compress, b_compress));
}

static char *
check_file(const struct shash *accepted,
           const struct tasukirec_mirror_policy *row,
           const struct mirror_target *target)
{
    if (target->kind != MIRROR_TO_FILE) {
        return (has_file_keys(row)
                ? xstrdup("file_size, file_time, file_count, file_compress: "
                          "only for a file") : NULL);
    }
    const struct shash_node **nodes = shash_sort(accepted);
    char *error = NULL;

    for (size_t i = 0; i < shash_count(accepted) && !error; i++) {
        const struct tasukirec_mirror_policy *other = nodes[i]->data;

        if (!strcmp(other->to, row->to) && !writes_same_file(other, row)) {
            error = xasprintf("to: mirror \"%s\" writes this file with "
                              "another file_size, file_time, file_count or "
                              "file_compress", other->name);
        }
    }
    free(nodes);
    return error;
}

/* Open vSwitch itself floods to all ports. */
static char *
check_forwarding(const struct tasukirec_switch *sw)
{
    if (sw->forward_mode && !strcmp(sw->forward_mode, "normal")
        && runs(sw, "forward")) {
        return xstrdup("to: the switch's forward_mode \"normal\" would send "
                       "other packets there, too");
    }
    return NULL;
}

static char *
check_target(const struct tasukirec_switch *sw, const struct shash *accepted,
             const struct tasukirec_mirror_policy *row)
{
    struct mirror_target target;
    char *error;

    if (!row->to[0]) {
        return xstrdup("to: required, a port, a tunnel or a file");
    }
    error = mirror_target_parse(row->to, &target);
    if (!error) {
        error = check_target_port(sw, &target);
    }
    if (!error) {
        error = check_forwarding(sw);
    }
    if (!error) {
        error = check_file(accepted, row, &target);
    }
    mirror_target_destroy(&target);
    return error;
}

static char *
check_events(const struct tasukirec_mirror_policy *row)
{
    return row->events ? check_path("events", row->events) : NULL;
}

char *
row_check_mirror(const struct tasukirec_switch *sw, struct shash *accepted,
                 const struct tasukirec_mirror_policy *row)
{
    char *error = row_check_name(row->name);
    struct match match;

    if (!error && shash_count(accepted) >= MIRROR_ROW_MAX) {
        error = xasprintf("name: the switch has %d mirrors already",
                          MIRROR_ROW_MAX);
    }
    if (!error) {
        error = mirror_match_parse(row->match, &match);
    }
    if (!error) {
        error = check_tenant(sw, row);
    }
    if (!error) {
        error = check_target(sw, accepted, row);
    }
    if (!error) {
        error = check_events(row);
    }
    if (!error) {
        shash_add(accepted, row->name, row);
    }
    return error;
}
