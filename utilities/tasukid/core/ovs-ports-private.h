/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_OVS_PORTS_PRIVATE_H
#define TASUKID_OVS_PORTS_PRIVATE_H 1

/* What the files behind ovs-ports.h share, none of which calls one that is
 * below it:
 *
 *     ovs-places.c         what there is
 *     ovs-ports-want.c     who wants what, and what they have to be told
 *     ovs-ports-compare.c  makes the one what the other says
 *     ovs-ports.c          the rest
 */

#include "app.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/shash.h"
#include "openvswitch/uuid.h"
#include "ovs-places.h"
#include "ovs-ports.h"
#include "smap.h"
#include "sset.h"
#include "uuid.h"

/* An application that has said what it wants. */
struct ovs_user {
    const char *name;
    char *key;                  /* In column "external_ids" of table Port. */
};

/* By index into 'app_classes', null if it has said nothing. */
extern struct ovs_user *ovs_users[MAX_APPS];

/* The ports of one bridge. */
struct ovs_bridge {
    struct hmap_node node;      /* In 'db->bridges'. */
    struct ovs_db *db;
    uint64_t dpid;
    struct ovs_list wants;      /* Contains "struct ovs_wants"s. */
    struct hmap slots;          /* Contains "struct ovs_slot"s. */
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
    int app;                    /* Index into 'ovs_users'. */
    bool in_use;                /* Else the bridge is to lose its ports. */
    bool secure;                /* The bridge must not forward on its own. */
};

/* The name of a port that applications want. */
struct ovs_slot {
    struct hmap_node node;      /* In its ovs_bridge's 'slots'. */
    char *name;
    struct ovs_list wants;      /* Contains "struct ovs_want"s, by 'app'. */
    char *egress;               /* Name of the interface through which the
                                 * tunnel leaves, or null. */
};

/* That one application wants that port. */
struct ovs_want {
    struct ovs_list node;       /* In its slot's 'wants'. */
    int app;                    /* Index into 'ovs_users'. */
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

/* The fewest ports that are deleted at a time. */
#define OVS_PORTS_MIN_GOING 32

/* All databases, by remote. */
extern struct shash ovs_dbs;

/* ovs-ports-want.c. */

struct ovs_bridge *ovs_bridge_find(const struct ovs_db *, uint64_t dpid);
struct ovs_wants *ovs_wants_find(const struct ovs_bridge *, int app);
struct ovs_slot *ovs_slot_find(const struct ovs_bridge *, const char *name);
struct ovs_want *ovs_want_find(const struct ovs_slot *, int app);

void ovs_db_destroy(struct ovs_db *);
void ovs_bridge_destroy(struct ovs_bridge *);
void ovs_wants_destroy(struct ovs_wants *);

/* Notes that applications have to be told about port 'name', or about all
 * ports if it is null. */
void ovs_ports_add_news(const struct ovs_bridge *, const char *name);

/* Tells them.  They may say what they want in return. */
void ovs_ports_tell_news(void);

/* ovs-ports-compare.c. */

/* Makes the ports in 'db' those that are wanted, in 'db->txn'. */
void ovs_db_compare(struct ovs_db *);

/* Returns the MTU of 'name', a network device of the host on which the
 * database is, or 0 if it is not known. */
int ovs_db_egress_mtu(const struct ovs_db *, const char *name);

static inline bool
ovs_place_is_on(const struct ovs_place *place, const struct ovs_bridge *bridge)
{
    return uuid_equals(&place->port->bridge->uuid, &bridge->row);
}

#endif /* TASUKID_OVS_PORTS_PRIVATE_H */
