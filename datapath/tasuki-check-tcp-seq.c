// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

/* The check_tcp_seq action.  What it asks of a segment is in
 * check-tcp-seq.h.
 */

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/netlink.h>

#include "check-tcp-seq-inline.h"
#include "flow.h"
#include "tasuki.h"

static int check_tcp_seq_validate(const struct nlattr *attr,
				  const struct sw_flow_key *key,
				  __be16 *eth_type,
				  struct netlink_ext_ack *extack)
{
	const struct check_tcp_seq *c = nla_data(attr);
	const char *problem;

	if (nla_len(attr) != sizeof(*c)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "check_tcp_seq: wrong length");
		return -EINVAL;
	}
	problem = check_tcp_seq_check(c);
	if (problem) {
		if (extack)
			extack->_msg = problem;
		NL_SET_BAD_ATTR(extack, attr);
		return -EINVAL;
	}
	if (!tasuki_is_tcp(key, *eth_type)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "check_tcp_seq: the flow must match TCP over IPv4 or IPv6");
		return -EINVAL;
	}
	return 0;
}

/* Returns the packet's length from its network header on, as that header says,
 * or 0 if the packet is shorter.
 */
static unsigned int network_len(const struct sk_buff *skb, __be16 eth_type)
{
	unsigned int max = skb->len - skb_network_offset(skb);
	unsigned int len;

	if (eth_type == htons(ETH_P_IP)) {
		len = ntohs(ip_hdr(skb)->tot_len);
	} else {
		len = ntohs(ipv6_hdr(skb)->payload_len);
		if (len)
			len += sizeof(struct ipv6hdr);
	}

	/* A super-packet of more than 65535 bytes does not say its length. */
	if (!len)
		return max;
	return len <= max ? len : 0;
}

static enum check_tcp_verdict judge(struct sk_buff *skb,
				    const struct sw_flow_key *key,
				    const struct check_tcp_seq *c)
{
	unsigned int tcp_ofs, len, hlen;

	if (unlikely(key->ip.proto != IPPROTO_TCP ||
		     key->ip.frag != OVS_FRAG_TYPE_NONE ||
		     (key->eth.type != htons(ETH_P_IP) &&
		      key->eth.type != htons(ETH_P_IPV6))))
		return CHECK_TCP_OUTSIDE;

	/* If the packet is not what it should be, its transport header is not
	 * set.
	 */
	tcp_ofs = skb_transport_offset(skb);
	if (unlikely(!pskb_may_pull(skb, tcp_ofs + TCP_MIN_LEN)))
		return CHECK_TCP_OUTSIDE;
	len = network_len(skb, key->eth.type);
	hlen = tcp_ofs - skb_network_offset(skb);
	if (unlikely(len < hlen))
		return CHECK_TCP_OUTSIDE;
	return check_tcp_segment(c, skb_transport_header(skb), len - hlen);
}

/* Cuts up a super-packet that straddles an edge of the window, so that each
 * segment can be judged.
 */
static struct sk_buff *check_tcp_seq_execute(struct datapath *dp,
					     struct sk_buff *skb,
					     struct sw_flow_key *key,
					     const void *payload)
{
	struct sk_buff *segments;

	if (likely(!skb_is_gso(skb) ||
		   judge(skb, key, payload) != CHECK_TCP_STRADDLES))
		return skb;

	segments = __skb_gso_segment(skb, NETIF_F_SG, false);
	if (IS_ERR(segments)) {
		kfree_skb(skb);
		return NULL;
	}
	if (!segments)
		return skb;
	consume_skb(skb);
	return segments;
}

static u32 check_tcp_seq_value(struct sk_buff *skb,
			       const struct sw_flow_key *key,
			       const void *payload)
{
	return judge(skb, key, payload) == CHECK_TCP_INSIDE;
}

const struct tasuki_action tasuki_check_tcp_seq = {
	.validate = check_tcp_seq_validate,
	.execute = check_tcp_seq_execute,
	.value = check_tcp_seq_value,
};
