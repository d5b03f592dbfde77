/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_FORWARD_FLOWS_H
#define TASUKID_FORWARD_FLOWS_H 1

/* The flows of a learned address: one matches it as the source, the other
 * leads to it as the destination. */

#include "flow.h"
#include "openvswitch/types.h"

struct match;
struct ofswitch;

enum {
    /* The part of the cookie that tells the kinds of flows apart. */
    FORWARD_COOKIE_STATIC = 0,
    FORWARD_COOKIE_LEARNED = 1,

    FORWARD_PRIO_RESERVED = 40000,
    FORWARD_PRIO_LEARNED = 100,
    FORWARD_PRIO_MISS = 1,
};

/* Returns the VLAN of a packet or a match, 0 if there is no tag. */
uint16_t forward_flow_vlan(const struct flow *);

/* Initialize a match as the switch would report it. */
void forward_match_src(struct match *, struct eth_addr, uint16_t vlan,
                       ofp_port_t);
void forward_match_dst(struct match *, struct eth_addr, uint16_t vlan);

/* 'aging_time' is in seconds. */
void forward_add_src_flow(struct ofswitch *, struct eth_addr, uint16_t vlan,
                          ofp_port_t, uint16_t aging_time);
void forward_add_dst_flow(struct ofswitch *, struct eth_addr, uint16_t vlan,
                          ofp_port_t);
void forward_delete_src_flow(struct ofswitch *, struct eth_addr,
                             uint16_t vlan, ofp_port_t);
void forward_delete_dst_flow(struct ofswitch *, struct eth_addr,
                             uint16_t vlan);

/* Deletes all flows of addresses on a port, or on any port if it is
 * OFPP_ANY. */
void forward_delete_port_flows(struct ofswitch *, ofp_port_t);

#endif /* TASUKID_FORWARD_FLOWS_H */
