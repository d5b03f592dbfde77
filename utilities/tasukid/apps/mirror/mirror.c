/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "openvswitch/shash.h"
#include "row.h"
#include "smap.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/tasuki-idl.h"

#define PIPE_APP_MIRROR 0x59

/* Checks policies that are in use first, so that no new row takes what they
 * have.  The database forgets which they are when its server is restarted, and
 * tasukid when it is restarted itself. */
static void
check_switch(const struct tasukirec_switch *sw)
{
    const struct tasukirec_mirror_policy **rows = mirrors_by_name(sw);
    struct shash accepted = SHASH_INITIALIZER(&accepted);

    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < sw->n_mirrors; i++) {
            const struct uuid *uuid = &rows[i]->header_.uuid;

            if (in_use == (config_get_status(uuid, "state")
                           || smap_get(&rows[i]->status, "state"))) {
                config_refuse_row(uuid, row_check_mirror(sw, &accepted,
                                                         rows[i]));
            }
        }
    }
    shash_destroy(&accepted);
    free(rows);
}

static void
mirror_check_rows(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        check_switch(cfg->switches[i]);
    }
}

const struct app_class mirror_app = {
    .name = "mirror",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_MIRROR,
    .check_rows = mirror_check_rows,
};
