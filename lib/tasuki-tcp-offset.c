/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-tcp-offset.h"

#include <inttypes.h>

#include "coverage.h"
#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

/* Segments that tcp_offset left as they were, by reason. */
COVERAGE_DEFINE(tcp_offset_not_tcp);
COVERAGE_DEFINE(tcp_offset_truncated);
COVERAGE_DEFINE(tcp_offset_bad_doff);
COVERAGE_DEFINE(tcp_offset_bad_option);

/* Arguments. */

/* The arguments that are numbers modulo 2**32, in the order in which they
 * print. */
static const struct offset_arg {
    const char *name;
    enum tcp_offset_field field;
    size_t ofs;                 /* In struct tcp_offset. */
} offset_args[] = {
    { "seq", TCP_OFFSET_SEQ, offsetof(struct tcp_offset, seq) },
    { "ack", TCP_OFFSET_ACK, offsetof(struct tcp_offset, ack) },
    { "tsval", TCP_OFFSET_TSVAL, offsetof(struct tcp_offset, tsval) },
    { "tsecr", TCP_OFFSET_TSECR, offsetof(struct tcp_offset, tsecr) },
};

#define ALL_FIELDS (TCP_OFFSET_SEQ | TCP_OFFSET_ACK | TCP_OFFSET_TSVAL \
                    | TCP_OFFSET_TSECR | TCP_OFFSET_WSCALE)

static uint32_t *
offset_arg_get(const struct tcp_offset *to, const struct offset_arg *arg)
{
    return ALIGNED_CAST(uint32_t *, (uint8_t *) to + arg->ofs);
}

static char *
parse_arg(const char *key, const char *value, struct tcp_offset *to)
{
    enum tcp_offset_field field = 0;
    const struct offset_arg *arg = NULL;

    if (!strcmp(key, "wscale")) {
        field = TCP_OFFSET_WSCALE;
    } else {
        for (size_t i = 0; i < ARRAY_SIZE(offset_args); i++) {
            if (!strcmp(key, offset_args[i].name)) {
                arg = &offset_args[i];
                field = arg->field;
            }
        }
    }
    if (!field) {
        return xasprintf("tcp_offset: unknown argument \"%s\", must be one of "
                         "seq, ack, tsval, tsecr, wscale", key);
    }
    if (to->fields & field) {
        return xasprintf("tcp_offset: %s is given twice", key);
    }

    long long int min = arg ? INT32_MIN : -TCP_OFFSET_WSCALE_MAX;
    long long int max = arg ? UINT32_MAX : TCP_OFFSET_WSCALE_MAX;
    long long int number;
    if (!tasuki_parse_number(value, min, max, &number)) {
        return xasprintf("tcp_offset: %s=%s is not a number from %lld to %lld",
                         key, value, min, max);
    }

    to->fields |= field;
    if (arg) {
        *offset_arg_get(to, arg) = number;
    } else {
        to->wscale = number;
    }
    return NULL;
}

static char *
tcp_offset_parse(char *s, void *to_)
{
    struct tcp_offset *to = to_;
    char *key, *value;

    while (ofputil_parse_key_value(&s, &key, &value)) {
        char *error = parse_arg(key, value, to);
        if (error) {
            return error;
        }
    }
    if (!to->fields) {
        return xstrdup("tcp_offset: at least one of seq, ack, tsval, tsecr, "
                       "wscale is required");
    }
    return NULL;
}

static void
tcp_offset_format(const void *to_, struct ds *s)
{
    const struct tcp_offset *to = to_;

    ds_put_cstr(s, "tcp_offset(");
    for (size_t i = 0; i < ARRAY_SIZE(offset_args); i++) {
        const struct offset_arg *arg = &offset_args[i];

        if (to->fields & arg->field) {
            ds_put_format(s, "%s=%"PRId32",", arg->name,
                          (int32_t) *offset_arg_get(to, arg));
        }
    }
    if (to->fields & TCP_OFFSET_WSCALE) {
        ds_put_format(s, "wscale=%d,", to->wscale);
    }
    ds_chomp(s, ',');
    ds_put_char(s, ')');
}

/* True if 'to' is what 'parse' could have made. */
static bool
tcp_offset_is_valid(const struct tcp_offset *to)
{
    if (!to->fields || to->fields & ~ALL_FIELDS
        || abs(to->wscale) > TCP_OFFSET_WSCALE_MAX
        || !is_all_zeros(to->pad, sizeof to->pad)) {
        return false;
    }

    for (size_t i = 0; i < ARRAY_SIZE(offset_args); i++) {
        const struct offset_arg *arg = &offset_args[i];

        if (!(to->fields & arg->field) && *offset_arg_get(to, arg)) {
            return false;
        }
    }
    return to->fields & TCP_OFFSET_WSCALE || !to->wscale;
}

/* OpenFlow. */

/* What follows struct tasuki_action_header. */
struct ofp_tcp_offset {
    ovs_be32 seq;
    ovs_be32 ack;
    ovs_be32 tsval;
    ovs_be32 tsecr;
    uint8_t fields;             /* Bitmap of TCP_OFFSET_*: which are given. */
    int8_t wscale;
    uint8_t pad[6];             /* Must be zero. */
};
BUILD_ASSERT_DECL(sizeof(struct ofp_tcp_offset) == 24);

static void
tcp_offset_encode(const void *to_, struct ofpbuf *out)
{
    const struct tcp_offset *to = to_;
    struct ofp_tcp_offset *oto = ofpbuf_put_zeros(out, sizeof *oto);

    oto->seq = htonl(to->seq);
    oto->ack = htonl(to->ack);
    oto->tsval = htonl(to->tsval);
    oto->tsecr = htonl(to->tsecr);
    oto->fields = to->fields;
    oto->wscale = to->wscale;
}

static enum ofperr
tcp_offset_decode(const void *body, size_t len, void *to_)
{
    const struct ofp_tcp_offset *oto = body;
    struct tcp_offset *to = to_;

    if (len != sizeof *oto) {
        return OFPERR_OFPBAC_BAD_LEN;
    }
    if (!is_all_zeros(oto->pad, sizeof oto->pad)) {
        return OFPERR_NXBRC_MUST_BE_ZERO;
    }

    to->seq = ntohl(oto->seq);
    to->ack = ntohl(oto->ack);
    to->tsval = ntohl(oto->tsval);
    to->tsecr = ntohl(oto->tsecr);
    to->fields = oto->fields;
    to->wscale = oto->wscale;
    return tcp_offset_is_valid(to) ? 0 : OFPERR_OFPBAC_BAD_ARGUMENT;
}

static enum ofperr
tcp_offset_check(const void *to OVS_UNUSED, struct match *match)
{
    return tasuki_check_is_tcp(match);
}

/* Translation. */

static void
tcp_offset_put(const struct tcp_offset *to, struct ofpbuf *odp_actions)
{
    tasuki_odp_put(odp_actions, TASUKI_ACTION_ATTR_TCP_OFFSET, to, sizeof *to);
}

static enum tasuki_effect
tcp_offset_translate(const void *to, struct tasuki_xlate *x)
{
    /* A group bucket has no match of its own, so anything may come here. */
    if (!is_ip_any(x->flow)) {
        return TASUKI_OK;
    }
    WC_MASK_FIELD(x->wc, nw_proto);
    if (x->flow->nw_proto == IPPROTO_TCP
        && !(x->flow->nw_frag & FLOW_NW_FRAG_LATER)) {
        tcp_offset_put(to, x->odp_actions);
    }
    return TASUKI_OK;
}

static void
tcp_offset_probe(struct ofpbuf *odp_actions)
{
    const struct tcp_offset to = { .fields = TCP_OFFSET_SEQ };

    tcp_offset_put(&to, odp_actions);
}

/* Datapath. */

static void
tcp_offset_odp_format(const void *payload, size_t len, struct ds *s)
{
    struct tcp_offset to;

    if (len != sizeof to) {
        ds_put_format(s, "tcp_offset(bad length %"PRIuSIZE")", len);
        return;
    }
    memcpy(&to, payload, sizeof to);
    tcp_offset_format(&to, s);
}

static char *
tcp_offset_odp_parse(char *s, struct ofpbuf *odp_actions)
{
    struct tcp_offset to = { .fields = 0 };

    char *error = tcp_offset_parse(s, &to);
    if (!error) {
        tcp_offset_put(&to, odp_actions);
    }
    return error;
}

static void
count_unhandled(enum tcp_offset_result result)
{
    switch (result) {
    case TCP_OFFSET_OK:
    case TCP_OFFSET_LATER_FRAG:
        break;
    case TCP_OFFSET_NOT_TCP:
        COVERAGE_INC(tcp_offset_not_tcp);
        break;
    case TCP_OFFSET_TRUNCATED:
        COVERAGE_INC(tcp_offset_truncated);
        break;
    case TCP_OFFSET_BAD_DOFF:
        COVERAGE_INC(tcp_offset_bad_doff);
        break;
    case TCP_OFFSET_BAD_OPTION:
        COVERAGE_INC(tcp_offset_bad_option);
        break;
    }
}

static void
tcp_offset_execute(struct dp_packet_batch *batch, const void *payload,
                   const struct tasuki_exec *exec OVS_UNUSED)
{
    const struct tcp_offset *to = payload;
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        uint8_t *l3 = dp_packet_l3(packet);
        if (OVS_UNLIKELY(!l3)) {
            COVERAGE_INC(tcp_offset_not_tcp);
            continue;
        }

        size_t len = (uint8_t *) dp_packet_tail(packet) - l3;
        bool csum_partial = dp_packet_hwol_l4_is_tcp(packet)
                            || dp_packet_hwol_is_tso(packet);
        enum tcp_offset_result result = tcp_offset_packet(to, l3, len,
                                                          csum_partial);
        if (OVS_UNLIKELY(result != TCP_OFFSET_OK)) {
            count_unhandled(result);
        }
    }
}

const struct tasuki_action tasuki_tcp_offset = {
    .id = TASUKI_ACTION_ATTR_TCP_OFFSET,
    .name = "tcp_offset",
    .args_size = sizeof(struct tcp_offset),
    .parse = tcp_offset_parse,
    .format = tcp_offset_format,
    .encode = tcp_offset_encode,
    .decode = tcp_offset_decode,
    .check = tcp_offset_check,
    .translate = tcp_offset_translate,
    .probe = tcp_offset_probe,
    .odp_format = tcp_offset_odp_format,
    .odp_parse = tcp_offset_odp_parse,
    .execute = tcp_offset_execute,
};
