/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_HANDOVER_H
#define TASUKID_HANDOVER_HANDOVER_H 1

/* The handover application.  It connects the engine, which knows TCP, to a
 * switch, the database and people.
 *
 *   handover.c        callbacks of the application, and those of the engine
 *   service-check.c   which database rows make no sense
 *   service-config.c  database rows to 'struct service_config'
 *   flows.c           OpenFlow flows from what the engine wants, and back
 *   fragments.c       flows that put fragmented segments together
 *   neigh.c           ARP for services' addresses, and where servers are
 *   show.c            commands for ovs-appctl
 *   engine/           the engine: see engine.h there
 *
 * This header is for the files of the application alone.  Everything runs in
 * one thread. */

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-port.h"
#include "utilities/tasukid/apps/handover/engine/engine.h"

struct dp_packet;
struct ofswitch;
struct packet_in;

#define PIPE_APP_HANDOVER 0x56

/* The application on one switch. */
struct hswitch {
    struct engine engine;
    struct ofswitch *ofsw;

    struct ovs_list askers;     /* Contains 'struct asker's, oldest first. */
};

static inline struct hswitch *
hswitch_from_engine(const struct engine *e)
{
    return CONTAINER_OF(e, struct hswitch, engine);
}

/* What the engines of all switches share. */
extern struct engine_shared handover_shared;

#endif /* handover.h */
