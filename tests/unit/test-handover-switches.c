/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Limits that are reached, switches that forget or are full, a daemon that
 * starts again, a configuration that changes. */

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
#include "utilities/tasukid/apps/handover/engine/conn.h"
#include "utilities/tasukid/apps/handover/flows.h"

/* Limits. */

static void
syn_from_port(uint16_t port)
{
    fake_from_client((struct tcp_segment) { .seq = C_ISN,
                                            .flags = TCP_SYN,
                                            .tp_src = htons(port) });
}

/* The oldest of those that never finished their handshake has to go. */
static void
too_many_half_open(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->max_connections = 10;
    start_with(cfg);
    for (int i = 0; i < 30; i++) {
        syn_from_port(1000 + i);
        assert_in_range(n_conns(), 1, 10);
    }
    assert_int_equal(fake_counter(HC_EVICTED), 20);
    const struct service *service = service_lookup(fake_engine(), 0, htonl(VIP),
                                                   htons(VIP_PORT));
    assert_null(conn_lookup(service, htonl(CLIENT_IP),
                            htons(1019)));
    assert_non_null(conn_lookup(service, htonl(CLIENT_IP),
                                htons(1020)));
}

/* A flood of SYNs pushes out a client whose answer to the SYN-ACK is on its
 * way.  The server still waits for it. */
static void
late_answer_in_a_flood(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->max_connections = 10;
    start_with(cfg);
    client_syn();
    expect_syn(1);
    server_synack(1);
    expect(CLIENT_PORT, TCP_SYN | TCP_ACK, S1_ISN, C_ISN + 1, "");
    for (int i = 0; i < 10; i++) {
        syn_from_port(1000 + i);
        expect(1, TCP_SYN, C_ISN, 0, "");
    }
    assert_int_equal(fake_counter(HC_EVICTED), 1);
    assert_int_equal(n_conns(), 10);
    expect_nothing_anywhere();

    fake_from_client(from_client(TCP_ACK, GET_OTHER));
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, GET_OTHER);
    assert_int_equal(fake_counter(HC_ORPHANS), 1);
}

/* Those that wait for a request go on without being inspected. */
static void
too_many_waiting(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->max_connections = 1;
    start_with(cfg);
    shake_hands();
    syn_from_port(1000);
    assert_int_equal(fake_counter(HC_OVERLOAD), 1);
    assert_int_equal(fake_n_flows(), 2);
    expect(1, TCP_SYN, C_ISN, 0, "");
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
}

static void
no_memory_to_hold(void **state)
{
    (void) state;
    start();
    fake_shared->held.max = 0;
    shake_hands();
    fake_from_client(from_client(TCP_ACK | TCP_PSH, GET_IMAGES));
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
    assert_int_equal(fake_counter(HC_HELD_LIMIT), 1);
    assert_int_equal(fake_n_flows(), 2);
}

static void
too_long_a_head(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->inspect_bytes = 16;
    start_with(cfg);
    shake_hands();
    fake_from_client(from_client(TCP_ACK, "GET /xxxxxxxxxxxxxxxxxxxxxxx"));
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, "GET /xxxxxxxxxxx");
    assert_int_equal(fake_counter(HC_INSPECT_LIMIT), 1);
}

/* Switches. */

/* Both flows' end is the connection's; one direction may be quiet before. */
static void
flows_expire(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_expire(ENTRY_NONE);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_counter(HC_FINISHED), 1);
}

/* One direction had nothing to say for longer than the flow lives.  What then
 * comes takes the long way, and brings the flow back. */
static void
one_direction_is_quiet(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_pass(10000);
    fake_expire(ENTRY_TO_SERVER);
    assert_int_equal(n_conns(), 1);
    assert_int_equal(fake_n_flows(), 1);

    fake_from_client(from_client(TCP_ACK, ""));
    expect(2, TCP_ACK, C_ISN + 1, S2_ISN + 1, "");
    assert_int_equal(fake_counter(HC_LATE_CLIENT), 1);
    assert_int_equal(fake_counter(HC_REINSTALLED), 1);
    assert_int_equal(fake_n_flows(), 2);

    fake_expire(ENTRY_TO_CLIENT);
    fake_expire(ENTRY_TO_SERVER);
    assert_int_equal(n_conns(), 0);
}

/* With a full table the connection is carried segment by segment, and ends
 * when it was quiet for long enough. */
static void
table_is_full(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_table_full = true;
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect_syn(2);
    server_synack(2);
    expect(2, TCP_ACK | TCP_PSH, C_ISN + 1, S2_ISN + 1, GET_IMAGES);
    fake_drain();
    assert_int_equal(fake_n_flows(), 0);

    for (int i = 0; i < 100; i++) {
        fake_from_server(2, from_server(2, TCP_ACK, 0, "image"));
        expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "image");
        fake_from_client(from_client(TCP_ACK, ""));
        expect(2, TCP_ACK, C_ISN + 1, S2_ISN + 1, "");
        fake_pass(100000);
    }
    assert_int_equal(n_conns(), 1);

    /* There is room again. */
    fake_table_full = false;
    fake_from_client(from_client(TCP_ACK, ""));
    assert_int_equal(fake_n_flows(), 2);
    fake_drain();

    /* From then on it is theirs to notice the end. */
    fake_pass(301000);
    assert_int_equal(n_conns(), 1);
    assert_int_equal(fake_n_flows(), 2);
    fake_expire(ENTRY_NONE);
    assert_int_equal(n_conns(), 0);
}

/* There never is. */
static void
table_stays_full(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_table_full = true;
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    server_synack(2);
    fake_pass(299000);
    assert_int_equal(n_conns(), 1);
    fake_pass(2000);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_n_flows(), 0);
}

/* All that is needed to go on after a crash is in the switch. */
static void
restart(void **state)
{
    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_restart();
    assert_int_equal(n_conns(), 1);
    assert_int_equal(fake_counter(HC_ADOPTED), 1);

    /* A segment that misses its flow shows what the daemon remembers. */
    struct conn *conn = CONTAINER_OF(hmap_first(&fake_engine()->conns),
                                     struct conn, node);
    assert_int_equal(conn->state, CONN_MOVED);
    assert_string_equal(conn->member->name, "server3");
    assert_int_equal(conn->seq_delta, S3_ISN - S1_ISN);
    assert_int_equal(conn->ts_delta, (uint32_t) (S1_TSVAL - S3_TSVAL));
    assert_int_equal(conn->member_wscale, S3_WSCALE - S1_WSCALE);
    assert_int_equal(conn->client_port, CLIENT_PORT);
    assert_int_equal(conn->member_port, 3);

    fake_expire(ENTRY_NONE);
    assert_int_equal(n_conns(), 0);
}

/* The client has closed its half and is quiet. */
static void
restart_half_closed(void **state)
{
    (void) state;
    start();
    move(3, GET_VIDEO);
    fake_expire(ENTRY_TO_SERVER);
    fake_restart();
    assert_int_equal(n_conns(), 1);
    fake_pass(2000);
    fake_drain();
    fake_from_client(from_client(TCP_ACK, ""));
    struct tcp_segment seg = expect(3, TCP_ACK, C_ISN + 1, S3_ISN + 1, "");
    assert_int_equal(seg.opts.tsecr, S3_TSVAL);
    assert_int_equal(ntohs(seg.tp_dst), 8080);
    assert_int_equal(fake_n_flows(), 2);
}

/* It was being inspected: the default server is the one that knows it. */
static void
restart_amid_inspection(void **state)
{
    (void) state;
    start();
    shake_hands();
    fake_restart();
    fake_from_client(from_client(TCP_ACK, GET_IMAGES));
    expect(1, TCP_ACK, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
    assert_int_equal(fake_counter(HC_ORPHANS), 1);
    assert_int_equal(fake_n_flows(), 2);

    /* It does not: it says so, and that is that. */
    fake_from_server(1, (struct tcp_segment) { .seq = S1_ISN + 1,
                                               .flags = TCP_RST });
    expect(CLIENT_PORT, TCP_RST, S1_ISN + 1, 0, "");
}

/* Nobody can fill the switch with connections that never were. */
static void
orphans_are_bounded(void **state)
{
    (void) state;
    start();
    for (int i = 1; i < 5000; i++) {
        struct tcp_segment seg = from_client(TCP_ACK, "x");
        seg.tp_src = htons(i);
        fake_from_client(seg);
    }
    assert_int_equal(fake_counter(HC_ORPHANS), 1000);
    assert_int_equal(fake_counter(HC_DROP_ORPHAN), 3999);

    /* One a millisecond is let through later. */
    fake_pass(10);
    for (int i = 5000; i < 5100; i++) {
        struct tcp_segment seg = from_client(TCP_ACK, "x");
        seg.tp_src = htons(i);
        fake_from_client(seg);
    }
    assert_in_range(fake_counter(HC_ORPHANS), 1009, 1011);
}

/* They count as connections. */
static void
orphans_respect_limit(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    cfg->max_connections = 10;
    start_with(cfg);
    for (int i = 1; i < 50; i++) {
        struct tcp_segment seg = from_client(TCP_ACK, "x");
        seg.tp_src = htons(i);
        fake_from_client(seg);
    }
    assert_int_equal(n_conns(), 10);
    fake_expire(ENTRY_NONE);
    assert_int_equal(n_conns(), 0);
    struct tcp_segment seg = from_client(TCP_ACK, "x");
    fake_from_client(seg);
    assert_int_equal(n_conns(), 1);
}

/* A server that is removed keeps its connections; a service takes them. */
static void
server_is_removed(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    struct service_config *cfg = fake_config();
    struct member_config m2 = cfg->members[1];
    cfg->members[1] = cfg->members[2];
    cfg->n_members--;
    fake_add_rule(cfg, "/images/*", 2);
    fake_configure(cfg);
    free(m2.name);
    free(m2.ofport);
    assert_int_equal(fake_n_flows(), 2);

    fake_from_server(2, from_server(2, TCP_ACK, 0, "image"));
    expect(CLIENT_PORT, TCP_ACK, S1_ISN + 1, C_ISN + 1, "image");

    /* And after a restart, too. */
    fake_restart();
    assert_int_equal(n_conns(), 1);
    assert_int_equal(fake_n_flows(), 2);

    /* New ones fall to the default server. */
    fake_from_client((struct tcp_segment) { .seq = C_ISN, .flags = TCP_SYN,
                                            .tp_src = htons(40001) });
    fake_drain();
    fake_from_server(1, (struct tcp_segment) {
        .seq = S1_ISN, .ack = C_ISN + 1, .flags = TCP_SYN | TCP_ACK,
        .tp_dst = htons(40001), .window = 1000 });
    fake_drain();
    struct tcp_segment get = from_client(TCP_ACK | TCP_PSH, GET_IMAGES);
    get.tp_src = htons(40001);
    fake_from_client(get);
    expect(1, TCP_ACK | TCP_PSH, C_ISN + 1, S1_ISN + 1, GET_IMAGES);
}

/* It listens elsewhere: a connection goes on with the one that it has. */
static void
server_is_edited(void **state)
{
    struct service_config *cfg = fake_config();

    (void) state;
    start();
    move(3, GET_VIDEO);
    cfg->members[2].port = htons(8081);
    fake_configure(cfg);
    fake_expire(ENTRY_TO_SERVER);
    fake_pass(2000);
    fake_drain();
    fake_from_client(from_client(TCP_ACK, "more"));
    struct tcp_segment seg = expect(3, TCP_ACK, C_ISN + 1, S3_ISN + 1, "more");
    assert_int_equal(ntohs(seg.tp_dst), 8080);
    assert_int_equal(fake_n_flows(), 2);
}

static void
service_is_removed(void **state)
{
    (void) state;
    start();
    move(2, GET_IMAGES);
    fake_from_client((struct tcp_segment) { .seq = C_ISN, .flags = TCP_SYN,
                                            .tp_src = htons(40001) });
    assert_int_equal(n_conns(), 2);
    fake_configure(NULL);
    assert_int_equal(fake_n_flows(), 0);
    assert_int_equal(n_conns(), 0);
    assert_int_equal(fake_shared->n_in_progress, 0);
}

#define TEST(NAME) cmocka_unit_test_teardown(NAME, stop)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(too_many_half_open),
        TEST(late_answer_in_a_flood),
        TEST(too_many_waiting),
        TEST(no_memory_to_hold),
        TEST(too_long_a_head),
        TEST(flows_expire),
        TEST(one_direction_is_quiet),
        TEST(table_is_full),
        TEST(table_stays_full),
        TEST(restart),
        TEST(restart_half_closed),
        TEST(restart_amid_inspection),
        TEST(orphans_are_bounded),
        TEST(orphans_respect_limit),
        TEST(server_is_removed),
        TEST(server_is_edited),
        TEST(service_is_removed),
    };

    return cmocka_run_group_tests_name("handover-switches", tests, NULL,
                                       NULL);
}
