// SPDX-License-Identifier: GPL-2.0-only
/* Copyright (c) 2026 the Tasuki developers. */

#include <linux/nospec.h>
#include <linux/skbuff.h>
#include <net/netlink.h>

#include "flow.h"
#include "flow_netlink.h"
#include "tasuki.h"

const struct tasuki_action *const tasuki_actions[] = {
	TASUKI_ACTIONS(TASUKI_ACTION_ENTRY)
};

static const struct tasuki_action *action_from_id(int id)
{
	if (id >= ARRAY_SIZE(tasuki_actions))
		return NULL;
	return tasuki_actions[array_index_nospec(id, ARRAY_SIZE(tasuki_actions))];
}

/**
 * ovs_tasuki_copy_action() - checks and copies OVS_ACTION_ATTR_TASUKI
 * @attr: The attribute as it came from userspace.
 * @key: The masked flow key.
 * @eth_type: Type of the packet after the actions before this one.
 * @sfa: The list of actions that is being built.
 *
 * Return: 0, or a negative errno with a message in the list's extack.
 */
int ovs_tasuki_copy_action(const struct nlattr *attr,
			   const struct sw_flow_key *key, __be16 *eth_type,
			   struct sw_flow_actions **sfa)
{
	struct netlink_ext_ack *extack = (*sfa)->extack;
	struct nlattr *nested = nla_data(attr);
	const struct tasuki_action *action;
	int err;

	if (!nla_ok(nested, nla_len(attr)) ||
	    NLA_ALIGN(nested->nla_len) != nla_len(attr)) {
		NL_SET_ERR_MSG_ATTR(extack, attr,
				    "tasuki: must hold exactly one action");
		return -EINVAL;
	}
	if (nested->nla_type & ~NLA_TYPE_MASK) {
		NL_SET_ERR_MSG_ATTR(extack, nested,
				    "tasuki: the action's id must be without flags");
		return -EINVAL;
	}
	action = action_from_id(nla_type(nested));
	if (!action) {
		NL_SET_ERR_MSG_ATTR(extack, nested,
				    "tasuki: this module has no such action");
		return -EINVAL;
	}

	err = action->validate(nested, key, eth_type, extack);
	if (err)
		return err;
	return ovs_nla_add_action(sfa, OVS_ACTION_ATTR_TASUKI, nested,
				  nla_len(attr), true);
}
