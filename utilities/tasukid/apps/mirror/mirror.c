/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "mirror.h"

#include <stdlib.h>

#include "capture.h"
#include "dp-packet.h"
#include "effect.h"
#include "entries.h"
#include "flow.h"
#include "flows.h"
#include "held.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofp-monitor.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "random.h"
#include "row.h"
#include "simap.h"
#include "skips.h"
#include "smap.h"
#include "status.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/ovs-ports.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(mirror);

BUILD_ASSERT_DECL((int) MIRROR_ROW_MAX == (int) MIRROR_MAX_POLICIES);

/* How often to look whether what is wrong has changed, in msec, and when to do
 * it next. */
#define STATUS_INTERVAL 1000
static long long int status_at = LLONG_MIN;

/* Whether switches that do not run the application have to be looked at, and
 * when: their connection may be about to come. */
#define SWITCH_GRACE 5000
static long long int check_switches_at = LLONG_MAX;

void
mirror_status_changed(void)
{
    status_at = LLONG_MIN;
    poll_immediate_wake();
}

struct mirror_switch *
mirror_switch_get(const struct ofswitch *sw)
{
    return ofswitch_get_data(sw, PIPE_APP_MIRROR);
}

/* Rows. */

/* Checks policies that are in use first, so that no new row takes what they
 * have.  The database forgets which they are when its server is restarted, and
 * tasukid when it is restarted itself. */
static void
check_switch(const struct tasukirec_switch *sw)
{
    const struct tasukirec_mirror_policy **rows = mirrors_by_name(sw);
    struct shash accepted = SHASH_INITIALIZER(&accepted);

    for (int in_use = 1; in_use >= 0; in_use--) {
        for (size_t i = 0; i < sw->n_mirrors; i++) {
            const struct uuid *uuid = &rows[i]->header_.uuid;

            if (in_use == (config_get_status(uuid, "state")
                           || smap_get(&rows[i]->status, "state"))) {
                config_refuse_row(uuid, row_check_mirror(sw, &accepted,
                                                         rows[i]));
            }
        }
    }
    shash_destroy(&accepted);
    free(rows);
}

static void
mirror_check_rows(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        check_switch(cfg->switches[i]);
    }
}

/* Policies. */

uint32_t
mirror_policy_zone(const struct ofswitch *sw, const struct policy *p)
{
    ofp_port_t port = (p->service_port
                       ? ofswitch_port_by_name(sw, p->service_port)
                       : OFPP_NONE);
    uint32_t zone = port == OFPP_NONE ? 0 : ofswitch_port_zone(sw, port);

    return zone == PIPE_ZONE_NONE ? 0 : zone;
}

/* Can the policy work?  A port that is down drops the copies itself. */
static bool
is_active(const struct mirror_switch *ms, const struct policy *p)
{
    ofp_port_t port = ofswitch_port_by_name(ms->sw, p->target.port);

    return (port != OFPP_NONE
            && ofswitch_port_zone(ms->sw, port) == PIPE_ZONE_NONE
            && (p->target.kind == MIRROR_TO_PORT
                || !ovs_ports_is_foreign(PIPE_APP_MIRROR,
                                         ofswitch_datapath_id(ms->sw),
                                         p->target.port))
            && (!p->tenant || mirror_policy_zone(ms->sw, p)));
}

/* Tells the engine what policies in 'active' want. */
static void
set_wants(struct mirror_switch *ms, uint32_t active)
{
    struct mirror_wants wants[MIRROR_MAX_POLICIES];

    memset(wants, 0, sizeof wants);
    POLICY_FOR_EACH (i, p, &ms->set) {
        if (active & (UINT32_C(1) << i)) {
            wants[i] = p->wants;
        }
    }
    mirror_engine_set_wants(ms->engine, wants);
}

bool
mirror_switch_update(struct mirror_switch *ms)
{
    uint32_t old_active = ms->active;

    ms->active = ms->inlined = 0;
    POLICY_FOR_EACH (i, p, &ms->set) {
        if (is_active(ms, p)) {
            ms->active |= UINT32_C(1) << i;
            if (p->start == POLICY_INLINE) {
                ms->inlined |= UINT32_C(1) << i;
            }
        } else {
            p->in_effect = p->asked = false;
        }
    }
    if (ms->active == old_active) {
        return false;
    }
    set_wants(ms, ms->active);
    ms->hold_at = LLONG_MIN;
    return true;
}

/* Has ranges that are left out told, and copies written to files. */
static void
set_outputs(struct mirror_switch *ms)
{
    struct sset old = SSET_INITIALIZER(&old);
    const char *port;

    sset_swap(&old, &ms->captures);
    POLICY_FOR_EACH (i, p, &ms->set) {
        skips_set(p->name, p->events);
        if (p->target.kind == MIRROR_TO_FILE
            && ms->active & (UINT32_C(1) << i)
            && sset_add(&ms->captures, p->target.port)) {
            const struct capture_files files = {
                .path = p->target.path,
                .rotate_size = p->file.size,
                .rotate_time = p->file.time,
                .keep = p->file.count,
                .gzip = p->file.gzip,
            };

            capture_set(p->target.port, &files);
        }
    }
    SSET_FOR_EACH (port, &old) {
        if (!sset_contains(&ms->captures, port)) {
            capture_clear(port);
        }
    }
    sset_destroy(&old);
}

/* Forgets those policies in 'names' that are not in 'set'. */
static void
clear_skips(const struct sset *names, const struct policy_set *set)
{
    const char *name;

    SSET_FOR_EACH (name, names) {
        bool found = false;

        POLICY_FOR_EACH (i, p, set) {
            found |= !strcmp(p->name, name);
        }
        if (!found) {
            skips_clear(name);
        }
    }
}

static void
get_names(const struct policy_set *set, struct sset *names)
{
    sset_init(names);
    POLICY_FOR_EACH (i, p, set) {
        sset_add(names, p->name);
    }
}

/* Tells the core whose ports have changed: targets are nobody else's. */
static void
set_targets(struct mirror_switch *ms)
{
    struct sset old = SSET_INITIALIZER(&old);
    const char *name;

    sset_swap(&old, &ms->targets);
    POLICY_FOR_EACH (i, p, &ms->set) {
        sset_add(&ms->targets, p->target.port);
    }
    SSET_FOR_EACH (name, &old) {
        if (!sset_contains(&ms->targets, name)) {
            ofswitch_zone_changed(ms->sw, name);
        }
    }
    SSET_FOR_EACH (name, &ms->targets) {
        if (!sset_contains(&old, name)) {
            ofswitch_zone_changed(ms->sw, name);
        }
    }
    sset_destroy(&old);
}

static void
read_policies(struct mirror_switch *ms, const struct tasukirec_switch *row)
{
    struct sset names;
    uint32_t changed;

    get_names(&ms->set, &names);
    changed = policy_set_read(&ms->set, row);
    clear_skips(&names, &ms->set);
    sset_destroy(&names);

    set_targets(ms);
    /* The engine must not take another policy for one that had its number. */
    set_wants(ms, ms->active & ~changed);
    mirror_switch_update(ms);
    set_wants(ms, ms->active);
    ms->hold_at = LLONG_MIN;
    set_outputs(ms);
}

/* Ports. */

static void
want_port(struct ovs_wants *wants, const struct tasukirec_mirror_policy *row)
{
    struct mirror_target target;
    struct smap *options;
    char *key;

    free(mirror_target_parse(row->to, &target));
    switch (target.kind) {
    case MIRROR_TO_PORT:
        break;

    case MIRROR_TO_VXLAN:
    case MIRROR_TO_ERSPAN:
        options = ovs_ports_add(wants, target.port, row->name,
                                (target.kind == MIRROR_TO_VXLAN ? "vxlan"
                                 : "erspan"));
        smap_replace(options, "remote_ip", target.remote);
        key = xasprintf("%"PRIu32, target.key);
        smap_replace(options, "key", key);
        free(key);
        if (target.kind == MIRROR_TO_ERSPAN) {
            smap_replace(options, "erspan_ver", "1");
            smap_replace(options, "erspan_idx", "0");
        }
        break;

    case MIRROR_TO_FILE:
        ovs_ports_add(wants, target.port, row->name, "internal");
        break;
    }
    mirror_target_destroy(&target);
}

/* A switch that is not connected keeps its ports. */
static void
want_ports(const struct tasukirec_tasuki *cfg)
{
    ovs_ports_begin(PIPE_APP_MIRROR, true);
    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        uint64_t dpid;

        if (mirror_runs_on(row) && dpid_from_string(row->datapath_id, &dpid)) {
            struct ovs_wants *wants = NULL;

            for (size_t j = 0; j < row->n_mirrors; j++) {
                const struct tasukirec_mirror_policy *mirror = row->mirrors[j];

                if (!config_get_status(&mirror->header_.uuid, "error")
                    && strchr(mirror->to, ':')) {
                    if (!wants) {
                        wants = ovs_ports_want(PIPE_APP_MIRROR, row->ovsdb,
                                               dpid, false);
                    }
                    want_port(wants, mirror);
                }
            }
        }
    }
    ovs_ports_end(PIPE_APP_MIRROR);
}

static void
mirror_ovs_port_changed(uint64_t dpid OVS_UNUSED, const char *name OVS_UNUSED)
{
    mirror_status_changed();
}

static uint32_t
mirror_port_zone(const struct ofswitch *sw, ofp_port_t port_no)
{
    const struct mirror_switch *ms = mirror_switch_get(sw);
    const struct ofputil_phy_port *port = (ms && !sset_is_empty(&ms->targets)
                                           ? ofswitch_port(sw, port_no)
                                           : NULL);

    return (port && sset_contains(&ms->targets, port->name)
            ? PIPE_ZONE_NONE : 0);
}

static void
update(struct ofswitch *sw, void *aux OVS_UNUSED)
{
    struct mirror_switch *ms = mirror_switch_get(sw);

    if (mirror_switch_update(ms)) {
        ofswitch_redeclare(sw, PIPE_APP_MIRROR);
        set_outputs(ms);
    }
    mirror_status_write(ms);
}

static void
handle_port(struct ofswitch *sw, const void *event OVS_UNUSED,
            void *aux OVS_UNUSED)
{
    struct mirror_switch *ms = mirror_switch_get(sw);

    /* A port with another number has the same name, perhaps. */
    mirror_switch_update(ms);
    set_outputs(ms);
    ofswitch_redeclare(sw, PIPE_APP_MIRROR);
    status_at = LLONG_MIN;
}

/* What the engine asks for. */

static void
set_entry(struct mirror_engine *engine, const struct mirror_conn *conn,
          enum mirror_dir dir, const struct mirror_entry *entry)
{
    mirror_entry_set(mirror_engine_aux(engine), conn, dir, entry);
}

static void
ask_bytes(struct mirror_engine *engine, const struct mirror_conn *conn,
          enum mirror_dir dir)
{
    mirror_entry_ask(mirror_engine_aux(engine), conn, dir);
}

static void
skipped(struct mirror_engine *engine, const struct mirror_skip *skip_)
{
    struct mirror_switch *ms = mirror_engine_aux(engine);
    struct mirror_key key = *skip_->key;
    struct mirror_skip skip = *skip_;

    key.zone = mirror_zone_zone(key.zone);
    skip.key = &key;
    POLICY_FOR_EACH (i, p, &ms->set) {
        if (skip.policies & (UINT32_C(1) << i)) {
            p->n_skips++;
            p->n_skipped += skip.len;
            skips_tell(p->name, (p->target.kind == MIRROR_TO_FILE
                                 ? p->target.port : NULL), &skip);
        }
    }
}

static const struct mirror_ops mirror_ops = {
    .set_entry = set_entry,
    .ask_bytes = ask_bytes,
    .skipped = skipped,
};

/* Life. */

static void
mirror_init(void)
{
    capture_init();
    event_subscribe(PIPE_APP_MIRROR, &event_port, handle_port, NULL);
}

static void
mirror_destroy(void)
{
    event_unsubscribe(PIPE_APP_MIRROR, &event_port, handle_port, NULL);
    capture_destroy();
    skips_destroy();
}

static void
configure_switch(struct ofswitch *sw, void *aux OVS_UNUSED)
{
    const struct tasukirec_switch *row
        = config_find_switch(ofswitch_datapath_id(sw));

    if (row) {
        read_policies(mirror_switch_get(sw), row);
    }
}

static void
mirror_configure(const struct tasukirec_tasuki *cfg)
{
    if (cfg) {
        want_ports(cfg);
        ofswitch_for_each(PIPE_APP_MIRROR, configure_switch, NULL);
    }
    status_at = LLONG_MIN;
    check_switches_at = time_msec() + SWITCH_GRACE;
}

/* Stays as long as there are ports for copies, so that nobody else gets
 * them. */
static bool
mirror_must_stay(const struct ofswitch *sw)
{
    return ovs_ports_has_ours(PIPE_APP_MIRROR, ofswitch_datapath_id(sw));
}

static void
mirror_switch_up(struct ofswitch *sw)
{
    struct mirror_switch *ms = xzalloc(sizeof *ms);

    ms->sw = sw;
    sset_init(&ms->targets);
    sset_init(&ms->captures);
    ms->engine = mirror_engine_create(&mirror_ops, random_uint32(), ms);
    mirror_entries_init(ms);
    mirror_effect_init(ms);
    mirror_held_init(ms);
    ofswitch_set_data(sw, PIPE_APP_MIRROR, ms);
    read_policies(ms, ofswitch_row(sw));
    status_at = LLONG_MIN;
}

static void
mirror_switch_down(struct ofswitch *sw)
{
    struct mirror_switch *ms = mirror_switch_get(sw);
    struct sset names;

    mirror_held_destroy(ms);
    mirror_effect_destroy(ms);
    /* If tasukid ends, the switch goes on as it does now. */
    mirror_entries_forget(ms);
    mirror_engine_destroy(ms->engine);
    mirror_entries_destroy(ms);
    get_names(&ms->set, &names);
    policy_set_destroy(&ms->set);
    clear_skips(&names, &ms->set);
    sset_destroy(&names);
    set_outputs(ms);
    sset_destroy(&ms->captures);
    sset_destroy(&ms->targets);
    free(ms);
    ofswitch_set_data(sw, PIPE_APP_MIRROR, NULL);
    check_switches_at = time_msec() + SWITCH_GRACE;
}

static void
mirror_declare_flows(struct ofswitch *sw, struct flow_set *flows)
{
    mirror_flows_declare(mirror_switch_get(sw), flows);
}

/* Connections are not known any more: what they skipped is copied whole, until
 * the next request. */
static bool
mirror_adopt_flow(struct ofswitch *sw OVS_UNUSED,
                  const struct ofputil_flow_stats *fs)
{
    return ntohll(fs->cookie) == MIRROR_COOKIE_HOLD;
}

/* Packets. */

static void
parse_addresses(const struct flow *flow, struct mirror_packet *mp)
{
    if (flow->dl_type == htons(ETH_TYPE_IP)) {
        in6_addr_set_mapped_ipv4(&mp->src.addr, flow->nw_src);
        in6_addr_set_mapped_ipv4(&mp->dst.addr, flow->nw_dst);
    } else {
        mp->src.addr = flow->ipv6_src;
        mp->dst.addr = flow->ipv6_dst;
    }
    mp->src.port = flow->tp_src;
    mp->dst.port = flow->tp_dst;
}

static bool
parse_tcp(const struct dp_packet *packet, struct mirror_packet *mp)
{
    const struct tcp_header *tcp = dp_packet_l4(packet);
    size_t size = dp_packet_l4_size(packet);
    size_t header_len;

    if (!tcp || size < TCP_HEADER_LEN) {
        return false;
    }
    header_len = TCP_OFFSET(tcp->tcp_ctl) * 4;
    if (header_len < TCP_HEADER_LEN || header_len > size) {
        return false;
    }
    mp->seq = ntohl(get_16aligned_be32(&tcp->tcp_seq));
    mp->ack = ntohl(get_16aligned_be32(&tcp->tcp_ack));
    mp->flags = TCP_FLAGS(tcp->tcp_ctl);
    mp->payload = (const uint8_t *) tcp + header_len;
    mp->len = size - header_len;
    return true;
}

static bool
parse_udp(const struct dp_packet *packet, struct mirror_packet *mp)
{
    const uint8_t *udp = dp_packet_l4(packet);
    size_t size = dp_packet_l4_size(packet);

    if (!udp || size < UDP_HEADER_LEN) {
        return false;
    }
    mp->payload = udp + UDP_HEADER_LEN;
    mp->len = size - UDP_HEADER_LEN;
    return true;
}

/* Returns false if it is malformed. */
static bool
parse(const struct mirror_switch *ms, const struct packet_in *pi,
      struct mirror_packet *mp)
{
    *mp = (struct mirror_packet) {
        .zone = mirror_zone(pi->zone, &pi->flow),
        .nw_proto = pi->flow.nw_proto,
        .policies = pi->flow.regs[PIPE_MIRROR_SET_REG] & ms->active,
        .held = pi->cookie == MIRROR_COOKIE_HOLD,
        .place = mirror_place(pi),
    };
    parse_addresses(&pi->flow, mp);
    mp->waited_for = mirror_held_waits(ms, mp);
    return (mp->nw_proto == IPPROTO_TCP ? parse_tcp(pi->packet, mp)
            : parse_udp(pi->packet, mp));
}

/* Counts the packet.  Returns false if it is lost. */
static bool
count(struct mirror_switch *ms, const struct packet_in *pi)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 5);

    if (pi->cookie != MIRROR_COOKIE_HOLD) {
        ms->stats.n_copied++;
    } else if (dp_packet_size(pi->packet) < pi->total_len) {
        ms->stats.n_cut++;
        VLOG_WARN_RL(&rl, "%s: a packet of %"PRIuSIZE" bytes is too long to "
                     "be held, and lost", ofswitch_name(ms->sw),
                     pi->total_len);
        return false;
    } else {
        ms->stats.n_held++;
    }
    return true;
}

static void
mirror_packet_in(struct ofswitch *sw, const struct packet_in *pi)
{
    struct mirror_switch *ms = mirror_switch_get(sw);
    struct mirror_verdict verdict = { .barrier = false };
    struct mirror_packet mp;

    if (!count(ms, pi)) {
        return;
    }
    if (parse(ms, pi, &mp)) {
        mirror_engine_packet(ms->engine, time_msec(), &mp, &verdict);
        if (mp.held) {
            mirror_release_in_order(ms, pi, &mp, verdict.copies,
                                    verdict.barrier);
        }
    } else if (mp.held) {
        mirror_release(ms, pi, mp.policies);
    }
}

/* The packet passes, for all that match, and the engine does not see it.  The
 * engine finds that something is missing, and does not skip what it does not
 * understand. */
static void
mirror_packet_excess(struct ofswitch *sw, const struct packet_in *pi)
{
    struct mirror_switch *ms = mirror_switch_get(sw);

    ms->stats.n_excess++;
    if (pi->cookie == MIRROR_COOKIE_HOLD && count(ms, pi)) {
        mirror_release(ms, pi, pi->flow.regs[PIPE_MIRROR_SET_REG]);
    }
}

static void
mirror_flow_failed(struct ofswitch *sw, uint64_t cookie)
{
    struct mirror_switch *ms = mirror_switch_get(sw);
    enum mirror_dir dir;
    uint64_t id;

    if (mirror_entry_take(ms, cookie, &id, &dir)) {
        mirror_engine_entry_gone(ms->engine, time_msec(), id, dir);
    }
}

static void
mirror_flow_removed(struct ofswitch *sw, const struct ofputil_flow_removed *fr)
{
    struct mirror_switch *ms = mirror_switch_get(sw);
    const struct mirror_conn *conn;
    enum mirror_dir dir;
    uint64_t id;

    if (mirror_entry_take(ms, ntohll(fr->cookie), &id, &dir)) {
        conn = mirror_engine_find(ms->engine, id);
        if (conn && mirror_conn_key(conn)->nw_proto == IPPROTO_UDP) {
            mirror_engine_bytes(ms->engine, time_msec(), id, dir,
                                fr->packet_count, fr->byte_count);
        }
        mirror_engine_entry_gone(ms->engine, time_msec(), id, dir);
    }
}

/* Main loop. */

static void
run_switch(struct ofswitch *sw, void *aux OVS_UNUSED)
{
    struct mirror_switch *ms = mirror_switch_get(sw);

    mirror_entries_run(ms);
    mirror_flows_hold(ms);
    mirror_effect_run(ms);
    ms->wake = mirror_engine_run(ms->engine, time_msec());
}

struct dpid_search {
    uint64_t dpid;
    bool found;
};

static void
compare_dpid(struct ofswitch *sw, void *search_)
{
    struct dpid_search *search = search_;

    search->found |= ofswitch_datapath_id(sw) == search->dpid;
}

static bool
runs_on(uint64_t dpid)
{
    struct dpid_search search = { .dpid = dpid };

    ofswitch_for_each(PIPE_APP_MIRROR, compare_dpid, &search);
    return search.found;
}

static void
check_switches(const struct tasukirec_tasuki *cfg)
{
    for (size_t i = 0; i < cfg->n_switches; i++) {
        const struct tasukirec_switch *row = cfg->switches[i];
        uint64_t dpid;

        if (row->n_mirrors && dpid_from_string(row->datapath_id, &dpid)
            && !runs_on(dpid)) {
            mirror_status_write_down(row);
        }
    }
}

static void
mirror_run(void)
{
    bool captures_changed = capture_run();

    if (captures_changed || time_msec() >= status_at) {
        ofswitch_for_each(PIPE_APP_MIRROR, update, NULL);
        status_at = time_msec() + STATUS_INTERVAL;
    }
    if (time_msec() >= check_switches_at) {
        check_switches_at = LLONG_MAX;
        if (config_get()) {
            check_switches(config_get());
        }
    }
    ofswitch_for_each(PIPE_APP_MIRROR, run_switch, NULL);
}

static void
wait_switch(struct ofswitch *sw, void *has_policies_)
{
    const struct mirror_switch *ms = mirror_switch_get(sw);
    bool *has_policies = has_policies_;

    if (ms->wake != LLONG_MAX) {
        poll_timer_wait_until(ms->wake);
    }
    if (ms->hold_at != LLONG_MAX) {
        poll_timer_wait_until(ms->hold_at);
    }
    *has_policies |= !sset_is_empty(&ms->targets);
}

static void
mirror_wait(void)
{
    bool has_policies = false;

    capture_wait();
    ofswitch_for_each(PIPE_APP_MIRROR, wait_switch, &has_policies);
    if (has_policies || status_at == LLONG_MIN) {
        poll_timer_wait_until(status_at);
    }
    if (check_switches_at != LLONG_MAX) {
        poll_timer_wait_until(check_switches_at);
    }
}

static void
count_memory(struct ofswitch *sw, void *usage)
{
    const struct mirror_switch *ms = mirror_switch_get(sw);
    struct mirror_totals totals;

    mirror_engine_totals(ms->engine, &totals);
    simap_increase(usage, "mirrored connections", totals.n_conns);
    simap_increase(usage, "mirror entries", hmap_count(&ms->entries));
    simap_increase(usage, "mirror waiting", ms->n_waiting);
}

static void
mirror_memory_usage(struct simap *usage)
{
    ofswitch_for_each(PIPE_APP_MIRROR, count_memory, usage);
}

const struct app_class mirror_app = {
    .name = "mirror",
    .version = APP_INTERFACE_VERSION,
    .id = PIPE_APP_MIRROR,
    .stages = {
        { .table = PIPE_MIRROR_IN, .n_tables = MIRROR_N_TABLES },
        { .table = PIPE_MIRROR_FRONT, .n_tables = MIRROR_N_TABLES },
        { .table = PIPE_MIRROR, .n_tables = MIRROR_N_TABLES, .taps = true },
    },
    .commands = mirror_commands,
    .init = mirror_init,
    .destroy = mirror_destroy,
    .check_rows = mirror_check_rows,
    .configure = mirror_configure,
    .must_stay = mirror_must_stay,
    .switch_up = mirror_switch_up,
    .switch_down = mirror_switch_down,
    .declare_flows = mirror_declare_flows,
    .adopt_flow = mirror_adopt_flow,
    .port_zone = mirror_port_zone,
    .ovs_port_changed = mirror_ovs_port_changed,
    .packet_in = mirror_packet_in,
    .packet_excess = mirror_packet_excess,
    .flow_removed = mirror_flow_removed,
    .flow_failed = mirror_flow_failed,
    .run = mirror_run,
    .wait = mirror_wait,
    .memory_usage = mirror_memory_usage,
};
