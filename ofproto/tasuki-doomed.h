/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_DOOMED_H
#define TASUKI_DOOMED_H 1

/* Many ports that go at once.
 *
 * What goes is first taken out of the configuration that packets are
 * translated with.  That configuration is never changed while other threads
 * read it: it is copied, with all ports there are, and all threads have to
 * notice.  If this is done for each port that goes, a thousand of them take
 * most of their time for it.  So whoever deletes many says so before, and the
 * first that goes takes the others along.
 *
 * Hooks for vswitchd/bridge.c, in the main thread. */

#include <stdbool.h>

#include "openvswitch/types.h"

struct ofbundle;
struct ofport_dpif;
struct ofproto;

/* Nothing is to go any more: a configuration begins. */
void tasuki_doom_nothing(void);

/* The bundle that was registered with 'aux' will be unregistered soon. */
void tasuki_doom_bundle(struct ofproto *, void *aux);

/* Port 'ofp_port' will be deleted soon.  If it is not, its packets are dropped
 * until translation is configured next. */
void tasuki_doom_port(struct ofproto *, ofp_port_t);

/* Return true if the configuration for translation has the bundle, or the
 * port. */
bool tasuki_xlate_has_bundle(const struct ofbundle *);
bool tasuki_xlate_has_port(const struct ofport_dpif *);

#endif /* TASUKI_DOOMED_H */
