/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "nl-extack.h"

#include "openvswitch/dynamic-string.h"
#include "ovs-thread.h"
#include "util.h"

struct nl_extack {
    char message[128];          /* The kernel's own limit is 80. */
};
DEFINE_STATIC_PER_THREAD_DATA(struct nl_extack, nl_extack, { .message = "" });

void
nl_extack_set(const char *message)
{
    struct nl_extack *extack = nl_extack_get();

    ovs_strlcpy(extack->message, message ? message : "",
                sizeof extack->message);
}

void
nl_extack_format(struct ds *s)
{
    struct nl_extack *extack = nl_extack_get();

    if (extack->message[0]) {
        ds_put_format(s, ": %s", extack->message);
        extack->message[0] = '\0';
    }
}
