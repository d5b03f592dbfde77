/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-ipsec-tag.h"

#include <sched.h>

#include "coverage.h"
#include "dp-packet.h"
#include "packets.h"
#include "util.h"

/* The ipsec_tag action in the userspace datapath. */

/* Packets without the field to which the tag goes. */
COVERAGE_DEFINE(ipsec_tag_no_field);

/* Returns the type of 'packet', in host byte order, as its network header has
 * it.  Behind MPLS labels there is none. */
static uint16_t
l3_type(const struct dp_packet *packet)
{
    if (packet->packet_type != htonl(PT_ETH)) {
        return pt_ns(packet->packet_type) == OFPHTN_ETHERTYPE
               ? pt_ns_type(packet->packet_type) : 0;
    }
    if (packet->l2_5_ofs != UINT16_MAX || packet->l3_ofs < sizeof(ovs_be16)) {
        return 0;
    }
    const ovs_be16 *l3 = dp_packet_l3(packet);
    return ntohs(l3[-1]);
}

/* Returns how many bytes 'packet' has from its network header 'l3' on. */
static size_t
l3_len(const struct dp_packet *packet, const uint8_t *l3)
{
    return (const uint8_t *) dp_packet_tail(packet) - l3;
}

static uint32_t
hash_of_packet(const struct ipsec_tag *t, const struct dp_packet *packet)
{
    const uint8_t *l3 = dp_packet_l3(packet);
    bool cut;

    return (OVS_LIKELY(l3)
            ? ipsec_tag_hash(t, l3_type(packet), l3, l3_len(packet, l3), &cut)
            : 0);
}

static uint32_t
this_cpu(void)
{
    int cpu = sched_getcpu();

    return MAX(cpu, 0);
}

unsigned int
ipsec_tag_of_packet(const struct ipsec_tag *t, const struct dp_packet *packet,
                    unsigned int *bucketp)
{
    uint32_t number = (t->hash == IPSEC_TAG_CPU ? this_cpu()
                       : hash_of_packet(t, packet));
    unsigned int bucket = ipsec_tag_bucket(t, number);

    if (bucketp) {
        *bucketp = bucket;
    }
    return ipsec_tag_of_bucket(t, bucket);
}

static bool
write_eth_dst(const struct ipsec_tag *t, unsigned int tag,
              struct dp_packet *packet)
{
    struct eth_header *eth = dp_packet_eth(packet);

    if (!eth || dp_packet_size(packet) < sizeof *eth) {
        return false;
    }
    uint64_t dst = eth_addr_to_uint64(eth->eth_dst);
    eth_addr_from_uint64(ipsec_tag_put(t, tag, dst), &eth->eth_dst);
    return true;
}

static bool
write_vlan_vid(const struct ipsec_tag *t, unsigned int tag,
               struct dp_packet *packet)
{
    struct vlan_eth_header *veh = dp_packet_eth(packet);

    if (!veh || dp_packet_size(packet) < sizeof *veh
        || !eth_type_vlan(veh->veth_type)) {
        return false;
    }
    veh->veth_tci = htons(ipsec_tag_put(t, tag, ntohs(veh->veth_tci)));
    return true;
}

static bool
write_ip(const struct ipsec_tag *t, unsigned int tag, uint16_t type,
         struct dp_packet *packet)
{
    uint8_t *l3 = dp_packet_l3(packet);
    const uint8_t *l4 = dp_packet_l4(packet);

    if (!l3 || l3_type(packet) != type) {
        return false;
    }

    bool csum_partial = dp_packet_hwol_tx_l4_checksum(packet)
                        || dp_packet_hwol_is_tso(packet);
    if (!ipsec_tag_write(t, tag, l3, l3_len(packet, l3),
                         csum_partial && l4 ? l4 - l3 : SIZE_MAX)) {
        return false;
    }

    /* What conntrack knows of the packet is about its old addresses. */
    if (t->field != IPSEC_TAG_IPV6_LABEL) {
        pkt_metadata_init_conn(&packet->md);
    }
    return true;
}

static bool
write_tag(const struct ipsec_tag *t, unsigned int tag,
          struct dp_packet *packet)
{
    switch ((enum ipsec_tag_field) t->field) {
    case IPSEC_TAG_VALUE:
        packet->md.dp_hash = tag;
        return true;

    case IPSEC_TAG_PKT_MARK:
        packet->md.pkt_mark = ipsec_tag_put(t, tag, packet->md.pkt_mark);
        return true;

    case IPSEC_TAG_ETH_DST:
        return write_eth_dst(t, tag, packet);

    case IPSEC_TAG_VLAN_VID:
        return write_vlan_vid(t, tag, packet);

    case IPSEC_TAG_IP_SRC:
    case IPSEC_TAG_IP_DST:
        return write_ip(t, tag, ETH_TYPE_IP, packet);

    case IPSEC_TAG_IPV6_SRC:
    case IPSEC_TAG_IPV6_DST:
    case IPSEC_TAG_IPV6_LABEL:
        return write_ip(t, tag, ETH_TYPE_IPV6, packet);
    }
    OVS_NOT_REACHED();
}

void
ipsec_tag_execute(struct dp_packet_batch *batch, const void *payload,
                  const struct tasuki_exec *exec OVS_UNUSED)
{
    const struct ipsec_tag *t = payload;
    const bool by_cpu = t->hash == IPSEC_TAG_CPU;
    const uint32_t cpu = by_cpu ? this_cpu() : 0;
    struct dp_packet *packet;

    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        uint32_t number = by_cpu ? cpu : hash_of_packet(t, packet);
        unsigned int bucket = ipsec_tag_bucket(t, number);

        if (OVS_UNLIKELY(!write_tag(t, ipsec_tag_of_bucket(t, bucket),
                                    packet))) {
            COVERAGE_INC(ipsec_tag_no_field);
        }
    }
}
