/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_ENTRIES_H
#define TASUKID_MIRROR_ENTRIES_H 1

/* What the switch does alone with a connection: the region of each stream as
 * windows, of payload in its own direction and of pure ACKs in the other. */

#include "conn.h"

/* Seconds until an entry without packets goes. */
#define ENTRY_IDLE_TIMEOUT 300
#define ENTRY_IDLE_TIMEOUT_UDP 60

/* An entry that goes sooner than that, in ms, was refused. */
#define ENTRY_GONE_EARLY_MS 1000

/* A packet came: what matches it, and where it was looked at.  If that is
 * another place than before, the entry there is taken back. */
void entries_seen(struct mirror_conn *, enum mirror_dir,
                  const struct mirror_packet *);

/* While a response goes by, the next request is held, as it tells where the
 * response ends.  If the response is open, and not all packets are held
 * anyway, the request may be past the switch before that is in effect, and
 * have been lost on its way here.  So an open response is skipped only after
 * that time, in ms, and once the client's next packet then came here because
 * it was held, and says that nothing is missing before it. */
#define ENTRY_HOLD_MS 100

/* Returns true if a response that is open must not be skipped yet. */
bool entries_too_early(const struct mirror_conn *);

/* Sets those entries of a TCP connection that are not as they should be. */
void entries_update(struct mirror_conn *);

/* Sets one entry, if it is another than before; takes all of them back. */
void entries_set(struct mirror_conn *, enum mirror_dir,
                 const struct mirror_entry *);
void entries_clear(struct mirror_conn *);

/* 'policies' are others now: what they matched is not known until the next
 * packet of each direction. */
void entries_forget(struct mirror_conn *, uint32_t policies);

/* The switch has no entry for 'dir' any more. */
void entries_gone(struct mirror_conn *, enum mirror_dir dir);

#endif /* entries.h */
