/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* "talkers": an application of tasukid that is built outside its tree.  It counts
 * the new addresses that application "forward" is told about, by port, and tells
 * whoever wants to know when a port has brought a tenth, a twentieth ... one.
 * Its stage counts IPv4 packets, also those whose way was decided before.
 *
 *     cc -shared -fPIC $(pkg-config --cflags tasukid) talkers.c -o talkers.so
 *     cp talkers.so $(pkg-config --variable=appdir tasukid)
 *     tasuki-ctl add Switch DATAPATH-ID applications talkers
 *     ovs-appctl -t tasukid talkers/show
 */

#include <inttypes.h>
#include <stdlib.h>
#include <openvswitch/dynamic-string.h>
#include <openvswitch/match.h>
#include <openvswitch/ofp-actions.h>
#include <openvswitch/ofpbuf.h>
#include <tasukid/app.h>
#include <tasukid/events.h>
#include <tasukid/ofswitch.h>
#include <tasukid/taps.h>

#define TALKERS_ID 0xe0         /* Any from 0x80 on that nobody else uses. */

/* Our own event. */
struct talkers_loud {
    uint32_t what;              /* Always 1. */
    ofp_port_t port;            /* Key. */
    uint32_t n_new;             /* Addresses that it has brought. */
};
static const struct event_type loud = {
    "talkers/loud", 1, sizeof(struct talkers_loud), sizeof(ofp_port_t),
};

static void
packet_seen(struct ofswitch *sw, const struct packet_in *pi, void *unused)
{
    uint32_t *n_new = ofswitch_get_data(sw, TALKERS_ID);    /* By port. */
    struct talkers_loud event = { .what = 1 };

    event.port = pi->flow.in_port.ofp_port;
    event.n_new = ++n_new[(uint16_t) event.port];
    if (event.n_new % 10 == 0) {
        event_publish(sw, &loud, &event);
    }
}

static void
switch_up(struct ofswitch *sw)
{
    ofswitch_set_data(sw, TALKERS_ID, calloc(UINT16_MAX + 1, sizeof(uint32_t)));
}

static void
switch_down(struct ofswitch *sw)
{
    free(ofswitch_get_data(sw, TALKERS_ID));
}

static void
declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    uint8_t table = pipeline_table(TALKERS_ID);
    struct match match;
    struct ofpbuf ofpacts;

    ofpbuf_init(&ofpacts, 0);
    ofpact_put_GOTO_TABLE(&ofpacts)->table_id = pipeline_next(sw, table);
    match_init_catchall(&match);
    match_set_dl_type(&match, htons(0x0800));
    flow_set_add(flows, TALKERS_ID, PIPE_COOKIE(TALKERS_ID, 0), table, 1,
                 &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
show_switch(struct ofswitch *sw, void *ds)
{
    const uint32_t *n_new = ofswitch_get_data(sw, TALKERS_ID);

    for (int port = 0; port <= UINT16_MAX; port++) {
        if (n_new[port]) {
            ds_put_format(ds, "%s port %d: %"PRIu32" new addresses\n",
                          ofswitch_name(sw), port, n_new[port]);
        }
    }
}

static void
show(struct unixctl_conn *conn, int argc, const char *argv[], void *aux)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ofswitch_for_each(TALKERS_ID, show_switch, &ds);
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
init(void)
{
    packet_tap(TALKERS_ID, PIPE_FORWARD, 0, packet_seen, NULL);
}

const struct app_class tasukid_app = {
    .name = "talkers",
    .version = APP_INTERFACE_VERSION,
    .id = TALKERS_ID,
    .stages = { { .after = PIPE_MIRROR, .n_tables = 1, .taps = true } },
    .commands = (const struct app_command[]) {
        { "talkers/show", "", 0, 0, show, NULL }, { 0 },
    },
    .init = init,
    .switch_up = switch_up,
    .switch_down = switch_down,
    .declare_flows = declare_flows,
};
