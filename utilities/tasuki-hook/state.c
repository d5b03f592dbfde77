/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "lockfile.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(hook_state);

static char *path;              /* Null if there is no state file. */
static FILE *file;              /* Null if it cannot be written just now. */
static size_t n_lines;
static struct lockfile *lockfile;

/* Returns null if 'line' is an event, otherwise what is wrong with it. */
static const char *
parse_line(const char *line, struct json **eventp, const char **namep)
{
    struct json *event = json_from_string(line);
    const char *error = NULL;

    if (event->type != JSON_OBJECT) {
        error = "not a JSON object";
    } else {
        struct json *name = shash_find_data(json_object(event), "name");
        struct json *what = shash_find_data(json_object(event), "event");

        if (!name || name->type != JSON_STRING
            || !what || what->type != JSON_STRING) {
            error = "no name or no event";
        } else {
            *namep = json_string(name);
        }
    }
    if (error) {
        json_destroy(event);
    } else {
        *eventp = event;
    }
    return error;
}

static void
load(FILE *stream, struct shash *tenants)
{
    struct ds line = DS_EMPTY_INITIALIZER;

    while (!ds_get_line(&line, stream)) {
        struct json *event;
        const char *name;
        const char *error = parse_line(ds_cstr(&line), &event, &name);

        n_lines++;
        if (error) {
            VLOG_WARN("%s:%"PRIuSIZE": %s", path, n_lines, error);
            continue;
        }

        const struct json *what = shash_find_data(json_object(event), "event");
        if (!strcmp(json_string(what), "delete")) {
            json_destroy(shash_find_and_delete(tenants, name));
            json_destroy(event);
        } else {
            json_destroy(shash_replace(tenants, name, event));
        }
    }
    ds_destroy(&line);
}

void
hook_state_open(const char *file_name, struct shash *tenants)
{
    int error = lockfile_lock(file_name, &lockfile);

    if (error) {
        VLOG_FATAL("%s: cannot lock (%s)", file_name, ovs_strerror(error));
    }
    path = xstrdup(file_name);
    file = fopen(path, "a+");
    if (!file) {
        VLOG_FATAL("%s: cannot open (%s)", path, ovs_strerror(errno));
    }
    load(file, tenants);
    /* A line that a crash cut off must not spoil the next one. */
    hook_state_rewrite(tenants);
    if (!file) {
        VLOG_FATAL("%s: cannot write", path);
    }
}

static bool
write_line(FILE *stream, const struct json *event)
{
    char *line = json_to_string(event, JSSF_SORT);
    bool ok = fprintf(stream, "%s\n", line) > 0 && !fflush(stream);

    free(line);
    n_lines++;
    return ok;
}

static void
report_error(int error)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);

    VLOG_ERR_RL(&rl, "%s: write failed (%s)", path, ovs_strerror(error));
}

void
hook_state_append(const struct json *event)
{
    if (file && !write_line(file, event)) {
        report_error(errno);
    }
}

bool
hook_state_is_long(size_t n)
{
    return path && n_lines > 1000 + 2 * n;
}

void
hook_state_rewrite(const struct shash *tenants)
{
    char *tmp = xasprintf("%s.tmp", path);
    FILE *stream = fopen(tmp, "w");
    bool ok = stream != NULL;
    struct shash_node *node;

    n_lines = 0;
    SHASH_FOR_EACH (node, tenants) {
        ok = ok && write_line(stream, node->data);
    }
    if (ok && !fsync(fileno(stream)) && !rename(tmp, path)) {
        fclose(file);
        file = stream;
    } else {
        /* The old file still has it all. */
        report_error(errno);
        if (stream) {
            fclose(stream);
        }
        unlink(tmp);
    }
    free(tmp);
}

void
hook_state_close(void)
{
    if (path) {
        fclose(file);
        file = NULL;
        lockfile_unlock(lockfile);
        free(path);
        path = NULL;
    }
}
