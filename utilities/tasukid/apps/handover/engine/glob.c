/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "glob.h"

#include <ctype.h>
#include <string.h>

#include "bitmap.h"
#include "openvswitch/dynamic-string.h"

struct byte_set {
    unsigned long bits[BITMAP_N_LONGS(256)];
};

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

/* Stores in '*set' the bytes that the one element at 'p' matches, which is not
 * '*', and returns the element's end. */
static const char *
one_byte(const char *p, bool ignore_case, struct byte_set *set)
{
    const char *end = *p == '[' ? set_end(p + 1) : NULL;

    memset(set, 0, sizeof *set);
    if (*p == '\\' && p[1]) {
        p++;
    } else if (*p == '?') {
        memset(set, 0xff, sizeof *set);
        return p + 1;
    } else if (end) {
        for (int c = 0; c < 256; c++) {
            if (set_contains(p + 1, end, c, ignore_case)) {
                bitmap_set1(set->bits, c);
            }
        }
        return end + 1;
    }
    for (int c = 0; c < 256; c++) {
        if (fold(c, ignore_case) == fold(*p, ignore_case)) {
            bitmap_set1(set->bits, c);
        }
    }
    return p + 1;
}

static void
put_byte(struct ds *regex, uint8_t c)
{
    if (c < 0x20 || c >= 0x7f) {
        ds_put_format(regex, "\\x%02x", c);
    } else {
        if (!isalnum(c)) {
            ds_put_char(regex, '\\');
        }
        ds_put_char(regex, c);
    }
}

/* Appends a regular expression that matches the bytes in 'set'. */
static void
put_set(struct ds *regex, const struct byte_set *set)
{
    size_t n = bitmap_count1(set->bits, 256);
    bool negate = n > 128;

    if (n == 1) {
        put_byte(regex, bitmap_scan(set->bits, true, 0, 256));
        return;
    }
    ds_put_cstr(regex, negate ? "[^" : "[");
    for (size_t lo = 0, hi; lo < 256; lo = hi) {
        lo = bitmap_scan(set->bits, !negate, lo, 256);
        hi = bitmap_scan(set->bits, negate, lo, 256);
        if (lo < hi) {
            put_byte(regex, lo);
            if (hi - lo > 1) {
                ds_put_char(regex, '-');
                put_byte(regex, hi - 1);
            }
        }
    }
    ds_put_char(regex, ']');
}

void
glob_to_regex(const char *pattern, bool ignore_case, struct ds *regex)
{
    bool star = false;

    if (*pattern != '*') {
        ds_put_cstr(regex, "\\x0a");
    }
    for (const char *p = pattern; *p; ) {
        struct byte_set set;

        if (*p == '*') {
            star = true;
            p++;
            continue;
        }
        if (star && regex->length) {
            ds_put_cstr(regex, ".*");
        }
        star = false;
        if (*p == '?') {
            ds_put_char(regex, '.');
            p++;
            continue;
        }
        p = one_byte(p, ignore_case, &set);

        /* STRING has none of these bytes.  The subject has line feeds only at
         * its ends, so never three in a row. */
        bitmap_set0(set.bits, '\n');
        for (int c = 'A'; ignore_case && c <= 'Z'; c++) {
            bitmap_set0(set.bits, c);
        }
        if (bitmap_is_all_zeros(set.bits, 256)) {
            ds_put_cstr(regex, "\\x0a{3}");
        } else {
            put_set(regex, &set);
        }
    }
    if (!star || !regex->length) {
        ds_put_cstr(regex, "\\x0a");
    }
}

/* Returns the states that 'language' can be in after one of the bytes in
 * 'set', starting from any of 'states'. */
static uint32_t
step(const struct glob_language *language, uint32_t states,
     const struct byte_set *set)
{
    uint32_t result = 0;

    for (int state = 0; state < 32; state++) {
        for (int c = 0; states & (1u << state) && c < 256; c++) {
            if (bitmap_is_set(set->bits, c)) {
                int next = language->next(state, c);

                result |= next < 0 ? 0 : 1u << next;
            }
        }
    }
    return result;
}

bool
glob_can_match(const char *pattern, bool ignore_case,
               const struct glob_language *language)
{
    uint32_t states = 1;

    for (const char *p = pattern; *p && states; ) {
        struct byte_set set;

        if (*p == '*') {
            uint32_t before;

            memset(&set, 0xff, sizeof set);
            do {
                before = states;
                states |= step(language, states, &set);
            } while (states != before);
            p++;
        } else {
            p = one_byte(p, ignore_case, &set);
            states = step(language, states, &set);
        }
    }
    return states & language->accepting;
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
