/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "capture.h"
#include "entries.h"
#include "mirror.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "status.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/ofswitch.h"

struct show {
    const char *name;           /* Of a policy, or of a switch; null for
                                 * all. */
    bool found;
    struct ds out;
};

/* mirror/show */

static void
show_policy(const struct mirror_switch *ms, const struct policy *p,
            struct ds *out)
{
    static const char *const starts[] = { "copy", "inline", "stats" };
    struct ds reason = DS_EMPTY_INITIALIZER;
    bool up = mirror_policy_is_up(ms, p, &reason);

    ds_put_format(out, "%s on %s: %s", p->name, ofswitch_name(ms->sw),
                  up ? "up" : "down");
    if (reason.length) {
        ds_put_format(out, ", %s", ds_cstr(&reason));
    }
    ds_destroy(&reason);

    ds_put_format(out, "\n  match: %s", p->flow ? p->flow : "all");
    if (p->tenant) {
        ds_put_format(out, "\n  tenant: %s, as its %s sees it", p->tenant,
                      p->service_side ? "service" : "LAN");
    }
    ds_put_format(out, "\n  port: %s\n  start: %s\n  threshold: %"PRIu64
                  "\n  skipped: %"PRIu64" bytes in %"PRIu64" ranges\n",
                  p->target.port, starts[p->start], p->wants.threshold,
                  p->n_skipped, p->n_skips);
    if (p->target.kind == MIRROR_TO_FILE) {
        ds_put_cstr(out, "  file: ");
        capture_format(p->target.port, out);
        ds_put_char(out, '\n');
    }
}

static void
show_totals(const struct mirror_switch *ms, struct ds *out)
{
    const struct mirror_stats *s = &ms->stats;
    struct mirror_totals totals;

    mirror_engine_totals(ms->engine, &totals);
    ds_put_format(out, "%s: %"PRIuSIZE" connections, %"PRIuSIZE" flows\n",
                  ofswitch_name(ms->sw), totals.n_conns,
                  hmap_count(&ms->entries));
    ds_put_format(out, "  packets seen: %"PRIu64" that had passed, %"PRIu64
                  " held (%"PRIu64" waited for the switch, %"PRIu64" could "
                  "not)\n", s->n_copied, s->n_held, s->n_waited,
                  s->n_unwaited);
    ds_put_format(out, "  packets passed on unseen: %"PRIu64"\n  packets too "
                  "long to be held, and lost: %"PRIu64"\n", s->n_excess,
                  s->n_cut);
    ds_put_format(out, "  connections opened: %"PRIu64", given up: %"PRIu64
                  ", not understood: %"PRIu64"\n", totals.n_opened,
                  totals.n_evicted, totals.n_unknown);
}

static void
show_switch(struct ofswitch *sw, void *show_)
{
    const struct mirror_switch *ms = mirror_switch_get(sw);
    struct show *show = show_;

    POLICY_FOR_EACH (i, p, &ms->set) {
        if (!show->name || !strcmp(show->name, p->name)) {
            show_policy(ms, p, &show->out);
            show->found = true;
        }
    }
    if (!show->name) {
        show_totals(ms, &show->out);
    }
}

static void
reply(struct unixctl_conn *conn, struct show *show, const char *missing)
{
    if (show->name && !show->found) {
        unixctl_command_reply_error(conn, missing);
    } else {
        unixctl_command_reply(conn, ds_cstr(&show->out));
    }
    ds_destroy(&show->out);
}

static void
mirror_show(struct unixctl_conn *conn, int argc, const char *argv[],
            void *aux OVS_UNUSED)
{
    struct show show = {
        .name = argc > 1 ? argv[1] : NULL,
        .out = DS_EMPTY_INITIALIZER,
    };

    ofswitch_for_each(PIPE_APP_MIRROR, show_switch, &show);
    reply(conn, &show, "no such mirror on a connected switch");
}

/* mirror/flows */

static void
show_end(const struct mirror_end *end, struct ds *out)
{
    ipv6_format_mapped(&end->addr, out);
    ds_put_format(out, " %"PRIu16, ntohs(end->port));
}

static void
show_window(const char *number, const struct mirror_window *window,
            struct ds *out)
{
    if (window->len) {
        ds_put_format(out, " %s %"PRIu32"+%"PRIu32, number, window->start,
                      window->len);
    }
}

static void
show_entry(const struct mirror_entry *entry, struct ds *out)
{
    switch (entry->mode) {
    case MIRROR_LOOK:
        ds_put_cstr(out, "seen by tasukid");
        return;
    case MIRROR_WINDOW:
        ds_put_cstr(out, "skipped inside");
        show_window("seq", &entry->seq, out);
        show_window("ack", &entry->ack, out);
        break;
    case MIRROR_PASS:
        ds_put_cstr(out, "skipped");
        break;
    case MIRROR_COPY:
        ds_put_cstr(out, "copied by the switch");
        break;
    }
    if (entry->hold) {
        ds_put_cstr(out, ", held outside");
    }
}

static void
show_direction(const char *name, const struct mirror_counts *counts,
               const struct mirror_entry *entry, struct ds *out)
{
    ds_put_format(out, "  to %s: %"PRIu64" packets and %"PRIu64" bytes seen, "
                  "%"PRIu64" bytes skipped; now ", name, counts->n_packets,
                  counts->n_bytes, counts->n_skipped);
    show_entry(entry, out);
    ds_put_char(out, '\n');
}

static void
show_conn(const struct mirror_conn *conn, struct ds *out)
{
    const struct mirror_key *key = mirror_conn_key(conn);
    struct mirror_show ms;

    mirror_conn_show(conn, &ms);
    ds_put_cstr(out, key->nw_proto == IPPROTO_TCP ? "tcp " : "udp ");
    show_end(&key->client, out);
    ds_put_cstr(out, " -> ");
    show_end(&key->server, out);
    if (mirror_zone_zone(key->zone)) {
        ds_put_format(out, " zone %"PRIu32, mirror_zone_zone(key->zone));
    }
    if (mirror_zone_vid(key->zone)) {
        ds_put_format(out, " vlan %d",
                      mirror_zone_vid(key->zone) & VLAN_VID_MASK);
    }
    ds_put_format(out, ": %s", ms.protocol);
    if (ms.reason) {
        ds_put_format(out, ", whole: %s", ms.reason);
    }
    ds_put_char(out, '\n');
    show_direction("server", &ms.counts[MIRROR_TO_SERVER],
                   ms.entries[MIRROR_TO_SERVER], out);
    show_direction("client", &ms.counts[MIRROR_TO_CLIENT],
                   ms.entries[MIRROR_TO_CLIENT], out);
}

static void
show_conns(struct ofswitch *sw, void *show_)
{
    const struct mirror_switch *ms = mirror_switch_get(sw);
    struct show *show = show_;

    if (show->name && strcmp(show->name, ofswitch_name(sw))) {
        return;
    }
    show->found = true;
    for (const struct mirror_conn *conn = mirror_engine_first(ms->engine);
         conn; conn = mirror_engine_next(ms->engine, conn)) {
        show_conn(conn, &show->out);
    }
}

static void
mirror_flows(struct unixctl_conn *conn, int argc, const char *argv[],
             void *aux OVS_UNUSED)
{
    struct show show = {
        .name = argc > 1 ? argv[1] : NULL,
        .out = DS_EMPTY_INITIALIZER,
    };

    ofswitch_for_each(PIPE_APP_MIRROR, show_conns, &show);
    reply(conn, &show, "no such switch");
}

const struct app_command mirror_commands[] = {
    { "mirror/show", "[mirror]", 0, 1, mirror_show, NULL },
    { "mirror/flows", "[switch]", 0, 1, mirror_flows, NULL },
    { .name = NULL },
};
