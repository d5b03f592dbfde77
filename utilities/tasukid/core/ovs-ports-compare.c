/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ovs-ports-private.h"

#include <inttypes.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "coverage.h"
#include "lib/vswitch-idl.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovs_ports);

/* Names of ports that were looked at. */
COVERAGE_DEFINE(ovs_port_compared);

/* What there is. */

/* Makes 'iface', which is ours, of the type and with the options of
 * 'want'. */
static void
update_interface(const struct ovsrec_interface *iface,
                 const struct ovs_want *want)
{
    struct smap_node *node;

    if (strcmp(iface->type, want->type)) {
        ovsrec_interface_set_type(iface, want->type);
    }
    SMAP_FOR_EACH (node, &want->options) {
        const char *value = smap_get(&iface->options, node->key);

        if (!value || strcmp(value, node->value)) {
            ovsrec_interface_update_options_setkey(iface, node->key,
                                                   node->value);
        }
    }
}

static void
create_port(struct ovsdb_idl_txn *txn, const struct ovsrec_bridge *br,
            const char *name, const struct ovs_want *want)
{
    struct ovsrec_interface *iface = ovsrec_interface_insert(txn);
    struct smap ids = SMAP_CONST1(&ids, ovs_users[want->app]->key,
                                  want->owner);
    struct ovsrec_port *port = ovsrec_port_insert(txn);

    ovsrec_interface_set_name(iface, name);
    ovsrec_interface_set_type(iface, want->type);
    ovsrec_interface_set_options(iface, &want->options);
    ovsrec_port_set_name(port, name);
    ovsrec_port_set_interfaces(port, &iface, 1);
    ovsrec_port_set_external_ids(port, &ids);
    ovsrec_bridge_update_ports_addvalue(br, port);
}

/* Gives 'port', which is application 'app''s, to 'want'. */
static void
give_port(const struct ovsrec_port *port, int app, const struct ovs_want *want)
{
    const char *key = ovs_users[want->app]->key;
    const char *owner = smap_get(&port->external_ids, key);

    if (app != want->app) {
        ovsrec_port_update_external_ids_delkey(port, ovs_users[app]->key);
        if (port->n_interfaces == 1) {
            ovsrec_interface_set_options(port->interfaces[0], &want->options);
        }
    }
    if (!owner || strcmp(owner, want->owner)) {
        ovsrec_port_update_external_ids_setkey(port, key, want->owner);
    }
    if (port->n_interfaces == 1) {
        update_interface(port->interfaces[0], want);
    }
}

/* Returns the kind of tunnel that Open vSwitch can have only one of, which the
 * caller must free, or null if it is no tunnel. */
static char *
tunnel_kind(const char *type, const struct smap *options)
{
    const char *remote = smap_get(options, "remote_ip");

    return (remote ? xasprintf("%s %s %s", type, remote,
                               smap_get_def(options, "key", ""))
            : NULL);
}

/* What is compared. */
struct comparison {
    struct ovs_db *db;
    struct ovs_bridge *bridge;
    const struct ovsrec_bridge *br;     /* The bridge in the database. */
    struct sset *taken;         /* tunnel_kind() of what goes or has to. */
    struct sset *created;       /* Names of new ports, of all bridges. */
};

static bool
is_taken(const struct comparison *c, const struct ovs_want *want)
{
    char *kind = tunnel_kind(want->type, &want->options);
    bool taken = kind && sset_contains(c->taken, kind);

    free(kind);
    return taken;
}

static char *
port_kind(const struct ovsrec_port *port)
{
    return (port->n_interfaces
            ? tunnel_kind(port->interfaces[0]->type,
                          &port->interfaces[0]->options)
            : NULL);
}

/* Returns the port of 'bridge' that has that name itself, or null. */
static const struct ovs_place *
find_port(const struct ovs_bridge *bridge, const char *name)
{
    const struct ovs_place *place;

    OVS_PLACE_FOR_EACH (place, name, &bridge->db->places) {
        if (place->is_port && ovs_place_is_on(place, bridge)) {
            return place;
        }
    }
    return NULL;
}

static const struct ovsrec_port *
port_row(const struct ovs_db *db, const struct ovs_place *place)
{
    return ovsrec_port_get_for_uuid(db->idl, &place->port->uuid);
}

/* Returns the one of those who want 'slot' that gets it.  'app' is the
 * application that the port in the database was made for, or -1. */
static struct ovs_want *
choose_want(const struct ovs_slot *slot, int app)
{
    struct ovs_want *want = ovs_want_find(slot, app);

    if (want) {
        return want;
    }
    LIST_FOR_EACH (want, node, &slot->wants) {
        if (want->has) {
            return want;
        }
    }
    return CONTAINER_OF(ovs_list_front(&slot->wants), struct ovs_want, node);
}

static void OVS_PRINTF_FORMAT(2, 3)
set_problem(struct ovs_want *want, const char *format, ...)
{
    va_list args;

    free(want->problem);
    va_start(args, format);
    want->problem = xvasprintf(format, args);
    va_end(args);
}

/* Looks at 'port', which is on 'br' and was made for 'app', or for nobody if
 * that is -1.  'winner' is the one that gets it. */
static void
compare_port(const struct ovsrec_bridge *br, const struct ovsrec_port *port,
             int app, struct ovs_want *winner)
{
    if (app >= 0) {
        give_port(port, app, winner);
    } else if (winner->type[0]) {
        set_problem(winner, "bridge %s has a port %s of somebody else's",
                    br->name, port->name);
        winner->foreign = true;
        return;
    }
    if (port->n_interfaces == 1 && port->interfaces[0]->error) {
        set_problem(winner, "%s", port->interfaces[0]->error);
    }
}

/* Says why those who want 'slot' do not have it, as it is at 'place', which is
 * on another bridge or in another port. */
static void
set_place_problem(const struct comparison *c, struct ovs_slot *slot,
                  const struct ovs_place *place)
{
    struct ovs_want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        if (!ovs_place_is_on(place, c->bridge)) {
            const struct ovsrec_bridge *br
                = ovsrec_bridge_get_for_uuid(c->db->idl,
                                             &place->port->bridge->uuid);

            set_problem(want, "port %s is on bridge %s", slot->name,
                        br->name);
        } else if (want->type[0]) {
            set_problem(want, "%s is an interface of another port",
                        slot->name);
            want->foreign = true;
        }
    }
}

/* OpenFlow knows the interface 'long_name' by the name of 'slot'. */
static void
set_cut_problem(struct ovs_slot *slot, const char *long_name)
{
    struct ovs_want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        set_problem(want, "%s", long_name);
        want->foreign = true;
    }
}

/* Gives the name of 'slot' to one of those who want it, who is returned, and
 * tells the others. */
static struct ovs_want *
decide(struct ovs_slot *slot, int app)
{
    struct ovs_want *winner = choose_want(slot, app);
    struct ovs_want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        want->has = want == winner;
        want->foreign = want != winner;
        if (want != winner) {
            set_problem(want, "application %s has port %s, for %s",
                        ovs_users[winner->app]->name, slot->name,
                        winner->owner);
        }
    }
    return winner;
}

/* Returns the interface with that name, or null. */
static const struct ovsrec_interface *
find_iface(const struct ovs_db *db, const char *name)
{
    const struct ovs_place *place;

    OVS_PLACE_FOR_EACH (place, name, &db->places) {
        const struct ovsrec_port *port = port_row(db, place);

        for (size_t i = 0; place->is_iface && i < port->n_interfaces; i++) {
            if (!strcmp(port->interfaces[i]->name, name)) {
                return port->interfaces[i];
            }
        }
    }
    return NULL;
}

/* Remembers the MTU of 'name', through which tunnels leave.  Returns true if
 * it was another one. */
static bool
note_egress(struct ovs_db *db, const char *name)
{
    const struct ovsrec_interface *iface = find_iface(db, name);
    const char *old = smap_get(&db->egresses, name);
    char *mtu = xasprintf("%"PRId64, iface && iface->n_mtu ? *iface->mtu : 0);
    bool changed = old && strcmp(old, mtu);

    smap_replace(&db->egresses, name, mtu);
    free(mtu);
    return changed;
}

static const char *
egress_iface(const struct ovsrec_port *port)
{
    return (port && port->n_interfaces == 1
            ? smap_get(&port->interfaces[0]->status, "tunnel_egress_iface")
            : NULL);
}

/* Makes the port with the name of 'slot' what is wanted. */
static void
update_slot(const struct comparison *c, struct ovs_slot *slot)
{
    const struct ovs_place *here = find_port(c->bridge, slot->name);
    const struct ovsrec_port *port = here ? port_row(c->db, here) : NULL;
    struct ovs_want *winner = decide(slot, here ? here->port->app : -1);
    const struct ovs_place *place, *other = NULL;
    const char *long_name = NULL;

    sset_find_and_delete(&c->bridge->doomed, slot->name);
    OVS_PLACE_FOR_EACH (place, slot->name, &c->db->places) {
        if (!place->long_name) {
            other = place;
        } else if (ovs_place_is_on(place, c->bridge)) {
            long_name = place->long_name;
        }
    }
    if (here) {
        compare_port(c->br, port, here->port->app, winner);
    } else if (other) {
        set_place_problem(c, slot, other);
    } else if (is_taken(c, winner)) {
        sset_add(&c->bridge->waiting, slot->name);
    } else if (sset_add(c->created, slot->name)) {
        create_port(c->db->txn, c->br, slot->name, winner);
        smap_remove(&c->bridge->going, slot->name);
    }
    if (long_name) {
        set_cut_problem(slot, long_name);
    }
    free(slot->egress);
    slot->egress = nullable_xstrdup(egress_iface(port));
    if (slot->egress && !smap_get(&c->db->egresses, slot->egress)) {
        note_egress(c->db, slot->egress);
    }
}

/* Likewise, and notes whether there is news for applications. */
static void
compare_slot(const struct comparison *c, struct ovs_slot *slot)
{
    char *old_egress = nullable_xstrdup(slot->egress);
    bool changed = false;
    struct ovs_want *want;

    COVERAGE_INC(ovs_port_compared);
    LIST_FOR_EACH (want, node, &slot->wants) {
        want->old_problem = want->problem;
        want->was_foreign = want->foreign;
        want->problem = NULL;
    }
    update_slot(c, slot);
    LIST_FOR_EACH (want, node, &slot->wants) {
        changed |= (!nullable_string_is_equal(want->problem, want->old_problem)
                    || want->foreign != want->was_foreign);
        free(want->old_problem);
        want->old_problem = NULL;
    }
    if (changed || !nullable_string_is_equal(slot->egress, old_egress)) {
        ovs_ports_add_news(c->bridge, slot->name);
    }
    free(old_egress);
}

/* By default Open vSwitch forwards between all ports, like any switch, when it
 * has just started or lost its controller.  It always forwards what it takes
 * for the controller's own traffic. */
static void
secure_bridge(const struct ovsrec_bridge *br)
{
    if (!br->fail_mode || strcmp(br->fail_mode, "secure")) {
        VLOG_INFO("bridge %s: setting fail_mode to secure", br->name);
        ovsrec_bridge_set_fail_mode(br, "secure");
    }
    if (!smap_get(&br->other_config, "disable-in-band")) {
        VLOG_INFO("bridge %s: setting other_config:disable-in-band", br->name);
        ovsrec_bridge_update_other_config_setkey(br, "disable-in-band",
                                                 "true");
    }
    /* By default the datapath id is the lowest of the ports' MAC addresses, so
     * that a new port may make the bridge another switch. */
    if (!smap_get(&br->other_config, "datapath-id")) {
        ovsrec_bridge_update_other_config_setkey(br, "datapath-id",
                                                 br->datapath_id);
    }
}

static bool
is_secure(const struct ovs_bridge *bridge)
{
    const struct ovs_wants *wants;

    LIST_FOR_EACH (wants, node, &bridge->wants) {
        if (wants->in_use && wants->secure) {
            return true;
        }
    }
    return false;
}

/* Returns true if ports of 'app' must not all go at once.  A bridge of which
 * the application wants nothing any more loses all: somebody else may want it
 * soon. */
static bool
goes_slowly(const struct comparison *c, int app)
{
    const struct ovs_wants *wants = ovs_wants_find(c->bridge, app);

    return (wants && wants->in_use && wants->secure
            && !strcmp(c->br->datapath_type, "netdev"));
}

/* Removes as many ports that nobody wants as may go at once. */
static void
remove_ports(const struct comparison *c)
{
    struct ovs_bridge *bridge = c->bridge;
    const char *name;

    SSET_FOR_EACH_SAFE (name, &bridge->doomed) {
        const struct ovs_place *place = find_port(bridge, name);
        const struct ovsrec_port *port = place ? port_row(c->db, place) : NULL;
        int app = place ? place->port->app : -1;
        char *kind;

        if (app >= 0 && goes_slowly(c, app)
            && smap_count(&bridge->going) >= bridge->max_going) {
            continue;
        }
        if (app >= 0) {
            kind = port_kind(port);
            VLOG_INFO("bridge %s: removing port %s of %s %s", c->br->name,
                      name, ovs_users[app]->name,
                      smap_get(&port->external_ids, ovs_users[app]->key));
            ovsrec_bridge_update_ports_delvalue(c->br, port);
            smap_replace(&bridge->going, name, kind ? kind : "");
            bridge->going_since = time_msec();
            free(kind);
        }
        sset_delete(&bridge->doomed, SSET_NODE_FROM_NAME(name));
    }
}

static const struct ovsrec_bridge *
find_bridge_row(const struct ovs_db *db, uint64_t dpid)
{
    const struct ovsrec_bridge *br;

    OVSREC_BRIDGE_FOR_EACH (br, db->idl) {
        uint64_t br_dpid;

        if (br->datapath_id && dpid_from_string(br->datapath_id, &br_dpid)
            && br_dpid == dpid) {
            return br;
        }
    }
    return NULL;
}

/* Finds the row of 'bridge', or sets its problem and returns null. */
static const struct ovsrec_bridge *
find_row(struct ovs_bridge *bridge)
{
    const struct ovsrec_bridge *br = find_bridge_row(bridge->db, bridge->dpid);
    struct uuid uuid = br ? br->header_.uuid : UUID_ZERO;

    free(bridge->problem);
    bridge->problem = (br ? NULL
                       : xasprintf("%s has no bridge with datapath id "
                                   "%016"PRIx64, bridge->db->remote,
                                   bridge->dpid));
    bridge->row = uuid;
    bridge->compared = true;
    return br;
}

/* Adds to 'taken' what of those ports of 'c->bridge' that nobody wants is
 * still there. */
static void
note_taken(const struct comparison *c)
{
    const struct smap_node *going;
    const char *name;

    SMAP_FOR_EACH (going, &c->bridge->going) {
        sset_add(c->taken, going->value);
    }
    SSET_FOR_EACH (name, &c->bridge->doomed) {
        const struct ovs_place *place = find_port(c->bridge, name);
        char *kind = place ? port_kind(port_row(c->db, place)) : NULL;

        if (kind) {
            sset_add_and_free(c->taken, kind);
        }
    }
}

/* Makes those ports of 'bridge' that have one of the 'names' what is
 * wanted. */
static void
compare_bridge(struct ovs_bridge *bridge, const struct sset *names,
               struct sset *created)
{
    struct sset taken = SSET_INITIALIZER(&taken);
    struct comparison c = {
        .db = bridge->db,
        .bridge = bridge,
        .br = find_row(bridge),
        .taken = &taken,
        .created = created,
    };
    const char *name;

    if (!c.br) {
        return;
    }
    if (is_secure(bridge)) {
        secure_bridge(c.br);
    }
    SSET_FOR_EACH (name, names) {
        const struct ovs_place *place = find_port(bridge, name);

        if (place && place->port->app >= 0 && !ovs_slot_find(bridge, name)) {
            sset_add(&bridge->doomed, name);
        }
    }
    note_taken(&c);
    SSET_FOR_EACH (name, names) {
        struct ovs_slot *slot = ovs_slot_find(bridge, name);

        if (slot) {
            compare_slot(&c, slot);
        }
    }
    remove_ports(&c);
    sset_destroy(&taken);
}

/* Adds to 'names' all names that 'db' has to do with. */
static void
add_all_names(const struct ovs_db *db, struct sset *names)
{
    const struct ovs_bridge *bridge;
    const struct ovs_place *place;
    const struct ovs_slot *slot;

    HMAP_FOR_EACH (place, node, &db->places.by_name) {
        sset_add(names, place->name);
    }
    HMAP_FOR_EACH (bridge, node, &db->bridges) {
        HMAP_FOR_EACH (slot, node, &bridge->slots) {
            sset_add(names, slot->name);
        }
    }
}

/* Notes the news if one of the 'dirty' interfaces has another MTU and tunnels
 * leave through it. */
static void
compare_mtus(struct ovs_db *db)
{
    struct ovs_bridge *bridge;
    const char *name;

    SSET_FOR_EACH (name, &db->dirty) {
        if (smap_get(&db->egresses, name) && note_egress(db, name)) {
            HMAP_FOR_EACH (bridge, node, &db->bridges) {
                ovs_ports_add_news(bridge, NULL);
            }
        }
    }
}

void
ovs_db_compare(struct ovs_db *db)
{
    struct sset created = SSET_INITIALIZER(&created);
    struct sset moved = SSET_INITIALIZER(&moved);
    struct ovs_bridge *bridge;
    const char *name;
    bool all;

    all = ovs_places_update(&db->places, db->idl, db->all, &db->dirty, &moved);
    if (all) {
        add_all_names(db, &db->dirty);
        sset_clear(&moved);
    }
    HMAP_FOR_EACH (bridge, node, &db->bridges) {
        compare_bridge(bridge, &db->dirty, &created);
        if (all) {
            ovs_ports_add_news(bridge, NULL);
        }
        SSET_FOR_EACH (name, &moved) {
            ovs_ports_add_news(bridge, name);
        }
    }
    compare_mtus(db);
    db->all = false;
    /* Somebody may delete a new port before we know that it is there: look
     * again once we do. */
    sset_swap(&db->dirty, &created);
    sset_destroy(&moved);
    sset_destroy(&created);
}

/* Returns the MTU of network device 'name' of this host, or 0. */
static int
device_mtu(const char *name)
{
    struct ifreq ifr;

    return af_inet_ifreq_ioctl(name, &ifr, SIOCGIFMTU, "SIOCGIFMTU")
           ? 0 : ifr.ifr_mtu;
}

int
ovs_db_egress_mtu(const struct ovs_db *db, const char *name)
{
    const struct ovsrec_interface *iface = find_iface(db, name);

    return (iface && iface->n_mtu ? iface->mtu[0]
            : !strncmp(db->remote, "unix:", 5) ? device_mtu(name)
            : 0);
}
