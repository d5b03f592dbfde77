/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_OFSWITCH_H
#define TASUKID_OFSWITCH_H 1

/* One OpenFlow switch, as the applications see it.
 *
 * A switch executes messages in the order of the calls here. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-protocol.h"
#include "pipeline.h"

struct dp_packet;
struct flow_set;
struct in6_addr;
struct match;
struct ofpbuf;
struct ofputil_flow_mod;
struct ofputil_phy_port;
struct tasukirec_switch;

struct ofswitch;

uint64_t ofswitch_datapath_id(const struct ofswitch *);
const char *ofswitch_name(const struct ofswitch *);
enum ofp_version ofswitch_version(const struct ofswitch *);
enum ofputil_protocol ofswitch_protocol(const struct ofswitch *);

/* Returns the database row that configures the switch, valid until the
 * database changes.  In 'configure' it is the new one already.  A switch whose
 * row is gone has the one that it had until the application is stopped. */
const struct tasukirec_switch *ofswitch_row(const struct ofswitch *);

/* Returns true if application 'app' runs on the switch. */
bool ofswitch_runs(const struct ofswitch *, uint8_t app);

/* Calls 'cb' for each switch on which 'app' runs (between its 'switch_up' and
 * 'switch_down'). */
void ofswitch_for_each(uint8_t app,
                       void (*cb)(struct ofswitch *, void *aux), void *aux);

/* Returns the port with that name, or OFPP_NONE. */
ofp_port_t ofswitch_port_by_name(const struct ofswitch *, const char *name);

/* Returns the port that 's' names, by name or number, or OFPP_NONE. */
ofp_port_t ofswitch_port_from_string(const struct ofswitch *, const char *s);

/* Returns the description of port 'port', valid during the current callback,
 * or null if the switch has no such port. */
const struct ofputil_phy_port *ofswitch_port(const struct ofswitch *,
                                             ofp_port_t port);

/* Returns the zone of what is behind 'port', or 0 if no application owns the
 * port (see 'port_zone' in app.h). */
uint32_t ofswitch_port_zone(const struct ofswitch *, ofp_port_t port);

/* Returns true if an application owns 'port' (see 'port_zone' in app.h), so
 * that no other may send there unasked. */
bool ofswitch_port_is_owned(const struct ofswitch *, ofp_port_t port);

/* Returns true if some port of the switch may be owned. */
bool ofswitch_has_owners(const struct ofswitch *);

/* Calls 'cb' for each address that the applications of the switch list (see
 * 'list_addresses' in app.h). */
void ofswitch_for_each_address(const struct ofswitch *,
                               void (*cb)(uint32_t zone,
                                          const struct in6_addr *, void *aux),
                               void *aux);

/* Calls 'cb' for each port, in the order of their numbers. */
void ofswitch_for_each_port(struct ofswitch *,
                            void (*cb)(struct ofswitch *,
                                       const struct ofputil_phy_port *,
                                       void *aux), void *aux);

/* Appends actions that flood a packet: out of all ports but its ingress port
 * and those that an application owns. */
void ofswitch_put_flood(struct ofswitch *, struct ofpbuf *ofpacts);

/* Per-switch data of the application with pipeline id 'app', null at first. */
void *ofswitch_get_data(const struct ofswitch *, uint8_t app);
void ofswitch_set_data(struct ofswitch *, uint8_t app, void *);

/* Returns the value of 'key' in column "other_config" of the row that
 * configures the switch, valid until the database changes, or null. */
const char *ofswitch_other_config(const struct ofswitch *, const char *key);

/* Sends 'fm', which the caller keeps.  An added flow must carry the id of the
 * application in fm->new_cookie, in a table of its stage.  To modify or
 * delete, fm->cookie and fm->cookie_mask must select flows by that id.
 * Anything else is logged, and not sent. */
void ofswitch_flow_mod(struct ofswitch *, const struct ofputil_flow_mod *fm);

/* Sends 'packet', which the caller keeps, with 'ofpacts'. */
void ofswitch_packet_out(struct ofswitch *, const struct dp_packet *packet,
                         ofp_port_t in_port, const struct ofpbuf *ofpacts);

/* Sends 'packet', which the caller keeps, out of 'port', or nowhere if that is
 * owned; OFPP_FLOOD is ofswitch_put_flood(). */
void ofswitch_output(struct ofswitch *, const struct dp_packet *packet,
                     ofp_port_t port);

/* Sends the Ethernet frame at 'data', of 'size' bytes, through the pipeline.
 * It enters at 'table', where a stage begins, and all stages from there on see
 * it.  (A packet whose egress is noted leaves at once if no stage taps.)  Its
 * ingress port is 'in_port': OFPP_CONTROLLER if it came in by none. */
void ofswitch_inject(struct ofswitch *, const void *data, size_t size,
                     ofp_port_t in_port, uint8_t table,
                     const struct pipeline_notes *);

void ofswitch_barrier(struct ofswitch *);

/* Returns true if all flows that applications want to declare have been sent.
 * If so, the reply to a barrier request says that the switch has them.  If
 * not, the main loop runs again when that changes. */
bool ofswitch_is_told(const struct ofswitch *);

/* Asks the core to have 'app' declare its flows again soon. */
void ofswitch_redeclare(struct ofswitch *, uint8_t app);

/* Like ofswitch_redeclare(), but only for flows with 'cookie', with the
 * application's 'declare_cookie'. */
void ofswitch_redeclare_cookie(struct ofswitch *, uint64_t cookie);

/* Like ofswitch_redeclare(), but at most once a second: for what packets can
 * cause. */
void ofswitch_redeclare_soon(struct ofswitch *, uint8_t app);

/* An application says that its 'port_zone' may have changed: for the port with
 * that name, if there is one, or for all ports if 'name' is null.  Asks the
 * core to have the other applications that this matters to declare their flows
 * again soon. */
void ofswitch_zone_changed(struct ofswitch *, const char *name);

/* Adds a flow to those that an application declares.  'app' is the caller's
 * id, 'cookie' carries it, and 'table' is of its stage.  Anything else is
 * logged, and not added. */
void flow_set_add(struct flow_set *, uint8_t app, uint64_t cookie,
                  uint8_t table, uint16_t priority, const struct match *,
                  const struct ofpbuf *ofpacts);

#endif /* TASUKID_OFSWITCH_H */
