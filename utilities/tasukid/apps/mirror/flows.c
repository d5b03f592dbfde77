/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "flows.h"

#include <netinet/in.h>

#include "flow.h"
#include "mirror.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-flow.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/pipeline.h"

#define VXLAN_PORT 4789         /* RFC 7348. */

enum {
    STEP_TARGET = 100,
    STEP_TCP = 200,
    STEP_UDP = 201,
};

/* Priorities in MIRROR_STEP. */
enum {
    MIRROR_PRIO_STEP = 10,
    MIRROR_PRIO_HOLD = 20,
    MIRROR_PRIO_UNWANTED = 30,
};

/* One place on one switch. */
struct place {
    struct mirror_switch *ms;
    struct flow_set *flows;
    uint8_t table;              /* MIRROR_START. */
    uint8_t next;               /* Where packets go on. */
    uint32_t policies;          /* That are about packets here. */
};

/* Actions. */

static void
put_reg(struct ofpbuf *ofpacts, int reg, uint32_t value, uint32_t mask)
{
    const union mf_value v = { .be32 = htonl(value) };
    const union mf_value m = { .be32 = htonl(mask) };

    ofpact_put_set_field(ofpacts, mf_from_id(MFF_REG0 + reg), &v, &m);
}

static struct mf_subfield
mf_reg(int reg)
{
    return (struct mf_subfield) {
        .field = mf_from_id(MFF_REG0 + reg),
        .n_bits = 32,
    };
}

static void
put_goto(struct ofpbuf *ofpacts, uint8_t table)
{
    ofpact_put_GOTO_TABLE(ofpacts)->table_id = table;
}

static void
put_controller(struct ofpbuf *ofpacts)
{
    struct ofpact_output *output = ofpact_put_OUTPUT(ofpacts);

    output->port = OFPP_CONTROLLER;
    output->max_len = UINT16_MAX;
}

static void
put_step_number(struct ofpbuf *ofpacts, uint32_t step)
{
    put_reg(ofpacts, PIPE_MIRROR_STEP_REG, step, UINT32_MAX);
}

static void
put_step(const struct place *place, uint32_t step, struct ofpbuf *ofpacts)
{
    struct ofpact_resubmit *resubmit;

    put_step_number(ofpacts, step);
    resubmit = ofpact_put_RESUBMIT(ofpacts);
    resubmit->in_port = OFPP_IN_PORT;
    resubmit->table_id = place->table + MIRROR_STEP;
}

/* Finds which of the place's policies match. */
static void
put_match_steps(const struct place *place, struct ofpbuf *ofpacts)
{
    put_reg(ofpacts, PIPE_MIRROR_SET_REG, 0, UINT32_MAX);
    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        if (place->policies & (UINT32_C(1) << i)) {
            put_step(place, i, ofpacts);
        }
    }
}

/* Returns the leaders of 'policies'. */
static uint32_t
find_leaders(const struct mirror_switch *ms, uint32_t policies)
{
    uint32_t leaders = 0;

    POLICY_FOR_EACH (i, p, &ms->set) {
        if (policies & (UINT32_C(1) << i)) {
            leaders |= UINT32_C(1) << p->leader;
        }
    }
    return leaders;
}

/* Copies the packet for the policies in the set. */
static void
put_copy_steps(const struct place *place, struct ofpbuf *ofpacts)
{
    uint32_t leaders = find_leaders(place->ms, place->policies);

    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        if (leaders & (UINT32_C(1) << i)) {
            put_step(place, STEP_TARGET + i, ofpacts);
        }
    }
}

void
mirror_put_bits(struct ofpbuf *ofpacts, uint32_t bits, uint32_t policies)
{
    put_reg(ofpacts, PIPE_MIRROR_REG, bits, MIRROR_BITS);
    put_reg(ofpacts, PIPE_MIRROR_INSIDE_REG, policies, UINT32_MAX);
}

static ofp_port_t
target_port(const struct mirror_switch *ms, const struct policy *p)
{
    return ofswitch_port_by_name(ms->sw, p->target.port);
}

void
mirror_put_copies(const struct mirror_switch *ms, uint32_t policies,
                  struct ofpbuf *ofpacts)
{
    uint32_t leaders = find_leaders(ms, policies & ms->active);

    POLICY_FOR_EACH (i, p, &ms->set) {
        ofp_port_t port;

        if (leaders & (UINT32_C(1) << i)
            && (port = target_port(ms, p)) != OFPP_NONE) {
            ofpact_put_OUTPUT(ofpacts)->port = port;
        }
    }
}

/* Declaring. */

static void
declare(const struct place *place, int table, uint16_t priority,
        const struct match *match, const struct ofpbuf *ofpacts)
{
    flow_set_add(place->flows, PIPE_APP_MIRROR, MIRROR_COOKIE_STATIC,
                 place->table + table, priority, match, ofpacts);
}

/* MIRROR_START. */

/* The mirror looks at what matches 'match'.  What was noted in an earlier
 * place does not count here. */
static void
declare_start(const struct place *place, uint16_t priority,
              const struct match *match)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    if (place->table == PIPE_MIRROR_FRONT) {
        pipeline_put_seen(&ofpacts);
    }
    mirror_put_bits(&ofpacts, 0, 0);
    put_match_steps(place, &ofpacts);
    put_goto(&ofpacts, place->table + MIRROR_CONNECTIONS);
    declare(place, MIRROR_START, priority, match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Passes on what matches 'match', not looking at it, or drops it if 'next' is
 * 0. */
static void
declare_pass(const struct place *place, uint16_t priority,
             const struct match *match, uint8_t next)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    if (next) {
        put_goto(&ofpacts, next);
    }
    declare(place, MIRROR_START, priority, match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Returns true if copies of policy 'number' look like those of one before. */
static bool
is_encapsulated_alike(const struct policy_set *set, int number)
{
    const struct mirror_target *target = &set->policies[number]->target;

    POLICY_FOR_EACH (i, p, set) {
        if (i < number && p->target.kind == target->kind
            && !strcmp(p->target.remote, target->remote)) {
            return true;
        }
    }
    return false;
}

/* Encapsulated copies that cross the switch. */
static void
declare_own(const struct place *place, const struct mirror_target *target)
{
    struct in6_addr addr6;
    struct match match;
    ovs_be32 addr4;

    match_init_catchall(&match);
    if (ip_parse(target->remote, &addr4)) {
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
        match_set_nw_dst(&match, addr4);
    } else if (ipv6_parse(target->remote, &addr6)) {
        match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
        match_set_ipv6_dst(&match, &addr6);
    }
    if (target->kind == MIRROR_TO_VXLAN) {
        match_set_nw_proto(&match, IPPROTO_UDP);
        match_set_tp_dst(&match, htons(VXLAN_PORT));
    } else {
        match_set_nw_proto(&match, IPPROTO_GRE);
    }
    declare_pass(place, MIRROR_PRIO_OWN, &match, place->next);
}

/* Returns true if 'port' is on a side of the tenant that 'p' is about: that of
 * the service, or else of the LAN. */
static bool
is_side_port(const struct mirror_switch *ms, const struct policy *p,
             const struct ofputil_phy_port *port, bool service_side)
{
    bool is_service = (!strcmp(port->name, p->service_port)
                       || (p->native6_port
                           && !strcmp(port->name, p->native6_port)));

    return (is_service == service_side
            && (ofswitch_port_zone(ms->sw, port->port_no)
                == mirror_policy_zone(ms->sw, p)));
}

/* MIRROR_STEP. */

static void
match_step(struct match *match, uint32_t step)
{
    match_set_reg(match, PIPE_MIRROR_STEP_REG, step);
}

struct match_policy_args {
    const struct place *place;
    const struct policy *policy;
    int number;
};

/* Declares the step that finds out whether 'policy' matches, for packets that
 * 'match' besides. */
static void
declare_match(const struct match_policy_args *args, struct match match)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);

    match_step(&match, args->number);
    put_reg(&ofpacts, PIPE_MIRROR_SET_REG, UINT32_C(1) << args->number,
            UINT32_C(1) << args->number);
    declare(args->place, MIRROR_STEP, MIRROR_PRIO_STEP, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Packets that match, and their answers. */
static void
declare_both_matches(const struct match_policy_args *args, ofp_port_t in_port,
                     uint32_t zone)
{
    struct match matches[2];
    size_t n = 2;

    matches[0] = args->policy->match;
    mirror_match_reverse(&matches[0], &matches[1]);
    if (match_equal(&matches[0], &matches[1])) {
        n = 1;
    }
    for (size_t i = 0; i < n; i++) {
        if (in_port != OFPP_NONE) {
            match_set_in_port(&matches[i], in_port);
        }
        if (args->place->table != PIPE_MIRROR_IN) {
            match_set_reg(&matches[i], PIPE_ZONE_REG, zone);
        }
        declare_match(args, matches[i]);
    }
}

/* Packets of a tenant look as 'policy' wants them before they are translated,
 * if they come from its side, or after that. */
static void
declare_port_matches(struct ofswitch *sw, const struct ofputil_phy_port *port,
                     void *args_)
{
    const struct match_policy_args *args = args_;
    const struct policy *p = args->policy;
    bool before = args->place->table == PIPE_MIRROR_IN;

    if (is_side_port(args->place->ms, p, port, before == p->service_side)) {
        declare_both_matches(args, port->port_no, mirror_policy_zone(sw, p));
    }
}

static void
declare_policy(const struct place *place, const struct policy *p, int number)
{
    struct match_policy_args args = {
        .place = place, .policy = p, .number = number,
    };

    if (!p->tenant) {
        declare_both_matches(&args, OFPP_NONE, 0);
    } else {
        ofswitch_for_each_port(place->ms->sw, declare_port_matches, &args);
    }
}

/* Has the target of the policies whose leader is 'leader' get a copy. */
static void
declare_target(const struct place *place, int leader)
{
    const struct mirror_switch *ms = place->ms;

    POLICY_FOR_EACH (i, p, &ms->set) {
        uint64_t stub[64 / 8];
        struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
        uint32_t bit = UINT32_C(1) << i;
        struct match match;

        if (p->leader == leader && place->policies & bit) {
            match_init_catchall(&match);
            match_step(&match, STEP_TARGET + leader);
            match_set_reg_masked(&match, PIPE_MIRROR_SET_REG, bit, bit);
            ofpact_put_OUTPUT(&ofpacts)->port = target_port(ms, p);
            declare(place, MIRROR_STEP, MIRROR_PRIO_STEP, &match, &ofpacts);
        }
        ofpbuf_uninit(&ofpacts);
    }
}

/* The last step. */
static void
declare_last(const struct place *place, uint32_t step)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    /* Nobody wants it. */
    match_init_catchall(&match);
    match_step(&match, step);
    match_set_reg(&match, PIPE_MIRROR_SET_REG, 0);
    match_set_reg_masked(&match, PIPE_MIRROR_REG, 0, MIRROR_HOLD);
    put_goto(&ofpacts, place->next);
    declare(place, MIRROR_STEP, MIRROR_PRIO_UNWANTED, &match, &ofpacts);

    match_init_catchall(&match);
    match_step(&match, step);
    ofpbuf_clear(&ofpacts);
    put_copy_steps(place, &ofpacts);
    put_controller(&ofpacts);
    put_goto(&ofpacts, place->next);
    declare(place, MIRROR_STEP, MIRROR_PRIO_STEP, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
declare_steps(const struct place *place)
{
    uint32_t leaders = find_leaders(place->ms, place->policies);

    POLICY_FOR_EACH (i, p, &place->ms->set) {
        if (place->policies & (UINT32_C(1) << i)) {
            declare_policy(place, p, i);
        }
        if (leaders & (UINT32_C(1) << i)) {
            declare_target(place, i);
        }
    }
    declare_last(place, STEP_TCP);
    declare_last(place, STEP_UDP);
}

/* MIRROR_DECIDE. */

/* Whole packets of protocol 'nw_proto' are inspected, from 'step' on. */
static void
declare_inspected(const struct place *place, uint16_t dl_type,
                  uint8_t nw_proto, uint32_t step)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    match_set_dl_type(&match, htons(dl_type));
    match_set_nw_proto(&match, nw_proto);
    match_set_nw_frag(&match, 0);
    put_step_number(&ofpacts, step);
    put_goto(&ofpacts, place->table + MIRROR_STEP);
    declare(place, MIRROR_DECIDE, 10, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Packets with 'bit' are not for tasukid.  They are copied for the policies in
 * the set, or only for those that a flow of their connection 'inside' noted. */
static void
declare_copied(const struct place *place, uint16_t priority, uint32_t bit,
               bool inside)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    match_set_reg_masked(&match, PIPE_MIRROR_REG, bit, bit);
    if (inside) {
        struct ofpact_reg_move *move = ofpact_put_REG_MOVE(&ofpacts);

        move->src = mf_reg(PIPE_MIRROR_INSIDE_REG);
        move->dst = mf_reg(PIPE_MIRROR_SET_REG);
    }
    put_copy_steps(place, &ofpacts);
    put_goto(&ofpacts, place->next);
    declare(place, MIRROR_DECIDE, priority, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Returns those of 'policies' that want what is not inspected. */
static uint32_t
find_uninspected(const struct mirror_switch *ms, uint32_t policies)
{
    uint32_t result = 0;

    POLICY_FOR_EACH (i, p, &ms->set) {
        if (p->uninspected) {
            result |= policies & (UINT32_C(1) << i);
        }
    }
    return result;
}

static void
declare_uninspected(const struct place *place)
{
    uint64_t stub[1024 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    put_reg(&ofpacts, PIPE_MIRROR_SET_REG, 0,
            ~find_uninspected(place->ms, place->policies));
    put_copy_steps(place, &ofpacts);
    put_goto(&ofpacts, place->next);
    declare(place, MIRROR_DECIDE, 1, &match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
declare_decide(const struct place *place)
{
    declare_copied(place, 30, MIRROR_INSIDE_SEQ, true);
    declare_copied(place, 30, MIRROR_INSIDE_ACK, true);
    declare_copied(place, 30, MIRROR_PASSED, true);
    declare_copied(place, 20, MIRROR_COPIED, false);
    declare_inspected(place, ETH_TYPE_IP, IPPROTO_TCP, STEP_TCP);
    declare_inspected(place, ETH_TYPE_IPV6, IPPROTO_TCP, STEP_TCP);
    declare_inspected(place, ETH_TYPE_IP, IPPROTO_UDP, STEP_UDP);
    declare_inspected(place, ETH_TYPE_IPV6, IPPROTO_UDP, STEP_UDP);
    declare_uninspected(place);
}

/* MIRROR_CONNECTIONS. */

/* What no policy matches does not meet the flows of connections: the datapath
 * would tell each of its connections from the others. */
static void
declare_connections(const struct place *place)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    put_goto(&ofpacts, place->table + MIRROR_DECIDE);
    declare(place, MIRROR_CONNECTIONS, MIRROR_PRIO_NO_ENTRY, &match,
            &ofpacts);

    match_set_reg(&match, PIPE_MIRROR_SET_REG, 0);
    ofpbuf_clear(&ofpacts);
    put_goto(&ofpacts, place->next);
    declare(place, MIRROR_CONNECTIONS, MIRROR_PRIO_NOT_WANTED, &match,
            &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Places. */

/* What comes in from targets goes nowhere. */
static void
declare_target_input(const struct place *place)
{
    POLICY_FOR_EACH (i, p, &place->ms->set) {
        ofp_port_t port = target_port(place->ms, p);

        if (p->leader == i && port != OFPP_NONE
            && (ofswitch_port_zone(place->ms->sw, port)
                == PIPE_ZONE_NONE)) {
            struct match match;

            match_init_catchall(&match);
            match_set_in_port(&match, port);
            declare_pass(place, MIRROR_PRIO_OWN, &match, 0);
        }
    }
}

/* Does some policy want packets from 'port' as they come in? */
static void
declare_in_port(struct ofswitch *sw OVS_UNUSED,
                const struct ofputil_phy_port *port, void *place_)
{
    const struct place *place = place_;
    bool wanted = false;

    POLICY_FOR_EACH (i, p, &place->ms->set) {
        wanted |= (place->policies & (UINT32_C(1) << i)
                   && is_side_port(place->ms, p, port, p->service_side));
    }
    if (wanted) {
        struct match match;

        match_init_catchall(&match);
        match_set_in_port(&match, port->port_no);
        declare_start(place, MIRROR_PRIO_START, &match);
    }
}

static void
declare_in(struct place *place)
{
    declare_target_input(place);
    ofswitch_for_each_port(place->ms->sw, declare_in_port, place);
}

static void
declare_address(uint32_t zone, const struct in6_addr *addr, void *place)
{
    struct match match;

    match_init_catchall(&match);
    match_set_reg(&match, PIPE_ZONE_REG, zone);
    if (IN6_IS_ADDR_V4MAPPED(addr)) {
        match_set_nw_dst(&match, in6_addr_get_mapped_ipv4(addr));
        match_set_dl_type(&match, htons(ETH_TYPE_ARP));
        declare_start(place, MIRROR_PRIO_START, &match);
        match_set_dl_type(&match, htons(ETH_TYPE_IP));
    } else {
        match_set_ipv6_dst(&match, addr);
        match_set_dl_type(&match, htons(ETH_TYPE_IPV6));
    }
    declare_start(place, MIRROR_PRIO_START, &match);
}

static void
declare_front(struct place *place)
{
    ofswitch_for_each_address(place->ms->sw, declare_address, place);
}

static void
declare_main(struct place *place)
{
    struct match match;

    POLICY_FOR_EACH (i, p, &place->ms->set) {
        if (p->target.remote
            && !is_encapsulated_alike(&place->ms->set, i)) {
            declare_own(place, &p->target);
        }
    }
    match_init_catchall(&match);
    match_set_reg_masked(&match, PIPE_MIRROR_REG, PIPE_MIRROR_SEEN,
                         PIPE_MIRROR_SEEN);
    declare_pass(place, MIRROR_PRIO_SEEN, &match, place->next);
    match_init_catchall(&match);
    declare_start(place, MIRROR_PRIO_START, &match);
}

/* Returns the active policies that are about tenants, or those that are
 * not. */
static uint32_t
find_policies(const struct mirror_switch *ms, bool tenants)
{
    uint32_t policies = 0;

    POLICY_FOR_EACH (i, p, &ms->set) {
        if (!p->tenant == !tenants) {
            policies |= ms->active & (UINT32_C(1) << i);
        }
    }
    return policies;
}

static void
declare_place(struct mirror_switch *ms, struct flow_set *flows, uint8_t table,
              uint32_t policies, void (*declare_starts)(struct place *))
{
    struct place place = {
        .ms = ms,
        .flows = flows,
        .table = table,
        .next = pipeline_next(ms->sw, table),
        .policies = policies,
    };

    if (policies) {
        declare_starts(&place);
        declare_connections(&place);
        declare_decide(&place);
        declare_steps(&place);
    } else if (table == PIPE_MIRROR_IN) {
        declare_target_input(&place);
    }
}

void
mirror_flows_declare(struct mirror_switch *ms, struct flow_set *flows)
{
    declare_place(ms, flows, PIPE_MIRROR_IN, find_policies(ms, true),
                  declare_in);
    declare_place(ms, flows, PIPE_MIRROR_FRONT, find_policies(ms, false),
                  declare_front);
    declare_place(ms, flows, PIPE_MIRROR, ms->active, declare_main);
}

/* One by one. */

void
mirror_flow_add(struct mirror_switch *ms, uint8_t table, uint16_t priority,
                uint64_t cookie, const struct match *match,
                const struct mirror_flow_life *life,
                const struct ofpbuf *ofpacts)
{
    struct ofputil_flow_mod fm = {
        .priority = priority,
        .new_cookie = htonll(cookie),
        .table_id = table,
        .command = OFPFC_ADD,
        .idle_timeout = life->idle_timeout,
        .hard_timeout = life->hard_timeout,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
        .flags = life->tell ? OFPUTIL_FF_SEND_FLOW_REM : 0,
        .ofpacts = ofpacts->data,
        .ofpacts_len = ofpacts->size,
    };

    minimatch_init(&fm.match, match);
    ofswitch_flow_mod(ms->sw, &fm);
    minimatch_destroy(&fm.match);
}

void
mirror_flows_delete(struct mirror_switch *ms, uint8_t table, uint64_t cookie)
{
    struct ofputil_flow_mod fm = {
        .cookie = htonll(cookie),
        .cookie_mask = OVS_BE64_MAX,
        .new_cookie = OVS_BE64_MAX,
        .table_id = table,
        .command = OFPFC_DELETE,
        .buffer_id = UINT32_MAX,
        .out_port = OFPP_ANY,
        .out_group = OFPG_ANY,
    };

    minimatch_init_catchall(&fm.match);
    ofswitch_flow_mod(ms->sw, &fm);
    minimatch_destroy(&fm.match);
}

/* Holding. */

/* TCP packets with 'bit' in a register come here and do not pass.  'table' is
 * a MIRROR_STEP. */
static void
add_hold(struct mirror_switch *ms, uint8_t table, int reg, uint32_t bit)
{
    uint64_t stub[64 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct match match;

    match_init_catchall(&match);
    match_set_reg(&match, PIPE_MIRROR_STEP_REG, STEP_TCP);
    match_set_reg_masked(&match, reg, bit, bit);
    put_controller(&ofpacts);

    mirror_flow_add(ms, table, MIRROR_PRIO_HOLD, MIRROR_COOKIE_HOLD, &match,
                    &(struct mirror_flow_life) {
                        .hard_timeout = MIRROR_HOLD_TIMEOUT,
                    }, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

static void
hold_place(struct mirror_switch *ms, uint8_t table, uint32_t policies)
{
    if (!policies) {
        return;
    }
    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        uint32_t bit = UINT32_C(1) << i;

        if (policies & ms->inlined & bit) {
            add_hold(ms, table + MIRROR_STEP, PIPE_MIRROR_SET_REG, bit);
        }
    }
    add_hold(ms, table + MIRROR_STEP, PIPE_MIRROR_REG, MIRROR_HOLD);
}

void
mirror_flows_hold(struct mirror_switch *ms)
{
    if (!ms->inlined && !ms->n_holding) {
        if (ms->hold_at != LLONG_MAX) {
            mirror_flows_delete(ms, OFPTT_ALL, MIRROR_COOKIE_HOLD);
        }
        ms->hold_at = LLONG_MAX;
        return;
    } else if (ms->hold_at != LLONG_MAX && time_msec() < ms->hold_at) {
        return;
    }
    ms->hold_at = time_msec() + MIRROR_HOLD_TIMEOUT * 1000 / 3;

    hold_place(ms, PIPE_MIRROR_IN, find_policies(ms, true));
    hold_place(ms, PIPE_MIRROR_FRONT, find_policies(ms, false));
    hold_place(ms, PIPE_MIRROR, ms->active);
}
