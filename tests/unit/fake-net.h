/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef FAKE_NET_H
#define FAKE_NET_H 1

/* A client and three servers around what is tested, and a time that is not
 * real.
 *
 * What is tested is one of two: the engine of the handover application, whose
 * owner is fake-owner.c, or the whole of it on the switch of fake-switch.c.
 * Either has the entries (flows) that it is told to, does to packets what
 * these say, and hands over what matches none.  A test that is linked with one
 * can be linked with the other. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dp-packet.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-port.h"
#include "utilities/tasukid/apps/handover/engine/engine.h"
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

/* Milliseconds. */
extern long long int fake_now;

/* Starts what is tested with one service, 'cfg', which is taken
 * over; ends it and checks that nothing is left of what it counts. */
void fake_start(struct service_config *cfg);
void fake_stop(void);

/* Has another configuration used, or none if null. */
void fake_configure(struct service_config *cfg);

/* The same, as after a crash: it finds its entries. */
void fake_restart(void);

/* Returns a service with servers 1, 2 and 3, of which 1 and 2 share its
 * address and 3 has 10.0.0.3:8080.  Server 1 is the default. */
struct service_config *fake_config(void);

/* Adds a rule that sends requests for 'path' to server 'n'. */
void fake_add_rule(struct service_config *, const char *path, int n);

/* Lets 'packet' come in on 'port', and takes it over.  An owner of the engine
 * has no use for other than IPv4. */
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

/* Lets 'ms' pass, in which it works on what is due. */
void fake_pass(long long int ms);

/* The entries there are. */
size_t fake_n_flows(void);

/* Removes those of one kind, or all with ENTRY_NONE, as if they had
 * expired. */
void fake_expire(enum entry_kind);

/* With this, an entry is refused instead of installed. */
extern bool fake_table_full;

/* With this, entries expire when nothing has hit them for as long as they say,
 * and those that are removed are told of. */
extern bool fake_flows_age;

/* How many packets were handed over, since the start. */
extern unsigned int fake_n_packet_ins;

/* What it has had done: entries installed and removed, packets sent. */
extern size_t fake_n_flow_mods;
extern size_t fake_n_packet_outs;

/* How often it wanted its static flows declared anew. */
extern unsigned int fake_n_redeclared;

/* The value of a counter of the service. */
uint64_t fake_counter(enum handover_counter);

/* The engine, null before the start, and what it shares with others. */
struct engine *fake_engine(void);
extern struct engine_shared *const fake_shared;

/* For fake-owner.c and fake-switch.c. */

extern struct service_config *fake_cfg;     /* Owns a reference. */
void fake_net_start(void);
void fake_net_stop(void);
void fake_net_configure(struct service_config *cfg);

/* Sends 'packet', which the caller keeps, out of 'port', out of all, or where
 * its destination is, as a learning switch would. */
void fake_send(const struct dp_packet *packet, ofp_port_t port);
void fake_flood(const struct dp_packet *packet);
void fake_send_by_mac(const struct dp_packet *packet);

#endif /* fake-net.h */
