/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Who is told what, when. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "flow.h"
#include "lone-switch.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/events.h"

/* An application's own type. */
enum { TICK_A = 1 << 0, TICK_B = 1 << 1 };

struct tick {
    uint32_t what;
    uint32_t key;
    int value;
};

static const struct event_type tick = {
    "example/tick", 3, sizeof(struct tick), sizeof(uint32_t)
};

/* What was told, in its order. */
static struct heard {
    struct ofswitch *sw;
    struct tick tick;
    int who;
} heard[100];
static size_t n_heard;

static int me = 1, you = 2;

static void
hear(struct ofswitch *sw, const void *event, void *who)
{
    assert_in_range(n_heard, 0, ARRAY_SIZE(heard) - 1);
    heard[n_heard].sw = sw;
    heard[n_heard].tick = *(const struct tick *) event;
    heard[n_heard++].who = *(int *) who;
}

static struct ofswitch *
start(void)
{
    n_heard = 0;
    lone_one.port_zone = NULL;
    return lone_switch_up(OFP13_VERSION, 1);
}

static void
publish(struct ofswitch *sw, uint32_t what, uint32_t key, int value)
{
    const struct tick event = { .what = what, .key = key, .value = value };

    event_publish(sw, &tick, &event);
}

static void
check(size_t i, uint32_t what, uint32_t key, int value, int who)
{
    assert_in_range(i, 0, n_heard - 1);
    assert_int_equal(heard[i].tick.what, what);
    assert_int_equal(heard[i].tick.key, key);
    assert_int_equal(heard[i].tick.value, value);
    assert_int_equal(heard[i].who, who);
}

/* Not at once, in order, to all. */
static void
order(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    assert_true(event_subscribe(ONE, &tick, hear, &me));
    assert_true(event_subscribe(TWO, &tick, hear, &you));
    publish(sw, TICK_A, 2, 20);
    publish(sw, TICK_A, 1, 10);
    assert_int_equal(n_heard, 0);
    events_run();
    assert_int_equal(n_heard, 4);
    check(0, TICK_A, 2, 20, me);
    check(1, TICK_A, 2, 20, you);
    check(2, TICK_A, 1, 10, me);
    assert_ptr_equal(heard[0].sw, sw);
    events_run();
    assert_int_equal(n_heard, 4);

    event_unsubscribe(ONE, &tick, hear, &me);
    event_unsubscribe(TWO, &tick, hear, &you);
    publish(sw, TICK_A, 1, 11);
    events_run();
    assert_int_equal(n_heard, 4);
    lone_switch_destroy(sw);
}

/* An event about no switch is for everybody, wherever they run. */
static void
no_switch(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    assert_true(event_subscribe(ONE, &tick, hear, &me));
    assert_true(event_subscribe(TWO, &tick, hear, &you));
    lone_run(true, false);
    ofswitch_configure(sw);
    publish(NULL, TICK_A, 1, 10);
    publish(sw, TICK_A, 1, 20);
    publish(NULL, TICK_B, 1, 11);
    lone_run(false, false);
    ofswitch_configure(sw);
    events_run();
    assert_int_equal(n_heard, 2);
    check(0, TICK_A | TICK_B, 1, 11, me);
    check(1, TICK_A | TICK_B, 1, 11, you);
    assert_null(heard[0].sw);
    event_unsubscribe(ONE, &tick, hear, &me);
    event_unsubscribe(TWO, &tick, hear, &you);
    lone_switch_destroy(sw);
}

/* What happens to one thing before anybody is told is told once, with all that
 * happened, the last state, and after what happened to others before that. */
static void
merge(void **state)
{
    struct ofswitch *sw = start();
    struct ofswitch *other = lone_switch_up(OFP13_VERSION, 2);

    (void) state;
    assert_true(event_subscribe(ONE, &tick, hear, &me));
    publish(sw, TICK_A, 1, 10);
    publish(sw, TICK_A, 2, 20);
    publish(other, TICK_A, 1, 100);
    publish(sw, TICK_B, 1, 11);
    events_run();
    assert_int_equal(n_heard, 3);
    check(0, TICK_A, 2, 20, me);
    check(1, TICK_A, 1, 100, me);
    assert_ptr_equal(heard[1].sw, other);
    check(2, TICK_A | TICK_B, 1, 11, me);

    /* However often. */
    for (int i = 0; i < 100000; i++) {
        publish(sw, TICK_A, i % 3, i);
    }
    events_run();
    assert_int_equal(n_heard, 6);
    check(5, TICK_A, 0, 99999, me);
    event_unsubscribe(ONE, &tick, hear, &me);
    lone_switch_destroy(other);
    lone_switch_destroy(sw);
}

static void
answer(struct ofswitch *sw, const void *event, void *who)
{
    hear(sw, event, who);
    publish(sw, TICK_B, ((const struct tick *) event)->key, 0);
}

/* Who publishes from a callback does not keep the main loop busy. */
static void
from_a_callback(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    assert_true(event_subscribe(ONE, &tick, answer, &me));
    assert_true(event_subscribe(TWO, &tick, hear, &you));
    publish(sw, TICK_A, 1, 1);
    events_run();
    assert_int_equal(n_heard, 2);
    check(1, TICK_A, 1, 1, you);
    events_run();
    assert_int_equal(n_heard, 4);
    check(2, TICK_B, 1, 0, me);
    event_unsubscribe(ONE, &tick, answer, &me);
    event_unsubscribe(TWO, &tick, hear, &you);
    lone_switch_destroy(sw);
}

static void
hush(struct ofswitch *sw, const void *event, void *who)
{
    hear(sw, event, who);
    event_unsubscribe(ONE, &tick, hush, &me);
    event_unsubscribe(TWO, &tick, hear, &you);
    event_subscribe(TWO, &tick, hear, &me);
}

/* Subscribers that go while there are events in the queue, also from a
 * callback, hear no more; those that come hear what is published then. */
static void
leave(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    assert_true(event_subscribe(ONE, &tick, hush, &me));
    assert_true(event_subscribe(TWO, &tick, hear, &you));
    publish(sw, TICK_A, 1, 1);
    publish(sw, TICK_A, 2, 2);
    events_run();
    assert_int_equal(n_heard, 1);
    check(0, TICK_A, 1, 1, me);
    publish(sw, TICK_A, 3, 3);
    events_run();
    assert_int_equal(n_heard, 2);
    check(1, TICK_A, 3, 3, me);
    event_unsubscribe(TWO, &tick, hear, &me);
    lone_switch_destroy(sw);
}

/* An application that does not run on the switch any more; a switch that is
 * gone. */
static void
stop(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    assert_true(event_subscribe(ONE, &tick, hear, &me));
    assert_true(event_subscribe(TWO, &tick, hear, &you));
    publish(sw, TICK_A, 1, 1);
    lone_run(false, true);
    ofswitch_configure(sw);
    events_run();
    assert_int_equal(n_heard, 1);
    check(0, TICK_A, 1, 1, you);

    publish(sw, TICK_A, 2, 2);
    lone_switch_destroy(sw);
    events_run();
    assert_int_equal(n_heard, 1);
    event_unsubscribe(ONE, &tick, hear, &me);
    event_unsubscribe(TWO, &tick, hear, &you);
}

/* Two that do not mean the same by a name do not talk. */
static void
mismatch(void **state)
{
    struct ofswitch *sw = start();
    struct event_type type = tick;
    const struct tick event = { .what = TICK_A };

    (void) state;
    assert_true(event_subscribe(ONE, &tick, hear, &me));
    type.version++;
    assert_false(event_subscribe(TWO, &type, hear, &you));
    event_publish(sw, &type, &event);
    type = tick;
    type.size -= 4;
    assert_false(event_subscribe(TWO, &type, hear, &you));
    event_publish(sw, &type, &event);
    type = tick;
    type.key_size = 2;
    assert_false(event_subscribe(TWO, &type, hear, &you));
    events_run();
    assert_int_equal(n_heard, 0);

    /* A copy is as good. */
    type = tick;
    event_publish(sw, &type, &event);
    events_run();
    assert_int_equal(n_heard, 1);
    event_unsubscribe(ONE, &tick, hear, &me);
    lone_switch_destroy(sw);
}

/* Ports. */

static struct event_port ports[10];
static size_t n_ports;

static void
hear_port(struct ofswitch *sw OVS_UNUSED, const void *event,
          void *aux OVS_UNUSED)
{
    assert_in_range(n_ports, 0, ARRAY_SIZE(ports) - 1);
    ports[n_ports++] = *(const struct event_port *) event;
}

static void
status(struct ofswitch *sw, int port, enum ofp_port_reason reason,
       enum ofputil_port_state port_state)
{
    struct ofputil_port_status ps = {
        .reason = reason,
        .desc = { .port_no = u16_to_ofp(port), .state = port_state },
    };

    snprintf(ps.desc.name, sizeof ps.desc.name, "p%d", port);
    lone_receive(sw, ofputil_encode_port_status(&ps, sw->protocol));
}

static void
check_port(size_t i, int port, uint32_t what, bool exists, bool up)
{
    assert_in_range(i, 0, n_ports - 1);
    assert_int_equal(ofp_to_u16(ports[i].port), port);
    assert_int_equal(ports[i].what, what);
    assert_int_equal(ports[i].exists, exists);
    assert_int_equal(ports[i].up, up);
}

static uint32_t
zone_of_3(const struct ofswitch *sw OVS_UNUSED, ofp_port_t port)
{
    return port == u16_to_ofp(3) ? 33 : 0;
}

static void
port_events(void **state)
{
    struct ofswitch *sw = start();

    (void) state;
    assert_true(event_subscribe(ONE, &event_port, hear_port, NULL));
    events_run();
    n_ports = 0;

    status(sw, 7, OFPPR_ADD, 0);
    status(sw, 1, OFPPR_MODIFY, OFPUTIL_PS_LINK_DOWN);
    /* Nothing is new about it. */
    status(sw, 2, OFPPR_MODIFY, 0);
    events_run();
    assert_int_equal(n_ports, 2);
    check_port(0, 7, EVENT_PORT_ADDED | EVENT_PORT_UP, true, true);
    check_port(1, 1, EVENT_PORT_CHANGED | EVENT_PORT_DOWN, true, false);

    /* It came up, and another one was down for a moment. */
    status(sw, 1, OFPPR_MODIFY, 0);
    status(sw, 2, OFPPR_MODIFY, OFPUTIL_PS_LINK_DOWN);
    status(sw, 2, OFPPR_MODIFY, 0);
    events_run();
    assert_int_equal(n_ports, 4);
    check_port(2, 1, EVENT_PORT_CHANGED | EVENT_PORT_UP, true, true);
    check_port(3, 2, EVENT_PORT_CHANGED | EVENT_PORT_UP | EVENT_PORT_DOWN,
               true, true);

    /* Gone; gone and there again. */
    status(sw, 7, OFPPR_DELETE, 0);
    status(sw, 1, OFPPR_DELETE, 0);
    status(sw, 1, OFPPR_ADD, OFPUTIL_PS_LINK_DOWN);
    events_run();
    assert_int_equal(n_ports, 6);
    check_port(4, 7, EVENT_PORT_GONE | EVENT_PORT_DOWN, false, false);
    check_port(5, 1, EVENT_PORT_GONE | EVENT_PORT_DOWN | EVENT_PORT_ADDED,
               true, false);

    lone_one.port_zone = zone_of_3;
    ofswitch_zone_changed(sw, NULL);
    ofswitch_zone_changed(sw, NULL);
    events_run();
    assert_int_equal(n_ports, 7);
    check_port(6, 3, EVENT_PORT_ZONE, true, true);

    event_unsubscribe(ONE, &event_port, hear_port, NULL);
    lone_switch_destroy(sw);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(no_switch),
        cmocka_unit_test(merge),
        cmocka_unit_test(from_a_callback),
        cmocka_unit_test(leave),
        cmocka_unit_test(stop),
        cmocka_unit_test(mismatch),
        cmocka_unit_test(port_events),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
