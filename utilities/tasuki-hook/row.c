/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "row.h"

#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "smap.h"
#include "util.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "utilities/tasukid/apps/tenant/row.h"

VLOG_DEFINE_THIS_MODULE(hook_row);

void
hook_row_register(struct ovsdb_idl *idl)
{
    static const struct ovsdb_idl_column *const columns[] = {
        &tasukirec_switch_col_datapath_id,
        &tasukirec_switch_col_tenants,
        &tasukirec_tenant_col_name,
        &tasukirec_tenant_col_lan,
        &tasukirec_tenant_col_tunnel_type,
        &tasukirec_tenant_col_tunnel_remote,
        &tasukirec_tenant_col_tunnel_key,
        &tasukirec_tenant_col_service,
        &tasukirec_tenant_col_native6,
        &tasukirec_tenant_col_prefix,
        &tasukirec_tenant_col_mtu,
        &tasukirec_tenant_col_status,
        &tasukirec_tenant_col_external_ids,
    };

    for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
        ovsdb_idl_add_column(idl, columns[i]);
    }
}

static struct json *
describe(const struct tasukirec_switch *sw, const struct tasukirec_tenant *row)
{
    char buf[TENANT_PORT_NAME_SIZE];
    struct ds lan = DS_EMPTY_INITIALIZER;
    struct json *t = json_object_create();
    uint16_t mtu = tenant_mtu(row);

    tenant_format_lan(row, &lan);
    json_object_put_string(t, "name", row->name);
    json_object_put_string(t, "switch", sw->datapath_id);
    json_object_put_nocopy(t, xstrdup("lan"),
                           json_string_create_nocopy(ds_steal_cstr(&lan)));
    json_object_put_string(t, "lan_port", tenant_lan_port(row, buf));
    json_object_put_string(t, "service", row->service);
    json_object_put_string(t, "native6", row->native6 ? row->native6 : "");
    json_object_put_string(t, "prefix",
                           row->prefix ? row->prefix : "fe80::/96");
    if (mtu) {
        json_object_put_format(t, "mtu", "%u", mtu);
    } else {
        json_object_put_string(t, "mtu", "");
    }
    json_object_put_string(t, "state", smap_get_def(&row->status, "state",
                                                    ""));
    json_object_put_string(t, "reason", smap_get_def(&row->status, "reason",
                                                     ""));
    json_object_put(t, "external_ids", smap_to_json(&row->external_ids));
    return t;
}

static void
add_row(const struct tasukirec_switch *sw, const struct tasukirec_tenant *row,
        struct shash *claims, struct shash *rows)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);
    char *error = row_check_tenant(claims, row);

    if (error) {
        VLOG_WARN_RL(&rl, "tenant \"%s\" makes no sense: %s",
                     row->name, error);
        free(error);
    } else if (!shash_find(rows, row->name)) {
        shash_add(rows, row->name, describe(sw, row));
    }
}

/* Tenants that tasukid uses come first, then those that the hook knows. */
static int
rank(const struct tasukirec_tenant *row, bool (*is_known)(const char *name))
{
    return smap_get(&row->status, "state") ? 0 : is_known(row->name) ? 1 : 2;
}

void
hook_row_get_all(struct ovsdb_idl *idl, bool (*is_known)(const char *name),
                 struct shash *rows)
{
    const struct tasukirec_switch *sw;

    TASUKIREC_SWITCH_FOR_EACH (sw, idl) {
        struct shash claims = SHASH_INITIALIZER(&claims);

        for (int r = 0; r <= 2; r++) {
            for (size_t i = 0; i < sw->n_tenants; i++) {
                if (rank(sw->tenants[i], is_known) == r) {
                    add_row(sw, sw->tenants[i], &claims, rows);
                }
            }
        }
        shash_destroy(&claims);
    }
}
