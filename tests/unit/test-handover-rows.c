/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Rows of tables Service and Server that claim the same: which one has it. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "util.h"
#include "utilities/tasukid/apps/handover/service-check.h"
#include "utilities/tasukid/tasuki-idl.h"
#include "uuid.h"

#define MAX_ROWS 4

/* A database: the order of rows in it is that of their UUIDs, 1 to n. */
static struct tasukirec_service services[MAX_ROWS];
static struct tasukirec_server servers[MAX_ROWS];
static struct tasukirec_service *service_refs[MAX_ROWS];
static struct tasukirec_server *server_refs[MAX_ROWS];
static struct tasukirec_tasuki root = { .services = service_refs };

/* Which rows are used, a bit for each from bit 1 on, and why rows were
 * refused. */
static unsigned int used;
static char *errors[2 * MAX_ROWS + 1];
static unsigned int n_checked[2 * MAX_ROWS + 1];

static void
add_service(char *name, char *address, int64_t port)
{
    size_t i = root.n_services++;

    services[i] = (struct tasukirec_service) {
        .header_.uuid.parts = { 1 + i },
        .name = name,
        .address = address,
        .port = port,
        .servers = server_refs,
    };
    service_refs[i] = &services[i];
}

/* Of the first service.  Servers have UUIDs of their own. */
static void
add_server(char *name, char *address, char *mac, char *ofport)
{
    size_t i = services[0].n_servers++;

    servers[i] = (struct tasukirec_server) {
        .header_.uuid.parts = { 1 + MAX_ROWS + i },
        .name = name,
        .address = address,
        .mac = mac,
        .ofport = ofport,
    };
    server_refs[i] = &servers[i];
}

static bool
service_is_used(const struct tasukirec_service *row)
{
    return used & 1u << row->header_.uuid.parts[0];
}

static bool
server_is_used(const struct tasukirec_service *service OVS_UNUSED,
               const struct tasukirec_server *row)
{
    return used & 1u << row->header_.uuid.parts[0];
}

static void
refuse(const struct uuid *uuid, char *error)
{
    size_t i = uuid->parts[0];

    assert_in_range(i, 1, 2 * MAX_ROWS);
    free(errors[i]);
    errors[i] = error;
    n_checked[i]++;
}

static void
check_rows(void)
{
    static const struct service_check check = {
        .service_is_used = service_is_used,
        .server_is_used = server_is_used,
        .refuse = refuse,
    };

    memset(n_checked, 0, sizeof n_checked);
    service_check_rows(&root, &check);
    for (size_t i = 1; i <= root.n_services; i++) {
        assert_int_equal(n_checked[i], 1);
    }
    for (size_t i = 1; i <= services[0].n_servers; i++) {
        assert_int_equal(n_checked[MAX_ROWS + i], 1);
    }
}

static int
forget(void **state OVS_UNUSED)
{
    root.n_services = 0;
    used = 0;
    for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
        free(errors[i]);
        errors[i] = NULL;
    }
    return 0;
}

/* Services. */

static void
first_of_the_database(void **state)
{
    (void) state;
    add_service("a", "10.0.0.1", 80);
    add_service("b", "10.0.0.1", 80);
    add_service("c", "10.0.0.1", 81);
    add_service("a", "10.0.0.2", 80);
    check_rows();
    assert_null(errors[1]);
    assert_string_equal(errors[2],
                        "address: 10.0.0.1:80 belongs to service \"a\"");
    assert_null(errors[3]);
    assert_string_equal(errors[4], "name: there is a service \"a\" already");
}

/* Whichever of them is used, the others are refused: also those that are
 * before it. */
static void
used_one_first(void **state)
{
    (void) state;
    add_service("a", "10.0.0.1", 80);
    add_service("b", "10.0.0.1", 80);
    add_service("c", "10.0.0.1", 80);
    for (unsigned int row = 1; row <= 3; row++) {
        used = 1u << row;
        check_rows();
        for (unsigned int i = 1; i <= 3; i++) {
            if (i == row) {
                assert_null(errors[i]);
            } else {
                char *expected = xasprintf(
                    "address: 10.0.0.1:80 belongs to service \"%s\"",
                    services[row - 1].name);

                assert_string_equal(errors[i], expected);
                free(expected);
            }
        }
    }
}

static void
used_name_first(void **state)
{
    (void) state;
    add_service("a", "10.0.0.1", 80);
    add_service("a", "10.0.0.2", 80);
    used = 1u << 2;
    check_rows();
    assert_string_equal(errors[1], "name: there is a service \"a\" already");
    assert_null(errors[2]);
}

/* A row that is refused claims nothing, whatever the reason: here one that
 * makes no sense, and one that lost its name. */
static void
refused_ones_claim_nothing(void **state)
{
    (void) state;
    add_service("bad name", "10.0.0.1", 80);
    add_service("b", "10.0.0.1", 80);
    add_service("b", "10.0.0.3", 80);
    add_service("d", "10.0.0.3", 80);
    check_rows();
    assert_non_null(errors[1]);
    assert_null(errors[2]);
    assert_string_equal(errors[3], "name: there is a service \"b\" already");
    assert_null(errors[4]);
}

/* One that was used and makes no sense any more leaves room, too. */
static void
used_one_turns_bad(void **state)
{
    (void) state;
    add_service("a", "10.0.0.1", 80);
    add_service("b", "10.0.0.1", 80);
    services[1].mac = "01:00:00:00:00:00";
    used = 1u << 2;
    check_rows();
    assert_null(errors[1]);
    assert_string_equal(errors[2], "mac: \"01:00:00:00:00:00\" is not a "
                        "unicast Ethernet address");
}

/* Servers. */

static void
servers_first_of_the_database(void **state)
{
    (void) state;
    add_service("web", "10.0.0.1", 80);
    add_server("a", "10.0.0.5", NULL, NULL);
    add_server("b", "10.0.0.5", NULL, NULL);
    add_server("a", "10.0.0.6", NULL, NULL);
    check_rows();
    assert_null(errors[MAX_ROWS + 1]);
    assert_string_equal(errors[MAX_ROWS + 2],
                        "address: server \"a\" of service \"web\" has the "
                        "same, and the same port");
    assert_string_equal(errors[MAX_ROWS + 3],
                        "name: service \"web\" has a server \"a\" already");
}

static void
used_server_first(void **state)
{
    (void) state;
    add_service("web", "10.0.0.1", 80);
    add_server("a", "10.0.0.5", NULL, NULL);
    add_server("b", "10.0.0.5", NULL, NULL);
    add_server("c", NULL, NULL, "p1");
    add_server("d", NULL, "02:00:00:00:00:01", "p1");
    used = 1u << (MAX_ROWS + 2) | 1u << (MAX_ROWS + 4);
    check_rows();
    assert_string_equal(errors[MAX_ROWS + 1],
                        "address: server \"b\" of service \"web\" has the "
                        "same, and the same port");
    assert_null(errors[MAX_ROWS + 2]);
    assert_string_equal(errors[MAX_ROWS + 3],
                        "mac: required, as servers \"d\" and \"c\" share an "
                        "address and port p1");
    assert_null(errors[MAX_ROWS + 4]);
}

/* Servers that share the service's address are the same if they have one MAC
 * address, however it is written. */
static void
same_mac(void **state)
{
    (void) state;
    add_service("web", "10.0.0.1", 80);
    add_server("a", NULL, "02:00:00:00:00:0a", NULL);
    add_server("b", "10.0.0.1", "2:0:0:0:0:A", NULL);
    used = 1u << (MAX_ROWS + 2);
    check_rows();
    assert_string_equal(errors[MAX_ROWS + 1],
                        "mac: server \"b\" of service \"web\" has the same, "
                        "and the same port");
    assert_null(errors[MAX_ROWS + 2]);
}

static void
refused_servers_claim_nothing(void **state)
{
    (void) state;
    add_service("web", "10.0.0.1", 80);
    add_server("a", "10.0.0.5", NULL, "no port");
    add_server("b", "10.0.0.5", NULL, NULL);
    check_rows();
    assert_non_null(errors[MAX_ROWS + 1]);
    assert_null(errors[MAX_ROWS + 2]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(first_of_the_database, forget),
        cmocka_unit_test_teardown(used_one_first, forget),
        cmocka_unit_test_teardown(used_name_first, forget),
        cmocka_unit_test_teardown(refused_ones_claim_nothing, forget),
        cmocka_unit_test_teardown(used_one_turns_bad, forget),
        cmocka_unit_test_teardown(servers_first_of_the_database, forget),
        cmocka_unit_test_teardown(used_server_first, forget),
        cmocka_unit_test_teardown(same_mac, forget),
        cmocka_unit_test_teardown(refused_servers_claim_nothing, forget),
    };

    return cmocka_run_group_tests_name("handover-rows", tests, NULL, NULL);
}
