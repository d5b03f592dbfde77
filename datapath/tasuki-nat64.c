// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

/* The nat64 action.  Its arithmetic is in nat64.h, and what it does to socket
 * buffers in nat64-skb.h.
 */

#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/skbuff.h>
#include <net/netlink.h>

#include "conntrack.h"
#include "counter.h"
#include "datapath.h"
#include "flow.h"
#include "nat64-skb.h"
#include "tasuki.h"
#include "vport.h"

/* Packets by what became of them.  NAT64_PULL has no counter, since it is not
 * the final result.
 */
static DEFINE_PER_CPU(unsigned long[NAT64_N_RESULTS], results);
TASUKI_COUNTER(nat64_ok, results[NAT64_OK]);
TASUKI_COUNTER(nat64_fragment, results[NAT64_FRAGMENT]);
TASUKI_COUNTER(nat64_too_big, results[NAT64_TOO_BIG]);
TASUKI_COUNTER(nat64_truncated, results[NAT64_TRUNCATED]);
TASUKI_COUNTER(nat64_bad_header, results[NAT64_BAD_HEADER]);
TASUKI_COUNTER(nat64_wrong_type, results[NAT64_WRONG_TYPE]);
TASUKI_COUNTER(nat64_address, results[NAT64_ADDRESS]);
TASUKI_COUNTER(nat64_source_route, results[NAT64_SOURCE_ROUTE]);
TASUKI_COUNTER(nat64_extension, results[NAT64_EXTENSION]);
TASUKI_COUNTER(nat64_fragmented, results[NAT64_FRAGMENT_DROP]);
TASUKI_COUNTER(nat64_udp_csum, results[NAT64_UDP_CSUM]);
TASUKI_COUNTER(nat64_icmp_type, results[NAT64_ICMP_TYPE]);
TASUKI_COUNTER(nat64_icmp_inner, results[NAT64_ICMP_INNER]);
TASUKI_COUNTER(nat64_multicast_control, results[NAT64_MULTICAST_CONTROL]);
TASUKI_COUNTER(nat64_router_discovery, results[NAT64_ROUTER_DISCOVERY]);
TASUKI_COUNTER(nat64_arp, results[NAT64_ARP]);
TASUKI_COUNTER(nat64_nd, results[NAT64_ND]);

/* New headers on their way into a packet.  They are too long for a stack that
 * may be deep already.  They live no longer than one translation, so a
 * packet's way from datapath to datapath does not matter.
 */
static DEFINE_PER_CPU(struct nat64_head, heads);

/* At most 100 answers a second, to all senders together. */
static DEFINE_RATELIMIT_STATE(too_big_limit, HZ, 100);

static int nat64_validate(const struct nlattr *attr,
			  const struct sw_flow_key *key, __be16 *eth_type,
			  struct netlink_ext_ack *extack)
{
	const struct nat64 *n = nla_data(attr);
	const char *problem;

	if (nla_len(attr) != sizeof(*n)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "nat64: wrong length");
		return -EINVAL;
	}
	problem = nat64_check(n);
	if (problem) {
		if (extack)
			extack->_msg = problem;
		NL_SET_BAD_ATTR(extack, attr);
		return -EINVAL;
	}
	if (n->direction == NAT64_4TO6 && *eth_type != htons(ETH_P_IP) &&
	    *eth_type != htons(ETH_P_ARP)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "nat64: the flow must match IPv4 or ARP");
		return -EINVAL;
	}
	if (n->direction == NAT64_6TO4 && *eth_type != htons(ETH_P_IPV6)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "nat64: the flow must match IPv6");
		return -EINVAL;
	}

	/* ARP and Neighbor Discovery have different types: from here on the
	 * type depends on the packet.
	 */
	*eth_type = 0;
	return 0;
}

/* Hands @answer, which answers @skb, to userspace.  It goes as a packet with
 * @skb's metadata that recirculates with @id and has found no flow.
 *
 * Even if there is a flow: its actions and another tunnel may need more stack
 * than is left here, and answers are few.
 */
static noinline_for_stack void recirculate(struct datapath *dp,
					   struct sk_buff *answer,
					   const struct sk_buff *skb,
					   const struct sw_flow_key *skb_key,
					   u32 id)
{
	const struct vport *vport = OVS_CB(skb)->input_vport;
	struct dp_upcall_info upcall = { .cmd = OVS_PACKET_CMD_MISS };
	struct sw_flow_key key = *skb_key;

	answer->dev = skb->dev;
	*OVS_CB(answer) = (struct ovs_skb_cb) {
		.input_vport = OVS_CB(skb)->input_vport,
		.cutlen = U32_MAX,
	};
	key.recirc_id = id;
	key.ovs_flow_hash = 0;
	key.phy.skb_mark = answer->mark;
	ovs_ct_clear(answer, &key);

	if (dp->user_features & OVS_DP_F_DISPATCH_UPCALL_PER_CPU)
		upcall.portid = ovs_dp_get_upcall_portid(dp,
							 smp_processor_id());
	else
		upcall.portid = ovs_vport_find_upcall_portid(vport, answer);
	if (!ovs_flow_key_update(answer, &key))
		ovs_dp_upcall(dp, answer, &key, &upcall, U32_MAX);
	consume_skb(answer);
}

/* Tells the sender of @skb that packets must not be longer than @mtu.  With an
 * @id, whoever has installed the flow knows the way to the sender.
 */
static void answer_too_big(struct datapath *dp, struct sk_buff *skb,
			   const struct sw_flow_key *key, u16 mtu, u32 id)
{
	struct vport *vport = ovs_vport_rcu(dp, key->phy.in_port);
	struct sk_buff *answer;

	if (!id && (!vport || !netif_running(vport->dev) ||
		    !netif_carrier_ok(vport->dev)))
		return;
	ratelimit_set_flags(&too_big_limit, RATELIMIT_MSG_ON_RELEASE);
	if (!__ratelimit(&too_big_limit))
		return;
	answer = nat64_skb_too_big(skb, mtu);
	if (!answer)
		return;
	if (id)
		recirculate(dp, answer, skb, key, id);
	else
		ovs_vport_send(vport, answer, ovs_key_mac_proto(key));
}

static struct sk_buff *translate(struct datapath *dp, struct sk_buff *skb,
				 struct sw_flow_key *key,
				 const struct nat64 *n);

/* Cuts up a super-packet and translates each segment. */
static struct sk_buff *translate_segments(struct datapath *dp,
					  struct sk_buff *skb,
					  struct sw_flow_key *key,
					  const struct nat64 *n)
{
	struct sk_buff *segment, *next, *list = NULL, **tail = &list;

	segment = __skb_gso_segment(skb, NETIF_F_SG, false);
	if (IS_ERR_OR_NULL(segment)) {
		kfree_skb(skb);
		return NULL;
	}
	consume_skb(skb);
	skb_list_walk_safe(segment, segment, next) {
		skb_mark_not_on_list(segment);
		*tail = translate(dp, segment, key, n);
		while (*tail)
			tail = &(*tail)->next;
	}
	return list;
}

/* Translates @skb.  Returns what it has become, or NULL if nothing is left. */
static struct sk_buff *translate(struct datapath *dp, struct sk_buff *skb,
				 struct sw_flow_key *key,
				 const struct nat64 *n)
{
	struct nat64_head *head = this_cpu_ptr(&heads);
	u8 l4_proto = 0;
	int result;

	if (skb_is_gso(skb) && unlikely(!nat64_skb_stays_whole(skb)))
		return translate_segments(dp, skb, key, n);

	if (likely(key->ip.frag == OVS_FRAG_TYPE_NONE &&
		   key->eth.type != htons(ETH_P_ARP)))
		l4_proto = key->ip.proto;
	result = nat64_skb_translate(skb, n, l4_proto, head);
	if (unlikely(result < 0))
		goto drop;
	__this_cpu_inc(results[result]);

	switch (result) {
	case NAT64_OK:
		return skb;

	case NAT64_FRAGMENT:
		return skb_is_gso(skb) ? translate_segments(dp, skb, key, n) :
					 nat64_skb_fragment(skb, head);

	case NAT64_TOO_BIG:
		answer_too_big(dp, skb, key, head->mtu, n->answer);
		break;
	}
drop:
	kfree_skb(skb);
	return NULL;
}

static struct sk_buff *nat64_execute(struct datapath *dp, struct sk_buff *skb,
				     struct sw_flow_key *key,
				     const void *payload)
{
	struct sk_buff *each;

	/* The packet came from a tunnel that carries no Ethernet. */
	if (unlikely(ovs_key_mac_proto(key) != MAC_PROTO_ETHERNET)) {
		__this_cpu_inc(results[NAT64_WRONG_TYPE]);
		kfree_skb(skb);
		return NULL;
	}
	skb = translate(dp, skb, key, payload);
	if (unlikely(!skb))
		return NULL;

	/* Whoever looks at the key now has to extract it again.  Only its type
	 * is right: by that, output fragments what conntrack has reassembled.
	 */
	if (unlikely(key->ct_state || skb_nfct(skb)))
		for (each = skb; each; each = each->next)
			ovs_ct_clear(each, key);
	key->eth.type = *(__be16 *)(skb_network_header(skb) - 2);
	key->mac_proto |= SW_FLOW_KEY_INVALID;
	return skb;
}

const struct tasuki_action tasuki_nat64 = {
	.validate = nat64_validate,
	.execute = nat64_execute,
};
