/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_GLOB_H
#define TASUKID_GLOB_H 1

/* Shell patterns over bytes that come from the network.
 *
 * In place of fnmatch() because that needs a null-terminated string (a client
 * can send null bytes) and may take time exponential in the number of
 * asterisks (a client can choose the worst string).  This takes time
 * proportional to the product of the lengths at worst. */

#include <stdbool.h>
#include <stddef.h>

/* Returns true if the 'len' bytes at 's' match 'pattern':
 *
 *   *       any number of bytes, '/' and leading '.' included
 *   ?       any one byte
 *   [a-z0]  one byte of a set; [!a-z] or [^a-z] one that is not in it
 *   \x      x itself
 *
 * With 'ignore_case' ASCII letters match in either case. */
bool glob_match(const char *pattern, const char *s, size_t len,
                bool ignore_case);

/* Returns null if 'pattern' is well-formed, otherwise a static string that
 * says why not.  glob_match() takes an ill-formed pattern's odd part as it
 * stands. */
const char *glob_check(const char *pattern);

#endif /* glob.h */
