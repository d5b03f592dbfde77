/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "forward.h"

#include <inttypes.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "unixctl.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"

static int
compare_entries(const void *a_, const void *b_)
{
    const struct mac_entry *const *a = a_;
    const struct mac_entry *const *b = b_;
    int cmp = eth_addr_compare_3way((*a)->mac, (*b)->mac);

    return cmp ? cmp : (*a)->vlan < (*b)->vlan ? -1 : 1;
}

static void
format_table(struct ofswitch *sw, struct ds *ds)
{
    struct mac_learning *ml = forward_get(sw)->ml;
    const struct mac_entry **entries;
    const struct mac_entry *e;
    size_t n = 0;

    if (!ml) {
        ds_put_format(ds, "%s: mode normal, see ovs-appctl fdb/show\n",
                      ofswitch_name(sw));
        return;
    }

    ovs_rwlock_rdlock(&ml->rwlock);
    ds_put_format(ds, "%s: %"PRIuSIZE" of %"PRIuSIZE" entries, "
                  "%"PRIu64" moved, %"PRIu64" aged, %"PRIu64" evicted\n",
                  ofswitch_name(sw), hmap_count(&ml->table), ml->max_entries,
                  ml->total_moved, ml->total_expired, ml->total_evicted);
    ds_put_cstr(ds, " port  VLAN  MAC\n");
    entries = xmalloc(hmap_count(&ml->table) * sizeof *entries);
    HMAP_FOR_EACH (e, hmap_node, &ml->table) {
        entries[n++] = e;
    }
    qsort(entries, n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n; i++) {
        ds_put_format(ds, "%5"PRIu32"  %4"PRIu16"  "ETH_ADDR_FMT"\n",
                      forward_entry_port(ml, entries[i]), entries[i]->vlan,
                      ETH_ADDR_ARGS(entries[i]->mac));
    }
    free(entries);
    ovs_rwlock_unlock(&ml->rwlock);
}

struct show_aux {
    const char *name;           /* Of the switch, or null for all. */
    bool flush;
    struct ds ds;
    bool found;
};

static void
show_cb(struct ofswitch *sw, void *aux_)
{
    struct show_aux *aux = aux_;

    if (aux->name && strcmp(aux->name, ofswitch_name(sw))) {
        return;
    }
    aux->found = true;
    if (!aux->flush) {
        format_table(sw, &aux->ds);
    } else {
        forward_flush_port(sw, OFPP_ANY);
    }
}

static void
mac_table(struct unixctl_conn *conn, int argc, const char *argv[],
          void *flush)
{
    struct show_aux aux = {
        .name = argc > 1 ? argv[1] : NULL,
        .flush = flush != NULL,
        .ds = DS_EMPTY_INITIALIZER,
    };

    ofswitch_for_each(PIPE_APP_FORWARD, show_cb, &aux);
    if (aux.name && !aux.found) {
        unixctl_command_reply_error(conn, "no such switch");
    } else {
        unixctl_command_reply(conn, ds_cstr(&aux.ds));
    }
    ds_destroy(&aux.ds);
}

static bool flush = true;

const struct app_command forward_commands[] = {
    { "mac-table/show", "[switch]", 0, 1, mac_table, NULL },
    { "mac-table/flush", "[switch]", 0, 1, mac_table, &flush },
    { .name = NULL },
};
