/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HOOK_TENANTS_H
#define TASUKID_HOOK_TENANTS_H 1

/* What has to be told about which tenant.
 *
 * There is no queue of events.  For each tenant, what the hook was last told
 * is compared with what is in the database now, and the difference is the
 * event.  So memory does not grow with a hook that is slow, a hook never hears
 * of what is over already, and an event that was lost is made again.
 *
 * A tenant is described by a JSON object whose members are strings, empty for
 * what the tenant does not have: name, switch, lan, lan_port, service,
 * native6, prefix, mtu, state and reason; and by an object external_ids. */

#include <stdbool.h>

struct ds;
struct json;
struct shash;

/* Takes over 'rows', which maps from the names of all tenants in the database
 * to their descriptions, and leaves it empty. */
void hook_tenants_update(struct shash *rows);

/* Returns true if the hook may know tenant 'name'. */
bool hook_tenants_is_known(const char *name);

/* Makes the next tenant in line the current one.  Returns the event that the
 * hook should be told now, an object with the members of the tenant, a member
 * "event" and, for "change", an object "old" with the former values of what
 * changed.  Returns null if there is none.  The caller must not change it, and
 * must destroy it. */
struct json *hook_tenants_next(void);

/* The current tenant's event was told, or was not because of 'reason'. */
void hook_tenants_done(const char *reason);

/* Causes the next poll_block() to wake up when a tenant's turn comes. */
void hook_tenants_wait(void);

/* Tells of tenant 'name' again, of all if null.  Returns false if there is
 * none. */
bool hook_tenants_resend(const char *name);

/* Sets how often an event is tried again; UINT_MAX is for ever. */
void hook_tenants_set_retries(unsigned int n);

void hook_tenants_format(struct ds *);
void hook_tenants_destroy(void);

/* File that remembers tenants while we do not run, so that a tenant that was
 * deleted meanwhile can be told of.  hook_tenants_load() ends the program if
 * the file cannot be used. */
void hook_tenants_load(const char *file_name);

#endif /* TASUKID_HOOK_TENANTS_H */
