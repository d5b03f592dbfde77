/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_EVENTS_H
#define TASUKID_EVENTS_H 1

/* What applications tell each other without knowing each other.
 *
 * An event has a type, which has a name, and is about one switch, or about none
 * in particular, which then is a null pointer everywhere.  It is a struct that begins with the word 'what': bits that say what happened.  The
 * key follows, which says to what thing it happened, and then the present
 * state of that thing.
 *
 * Publishing only queues an event, so that no callback is ever entered twice.
 * The main loop delivers it to each subscriber that runs on the switch then; if
 * it is about no switch, to each subscriber.
 * Events come in the order in which they were published, with one exception:
 * an event that finds another with its type, switch and key in the queue takes
 * over the bits of that one and replaces it.  So nothing is lost, and the
 * queue has at most one event for each thing.  Several bits at once mean that
 * all of that happened; the rest of the struct is what was published last.
 *
 * Events about a switch that still wait at 'switch_down' are dropped. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofp-port.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"

struct ofswitch;

/* A type of events.  Publishers and subscribers may each have a copy of their
 * own, but the copies must be equal. */
struct event_type {
    const char *name;           /* "APPLICATION/THING". */
    unsigned int version;       /* Changes with the struct. */
    size_t size;                /* Of the struct. */
    size_t key_size;            /* Bytes after 'what', padding not included. */
};

typedef void event_func(struct ofswitch *, const void *event, void *aux);

/* Has 'cb' called for events that are published from now on, on switches that
 * run 'app' or about no switch.  Returns false and logs why if a different type has that name. */
bool event_subscribe(uint8_t app, const struct event_type *, event_func *cb,
                     void *aux);

/* Undoes event_subscribe(), for events in the queue, too. */
void event_unsubscribe(uint8_t app, const struct event_type *, event_func *cb,
                       void *aux);

/* Copies '*event', which all subscribers get later. */
void event_publish(struct ofswitch *, const struct event_type *,
                   const void *event);

/* Ports.  Published by the core. */

enum {
    EVENT_PORT_ADDED = 1 << 0,
    EVENT_PORT_GONE = 1 << 1,
    EVENT_PORT_CHANGED = 1 << 2,    /* Anything in its description. */
    EVENT_PORT_UP = 1 << 3,         /* It can be used: its link and the
                                     * administrator allow it. */
    EVENT_PORT_DOWN = 1 << 4,       /* It cannot be used any more. */
    EVENT_PORT_ZONE = 1 << 5,       /* It belongs to another zone. */
};

struct event_port {
    uint32_t what;              /* EVENT_PORT_*. */
    ofp_port_t port;            /* Key. */

    bool exists;                /* ofswitch_port() describes it. */
    bool up;
};

extern const struct event_type event_port;

/* Hosts.  Published by the application that learns addresses, once it has. */

enum {
    EVENT_HOST_SEEN = 1 << 0,   /* It was not known before. */
    EVENT_HOST_MOVED = 1 << 1,
    EVENT_HOST_GONE = 1 << 2,   /* Silent for a while, or its port is gone. */
};

struct event_host {
    uint32_t what;              /* EVENT_HOST_*. */
    uint16_t vlan;              /* Key: VLAN id, or 0, and address. */
    struct eth_addr mac;

    ofp_port_t port;            /* Where it is, or OFPP_NONE. */
};

extern const struct event_type event_host;

/* TCP connections.  Published by the application that handles them. */

enum {
    EVENT_CONN_BEGUN = 1 << 0,
    EVENT_CONN_MOVED = 1 << 1,  /* To another server than it began with. */
    EVENT_CONN_ENDED = 1 << 2,
};

struct event_conn {
    uint32_t what;              /* EVENT_CONN_*. */
    uint32_t zone;              /* Key: zone, addresses, ports. */
    ovs_be32 client, service;
    ovs_be16 client_port, service_port;

    ovs_be32 server;            /* Where it is handled, or 0. */
    ovs_be16 server_port;
    ofp_port_t server_ofport;
};

extern const struct event_type event_conn;

/* Hosts by IPv4 address, as ARP says where they are (neighbours.h).  Published
 * by the core. */

enum {
    EVENT_NEIGHBOUR_FOUND = 1 << 0, /* It was not known, or not heard of for
                                     * long. */
    EVENT_NEIGHBOUR_MOVED = 1 << 1,
    EVENT_NEIGHBOUR_LOST = 1 << 2,  /* It is not where it was. */
};

struct event_neighbour {
    uint32_t what;              /* EVENT_NEIGHBOUR_*. */
    uint32_t zone;              /* Key: zone, address, and where it was, as */
    ovs_be32 ip;                /* several hosts may have one address. */
    ofp_port_t old_port;        /* OFPP_NONE if it was nowhere. */
    struct eth_addr old_mac;

    struct eth_addr mac;        /* Where it is. */
    ofp_port_t port;            /* OFPP_NONE if it is nowhere. */
};

extern const struct event_type event_neighbour;

/* Rows of database "Tasuki".  Published by the core, about no switch, after the
 * 'configure' callbacks; for every row when tasukid has taken the database
 * over. */

enum {
    EVENT_ROW_CHANGED = 1 << 0, /* It is new or has changed, or a row that it
                                 * refers to has. */
    EVENT_ROW_GONE = 1 << 1,
};

struct event_row {
    uint32_t what;              /* EVENT_ROW_*. */
    struct uuid uuid;           /* Key. */

    const char *table;          /* Name of its table, valid for ever. */
    bool exists;
};

extern const struct event_type event_row;

/* For the core. */

void events_init(void);         /* Registers unixctl commands. */
void events_run(void);          /* Delivers what waits. */
void events_wait(void);
void events_drop(const struct ofswitch *);

#endif /* TASUKID_EVENTS_H */
