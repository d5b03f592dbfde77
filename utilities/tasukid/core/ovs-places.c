/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ovs-places.h"

#include "hash.h"
#include "lib/vswitch-idl.h"
#include "openflow/openflow-common.h"
#include "ovsdb-idl.h"
#include "sset.h"
#include "util.h"
#include "uuid.h"

void
ovs_places_init(struct ovs_places *places,
                int (*port_app)(const struct ovsrec_port *))
{
    hmap_init(&places->by_name);
    hmap_init(&places->ports);
    hmap_init(&places->bridges);
    places->port_app = port_app;
}

static void
place_destroy(struct ovs_places *places, struct ovs_place *place)
{
    hmap_remove(&places->by_name, &place->node);
    ovs_list_remove(&place->port_node);
    free(place->name);
    free(place->long_name);
    free(place);
}

static void
port_destroy(struct ovs_places *places, struct ovs_place_port *port)
{
    struct ovs_place *place;

    LIST_FOR_EACH_SAFE (place, port_node, &port->places) {
        place_destroy(places, place);
    }
    if (port->app >= 0) {
        port->bridge->n_ours[port->app]--;
    }
    hmap_remove(&places->ports, &port->node);
    free(port);
}

static void
clear(struct ovs_places *places)
{
    struct ovs_place_bridge *bridge;
    struct ovs_place_port *port;

    HMAP_FOR_EACH_SAFE (port, node, &places->ports) {
        port_destroy(places, port);
    }
    HMAP_FOR_EACH_POP (bridge, node, &places->bridges) {
        free(bridge);
    }
}

void
ovs_places_destroy(struct ovs_places *places)
{
    clear(places);
    hmap_destroy(&places->by_name);
    hmap_destroy(&places->ports);
    hmap_destroy(&places->bridges);
}

void
ovs_places_monitor(struct ovsdb_idl *idl)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &ovsrec_bridge_col_name,
        &ovsrec_bridge_col_datapath_id,
        &ovsrec_bridge_col_datapath_type,
        &ovsrec_bridge_col_ports,
        &ovsrec_bridge_col_fail_mode,
        &ovsrec_bridge_col_other_config,
        &ovsrec_port_col_name,
        &ovsrec_port_col_interfaces,
        &ovsrec_port_col_external_ids,
        &ovsrec_interface_col_name,
        &ovsrec_interface_col_type,
        &ovsrec_interface_col_options,
        &ovsrec_interface_col_error,
        &ovsrec_interface_col_mtu,
        &ovsrec_interface_col_status,
    };

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_track_add_column(idl, columns[i]);
    }
}

static struct ovs_place_bridge *
find_bridge(const struct ovs_places *places, const struct uuid *uuid)
{
    struct ovs_place_bridge *bridge;

    HMAP_FOR_EACH_WITH_HASH (bridge, node, uuid_hash(uuid),
                             &places->bridges) {
        if (uuid_equals(&bridge->uuid, uuid)) {
            return bridge;
        }
    }
    return NULL;
}

const struct ovs_place_bridge *
ovs_places_find_bridge(const struct ovs_places *places,
                       const struct uuid *uuid)
{
    return find_bridge(places, uuid);
}

static struct ovs_place_bridge *
get_bridge(struct ovs_places *places, const struct uuid *uuid)
{
    struct ovs_place_bridge *bridge = find_bridge(places, uuid);

    if (!bridge) {
        bridge = xzalloc(sizeof *bridge);
        bridge->uuid = *uuid;
        hmap_insert(&places->bridges, &bridge->node, uuid_hash(uuid));
    }
    return bridge;
}

static struct ovs_place_port *
find_port(const struct ovs_places *places, const struct uuid *uuid)
{
    struct ovs_place_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, uuid_hash(uuid), &places->ports) {
        if (uuid_equals(&port->uuid, uuid)) {
            return port;
        }
    }
    return NULL;
}

static struct ovs_place *
add_place(struct ovs_places *places, struct ovs_place_port *port,
          const char *name)
{
    struct ovs_place *place;

    LIST_FOR_EACH (place, port_node, &port->places) {
        if (!strcmp(place->name, name) && !place->long_name) {
            return place;
        }
    }
    place = xzalloc(sizeof *place);
    place->name = xstrdup(name);
    place->port = port;
    ovs_list_push_back(&port->places, &place->port_node);
    hmap_insert(&places->by_name, &place->node, hash_string(name, 0));
    return place;
}

/* OpenFlow cuts names of ports at 15 characters. */
static void
cut_name(const char *long_name, char name[OFP_MAX_PORT_NAME_LEN])
{
    ovs_strlcpy(name, long_name, OFP_MAX_PORT_NAME_LEN);
}

static void
add_iface(struct ovs_places *places, struct ovs_place_port *port,
          const char *long_name)
{
    char name[OFP_MAX_PORT_NAME_LEN];

    add_place(places, port, long_name)->is_iface = true;
    cut_name(long_name, name);
    if (strcmp(name, long_name)) {
        add_place(places, port, name)->long_name = xstrdup(long_name);
    }
}

static struct ovs_place_port *
port_create(struct ovs_places *places, const struct ovsrec_port *row,
            struct ovs_place_bridge *bridge)
{
    struct ovs_place_port *port = xmalloc(sizeof *port);

    port->uuid = row->header_.uuid;
    port->bridge = bridge;
    port->app = places->port_app(row);
    if (port->app >= 0) {
        port->bridge->n_ours[port->app]++;
    }
    ovs_list_init(&port->places);
    hmap_insert(&places->ports, &port->node, uuid_hash(&port->uuid));
    add_place(places, port, row->name)->is_port = true;
    for (size_t i = 0; i < row->n_interfaces; i++) {
        add_iface(places, port, row->interfaces[i]->name);
    }
    return port;
}

static void
add_names(const struct ovs_place_port *port, struct sset *names)
{
    const struct ovs_place *place;

    LIST_FOR_EACH (place, port_node, &port->places) {
        sset_add(names, place->name);
    }
}

static bool
has_place(const struct ovs_place_port *port, const char *name)
{
    const struct ovs_place *place;

    LIST_FOR_EACH (place, port_node, &port->places) {
        if (!strcmp(place->name, name)) {
            return true;
        }
    }
    return false;
}

/* Returns true if 'port' is what 'row' makes of it. */
static bool
is_current(const struct ovs_places *places, const struct ovs_place_port *port,
           const struct ovsrec_port *row)
{
    size_t n = 0;

    if (port->app != places->port_app(row) || !has_place(port, row->name)) {
        return false;
    }
    for (size_t i = 0; i < row->n_interfaces; i++) {
        if (!has_place(port, row->interfaces[i]->name)) {
            return false;
        }
    }

    const struct ovs_place *place;
    LIST_FOR_EACH (place, port_node, &port->places) {
        n += place->is_iface;
    }
    return n == row->n_interfaces;
}

/* Finds out about ports that were there and have changed. */
static void
update_ports(struct ovs_places *places, struct ovsdb_idl *idl,
             struct sset *touched, struct sset *moved)
{
    const struct ovsrec_port *row;

    OVSREC_PORT_FOR_EACH_TRACKED (row, idl) {
        struct ovs_place_port *port = find_port(places, &row->header_.uuid);

        if (!port) {
            continue;
        }
        add_names(port, touched);
        if (ovsrec_port_is_deleted(row)) {
            add_names(port, moved);
            port_destroy(places, port);
        } else if (!is_current(places, port, row)) {
            struct ovs_place_bridge *bridge = port->bridge;

            add_names(port, moved);
            port_destroy(places, port);
            port = port_create(places, row, bridge);
            add_names(port, touched);
            add_names(port, moved);
        }
    }
}

/* Finds out which ports have come to 'br'. */
static void
update_bridge(struct ovs_places *places, const struct ovsrec_bridge *br,
              struct sset *touched, struct sset *moved)
{
    struct ovs_place_bridge *bridge = get_bridge(places, &br->header_.uuid);

    for (size_t i = 0; i < br->n_ports; i++) {
        const struct ovsrec_port *row = br->ports[i];
        struct ovs_place_port *port = find_port(places, &row->header_.uuid);

        if (port && port->bridge != bridge) {
            port_destroy(places, port);
            port = NULL;
        }
        if (!port) {
            port = port_create(places, row, bridge);
            add_names(port, touched);
            add_names(port, moved);
        }
    }
}

/* Returns true if 'br' has changed in another way than by its ports. */
static bool
bridge_has_changed(const struct ovsrec_bridge *br)
{
    return (ovsrec_bridge_is_new(br) || ovsrec_bridge_is_deleted(br)
            || ovsrec_bridge_is_updated(br, OVSREC_BRIDGE_COL_NAME)
            || ovsrec_bridge_is_updated(br, OVSREC_BRIDGE_COL_DATAPATH_ID)
            || ovsrec_bridge_is_updated(br, OVSREC_BRIDGE_COL_DATAPATH_TYPE)
            || ovsrec_bridge_is_updated(br, OVSREC_BRIDGE_COL_FAIL_MODE)
            || ovsrec_bridge_is_updated(br, OVSREC_BRIDGE_COL_OTHER_CONFIG));
}

/* Returns true if the bridges are not those that 'places' knows.  After a lost
 * connection, 'idl' may have dropped rows without a word, and all that are
 * there are new. */
static bool
bridges_differ(const struct ovs_places *places, struct ovsdb_idl *idl)
{
    const struct ovs_place_bridge *bridge;
    const struct ovsrec_bridge *br;

    HMAP_FOR_EACH (bridge, node, &places->bridges) {
        br = ovsrec_bridge_get_for_uuid(idl, &bridge->uuid);
        if (!br || ovsrec_bridge_is_new(br)) {
            return true;
        }
    }
    return false;
}

bool
ovs_places_update(struct ovs_places *places, struct ovsdb_idl *idl, bool all,
                  struct sset *touched, struct sset *moved)
{
    bool changed = all || bridges_differ(places, idl);
    const struct ovsrec_bridge *br;

    if (changed) {
        struct ovs_place_port *port;

        HMAP_FOR_EACH (port, node, &places->ports) {
            add_names(port, touched);
            add_names(port, moved);
        }
        clear(places);
        OVSREC_BRIDGE_FOR_EACH (br, idl) {
            update_bridge(places, br, touched, moved);
        }
    } else {
        update_ports(places, idl, touched, moved);
        OVSREC_BRIDGE_FOR_EACH_TRACKED (br, idl) {
            changed |= bridge_has_changed(br);
            if (!ovsrec_bridge_is_deleted(br)
                && (ovsrec_bridge_is_new(br)
                    || ovsrec_bridge_is_updated(br,
                                                OVSREC_BRIDGE_COL_PORTS))) {
                update_bridge(places, br, touched, moved);
            }
        }
    }
    ovsdb_idl_track_clear(idl);
    return changed;
}
