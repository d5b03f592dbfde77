/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "show.h"

#include "handover.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/conn.h"
#include "utilities/tasukid/apps/handover/engine/life.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/pipeline.h"

/* What to show, and where to put it. */
struct query {
    struct ds ds;
    const char *service;        /* Name, or null for all. */
    bool found;
};

static bool
query_wants(struct query *q, const struct service *service)
{
    if (q->service && strcmp(q->service, service->cfg->name)) {
        return false;
    }
    q->found = true;
    return true;
}

/* Answers 'conn' with what 'cb', called for each switch, puts into a query. */
static void
reply(struct unixctl_conn *conn, int argc, const char *argv[],
      void (*cb)(struct ofswitch *, void *))
{
    struct query q = {
        .ds = DS_EMPTY_INITIALIZER,
        .service = argc > 1 ? argv[1] : NULL,
    };

    ofswitch_for_each(PIPE_APP_HANDOVER, cb, &q);
    if (q.service && !q.found) {
        ds_clear(&q.ds);
        ds_put_format(&q.ds, "no service \"%s\" on any switch", q.service);
        unixctl_command_reply_error(conn, ds_cstr(&q.ds));
    } else {
        unixctl_command_reply(conn, ds_cstr(&q.ds));
    }
    ds_destroy(&q.ds);
}

static const struct engine *
get_engine(const struct ofswitch *ofsw)
{
    struct hswitch *hsw = ofswitch_get_data(ofsw, PIPE_APP_HANDOVER);

    hsw->engine.now = time_msec();
    return &hsw->engine;
}

static void
format_member(const struct member *m, struct ds *ds)
{
    ds_put_format(ds, "    server %s: "IP_FMT":%"PRIu16" weight=%u", m->name,
                  IP_ARGS(m->address), ntohs(m->tp_port), m->weight);
    if (member_is_resolved(m)) {
        ds_put_format(ds, " mac="ETH_ADDR_FMT, ETH_ADDR_ARGS(m->mac));
    } else {
        ds_put_cstr(ds, " mac=unknown");
    }
    if (m->port != OFPP_NONE) {
        ds_put_format(ds, " port=%"PRIu32, m->port);
    } else {
        ds_put_cstr(ds, " port=unknown");
    }
    if (m->mss) {
        ds_put_format(ds, " mss=%"PRIu16, m->mss);
    }
    ds_put_format(ds, " connections=%u state=%s", m->n_conns,
                  member_status(m));
    if (m->n_failures) {
        ds_put_format(ds, " failures=%u", m->n_failures);
    }
    ds_put_char(ds, '\n');
}

static void
show_switch(struct ofswitch *ofsw, void *q_)
{
    const struct engine *e = get_engine(ofsw);
    const struct service *service;
    struct query *q = q_;

    LIST_FOR_EACH (service, node, &e->services) {
        if (!query_wants(q, service)) {
            continue;
        }
        const struct service_config *cfg = service->cfg;
        ds_put_format(&q->ds, "service %s on %s: "IP_FMT":%"PRIu16
                      " mac="ETH_ADDR_FMT" rules=%"PRIuSIZE
                      " in_progress=%"PRIu32"\n",
                      cfg->name, ofswitch_name(ofsw), IP_ARGS(cfg->vip),
                      ntohs(cfg->port), ETH_ADDR_ARGS(cfg->mac),
                      cfg->rules.n_rules, service->n_in_progress);
        for (size_t i = 0; i < cfg->n_members; i++) {
            format_member(service->members[i], &q->ds);
        }
    }
}

static void
show(struct unixctl_conn *conn, int argc, const char *argv[],
     void *aux OVS_UNUSED)
{
    reply(conn, argc, argv, show_switch);
}

static void
connections_switch(struct ofswitch *ofsw, void *q_)
{
    const struct engine *e = get_engine(ofsw);
    const struct service *service;
    const struct conn *conn;
    struct query *q = q_;

    LIST_FOR_EACH (service, node, &e->services) {
        query_wants(q, service);
    }
    HMAP_FOR_EACH (conn, node, &e->conns) {
        if (query_wants(q, conn->service)) {
            conn_format(conn, &q->ds);
            ds_put_char(&q->ds, '\n');
        }
    }
}

static void
connections(struct unixctl_conn *conn, int argc, const char *argv[],
            void *aux OVS_UNUSED)
{
    reply(conn, argc, argv, connections_switch);
}

static void
format_counters(const uint64_t counters[HC_N], struct ds *ds)
{
    for (int i = 0; i < HC_N; i++) {
        if (counters[i]) {
            ds_put_format(ds, "    %-18s %10"PRIu64"  %s\n",
                          handover_counter_name(i), counters[i],
                          handover_counter_description(i));
        }
    }
}

static void
stats_switch(struct ofswitch *ofsw, void *q_)
{
    const struct engine *e = get_engine(ofsw);
    const struct service *service;
    struct query *q = q_;

    LIST_FOR_EACH (service, node, &e->services) {
        if (query_wants(q, service)) {
            ds_put_format(&q->ds, "service %s on %s:\n", service->cfg->name,
                          ofswitch_name(ofsw));
            format_counters(service->counters, &q->ds);
        }
    }
    if (!q->service) {
        ds_put_format(&q->ds, "switch %s:\n", ofswitch_name(ofsw));
        ds_put_format(&q->ds, "    %-18s %10"PRIuSIZE"\n", "records",
                      hmap_count(&e->conns));
        ds_put_format(&q->ds, "    %-18s %10"PRIuSIZE"\n", "direct_pairs",
                      e->n_direct);
        ds_put_format(&q->ds, "    %-18s %10"PRIuSIZE"\n", "held_bytes",
                      e->shared->held.used);
        format_counters(e->counters, &q->ds);
    }
}

static void
stats(struct unixctl_conn *conn, int argc, const char *argv[],
      void *aux OVS_UNUSED)
{
    reply(conn, argc, argv, stats_switch);
}

const struct app_command handover_commands[] = {
    { "service/show", "[SERVICE]", 0, 1, show, NULL },
    { "service/connections", "[SERVICE]", 0, 1, connections, NULL },
    { "service/stats", "[SERVICE]", 0, 1, stats, NULL },
    { .name = NULL },
};
