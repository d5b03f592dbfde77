/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* How connections end, and how soon nothing is left of them: hosts with a TCP
 * of their own close, reset, forget, and use their ports again. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "handover-hosts.h"
#include "handover-peer.h"
#include "openvswitch/vlog.h"

static const struct path {
    const char *request;
    const char *answer;
    int server;
} paths[] = {
    { REQUEST("/"), "1\n", 1 },
    { REQUEST("/images/"), "2\n", 2 },
    { REQUEST("/video/"), "3\n", 3 },
};

static void
use(const struct path *path)
{
    tcp_host_connect(&client);
    pump();
    assert_true(ask(path->request, path->answer));
}

/* A moment after it was found out. */
static void
assert_nothing_left(void)
{
    pass(60);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_n_flows(), 0);
}

/* Runs 'cb' on a connection along each path that is 'age' ms old. */
static void
for_each_path(void (*cb)(const struct path *), int age)
{
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        hosts_start();
        use(&paths[i]);
        pass(age);
        cb(&paths[i]);
        hosts_stop();
    }
}

/* Closing. */

static void
close_client_first(const struct path *path)
{
    tcp_host_close(&client);
    pump();
    tcp_host_close(&servers[path->server]);
    pump();
    assert_int_equal(client.state, HOST_TIME_WAIT);
    assert_int_equal(servers[path->server].state, HOST_CLOSED);
    pass(9000);
    assert_int_equal(n_conns(), 1);
    pass(3000);
    assert_nothing_left();
    assert_int_equal(fake_counter(HC_CHALLENGES), 1);
    assert_int_equal(fake_counter(HC_FINISHED), 1);
}

static void
client_closes_first(void **state)
{
    (void) state;
    for_each_path(close_client_first, 2000);

    /* FINs that overtake the flows. */
    for_each_path(close_client_first, 0);
}

/* The server is the one that has to wait a minute, and says that it has the
 * connection. */
static void
close_server_first(const struct path *path)
{
    tcp_host_close(&servers[path->server]);
    pump();
    tcp_host_close(&client);
    pump();
    assert_int_equal(client.state, HOST_CLOSED);
    assert_int_equal(servers[path->server].state, HOST_TIME_WAIT);
    pass(12000);
    assert_nothing_left();
    assert_in_range(fake_counter(HC_CHALLENGES), 1, 2);
}

static void
server_closes_first(void **state)
{
    (void) state;
    for_each_path(close_server_first, 2000);
}

/* It never believes the client's reset, or that gets lost. */
static void
close_stubborn_server_first(const struct path *path)
{
    struct tcp_host *server = &servers[path->server];

    tcp_host_close(server);
    pump();
    tcp_host_close(&client);
    pump();
    fake_pass(12000);
    size_t n_flow_mods = fake_n_flow_mods;
    for (int i = 0; i < 50; i++) {
        fake_pass(1000);
        pump_to(NOT(CLIENT_PORT));
    }
    assert_int_equal(n_conns(), 1);
    assert_in_range(fake_counter(HC_CHALLENGES), 4, 8);
    assert_in_range(fake_n_flow_mods - n_flow_mods, 0, 2);
    tcp_host_forget(server);
    pass(60000);
    assert_nothing_left();
}

static void
server_waits_a_minute(void **state)
{
    (void) state;
    for_each_path(close_stubborn_server_first, 2000);
}

/* A client that has nothing more to say may wait for the answer for as long as
 * a connection may be quiet. */
static void
close_half(const struct path *path)
{
    struct tcp_host *server = &servers[path->server];

    tcp_host_close(&client);
    pump();
    for (int i = 0; i < 25; i++) {
        pass(10000);
    }
    assert_int_equal(n_conns(), 1);
    tcp_host_say(server, "late");
    pump();
    assert_string_equal(client.in + strlen(path->answer), "late");
    tcp_host_close(server);
    pump();
    pass(15000);
    assert_nothing_left();
    assert_int_equal(client.n_reset + server->n_reset, 0);
}

static void
half_closed(void **state)
{
    (void) state;
    for_each_path(close_half, 2000);
}

/* Nobody answers: it is forgotten when a connection that is quiet is. */
static void
close_and_vanish(const struct path *path)
{
    tcp_host_close(&client);
    pump();
    tcp_host_close(&servers[path->server]);
    pump();
    fake_pass(280000);
    assert_int_equal(n_conns(), 1);
    fake_pass(30000);
    assert_nothing_left();
    fake_drain();
}

static void
nobody_answers(void **state)
{
    (void) state;
    for_each_path(close_and_vanish, 2000);
}

/* Quiet for too long. */
static void
be_quiet(const struct path *path)
{
    (void) path;
    pass(290000);
    assert_int_equal(n_conns(), 1);
    pass(15000);
    assert_nothing_left();
    assert_int_equal(fake_counter(HC_CHALLENGES), 0);
}

static void
quiet(void **state)
{
    (void) state;
    for_each_path(be_quiet, 0);
}

/* Resets. */

static void
abort_client(const struct path *path)
{
    tcp_host_abort(&client);
    pump();
    assert_int_equal(servers[path->server].n_reset, 1);
    assert_nothing_left();
}

static void
client_aborts(void **state)
{
    (void) state;
    for_each_path(abort_client, 0);
    for_each_path(abort_client, 20000);
}

static void
abort_server(const struct path *path)
{
    tcp_host_abort(&servers[path->server]);
    pump();
    assert_int_equal(client.n_reset, 1);
    assert_nothing_left();
}

static void
server_aborts(void **state)
{
    (void) state;
    for_each_path(abort_server, 2000);
}

/* The client's next connection with the same ports must not meet what the
 * datapath still has of the last one, which it forgets in 50 ms. */
static void
abort_and_reuse(const struct path *path)
{
    tcp_host_abort(&client);
    pump();
    assert_int_equal(fake_n_flows(), 0);
    tcp_host_connect(&client);
    pump();
    assert_int_equal(client.state, HOST_SYN_SENT);
    fake_pass(40);
    pump();
    assert_int_equal(client.state, HOST_SYN_SENT);
    pass(20);
    assert_int_equal(client.state, HOST_ESTABLISHED);
    assert_true(ask(path->request, path->answer));
}

static void
client_aborts_and_reuses_port(void **state)
{
    (void) state;
    for_each_path(abort_and_reuse, 2000);
}

/* The question got lost, or its answer. */
static void
lose_answer(const struct path *path)
{
    tcp_host_abort(&servers[path->server]);
    pump_to(NOT(path->server));
    assert_int_equal(client.n_reset, 1);
    assert_int_equal(n_conns(), 1);
    pass(1500);
    assert_nothing_left();
}

static void
answer_is_lost(void **state)
{
    (void) state;
    for_each_path(lose_answer, 2000);
}

/* Ports that are used again. */

static void
assert_used_again(int ms)
{
    for (int i = 0; i < ms && client.state != HOST_ESTABLISHED; i += 100) {
        pass(100);
    }
    assert_int_equal(client.state, HOST_ESTABLISHED);
    assert_int_equal(n_conns(), 1);
    assert_true(ask(REQUEST("/images/"), "2\n"));
    assert_true(ask(REQUEST("/more/"), "2\n"));
}

/* A client that has forgotten the connection. */
static void
reuse_port(const struct path *path)
{
    tcp_host_forget(&client);
    tcp_host_connect(&client);
    pump();
    assert_int_equal(servers[path->server].n_reset, 1);
    assert_used_again(200);
}

static void
client_reuses_port(void **state)
{
    (void) state;
    for_each_path(reuse_port, 0);
    for_each_path(reuse_port, 20000);
}

/* The same when flows are gone, after the client has closed in vain. */
static void
reuse_port_of_quiet(const struct path *path)
{
    tcp_host_close(&client);
    pump();
    tcp_host_close(&servers[path->server]);
    pump();
    pass(5000);
    assert_int_equal(n_conns(), 1);
    client.iss += 0x10000;
    tcp_host_connect(&client);
    pump();
    assert_used_again(200);
}

static void
port_of_closed_connection(void **state)
{
    (void) state;
    for_each_path(reuse_port_of_quiet, 2000);
}

static void
forget_both(const struct path *path)
{
    tcp_host_forget(&client);
    tcp_host_forget(&servers[path->server]);
    tcp_host_connect(&client);
    pump();
    assert_used_again(200);
}

static void
both_forgot(void **state)
{
    (void) state;
    for_each_path(forget_both, 2000);
}

/* The server is gone for good, which others have noticed. */
static void
lose_server(const struct path *path)
{
    const struct service *service = service_lookup(fake_engine(), 0, htonl(VIP),
                                                   htons(VIP_PORT));
    unsigned int others = NOT(path->server);

    member_failed(service->members[path->server - 1], "is gone");
    tcp_host_forget(&client);
    tcp_host_connect(&client);
    for (int i = 0; i < 60 && client.state != HOST_ESTABLISHED; i++) {
        fake_pass(100);
        pump_to(others);
        if (i % 10 == 0) {
            tcp_host_timeout(&client);
        }
    }
    assert_int_equal(client.state, HOST_ESTABLISHED);
    assert_int_equal(n_conns(), 1);
}

static void
server_is_lost(void **state)
{
    (void) state;
    for_each_path(lose_server, 20000);
}

/* Two in the time of a handshake: the first answer tells the client's
 * present SYN from its past one. */
static void
port_used_twice_at_once(void **state)
{
    (void) state;
    hosts_start();
    tcp_host_connect(&client);
    pump_to(NOT(1));
    tcp_host_forget(&client);
    tcp_host_connect(&client);
    deliver_delayed();
    assert_used_again(200);
    hosts_stop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client_closes_first),
        cmocka_unit_test(server_closes_first),
        cmocka_unit_test(server_waits_a_minute),
        cmocka_unit_test(half_closed),
        cmocka_unit_test(nobody_answers),
        cmocka_unit_test(quiet),
        cmocka_unit_test(client_aborts),
        cmocka_unit_test(client_aborts_and_reuses_port),
        cmocka_unit_test(server_aborts),
        cmocka_unit_test(answer_is_lost),
        cmocka_unit_test(client_reuses_port),
        cmocka_unit_test(port_of_closed_connection),
        cmocka_unit_test(both_forgot),
        cmocka_unit_test(server_is_lost),
        cmocka_unit_test(port_used_twice_at_once),
    };

    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    return cmocka_run_group_tests_name("handover-ends", tests, NULL, NULL);
}
