/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "engine/engine.h"
#include "group.h"
#include "ipsec-tag.h"
#include "ipsec.h"
#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

struct show {
    const char *name;           /* Of a group, or null for all. */
    bool found;
    struct ds out;
};

/* What the router has counted, see column "load". */
static void
show_counted(const struct ipsec_group *g, unsigned int tag, struct ds *out)
{
    const struct ovsdb_idl_row *row
        = config_find_row(&tasukirec_table_ipsec_group, &g->uuid);

    if (row) {
        const struct tasukirec_ipsec_group *group
            = CONTAINER_OF(row, struct tasukirec_ipsec_group, header_);

        for (size_t i = 0; i < group->n_load; i++) {
            if (group->key_load[i] == tag) {
                ds_put_format(out, ", %"PRId64" bytes/s by its SA",
                              group->value_load[i]);
            }
        }
    }
}

static void
show_tag(const struct ipsec_group *g, unsigned int tag, struct ds *out)
{
    const struct ipsec_tag *t = ipsec_group_tag(g);
    unsigned int n_buckets = 0;

    for (unsigned int i = 0; i < t->n_buckets; i++) {
        n_buckets += t->map[i] == tag;
    }
    ds_put_format(out, "  tag %u:", tag);
    if (t->n_buckets) {
        ds_put_format(out, " %u buckets", n_buckets);
    }
    if (g->balance) {
        ds_put_format(out, ", %.0f bytes/s by samples",
                      balance_tag_load(g->balance, tag));
    }
    show_counted(g, tag, out);
    ds_put_char(out, '\n');
}

static void
show_balance(const struct ipsec_group *g, struct ds *out)
{
    ds_put_format(out, "  skew: %.2f\n  moves: %"PRIu64"\n  samples: %"PRIu64
                  ", now with a probability of %.6f\n",
                  balance_skew(g->balance), g->n_moves, g->n_sampled,
                  g->probability / (double) UINT32_MAX);
}

static void
show_map(const struct ipsec_group *g, struct ds *out)
{
    const struct ipsec_tag *t = ipsec_group_tag(g);

    ds_put_cstr(out, "  map: ");
    for (unsigned int i = 0; i < t->n_buckets; i++) {
        ds_put_format(out, "%s%d", i ? "-" : "", t->map[i]);
    }
    ds_put_char(out, '\n');
}

static void
show_group(const struct ipsec_group *g, struct ds *out)
{
    const struct ipsec_tag *t = ipsec_group_tag(g);
    struct ds reason = DS_EMPTY_INITIALIZER;
    bool up = ipsec_group_is_up(g, &reason);

    ds_put_format(out, "%s on %s: %s", g->name, ofswitch_name(g->is->sw),
                  up ? "up" : "down");
    if (reason.length) {
        ds_put_format(out, ", %s", ds_cstr(&reason));
    }
    ds_put_char(out, '\n');
    ds_destroy(&reason);

    for (unsigned int i = 0; i < t->n; i++) {
        show_tag(g, i, out);
    }
    if (g->balance) {
        show_balance(g, out);
    }
    if (t->n_buckets) {
        show_map(g, out);
    }
}

static void
show_switch(struct ofswitch *sw, void *show_)
{
    const struct ipsec_switch *is = ipsec_switch_get(sw);
    struct show *show = show_;
    struct ipsec_group *g;

    HMAP_FOR_EACH (g, node, &is->groups) {
        if (!show->name || !strcmp(show->name, g->name)) {
            show_group(g, &show->out);
            show->found = true;
        }
    }
}

static void
ipsec_show(struct unixctl_conn *conn, int argc, const char *argv[],
           void *aux OVS_UNUSED)
{
    struct show show = {
        .name = argc > 1 ? argv[1] : NULL,
        .out = DS_EMPTY_INITIALIZER,
    };

    ofswitch_for_each(PIPE_APP_IPSEC, show_switch, &show);
    if (show.name && !show.found) {
        unixctl_command_reply_error(conn, "no such group on a connected "
                                    "switch");
    } else {
        unixctl_command_reply(conn, ds_cstr(&show.out));
    }
    ds_destroy(&show.out);
}

const struct app_command ipsec_commands[] = {
    { "ipsec/show", "[group]", 0, 1, ipsec_show, NULL },
    { .name = NULL },
};
