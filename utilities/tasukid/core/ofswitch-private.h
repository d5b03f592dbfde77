/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_OFSWITCH_PRIVATE_H
#define TASUKID_OFSWITCH_PRIVATE_H 1

/* What the core's files share about switches, hidden from applications.
 *
 *     connections.c      which connections there are: column "connections"
 *     ofswitch-conn.c    one connection: handshake, messages, dispatch
 *     ofswitch-packet.c  packets, which wait for their turn
 *     taps.c             applications that look at others' packets
 *     requests.c         requests, which wait for their replies
 *     ofswitch-sync.c    applications up and down, flows in line
 *     ofswitch-ports.c   its ports, and who owns them
 *     ofswitch-ask.c     what the core itself asks it
 *     ofswitch.c         what applications may do with a switch
 */

#include "app.h"
#include "fair-queue.h"
#include "ofswitch.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-port.h"
#include "openvswitch/types.h"
#include "requests.h"

struct ds;
struct ofp_header;
struct vconn;

enum ofswitch_state {
    OSS_DISCONNECTED,       /* No OpenFlow connection (yet). */
    OSS_HANDSHAKE,          /* Waiting for features and ports. */
    OSS_UNMANAGED,          /* Not in table Switch: left alone. */
    OSS_MANAGED,            /* Applications run on it. */
    OSS_HELD,               /* Reached through a newer connection. */
};

/* How long a switch may take to introduce itself, in msec. */
#define OFSWITCH_HANDSHAKE_MS 15000

/* How long to wait before flows that a switch refused are sent again, in
 * msec. */
#define OFSWITCH_RETRY_MS 5000

/* How long declared flows that packets can change stay as they are, in
 * msec. */
#define OFSWITCH_REDECLARE_MS 1000

struct ofswitch_stats {
    uint64_t packet_ins;        /* Handed to an application. */
    uint64_t packet_ins_tapped; /* Shown to another one. */
    uint64_t packet_ins_ignored; /* Belonging to none. */
    uint64_t packet_ins_dropped; /* Their sender sent too many. */
    uint64_t packet_outs;
    uint64_t packet_outs_dropped; /* The switch does not read fast enough. */
    uint64_t flow_mods;
    uint64_t flows_removed;
    uint64_t errors;            /* OFPT_ERROR from the switch. */
    uint64_t bad_messages;      /* Could not be decoded. */
    uint64_t unasked;           /* Replies that nobody waits for. */
};

/* One OpenFlow connection and the switch at its other end. */
struct ofswitch {
    struct ovs_list node;       /* In 'ofswitches'. */
    bool doomed;                /* Close at the next opportunity. */

    /* Connection. */
    struct rconn *rconn;
    char *target;               /* An active target, or null if accepted. */
    struct rconn_packet_counter *txq;
    unsigned int conn_seqno;    /* rconn_get_connection_seqno(). */
    enum ofswitch_state state;
    enum ofp_version version;
    enum ofputil_protocol protocol;
    struct ovs_list requests;   /* Contains "struct request"s. */

    /* Identity, known from OSS_UNMANAGED on. */
    bool have_features;
    bool have_ports;
    uint64_t dpid;
    char *name;                 /* Of the local port, or else the dpid. */
    struct hmap ports;          /* Contains "struct ofswitch_port"s. */
    struct hmap ports_by_name;  /* Likewise. */

    /* Applications, as bitmaps of indexes into 'app_classes'. */
    const struct tasukirec_switch *row;
    uint32_t running;           /* After switch_up, before switch_down. */
    uint32_t adopting;          /* Of those, before adopt_done. */
    void *data[MAX_APPS];
    struct flow_set *flows[MAX_APPS];   /* Declared ones. */
    uint32_t redeclare;         /* Whose flows to declare anew. */
    uint64_t *cookies;          /* Flows to declare anew, of others. */
    size_t n_cookies, allocated_cookies;
    bool push;                  /* Some flow may be missing there. */
    uint32_t redeclare_soon;    /* Whose flows at 'redeclare_at'. */
    long long int redeclare_at; /* In msec, or LLONG_MAX. */
    long long int declared;     /* Last 'redeclare_at' that came, msec. */
    bool reconfigure;           /* Some application could not start or stop
                                 * yet: call ofswitch_configure() again. */
    unsigned int flows_lost;    /* Declared ones deleted by somebody else. */
    long long int retry_at;     /* When to push again flows that the switch
                                 * refused, msec, or LLONG_MAX. */
    unsigned int n_dumps;       /* Dumps that have not ended.  Adoption ends
                                 * with the last one. */
    int stopping_app;           /* Id of the one that stops now, or -1. */

    struct fair_queue packets;  /* Packet-ins that wait. */
    unsigned int packets_us;    /* Time spent on them this time around the main
                                 * loop, in microseconds. */
    struct ofswitch_stats stats;
};

struct ofswitch_port {
    struct hmap_node node;      /* In 'ports', by number. */
    struct hmap_node name_node; /* In 'ports_by_name'. */
    struct ofputil_phy_port desc;
    uint32_t zone;              /* At the last look. */
    bool confirmed;             /* Since ofswitch_doubt_ports(). */
};

/* All "struct ofswitch"es, the newest connection last. */
extern struct ovs_list ofswitches;

/* Changes whenever the state of a switch does. */
extern uint64_t ofswitch_seqno;

/* ofswitch.c */
void ofswitch_reconnect(struct ofswitch *, const char *reason);
void ofswitch_send(struct ofswitch *, struct ofpbuf *);
void ofswitch_set_state(struct ofswitch *, enum ofswitch_state);
size_t ofswitch_count_flows(const struct ofswitch *);
void ofswitch_bad_message(struct ofswitch *, const struct ofpbuf *,
                          enum ofperr);

/* ofswitch-ports.c */
void ofswitch_put_port(struct ofswitch *, const struct ofputil_phy_port *);
void ofswitch_delete_port(struct ofswitch *, ofp_port_t);
void ofswitch_doubt_ports(struct ofswitch *);
void ofswitch_delete_doubted_ports(struct ofswitch *);
void ofswitch_clear_ports(struct ofswitch *);
void ofswitch_set_name(struct ofswitch *);
bool ofswitch_is_others_port(const struct ofswitch *,
                             const struct app_class *, ofp_port_t);

/* ofswitch-ask.c */
bool ofswitch_has_answer(struct ofswitch *, const struct request_reply *);
void ofswitch_ask(struct ofswitch *, struct ofpbuf *,
                  long long int timeout_ms, request_func *);
void ofswitch_read_ports(struct ofswitch *);
void ofswitch_check_ports(struct ofswitch *);

/* ofswitch-conn.c */
struct ofswitch *ofswitch_create(int probe_interval);
enum ofperr ofswitch_handle_message(struct ofswitch *, const struct ofpbuf *);
struct ofswitch *ofswitch_create_active(const char *target);
struct ofswitch *ofswitch_create_passive(struct vconn *);
void ofswitch_destroy(struct ofswitch *);
void ofswitch_conn_run(struct ofswitch *);
void ofswitch_conn_wait(struct ofswitch *);
uint32_t ofswitch_allowed_versions(void);

/* ofswitch-packet.c */
void ofswitch_packet_init(struct ofswitch *);
void ofswitch_packet_destroy(struct ofswitch *);
void ofswitch_packet_clear(struct ofswitch *);
enum ofperr ofswitch_packet_receive(struct ofswitch *,
                                    const struct ofp_header *);
void ofswitch_packet_run(struct ofswitch *);
void ofswitch_packet_wait(const struct ofswitch *);

/* ofswitch-sync.c */
void ofswitch_configure(struct ofswitch *);
void ofswitch_stop_applications(struct ofswitch *);
void ofswitch_sync_run(struct ofswitch *);
bool ofswitch_sync_is_pending(const struct ofswitch *);
bool ofswitch_flow_lost(struct ofswitch *, int app,
                        const struct ofputil_flow_removed *);
void ofswitch_flow_refused(struct ofswitch *, int app, uint64_t cookie);

#endif /* TASUKID_OFSWITCH_PRIVATE_H */
