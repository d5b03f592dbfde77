/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "glob.h"

#include <stdint.h>

static uint8_t
fold(char c, bool ignore_case)
{
    return ignore_case && c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Returns the end of the set that starts after the '[' at 'p', that is, a
 * pointer to its ']', or null if it has none.  A ']' that comes first in the
 * set is a member. */
static const char *
set_end(const char *p)
{
    if (*p == '!' || *p == '^') {
        p++;
    }
    for (const char *q = p; *q; q++) {
        if (*q == '\\' && q[1]) {
            q++;
        } else if (*q == ']' && q > p) {
            return q;
        }
    }
    return NULL;
}

/* Returns the member at '*p' and moves past it. */
static char
set_member(const char **p)
{
    if (**p == '\\') {
        (*p)++;
    }
    return *(*p)++;
}

/* Returns true if 'c' is in the set between 'p' and 'end'. */
static bool
set_contains(const char *p, const char *end, char c, bool ignore_case)
{
    bool negate = *p == '!' || *p == '^';
    bool found = false;

    p += negate;
    while (p < end) {
        uint8_t lo = fold(set_member(&p), ignore_case);
        uint8_t hi = lo;
        if (*p == '-' && p + 1 < end) {
            p++;
            hi = fold(set_member(&p), ignore_case);
        }
        uint8_t x = fold(c, ignore_case);
        found = found || (x >= lo && x <= hi);
    }
    return found != negate;
}

/* Matches 'c' against the one element of a pattern at 'p' that is not '*'.
 * Returns the element's end if it matches, otherwise null. */
static const char *
match_one(const char *p, char c, bool ignore_case)
{
    if (*p == '?') {
        return p + 1;
    }
    if (*p == '[') {
        const char *end = set_end(p + 1);
        if (end) {
            return (set_contains(p + 1, end, c, ignore_case) ? end + 1
                    : NULL);
        }
    }
    if (*p == '\\' && p[1]) {
        p++;
    }
    return (*p && fold(*p, ignore_case) == fold(c, ignore_case) ? p + 1
            : NULL);
}

bool
glob_match(const char *pattern, const char *s, size_t len, bool ignore_case)
{
    const char *end = s + len;
    const char *star = NULL;    /* Pattern after the last '*'. */
    const char *star_s = NULL;  /* Where that '*' stops matching. */

    /* Only the last asterisk ever has to be reconsidered: what earlier ones
     * took can be as short as possible without loss. */
    for (;;) {
        if (*pattern == '*') {
            star = ++pattern;
            star_s = s;
            continue;
        }
        if (s == end) {
            if (!*pattern) {
                return true;
            }
            return false;
        }

        const char *next = match_one(pattern, *s, ignore_case);
        if (next) {
            pattern = next;
            s++;
        } else if (star) {
            pattern = star;
            s = ++star_s;
        } else {
            return false;
        }
    }
}

const char *
glob_check(const char *pattern)
{
    for (const char *p = pattern; *p; p++) {
        if (*p == '[') {
            p = set_end(p + 1);
            if (!p) {
                return "'[' without ']'";
            }
        } else if (*p == '\\') {
            p++;
            if (!*p) {
                return "nothing after '\\'";
            }
        }
    }
    return NULL;
}
