/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "reader.h"

#include "http.h"
#include "other.h"
#include "tls.h"
#include "util.h"

/* The client's first bytes say what the connection carries. */
static enum progress
read_start(struct mirror_conn *c)
{
    struct tcp_stream *s = &c->streams[MIRROR_TO_SERVER];
    struct http_element e;
    enum http_event event;
    size_t len;
    const uint8_t *data = tcp_stream_data(s, &len);

    if (!len) {
        return PROGRESS_NONE;
    }
    if (tls_may_begin(data, len)) {
        if (len < 2) {
            return PROGRESS_NONE;
        }
        tls_begin(c);
        return PROGRESS_MADE;
    }

    event = http_head_next(&s->head, data, len, &e);
    if (event == HTTP_MORE) {
        if (len < STREAM_HEAD_MAX) {
            return PROGRESS_NONE;
        }
        c->reason = "a head that is too long";
        return PROGRESS_WHOLE;
    } else if (event == HTTP_REQUEST_LINE && e.line.version.s) {
        http_begin(c);
    } else {
        /* HTTP/0.9, too: its responses have no heads. */
        other_begin(c);
    }
    return PROGRESS_MADE;
}

static enum progress
read_stream(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];

    tcp_stream_count(s, s->pos);
    if (c->protocol == PROTOCOL_NEW) {
        return dir == MIRROR_TO_SERVER ? read_start(c) : PROGRESS_NONE;
    } else if (s->reading == READ_REST || s->reading == READ_OPEN) {
        return PROGRESS_NONE;
    } else if (c->protocol == PROTOCOL_HTTP) {
        return http_read(c, dir);
    } else {
        return s->left ? PROGRESS_NONE : tls_read(c, dir);
    }
}

/* Requests are read before responses, as these depend on them. */
enum progress
reader_run(struct mirror_conn *c)
{
    int dir = MIRROR_TO_SERVER;

    while (dir <= MIRROR_TO_CLIENT) {
        enum progress progress = read_stream(c, dir);

        if (progress == PROGRESS_LOST || progress == PROGRESS_WHOLE) {
            return progress;
        }
        dir = progress == PROGRESS_MADE ? MIRROR_TO_SERVER : dir + 1;
    }
    return PROGRESS_NONE;
}
