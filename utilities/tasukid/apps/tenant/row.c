/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "row.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "sha1.h"
#include "smap.h"
#include "tasuki-nat64.h"
#include "util.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"

#define TUNNEL_PORT_PREFIX "tn-"

/* The underlay's MTU, and what the tunnels take of it. */
#define UNDERLAY_MTU 1500
#define GRE_LEN 8               /* With a key: RFC 2890. */
#define VXLAN_LEN 16            /* UDP and VXLAN: RFC 7348. */

static int
compare_names(const void *a_, const void *b_)
{
    const struct tasukirec_tenant *const *a = a_;
    const struct tasukirec_tenant *const *b = b_;

    return strcmp((*a)->name, (*b)->name);
}

const struct tasukirec_tenant **
tenants_by_name(const struct tasukirec_switch *sw)
{
    const struct tasukirec_tenant **tenants
        = xmalloc(sw->n_tenants * sizeof *tenants);

    for (size_t i = 0; i < sw->n_tenants; i++) {
        tenants[i] = sw->tenants[i];
    }
    qsort(tenants, sw->n_tenants, sizeof *tenants, compare_names);
    return tenants;
}

/* If a tenant's name is too long for a port's name, a hash takes its place.
 * If two tenants get the same hash, the second is refused, like that of any
 * other port that has two owners. */
const char *
tenant_lan_port(const struct tasukirec_tenant *row,
                char buf[TENANT_PORT_NAME_SIZE])
{
    size_t room = TENANT_PORT_NAME_SIZE - sizeof TUNNEL_PORT_PREFIX;

    if (row->lan) {
        return row->lan;
    }
    if (strlen(row->name) <= room) {
        snprintf(buf, TENANT_PORT_NAME_SIZE, TUNNEL_PORT_PREFIX "%s",
                 row->name);
    } else {
        uint8_t digest[SHA1_DIGEST_SIZE];
        char hex[SHA1_HEX_DIGEST_LEN + 1];

        sha1_bytes(row->name, strlen(row->name), digest);
        sha1_to_hex(digest, hex);
        snprintf(buf, TENANT_PORT_NAME_SIZE, TUNNEL_PORT_PREFIX "%.*s",
                 (int) room, hex);
    }
    return buf;
}

void
tenant_tunnel_options(const struct tasukirec_tenant *row, struct smap *options)
{
    smap_add(options, "remote_ip", row->tunnel_remote);
    smap_add_format(options, "key", "%"PRId64, row->tunnel_key[0]);
}

void
tenant_format_lan(const struct tasukirec_tenant *row, struct ds *s)
{
    if (row->tunnel_type) {
        const char *remote = row->tunnel_remote ? row->tunnel_remote : "";
        bool ipv6 = strchr(remote, ':') != NULL;

        ds_put_format(s, "%s:%s%s%s:", row->tunnel_type, ipv6 ? "[" : "",
                      remote, ipv6 ? "]" : "");
        if (row->n_tunnel_key) {
            ds_put_format(s, "%"PRId64, row->tunnel_key[0]);
        }
    } else if (row->lan) {
        ds_put_cstr(s, row->lan);
    }
}

uint16_t
tenant_mtu(const struct tasukirec_tenant *row)
{
    if (row->n_mtu) {
        return row->mtu[0];
    } else if (!row->tunnel_type) {
        return 0;
    }
    return (UNDERLAY_MTU - ETH_HEADER_LEN
            - (strchr(row->tunnel_remote, ':') ? IPV6_HEADER_LEN
                                               : IP_HEADER_LEN)
            - (!strcmp(row->tunnel_type, "gre") ? GRE_LEN : VXLAN_LEN));
}

/* Checking. */

static char *
parse_prefix(const struct tasukirec_tenant *row, struct nat64 *n)
{
    n->direction = NAT64_4TO6;
    if (row->prefix) {
        return nat64_parse_prefix(row->prefix, n);
    }
    memcpy(n->prefix, nat64_ll_prefix, sizeof n->prefix);
    n->prefix_len = NAT64_LL_PREFIX_LEN;
    return NULL;
}

void
tenant_get_prefix(const struct tasukirec_tenant *row, struct nat64 *n)
{
    uint8_t direction = n->direction;

    free(parse_prefix(row, n));
    n->direction = direction;
}

static char *
check_prefix(const struct tasukirec_tenant *row)
{
    struct nat64 n = { .mtu = 0 };
    char *problem = parse_prefix(row, &n);
    char *error = problem ? xasprintf("prefix: %s", problem) : NULL;

    free(problem);
    return error;
}

static char *
check_port_name(const char *column, const char *port)
{
    if (!port[0] || strlen(port) >= TENANT_PORT_NAME_SIZE || port[0] == '-'
        || port[strspn(port, "abcdefghijklmnopqrstuvwxyz"
                       "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@+")]
        || port[strspn(port, "0123456789")] == '\0') {
        return xasprintf("%s: \"%s\" is not the name of a port, 1 to %d "
                         "characters", column, port,
                         TENANT_PORT_NAME_SIZE - 1);
    }
    return NULL;
}

/* Replaces '*remote', if it is an address of a host, by the canonical text of
 * the address, which the caller must free. */
static char *
check_tunnel_remote(const char *s, char **remote)
{
    struct in6_addr addr6;
    ovs_be32 addr4;

    if (ipv6_parse(s, &addr6)) {
        struct ds canonical = DS_EMPTY_INITIALIZER;

        if (ipv6_addr_is_multicast(&addr6) || !ipv6_addr_is_set(&addr6)) {
            return xasprintf("tunnel_remote: \"%s\" is not the unicast "
                             "address of a host", s);
        }
        ipv6_format_addr(&addr6, &canonical);
        *remote = ds_steal_cstr(&canonical);
        return NULL;
    }

    if (!ip_parse(s, &addr4)) {
        return xasprintf("tunnel_remote: \"%s\" is not an IP address", s);
    }
    char *error = row_check_ipv4("tunnel_remote", s, &addr4);
    if (!error) {
        *remote = xasprintf(IP_FMT, IP_ARGS(addr4));
    }
    return error;
}

/* Gives 'what', which is in 'column', to the tenant unless another one has
 * it. */
static char *
claim(struct shash *claims, const struct tasukirec_tenant *row,
      const char *column, const char *kind, const char *what)
{
    char *key = xasprintf("%s %s", kind, what);
    const char *owner = shash_find_data(claims, key);
    char *error = NULL;

    if (owner) {
        error = xasprintf("%s: %s belongs to %s \"%s\" already", column, key,
                          owner == row->name ? "this tenant" : "tenant",
                          owner);
    } else {
        shash_add(claims, key, row->name);
    }
    free(key);
    return error;
}

static char *
claim_port(struct shash *claims, const struct tasukirec_tenant *row,
           const char *column, const char *port)
{
    char *error = check_port_name(column, port);

    return error ? error : claim(claims, row, column, "port", port);
}

static char *
check_tunnel(struct shash *claims, const struct tasukirec_tenant *row)
{
    char buf[TENANT_PORT_NAME_SIZE];
    char *remote = NULL;
    char *what, *error;

    if (!row->tunnel_remote) {
        return xasprintf("tunnel_remote: required for a tunnel");
    } else if (!row->n_tunnel_key) {
        return xasprintf("tunnel_key: required for a tunnel");
    }
    error = check_tunnel_remote(row->tunnel_remote, &remote);
    if (error) {
        return error;
    }
    if (!strcmp(row->tunnel_type, "vxlan") && row->tunnel_key[0] >> 24) {
        free(remote);
        return xasprintf("tunnel_key: %"PRId64" is not a VXLAN network "
                         "identifier, 0 to %d", row->tunnel_key[0],
                         (1 << 24) - 1);
    }

    what = xasprintf("%s:%s:%"PRId64, row->tunnel_type, remote,
                     row->tunnel_key[0]);
    error = claim(claims, row, "tunnel_key", "tunnel", what);
    if (!error) {
        error = claim_port(claims, row, "name", tenant_lan_port(row, buf));
    }
    free(what);
    free(remote);
    return error;
}

static char *
check_lan(struct shash *claims, const struct tasukirec_tenant *row)
{
    if (row->lan && row->tunnel_type) {
        return xstrdup("lan: a port or a tunnel, not both");
    } else if (row->lan) {
        return claim_port(claims, row, "lan", row->lan);
    } else if (row->tunnel_type) {
        return check_tunnel(claims, row);
    } else {
        return xstrdup("lan: required, a port or a tunnel");
    }
}

char *
row_check_tenant(struct shash *claims, const struct tasukirec_tenant *row)
{
    char *error = row_check_name(row->name);

    if (!error) {
        error = check_prefix(row);
    }
    if (!error) {
        error = check_lan(claims, row);
    }
    if (!error) {
        error = claim_port(claims, row, "service", row->service);
    }
    if (!error && row->native6) {
        error = claim_port(claims, row, "native6", row->native6);
    }
    if (error) {
        struct shash_node *node;

        /* A refused row leaves room for others. */
        SHASH_FOR_EACH_SAFE (node, claims) {
            if (node->data == row->name) {
                shash_delete(claims, node);
            }
        }
    }
    return error;
}

bool
tenant_runs_on(const struct tasukirec_switch *row)
{
    for (size_t i = 0; i < row->n_applications; i++) {
        if (!strcmp(row->applications[i], "tenant")) {
            return true;
        }
    }
    return false;
}

char *
row_check_tenant_switch(const struct tasukirec_switch *row)
{
    if (row->forward_mode && !strcmp(row->forward_mode, "normal")
        && tenant_runs_on(row)) {
        return xstrdup("forward_mode: \"normal\" would forward between "
                       "tenants, which application \"tenant\" keeps apart");
    }
    return NULL;
}
