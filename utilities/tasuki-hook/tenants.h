/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HOOK_TENANTS_H
#define TASUKID_HOOK_TENANTS_H 1

/* What the hook has to be told about each tenant.
 *
 * There is no queue of events.  For each tenant, what the hook was last told
 * is compared with what is in the database now, and the difference is the
 * event.  So a slow hook does not make memory grow, never hears of what is
 * over already, and gets a lost event again.
 *
 * A JSON object describes a tenant.  Its members are strings, empty for what
 * the tenant does not have: name, switch, lan, lan_port, service, native6,
 * prefix, mtu, state and reason.  A further member is the object
 * external_ids. */

#include <stdbool.h>

struct ds;
struct json;
struct shash;

/* Takes over the contents of 'rows', which maps the names of all tenants in
 * the database to their descriptions, and leaves it empty. */
void hook_tenants_update(struct shash *rows);

/* Returns true if the hook may know tenant 'name'. */
bool hook_tenants_is_known(const char *name);

/* Makes the next tenant in line the current one.  Returns the event that the
 * hook should be told now, an object with the members of the tenant, a member
 * "event" and, for "change", an object "old" with the former values of what
 * changed.  Returns null if there is none.  The caller must not change the
 * event, and must destroy it. */
struct json *hook_tenants_next(void);

/* The hook was told the current tenant's event, or was not because of
 * 'reason'. */
void hook_tenants_done(const char *reason);

/* Causes the next poll_block() to wake up when a tenant's turn comes. */
void hook_tenants_wait(void);

/* Tells the hook about tenant 'name' again, or about all if 'name' is null.
 * Returns false if there is no such tenant. */
bool hook_tenants_resend(const char *name);

/* Sets how often an event is tried again; UINT_MAX is for ever. */
void hook_tenants_set_retries(unsigned int n);

void hook_tenants_format(struct ds *);
void hook_tenants_destroy(void);

/* The file that remembers tenants while we do not run, so that the hook gets
 * to know of a tenant that was deleted meanwhile.  hook_tenants_load() ends
 * the program if the file cannot be used. */
void hook_tenants_load(const char *file_name);

#endif /* TASUKID_HOOK_TENANTS_H */
