/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "app.h"

#include "ofswitch.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* The core's own flows, as an application that runs on every managed switch:
 * the pipeline's table-miss flows and those that obey a decision about the
 * egress port. */

/* The tables, and who takes packets there. */
static const struct stage {
    enum pipeline_table table;
    int app;                    /* An enum pipeline_app, or -1: none yet. */
} stages[] = {
    { PIPE_CLASSIFY, -1 },
    { PIPE_TENANT, PIPE_APP_TENANT },
    { PIPE_SERVICE, PIPE_APP_HANDOVER },
    { PIPE_MIRROR, -1 },
    { PIPE_FORWARD, PIPE_APP_FORWARD },
};

static void
declare_miss(struct flow_set *flows, uint8_t table, uint8_t next)
{
    struct ofpbuf ofpacts;
    struct match match;

    ofpbuf_init(&ofpacts, 32);
    ofpact_put_GOTO_TABLE(&ofpacts)->table_id = next;
    match_init_catchall(&match);
    flow_set_add(flows, PIPE_APP_CORE, PIPE_COOKIE(PIPE_APP_CORE, table),
                 table, 0, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
declare_egress(struct flow_set *flows, uint16_t priority,
               const struct match *match, const struct ofpbuf *ofpacts)
{
    flow_set_add(flows, PIPE_APP_CORE,
                 PIPE_COOKIE(PIPE_APP_CORE, PIPE_FORWARD), PIPE_FORWARD,
                 priority, match, ofpacts);
}

static void
declare_egress_to(struct flow_set *flows, ofp_port_t port)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    match_set_reg_masked(&match, PIPE_EGRESS_REG,
                         PIPE_EGRESS_VALID | ofp_to_u16(port),
                         PIPE_EGRESS_VALID | UINT16_MAX);
    ofpact_put_OUTPUT(&ofpacts)->port = port;
    declare_egress(flows, UINT16_MAX, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
declare_egress_if_open(struct ofswitch *sw,
                       const struct ofputil_phy_port *port, void *flows)
{
    if (!ofswitch_port_is_owned(sw, port->port_no)) {
        declare_egress_to(flows, port->port_no);
    }
}

/* Obeys a decision about the egress port.  Where ports may belong to an
 * application, a decision of another one that leads there, which may be older
 * than that, leads nowhere. */
static void
declare_egresses(struct ofswitch *sw, struct flow_set *flows)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    match_set_reg_masked(&match, PIPE_EGRESS_REG, PIPE_EGRESS_VALID,
                         PIPE_EGRESS_VALID);
    if (ofswitch_has_owners(sw)) {
        ofswitch_for_each_port(sw, declare_egress_if_open, flows);
        declare_egress_to(flows, OFPP_IN_PORT);
        declare_egress(flows, UINT16_MAX - 1, &match, &ofpacts);
    } else {
        struct ofpact_output_reg *output = ofpact_put_OUTPUT_REG(&ofpacts);

        output->src.field = mf_from_id(MFF_REG0 + PIPE_EGRESS_REG);
        output->src.ofs = 0;
        output->src.n_bits = 16;
        output->max_len = UINT16_MAX;
        declare_egress(flows, UINT16_MAX, &match, &ofpacts);
    }
    ofpbuf_uninit(&ofpacts);
}

/* Packets go from PIPE_CLASSIFY straight to the first table whose application
 * runs on the switch, and from there through every table: flows that
 * applications install per connection may name the next table, whether or not
 * somebody uses it.  What the tenant application does not pass on ends
 * there. */
static void
declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    size_t first = 1;

    while (first < ARRAY_SIZE(stages)
           && (stages[first].app < 0
               || !ofswitch_runs(sw, stages[first].app))) {
        first++;
    }
    if (first >= ARRAY_SIZE(stages)) {
        /* No application: leave no trace. */
        return;
    }

    declare_miss(flows, PIPE_CLASSIFY, stages[first].table);
    for (size_t i = first; i + 1 < ARRAY_SIZE(stages); i++) {
        if (stages[i].app != PIPE_APP_TENANT
            || !ofswitch_runs(sw, PIPE_APP_TENANT)) {
            declare_miss(flows, stages[i].table, stages[i + 1].table);
        }
    }
    declare_egresses(sw, flows);
}

const struct app_class core_app = {
    .name = "core",
    .id = PIPE_APP_CORE,
    .declare_flows = declare_flows,
};
