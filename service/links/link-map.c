/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include "link-map.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

enum {
    PREFIX_BYTES = 48 / 8,
    DIGITS_MAX = 4,             /* Hexadecimal digits of a word. */
};

/* Copies the 'n' bytes at 's' to the string 'd' if they can be part of an
 * interface's name. */
static bool
copy_name(char d[IFNAMSIZ], const char *s, size_t n)
{
    if (n >= IFNAMSIZ) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '/' || s[i] == ':' || isspace((unsigned char) s[i])) {
            return false;
        }
    }
    memcpy(d, s, n);
    d[n] = '\0';
    return true;
}

/* Parses the 'n' bytes at 's', "fd00:0:1::/48". */
static const char *
parse_prefix(struct in6_addr *prefix, const char *s, size_t n)
{
    static const char length[] = "/48";
    size_t tail = strlen(length);
    char text[INET6_ADDRSTRLEN];

    if (n < tail || memcmp(s + n - tail, length, tail)) {
        return "is not a prefix of 48 bits, such as fd00:0:1::/48";
    }
    n -= tail;
    if (n >= sizeof text) {
        return "is not an IPv6 prefix";
    }
    memcpy(text, s, n);
    text[n] = '\0';
    if (inet_pton(AF_INET6, text, prefix) != 1) {
        return "is not an IPv6 prefix";
    }
    if ((prefix->s6_addr[0] & 0xfe) != 0xfc) {
        return "is not a unique local prefix, that is in fc00::/7";
    }
    for (size_t i = PREFIX_BYTES; i < sizeof prefix->s6_addr; i++) {
        if (prefix->s6_addr[i]) {
            return "has bits set beyond its 48";
        }
    }
    return NULL;
}

/* Parses the 'n' bytes at 's', "em#=fd00:0:1::/48". */
static const char *
parse_map(struct link_map *map, const char *s, size_t n)
{
    const char *equals = memchr(s, '=', n);
    const char *number = equals ? memchr(s, '#', equals - s) : NULL;

    if (!number) {
        return "is not like em#=fd00:0:1::/48";
    }
    /* A digit beside the number would be part of it. */
    if (!copy_name(map->before, s, number - s)
        || !copy_name(map->after, number + 1, equals - number - 1)
        || strlen(map->before) + 1 + strlen(map->after) >= IFNAMSIZ
        || strchr(map->after, '#')
        || isdigit((unsigned char) map->after[0])
        || (number > s && isdigit((unsigned char) number[-1]))) {
        return "does not name interfaces";
    }
    return parse_prefix(&map->prefix, equals + 1, s + n - equals - 1);
}

/* Parses 'list', one or more maps with commas between them.  Returns true, or
 * false and what is wrong, which points into 'list'. */
bool
link_maps_parse(struct link_maps *maps, const char *list,
                struct link_maps_error *error)
{
    maps->n = 0;
    for (const char *s = list; ; s += error->n + 1) {
        struct link_map *map = &maps->maps[maps->n];

        error->at = s;
        error->n = strcspn(s, ",");
        error->text = maps->n < LINK_MAPS_MAX
                      ? parse_map(map, s, error->n) : "is one too many";
        for (int i = 0; !error->text && i < maps->n; i++) {
            if (!memcmp(&maps->maps[i].prefix, &map->prefix,
                        sizeof map->prefix)) {
                error->text = "has the prefix of another one";
            }
        }
        if (error->text) {
            return false;
        }
        maps->n++;
        if (!s[error->n]) {
            return true;
        }
    }
}

/* Finds the number in 'name', an interface that 'map' may be about.  Returns
 * its first digit and sets 'n' to how many there are, or returns null.  A
 * number that has leading zeros is another number's second spelling. */
static const char *
find_number(const struct link_map *map, const char *name, size_t *n)
{
    size_t before = strlen(map->before);
    const char *digits = name + before;

    if (strncmp(name, map->before, before)) {
        return NULL;
    }
    *n = strspn(digits, "0123456789");
    return (*n && *n <= DIGITS_MAX && (*n == 1 || *digits != '0')
            && !strcmp(digits + *n, map->after)) ? digits : NULL;
}

/* Finds the map that interface 'name' is in, the first one if there are
 * several. */
static const struct link_map *
find_map(const struct link_maps *maps, const char *name, const char **digits,
         size_t *n)
{
    for (int i = 0; i < maps->n; i++) {
        *digits = find_number(&maps->maps[i], name, n);
        if (*digits) {
            return &maps->maps[i];
        }
    }
    return NULL;
}

/* Stores the network, a prefix of 64 bits, that interface 'name' is shown as.
 * Returns false if it is in no map. */
bool
link_maps_network(const struct link_maps *maps, const char *name,
                  struct in6_addr *network)
{
    const char *digits;
    size_t n;
    const struct link_map *map = find_map(maps, name, &digits, &n);
    unsigned int word = 0;

    if (!map) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        word = word << 4 | (digits[i] - '0');
    }
    *network = map->prefix;
    network->s6_addr[PREFIX_BYTES] = word >> 8;
    network->s6_addr[PREFIX_BYTES + 1] = word & 0xff;
    return true;
}

/* Writes the interface's name that has 'word' for its number.  Returns false
 * if there can be no such name.
 *
 * Without snprintf(), which a signal handler must not call. */
static bool
make_name(const struct link_map *map, unsigned int word, char name[IFNAMSIZ])
{
    char digits[DIGITS_MAX + 1];
    size_t n = 0;

    for (int shift = 4 * (DIGITS_MAX - 1); shift >= 0; shift -= 4) {
        unsigned int digit = word >> shift & 0xf;

        if (digit > 9) {
            return false;
        }
        if (digit || n || !shift) {
            digits[n++] = '0' + digit;
        }
    }
    digits[n] = '\0';
    if (strlen(map->before) + n + strlen(map->after) >= IFNAMSIZ) {
        return false;
    }
    strcpy(name, map->before);
    strcat(name, digits);
    strcat(name, map->after);
    return true;
}

/* Returns whose 'address' is, and if it is an interface's, its 'name'.
 *
 * Any address in a prefix is ours: one that is in no link's network must not
 * be taken for something else either. */
enum link_owner
link_maps_owner(const struct link_maps *maps, const struct in6_addr *address,
                char name[IFNAMSIZ])
{
    for (int i = 0; i < maps->n; i++) {
        const struct link_map *map = &maps->maps[i];
        const uint8_t *word = &address->s6_addr[PREFIX_BYTES];
        const char *digits;
        size_t n;

        if (!memcmp(&map->prefix, address, PREFIX_BYTES)) {
            /* Another map that comes first may have the name. */
            return make_name(map, word[0] << 8 | word[1], name)
                   && find_map(maps, name, &digits, &n) == map
                   ? LINK_NAMED : LINK_NONE;
        }
    }
    return LINK_OTHER;
}
