/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_XLATE_H
#define TASUKI_XLATE_H 1

/* Translation of our actions to the datapath's, and the slow path for a
 * datapath that lacks one.  Hooks for ofproto-dpif.c, ofproto-dpif-xlate.c and
 * ofproto-dpif-upcall.c. */

#include "flow.h"
#include "odp-util.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/uuid.h"
#include "tasuki-action.h"
#include "tasuki-sample.h"
#include "tasuki-unknown.h"

struct dpif;
struct dpif_upcall;
struct dpif_backer_support;
struct frozen_state;
struct ofpact;
struct ofpact_tasuki;
struct recirc_refs;
struct ovs_list;
struct xlate_in;

/* The tunnel that a packet came from. */
struct tasuki_origin {
    struct uuid ofproto_uuid;   /* The bridge. */
    struct uuid xport_uuid;     /* Its port, in ofproto-dpif-xlate's terms, */
    ofp_port_t ofp_port;        /* and in OpenFlow's. */
    const struct flow_tnl *tunnel;      /* As it was received. */
};

void tasuki_check_support(struct dpif *, struct dpif_backer_support *);
bool tasuki_dpif_refuses(const struct dpif *, const struct ofpact *,
                         size_t len);
bool tasuki_dpif_refuses_group(const struct dpif *,
                               const struct ovs_list *buckets);

enum tasuki_effect tasuki_translate(const struct ofpact_tasuki *,
                                    const struct dpif_backer_support *,
                                    int mtu, struct tasuki_xlate *,
                                    enum slow_path_reason *);
void tasuki_load_value(const struct ofpact_tasuki *, struct tasuki_xlate *);
void tasuki_trace_value(struct xlate_in *, const struct frozen_state *,
                        const struct ofpbuf *odp_actions, uint32_t recirc_id);
uint32_t tasuki_answer_id(const struct tasuki_origin *, struct recirc_refs *);
bool tasuki_needs_headers(const struct ofpact *, ofp_port_t *);
bool tasuki_uses_mtu(void);

/* A point in a translation to which the packet must return: the datapath
 * actions up to there, and the packet as they left it. */
struct tasuki_mark {
    size_t odp_size;
    struct flow base_flow;
    bool was_mpls;
};

static inline struct tasuki_mark
tasuki_mark(const struct ofpbuf *odp_actions, const struct flow *base_flow,
            bool was_mpls)
{
    return (struct tasuki_mark) { odp_actions->size, *base_flow, was_mpls };
}

bool tasuki_refuse_oversized(struct ofpbuf *odp_actions, size_t start);
enum slow_path_reason tasuki_isolate(const struct tasuki_mark *,
                                     bool is_last_action,
                                     struct ofpbuf *odp_actions,
                                     struct flow *base_flow, bool *was_mpls,
                                     const struct dpif_backer_support *);

/* Hook for ofproto-dpif-upcall.c. */
void tasuki_upcall_extract(struct dpif_upcall *, struct flow *);

#endif /* TASUKI_XLATE_H */
