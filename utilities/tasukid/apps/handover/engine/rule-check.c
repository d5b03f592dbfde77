/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "rule-check.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "smap.h"
#include "util.h"

#define MAX_PATTERN_LEN 4096

/* What requests can contain, as http-head.h reads them.  A pattern that
 * matches none of that never matches. */

/* RFC 9110 section 5.6.2. */
static bool
is_tchar(uint8_t c)
{
    return c && c < 0x80 && (isalnum(c) || strchr("!#$%&'*+-.^_`|~", c));
}

static bool
is_token(const char *s)
{
    size_t n = 0;

    while (is_tchar(s[n])) {
        n++;
    }
    return n && !s[n];
}

static int
next_in_method(int state OVS_UNUSED, uint8_t c)
{
    return is_tchar(c) ? 1 : -1;
}

static const struct glob_language methods = { next_in_method, 1u << 1 };

/* Empty (CONNECT), "*", or from a slash up to '?' or '#'. */
static int
next_in_path(int state, uint8_t c)
{
    switch (state) {
    case 0:
        return c == '/' ? 1 : c == '*' ? 2 : -1;
    case 1:
        return c > 0x20 && c != 0x7f && c != '?' && c != '#' ? 1 : -1;
    default:
        return -1;
    }
}

static const struct glob_language paths = { next_in_path, 7 };

/* A name that does not end with a dot, an IPv6 address in brackets, or
 * nothing. */
static int
next_in_host(int state, uint8_t c)
{
    enum { START, NAME, DOT, BRACKET, END };

    if (c <= 0x20 || c == 0x7f || strchr("@/\\?#", c) || state == END) {
        return -1;
    } else if (state == BRACKET) {
        return (c == ']' ? END
                : isxdigit(c) || c == ':' || c == '.' ? BRACKET : -1);
    } else if (state == START && c == '[') {
        return BRACKET;
    }
    return c == ':' ? -1 : c == '.' ? DOT : NAME;
}

static const struct glob_language hosts = { next_in_host,
                                            1u << 0 | 1u << 1 | 1u << 4 };

/* No space at the ends, no line break in between. */
static int
next_in_value(int state, uint8_t c)
{
    enum { START, TEXT, SPACE };

    if (c == '\r' || c == '\n') {
        return -1;
    } else if (c == ' ' || c == '\t') {
        return state == START ? -1 : SPACE;
    }
    return TEXT;
}

static const struct glob_language values = { next_in_value, 1u << 0 | 1u << 1 };

static int
next_in_nothing(int state OVS_UNUSED, uint8_t c OVS_UNUSED)
{
    return -1;
}

static const struct glob_language nothing = { next_in_nothing, 1u << 0 };

/* What to write instead: each function returns what was most likely meant, for
 * the caller to check and to free. */

static char *
trimmed(const char *pattern)
{
    pattern += strspn(pattern, " \t");

    size_t len = strlen(pattern);
    while (len && strchr(" \t", pattern[len - 1])) {
        len--;
    }
    return xmemdup0(pattern, len);
}

/* Returns where "://" and what is in front of it end. */
static const char *
skip_scheme(const char *pattern)
{
    const char *p = strstr(pattern, "://");

    return p ? p + 3 : pattern;
}

static char *
meant_host(const char *pattern)
{
    struct in6_addr address;
    char *host = trimmed(skip_scheme(pattern));
    char *at = strrchr(host, '@');

    if (at) {
        memmove(host, at + 1, strlen(at));
    }
    host[strcspn(host, "/#")] = '\0';
    if (ipv6_parse(host, &address)) {
        char *bracketed = xasprintf("[%s]", host);

        free(host);
        return bracketed;
    }

    char *colon = strrchr(host, ':');
    if (colon && !strchr(colon, ']')) {
        *colon = '\0';
    }
    for (size_t len = strlen(host); len && host[len - 1] == '.'; len--) {
        host[len - 1] = '\0';
    }
    return host;
}

static char *
meant_path(const char *pattern)
{
    const char *start = skip_scheme(pattern);
    char *path = trimmed(start);
    char *query;

    if (start != pattern) {
        size_t authority = strcspn(path, "/");

        memmove(path, path + authority, strlen(path + authority) + 1);
    }
    path[strcspn(path, "#")] = '\0';
    query = strstr(path, "\\?");
    if (query) {
        *query = '\0';
    }
    if (path[0] != '/') {
        char *rooted = xasprintf("/%s", path);

        free(path);
        return rooted;
    }
    return path;
}

/* If a query follows the path in 'pattern', returns it, else null: "?name=",
 * where a '?' that stands for any one character is unlikely. */
static const char *
find_query(const char *pattern)
{
    for (const char *p = pattern; (p = strchr(p, '?')); p++) {
        size_t len = strspn(p + 1, "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-._~%*");

        if (len && p[1 + len] == '=' && p > pattern && p[-1] != '\\') {
            return p;
        }
    }
    return NULL;
}

/* Checks that all columns share. */

static char *
check_form(const char *column, const char *pattern)
{
    const char *ill_formed = glob_check(pattern);
    size_t len = strlen(pattern);

    if (len < 1 || len > MAX_PATTERN_LEN) {
        return xasprintf("%s: the pattern has %"PRIuSIZE" characters, not 1 "
                         "to %d", column, len, MAX_PATTERN_LEN);
    } else if (ill_formed) {
        return xasprintf("%s: pattern \"%s\": %s", column, pattern,
                         ill_formed);
    }
    return NULL;
}

/* Checks that 'pattern', which means 'glob', matches some string of
 * 'language'.  If it does not, 'rule' says what it breaks, and 'meant' is what
 * to write instead if that matches.  Frees 'meant'. */
static char *
check_language(const char *column, const char *pattern, const char *glob,
               bool ignore_case, const struct glob_language *language,
               char *meant, const char *rule)
{
    char *error = NULL;

    if (!glob_can_match(glob, ignore_case, language)) {
        struct ds s = DS_EMPTY_INITIALIZER;

        ds_put_format(&s, "%s: \"%s\" can never match, as %s", column, pattern,
                      rule);
        if (meant[0] && !glob_check(meant)
            && glob_can_match(meant, ignore_case, language)) {
            ds_put_format(&s, ": write \"%s\"", meant);
        }
        error = ds_steal_cstr(&s);
    }
    free(meant);
    return error;
}

static char *
check_host(const char *pattern)
{
    char *glob = rule_host_glob(pattern);
    char *error = check_form("host", glob);

    if (!error) {
        char *meant = meant_host(pattern);
        char *meant_glob = rule_host_glob(meant);
        const char *rule = "a host has no scheme, user, port, path, space or "
                           "dot at its end";

        /* Brackets are checked as what they mean, and shown as written. */
        if (strcmp(meant, meant_glob)
            && !glob_can_match(glob, true, &hosts)
            && glob_can_match(meant_glob, true, &hosts)) {
            error = xasprintf("host: \"%s\" can never match, as %s: write "
                              "\"%s\"", pattern, rule, meant);
        } else {
            error = check_language("host", pattern, glob, true, &hosts,
                                   xstrdup(meant), rule);
        }
        free(meant);
        free(meant_glob);
    }
    free(glob);
    return error;
}

static char *
check_path(const char *pattern)
{
    char *error = check_form("path", pattern);
    const char *query = find_query(pattern);

    if (!error && query) {
        return xasprintf("path: \"%s\" is a query, which is not part of the "
                         "path: write \"%.*s\"; for any one character there, "
                         "write \"[!?]\"", query, (int) (query - pattern),
                         pattern);
    }
    return error ? error : check_language(
        "path", pattern, pattern, false, &paths, meant_path(pattern),
        "a path begins with '/' and has no query, fragment or space");
}

static char *
check_method(const char *pattern)
{
    char *error = check_form("method", pattern);

    return error ? error : check_language(
        "method", pattern, pattern, false, &methods, trimmed(pattern),
        "a method is one word such as \"GET\", and each needs a rule");
}

static char *
check_header(const char *name, const char *pattern)
{
    char *error = check_form("headers", pattern);

    if (!is_token(name)) {
        free(error);
        return xasprintf("headers: \"%s\" is not the name of a header field",
                         name);
    }
    return error ? error : check_language(
        "headers", pattern, pattern, false, &values, trimmed(pattern),
        "a value has no white space around it and no line break");
}

char *
rule_check(const char *host, const char *path, const char *method,
           const struct smap *headers)
{
    char *error = host ? check_host(host) : NULL;
    struct smap_node *node;

    if (!error && path) {
        error = check_path(path);
    }
    if (!error && method) {
        error = check_method(method);
    }
    if (!error && path && method && !strcmp(method, "CONNECT")
        && !glob_can_match(path, false, &nothing)) {
        error = xstrdup("path: can never match, as a request with method "
                        "CONNECT has none: leave it out");
    }
    SMAP_FOR_EACH (node, headers) {
        if (!error) {
            error = check_header(node->key, node->value);
        }
    }
    return error;
}

bool
host_address_format(const void *s, size_t len, char text[HOST_ADDRESS_LEN])
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr in6;
    const char *p = s;

    if (len < 2 || len - 2 >= sizeof address || p[0] != '['
        || p[len - 1] != ']') {
        return false;
    }
    ovs_strlcpy(address, p + 1, len - 1);
    if (strlen(address) != len - 2
        || inet_pton(AF_INET6, address, &in6) != 1) {
        return false;
    }
    inet_ntop(AF_INET6, &in6, address, sizeof address);
    snprintf(text, HOST_ADDRESS_LEN, "[%s]", address);
    return true;
}

char *
rule_host_glob(const char *host)
{
    size_t end = strcspn(host, "]");
    char text[HOST_ADDRESS_LEN];
    const char *inside;

    if (host[0] != '[' || !host[end] || !memchr(host, ':', end)) {
        return xstrdup(host);
    }

    /* A colon in a set would be useless, as no name has one. */
    if (host_address_format(host, end + 1, text)) {
        inside = text + 1;
    } else {
        inside = host + 1;
    }
    return xasprintf("\\[%.*s\\]%s", (int) strcspn(inside, "]"), inside,
                     host + end + 1);
}
