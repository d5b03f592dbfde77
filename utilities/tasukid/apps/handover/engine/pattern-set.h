/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_PATTERN_SET_H
#define TASUKID_PATTERN_SET_H 1

/* Many shell patterns (glob.h), matched at once: Hyperscan passes once over
 * the string, however many patterns there are.
 *
 * Compiling takes a while, some ten microseconds for a plain pattern and a
 * millisecond for one with '*' in its middle.  So creating a set that exists
 * already returns the existing one. */

#include <stdbool.h>
#include <stddef.h>

struct pattern_set;

/* Returns a reference to the set of the 'n' patterns in 'globs', which are
 * copied.  If one of them is too complex, returns null, its index in '*bad'
 * and the reason in '*error', which the caller must free.  '*bad' is 'n' if
 * all of them together are too complex. */
struct pattern_set *pattern_set_create(const char *const globs[], size_t n,
                                       bool ignore_case, size_t *bad,
                                       char **error);
void pattern_set_unref(struct pattern_set *);

/* Sets the bits of those patterns that match the 'len' bytes at 's' in
 * 'matched', where pattern 0 has bit 'base'; leaves the others as they are. A
 * line break in 's' counts as two spaces (RFC 9110 section 5.5). */
void pattern_set_match(const struct pattern_set *, const void *s, size_t len,
                       unsigned long *matched, size_t base);

#endif /* pattern-set.h */
