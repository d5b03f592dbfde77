/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "pipeline.h"

#include "app.h"
#include "ofswitch.h"
#include "openvswitch/ofp-actions.h"
#include "util.h"

/* The pipeline of one switch: the stages whose applications run there. */

bool
pipeline_runs(const struct ofswitch *sw, const struct pipeline_stage *stage)
{
    return stage->app && ofswitch_runs(sw, stage->app->id);
}

/* Returns true if packets can come to 'stage' of 'sw'.  They always can to a
 * fixed stage: flows of a connection may name its table whether or not an
 * application uses it. */
static bool
is_there(const struct ofswitch *sw, const struct pipeline_stage *stage)
{
    return stage->table % 10 == 0 || pipeline_runs(sw, stage);
}

const struct pipeline_stage *
pipeline_next_stage(const struct ofswitch *sw, uint8_t table)
{
    size_t n;
    const struct pipeline_stage *stage = pipeline_stages(&n);

    while (stage->table <= table || !is_there(sw, stage)) {
        stage++;
    }
    return stage;
}

uint8_t
pipeline_next(const struct ofswitch *sw, uint8_t table)
{
    return pipeline_next_stage(sw, table)->table;
}

const struct pipeline_stage *
pipeline_next_tap(const struct ofswitch *sw, uint8_t table)
{
    size_t n;
    const struct pipeline_stage *stage = pipeline_stages(&n);

    while (stage->table < PIPE_OUTPUT
           && !(stage->table > table && stage->taps
                && pipeline_runs(sw, stage))) {
        stage++;
    }
    return stage;
}

bool
pipeline_is_tapped(const struct ofswitch *sw)
{
    return pipeline_next_tap(sw, PIPE_CLASSIFY)->table != PIPE_OUTPUT;
}

void
pipeline_put_output(const struct ofswitch *sw, uint8_t table, ofp_port_t port,
                    uint32_t zone, struct ofpbuf *ofpacts)
{
    const struct pipeline_stage *tap = pipeline_next_tap(sw, table);

    if (tap->table == PIPE_OUTPUT) {
        ofpact_put_OUTPUT(ofpacts)->port = port;
    } else {
        pipeline_put_zone(ofpacts, zone);
        pipeline_put_egress(ofpacts, port);
        ofpact_put_GOTO_TABLE(ofpacts)->table_id = tap->table;
    }
}
