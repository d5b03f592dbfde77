/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_RULE_CHECK_H
#define TASUKID_RULE_CHECK_H 1

/* Can the conditions of a rule hold for any request? */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct smap;

/* Returns null if all these patterns (glob.h), but for null ones, can hold for
 * one request.  Otherwise returns the reason why they cannot, and what to
 * write instead: one line that begins with the name of the column, which the
 * caller must free. */
char *rule_check(const char *host, const char *path, const char *method,
                 const struct smap *headers);

/* Returns what the condition 'host' means as a pattern, which the caller must
 * free.  The brackets around an IPv6 address at its beginning are not a
 * set. */
char *rule_host_glob(const char *host);

#define HOST_ADDRESS_LEN (INET6_ADDRSTRLEN + 2)

/* If the 'len' bytes at 's' are an IPv6 address in brackets, which has more
 * than one text, stores that of RFC 5952 in 'text' and returns true. */
bool host_address_format(const void *s, size_t len,
                         char text[HOST_ADDRESS_LEN]);

#endif /* rule-check.h */
