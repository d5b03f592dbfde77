// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

/* The tcp_offset action.  Its arithmetic is in tcp-offset.h. */

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/percpu.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/netlink.h>

#include "counter.h"
#include "flow.h"
#include "tasuki.h"
#include "tcp-offset.h"

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
	if ((*eth_type != htons(ETH_P_IP) && *eth_type != htons(ETH_P_IPV6)) ||
	    key->ip.proto != IPPROTO_TCP) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "tcp_offset: the flow must match TCP over IPv4 or IPv6");
		return -EINVAL;
	}
	return 0;
}

/* Makes all of the TCP header linear, or as much of it as there is, and
 * nothing behind it: for most packets of local origin that is user data in
 * fragments.
 */
static int pull_header(struct sk_buff *skb)
{
	unsigned int ofs = skb_transport_offset(skb);

	if (!pskb_may_pull(skb, ofs + sizeof(struct tcphdr)))
		return skb->len < ofs + sizeof(struct tcphdr) ? 0 : -ENOMEM;
	if (!pskb_may_pull(skb, ofs + tcp_hdrlen(skb)))
		return skb->len < ofs + tcp_hdrlen(skb) ? 0 : -ENOMEM;
	return 0;
}

/* Applies @o to the packet.  Returns an enum tcp_offset_result, or a negative
 * errno.
 */
static int offset_skb(struct sk_buff *skb, const struct sw_flow_key *key,
		      const struct tcp_offset *o)
{
	int nh_ofs = skb_network_offset(skb);
	size_t ofs, avail, len;
	u8 *nh;
	int err;

	/* What the flow matches is known only with the mask's bits: a mask of
	 * ip.proto may be less than exact.  And where the packet is not what
	 * it should be, its transport header is not set.
	 */
	if (unlikely(key->eth.type != htons(ETH_P_IP) &&
		     key->eth.type != htons(ETH_P_IPV6)))
		return TCP_OFFSET_NOT_TCP;
	if (unlikely(key->ip.frag == OVS_FRAG_TYPE_LATER))
		return TCP_OFFSET_LATER_FRAG;
	if (unlikely(key->ip.proto != IPPROTO_TCP))
		return TCP_OFFSET_NOT_TCP;

	err = pull_header(skb);
	if (unlikely(err))
		return err;
	nh = skb_network_header(skb);
	err = tcp_offset_locate(nh, skb_headlen(skb) - nh_ofs, &ofs, &avail);
	if (unlikely(err))
		return err;

	/* A clone shares its data with others, TCP's retransmit queue to begin
	 * with.  Unshare no more than the header.
	 */
	if (unlikely(avail < sizeof(struct tcphdr)))
		return TCP_OFFSET_TRUNCATED;
	len = min_t(size_t, avail, __tcp_hdrlen((struct tcphdr *)(nh + ofs)));
	err = skb_ensure_writable(skb, nh_ofs + ofs + len);
	if (unlikely(err))
		return err;

	/* The sum over the segment stays the same, so that there is nothing to
	 * do for CHECKSUM_COMPLETE.
	 */
	nh = skb_network_header(skb);
	return tcp_offset_segment(o, nh + ofs, avail,
				  skb->ip_summed == CHECKSUM_PARTIAL &&
				  skb_checksum_start_offset(skb) ==
				  nh_ofs + (int)ofs);
}

static struct sk_buff *tcp_offset_execute(struct datapath *dp,
					  struct sk_buff *skb,
					  struct sw_flow_key *key,
					  const void *payload)
{
	int result = offset_skb(skb, key, payload);

	if (unlikely(result < 0)) {
		kfree_skb(skb);
		return NULL;
	}
	if (unlikely(result != TCP_OFFSET_OK))
		this_cpu_inc(results[result]);
	return skb;
}

const struct tasuki_action tasuki_tcp_offset = {
	.validate = tcp_offset_validate,
	.execute = tcp_offset_execute,
};
