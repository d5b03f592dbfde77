/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ofswitch-private.h"

#include <inttypes.h>

#include "app-call.h"
#include "config-db.h"
#include "byte-order.h"
#include "coverage.h"
#include "flow-set.h"
#include "neighbours.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-connection.h"
#include "openvswitch/ofp-errors.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-msgs.h"
#include "openvswitch/ofp-packet.h"
#include "openvswitch/ofp-switch.h"
#include "openvswitch/ofp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(ofswitch_sync);

COVERAGE_DEFINE(ofswitch_flow_adopted);
COVERAGE_DEFINE(ofswitch_flow_stale);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Bringing a switch in line with the database, without ever flushing it:
 * established connections live in its flow tables.
 *
 * When an application starts on a switch, its flows are dumped.  Those that
 * 'declare_flows' asks for stay as they are, the application says which of the
 * others it adopts, and the rest is deleted.  The reply to a barrier after the
 * dump says that all were seen.  Then the flows that were missing are added.
 * From then on only differences are sent. */

/* How long a switch may take for the dump, in msec. */
#define ADOPT_TIMEOUT 60000

static uint32_t
app_bit(size_t index)
{
    return UINT32_C(1) << index;
}

static void
send_flow_mod(const struct ofputil_flow_mod *fm, void *sw)
{
    ofswitch_flow_mod(sw, fm);
}

static void
delete_all_flows(struct ofswitch *sw, uint8_t app)
{
    struct ofputil_flow_mod fm = {
        .cookie = htonll(PIPE_COOKIE(app, 0)),
        .cookie_mask = htonll(PIPE_COOKIE_MASK),
        .new_cookie = OVS_BE64_MAX,
        .table_id = OFPTT_ALL,
        .command = OFPFC_DELETE,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };

    minimatch_init_catchall(&fm.match);
    ofswitch_flow_mod(sw, &fm);
    minimatch_destroy(&fm.match);
}

/* Becoming the switch's primary, so that it refuses what a formerly active
 * tasukid still sends. */

static void
handle_role(struct ofswitch *sw, const struct request_reply *reply,
            void *aux OVS_UNUSED)
{
    if (reply->status == REQUEST_REFUSED) {
        ofswitch_reconnect(sw, reply->error == OFPERR_OFPRRFC_STALE
                           ? "a tasukid with a newer generation_id controls "
                             "the switch"
                           : "the switch refuses us the primary role");
    }
}

static void
send_role_request(struct ofswitch *sw)
{
    struct ofp12_role_request *rr;
    struct ofpbuf *msg;

    msg = ofpraw_alloc(OFPRAW_OFPT12_ROLE_REQUEST, sw->version, 0);
    rr = ofpbuf_put_zeros(msg, sizeof *rr);
    rr->role = htonl(OFPCR12_ROLE_PRIMARY);
    rr->generation_id = htonll(config_generation_id());
    ofpmsg_update_length(msg);
    ofswitch_ask(sw, msg, ADOPT_TIMEOUT, handle_role);
}

/* Asks for whole packets and for every asynchronous message that the core or
 * an application wants.  A connection to a bridge's management socket gets no
 * such messages unless it sets a nonzero miss_send_len. */
static void
send_config(struct ofswitch *sw)
{
    struct ofputil_switch_config config = {
        .miss_send_len = OFPCML12_NO_BUFFER,
    };
    struct ofputil_async_cfg ac = OFPUTIL_ASYNC_CFG_INIT;
    uint32_t oams = ((1u << OAM_PACKET_IN) | (1u << OAM_PORT_STATUS)
                     | (1u << OAM_FLOW_REMOVED));

    ofswitch_send(sw, ofputil_encode_set_config(&config, sw->version));

    ac.primary[OAM_PACKET_IN] = (1u << OFPR_NO_MATCH) | (1u << OFPR_ACTION)
                                | (1u << OFPR_INVALID_TTL);
    if (sw->version >= OFP14_VERSION) {
        ac.primary[OAM_PACKET_IN] |= OFPR14_ACTION_BITS;
    }
    ac.primary[OAM_PORT_STATUS] = ((1u << OFPPR_ADD) | (1u << OFPPR_DELETE)
                                   | (1u << OFPPR_MODIFY));
    ac.primary[OAM_FLOW_REMOVED] = ((1u << OFPRR_IDLE_TIMEOUT)
                                    | (1u << OFPRR_HARD_TIMEOUT)
                                    | (1u << OFPRR_DELETE)
                                    | (1u << OFPRR_GROUP_DELETE));
    if (sw->version >= OFP14_VERSION) {
        ac.primary[OAM_FLOW_REMOVED] |= ((1u << OFPRR_METER_DELETE)
                                         | (1u << OFPRR_EVICTION));
    }
    if (sw->version >= OFP14_VERSION) {
        oams |= 1u << OAM_ROLE_STATUS;
        ac.primary[OAM_ROLE_STATUS] = ac.secondary[OAM_ROLE_STATUS]
            = ((1u << OFPCRR_PRIMARY_REQUEST) | (1u << OFPCRR_CONFIG)
               | (1u << OFPCRR_EXPERIMENTER));
    }
    ofswitch_send(sw, ofputil_encode_set_async_config(&ac, oams,
                                                      sw->version));
}

/* Returns the applications that the database wants on 'sw'. */
static uint32_t
wanted_apps(const struct ofswitch *sw)
{
    uint32_t wanted = 0;

    if (sw->row) {
        wanted = app_bit(app_index_from_id(PIPE_APP_CORE));
        for (size_t i = 0; i < sw->row->n_applications; i++) {
            int index = app_index_from_name(sw->row->applications[i]);

            if (index >= 0) {
                wanted |= app_bit(index);
            }
        }
        for (size_t i = 0; i < app_count(); i++) {
            if (sw->running & ~wanted & app_bit(i)
                && app_classes[i]->must_stay
                && APP_ASK(app_classes[i], must_stay, sw)) {
                wanted |= app_bit(i);
            }
        }
    }
    return wanted;
}

/* Returns true if all of 'apps' can start on 'sw'. */
static bool
apps_are_ready(const struct ofswitch *sw, uint32_t apps)
{
    for (size_t i = 0; i < app_count(); i++) {
        if (apps & app_bit(i)
            && app_classes[i]->is_ready
            && !APP_ASK(app_classes[i], is_ready, sw)) {
            return false;
        }
    }
    return true;
}

/* Returns true if an application runs on 'sw' that is not configured. */
static bool
some_app_lingers(const struct ofswitch *sw)
{
    uint32_t extra = sw->running & ~app_bit(app_index_from_id(PIPE_APP_CORE));

    for (size_t i = 0; i < sw->row->n_applications; i++) {
        int index = app_index_from_name(sw->row->applications[i]);

        if (index >= 0) {
            extra &= ~app_bit(index);
        }
    }
    return extra != 0;
}

/* Declares all flows of the application with 'index' anew.  Pushes nothing. */
static void
declare_flows(struct ofswitch *sw, size_t index)
{
    struct flow_set *new = flow_set_create(sw->protocol);

    if (app_classes[index]->declare_flows) {
        APP_CALL(app_classes[index], declare_flows, sw, new);
    }
    flow_set_update(sw->flows[index], new, send_flow_mod, sw);
    flow_set_destroy(new);
    sw->push = true;
}

/* Declares anew those flows of the application that have one of the 'n'
 * 'cookies'.  Pushes nothing. */
static void
declare_cookies(struct ofswitch *sw, size_t index, const uint64_t cookies[],
                size_t n)
{
    struct flow_set *new = flow_set_create(sw->protocol);

    for (size_t i = 0; i < n; i++) {
        if (!i || cookies[i] != cookies[i - 1]) {
            APP_CALL(app_classes[index], declare_cookie, sw, cookies[i], new);
        }
    }
    flow_set_update_cookies(sw->flows[index], new, cookies, n, send_flow_mod,
                            sw);
    flow_set_destroy(new);
    sw->push = true;
}

static int
compare_cookies(const void *a_, const void *b_)
{
    const uint64_t *a = a_;
    const uint64_t *b = b_;

    return *a < *b ? -1 : *a > *b;
}

/* Declares the flows with 'sw->cookies' anew, except for those applications
 * that declare all of theirs. */
static void
declare_all_cookies(struct ofswitch *sw)
{
    const uint64_t *cookies = sw->cookies;
    size_t end;

    if (!sw->n_cookies) {
        return;
    }
    qsort(sw->cookies, sw->n_cookies, sizeof *sw->cookies, compare_cookies);
    for (size_t i = 0; i < sw->n_cookies; i = end) {
        int index = app_index_from_id(PIPE_COOKIE_APP(cookies[i]));

        end = i + 1;
        while (end < sw->n_cookies
               && (PIPE_COOKIE_APP(cookies[end])
                   == PIPE_COOKIE_APP(cookies[i]))) {
            end++;
        }
        if (index >= 0 && sw->running & ~sw->redeclare & app_bit(index)
            && app_classes[index]->declare_cookie) {
            declare_cookies(sw, index, &cookies[i], end - i);
        }
    }
    sw->n_cookies = 0;
}

/* Has applications declare again what they have to.  Pushes nothing. */
static void
update_declared_flows(struct ofswitch *sw)
{
    declare_all_cookies(sw);
    for (size_t i = 0; i < app_count(); i++) {
        if (sw->running & sw->redeclare & app_bit(i)) {
            declare_flows(sw, i);
        }
    }
    sw->redeclare = 0;
}

/* Sends the flows that are missing in the switch.  Returns how many. */
static size_t
push_flows(struct ofswitch *sw)
{
    size_t n = 0;

    for (size_t i = 0; i < app_count(); i++) {
        if (sw->flows[i]) {
            n += flow_set_push(sw->flows[i], send_flow_mod, sw);
        }
    }
    sw->push = false;
    return n;
}

static void
stop_applications(struct ofswitch *sw, uint32_t apps)
{
    for (size_t i = app_count(); i-- > 0; ) {
        if (apps & sw->running & app_bit(i)) {
            sw->stopping_app = app_classes[i]->id;
            requests_cancel(sw, app_classes[i]->id);
            if (app_classes[i]->switch_down) {
                APP_CALL(app_classes[i], switch_down, sw);
            }
            neighbours_stop(sw, app_classes[i]->id);
            sw->stopping_app = -1;
            sw->running &= ~app_bit(i);
            sw->adopting &= ~app_bit(i);
            sw->data[i] = NULL;
            flow_set_destroy(sw->flows[i]);
            sw->flows[i] = NULL;
        }
    }
}

/* Stops all applications on 'sw', as its connection is gone.  Their flows
 * stay in the switch. */
void
ofswitch_stop_applications(struct ofswitch *sw)
{
    stop_applications(sw, UINT32_MAX);
    neighbours_drop(sw);
    sw->redeclare = 0;
    sw->n_cookies = 0;
    sw->push = false;
    sw->redeclare_soon = 0;
    sw->redeclare_at = LLONG_MAX;
    sw->reconfigure = false;
    sw->flows_lost = 0;
    sw->retry_at = LLONG_MAX;
}

/* Adoption. */

/* Processes flow 'fs' out of the dump. */
static void
adopt(struct ofswitch *sw, const struct ofputil_flow_stats *fs)
{
    int index = app_index_from_id(PIPE_COOKIE_APP(ntohll(fs->cookie)));
    const struct app_class *class;

    if (index < 0 || !(sw->adopting & app_bit(index))
        || flow_set_found(sw->flows[index], fs)) {
        return;
    }

    class = app_classes[index];
    if (class->adopt_flow && APP_ASK(class, adopt_flow, sw, fs)) {
        COVERAGE_INC(ofswitch_flow_adopted);
        return;
    }

    COVERAGE_INC(ofswitch_flow_stale);
    struct ofputil_flow_mod fm = {
        .priority = fs->priority,
        .cookie = fs->cookie,
        .cookie_mask = OVS_BE64_MAX,
        .new_cookie = OVS_BE64_MAX,
        .table_id = fs->table_id,
        .command = OFPFC_DELETE_STRICT,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };
    minimatch_init(&fm.match, &fs->match);
    ofswitch_flow_mod(sw, &fm);
    minimatch_destroy(&fm.match);
}

static void
adopted(struct ofswitch *sw)
{
    uint32_t adopting = sw->adopting;

    sw->adopting = 0;
    ofswitch_seqno++;
    push_flows(sw);
    for (size_t i = 0; i < app_count(); i++) {
        if (adopting & app_bit(i) && app_classes[i]->adopt_done) {
            APP_CALL(app_classes[i], adopt_done, sw);
        }
    }
    VLOG_DBG("%s: %"PRIuSIZE" flows declared", ofswitch_name(sw),
             ofswitch_count_flows(sw));
}

static void
handle_dump(struct ofswitch *sw, const struct request_reply *reply,
            void *aux OVS_UNUSED)
{
    uint64_t ofpacts_stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(ofpacts_stub);
    struct ofputil_flow_stats fs;
    int retval = EOF;

    for (size_t i = 0; i < reply->n_msgs; i++) {
        struct ofpbuf b = *reply->msgs[i];

        while (!(retval = ofputil_decode_flow_stats_reply(&fs, &b, true,
                                                          &ofpacts))) {
            adopt(sw, &fs);
            ofpbuf_clear(&ofpacts);
        }
        if (retval != EOF) {
            ofswitch_bad_message(sw, reply->msgs[i], OFPERR_OFPBRC_BAD_LEN);
        }
    }
    ofpbuf_uninit(&ofpacts);
}

/* The reply to the barrier after the dump: the switch has reported all its
 * flows. */
static void
handle_end_of_dump(struct ofswitch *sw, const struct request_reply *reply,
                   void *aux OVS_UNUSED)
{
    sw->n_dumps--;
    if (reply->status == REQUEST_TIMED_OUT) {
        ofswitch_reconnect(sw, "the switch does not reply");
    } else if (reply->status == REQUEST_DONE && !sw->n_dumps) {
        adopted(sw);
    }
}

static void
dump_flows(struct ofswitch *sw, uint8_t app)
{
    struct ofputil_flow_stats_request fsr = {
        .cookie = htonll(PIPE_COOKIE(app, 0)),
        .cookie_mask = htonll(PIPE_COOKIE_MASK),
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .table_id = OFPTT_ALL,
    };

    match_init_catchall(&fsr.match);
    ofswitch_ask(sw, ofputil_encode_flow_stats_request(&fsr, sw->protocol),
                 ADOPT_TIMEOUT, handle_dump);
}

static void
start_applications(struct ofswitch *sw, uint32_t apps)
{
    sw->running |= apps;
    sw->adopting |= apps;
    for (size_t i = 0; i < app_count(); i++) {
        if (apps & app_bit(i)) {
            sw->flows[i] = flow_set_create(sw->protocol);
            if (app_classes[i]->switch_up) {
                APP_CALL(app_classes[i], switch_up, sw);
            }
        }
    }
    ofswitch_zone_changed(sw, NULL);
    /* The flows of applications that ran before, too: they may depend on which
     * others run. */
    sw->redeclare = sw->running;
    update_declared_flows(sw);
    for (size_t i = 0; i < app_count(); i++) {
        if (apps & app_bit(i)) {
            dump_flows(sw, app_classes[i]->id);
        }
    }
    sw->n_dumps++;
    ofswitch_ask(sw, ofputil_encode_barrier_request(sw->version),
                 ADOPT_TIMEOUT, handle_end_of_dump);
}

/* Starts and stops applications on 'sw' as the database says now.  The
 * switch's datapath id and ports are known. */
void
ofswitch_configure(struct ofswitch *sw)
{
    bool was_managed = sw->state == OSS_MANAGED;
    uint32_t wanted, removed, added;

    sw->row = config_find_switch(sw->dpid);
    sw->reconfigure = false;
    wanted = wanted_apps(sw);
    removed = sw->running & ~wanted;
    added = wanted & ~sw->running;

    if (!wanted) {
        if (was_managed) {
            VLOG_INFO("%s: datapath %016"PRIx64" no longer configured, "
                      "removing its flows", ofswitch_name(sw), sw->dpid);
        } else if (sw->state != OSS_UNMANAGED) {
            VLOG_INFO("%s: datapath %016"PRIx64" is not in table Switch, "
                      "leaving it alone", ofswitch_name(sw), sw->dpid);
        }
        ofswitch_set_state(sw, OSS_UNMANAGED);
    } else if (sw->state == OSS_UNMANAGED) {
        /* The switch may not have told us about changed ports since it
         * connected. */
        ofswitch_read_ports(sw);
        return;
    } else if (!was_managed) {
        VLOG_INFO("%s: managing datapath %016"PRIx64", OpenFlow 0x%02x",
                  ofswitch_name(sw), sw->dpid, sw->version);
        ofswitch_set_state(sw, OSS_MANAGED);
        send_role_request(sw);
        send_config(sw);

        /* From here on the switch tells us about changed ports.  Earlier
         * changes were missed. */
        ofswitch_check_ports(sw);
    }

    for (size_t i = app_count(); i-- > 0; ) {
        if (removed & app_bit(i)) {
            stop_applications(sw, app_bit(i));
            delete_all_flows(sw, app_classes[i]->id);
        }
    }
    if (!wanted) {
        ofswitch_stop_applications(sw);
        return;
    }

    if (!apps_are_ready(sw, added)) {
        sw->reconfigure = true;
        return;
    }
    sw->reconfigure = some_app_lingers(sw);
    if (added) {
        start_applications(sw, added);
    } else {
        ofswitch_zone_changed(sw, NULL);
        sw->redeclare = sw->running;
    }
}

/* Starts and stops applications that could not start or stop before, if they
 * can now. */
static void
ofswitch_reconfigure(struct ofswitch *sw)
{
    uint32_t wanted = wanted_apps(sw);

    if ((sw->running & ~wanted)
        || ((wanted & ~sw->running)
            && apps_are_ready(sw, wanted & ~sw->running))) {
        ofswitch_configure(sw);
    }
}

size_t
ofswitch_count_flows(const struct ofswitch *sw)
{
    size_t n = 0;

    for (size_t i = 0; i < app_count(); i++) {
        n += flow_set_count(sw->flows[i]);
    }
    return n;
}

/* The switch has lost a flow of the application with index 'app', which runs.
 * Returns true if the flow was declared, so that it is put back soon. */
bool
ofswitch_flow_lost(struct ofswitch *sw, int app,
                   const struct ofputil_flow_removed *fr)
{
    bool expected;

    if (!flow_set_lost(sw->flows[app], fr, &expected)) {
        return false;
    }
    sw->flows_lost += !expected;
    sw->push = true;
    return true;
}

/* The switch refused flows with 'cookie' of the application with index 'app'.
 * If they were declared, they are sent again after a while. */
void
ofswitch_flow_refused(struct ofswitch *sw, int app, uint64_t cookie)
{
    if (sw->flows[app] && flow_set_refused(sw->flows[app], cookie)
        && sw->retry_at == LLONG_MAX) {
        sw->retry_at = time_msec() + OFSWITCH_RETRY_MS;
        ofswitch_seqno++;
    }
}

/* Brings the flows in line if that was asked for. */
void
ofswitch_sync_run(struct ofswitch *sw)
{
    if (sw->reconfigure && sw->state == OSS_MANAGED && !sw->adopting) {
        ofswitch_reconfigure(sw);
    }
    if (time_msec() >= sw->redeclare_at) {
        sw->redeclare_at = LLONG_MAX;
        sw->declared = time_msec();
        sw->redeclare |= sw->redeclare_soon;
        sw->redeclare_soon = 0;
    }
    if (ofswitch_sync_is_pending(sw)) {
        if (sw->flows_lost) {
            VLOG_INFO_RL(&rl, "%s: somebody deleted %u of our flows, putting "
                         "them back", ofswitch_name(sw), sw->flows_lost);
            sw->flows_lost = 0;
        }
        update_declared_flows(sw);
        push_flows(sw);
    }
    if (time_msec() >= sw->retry_at) {
        /* Repeats until the switch has refused none for that long. */
        sw->retry_at = LLONG_MAX;
        if (push_flows(sw)) {
            sw->retry_at = time_msec() + OFSWITCH_RETRY_MS;
        } else {
            ofswitch_seqno++;
        }
    }
}

bool
ofswitch_is_told(const struct ofswitch *sw)
{
    return (sw->state == OSS_MANAGED && !sw->adopting
            && !ofswitch_sync_is_pending(sw));
}

/* Returns true if ofswitch_sync_run() has something to do at once. */
bool
ofswitch_sync_is_pending(const struct ofswitch *sw)
{
    return ((sw->redeclare || sw->n_cookies || sw->push)
            && sw->state == OSS_MANAGED && !sw->adopting);
}
