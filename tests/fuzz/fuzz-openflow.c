/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Feeds tasukid OpenFlow messages as a broken or hostile switch might send
 * them, with all applications running on it: whatever they are, nothing but
 * that switch may be affected.
 *
 * The input is a byte that selects the version and then messages, each after
 * two bytes: what to make of it, and its length.  Most of what a random header
 * leads to is an unknown type, so some messages get theirs from here. */

#include <config.h>

#include <stdint.h>

#include "dp-packet.h"
#include "openflow/openflow.h"
#include "netdev.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "util.h"
#include "utilities/tasukid/apps/apps.h"
#include "utilities/tasukid/apps/forward/forward.h"
#include "utilities/tasukid/apps/handover/handover.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/core/neighbours.h"
#include "utilities/tasukid/core/ofswitch-private.h"
#include "utilities/tasukid/tasuki-idl.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What config-db.h says, without a database. */

static struct tasukirec_tasuki root;
static struct tasukirec_switch switch_row;

const struct tasukirec_tasuki *
config_get(void)
{
    return &root;
}

const struct tasukirec_switch *
config_find_switch(uint64_t dpid)
{
    return dpid == 1 ? &switch_row : NULL;
}

bool
config_has_lock(void)
{
    return false;
}

uint64_t
config_generation_id(void)
{
    return 1;
}

void
config_set_status(const struct uuid *uuid OVS_UNUSED,
                  const char *key OVS_UNUSED, const char *format OVS_UNUSED,
                  ...)
{
}

void
config_refuse_row(const struct uuid *uuid OVS_UNUSED, char *error)
{
    free(error);
}

const char *
config_get_status(const struct uuid *uuid OVS_UNUSED,
                  const char *key OVS_UNUSED)
{
    return NULL;
}

bool
config_has_changed(const struct ovsdb_idl_table_class *table OVS_UNUSED)
{
    return true;
}

void
config_for_each_change(const struct ovsdb_idl_table_class *table OVS_UNUSED,
                       void (*cb)(const struct uuid *, void *aux) OVS_UNUSED,
                       void *aux OVS_UNUSED)
{
}

const struct ovsdb_idl_row *
config_find_row(const struct ovsdb_idl_table_class *table OVS_UNUSED,
                const struct uuid *uuid OVS_UNUSED)
{
    return NULL;
}

/* One service with a server of each kind and a rule. */
static void
make_config(void)
{
    static char *applications[] = { "forward", "handover" };
    static struct tasukirec_service service, *services[] = { &service };
    static struct tasukirec_server one, two, *servers[] = { &one, &two };
    static struct tasukirec_rule rule, *rules[] = { &rule };

    tasukirec_switch_init(&switch_row);
    switch_row.datapath_id = "0000000000000001";
    switch_row.applications = applications;
    switch_row.n_applications = ARRAY_SIZE(applications);

    tasukirec_server_init(&one);
    one.header_.uuid.parts[0] = 1;
    one.name = "one";
    one.mac = "02:00:00:00:00:01";
    one.ofport = "1";
    tasukirec_server_init(&two);
    two.header_.uuid.parts[0] = 2;
    two.name = "two";
    two.address = "10.0.0.2";

    tasukirec_rule_init(&rule);
    rule.path = "/two*";
    rule.servers = &servers[1];
    rule.n_servers = 1;

    tasukirec_service_init(&service);
    service.name = "web";
    service.address = "10.0.0.1";
    service.port = 80;
    service.servers = servers;
    service.n_servers = ARRAY_SIZE(servers);
    service.default_server = &one;
    service.rules = rules;
    service.n_rules = ARRAY_SIZE(rules);

    tasukirec_tasuki_init(&root);
    root.services = services;
    root.n_services = ARRAY_SIZE(services);
}

int
LLVMFuzzerInitialize(int *argc OVS_UNUSED, char ***argv OVS_UNUSED)
{
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    make_config();
    apps_register();
    app_init_all();
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->configure) {
            app_classes[i]->configure(&root);
        }
    }
    return 0;
}

/* Messages. */

static struct ofswitch *
make_switch(enum ofp_version version)
{
    struct ofswitch *sw = ofswitch_create(0);
    struct ofputil_phy_port port = { .name = "p" };

    sw->version = version;
    sw->protocol = ofputil_protocol_from_ofp_version(version);
    sw->state = OSS_HANDSHAKE;
    for (int i = 1; i <= 3; i++) {
        port.port_no = u16_to_ofp(i);
        ofswitch_put_port(sw, &port);
    }
    sw->dpid = 1;
    sw->have_features = true;
    sw->have_ports = true;
    ofswitch_set_name(sw);
    ofswitch_configure(sw);
    return sw;
}

/* Returns a packet-in for application 'app' with a frame from port 1. */
static struct ofpbuf *
make_packet_in(struct ofswitch *sw, uint8_t app, uint8_t table,
               const uint8_t *frame, size_t size)
{
    struct ofputil_packet_in_private pin = {
        .base = {
            .packet = CONST_CAST(uint8_t *, frame),
            .packet_len = size,
            .reason = OFPR_ACTION,
            .table_id = table,
            .cookie = htonll(PIPE_COOKIE(app, 0)),
        },
    };

    match_init_catchall(&pin.base.flow_metadata);
    match_set_in_port(&pin.base.flow_metadata, u16_to_ofp(1));
    return ofputil_encode_packet_in_private(&pin, sw->protocol,
                                            OFPUTIL_PACKET_IN_STD);
}

/* What the switch was sent, the last messages of it. */
static ovs_be32 xids[64];
static size_t n_xids;

void __real_ofswitch_send(struct ofswitch *, struct ofpbuf *);
void __wrap_ofswitch_send(struct ofswitch *, struct ofpbuf *);

void
__wrap_ofswitch_send(struct ofswitch *sw, struct ofpbuf *msg)
{
    const struct ofp_header *oh = msg->data;

    xids[n_xids++ % ARRAY_SIZE(xids)] = oh->xid;
    __real_ofswitch_send(sw, msg);
}

/* Returns the message that 'kind' and the bytes make. */
static struct ofpbuf *
make_message(struct ofswitch *sw, uint8_t kind, const uint8_t *data,
             size_t size)
{
    /* OpenFlow 1.3.5 section A.1, and for the last one 1.4.1 section 7.1. */
    static const uint8_t types[] = {
        0,                      /* OFPT_HELLO */
        1,                      /* OFPT_ERROR */
        6,                      /* OFPT_FEATURES_REPLY */
        10,                     /* OFPT_PACKET_IN */
        11,                     /* OFPT_FLOW_REMOVED */
        12,                     /* OFPT_PORT_STATUS */
        19,                     /* OFPT_MULTIPART_REPLY */
        21,                     /* OFPT_BARRIER_REPLY */
        30,                     /* OFPT_ROLE_STATUS */
    };
    struct ofp_header *oh;
    struct ofpbuf *msg;

    if (kind == 0xff) {
        return make_packet_in(sw, PIPE_APP_FORWARD, PIPE_FORWARD, data, size);
    } else if (kind == 0xfe) {
        return make_packet_in(sw, PIPE_APP_HANDOVER, PIPE_SERVICE, data,
                              size);
    }

    msg = ofpbuf_new(sizeof *oh + size);
    ofpbuf_put_zeros(msg, sizeof *oh);
    ofpbuf_put(msg, data, size);
    oh = msg->data;
    oh->version = kind & 0x80 ? kind : sw->version;
    oh->type = (kind & 0x40 && size ? data[0]
                : types[(kind & 0x3f) % ARRAY_SIZE(types)]);
    oh->length = htons(msg->size);
    /* Mostly, the answer to something. */
    oh->xid = xids[(kind & 0x20 ? size : kind) % ARRAY_SIZE(xids)];
    return msg;
}

/* Applications ask, too.  Their requests stay as long as nothing that the
 * switch sends ends them. */

static unsigned int n_waiting;

/* Reads a reply as those who understand it do. */
static void
read_reply(struct ofswitch *sw, const struct request_reply *reply,
           void *aux OVS_UNUSED)
{
    for (size_t i = 0; i < reply->n_msgs; i++) {
        struct ofpbuf b = *reply->msgs[i];
        struct ofputil_port_stats ps;

        if (sw->version != ((const struct ofp_header *) b.data)->version) {
            abort();
        }
        while (!ofputil_decode_port_stats(&ps, &b)) {
            netdev_free_custom_stats_counters(&ps.custom_stats);
        }
    }
    n_waiting -= reply->status != REQUEST_PART;
}

static void
count_reply(struct ofswitch *sw OVS_UNUSED, const struct request_reply *reply,
            void *aux OVS_UNUSED)
{
    n_waiting -= reply->status != REQUEST_PART;
}

static void
ask(struct ofswitch *sw)
{
    struct ofputil_group_mod gm = {
        .command = OFPGC11_DELETE,
        .group_id = PIPE_ID(PIPE_APP_HANDOVER, 1),
        .command_bucket_id = OFPG15_BUCKET_ALL,
    };

    ovs_list_init(&gm.buckets);
    n_waiting += request_send(sw, PIPE_APP_FORWARD,
                              ofputil_encode_dump_ports_request(sw->version,
                                                                OFPP_ANY),
                              0, 1000, read_reply, NULL);
    n_waiting += request_send(sw, PIPE_APP_HANDOVER,
                              ofputil_encode_dump_ports_request(sw->version,
                                                                OFPP_ANY),
                              REQUEST_WHOLE, 1000, read_reply, NULL);
    n_waiting += request_send(sw, PIPE_APP_HANDOVER,
                              ofputil_encode_group_mod(sw->version, &gm, NULL,
                                                       -1),
                              0, 1000, count_reply, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum ofp_version versions[] = {
        OFP13_VERSION, OFP14_VERSION, OFP15_VERSION
    };
    struct ofswitch *sw;

    if (!size) {
        return 0;
    }
    n_xids = 0;
    sw = make_switch(versions[data[0] % ARRAY_SIZE(versions)]);
    ask(sw);
    data++;
    size--;
    while (size >= 2) {
        size_t len = MIN(data[1], size - 2);
        struct ofpbuf *msg = make_message(sw, data[0], data + 2, len);

        ofswitch_handle_message(sw, msg);
        ofswitch_packet_run(sw);
        ofswitch_sync_run(sw);
        neighbours_run();
        events_run();
        ofpbuf_delete(msg);
        data += 2 + len;
        size -= 2 + len;
    }
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->run) {
            app_classes[i]->run();
        }
    }
    ofswitch_destroy(sw);
    ovs_assert(!n_waiting);
    return 0;
}
