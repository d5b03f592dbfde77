// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/in.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <asm/unaligned.h>

#include "nat64-skb.h"

/* Kinds of super-packets whose translated headers are those of a super-packet
 * with the same payload.
 */
#define GSO_TYPES (SKB_GSO_TCPV4 | SKB_GSO_TCPV6 | SKB_GSO_TCP_ECN | \
		   SKB_GSO_TCP_FIXEDID | SKB_GSO_UDP_L4 | SKB_GSO_DODGY)

/* How much longer the IPv6 header is. */
#define GROWTH (40 - 20)

static void get_frame(const struct sk_buff *skb, struct nat64_frame *f)
{
	f->data = skb->data;
	f->linear = skb_headlen(skb);
	f->len = skb->len;
	f->l3_ofs = skb_network_offset(skb);
	f->gso_size = skb_is_gso(skb) ? skb_shinfo(skb)->gso_size : 0;
	f->csum_partial = skb->ip_summed == CHECKSUM_PARTIAL;
}

/**
 * nat64_skb_stays_whole() - asks whether to translate a super-packet whole
 * @skb: A packet with skb_is_gso().
 *
 * A tunnel's super-packet has more headers than are translated.  One of IP
 * fragments has the IP header in each fragment, and a list has it in each
 * member.
 *
 * Return: true if it can be translated whole, false if it must be cut up
 * before.
 */
bool nat64_skb_stays_whole(const struct sk_buff *skb)
{
	return !(skb_shinfo(skb)->gso_type & ~GSO_TYPES) &&
	       skb->len - skb_network_offset(skb) <= IP_MAX_MTU + GROWTH;
}

/* A checksum that is still to be computed may stay so if it is that of the
 * packet's own TCP or UDP header.  Any other is computed here: nobody else
 * knows where a translated packet has it, or that it has one.  It cannot be
 * computed for a super-packet, whose segments have one each, so -EPROTO says
 * that such a packet makes no sense.
 */
static int settle_csum(struct sk_buff *skb, u8 l4_proto)
{
	int csum_offset = l4_proto == IPPROTO_TCP ?
			  offsetof(struct tcphdr, check) :
			  offsetof(struct udphdr, check);

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return 0;
	if (likely((l4_proto == IPPROTO_TCP || l4_proto == IPPROTO_UDP) &&
		   skb_checksum_start_offset(skb) ==
		   skb_transport_offset(skb) &&
		   skb->csum_offset == csum_offset))
		return 0;
	return skb_is_gso(skb) ? -EPROTO : skb_csum_hwoffload_help(skb, 0);
}

/* Makes room to put @head in front of what stays of the packet.
 *
 * Nearly all packets of local origin are TCP's clones.  Whoever has such a
 * clone owns its header and the headroom, so as a rule nothing is copied.
 */
static int make_room(struct sk_buff *skb, const struct nat64_head *head)
{
	int missing = (int)head->len - (int)head->strip -
		      (int)skb_headroom(skb);

	if (likely(missing <= 0 &&
		   (!skb_cloned(skb) || skb_clone_writable(skb, head->strip))))
		return 0;
	return pskb_expand_head(skb, missing > 0 ? SKB_DATA_ALIGN(missing) : 0,
				0, GFP_ATOMIC);
}

static void change_gso_type(struct sk_buff *skb, u16 eth_type)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);

	/* IPv6 has no identification to keep fixed.  In IPv4 it does not
	 * matter, because what was IPv6 must not be fragmented.
	 */
	shinfo->gso_type &= ~SKB_GSO_TCP_FIXEDID;
	if (eth_type == ETH_P_IPV6 && shinfo->gso_type & SKB_GSO_TCPV4)
		shinfo->gso_type ^= SKB_GSO_TCPV4 | SKB_GSO_TCPV6;
	else if (eth_type == ETH_P_IP && shinfo->gso_type & SKB_GSO_TCPV6)
		shinfo->gso_type ^= SKB_GSO_TCPV4 | SKB_GSO_TCPV6;
}

/* Takes off padding.  It would become a part of the packet if translation
 * makes the packet longer than the shortest Ethernet frame, or shorter.
 */
static inline int trim(struct sk_buff *skb, unsigned int len)
{
	if (likely(skb->len == len))
		return 0;
	if (likely(!skb_is_nonlinear(skb) &&
		   (skb->ip_summed == CHECKSUM_NONE ||
		    skb->ip_summed == CHECKSUM_UNNECESSARY))) {
		__skb_trim(skb, len);
		return 0;
	}
	return pskb_trim_rcsum(skb, len);
}

/* Copies @len bytes, some dozens as a rule.  For so few a call, and the choice
 * between ways to copy, would take longer than the copy.
 */
static inline void copy_head(u8 *to, const u8 *from, size_t len)
{
	size_t i;

	for (i = 0; i + 8 <= len; i += 8)
		put_unaligned(get_unaligned((const u64 *)(from + i)),
			      (u64 *)(to + i));
	for (; i < len; i++)
		to[i] = from[i];
}

/* Replaces the headers of @skb.  If it does not return 0, the packet is as it
 * was, but perhaps without padding.
 */
static int replace_head(struct sk_buff *skb, const struct nat64_head *head)
{
	int err;

	err = trim(skb, head->strip + head->keep);
	if (unlikely(err))
		return err;
	if (unlikely(!pskb_may_pull(skb, head->strip)))
		return -ENOMEM;
	err = make_room(skb, head);
	if (unlikely(err))
		return err;

	/* If everything was replaced, the sum says nothing any more. */
	if (skb->ip_summed == CHECKSUM_COMPLETE &&
	    (!head->keep || (head->strip | head->len) & 1))
		skb->ip_summed = CHECKSUM_NONE;
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb_postpull_rcsum(skb, skb->data, head->strip);
	__skb_pull(skb, head->strip);
	copy_head(__skb_push(skb, head->len), head->bytes, head->len);
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb_postpush_rcsum(skb, skb->data, head->len);

	skb_reset_mac_header(skb);
	skb_set_network_header(skb, head->l3_ofs);
	skb_set_transport_header(skb, head->l4_ofs ?: head->l3_ofs);
	skb_reset_mac_len(skb);
	/* With a tag in the frame, it is the tag's type. */
	if (likely(!eth_type_vlan(skb->protocol)))
		skb->protocol = htons(head->eth_type);
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		skb->csum_start = skb_headroom(skb) + head->l4_ofs;
	if (skb_is_gso(skb))
		change_gso_type(skb, head->eth_type);
	skb_clear_hash(skb);
	return 0;
}

/**
 * nat64_skb_translate() - translates a packet
 * @skb: The packet.
 * @n: What to do, accepted by nat64_check().
 * @l4_proto: The protocol of its transport header, if that is set and the
 *	packet is not a fragment, or 0.
 * @head: Room for the new headers, which are left there.
 *
 * Return: A negative errno, or an enum nat64_result other than NAT64_PULL.
 * With NAT64_OK the packet has been translated.  With NAT64_FRAGMENT it has
 * been translated and must go through nat64_skb_fragment(); but a super-packet
 * has not been translated and must be segmented first.  With all others the
 * packet is as it was, but for where its bytes are.
 */
int nat64_skb_translate(struct sk_buff *skb, const struct nat64 *n,
			u8 l4_proto, struct nat64_head *head)
{
	enum nat64_result result;
	struct nat64_frame f;
	int err;

	err = settle_csum(skb, l4_proto);
	if (unlikely(err))
		return err == -EPROTO ? NAT64_BAD_HEADER : err;

	for (;;) {
		get_frame(skb, &f);
		result = nat64_translate(n, &f, head);
		if (likely(result != NAT64_PULL))
			break;
		if (WARN_ON_ONCE(head->need <= f.linear))
			return -EINVAL;
		if (!pskb_may_pull(skb, head->need))
			return -ENOMEM;
	}

	if (unlikely(result != NAT64_OK &&
		     (result != NAT64_FRAGMENT || skb_is_gso(skb))))
		return result;
	err = replace_head(skb, head);
	return unlikely(err) ? err : result;
}

/* Returns where the payload of the fragments begins in the whole packet. */
static size_t payload_ofs(const struct nat64_head *head)
{
	if (head->eth_type == ETH_P_IPV6)
		return head->l3_ofs + 40 + 8;
	return head->l3_ofs + (head->bytes[head->l3_ofs] & 15) * 4;
}

/* Sets the header offsets of a packet whose IP header is at @l3_ofs. */
static void set_headers(struct sk_buff *skb, unsigned int l3_ofs)
{
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, l3_ofs);
	skb_set_transport_header(skb, l3_ofs);
	skb_reset_mac_len(skb);
}

/* Returns a packet of @hlen bytes of @header and @len bytes at @ofs of @skb,
 * like @skb in all other respects, or NULL.
 */
static struct sk_buff *make_part(const struct sk_buff *skb,
				 const struct nat64_head *head,
				 const u8 *header, size_t hlen,
				 size_t ofs, size_t len)
{
	struct sk_buff *part = alloc_skb(LL_MAX_HEADER + hlen + len,
					 GFP_ATOMIC);

	if (unlikely(!part))
		return NULL;
	skb_reserve(part, LL_MAX_HEADER);
	skb_put_data(part, header, hlen);
	if (unlikely(skb_copy_bits(skb, ofs, skb_put(part, len), len))) {
		kfree_skb(part);
		return NULL;
	}
	skb_copy_header(part, skb);
	part->ip_summed = CHECKSUM_NONE;
	part->encapsulation = 0;
	set_headers(part, head->l3_ofs);
	return part;
}

/**
 * nat64_skb_fragment() - cuts a translated packet into fragments
 * @skb: The packet, for which nat64_skb_translate() has returned
 *	NAT64_FRAGMENT.  It is consumed.
 * @head: What nat64_skb_translate() has left there.
 *
 * Return: A list of packets, chained by @next, or NULL if there is no memory.
 */
struct sk_buff *nat64_skb_fragment(struct sk_buff *skb,
				   const struct nat64_head *head)
{
	size_t start = payload_ofs(head), ofs = 0, from, hlen, len;
	struct sk_buff *list = NULL, **tail = &list;
	u8 header[NAT64_FRAG_HEAD_MAX];
	bool more;

	/* The hardware computes no checksum over several packets. */
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    skb_csum_hwoffload_help(skb, 0))
		goto drop;
	if (WARN_ON_ONCE(start > skb->len))
		goto drop;
	do {
		from = ofs;
		more = nat64_fragment(head, skb->len - start, &ofs, header,
				      &hlen, &len);
		*tail = make_part(skb, head, header, hlen, start + from, len);
		if (!*tail)
			goto drop;
		tail = &(*tail)->next;
	} while (more);
	consume_skb(skb);
	return list;

drop:
	kfree_skb_list(list);
	kfree_skb(skb);
	return NULL;
}

/**
 * nat64_skb_too_big() - makes the answer to a packet that is too big
 * @skb: The packet, for which nat64_skb_translate() has returned
 *	NAT64_TOO_BIG.
 * @mtu: What nat64_skb_translate() has left in the head.
 *
 * Return: The packet to send to where @skb came from, or NULL.
 */
struct sk_buff *nat64_skb_too_big(struct sk_buff *skb, u16 mtu)
{
	struct sk_buff *answer;
	struct nat64_frame f;
	size_t len;

	/* What the answer quotes of the packet. */
	if (!pskb_may_pull(skb, min_t(size_t, skb->len, NAT64_HEAD_MAX)))
		return NULL;
	answer = alloc_skb(LL_MAX_HEADER + NAT64_HEAD_MAX, GFP_ATOMIC);
	if (!answer)
		return NULL;
	skb_reserve(answer, LL_MAX_HEADER);
	get_frame(skb, &f);
	len = nat64_too_big(&f, mtu, skb_tail_pointer(answer));
	if (!len) {
		kfree_skb(answer);
		return NULL;
	}
	skb_put(answer, len);
	answer->protocol = skb->protocol;
	answer->priority = skb->priority;
	if (skb_vlan_tag_present(skb))
		__vlan_hwaccel_put_tag(answer, skb->vlan_proto,
				       skb_vlan_tag_get(skb));
	set_headers(answer, nat64_l3_ofs(&f));
	return answer;
}
