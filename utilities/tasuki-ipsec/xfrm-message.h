/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_XFRM_MESSAGE_H
#define TASUKI_IPSEC_XFRM_MESSAGE_H 1

#include <stdbool.h>

#include "sa.h"

/* SAs and policies as messages of netlink: linux/xfrm.h. */

struct nl_msg;
struct nlmsghdr;

void xfrm_message_add_sa(struct nl_msg *, const struct sa *);
void xfrm_message_del_sa(struct nl_msg *, const struct sa *);
void xfrm_message_add_policy(struct nl_msg *, const struct policy *,
                             bool replace);
void xfrm_message_del_policy(struct nl_msg *, const struct policy *);

void xfrm_message_to_sa(const struct nlmsghdr *, struct sa_set *);
void xfrm_message_to_policy(const struct nlmsghdr *, struct sa_set *);

#endif /* utilities/tasuki-ipsec/xfrm-message.h */
