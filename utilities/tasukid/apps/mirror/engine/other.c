/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "other.h"

#include "skip.h"
#include "util.h"

void
rest_begin(struct mirror_conn *c, enum mirror_dir dir, int64_t origin)
{
    tcp_stream_skip_reading(&c->streams[dir], READ_REST, INT64_MAX);
    region_begin(c, dir, REGION_REST, origin, 0);
}

void
other_begin(struct mirror_conn *c)
{
    c->protocol = PROTOCOL_OTHER;
    for (int dir = 0; dir < 2; dir++) {
        rest_begin(c, dir, c->streams[dir].pos);
    }
}

void
whole_begin(struct mirror_conn *c, const char *reason)
{
    c->protocol = PROTOCOL_WHOLE;
    c->reason = reason;
    for (int dir = 0; dir < 2; dir++) {
        tcp_stream_skip_reading(&c->streams[dir], READ_REST, INT64_MAX);
        region_begin(c, dir, REGION_WHOLE, 0, 0);
    }
}
