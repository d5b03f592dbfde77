/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_ENGINE_H
#define TASUKID_HANDOVER_ENGINE_H 1

/* The TCP engine of the handover application: a connection to a service is
 * accepted by one server and continued by the one that its request asks for.
 *
 * Segments come in, actions go out.  The engine knows no switch, no OpenFlow,
 * no database and no clock.  Its owner tells it the time, calls the functions
 * below, and does what the engine asks through 'struct engine_ops'.
 *
 * No file calls one that is listed above it:
 *
 *   engine.c         configuration, time
 *   dispatch.c       segments to connections
 *   icmp.c           ICMP errors about segments of servers
 *   adopt.c          connections that the owner found after a restart
 *
 *   forwarded.c      a connection that is forwarded without the engine
 *   ending.c         what says that a connection is over, and the one after it
 *   machine.c        a connection until it is forwarded, segment by segment
 *   inspect.c        holding the request and choosing a server
 *   try.c            shaking hands with servers
 *   replay.c         handing the connection over
 *
 *   life.c           the end of a connection; its entries
 *   handshake.c      what is known of a connection that is not forwarded yet
 *   challenge.c      asking a server whether it still has a connection
 *   conn.c           table of connections, timers, sending
 *   pair.c           hosts that talk to a server directly, too
 *   entry.c          what is to be forwarded, as values
 *   service.c        services, and choosing a server
 *   member.c         their servers
 *   counters.c       what happened, in numbers (rate.h: a small type)
 *
 *   judge.c          which rule a request matches
 *   rules.c          the rules of a service
 *   pattern-set.c    many patterns at once
 *   rule-check.c     which conditions make no sense
 *   glob.c           patterns
 *
 * Everything that has an address belongs to a zone, or to zone 0 if it is no
 * tenant's.  The same address in two zones is two hosts. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "entry.h"
#include "heap.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/types.h"
#include "rate.h"
#include "utilities/tasukid/protocol/place.h"
#include "utilities/tasukid/protocol/tcp-hold.h"
#include "utilities/tasukid/protocol/tcp-segment.h"

struct conn;
struct dp_packet;
struct engine;
struct member;
struct service;
struct service_config;

/* What becomes of a connection.  CONN_HAS_ENDED may come without
 * CONN_HAS_BEGUN. */
enum conn_news {
    CONN_HAS_BEGUN,             /* Or was found when the engine started. */
    CONN_HAS_MOVED,             /* To another server than it began with. */
    CONN_HAS_ENDED,
};

/* What the engine asks of its owner.  None of these may call the engine. */
struct engine_ops {
    /* Sends 'packet' out of 'port', or to wherever its destination is if
     * 'port' is OFPP_NONE, and frees it.  It goes to a server, or else to a
     * client. */
    void (*send)(struct engine *, struct dp_packet *packet, ofp_port_t port,
                 bool to_server);

    /* Passes on 'packet', which came in on 'in_port', as if it had not come
     * here.  The engine keeps 'packet'. */
    void (*pass)(struct engine *, const struct dp_packet *packet,
                 ofp_port_t in_port);

    /* Does to 'packet', which came in on 'in_port', what '*entry' says,
     * whether or not the entry is installed.  The engine keeps 'packet'. */
    void (*forward)(struct engine *, const struct entry *entry,
                    const struct dp_packet *packet, ofp_port_t in_port);

    /* Install '*entry', in place of one for the same segments; remove the one
     * for the same segments with the same id; remove all that have 'id', those
     * of kind ENTRY_WATCH only if 'watched'. */
    void (*install)(struct engine *, const struct entry *entry);
    void (*remove)(struct engine *, const struct entry *entry);
    void (*remove_id)(struct engine *, uint64_t id, bool watched);

    /* What was asked before happens before what is asked after. */
    void (*barrier)(struct engine *);

    /* The entries that do not depend on connections have changed: because of
     * packets if 'by_packet', else of the configuration. */
    void (*redeclare)(struct engine *, bool by_packet);

    /* Returns true if the host with address 'ip', or its gateway, was in 'old'
     * and is in 'new' now.  If that is not known, finds it out, so that the
     * next call may know. */
    bool (*has_moved)(struct engine *, const struct service *, ovs_be32 ip,
                      const struct place *old, const struct place *new,
                      ovs_be16 vlan_tci);

    /* Find out where 'm' is.  For check_member(), something that claims to be
     * from 'm' came from 'place', where 'm' was not.  The other one asks at
     * the last port of 'm' if there is one, or 'everywhere'.  What they find
     * out goes to member_set_location(). */
    void (*check_member)(struct engine *, struct member *m,
                         const struct place *place);
    void (*probe_member)(struct engine *, struct member *m, bool everywhere);

    /* Returns the port called 'name', or OFPP_NONE. */
    ofp_port_t (*find_port)(struct engine *, const struct member *,
                            const char *name);

    /* Publishes what is new about 'conn'. */
    void (*tell)(struct engine *, const struct conn *conn, enum conn_news);

    /* Shows people that the state of 'm' is 'state' now. */
    void (*show_state)(struct engine *, const struct member *m,
                       const char *state);
};

/* What all engines of the daemon have in common. */
struct engine_shared {
    struct tcp_hold_budget held;    /* Payload. */
    uint32_t n_in_progress;         /* Connections not handed over yet. */
    uint32_t max_in_progress;
    uint64_t next_id;               /* Of a connection: never 0, greater than
                                     * any id of an earlier run. */
};

/* What is known about one switch. */
struct engine {
    const struct engine_ops *ops;
    struct engine_shared *shared;
    long long int now;          /* In ms: the owner keeps it right. */

    struct ovs_list services;   /* Contains 'struct service's. */
    struct hmap vips;           /* The same, by address and port. */
    struct hmap members;        /* Contains 'struct member's, by the same. */

    struct hmap conns;          /* Contains 'struct conn's, by 4-tuple. */
    struct hmap conn_ids;       /* The same, by id. */
    struct heap timers;         /* Connections with a timer, by time. */
    struct hmap pairs;          /* Contains 'struct pair's. */
    size_t n_direct;            /* Pairs that have an entry. */
    struct rate new_direct;     /* Limits adding such entries. */
    struct rate orphans;        /* Limits joining in the middle. */
    struct rate challenges;     /* Limits challenges (challenge.h). */

    uint64_t counters[HC_N];    /* Events of no particular service. */
};

/* A segment that came in, parsed. */
struct segment_in {
    uint32_t zone;
    ofp_port_t port;
    enum tcp_segment_error error;   /* If not TCP_SEGMENT_OK, only addresses
                                     * and ports of 'seg' mean something. */
    struct tcp_segment seg;
    const struct dp_packet *packet; /* The whole of it. */
};

static inline void
engine_send(struct engine *e, struct dp_packet *packet, ofp_port_t port,
            bool to_server)
{
    e->ops->send(e, packet, port, to_server);
}

/* engine.c */

/* Initializes the engine, without services; destroys it and tells nobody. */
void engine_init(struct engine *, const struct engine_ops *,
                 struct engine_shared *);
void engine_destroy(struct engine *);

/* Brings the services in line with the 'n' configurations in 'cfgs', no two of
 * which have the same zone, address and port.  The connections of a service
 * that is gone end.  Those of a member that is gone go on. */
void engine_configure(struct engine *, struct service_config *const *cfgs,
                      size_t n);

/* A port came, went or changed. */
void engine_port_changed(struct engine *, ofp_port_t port, bool live);

/* Does what is due; has the main loop wake up when something is. */
void engine_run(struct engine *);
void engine_wait(struct engine *);

/* dispatch.c */

/* Handles a segment to or from a service. */
void engine_segment(struct engine *, const struct segment_in *);

/* icmp.c */

/* Handles 'packet', an ICMP error to a service's address.  Its L3 and L4
 * offsets are set. */
void engine_icmp(struct engine *, uint32_t zone,
                 const struct dp_packet *packet);

/* forwarded.c */

/* '*entry' was removed by others or by timeout.  Only its kind, id, addresses
 * and ports have to be filled in.  It had been quiet for 'quiet_ms', and
 * 'n_bytes' had passed it, UINT64_MAX if not known. */
void engine_entry_removed(struct engine *, const struct entry *entry,
                          long long int quiet_ms, uint64_t n_bytes);

/* Entries of a connection, or of kind ENTRY_WATCH, were refused. */
void engine_entry_failed(struct engine *, uint64_t id, bool watch);

/* adopt.c */

/* '*entry' was found, 'age' ms old.  Returns true if it may stay.  After the
 * last one, engine_adopt_done() returns the number of connections found. */
bool engine_adopt(struct engine *, const struct entry *entry,
                  long long int age);
size_t engine_adopt_done(struct engine *);

#endif /* engine.h */
