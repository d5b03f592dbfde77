/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_JUDGE_H
#define TASUKID_HANDOVER_JUDGE_H 1

/* Which rule a request matches, decided as soon as enough of it is there.
 *
 * The same bytes get the same verdict, however they were cut into segments.
 * The first element of the head that decides it ends the reading.  Each value
 * is matched once, against all patterns at once.  A rule that cannot match any
 * more is not looked at again.  So the time is linear in the bytes plus the
 * rules. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "utilities/tasukid/protocol/http-head.h"

struct rule;
struct rule_set;

enum verdict {
    VERDICT_WAIT,               /* It depends on what follows. */
    VERDICT_RULE,               /* A rule matches, whatever follows. */
    VERDICT_NO_RULE,            /* No rule matches, whatever follows. */
    VERDICT_NOT_HTTP,           /* This is no request. */
};

/* Where the host that the request is for comes from. */
enum host_source {
    HOST_NONE,                  /* No Host field so far. */
    HOST_FIELD,                 /* One, or several that say the same. */
    HOST_AMBIGUOUS,             /* Several that differ. */
    HOST_TARGET,                /* The target; Host fields do not count. */
};

struct judge {
    const struct rule_set *rules;
    struct http_head head;
    enum verdict verdict;
    size_t next;                /* Rules before this one do not match. */
    unsigned long *held;        /* Bitmap: conditions that hold so far. */
    bool complete;              /* The whole head was read. */
    enum host_source host_source;
    uint32_t host_ofs;          /* Value of the first Host field. */
    uint32_t host_len;
};

/* Starts to judge a request.  'rules' must stay until judge_destroy(). */
void judge_init(struct judge *, const struct rule_set *rules);
void judge_destroy(struct judge *);

/* Reads on: the first 'len' bytes of the stream are at 'data', of which those
 * of earlier calls must be the same as before.  With VERDICT_RULE stores the
 * rule in '*rulep', otherwise null.  A verdict other than VERDICT_WAIT is
 * final. */
enum verdict judge_feed(struct judge *, const uint8_t *data, size_t len,
                        const struct rule **rulep);

#endif /* judge.h */
