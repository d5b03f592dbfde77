/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Asks a real switch as applications of tasukid do, and prints what comes of
 * it.
 *
 * usage: ask-switch CONNECTION SCENARIO [PID]
 *
 * PID is the switch's, for the scenario "silence". */

#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-meter.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "tests/unit/lone-switch.h"
#include "util.h"
#include "utilities/tasukid/core/timers.h"

static struct ofswitch *sw;
static int n_waiting;

static void
run(void)
{
    timers_run();
    ofswitch_conn_run(sw);
}

static void
wait(void)
{
    ofswitch_conn_wait(sw);
    timers_wait();
    poll_block();
}

static void
wait_for_answers(void)
{
    for (;;) {
        run();
        if (!n_waiting) {
            break;
        }
        wait();
    }
}

static const char *
describe(const struct request_reply *reply)
{
    switch (reply->status) {
    case REQUEST_PART:
        return "part";
    case REQUEST_DONE:
        return "done";
    case REQUEST_REFUSED:
        return ofperr_to_string(reply->error);
    case REQUEST_TIMED_OUT:
        return "timed out";
    case REQUEST_GONE:
        return "gone";
    }
    OVS_NOT_REACHED();
}

static void
print_end(struct ofswitch *from OVS_UNUSED, const struct request_reply *reply,
          void *what_)
{
    const char *what = what_;

    printf("%s: %s\n", what, describe(reply));
    n_waiting--;
}

static void
ask(uint8_t app, const char *what, struct ofpbuf *msg, int timeout_ms)
{
    if (request_send(sw, app, msg, 0, timeout_ms, print_end,
                     CONST_CAST(char *, what))) {
        n_waiting++;
    } else {
        printf("%s: denied\n", what);
    }
}

/* Ports. */

static void
print_ports(struct ofswitch *from OVS_UNUSED,
            const struct request_reply *reply, void *aux OVS_UNUSED)
{
    int n = 0;

    for (size_t i = 0; i < reply->n_msgs; i++) {
        struct ofpbuf b = *reply->msgs[i];
        struct ofputil_port_stats ps;

        while (!ofputil_decode_port_stats(&ps, &b)) {
            netdev_free_custom_stats_counters(&ps.custom_stats);
            n++;
        }
    }
    printf("%d ports: %s\n", n, describe(reply));
    n_waiting -= reply->status != REQUEST_PART;
}

static void
ask_ports(uint8_t app)
{
    n_waiting += request_send(sw, app,
                              ofputil_encode_dump_ports_request(sw->version,
                                                                OFPP_ANY),
                              0, 5000, print_ports, NULL);
}

/* Flows. */

struct count {
    int n_flows;
    int n_parts;
    size_t n_msgs;
};

static void
count_flows(struct ofswitch *from OVS_UNUSED,
            const struct request_reply *reply, void *count_)
{
    struct count *count = count_;
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    for (size_t i = 0; i < reply->n_msgs; i++) {
        struct ofpbuf b = *reply->msgs[i];
        struct ofputil_flow_stats fs;

        while (!ofputil_decode_flow_stats_reply(&fs, &b, true, &ofpacts)) {
            ofpbuf_clear(&ofpacts);
            count->n_flows++;
        }
    }
    ofpbuf_uninit(&ofpacts);
    count->n_parts += reply->status == REQUEST_PART;
    count->n_msgs = reply->n_msgs;
    n_waiting -= reply->status != REQUEST_PART;
}

static void
ask_flows(uint8_t app, int flags, struct count *count)
{
    struct ofputil_flow_stats_request fsr = {
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = 99,
    };

    match_init_catchall(&fsr.match);
    n_waiting += request_send(sw, app,
                              ofputil_encode_flow_stats_request(&fsr,
                                                                sw->protocol),
                              flags, 5000, count_flows, count);
}

static void
flows(void)
{
    struct count in_parts = { .n_parts = 0 }, in_one = { .n_parts = 0 };

    ask_flows(ONE, 0, &in_parts);
    ask_flows(TWO, REQUEST_WHOLE, &in_one);
    wait_for_answers();
    printf("%d flows in parts: %s\n", in_parts.n_flows,
           in_parts.n_parts > 0 ? "yes" : "no");
    printf("%d flows in one: %s\n", in_one.n_flows,
           in_one.n_parts == 0 && in_one.n_msgs > 1 ? "yes" : "no");
}

/* Groups and meters. */

static struct ofpbuf *
group_mod(int command, uint32_t id)
{
    struct ofputil_group_mod gm = {
        .command = command,
        .type = OFPGT11_SELECT,
        .group_id = id,
        .command_bucket_id = OFPG15_BUCKET_ALL,
    };

    ovs_list_init(&gm.buckets);
    return ofputil_encode_group_mod(sw->version, &gm, NULL, -1);
}

static struct ofpbuf *
meter_mod(int command, uint32_t id)
{
    struct ofputil_meter_band band = {
        .type = OFPMBT13_DROP,
        .rate = 1000,
    };
    struct ofputil_meter_mod mm = {
        .command = command,
        .meter = {
            .meter_id = id,
            .flags = OFPMF13_KBPS,
            .n_bands = 1,
            .bands = &band,
        },
    };

    return ofputil_encode_meter_mod(sw->version, &mm);
}

/* Two ask at once, for what is right and what is wrong. */
static void
groups(void)
{
    ask(ONE, "one adds a group", group_mod(OFPGC11_ADD, PIPE_ID(ONE, 1)),
        5000);
    ask(TWO, "two adds a group", group_mod(OFPGC11_ADD, PIPE_ID(TWO, 1)),
        5000);
    ask(ONE, "one adds it again", group_mod(OFPGC11_ADD, PIPE_ID(ONE, 1)),
        5000);
    ask_ports(TWO);
    ask(ONE, "one adds a group of two's",
        group_mod(OFPGC11_ADD, PIPE_ID(TWO, 2)), 5000);
    wait_for_answers();
}

static void
meters(void)
{
    ask(ONE, "one modifies a meter", meter_mod(OFPMC13_MODIFY, PIPE_ID(ONE, 1)),
        5000);
    ask(TWO, "two adds a meter", meter_mod(OFPMC13_ADD, PIPE_ID(TWO, 1)), 5000);
    ask(ONE, "one adds a meter", meter_mod(OFPMC13_ADD, PIPE_ID(ONE, 1)), 5000);
    wait_for_answers();
}

/* A switch that hangs, and then ends. */
static void
silence(pid_t pid)
{
    kill(pid, SIGSTOP);
    ask(ONE, "first", ofputil_encode_barrier_request(sw->version), 100);
    wait_for_answers();
    ask(ONE, "second", ofputil_encode_barrier_request(sw->version), 10000);
    ask(TWO, "third", group_mod(OFPGC11_ADD, PIPE_ID(TWO, 3)), 10000);
    kill(pid, SIGKILL);
    wait_for_answers();
}

int
main(int argc, char *argv[])
{
    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_ERR);
    ovs_assert(argc >= 3);

    lone_run(true, true);
    sw = ofswitch_create_active(argv[1]);
    run();
    while (sw->state != OSS_MANAGED || sw->adopting) {
        wait();
        run();
    }

    if (!strcmp(argv[2], "ports")) {
        ask_ports(ONE);
        wait_for_answers();
    } else if (!strcmp(argv[2], "flows")) {
        flows();
    } else if (!strcmp(argv[2], "groups")) {
        groups();
    } else if (!strcmp(argv[2], "meters")) {
        meters();
    } else if (!strcmp(argv[2], "silence") && argc > 3) {
        silence(atoi(argv[3]));
    } else {
        ovs_fatal(0, "unknown scenario %s", argv[2]);
    }
    ofswitch_destroy(sw);
    return 0;
}
