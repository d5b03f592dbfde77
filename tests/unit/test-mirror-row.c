/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Rows of table Mirror_Policy: what those that are not refused mean. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "utilities/tasukid/apps/mirror/row.h"
#include "utilities/tasukid/tasuki-idl.h"

static void
check_match(const char *s, const char *forward, const char *back)
{
    struct match match, reverse;
    char *formatted;

    assert_null(mirror_match_parse(s, &match));
    formatted = match_to_string(&match, NULL, OFP_DEFAULT_PRIORITY);
    assert_string_equal(formatted, forward);
    free(formatted);

    mirror_match_reverse(&match, &reverse);
    formatted = match_to_string(&reverse, NULL, OFP_DEFAULT_PRIORITY);
    assert_string_equal(formatted, back);
    free(formatted);

    mirror_match_reverse(&reverse, &reverse);
    assert_true(match_equal(&match, &reverse));
}

static void
matches_have_a_reverse(void **state OVS_UNUSED)
{
    check_match(NULL, "", "");
    check_match("ip", "ip", "ip");
    check_match("tcp,tp_dst=80", "tcp,tp_dst=80", "tcp,tp_src=80");
    check_match("udp6,tp_src=53,ipv6_dst=2001:db8::/32",
                "udp6,ipv6_dst=2001:db8::/32,tp_src=53",
                "udp6,ipv6_src=2001:db8::/32,tp_dst=53");
    check_match("dl_vlan=7,tcp,nw_src=10.0.0.0/8,tp_dst=0x1000/0xf000",
                "tcp,dl_vlan=7,nw_src=10.0.0.0/8,tp_dst=0x1000/0xf000",
                "tcp,dl_vlan=7,nw_dst=10.0.0.0/8,tp_src=0x1000/0xf000");
    check_match("dl_src=02:00:00:00:00:01", "dl_src=02:00:00:00:00:01",
                "dl_dst=02:00:00:00:00:01");
    check_match("arp,arp_spa=10.0.0.1", "arp,arp_spa=10.0.0.1",
                "arp,arp_tpa=10.0.0.1");
}

static void
check_target(const char *to, enum mirror_target_kind kind, const char *port,
             const char *remote, uint32_t key, const char *path)
{
    struct mirror_target target;

    assert_null(mirror_target_parse(to, &target));
    assert_int_equal(target.kind, kind);
    if (port) {
        assert_string_equal(target.port, port);
    }
    assert_in_range(strlen(target.port), 1, MIRROR_PORT_NAME_SIZE - 1);
    if (remote) {
        assert_string_equal(target.remote, remote);
    } else {
        assert_null(target.remote);
    }
    assert_int_equal(target.key, key);
    if (path) {
        assert_string_equal(target.path, path);
    } else {
        assert_null(target.path);
    }
    mirror_target_destroy(&target);
}

static void
targets(void **state OVS_UNUSED)
{
    check_target("span0", MIRROR_TO_PORT, "span0", NULL, 0, NULL);
    check_target("vxlan:192.0.2.1:7", MIRROR_TO_VXLAN, NULL, "192.0.2.1", 7,
                 NULL);
    check_target("vxlan:[2001:DB8:0::1]:7", MIRROR_TO_VXLAN, NULL,
                 "2001:db8::1", 7, NULL);
    check_target("erspan:2001:db8::1:7", MIRROR_TO_ERSPAN, NULL,
                 "2001:db8::1", 7, NULL);
    check_target("file:/a:b", MIRROR_TO_FILE, NULL, NULL, 0, "/a:b");
}

/* Policies that share a target share a port, and no others do. */
static void
ports_of_targets(void **state OVS_UNUSED)
{
    static const char *const targets[] = {
        "vxlan:192.0.2.1:7", "vxlan:192.0.2.1:8", "vxlan:192.0.2.2:7",
        "erspan:192.0.2.1:7", "vxlan:[2001:db8::1]:7", "file:/a", "file:/b",
    };
    struct mirror_target a, b;

    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(targets); j++) {
            assert_null(mirror_target_parse(targets[i], &a));
            assert_null(mirror_target_parse(targets[j], &b));
            assert_int_equal(!strcmp(a.port, b.port), i == j);
            mirror_target_destroy(&a);
            mirror_target_destroy(&b);
        }
    }
    assert_null(mirror_target_parse("vxlan:2001:DB8:0::1:7", &a));
    assert_null(mirror_target_parse("vxlan:[2001:db8::1]:7", &b));
    assert_string_equal(a.port, b.port);
    mirror_target_destroy(&a);
    mirror_target_destroy(&b);
}

/* A refused row takes nothing. */
static void
refused_rows(void **state OVS_UNUSED)
{
    struct tasukirec_switch sw = { .n_tenants = 0 };
    struct tasukirec_mirror_policy good = { .name = "good", .to = "p1" };
    struct tasukirec_mirror_policy bad = { .name = "bad", .to = "a/b" };
    struct shash accepted = SHASH_INITIALIZER(&accepted);
    char *error = row_check_mirror(&sw, &accepted, &bad);

    assert_non_null(error);
    free(error);
    assert_true(shash_is_empty(&accepted));
    assert_null(row_check_mirror(&sw, &accepted, &good));
    assert_ptr_equal(shash_find_data(&accepted, "good"), &good);

    /* Whatever a program writes there that is not tasuki-ctl. */
    bad = (struct tasukirec_mirror_policy) { .name = "x", .to = "" };
    error = row_check_mirror(&sw, &accepted, &bad);
    assert_string_equal(error, "to: required, a port, a tunnel or a file");
    free(error);
    bad = (struct tasukirec_mirror_policy) { .name = "x", .to = "p1",
                                             .events = "" };
    error = row_check_mirror(&sw, &accepted, &bad);
    assert_string_equal(error, "events: \"\" is not the absolute name of a "
                        "file");
    free(error);
    shash_destroy(&accepted);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_have_a_reverse),
        cmocka_unit_test(targets),
        cmocka_unit_test(ports_of_targets),
        cmocka_unit_test(refused_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
