/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "app.h"

#include <ctype.h>
#include <string.h>

#include "unixctl.h"
#include "util.h"

const struct app_class *app_classes[MAX_APPS];
static size_t n_apps;

/* A name is typed on command lines, and is part of file names. */
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

static void
app_init(const struct app_class *class)
{
    const struct app_command *command = class->commands;

    for (; command && command->name; command++) {
        unixctl_command_register(command->name, command->usage,
                                 command->min_args, command->max_args,
                                 command->cb, command->aux);
    }
    if (class->init) {
        class->init();
    }
}

void
app_init_all(void)
{
    for (size_t i = 0; i < n_apps; i++) {
        app_init(app_classes[i]);
    }
}

void
app_destroy_all(void)
{
    for (size_t i = n_apps; i-- > 0; ) {
        if (app_classes[i]->destroy) {
            app_classes[i]->destroy();
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
