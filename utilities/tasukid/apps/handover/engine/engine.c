/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "engine.h"

#include "forwarded.h"
#include "life.h"
#include "machine.h"
#include "openvswitch/poll-loop.h"
#include "pair.h"
#include "service.h"

/* Most timers to handle before the rest of the daemon gets its turn. */
#define MAX_TIMEOUTS_PER_RUN 256

void
engine_init(struct engine *e, const struct engine_ops *ops,
            struct engine_shared *shared)
{
    *e = (struct engine) {
        .ops = ops,
        .shared = shared,
        .timers = { NULL, 0, 0 },

        /* A restart makes orphans of the connections that were in progress.
         * So many of them may join at once, and one a millisecond. */
        .orphans = RATE(1, 1000),
        .challenges = RATE(1, 1000),
    };
    ovs_list_init(&e->services);
    hmap_init(&e->vips);
    hmap_init(&e->members);
    hmap_init(&e->conns);
    hmap_init(&e->conn_ids);
    pairs_init(e);
}

void
engine_destroy(struct engine *e)
{
    struct service *service;

    conns_forget(e);
    pairs_destroy(e);
    LIST_FOR_EACH_SAFE (service, node, &e->services) {
        service_destroy(service);
    }
    heap_destroy(&e->timers);
    hmap_destroy(&e->conns);
    hmap_destroy(&e->conn_ids);
    hmap_destroy(&e->vips);
    hmap_destroy(&e->members);
}

void
engine_configure(struct engine *e, struct service_config *const *cfgs,
                 size_t n)
{
    struct service *service;

    LIST_FOR_EACH_SAFE (service, node, &e->services) {
        bool keep = false;
        for (size_t i = 0; i < n && !keep; i++) {
            keep = service_is(service, cfgs[i]);
        }
        if (!keep) {
            conns_flush_service(service);
            service_destroy(service);
        }
    }

    for (size_t i = 0; i < n; i++) {
        service = service_lookup(e, cfgs[i]->zone, cfgs[i]->vip,
                                 cfgs[i]->port);
        if (!service) {
            service = service_create(e, cfgs[i]);
        }
        service_configure(service, cfgs[i]);
    }
}

void
engine_port_changed(struct engine *e, ofp_port_t port, bool live)
{
    struct service *service;

    LIST_FOR_EACH (service, node, &e->services) {
        service_port_changed(service, port, live);
    }
    e->ops->redeclare(e, false);
}

static void
run_timers(struct engine *e)
{
    struct conn *conn;
    long long int when;

    for (int i = 0; i < MAX_TIMEOUTS_PER_RUN
                    && (conn = conn_next_timer(e, &when)) && when <= e->now;
         i++) {
        conn_cancel_timer(conn);
        if (conn->hs) {
            machine_timeout(conn);
        } else {
            forwarded_timeout(conn);
        }
    }
}

void
engine_run(struct engine *e)
{
    struct member *m;

    run_timers(e);
    HMAP_FOR_EACH (m, hmap_node, &e->members) {
        member_run(m);
    }
}

void
engine_wait(struct engine *e)
{
    const struct member *m;
    long long int when;

    if (conn_next_timer(e, &when)) {
        poll_timer_wait_until(when);
    }
    HMAP_FOR_EACH (m, hmap_node, &e->members) {
        member_wait(m);
    }
}
