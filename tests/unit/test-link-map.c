/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Which network an interface is shown as, and back. */

#include "../../service/links/link-map.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct in6_addr
address(const char *s)
{
    struct in6_addr a;

    assert_int_equal(inet_pton(AF_INET6, s, &a), 1);
    return a;
}

static struct link_maps
parsed(const char *list)
{
    struct link_maps maps;
    struct link_maps_error error;

    assert_true(link_maps_parse(&maps, list, &error));
    return maps;
}

static void
assert_wrong(const char *list, const char *part, const char *text)
{
    struct link_maps maps;
    struct link_maps_error error;
    char at[256];

    assert_false(link_maps_parse(&maps, list, &error));
    snprintf(at, sizeof at, "%.*s", error.n, error.at);
    assert_string_equal(at, part);
    assert_string_equal(error.text, text);
}

static void
test_parse(void **state)
{
    struct link_maps maps;

    (void) state;
    maps = parsed("em#=fd00:0:1::/48");
    assert_int_equal(maps.n, 1);
    assert_string_equal(maps.maps[0].before, "em");
    assert_string_equal(maps.maps[0].after, "");

    maps = parsed("vnet#-4=fd00:4::/48,#x=fc00::/48,#=fdff:ffff:ffff::/48");
    assert_int_equal(maps.n, 3);
    assert_string_equal(maps.maps[0].after, "-4");
    assert_string_equal(maps.maps[1].before, "");
    assert_string_equal(maps.maps[2].after, "");

    maps = parsed("a#=fd00:1::/48,b#=fd00:2::/48,c#=fd00:3::/48,"
                  "d#=fd00:4::/48,e#=fd00:5::/48,f#=fd00:6::/48,"
                  "g#=fd00:7::/48,h#=fd00:8::/48");
    assert_int_equal(maps.n, LINK_MAPS_MAX);
}

static void
test_parse_wrong(void **state)
{
    static const char like[] = "is not like em#=fd00:0:1::/48";
    static const char name[] = "does not name interfaces";
    static const char bits[] =
        "is not a prefix of 48 bits, such as fd00:0:1::/48";
    static const char ipv6[] = "is not an IPv6 prefix";
    static const char ula[] =
        "is not a unique local prefix, that is in fc00::/7";

    (void) state;
    assert_wrong("", "", like);
    assert_wrong("em#", "em#", like);
    assert_wrong("em=fd00::/48", "em=fd00::/48", like);
    assert_wrong("em=fd00::#/48", "em=fd00::#/48", like);
    assert_wrong("a#=fd00::/48,", "", like);
    assert_wrong("a#=fd00::/48,,b#=fd01::/48", "", like);

    assert_wrong("a##=fd00::/48", "a##=fd00::/48", name);
    assert_wrong("a1#=fd00::/48", "a1#=fd00::/48", name);
    assert_wrong("a#1=fd00::/48", "a#1=fd00::/48", name);
    assert_wrong("a/#=fd00::/48", "a/#=fd00::/48", name);
    assert_wrong("a:#=fd00::/48", "a:#=fd00::/48", name);
    assert_wrong("a b#=fd00::/48", "a b#=fd00::/48", name);
    /* No room for a number: interfaces' names have at most 15 bytes. */
    parsed("abcdefghijklmn#=fd00::/48");
    assert_wrong("abcdefghijklmno#=fd00::/48", "abcdefghijklmno#=fd00::/48",
                 name);
    assert_wrong("abcdefgh#ijklmno=fd00::/48", "abcdefgh#ijklmno=fd00::/48",
                 name);
    assert_wrong("abcdefghijklmnopqrstuvwxyz#=fd00::/48",
                 "abcdefghijklmnopqrstuvwxyz#=fd00::/48", name);

    assert_wrong("a#=", "a#=", bits);
    assert_wrong("a#=fd00::", "a#=fd00::", bits);
    assert_wrong("a#=fd00::/64", "a#=fd00::/64", bits);
    assert_wrong("a#=/48", "a#=/48", ipv6);
    assert_wrong("a#=10.0.0.0/48", "a#=10.0.0.0/48", ipv6);
    assert_wrong("a#=fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0/48",
                 "a#=fd00:0000:0000:0000:0000:0000:0000:0000:0000:0000:0/48",
                 ipv6);
    assert_wrong("a#=fe80::/48", "a#=fe80::/48", ula);
    assert_wrong("a#=2001:db8::/48", "a#=2001:db8::/48", ula);
    assert_wrong("a#=::/48", "a#=::/48", ula);
    assert_wrong("a#=fd00:0:0:1::/48", "a#=fd00:0:0:1::/48",
                 "has bits set beyond its 48");
    assert_wrong("a#=fd00::1/48", "a#=fd00::1/48",
                 "has bits set beyond its 48");
    assert_wrong("a#=fd00::/48,b#=fd00:0::/48", "b#=fd00:0::/48",
                 "has the prefix of another one");
    assert_wrong("a#=fd00:1::/48,b#=fd00:2::/48,c#=fd00:3::/48,"
                 "d#=fd00:4::/48,e#=fd00:5::/48,f#=fd00:6::/48,"
                 "g#=fd00:7::/48,h#=fd00:8::/48,i#=fd00:9::/48",
                 "i#=fd00:9::/48", "is one too many");
}

/* The interface's number, as it is written in decimal, is the hexadecimal word
 * after the prefix. */
static void
test_network(void **state)
{
    static const struct {
        const char *name, *network;
    } cases[] = {
        { "em0", "fd00:0:1::" },
        { "em1", "fd00:0:1:1::" },
        { "em10", "fd00:0:1:10::" },
        { "em9999", "fd00:0:1:9999::" },
        { "vnet1-6", "fd00:6:0:1::" },
        { "vnet20-6", "fd00:6:0:20::" },
        { "e", NULL }, { "em", NULL }, { "em00", NULL }, { "em01", NULL },
        { "em10000", NULL }, { "em1a", NULL }, { "em-1", NULL },
        { "em 1", NULL }, { "xem1", NULL }, { "EM1", NULL }, { "", NULL },
        { "vnet-6", NULL }, { "vnet1-", NULL }, { "vnet1-66", NULL },
        { "vnet1-4", NULL }, { "vnet1", NULL },
    };
    struct link_maps maps = parsed("em#=fd00:0:1::/48,vnet#-6=fd00:6::/48");

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct in6_addr network, expected;
        char name[IFNAMSIZ];
        bool found = link_maps_network(&maps, cases[i].name, &network);

        assert_int_equal(found, cases[i].network != NULL);
        if (found) {
            expected = address(cases[i].network);
            assert_memory_equal(&network, &expected, sizeof network);
            /* And back, whatever the host's part. */
            network.s6_addr[8] = network.s6_addr[15] = 0xff;
            assert_int_equal(link_maps_owner(&maps, &network, name),
                             LINK_NAMED);
            assert_string_equal(name, cases[i].name);
        }
    }
}

static void
test_owner(void **state)
{
    static const struct {
        const char *address;
        enum link_owner owner;
    } cases[] = {
        { "fd00:0:1:12::1", LINK_NAMED },
        { "fd00:0:1:a::1", LINK_NONE },
        { "fd00:0:1:1a::1", LINK_NONE },
        { "fd00:0:1:a000::1", LINK_NONE },
        { "fd00:0:1:ffff::1", LINK_NONE },
        { "fd00:0:2:12::1", LINK_OTHER },
        { "fd00:1:1:12::1", LINK_OTHER },
        { "fe80::1", LINK_OTHER },
        { "::", LINK_OTHER },
        { "::ffff:192.0.2.1", LINK_OTHER },
        /* A name of 15 bytes takes a single digit. */
        { "fd00:f:0:1::", LINK_NAMED },
        { "fd00:f:0:12::", LINK_NONE },
        /* Of two maps with the same names, the first one has them. */
        { "fd00:b:1:1::", LINK_NAMED },
        { "fd00:b:2:1::", LINK_NONE },
    };
    struct link_maps maps = parsed("em#=fd00:0:1::/48,"
                                   "abcdefghijklmn#=fd00:f::/48,"
                                   "b#c=fd00:b:1::/48,b#c=fd00:b:2::/48");

    (void) state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct in6_addr a = address(cases[i].address);
        char name[IFNAMSIZ];

        assert_int_equal(link_maps_owner(&maps, &a, name), cases[i].owner);
    }
}

/* All that a prefix has: ten thousand names, each once. */
static void
test_all(void **state)
{
    struct link_maps maps = parsed("em#=fd00:0:1::/48");
    int n_named = 0;

    (void) state;
    for (unsigned int word = 0; word <= UINT16_MAX; word++) {
        struct in6_addr a = address("fd00:0:1::1"), network;
        char name[IFNAMSIZ], expected[IFNAMSIZ];

        a.s6_addr[6] = word >> 8;
        a.s6_addr[7] = word;
        if (link_maps_owner(&maps, &a, name) == LINK_NAMED) {
            snprintf(expected, sizeof expected, "em%x", word);
            assert_string_equal(name, expected);
            assert_true(link_maps_network(&maps, name, &network));
            assert_memory_equal(&network, &a, 8);
            n_named++;
        }
    }
    assert_int_equal(n_named, 10000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_wrong),
        cmocka_unit_test(test_network),
        cmocka_unit_test(test_owner),
        cmocka_unit_test(test_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
