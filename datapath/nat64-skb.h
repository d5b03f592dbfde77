/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright (c) 2026 the Tasuki developers. */

#ifndef NAT64_SKB_H
#define NAT64_SKB_H 1

/* Translation of socket buffers.  nat64.h translates bytes; this deals with
 * headroom, fragments, clones and hardware offloads.
 *
 * All functions expect and return packets as Open vSwitch's datapath has them:
 * they start at their Ethernet header, with the network header set and an
 * outer VLAN tag in @skb->vlan_tci.
 */

#include "nat64.h"

struct sk_buff;

bool nat64_skb_stays_whole(const struct sk_buff *skb);
int nat64_skb_translate(struct sk_buff *skb, const struct nat64 *n,
			u8 l4_proto, struct nat64_head *head);
struct sk_buff *nat64_skb_fragment(struct sk_buff *skb,
				   const struct nat64_head *head);
struct sk_buff *nat64_skb_too_big(struct sk_buff *skb, u16 mtu);

#endif /* nat64-skb.h */
