/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_DATAPATH_H
#define TASUKI_DATAPATH_H 1

/* The one datapath action attribute that all of Tasuki's actions share, as
 * userspace and the kernel module agree on it.
 *
 * Upstream's numbers keep growing, in Open vSwitch and in Linux, and the two
 * already disagree on some.  So ours is far above both.  It must never
 * change. */
#define TASUKI_ACTION_ATTR_NR 128

/* The registry: one line for each action, in the order of their ids.  Ids
 * count from 1 and never change, in the datapath and in OpenFlow.  So new
 * lines go to the end.
 *
 * X(ATTR, NAME, TITLE): TASUKI_ACTION_ATTR_<ATTR> is the id.  <NAME> is the
 * keyword that users type.  'struct tasuki_action tasuki_<NAME>', in userspace
 * and in the kernel, and the datapath feature are named after it.  <TITLE> is
 * what "ovs-appctl dpif/show-dp-features" calls it. */
#define TASUKI_ACTIONS(X) \
    X(TCP_OFFSET, tcp_offset, "TCP offset action") \
    X(NAT64, nat64, "NAT64 action") \
    X(CHECK_TCP_SEQ, check_tcp_seq, "TCP sequence check action") \
    X(IPSEC_TAG, ipsec_tag, "IPsec tag action")

/* Nested in OVS_ACTION_ATTR_TASUKI: exactly one of these, with a 'struct
 * <NAME>'. */
#define TASUKI_ACTION_ATTR(ATTR, NAME, TITLE) TASUKI_ACTION_ATTR_##ATTR,
enum tasuki_action_attr {
    TASUKI_ACTION_ATTR_UNSPEC,
    TASUKI_ACTIONS(TASUKI_ACTION_ATTR)
    __TASUKI_ACTION_ATTR_MAX
};
#undef TASUKI_ACTION_ATTR
#define TASUKI_ACTION_ATTR_MAX (__TASUKI_ACTION_ATTR_MAX - 1)

/* Declares an action, and is its entry in a table by id.  The kernel's are
 * weak: an action that it does not have yet is NULL, and takes the slow
 * path. */
#ifdef __KERNEL__
#define TASUKI_ACTION_WEAK __weak
#else
#define TASUKI_ACTION_WEAK
#endif
#define TASUKI_ACTION_DECL(ATTR, NAME, TITLE) \
    extern const struct tasuki_action tasuki_##NAME TASUKI_ACTION_WEAK;
#define TASUKI_ACTION_ENTRY(ATTR, NAME, TITLE) \
    [TASUKI_ACTION_ATTR_##ATTR] = &tasuki_##NAME,

#endif /* TASUKI_DATAPATH_H */
