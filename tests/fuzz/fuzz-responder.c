/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for the responder's answers.  An input is a byte of flags
 * and a frame.  An answer must
 *
 *   - be no longer than the frame, but for the option that an advertisement
 *     has even if the solicitation had none;
 *   - come from the responder's MAC address;
 *   - not be answered when it comes back.
 *
 * As a fuzzer cannot guess checksums, the flags say to fill in those of IPv4
 * and ICMP, or that of ICMPv6, in a frame without VLAN tags or options. */

#include <config.h>
#undef NDEBUG
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <stdint.h>
#include <stdlib.h>
#include "csum.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "unaligned.h"
#include "util.h"
#include "utilities/tasukid/apps/responder/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fix_ipv4(uint8_t *frame, size_t size)
{
    struct ip_header *ip = (void *) (frame + ETH_HEADER_LEN);
    size_t min = ETH_HEADER_LEN + IP_HEADER_LEN + ICMP_HEADER_LEN;

    if (size >= min) {
        size_t len = size - ETH_HEADER_LEN;
        struct icmp_header *icmp = (void *) (ip + 1);

        ip->ip_tot_len = htons(MIN(len, UINT16_MAX));
        ip->ip_csum = 0;
        ip->ip_csum = csum(ip, IP_HEADER_LEN);
        icmp->icmp_csum = 0;
        icmp->icmp_csum = csum(icmp, MIN(len, UINT16_MAX) - IP_HEADER_LEN);
    }
}

static void
fix_ipv6(uint8_t *frame, size_t size)
{
    struct ovs_16aligned_ip6_hdr *ip = (void *) (frame + ETH_HEADER_LEN);
    size_t min = ETH_HEADER_LEN + IPV6_HEADER_LEN + ICMP6_DATA_HEADER_LEN;

    if (size >= min) {
        size_t len = MIN(size - ETH_HEADER_LEN - IPV6_HEADER_LEN, UINT16_MAX);
        struct icmp6_header *icmp = (void *) (ip + 1);

        ip->ip6_plen = htons(len);
        icmp->icmp6_cksum = 0;
        icmp->icmp6_cksum = packet_csum_upperlayer6(ip, icmp, IPPROTO_ICMPV6,
                                                    len);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct replier r = {
        .mac = ETH_ADDR_C(02,54,0a,00,00,fe),
        .n_addresses = 2,
    };
    struct ofpbuf answer, again;

    if (!size) {
        return 0;
    }
    in6_addr_set_mapped_ipv4(&r.addresses[0], htonl(0x0a0000fe));
    ipv6_parse("fd00::1", &r.addresses[1]);

    /* Of just that size. */
    uint8_t flags = *data++;
    uint8_t *frame = xmemdup(data, --size);
    if (flags & 1) {
        fix_ipv4(frame, size);
    } else if (flags & 2) {
        fix_ipv6(frame, size);
    }

    ofpbuf_init(&answer, 0);
    ofpbuf_init(&again, 0);
    enum reply reply = reply_make(&r, frame, size, &answer);
    ovs_assert(reply < REPLY_N && reply_name(reply));
    ovs_assert((answer.size > 0) == (reply < REPLY_N_ANSWERS));
    if (answer.size) {
        const struct eth_header *eth = answer.data;

        ovs_assert(answer.size
                   <= size + (reply == REPLY_ND ? ND_LLA_OPT_LEN : 0));
        ovs_assert(eth_addr_equals(eth->eth_src, r.mac));
        ovs_assert(reply_make(&r, answer.data, answer.size, &again)
                   >= REPLY_N_ANSWERS);
        ovs_assert(!again.size);
    }
    ofpbuf_uninit(&answer);
    ofpbuf_uninit(&again);
    free(frame);
    return 0;
}
