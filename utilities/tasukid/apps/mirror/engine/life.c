/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "life.h"

#include <limits.h>

#include "entries.h"
#include "skip.h"
#include "util.h"

struct mirror_conn *
life_begin(struct mirror_engine *e, uint32_t zone, uint8_t nw_proto,
           const struct mirror_end *client, const struct mirror_end *server)
{
    struct mirror_conn *surplus = mirror_conn_surplus(e);
    struct mirror_key key = {
        .zone = zone,
        .nw_proto = nw_proto,
        .client = *client,
        .server = *server,
    };

    if (surplus) {
        e->totals.n_evicted++;
        life_end(surplus);
    }
    return mirror_conn_create(e, &key);
}

void
life_end(struct mirror_conn *c)
{
    skip_report(c, MIRROR_TO_SERVER, true);
    skip_report(c, MIRROR_TO_CLIENT, true);
    c->refused = 0;
    entries_clear(c);
    mirror_conn_free(c);
}

void
life_ending(struct mirror_conn *c)
{
    if (c->ending == ENDING_NOT) {
        c->ending = ENDING_SEEN;
        mirror_conn_set_timer(c, c->engine->now + LIFE_ENDING_MS);
    }
}

void
life_goes_on(struct mirror_conn *c)
{
    c->ending = ENDING_NOT;
    mirror_conn_set_timer(c, 0);
}

void
life_timeout(struct mirror_conn *c)
{
    if (c->ending == ENDING_SEEN) {
        c->ending = ENDING_DOUBTED;
        entries_update(c);
        mirror_conn_set_timer(c, c->engine->now + LIFE_ENDING_MS);
    } else if (c->ending == ENDING_DOUBTED) {
        life_end(c);
    }
}

/* The switch sees packets of a connection that has entries.  It says so when
 * there are none any more. */
static bool
has_entries(const struct mirror_conn *c)
{
    return (c->entries[0].mode != MIRROR_LOOK
            || c->entries[1].mode != MIRROR_LOOK);
}

static long long int
run_list(struct mirror_engine *e, const struct ovs_list *list, int max_idle)
{
    while (!ovs_list_is_empty(list)) {
        struct mirror_conn *c = CONTAINER_OF(ovs_list_front(list),
                                             struct mirror_conn, used_node);

        if (e->now - c->used < max_idle) {
            return c->used + max_idle;
        } else if (has_entries(c)) {
            mirror_conn_used(c, c->fresh);
        } else {
            life_end(c);
        }
    }
    return LLONG_MAX;
}

long long int
life_run(struct mirror_engine *e)
{
    return MIN(run_list(e, &e->fresh, LIFE_FRESH_MS),
               run_list(e, &e->used, LIFE_IDLE_MS));
}
