/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "http.h"

#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "other.h"
#include "skip.h"
#include "util.h"

/* Chunks are read up to here, even if all want more. */
#define OPEN_AFTER 65536

/* A chunk that is shorter hardly has a segment for itself. */
#define CHUNK_SKIP_MIN 1024

/* How much may come too early before it is no coincidence. */
#define DOUBT_MAX 4096

/* A line before or after chunks that is longer is none. */
#define CHUNK_LINE_MAX 4096

#define URL_MAX 256

static enum progress
lost(struct mirror_conn *c, const char *reason)
{
    c->reason = reason;
    return PROGRESS_LOST;
}

static enum progress
whole(struct mirror_conn *c, const char *reason)
{
    c->reason = reason;
    return PROGRESS_WHOLE;
}

void
http_begin(struct mirror_conn *c)
{
    c->protocol = PROTOCOL_HTTP;
    c->reason = NULL;
    tcp_stream_read_head(&c->streams[MIRROR_TO_SERVER], READ_HEAD, false);
    tcp_stream_read_head(&c->streams[MIRROR_TO_CLIENT], READ_HEAD, true);
}

/* Messages. */

/* A message is over.  If the last request may change the protocol, its
 * response says what comes next. */
static void
end_message(struct mirror_conn *c, enum mirror_dir dir)
{
    const struct request *last = request_last(c);

    if (dir == MIRROR_TO_SERVER && last
        && (last->upgrade || last->is_connect)) {
        tcp_stream_skip_reading(&c->streams[dir], READ_WAIT, 0);
    } else {
        tcp_stream_read_head(&c->streams[dir], READ_HEAD,
                             dir == MIRROR_TO_CLIENT);
    }
}

static void
begin_body(struct mirror_conn *c, enum mirror_dir dir,
           const struct message *m)
{
    struct tcp_stream *s = &c->streams[dir];

    s->body = s->pos;
    if (m->framing == FRAMING_CHUNKED) {
        tcp_stream_skip_reading(s, READ_CHUNK, 0);
    } else if (m->framing == FRAMING_LENGTH && m->length) {
        region_begin(c, dir, REGION_BODY, s->pos, m->length);
        tcp_stream_skip_reading(s, READ_BODY, m->length);
    } else if (m->framing == FRAMING_NONE && dir == MIRROR_TO_CLIENT) {
        region_begin(c, dir, REGION_UNTIL_CLOSE, s->pos, 0);
        tcp_stream_skip_reading(s, READ_OPEN, INT64_MAX);
    } else {
        end_message(c, dir);
    }
}

static void
set_url(struct tcp_stream *s, const char *url)
{
    free(s->url);
    s->url = nullable_xstrdup(url);
}

static enum progress
read_request(struct mirror_conn *c, const uint8_t *data, size_t len)
{
    struct tcp_stream *s = &c->streams[MIRROR_TO_SERVER];
    struct request *request;
    struct message m;

    message_read(data, len, false, &m);
    if (m.framing == FRAMING_BAD) {
        return whole(c, m.bad);
    } else if (c->n_requests >= HTTP_MAX_REQUESTS) {
        return whole(c, "too many requests without response");
    }
    request = request_push(c, message_url(data, len, URL_MAX));
    request->is_head = m.is_head;
    request->is_connect = m.is_connect;
    request->upgrade = m.upgrade;
    set_url(s, request->url);
    tcp_stream_advance(s, s->pos + len);
    begin_body(c, MIRROR_TO_SERVER, &m);
    return PROGRESS_MADE;
}

/* RFC 9112 section 6.3, the first two items. */
static bool
has_no_body(const struct request *request, int status)
{
    return request->is_head || status == 204 || status == 304;
}

/* A response came, but no request.  If the server has acknowledged more than
 * came here from the client, the rest may only be late: each direction has a
 * queue of its own on its way here. */
static enum progress
await_request(struct mirror_conn *c)
{
    struct tcp_stream *requests = &c->streams[MIRROR_TO_SERVER];
    struct tcp_stream *s = &c->streams[MIRROR_TO_CLIENT];

    if (s->ack <= requests->pos + tcp_hold_contiguous(&requests->hold)
        || requests->left == INT64_MAX) {
        return lost(c, "a response without a request");
    }
    tcp_stream_read_head(s, READ_HEAD, true);
    if (requests->left) {
        /* A body that has passed. */
        tcp_stream_count(requests, s->ack);
        return PROGRESS_MADE;
    }
    return PROGRESS_NONE;
}

static enum progress
read_response(struct mirror_conn *c, const uint8_t *data, size_t len)
{
    struct tcp_stream *s = &c->streams[MIRROR_TO_CLIENT];
    const struct request *request = request_first(c);
    struct message m;
    bool tunnel;

    message_read(data, len, true, &m);
    if (!request) {
        return await_request(c);
    }
    tunnel = m.status == 101 || (request->is_connect && m.status / 100 == 2);
    if (m.status / 100 == 1 && !tunnel) {
        tcp_stream_advance(s, s->pos + len);
        end_message(c, MIRROR_TO_CLIENT);
        return PROGRESS_MADE;
    }
    if (has_no_body(request, m.status)) {
        m.framing = FRAMING_LENGTH;
        m.length = 0;
    } else if (m.framing == FRAMING_BAD && !tunnel) {
        return whole(c, m.bad);
    }

    set_url(s, request->url);
    request_pop(c);
    tcp_stream_advance(s, s->pos + len);
    if (tunnel) {
        other_begin(c);
        return PROGRESS_MADE;
    }
    if (c->streams[MIRROR_TO_SERVER].reading == READ_WAIT) {
        end_message(c, MIRROR_TO_SERVER);
    }
    begin_body(c, MIRROR_TO_CLIENT, &m);
    return PROGRESS_MADE;
}

static enum progress
read_head(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];
    bool response = dir == MIRROR_TO_CLIENT;
    struct http_element e;
    enum http_event event;
    size_t len;
    const uint8_t *data = tcp_stream_data(s, &len);

    do {
        event = http_head_next(&s->head, data, len, &e);
    } while (event != HTTP_MORE && event != HTTP_END && event != HTTP_INVALID);

    if (event == HTTP_MORE) {
        return (len < STREAM_HEAD_MAX ? PROGRESS_NONE
                : whole(c, "a head that is too long"));
    } else if (event == HTTP_INVALID) {
        return lost(c, response ? "no response where one should begin"
                    : "no request where one should begin");
    }
    return (response ? read_response(c, data, s->head.pos)
            : read_request(c, data, s->head.pos));
}

/* Chunks (RFC 9112 section 7.1). */

/* Returns true if the end of the body of 'dir' can be told by the other
 * side. */
static bool
may_open(const struct mirror_conn *c, enum mirror_dir dir)
{
    const struct tcp_stream *requests = &c->streams[MIRROR_TO_SERVER];

    return (dir == MIRROR_TO_CLIENT && requests->reading == READ_HEAD
            && !requests->hold.n_ranges && !c->n_requests);
}

/* After how much of a body somebody may want to skip the rest, or it is
 * cheaper to have the switch copy it. */
static int64_t
open_after(const struct mirror_conn *c)
{
    uint32_t policies = mirror_conn_policies(c);
    uint64_t after = OPEN_AFTER;

    for (int i = 0; i < MIRROR_MAX_POLICIES; i++) {
        const struct mirror_wants *wants = &c->engine->wants[i];

        if (policies & 1u << i && !wants->chunked_whole) {
            after = MIN(after, wants->threshold);
        }
    }
    return after;
}

/* Has the rest of a body with chunks no longer read, if that may be.  Returns
 * true if so. */
static bool
open_chunks(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];

    if (region_is_active(s) || !may_open(c, dir)
        || s->pos - s->body < open_after(c)) {
        return false;
    }
    tcp_stream_skip_reading(s, READ_OPEN, INT64_MAX);
    region_begin(c, dir, REGION_CHUNKED, s->body, 0);
    return true;
}

/* Returns the length of the line that comes next, its line feed included, or 0
 * if it has not come. */
static size_t
line_len(const struct tcp_stream *s)
{
    size_t len;
    const uint8_t *data = tcp_stream_data(s, &len);
    const uint8_t *lf = len ? memchr(data, '\n', MIN(len, CHUNK_LINE_MAX))
                        : NULL;

    return lf ? lf - data + 1 : 0;
}

static enum progress
no_line(struct mirror_conn *c, const struct tcp_stream *s)
{
    size_t len;

    tcp_stream_data(s, &len);
    return len < CHUNK_LINE_MAX ? PROGRESS_NONE : lost(c, "not a chunk");
}

/* Returns the number before a chunk, or -1 if there is none in the line at
 * 'line', which ends with a line feed. */
static int64_t
chunk_size(const char *line)
{
    int64_t size = 0;
    int digit;
    size_t n;

    for (n = 0; (digit = hexit_value(line[n])) >= 0; n++) {
        if (size >> 56) {
            return -1;
        }
        size = size << 4 | digit;
    }
    return n && line[n] && strchr("; \t\r\n", line[n]) ? size : -1;
}

static enum progress
read_chunk(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];
    size_t len = line_len(s);
    int64_t size;

    if (!len) {
        return no_line(c, s);
    }
    size = chunk_size((const char *) s->hold.data);
    if (size < 0) {
        return lost(c, "not a chunk");
    }
    tcp_stream_advance(s, s->pos + len);
    if (!size) {
        tcp_stream_skip_reading(s, READ_TRAILER, 0);
    } else {
        if (!may_open(c, dir) && size >= CHUNK_SKIP_MIN) {
            region_begin(c, dir, REGION_CHUNK, s->body, size);
        }
        tcp_stream_skip_reading(s, READ_CHUNK_END, size);
    }
    return PROGRESS_MADE;
}

/* An empty line, or one of a trailer. */
static enum progress
read_line(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];
    const uint8_t *line = s->hold.data;
    size_t len = line_len(s);
    bool empty;

    if (!len) {
        return no_line(c, s);
    }
    empty = len == 1 || (len == 2 && line[0] == '\r');
    if (s->reading == READ_CHUNK_END && !empty) {
        return lost(c, "not a chunk");
    }
    tcp_stream_advance(s, s->pos + len);
    if (s->reading == READ_CHUNK_END) {
        tcp_stream_skip_reading(s, READ_CHUNK, 0);
    } else if (empty) {
        end_message(c, dir);
    }
    return PROGRESS_MADE;
}

/* Returns true if what would come next, and is not there, has passed before it
 * was looked at: something behind it came, or was acknowledged, before the
 * server could have got the request; or so much came that it is no
 * coincidence. */
static bool
has_passed(const struct mirror_conn *c, const struct tcp_stream *s)
{
    return (c->unanswered
            ? MAX(s->seen, c->streams[MIRROR_TO_SERVER].ack) > s->pos
            : s->seen - s->pos >= DOUBT_MAX);
}

/* After a request in the middle of a response. */
static enum progress
read_doubt(struct mirror_conn *c)
{
    static const char version[] = "HTTP/1.";
    struct tcp_stream *s = &c->streams[MIRROR_TO_CLIENT];
    size_t len;
    const uint8_t *data = tcp_stream_data(s, &len);

    bool open = s->doubted == INT64_MAX;

    if ((!open && !len && has_passed(c, s))
        || (len && memcmp(data, version, MIN(len, strlen(version))))) {
        if (open) {
            /* Nobody knows where it ends. */
            return lost(c, "a request in the middle of a response");
        }
        tcp_stream_skip_reading(s, READ_BODY, s->doubted);
        region_reopen(s);
    } else if (len >= strlen(version)) {
        end_message(c, MIRROR_TO_CLIENT);
    } else {
        return PROGRESS_NONE;
    }
    return PROGRESS_MADE;
}

enum progress
http_read(struct mirror_conn *c, enum mirror_dir dir)
{
    struct tcp_stream *s = &c->streams[dir];

    if ((s->reading == READ_CHUNK || s->reading == READ_CHUNK_END)
        && open_chunks(c, dir)) {
        return PROGRESS_MADE;
    }
    if (s->left) {
        return PROGRESS_NONE;
    }

    switch (s->reading) {
    case READ_HEAD:
        return read_head(c, dir);
    case READ_BODY:
        end_message(c, dir);
        return PROGRESS_MADE;
    case READ_DOUBT:
        return read_doubt(c);
    case READ_CHUNK:
        return read_chunk(c, dir);
    case READ_CHUNK_END:
    case READ_TRAILER:
        return read_line(c, dir);
    case READ_WAIT:
        return PROGRESS_NONE;
    case READ_START:
    case READ_OPEN:
    case READ_RECORD:
    case READ_REST:
    default:
        OVS_NOT_REACHED();
    }
}

void
http_lost(struct mirror_conn *c)
{
    struct tcp_stream *s = &c->streams[MIRROR_TO_CLIENT];

    if (s->reading == READ_DOUBT) {
        tcp_stream_skip_reading(s, READ_OPEN, s->doubted);
        region_reopen(s);
        skip_update(c, MIRROR_TO_CLIENT);
    }
}

enum progress
http_from_client(struct mirror_conn *c, int64_t ack)
{
    struct tcp_stream *s = &c->streams[MIRROR_TO_CLIENT];

    if (c->streams[MIRROR_TO_SERVER].reading != READ_HEAD
        || (s->reading != READ_OPEN && s->reading != READ_BODY)) {
        return PROGRESS_NONE;
    } else if (s->reading == READ_OPEN && ack < s->pos) {
        return lost(c, "a request in the middle of a response");
    } else if (ack >= s->pos && ack - s->pos < s->left) {
        region_end(s, ack);
        tcp_stream_count(s, ack);
        if (s->pos == ack) {
            s->doubted = s->left;
            tcp_stream_skip_reading(s, READ_DOUBT, 0);
            c->barrier = true;
        }
    }
    return PROGRESS_NONE;
}
