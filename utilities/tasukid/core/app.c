/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "app.h"

#include <ctype.h>
#include <dlfcn.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app-call.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(app);

const struct app_class *app_classes[MAX_APPS];
static size_t n_apps;
static bool initialized;            /* app_init_all() was called. */

/* Whose code runs, and which callbacks it was reached by. */
static const struct app_call *current_call;

/* The directory of applications that are not part of Tasuki, and why those
 * that could not be loaded last time could not: names to messages. */
static char *app_directory;
static struct shash load_errors = SHASH_INITIALIZER(&load_errors);

/* A name is typed on command lines and is part of file names. */
static bool
is_good_name(const char *name)
{
    return (isalpha((unsigned char) name[0])
            && name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                           "0123456789_-")] == '\0');
}

char *
app_register(const struct app_class *class)
{
    if (class->version != APP_INTERFACE_VERSION) {
        return xasprintf("built for version %u of the interface, not %u",
                         class->version, APP_INTERFACE_VERSION);
    } else if (!is_good_name(class->name)) {
        return xasprintf("\"%s\" is not the name of an application: small "
                         "letters, digits, \"-\" and \"_\"", class->name);
    } else if (app_index_from_name(class->name) >= 0) {
        return xstrdup("there is an application of that name already");
    } else if (app_index_from_id(class->id) >= 0) {
        return xasprintf("its flows' id %#"PRIx8" is that of application "
                         "\"%s\"", class->id,
                         app_classes[app_index_from_id(class->id)]->name);
    } else if (n_apps >= MAX_APPS) {
        return xasprintf("there are %d applications already", MAX_APPS);
    }

    char *error = pipeline_register(class);
    if (!error) {
        app_classes[n_apps++] = class;
    }
    return error;
}

/* A command and the application that it is part of. */
struct registered_command {
    const struct app_class *class;
    const struct app_command *command;
};

static void
run_command(struct unixctl_conn *conn, int argc, const char *argv[],
            void *rc_)
{
    const struct registered_command *rc = rc_;
    struct app_call call;

    app_enter(&call, rc->class, rc->command->name);
    rc->command->cb(conn, argc, argv, rc->command->aux);
    app_leave(&call);
}

static void
app_init(const struct app_class *class)
{
    const struct app_command *command = class->commands;

    for (; command && command->name; command++) {
        struct registered_command *rc = xmalloc(sizeof *rc);

        rc->class = class;
        rc->command = command;
        unixctl_command_register(command->name, command->usage,
                                 command->min_args, command->max_args,
                                 run_command, rc);
    }
    if (class->init) {
        APP_CALL(class, init);
    }
}

static void
format_stages(const struct app_class *class, struct ds *ds)
{
    const char *separator = ", tables ";
    size_t n;
    const struct pipeline_stage *stages = pipeline_stages(&n);

    for (size_t i = 0; i < n; i++) {
        if (stages[i].app == class) {
            ds_put_format(ds, "%s%d to %d", separator, stages[i].table,
                          stages[i].table + stages[i].n_tables - 1);
            separator = ", ";
        }
    }
}

static void
list_apps(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < n_apps; i++) {
        const struct app_class *class = app_classes[i];
        const struct app_command *command = class->commands;

        ds_put_format(&ds, "%s: id %#"PRIx8, class->name, class->id);
        format_stages(class, &ds);
        for (; command && command->name; command++) {
            ds_put_format(&ds, "%s%s", command == class->commands
                          ? ", commands " : " ", command->name);
        }
        ds_put_char(&ds, '\n');
    }
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

void
app_init_all(void)
{
    initialized = true;
    unixctl_command_register("application/list", "", 0, 0, list_apps, NULL);
    for (size_t i = 0; i < n_apps; i++) {
        app_init(app_classes[i]);
    }
}

void
app_destroy_all(void)
{
    for (size_t i = n_apps; i-- > 0; ) {
        if (app_classes[i]->destroy) {
            APP_CALL(app_classes[i], destroy);
        }
    }
}

size_t
app_count(void)
{
    return n_apps;
}

int
app_index_from_id(uint8_t id)
{
    for (size_t i = 0; i < n_apps; i++) {
        if (app_classes[i]->id == id) {
            return i;
        }
    }
    return -1;
}

int
app_index_from_name(const char *name)
{
    for (size_t i = 0; i < n_apps; i++) {
        if (!strcmp(app_classes[i]->name, name)) {
            return i;
        }
    }
    return -1;
}

/* Applications that are not part of Tasuki. */

void
app_set_directory(const char *directory)
{
    free(app_directory);
    app_directory = xstrdup(directory);
}

/* Returns null with the class in '*classp', or the reason why there is none,
 * which the caller must free. */
static char *
open_app(const char *name, const struct app_class **classp)
{
    char *file = xasprintf("%s/%s.so", app_directory, name);
    char *error = NULL;
    void *handle;

    if (access(file, F_OK)) {
        error = xasprintf("there is no %s", file);
    } else if (!(handle = dlopen(file, RTLD_NOW | RTLD_LOCAL))) {
        error = xstrdup(dlerror());
    } else {
        const struct app_class *class = dlsym(handle, "tasukid_app");

        if (!class) {
            error = xasprintf("%s does not define \"tasukid_app\"", file);
        } else if (class->version == APP_INTERFACE_VERSION
                   && strcmp(class->name, name)) {
            error = xasprintf("%s is application \"%s\"", file, class->name);
        } else if (class->version == APP_INTERFACE_VERSION
                   && class->id < APP_FIRST_FOREIGN_ID) {
            error = xasprintf("its flows' id %#"PRIx8" is not %#x or more",
                              class->id, APP_FIRST_FOREIGN_ID);
        } else {
            error = app_register(class);
        }
        if (error) {
            dlclose(handle);
        } else {
            *classp = class;
        }
    }
    free(file);
    return error;
}

const char *
app_load(const char *name)
{
    const struct app_class *class = NULL;
    char *error, *old_error;

    if (!app_directory) {
        return "there is no such application";
    } else if (!is_good_name(name)) {
        return "that is not the name of an application";
    }

    error = open_app(name, &class);
    old_error = shash_find_and_delete(&load_errors, name);
    if (!error) {
        VLOG_INFO("application %s: loaded from %s", name, app_directory);
        if (initialized) {
            app_init(class);
        }
    } else {
        if (!old_error || strcmp(error, old_error)) {
            VLOG_WARN("application %s: %s", name, error);
        }
        shash_add(&load_errors, name, error);
    }
    free(old_error);
    return error;
}

/* Whose code is running. */

void
app_enter(struct app_call *call, const struct app_class *class,
          const char *callback)
{
    call->outer = current_call;
    call->class = class;
    call->callback = callback;
    current_call = call;
}

void
app_leave(const struct app_call *call)
{
    ovs_assert(current_call == call);
    current_call = call->outer;
}

const struct app_class *
app_running(void)
{
    return current_call ? current_call->class : NULL;
}

/* Signals that a process dies of because of a bug. */
static const int crash_signals[] = {
    SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV,
};
static struct sigaction old_actions[ARRAY_SIZE(crash_signals)];

/* Writes with only what a signal handler may call. */
static void
write_crash(const char *s)
{
    vlog_direct_write_to_log_file_unsafe(s);
    ignore(write(STDERR_FILENO, s, strlen(s)));
}

static void
log_crash(int signr)
{
    const struct app_call *call = current_call;

    for (size_t i = 0; i < ARRAY_SIZE(crash_signals); i++) {
        sigaction(crash_signals[i], &old_actions[i], NULL);
    }
    if (call) {
        write_crash("tasukid: application ");
        write_crash(call->class->name);
        write_crash(" crashed in ");
        write_crash(call->callback);
        write_crash("\n");
    }
    raise(signr);
}

void
app_log_crashes(void)
{
    struct sigaction action = { .sa_handler = log_crash };

    sigemptyset(&action.sa_mask);
    action.sa_flags = SA_NODEFER;
    for (size_t i = 0; i < ARRAY_SIZE(crash_signals); i++) {
        sigaction(crash_signals[i], &action, &old_actions[i]);
    }
}
