/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Strangers: they know a connection's addresses, ports and MAC addresses, and
 * can send from any port of the switch, but know no sequence number.  Whatever
 * they say, in whatever state of the connection, client and server, who follow
 * the standard, finish what they are about, on this connection, and the switch
 * and tasukid have next to nothing to do (RFC 5961). */

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
#include "packets.h"
#include "utilities/tasukid/apps/handover/engine/conn.h"

/* States of a connection in which a stranger may interfere. */

struct state {
    const char *name;
    void (*reach)(void);
    const char *path;           /* Of the first request. */
    int server;                 /* Who answers it. */
    bool installed;             /* The switch forwards. */
    bool deep;                  /* To be looked at more closely. */
};

static const struct state *now;

static void
reach_nothing(void)
{
}

static void
reach_syn_sent(void)
{
    tcp_host_connect(&client);
    pump_to(NOT(1));
}

static void
reach_syn_rcvd(void)
{
    tcp_host_connect(&client);
    pump_to(NOT(CLIENT_PORT));
}

static void
reach_established(void)
{
    tcp_host_connect(&client);
    pump();
    assert_int_equal(client.state, HOST_ESTABLISHED);
}

static void
reach_inspect(void)
{
    reach_established();
    tcp_host_say(&client, "GET /ima");
    pump();
}

static void
reach_replay(void)
{
    reach_established();
    tcp_host_say(&client, REQUEST("/images/"));
    pump_to(NOT(2));
    assert_int_equal(n_delayed, 1);
}

/* Server 2 does not get what was acknowledged to the client. */
static void
reach_deliver(void)
{
    reach_inspect();
    tcp_host_say(&client, "ges/ HTTP/1.1\r\nHost: a\r\n\r\n");
    pump_to(NOT(2));
    assert_int_equal(n_delayed, 1);
    deliver_delayed_to(NOT(2));
    assert_in_range(n_delayed, 1, 2);
}

static void
reach_installed(void)
{
    reach_established();
    char request[100];
    snprintf(request, sizeof request, REQUEST("%s"), now->path);
    tcp_host_say(&client, request);
    pump();
    servers_answer();
    assert_int_equal(client.in[0], '0' + now->server);
    fake_pass(2000);
    pump();
}

static void
fail_servers(void)
{
    const struct service *service = service_lookup(fake_engine(), 0, htonl(VIP),
                                                   htons(VIP_PORT));

    for (size_t i = 0; i < service->cfg->n_members; i++) {
        service->members[i]->failed_until = fake_now + 1000000;
        service->members[i]->n_failures = 1;
    }
}

static void
reach_failed(void)
{
    reach_installed();
    fail_servers();
}

static void
reach_drained(void)
{
    reach_failed();
    syns_are_lost = true;
}

static void
reach_restarted(void)
{
    reach_installed();
    fake_restart();
}

static void
reach_carried(void)
{
    fake_table_full = true;
    reach_installed();
    assert_int_equal(fake_n_flows(), 0);
}

/* The client has closed its half and waits for the answer. */
static void
reach_half_closed(void)
{
    reach_established();
    tcp_host_say(&client, "GET /images/ HTTP/1.1\r\nHost: a\r\n\r");
    pump();
    tcp_host_say(&client, "\n");
    pump();
    fake_pass(2000);
    tcp_host_close(&client);
    pump();
}

static const struct state states[] = {
    { "nothing", reach_nothing, "/images/", 2, false, false },
    { "SYN_SENT", reach_syn_sent, "/images/", 2, false, false },
    { "SYN_RCVD", reach_syn_rcvd, "/images/", 2, false, true },
    { "ESTABLISHED", reach_established, "/images/", 2, false, false },
    { "INSPECT", reach_inspect, "/images/", 2, false, false },
    { "REPLAY", reach_replay, "/images/", 2, false, false },
    { "DELIVER", reach_deliver, "/images/", 2, false, false },
    { "KEPT", reach_installed, "/", 1, true, true },
    { "MOVED", reach_installed, "/images/", 2, true, true },
    { "MOVED to another address", reach_installed, "/video/", 3, true, false },
    { "KEPT, failed", reach_failed, "/", 1, true, false },
    { "MOVED, failed", reach_failed, "/images/", 2, true, true },
    { "MOVED, failed, drained", reach_drained, "/images/", 2, true, false },
    { "MOVED, restarted", reach_restarted, "/images/", 2, true, false },
    { "MOVED, no room", reach_carried, "/images/", 2, true, false },
    { "MOVED, half closed", reach_half_closed, "/images/", 2, true, false },
};

static void
begin(const struct state *state)
{
    now = state;
    hosts_start();
    state->reach();
}

/* Returns null if client and server finish what they are about, on one
 * connection, or what is wrong. */
static const char *
finish(void)
{
    const char *answer = (const char *[]) { "", "1\n", "2\n", "3\n" }
                         [now->server];
    bool early = now->reach == reach_inspect;

    deliver_delayed();
    servers_answer();
    if (now->reach == reach_nothing) {
        tcp_host_connect(&client);
        pump();
    }
    for (int i = 0; i < 10 && client.state == HOST_SYN_SENT; i++) {
        pass(500);
        retransmit();
    }
    if (client.state != HOST_ESTABLISHED) {
        return "not connected";
    }
    if (now->reach == reach_half_closed) {
        for (int i = 0; i < 10 && strcmp(client.in, answer); i++) {
            pass(500);
            retransmit();
        }
        if (strcmp(client.in, answer)) {
            return "no answer";
        }
    } else if (now->reach == reach_replay || now->reach == reach_deliver) {
        for (int i = 0; i < 10 && strcmp(client.in, answer); i++) {
            pass(500);
            retransmit();
        }
        if (strcmp(client.in, answer)) {
            return "no answer to the request under way";
        }
    } else if (!now->installed
               && !ask(early ? "ges/ HTTP/1.1\r\nHost: a\r\n\r\n"
                       : REQUEST("/images/"), answer)) {
        return "no answer to the request";
    }
    if (now->reach != reach_half_closed
        && (!ask(REQUEST("/more/"), answer)
            || !ask(REQUEST("/images/"), answer))) {
        return "no answer to a later request";
    }
    return (client.n_reset ? "the client was reset"
            : client.n_opened != 1 ? "the client had to open another one"
            : servers[now->server].n_reset ? "the server was reset"
            : servers[now->server].n_opened != 1
            ? "the server has accepted more than one"
            : NULL);
}

/* What strangers do. */

enum origin {
    CLIENT_PLACE,               /* The client's port and MAC address. */
    CLIENT_OTHER_MAC,
    CLIENT_OTHER_PORT,
    SERVER_PLACE,               /* The same of the server in charge. */
    SERVER_OTHER_MAC,
    SERVER_OTHER_PORT,
    SERVER_OTHER,               /* All of another server. */
    N_PLACES,
};

static const char *const place_names[N_PLACES] = {
    "client", "client, other MAC", "client, other port", "server",
    "server, other MAC", "server, other port", "other server",
};

struct step {
    enum origin place;
    uint16_t flags;
    bool payload;
    bool time;                  /* Nothing but time passes. */
};

static uint32_t
random_number(void)
{
    /* Far from all numbers that are in use. */
    return 0x30000000 + (random() & 0x7fffffff);
}

static void
forge(const struct step *step)
{
    static const struct eth_addr other_mac = ETH_ADDR_C(02,00,00,00,00,77);
    int server = now->server;
    int other = server == 1 ? 2 : 1;
    struct tcp_segment seg = {
        .flags = step->flags,
        .seq = random_number(),
        .ack = step->flags & TCP_ACK ? random_number() : 0,
        .window = random(),
        .payload = (const uint8_t *) "GET / HTTP/1.1\r\n\r\n",
        .len = step->payload ? 1 + random() % 18 : 0,
        .opts = { .present = random() & TCP_OPT_TS, .tsval = random() },
    };
    int port;

    if (step->place <= CLIENT_OTHER_PORT) {
        seg.eth_src = (step->place == CLIENT_OTHER_MAC ? other_mac
                       : client_mac);
        seg.eth_dst = (struct eth_addr) ETH_ADDR_C(02,54,0a,00,00,01);
        seg.ip_src = htonl(CLIENT_IP);
        seg.tp_src = htons(HOSTS_PORT);
        seg.ip_dst = htonl(VIP);
        seg.tp_dst = htons(VIP_PORT);
        port = step->place == CLIENT_OTHER_PORT ? other : CLIENT_PORT;
    } else {
        int n = step->place == SERVER_OTHER ? other : server;

        seg.eth_src = (step->place == SERVER_OTHER_MAC ? other_mac
                       : server_macs[n]);
        seg.eth_dst = client_mac;
        seg.ip_src = htonl(n == 3 ? 0x0a000003 : VIP);
        seg.tp_src = htons(n == 3 ? 8080 : VIP_PORT);
        seg.ip_dst = htonl(CLIENT_IP);
        seg.tp_dst = htons(HOSTS_PORT);
        port = step->place == SERVER_OTHER_PORT ? other : n;
    }
    fake_packet_in(tcp_segment_compose(&seg), port);
    pump();
}

/* Where the switch forwards, flows expire meanwhile; a handshake would not
 * survive that much silence with nobody's help. */
static void
do_step(const struct step *step)
{
    if (!step->time) {
        forge(step);
    } else {
        pass(now->installed || now->reach == reach_nothing ? 10500 : 400);
    }
}

static void
print_walk(const struct step *steps, size_t n)
{
    print_error("%s:", now->name);
    for (size_t i = 0; i < n; i++) {
        if (steps[i].time) {
            print_error(" [time]");
        } else {
            print_error(" [%s: flags 0x%02x%s]", place_names[steps[i].place],
                        steps[i].flags, steps[i].payload ? " payload" : "");
        }
    }
    print_error("\n");
}

/* More than this for each step is too much to ask of the switch. */
#define MAX_FLOW_MODS 3

/* A SYN from anywhere opens a connection there, and has the ports until its
 * handshake is given up. */
static bool
opens_elsewhere(const struct state *state, const struct step *step)
{
    return (state->reach == reach_nothing && !step->time
            && step->flags == TCP_SYN
            && (step->place == CLIENT_OTHER_MAC
                || step->place == CLIENT_OTHER_PORT));
}

static bool
walk(const struct state *state, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (opens_elsewhere(state, &steps[i])) {
            return true;
        }
    }
    begin(state);
    size_t before = fake_n_flow_mods;
    for (size_t i = 0; i < n; i++) {
        do_step(&steps[i]);
    }
    const char *fault = (fake_n_flow_mods - before > n * MAX_FLOW_MODS
                         ? "too many flow mods" : NULL);
    const char *fault2 = finish();
    fault = fault2 ? fault2 : fault;
    if (fault) {
        print_walk(steps, n);
        print_error("    %s\n", fault);
    }
    hosts_stop();
    return !fault;
}

/* Walks all ways of 'n' steps in 'state' and returns how many do harm. */
static int
walk_all(const struct state *state, const struct step *alphabet, size_t size,
         size_t n)
{
    struct step steps[4];
    size_t index[4] = { 0 };
    int n_faults = 0;

    for (;;) {
        for (size_t i = 0; i < n; i++) {
            steps[i] = alphabet[index[i]];
        }
        n_faults += !walk(state, steps, n);

        size_t i = 0;
        while (i < n && ++index[i] == size) {
            index[i++] = 0;
        }
        if (i == n || n_faults >= 20) {
            return n_faults;
        }
    }
}

static const uint16_t all_flags[] = {
    0, TCP_ACK, TCP_ACK | TCP_PSH, TCP_FIN, TCP_FIN | TCP_ACK, TCP_SYN,
    TCP_SYN | TCP_ACK, TCP_SYN | TCP_FIN, TCP_SYN | TCP_RST, TCP_RST,
    TCP_RST | TCP_ACK, TCP_URG | TCP_ACK,
};

/* Without anybody's interference all goes well. */
static void
nobody_interferes(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        assert_true(walk(&states[i], NULL, 0));
        const struct step time[2] = { { .time = true }, { .time = true } };
        assert_true(walk(&states[i], time, 2));
    }
}

/* Every kind of segment from everywhere, one, and two of them. */
static void
all_pairs(void **state)
{
    struct step alphabet[ARRAY_SIZE(all_flags) * N_PLACES * 2 + 1];
    size_t n = 0;
    int n_faults = 0;

    (void) state;
    for (enum origin place = 0; place < N_PLACES; place++) {
        for (size_t i = 0; i < ARRAY_SIZE(all_flags); i++) {
            for (int payload = 0; payload < 2; payload++) {
                alphabet[n++] = (struct step) { place, all_flags[i], payload,
                                                false };
            }
        }
    }
    alphabet[n++] = (struct step) { .time = true };
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        n_faults += walk_all(&states[i], alphabet, n, 1);
    }

    /* From the wrong place all are alike, and so are those that no state
     * treats differently: one of each is enough for pairs. */
    size_t n_pairs = 0;
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &alphabet[i];
        bool right = s->place == CLIENT_PLACE || s->place == SERVER_PLACE;
        if (s->time
            || (right ? s->flags && !(s->flags & TCP_URG)
                && s->flags != TCP_FIN && !(s->flags & TCP_PSH)
                && (!s->payload || !(s->flags & (TCP_SYN | TCP_RST)))
                : !s->payload && (s->flags == TCP_ACK || s->flags == TCP_SYN
                                  || s->flags == TCP_RST))) {
            alphabet[n_pairs++] = *s;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        n_faults += walk_all(&states[i], alphabet, n_pairs, 2);
    }
    assert_int_equal(n_faults, 0);
}

/* Of the right places' segments the four that mean something, and time: three
 * of them, and four in the states of which the others are variants. */
static void
long_walks(void **state)
{
    static const uint16_t flags[] = {
        TCP_ACK, TCP_FIN | TCP_ACK, TCP_SYN, TCP_RST,
    };
    struct step alphabet[2 * ARRAY_SIZE(flags) + 1];
    size_t n = 0;
    int n_faults = 0;

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        alphabet[n++] = (struct step) { CLIENT_PLACE, flags[i], false, false };
        alphabet[n++] = (struct step) {
            SERVER_PLACE, flags[i] == TCP_SYN ? TCP_SYN | TCP_ACK : flags[i],
            false, false
        };
    }
    alphabet[n++] = (struct step) { .time = true };
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        n_faults += walk_all(&states[i], alphabet, n, 3);
        if (states[i].deep) {
            n_faults += walk_all(&states[i], alphabet, n, 4);
        }
    }
    assert_int_equal(n_faults, 0);
}

/* Flows that forged FINs have cut short are back soon: the daemon that starts
 * again finds the connection by them. */
static void
restart_after_forged_fins(void **state)
{
    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        if (states[i].reach != reach_installed) {
            continue;
        }
        begin(&states[i]);
        forge(&(struct step) { CLIENT_PLACE, TCP_FIN | TCP_ACK, false,
                               false });
        forge(&(struct step) { SERVER_PLACE, TCP_FIN | TCP_ACK, false,
                               false });
        pass(12500);
        fake_restart();
        assert_int_equal(n_conns(), 1);
        const char *fault = finish();
        assert_null(fault);
        hosts_stop();
    }
}

/* 2000 of a kind in a second: a counter, and a few looks, most of them ARP
 * requests.  Who answers a SYN that nobody sent is reset. */
#define MAX_FLOOD_FLOW_MODS 4
#define MAX_FLOOD_PACKETS 150

static void
floods(void **state)
{
    int n_faults = 0;

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
        for (size_t j = 0; j < ARRAY_SIZE(all_flags); j++) {
            for (enum origin place = 0; place < N_PLACES; place++) {
                struct step step = { place, all_flags[j], false, false };

                bool opens = (states[i].reach == reach_nothing
                              && all_flags[j] == TCP_SYN
                              && place < SERVER_PLACE);
                bool unknown = (states[i].reach == reach_nothing
                                && place >= SERVER_PLACE);

                if (states[i].reach == reach_carried || opens) {
                    /* All is passed on, segment by segment; or is what opens
                     * a connection, and has limits of its own. */
                    continue;
                }
                begin(&states[i]);
                size_t n_flow_mods = fake_n_flow_mods;
                size_t n_packet_outs = fake_n_packet_outs;
                for (int k = 0; k < 2000; k++) {
                    forge(&step);
                    if (k % 20 == 0) {
                        fake_pass(10);
                    }
                }
                n_flow_mods = fake_n_flow_mods - n_flow_mods;
                n_packet_outs = fake_n_packet_outs - n_packet_outs;
                const char *fault = finish();
                if (fault || n_flow_mods > MAX_FLOOD_FLOW_MODS
                    || n_packet_outs > (unknown ? 2000
                                        : MAX_FLOOD_PACKETS)) {
                    print_walk(&step, 1);
                    print_error("    2000 of them: %"PRIuSIZE" flow mods, "
                                "%"PRIuSIZE" packets, %s\n", n_flow_mods,
                                n_packet_outs, fault ? fault : "no harm");
                    n_faults++;
                }
                hosts_stop();
            }
        }
    }
    assert_int_equal(n_faults, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_interferes),
        cmocka_unit_test(all_pairs),
        cmocka_unit_test(long_walks),
        cmocka_unit_test(restart_after_forged_fins),
        cmocka_unit_test(floods),
    };

    vlog_set_levels(NULL, VLF_CONSOLE, VLL_OFF);
    srandom(7);
    return cmocka_run_group_tests_name("handover-strangers", tests, NULL,
                                       NULL);
}
