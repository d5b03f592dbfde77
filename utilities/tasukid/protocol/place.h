/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_PLACE_H
#define TASUKID_PLACE_H 1

/* Where a host is: its MAC address and port tell it from every other host. */

#include <stdbool.h>

#include "openvswitch/ofp-port.h"
#include "openvswitch/types.h"
#include "packets.h"

struct place {
    struct eth_addr mac;
    ofp_port_t port;            /* OFPP_NONE if it is nowhere. */
};

static inline bool
place_equals(const struct place *a, const struct place *b)
{
    return a->port == b->port && eth_addr_equals(a->mac, b->mac);
}

#endif /* place.h */
