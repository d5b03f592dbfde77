/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef FAKE_OWNER_H
#define FAKE_OWNER_H 1

/* An owner of the engine of the handover application, for tests: see
 * fake-net.h.  There is no switch and no OpenFlow in it. */

#include "fake-net.h"

/* Lets 'packet' come in on 'port' in 'zone', and takes it over. */
void owner_packet_in(struct dp_packet *packet, ofp_port_t port,
                     uint32_t zone);

/* What the owner says when it is asked whether a host has moved, and how often
 * it was asked where somebody is. */
extern bool owner_has_moved;
extern unsigned int owner_n_checks;

/* The first things that the engine has had done, in their order. */
enum owner_action_type {
    ACTION_SEND,                /* A packet of its own out of 'port'. */
    ACTION_PASS,                /* A packet as it came. */
    ACTION_FORWARD,             /* One rewritten as 'entry' says. */
    ACTION_INSTALL,
    ACTION_REMOVE,
    ACTION_BARRIER,
};

struct owner_action {
    enum owner_action_type type;
    ofp_port_t port;
    struct entry entry;
};

/* How often the engine told this, by "enum conn_news", ever. */
extern unsigned int owner_n_news[3];

#define OWNER_MAX_ACTIONS 256
extern struct owner_action owner_actions[OWNER_MAX_ACTIONS];
extern size_t owner_n_actions;

#endif /* fake-owner.h */
