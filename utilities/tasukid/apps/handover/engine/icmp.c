/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "engine.h"

#include <netinet/in.h>

#include "conn.h"
#include "csum.h"
#include "dp-packet.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"

/* What a quote must contain of TCP: ports and sequence number (RFC 792). */
#define QUOTED_TCP_LEN 8

/* An ICMP error, taken apart.  All pointers lead into the packet. */
struct icmp_error {
    struct ip_header *ip;
    struct icmp_header *icmp;
    size_t icmp_len;
    struct ip_header *quoted_ip;
    struct tcp_header *quoted_tcp;  /* QUOTED_TCP_LEN bytes of it. */
};

/* Takes apart 'packet', whose L3 and L4 offsets are set.  Returns true if it
 * is a whole ICMP error about a TCP segment. */
static bool
parse(struct dp_packet *packet, struct icmp_error *e)
{
    e->ip = dp_packet_l3(packet);
    e->icmp = dp_packet_l4(packet);
    e->icmp_len = dp_packet_l4_size(packet);
    if (!e->ip || !e->icmp
        || e->icmp_len < sizeof *e->icmp + sizeof *e->quoted_ip
        || csum(e->icmp, e->icmp_len)) {
        return false;
    }

    size_t quote_len = e->icmp_len - sizeof *e->icmp;
    e->quoted_ip = (struct ip_header *) (e->icmp + 1);
    size_t quoted_ip_len = IP_IHL(e->quoted_ip->ip_ihl_ver) * 4;
    if (IP_VER(e->quoted_ip->ip_ihl_ver) != 4
        || quoted_ip_len < sizeof *e->quoted_ip
        || quote_len < quoted_ip_len + QUOTED_TCP_LEN
        || e->quoted_ip->ip_proto != IPPROTO_TCP
        || IP_IS_FRAGMENT(e->quoted_ip->ip_frag_off)) {
        return false;
    }
    e->quoted_tcp = ALIGNED_CAST(struct tcp_header *,
                                 (uint8_t *) e->quoted_ip + quoted_ip_len);
    return true;
}

static struct conn *
find_connection(const struct engine *e, uint32_t zone,
                const struct icmp_error *err)
{
    const struct service *service = service_lookup(
        e, zone, get_16aligned_be32(&err->quoted_ip->ip_src),
        err->quoted_tcp->tcp_src);

    return (service
            ? conn_lookup(service,
                          get_16aligned_be32(&err->quoted_ip->ip_dst),
                          err->quoted_tcp->tcp_dst)
            : NULL);
}

/* Rewrites the quote in 'err' to what the server of 'conn' sent. */
static void
rewrite_quote(const struct conn *conn, struct icmp_error *err)
{
    const struct member *m = conn->member;
    uint32_t seq = ntohl(get_16aligned_be32(&err->quoted_tcp->tcp_seq));

    err->quoted_ip->ip_csum = recalc_csum32(
        err->quoted_ip->ip_csum, get_16aligned_be32(&err->quoted_ip->ip_src),
        m->address);
    put_16aligned_be32(&err->quoted_ip->ip_src, m->address);
    err->quoted_tcp->tcp_src = m->tp_port;
    put_16aligned_be32(&err->quoted_tcp->tcp_seq,
                       htonl(seq + conn->seq_delta));
    err->icmp->icmp_csum = 0;
    err->icmp->icmp_csum = csum(err->icmp, err->icmp_len);
}

/* A router on the way to a client finds a segment too large, or no way to go
 * on.  It tells the sender, which it takes the service for.  The server that
 * sent the segment understands only a quote with its own address, port and
 * sequence number. */
void
engine_icmp(struct engine *e, uint32_t zone, const struct dp_packet *packet_)
{
    struct dp_packet *packet = dp_packet_clone(packet_);
    struct icmp_error err;

    const struct conn *conn = (parse(packet, &err)
                               ? find_connection(e, zone, &err) : NULL);
    if (!conn || !conn->member || eth_addr_is_zero(conn->member_mac)) {
        engine_count(e, NULL, HC_DROP_ICMP);
        dp_packet_delete(packet);
        return;
    }

    rewrite_quote(conn, &err);
    err.ip->ip_csum = recalc_csum32(err.ip->ip_csum,
                                    get_16aligned_be32(&err.ip->ip_dst),
                                    conn->member->address);
    put_16aligned_be32(&err.ip->ip_dst, conn->member->address);

    struct eth_header *eth = dp_packet_data(packet);
    eth->eth_src = conn->service->cfg->mac;
    eth->eth_dst = conn->member_mac;
    engine_count(e, conn->service, HC_ICMP);
    engine_send(e, packet, conn->member_port, true);
}
