/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_NAT64_H
#define TASUKI_NAT64_H 1

/* The nat64 action, for code that composes actions.  What it does to a packet
 * is in nat64.h. */

#include "nat64.h"
#include "tasuki-action.h"

/* "nat64:normal", the action that does nothing.  Only the action's arguments
 * have this direction, and all else in them is zero then. */
#define NAT64_NORMAL 0

/* The prefix of "nat64:4toll6" and "nat64:ll6to4", fe80::/96. */
#define NAT64_LL_PREFIX_LEN 96
extern const uint8_t nat64_ll_prefix[16];

/* Appends a nat64 action to 'ofpacts' and returns its arguments, zeroed, to
 * fill in before anything else is appended.  An 'mtu' of 0 means the
 * bridge's. */
static inline struct nat64 *
ofpact_put_nat64(struct ofpbuf *ofpacts)
{
    return tasuki_put_ofpact(ofpacts, &tasuki_nat64);
}

/* Parses 'value', an IPv6 prefix with its length, into 'n', whose direction is
 * set already.  Returns null if successful.  Otherwise returns the reason why
 * not, which begins with 'value' and which the caller must free. */
char *nat64_parse_prefix(const char *value, struct nat64 *n);

/* The member 'execute' of tasuki_nat64. */
void nat64_execute(struct dp_packet_batch *, const void *payload,
                   const struct tasuki_exec *);

#endif /* tasuki-nat64.h */
