/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "service-check.h"

#include <inttypes.h>
#include <string.h>

#include "flow.h"
#include "openflow/openflow.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/apps/handover/engine/rule-check.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"

static bool
is_server_of(const struct tasukirec_service *service,
             const struct tasukirec_server *server)
{
    for (size_t i = 0; i < service->n_servers; i++) {
        if (service->servers[i] == server) {
            return true;
        }
    }
    return false;
}

/* Returns an error if one of 'others' has the name of 'row', or its address
 * and port. */
static char *
check_service_unique(const struct tasukirec_service *row, ovs_be32 address,
                     struct tasukirec_service *const *others, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct tasukirec_service *s = others[i];
        ovs_be32 other;

        if (!strcmp(s->name, row->name)) {
            return xasprintf("name: there is a service \"%s\" already",
                             row->name);
        } else if (s->port == row->port && ip_parse(s->address, &other)
                   && other == address) {
            return xasprintf("address: %s:%"PRId64" belongs to service \"%s\"",
                             row->address, row->port, s->name);
        }
    }
    return NULL;
}

char *
row_check_service(const struct tasukirec_service *row,
                  struct tasukirec_service *const *others, size_t n)
{
    struct eth_addr mac;
    ovs_be32 address;
    char *error;

    error = row_check_name(row->name);
    if (!error) {
        error = row_check_ipv4("address", row->address, &address);
    }
    if (!error && row->mac) {
        error = row_check_mac("mac", row->mac, &mac);
    }
    if (!error && row->default_server
        && !is_server_of(row, row->default_server)) {
        error = xasprintf("default_server: \"%s\" is not among the servers",
                          row->default_server->name);
    }
    if (!error) {
        error = check_service_unique(row, address, others, n);
    }
    return error;
}

static char *
check_ofport(const char *ofport)
{
    unsigned int number;

    if (str_to_uint(ofport, 10, &number)) {
        if (number < 1 || number >= ofp_to_u16(OFPP_MAX)) {
            return xasprintf("ofport: %s is not a port name or 1 to %d",
                             ofport, ofp_to_u16(OFPP_MAX) - 1);
        }
    } else if (!ofport[0] || strlen(ofport) >= OFP_MAX_PORT_NAME_LEN
               || ofport[strcspn(ofport, " \t\r\n,")]) {
        return xasprintf("ofport: \"%s\" is not a port name, 1 to %d "
                         "characters, or number",
                         ofport, OFP_MAX_PORT_NAME_LEN - 1);
    }
    return NULL;
}

static bool
shares_address(const struct tasukirec_service *service,
               const struct tasukirec_server *row)
{
    ovs_be32 address, vip;

    return (!row->address || (ip_parse(row->address, &address)
                              && ip_parse(service->address, &vip)
                              && address == vip));
}

/* Asking for the service's address does not tell servers that share it apart.
 * Only asking on their ports does. */
static char *
check_server_address(const struct tasukirec_service *service,
                     const struct tasukirec_server *row)
{
    ovs_be32 address;

    if (row->address) {
        char *error = row_check_ipv4("address", row->address, &address);
        if (error) {
            return error;
        }
    }
    if (!row->mac && !row->ofport && shares_address(service, row)) {
        return xasprintf("mac: required, or ofport, as server \"%s\" shares "
                         "the address of service \"%s\"", row->name,
                         service->name);
    }
    return NULL;
}

/* Checks of rows whose columns make sense. */

/* Returns true if nothing tells servers 'a' and 'b' apart. */
static bool
look_the_same(const struct tasukirec_service *service,
              const struct tasukirec_server *a,
              const struct tasukirec_server *b)
{
    return (shares_address(service, a) && shares_address(service, b)
            && (!a->mac || !b->mac) && a->ofport && b->ofport
            && !strcmp(a->ofport, b->ofport));
}

static int64_t
effective_port(const struct tasukirec_service *service,
               const struct tasukirec_server *row)
{
    return row->n_port ? row->port[0] : service->port;
}

/* An address has one text, a MAC address several. */
static bool
have_same_mac(const struct tasukirec_server *a,
              const struct tasukirec_server *b)
{
    struct eth_addr mac_a, mac_b;

    return (a->mac && b->mac
            && eth_addr_from_string(a->mac, &mac_a)
            && eth_addr_from_string(b->mac, &mac_b)
            && eth_addr_equals(mac_a, mac_b));
}

/* Returns true if 'a' and 'b' are the same server: nothing would tell the
 * segments of one from those of the other. */
static bool
are_the_same(const struct tasukirec_service *service,
             const struct tasukirec_server *a,
             const struct tasukirec_server *b)
{
    return (effective_port(service, a) == effective_port(service, b)
            && (shares_address(service, a)
                ? shares_address(service, b) && have_same_mac(a, b)
                : b->address && !strcmp(a->address, b->address)));
}

/* Returns an error if one of 'others' has the name of 'row', or is the same
 * server. */
static char *
check_server_unique(const struct tasukirec_service *service,
                    const struct tasukirec_server *row,
                    struct tasukirec_server *const *others, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct tasukirec_server *s = others[i];

        if (!strcmp(s->name, row->name)) {
            return xasprintf("name: service \"%s\" has a server \"%s\" "
                             "already", service->name, row->name);
        } else if (are_the_same(service, s, row)) {
            return xasprintf("%s: server \"%s\" of service \"%s\" has the "
                             "same, and the same port",
                             shares_address(service, row) ? "mac" : "address",
                             s->name, service->name);
        } else if (look_the_same(service, s, row)) {
            return xasprintf("mac: required, as servers \"%s\" and \"%s\" "
                             "share an address and port %s", s->name,
                             row->name, row->ofport);
        }
    }
    return NULL;
}

char *
row_check_server(const struct tasukirec_service *service,
                 const struct tasukirec_server *row,
                 struct tasukirec_server *const *others, size_t n)
{
    struct eth_addr mac;
    char *error;

    error = row_check_name(row->name);
    if (!error && row->mac) {
        error = row_check_mac("mac", row->mac, &mac);
    }
    if (!error) {
        error = check_server_address(service, row);
    }
    if (!error && row->ofport) {
        error = check_ofport(row->ofport);
    }
    if (!error) {
        error = check_server_unique(service, row, others, n);
    }
    return error;
}

char *
row_check_rule(const struct tasukirec_service *service,
               const struct tasukirec_rule *row)
{
    if (!row->n_servers) {
        return xstrdup("servers: a rule needs at least one");
    }
    for (size_t i = 0; i < row->n_servers; i++) {
        if (!is_server_of(service, row->servers[i])) {
            return xasprintf("servers: \"%s\" is not a server of service "
                             "\"%s\"", row->servers[i]->name, service->name);
        }
    }
    return rule_check(row->host, row->path, row->method, &row->headers);
}

/* All rows. */

static void
check_servers(const struct tasukirec_service *service,
              const struct service_check *check)
{
    struct tasukirec_server **good
        = xmalloc(service->n_servers * sizeof *good);
    size_t n = 0;

    for (int used = 1; used >= 0; used--) {
        for (size_t i = 0; i < service->n_servers; i++) {
            struct tasukirec_server *row = service->servers[i];

            if (check->server_is_used(service, row) == used) {
                char *error = row_check_server(service, row, good, n);

                good[n] = row;
                n += !error;
                check->refuse(&row->header_.uuid, error);
            }
        }
    }
    free(good);
}

static void
check_services(const struct tasukirec_tasuki *cfg,
               const struct service_check *check)
{
    struct tasukirec_service **good = xmalloc(cfg->n_services * sizeof *good);
    size_t n = 0;

    for (int used = 1; used >= 0; used--) {
        for (size_t i = 0; i < cfg->n_services; i++) {
            struct tasukirec_service *row = cfg->services[i];

            if (check->service_is_used(row) == used) {
                char *error = row_check_service(row, good, n);

                good[n] = row;
                n += !error;
                check->refuse(&row->header_.uuid, error);
            }
        }
    }
    free(good);
}

void
service_check_rows(const struct tasukirec_tasuki *cfg,
                   const struct service_check *check)
{
    check_services(cfg, check);
    for (size_t i = 0; i < cfg->n_services; i++) {
        const struct tasukirec_service *service = cfg->services[i];

        check_servers(service, check);
        for (size_t j = 0; j < service->n_rules; j++) {
            check->refuse(&service->rules[j]->header_.uuid,
                          row_check_rule(service, service->rules[j]));
        }
    }
}
