// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

/* Tests of what nat64 does to socket buffers: their shape, who shares them,
 * their offload state.  Userspace tests what it does to bytes.  Here the bytes
 * are only compared with those of the same packet, flat.
 */

#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ip6_checksum.h>
#include <net/tcp.h>

#include "nat64-skb.h"
#include "skb-kunit.h"

#define N_PACKETS 20000
#define MAX_LEN 2048
#define MSS 1300

static const struct nat64 to6 = {
	.direction = NAT64_4TO6, .prefix_len = 96, .prefix = { 0xfe, 0x80 },
};

static const struct nat64 to4 = {
	.direction = NAT64_6TO4, .prefix_len = 96, .prefix = { 0xfe, 0x80 },
};

static const struct nat64 *const directions[] = { &to6, &to4 };

/* A packet, flat. */
struct packet {
	__be16 eth_type;
	u8 proto;
	int th;			/* Offset of the transport header. */
	int len;
	u8 *data;
};

static int l4_len(const struct packet *p)
{
	return p->proto == IPPROTO_TCP ? sizeof(struct tcphdr) :
					 sizeof(struct udphdr);
}

static __sum16 *csum_of(const struct packet *p)
{
	u8 *th = p->data + p->th;

	return p->proto == IPPROTO_TCP ? &((struct tcphdr *)th)->check :
					 &((struct udphdr *)th)->check;
}

/* Returns the checksum that @p has with sum @sum behind the pseudo header. */
static __sum16 magic(const struct packet *p, __wsum sum)
{
	int len = p->len - p->th;

	if (p->eth_type == htons(ETH_P_IP)) {
		struct iphdr *ip = (struct iphdr *)(p->data + ETH_HLEN);

		return csum_tcpudp_magic(ip->saddr, ip->daddr, len, p->proto,
					 sum);
	} else {
		struct ipv6hdr *ip = (struct ipv6hdr *)(p->data + ETH_HLEN);

		return csum_ipv6_magic(&ip->saddr, &ip->daddr, len, p->proto,
				       sum);
	}
}

/* Fills in the checksum, or with @partial the sum of the pseudo header. */
static void set_csum(struct packet *p, bool partial)
{
	*csum_of(p) = 0;
	*csum_of(p) = partial ? ~magic(p, 0) :
		      magic(p, csum_partial(p->data + p->th, p->len - p->th,
					    0));
}

/* Makes a packet for @n with @payload bytes of user data. */
static void make_packet(struct packet *p, const struct nat64 *n, u8 proto,
			int payload, bool partial)
{
	bool is_ip4 = n->direction == NAT64_4TO6;
	int l3_len = is_ip4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	p->eth_type = htons(is_ip4 ? ETH_P_IP : ETH_P_IPV6);
	p->proto = proto;
	p->th = ETH_HLEN + l3_len;
	p->len = p->th + l4_len(p) + payload;
	prandom_bytes_state(&rnd, p->data, p->len);
	p->data[0] &= ~1;
	p->data[ETH_ALEN] &= ~1;
	*(__be16 *)(p->data + 2 * ETH_ALEN) = p->eth_type;

	if (is_ip4) {
		struct iphdr *ip = (struct iphdr *)(p->data + ETH_HLEN);

		ip->version = 4;
		ip->ihl = 5;
		ip->tot_len = htons(p->len - ETH_HLEN);
		ip->frag_off = htons(IP_DF);
		ip->protocol = proto;
		ip->saddr = htonl(0x0a000000 | below(0x1000000));
		ip->daddr = htonl(0x0a000000 | below(0x1000000));
		ip_send_check(ip);
	} else {
		struct ipv6hdr *ip = (struct ipv6hdr *)(p->data + ETH_HLEN);

		*(__be32 *)ip = htonl(6 << 28 | below(1 << 28));
		ip->payload_len = htons(p->len - p->th);
		ip->nexthdr = proto;
		memcpy(&ip->saddr, n->prefix, 12);
		memcpy(&ip->daddr, n->prefix, 12);
		ip->saddr.s6_addr32[3] = htonl(0x0a000000 | below(0x1000000));
		ip->daddr.s6_addr32[3] = htonl(0x0a000000 | below(0x1000000));
	}
	if (proto == IPPROTO_TCP) {
		struct tcphdr *tcp = (struct tcphdr *)(p->data + p->th);

		tcp->doff = 5;
		tcp->syn = 0;
		tcp->rst = 0;
		tcp->fin = 0;
	} else {
		struct udphdr *udp = (struct udphdr *)(p->data + p->th);

		udp->len = htons(p->len - p->th);
	}
	set_csum(p, partial);
}

static void set_headers(struct sk_buff *skb, const struct packet *p,
			bool partial)
{
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, ETH_HLEN);
	skb_set_transport_header(skb, p->th);
	skb_reset_mac_len(skb);
	skb->protocol = p->eth_type;
	if (partial) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb_headroom(skb) + p->th;
		skb->csum_offset = (u8 *)csum_of(p) - (p->data + p->th);
	}
}

/* Translates @p by itself, to the MAX_LEN or more bytes at @out.  Returns the
 * length.
 */
static int translate_flat(struct kunit *test, const struct packet *p,
			  const struct nat64 *n, bool partial, u8 *out)
{
	struct nat64_head *head = kunit_kzalloc(test, sizeof(*head),
						GFP_KERNEL);
	const struct nat64_frame f = {
		.data = p->data, .linear = p->len, .len = p->len,
		.l3_ofs = ETH_HLEN, .csum_partial = partial,
	};
	int len;

	KUNIT_ASSERT_EQ(test, (int)NAT64_OK, (int)nat64_translate(n, &f, head));
	len = head->len + head->keep;
	memcpy(out, head->bytes, head->len);
	memcpy(out + head->len, p->data + head->strip, head->keep);
	kunit_kfree(test, head);
	return len;
}

static void expect_translated(struct kunit *test, struct sk_buff *skb,
			      const struct packet *p, const struct nat64 *n)
{
	struct nat64_head *head = kunit_kzalloc(test, sizeof(*head),
						GFP_KERNEL);
	int l3_len = n == &to6 ? 40 : 20;

	KUNIT_EXPECT_EQ(test, (int)NAT64_OK,
			nat64_skb_translate(skb, n, p->proto, head));
	KUNIT_EXPECT_EQ(test, (int)ntohs(skb->protocol),
			n == &to6 ? ETH_P_IPV6 : ETH_P_IP);
	KUNIT_EXPECT_EQ(test, 0, (int)skb_mac_offset(skb));
	KUNIT_EXPECT_EQ(test, ETH_HLEN, (int)skb->mac_len);
	KUNIT_EXPECT_EQ(test, ETH_HLEN, skb_network_offset(skb));
	KUNIT_EXPECT_EQ(test, ETH_HLEN + l3_len, skb_transport_offset(skb));
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		KUNIT_EXPECT_EQ(test, ETH_HLEN + l3_len,
				skb_checksum_start_offset(skb));
	kunit_kfree(test, head);
}

/* Any packet, in any shape, with any offload state, shared or not, ends up
 * like the same packet flat.
 */
static void test_shapes(struct kunit *test)
{
	struct packet p = { .data = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL) };
	u8 *after = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	int i;

	for (i = 0; i < N_PACKETS && !test->status; i++) {
		const struct nat64 *n = directions[below(2)];
		struct sk_buff *skb, *clone = NULL;
		int len, linear, state = below(4), padding;
		bool partial = state == 1;

		make_packet(&p, n, one_in(2) ? IPPROTO_TCP : IPPROTO_UDP,
			    below(600), partial);
		len = translate_flat(test, &p, n, partial, after);

		padding = one_in(4) ? below(40) : 0;
		memset(p.data + p.len, 0xaa, padding);
		linear = one_in(3) ? p.len : p.th + below(p.len - p.th);
		skb = make_skb(test, p.data, p.len + padding, below(64),
			       linear, one_in(2));
		set_headers(skb, &p, partial);

		/* What key_extract() has done before. */
		if (!pskb_may_pull(skb, p.th + l4_len(&p)))
			KUNIT_FAIL(test, "cannot pull");
		if (state == 0) {
			skb->ip_summed = CHECKSUM_COMPLETE;
			skb->csum = skb_checksum(skb, 0, skb->len, 0);
		} else if (state == 2) {
			skb->ip_summed = CHECKSUM_UNNECESSARY;
			skb->csum_level = 2;
		}
		if (one_in(2))
			clone = skb_clone(skb, GFP_KERNEL);

		expect_translated(test, skb, &p, n);
		expect_bytes(test, skb, after, len);
		if (clone)
			expect_bytes(test, clone, p.data, p.len + padding);
		if (partial)
			KUNIT_EXPECT_EQ(test, CHECKSUM_PARTIAL,
					(int)skb->ip_summed);
		if (skb->ip_summed == CHECKSUM_COMPLETE)
			KUNIT_EXPECT_EQ(test, csum_fold(skb->csum),
					csum_fold(skb_checksum(skb, 0, len,
							       0)));
		if (state == 2)
			KUNIT_EXPECT_EQ(test, 2, (int)skb->csum_level);
		if (test->status)
			kunit_err(test, "packet %d, %d bytes and %d, %d linear, state %d",
				  i, p.len, padding, linear, state);
		kfree_skb(clone);
		kfree_skb(skb);
	}
}

/* A packet that TCP sends is a clone whose headers nobody else looks at.  The
 * headers are replaced in place, and the data stays where it is.
 */
static void test_tcp_clone(struct kunit *test)
{
	struct packet p = { .data = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL) };
	u8 *after = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	struct sk_buff *queued, *skb;
	int i, len;
	u8 *head;

	for (i = 0; i < ARRAY_SIZE(directions); i++) {
		const struct nat64 *n = directions[i];

		make_packet(&p, n, IPPROTO_TCP, 1000, true);
		len = translate_flat(test, &p, n, true, after);

		/* As tcp_stream_alloc_skb() and __tcp_transmit_skb() do it. */
		queued = make_skb(test, p.data, p.len, MAX_TCP_HEADER,
				  p.th + 20, false);
		__skb_pull(queued, p.th + 20);
		__skb_header_release(queued);
		skb = skb_clone(queued, GFP_KERNEL);
		__skb_push(skb, p.th + 20);
		set_headers(skb, &p, true);

		head = skb->head;
		expect_translated(test, skb, &p, n);
		expect_bytes(test, skb, after, len);
		KUNIT_EXPECT_PTR_EQ(test, head, skb->head);
		KUNIT_EXPECT_PTR_EQ(test, head, queued->head);
		expect_bytes(test, queued, p.data + p.th + 20, 1000);
		kfree_skb(skb);
		kfree_skb(queued);
	}
}

/* Without headroom, what is linear is copied. */
static void test_no_headroom(struct kunit *test)
{
	struct packet p = { .data = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL) };
	u8 *after = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	struct sk_buff *skb;
	struct page *page;
	int room, len;

	for (room = 0; room <= 20; room++) {
		make_packet(&p, &to6, IPPROTO_TCP, 1000, false);
		len = translate_flat(test, &p, &to6, false, after);
		skb = make_skb(test, p.data, p.len, room, p.th + 20, false);
		/* Rounded up, there may be more room than was asked for. */
		page = skb_frag_page(&skb_shinfo(skb)->frags[0]);
		set_headers(skb, &p, false);
		expect_translated(test, skb, &p, &to6);
		expect_bytes(test, skb, after, len);
		KUNIT_EXPECT_PTR_EQ(test, page,
				    skb_frag_page(&skb_shinfo(skb)->frags[0]));
		kfree_skb(skb);
	}
}

/* IPv4 identifications count up over segments.  And a short packet may be
 * fragmented where a long one may not, while segments are as the whole was.
 */
static void forget_id(u8 *data)
{
	struct iphdr *ip = (struct iphdr *)(data + ETH_HLEN);

	if (ip->version == 4) {
		ip->id = 0;
		ip->frag_off = 0;
		ip->check = 0;
	}
}

/* Translating a super-packet and then cutting it up gives the same as cutting
 * it up and then translating each segment.
 */
static void check_gso(struct kunit *test, const struct nat64 *n, u8 proto)
{
	struct packet p = { .data = kunit_kzalloc(test, 65536, GFP_KERNEL) };
	struct nat64_head *head = kunit_kzalloc(test, sizeof(*head),
						GFP_KERNEL);
	struct sk_buff *moved, *plain, *a, *b;
	int payload = 60000, len, count = 0;
	int type, new_type;
	u8 *x, *y;

	type = n == &to6 ? SKB_GSO_TCPV4 | SKB_GSO_TCP_FIXEDID : SKB_GSO_TCPV6;
	new_type = n == &to6 ? SKB_GSO_TCPV6 : SKB_GSO_TCPV4;
	if (proto == IPPROTO_UDP) {
		type = SKB_GSO_UDP_L4;
		new_type = SKB_GSO_UDP_L4;
	}
	make_packet(&p, n, proto, payload, true);
	moved = alloc_skb(64 + p.len, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, moved);
	skb_reserve(moved, 64);
	skb_put_data(moved, p.data, p.len);
	set_headers(moved, &p, true);
	skb_shinfo(moved)->gso_type = type | SKB_GSO_DODGY;
	skb_shinfo(moved)->gso_size = MSS;
	skb_shinfo(moved)->gso_segs = DIV_ROUND_UP(payload, MSS);
	plain = skb_copy(moved, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, plain);

	KUNIT_EXPECT_TRUE(test, nat64_skb_stays_whole(moved));
	expect_translated(test, moved, &p, n);
	len = p.len + (n == &to6 ? 20 : -20);
	KUNIT_EXPECT_EQ(test, len, (int)moved->len);
	KUNIT_EXPECT_EQ(test, MSS, (int)skb_shinfo(moved)->gso_size);
	KUNIT_EXPECT_EQ(test, new_type | SKB_GSO_DODGY,
			(int)skb_shinfo(moved)->gso_type);
	KUNIT_EXPECT_EQ(test, DIV_ROUND_UP(payload, MSS),
			(int)skb_shinfo(moved)->gso_segs);

	a = __skb_gso_segment(moved, NETIF_F_SG, false);
	b = __skb_gso_segment(plain, NETIF_F_SG, false);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, a);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, b);
	kfree_skb(moved);
	kfree_skb(plain);
	x = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	y = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL);
	while (a && b) {
		struct sk_buff *next_a = a->next, *next_b = b->next;

		KUNIT_EXPECT_EQ(test, (int)NAT64_OK,
				nat64_skb_translate(b, n, proto, head));
		KUNIT_ASSERT_EQ(test, a->len, b->len);
		KUNIT_ASSERT_LE(test, (int)a->len, MAX_LEN);
		skb_copy_bits(a, 0, x, a->len);
		skb_copy_bits(b, 0, y, b->len);
		forget_id(x);
		forget_id(y);
		KUNIT_EXPECT_EQ(test, 0, memcmp(x, y, a->len));
		kfree_skb(a);
		kfree_skb(b);
		a = next_a;
		b = next_b;
		count++;
	}
	KUNIT_EXPECT_NULL(test, a);
	KUNIT_EXPECT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, count, DIV_ROUND_UP(payload, MSS));
	kunit_kfree(test, p.data);
}

static void test_gso(struct kunit *test)
{
	check_gso(test, &to6, IPPROTO_TCP);
	check_gso(test, &to4, IPPROTO_TCP);
	check_gso(test, &to6, IPPROTO_UDP);
	check_gso(test, &to4, IPPROTO_UDP);
}

/* A packet that does not translate stays as it was, in whatever shape. */
static void test_untouched(struct kunit *test)
{
	struct packet p = { .data = kunit_kzalloc(test, MAX_LEN, GFP_KERNEL) };
	struct nat64_head *head = kunit_kzalloc(test, sizeof(*head),
						GFP_KERNEL);
	struct sk_buff *skb;
	int i, result;

	for (i = 0; i < 1000; i++) {
		const struct nat64 *n = directions[below(2)];

		make_packet(&p, n, IPPROTO_TCP, 100, false);
		/* A data offset below the least. */
		p.data[p.th + 12] = below(5) << 4;
		skb = make_skb(test, p.data, p.len, below(64),
			       p.th + below(p.len - p.th), one_in(2));
		set_headers(skb, &p, false);
		result = nat64_skb_translate(skb, n, IPPROTO_TCP, head);
		KUNIT_EXPECT_EQ(test, (int)NAT64_BAD_HEADER, result);
		expect_bytes(test, skb, p.data, p.len);
		KUNIT_EXPECT_EQ(test, p.eth_type, skb->protocol);
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
	KUNIT_CASE(test_tcp_clone),
	KUNIT_CASE(test_no_headroom),
	KUNIT_CASE(test_gso),
	KUNIT_CASE(test_untouched),
	{}
};

static struct kunit_suite suite = {
	.name = "nat64",
	.init = init_test,
	.test_cases = cases,
};

kunit_test_suite(suite);

MODULE_LICENSE("GPL");
