/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "app.h"

#include <string.h>

#include "util.h"

/* In pipeline order, so that flow-removed and port-status messages reach a
 * table's owner before those whose packets it passes on. */
const struct app_class *const app_classes[] = {
    &core_app,
    &tenant_app,
    &handover_app,
    &forward_app,
    NULL,
};

BUILD_ASSERT_DECL(ARRAY_SIZE(app_classes) - 1 <= MAX_APPS);

size_t
app_count(void)
{
    return ARRAY_SIZE(app_classes) - 1;
}

int
app_index_from_id(uint8_t id)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->id == id) {
            return i;
        }
    }
    return -1;
}

int
app_index_from_name(const char *name)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (!strcmp(app_classes[i]->name, name)) {
            return i;
        }
    }
    return -1;
}
