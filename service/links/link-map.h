/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef LINK_MAP_H
#define LINK_MAP_H 1

/* Which link a network of the program's stands for.
 *
 * A map such as "em#=fd00:0:1::/48" says that the links at interfaces em0 to
 * em9999, all of which are fe80::/64, are the networks fd00:0:1:0::/64 to
 * fd00:0:1:9999::/64.  The number is written alike on both sides: its decimal
 * digits in the interface's name are the hexadecimal digits of the prefix's
 * last word.  So nothing has to be stored or looked up, and a link that comes
 * later has a network already. */

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>

enum { LINK_MAPS_MAX = 8 };

struct link_map {
    /* What comes before and after the number in the interface's name. */
    char before[IFNAMSIZ];
    char after[IFNAMSIZ];
    struct in6_addr prefix;     /* The first 48 bits; others are 0. */
};

struct link_maps {
    int n;
    struct link_map maps[LINK_MAPS_MAX];
};

enum link_owner {
    LINK_OTHER,                 /* In no map's prefix. */
    LINK_NONE,                  /* In a prefix, but no interface's network. */
    LINK_NAMED,                 /* In the network of an interface. */
};

/* What is wrong with a list of maps: 'text' follows the quoted 'n' bytes at
 * 'at'. */
struct link_maps_error {
    const char *text, *at;
    int n;
};

bool link_maps_parse(struct link_maps *, const char *list,
                     struct link_maps_error *);
bool link_maps_network(const struct link_maps *, const char *name,
                       struct in6_addr *network);
enum link_owner link_maps_owner(const struct link_maps *,
                                const struct in6_addr *, char name[IFNAMSIZ]);

#endif /* link-map.h */
