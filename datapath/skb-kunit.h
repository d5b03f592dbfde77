/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright (c) 2026 the Tasuki developers. */

#ifndef SKB_KUNIT_H
#define SKB_KUNIT_H 1

/* Socket buffers of all shapes, for tests. */

#include <kunit/test.h>
#include <linux/prandom.h>
#include <linux/skbuff.h>

static struct rnd_state rnd;

static u32 below(u32 n)
{
	return prandom_u32_state(&rnd) % n;
}

static bool one_in(u32 n)
{
	return !below(n);
}

/* Returns a socket buffer with @headroom, whose first @linear bytes are
 * linear.  The others are in page fragments, or in a list of buffers.
 */
static struct sk_buff *make_skb(struct kunit *test, const u8 *data, int len,
				int headroom, int linear, bool frag_list)
{
	struct sk_buff *skb = alloc_skb(headroom + linear, GFP_KERNEL);
	struct sk_buff **tail;
	int ofs, n;

	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, headroom);
	skb_put_data(skb, data, linear);
	tail = &skb_shinfo(skb)->frag_list;
	for (ofs = linear; ofs < len; ofs += n) {
		n = 1 + below(len - ofs);
		if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS - 1)
			n = len - ofs;
		if (frag_list) {
			struct sk_buff *part = alloc_skb(n, GFP_KERNEL);

			KUNIT_ASSERT_NOT_NULL(test, part);
			skb_put_data(part, data + ofs, n);
			skb->truesize += part->truesize;
			*tail = part;
			tail = &part->next;
		} else {
			struct page *page = alloc_page(GFP_KERNEL);
			int page_ofs = below(PAGE_SIZE - n + 1);

			KUNIT_ASSERT_NOT_NULL(test, page);
			memcpy(page_address(page) + page_ofs, data + ofs, n);
			skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page,
					page_ofs, n, PAGE_SIZE);
			continue;
		}
		skb->len += n;
		skb->data_len += n;
	}
	return skb;
}

static void expect_bytes(struct kunit *test, const struct sk_buff *skb,
			 const u8 *data, int len)
{
	u8 *copy = kunit_kzalloc(test, len, GFP_KERNEL);

	KUNIT_ASSERT_EQ(test, (int)skb->len, len);
	KUNIT_ASSERT_EQ(test, skb_copy_bits(skb, 0, copy, len), 0);
	KUNIT_EXPECT_EQ(test, memcmp(copy, data, len), 0);
	kunit_kfree(test, copy);
}

#endif /* skb-kunit.h */
