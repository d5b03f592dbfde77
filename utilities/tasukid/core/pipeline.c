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

/* Returns null, or the reason why 'class' cannot have 'stage' at 'table',
 * which the caller must free. */
static char *
add_stage(const struct app_class *class, const struct app_stage *stage,
          uint8_t table)
{
    uint8_t n_tables = stage->n_tables;
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
        .taps = stage->taps,
        .closed = stage->closed,
    };
    return NULL;
}

static char *
place_stage(const struct app_class *class, const struct app_stage *stage)
{
    if (stage->table) {
        return add_stage(class, stage, stage->table);
    } else if (stage->after != PIPE_ZONE && stage->after != PIPE_MIRROR) {
        return xasprintf("a stage cannot be after table %d, only after %d and "
                         "%d", stage->after, PIPE_ZONE, PIPE_MIRROR);
    }

    /* The first gap that is wide enough. */
    size_t i = find_stage(stage->after);
    do {
        int table = stages[i].table + stages[i].n_tables;

        if (table + stage->n_tables <= stages[i + 1].table) {
            return add_stage(class, stage, table);
        }
    } while (stages[++i].table % 10);
    return xasprintf("there are no %d tables from %d on", stage->n_tables,
                     stage->after);
}

/* Takes the stages of 'class' away again. */
static void
remove_stages(const struct app_class *class)
{
    for (size_t i = n_stages; i-- > 0; ) {
        struct pipeline_stage *stage = &stages[i];

        if (stage->app != class) {
            continue;
        } else if (stage->table % 10) {
            memmove(stage, stage + 1, (n_stages - i - 1) * sizeof *stage);
            n_stages--;
        } else {
            *stage = (struct pipeline_stage) {
                .table = stage->table,
                .n_tables = 1,
            };
        }
    }
}

char *
pipeline_register(const struct app_class *class)
{
    for (size_t i = 0; i < APP_MAX_STAGES && class->stages[i].n_tables; i++) {
        char *error = place_stage(class, &class->stages[i]);

        if (error) {
            remove_stages(class);
            return error;
        }
    }
    return NULL;
}

uint8_t
pipeline_table(uint8_t app)
{
    for (size_t i = 0; i < n_stages; i++) {
        if (stages[i].app && stages[i].app->id == app) {
            return stages[i].table;
        }
    }
    return 0;
}

static bool
stage_may_have_flow(const struct pipeline_stage *stage, uint8_t table,
                    uint16_t priority)
{
    return (table >= stage->table
            && table < stage->table + stage->n_tables
            && (table > stage->table
                || (priority > 0 && priority < PIPE_PRIO_CORE)));
}

bool
pipeline_may_have_flow(uint8_t app, uint8_t table, uint16_t priority)
{
    if (app == PIPE_APP_CORE) {
        return true;
    }
    for (size_t i = 0; i < n_stages; i++) {
        if (stages[i].app && stages[i].app->id == app
            && stage_may_have_flow(&stages[i], table, priority)) {
            return true;
        }
    }
    return false;
}

bool
pipeline_app_taps(const struct app_class *class)
{
    for (size_t i = 0; i < APP_MAX_STAGES; i++) {
        if (class->stages[i].n_tables && class->stages[i].taps) {
            return true;
        }
    }
    return false;
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

void
pipeline_put_seen(struct ofpbuf *ofpacts)
{
    const union mf_value value = { .be32 = htonl(PIPE_MIRROR_SEEN) };
    const union mf_value mask = value;

    ofpact_put_set_field(ofpacts, mf_from_id(MFF_REG0 + PIPE_MIRROR_REG),
                         &value, &mask);
}

void
pipeline_put_notes(struct ofpbuf *ofpacts, const struct pipeline_notes *notes)
{
    if (notes->zone) {
        pipeline_put_zone(ofpacts, notes->zone);
    }
    if (notes->egress != OFPP_NONE) {
        pipeline_put_egress(ofpacts, notes->egress);
    }
    if (notes->seen) {
        pipeline_put_seen(ofpacts);
    }
}

void
pipeline_get_notes(const uint32_t regs[], struct pipeline_notes *notes)
{
    uint32_t egress = regs[PIPE_EGRESS_REG];

    *notes = (struct pipeline_notes) {
        .egress = (egress & PIPE_EGRESS_VALID
                   ? u16_to_ofp(egress & UINT16_MAX) : OFPP_NONE),
        .zone = regs[PIPE_ZONE_REG],
        .seen = (regs[PIPE_MIRROR_REG] & PIPE_MIRROR_SEEN) != 0,
    };
}
