/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "app.h"

#include "flow.h"
#include "ofswitch.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* The core's own flows, as an application that runs on every managed switch.
 * They pass packets on from stage to stage and obey a decision about the
 * egress. */

static void
declare(struct flow_set *flows, uint8_t table, uint16_t priority,
        const struct match *match, const struct ofpbuf *ofpacts)
{
    flow_set_add(flows, PIPE_APP_CORE, PIPE_COOKIE(PIPE_APP_CORE, table),
                 table, priority, match, ofpacts);
}

static void
declare_goto(struct flow_set *flows, uint8_t table, uint16_t priority,
             const struct match *match, uint8_t next)
{
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 32);
    ofpact_put_GOTO_TABLE(&ofpacts)->table_id = next;
    declare(flows, table, priority, match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
declare_miss(struct flow_set *flows, uint8_t table, uint8_t next)
{
    struct match match;

    match_init_catchall(&match);
    declare_goto(flows, table, 0, &match, next);
}

/* Sends packets whose egress is decided past 'stage', which would decide
 * again. */
static void
declare_bypass(const struct ofswitch *sw, const struct pipeline_stage *stage,
               struct flow_set *flows)
{
    struct match match;

    match_init_catchall(&match);
    match_set_reg_masked(&match, PIPE_EGRESS_REG, PIPE_EGRESS_VALID,
                         PIPE_EGRESS_VALID);
    declare_goto(flows, stage->table, UINT16_MAX, &match,
                 pipeline_next_tap(sw, stage->table)->table);
}

/* Has packets in 'zone' leave through 'port', or in any zone if 'zone' is
 * 0. */
static void
declare_output_to(struct flow_set *flows, ofp_port_t port, uint32_t zone)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    match_set_reg_masked(&match, PIPE_EGRESS_REG,
                         PIPE_EGRESS_VALID | ofp_to_u16(port),
                         PIPE_EGRESS_VALID | UINT16_MAX);
    if (zone) {
        match_set_reg(&match, PIPE_ZONE_REG, zone);
    }
    ofpact_put_OUTPUT(&ofpacts)->port = port;
    declare(flows, PIPE_OUTPUT, 1, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* An application that owns ports outputs there itself if no stage taps. */
static void
declare_output_to_port(struct ofswitch *sw,
                       const struct ofputil_phy_port *port, void *flows)
{
    uint32_t zone = ofswitch_port_zone(sw, port->port_no);

    if (!zone || (zone != PIPE_ZONE_NONE
                  && pipeline_is_tapped(sw))) {
        declare_output_to(flows, port->port_no, zone);
    }
}

/* Obeys a decision about the egress.  Ports may belong to an application, and
 * a decision to output there may be older than that, or another application's.
 * So a packet to such a port is dropped unless it is in the port's zone. */
static void
declare_output(struct ofswitch *sw, struct flow_set *flows)
{
    if (ofswitch_has_owners(sw)) {
        ofswitch_for_each_port(sw, declare_output_to_port, flows);
        declare_output_to(flows, OFPP_IN_PORT, 0);
    } else {
        uint64_t stub[64 / 8];
        struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
        struct ofpact_output_reg *output = ofpact_put_OUTPUT_REG(&ofpacts);
        struct match match;

        output->src.field = mf_from_id(MFF_REG0 + PIPE_EGRESS_REG);
        output->src.ofs = 0;
        output->src.n_bits = 16;
        output->max_len = UINT16_MAX;
        match_init_catchall(&match);
        match_set_reg_masked(&match, PIPE_EGRESS_REG, PIPE_EGRESS_VALID,
                             PIPE_EGRESS_VALID);
        declare(flows, PIPE_OUTPUT, 1, &match, &ofpacts);
        ofpbuf_uninit(&ofpacts);
    }
}

/* Packets go from PIPE_CLASSIFY straight to the first stage whose application
 * runs on the switch, and from there through every one. */
static void
declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    size_t n;
    const struct pipeline_stage *stages = pipeline_stages(&n);
    const struct pipeline_stage *stage = &stages[1];
    bool tapped = false;

    while (stage < &stages[n] && !pipeline_runs(sw, stage)) {
        stage++;
    }
    if (stage >= &stages[n]) {
        /* No application: leave no trace. */
        return;
    }

    declare_miss(flows, PIPE_CLASSIFY, stage->table);
    while (stage->table < PIPE_OUTPUT) {
        const struct pipeline_stage *next
            = pipeline_next_stage(sw, stage->table);

        if (!(pipeline_runs(sw, stage) && stage->closed)
            && stage->table != PIPE_FORWARD) {
            declare_miss(flows, stage->table, next->table);
        }
        if (stage->table == PIPE_FORWARD
            || (pipeline_runs(sw, stage) && !stage->taps
                && (tapped || stage->table > PIPE_SERVICE))) {
            declare_bypass(sw, stage, flows);
        }
        tapped |= stage->taps && pipeline_runs(sw, stage);
        stage = next;
    }
    declare_output(sw, flows);
}

const struct app_class core_app = {
    .name = "core",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_CORE,
    .declare_flows = declare_flows,
};
