/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_STEER_STATE_H
#define TASUKI_IPSEC_STEER_STATE_H 1

/* The file that says how an interface was before it was steered.  There is one
 * for each interface of each network namespace, in the run directory, which is
 * empty after a reboot, as are these settings. */

struct json;
struct lockfile;

struct steer_state {
    char *path;
    struct lockfile *lock;
};

/* Locks the file of interface 'name'.  Returns null or an error, which the
 * caller must free. */
char *steer_state_open(struct steer_state *, const char *name);
void steer_state_close(struct steer_state *);

/* Returns what the file has, a JSON array, or null if there is no file; sets
 * '*error' if it cannot be read.  The caller must free both. */
struct json *steer_state_read(const struct steer_state *, char **error);

/* Replaces the file, or removes it if 'array' is null, for good: it is on the
 * disk when this returns null.  Returns an error, which the caller must
 * free. */
char *steer_state_write(const struct steer_state *, const struct json *array);

#endif /* TASUKI_IPSEC_STEER_STATE_H */
