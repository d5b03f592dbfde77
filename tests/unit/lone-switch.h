/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef LONE_SWITCH_H
#define LONE_SWITCH_H 1

/* A switch of the core with nothing at the other end, for tests of what the
 * core does with messages.  What it is sent is kept, what comes from it the
 * test makes up.
 *
 * Link with -Wl,--wrap=time_msec -Wl,--wrap=ofswitch_send. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-msgs.h"
#include "utilities/tasukid/core/ofswitch-private.h"

/* What time_msec() says, and a way to let 'ms' pass. */
extern long long int lone_now;
void lone_pass(long long int ms);

/* Two applications, to be given callbacks, and whether switches run them, which
 * ofswitch_configure() looks at. */
#define ONE 0x81
#define TWO 0x82
extern struct app_class lone_one, lone_two;
void lone_run(bool one, bool two);

/* Returns a switch with ports 1 to 3, "p1" to "p3", on which both applications
 * run, with nothing left to adopt.  The caller must destroy it. */
struct ofswitch *lone_switch_up(enum ofp_version, uint64_t dpid);

/* Returns one that is about to get its applications, by
 * ofswitch_configure(). */
struct ofswitch *lone_switch_new(enum ofp_version, uint64_t dpid);

/* Destroys 'sw', as when its connection is closed. */
void lone_switch_destroy(struct ofswitch *sw);

/* Returns the oldest message that 'sw' was sent and that was not asked for yet,
 * or null if there is none.  It stays valid until the next call. */
const struct ofp_header *lone_sent(struct ofswitch *sw);

/* The same for a message that must be there, and of that type. */
const struct ofp_header *lone_expect(struct ofswitch *sw, enum ofptype);

/* Forgets what was sent. */
void lone_drain(struct ofswitch *sw);

/* Lets 'sw' send 'msg', which is taken over. */
void lone_receive(struct ofswitch *sw, struct ofpbuf *msg);

/* Return answers to 'request'. */
struct ofpbuf *lone_barrier_reply(const struct ofp_header *request);
struct ofpbuf *lone_role_reply(const struct ofp_header *request);

/* Statistics of ports 'first' to 'last', and a flag for more. */
struct ofpbuf *lone_port_stats(const struct ofp_header *request, int first,
                               int last, bool more);

#endif /* LONE_SWITCH_H */
