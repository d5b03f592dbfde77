/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ovs-ports.h"

#include <inttypes.h>

#include "config-db.h"
#include "lib/vswitch-idl.h"
#include "openflow/openflow-common.h"
#include "openvswitch/hmap.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovs_ports);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How long to wait for a switch's database, in msec.  After that all ports
 * count as tenants'. */
#define DATABASE_TIMEOUT 5000

/* Open vSwitch deletes all ports that go at the same time before it does
 * anything else, such as creating a port for another tenant.  With a userspace
 * datapath a port takes some milliseconds, and more the more ports there are.
 * So a few are deleted at a time, and the next ones when the switch says that
 * those have gone: as many as take GOING_TIME msec, judging by the last ones.
 * Ports that have not gone after GOING_TIMEOUT msec are not waited for. */
#define MIN_GOING 32
#define GOING_TIME 2000
#define GOING_TIMEOUT 10000

/* The ports of one bridge. */
struct ovs_bridge {
    struct hmap_node node;
    uint64_t dpid;
    struct shash wanted;        /* Contains "struct ovs_port"s. */
    struct smap problems;       /* By name of the port; "" is all of them. */
    struct sset foreign;        /* Names of ports that are not to be used. */
    struct sset free;           /* Names of ports that are not ours. */
    struct smap going;          /* Ports deleted last: name, tunnel_kind(). */
    bool more_to_do;            /* Once 'going' have gone. */
    struct sset taken;          /* tunnel_kind() of what goes or has to. */
    size_t max_going;           /* How many ports to delete at a time. */
    long long int going_since;  /* When 'going' were deleted, in msec. */
    bool compared;              /* 'free' and 'in_database' are known. */
    bool in_database;
    bool in_use;                /* Else it is to lose our ports. */
    bool secure;                /* It must not forward on its own. */
    bool has_ours;              /* When it was compared. */
    long long int give_up_at;   /* On the database, in msec. */
};

/* One database. */
struct ovs_db {
    char *remote;
    struct ovsdb_idl *idl;
    struct ovsdb_idl_txn *txn;
    unsigned int seqno;         /* Of 'idl' when it was last compared. */
    bool compare;               /* Compare it with what is wanted. */
    struct hmap bridges;        /* Contains "struct ovs_bridge"s. */
};

static struct shash dbs = SHASH_INITIALIZER(&dbs);  /* By remote. */
static char *default_remote;

typedef void changed_func(uint64_t dpid, const char *name);

/* What is wanted. */

static void
ovs_port_destroy(struct ovs_port *port)
{
    smap_destroy(&port->options);
    free(port->owner);
    free(port);
}

static void
clear_wanted(struct ovs_bridge *bridge)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &bridge->wanted) {
        ovs_port_destroy(node->data);
        shash_delete(&bridge->wanted, node);
    }
}

static void
ovs_bridge_destroy(struct ovs_db *db, struct ovs_bridge *bridge)
{
    hmap_remove(&db->bridges, &bridge->node);
    clear_wanted(bridge);
    shash_destroy(&bridge->wanted);
    smap_destroy(&bridge->problems);
    sset_destroy(&bridge->foreign);
    sset_destroy(&bridge->free);
    smap_destroy(&bridge->going);
    sset_destroy(&bridge->taken);
    free(bridge);
}

static void
ovs_db_destroy(struct ovs_db *db)
{
    struct ovs_bridge *bridge;

    HMAP_FOR_EACH_SAFE (bridge, node, &db->bridges) {
        ovs_bridge_destroy(db, bridge);
    }
    hmap_destroy(&db->bridges);
    if (db->txn) {
        ovsdb_idl_txn_destroy(db->txn);
    }
    ovsdb_idl_destroy(db->idl);
    free(db->remote);
    free(db);
}

static struct ovs_db *
ovs_db_create(const char *remote)
{
    struct ovs_db *db = xzalloc(sizeof *db);

    db->remote = xstrdup(remote);
    db->idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false, true);
    ovsdb_idl_add_column(db->idl, &ovsrec_bridge_col_name);
    ovsdb_idl_add_column(db->idl, &ovsrec_bridge_col_datapath_id);
    ovsdb_idl_add_column(db->idl, &ovsrec_bridge_col_datapath_type);
    ovsdb_idl_add_column(db->idl, &ovsrec_bridge_col_ports);
    ovsdb_idl_add_column(db->idl, &ovsrec_bridge_col_fail_mode);
    ovsdb_idl_add_column(db->idl, &ovsrec_bridge_col_other_config);
    ovsdb_idl_add_column(db->idl, &ovsrec_port_col_name);
    ovsdb_idl_add_column(db->idl, &ovsrec_port_col_interfaces);
    ovsdb_idl_add_column(db->idl, &ovsrec_port_col_external_ids);
    ovsdb_idl_add_column(db->idl, &ovsrec_interface_col_name);
    ovsdb_idl_add_column(db->idl, &ovsrec_interface_col_type);
    ovsdb_idl_add_column(db->idl, &ovsrec_interface_col_options);
    ovsdb_idl_add_column(db->idl, &ovsrec_interface_col_error);
    hmap_init(&db->bridges);
    shash_add(&dbs, remote, db);
    return db;
}

static struct ovs_bridge *
find_bridge(const struct ovs_db *db, uint64_t dpid)
{
    struct ovs_bridge *bridge;

    HMAP_FOR_EACH_WITH_HASH (bridge, node, hash_uint64(dpid), &db->bridges) {
        if (bridge->dpid == dpid) {
            return bridge;
        }
    }
    return NULL;
}

void
ovs_ports_init(const char *remote)
{
    default_remote = xstrdup(remote);
}

void
ovs_ports_forget(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &dbs) {
        ovs_db_destroy(node->data);
    }
    shash_clear(&dbs);
}

void
ovs_ports_destroy(void)
{
    ovs_ports_forget();
    shash_destroy(&dbs);
    free(default_remote);
    default_remote = NULL;
}

void
ovs_ports_begin(bool all)
{
    struct shash_node *node;

    if (!all) {
        return;
    }
    SHASH_FOR_EACH (node, &dbs) {
        struct ovs_db *db = node->data;
        struct ovs_bridge *bridge;

        HMAP_FOR_EACH (bridge, node, &db->bridges) {
            clear_wanted(bridge);
            bridge->in_use = false;
        }
    }
}

struct shash *
ovs_ports_want(const char *remote, uint64_t dpid, bool secure)
{
    struct ovs_bridge *bridge;
    struct ovs_db *db;

    remote = remote ? remote : default_remote;
    db = shash_find_data(&dbs, remote);
    if (!db) {
        db = ovs_db_create(remote);
    }
    bridge = find_bridge(db, dpid);
    if (!bridge) {
        bridge = xzalloc(sizeof *bridge);
        bridge->dpid = dpid;
        bridge->give_up_at = time_msec() + DATABASE_TIMEOUT;
        bridge->max_going = MIN_GOING;
        shash_init(&bridge->wanted);
        smap_init(&bridge->problems);
        sset_init(&bridge->foreign);
        sset_init(&bridge->free);
        smap_init(&bridge->going);
        sset_init(&bridge->taken);
        hmap_insert(&db->bridges, &bridge->node, hash_uint64(dpid));
    }
    bridge->in_use = true;
    bridge->secure = secure;
    return &bridge->wanted;
}

struct smap *
ovs_ports_add(struct shash *ports, const char *name, const char *owner,
              const char *type)
{
    struct ovs_port *port = shash_find_data(ports, name);

    if (!port) {
        port = xmalloc(sizeof *port);
        port->owner = xstrdup(owner);
        port->type = type;
        smap_init(&port->options);
        shash_add_nocopy(ports, xstrdup(name), port);
    }
    return &port->options;
}

void
ovs_ports_remove(struct shash *ports, const char *name, const char *owner)
{
    struct shash_node *node = shash_find(ports, name);

    if (node) {
        struct ovs_port *port = node->data;

        if (!strcmp(port->owner, owner)) {
            ovs_port_destroy(port);
            shash_delete(ports, node);
        }
    }
}

void
ovs_ports_end(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &dbs) {
        struct ovs_db *db = node->data;

        db->compare = true;
    }
}

/* What there is. */

/* Makes 'iface', which is ours, of the type and with the options of
 * 'wanted'. */
static void
update_interface(const struct ovsrec_interface *iface,
                 const struct ovs_port *wanted)
{
    struct smap_node *node;

    if (strcmp(iface->type, wanted->type)) {
        ovsrec_interface_set_type(iface, wanted->type);
    }
    SMAP_FOR_EACH (node, &wanted->options) {
        const char *value = smap_get(&iface->options, node->key);

        if (!value || strcmp(value, node->value)) {
            ovsrec_interface_update_options_setkey(iface, node->key,
                                                   node->value);
        }
    }
}

static void
create_port(struct ovsdb_idl_txn *txn, const struct ovsrec_bridge *br,
            const char *name, const struct ovs_port *wanted)
{
    struct ovsrec_interface *iface = ovsrec_interface_insert(txn);
    struct smap ids = SMAP_CONST1(&ids, OVS_PORTS_OWNER, wanted->owner);
    struct ovsrec_port *port = ovsrec_port_insert(txn);

    ovsrec_interface_set_name(iface, name);
    ovsrec_interface_set_type(iface, wanted->type);
    ovsrec_interface_set_options(iface, &wanted->options);
    ovsrec_port_set_name(port, name);
    ovsrec_port_set_interfaces(port, &iface, 1);
    ovsrec_port_set_external_ids(port, &ids);
    ovsrec_bridge_update_ports_addvalue(br, port);
}

/* Returns the kind of tunnel that Open vSwitch can have only one of, which the
 * caller must free. */
static char *
tunnel_kind(const char *type, const struct smap *options)
{
    return xasprintf("%s %s %s", type, smap_get_def(options, "remote_ip", ""),
                     smap_get_def(options, "key", ""));
}

static bool
is_taken(const struct ovs_bridge *bridge, const struct ovs_port *wanted)
{
    char *kind = tunnel_kind(wanted->type, &wanted->options);
    bool taken = wanted->type[0] && sset_contains(&bridge->taken, kind);

    free(kind);
    return taken;
}

static void
remove_port(struct ovs_bridge *bridge, const struct ovsrec_bridge *br,
            const struct ovsrec_port *port)
{
    char *kind = (port->n_interfaces
                  ? tunnel_kind(port->interfaces[0]->type,
                                &port->interfaces[0]->options)
                  : xstrdup(""));

    sset_add(&bridge->taken, kind);

    /* A bridge that is to have no tenants any more loses all at once: somebody
     * else may want it soon. */
    if (bridge->in_use && bridge->secure
        && !strcmp(br->datapath_type, "netdev")
        && smap_count(&bridge->going) >= bridge->max_going
        && !smap_get(&bridge->going, port->name)) {
        bridge->more_to_do = true;
        free(kind);
        return;
    }
    VLOG_INFO("bridge %s: removing port %s of tenant %s", br->name, port->name,
              smap_get(&port->external_ids, OVS_PORTS_OWNER));
    ovsrec_bridge_update_ports_delvalue(br, port);
    smap_replace(&bridge->going, port->name, kind);
    free(kind);
    bridge->going_since = time_msec();
}

static void
compare_port(struct ovs_bridge *bridge, const struct ovsrec_bridge *br,
             const struct ovsrec_port *port, const struct ovs_port *wanted)
{
    const char *owner = smap_get(&port->external_ids, OVS_PORTS_OWNER);

    if (!wanted) {
        if (owner) {
            remove_port(bridge, br, port);
        }
        return;
    }

    if (!owner && wanted->type[0]) {
        smap_add_format(&bridge->problems, port->name, "bridge %s has a port "
                        "%s of somebody else's", br->name, port->name);
        sset_add(&bridge->foreign, port->name);
        return;
    } else if (owner) {
        if (strcmp(owner, wanted->owner)) {
            ovsrec_port_update_external_ids_setkey(port, OVS_PORTS_OWNER,
                                                   wanted->owner);
        }
        if (port->n_interfaces == 1) {
            update_interface(port->interfaces[0], wanted);
        }
    }
    if (port->n_interfaces == 1 && port->interfaces[0]->error) {
        smap_add(&bridge->problems, port->name, port->interfaces[0]->error);
    }
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

/* OpenFlow cuts names of ports at 15 characters.  Marks the names that are
 * wanted and that an interface with a longer name has in OpenFlow. */
static void
find_cut_names(struct ovs_bridge *bridge, const struct ovsrec_port *port)
{
    for (size_t i = 0; i < port->n_interfaces; i++) {
        const char *long_name = port->interfaces[i]->name;
        char name[OFP_MAX_PORT_NAME_LEN];

        ovs_strlcpy(name, long_name, sizeof name);
        if (strcmp(name, long_name)
            && shash_find(&bridge->wanted, name)) {
            smap_replace(&bridge->problems, name, long_name);
            sset_add(&bridge->foreign, name);
        }
    }
}

/* Makes the ports of 'br' those of 'bridge'.  'owners' has the bridge of each
 * port and interface in the database, since the interfaces of a bond are ports
 * in OpenFlow, too. */
static void
compare_bridge(struct ovs_db *db, struct ovs_bridge *bridge,
               const struct ovsrec_bridge *br, struct shash *owners)
{
    struct sset port_names = SSET_INITIALIZER(&port_names);
    struct smap_node *going;
    struct shash_node *node;

    if (bridge->in_use && bridge->secure) {
        secure_bridge(br);
    }
    bridge->has_ours = false;
    bridge->more_to_do = false;
    sset_clear(&bridge->taken);
    SMAP_FOR_EACH (going, &bridge->going) {
        sset_add(&bridge->taken, going->value);
    }
    for (size_t i = 0; i < br->n_ports; i++) {
        const struct ovsrec_port *port = br->ports[i];

        compare_port(bridge, br, port,
                     shash_find_data(&bridge->wanted, port->name));
        find_cut_names(bridge, port);
        sset_add(&port_names, port->name);
        bridge->has_ours |= smap_get(&port->external_ids,
                                     OVS_PORTS_OWNER) != NULL;
    }
    SHASH_FOR_EACH (node, &bridge->wanted) {
        const struct ovsrec_bridge *owner = shash_find_data(owners,
                                                            node->name);
        const struct ovs_port *wanted = node->data;

        if (!owner && is_taken(bridge, wanted)) {
            bridge->more_to_do = true;
        } else if (!owner) {
            create_port(db->txn, br, node->name, wanted);
            smap_remove(&bridge->going, node->name);
            shash_add(owners, node->name, br);
        } else if (owner == br && wanted->type[0]
                   && !sset_contains(&port_names, node->name)) {
            smap_add_format(&bridge->problems, node->name, "%s is an "
                            "interface of another port", node->name);
            sset_add(&bridge->foreign, node->name);
        } else if (owner != br) {
            smap_add_format(&bridge->problems, node->name,
                            "port %s is on bridge %s", node->name,
                            owner->name);
        }
    }
    sset_destroy(&port_names);
}

/* Sets 'bridge->free' to the OpenFlow names of those ports of 'br' that are
 * not ours. */
static void
note_free_ports(struct ovs_bridge *bridge, const struct ovsrec_bridge *br)
{
    sset_clear(&bridge->free);
    for (size_t i = 0; i < br->n_ports; i++) {
        const struct ovsrec_port *port = br->ports[i];

        if (smap_get(&port->external_ids, OVS_PORTS_OWNER)) {
            continue;
        }
        for (size_t j = 0; j < port->n_interfaces; j++) {
            char name[OFP_MAX_PORT_NAME_LEN];

            ovs_strlcpy(name, port->interfaces[j]->name, sizeof name);
            sset_add(&bridge->free, name);
        }
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

/* Calls 'changed' for each port of 'bridge' about which something has
 * changed. */
static void
tell_changes(const struct ovs_bridge *bridge, const struct smap *old_problems,
             const struct sset *old_free, changed_func *changed)
{
    struct smap_node *node;
    const char *name;

    SMAP_FOR_EACH (node, old_problems) {
        const char *problem = smap_get(&bridge->problems, node->key);

        if (!problem || strcmp(problem, node->value)) {
            changed(bridge->dpid, node->key);
        }
    }
    SMAP_FOR_EACH (node, &bridge->problems) {
        if (!smap_get(old_problems, node->key)) {
            changed(bridge->dpid, node->key);
        }
    }
    SSET_FOR_EACH (name, old_free) {
        if (!sset_contains(&bridge->free, name)) {
            changed(bridge->dpid, name);
        }
    }
    SSET_FOR_EACH (name, &bridge->free) {
        if (!sset_contains(old_free, name)) {
            changed(bridge->dpid, name);
        }
    }
}

static void
compare_db(struct ovs_db *db, changed_func *changed)
{
    struct shash owners = SHASH_INITIALIZER(&owners);
    const struct ovsrec_bridge *br;
    struct ovs_bridge *bridge;

    OVSREC_BRIDGE_FOR_EACH (br, db->idl) {
        for (size_t i = 0; i < br->n_ports; i++) {
            const struct ovsrec_port *port = br->ports[i];

            shash_replace(&owners, port->name, br);
            for (size_t j = 0; j < port->n_interfaces; j++) {
                shash_replace(&owners, port->interfaces[j]->name, br);
            }
        }
    }
    HMAP_FOR_EACH (bridge, node, &db->bridges) {
        struct smap old_problems = SMAP_INITIALIZER(&old_problems);
        bool had_ours = bridge->has_ours;
        struct sset old_free;

        sset_clone(&old_free, &bridge->free);
        hmap_swap(&old_problems.map, &bridge->problems.map);
        sset_clear(&bridge->foreign);
        br = find_bridge_row(db, bridge->dpid);
        if (br) {
            compare_bridge(db, bridge, br, &owners);
            note_free_ports(bridge, br);
        } else {
            bridge->has_ours = false;
            smap_add_format(&bridge->problems, "", "%s has no bridge with "
                            "datapath id %016"PRIx64, db->remote,
                            bridge->dpid);
        }

        bool all = (!bridge->compared || bridge->in_database != (br != NULL)
                    || bridge->has_ours != had_ours
                    || smap_get(&old_problems, ""));

        bridge->compared = true;
        bridge->in_database = br != NULL;
        if (all) {
            changed(bridge->dpid, NULL);
        } else {
            tell_changes(bridge, &old_problems, &old_free, changed);
        }
        smap_destroy(&old_problems);
        sset_destroy(&old_free);
    }
    shash_destroy(&owners);
}

/* The ports that were deleted last took 'took' msec. */
static void
adjust_max_going(struct ovs_bridge *bridge, long long int took)
{
    if (took < GOING_TIME / 2) {
        bridge->max_going *= 2;
    } else if (took > GOING_TIME) {
        bridge->max_going = MAX(bridge->max_going / 2, MIN_GOING);
    }
}

/* Goes on with what had to wait until the ports that were deleted last had
 * gone. */
static void
wait_for_going(struct ovs_db *db,
               bool (*on_switch)(uint64_t dpid, const char *name))
{
    struct ovs_bridge *bridge;

    HMAP_FOR_EACH (bridge, node, &db->bridges) {
        long long int took = time_msec() - bridge->going_since;
        struct smap_node *port;

        SMAP_FOR_EACH_SAFE (port, &bridge->going) {
            if (!on_switch(bridge->dpid, port->key)
                || took >= GOING_TIMEOUT) {
                smap_remove_node(&bridge->going, port);
            }
        }
        if (bridge->more_to_do && smap_is_empty(&bridge->going)) {
            adjust_max_going(bridge, took);
            bridge->more_to_do = false;
            db->compare = true;
        }
    }
}

/* Returns true when 'db' is not needed any more. */
static bool
ovs_db_is_idle(struct ovs_db *db)
{
    struct ovs_bridge *bridge;

    HMAP_FOR_EACH_SAFE (bridge, node, &db->bridges) {
        if (!bridge->in_use) {
            ovs_bridge_destroy(db, bridge);
        }
    }
    return hmap_is_empty(&db->bridges);
}

/* Returns false if nothing is left to do in 'db'. */
static bool
ovs_db_run(struct ovs_db *db,
           bool (*on_switch)(uint64_t dpid, const char *name),
           changed_func *changed)
{
    enum ovsdb_idl_txn_status status;

    ovsdb_idl_run(db->idl);
    wait_for_going(db, on_switch);
    if (!db->txn) {
        if (!ovsdb_idl_is_connected(db->idl)
            || !ovsdb_idl_has_ever_connected(db->idl) || !config_has_lock()
            || (!db->compare && db->seqno == ovsdb_idl_get_seqno(db->idl))) {
            return true;
        }
        db->seqno = ovsdb_idl_get_seqno(db->idl);
        db->compare = false;
        db->txn = ovsdb_idl_txn_create(db->idl);
        ovsdb_idl_txn_add_comment(db->txn, "tasukid");
        compare_db(db, changed);
    }

    status = ovsdb_idl_txn_commit(db->txn);
    if (status == TXN_INCOMPLETE) {
        return true;
    }
    if (status == TXN_ERROR) {
        const char *error = ovsdb_idl_txn_get_error(db->txn);
        struct ovs_bridge *bridge;

        VLOG_WARN_RL(&rl, "%s: %s", db->remote, error);
        HMAP_FOR_EACH (bridge, node, &db->bridges) {
            smap_replace(&bridge->problems, "", error);
            /* Until something changes. */
            smap_clear(&bridge->going);
            bridge->more_to_do = false;
            changed(bridge->dpid, NULL);
        }
    }
    ovsdb_idl_txn_destroy(db->txn);
    db->txn = NULL;
    if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
        return db->compare || !ovs_db_is_idle(db);
    }
    if (status == TXN_TRY_AGAIN) {
        /* The changes have come in by now, or will. */
        db->compare = true;
    }
    return true;
}

void
ovs_ports_run(bool (*on_switch)(uint64_t dpid, const char *name),
              changed_func *changed)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &dbs) {
        if (!ovs_db_run(node->data, on_switch, changed)) {
            ovs_db_destroy(node->data);
            shash_delete(&dbs, node);
        }
    }
}

void
ovs_ports_wait(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &dbs) {
        struct ovs_db *db = node->data;

        ovsdb_idl_wait(db->idl);
        if (db->txn) {
            ovsdb_idl_txn_wait(db->txn);
        } else if (db->compare && ovsdb_idl_is_connected(db->idl)
                   && ovsdb_idl_has_ever_connected(db->idl)
                   && config_has_lock()) {
            poll_immediate_wake();
        }

        const struct ovs_bridge *bridge;
        HMAP_FOR_EACH (bridge, node, &db->bridges) {
            if (!bridge->compared && time_msec() < bridge->give_up_at) {
                poll_timer_wait_until(bridge->give_up_at);
            }
            if (bridge->more_to_do) {
                poll_timer_wait_until(bridge->going_since + GOING_TIMEOUT);
            }
        }
    }
}

static const struct ovs_bridge *
find_bridge_in_use(uint64_t dpid, const struct ovs_db **dbp)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &dbs) {
        const struct ovs_bridge *bridge = find_bridge(node->data, dpid);

        if (bridge && bridge->in_use) {
            *dbp = node->data;
            return bridge;
        }
    }
    return NULL;
}

const char *
ovs_ports_problem(uint64_t dpid, const char *name)
{
    const struct ovs_db *db;
    const struct ovs_bridge *bridge = find_bridge_in_use(dpid, &db);

    if (bridge) {
        const char *problem = smap_get(&bridge->problems, name);

        problem = problem ? problem : smap_get(&bridge->problems, "");
        return (problem ? problem
                : ovsdb_idl_is_connected(db->idl) ? NULL
                : "not connected to the switch's database");
    }
    return NULL;
}

bool
ovs_ports_is_free(uint64_t dpid, const char *name)
{
    const struct ovs_db *db;
    const struct ovs_bridge *bridge = find_bridge_in_use(dpid, &db);

    return (bridge && bridge->compared
            && (!bridge->in_database || sset_contains(&bridge->free, name)));
}

bool
ovs_ports_are_known(uint64_t dpid)
{
    const struct ovs_db *db;
    const struct ovs_bridge *bridge = find_bridge_in_use(dpid, &db);

    return (!bridge || bridge->compared
            || time_msec() >= bridge->give_up_at);
}

bool
ovs_ports_has_ours(uint64_t dpid)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &dbs) {
        const struct ovs_bridge *bridge = find_bridge(node->data, dpid);

        if (bridge && (bridge->has_ours || !bridge->compared)) {
            return true;
        }
    }
    return false;
}

bool
ovs_ports_is_foreign(uint64_t dpid, const char *name)
{
    const struct ovs_db *db;
    const struct ovs_bridge *bridge = find_bridge_in_use(dpid, &db);

    return bridge && sset_contains(&bridge->foreign, name);
}
