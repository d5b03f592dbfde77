/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "lone-switch.h"

#include <string.h>

#include "flow.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/timers.h"
#include "utilities/tasukid/tasuki-idl.h"

/* Time. */

long long int lone_now = 1000000;

long long int __wrap_time_msec(void);

long long int
__wrap_time_msec(void)
{
    return lone_now;
}

void
lone_pass(long long int ms)
{
    lone_now += ms;
    timers_run();
}

/* Applications. */

struct app_class lone_one = {
    .name = "one", .version = APP_INTERFACE_VERSION, .id = ONE
};
struct app_class lone_two = {
    .name = "two", .version = APP_INTERFACE_VERSION, .id = TWO
};

static void
register_apps(void)
{
    if (!app_count()) {
        ovs_assert(!app_register(&core_app));
        ovs_assert(!app_register(&lone_one));
        ovs_assert(!app_register(&lone_two));
    }
}

static struct tasukirec_switch row;

void
lone_run(bool one, bool two)
{
    static char *names[2];

    register_apps();
    tasukirec_switch_init(&row);
    row.applications = names;
    if (one) {
        names[row.n_applications++] = CONST_CAST(char *, lone_one.name);
    }
    if (two) {
        names[row.n_applications++] = CONST_CAST(char *, lone_two.name);
    }
}

/* What config-db.h says, without a database. */

const struct tasukirec_switch *
config_find_switch(uint64_t dpid OVS_UNUSED)
{
    return &row;
}

uint64_t
config_generation_id(void)
{
    return 1;
}

/* Messages to switches. */

struct sent {
    struct ovs_list node;
    struct ofswitch *sw;
    struct ofpbuf *msg;
};

static struct ovs_list all_sent = OVS_LIST_INITIALIZER(&all_sent);

void __wrap_ofswitch_send(struct ofswitch *, struct ofpbuf *);

void
__wrap_ofswitch_send(struct ofswitch *sw, struct ofpbuf *msg)
{
    struct sent *s = xmalloc(sizeof *s);

    ofpmsg_update_length(msg);
    s->sw = sw;
    s->msg = msg;
    ovs_list_push_back(&all_sent, &s->node);
}

const struct ofp_header *
lone_sent(struct ofswitch *sw)
{
    static struct ofpbuf *last;
    struct sent *s;

    ofpbuf_delete(last);
    last = NULL;
    LIST_FOR_EACH (s, node, &all_sent) {
        if (s->sw == sw) {
            last = s->msg;
            ovs_list_remove(&s->node);
            free(s);
            return last->data;
        }
    }
    return NULL;
}

const struct ofp_header *
lone_expect(struct ofswitch *sw, enum ofptype type)
{
    const struct ofp_header *oh = lone_sent(sw);
    enum ofptype got;

    ovs_assert(oh);
    ovs_assert(!ofptype_decode(&got, oh));
    ovs_assert(got == type);
    return oh;
}

void
lone_drain(struct ofswitch *sw)
{
    while (lone_sent(sw)) {
        continue;
    }
}

/* Messages from switches. */

void
lone_receive(struct ofswitch *sw, struct ofpbuf *msg)
{
    ofpmsg_update_length(msg);
    ovs_assert(!ofswitch_handle_message(sw, msg));
    ofpbuf_delete(msg);
}

struct ofpbuf *
lone_barrier_reply(const struct ofp_header *request)
{
    return ofpraw_alloc_reply(OFPRAW_OFPT11_BARRIER_REPLY, request, 0);
}

struct ofpbuf *
lone_role_reply(const struct ofp_header *request)
{
    struct ofpbuf *msg = ofpraw_alloc_reply(OFPRAW_OFPT12_ROLE_REPLY, request,
                                            0);

    ofpbuf_put_zeros(msg, 16);
    return msg;
}

struct ofpbuf *
lone_port_stats(const struct ofp_header *request, int first, int last,
                bool more)
{
    struct ovs_list replies;

    ofpmp_init(&replies, request);
    for (int i = first; i <= last; i++) {
        struct ofputil_port_stats ps = { .port_no = u16_to_ofp(i) };

        ofputil_append_port_stat(&replies, &ps);
    }
    ovs_assert(ovs_list_is_singleton(&replies));

    /* OpenFlow 1.3.5 section 7.3.5: after header and type, the flags, of which
     * the first one is OFPMPF_REPLY_MORE. */
    struct ofpbuf *msg = ofpbuf_from_list(ovs_list_front(&replies));
    ovs_be16 *words = ofpbuf_at_assert(msg, sizeof *request, 4);
    words[1] = htons(more);
    return msg;
}

/* Switches. */

/* Answers what the core asks to learn about flows: there are none. */
static void
answer_dumps(struct ofswitch *sw)
{
    const struct ofp_header *oh;

    while ((oh = lone_sent(sw))) {
        enum ofptype type;

        ovs_assert(!ofptype_decode(&type, oh));
        if (type == OFPTYPE_BARRIER_REQUEST) {
            lone_receive(sw, lone_barrier_reply(oh));
        } else if (type == OFPTYPE_FLOW_STATS_REQUEST
                   || type == OFPTYPE_PORT_DESC_STATS_REQUEST) {
            lone_receive(sw, ofpraw_alloc_stats_reply(oh, 0));
        } else if (type == OFPTYPE_ROLE_REQUEST) {
            lone_receive(sw, lone_role_reply(oh));
        }
    }
}

struct ofswitch *
lone_switch_new(enum ofp_version version, uint64_t dpid)
{
    struct ofswitch *sw = ofswitch_create(0);

    sw->version = version;
    sw->protocol = ofputil_protocol_from_ofp_version(version);
    sw->state = OSS_HANDSHAKE;
    sw->dpid = dpid;
    sw->have_features = true;
    sw->have_ports = true;
    ofswitch_set_name(sw);
    return sw;
}

struct ofswitch *
lone_switch_up(enum ofp_version version, uint64_t dpid)
{
    struct ofswitch *sw = lone_switch_new(version, dpid);
    struct ofputil_phy_port port = { .port_no = 0 };

    lone_run(true, true);
    ofswitch_configure(sw);
    answer_dumps(sw);
    for (int i = 1; i <= 3; i++) {
        port.port_no = u16_to_ofp(i);
        snprintf(port.name, sizeof port.name, "p%d", i);
        ofswitch_put_port(sw, &port);
    }
    ovs_assert(sw->state == OSS_MANAGED && !sw->adopting);
    return sw;
}

void
lone_switch_destroy(struct ofswitch *sw)
{
    lone_drain(sw);
    ofswitch_destroy(sw);
}
