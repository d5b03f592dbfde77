/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HOOK_STATE_H
#define TASUKID_HOOK_STATE_H 1

/* The state file: the tenants that the hook knows.
 *
 * It is a journal of events, each a line of JSON.  The last event of a tenant
 * counts; after "delete" the tenant is forgotten.  The file is written anew
 * when it is much longer than necessary. */

#include <stdbool.h>
#include <stddef.h>

struct json;
struct shash;

/* Opens and locks the file.  Adds its contents to 'tenants': names mapped to
 * the last event of each, which the caller must free.  Skips lines that make
 * no sense, with a warning.  Ends the program if the file cannot be used.
 *
 * Unless this was called, the other functions do nothing. */
void hook_state_open(const char *file_name, struct shash *tenants);

/* Adds an event to the file. */
void hook_state_append(const struct json *event);

/* Returns true if the file is much longer than 'n' tenants need. */
bool hook_state_is_long(size_t n);

/* Replaces the file's contents by 'tenants', a map as above. */
void hook_state_rewrite(const struct shash *tenants);

void hook_state_close(void);

#endif /* TASUKID_HOOK_STATE_H */
