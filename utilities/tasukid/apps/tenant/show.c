/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tenant.h"

#include <inttypes.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "row.h"
#include "tasuki-nat64.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/tasuki-idl.h"

static void
show_port(const struct ofswitch *sw, const char *role, const char *name,
          struct ds *out)
{
    ofp_port_t port = ofswitch_port_by_name(sw, name);

    ds_put_format(out, "  %s: %s", role, name);
    if (port != OFPP_NONE) {
        ds_put_format(out, " (port %"PRIu32")", port);
    } else {
        ds_put_cstr(out, " (no such port)");
    }
    ds_put_char(out, '\n');
}

static void
show_tenant(const struct ofswitch *sw, const struct tasukirec_tenant *row,
            struct ds *out)
{
    struct ds missing = DS_EMPTY_INITIALIZER;
    struct tenant_found_ports found = tenant_find_ports(sw, row, &missing);
    char name[TENANT_PORT_NAME_SIZE];
    struct nat64 n = { .direction = NAT64_4TO6 };
    struct in6_addr prefix;

    tenant_get_prefix(row, &n);
    memcpy(&prefix, n.prefix, sizeof prefix);

    ds_put_format(out, "%s on %s: %s\n", row->name, ofswitch_name(sw),
                  tenant_is_up(&found) ? "up" : "down");
    ds_destroy(&missing);
    show_port(sw, "lan", tenant_lan_port(row, name), out);
    show_port(sw, "service", row->service, out);
    if (row->native6) {
        show_port(sw, "native6", row->native6, out);
    }
    ds_put_cstr(out, "  prefix: ");
    ipv6_format_addr(&prefix, out);
    ds_put_format(out, "/%d\n", n.prefix_len);
    if (tenant_mtu(row)) {
        ds_put_format(out, "  mtu: %d\n", tenant_mtu(row));
    }
    ds_put_format(out, "  flows: cookie=%#"PRIx64",table=%d\n",
                  tenant_cookie(&row->header_.uuid), PIPE_ZONE);
}

struct show {
    const char *name;           /* Null for all. */
    struct ds out;
};

static void
show_switch(struct ofswitch *sw, void *show_)
{
    const struct tasukirec_switch *row = ofswitch_row(sw);
    const struct tasukirec_tenant **rows = tenants_by_name(row);
    struct show *show = show_;

    for (size_t i = 0; i < row->n_tenants; i++) {
        if ((!show->name || !strcmp(show->name, rows[i]->name))
            && !tenant_is_refused(rows[i])) {
            show_tenant(sw, rows[i], &show->out);
        }
    }
    free(rows);
}

static void
tenant_show(struct unixctl_conn *conn, int argc, const char *argv[],
            void *aux OVS_UNUSED)
{
    struct show show = {
        .name = argc > 1 ? argv[1] : NULL,
        .out = DS_EMPTY_INITIALIZER,
    };

    ofswitch_for_each(PIPE_APP_TENANT, show_switch, &show);
    if (show.name && !show.out.length) {
        unixctl_command_reply_error(conn, "no such tenant on a connected "
                                    "switch");
    } else {
        unixctl_command_reply(conn, ds_cstr(&show.out));
    }
    ds_destroy(&show.out);
}

const struct app_command tenant_commands[] = {
    { "tenant/show", "[tenant]", 0, 1, tenant_show, NULL },
    { .name = NULL },
};
