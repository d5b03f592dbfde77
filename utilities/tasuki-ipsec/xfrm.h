/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_XFRM_H
#define TASUKI_IPSEC_XFRM_H 1

#include "compiler.h"
#include "plan.h"
#include "sa.h"

/* The kernel's XFRM, by netlink. */

struct xfrm;

struct xfrm *xfrm_open(char **errorp) OVS_WARN_UNUSED_RESULT;
void xfrm_close(struct xfrm *);

char *xfrm_dump(struct xfrm *, struct sa_set *have) OVS_WARN_UNUSED_RESULT;
char *xfrm_step(struct xfrm *, const struct step *) OVS_WARN_UNUSED_RESULT;

#endif /* utilities/tasuki-ipsec/xfrm.h */
