/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_GLOB_H
#define TASUKID_GLOB_H 1

/* Shell patterns over bytes:
 *
 *   *       any number of bytes, '/' and leading '.' included
 *   ?       any one byte
 *   [a-z0]  one byte of a set; [!a-z] or [^a-z] one that is not in it
 *   \x      x itself
 *
 * With 'ignore_case' ASCII letters match in either case.  pattern-set.h
 * matches them. */

#include <stdbool.h>
#include <stdint.h>

struct ds;

/* Returns null if 'pattern' is well-formed, otherwise a static string that
 * says why not.  The other functions take the odd part of an ill-formed
 * pattern literally. */
const char *glob_check(const char *pattern);

/* Appends to '*regex', which is empty, a regular expression (in which '.' does
 * not match a line feed) that is found in "\n" STRING "\n" if and only if
 * 'pattern' matches STRING, for each STRING without a line feed and, if
 * 'ignore_case', without upper-case letters.
 *
 * A line feed stands at each end in place of ^ and $.  To Hyperscan that is a
 * literal like any other, which it compiles a hundred times as fast. */
void glob_to_regex(const char *pattern, bool ignore_case, struct ds *regex);

/* A set of strings: those that take a finite automaton from state 0 to one of
 * the states in the bitmap 'accepting'.  'next' returns the state, below 32,
 * that follows 'state' after byte 'c', or -1 if there is none. */
struct glob_language {
    int (*next)(int state, uint8_t c);
    uint32_t accepting;
};

/* Returns true if 'pattern' matches some string of 'language'. */
bool glob_can_match(const char *pattern, bool ignore_case,
                    const struct glob_language *language);

#endif /* glob.h */
