/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "ofproto/ofproto-dpif.h"
#include "tasuki-xlate.h"

#include "coverage.h"
#include "dp-packet.h"
#include "dpif.h"
#include "dpif-netdev.h"
#include "netlink.h"
#include "odp-util.h"
#include "ofproto-dpif-rid.h"
#include "ofproto-dpif-trace.h"
#include "ofproto-dpif-xlate.h"
#include "openvswitch/list.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofp-group.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "tasuki-action.h"

VLOG_DEFINE_THIS_MODULE(tasuki_xlate);

/* Clones whose actions were dropped because a clone cannot hold so many. */
COVERAGE_DEFINE(tasuki_clone_oversize);

/* Returns the member of 'support' that says whether the datapath has the
 * action numbered 'id'. */
static bool *
supported(const struct dpif_backer_support *support, uint16_t id)
{
    switch (id) {
#define SUPPORTED(ATTR, NAME, TITLE)                    \
    case TASUKI_ACTION_ATTR_##ATTR:                     \
        return CONST_CAST(bool *, &support->NAME);
    TASUKI_ACTIONS(SUPPORTED)
#undef SUPPORTED
    }
    OVS_NOT_REACHED();
}

/* Finds out which of our actions the datapath 'dpif' has. */
void
tasuki_check_support(struct dpif *dpif, struct dpif_backer_support *support)
{
    /* A kernel module may refuse an action in a flow that it could not apply
     * to, so the probe is a TCP flow.  It has TCP flags because the kernel
     * wants them in the key, and odp-util leaves out flags of 0. */
    struct flow flow = {
        .dl_type = htons(ETH_TYPE_IP),
        .nw_proto = IPPROTO_TCP,
        .tcp_flags = htons(TCP_ACK),
    };
    struct odp_flow_key_parms parms = { .flow = &flow, .probe = true };
    struct odputil_keybuf keybuf;
    struct ofpbuf key;

    ofpbuf_use_stack(&key, &keybuf, sizeof keybuf);
    odp_flow_key_from_flow(&parms, &key);

    for (uint16_t id = 1; id <= TASUKI_ACTION_ATTR_MAX; id++) {
        const struct tasuki_action *a = tasuki_action_from_id(id);
        uint64_t stub[64 / 8];
        struct ofpbuf actions;

        if (!a) {
            continue;           /* Not in this build. */
        }
        ofpbuf_use_stub(&actions, stub, sizeof stub);
        a->probe(&actions);
        bool ok = dpif_probe_feature(dpif, a->name, &key, &actions, NULL);
        ofpbuf_uninit(&actions);

        *supported(support, id) = ok;
        VLOG_INFO("%s: Datapath %s %s action", dpif_name(dpif),
                  ok ? "supports" : "does not support", a->name);
    }
}

/* Returns true if one of the 'len' bytes of 'ofpacts' is an action of ours that
 * 'dpif' cannot have at all.  Logs the reason, which OpenFlow's errors have no
 * room for. */
bool
tasuki_dpif_refuses(const struct dpif *dpif, const struct ofpact *ofpacts,
                    size_t len)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(60, 5);
    const struct ofpact *ofpact;

    OFPACT_FOR_EACH_FLATTENED (ofpact, ofpacts, len) {
        if (ofpact->type != OFPACT_TASUKI) {
            continue;
        }

        const struct ofpact_tasuki *oa = ofpact_get_TASUKI(ofpact);
        const struct tasuki_action *a = tasuki_action_from_id(oa->id);
        const char *problem = (a->dpif_problem
                               ? a->dpif_problem(oa->args,
                                                 dpif_is_netdev(dpif))
                               : NULL);
        if (problem) {
            VLOG_WARN_RL(&rl, "%s: refusing %s to %s: %s", dpif_name(dpif),
                         a->name, tasuki_dst(oa)->field->name, problem);
            return true;
        }
    }
    return false;
}

/* Likewise for the actions of a group's 'buckets'. */
bool
tasuki_dpif_refuses_group(const struct dpif *dpif,
                          const struct ovs_list *buckets)
{
    const struct ofputil_bucket *bucket;

    LIST_FOR_EACH (bucket, list_node, buckets) {
        if (tasuki_dpif_refuses(dpif, bucket->ofpacts, bucket->ofpacts_len)) {
            return true;
        }
    }
    return false;
}

static void
warn_of_slow_path(const struct tasuki_action *a)
{
    static atomic_uint64_t warned = 0;
    uint64_t before;
    atomic_or(&warned, UINT64_C(1) << a->id, &before);
    if (!(before & (UINT64_C(1) << a->id))) {
        VLOG_WARN("the datapath lacks the %s action: packets that need it "
                  "take the slow path through ovs-vswitchd", a->name);
    }
}

/* True once a translation has depended on the MTU of a bridge. */
static atomic_bool uses_mtu = false;

/* Returns true if translations may depend on the MTU of a bridge, so that they
 * have to be done again when the MTU of a port changes. */
bool
tasuki_uses_mtu(void)
{
    bool used;

    atomic_read_relaxed(&uses_mtu, &used);
    return used;
}

/* Returns a recirculation id for a packet that is to go back to 'origin', and
 * adds it to 'recircs'.  Returns 0 if an output action is all that it takes.
 *
 * What a tunnel port sends depends on its configuration, which the datapath
 * does not know.  By it, the other end may have another address, or want
 * another key, than packets from there have.  The answer is translated only
 * when there is one, so nobody looks for the other end's MAC before. */
uint32_t
tasuki_answer_id(const struct tasuki_origin *origin,
                 struct recirc_refs *recircs)
{
    if (!flow_tnl_dst_is_set(origin->tunnel)) {
        return 0;
    }

    struct ofpact_output output;
    ofpact_init(&output.ofpact, OFPACT_OUTPUT, sizeof output);
    output.port = OFPP_IN_PORT;

    /* Like a packet of the switch itself, the answer is not mirrored. */
    struct frozen_state state = {
        .ofproto_uuid = origin->ofproto_uuid,
        .xport_uuid = origin->xport_uuid,
        .mirrors = ~(mirror_mask_t) 0,
        .ofpacts = &output.ofpact,
        .ofpacts_len = sizeof output,
        .metadata = {
            .in_port = origin->ofp_port,
            .tunnel = {
                .tun_id = origin->tunnel->tun_id,
                .ip_src = origin->tunnel->ip_dst,
                .ip_dst = origin->tunnel->ip_src,
                .ipv6_src = origin->tunnel->ipv6_dst,
                .ipv6_dst = origin->tunnel->ipv6_src,
            },
        },
    };
    uint32_t id = recirc_alloc_id_ctx(&state);
    if (id) {
        recirc_refs_add(recircs, id);
    }
    return id;
}

/* Writes 'value' to the subfield that 'oa' names. */
static void
write_dst(const struct ofpact_tasuki *oa, uint32_t value,
          struct tasuki_xlate *x)
{
    const struct mf_subfield *dst = tasuki_dst(oa);
    const struct mf_field *field = dst->field;
    union mf_subvalue subvalue = { .be32 = { 0 } };
    union mf_value mask = { .be32 = 0 };

    /* A group bucket has no match of its own, so anything may come here. */
    if (!mf_are_prereqs_ok(field, x->flow, x->wc)) {
        return;
    }
    bitwise_one(&mask, field->n_bytes, dst->ofs, dst->n_bits);
    mf_mask_field_masked(field, &mask, x->wc);
    subvalue.be32[ARRAY_SIZE(subvalue.be32) - 1] = htonl(value);
    mf_write_subfield_flow(dst, &subvalue, x->flow);
}

/* Appends to 'x' what 'oa' means for a packet of its flow, in a bridge whose
 * ports carry IP packets of 'mtu' bytes.  Adds SLOW_ACTION to '*slow' if the
 * datapath cannot do it and ovs-vswitchd has to.
 *
 * After TASUKI_NEW_HEADERS, only tasuki_needs_headers() says which action may
 * be translated before the packet recirculates.  After TASUKI_VALUE, the
 * packet has to recirculate at once and resume with tasuki_load_value(). */
enum tasuki_effect
tasuki_translate(const struct ofpact_tasuki *oa,
                 const struct dpif_backer_support *support, int mtu,
                 struct tasuki_xlate *x, enum slow_path_reason *slow)
{
    const struct tasuki_action *a = tasuki_action_from_id(oa->id);
    size_t old_size = x->odp_actions->size;

    /* INT_MAX if no port's MTU is known yet. */
    x->mtu = mtu == INT_MAX ? ETH_PAYLOAD_MAX : MIN(mtu, UINT16_MAX);

    enum tasuki_effect effect = a->translate(oa->args, x);
    if (effect == TASUKI_NEW_HEADERS) {
        atomic_store_relaxed(&uses_mtu, true);
    } else if (effect == TASUKI_CONSTANT) {
        write_dst(oa, x->value, x);
    }
    if (x->odp_actions->size != old_size && !*supported(support, oa->id)) {
        warn_of_slow_path(a);
        *slow |= SLOW_ACTION;
    }
    return effect;
}

/* Loads the value that 'oa' has left in the datapath's hash into its subfield.
 * Clears the hash, since others would take the value for one. */
void
tasuki_load_value(const struct ofpact_tasuki *oa, struct tasuki_xlate *x)
{
    unsigned int n_bits = tasuki_dst(oa)->n_bits;
    uint32_t mask = n_bits < 32 ? (UINT32_C(1) << n_bits) - 1 : UINT32_MAX;

    x->wc->masks.dp_hash |= mask;
    write_dst(oa, x->flow->dp_hash & mask, x);
    x->flow->dp_hash = 0;
}

/* Executes those actions in the 'len' bytes at 'actions' that are ours on
 * 'packet', which they may delete.  Returns the value that the last one
 * left. */
static uint32_t
value_of_packet(struct dp_packet *packet, const struct nlattr *actions,
                size_t len)
{
    struct dp_packet_batch batch;
    const struct nlattr *a;
    uint32_t value = 0;
    unsigned int left;

    dp_packet_batch_init_packet(&batch, packet);
    NL_ATTR_FOR_EACH (a, left, actions, len) {
        if (nl_attr_type(a) == OVS_ACTION_ATTR_TASUKI
            && !dp_packet_batch_is_empty(&batch)) {
            tasuki_odp_execute(NULL, &batch, a, left, NULL);
        }
    }
    if (!dp_packet_batch_is_empty(&batch)) {
        value = batch.packets[0]->md.dp_hash;
    }
    dp_packet_delete_batch(&batch, true);
    return value;
}

static void
trace_with_value(struct xlate_in *xin, uint32_t recirc_id, uint32_t value)
{
    struct flow flow = xin->flow;

    flow.dp_hash = value;
    oftrace_add_recirc_node(xin->recirc_queue, OFT_RECIRC_BOND, &flow, NULL,
                            xin->packet, recirc_id, flow.ct_zone);
}

/* Has "ofproto/trace" go on where 'state', of id 'recirc_id', resumes.  It
 * goes on with the value that the packet has after 'odp_actions'.  Without a
 * packet, it goes on with both values of a bit, or with 0 for a longer
 * value. */
void
tasuki_trace_value(struct xlate_in *xin, const struct frozen_state *state,
                   const struct ofpbuf *odp_actions, uint32_t recirc_id)
{
    const struct ofpact *first = state->ofpacts;

    if (!xin->trace || !xin->recirc_queue || !state->ofpacts_len
        || first->type != OFPACT_TASUKI
        || !ofpact_get_TASUKI(first)->thawed) {
        return;
    }
    if (xin->packet) {
        trace_with_value(xin, recirc_id,
                         value_of_packet(dp_packet_clone(xin->packet),
                                         odp_actions->data,
                                         odp_actions->size));
        return;
    }
    trace_with_value(xin, recirc_id, 0);
    if (tasuki_dst(ofpact_get_TASUKI(first))->n_bits == 1) {
        trace_with_value(xin, recirc_id, 1);
    }
}

/* Returns true if 'a' looks at the headers of a packet, changes them, or may
 * go on to an action that does.  If not, stores the port to which it outputs
 * in '*port', or OFPP_NONE.
 *
 * A group is no such action: the actions in its buckets are asked in their
 * turn. */
bool
tasuki_needs_headers(const struct ofpact *a, ofp_port_t *port)
{
    *port = OFPP_NONE;
    if (a->type == OFPACT_OUTPUT) {
        *port = ofpact_get_OUTPUT(a)->port;
    } else if (a->type == OFPACT_OUTPUT_TRUNC) {
        *port = ofpact_get_OUTPUT_TRUNC(a)->port;
    } else if (a->type == OFPACT_ENQUEUE) {
        *port = ofpact_get_ENQUEUE(a)->port;
    } else if (a->type == OFPACT_SET_FIELD) {
        return !mf_is_pipeline_field(ofpact_get_SET_FIELD(a)->field);
    } else {
        return a->type != OFPACT_GROUP && a->type != OFPACT_SET_QUEUE
               && a->type != OFPACT_POP_QUEUE && a->type != OFPACT_SET_TUNNEL;
    }
    return ofp_to_u16(*port) >= ofp_to_u16(OFPP_MAX)
           && *port != OFPP_IN_PORT && *port != OFPP_LOCAL
           && *port != OFPP_NONE;
}

static bool
has_tasuki_action(const struct nlattr *actions, size_t len)
{
    const struct nlattr *a;
    unsigned int left;

    NL_ATTR_FOR_EACH (a, left, actions, len) {
        if (nl_attr_type(a) == OVS_ACTION_ATTR_TASUKI) {
            return true;
        }
    }
    return false;
}

/* The actions in 'odp_actions' from offset 'start' on are to go into a Netlink
 * attribute.  If they are too long for one, drops them and returns true.
 *
 * Doing only some of them would be worse: without those in front, packets
 * would go out unchanged. */
bool
tasuki_refuse_oversized(struct ofpbuf *odp_actions, size_t start)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 5);
    size_t len = odp_actions->size - start;

    if (!nl_attr_oversized(len)) {
        return false;
    }
    COVERAGE_INC(tasuki_clone_oversize);
    VLOG_WARN_RL(&rl, "dropping the datapath actions of a clone or a group "
                 "bucket, %"PRIuSIZE" bytes: more than a clone can hold", len);
    odp_actions->size = start;
    return true;
}

/* Called where translation goes back to what the packet was at 'mark', but
 * cannot take back what the datapath actions since then do to it.  No later
 * action can revert one of ours.  If one of ours is among them and the packet
 * is used again, moves them into a clone, or drops them if a clone cannot hold
 * them.  Restores 'base_flow' accordingly, and 'was_mpls', which says that the
 * packet's headers are not as the flow says.  Returns SLOW_ACTION if the
 * datapath cannot clone and ovs-vswitchd has to, otherwise 0. */
enum slow_path_reason
tasuki_isolate(const struct tasuki_mark *mark, bool is_last_action,
               struct ofpbuf *odp_actions, struct flow *base_flow,
               bool *was_mpls, const struct dpif_backer_support *support)
{
    size_t len = odp_actions->size - mark->odp_size;
    if (is_last_action
        || !has_tasuki_action(ofpbuf_at(odp_actions, mark->odp_size, 0),
                              len)) {
        return 0;
    }

    *base_flow = mark->base_flow;
    *was_mpls = mark->was_mpls;
    if (tasuki_refuse_oversized(odp_actions, mark->odp_size)) {
        return 0;
    }

    struct nlattr clone = {
        .nla_type = OVS_ACTION_ATTR_CLONE,
        .nla_len = NLA_HDRLEN + len,
    };
    ofpbuf_insert(odp_actions, mark->odp_size, &clone, sizeof clone);
    return support->clone ? 0 : SLOW_ACTION;
}

/* Does what flow_extract() does for the packet of 'upcall', whose key is in
 * 'flow' already.
 *
 * If the two disagree on the protocol, the key's stays.  The kernel accepts a
 * wrong length in an IP header, but flow_extract() sees no TCP then, while the
 * resulting datapath flow matches by the key.  So one damaged segment could
 * send those behind it where no segment of their connection goes. */
void
tasuki_upcall_extract(struct dpif_upcall *upcall, struct flow *flow)
{
    const uint8_t nw_proto = flow->nw_proto;

    flow_extract(&upcall->packet, flow);
    if (OVS_UNLIKELY(flow->nw_proto != nw_proto)) {
        odp_flow_key_to_flow(upcall->key, upcall->key_len, flow, NULL);
    }
}
