/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "check-tcp-seq.h"
#include "tasuki-action.h"

#include <inttypes.h>

#include "coverage.h"
#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/meta-flow.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "tcp-cut.h"
#include "util.h"

/* The check_tcp_seq action.  What it checks is in check-tcp-seq.h. */

/* Super-packets that straddle an edge of their window: those that were cut
 * there, each time, and those that must not be and are outside as a whole. */
COVERAGE_DEFINE(check_tcp_seq_cut);
COVERAGE_DEFINE(check_tcp_seq_straddles);

/* Arguments. */

static const char *
number_name(const struct check_tcp_seq *c)
{
    return c->number == CHECK_TCP_SEQ ? "seq" : "ack";
}

static char *
parse_arg(const char *key, const char *value, struct check_tcp_seq *c,
          bool *has_start)
{
    bool start = !strcmp(key, "start");
    long long int number;

    if (!start && strcmp(key, "len")) {
        return xasprintf("check_tcp_seq: unknown argument \"%s\", must be one "
                         "of start, len", key);
    }
    if (start ? *has_start : c->len) {
        return xasprintf("check_tcp_seq: %s is given twice", key);
    }

    long long int min = start ? INT32_MIN : 1;
    long long int max = start ? UINT32_MAX : CHECK_TCP_LEN_MAX;
    if (!tasuki_parse_number(value, min, max, &number)) {
        return xasprintf("check_tcp_seq: %s=%s is not a number from %lld to "
                         "%lld", key, value, min, max);
    }
    if (start) {
        c->start = number;
        *has_start = true;
    } else {
        c->len = number;
    }
    return NULL;
}

static char *
check_tcp_seq_parse(char *s, void *c_)
{
    struct check_tcp_seq *c = c_;
    bool has_start = false;
    char *key, *value;

    if (!ofputil_parse_key_value(&s, &key, &value) || value[0]
        || (strcmp(key, "seq") && strcmp(key, "ack"))) {
        return xstrdup("check_tcp_seq: the first argument must be seq or ack");
    }
    c->number = !strcmp(key, "seq") ? CHECK_TCP_SEQ : CHECK_TCP_ACK;
    while (ofputil_parse_key_value(&s, &key, &value)) {
        char *error = parse_arg(key, value, c, &has_start);
        if (error) {
            return error;
        }
    }
    if (!has_start || !c->len) {
        return xasprintf("check_tcp_seq: %s is required",
                         has_start ? "len" : "start");
    }
    return NULL;
}

static void
check_tcp_seq_format(const void *c_, struct ds *s)
{
    const struct check_tcp_seq *c = c_;

    ds_put_format(s, "check_tcp_seq(%s,start=%"PRIu32",len=%"PRIu32")",
                  number_name(c), c->start, c->len);
}

static const char *
check_tcp_seq_dst_problem(const void *c OVS_UNUSED,
                          const struct mf_subfield *dst)
{
    return dst->n_bits == 1 ? NULL : "a single bit";
}

/* OpenFlow. */

/* What follows struct tasuki_dst_header. */
struct ofp_check_tcp_seq {
    ovs_be32 start;
    ovs_be32 len;
    uint8_t number;             /* enum check_tcp_number. */
    uint8_t pad[7];             /* Must be zero. */
};
BUILD_ASSERT_DECL(sizeof(struct ofp_check_tcp_seq) == 16);

static void
check_tcp_seq_encode(const void *c_, struct ofpbuf *out)
{
    const struct check_tcp_seq *c = c_;
    struct ofp_check_tcp_seq *oc = ofpbuf_put_zeros(out, sizeof *oc);

    oc->start = htonl(c->start);
    oc->len = htonl(c->len);
    oc->number = c->number;
}

static enum ofperr
check_tcp_seq_decode(const void *body, size_t len, void *c_)
{
    const struct ofp_check_tcp_seq *oc = body;
    struct check_tcp_seq *c = c_;

    if (len != sizeof *oc) {
        return OFPERR_OFPBAC_BAD_LEN;
    }
    if (!is_all_zeros(oc->pad, sizeof oc->pad)) {
        return OFPERR_NXBRC_MUST_BE_ZERO;
    }

    c->start = ntohl(oc->start);
    c->len = ntohl(oc->len);
    c->number = oc->number;
    return check_tcp_seq_check(c) ? OFPERR_OFPBAC_BAD_ARGUMENT : 0;
}

static enum ofperr
check_tcp_seq_check_match(const void *c OVS_UNUSED, struct match *match)
{
    return tasuki_check_is_tcp(match);
}

/* Translation. */

static void
check_tcp_seq_put(const struct check_tcp_seq *c, struct ofpbuf *odp_actions)
{
    tasuki_odp_put(odp_actions, TASUKI_ACTION_ATTR_CHECK_TCP_SEQ, c,
                   sizeof *c);
}

static enum tasuki_effect
check_tcp_seq_translate(const void *c, struct tasuki_xlate *x)
{
    /* A group bucket has no match of its own, so anything may come here. */
    if (is_ip_any(x->flow)) {
        WC_MASK_FIELD(x->wc, nw_proto);
        if (x->flow->nw_proto == IPPROTO_TCP
            && !(x->flow->nw_frag & FLOW_NW_FRAG_ANY)) {
            check_tcp_seq_put(c, x->odp_actions);
            return TASUKI_VALUE;
        }
    }
    x->value = 0;
    return TASUKI_CONSTANT;
}

static void
check_tcp_seq_probe(struct ofpbuf *odp_actions)
{
    const struct check_tcp_seq c = { .len = 1 };

    check_tcp_seq_put(&c, odp_actions);
}

/* Datapath. */

static void
check_tcp_seq_odp_format(const void *payload, size_t len, struct ds *s)
{
    struct check_tcp_seq c;

    if (len != sizeof c) {
        ds_put_format(s, "check_tcp_seq(bad length %"PRIuSIZE")", len);
        return;
    }
    memcpy(&c, payload, sizeof c);
    check_tcp_seq_format(&c, s);
}

static char *
check_tcp_seq_odp_parse(char *s, struct ofpbuf *odp_actions)
{
    struct check_tcp_seq c = { .len = 0 };

    char *error = check_tcp_seq_parse(s, &c);
    if (!error) {
        check_tcp_seq_put(&c, odp_actions);
    }
    return error;
}

/* Returns how many bytes 'packet' has from its IP header 'l3' on. */
static size_t
l3_len(const struct dp_packet *packet, const uint8_t *l3)
{
    return (const uint8_t *) dp_packet_tail(packet) - l3;
}

static enum check_tcp_verdict
judge(const struct check_tcp_seq *c, const struct dp_packet *packet)
{
    const uint8_t *l3 = dp_packet_l3(packet);

    return (OVS_LIKELY(l3) ? check_tcp_packet(c, l3, l3_len(packet, l3))
            : CHECK_TCP_OUTSIDE);
}

/* Has 'packet' end 'len' bytes behind the start of its IP header. */
static void
set_l3_len(struct dp_packet *packet, size_t len)
{
    dp_packet_set_size(packet, packet->l3_ofs + len);
    dp_packet_set_l2_pad_size(packet, 0);
}

/* Cuts 'packet', which straddles an edge of 'c's window, so that it lies on
 * one side.  Returns the rest of it, which may straddle another edge, or NULL
 * if it must not be cut. */
static struct dp_packet *
cut(const struct check_tcp_seq *c, struct dp_packet *packet)
{
    uint8_t *l3 = dp_packet_l3(packet);
    struct tcp_cut tc;

    if (!dp_packet_hwol_is_tso(packet)) {
        return NULL;
    }
    if (!tcp_cut_find(c, l3, l3_len(packet, l3), &tc)) {
        COVERAGE_INC(check_tcp_seq_straddles);
        return NULL;
    }
    COVERAGE_INC(check_tcp_seq_cut);

    struct dp_packet *rest = dp_packet_clone_with_headroom(
        packet, dp_packet_headroom(packet));
    set_l3_len(rest, tcp_cut_rest(&tc, dp_packet_l3(rest)));
    set_l3_len(packet, tcp_cut_first(&tc, l3));
    if (!tc.rest) {
        /* There is nothing to segment in a FIN. */
        *dp_packet_ol_flags_ptr(rest) &= ~DP_PACKET_OL_TX_TCP_SEG;
        dp_packet_hwol_set_csum_tcp(rest);
    }
    return rest;
}

static void
check_tcp_seq_execute(struct dp_packet_batch *batch, const void *payload,
                      const struct tasuki_exec *exec)
{
    const size_t n_packets = dp_packet_batch_size(batch);
    const struct check_tcp_seq *c = payload;
    struct dp_packet *packet, *rest;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, n_packets, packet, batch) {
        enum check_tcp_verdict verdict = judge(c, packet);

        /* What comes of a packet may be more than the batch has room for. */
        while (OVS_UNLIKELY(verdict == CHECK_TCP_STRADDLES)
               && (rest = cut(c, packet))) {
            packet->md.dp_hash = judge(c, packet) == CHECK_TCP_INSIDE;
            dp_packet_batch_refill(batch, packet, i);
            tasuki_exec_flush(exec, batch);
            packet = rest;
            verdict = judge(c, packet);
        }
        packet->md.dp_hash = verdict == CHECK_TCP_INSIDE;
        dp_packet_batch_refill(batch, packet, i);
    }
}

const struct tasuki_action tasuki_check_tcp_seq = {
    .id = TASUKI_ACTION_ATTR_CHECK_TCP_SEQ,
    .name = "check_tcp_seq",
    .args_size = sizeof(struct check_tcp_seq),
    .leaves_value = true,
    .dst_problem = check_tcp_seq_dst_problem,
    .parse = check_tcp_seq_parse,
    .format = check_tcp_seq_format,
    .encode = check_tcp_seq_encode,
    .decode = check_tcp_seq_decode,
    .check = check_tcp_seq_check_match,
    .translate = check_tcp_seq_translate,
    .probe = check_tcp_seq_probe,
    .odp_format = check_tcp_seq_odp_format,
    .odp_parse = check_tcp_seq_odp_parse,
    .execute = check_tcp_seq_execute,
};
