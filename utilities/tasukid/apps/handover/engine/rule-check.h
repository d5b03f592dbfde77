/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_RULE_CHECK_H
#define TASUKID_RULE_CHECK_H 1

/* Can the conditions of a rule hold for any request? */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct smap;

/* Returns null if there are requests for which all these patterns (glob.h)
 * hold, those that are null left out.  Otherwise returns the reason why there
 * are none, and what to write instead: one line that begins with the name of
 * the column, which the caller must free. */
char *rule_check(const char *host, const char *path, const char *method,
                 const struct smap *headers);

/* Returns what the condition 'host' means as a pattern: in one that begins
 * with an IPv6 address in brackets they are not a set.  The caller must free
 * it. */
char *rule_host_glob(const char *host);

#define HOST_ADDRESS_LEN (INET6_ADDRSTRLEN + 2)

/* An IPv6 address has more than one text.  If the 'len' bytes at 's' are one
 * in brackets, stores the one of RFC 5952 in 'text' and returns true. */
bool host_address_format(const void *s, size_t len,
                         char text[HOST_ADDRESS_LEN]);

#endif /* rule-check.h */
