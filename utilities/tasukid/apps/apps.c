/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "apps.h"

#include "util.h"
#include "utilities/tasukid/core/app.h"

static void
add(const struct app_class *class)
{
    char *error = app_register(class);

    if (error) {
        ovs_fatal(0, "application %s: %s", class->name, error);
    }
}

void
apps_register(void)
{
    add(&core_app);
#define TASUKID_APP(NAME) add(&NAME##_app);
    TASUKID_APPS
#undef TASUKID_APP
}
