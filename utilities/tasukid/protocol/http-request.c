/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "http-request.h"

#include <string.h>
#include <strings.h>

#include "util.h"

static struct http_request *
request_from_parser(llhttp_t *parser)
{
    return CONTAINER_OF(parser, struct http_request, parser);
}

/* Adds the 'len' bytes at 'at', which follow directly what '*span' holds, if
 * it holds anything. */
static void
span_append(const struct http_request *req, struct http_span *span,
            const char *at, size_t len)
{
    uint32_t ofs = req->chunk_ofs + ((const uint8_t *) at - req->chunk);

    if (!span->len) {
        span->ofs = ofs;
    }
    /* A value that goes on in the next line leaves a gap. */
    span->len = ofs + len - span->ofs;
}

/* Taking the target apart (RFC 9112 section 3.2, RFC 3986 section 3). */

static const void *
find(const uint8_t *data, uint32_t from, uint32_t to, char c)
{
    return from < to ? memchr(data + from, c, to - from) : NULL;
}

static void
split_target(struct http_request *req, const uint8_t *data)
{
    uint32_t ofs = req->target.ofs;
    uint32_t end = ofs + req->target.len;
    const uint8_t *p;

    p = find(data, ofs, end, '#');
    end = p ? p - data : end;
    p = find(data, ofs, end, '?');
    end = p ? p - data : end;

    uint32_t path = ofs;
    if (req->target.len && data[ofs] != '/' && data[ofs] != '*') {
        /* Absolute form "http://authority/path" or the authority form of
         * CONNECT. */
        uint32_t start = ofs;
        p = find(data, ofs, end, ':');
        if (p && data + end - p >= 3 && p[1] == '/' && p[2] == '/') {
            start = p + 3 - data;
        }
        p = find(data, start, end, '/');
        path = p ? p - data : end;
        req->authority = (struct http_span) { start, path - start };
    }
    req->path = (struct http_span) { path, end - path };
}

/* Callbacks of llhttp. */

static int
on_method(llhttp_t *parser, const char *at, size_t len)
{
    struct http_request *req = request_from_parser(parser);

    span_append(req, &req->method, at, len);
    return 0;
}

static int
on_method_complete(llhttp_t *parser)
{
    request_from_parser(parser)->method_known = true;
    return 0;
}

static int
on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct http_request *req = request_from_parser(parser);

    span_append(req, &req->target, at, len);
    return 0;
}

static int
on_url_complete(llhttp_t *parser)
{
    struct http_request *req = request_from_parser(parser);

    split_target(req, req->chunk - req->chunk_ofs);
    req->target_known = true;
    return 0;
}

static int
on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct http_request *req = request_from_parser(parser);

    span_append(req, &req->current.name, at, len);
    return 0;
}

static int
on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct http_request *req = request_from_parser(parser);

    span_append(req, &req->current.value, at, len);
    return 0;
}

static bool
span_equals(const uint8_t *data, struct http_span span, const char *name)
{
    return (strlen(name) == span.len
            && !strncasecmp((const char *) data + span.ofs, name, span.len));
}

static bool
is_wanted(const struct http_request *req, const uint8_t *data,
          struct http_span name)
{
    if (span_equals(data, name, "host")) {
        return true;
    }
    for (size_t i = 0; i < req->wanted.n; i++) {
        if (span_equals(data, name, req->wanted.names[i])) {
            return true;
        }
    }
    return false;
}

static bool
is_ows(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Leaves out white space at both ends (RFC 9110 section 5.5). */
static struct http_span
trim(const uint8_t *data, struct http_span span)
{
    while (span.len && is_ows(data[span.ofs + span.len - 1])) {
        span.len--;
    }
    while (span.len && is_ows(data[span.ofs])) {
        span.ofs++;
        span.len--;
    }
    return span;
}

static int
on_header_value_complete(llhttp_t *parser)
{
    struct http_request *req = request_from_parser(parser);
    const uint8_t *data = req->chunk - req->chunk_ofs;
    struct http_field field = req->current;

    memset(&req->current, 0, sizeof req->current);
    if (!is_wanted(req, data, field.name)) {
        return 0;
    }
    if (req->n_fields >= HTTP_REQUEST_MAX_FIELDS) {
        return -1;
    }
    if (req->n_fields >= req->allocated_fields) {
        req->allocated_fields = MAX(2, 2 * req->allocated_fields);
        req->fields = xrealloc(req->fields, (req->allocated_fields
                                             * sizeof *req->fields));
    }
    field.value = trim(data, field.value);
    req->fields[req->n_fields++] = field;
    return 0;
}

static int
on_headers_complete(llhttp_t *parser)
{
    request_from_parser(parser)->state = HTTP_REQUEST_COMPLETE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_method_complete = on_method_complete,
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
};

void
http_request_init(struct http_request *req, const struct http_wanted *wanted)
{
    memset(req, 0, sizeof *req);
    req->state = HTTP_REQUEST_MORE;
    req->wanted = *wanted;
    llhttp_init(&req->parser, HTTP_REQUEST, &settings);
}

void
http_request_destroy(struct http_request *req)
{
    free(req->fields);
    req->fields = NULL;
    req->n_fields = req->allocated_fields = 0;
}

enum http_request_state
http_request_feed(struct http_request *req, const uint8_t *data, size_t len)
{
    if (req->state != HTTP_REQUEST_MORE || len <= req->fed) {
        return req->state;
    }

    req->chunk = data + req->fed;
    req->chunk_ofs = req->fed;
    enum llhttp_errno error = llhttp_execute(&req->parser,
                                             (const char *) req->chunk,
                                             len - req->fed);
    req->fed = len;
    req->chunk = NULL;

    /* An error may also come after the head, on a byte of the body: too late
     * to matter. */
    if (error != HPE_OK && req->state == HTTP_REQUEST_MORE) {
        req->state = HTTP_REQUEST_INVALID;
    }
    return req->state;
}

/* Returns 'span' without what cannot tell one host from another: user
 * information (RFC 3986 section 3.2.1), port and the root's dot. */
static struct http_span
strip_to_host(const uint8_t *data, struct http_span span)
{
    const uint8_t *start = data + span.ofs;
    const uint8_t *end = start + span.len;
    const uint8_t *p;

    while ((p = find(start, 0, end - start, '@'))) {
        start = p + 1;
    }
    if (start < end && *start == '[') {
        p = find(start, 0, end - start, ']');
        end = p ? p + 1 : end;
    } else {
        p = find(start, 0, end - start, ':');
        end = p ? p : end;
    }
    if (end > start && end[-1] == '.') {
        end--;
    }
    return (struct http_span) { start - data, end - start };
}

struct http_span
http_request_host(const struct http_request *req, const uint8_t *data)
{
    struct http_span host = req->authority;

    if (!host.len) {
        size_t i = 0;
        const struct http_field *field
            = http_request_next_field(req, data, "host", &i);
        if (field) {
            host = field->value;
        }
    }
    return host.len ? strip_to_host(data, host) : host;
}

const struct http_field *
http_request_next_field(const struct http_request *req, const uint8_t *data,
                        const char *name, size_t *i)
{
    while (*i < req->n_fields) {
        const struct http_field *field = &req->fields[(*i)++];
        if (span_equals(data, field->name, name)) {
            return field;
        }
    }
    return NULL;
}
