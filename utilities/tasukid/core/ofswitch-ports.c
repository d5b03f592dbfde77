/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ofswitch-private.h"

#include <inttypes.h>

#include "app-call.h"
#include "dp-packet.h"
#include "events.h"
#include "flow.h"
#include "hash.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/ofpbuf.h"
#include "util.h"

/* The ports of a switch: which there are, who owns them, what may leave there,
 * and the addresses behind them that applications list. */

static struct ofswitch_port *
find_port(const struct ofswitch *sw, ofp_port_t port_no)
{
    struct ofswitch_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, node, hash_ofp_port(port_no), &sw->ports) {
        if (port->desc.port_no == port_no) {
            return port;
        }
    }
    return NULL;
}

const struct ofputil_phy_port *
ofswitch_port(const struct ofswitch *sw, ofp_port_t port_no)
{
    const struct ofswitch_port *port = find_port(sw, port_no);

    return port ? &port->desc : NULL;
}

ofp_port_t
ofswitch_port_by_name(const struct ofswitch *sw, const char *name)
{
    struct ofswitch_port *port;

    HMAP_FOR_EACH_WITH_HASH (port, name_node, hash_string(name, 0),
                             &sw->ports_by_name) {
        if (!strcmp(port->desc.name, name)) {
            return port->desc.port_no;
        }
    }
    return OFPP_NONE;
}

ofp_port_t
ofswitch_port_from_string(const struct ofswitch *sw, const char *s)
{
    ofp_port_t port_no = ofswitch_port_by_name(sw, s);

    if (port_no != OFPP_NONE) {
        return port_no;
    }
    return (ofputil_port_from_string(s, NULL, &port_no)
            && find_port(sw, port_no) ? port_no : OFPP_NONE);
}

static bool
port_is_up(const struct ofputil_phy_port *desc)
{
    return (!(desc->config & OFPUTIL_PC_PORT_DOWN)
            && !(desc->state & OFPUTIL_PS_LINK_DOWN));
}

/* Publishes that 'what' happened to 'port'.  Applications that start later
 * look at the ports themselves. */
static void
publish_port(struct ofswitch *sw, const struct ofswitch_port *port,
             uint32_t what)
{
    bool exists = !(what & EVENT_PORT_GONE);
    struct event_port event = {
        .what = what,
        .port = port->desc.port_no,
        .exists = exists,
        .up = exists && port_is_up(&port->desc),
    };

    if (what && sw->state == OSS_MANAGED) {
        event_publish(sw, &event_port, &event);
    }
}

/* Returns what is different about a port that was 'old'. */
static uint32_t
compare_port(const struct ofputil_phy_port *old,
             const struct ofputil_phy_port *new)
{
    uint32_t what = memcmp(old, new, sizeof *old) ? EVENT_PORT_CHANGED : 0;

    if (port_is_up(old) != port_is_up(new)) {
        what |= port_is_up(new) ? EVENT_PORT_UP : EVENT_PORT_DOWN;
    }
    return what;
}

/* 'port' was in zone 'before' and is in 'after' now.  PIPE_ZONE_NONE may mean
 * that the port was not, or is not, there.  A port that an application owns
 * does not matter to others, unless they watch all packets. */
static void
note_zone(struct ofswitch *sw, uint32_t before, uint32_t after)
{
    if (before && after && !pipeline_is_tapped(sw)) {
        return;
    }
    for (size_t i = 0; i < app_count(); i++) {
        if (!app_classes[i]->port_zone) {
            sw->redeclare |= sw->running & (UINT32_C(1) << i);
        }
    }
}

static void
update_zone(struct ofswitch *sw, struct ofswitch_port *port)
{
    uint32_t zone = ofswitch_port_zone(sw, port->desc.port_no);

    if (zone != port->zone) {
        note_zone(sw, port->zone, zone);
        port->zone = zone;
        publish_port(sw, port, EVENT_PORT_ZONE);
    }
}

void
ofswitch_zone_changed(struct ofswitch *sw, const char *name)
{
    struct ofswitch_port *port;

    if (name) {
        port = find_port(sw, ofswitch_port_by_name(sw, name));
        if (port) {
            update_zone(sw, port);
        }
    } else {
        HMAP_FOR_EACH (port, node, &sw->ports) {
            update_zone(sw, port);
        }
    }
}

/* Port 'name' has come or gone. */
static void
tell_owners(struct ofswitch *sw, const char *name)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->port_named
            && ofswitch_runs(sw, app_classes[i]->id)) {
            APP_CALL(app_classes[i], port_named, sw, name);
        }
    }
}

void
ofswitch_put_port(struct ofswitch *sw, const struct ofputil_phy_port *desc)
{
    struct ofswitch_port *port = find_port(sw, desc->port_no);
    char old_name[OFP_MAX_PORT_NAME_LEN] = "";
    uint32_t what;

    if (!port) {
        port = xmalloc(sizeof *port);
        hmap_insert(&sw->ports, &port->node, hash_ofp_port(desc->port_no));
        what = EVENT_PORT_ADDED | (port_is_up(desc) ? EVENT_PORT_UP : 0);
        port->zone = PIPE_ZONE_NONE;
    } else {
        hmap_remove(&sw->ports_by_name, &port->name_node);
        what = compare_port(&port->desc, desc);
        ovs_strlcpy(old_name, port->desc.name, sizeof old_name);
    }
    port->desc = *desc;
    port->confirmed = true;
    hmap_insert(&sw->ports_by_name, &port->name_node,
                hash_string(desc->name, 0));
    publish_port(sw, port, what);

    if (strcmp(old_name, desc->name)) {
        uint32_t zone = ofswitch_port_zone(sw, desc->port_no);

        /* A port with another name is another port. */
        note_zone(sw, port->zone, PIPE_ZONE_NONE);
        note_zone(sw, PIPE_ZONE_NONE, zone);
        port->zone = zone;
        if (old_name[0]) {
            tell_owners(sw, old_name);
        }
        tell_owners(sw, desc->name);
    }
}

void
ofswitch_delete_port(struct ofswitch *sw, ofp_port_t port_no)
{
    struct ofswitch_port *port = find_port(sw, port_no);

    if (port) {
        hmap_remove(&sw->ports, &port->node);
        hmap_remove(&sw->ports_by_name, &port->name_node);
        publish_port(sw, port, (EVENT_PORT_GONE
                                | (port_is_up(&port->desc)
                                   ? EVENT_PORT_DOWN : 0)));
        note_zone(sw, port->zone, PIPE_ZONE_NONE);
        tell_owners(sw, port->desc.name);
        free(port);
    }
}

void
ofswitch_doubt_ports(struct ofswitch *sw)
{
    struct ofswitch_port *port;

    HMAP_FOR_EACH (port, node, &sw->ports) {
        port->confirmed = false;
    }
}

void
ofswitch_delete_doubted_ports(struct ofswitch *sw)
{
    struct ofswitch_port *port;

    HMAP_FOR_EACH_SAFE (port, node, &sw->ports) {
        if (!port->confirmed) {
            ofswitch_delete_port(sw, port->desc.port_no);
        }
    }
}

void
ofswitch_clear_ports(struct ofswitch *sw)
{
    struct ofswitch_port *port;

    hmap_clear(&sw->ports_by_name);
    HMAP_FOR_EACH_POP (port, node, &sw->ports) {
        free(port);
    }
}

uint32_t
ofswitch_port_zone(const struct ofswitch *sw, ofp_port_t port)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->port_zone
            && ofswitch_runs(sw, app_classes[i]->id)) {
            uint32_t zone = APP_ASK(app_classes[i], port_zone, sw, port);

            if (zone) {
                return zone;
            }
        }
    }
    return 0;
}

bool
ofswitch_port_is_owned(const struct ofswitch *sw, ofp_port_t port)
{
    return ofswitch_port_zone(sw, port) != 0;
}

bool
ofswitch_has_owners(const struct ofswitch *sw)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->port_zone
            && ofswitch_runs(sw, app_classes[i]->id)) {
            return true;
        }
    }
    return false;
}

struct listed_address {
    uint32_t zone;
    struct in6_addr addr;
};

static void
collect_address(uint32_t zone, const struct in6_addr *addr, void *addresses)
{
    struct listed_address *la = ofpbuf_put_uninit(addresses, sizeof *la);

    la->zone = zone;
    la->addr = *addr;
}

/* 'cb' runs as the caller, not as the application that lists the address. */
void
ofswitch_for_each_address(const struct ofswitch *sw, app_address_func *cb,
                          void *aux)
{
    struct ofpbuf addresses;

    ofpbuf_init(&addresses, 0);
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->list_addresses
            && ofswitch_runs(sw, app_classes[i]->id)) {
            APP_CALL(app_classes[i], list_addresses, sw, collect_address,
                     &addresses);
        }
    }

    const struct listed_address *la = addresses.data;
    for (size_t i = 0; i < addresses.size / sizeof *la; i++) {
        cb(la[i].zone, &la[i].addr, aux);
    }
    ofpbuf_uninit(&addresses);
}

static int
compare_ports(const void *a_, const void *b_)
{
    const struct ofswitch_port *const *a = a_;
    const struct ofswitch_port *const *b = b_;
    uint32_t a_no = ofp_to_u16((*a)->desc.port_no);
    uint32_t b_no = ofp_to_u16((*b)->desc.port_no);

    return a_no < b_no ? -1 : a_no > b_no;
}

/* Calls in the order of port numbers, so that the same ports always make the
 * same flow. */
void
ofswitch_for_each_port(struct ofswitch *sw,
                       void (*cb)(struct ofswitch *,
                                  const struct ofputil_phy_port *, void *aux),
                       void *aux)
{
    size_t n = hmap_count(&sw->ports);
    struct ofswitch_port **ports = xmalloc(n * sizeof *ports);
    struct ofswitch_port *port;
    size_t i = 0;

    HMAP_FOR_EACH (port, node, &sw->ports) {
        ports[i++] = port;
    }
    qsort(ports, n, sizeof *ports, compare_ports);
    for (i = 0; i < n; i++) {
        cb(sw, &ports[i]->desc, aux);
    }
    free(ports);
}

static void
put_output_unless_owned(struct ofswitch *sw,
                        const struct ofputil_phy_port *port, void *ofpacts)
{
    if (!ofswitch_port_is_owned(sw, port->port_no)) {
        ofpact_put_OUTPUT(ofpacts)->port = port->port_no;
    }
}

void
ofswitch_put_flood(struct ofswitch *sw, struct ofpbuf *ofpacts)
{
    if (ofswitch_has_owners(sw)) {
        ofswitch_for_each_port(sw, put_output_unless_owned, ofpacts);
    } else {
        ofpact_put_OUTPUT(ofpacts)->port = OFPP_FLOOD;
    }
}

/* Names 'sw' after its local port, which in Open vSwitch has the name of the
 * bridge. */
void
ofswitch_set_name(struct ofswitch *sw)
{
    const struct ofputil_phy_port *local = ofswitch_port(sw, OFPP_LOCAL);

    free(sw->name);
    sw->name = (local && local->name[0]
                ? xstrdup(local->name)
                : xasprintf("%016"PRIx64, sw->dpid));
}

/* Returns true if 'port' belongs to an application other than 'class'. */
bool
ofswitch_is_others_port(const struct ofswitch *sw,
                        const struct app_class *class, ofp_port_t port)
{
    return ((!class->port_zone || !APP_ASK(class, port_zone, sw, port))
            && ofswitch_port_is_owned(sw, port));
}

void
ofswitch_output(struct ofswitch *sw, const struct dp_packet *packet,
                ofp_port_t port)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    if (port == OFPP_FLOOD) {
        ofswitch_put_flood(sw, &ofpacts);
    } else if (!ofswitch_port_is_owned(sw, port)) {
        ofpact_put_OUTPUT(&ofpacts)->port = port;
    }
    ofswitch_packet_out(sw, packet, OFPP_CONTROLLER, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Returns true if what an application sends out of 'notes->egress' may leave
 * there at once: no stage would see it, and PIPE_OUTPUT would not drop it. */
static bool
may_leave_at_once(const struct ofswitch *sw,
                  const struct pipeline_notes *notes)
{
    if (notes->egress == OFPP_NONE || pipeline_is_tapped(sw)) {
        return false;
    }

    uint32_t zone = ofswitch_port_zone(sw, notes->egress);
    return !zone || (zone == notes->zone && zone != PIPE_ZONE_NONE);
}

void
ofswitch_inject(struct ofswitch *sw, const void *data, size_t size,
                ofp_port_t in_port, uint8_t table,
                const struct pipeline_notes *notes)
{
    uint64_t stub[128 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct dp_packet packet;

    if (may_leave_at_once(sw, notes)) {
        ofpact_put_OUTPUT(&ofpacts)->port = notes->egress;
    } else {
        pipeline_put_notes(&ofpacts, notes);

        struct ofpact_resubmit *resubmit = ofpact_put_RESUBMIT(&ofpacts);
        resubmit->in_port = OFPP_IN_PORT;
        resubmit->table_id = table;
    }

    dp_packet_use_const(&packet, data, size);
    ofswitch_packet_out(sw, &packet, in_port, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}
