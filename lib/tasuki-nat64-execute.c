/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* The nat64 action on the packets of the userspace datapath. */

#include <config.h>
#include "tasuki-nat64.h"

#include "conntrack.h"
#include "coverage.h"
#include "csum.h"
#include "dp-packet.h"
#include "dpif-netdev.h"
#include "flow.h"
#include "odp-util.h"
#include "openvswitch/token-bucket.h"
#include "ovs-thread.h"
#include "packets.h"

/* Packets that nat64 dropped, by reason, and those that it cut or answered. */
#define NAT64_COVERAGE_DEFINE(ENUM, NAME) COVERAGE_DEFINE(nat64_##NAME);
NAT64_RESULTS(NAT64_COVERAGE_DEFINE)
#undef NAT64_COVERAGE_DEFINE

/* Answers that a thread did not send because it had sent many. */
COVERAGE_DEFINE(nat64_answer_limited);

#define ANSWER_RATE 100         /* Answers a second, in each thread. */
#define ANSWER_BURST 100

/* In thousandths of an answer, because a token bucket counts by the
 * millisecond. */
DEFINE_STATIC_PER_THREAD_DATA(struct token_bucket, answers,
                              TOKEN_BUCKET_INIT(ANSWER_RATE,
                                                ANSWER_BURST * 1000));

static void
count(enum nat64_result result)
{
    switch (result) {
#define NAT64_COUNT(ENUM, NAME)                 \
    case NAT64_##ENUM:                          \
        COVERAGE_INC(nat64_##NAME);             \
        break;
    NAT64_RESULTS(NAT64_COUNT)
#undef NAT64_COUNT
    case NAT64_N_RESULTS:
        OVS_NOT_REACHED();
    }
}

/* Returns true if the checksum of TCP or UDP is left to the network device, so
 * that it covers only the pseudo header. */
static bool
csum_is_partial(const struct dp_packet *packet)
{
    return dp_packet_hwol_tx_l4_checksum(packet)
           || dp_packet_hwol_is_tso(packet);
}

static void
set_offsets(struct dp_packet *packet, uint16_t l3_ofs, uint16_t l4_ofs)
{
    dp_packet_reset_offsets(packet);
    packet->l3_ofs = l3_ofs;
    packet->l4_ofs = l4_ofs ? l4_ofs : UINT16_MAX;
}

/* Puts 'head' in front of what it keeps of 'packet', and has the packet's
 * metadata say what the packet is now. */
static void
put_head(struct dp_packet *packet, const struct nat64_head *head)
{
    dp_packet_set_size(packet, head->strip + head->keep);
    dp_packet_set_l2_pad_size(packet, 0);
    dp_packet_pull(packet, head->strip);
    dp_packet_push(packet, head->bytes, head->len);
    set_offsets(packet, head->l3_ofs, head->l4_ofs);

    if (*dp_packet_ol_flags_ptr(packet)
        & (DP_PACKET_OL_TX_IPV4 | DP_PACKET_OL_TX_IPV6)) {
        *dp_packet_ol_flags_ptr(packet)
            ^= DP_PACKET_OL_TX_IPV4 | DP_PACKET_OL_TX_IPV6;
    }
    *dp_packet_ol_flags_ptr(packet) &= ~DP_PACKET_OL_RX_IP_CKSUM_MASK;

    /* What connection tracking found out is about the old packet. */
    if (OVS_UNLIKELY(packet->md.ct_state)) {
        conntrack_clear(packet);
    }
}

/* Returns a new packet with 'packet's metadata, no bytes yet and room for
 * 'len' of them. */
static struct dp_packet *
new_packet(const struct dp_packet *packet, size_t len)
{
    struct dp_packet *new = dp_packet_new_with_headroom(len,
                                                        DP_NETDEV_HEADROOM);

    new->md = packet->md;
    new->packet_type = packet->packet_type;
    if (dp_packet_rss_valid(packet)) {
        dp_packet_set_rss_hash(new, dp_packet_get_rss_hash(packet));
    }
    return new;
}

/* Completes the partial checksum of TCP or UDP in the 'len' bytes at 'l4': no
 * network device can complete one that covers several packets. */
static void
complete_csum(uint8_t *l4, size_t len, uint8_t proto)
{
    size_t ofs = (proto == IPPROTO_TCP
                  ? offsetof(struct tcp_header, tcp_csum)
                  : offsetof(struct udp_header, udp_csum));

    if (len >= ofs + 2) {
        ovs_be16 sum = csum(l4, len);

        sum = proto == IPPROTO_UDP && !sum ? OVS_BE16_MAX : sum;
        memcpy(l4 + ofs, &sum, sizeof sum);
    }
}

/* Cuts 'packet', which is translated already, as 'head' says.  Executes the
 * rest of the actions on each piece. */
static void
send_fragments(const struct dp_packet *packet, const struct nat64_head *head,
               const struct tasuki_exec *exec)
{
    size_t payload_ofs = head->l3_ofs
        + (head->eth_type == ETH_TYPE_IPV6
           ? IPV6_HEADER_LEN + sizeof(struct ovs_16aligned_ip6_frag)
           : IP_HEADER_LEN);
    size_t payload_len = dp_packet_size(packet) - payload_ofs;
    uint8_t *payload = (uint8_t *) dp_packet_data(packet) + payload_ofs;
    size_t ofs = 0;
    bool more;

    if (csum_is_partial(packet)) {
        complete_csum(payload, payload_len, head->proto);
    }
    do {
        uint8_t headers[NAT64_FRAG_HEAD_MAX];
        size_t headers_len, take;
        size_t start = ofs;

        more = nat64_fragment(head, payload_len, &ofs, headers, &headers_len,
                              &take);

        struct dp_packet *fragment = new_packet(packet, headers_len + take);
        dp_packet_put(fragment, headers, headers_len);
        dp_packet_put(fragment, payload + start, take);
        set_offsets(fragment, head->l3_ofs, headers_len);

        /* dpif_execute_with_help() accepts only batches of one packet. */
        struct dp_packet_batch batch;
        dp_packet_batch_init_packet(&batch, fragment);
        tasuki_exec_rest(exec, &batch);
    } while (more);
}

/* Tells the sender of 'packet', which is in 'frame', that packets must not
 * exceed 'mtu'.  The way back through a tunnel takes more than an output
 * action.  ofproto knows what, and gets the answer by the recirculation id
 * 'id'. */
static void
send_too_big(const struct dp_packet *packet, const struct nat64_frame *frame,
             uint16_t mtu, uint32_t id, const struct tasuki_exec *exec)
{
    if (!id && (packet->md.in_port.odp_port == ODPP_NONE
                || flow_tnl_dst_is_set(&packet->md.tunnel))) {
        return;
    }

    uint8_t bytes[NAT64_HEAD_MAX];
    size_t len = nat64_too_big(frame, mtu, bytes);
    if (!len) {
        return;
    }
    if (!token_bucket_withdraw(answers_get(), 1000)) {
        COVERAGE_INC(nat64_answer_limited);
        return;
    }

    struct dp_packet *answer = new_packet(packet, len);
    dp_packet_put(answer, bytes, len);
    set_offsets(answer, nat64_l3_ofs(frame), 0);
    if (id) {
        if (answer->md.ct_state) {
            conntrack_clear(answer);
        }
        tasuki_exec_recirc(exec, answer, id);
    } else {
        tasuki_exec_output(exec, answer, packet->md.in_port.odp_port);
    }
}

/* Describes 'packet' in 'frame', and in 'head' what 'n' makes of it. */
static enum nat64_result
translate_packet(const struct nat64 *n, struct dp_packet *packet,
                 struct nat64_frame *frame, struct nat64_head *head)
{
    if (OVS_UNLIKELY(!dp_packet_is_eth(packet)
                     || packet->l3_ofs == UINT16_MAX)) {
        return NAT64_WRONG_TYPE;
    }

    *frame = (struct nat64_frame) {
        .data = dp_packet_data(packet),
        .linear = dp_packet_size(packet),
        .len = dp_packet_size(packet),
        .l3_ofs = packet->l3_ofs,
        /* Segments will fit the output port's MTU. */
        .gso_size = dp_packet_hwol_is_tso(packet) ? 1 : 0,
        .csum_partial = csum_is_partial(packet),
    };
    return nat64_translate(n, frame, head);
}

void
nat64_execute(struct dp_packet_batch *batch, const void *payload,
              const struct tasuki_exec *exec)
{
    const size_t n_packets = dp_packet_batch_size(batch);
    const struct nat64 *n = payload;
    struct dp_packet *packet;
    struct nat64_frame frame;
    struct nat64_head head;
    size_t i;

    DP_PACKET_BATCH_REFILL_FOR_EACH (i, n_packets, packet, batch) {
        enum nat64_result result = translate_packet(n, packet, &frame, &head);

        if (OVS_LIKELY(result == NAT64_OK)) {
            put_head(packet, &head);
            dp_packet_batch_refill(batch, packet, i);
            continue;
        }

        count(result);
        if (result == NAT64_FRAGMENT) {
            tasuki_exec_flush(exec, batch);
            put_head(packet, &head);
            send_fragments(packet, &head, exec);
        } else if (result == NAT64_TOO_BIG) {
            send_too_big(packet, &frame, head.mtu, n->answer, exec);
        }
        dp_packet_delete(packet);
    }
}
