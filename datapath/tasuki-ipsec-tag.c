// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

/* The ipsec_tag action.  Its hash, and what it writes to headers, is in
 * ipsec-tag.h.
 */

#include <linux/etherdevice.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/smp.h>
#include <net/netlink.h>

#include "counter.h"
#include "flow.h"
#include "ipsec-tag.h"
#include "tasuki.h"

/* Packets without the field to which the tag goes. */
static DEFINE_PER_CPU(unsigned long, no_field);
TASUKI_COUNTER(ipsec_tag_no_field, no_field);

static __be16 type_of_field(unsigned int field)
{
	switch (field) {
	case IPSEC_TAG_IP_SRC:
	case IPSEC_TAG_IP_DST:
		return htons(ETH_P_IP);

	case IPSEC_TAG_IPV6_SRC:
	case IPSEC_TAG_IPV6_DST:
	case IPSEC_TAG_IPV6_LABEL:
		return htons(ETH_P_IPV6);

	default:
		return 0;
	}
}

static int ipsec_tag_validate(const struct nlattr *attr,
			      const struct sw_flow_key *key, __be16 *eth_type,
			      struct netlink_ext_ack *extack)
{
	const struct ipsec_tag *t = nla_data(attr);
	const char *problem = ipsec_tag_check(t, nla_len(attr));
	__be16 type;

	if (problem) {
		if (extack)
			extack->_msg = problem;
		NL_SET_BAD_ATTR(extack, attr);
		return -EINVAL;
	}

	type = type_of_field(t->field);
	if (type && type != *eth_type) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "ipsec_tag: the flow must match the type of the field");
		return -EINVAL;
	}
	return 0;
}

/* Returns the hash of a packet whose linear part is too short for it. */
static noinline_for_stack u32 hash_copy(const struct sk_buff *skb,
					const struct sw_flow_key *key,
					const struct ipsec_tag *t)
{
	int ofs = skb_network_offset(skb);
	unsigned int len = min_t(unsigned int, skb->len - ofs,
				 IPSEC_TAG_READ_MAX);
	u8 copy[IPSEC_TAG_READ_MAX];
	bool cut;

	if (skb_copy_bits(skb, ofs, copy, len))
		return 0;
	return ipsec_tag_hash(t, ntohs(key->eth.type), copy, len, &cut);
}

static u32 hash_of_packet(const struct sk_buff *skb,
			  const struct sw_flow_key *key,
			  const struct ipsec_tag *t)
{
	int ofs = skb_network_offset(skb);
	bool cut;
	u32 hash;

	if (unlikely(skb_headlen(skb) < ofs))
		return hash_copy(skb, key, t);
	hash = ipsec_tag_hash(t, ntohs(key->eth.type), skb_network_header(skb),
			      skb_headlen(skb) - ofs, &cut);
	if (unlikely(cut && skb_is_nonlinear(skb)))
		hash = hash_copy(skb, key, t);
	return hash;
}

static unsigned int tag_of_packet(const struct sk_buff *skb,
				  const struct sw_flow_key *key,
				  const struct ipsec_tag *t)
{
	u32 number = t->hash == IPSEC_TAG_CPU ? smp_processor_id() :
		     hash_of_packet(skb, key, t);

	return ipsec_tag_of_bucket(t, ipsec_tag_bucket(t, number));
}

/* The functions below return 0, 1 if the packet does not have the field, or a
 * negative errno.
 */

static int write_eth_dst(struct sk_buff *skb, struct sw_flow_key *key,
			 const struct ipsec_tag *t, unsigned int tag)
{
	u64 dst;
	int err;

	if (unlikely(ovs_key_mac_proto(key) != MAC_PROTO_ETHERNET))
		return 1;
	err = skb_ensure_writable(skb, ETH_HLEN);
	if (unlikely(err))
		return err;

	dst = ipsec_tag_put(t, tag, ether_addr_to_u64(eth_hdr(skb)->h_dest));
	skb_postpull_rcsum(skb, eth_hdr(skb), ETH_ALEN);
	u64_to_ether_addr(dst, eth_hdr(skb)->h_dest);
	skb_postpush_rcsum(skb, eth_hdr(skb), ETH_ALEN);
	ether_addr_copy(key->eth.dst, eth_hdr(skb)->h_dest);
	return 0;
}

/* The outer VLAN tag has been taken out of the packet when its key was
 * extracted.
 */
static int write_vlan_vid(struct sk_buff *skb, struct sw_flow_key *key,
			  const struct ipsec_tag *t, unsigned int tag)
{
	if (unlikely(!skb_vlan_tag_present(skb)))
		return 1;
	__vlan_hwaccel_put_tag(skb, skb->vlan_proto,
			       ipsec_tag_put(t, tag, skb_vlan_tag_get(skb)));
	key->eth.vlan.tci = htons(skb_vlan_tag_get(skb) | VLAN_CFI_MASK);
	return 0;
}

/* Returns where, from the network header on, a header has a checksum that is
 * still to be computed, or SIZE_MAX.
 */
static size_t partial_ofs(const struct sk_buff *skb)
{
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return SIZE_MAX;

	/* Of a tunnel's super-packet, the outer checksum is to be computed,
	 * too.
	 */
	if (skb_is_gso(skb) &&
	    skb_shinfo(skb)->gso_type & SKB_GSO_UDP_TUNNEL_CSUM)
		return skb_transport_offset(skb) - skb_network_offset(skb);
	return skb_checksum_start_offset(skb) - skb_network_offset(skb);
}

static void update_key(const struct sk_buff *skb, struct sw_flow_key *key,
		       unsigned int field)
{
	switch (field) {
	case IPSEC_TAG_IP_SRC:
		key->ipv4.addr.src = ip_hdr(skb)->saddr;
		break;

	case IPSEC_TAG_IP_DST:
		key->ipv4.addr.dst = ip_hdr(skb)->daddr;
		break;

	case IPSEC_TAG_IPV6_SRC:
		key->ipv6.addr.src = ipv6_hdr(skb)->saddr;
		break;

	case IPSEC_TAG_IPV6_DST:
		key->ipv6.addr.dst = ipv6_hdr(skb)->daddr;
		break;

	case IPSEC_TAG_IPV6_LABEL:
		key->ipv6.label = *(__be32 *)ipv6_hdr(skb) &
				  htonl(IPV6_FLOWINFO_FLOWLABEL);
		break;
	}
}

static int write_ip(struct sk_buff *skb, struct sw_flow_key *key,
		    const struct ipsec_tag *t, unsigned int tag)
{
	int ofs = skb_network_offset(skb);
	unsigned int span;
	bool cut;
	int err;

	if (unlikely(key->eth.type != type_of_field(t->field)))
		return 1;

	/* Have in one piece what is to be read, and writable what is to be
	 * written.
	 */
	span = ipsec_tag_span(t, skb_network_header(skb),
			      skb_headlen(skb) - ofs, &cut);
	if (unlikely(cut && skb_is_nonlinear(skb))) {
		if (!pskb_may_pull(skb, min_t(unsigned int, skb->len,
					      ofs + IPSEC_TAG_READ_MAX)))
			return -ENOMEM;
		span = ipsec_tag_span(t, skb_network_header(skb),
				      skb_headlen(skb) - ofs, &cut);
	}
	if (unlikely(!span))
		return 1;
	err = skb_ensure_writable(skb, ofs + span);
	if (unlikely(err))
		return err;

	skb_postpull_rcsum(skb, skb_network_header(skb), span);
	ipsec_tag_write(t, tag, skb_network_header(skb),
			skb_headlen(skb) - ofs, partial_ofs(skb));
	skb_postpush_rcsum(skb, skb_network_header(skb), span);
	if (t->field != IPSEC_TAG_IPV6_LABEL)
		skb_clear_hash(skb);
	update_key(skb, key, t->field);
	return 0;
}

static int write_tag(struct sk_buff *skb, struct sw_flow_key *key,
		     const struct ipsec_tag *t, unsigned int tag)
{
	switch (t->field) {
	case IPSEC_TAG_PKT_MARK:
		skb->mark = ipsec_tag_put(t, tag, skb->mark);
		key->phy.skb_mark = skb->mark;
		return 0;

	case IPSEC_TAG_ETH_DST:
		return write_eth_dst(skb, key, t, tag);

	case IPSEC_TAG_VLAN_VID:
		return write_vlan_vid(skb, key, t, tag);

	case IPSEC_TAG_VALUE:
		key->ovs_flow_hash = tag;
		return 0;

	default:
		return write_ip(skb, key, t, tag);
	}
}

static struct sk_buff *ipsec_tag_execute(struct datapath *dp,
					 struct sk_buff *skb,
					 struct sw_flow_key *key,
					 const void *payload)
{
	const struct ipsec_tag *t = payload;
	int err = write_tag(skb, key, t, tag_of_packet(skb, key, t));

	if (unlikely(err < 0)) {
		kfree_skb(skb);
		return NULL;
	}
	if (unlikely(err))
		this_cpu_inc(no_field);
	return skb;
}

const struct tasuki_action tasuki_ipsec_tag = {
	.validate = ipsec_tag_validate,
	.execute = ipsec_tag_execute,
};
