/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_FORWARD_H
#define TASUKI_FORWARD_H 1

/* Forwarding while ports come and go.
 *
 * The main thread of ovs-vswitchd moves the packets of a userspace datapath's
 * ordinary devices, and it adds and deletes ports.  A thousand ports take
 * seconds, during which no packet would get through. */

#include <stdbool.h>

struct dpif;
struct ofproto;

/* Hook for ofproto/ofproto-dpif.c and vswitchd/bridge.c, where one port after
 * another is looked at, added or deleted.  Has the datapath of 'ofproto'
 * forward what has come in, if the last time was a while ago.
 *
 * Call it where the configuration for packets is consistent and no lock is
 * held: packets are translated here. */
void tasuki_forward_meanwhile(struct ofproto *ofproto);

/* Likewise for 'dpif'.  Returns what dpif_run() does. */
bool tasuki_forward(struct dpif *dpif);

#endif /* TASUKI_FORWARD_H */
