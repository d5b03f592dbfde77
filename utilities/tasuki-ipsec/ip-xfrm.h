/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_IP_XFRM_H
#define TASUKI_IPSEC_IP_XFRM_H 1

#include "plan.h"

struct ds;

void ip_xfrm_format(const struct tunnel *, const struct step *, struct ds *);

#endif /* utilities/tasuki-ipsec/ip-xfrm.h */
