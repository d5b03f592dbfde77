/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the decoder of our OpenFlow actions.  An input is one
 * byte of flags and the bytes of OpenFlow actions, less the beginning that the
 * flags ask for: a fuzzer should not spend its time on guessing our
 * experimenter id.  Whatever the decoder accepts must
 *
 *   - encode to the very bytes that came, since ours have a single form;
 *   - encode for every other OpenFlow version to what decodes the same;
 *   - print as what parses to the same;
 *   - be refused or not by the match of its flow as the manual says.
 *
 * Next to other actions, whose round trips are upstream's affair, nothing must
 * crash. */

#include <config.h>
#undef NDEBUG
#include <netinet/in.h>
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-actions.h"
#include "openvswitch/ofpbuf.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "tasuki-action.h"
#include "tasuki-nat64.h"
#include "util.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Flags in the first byte. */
enum {
    PREFIX_MASK = 3,            /* enum prefix. */
    RAW_LEN = 4,                /* Next byte is the length field. */
    TWICE = 8,                  /* Two copies in one list. */
    NAT64 = 16,                 /* The id of nat64 in the prefix. */
    IPSEC_TAG = 32,             /* Likewise, if not NAT64. */
};

/* What is put before the input. */
enum prefix {
    NOTHING,
    UP_TO_VENDOR,
    UP_TO_ID,
    WHOLE_HEADER,
};

static void
put_action(struct ofpbuf *b, uint8_t flags, const uint8_t *data, size_t size)
{
    static const size_t prefix_lens[] = {
        [NOTHING] = 0,
        [UP_TO_VENDOR] = offsetof(struct tasuki_action_header, subtype),
        [UP_TO_ID] = offsetof(struct tasuki_action_header, pad),
        [WHOLE_HEADER] = sizeof(struct tasuki_action_header),
    };
    struct tasuki_action_header header = {
        .type = htons(0xffff),
        .vendor = htonl(TASUKI_VENDOR_ID),
        .id = htons(flags & NAT64 ? TASUKI_ACTION_ATTR_NAT64
                    : flags & IPSEC_TAG ? TASUKI_ACTION_ATTR_IPSEC_TAG
                    : TASUKI_ACTION_ATTR_TCP_OFFSET),
    };
    size_t prefix_len = prefix_lens[flags & PREFIX_MASK];

    if (flags & RAW_LEN && size) {
        header.len = htons(*data++);
        size--;
    } else {
        header.len = htons(ROUND_UP(prefix_len + size, 8));
    }
    ofpbuf_put(b, &header, prefix_len);
    ofpbuf_put(b, data, size);
    ofpbuf_put_zeros(b, PAD_SIZE(b->size, 8));
}

static enum ofperr
decode(const struct ofpbuf *openflow, enum ofp_version version,
       struct ofpbuf *ofpacts)
{
    /* A copy of exactly this size, for AddressSanitizer. */
    struct ofpbuf *copy = ofpbuf_clone(openflow);
    enum ofperr error = ofpacts_pull_openflow_actions(
        copy, copy->size, version, NULL, NULL, ofpacts);

    ofpbuf_delete(copy);
    return error;
}

static bool
all_ours(const struct ofpbuf *ofpacts)
{
    const struct ofpact *a;

    OFPACT_FOR_EACH (a, ofpacts->data, ofpacts->size) {
        if (a->type != OFPACT_TASUKI) {
            return false;
        }
    }
    return true;
}

static void
assert_equal(const struct ofpbuf *a, const struct ofpbuf *b)
{
    ovs_assert(ofpacts_equal(a->data, a->size, b->data, b->size));
}

static void
check_encode(const struct ofpbuf *ofpacts, const struct ofpbuf *openflow)
{
    for (int v = OFP10_VERSION; v <= OFP15_VERSION; v++) {
        struct ofpbuf encoded, decoded;

        ofpbuf_init(&encoded, 0);
        ofpbuf_init(&decoded, 0);
        ofpacts_put_openflow_actions(ofpacts->data, ofpacts->size,
                                     &encoded, v);
        ovs_assert(ofpbuf_equal(&encoded, openflow));
        ovs_assert(!decode(&encoded, v, &decoded));
        assert_equal(ofpacts, &decoded);
        ofpbuf_uninit(&encoded);
        ofpbuf_uninit(&decoded);
    }
}

static void
check_format(const struct ofpbuf *ofpacts)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct ofpact_format_params fp = { .s = &s };
    enum ofputil_protocol protocols = OFPUTIL_P_ANY;
    struct ofpbuf parsed;
    struct ofpact_parse_params pp = {
        .ofpacts = &parsed,
        .usable_protocols = &protocols,
    };

    ofpbuf_init(&parsed, 0);
    ofpacts_format(ofpacts->data, ofpacts->size, &fp);
    ovs_assert(!ofpacts_parse_actions(ds_cstr(&s), &pp));
    ovs_assert(protocols == OFPUTIL_P_ANY);
    assert_equal(ofpacts, &parsed);
    ofpbuf_uninit(&parsed);
    ds_destroy(&s);
}

static enum ofperr
check_against(const struct ofpbuf *ofpacts, uint16_t dl_type, int nw_proto)
{
    struct match match;
    struct ofpact_check_params cp = {
        .match = &match,
        .max_ports = OFPP_MAX,
        .n_tables = 255,
    };

    match_init_catchall(&match);
    if (dl_type) {
        match_set_dl_type(&match, htons(dl_type));
    }
    if (nw_proto) {
        match_set_nw_proto(&match, nw_proto);
    }
    return ofpacts_check(ofpacts->data, ofpacts->size, &cp);
}

static void
check_match_tcp_offset(const struct ofpbuf *ofpacts)
{
    enum ofperr bad = ofpacts->size ? OFPERR_OFPBAC_MATCH_INCONSISTENT : 0;

    ovs_assert(!check_against(ofpacts, ETH_TYPE_IP, IPPROTO_TCP));
    ovs_assert(!check_against(ofpacts, ETH_TYPE_IPV6, IPPROTO_TCP));
    ovs_assert(check_against(ofpacts, ETH_TYPE_IP, IPPROTO_UDP) == bad);
    ovs_assert(check_against(ofpacts, ETH_TYPE_IP, 0) == bad);
    ovs_assert(check_against(ofpacts, ETH_TYPE_ARP, IPPROTO_TCP) == bad);
    ovs_assert(check_against(ofpacts, 0, 0) == bad);
}

/* For a single one. */
static void
check_match_nat64(const struct ofpbuf *ofpacts, const struct nat64 *n)
{
    const enum ofperr bad = OFPERR_OFPBAC_MATCH_INCONSISTENT;
    enum ofperr ip4 = n->direction == NAT64_6TO4 ? bad : 0;
    enum ofperr ip6 = n->direction == NAT64_4TO6 ? bad : 0;

    ovs_assert(check_against(ofpacts, ETH_TYPE_IP, 0) == ip4);
    ovs_assert(check_against(ofpacts, ETH_TYPE_IP, IPPROTO_ICMP) == ip4);
    ovs_assert(check_against(ofpacts, ETH_TYPE_ARP, 0) == ip4);
    ovs_assert(check_against(ofpacts, ETH_TYPE_IPV6, 0) == ip6);
    ovs_assert(check_against(ofpacts, ETH_TYPE_IPV6, IPPROTO_ICMPV6) == ip6);
    ovs_assert(check_against(ofpacts, ETH_TYPE_MPLS, 0)
               == (n->direction == NAT64_NORMAL ? 0 : bad));
}

static void
check_match(const struct ofpbuf *ofpacts)
{
    const struct ofpact_tasuki *nat64 = NULL;
    const struct ofpact *a;
    int n = 0;

    OFPACT_FOR_EACH (a, ofpacts->data, ofpacts->size) {
        const struct ofpact_tasuki *oa = ofpact_get_TASUKI(a);

        /* Its match depends on its field, which is upstream's affair. */
        if (oa->id == TASUKI_ACTION_ATTR_IPSEC_TAG) {
            return;
        }
        nat64 = oa->id == TASUKI_ACTION_ATTR_NAT64 ? oa : nat64;
        n++;
    }
    if (!nat64) {
        check_match_tcp_offset(ofpacts);
    } else if (n == 1) {
        check_match_nat64(ofpacts, (const void *) nat64->args);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool initialized = false;
    if (!initialized) {
        vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
        initialized = true;
    }
    if (!size) {
        return 0;
    }

    struct ofpbuf openflow;
    ofpbuf_init(&openflow, 0);
    put_action(&openflow, data[0], data + 1, size - 1);
    if (data[0] & TWICE) {
        put_action(&openflow, data[0], data + 1, size - 1);
    }

    for (int v = OFP10_VERSION; v <= OFP15_VERSION; v++) {
        struct ofpbuf ofpacts;

        ofpbuf_init(&ofpacts, 0);
        if (!decode(&openflow, v, &ofpacts) && all_ours(&ofpacts)) {
            check_encode(&ofpacts, &openflow);
            check_format(&ofpacts);
            check_match(&ofpacts);
        }
        ofpbuf_uninit(&ofpacts);
    }
    ofpbuf_uninit(&openflow);
    return 0;
}
