/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_OVS_PLACES_H
#define TASUKID_OVS_PLACES_H 1

/* Which ports a database Open_vSwitch has, on which bridges, and for which
 * application each was made.  What has changed is found by the change tracking
 * of the database's client: the cost is that of the ports that have changed.
 * (One pointer for each port of a bridge is followed when that bridge gets or
 * loses ports, as the client does itself.) */

#include <stdbool.h>
#include <stddef.h>

#include "app.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/uuid.h"

struct ovsdb_idl;
struct ovsrec_port;
struct sset;

/* One bridge in the database. */
struct ovs_place_bridge {
    struct hmap_node node;      /* In 'bridges' of struct ovs_places. */
    struct uuid uuid;           /* Of its row. */
    size_t n_ours[MAX_APPS]; /* Ports of each application. */
};

/* One port in the database. */
struct ovs_place_port {
    struct hmap_node node;      /* In 'ports' of struct ovs_places. */
    struct uuid uuid;           /* Of its row. */
    struct ovs_place_bridge *bridge;
    int app;                    /* Whose port it is, or -1. */
    struct ovs_list places;     /* Contains "struct ovs_place"s. */
};

/* What a name stands for.  One name may stand for several things: a bond may
 * be named like an interface of another one. */
struct ovs_place {
    struct hmap_node node;      /* In 'by_name' of struct ovs_places. */
    struct ovs_list port_node;  /* In 'port->places'. */
    struct ovs_place_port *port;
    char *name;
    bool is_port;               /* It is the name of the port. */
    bool is_iface;              /* It is the name of an interface of it. */
    char *long_name;            /* It is how OpenFlow cuts this interface's
                                 * name, or null. */
};

struct ovs_places {
    struct hmap by_name;
    struct hmap ports;          /* By UUID. */
    struct hmap bridges;        /* By UUID. */

    /* Returns the application that 'port' was made for, or -1. */
    int (*port_app)(const struct ovsrec_port *port);
};

void ovs_places_init(struct ovs_places *,
                     int (*port_app)(const struct ovsrec_port *));
void ovs_places_destroy(struct ovs_places *);

/* Has 'idl', which has not been run yet, replicate and track the columns that
 * ovs_places_update() looks at. */
void ovs_places_monitor(struct ovsdb_idl *);

/* Brings everything up to date with 'idl', and has it forget the changes.
 * Adds to 'touched' the names about which anything has changed in the
 * database, and to 'moved' those that stand for something else now, or for a
 * port of another application.  Returns true if bridges came or went or have
 * changed in other ways than by their ports.  With 'all' everything counts as
 * new. */
bool ovs_places_update(struct ovs_places *, struct ovsdb_idl *idl, bool all,
                       struct sset *touched, struct sset *moved);

/* Returns the bridge whose row has that UUID, or null. */
const struct ovs_place_bridge *ovs_places_find_bridge(
    const struct ovs_places *, const struct uuid *);

/* Iterates over what 'NAME' stands for. */
#define OVS_PLACE_FOR_EACH(PLACE, NAME, PLACES)                         \
    HMAP_FOR_EACH_WITH_HASH (PLACE, node, hash_string(NAME, 0),         \
                             &(PLACES)->by_name)                        \
        if (!strcmp((PLACE)->name, NAME))

#endif /* TASUKID_OVS_PLACES_H */
