/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "steer-state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dirs.h"
#include "lockfile.h"
#include "openvswitch/json.h"
#include "util.h"

/* Makes directory 'path' and those above it, as far as they are missing.
 * Returns 0 or a positive errno value. */
static int
make_directories(const char *path)
{
    char *copy = xstrdup(path);
    int error = 0;

    for (char *p = copy; p && !error; ) {
        p = strchr(p + 1, '/');
        if (p) {
            *p = '\0';
        }
        error = mkdir(copy, 0755) && errno != EEXIST ? errno : 0;
        if (p) {
            *p = '/';
        }
    }
    free(copy);
    return error;
}

char *
steer_state_open(struct steer_state *state, const char *name)
{
    struct stat ns;
    int error;

    if (stat("/proc/self/ns/net", &ns)) {
        return xasprintf("/proc/self/ns/net: %s", ovs_strerror(errno));
    }
    error = make_directories(ovs_rundir());
    if (error) {
        return xasprintf("%s: %s", ovs_rundir(), ovs_strerror(error));
    }
    state->path = xasprintf("%s/tasuki-ipsec.%"PRIuMAX".%s.steer",
                            ovs_rundir(), (uintmax_t) ns.st_ino, name);
    error = lockfile_lock(state->path, &state->lock);
    if (error) {
        char *s = xasprintf("%s: cannot lock (%s)", state->path,
                            ovs_strerror(error));

        free(state->path);
        return s;
    }
    return NULL;
}

void
steer_state_close(struct steer_state *state)
{
    lockfile_unlock(state->lock);
    free(state->path);
}

struct json *
steer_state_read(const struct steer_state *state, char **error)
{
    struct json *json;

    *error = NULL;
    if (access(state->path, F_OK) && errno == ENOENT) {
        return NULL;
    }
    json = json_from_file(state->path);
    if (json->type == JSON_ARRAY) {
        return json;
    }
    *error = xasprintf("%s: %s", state->path,
                       json->type == JSON_STRING ? json_string(json)
                       : "not a JSON array");
    json_destroy(json);
    return NULL;
}

char *
steer_state_write(const struct steer_state *state, const struct json *array)
{
    if (!array) {
        return (unlink(state->path) && errno != ENOENT
                ? xasprintf("%s: %s", state->path, ovs_strerror(errno))
                : NULL);
    }

    char *tmp = xasprintf("%s.tmp", state->path);
    char *text = json_to_string(array, JSSF_SORT);
    FILE *stream = fopen(tmp, "w");
    char *error = NULL;

    if (!stream || fprintf(stream, "%s\n", text) < 0 || fflush(stream)
        || fsync(fileno(stream)) || rename(tmp, state->path)) {
        error = xasprintf("%s: %s", tmp, ovs_strerror(errno));
    }
    if (stream) {
        fclose(stream);
    }
    free(text);
    free(tmp);
    return error;
}
