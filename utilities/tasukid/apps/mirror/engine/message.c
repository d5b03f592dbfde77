/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "message.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "utilities/tasukid/protocol/http-head.h"

static bool
string_is(struct http_string s, const char *text)
{
    return s.len == strlen(text) && !memcmp(s.s, text, s.len);
}

static void
set_bad(struct message *m, const char *why)
{
    m->framing = FRAMING_BAD;
    m->bad = why;
}

/* Of the same length twice, one counts (RFC 9112 section 6.3).  A list of them
 * in one field is rare enough to be taken for an attempt. */
static void
read_length(struct message *m, struct http_string value)
{
    uint64_t length = 0;

    for (size_t i = 0; i < value.len; i++) {
        uint8_t digit = value.s[i] - '0';

        if (digit > 9 || length > (INT64_MAX / 2 - digit) / 10) {
            set_bad(m, "Content-Length is no length");
            return;
        }
        length = length * 10 + digit;
    }
    if (!value.len) {
        set_bad(m, "Content-Length is no length");
    } else if (m->framing == FRAMING_CHUNKED) {
        set_bad(m, "Content-Length and Transfer-Encoding");
    } else if (m->framing == FRAMING_LENGTH && m->length != length) {
        set_bad(m, "two different Content-Lengths");
    } else {
        m->framing = FRAMING_LENGTH;
        m->length = length;
    }
}

/* Only if "chunked" is the last coding, and comes once, the message ends with
 * its last chunk. */
static void
read_coding(struct message *m, struct http_string value)
{
    static const char chunked[] = "chunked";
    const size_t n = sizeof chunked - 1;
    struct http_string last = { value.s + (value.len - MIN(value.len, n)),
                                MIN(value.len, n) };
    size_t before = value.len - last.len;

    if (m->framing == FRAMING_LENGTH) {
        set_bad(m, "Content-Length and Transfer-Encoding");
    } else if (m->framing == FRAMING_CHUNKED) {
        set_bad(m, "two Transfer-Encodings");
    } else if (!http_string_is(last, chunked)
               || (before && !strchr(", \t", value.s[before - 1]))) {
        set_bad(m, "Transfer-Encoding is not chunked");
    } else {
        m->framing = FRAMING_CHUNKED;
    }
}

static void
read_field(struct message *m, const struct http_field *field)
{
    if (http_string_is(field->name, "upgrade")) {
        m->upgrade = true;
    } else if (m->framing == FRAMING_BAD) {
        /* The first thing that is wrong is what people get to know. */
        return;
    } else if (http_string_is(field->name, "content-length")) {
        read_length(m, field->value);
    } else if (http_string_is(field->name, "transfer-encoding")) {
        read_coding(m, field->value);
    }
}

void
message_read(const uint8_t *data, size_t len, bool response,
             struct message *m)
{
    bool old = false;           /* HTTP/1.0 or older. */
    struct http_element e;
    struct http_head head;
    enum http_event event;

    memset(m, 0, sizeof *m);
    (response ? http_head_init_response : http_head_init)(&head);
    while ((event = http_head_next(&head, data, len, &e)) != HTTP_END
           && event != HTTP_INVALID && event != HTTP_MORE) {
        if (event == HTTP_REQUEST_LINE) {
            m->is_head = string_is(e.line.method, "HEAD");
            m->is_connect = string_is(e.line.method, "CONNECT");
            old = !e.line.version.s || string_is(e.line.version, "HTTP/1.0");
        } else if (event == HTTP_STATUS_LINE) {
            m->status = e.status.code;
            old = string_is(e.status.version, "HTTP/1.0");
        } else {
            read_field(m, &e.field);
        }
    }
    if (m->framing == FRAMING_CHUNKED && old) {
        /* RFC 9112 section 6.1. */
        set_bad(m, "Transfer-Encoding in HTTP/1.0");
    } else if (m->framing != FRAMING_BAD && head.has_other_lines) {
        /* A recipient may take it for a field after all. */
        set_bad(m, "a line in the head that is no field");
    }
}

static void
put(struct ds *ds, struct http_string s, size_t max)
{
    for (size_t i = 0; i < s.len && ds->length < max; i++) {
        uint8_t c = s.s[i];

        ds_put_char(ds, c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c
                    : '?');
    }
}

char *
message_url(const uint8_t *data, size_t len, size_t max)
{
    struct http_string host = { NULL, 0 }, target = { NULL, 0 };
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct http_element e;
    struct http_head head;
    enum http_event event;

    http_head_init(&head);
    while ((event = http_head_next(&head, data, len, &e)) != HTTP_END
           && event != HTTP_INVALID && event != HTTP_MORE) {
        if (event == HTTP_REQUEST_LINE) {
            target = e.line.target;
            if (target.s[0] != '/' && !string_is(target, "*")) {
                break;          /* Names its host itself. */
            }
        } else if (!host.s && http_string_is(e.field.name, "host")) {
            host = e.field.value;
        }
    }
    put(&ds, host, max);
    put(&ds, target, max);
    return ds_steal_cstr(&ds);
}
