/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ovs-ports.h"

#include <inttypes.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "app-call.h"
#include "config-db.h"
#include "coverage.h"
#include "lib/vswitch-idl.h"
#include "ofswitch.h"
#include "ovs-places.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "packets.h"
#include "smap.h"
#include "socket-util.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(ovs_ports);

/* Names of ports that were looked at. */
COVERAGE_DEFINE(ovs_port_compared);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How long to wait for a switch's database, in msec.  After that all ports
 * count as applications'. */
#define DATABASE_TIMEOUT 5000

/* Open vSwitch deletes all ports that go at the same time before it does
 * anything else, such as creating another port.  With a userspace datapath a
 * port takes some milliseconds, and more the more ports there are.  So a few
 * are deleted at a time, and the next ones when the switch says that those
 * have gone: as many as take GOING_TIME msec, judging by the last ones.  Ports
 * that have not gone after GOING_TIMEOUT msec are not waited for. */
#define MIN_GOING 32
#define GOING_TIME 2000
#define GOING_TIMEOUT 10000

/* An application that has said what it wants. */
struct user {
    const char *name;
    char *key;                  /* In column "external_ids" of table Port. */
};

/* By index into 'app_classes', null if it has said nothing. */
static struct user *users[MAX_APPS];

/* The ports of one bridge. */
struct ovs_bridge {
    struct hmap_node node;      /* In 'db->bridges'. */
    struct ovs_db *db;
    uint64_t dpid;
    struct ovs_list wants;      /* Contains "struct ovs_wants"s. */
    struct hmap slots;          /* Contains "struct slot"s. */
    char *problem;              /* Of all ports, or null. */
    bool compared;              /* 'row' is known. */
    struct uuid row;            /* In the database, or all zeros. */
    long long int give_up_at;   /* On the database, in msec. */

    /* Ports that nobody wants any more. */
    struct sset doomed;         /* Names of those that still have to go. */
    struct smap going;          /* Those deleted last: name, tunnel_kind(). */
    long long int going_since;  /* When they were deleted, in msec. */
    size_t max_going;           /* How many to delete at a time. */
    struct sset waiting;        /* Names of ports for which one has to go. */
};

/* What one application wants of one bridge. */
struct ovs_wants {
    struct ovs_list node;       /* In its ovs_bridge's 'wants'. */
    struct ovs_bridge *bridge;
    int app;                    /* Index into 'users'. */
    bool in_use;                /* Else the bridge is to lose its ports. */
    bool secure;                /* The bridge must not forward on its own. */
};

/* The name of a port that applications want. */
struct slot {
    struct hmap_node node;      /* In its ovs_bridge's 'slots'. */
    char *name;
    struct ovs_list wants;      /* Contains "struct want"s, by 'app'. */
    char *egress;               /* Name of the interface through which the
                                 * tunnel leaves, or null. */
};

/* That one application wants that port. */
struct want {
    struct ovs_list node;       /* In its slot's 'wants'. */
    int app;                    /* Index into 'users'. */
    char *owner;
    char *type;                 /* Column of table Interface. */
    struct smap options;        /* Likewise. */
    bool has;                   /* It has the port, or will have. */
    bool foreign;               /* The port is not to be used. */
    char *problem;              /* Or null. */

    /* Both as they were before the port was compared last. */
    bool was_foreign;
    char *old_problem;
};

/* One database. */
struct ovs_db {
    char *remote;
    struct ovsdb_idl *idl;
    struct ovsdb_idl_txn *txn;
    unsigned int seqno;         /* Of 'idl' when it was last compared. */
    struct hmap bridges;        /* Contains "struct ovs_bridge"s. */
    struct ovs_places places;   /* What is there. */
    struct smap egresses;       /* Interfaces through which tunnels leave, to
                                 * their MTUs. */
    bool compare;               /* Compare that with what is wanted. */
    bool all;                   /* Compare everything, else 'dirty'. */
    struct sset dirty;          /* Names of ports. */
};

static struct shash dbs = SHASH_INITIALIZER(&dbs);  /* By remote. */
static char *default_remote;

/* What applications have to be told. */
struct news {
    struct ovs_list node;       /* In 'all_news'. */
    uint64_t dpid;
    char *name;                 /* Of a port, null for all. */
};

static struct ovs_list all_news = OVS_LIST_INITIALIZER(&all_news);

static void
add_news(const struct ovs_bridge *bridge, const char *name)
{
    struct news *news = xmalloc(sizeof *news);

    news->dpid = bridge->dpid;
    news->name = nullable_xstrdup(name);
    ovs_list_push_back(&all_news, &news->node);
}

static struct news *
pop_news(void)
{
    return CONTAINER_OF(ovs_list_pop_front(&all_news), struct news, node);
}

static void
news_destroy(struct news *news)
{
    free(news->name);
    free(news);
}

/* Applications are told last, as they may say what they want in return. */
static void
tell_news(void)
{
    while (!ovs_list_is_empty(&all_news)) {
        struct news *news = pop_news();

        for (size_t i = 0; i < app_count(); i++) {
            if (users[i] && app_classes[i]->ovs_port_changed) {
                APP_CALL(app_classes[i], ovs_port_changed, news->dpid,
                         news->name);
            }
        }
        news_destroy(news);
    }
}

/* Who uses this. */

/* Returns true if 'app' is new. */
static bool
add_user(int app)
{
    if (users[app]) {
        return false;
    }
    users[app] = xmalloc(sizeof *users[app]);
    users[app]->name = app_classes[app]->name;
    users[app]->key = xasprintf("tasuki-%s", users[app]->name);
    return true;
}

static void
clear_users(void)
{
    for (size_t i = 0; i < MAX_APPS; i++) {
        if (users[i]) {
            free(users[i]->key);
            free(users[i]);
            users[i] = NULL;
        }
    }
}

/* Returns the application that 'port' was made for, or -1, also if the
 * application has not said yet what it wants. */
static int
port_app(const struct ovsrec_port *port)
{
    for (size_t i = 0; i < MAX_APPS; i++) {
        if (users[i] && smap_get(&port->external_ids, users[i]->key)) {
            return i;
        }
    }
    return -1;
}

/* What is wanted. */

static void
want_destroy(struct want *want)
{
    ovs_list_remove(&want->node);
    smap_destroy(&want->options);
    free(want->owner);
    free(want->type);
    free(want->problem);
    free(want);
}

static struct slot *
find_slot(const struct ovs_bridge *bridge, const char *name)
{
    struct slot *slot;

    HMAP_FOR_EACH_WITH_HASH (slot, node, hash_string(name, 0),
                             &bridge->slots) {
        if (!strcmp(slot->name, name)) {
            return slot;
        }
    }
    return NULL;
}

static struct slot *
get_slot(struct ovs_bridge *bridge, const char *name)
{
    struct slot *slot = find_slot(bridge, name);

    if (!slot) {
        slot = xmalloc(sizeof *slot);
        slot->name = xstrdup(name);
        slot->egress = NULL;
        ovs_list_init(&slot->wants);
        hmap_insert(&bridge->slots, &slot->node, hash_string(name, 0));
    }
    return slot;
}

static void
slot_destroy(struct ovs_bridge *bridge, struct slot *slot)
{
    struct want *want;

    LIST_FOR_EACH_SAFE (want, node, &slot->wants) {
        want_destroy(want);
    }
    hmap_remove(&bridge->slots, &slot->node);
    free(slot->egress);
    free(slot->name);
    free(slot);
}

static struct want *
find_want(const struct slot *slot, int app)
{
    struct want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        if (want->app == app) {
            return want;
        }
    }
    return NULL;
}

/* Takes 'want' from 'slot'. */
static void
drop_want(struct ovs_bridge *bridge, struct slot *slot, struct want *want)
{
    sset_add(&bridge->db->dirty, slot->name);
    want_destroy(want);
    if (ovs_list_is_empty(&slot->wants)) {
        slot_destroy(bridge, slot);
    }
}

static struct ovs_wants *
find_wants(const struct ovs_bridge *bridge, int app)
{
    struct ovs_wants *wants;

    LIST_FOR_EACH (wants, node, &bridge->wants) {
        if (wants->app == app) {
            return wants;
        }
    }
    return NULL;
}

static void
ovs_wants_destroy(struct ovs_wants *wants)
{
    ovs_list_remove(&wants->node);
    free(wants);
}

static struct ovs_bridge *
ovs_bridge_create(struct ovs_db *db, uint64_t dpid)
{
    struct ovs_bridge *bridge = xzalloc(sizeof *bridge);

    bridge->dpid = dpid;
    bridge->give_up_at = time_msec() + DATABASE_TIMEOUT;
    bridge->max_going = MIN_GOING;
    bridge->db = db;
    ovs_list_init(&bridge->wants);
    hmap_init(&bridge->slots);
    sset_init(&bridge->doomed);
    smap_init(&bridge->going);
    sset_init(&bridge->waiting);
    hmap_insert(&db->bridges, &bridge->node, hash_uint64(dpid));
    return bridge;
}

static void
ovs_bridge_destroy(struct ovs_db *db, struct ovs_bridge *bridge)
{
    struct ovs_wants *wants;
    struct slot *slot;

    hmap_remove(&db->bridges, &bridge->node);
    LIST_FOR_EACH_SAFE (wants, node, &bridge->wants) {
        ovs_wants_destroy(wants);
    }
    HMAP_FOR_EACH_SAFE (slot, node, &bridge->slots) {
        slot_destroy(bridge, slot);
    }
    hmap_destroy(&bridge->slots);
    free(bridge->problem);
    sset_destroy(&bridge->doomed);
    smap_destroy(&bridge->going);
    sset_destroy(&bridge->waiting);
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
    ovs_places_destroy(&db->places);
    smap_destroy(&db->egresses);
    sset_destroy(&db->dirty);
    free(db->remote);
    free(db);
}

static struct ovs_db *
ovs_db_create(const char *remote)
{
    struct ovs_db *db = xzalloc(sizeof *db);

    db->remote = xstrdup(remote);
    db->idl = ovsdb_idl_create(remote, &ovsrec_idl_class, false, true);
    ovs_places_monitor(db->idl);
    ovs_places_init(&db->places, port_app);
    hmap_init(&db->bridges);
    smap_init(&db->egresses);
    sset_init(&db->dirty);
    db->all = true;
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
    clear_users();
    while (!ovs_list_is_empty(&all_news)) {
        news_destroy(pop_news());
    }
}

void
ovs_ports_destroy(void)
{
    ovs_ports_forget();
    shash_destroy(&dbs);
    free(default_remote);
    default_remote = NULL;
}

/* Forgets all that 'app' wants of 'bridge'. */
static void
clear_wants(struct ovs_bridge *bridge, int app)
{
    struct ovs_wants *wants = find_wants(bridge, app);
    struct slot *slot;

    HMAP_FOR_EACH_SAFE (slot, node, &bridge->slots) {
        struct want *want = find_want(slot, app);

        if (want) {
            drop_want(bridge, slot, want);
        }
    }
    if (wants) {
        wants->in_use = false;
    }
}

void
ovs_ports_begin(uint8_t app_id, bool all)
{
    int app = app_index_from_id(app_id);
    bool is_new = add_user(app);
    struct shash_node *node;

    SHASH_FOR_EACH (node, &dbs) {
        struct ovs_db *db = node->data;
        struct ovs_bridge *bridge;

        /* Its ports are ours from now on. */
        db->all |= is_new;
        HMAP_FOR_EACH (bridge, node, &db->bridges) {
            if (all) {
                clear_wants(bridge, app);
            }
        }
    }
}

struct ovs_wants *
ovs_ports_want(uint8_t app_id, const char *remote, uint64_t dpid, bool secure)
{
    int app = app_index_from_id(app_id);
    struct ovs_bridge *bridge;
    struct ovs_wants *wants;
    struct ovs_db *db;

    remote = remote ? remote : default_remote;
    db = shash_find_data(&dbs, remote);
    if (!db) {
        db = ovs_db_create(remote);
    }
    bridge = find_bridge(db, dpid);
    if (!bridge) {
        bridge = ovs_bridge_create(db, dpid);
        db->all = true;
    }
    wants = find_wants(bridge, app);
    if (!wants) {
        wants = xzalloc(sizeof *wants);
        wants->bridge = bridge;
        wants->app = app;
        ovs_list_push_back(&bridge->wants, &wants->node);
    }
    wants->in_use = true;
    wants->secure = secure;
    return wants;
}

/* Adds 'want' to those of 'slot', which are in the order in which their
 * applications were registered. */
static void
insert_want(struct slot *slot, struct want *new)
{
    struct want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        if (want->app > new->app) {
            break;
        }
    }
    ovs_list_insert(want ? &want->node : &slot->wants, &new->node);
}

struct smap *
ovs_ports_add(struct ovs_wants *wants, const char *name, const char *owner,
              const char *type)
{
    struct slot *slot = get_slot(wants->bridge, name);
    struct want *want = find_want(slot, wants->app);

    if (!want) {
        want = xzalloc(sizeof *want);
        want->app = wants->app;
        want->owner = xstrdup(owner);
        want->type = xstrdup(type);
        smap_init(&want->options);
        insert_want(slot, want);
        sset_add(&wants->bridge->db->dirty, name);
    }
    return &want->options;
}

void
ovs_ports_remove(struct ovs_wants *wants, const char *name, const char *owner)
{
    struct slot *slot = find_slot(wants->bridge, name);
    struct want *want = slot ? find_want(slot, wants->app) : NULL;

    if (want && !strcmp(want->owner, owner)) {
        drop_want(wants->bridge, slot, want);
    }
}

void
ovs_ports_end(uint8_t app OVS_UNUSED)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &dbs) {
        struct ovs_db *db = node->data;

        db->compare = true;
    }
}

/* What there is. */

/* Makes 'iface', which is ours, of the type and with the options of
 * 'want'. */
static void
update_interface(const struct ovsrec_interface *iface,
                 const struct want *want)
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
            const char *name, const struct want *want)
{
    struct ovsrec_interface *iface = ovsrec_interface_insert(txn);
    struct smap ids = SMAP_CONST1(&ids, users[want->app]->key, want->owner);
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
give_port(const struct ovsrec_port *port, int app, const struct want *want)
{
    const char *key = users[want->app]->key;
    const char *owner = smap_get(&port->external_ids, key);

    if (app != want->app) {
        ovsrec_port_update_external_ids_delkey(port, users[app]->key);
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
is_taken(const struct comparison *c, const struct want *want)
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

static bool
is_on(const struct ovs_place *place, const struct ovs_bridge *bridge)
{
    return uuid_equals(&place->port->bridge->uuid, &bridge->row);
}

/* Returns the port of 'bridge' that has that name itself, or null. */
static const struct ovs_place *
find_port(const struct ovs_bridge *bridge, const char *name)
{
    const struct ovs_place *place;

    OVS_PLACE_FOR_EACH (place, name, &bridge->db->places) {
        if (place->is_port && is_on(place, bridge)) {
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
static struct want *
choose_want(const struct slot *slot, int app)
{
    struct want *want = find_want(slot, app);

    if (want) {
        return want;
    }
    LIST_FOR_EACH (want, node, &slot->wants) {
        if (want->has) {
            return want;
        }
    }
    return CONTAINER_OF(ovs_list_front(&slot->wants), struct want, node);
}

static void OVS_PRINTF_FORMAT(2, 3)
set_problem(struct want *want, const char *format, ...)
{
    va_list args;

    free(want->problem);
    va_start(args, format);
    want->problem = xvasprintf(format, args);
    va_end(args);
}

/* Looks at 'port', which is on 'br' and has the name of 'slot'.  'winner' is
 * the one that gets it. */
static void
compare_port(const struct ovsrec_bridge *br, const struct ovsrec_port *port,
             struct want *winner)
{
    int app = port_app(port);

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
set_place_problem(const struct comparison *c, struct slot *slot,
                  const struct ovs_place *place)
{
    struct want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        if (!is_on(place, c->bridge)) {
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
set_cut_problem(struct slot *slot, const char *long_name)
{
    struct want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        set_problem(want, "%s", long_name);
        want->foreign = true;
    }
}

/* Gives the name of 'slot' to one of those who want it, who is returned, and
 * tells the others. */
static struct want *
decide(struct slot *slot, int app)
{
    struct want *winner = choose_want(slot, app);
    struct want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        want->has = want == winner;
        want->foreign = want != winner;
        if (want != winner) {
            set_problem(want, "application %s has port %s, for %s",
                        users[winner->app]->name, slot->name, winner->owner);
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
update_slot(const struct comparison *c, struct slot *slot)
{
    const struct ovs_place *here = find_port(c->bridge, slot->name);
    const struct ovsrec_port *port = here ? port_row(c->db, here) : NULL;
    struct want *winner = decide(slot, here ? here->port->app : -1);
    const struct ovs_place *place, *other = NULL;
    const char *long_name = NULL;

    sset_find_and_delete(&c->bridge->doomed, slot->name);
    OVS_PLACE_FOR_EACH (place, slot->name, &c->db->places) {
        if (!place->long_name) {
            other = place;
        } else if (is_on(place, c->bridge)) {
            long_name = place->long_name;
        }
    }
    if (here) {
        compare_port(c->br, port, winner);
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
compare_slot(const struct comparison *c, struct slot *slot)
{
    char *old_egress = nullable_xstrdup(slot->egress);
    bool changed = false;
    struct want *want;

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
        add_news(c->bridge, slot->name);
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
    const struct ovs_wants *wants = find_wants(c->bridge, app);

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
                      name, users[app]->name,
                      smap_get(&port->external_ids, users[app]->key));
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

        if (place && place->port->app >= 0 && !find_slot(bridge, name)) {
            sset_add(&bridge->doomed, name);
        }
    }
    note_taken(&c);
    SSET_FOR_EACH (name, names) {
        struct slot *slot = find_slot(bridge, name);

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
    const struct slot *slot;

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
                add_news(bridge, NULL);
            }
        }
    }
}

static void
compare_db(struct ovs_db *db)
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
            add_news(bridge, NULL);
        }
        SSET_FOR_EACH (name, &moved) {
            add_news(bridge, name);
        }
    }
    compare_mtus(db);
    db->all = false;
    sset_clear(&db->dirty);
    sset_destroy(&moved);
    sset_destroy(&created);
}

/* Running. */

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
            ovs_bridge_destroy(db, bridge);
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
        add_news(bridge, NULL);
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
        compare_db(db);
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

    SHASH_FOR_EACH_SAFE (node, &dbs) {
        if (!ovs_db_run(node->data)) {
            ovs_db_destroy(node->data);
            shash_delete(&dbs, node);
        }
    }
    tell_news();
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

    SHASH_FOR_EACH (node, &dbs) {
        const struct ovs_bridge *bridge = find_bridge(node->data, dpid);
        const struct ovs_wants *wants = (bridge ? find_wants(bridge, app)
                                         : NULL);

        if (wants && wants->in_use) {
            return bridge;
        }
    }
    return NULL;
}

/* Returns that 'app' wants port 'name', or null. */
static const struct want *
find_wanted_port(const struct ovs_bridge *bridge, int app, const char *name)
{
    const struct slot *slot = find_slot(bridge, name);

    return slot ? find_want(slot, app) : NULL;
}

const char *
ovs_ports_problem(uint8_t app_id, uint64_t dpid, const char *name)
{
    int app = app_index_from_id(app_id);
    const struct ovs_bridge *bridge = find_wanted_bridge(app, dpid);
    const struct want *want;

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
    const struct want *want = (bridge ? find_wanted_port(bridge, app, name)
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
        if ((place->is_iface || place->long_name) && is_on(place, bridge)
            && place->port->app != app) {
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

    SHASH_FOR_EACH (node, &dbs) {
        const struct ovs_bridge *bridge = find_bridge(node->data, dpid);
        const struct ovs_place_bridge *pb;

        if (!bridge || !find_wants(bridge, app)) {
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

/* Returns the MTU of network device 'name' of this host, or 0. */
static int
device_mtu(const char *name)
{
    struct ifreq ifr;

    return af_inet_ifreq_ioctl(name, &ifr, SIOCGIFMTU, "SIOCGIFMTU")
           ? 0 : ifr.ifr_mtu;
}

/* Returns the MTU of 'name', a network device of the host on which the
 * database is, or 0 if it is not known. */
static int
egress_mtu(const struct ovs_db *db, const char *name)
{
    const struct ovsrec_interface *iface = find_iface(db, name);

    return (iface && iface->n_mtu ? iface->mtu[0]
            : !strncmp(db->remote, "unix:", 5) ? device_mtu(name)
            : 0);
}

int
ovs_ports_egress_mtu(uint64_t dpid, const char *name)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &dbs) {
        const struct ovs_bridge *bridge = find_bridge(node->data, dpid);
        const struct slot *slot = bridge ? find_slot(bridge, name) : NULL;

        if (slot && slot->egress) {
            return egress_mtu(bridge->db, slot->egress);
        }
    }
    return 0;
}
