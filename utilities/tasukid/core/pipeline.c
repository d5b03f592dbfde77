/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "pipeline.h"

#include "app.h"
#include "flow.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* All stages, in the order of their tables: the fixed ones, and those that
 * applications have registered. */
static struct pipeline_stage stages[PIPE_N_TABLES] = {
    { .table = PIPE_CLASSIFY, .n_tables = 1 },
    { .table = PIPE_ZONE, .n_tables = 1 },
    { .table = PIPE_SERVICE, .n_tables = 1 },
    { .table = PIPE_MIRROR, .n_tables = 1 },
    { .table = PIPE_FORWARD, .n_tables = 1 },
    { .table = PIPE_OUTPUT, .n_tables = 1 },
};
static size_t n_stages = 6;

const struct pipeline_stage *
pipeline_stages(size_t *n)
{
    *n = n_stages;
    return stages;
}

/* Returns the index of the stage that begins at 'table' or is the first one
 * after that. */
static size_t
find_stage(uint8_t table)
{
    size_t i = 0;

    while (i < n_stages && stages[i].table < table) {
        i++;
    }
    return i;
}

/* Returns null, or the reason why 'class' cannot have its stage, which the
 * caller must free. */
static char *
add_stage(const struct app_class *class, uint8_t table, uint8_t n_tables)
{
    size_t i = find_stage(table);

    if (table <= PIPE_CLASSIFY || table + n_tables > PIPE_OUTPUT) {
        return xasprintf("there are no tables %d to %d for applications",
                         table, table + n_tables - 1);
    } else if ((stages[i].table == table && stages[i].app)
               || stages[i - 1].table + stages[i - 1].n_tables > table) {
        return xasprintf("table %d is another application's", table);
    } else if (stages[i + (stages[i].table == table)].table
               < table + n_tables) {
        return xasprintf("there are no %d tables from %d on", n_tables, table);
    }

    if (stages[i].table != table) {
        memmove(&stages[i + 1], &stages[i],
                (n_stages - i) * sizeof stages[0]);
        n_stages++;
    }
    stages[i] = (struct pipeline_stage) {
        .table = table,
        .n_tables = n_tables,
        .app = class,
        .taps = class->stage.taps,
        .closed = class->stage.closed,
    };
    return NULL;
}

char *
pipeline_register(const struct app_class *class)
{
    const struct app_stage *stage = &class->stage;

    if (!stage->n_tables) {
        return NULL;
    } else if (stage->table) {
        return add_stage(class, stage->table, stage->n_tables);
    }

    /* After that stage, and those that asked for the same place before. */
    if (stage->after != PIPE_ZONE && stage->after != PIPE_MIRROR) {
        return xasprintf("a stage cannot be after table %d, only after %d and "
                         "%d", stage->after, PIPE_ZONE, PIPE_MIRROR);
    }
    size_t i = find_stage(stage->after);
    while (stages[i + 1].table % 10) {
        i++;
    }
    return add_stage(class, stages[i].table + stages[i].n_tables,
                     stage->n_tables);
}

static const struct pipeline_stage *
find_stage_of(uint8_t app)
{
    for (size_t i = 0; i < n_stages; i++) {
        if (stages[i].app && stages[i].app->id == app) {
            return &stages[i];
        }
    }
    return NULL;
}

uint8_t
pipeline_table(uint8_t app)
{
    const struct pipeline_stage *stage = find_stage_of(app);

    return stage ? stage->table : 0;
}

bool
pipeline_may_have_flow(uint8_t app, uint8_t table, uint16_t priority)
{
    const struct pipeline_stage *stage = find_stage_of(app);

    return (app == PIPE_APP_CORE
            || (stage && table >= stage->table
                && table < stage->table + stage->n_tables
                && (table > stage->table
                    || (priority > 0 && priority < PIPE_PRIO_CORE))));
}

/* Actions. */

static void
put_reg(struct ofpbuf *ofpacts, int reg, uint32_t value)
{
    const struct mf_field *field = mf_from_id(MFF_REG0 + reg);
    union mf_value v = { .be32 = htonl(value) };

    ofpact_put_set_field(ofpacts, field, &v, NULL);
}

void
pipeline_put_zone(struct ofpbuf *ofpacts, uint32_t zone)
{
    put_reg(ofpacts, PIPE_ZONE_REG, zone);
}

void
pipeline_put_egress(struct ofpbuf *ofpacts, ofp_port_t port)
{
    put_reg(ofpacts, PIPE_EGRESS_REG, PIPE_EGRESS_VALID | ofp_to_u16(port));
}
