/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Rows of table Tenant: which are refused, and what those that are not
 * mean. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "openvswitch/dynamic-string.h"
#include "openvswitch/shash.h"
#include "smap.h"
#include "tasuki-nat64.h"
#include "utilities/tasukid/core/row-check.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "utilities/tasukid/apps/tenant/row.h"

static int64_t key;

static struct tasukirec_tenant
lan(char *name, char *port)
{
    return (struct tasukirec_tenant) {
        .name = name, .lan = port, .service = "svc0",
    };
}

static struct tasukirec_tenant
tunnel(char *type, char *remote)
{
    return (struct tasukirec_tenant) {
        .name = "acme", .service = "svc0", .tunnel_type = type,
        .tunnel_remote = remote, .tunnel_key = &key, .n_tunnel_key = 1,
    };
}

static void
expect_error(struct shash *claims, const struct tasukirec_tenant *row,
             const char *expected)
{
    char *error = row_check_tenant(claims, row);

    if (expected) {
        assert_non_null(error);
        assert_string_equal(error, expected);
    } else {
        assert_null(error);
    }
    free(error);
}

static void
expect_alone(const struct tasukirec_tenant *row, const char *expected)
{
    struct shash claims = SHASH_INITIALIZER(&claims);

    expect_error(&claims, row, expected);
    shash_destroy(&claims);
}

static void
ports(void **state)
{
    (void) state;
    struct tasukirec_tenant row = lan("acme", "eth0");

    expect_alone(&row, NULL);
    row.native6 = "v6";
    expect_alone(&row, NULL);
    row.native6 = "eth0";
    expect_alone(&row, "native6: port eth0 belongs to this tenant \"acme\" "
                 "already");
    row.native6 = "";
    expect_alone(&row, "native6: \"\" is not the name of a port, 1 to 15 "
                 "characters");
    row.native6 = "0123456789abcde";
    expect_alone(&row, NULL);
    row.native6 = "0123456789abcdef";
    expect_alone(&row, "native6: \"0123456789abcdef\" is not the name of a "
                 "port, 1 to 15 characters");
    row.native6 = "12";         /* An OpenFlow port number to others. */
    expect_alone(&row, "native6: \"12\" is not the name of a port, 1 to 15 "
                 "characters");
    row.native6 = "a/b";
    expect_alone(&row, "native6: \"a/b\" is not the name of a port, 1 to 15 "
                 "characters");
    row.native6 = NULL;
    row.lan = NULL;
    expect_alone(&row, "lan: required, a port or a tunnel");
    row.name = "";
    expect_alone(&row, "name: \"\" is not 1 to 63 letters, digits, '.', '_' "
                 "or '-'");
}

static void
tunnels(void **state)
{
    (void) state;
    struct tasukirec_tenant row = tunnel("vxlan", "192.0.2.1");

    key = (1 << 24) - 1;
    expect_alone(&row, NULL);
    key++;
    expect_alone(&row, "tunnel_key: 16777216 is not a VXLAN network "
                 "identifier, 0 to 16777215");
    row.tunnel_type = "gre";
    expect_alone(&row, NULL);
    row.n_tunnel_key = 0;
    expect_alone(&row, "tunnel_key: required for a tunnel");
    row.n_tunnel_key = 1;
    row.lan = "eth0";
    expect_alone(&row, "lan: a port or a tunnel, not both");
    row.lan = NULL;
    row.tunnel_remote = NULL;
    expect_alone(&row, "tunnel_remote: required for a tunnel");
    row.tunnel_remote = "flow";
    expect_alone(&row, "tunnel_remote: \"flow\" is not an IP address");
    row.tunnel_remote = "127.0.0.1";
    expect_alone(&row, "tunnel_remote: \"127.0.0.1\" is not the unicast "
                 "address of a host");
    row.tunnel_remote = "ff02::1";
    expect_alone(&row, "tunnel_remote: \"ff02::1\" is not the unicast address "
                 "of a host");
    row.tunnel_remote = "::";
    expect_alone(&row, "tunnel_remote: \"::\" is not the unicast address of a "
                 "host");
}

static void
conflicts(void **state)
{
    (void) state;
    struct shash claims = SHASH_INITIALIZER(&claims);
    struct tasukirec_tenant a = tunnel("gre", "2001:db8::1");
    struct tasukirec_tenant b = tunnel("gre", "2001:DB8:0::0:1");
    int64_t other_key = 8;

    key = 7;
    expect_error(&claims, &a, NULL);
    b.name = "b";
    expect_error(&claims, &b, "tunnel_key: tunnel gre:2001:db8::1:7 belongs "
                 "to tenant \"acme\" already");
    b.tunnel_key = &other_key;
    expect_error(&claims, &b, "service: port svc0 belongs to tenant \"acme\" "
                 "already");
    b.tunnel_key = &key;
    b.tunnel_type = "vxlan";    /* Keys of one kind are none of another. */
    b.service = "svc1";
    expect_error(&claims, &b, NULL);

    /* A port that was made for a tunnel. */
    struct tasukirec_tenant c = lan("c", "tn-acme");
    c.service = "svc2";
    expect_error(&claims, &c, "lan: port tn-acme belongs to tenant \"acme\" "
                 "already");
    shash_destroy(&claims);
}

static void
names(void **state)
{
    (void) state;
    char buf[TENANT_PORT_NAME_SIZE], other[TENANT_PORT_NAME_SIZE];
    struct tasukirec_tenant row = tunnel("gre", "192.0.2.1");

    assert_string_equal(tenant_lan_port(&row, buf), "tn-acme");
    row.name = "twelve-chars";
    assert_string_equal(tenant_lan_port(&row, buf), "tn-twelve-chars");

    /* "printf thirteen-char | sha1sum". */
    row.name = "thirteen-char";
    assert_string_equal(tenant_lan_port(&row, buf), "tn-f376c2e6cc45");
    row.name = "thirteen-chas";
    assert_string_not_equal(tenant_lan_port(&row, other), buf);

    row.lan = "eth0";
    assert_string_equal(tenant_lan_port(&row, buf), "eth0");
}

static void
formats(void **state)
{
    (void) state;
    struct tasukirec_tenant row = tunnel("gre", "192.0.2.1");
    struct ds s = DS_EMPTY_INITIALIZER;

    key = 7;
    tenant_format_lan(&row, &s);
    ds_put_char(&s, ' ');
    row.tunnel_remote = "fd00::1";
    tenant_format_lan(&row, &s);
    row = lan("acme", "eth0");
    ds_put_char(&s, ' ');
    tenant_format_lan(&row, &s);
    assert_string_equal(ds_cstr(&s), "gre:192.0.2.1:7 gre:[fd00::1]:7 eth0");
    ds_destroy(&s);
}

/* Ethernet's 1500 bytes less an outer IP header (RFC 791, RFC 8200), GRE with
 * a key (RFC 2890: 8 bytes) or UDP and VXLAN (RFC 7348: 8 and 8), and the inner
 * Ethernet header. */
static void
mtus(void **state)
{
    (void) state;
    struct tasukirec_tenant row = tunnel("gre", "192.0.2.1");
    int64_t mtu = 1400;

    assert_int_equal(tenant_mtu(&row), 1500 - 20 - 8 - 14);
    row.tunnel_remote = "fd00::1";
    assert_int_equal(tenant_mtu(&row), 1500 - 40 - 8 - 14);
    row.tunnel_type = "vxlan";
    assert_int_equal(tenant_mtu(&row), 1500 - 40 - 8 - 8 - 14);
    row.tunnel_remote = "192.0.2.1";
    assert_int_equal(tenant_mtu(&row), 1500 - 20 - 8 - 8 - 14);
    row.mtu = &mtu;
    row.n_mtu = 1;
    assert_int_equal(tenant_mtu(&row), 1400);
    row = lan("acme", "eth0");
    assert_int_equal(tenant_mtu(&row), 0);
}

static void
prefixes(void **state)
{
    (void) state;
    struct tasukirec_tenant row = lan("acme", "eth0");
    struct nat64 n = { .direction = NAT64_6TO4, .mtu = 1400 };
    static const uint8_t well_known[16] = { 0, 0x64, 0xff, 0x9b };

    tenant_get_prefix(&row, &n);
    assert_memory_equal(n.prefix, nat64_ll_prefix, 16);
    assert_int_equal(n.prefix_len, 96);

    row.prefix = "64:ff9b::/96";
    expect_alone(&row, NULL);
    tenant_get_prefix(&row, &n);
    assert_memory_equal(n.prefix, well_known, 16);
    assert_int_equal(n.prefix_len, 96);
    assert_int_equal(n.direction, NAT64_6TO4);
    assert_int_equal(n.mtu, 1400);

    row.prefix = "64:ff9b::";
    expect_alone(&row, "prefix: 64:ff9b:: is not an IPv6 prefix like "
                 "64:ff9b::/96");
    row.prefix = "64:ff9b::/95";
    expect_alone(&row, "prefix: 64:ff9b::/95: prefix length is not 32, 40, "
                 "48, 56, 64 or 96");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports),
        cmocka_unit_test(tunnels),
        cmocka_unit_test(conflicts),
        cmocka_unit_test(names),
        cmocka_unit_test(formats),
        cmocka_unit_test(mtus),
        cmocka_unit_test(prefixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
