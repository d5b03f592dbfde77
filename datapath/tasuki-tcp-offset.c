// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

/* The tcp_offset action.  Its arithmetic is in tcp-offset.h. */

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/netlink.h>

#include "counter.h"
#include "flow.h"
#include "tasuki.h"
#include "tcp-offset-inline.h"

#define ALL_FIELDS (TCP_OFFSET_SEQ | TCP_OFFSET_ACK | TCP_OFFSET_TSVAL | \
		    TCP_OFFSET_TSECR | TCP_OFFSET_WSCALE)

/* Packets by what became of them. */
static DEFINE_PER_CPU(unsigned long[TCP_OFFSET_N_RESULTS], results);

/* Packets that were left as they are, by reason. */
TASUKI_COUNTER(tcp_offset_not_tcp, results[TCP_OFFSET_NOT_TCP]);
TASUKI_COUNTER(tcp_offset_truncated, results[TCP_OFFSET_TRUNCATED]);
TASUKI_COUNTER(tcp_offset_bad_doff, results[TCP_OFFSET_BAD_DOFF]);
TASUKI_COUNTER(tcp_offset_bad_option, results[TCP_OFFSET_BAD_OPTION]);

static bool unused_are_zero(const struct tcp_offset *o)
{
	return (o->fields & TCP_OFFSET_SEQ || !o->seq) &&
	       (o->fields & TCP_OFFSET_ACK || !o->ack) &&
	       (o->fields & TCP_OFFSET_TSVAL || !o->tsval) &&
	       (o->fields & TCP_OFFSET_TSECR || !o->tsecr) &&
	       (o->fields & TCP_OFFSET_WSCALE || !o->wscale) &&
	       !o->pad[0] && !o->pad[1];
}

static int tcp_offset_validate(const struct nlattr *attr,
			       const struct sw_flow_key *key,
			       __be16 *eth_type,
			       struct netlink_ext_ack *extack)
{
	const struct tcp_offset *o = nla_data(attr);

	if (nla_len(attr) != sizeof(*o)) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "tcp_offset: wrong length");
		return -EINVAL;
	}
	if (!o->fields) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "tcp_offset: no argument is given");
		return -EINVAL;
	}
	if (o->fields & ~ALL_FIELDS) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "tcp_offset: unknown argument");
		return -EINVAL;
	}
	if (!unused_are_zero(o)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "tcp_offset: what is not given must be zero");
		return -EINVAL;
	}
	if (o->wscale < -TCP_OFFSET_WSCALE_MAX ||
	    o->wscale > TCP_OFFSET_WSCALE_MAX) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "tcp_offset: wscale is out of range");
		return -ERANGE;
	}
	if (!tasuki_is_tcp(key, *eth_type)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "tcp_offset: the flow must match TCP over IPv4 or IPv6");
		return -EINVAL;
	}
	return 0;
}

/* Applies @o to the linear part of the packet, which must not be shared.
 * Returns the result.
 */
static inline int offset_linear(struct sk_buff *skb,
				const struct tcp_offset *o)
{
	bool csum_partial = skb->ip_summed == CHECKSUM_PARTIAL &&
			    skb_checksum_start_offset(skb) ==
			    skb_transport_offset(skb);

	/* The sum over the segment stays the same, so CHECKSUM_COMPLETE needs
	 * nothing.
	 */
	return tcp_offset_packet(o, skb_network_header(skb),
				 skb_headlen(skb) - skb_network_offset(skb),
				 csum_partial);
}

/* Applies @o to a packet that is shared or not linear.
 *
 * Makes its TCP header linear and writable, and nothing behind that.  Most
 * packets of local origin have user data in fragments there, and share their
 * header with TCP's retransmit queue.  Returns an enum tcp_offset_result, or a
 * negative errno.
 */
static int offset_any(struct sk_buff *skb, const struct sw_flow_key *key,
		      const struct tcp_offset *o)
{
	unsigned int end;
	int err;

	/* The flow matches only the mask's bits, and the mask of ip.proto may
	 * be less than exact.  And if the packet is not what it should be, its
	 * transport header is not set.
	 */
	if (unlikely(key->ip.frag == OVS_FRAG_TYPE_LATER))
		return TCP_OFFSET_LATER_FRAG;
	if (unlikely(key->ip.proto != IPPROTO_TCP))
		return TCP_OFFSET_NOT_TCP;

	end = skb_transport_offset(skb) + sizeof(struct tcphdr);
	if (!pskb_may_pull(skb, end))
		return skb->len < end ? TCP_OFFSET_TRUNCATED : -ENOMEM;
	end = skb_transport_offset(skb) + tcp_hdrlen(skb);
	if (skb->len < end)
		return TCP_OFFSET_TRUNCATED;
	err = skb_ensure_writable(skb, end);
	if (unlikely(err))
		return err;
	return offset_linear(skb, o);
}

static noinline struct sk_buff *execute_any(struct sk_buff *skb,
					    const struct sw_flow_key *key,
					    const struct tcp_offset *o)
{
	int result = TCP_OFFSET_NOT_TCP;

	if (key->eth.type == htons(ETH_P_IP) ||
	    key->eth.type == htons(ETH_P_IPV6))
		result = offset_any(skb, key, o);
	if (unlikely(result < 0)) {
		kfree_skb(skb);
		return NULL;
	}
	if (unlikely(result != TCP_OFFSET_OK))
		this_cpu_inc(results[result]);
	return skb;
}

/* Applies @o to the packet if it is like most that a driver has received:
 * IPv4, not shared, its headers in one piece.  Otherwise changes nothing and
 * returns false.  Rejects what tcp_offset_packet() rejects.
 */
static inline bool offset_plain(struct sk_buff *skb,
				const struct sw_flow_key *key,
				const struct tcp_offset *o)
{
	struct iphdr *ip = ip_hdr(skb);
	int len = skb_tail_pointer(skb) - (u8 *)ip;

	if (unlikely(key->eth.type != htons(ETH_P_IP) || skb_cloned(skb) ||
		     skb->ip_summed == CHECKSUM_PARTIAL ||
		     len < (int)(sizeof(*ip) + sizeof(struct tcphdr)) ||
		     *(u8 *)ip != 0x45 || ip->protocol != IPPROTO_TCP ||
		     ip->frag_off & htons(IP_OFFSET)))
		return false;
	len = min_t(int, len, ntohs(ip->tot_len)) - (int)sizeof(*ip);
	return len > 0 &&
	       tcp_offset_plain_segment(o, (u8 *)(ip + 1), len, false);
}

/* Calls no function for most packets: saving registers for a call would cost
 * as much as all the rest.
 */
static struct sk_buff *tcp_offset_execute(struct datapath *dp,
					  struct sk_buff *skb,
					  struct sw_flow_key *key,
					  const void *payload)
{
	if (likely(offset_plain(skb, key, payload)))
		return skb;
	return execute_any(skb, key, payload);
}

const struct tasuki_action tasuki_tcp_offset = {
	.validate = tcp_offset_validate,
	.execute = tcp_offset_execute,
};
