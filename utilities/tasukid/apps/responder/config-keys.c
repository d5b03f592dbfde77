/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "config-keys.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "reply.h"
#include "smap.h"
#include "util.h"
#include "utilities/tasukid/core/row-check.h"

#define ADDRESSES "responder-addresses"
#define MAC "responder-mac"

static bool
parse_address(const char *s, struct in6_addr *address)
{
    ovs_be32 ip;

    if (ip_parse(s, &ip)) {
        in6_addr_set_mapped_ipv4(address, ip);
    } else if (!ipv6_parse(s, address) || IN6_IS_ADDR_V4MAPPED(address)) {
        return false;
    }
    return reply_is_host_address(address);
}

static void
add_problem(struct ds *problems, char *problem)
{
    ds_put_format(problems, "%s%s", problems->length ? "; " : "", problem);
    free(problem);
}

static void
read_addresses(const char *list, struct replier *r, struct ds *problems)
{
    char *copy = xstrdup(list);
    char *save_ptr = NULL;

    for (char *s = strtok_r(copy, ", ", &save_ptr); s;
         s = strtok_r(NULL, ", ", &save_ptr)) {
        struct in6_addr address;

        if (!parse_address(s, &address)) {
            add_problem(problems, xasprintf(ADDRESSES": \"%s\" is not the "
                                            "address of a host", s));
        } else if (r->n_addresses >= REPLIER_MAX_ADDRESSES) {
            add_problem(problems, xasprintf(ADDRESSES": there are more than "
                                            "%d", REPLIER_MAX_ADDRESSES));
            break;
        } else {
            r->addresses[r->n_addresses++] = address;
        }
    }
    free(copy);
}

/* Locally administered, and as unique as the first address. */
static struct eth_addr
default_mac(const struct replier *r)
{
    struct eth_addr mac = ETH_ADDR_C(02,54,00,00,00,00);

    memcpy(&mac.ea[2], &r->addresses[0].s6_addr[12], 4);
    return mac;
}

char *
responder_read_config(const struct smap *other_config, struct replier *r)
{
    const char *mac = smap_get(other_config, MAC);
    struct ds problems = DS_EMPTY_INITIALIZER;

    memset(r, 0, sizeof *r);
    read_addresses(smap_get_def(other_config, ADDRESSES, ""), r, &problems);
    if (!r->n_addresses && !problems.length) {
        add_problem(&problems, xstrdup(ADDRESSES": there are none"));
    }

    char *error = mac ? row_check_mac(MAC, mac, &r->mac) : NULL;
    if (error) {
        add_problem(&problems, error);
    }
    if (!mac || error) {
        r->mac = default_mac(r);
    }
    return problems.length ? ds_steal_cstr(&problems) : NULL;
}
