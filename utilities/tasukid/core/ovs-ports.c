/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ovs-ports-private.h"

#include <inttypes.h>

#include "config-db.h"
#include "lib/vswitch-idl.h"
#include "ofswitch.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovs_ports_run);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Open vSwitch deletes all ports that go at the same time before it does
 * anything else, such as creating another port.  With a userspace datapath a
 * port takes some milliseconds, and more the more ports there are.  So a few
 * are deleted at a time, and the next ones when the switch says that those
 * have gone: as many as take GOING_TIME msec, judging by the last ones.  Ports
 * that have not gone after GOING_TIMEOUT msec are not waited for. */
#define GOING_TIME 2000
#define GOING_TIMEOUT 10000

/* The ports that were deleted last took 'took' msec. */
static void
adjust_max_going(struct ovs_bridge *bridge, long long int took)
{
    if (took < GOING_TIME / 2) {
        bridge->max_going *= 2;
    } else if (took > GOING_TIME) {
        bridge->max_going = MAX(bridge->max_going / 2, OVS_PORTS_MIN_GOING);
    }
}

struct port_search {
    uint64_t dpid;
    const char *name;
    bool gone;
};

static void
search_port(struct ofswitch *sw, void *search_)
{
    struct port_search *search = search_;

    if (ofswitch_datapath_id(sw) == search->dpid) {
        search->gone = (ofswitch_port_by_name(sw, search->name) == OFPP_NONE);
    }
}

/* Returns true if the switch does not have port 'name'.  The ports of a switch
 * that is not connected are not known. */
static bool
is_gone(const struct ovs_bridge *bridge, const char *name)
{
    struct port_search search = { .dpid = bridge->dpid, .name = name };

    ofswitch_for_each(PIPE_APP_CORE, search_port, &search);
    return search.gone;
}

static bool
has_more_to_do(const struct ovs_bridge *bridge)
{
    return (!sset_is_empty(&bridge->doomed)
            || !sset_is_empty(&bridge->waiting));
}

/* Goes on with what had to wait until the ports that were deleted last had
 * gone. */
static void
wait_for_going(struct ovs_db *db)
{
    struct ovs_bridge *bridge;

    HMAP_FOR_EACH (bridge, node, &db->bridges) {
        long long int took = time_msec() - bridge->going_since;
        struct smap_node *port;

        SMAP_FOR_EACH_SAFE (port, &bridge->going) {
            if (took < GOING_TIMEOUT && !is_gone(bridge, port->key)) {
                break;
            }
            smap_remove_node(&bridge->going, port);
        }
        if (has_more_to_do(bridge) && smap_is_empty(&bridge->going)) {
            const char *name;

            adjust_max_going(bridge, took);
            SSET_FOR_EACH (name, &bridge->waiting) {
                sset_add(&db->dirty, name);
            }
            sset_clear(&bridge->waiting);
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
        struct ovs_wants *wants;

        LIST_FOR_EACH_SAFE (wants, node, &bridge->wants) {
            if (!wants->in_use) {
                ovs_wants_destroy(wants);
            }
        }
        if (ovs_list_is_empty(&bridge->wants)) {
            ovs_bridge_destroy(bridge);
        }
    }
    return hmap_is_empty(&db->bridges);
}

/* The database has refused what was compared. */
static void
note_failure(struct ovs_db *db, const char *error)
{
    struct ovs_bridge *bridge;

    VLOG_WARN_RL(&rl, "%s: %s", db->remote, error);
    HMAP_FOR_EACH (bridge, node, &db->bridges) {
        free(bridge->problem);
        bridge->problem = xstrdup(error);
        /* Until something changes. */
        smap_clear(&bridge->going);
        sset_clear(&bridge->doomed);
        sset_clear(&bridge->waiting);
        ovs_ports_add_news(bridge, NULL);
    }
}

static bool
is_ready(const struct ovs_db *db)
{
    return (ovsdb_idl_is_connected(db->idl)
            && ovsdb_idl_has_ever_connected(db->idl) && config_has_lock());
}

/* Returns false if nothing is left to do in 'db'. */
static bool
ovs_db_run(struct ovs_db *db)
{
    enum ovsdb_idl_txn_status status;

    ovsdb_idl_run(db->idl);
    wait_for_going(db);
    if (!db->txn) {
        if (!is_ready(db)
            || (!db->compare && db->seqno == ovsdb_idl_get_seqno(db->idl))) {
            return true;
        }
        db->seqno = ovsdb_idl_get_seqno(db->idl);
        db->compare = false;
        db->txn = ovsdb_idl_txn_create(db->idl);
        ovsdb_idl_txn_add_comment(db->txn, "tasukid");
        ovs_db_compare(db);
    }

    status = ovsdb_idl_txn_commit(db->txn);
    if (status == TXN_INCOMPLETE) {
        return true;
    }
    if (status == TXN_ERROR) {
        note_failure(db, ovsdb_idl_txn_get_error(db->txn));
    }
    ovsdb_idl_txn_destroy(db->txn);
    db->txn = NULL;
    if (status == TXN_SUCCESS || status == TXN_UNCHANGED) {
        return db->compare || !ovs_db_is_idle(db);
    }
    db->all = true;
    if (status == TXN_TRY_AGAIN) {
        /* The changes have come in by now, or will. */
        db->compare = true;
    }
    return true;
}

void
ovs_ports_run(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &ovs_dbs) {
        if (!ovs_db_run(node->data)) {
            ovs_db_destroy(node->data);
            shash_delete(&ovs_dbs, node);
        }
    }
    ovs_ports_tell_news();
}

void
ovs_ports_wait(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &ovs_dbs) {
        struct ovs_db *db = node->data;

        ovsdb_idl_wait(db->idl);
        if (db->txn) {
            ovsdb_idl_txn_wait(db->txn);
        } else if (db->compare && is_ready(db)) {
            poll_immediate_wake();
        }

        const struct ovs_bridge *bridge;
        HMAP_FOR_EACH (bridge, node, &db->bridges) {
            if (!bridge->compared && time_msec() < bridge->give_up_at) {
                poll_timer_wait_until(bridge->give_up_at);
            }
            if (has_more_to_do(bridge)) {
                poll_timer_wait_until(bridge->going_since + GOING_TIMEOUT);
            }
        }
    }
}

/* Questions. */

/* Returns the bridge if it is one of which 'app' wants something, or null. */
static const struct ovs_bridge *
find_wanted_bridge(int app, uint64_t dpid)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &ovs_dbs) {
        const struct ovs_bridge *bridge = ovs_bridge_find(node->data, dpid);
        const struct ovs_wants *wants = (bridge ? ovs_wants_find(bridge, app)
                                         : NULL);

        if (wants && wants->in_use) {
            return bridge;
        }
    }
    return NULL;
}

/* Returns that 'app' wants port 'name', or null. */
static const struct ovs_want *
find_wanted_port(const struct ovs_bridge *bridge, int app, const char *name)
{
    const struct ovs_slot *slot = ovs_slot_find(bridge, name);

    return slot ? ovs_want_find(slot, app) : NULL;
}

const char *
ovs_ports_problem(uint8_t app_id, uint64_t dpid, const char *name)
{
    int app = app_index_from_id(app_id);
    const struct ovs_bridge *bridge = find_wanted_bridge(app, dpid);
    const struct ovs_want *want;

    if (!bridge) {
        return NULL;
    }
    want = find_wanted_port(bridge, app, name);
    return (want && want->problem ? want->problem
            : bridge->problem ? bridge->problem
            : ovsdb_idl_is_connected(bridge->db->idl) ? NULL
            : "not connected to the switch's database");
}

bool
ovs_ports_is_foreign(uint8_t app_id, uint64_t dpid, const char *name)
{
    int app = app_index_from_id(app_id);
    const struct ovs_bridge *bridge = find_wanted_bridge(app, dpid);
    const struct ovs_want *want = (bridge ? find_wanted_port(bridge, app, name)
                               : NULL);

    return want && want->foreign;
}

bool
ovs_ports_is_free(uint8_t app_id, uint64_t dpid, const char *name)
{
    int app = app_index_from_id(app_id);
    const struct ovs_bridge *bridge = find_wanted_bridge(app, dpid);
    const struct ovs_place *place;

    if (!bridge || !bridge->compared) {
        return false;
    } else if (uuid_is_zero(&bridge->row)) {
        return true;
    }
    OVS_PLACE_FOR_EACH (place, name, &bridge->db->places) {
        if ((place->is_iface || place->long_name)
            && ovs_place_is_on(place, bridge) && place->port->app != app) {
            return true;
        }
    }
    return false;
}

bool
ovs_ports_are_known(uint8_t app, uint64_t dpid)
{
    const struct ovs_bridge *bridge
        = find_wanted_bridge(app_index_from_id(app), dpid);

    return (!bridge || bridge->compared
            || time_msec() >= bridge->give_up_at);
}

bool
ovs_ports_has_ours(uint8_t app_id, uint64_t dpid)
{
    int app = app_index_from_id(app_id);
    struct shash_node *node;

    SHASH_FOR_EACH (node, &ovs_dbs) {
        const struct ovs_bridge *bridge = ovs_bridge_find(node->data, dpid);
        const struct ovs_place_bridge *pb;

        if (!bridge || !ovs_wants_find(bridge, app)) {
            continue;
        } else if (!bridge->compared) {
            return true;
        }
        pb = ovs_places_find_bridge(&bridge->db->places, &bridge->row);
        if (pb && pb->n_ours[app]) {
            return true;
        }
    }
    return false;
}

int
ovs_ports_egress_mtu(uint64_t dpid, const char *name)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &ovs_dbs) {
        const struct ovs_bridge *bridge = ovs_bridge_find(node->data, dpid);
        const struct ovs_slot *slot = (bridge ? ovs_slot_find(bridge, name)
                                       : NULL);

        if (slot && slot->egress) {
            return ovs_db_egress_mtu(bridge->db, slot->egress);
        }
    }
    return 0;
}
