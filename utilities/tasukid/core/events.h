/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_EVENTS_H
#define TASUKID_EVENTS_H 1

/* What applications tell each other without knowing each other.
 *
 * An event is of a type, which has a name, and is about one switch.  What it
 * says is a struct that begins with a word 'what', the bits of what happened.
 * After that comes the key, which says what it happened to, and then what is
 * true of that now.
 *
 * Publishing only queues an event, so no callback is ever entered twice; the
 * main loop delivers it, to each subscriber that runs on the switch then.
 * Events come in the order in which they were published, but for this: one that
 * finds another with its type, switch and key in the queue takes that one's bits
 * and replaces it.  So nothing is lost, and the queue has no more than one event
 * for each thing there is.  Who gets several bits at once knows that all of it
 * happened, and finds in the rest what came last.
 *
 * 'switch_down' is the last word about a switch: what waits is dropped then. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofp-port.h"
#include "openvswitch/types.h"

struct ofswitch;

/* A type of events.  Those that publish and those that subscribe need not have
 * the same copy of it, but must agree in all of it. */
struct event_type {
    const char *name;           /* "APPLICATION/THING". */
    unsigned int version;       /* Changes with the struct. */
    size_t size;                /* Of the struct. */
    size_t key_size;            /* Bytes after 'what', padding not included. */
};

typedef void event_func(struct ofswitch *, const void *event, void *aux);

/* Has 'cb' called for events that are published from now on, on switches that
 * run 'app'.  Returns false, and logs why, if there is a type of that name that
 * differs. */
bool event_subscribe(uint8_t app, const struct event_type *, event_func *cb,
                     void *aux);

/* Undoes that, also for events that are in the queue. */
void event_unsubscribe(uint8_t app, const struct event_type *, event_func *cb,
                       void *aux);

/* Tells all subscribers about '*event', which is copied, later. */
void event_publish(struct ofswitch *, const struct event_type *,
                   const void *event);

/* Ports.  Published by the core. */

enum {
    EVENT_PORT_ADDED = 1 << 0,
    EVENT_PORT_GONE = 1 << 1,
    EVENT_PORT_CHANGED = 1 << 2,    /* Anything in its description. */
    EVENT_PORT_UP = 1 << 3,         /* It can be used, now that its link and the
                                     * administrator have it so. */
    EVENT_PORT_DOWN = 1 << 4,       /* It cannot any more. */
    EVENT_PORT_ZONE = 1 << 5,       /* It belongs to another zone. */
};

struct event_port {
    uint32_t what;              /* EVENT_PORT_*. */
    ofp_port_t port;            /* Key. */

    bool exists;                /* ofswitch_port() describes it. */
    bool up;
};

extern const struct event_type event_port;

/* Hosts.  Published by whoever learns addresses, after it has. */

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

/* TCP connections.  Published by whoever has them in his hands. */

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

/* For the core. */

void events_init(void);         /* Registers unixctl commands. */
void events_run(void);          /* Delivers what waits. */
void events_wait(void);
void events_drop(const struct ofswitch *);

#endif /* TASUKID_EVENTS_H */
