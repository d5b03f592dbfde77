/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_TENANT_TENANT_H
#define TASUKID_TENANT_TENANT_H 1

/* Tenants: LANs that all use the same IPv4 addresses, and a service that sees
 * each LAN as IPv6 link-local, on an interface of its own.
 *
 * Each tenant has a port towards its LAN and one towards the service, for
 * translated packets.  It may have a third one for the LAN's native IPv6.  It
 * has five flows in PIPE_ZONE:
 *
 *     LAN, IPv4 or ARP    nat64(4to6), output to the service (two flows)
 *     service, IPv6       nat64(6to4), output to the LAN
 *     LAN, IPv6           output to native6
 *     native6, IPv6       output to the LAN
 *
 * A tenant's frames go to its own ports or nowhere.  No other flow takes them,
 * and packets that miss in PIPE_ZONE are dropped.  So frames of another kind
 * do not leak, and a port whose flows are not there yet does not, either.
 * Frames with a VLAN tag match none of the five flows.  Each port that is no
 * tenant's has a flow that sends its packets on to the other applications.
 * They do not flood to the tenants' ports (see 'port_zone').
 *
 * The files, none of which calls one that is below it:
 *
 *     row.c        what a row means
 *     tenants.c    which tenants there are, and which have changed
 *     ports.c      their ports: which are whose, and which there should be
 *     state.c      what is published about them
 *     flows.c      their flows
 *     show.c       commands
 *     tenant.c     when each of these has to do something
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"
#include "sset.h"
#include "utilities/tasukid/core/app.h"

struct ds;
struct tasukirec_switch;
struct tasukirec_tenant;

#define PIPE_APP_TENANT 0x57

/* Of the flows of ports that are no tenant's. */
#define COOKIE_OPEN PIPE_COOKIE(PIPE_APP_TENANT, 0)

/* Which tenants there are. */

/* One row of table Tenant, and what was made of it when the database changed
 * last. */
struct tenant {
    struct hmap_node node;      /* In 'tenants'. */
    struct uuid uuid;
    uint64_t cookie;            /* Of its flows. */
    const struct tasukirec_tenant *row;     /* Null if it is gone. */
    const struct tasukirec_switch *sw;      /* The row that lists it. */
    struct uuid site;           /* UUID of that row. */
    uint64_t dpid;              /* Of its switch, or 0. */
    bool changing;              /* It is in 'changes'. */
    char *name;
    struct sset claims;         /* Those of the site's that it has. */
    struct tenant_port {
        struct hmap_node node;  /* In 'tenant_ports'. */
        struct tenant *tenant;
        char *name;
    } ports[3];                 /* "lan", "service", "native6". */
    size_t n_ports;
    struct ovs_list dirty_node; /* See tenant_state_changed(). */
};

/* By cookie. */
extern struct hmap tenants;

/* What has changed about a tenant: its name and ports, as they were. */
struct tenant_change {
    struct tenant *tenant;
    char *name;
    char *ports[3];
    size_t n_ports;
};

/* Checks the rows, and finds out what has changed.  That is valid until
 * tenants_end_changes(). */
void tenants_check_rows(const struct tasukirec_tasuki *);
struct tenant_change *tenants_changes(size_t *n);
void tenants_end_changes(void);

/* Returns true if switches that list tenants came or went, or tenants changed
 * switches.  Then all tenants are among the changes. */
bool tenants_sites_changed(void);

/* Forgets all tenants. */
void tenants_forget(void);
void tenants_destroy(void);

bool tenant_is_refused(const struct tasukirec_tenant *);

/* Returns true if the tenant is to work: its row is good, and its switch runs
 * this application, connected or not. */
bool tenant_runs(const struct tenant *);

/* Returns the cookie of a tenant's flows, which finds them among all
 * others. */
uint64_t tenant_cookie(const struct uuid *);

/* Returns the tenant with that cookie, or null. */
struct tenant *tenants_find(uint64_t cookie);

/* Returns a tenant of 'dpid' that has port 'name', preferably one that is not
 * refused, or null.  The ports of a refused row count as its tenant's: nobody
 * can have meant them to be open to all. */
const struct tenant *tenants_find_port_owner(uint64_t dpid, const char *name);

/* Calls 'cb' for each tenant of 'dpid' that has port 'name'. */
void tenants_for_each_with_port(uint64_t dpid, const char *name,
                                void (*cb)(struct tenant *));

/* Returns the switch if it is connected and runs this application, or null. */
struct ofswitch *tenants_find_switch(uint64_t dpid);

/* Their ports. */

/* One switch. */
struct tenant_switch {
    struct sset open;           /* Names of the ports that are no tenant's. */
};

struct tenant_switch *tenant_switch_get(const struct ofswitch *);

/* A tenant's zone is the number of the port towards its LAN.  It is unique on
 * the switch, and the same when tasukid starts anew. */
uint32_t tenant_port_zone(const struct ofswitch *, ofp_port_t);

/* Port 'name' may have come or gone, or got or lost its tenant. */
void tenant_note_port(struct ofswitch *, const char *name);

/* The ports of a tenant.  Each is OFPP_NONE if tenants have no such port. */
struct tenant_found_ports {
    ofp_port_t lan, service, native6;
};

/* Finds the ports of a tenant, and appends to 'missing' why there are not
 * all. */
struct tenant_found_ports tenant_find_ports(const struct ofswitch *,
                                            const struct tasukirec_tenant *,
                                            struct ds *missing);
bool tenant_is_up(const struct tenant_found_ports *);

/* Have the core give bridges the ports of all tenants, or of those that have
 * changed. */
void tenant_want_all_ports(const struct tasukirec_tasuki *);
void tenant_want_changed_ports(void);

/* What is published about them. */

/* The state of the tenant may have changed.  tenant_update_states() finds out,
 * once the flows have been declared. */
void tenant_state_changed(struct tenant *);
bool tenant_states_are_old(void);
void tenant_update_states(void);

/* What an earlier tasukid published about a tenant holds until this one knows
 * better. */
void tenant_adopt_state(const struct tenant *);

/* Sets the state of the tenants that tenant_update_states() leaves out: those
 * of switches that do not run this application now. */
void tenant_check_switches(const struct tasukirec_tasuki *);

/* Their flows: 'declare_flows' and 'declare_cookie' (app.h). */

void tenant_declare_flows(struct ofswitch *, struct flow_set *);
void tenant_declare_cookie(struct ofswitch *, uint64_t cookie,
                           struct flow_set *);

/* Commands for ovs-appctl. */
extern const struct app_command tenant_commands[];

#endif /* TASUKID_TENANT_TENANT_H */
