/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "flows.h"

#include "byte-order.h"
#include "forward.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"

/* Matches VLAN 'vlan', or packets without a tag if it is 0. */
static void
match_vlan(struct match *match, uint16_t vlan)
{
    match_set_vlan_vid(match, htons(vlan ? vlan | VLAN_CFI : 0));
}

uint16_t
forward_flow_vlan(const struct flow *flow)
{
    return vlan_tci_to_vid(flow->vlans[0].tci);
}

void
forward_match_src(struct match *match, struct eth_addr mac, uint16_t vlan,
                  ofp_port_t port)
{
    match_init_catchall(match);
    match_set_default_packet_type(match);
    match_set_in_port(match, port);
    match_vlan(match, vlan);
    match_set_dl_src(match, mac);
}

void
forward_match_dst(struct match *match, struct eth_addr mac, uint16_t vlan)
{
    match_init_catchall(match);
    match_set_default_packet_type(match);
    match_vlan(match, vlan);
    match_set_dl_dst(match, mac);
}

static void
send_flow(struct ofswitch *sw, uint16_t command, uint8_t table,
          const struct match *match, const struct ofpbuf *ofpacts,
          uint16_t idle_timeout)
{
    bool add = command == OFPFC_ADD;
    ovs_be64 cookie = htonll(PIPE_COOKIE(PIPE_APP_FORWARD,
                                         FORWARD_COOKIE_LEARNED));
    struct ofputil_flow_mod fm = {
        .priority = FORWARD_PRIO_LEARNED,
        .cookie = add ? 0 : cookie,
        .cookie_mask = add ? 0 : OVS_BE64_MAX,
        .new_cookie = add ? cookie : OVS_BE64_MAX,
        .table_id = table,
        .command = command,
        .idle_timeout = idle_timeout,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .flags = idle_timeout ? OFPUTIL_FF_SEND_FLOW_REM : 0,
        .ofpacts = ofpacts ? ofpacts->data : NULL,
        .ofpacts_len = ofpacts ? ofpacts->size : 0,
    };

    minimatch_init(&fm.match, match);
    ofswitch_flow_mod(sw, &fm);
    minimatch_destroy(&fm.match);
}

void
forward_add_src_flow(struct ofswitch *sw, struct eth_addr mac, uint16_t vlan,
                     ofp_port_t port, uint16_t aging_time)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    forward_match_src(&match, mac, vlan, port);
    ofpact_put_GOTO_TABLE(&ofpacts)->table_id = PIPE_FORWARD_DST;
    send_flow(sw, OFPFC_ADD, PIPE_FORWARD, &match, &ofpacts, aging_time);
    ofpbuf_uninit(&ofpacts);
}

void
forward_add_dst_flow(struct ofswitch *sw, struct eth_addr mac, uint16_t vlan,
                     ofp_port_t port)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    forward_match_dst(&match, mac, vlan);
    ofpact_put_OUTPUT(&ofpacts)->port = port;
    send_flow(sw, OFPFC_ADD, PIPE_FORWARD_DST, &match, &ofpacts, 0);
    ofpbuf_uninit(&ofpacts);
}

void
forward_delete_src_flow(struct ofswitch *sw, struct eth_addr mac,
                        uint16_t vlan, ofp_port_t port)
{
    struct match match;

    forward_match_src(&match, mac, vlan, port);
    send_flow(sw, OFPFC_DELETE_STRICT, PIPE_FORWARD, &match, NULL, 0);
}

void
forward_delete_dst_flow(struct ofswitch *sw, struct eth_addr mac,
                        uint16_t vlan)
{
    struct match match;

    forward_match_dst(&match, mac, vlan);
    send_flow(sw, OFPFC_DELETE_STRICT, PIPE_FORWARD_DST, &match, NULL, 0);
}

void
forward_delete_port_flows(struct ofswitch *sw, ofp_port_t port)
{
    struct ofputil_flow_mod fm = {
        .cookie = htonll(PIPE_COOKIE(PIPE_APP_FORWARD,
                                     FORWARD_COOKIE_LEARNED)),
        .cookie_mask = OVS_BE64_MAX,
        .new_cookie = OVS_BE64_MAX,
        .table_id = PIPE_FORWARD,
        .command = OFPFC_DELETE,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    struct match match;

    match_init_catchall(&match);
    if (port != OFPP_ANY) {
        match_set_in_port(&match, port);
    }
    minimatch_init(&fm.match, &match);
    ofswitch_flow_mod(sw, &fm);
    minimatch_destroy(&fm.match);

    fm.table_id = PIPE_FORWARD_DST;
    fm.out_port = port;
    minimatch_init_catchall(&fm.match);
    ofswitch_flow_mod(sw, &fm);
    minimatch_destroy(&fm.match);
}
