/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef FAKE_SWITCH_H
#define FAKE_SWITCH_H 1

/* A switch in place of utilities/tasukid/core/ofswitch.c, for tests and fuzz targets
 * of the handover application: it has the flows that the application installs,
 * does to packets what their actions say, and sends the application what no
 * flow of a connection matches.
 *
 * Time is fake, too: link with -Wl,--wrap=time_msec. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dp-packet.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-port.h"
#include "utilities/tasukid/apps/handover/engine/service.h"
#include "utilities/tasukid/protocol/tcp-segment.h"

/* Where everybody is. */
#define CLIENT_PORT 9
#define N_SERVERS 3             /* On ports 1 to 3. */
#define VIP 0x0a000001          /* 10.0.0.1 */
#define VIP_PORT 80
#define CLIENT_IP 0x0a000064    /* 10.0.0.100 */

extern const struct eth_addr client_mac;
extern const struct eth_addr server_macs[N_SERVERS + 1];

/* Milliseconds, what time_msec() says. */
extern long long int fake_now;

/* Starts the application on a switch with one service, 'cfg', which is taken
 * over; ends it and checks that nothing is left of what it counts. */
void fake_start(struct service_config *cfg);
void fake_stop(void);

/* Has another configuration used, or none if null. */
void fake_configure(struct service_config *cfg);

/* The same application, as after a crash: it finds its flows. */
void fake_restart(void);

/* Returns a service with servers 1, 2 and 3, of which 1 and 2 share its address
 * and 3 has 10.0.0.3:8080.  Server 1 is the default. */
struct service_config *fake_config(void);

/* Adds a rule that sends requests for 'path' to server 'n'. */
void fake_add_rule(struct service_config *, const char *path, int n);

/* Lets 'packet' come in on 'port', and takes it over. */
void fake_packet_in(struct dp_packet *packet, ofp_port_t port);

/* Lets a segment come in from the client, or from a server.  Fills in its
 * addresses, and its ports unless they are given. */
void fake_from_client(struct tcp_segment seg);
void fake_from_server(int n, struct tcp_segment seg);

/* Returns the oldest packet that left by 'port' and was not asked for yet, or
 * null.  The caller must free it. */
struct dp_packet *fake_output(ofp_port_t port);

/* Returns the port by which the oldest of these packets left, OFPP_NONE if
 * there is none. */
ofp_port_t fake_oldest_output(void);

/* Takes the next packet that left by 'port', which must be a segment with
 * right checksums, and describes it.  The payload stays until the next call.
 * Returns false if there is none. */
bool fake_next(ofp_port_t port, struct tcp_segment *);

/* Drops everything that left by any port. */
void fake_drain(void);

/* Lets 'ms' pass, in which the application works on what is due. */
void fake_pass(long long int ms);

/* The connections' flows in the switch. */
size_t fake_n_flows(void);

/* Removes those with a certain priority, or all if 0, as if they had
 * expired. */
void fake_expire_flow(uint16_t priority);
void fake_expire_flows(void);

/* With this, a connection's flow is refused instead of installed. */
extern bool fake_table_full;

/* How many packets went to the application, since the start. */
extern unsigned int fake_n_packet_ins;
/* With this, flows expire when nothing has hit them for as long as they say,
 * and the switch tells of those that are deleted. */
extern bool fake_flows_age;

/* What the application has had the switch do. */
extern size_t fake_n_flow_mods;
extern size_t fake_n_packet_outs;

/* How often the application asked for all flows to be declared anew. */
extern unsigned int fake_n_redeclared;

/* The value of a counter of the service. */
uint64_t fake_counter(enum handover_counter);

/* The engine, null without switch, and what it shares with others. */
struct engine *fake_engine(void);
extern struct engine_shared *const fake_shared;

struct hswitch *fake_hswitch(void);

#endif /* fake-switch.h */
