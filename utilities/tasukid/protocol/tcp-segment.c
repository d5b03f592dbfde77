/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tcp-segment.h"

#include <netinet/in.h>

#include "byte-order.h"
#include "csum.h"
#include "dp-packet.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* Option kinds of the IANA registry "TCP Option Kind Numbers". */
enum {
    KIND_EOL = 0,
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_WSCALE = 3,
    KIND_SACK_OK = 4,
    KIND_TS = 8,
};

enum {
    LEN_MSS = 4,
    LEN_WSCALE = 3,
    LEN_SACK_OK = 2,
    LEN_TS = 10,
};

const char *
tcp_segment_error_name(enum tcp_segment_error error)
{
    static const char *const names[] = {
        [TCP_SEGMENT_OK] = "ok",
        [TCP_SEGMENT_NOT_TCP] = "not_tcp",
        [TCP_SEGMENT_TRUNCATED] = "truncated",
        [TCP_SEGMENT_FRAGMENT] = "fragment",
        [TCP_SEGMENT_BAD_HEADER] = "bad_header",
        [TCP_SEGMENT_BAD_CSUM] = "bad_csum",
    };
    BUILD_ASSERT_DECL(ARRAY_SIZE(names) == TCP_SEGMENT_N_ERRORS);

    return names[error];
}

/* The only way to the bytes of a packet. */
struct cursor {
    const uint8_t *p;
    size_t left;
};

/* Returns the next 'n' bytes and moves past them, or null without moving if
 * there are fewer. */
static const void *
cursor_pull(struct cursor *c, size_t n)
{
    if (n > c->left) {
        return NULL;
    }

    const uint8_t *p = c->p;
    c->p += n;
    c->left -= n;
    return p;
}

/* Parsing. */

static const struct eth_header *
pull_ethernet(struct cursor *c, struct tcp_segment *seg, ovs_be16 *type)
{
    const struct eth_header *eth = cursor_pull(c, sizeof *eth);
    if (!eth) {
        return NULL;
    }
    seg->eth_src = eth->eth_src;
    seg->eth_dst = eth->eth_dst;
    seg->vlan_tci = 0;
    *type = eth->eth_type;

    if (eth_type_vlan(*type)) {
        const struct vlan_header *vlan = cursor_pull(c, sizeof *vlan);
        if (!vlan) {
            return NULL;
        }
        seg->vlan_tci = vlan->vlan_tci | htons(VLAN_CFI);
        *type = vlan->vlan_next_type;
    }
    return eth;
}

/* Like Linux and everyone else, ignores what follows a malformed option, not
 * the whole segment. */
static void
parse_options(struct cursor c, struct tcp_options *opts)
{
    memset(opts, 0, sizeof *opts);

    for (;;) {
        const uint8_t *kind = cursor_pull(&c, 1);
        if (!kind || *kind == KIND_EOL) {
            return;
        } else if (*kind == KIND_NOP) {
            continue;
        }

        const uint8_t *len = cursor_pull(&c, 1);
        if (!len || *len < 2) {
            return;
        }
        const void *body = cursor_pull(&c, *len - 2);
        if (!body) {
            return;
        }

        if (*kind == KIND_MSS && *len == LEN_MSS) {
            opts->present |= TCP_OPT_MSS;
            opts->mss = ntohs(get_unaligned_be16(body));
        } else if (*kind == KIND_WSCALE && *len == LEN_WSCALE) {
            opts->present |= TCP_OPT_WSCALE;
            opts->wscale = MIN(*(const uint8_t *) body, TCP_WSCALE_MAX);
        } else if (*kind == KIND_SACK_OK && *len == LEN_SACK_OK) {
            opts->present |= TCP_OPT_SACK_OK;
        } else if (*kind == KIND_TS && *len == LEN_TS) {
            opts->present |= TCP_OPT_TS;
            opts->tsval = ntohl(get_unaligned_be32(body));
            opts->tsecr = ntohl(get_unaligned_be32((const ovs_be32 *) body
                                                   + 1));
        }
    }
}

static bool
tcp_csum_ok(const struct ip_header *ip, const struct tcp_header *tcp,
            size_t tcp_len)
{
    uint32_t pseudo = packet_csum_pseudoheader(ip);

    if (!csum_finish(csum_continue(pseudo, tcp, tcp_len))) {
        return true;
    }

    /* csum_finish() complements the sum, and offloading leaves it plain. */
    return tcp->tcp_csum == (OVS_FORCE ovs_be16) ~csum_finish(pseudo);
}

static enum tcp_segment_error
parse_tcp(struct cursor c, const struct ip_header *ip,
          struct tcp_segment *seg)
{
    size_t tcp_len = c.left;

    const struct tcp_header *tcp = cursor_pull(&c, sizeof *tcp);
    if (!tcp) {
        return TCP_SEGMENT_TRUNCATED;
    }

    size_t header_len = TCP_OFFSET(tcp->tcp_ctl) * 4;
    if (header_len < sizeof *tcp) {
        return TCP_SEGMENT_BAD_HEADER;
    }

    struct cursor options = { .left = header_len - sizeof *tcp };
    options.p = cursor_pull(&c, options.left);
    if (!options.p) {
        return TCP_SEGMENT_TRUNCATED;
    }
    if (!tcp_csum_ok(ip, tcp, tcp_len)) {
        return TCP_SEGMENT_BAD_CSUM;
    }

    seg->tp_src = tcp->tcp_src;
    seg->tp_dst = tcp->tcp_dst;
    seg->seq = ntohl(get_16aligned_be32(&tcp->tcp_seq));
    seg->ack = ntohl(get_16aligned_be32(&tcp->tcp_ack));
    seg->flags = TCP_FLAGS(tcp->tcp_ctl);
    seg->window = ntohs(tcp->tcp_winsz);
    parse_options(options, &seg->opts);
    seg->payload = c.p;
    seg->len = c.left;
    return TCP_SEGMENT_OK;
}

enum tcp_segment_error
tcp_segment_parse(const struct dp_packet *packet, struct tcp_segment *seg)
{
    struct cursor c = {
        .p = dp_packet_data(packet),
        .left = dp_packet_size(packet),
    };
    ovs_be16 eth_type;

    if (!pull_ethernet(&c, seg, &eth_type)) {
        return TCP_SEGMENT_TRUNCATED;
    }
    if (eth_type != htons(ETH_TYPE_IP)) {
        return TCP_SEGMENT_NOT_TCP;
    }

    struct cursor whole = c;
    const struct ip_header *ip = cursor_pull(&c, sizeof *ip);
    if (!ip) {
        return TCP_SEGMENT_TRUNCATED;
    }

    size_t ip_header_len = IP_IHL(ip->ip_ihl_ver) * 4;
    size_t ip_len = ntohs(ip->ip_tot_len);
    if (IP_VER(ip->ip_ihl_ver) != 4 || ip_header_len < sizeof *ip
        || ip_len < ip_header_len) {
        return TCP_SEGMENT_BAD_HEADER;
    }
    if (ip_len > whole.left) {
        return TCP_SEGMENT_TRUNCATED;
    }
    if (csum(ip, ip_header_len)) {
        return TCP_SEGMENT_BAD_CSUM;
    }
    if (ip->ip_proto != IPPROTO_TCP) {
        return TCP_SEGMENT_NOT_TCP;
    }
    if (IP_IS_FRAGMENT(ip->ip_frag_off)) {
        return TCP_SEGMENT_FRAGMENT;
    }
    seg->tos = ip->ip_tos;
    seg->ip_src = get_16aligned_be32(&ip->ip_src);
    seg->ip_dst = get_16aligned_be32(&ip->ip_dst);

    /* What follows the datagram pads the frame to Ethernet's minimum. */
    whole.left = ip_len;
    cursor_pull(&whole, ip_header_len);
    return parse_tcp(whole, ip, seg);
}

/* Composing. */

/* Returns the options that a segment with the flags of '*seg' carries. */
static uint8_t
effective_options(const struct tcp_segment *seg)
{
    return seg->opts.present & (seg->flags & TCP_SYN ? UINT8_MAX : TCP_OPT_TS);
}

static size_t
unpadded_options_len(const struct tcp_segment *seg)
{
    uint8_t present = effective_options(seg);

    return ((present & TCP_OPT_MSS ? LEN_MSS : 0)
            + (present & TCP_OPT_WSCALE ? LEN_WSCALE : 0)
            + (present & TCP_OPT_SACK_OK ? LEN_SACK_OK : 0)
            + (present & TCP_OPT_TS ? LEN_TS : 0));
}

size_t
tcp_segment_options_len(const struct tcp_segment *seg)
{
    return ROUND_UP(unpadded_options_len(seg), 4);
}

static uint8_t *
put_option(uint8_t *p, uint8_t kind, uint8_t len)
{
    p[0] = kind;
    p[1] = len;
    return p + 2;
}

static uint8_t *
put_be16(uint8_t *p, uint16_t x)
{
    ovs_be16 be = htons(x);

    memcpy(p, &be, sizeof be);
    return p + sizeof be;
}

static uint8_t *
put_be32(uint8_t *p, uint32_t x)
{
    ovs_be32 be = htonl(x);

    memcpy(p, &be, sizeof be);
    return p + sizeof be;
}

/* Writes tcp_segment_options_len(seg) bytes at 'p'.  The padding is NOPs
 * before the timestamps, where receivers' fast paths look for it (RFC 7323
 * appendix A). */
static void
put_options(uint8_t *p, const struct tcp_segment *seg)
{
    uint8_t present = effective_options(seg);
    size_t len = unpadded_options_len(seg);

    if (present & TCP_OPT_MSS) {
        p = put_option(p, KIND_MSS, LEN_MSS);
        p = put_be16(p, seg->opts.mss);
    }
    for (; len % 4; len++) {
        *p++ = KIND_NOP;
    }
    if (present & TCP_OPT_WSCALE) {
        p = put_option(p, KIND_WSCALE, LEN_WSCALE);
        *p++ = seg->opts.wscale;
    }
    if (present & TCP_OPT_SACK_OK) {
        p = put_option(p, KIND_SACK_OK, LEN_SACK_OK);
    }
    if (present & TCP_OPT_TS) {
        p = put_option(p, KIND_TS, LEN_TS);
        p = put_be32(p, seg->opts.tsval);
        put_be32(p, seg->opts.tsecr);
    }
}

/* Fills in the IP header at 'ip' of a datagram of 'len' bytes. */
static void
fill_ip(struct ip_header *ip, uint8_t tos, uint8_t proto, ovs_be32 src,
        ovs_be32 dst, size_t len)
{
    ip->ip_ihl_ver = IP_IHL_VER(5, 4);
    ip->ip_tos = tos;
    ip->ip_tot_len = htons(len);
    ip->ip_id = 0;
    ip->ip_frag_off = htons(IP_DONT_FRAGMENT);
    ip->ip_ttl = 64;
    ip->ip_proto = proto;
    ip->ip_csum = 0;
    put_16aligned_be32(&ip->ip_src, src);
    put_16aligned_be32(&ip->ip_dst, dst);
    ip->ip_csum = csum(ip, sizeof *ip);
}

static void
push_vlan(struct dp_packet *packet, ovs_be16 tci)
{
    if (tci) {
        eth_push_vlan(packet, htons(ETH_TYPE_VLAN_8021Q), tci);
    }
}

struct dp_packet *
tcp_segment_compose(const struct tcp_segment *seg)
{
    size_t options_len = tcp_segment_options_len(seg);
    size_t tcp_len = sizeof(struct tcp_header) + options_len + seg->len;
    size_t ip_len = sizeof(struct ip_header) + tcp_len;
    struct dp_packet *packet = dp_packet_new_with_headroom(
        ETH_HEADER_LEN + ip_len, VLAN_HEADER_LEN);

    struct ip_header *ip = eth_compose(packet, seg->eth_dst, seg->eth_src,
                                       ETH_TYPE_IP, ip_len);
    fill_ip(ip, seg->tos, IPPROTO_TCP, seg->ip_src, seg->ip_dst, ip_len);

    struct tcp_header *tcp = (struct tcp_header *) (ip + 1);
    tcp->tcp_src = seg->tp_src;
    tcp->tcp_dst = seg->tp_dst;
    put_16aligned_be32(&tcp->tcp_seq, htonl(seg->seq));
    put_16aligned_be32(&tcp->tcp_ack,
                       htonl(seg->flags & TCP_ACK ? seg->ack : 0));
    tcp->tcp_ctl = TCP_CTL(seg->flags, (sizeof *tcp + options_len) / 4);
    tcp->tcp_winsz = htons(seg->window);
    tcp->tcp_csum = 0;
    tcp->tcp_urg = 0;
    put_options((uint8_t *) (tcp + 1), seg);
    if (seg->len) {
        memcpy((uint8_t *) (tcp + 1) + options_len, seg->payload, seg->len);
    }
    tcp->tcp_csum = csum_finish(csum_continue(packet_csum_pseudoheader(ip),
                                              tcp, tcp_len));

    push_vlan(packet, seg->vlan_tci);
    return packet;
}

struct dp_packet *
tcp_segment_compose_frag_needed(const struct tcp_segment *seg, uint16_t mtu)
{
    /* RFC 1812 section 4.3.2.3 would quote more, but a sender needs no more
     * than its own ports and sequence number to know the segment again. */
    enum { QUOTE_LEN = sizeof(struct ip_header) + 8 };
    size_t icmp_len = sizeof(struct icmp_header) + QUOTE_LEN;
    size_t ip_len = sizeof(struct ip_header) + icmp_len;
    struct dp_packet *packet = dp_packet_new_with_headroom(
        ETH_HEADER_LEN + ip_len, VLAN_HEADER_LEN);

    struct ip_header *ip = eth_compose(packet, seg->eth_src, seg->eth_dst,
                                       ETH_TYPE_IP, ip_len);
    fill_ip(ip, 0, IPPROTO_ICMP, seg->ip_dst, seg->ip_src, ip_len);

    struct icmp_header *icmp = (struct icmp_header *) (ip + 1);
    memset(icmp, 0, sizeof *icmp);
    icmp->icmp_type = ICMP4_DST_UNREACH;
    icmp->icmp_code = 4;
    icmp->icmp_fields.frag.mtu = htons(mtu);

    struct ip_header *quote = (struct ip_header *) (icmp + 1);
    size_t quoted_len = (sizeof *quote + sizeof(struct tcp_header)
                         + tcp_segment_options_len(seg) + seg->len);
    fill_ip(quote, seg->tos, IPPROTO_TCP, seg->ip_src, seg->ip_dst,
            quoted_len);
    struct tcp_header *tcp = (struct tcp_header *) (quote + 1);
    tcp->tcp_src = seg->tp_src;
    tcp->tcp_dst = seg->tp_dst;
    put_16aligned_be32(&tcp->tcp_seq, htonl(seg->seq));

    icmp->icmp_csum = csum(icmp, icmp_len);
    push_vlan(packet, seg->vlan_tci);
    return packet;
}

uint32_t
tcp_segment_seq_len(const struct tcp_segment *seg)
{
    return (seg->len + (seg->flags & TCP_SYN ? 1 : 0)
            + (seg->flags & TCP_FIN ? 1 : 0));
}

void
tcp_segment_format(struct ds *ds, const struct tcp_segment *seg)
{
    ds_put_format(ds, IP_FMT":%"PRIu16"->"IP_FMT":%"PRIu16" ",
                  IP_ARGS(seg->ip_src), ntohs(seg->tp_src),
                  IP_ARGS(seg->ip_dst), ntohs(seg->tp_dst));
    packet_format_tcp_flags(ds, seg->flags);
    ds_put_format(ds, " seq=%"PRIu32" ack=%"PRIu32" win=%"PRIu16
                  " len=%"PRIuSIZE, seg->seq, seg->ack, seg->window,
                  seg->len);
    if (seg->opts.present & TCP_OPT_TS) {
        ds_put_format(ds, " ts=%"PRIu32"/%"PRIu32,
                      seg->opts.tsval, seg->opts.tsecr);
    }
}
