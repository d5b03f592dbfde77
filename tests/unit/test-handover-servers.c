/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Servers that refuse, are silent, die or speak out of turn. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "handover-peer.h"
#include "packets.h"

/* Server 'n' answers the client's SYN with a reset. */
static void
server_refuses(int n)
{
    fake_from_server(n, (struct tcp_segment) {
        .ack = C_ISN + 1,
        .flags = TCP_RST | TCP_ACK,
    });
}

/* The chosen server. */

static void
chosen_server_refuses(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    expect_syn(2);
    server_refuses(2);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
    expect_nothing_anywhere();
    assert_int_equal(fake_counter(HC_REFUSED), 1);
    assert_int_equal(fake_counter(HC_REPLAY_FAILED), 1);
    assert_int_equal(fake_counter(HC_KEPT), 1);
    assert_int_equal(fake_n_flows(), 2);
}

/* A reset that does not belong to our SYN proves nothing. */
static void
forged_refusal(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    fake_from_server(2, (struct tcp_segment) { .ack = C_ISN + 2,
                                               .flags = TCP_RST | TCP_ACK });
    fake_from_server(2, (struct tcp_segment) { .flags = TCP_RST });
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
}

static void
chosen_server_is_silent(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    expect_syn(2);
    fake_pass(190);
    expect_nothing_anywhere();
    fake_pass(10);
    expect_syn(2);
    fake_pass(400);
    expect_syn(2);
    fake_pass(800);
    expect_syn(2);
    fake_pass(600);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
    assert_int_equal(fake_counter(HC_SILENT), 1);

    /* Late, it is told that nobody is waiting any more: the connection is
     * another server's by now, and this one would go on trying. */
    server_synack(2);
    expect(2, TCP_RST, C_ISN + 1, 0, "");
    expect_nothing_anywhere();
}

/* A server that failed lately is tried last. */
static void
another_candidate(void **state)
{
    struct service_config *cfg = fake_config();
    struct uuid server3 = cfg->members[2].uuid;

    (void) state;
    fake_add_rule(cfg, "/images/*", 2);
    rule_add_server(cfg->rules.rules[0], &server3);
    cfg->members[1].weight = 200;       /* Server 2 is all but certain... */
    start_with(cfg);

    struct member *m = fake_engine() ? service_find_member(
        service_lookup(fake_engine(), 0, htonl(VIP), htons(VIP_PORT)),
        &cfg->members[1].uuid) : NULL;
    shake_hands();
    member_failed(m, "fails");          /* ... but for this. */
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(3);
    server_refuses(3);
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
    expect(1, TCP_RST | TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
}

/* It still has another connection with these ports. */
static void
chosen_server_remembers(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    fake_from_server(2, (struct tcp_segment) { .seq = 4711, .ack = 815,
                                               .flags = TCP_ACK });
    expect(2, TCP_RST, 815, 0, "");
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
}

/* It cannot have us send resets and SYNs forever. */
static void
chosen_server_never_forgets(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    for (int i = 0; i < 100; i++) {
        fake_from_server(2, (struct tcp_segment) { .seq = 4711, .ack = 815,
                                                   .flags = TCP_ACK });
    }
    struct tcp_segment seg;
    int n;
    for (n = 0; fake_next(2, &seg); n++) {
        continue;
    }
    assert_in_range(n, 1, 10);
}

/* The first server. */

static void
first_server_refuses(void **state)
{
    (void) state;
    start();
    client_syn();
    expect_syn(1);
    server_refuses(1);

    /* Which of the others comes next is random. */
    struct tcp_segment seg;
    int n = fake_next(2, &seg) ? 2 : fake_next(3, &seg) ? 3 : 0;
    assert_int_not_equal(n, 0);
    server_synack(n);
    expect(CLIENT_PORT, TCP_SYN | TCP_ACK, isn_of(n), C_ISN + 1, "");
}

static void
all_servers_refuse(void **state)
{
    (void) state;
    start();
    client_syn();
    server_refuses(1);
    server_refuses(2);
    server_refuses(3);
    server_refuses(2);
    expect(CLIENT_PORT, TCP_RST | TCP_ACK, 0, C_ISN + 1, "");
    assert_int_equal(n_conns(), 0);
}

/* The client will try again, and should not be told that it is hopeless. */
static void
all_servers_are_silent(void **state)
{
    (void) state;
    start();
    client_syn();
    fake_pass(7000);
    expect_nothing(CLIENT_PORT);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_counter(HC_SILENT), 3);
    assert_int_equal(fake_counter(HC_NO_SERVER), 1);
}

/* It dies while nobody but us knows of a request. */
static void
first_server_resets(void **state)
{
    (void) state;
    start();
    shake_hands();

    /* Not if somebody guessed. */
    fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN + 2,
                                               .flags = TCP_RST });
    assert_int_equal(fake_counter(HC_SERVER_RESET), 0);
    fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN + 1,
                                               .flags = TCP_RST });
    assert_int_equal(fake_counter(HC_SERVER_RESET), 1);
    expect_nothing_anywhere();

    /* The client never notices. */
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
    expect_nothing_anywhere();
}

/* ... and then nobody else answers either. */
static void
no_server_is_left(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN + 1,
                                               .flags = TCP_RST });
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    server_refuses(2);
    expect(CLIENT_PORT, TCP_RST | TCP_ACK, S1_ISN + 1,
           C_ISN + 1 + strlen(GET_IMAGES), "");
    assert_int_equal(n_conns(), 0);
}

/* It closes because the client takes too long.  That is the client's to see,
 * and from then on the connection cannot be moved. */
static void
first_server_speaks(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_from_server(1, from_server(1, TCP_ACK | TCP_FIN, 0, "408"));
    expect(CLIENT_PORT, TCP_ACK | TCP_FIN, S1_ISN + 1, C_ISN + 1, "408");
    expect_nothing_anywhere();
    assert_int_equal(fake_n_flows(), 2);
    assert_int_equal(fake_counter(HC_SERVER_SPOKE), 1);

    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
}

/* What it had sent before it got the reset. */
static void
first_server_lingers(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_from_server(1, from_server(1, TCP_ACK | TCP_FIN, 0, ""));
    expect_nothing_anywhere();
    assert_int_equal(fake_counter(HC_DROP_STALE), 1);
}

/* It did not get the client's ACK. */
static void
first_server_repeats_synack(void **state)
{
    (void) state;
    start();
    shake_hands();
    server_synack(1);
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, "");
    expect_nothing_anywhere();
}

#define TEST(NAME) cmocka_unit_test_teardown(NAME, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(chosen_server_refuses),
        TEST(forged_refusal),
        TEST(chosen_server_is_silent),
        TEST(another_candidate),
        TEST(chosen_server_remembers),
        TEST(chosen_server_never_forgets),
        TEST(first_server_refuses),
        TEST(all_servers_refuse),
        TEST(all_servers_are_silent),
        TEST(first_server_resets),
        TEST(no_server_is_left),
        TEST(first_server_speaks),
        TEST(first_server_lingers),
        TEST(first_server_repeats_synack),
    };

    return cmocka_run_group_tests_name("handover-servers", tests, NULL,
                                       NULL);
}
