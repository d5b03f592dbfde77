/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_OVS_PORTS_H
#define TASUKID_OVS_PORTS_H 1

/* Ports that applications give to bridges, in database Open_vSwitch: tunnels
 * and other ports that are not there yet.
 *
 * An application says which ports it wants, and the core sees to them:
 *
 *     ovs_ports_begin(APP, true);
 *     wants = ovs_ports_want(APP, row->ovsdb, dpid, false);
 *     options = ovs_ports_add(wants, "mirror0", "ids", "gre");
 *     smap_add(options, "remote_ip", "192.0.2.1");
 *     ovs_ports_end(APP);
 *
 * usually in its 'configure' callback (app.h).  It says so too if it wants
 * none: a port that an earlier tasukid made for an application stays until
 * that application has said what it wants now.  APP is its id.  No application
 * changes what another wants.  The main loop does the work and calls
 * 'ovs_port_changed' (app.h) when there is news.
 *
 * A port of ours carries the key "tasuki-APPLICATION" in "external_ids" of
 * table Port.  The value is the owner, which is what the application has named
 * so: its row, for instance.  A port without such a key is used where it is,
 * and never changed or deleted.  That goes for network devices only: a port
 * that should be a tunnel or an internal port of ours, and is somebody else's,
 * is not used (see ovs_ports_is_foreign()).  A tunnel of ours keeps options
 * that somebody else added.
 *
 * If several applications want a port of the same name on one bridge, one gets
 * it, and the others are told (see ovs_ports_problem()).  It is the one that
 * has it already.  If none has, it is the one that was registered first. */

#include <stdbool.h>
#include <stdint.h>

struct ovs_wants;
struct smap;

/* Begins to say which ports 'app' wants.  'all' forgets what it wanted
 * before. */
void ovs_ports_begin(uint8_t app, bool all);

/* Returns what 'app' wants of the bridge with datapath id 'dpid' in the
 * database at 'remote', valid until ovs_ports_end().  If 'remote' is null, it
 * is the one that ovs_ports_init() named.
 *
 * With 'secure' the bridge never forwards on its own: its "fail_mode" becomes
 * "secure", and "disable-in-band" in "other_config" becomes "true".  It stays
 * the same switch when it gets ports: "datapath-id" in "other_config" becomes
 * what it is now.  Values that are set already are kept.  None of this is
 * undone. */
struct ovs_wants *ovs_ports_want(uint8_t app, const char *remote,
                                 uint64_t dpid, bool secure);

/* Adds port 'name' to 'wants', unless it is there.  'type' is as in column
 * "type" of table Interface: "" for a network device of the host's, "gre",
 * "vxlan", "erspan", "internal".  Returns the port's options, as in column
 * "options", for the caller to fill in. */
struct smap *ovs_ports_add(struct ovs_wants *wants, const char *name,
                           const char *owner, const char *type);

/* Takes port 'name' from 'wants', if it is there for 'owner'. */
void ovs_ports_remove(struct ovs_wants *wants, const char *name,
                      const char *owner);

/* Ends what ovs_ports_begin() began.  The databases follow soon.  Bridges lose
 * those ports of the application's that it does not want any more, a few at a
 * time on a userspace datapath.  They get a tunnel only once none of its kind
 * is left. */
void ovs_ports_end(uint8_t app);

/* Returns why the bridge with datapath id 'dpid' does not have port 'name' for
 * 'app', or null if nothing is known to be wrong.  Valid until
 * ovs_ports_run(). */
const char *ovs_ports_problem(uint8_t app, uint64_t dpid, const char *name);

/* Returns true if 'app' must not use port 'name': it should be ours and is
 * somebody else's, or is another application's. */
bool ovs_ports_is_foreign(uint8_t app, uint64_t dpid, const char *name);

/* Returns true if port 'name' of the bridge with datapath id 'dpid' is not one
 * of those that carry the key of 'app'.  A port that the database does not
 * have may be one that was just deleted and is still on the switch, so that
 * false is returned.  The same before the database was read.  All ports are
 * free if the database does not know the bridge. */
bool ovs_ports_is_free(uint8_t app, uint64_t dpid, const char *name);

/* Returns true if the database of the bridge was read, or does not answer, or
 * if 'app' wants nothing of the bridge. */
bool ovs_ports_are_known(uint8_t app, uint64_t dpid);

/* Returns true if the bridge may still have ports for 'app', wanted or not. */
bool ovs_ports_has_ours(uint8_t app, uint64_t dpid);

/* Returns the MTU, in bytes, of the interface through which the packets of the
 * tunnel 'name' leave, or 0 if that is not known.  What the tunnel adds to a
 * packet is not subtracted. */
int ovs_ports_egress_mtu(uint64_t dpid, const char *name);

/* For the core. */

/* Sets where to look for switches that do not say where their database is:
 * 'remote' is in a form for ovsdb_idl_create(). */
void ovs_ports_init(const char *remote);
void ovs_ports_destroy(void);

/* Forgets what all applications want, and closes all connections.  The ports
 * stay as they are. */
void ovs_ports_forget(void);

void ovs_ports_run(void);
void ovs_ports_wait(void);

#endif /* TASUKID_OVS_PORTS_H */
