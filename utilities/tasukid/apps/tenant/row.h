/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_TENANT_ROW_H
#define TASUKID_TENANT_ROW_H 1

/* What a row of table Tenant means, for tasukid and tasuki-ctl alike.  Rows
 * must be good according to row_check_tenant(), except where it says
 * otherwise. */

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

/* Does a row make sense?  As in row-check.h, returns null, or the reason why
 * not, which the caller must free.  'claims' has the ports and tunnels of the
 * tenants of the same switch that were checked before: it is empty for the
 * first.  Destroy it with shash_destroy(). */
char *row_check_tenant(struct shash *claims, const struct tasukirec_tenant *);

/* Returns null if a switch may have tenants, or the reason why not,
 * likewise. */
char *row_check_tenant_switch(const struct tasukirec_switch *);

/* Returns true if the switch is to run application "tenant". */
bool tenant_runs_on(const struct tasukirec_switch *);

/* Returns the tenants of a switch in the order of their names, for the caller
 * to free.  They may be any rows. */
const struct tasukirec_tenant **tenants_by_name(
    const struct tasukirec_switch *);

/* Returns the name of the tenant's port towards its LAN, valid until the row
 * changes or 'buf' does.  The name of a tunnel's port is made from the
 * tenant's name, so any row that has a name will do. */
const char *tenant_lan_port(const struct tasukirec_tenant *,
                            char buf[TENANT_PORT_NAME_SIZE]);

/* Adds to 'options' what the tenant's tunnel must have in column "options" of
 * table Interface. */
void tenant_tunnel_options(const struct tasukirec_tenant *,
                           struct smap *options);

/* Appends the tenant's LAN as the user wrote it, for example
 * "gre:192.0.2.1:7".  For any row. */
void tenant_format_lan(const struct tasukirec_tenant *, struct ds *);

/* Returns the MTU of the tenant's LAN: bytes without Ethernet header, or 0 if
 * the bridge decides. */
uint16_t tenant_mtu(const struct tasukirec_tenant *);

/* Sets the prefix and its length in 'n'. */
void tenant_get_prefix(const struct tasukirec_tenant *, struct nat64 *n);

#endif /* TASUKID_TENANT_ROW_H */
