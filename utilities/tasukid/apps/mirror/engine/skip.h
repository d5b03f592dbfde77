/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_SKIP_H
#define TASUKID_MIRROR_SKIP_H 1

/* What of a stream is not copied, and saying so.
 *
 * A region is what a protocol says may be skipped.  Which policies skip it,
 * and from where on, depends on what they want. */

#include "conn.h"

/* The most that an entry covers.  Half of what check_tcp_seq takes, so that
 * nothing that is still on its way is on the wrong side. */
#define COVER_MAX (INT64_C(1) << 30)

/* Begins a region where the stream stands, thresholds being counted from
 * 'origin'.  For REGION_BODY and REGION_CHUNK it has 'len' bytes. */
void region_begin(struct mirror_conn *, enum mirror_dir, enum region_kind,
                  int64_t origin, int64_t len);

/* The region turns out to end at 'offset', or before. */
void region_end(struct tcp_stream *, int64_t offset);

/* It did not, after all. */
void region_reopen(struct tcp_stream *);

/* Returns true if the stream is in its region. */
bool region_is_active(const struct tcp_stream *);

/* Who skips what comes next, from '*from' to '*until'. */
uint32_t region_skippers(const struct mirror_conn *, enum mirror_dir,
                         int64_t *from, int64_t *until);

/* Brings the skips in line with the region and the policies. */
void skip_update(struct mirror_conn *, enum mirror_dir);

/* Who does not get a segment with bytes [start, end); a pure ACK with number
 * 'ack' of what 's' carries. */
uint32_t skip_judge(const struct tcp_stream *s, int64_t start, int64_t end);
uint32_t skip_judge_ack(const struct tcp_stream *s, int64_t ack);

/* Only 'policies' do without [start, end). */
void skip_by(struct tcp_stream *, int64_t start, int64_t end,
             uint32_t policies);

/* Everybody got [start, end). */
void skip_copied(struct tcp_stream *, int64_t start, int64_t end);

/* Reports what is certain, or, if 'all', whatever was skipped: nothing more
 * is going to be known about the connection. */
void skip_report(struct mirror_conn *, enum mirror_dir, bool all);

/* Tells the owner about 'len' bytes from 'first' on. */
void skip_tell(struct mirror_conn *, enum mirror_dir, const struct skip *,
               int64_t first, int64_t len, uint32_t seq);

#endif /* skip.h */
