/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the parsers of our actions, as ovs-ofctl and dpctl call
 * them.  An input is one byte of flags and a string, which the flags put
 * between a keyword and its parentheses.  What a parser accepts must print as
 * what it accepts again with the same meaning, and fit on the wire; what it
 * refuses must come with an error. */

#include <config.h>
#undef NDEBUG
#include <string.h>
#include "odp-util.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "tasuki-action.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* At least one action and none of upstream's, whose forms need not survive. */
static bool
all_ours(const struct ofpbuf *ofpacts)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH (a, ofpacts->data, ofpacts->size) {
        if (a->type != OFPACT_TASUKI) {
            return false;
        }
    }
    return ofpacts->size > 0;
}

static char *
parse(const char *s, struct ofpbuf *ofpacts)
{
    enum ofputil_protocol protocols = OFPUTIL_P_ANY;
    struct ofpact_parse_params pp = {
        .ofpacts = ofpacts,
        .usable_protocols = &protocols,
    };

    ofpbuf_init(ofpacts, 0);
    return ofpacts_parse_actions(s, &pp);
}

static void
check_wire(const struct ofpbuf *ofpacts)
{
    for (int v = OFP10_VERSION; v <= OFP15_VERSION; v++) {
        struct ofpbuf openflow, decoded;

        ofpbuf_init(&openflow, 0);
        ofpbuf_init(&decoded, 0);
        ofpacts_put_openflow_actions(ofpacts->data, ofpacts->size,
                                     &openflow, v);
        ovs_assert(!ofpacts_pull_openflow_actions(&openflow, openflow.size, v,
                                                  NULL, NULL, &decoded));
        ovs_assert(ofpacts_equal(ofpacts->data, ofpacts->size,
                                 decoded.data, decoded.size));
        ofpbuf_uninit(&openflow);
        ofpbuf_uninit(&decoded);
    }
}

static void
check_openflow(const char *input)
{
    struct ofpbuf first, second;
    char *error = parse(input, &first);

    if (error) {
        ovs_assert(error[0]);
        free(error);
    } else if (all_ours(&first)) {
        struct ds s = DS_EMPTY_INITIALIZER;
        struct ofpact_format_params fp = { .s = &s };

        ofpacts_format(first.data, first.size, &fp);
        ovs_assert(!parse(ds_cstr(&s), &second));
        ovs_assert(ofpacts_equal(first.data, first.size,
                                 second.data, second.size));
        ofpbuf_uninit(&second);
        ds_destroy(&s);

        check_wire(&first);
    }
    ofpbuf_uninit(&first);
}

static void
check_datapath(const char *input)
{
    struct ofpbuf first, second;

    ofpbuf_init(&first, 0);
    ofpbuf_init(&second, 0);
    if (!odp_actions_from_string(input, NULL, &first)) {
        struct ds s = DS_EMPTY_INITIALIZER;
        const struct nlattr *a;
        unsigned int left;
        bool ours = true;

        NL_ATTR_FOR_EACH (a, left, first.data, first.size) {
            ours = ours && nl_attr_type(a) == OVS_ACTION_ATTR_TASUKI;
        }
        format_odp_actions(&s, first.data, first.size, NULL);
        if (ours && first.size) {
            ovs_assert(!odp_actions_from_string(ds_cstr(&s), NULL, &second));
            ovs_assert(ofpbuf_equal(&first, &second));
        }
        ds_destroy(&s);
    }
    ofpbuf_uninit(&first);
    ofpbuf_uninit(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const forms[] = {
        "tcp_offset(%s)", "tcp_offset:%s", "tcp_offset%s", "%s",
        "tcp_offset(seq=%s)", "tcp_offset(tsecr=%s)", "tcp_offset(wscale=%s)",
        "tcp_offset(ack=1),tcp_offset(%s)",
        "nat64(%s)", "nat64:%s", "nat64(4to6,prefix=%s)",
        "nat64(6to4,prefix=%s/96)", "nat64(ll6to4,mtu=%s)",
        "ipsec_tag(%s)", "ipsec_tag(n=4,to=%s)", "ipsec_tag(n=256,to=reg0,%s)",
        "ipsec_tag(n=9,to=nw_dst[0..7],map=%s)",
    };
    static bool initialized = false;
    if (!initialized) {
        vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
        initialized = true;
    }
    if (!size) {
        return 0;
    }

    char *arguments = xmemdup0((const char *) data + 1, size - 1);
    const char *form = forms[data[0] % ARRAY_SIZE(forms)];
    size_t n = strcspn(form, "%");
    char *input = xasprintf("%.*s%s%s", (int) n, form, arguments,
                            form + n + 2);

    check_openflow(input);
    check_datapath(input);
    free(arguments);
    free(input);
    return 0;
}
