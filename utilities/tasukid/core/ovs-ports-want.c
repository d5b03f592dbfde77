/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ovs-ports-private.h"

#include "app-call.h"
#include "lib/vswitch-idl.h"
#include "ovsdb-idl.h"
#include "timeval.h"
#include "util.h"

/* How long to wait for a switch's database, in msec.  After that all ports
 * count as applications'. */
#define DATABASE_TIMEOUT 5000

struct ovs_user *ovs_users[MAX_APPS];

struct shash ovs_dbs = SHASH_INITIALIZER(&ovs_dbs);
static char *default_remote;

/* What applications have to be told. */
struct news {
    struct ovs_list node;       /* In 'all_news'. */
    uint64_t dpid;
    char *name;                 /* Of a port, null for all. */
};

static struct ovs_list all_news = OVS_LIST_INITIALIZER(&all_news);

void
ovs_ports_add_news(const struct ovs_bridge *bridge, const char *name)
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

void
ovs_ports_tell_news(void)
{
    while (!ovs_list_is_empty(&all_news)) {
        struct news *news = pop_news();

        for (size_t i = 0; i < app_count(); i++) {
            if (ovs_users[i] && app_classes[i]->ovs_port_changed) {
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
    if (ovs_users[app]) {
        return false;
    }
    ovs_users[app] = xmalloc(sizeof *ovs_users[app]);
    ovs_users[app]->name = app_classes[app]->name;
    ovs_users[app]->key = xasprintf("tasuki-%s", ovs_users[app]->name);
    return true;
}

static void
clear_users(void)
{
    for (size_t i = 0; i < MAX_APPS; i++) {
        if (ovs_users[i]) {
            free(ovs_users[i]->key);
            free(ovs_users[i]);
            ovs_users[i] = NULL;
        }
    }
}

/* Returns the application that 'port' was made for, or -1, also if the
 * application has not said yet what it wants. */
static int
port_app(const struct ovsrec_port *port)
{
    for (size_t i = 0; i < MAX_APPS; i++) {
        if (ovs_users[i] && smap_get(&port->external_ids, ovs_users[i]->key)) {
            return i;
        }
    }
    return -1;
}

/* What is wanted. */

static void
want_destroy(struct ovs_want *want)
{
    ovs_list_remove(&want->node);
    smap_destroy(&want->options);
    free(want->owner);
    free(want->type);
    free(want->problem);
    free(want);
}

struct ovs_slot *
ovs_slot_find(const struct ovs_bridge *bridge, const char *name)
{
    struct ovs_slot *slot;

    HMAP_FOR_EACH_WITH_HASH (slot, node, hash_string(name, 0),
                             &bridge->slots) {
        if (!strcmp(slot->name, name)) {
            return slot;
        }
    }
    return NULL;
}

static struct ovs_slot *
get_slot(struct ovs_bridge *bridge, const char *name)
{
    struct ovs_slot *slot = ovs_slot_find(bridge, name);

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
slot_destroy(struct ovs_bridge *bridge, struct ovs_slot *slot)
{
    struct ovs_want *want;

    LIST_FOR_EACH_SAFE (want, node, &slot->wants) {
        want_destroy(want);
    }
    hmap_remove(&bridge->slots, &slot->node);
    free(slot->egress);
    free(slot->name);
    free(slot);
}

struct ovs_want *
ovs_want_find(const struct ovs_slot *slot, int app)
{
    struct ovs_want *want;

    LIST_FOR_EACH (want, node, &slot->wants) {
        if (want->app == app) {
            return want;
        }
    }
    return NULL;
}

/* Takes 'want' from 'slot'. */
static void
drop_want(struct ovs_bridge *bridge, struct ovs_slot *slot,
          struct ovs_want *want)
{
    sset_add(&bridge->db->dirty, slot->name);
    want_destroy(want);
    if (ovs_list_is_empty(&slot->wants)) {
        slot_destroy(bridge, slot);
    }
}

struct ovs_wants *
ovs_wants_find(const struct ovs_bridge *bridge, int app)
{
    struct ovs_wants *wants;

    LIST_FOR_EACH (wants, node, &bridge->wants) {
        if (wants->app == app) {
            return wants;
        }
    }
    return NULL;
}

void
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
    bridge->max_going = OVS_PORTS_MIN_GOING;
    bridge->db = db;
    ovs_list_init(&bridge->wants);
    hmap_init(&bridge->slots);
    sset_init(&bridge->doomed);
    smap_init(&bridge->going);
    sset_init(&bridge->waiting);
    hmap_insert(&db->bridges, &bridge->node, hash_uint64(dpid));
    return bridge;
}

void
ovs_bridge_destroy(struct ovs_bridge *bridge)
{
    struct ovs_wants *wants;
    struct ovs_slot *slot;

    hmap_remove(&bridge->db->bridges, &bridge->node);
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

void
ovs_db_destroy(struct ovs_db *db)
{
    struct ovs_bridge *bridge;

    HMAP_FOR_EACH_SAFE (bridge, node, &db->bridges) {
        ovs_bridge_destroy(bridge);
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
    shash_add(&ovs_dbs, remote, db);
    return db;
}

struct ovs_bridge *
ovs_bridge_find(const struct ovs_db *db, uint64_t dpid)
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

    SHASH_FOR_EACH (node, &ovs_dbs) {
        ovs_db_destroy(node->data);
    }
    shash_clear(&ovs_dbs);
    clear_users();
    while (!ovs_list_is_empty(&all_news)) {
        news_destroy(pop_news());
    }
}

void
ovs_ports_destroy(void)
{
    ovs_ports_forget();
    shash_destroy(&ovs_dbs);
    free(default_remote);
    default_remote = NULL;
}

/* Forgets all that 'app' wants of 'bridge'. */
static void
clear_wants(struct ovs_bridge *bridge, int app)
{
    struct ovs_wants *wants = ovs_wants_find(bridge, app);
    struct ovs_slot *slot;

    HMAP_FOR_EACH_SAFE (slot, node, &bridge->slots) {
        struct ovs_want *want = ovs_want_find(slot, app);

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

    SHASH_FOR_EACH (node, &ovs_dbs) {
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
    db = shash_find_data(&ovs_dbs, remote);
    if (!db) {
        db = ovs_db_create(remote);
    }
    bridge = ovs_bridge_find(db, dpid);
    if (!bridge) {
        bridge = ovs_bridge_create(db, dpid);
        db->all = true;
    }
    wants = ovs_wants_find(bridge, app);
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
insert_want(struct ovs_slot *slot, struct ovs_want *new)
{
    struct ovs_want *want;

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
    struct ovs_slot *slot = get_slot(wants->bridge, name);
    struct ovs_want *want = ovs_want_find(slot, wants->app);

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
    struct ovs_slot *slot = ovs_slot_find(wants->bridge, name);
    struct ovs_want *want = slot ? ovs_want_find(slot, wants->app) : NULL;

    if (want && !strcmp(want->owner, owner)) {
        drop_want(wants->bridge, slot, want);
    }
}

void
ovs_ports_end(uint8_t app OVS_UNUSED)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &ovs_dbs) {
        struct ovs_db *db = node->data;

        db->compare = true;
    }
}

