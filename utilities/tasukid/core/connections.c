/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "connections.h"

#include <errno.h>
#include <inttypes.h>

#include "config-db.h"
#include "coverage.h"
#include "flow.h"
#include "neighbours.h"
#include "ofswitch-private.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/rconn.h"
#include "openvswitch/shash.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "simap.h"
#include "socket-util.h"
#include "sset.h"
#include "stream-ssl.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(connections);

COVERAGE_DEFINE(connection_accepted);
COVERAGE_DEFINE(connection_refused);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* How long to wait before a listener that could not be opened is tried again,
 * in msec. */
#define LISTEN_RETRY 5000

/* Most accepted connections that are served at a time.  A switch takes a
 * handful of kilobytes, so this only has to stop something that connects
 * forever. */
#define MAX_ACCEPTED 1024

/* Connections accepted from one listener per trip through the main loop. */
#define MAX_ACCEPT_BATCH 16

/* One target in column "connections". */
struct target {
    struct ofswitch *sw;        /* Active target. */

    /* Passive target. */
    struct pvconn *pvconn;      /* Null while it cannot be opened. */
    long long int next_try;     /* When to open it, msec. */
    int error;                  /* Last errno value, 0 if listening. */
    bool refused;               /* The method itself makes no sense. */
};

/* Maps from a target to its "struct target". */
static struct shash targets = SHASH_INITIALIZER(&targets);

/* Changes with the state of the listeners. */
static uint64_t listener_seqno;

static unixctl_cb_func switch_show;

static void
target_listen(struct target *t, const char *name)
{
    listener_seqno++;
    t->error = pvconn_open(name, ofswitch_allowed_versions(), DSCP_DEFAULT,
                           &t->pvconn);
    if (t->error) {
        t->pvconn = NULL;
        t->next_try = time_msec() + LISTEN_RETRY;
        VLOG_WARN("%s: listen failed (%s)", name, ovs_strerror(t->error));
    } else {
        VLOG_INFO("%s: listening", name);
    }
}

static struct target *
target_create(const char *name)
{
    struct target *t = xzalloc(sizeof *t);

    if (!vconn_verify_name(name)) {
        t->sw = ofswitch_create_active(name);
    } else if (!pvconn_verify_name(name)) {
        target_listen(t, name);
    } else {
        t->error = EAFNOSUPPORT;
        t->refused = true;
        VLOG_WARN("%s: not an OpenFlow connection method", name);
    }
    return t;
}

static void
target_destroy(struct target *t)
{
    ofswitch_destroy(t->sw);
    pvconn_close(t->pvconn);
    free(t);
}

/* Applies the TLS material in 'cfg'.  If there is none, that from the command
 * line stays.  The files can change while the database does not; stream-ssl
 * notices by itself, if it is called often. */
static void
configure_tls(const struct tasukirec_tasuki *cfg)
{
    if (cfg->private_key[0] && cfg->certificate[0]) {
        stream_ssl_set_key_and_cert(cfg->private_key, cfg->certificate);
    }
    if (cfg->ca_cert[0]) {
        stream_ssl_set_ca_cert_file(cfg->ca_cert, false);
    }
}

static void
close_accepted(void)
{
    struct ofswitch *sw;

    LIST_FOR_EACH_SAFE (sw, node, &ofswitches) {
        if (!sw->target) {
            ofswitch_destroy(sw);
        }
    }
}

void
connections_set_rows(void)
{
    struct ofswitch *sw;

    LIST_FOR_EACH (sw, node, &ofswitches) {
        const struct tasukirec_switch *row = config_find_switch(sw->dpid);

        if (sw->state == OSS_MANAGED && row) {
            sw->row = row;
        }
    }
}

void
connections_configure(const struct tasukirec_tasuki *cfg)
{
    struct sset wanted = SSET_INITIALIZER(&wanted);
    struct shash_node *node;
    struct ofswitch *sw;
    bool had_listener = false;
    bool listens = false;
    const char *name;

    if (cfg) {
        configure_tls(cfg);
        sset_add_array(&wanted, cfg->connections, cfg->n_connections);
    }

    SHASH_FOR_EACH_SAFE (node, &targets) {
        struct target *t = node->data;

        had_listener |= !t->sw;
        if (!sset_contains(&wanted, node->name)) {
            if (cfg) {
                config_set_status(&cfg->header_.uuid, node->name, NULL);
            }
            target_destroy(t);
            shash_delete(&targets, node);
        }
    }
    SSET_FOR_EACH (name, &wanted) {
        struct target *t = shash_find_data(&targets, name);

        if (!t) {
            t = target_create(name);
            shash_add(&targets, name, t);
        }
        listens |= !t->sw;
    }
    sset_destroy(&wanted);

    /* It is not recorded which listener a connection came from, so accepted
     * connections go only when the last listener does. */
    if (had_listener && !listens) {
        close_accepted();
    }

    LIST_FOR_EACH (sw, node, &ofswitches) {
        if (sw->state == OSS_MANAGED || sw->state == OSS_UNMANAGED) {
            ofswitch_configure(sw);
        }
    }
}

static size_t
count_accepted(void)
{
    const struct ofswitch *sw;
    size_t n = 0;

    LIST_FOR_EACH (sw, node, &ofswitches) {
        n += !sw->target;
    }
    return n;
}

static void
target_accept(struct target *t, const char *name)
{
    for (int i = 0; i < MAX_ACCEPT_BATCH; i++) {
        struct vconn *vconn;
        int error = pvconn_accept(t->pvconn, &vconn);

        if (error == EAGAIN) {
            return;
        } else if (error) {
            VLOG_WARN_RL(&rl, "%s: accept failed (%s)", name,
                         ovs_strerror(error));
            return;
        }

        if (count_accepted() >= MAX_ACCEPTED) {
            COVERAGE_INC(connection_refused);
            VLOG_WARN_RL(&rl, "%s: more than %d connections, closing the new "
                         "one", name, MAX_ACCEPTED);
            vconn_close(vconn);
        } else {
            COVERAGE_INC(connection_accepted);
            ofswitch_create_passive(vconn);
        }
    }
}

void
connections_run(void)
{
    static long long int next_tls = LLONG_MIN;
    const struct tasukirec_tasuki *cfg = config_get();
    struct shash_node *node;
    struct ofswitch *sw;

    if (cfg && time_msec() >= next_tls) {
        next_tls = time_msec() + 1000;
        configure_tls(cfg);
    }

    LIST_FOR_EACH_SAFE (sw, node, &ofswitches) {
        ofswitch_conn_run(sw);
        if (sw->doomed) {
            ofswitch_destroy(sw);
        }
    }

    SHASH_FOR_EACH (node, &targets) {
        struct target *t = node->data;

        if (t->pvconn) {
            target_accept(t, node->name);
        } else if (!t->sw && !t->refused && time_msec() >= t->next_try) {
            target_listen(t, node->name);
        }
    }
}

void
connections_wait(void)
{
    struct shash_node *node;
    struct ofswitch *sw;

    LIST_FOR_EACH (sw, node, &ofswitches) {
        ofswitch_conn_wait(sw);
    }
    SHASH_FOR_EACH (node, &targets) {
        struct target *t = node->data;

        if (t->pvconn) {
            pvconn_wait(t->pvconn);
        } else if (!t->sw && !t->refused) {
            poll_timer_wait_until(t->next_try);
        }
    }
}

/* Reporting. */

uint64_t
connections_seqno(void)
{
    return ofswitch_seqno + listener_seqno;
}

static const char *
state_to_string(const struct ofswitch *sw)
{
    switch (sw->state) {
    case OSS_DISCONNECTED:
        return "not connected";
    case OSS_HANDSHAKE:
        return "connecting";
    case OSS_UNMANAGED:
        return "unknown datapath";
    case OSS_MANAGED:
        return sw->adopting ? "reading flows" : "managed";
    case OSS_HELD:
        return "held back: connected another way";
    }
    OVS_NOT_REACHED();
}

static const char *
version_to_string(const struct ofswitch *sw)
{
    switch ((int) sw->version) {
    case OFP13_VERSION:
        return "OpenFlow13";
    case OFP14_VERSION:
        return "OpenFlow14";
    case OFP15_VERSION:
        return "OpenFlow15";
    default:
        return "unknown";
    }
}

static void
set_switch_status(const struct tasukirec_switch *row,
                  const struct ofswitch *sw)
{
    const struct uuid *uuid = &row->header_.uuid;

    config_set_status(uuid, "connected", "%s", sw ? "true" : "false");
    if (sw) {
        config_set_status(uuid, "name", "%s", ofswitch_name(sw));
        config_set_status(uuid, "version", "%s", version_to_string(sw));
        config_set_status(uuid, "target", "%s", rconn_get_name(sw->rconn));
        config_set_status(uuid, "flows", sw->retry_at == LLONG_MAX ? NULL
                          : "the switch refuses some, trying again");
    } else {
        config_set_status(uuid, "flows", NULL);
        config_set_status(uuid, "name", NULL);
        config_set_status(uuid, "version", NULL);
        config_set_status(uuid, "target", NULL);
    }
}

void
connections_set_status(const struct tasukirec_tasuki *cfg)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, &targets) {
        const struct target *t = node->data;

        config_set_status(&cfg->header_.uuid, node->name, "%s",
                          t->sw ? state_to_string(t->sw)
                          : t->refused ? "not an OpenFlow connection method"
                          : t->error ? ovs_strerror(t->error)
                          : "listening");
    }

    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        struct ofswitch *sw, *found = NULL;

        LIST_FOR_EACH (sw, node, &ofswitches) {
            if (sw->state == OSS_MANAGED && sw->row == row) {
                found = sw;
                break;
            }
        }
        set_switch_status(row, found);
    }
}

static void
format_apps(const struct ofswitch *sw, struct ds *ds)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (sw->running & (UINT32_C(1) << i)) {
            ds_put_format(ds, " %s", app_classes[i]->name);
        }
    }
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct ofswitch_port *const *a = a_;
    const struct ofswitch_port *const *b = b_;
    uint16_t x = ofp_to_u16((*a)->desc.port_no);
    uint16_t y = ofp_to_u16((*b)->desc.port_no);

    return x < y ? -1 : x > y;
}

static void
format_ports(const struct ofswitch *sw, struct ds *ds)
{
    size_t n = hmap_count(&sw->ports);
    const struct ofswitch_port **ports = xmalloc(n * sizeof *ports);
    const struct ofswitch_port *port;
    size_t i = 0;

    HMAP_FOR_EACH (port, node, &sw->ports) {
        ports[i++] = port;
    }
    qsort(ports, n, sizeof *ports, compare_ports);
    for (i = 0; i < n; i++) {
        const struct ofputil_phy_port *desc = &ports[i]->desc;
        bool down = (desc->config & OFPUTIL_PC_PORT_DOWN
                     || desc->state & OFPUTIL_PS_LINK_DOWN);

        ds_put_cstr(ds, "    port ");
        ofputil_format_port(desc->port_no, NULL, ds);
        ds_put_format(ds, ": %s%s\n", desc->name, down ? ", down" : "");
    }
    free(ports);
}

static void
format_switch(const struct ofswitch *sw, struct ds *ds)
{
    const struct ofswitch_stats *s = &sw->stats;

    ds_put_format(ds, "%s: %s\n", sw->target ? sw->target
                  : rconn_get_name(sw->rconn), state_to_string(sw));
    if (sw->have_features) {
        ds_put_format(ds, "    datapath: %016"PRIx64" (%s)\n", sw->dpid,
                      ofswitch_name(sw));
        ds_put_format(ds, "    version: %s\n", version_to_string(sw));
        format_ports(sw, ds);
    }
    if (sw->running) {
        ds_put_cstr(ds, "    applications:");
        format_apps(sw, ds);
        ds_put_format(ds, "\n    static flows: %"PRIuSIZE"\n",
                      ofswitch_count_flows(sw));
    }
    ds_put_format(ds, "    received: packet-in %"PRIu64", tapped %"PRIu64", "
                  "ignored %"PRIu64", dropped %"PRIu64", flow-removed "
                  "%"PRIu64", errors %"PRIu64", bad messages %"PRIu64", "
                  "unasked replies %"PRIu64"\n",
                  s->packet_ins, s->packet_ins_tapped, s->packet_ins_ignored,
                  s->packet_ins_dropped, s->flows_removed, s->errors,
                  s->bad_messages, s->unasked);
    ds_put_format(ds, "    sent: packet-out %"PRIu64", dropped %"PRIu64", "
                  "flow-mod %"PRIu64"\n",
                  s->packet_outs, s->packet_outs_dropped, s->flow_mods);
}

static void
switch_show(struct unixctl_conn *conn, int argc, const char *argv[],
            void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    const struct shash_node **nodes;
    const struct ofswitch *sw;
    bool found = false;

    nodes = shash_sort(&targets);
    for (size_t i = 0; i < shash_count(&targets) && argc < 2; i++) {
        const struct target *t = nodes[i]->data;

        if (!t->sw) {
            ds_put_format(&ds, "%s: %s\n", nodes[i]->name,
                          t->refused ? "not an OpenFlow connection method"
                          : t->error ? ovs_strerror(t->error) : "listening");
        }
    }
    free(nodes);

    LIST_FOR_EACH (sw, node, &ofswitches) {
        uint64_t dpid;

        if (argc < 2
            || (sw->have_features
                && (!strcmp(argv[1], ofswitch_name(sw))
                    || (dpid_from_string(argv[1], &dpid)
                        && dpid == sw->dpid)))) {
            format_switch(sw, &ds);
            found = true;
        }
    }

    if (argc > 1 && !found) {
        unixctl_command_reply_error(conn, "no such switch");
    } else {
        unixctl_command_reply(conn, ds_cstr(&ds));
    }
    ds_destroy(&ds);
}

void
connections_init(void)
{
    unixctl_command_register("switch/show", "[name|datapath-id]", 0, 1,
                             switch_show, NULL);
}

void
connections_get_memory_usage(struct simap *usage)
{
    const struct ofswitch *sw;

    LIST_FOR_EACH (sw, node, &ofswitches) {
        simap_increase(usage, "connections", 1);
        simap_increase(usage, "ports", hmap_count(&sw->ports));
        simap_increase(usage, "neighbours", neighbours_count(sw));
        simap_increase(usage, "claims", neighbours_count_claims(sw));
        simap_increase(usage, "requests", ovs_list_size(&sw->requests));
        simap_increase(usage, "static flows", ofswitch_count_flows(sw));
        simap_increase(usage, "txq bytes",
                       rconn_packet_counter_n_bytes(sw->txq));
    }
}
