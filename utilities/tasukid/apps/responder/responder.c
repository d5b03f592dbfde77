/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <inttypes.h>
#include <netinet/icmp6.h>
#include <stdlib.h>
#include <string.h>

#include "config-keys.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "reply.h"
#include "unixctl.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

/* A host that is only there to be found: it answers ARP, Neighbor Discovery
 * and ping for addresses that each switch has in column "other_config".
 *
 * It has a table just behind PIPE_ZONE, with flows for requests for its
 * addresses that do not come from a tenant.  All other packets pass. */

#define PIPE_APP_RESPONDER 0x58

#define PRIO_REQUEST 10

/* One switch. */
struct responder {
    struct replier replier;
    uint64_t counts[REPLY_N];
};

static struct responder *
responder_get(const struct ofswitch *sw)
{
    return ofswitch_get_data(sw, PIPE_APP_RESPONDER);
}

/* Configuration. */

static bool
runs_on(const struct tasukirec_switch *row)
{
    for (size_t i = 0; i < row->n_applications; i++) {
        if (!strcmp(row->applications[i], "responder")) {
            return true;
        }
    }
    return false;
}

static void
configure_switch(struct ofswitch *sw, void *aux OVS_UNUSED)
{
    free(responder_read_config(&ofswitch_row(sw)->other_config,
                               &responder_get(sw)->replier));
}

/* Publishes what is wrong with the keys, for switches that are not connected,
 * too.  The row is not refused for that, since that would stop the other
 * applications, too. */
static void
responder_configure(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; cfg && i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        const struct uuid *uuid = &row->header_.uuid;
        struct replier replier;
        char *problem = (runs_on(row)
                         ? responder_read_config(&row->other_config, &replier)
                         : NULL);

        if (problem) {
            config_set_status(uuid, "responder", "%s", problem);
        } else {
            config_set_status(uuid, "responder", NULL);
        }
        free(problem);
    }
    ofswitch_for_each(PIPE_APP_RESPONDER, configure_switch, NULL);
}

static void
responder_switch_up(struct ofswitch *sw)
{
    ofswitch_set_data(sw, PIPE_APP_RESPONDER,
                      xzalloc(sizeof(struct responder)));
    configure_switch(sw, NULL);
}

static void
responder_switch_down(struct ofswitch *sw)
{
    free(responder_get(sw));
}

/* Flows. */

/* Starts a match of unfragmented packets of type 'dl_type' that are no
 * tenant's. */
static void
match_whole(struct match *match, uint16_t dl_type)
{
    match_init_catchall(match);
    match_set_reg(match, PIPE_ZONE_REG, 0);
    match_set_dl_type(match, htons(dl_type));
    if (dl_type != ETH_TYPE_ARP) {
        match_set_nw_frag(match, 0);
    }
}

/* Sends what matches 'match' here. */
static void
declare(struct flow_set *flows, const struct match *match)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpact_output *output = ofpact_put_OUTPUT(&ofpacts);

    output->port = OFPP_CONTROLLER;
    output->max_len = UINT16_MAX;
    flow_set_add(flows, PIPE_APP_RESPONDER, PIPE_COOKIE(PIPE_APP_RESPONDER, 0),
                 pipeline_table(PIPE_APP_RESPONDER), PRIO_REQUEST, match,
                 &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
declare_ipv4(struct flow_set *flows, struct eth_addr mac, ovs_be32 ip)
{
    struct match match;

    match_whole(&match, ETH_TYPE_ARP);
    match_set_nw_proto(&match, ARP_OP_REQUEST);
    match_set_nw_dst(&match, ip);
    declare(flows, &match);

    match_whole(&match, ETH_TYPE_IP);
    match_set_dl_dst(&match, mac);
    match_set_nw_dst(&match, ip);
    match_set_nw_proto(&match, IPPROTO_ICMP);
    match_set_icmp_type(&match, ICMP4_ECHO_REQUEST);
    declare(flows, &match);
}

static void
declare_ipv6(struct flow_set *flows, struct eth_addr mac,
             const struct in6_addr *address)
{
    struct match match;

    match_whole(&match, ETH_TYPE_IPV6);
    match_set_nw_proto(&match, IPPROTO_ICMPV6);
    match_set_icmp_type(&match, ND_NEIGHBOR_SOLICIT);
    match_set_nd_target(&match, address);
    declare(flows, &match);

    match_whole(&match, ETH_TYPE_IPV6);
    match_set_dl_dst(&match, mac);
    match_set_ipv6_dst(&match, address);
    match_set_nw_proto(&match, IPPROTO_ICMPV6);
    match_set_icmp_type(&match, ICMP6_ECHO_REQUEST);
    declare(flows, &match);
}

static void
responder_declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    const struct replier *r = &responder_get(sw)->replier;

    for (size_t i = 0; i < r->n_addresses; i++) {
        const struct in6_addr *address = &r->addresses[i];

        if (IN6_IS_ADDR_V4MAPPED(address)) {
            declare_ipv4(flows, r->mac, in6_addr_get_mapped_ipv4(address));
        } else {
            declare_ipv6(flows, r->mac, address);
        }
    }
}

/* Packets. */

/* The answer takes the rest of the pipeline, so that stages that tap see
 * it. */
static void
responder_packet_in(struct ofswitch *sw, const struct packet_in *pi)
{
    const struct pipeline_notes notes = {
        .egress = pi->flow.in_port.ofp_port,
    };
    struct responder *responder = responder_get(sw);
    uint64_t stub[2048 / 8];
    struct ofpbuf answer = OFPBUF_STUB_INITIALIZER(stub);
    enum reply reply = reply_make(&responder->replier,
                                  dp_packet_data(pi->packet),
                                  dp_packet_size(pi->packet), &answer);

    responder->counts[reply]++;
    if (answer.size) {
        ofswitch_inject(sw, answer.data, answer.size, OFPP_CONTROLLER,
                        PIPE_MIRROR, &notes);
    }
    ofpbuf_uninit(&answer);
}

/* Commands. */

struct show {
    const char *name;           /* Of the switch, or null for all. */
    bool found;
    struct ds out;
};

static void
show_switch(struct ofswitch *sw, void *show_)
{
    const struct responder *responder = responder_get(sw);
    const struct replier *r = &responder->replier;
    struct show *show = show_;
    struct ds *out = &show->out;

    if (show->name && strcmp(show->name, ofswitch_name(sw))) {
        return;
    }
    show->found = true;
    ds_put_format(out, "%s: "ETH_ADDR_FMT"\n  addresses:", ofswitch_name(sw),
                  ETH_ADDR_ARGS(r->mac));
    for (size_t i = 0; i < r->n_addresses; i++) {
        ds_put_char(out, ' ');
        ipv6_format_mapped(&r->addresses[i], out);
    }
    ds_put_cstr(out, "\n  answered:");
    for (enum reply i = 0; i < REPLY_N; i++) {
        ds_put_format(out, "%s %s %"PRIu64,
                      i == REPLY_N_ANSWERS ? "\n  dropped:" : i ? "," : "",
                      reply_name(i), responder->counts[i]);
    }
    ds_put_char(out, '\n');
}

static void
responder_show(struct unixctl_conn *conn, int argc, const char *argv[],
               void *aux OVS_UNUSED)
{
    struct show show = {
        .name = argc > 1 ? argv[1] : NULL,
        .out = DS_EMPTY_INITIALIZER,
    };

    ofswitch_for_each(PIPE_APP_RESPONDER, show_switch, &show);
    if (show.name && !show.found) {
        unixctl_command_reply_error(conn, "no such switch");
    } else {
        unixctl_command_reply(conn, ds_cstr(&show.out));
    }
    ds_destroy(&show.out);
}

static const struct app_command responder_commands[] = {
    { "responder/show", "[switch]", 0, 1, responder_show, NULL },
    { .name = NULL },
};

const struct app_class responder_app = {
    .name = "responder",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_RESPONDER,
    .stages = { { .after = PIPE_ZONE, .n_tables = 1 } },
    .commands = responder_commands,
    .configure = responder_configure,
    .switch_up = responder_switch_up,
    .switch_down = responder_switch_down,
    .declare_flows = responder_declare_flows,
    .packet_in = responder_packet_in,
};
