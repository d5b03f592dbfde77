/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_SWANCTL_H
#define TASUKI_IPSEC_SWANCTL_H 1

#include "compiler.h"
#include "tunnel.h"

struct ds;

/* Whether a host can have an SA for each CPU without help (RFC 9611). */
enum per_cpu {
    PER_CPU_YES,
    PER_CPU_OLD_KERNEL,
    PER_CPU_OLD_STRONGSWAN,
};

enum per_cpu per_cpu_check(const char *kernel, const char *strongswan);

char *swanctl_check(const struct tunnel *) OVS_WARN_UNUSED_RESULT;
void swanctl_format(const struct tunnel *, enum tunnel_side, bool per_cpu,
                    struct ds *);

#endif /* utilities/tasuki-ipsec/swanctl.h */
