/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_H
#define TASUKI_H 1

/* The extension point: how an action of Tasuki's plugs into the datapath.
 *
 * Upstream is hooked once, for one action attribute that carries the id of the
 * action proper.  An action is a line in TASUKI_ACTIONS and a file that defines
 * a struct tasuki_action.
 */

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <net/netlink.h>

#include "flow.h"
#include "tasuki-datapath.h"

struct datapath;

/* Above OVS_ACTION_ATTR_MAX, unknown to <linux/openvswitch.h>. */
#define OVS_ACTION_ATTR_TASUKI TASUKI_ACTION_ATTR_NR

/**
 * struct tasuki_action - operations of one action
 * @validate: Checks the nested attribute @attr, as it came from userspace,
 *	and whether the action is safe on every packet whose masked flow key
 *	is @key and whose type, after the actions before this one, is
 *	@eth_type.  An action that changes the type of packets updates it.
 *	Returns 0, or a negative errno and says why in @extack.
 * @execute: Executes the action with the validated @payload on @skb, whose
 *	headers are as @key says.  Called with bottom halves disabled.  Consumes
 *	@skb and returns what it has become: as a rule @skb itself, even if the
 *	action cannot handle it; or several packets, chained by @next, each of
 *	which goes through the rest of the actions; or NULL if it was dropped.
 * @value: Returns the value that the action leaves for a packet that @execute
 *	has returned, or NULL if the action leaves none.  It goes where the hash
 *	of the packet is, which recirculation matches.
 */
struct tasuki_action {
	int (*validate)(const struct nlattr *attr,
			const struct sw_flow_key *key, __be16 *eth_type,
			struct netlink_ext_ack *extack);
	struct sk_buff *(*execute)(struct datapath *dp, struct sk_buff *skb,
				   struct sw_flow_key *key,
				   const void *payload);
	u32 (*value)(struct sk_buff *skb, const struct sw_flow_key *key,
		     const void *payload);
};

TASUKI_ACTIONS(TASUKI_ACTION_DECL)

/* For validation: true if all packets of the flow are TCP over IPv4 or IPv6. */
static inline bool tasuki_is_tcp(const struct sw_flow_key *key, __be16 eth_type)
{
	return (eth_type == htons(ETH_P_IP) || eth_type == htons(ETH_P_IPV6)) &&
	       key->ip.proto == IPPROTO_TCP;
}

/* By TASUKI_ACTION_ATTR_*. */
extern const struct tasuki_action *const tasuki_actions[];

int ovs_tasuki_copy_action(const struct nlattr *attr,
			   const struct sw_flow_key *key, __be16 *eth_type,
			   struct sw_flow_actions **sfa);

/* clone_execute() of actions.c. */
typedef int tasuki_clone_execute(struct datapath *dp, struct sk_buff *skb,
				 struct sw_flow_key *key, u32 recirc_id,
				 const struct nlattr *actions, int len,
				 bool last, bool clone_flow_key);

static inline void ovs_tasuki_leave_value(const struct tasuki_action *action,
					  struct sk_buff *skb,
					  struct sw_flow_key *key,
					  const struct nlattr *nested)
{
	if (action->value)
		key->ovs_flow_hash = action->value(skb, key, nla_data(nested));
}

/**
 * ovs_tasuki_refresh_key() - makes a key that actions left behind true again
 * @skb: The packet.
 * @key: Its flow key, which is to go to userspace.
 *
 * The key stays marked as left behind, because @skb may be a clone, and the
 * packet that goes on has not been parsed.
 *
 * Return: 0, or a negative errno.
 */
static inline int ovs_tasuki_refresh_key(struct sk_buff *skb,
					 struct sw_flow_key *key)
{
	int err;

	if (likely(!(key->mac_proto & SW_FLOW_KEY_INVALID)))
		return 0;
	err = ovs_flow_key_update(skb, key);
	key->mac_proto |= SW_FLOW_KEY_INVALID;
	return err;
}

/**
 * ovs_tasuki_execute() - executes OVS_ACTION_ATTR_TASUKI
 * @dp: The datapath.
 * @skb: The packet, starting at its link layer header.  It is consumed.
 * @key: Its flow key.
 * @attr: The attribute, which ovs_tasuki_copy_action() has accepted.
 * @rem: How many bytes of actions there are from @attr on.
 * @execute_rest: clone_execute(), for all packets but one that the packet has
 *	become.
 *
 * A dropped packet is no error: an error would end the list of actions around
 * this one, too.
 *
 * Return: The packet to go on with, or NULL if none is left.
 */
static inline struct sk_buff *
ovs_tasuki_execute(struct datapath *dp, struct sk_buff *skb,
		   struct sw_flow_key *key, const struct nlattr *attr, int rem,
		   tasuki_clone_execute *execute_rest)
{
	const struct nlattr *nested = nla_data(attr);
	const struct tasuki_action *action = tasuki_actions[nested->nla_type];
	const struct nlattr *rest;

	/* Actions that push and pop headers leave the key behind. */
	if (unlikely(key->mac_proto & SW_FLOW_KEY_INVALID) &&
	    unlikely(ovs_flow_key_update(skb, key))) {
		kfree_skb(skb);
		return NULL;
	}

	skb = action->execute(dp, skb, key, nla_data(nested));
	rest = nla_next(attr, &rem);
	while (unlikely(skb && skb->next)) {
		struct sk_buff *next = skb->next;

		skb_mark_not_on_list(skb);
		ovs_tasuki_leave_value(action, skb, key, nested);
		execute_rest(dp, skb, key, 0, rest, rem, true, true);
		skb = next;
	}
	if (likely(skb))
		ovs_tasuki_leave_value(action, skb, key, nested);
	return skb;
}

#endif /* tasuki.h */
