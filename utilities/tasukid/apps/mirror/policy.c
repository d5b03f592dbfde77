/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "policy.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/tasuki-idl.h"

static int64_t
value_or(const int64_t *value, size_t n, int64_t otherwise)
{
    return n ? *value : otherwise;
}

static bool
is(const char *value, const char *expected)
{
    return value && !strcmp(value, expected);
}

static void
read_wants(const struct tasukirec_mirror_policy *row,
           struct mirror_wants *wants)
{
    *wants = (struct mirror_wants) {
        .exists = true,
        .threshold = value_or(row->threshold, row->n_threshold,
                              MIRROR_THRESHOLD_DEFAULT),
        .keep = value_or(row->keep, row->n_keep, MIRROR_KEEP_DEFAULT),
        .keep_packets = value_or(row->keep_packets, row->n_keep_packets,
                                 MIRROR_KEEP_PACKETS_DEFAULT),
        .chunked_whole = is(row->chunked, "whole"),
        .by_stats = is(row->start, "stats"),
    };
}

static void
read_tenant(const struct tasukirec_switch *sw, struct policy *p)
{
    for (size_t i = 0; i < sw->n_tenants; i++) {
        const struct tasukirec_tenant *t = sw->tenants[i];

        if (!strcmp(t->name, p->tenant)) {
            p->service_port = xstrdup(t->service);
            p->native6_port = nullable_xstrdup(t->native6);
        }
    }
}

/* 'row' is good. */
static struct policy *
policy_create(const struct tasukirec_switch *sw,
              const struct tasukirec_mirror_policy *row)
{
    struct policy *p = xzalloc(sizeof *p);

    p->uuid = row->header_.uuid;
    p->name = xstrdup(row->name);
    p->flow = nullable_xstrdup(row->match);
    free(mirror_match_parse(row->match, &p->match));
    if (row->tenant) {
        p->tenant = xstrdup(row->tenant);
        read_tenant(sw, p);
    }
    p->service_side = is(row->side, "service");
    p->start = (is(row->start, "inline") ? POLICY_INLINE
                : is(row->start, "stats") ? POLICY_STATS : POLICY_COPY);
    p->uninspected = !is(row->uninspected, "none");
    read_wants(row, &p->wants);
    free(mirror_target_parse(row->to, &p->target));
    p->file.size = value_or(row->file_size, row->n_file_size, 0);
    p->file.time = value_or(row->file_time, row->n_file_time, 0);
    p->file.count = value_or(row->file_count, row->n_file_count, 0);
    p->file.gzip = is(row->file_compress, "gzip");
    p->events = nullable_xstrdup(row->events);
    return p;
}

static void
policy_destroy(struct policy *p)
{
    if (p) {
        free(p->name);
        free(p->flow);
        free(p->tenant);
        free(p->service_port);
        free(p->native6_port);
        mirror_target_destroy(&p->target);
        free(p->events);
        free(p);
    }
}

/* Returns true if 'a' and 'b' are about the same packets and want the same of
 * them, so that what is known about connections stays right. */
static bool
same_packets(const struct policy *a, const struct policy *b)
{
    return (match_equal(&a->match, &b->match)
            && nullable_string_is_equal(a->tenant, b->tenant)
            && a->service_side == b->service_side
            && a->start == b->start
            && !strcmp(a->target.port, b->target.port));
}

static const struct tasukirec_mirror_policy *
find_row(const struct tasukirec_switch *sw, const struct uuid *uuid)
{
    for (size_t i = 0; i < sw->n_mirrors; i++) {
        if (uuid_equals(&sw->mirrors[i]->header_.uuid, uuid)
            && !config_get_status(uuid, "error")) {
            return sw->mirrors[i];
        }
    }
    return NULL;
}

static bool
has_number(const struct policy_set *set, const struct uuid *uuid)
{
    POLICY_FOR_EACH (i, p, set) {
        if (uuid_equals(&p->uuid, uuid)) {
            return true;
        }
    }
    return false;
}

static int
free_number(const struct policy_set *set)
{
    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        if (!set->policies[i]) {
            return i;
        }
    }
    OVS_NOT_REACHED();
}

static void
find_leaders(struct policy_set *set)
{
    POLICY_FOR_EACH (i, p, set) {
        p->leader = i;
        for (int j = i - 1; j >= 0; j--) {
            const struct policy *other = set->policies[j];

            if (other && !strcmp(other->target.port, p->target.port)) {
                p->leader = j;
            }
        }
    }
}

uint32_t
policy_set_read(struct policy_set *set, const struct tasukirec_switch *row)
{
    const struct tasukirec_mirror_policy **rows = mirrors_by_name(row);
    uint32_t changed = 0;

    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        struct policy *old = set->policies[i];

        if (old) {
            const struct tasukirec_mirror_policy *mirror
                = find_row(row, &old->uuid);
            struct policy *new = mirror ? policy_create(row, mirror) : NULL;

            if (!new || !same_packets(old, new)) {
                changed |= UINT32_C(1) << i;
            } else {
                new->n_skips = old->n_skips;
                new->n_skipped = old->n_skipped;
                new->in_effect = old->in_effect;
                new->asked = old->asked;
            }
            policy_destroy(old);
            set->policies[i] = new;
        }
    }
    for (size_t i = 0; i < row->n_mirrors; i++) {
        const struct uuid *uuid = &rows[i]->header_.uuid;

        if (!config_get_status(uuid, "error") && !has_number(set, uuid)) {
            int number = free_number(set);

            set->policies[number] = policy_create(row, rows[i]);
            changed |= UINT32_C(1) << number;
        }
    }
    free(rows);
    find_leaders(set);
    return changed;
}

void
policy_set_destroy(struct policy_set *set)
{
    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        policy_destroy(set->policies[i]);
        set->policies[i] = NULL;
    }
}

const struct policy *
policy_set_find_target(const struct policy_set *set, const char *name)
{
    POLICY_FOR_EACH (i, p, set) {
        if (!strcmp(p->target.port, name)) {
            return p;
        }
    }
    return NULL;
}
