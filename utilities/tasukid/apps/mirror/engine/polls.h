/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_POLLS_H
#define TASUKID_MIRROR_POLLS_H 1

/* Skipping by the switch's byte counters, for policies that ask for it
 * ('by_stats'): both directions pass while a body of known length goes by.
 * From time to time the switch is asked how much has passed, and the entries
 * are taken back shortly before the end.
 *
 * How far the body has come is what the counters say, less the headers.
 * These are taken to be as short as they can be, so that the estimate errs to
 * the early side, as it does for retransmissions, which are counted, too.  How
 * long is left follows from the rate between the last two answers that
 * differed.  Open vSwitch brings its counters up to date twice a second only,
 * so a body has to take some seconds; if they do not change for POLLS_STILL_MS
 * ms, the entries are taken back, too.
 *
 * The next question comes after half of the time that is left, at most
 * POLLS_MAX_MS later.  "Shortly before" is what is on its way at that rate: a
 * round trip, as it was when the connection was opened.  That is taken to be
 * at least POLLS_MIN_RTT ms, since the entries take their time to go, too. */

#include "conn.h"

#define POLLS_MAX_MS 50
#define POLLS_MIN_RTT 10
#define POLLS_STILL_MS 1500

/* Begins and ends it.  Sets no entries. */
void polls_update(struct mirror_conn *);

/* Returns true if a stream's present body is skipped that way, or was until
 * shortly before its end. */
bool polls_cover(const struct mirror_conn *, enum mirror_dir);

/* Who skips what passes. */
uint32_t polls_policies(const struct mirror_conn *);

/* The timer has run out.  An answer has come. */
void polls_timeout(struct mirror_conn *);
void polls_answer(struct mirror_conn *, enum mirror_dir, uint64_t n_packets,
                  uint64_t n_bytes);

#endif /* polls.h */
