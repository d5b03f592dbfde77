/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_OVS_PORTS_H
#define TASUKID_OVS_PORTS_H 1

/* Ports that tasukid gives to bridges, in database Open_vSwitch.
 *
 * A bridge for such ports never forwards on its own: its "fail_mode" becomes
 * "secure", and "disable-in-band" in "other_config" becomes "true".  It stays
 * the same switch when it gets ports: "datapath-id" in "other_config" becomes
 * what it is now.  Values that are set already are kept.  None of this is
 * undone.
 *
 * A port of ours carries the key OVS_PORTS_OWNER in "external_ids".  Ports
 * without it are used where they are, and never changed or deleted.  A tunnel
 * of ours keeps options that somebody else added. */

#include <stdbool.h>
#include <stdint.h>

#include "openvswitch/shash.h"
#include "smap.h"

struct simap;

/* In column "external_ids" of table Port: the tenant that the port is for. */
#define OVS_PORTS_OWNER "tasuki-tenant"

/* A port to have.  'type' and 'options' are columns of table Interface. */
struct ovs_port {
    char *owner;
    const char *type;           /* A static string: "", "gre", "vxlan". */
    struct smap options;
};

/* Sets where to look for switches that do not say where their database is:
 * 'remote' is in a form for ovsdb_idl_create(). */
void ovs_ports_init(const char *remote);
void ovs_ports_destroy(void);

/* Begins to say which ports there shall be.  'all' forgets what was said
 * before. */
void ovs_ports_begin(bool all);

/* Returns a shash, valid until ovs_ports_end(), for the wanted ports, by name,
 * of the bridge with datapath id 'dpid' in the database at 'remote'.  If
 * 'remote' is null, it is the one that ovs_ports_init() named.  With 'secure'
 * the bridge never forwards on its own (see above). */
struct shash *ovs_ports_want(const char *remote, uint64_t dpid, bool secure);

/* Adds a port to 'ports', unless there is one with that name.  Returns its
 * options, for the caller to fill in. */
struct smap *ovs_ports_add(struct shash *ports, const char *name,
                           const char *owner, const char *type);

/* Takes port 'name' from 'ports', if it is there for 'owner'. */
void ovs_ports_remove(struct shash *ports, const char *name,
                      const char *owner);

/* Ends what ovs_ports_begin() began.  The databases follow soon.  Bridges lose
 * those ports of ours that nobody wants any more, a few at a time on a
 * userspace datapath.  They get a tunnel only once none of its kind is
 * left. */
void ovs_ports_end(void);

/* Closes all connections.  The ports stay as they are. */
void ovs_ports_forget(void);

/* Returns why the bridge with datapath id 'dpid' does not have port 'name', or
 * null if nothing is known to be wrong.  Valid until ovs_ports_run(). */
const char *ovs_ports_problem(uint64_t dpid, const char *name);

/* Returns true if port 'name' of the bridge with datapath id 'dpid' is free:
 * not one of ours.  A port that the database does not have is not free,
 * because one of ours that was just deleted is still on the switch.  No port
 * is free before the database was read.  All are if it does not know the
 * bridge. */
bool ovs_ports_is_free(uint64_t dpid, const char *name);

/* Returns true if port 'name', which should be a tunnel of ours, is somebody
 * else's: what is behind it is not known. */
bool ovs_ports_is_foreign(uint64_t dpid, const char *name);

/* Returns true if the database of the bridge was read, or does not answer. */
bool ovs_ports_are_known(uint64_t dpid);

/* Returns true if the bridge may still have ports of ours, wanted or not. */
bool ovs_ports_has_ours(uint64_t dpid);

/* 'on_switch' returns false if the switch with datapath id 'dpid' is known not
 * to have port 'name'.  'changed' is called when what the functions above
 * return may have changed for port 'name', or for all ports of the bridge if
 * 'name' is null. */
void ovs_ports_run(bool (*on_switch)(uint64_t dpid, const char *name),
                   void (*changed)(uint64_t dpid, const char *name));
void ovs_ports_wait(void);

#endif /* TASUKID_OVS_PORTS_H */
