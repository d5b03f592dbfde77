/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tls.h"

#include "other.h"
#include "util.h"

enum {
    RECORD_HEADER = 5,          /* Type, version, length. */
    RECORD_MAX = 16384 + 2048,  /* RFC 5246 section 6.2.3. */
    TYPE_FIRST = 20,            /* change_cipher_spec. */
    TYPE_HANDSHAKE = 22,
    TYPE_DATA = 23,
    TYPE_LAST = 24,             /* heartbeat (RFC 6520). */
    VERSION_MAJOR = 3,
};

bool
tls_may_begin(const uint8_t *data, size_t len)
{
    return (data[0] == TYPE_HANDSHAKE
            && (len < 2 || data[1] == VERSION_MAJOR));
}

void
tls_begin(struct mirror_conn *c)
{
    c->protocol = PROTOCOL_TLS;
    for (int dir = 0; dir < 2; dir++) {
        tcp_stream_skip_reading(&c->streams[dir], READ_RECORD, 0);
    }
}

enum progress
tls_read(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];
    size_t len;
    const uint8_t *data = tcp_stream_data(s, &len);
    size_t record;

    if (len < RECORD_HEADER) {
        return PROGRESS_NONE;
    }
    record = data[3] << 8 | data[4];
    if (data[0] < TYPE_FIRST || data[0] > TYPE_LAST || data[0] == TYPE_DATA
        || data[1] != VERSION_MAJOR || record > RECORD_MAX) {
        /* Data, or not TLS any more. */
        rest_begin(c, dir, s->pos);
    } else {
        tcp_stream_skip_reading(s, READ_RECORD, RECORD_HEADER + record);
    }
    return PROGRESS_MADE;
}
