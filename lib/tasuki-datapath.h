/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_DATAPATH_H
#define TASUKI_DATAPATH_H 1

/* The one datapath action attribute that all of Tasuki's actions share, as
 * userspace and the kernel module agree on it.
 *
 * Upstream's numbers keep growing, in Open vSwitch and in Linux, and the two
 * already disagree on some, so ours is far above both.  It must never
 * change. */
#define TASUKI_ACTION_ATTR_NR 128

/* Nested in OVS_ACTION_ATTR_TASUKI: exactly one of these. */
enum tasuki_action_attr {
    TASUKI_ACTION_ATTR_UNSPEC,
    TASUKI_ACTION_ATTR_TCP_OFFSET,      /* struct tcp_offset. */
    TASUKI_ACTION_ATTR_NAT64,           /* struct nat64. */
    TASUKI_ACTION_ATTR_CHECK_TCP_SEQ,   /* struct check_tcp_seq. */
    __TASUKI_ACTION_ATTR_MAX
};
#define TASUKI_ACTION_ATTR_MAX (__TASUKI_ACTION_ATTR_MAX - 1)

#endif /* TASUKI_DATAPATH_H */
