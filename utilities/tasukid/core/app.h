/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_APP_H
#define TASUKID_APP_H 1

/* An application of tasukid: one feature behind one table of callbacks.
 *
 * Everything runs in one thread, from the main loop of tasukid.c.  A callback
 * must not block.  A null callback means that the application has no interest.
 *
 * A new application is a folder in apps/, one of whose files defines a 'struct
 * app_class', and a line in apps/apps.h.  The core knows an application by
 * what it registers, and by nothing else. */

#include <stdbool.h>
#include <stdint.h>

#include "openflow/openflow-common.h"
#include "openvswitch/flow.h"
#include "pipeline.h"

struct dp_packet;
struct flow_set;
struct ofputil_flow_removed;
struct ofputil_flow_stats;
struct ovsdb_idl_table_class;
struct ofswitch;
struct simap;
struct tasukirec_tasuki;
struct unixctl_conn;

/* A packet-in, parsed once for all applications.  Valid during the callback
 * only; a callback that keeps the packet clones it. */
struct packet_in {
    enum ofp_packet_in_reason reason;
    uint8_t table_id;
    uint64_t cookie;            /* Of the flow entry that sent it. */
    struct flow flow;           /* in_port.ofp_port is the ingress port. */
    uint32_t zone;              /* Of that port. */
    struct dp_packet *packet;   /* L2 to L4 offsets are set. */
    size_t total_len;           /* More than in 'packet' if the flow entry
                                 * asked for a part only. */
};

/* What an application is built for.  It changes with everything in this header
 * and in those that it includes. */
#define APP_INTERFACE_VERSION 2

/* Answer a command.  Each command needs exactly one answer.  Both functions
 * are Open vSwitch's own. */
void unixctl_command_reply(struct unixctl_conn *, const char *body);
void unixctl_command_reply_error(struct unixctl_conn *, const char *error);

/* A command for ovs-appctl.  'min_args' and 'max_args' are the numbers of
 * arguments that 'usage' describes. */
struct app_command {
    const char *name;           /* "APPLICATION/VERB". */
    const char *usage;
    int min_args, max_args;
    void (*cb)(struct unixctl_conn *, int argc, const char *argv[], void *aux);
    void *aux;
};

/* An address in a zone. */
typedef void app_address_func(uint32_t zone, const struct in6_addr *,
                              void *aux);

struct app_class {
    const char *name;           /* As in column "applications" of Switch. */
    unsigned int version;       /* APP_INTERFACE_VERSION. */
    uint8_t id;                 /* Top byte of every cookie. */

    struct app_stage stages[APP_MAX_STAGES];    /* Up to the first without
                                                 * tables. */
    const struct app_command *commands; /* Ends with a null name, or null. */

    /* Process life: each is called once, whether or not any switch runs the
     * application. */
    void (*init)(void);
    void (*destroy)(void);

    /* Called when the database changed, before 'configure'.  Refuses those
     * rows of this application that make no sense, with config_refuse_row()
     * (config-db.h). */
    void (*check_rows)(const struct tasukirec_tasuki *cfg);

    /* A table of which 'check_rows' looks only at the rows that have changed
     * and those that depend on them.  The "error" of a row stays until
     * 'check_rows' sets another.  When only such tables have changed, flows
     * are declared again only where an application asks for it.  Null if there
     * is none. */
    const struct ovsdb_idl_table_class *kept_errors;

    /* Called when the database changed, before 'declare_flows'.  'cfg' is the
     * root row, null while there is none; it and the rows it leads to are
     * valid until the next call.  The rows have been checked: skip those whose
     * config_get_status(uuid, "error") is not null (config-db.h). */
    void (*configure)(const struct tasukirec_tasuki *cfg);

    /* Returns false as long as 'switch_up' has to wait: the flows of all
     * applications stay as they are until then. */
    bool (*is_ready)(const struct ofswitch *);

    /* Returns true as long as the application has to stay on a switch whose
     * row no longer asks for it.  Not called once the switch has no row. */
    bool (*must_stay)(const struct ofswitch *);

    /* 'switch_up': a switch that runs the application is connected, and its
     * features and ports are known.  'switch_down': the switch is gone, or the
     * application is taken off it. */
    void (*switch_up)(struct ofswitch *);
    void (*switch_down)(struct ofswitch *);

    /* Adds to 'flows' every flow that does not depend on traffic, and changes
     * nothing else.  The core calls it after 'configure' and 'switch_up', when
     * ports come and go, and after ofswitch_redeclare(), and brings the switch
     * in line: it adds, modifies and deletes only what differs. */
    void (*declare_flows)(struct ofswitch *, struct flow_set *flows);

    /* Adds only those of these flows that have 'cookie'.  Called after
     * ofswitch_redeclare_cookie(). */
    void (*declare_cookie)(struct ofswitch *, uint64_t cookie,
                           struct flow_set *flows);

    /* On (re)connection, for each flow found in the switch with this
     * application's id that 'declare_flows' did not ask for.  Returns true to
     * keep it (the application now tracks it), false to have it deleted.  A
     * null callback means false.
     *
     * (A match decoded from the switch differs from one built from scratch in
     * that match_set_default_packet_type() was called on it.)
     *
     * 'adopt_done' follows the last flow, or comes alone if there was none.
     * Between 'switch_up' and 'adopt_done' no packet-in arrives. */
    bool (*adopt_flow)(struct ofswitch *, const struct ofputil_flow_stats *);
    void (*adopt_done)(struct ofswitch *);

    /* Returns 0 if 'port' is not this application's.  Otherwise the port is
     * this application's alone: no other one gets packets from there, or sends
     * any there but in answer.  Then returns the zone of what is behind the
     * port, or PIPE_ZONE_NONE if that is not known.  The result depends only
     * on the database and the names of ports. */
    uint32_t (*port_zone)(const struct ofswitch *, ofp_port_t port);

    /* Calls 'cb' for each address whose packets change when they pass the
     * application: what is sent there goes elsewhere, or with other numbers.
     * IPv4 addresses are IPv4-mapped.  The result depends only on the
     * database. */
    void (*list_addresses)(const struct ofswitch *, app_address_func *cb,
                           void *aux);

    /* The port with that name has come or gone.  Unlike event_port (events.h)
     * this call comes at once, before flows are declared. */
    void (*port_named)(struct ofswitch *, const char *name);

    /* For an application that has said which ports it wants (ovs-ports.h): what
     * ovs-ports.h has to say about port 'name' of the switch with datapath id
     * 'dpid', connected or not, may have changed.  That concerns all its ports
     * if 'name' is null.  The application may say that it wants others. */
    void (*ovs_port_changed)(uint64_t dpid, const char *name);

    /* Messages from the switch, dispatched by the top byte of the cookie.
     * Changes of ports come as events (events.h). */
    void (*packet_in)(struct ofswitch *, const struct packet_in *);

    /* In place of 'packet_in' for a packet whose sender takes more than its
     * share of tasukid's time.  A null callback means that the packet is
     * lost. */
    void (*packet_excess)(struct ofswitch *, const struct packet_in *);

    void (*flow_removed)(struct ofswitch *,
                         const struct ofputil_flow_removed *);

    /* The switch refused to add or modify a flow with 'cookie', for instance
     * because its table is full.  If several flows have that cookie, it is not
     * known which. */
    void (*flow_failed)(struct ofswitch *, uint64_t cookie);

    /* Called each time around the main loop. */
    void (*run)(void);
    void (*wait)(void);

    /* Adds what the application holds to 'usage' for "memory/show". */
    void (*memory_usage)(struct simap *usage);
};

enum { MAX_APPS = 32 };         /* Fits a bitmap in a uint32_t. */

/* All applications, app_count() of them, in the order in which they were
 * registered. */
extern const struct app_class *app_classes[MAX_APPS];

extern const struct app_class core_app;     /* On every managed switch. */

/* Registers application 'class', which must stay valid.  Returns null, or why
 * it cannot be registered, which the caller must free.  Applications get
 * messages from a switch in the order in which they were registered. */
char *app_register(const struct app_class *);

/* Ids below are for applications that are part of Tasuki. */
#define APP_FIRST_FOREIGN_ID 0x80

/* Applications that are not part of Tasuki are shared objects NAME.so in
 * 'directory', each of which defines
 *
 *     const struct app_class tasukid_app;
 */
void app_set_directory(const char *directory);

/* Loads application 'name' out of that directory, for the rest of the
 * process's life.  Returns null, or why that cannot be, valid until the next
 * call. */
const char *app_load(const char *name);

/* Call 'init', or 'destroy', of each registered application. */
void app_init_all(void);
void app_destroy_all(void);

/* Returns the number of applications. */
size_t app_count(void);

/* Return the index into 'app_classes', or -1 if there is none. */
int app_index_from_id(uint8_t id);
int app_index_from_name(const char *name);

#endif /* TASUKID_APP_H */
