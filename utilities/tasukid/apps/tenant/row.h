/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_TENANT_ROW_H
#define TASUKID_TENANT_ROW_H 1

/* What a row of table Tenant means, for tasukid and tasuki-ctl alike.  All of
 * it is for rows that row_check_tenant() found good, except where it says
 * something else. */

#include <stdbool.h>
#include <stdint.h>

struct ds;
struct nat64;
struct shash;
struct smap;
struct tasukirec_switch;
struct tasukirec_tenant;

/* OpenFlow port names, and those of network devices, have 15 characters. */
#define TENANT_PORT_NAME_SIZE 16

/* Does a row make sense?  As in row-check.h: null, or the reason why not,
 * which the caller must free.  'claims' is what the tenants of the same switch
 * that were checked before have, by ports and tunnels: empty for the first.
 * Destroyed with shash_destroy(). */
char *row_check_tenant(struct shash *claims, const struct tasukirec_tenant *);

/* The same for what a switch that is to have tenants must be like. */
char *row_check_tenant_switch(const struct tasukirec_switch *);

/* Returns true if the switch is to run application "tenant". */
bool tenant_runs_on(const struct tasukirec_switch *);

/* Returns the tenants of a switch in the order of their names, for the caller
 * to free.  They may be any rows. */
const struct tasukirec_tenant **tenants_by_name(
    const struct tasukirec_switch *);

/* Returns the name of the tenant's port towards its LAN, valid until the row
 * changes or 'buf' does.  That of a tunnel is made from the tenant's name; any
 * row that has one will do. */
const char *tenant_lan_port(const struct tasukirec_tenant *,
                            char buf[TENANT_PORT_NAME_SIZE]);

/* Adds to 'options' what column "options" of table Interface must have for the
 * tenant's tunnel. */
void tenant_tunnel_options(const struct tasukirec_tenant *,
                           struct smap *options);

/* Appends the tenant's LAN as the user wrote it, for example
 * "gre:192.0.2.1:7".  For any row. */
void tenant_format_lan(const struct tasukirec_tenant *, struct ds *);

/* Returns how long a packet in the tenant's LAN may be, in bytes without
 * Ethernet header, or 0 if that is up to the bridge. */
uint16_t tenant_mtu(const struct tasukirec_tenant *);

/* Sets the prefix and its length in 'n'. */
void tenant_get_prefix(const struct tasukirec_tenant *, struct nat64 *n);

#endif /* TASUKID_TENANT_ROW_H */
