/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "row-check.h"

#include <inttypes.h>
#include <string.h>

#include "flow.h"
#include "openvswitch/vconn.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"

/* Names appear in messages, in command lines and in lists. */
#define MAX_NAME_LEN 63

char *
row_check_name(const char *name)
{
    size_t len = strlen(name);

    if (len < 1 || len > MAX_NAME_LEN
        || strspn(name, "abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != len) {
        return xasprintf("name: \"%s\" is not 1 to %d letters, digits, '.', "
                         "'_' or '-'", name, MAX_NAME_LEN);
    }
    return NULL;
}

char *
row_check_ipv4(const char *column, const char *s, ovs_be32 *addr)
{
    struct in6_addr ipv6;

    if (ipv6_parse(s, &ipv6)) {
        return xasprintf("%s: \"%s\" is IPv6, which is not supported yet",
                         column, s);
    } else if (!ip_parse(s, addr)) {
        return xasprintf("%s: \"%s\" is not an IPv4 address", column, s);
    } else if (!*addr || *addr == htonl(UINT32_MAX) || ip_is_multicast(*addr)
               || (*addr & htonl(0xff000000)) == htonl(0x7f000000)) {
        return xasprintf("%s: \"%s\" is not the unicast address of a host",
                         column, s);
    }
    return NULL;
}

char *
row_check_mac(const char *column, const char *s, struct eth_addr *mac)
{
    if (!eth_addr_from_string(s, mac)) {
        return xasprintf("%s: \"%s\" is not an Ethernet address", column, s);
    } else if (eth_addr_is_multicast(*mac) || eth_addr_is_zero(*mac)) {
        return xasprintf("%s: \"%s\" is not a unicast Ethernet address",
                         column, s);
    }
    return NULL;
}

char *
row_check_connection(const char *target)
{
    const char *colon = strchr(target, ':');

    if (vconn_verify_name(target) && pvconn_verify_name(target)) {
        return xasprintf("connections: \"%s\" is not tcp:, ssl:, unix:, "
                         "ptcp:, pssl: or punix:", target);
    } else if (!colon[1] && (!vconn_verify_name(target)
                             || !strcmp(target, "punix:"))) {
        return xasprintf("connections: \"%s\" does not say where to", target);
    }
    return NULL;
}

char *
row_check_switch(const struct tasukirec_tasuki *cfg,
                 const struct tasukirec_switch *row)
{
    uint64_t dpid, other;

    if (!dpid_from_string(row->datapath_id, &dpid)) {
        return xasprintf("datapath_id: \"%s\" is not 16 hexadecimal digits "
                         "that are not all zero", row->datapath_id);
    }

    /* The index on the column only sees that the strings differ. */
    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *sw = cfg->switches[i];

        if (sw == row) {
            break;
        } else if (dpid_from_string(sw->datapath_id, &other)
                   && other == dpid) {
            return xasprintf("datapath_id: \"%s\" is the same as \"%s\" in "
                             "another row", row->datapath_id,
                             sw->datapath_id);
        }
    }
    return NULL;
}
