/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "fragments.h"

#include <netinet/in.h>

#include "flow.h"
#include "flows.h"
#include "hmapx.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "tasuki-defrag.h"
#include "utilities/tasukid/apps/handover/engine/service.h"
#include "utilities/tasukid/core/ofswitch.h"
#include "utilities/tasukid/core/pipeline.h"

static void
match_fragments(struct match *match)
{
    match_init_catchall(match);
    match_set_dl_type(match, htons(ETH_TYPE_IP));
    match_set_nw_proto(match, IPPROTO_TCP);
    match_set_nw_frag_masked(match, FLOW_NW_FRAG_ANY, FLOW_NW_FRAG_ANY);
}

/* A packet that conntrack has put together starts again in the same table.  It
 * is no fragment any more, so it meets the other flows. */
static void
declare(struct flow_set *flows, const struct match *match)
{
    uint64_t stub[128 / 8];
    struct ofpbuf ofpacts = OFPBUF_STUB_INITIALIZER(stub);
    struct ofpact_conntrack *ct = ofpact_put_CT(&ofpacts);

    ct->zone_imm = TASUKI_DEFRAG_ZONE;
    ct->recirc_table = PIPE_SERVICE;
    ofpact_finish_CT(&ofpacts, &ct);
    flow_set_add(flows, PIPE_APP_HANDOVER, PIPE_COOKIE(PIPE_APP_HANDOVER, 0),
                 PIPE_SERVICE, FLOW_FRAGMENT, match, &ofpacts);
    ofpbuf_uninit(&ofpacts);
}

/* Returns true the first time that it is called for 'address'. */
static bool
is_new(struct hmapx *addresses, ovs_be32 address)
{
    return hmapx_add(addresses,
                     (void *) (uintptr_t) (OVS_FORCE uint32_t) address);
}

static void
declare_servers(struct flow_set *flows, const struct service *service,
                struct hmapx *addresses)
{
    for (size_t i = 0; i < service->cfg->n_members; i++) {
        ovs_be32 address = service->members[i]->address;
        struct match match;

        if (is_new(addresses, address)) {
            match_fragments(&match);
            match_set_nw_src(&match, address);
            declare(flows, &match);
        }
    }
}

void
fragments_declare(const struct engine *e, struct flow_set *flows)
{
    struct hmapx addresses = HMAPX_INITIALIZER(&addresses);
    const struct service *service;

    LIST_FOR_EACH (service, node, &e->services) {
        const struct service_config *cfg = service->cfg;
        struct match match;

        declare_servers(flows, service, &addresses);
        if (service_lookup_vip(e, cfg->zone, cfg->vip) == service) {
            match_fragments(&match);
            match_set_nw_dst(&match, cfg->vip);
            declare(flows, &match);
        }
    }
    hmapx_destroy(&addresses);
}
