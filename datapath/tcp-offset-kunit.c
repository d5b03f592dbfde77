// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

/* Tests of what tcp_offset does to socket buffers: their shape, who shares
 * them, their offload state.  Userspace tests what it does to bytes.  Here the
 * bytes are only compared with those of the same packet, flat.
 */

#include <kunit/test.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/checksum.h>
#include <net/ip.h>

#include "skb-kunit.h"
#include "tasuki-tcp-offset.c"
#include "tcp-offset.c"

#define N_PACKETS 20000
#define MAX_LEN 2048
#define MSS 1000

static void random_offset(struct tcp_offset *o)
{
	memset(o, 0, sizeof(*o));
	do {
		o->fields = below(ALL_FIELDS + 1);
	} while (!o->fields);
	if (o->fields & TCP_OFFSET_SEQ)
		o->seq = prandom_u32_state(&rnd);
	if (o->fields & TCP_OFFSET_ACK)
		o->ack = prandom_u32_state(&rnd);
	if (o->fields & TCP_OFFSET_TSVAL)
		o->tsval = prandom_u32_state(&rnd);
	if (o->fields & TCP_OFFSET_TSECR)
		o->tsecr = prandom_u32_state(&rnd);
	if (o->fields & TCP_OFFSET_WSCALE)
		o->wscale = (int)below(2 * TCP_OFFSET_WSCALE_MAX + 1) -
			    TCP_OFFSET_WSCALE_MAX;
}

/* Puts options into the @len bytes at @opts, most of the time valid ones. */
static void random_options(u8 *opts, int len)
{
	static const u8 timestamps[] = { 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 };
	static const u8 sack[] = { 5, 10, 1, 1, 1, 1, 2, 2, 2, 2 };
	int i;

	memset(opts, 1, len);
	for (i = below(3); i + 10 <= len; i += 10 + below(3))
		memcpy(&opts[i], one_in(2) ? timestamps : sack, 10);
	if (len && one_in(8))
		opts[below(len)] = below(256);
}

/* Writes an Ethernet frame to @data, MAX_LEN bytes: TCP, more or less.
 * Returns its length and where the TCP header is.
 */
static int random_frame(u8 *data, __be16 *eth_type, int *th_ofs)
{
	int hlen = 20 + 4 * below(11), payload = below(600), th, len;
	struct tcphdr *tcp;

	prandom_bytes_state(&rnd, data, MAX_LEN);
	if (one_in(2)) {
		struct iphdr *ip = (struct iphdr *)(data + ETH_HLEN);

		*eth_type = htons(ETH_P_IP);
		ip->version = 4;
		ip->ihl = one_in(4) ? 5 + below(11) : 5;
		ip->protocol = IPPROTO_TCP;
		ip->frag_off = 0;
		th = ETH_HLEN + 4 * ip->ihl;
		len = th + hlen + payload;
		ip->tot_len = htons(one_in(16) ? below(0x10000)
					       : len - ETH_HLEN);
	} else {
		struct ipv6hdr *ip6 = (struct ipv6hdr *)(data + ETH_HLEN);
		u8 *next = &ip6->nexthdr;

		*eth_type = htons(ETH_P_IPV6);
		ip6->version = 6;
		th = ETH_HLEN + sizeof(*ip6);
		while (one_in(3) && th < 300) {
			*next = IPPROTO_DSTOPTS;
			next = &data[th];
			data[th + 1] = below(4);
			th += 8 * (data[th + 1] + 1);
		}
		*next = IPPROTO_TCP;
		len = th + hlen + payload;
		ip6->payload_len = htons(one_in(16) ? below(0x10000)
				       : len - ETH_HLEN - sizeof(*ip6));
	}
	tcp = (struct tcphdr *)(data + th);
	tcp->doff = one_in(16) ? below(16) : hlen / 4;
	random_options((u8 *)(tcp + 1), hlen - 20);
	*th_ofs = th;
	return one_in(16) ? th + below(len - th + 1) : len;
}

static void set_headers(struct sk_buff *skb, struct sw_flow_key *key,
			__be16 eth_type, int th_ofs)
{
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb_set_transport_header(skb, th_ofs);
	skb->protocol = eth_type;

	memset(key, 0, sizeof(*key));
	key->eth.type = eth_type;
	key->ip.proto = IPPROTO_TCP;
	key->ip.frag = OVS_FRAG_TYPE_NONE;
}

static void expect_execute(struct kunit *test, struct sk_buff *skb,
			   struct sw_flow_key *key, const struct tcp_offset *o)
{
	KUNIT_EXPECT_PTR_EQ(test, skb,
			    tasuki_tcp_offset.execute(NULL, skb, key, o));
}

/* Any packet, in any shape, with any offload state, shared or not, ends up
 * like the same packet flat.
 */
static void test_shapes(struct kunit *test)
{
	u8 *before = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	u8 *after = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	int i, n_changed = 0;

	for (i = 0; i < N_PACKETS && !test->status; i++) {
		struct sk_buff *skb, *clone = NULL;
		struct sw_flow_key key;
		struct tcp_offset o;
		__be16 eth_type;
		int len, th, linear;
		bool partial;

		random_offset(&o);
		len = random_frame(before, &eth_type, &th);
		linear = one_in(3) ? len : below(len) + 1;
		linear = max(linear, ETH_HLEN + 40);
		linear = min(linear, len);
		skb = make_skb(test, before, len, NET_IP_ALIGN, linear, one_in(2));
		set_headers(skb, &key, eth_type, th);

		/* What key_extract() has done before. */
		if (!pskb_may_pull(skb, min(len, th + 20)))
			KUNIT_FAIL(test, "cannot pull");

		partial = false;
		switch (below(4)) {
		case 0:
			skb->ip_summed = CHECKSUM_COMPLETE;
			skb->csum = skb_checksum(skb, 0, len, 0);
			break;
		case 1:
			skb->ip_summed = CHECKSUM_PARTIAL;
			skb->csum_start = skb_headroom(skb) + th;
			skb->csum_offset = offsetof(struct tcphdr, check);
			partial = true;
			break;
		case 2:
			skb->ip_summed = CHECKSUM_UNNECESSARY;
			skb->csum_level = 2;
			break;
		}
		if (one_in(2))
			clone = skb_clone(skb, GFP_KERNEL);

		memcpy(after, before, len);
		tcp_offset_packet(&o, after + ETH_HLEN, len - ETH_HLEN,
				  partial);
		n_changed += !!memcmp(before, after, len);

		expect_execute(test, skb, &key, &o);
		expect_bytes(test, skb, after, len);
		if (clone)
			expect_bytes(test, clone, before, len);
		if (skb->ip_summed == CHECKSUM_COMPLETE)
			KUNIT_EXPECT_EQ(test, csum_fold(skb->csum),
					csum_fold(skb_checksum(skb, 0, len,
							       0)));
		if (skb->ip_summed == CHECKSUM_UNNECESSARY)
			KUNIT_EXPECT_EQ(test, 2, (int)skb->csum_level);
		if (test->status)
			kunit_err(test, "packet %d, %d bytes, %d linear, offload %d",
				  i, len, linear, skb->ip_summed);
		kfree_skb(clone);
		kfree_skb(skb);
	}

	/* Most packets were changed. */
	KUNIT_EXPECT_GT(test, n_changed, N_PACKETS / 2);
}

/* The user data of a clone stays shared. */
static void test_data_stays_shared(struct kunit *test)
{
	const struct tcp_offset o = {
		.fields = TCP_OFFSET_SEQ, .seq = 12345,
	};
	u8 *data = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	struct iphdr *ip = (struct iphdr *)(data + ETH_HLEN);
	struct tcphdr *tcp = (struct tcphdr *)(ip + 1);
	int hlen = ETH_HLEN + sizeof(*ip) + sizeof(*tcp), len = hlen + 1000;
	struct sk_buff *skb, *clone;
	struct sw_flow_key key;

	ip->version = 4;
	ip->ihl = 5;
	ip->protocol = IPPROTO_TCP;
	ip->tot_len = htons(len - ETH_HLEN);
	tcp->doff = 5;

	skb = make_skb(test, data, len, NET_IP_ALIGN, hlen, false);
	set_headers(skb, &key, htons(ETH_P_IP), hlen - sizeof(*tcp));
	clone = skb_clone(skb, GFP_KERNEL);
	expect_execute(test, skb, &key, &o);
	KUNIT_EXPECT_EQ(test, 12345U, ntohl(tcp_hdr(skb)->seq));
	KUNIT_EXPECT_EQ(test, 0U, ntohl(tcp_hdr(clone)->seq));
	KUNIT_EXPECT_EQ(test, hlen, (int)skb_headlen(skb));
	KUNIT_EXPECT_PTR_EQ(test, skb_frag_page(&skb_shinfo(skb)->frags[0]),
			    skb_frag_page(&skb_shinfo(clone)->frags[0]));
	kfree_skb(clone);

	/* A packet whose header nobody else uses is not copied. */
	expect_execute(test, skb, &key, &o);
	data = skb->head;
	expect_execute(test, skb, &key, &o);
	KUNIT_EXPECT_PTR_EQ(test, data, skb->head);
	kfree_skb(skb);
}

/* Moving a super-packet and then cutting it up gives the same as cutting it up
 * and then moving each segment.
 */
static void test_gso(struct kunit *test)
{
	const struct tcp_offset o = {
		.fields = ALL_FIELDS, .seq = 0xfedcba98, .ack = 0x12345678,
		.tsval = 0x89abcdef, .tsecr = 0x76543210, .wscale = -3,
	};
	static const u8 options[] = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 };
	int th = ETH_HLEN + sizeof(struct iphdr);
	int hlen = th + sizeof(struct tcphdr) + sizeof(options);
	int len = 65535 + ETH_HLEN, n = 0;
	u8 *data = kunit_kzalloc(test, len, GFP_KERNEL);
	struct iphdr *ip = (struct iphdr *)(data + ETH_HLEN);
	struct tcphdr *tcp = (struct tcphdr *)(ip + 1);
	struct sk_buff *moved, *plain, *a, *b;
	struct sw_flow_key key;
	u8 *flat;

	prandom_bytes_state(&rnd, data, len);
	*(__be16 *)(data + 2 * ETH_ALEN) = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->protocol = IPPROTO_TCP;
	ip->frag_off = 0;
	ip->tot_len = htons(len - ETH_HLEN);
	tcp->doff = 8;
	tcp->syn = 0;
	tcp->ack = 1;
	memcpy(tcp + 1, options, sizeof(options));
	tcp->check = ~csum_tcpudp_magic(ip->saddr, ip->daddr,
					len - th, IPPROTO_TCP, 0);

	moved = alloc_skb(NET_IP_ALIGN + len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, moved);
	skb_reserve(moved, NET_IP_ALIGN);
	skb_put_data(moved, data, len);
	set_headers(moved, &key, htons(ETH_P_IP), th);
	skb_reset_mac_len(moved);
	moved->ip_summed = CHECKSUM_PARTIAL;
	moved->csum_start = skb_headroom(moved) + th;
	moved->csum_offset = offsetof(struct tcphdr, check);
	skb_shinfo(moved)->gso_type = SKB_GSO_TCPV4;
	skb_shinfo(moved)->gso_size = MSS;
	skb_shinfo(moved)->gso_segs = DIV_ROUND_UP(len - hlen, MSS);
	plain = skb_copy(moved, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, plain);

	expect_execute(test, moved, &key, &o);
	KUNIT_EXPECT_EQ(test, MSS, (int)skb_shinfo(moved)->gso_size);
	KUNIT_EXPECT_EQ(test, len, (int)moved->len);
	KUNIT_EXPECT_EQ(test, ntohl(tcp->seq) + o.seq,
			ntohl(tcp_hdr(moved)->seq));
	KUNIT_EXPECT_EQ(test, (u16)tcp->check, (u16)tcp_hdr(moved)->check);

	a = __skb_gso_segment(moved, 0, false);
	b = __skb_gso_segment(plain, 0, false);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	kfree_skb(moved);
	kfree_skb(plain);
	flat = kunit_kzalloc(test, hlen + MSS, GFP_KERNEL);
	while (a && b) {
		struct sk_buff *next_a = a->next, *next_b = b->next;

		KUNIT_ASSERT_LE(test, (int)b->len, hlen + MSS);
		skb_copy_bits(b, 0, flat, b->len);
		tcp_offset_packet(&o, flat + ETH_HLEN, b->len - ETH_HLEN,
				  false);
		expect_bytes(test, a, flat, b->len);
		kfree_skb(a);
		kfree_skb(b);
		a = next_a;
		b = next_b;
		n++;
	}
	KUNIT_EXPECT_NULL(test, a);
	KUNIT_EXPECT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, n, DIV_ROUND_UP(len - hlen, MSS));
}

/* A packet that is not TCP is left alone, whatever the flow matches. */
static void test_not_tcp(struct kunit *test)
{
	const struct tcp_offset o = { .fields = TCP_OFFSET_SEQ, .seq = 1 };
	u8 *data = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	struct sw_flow_key key;
	struct sk_buff *skb;
	__be16 eth_type;
	int len, th, i;

	for (i = 0; i < 3; i++) {
		len = random_frame(data, &eth_type, &th);
		skb = make_skb(test, data, len, NET_IP_ALIGN, len, false);
		set_headers(skb, &key, eth_type, th);
		if (i == 0)
			key.ip.proto = IPPROTO_UDP;
		else if (i == 1)
			key.eth.type = htons(ETH_P_ARP);
		else
			key.ip.frag = OVS_FRAG_TYPE_LATER;
		/* Upstream does not set the header for such packets. */
		skb->transport_header = (typeof(skb->transport_header))~0U;
		expect_execute(test, skb, &key, &o);
		expect_bytes(test, skb, data, len);
		kfree_skb(skb);
	}
}

static int init_test(struct kunit *test)
{
	prandom_seed_state(&rnd, 1);
	return 0;
}

static struct kunit_case cases[] = {
	KUNIT_CASE(test_shapes),
	KUNIT_CASE(test_data_stays_shared),
	KUNIT_CASE(test_gso),
	KUNIT_CASE(test_not_tcp),
	{}
};

static struct kunit_suite suite = {
	.name = "tcp_offset",
	.init = init_test,
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_LICENSE("GPL");
