/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_PROTOCOL_HTTP_HEAD_H
#define TASUKID_PROTOCOL_HTTP_HEAD_H 1

/* The head of an HTTP/1 message (RFC 9112), read as it comes in.
 *
 * It accepts whatever nginx or Apache accept: any token as method, any
 * version, HTTP/0.9's GET, line feeds without carriage returns, lines that are
 * no fields.  The server decides what is wrong with a request.  To choose the
 * server, one only has to read the request as the server does.  Responses are
 * read as generously, but have to begin with "HTTP/".
 *
 * What is found depends on the bytes alone, however they were cut into pieces.
 * An element is reported once its bytes are there, and the byte behind it if
 * only that shows that it ends.  Each byte is looked at a fixed number of
 * times. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 'len' bytes.  Null if there is no such string, unlike an empty one. */
struct http_string {
    const uint8_t *s;
    size_t len;
};

/* RFC 9112 section 3. */
struct http_request_line {
    struct http_string method;

    /* Of an absolute target, or of CONNECT's; else null. */
    struct http_string authority;

    /* Of the target as it was sent, without query and fragment: begins with
     * '/', or is "*", or for CONNECT empty. */
    struct http_string path;

    struct http_string target;  /* All of it, as it was sent. */
    struct http_string version; /* "HTTP/1.1" or so.  Null in HTTP/0.9. */
};

/* RFC 9112 section 4. */
struct http_status_line {
    struct http_string version;
    int code;                   /* 0 to 999. */
};

/* RFC 9112 section 5.  'name' is a token.  'value' is without white space
 * around it, and has line breaks in it if it was folded (section 5.2). */
struct http_field {
    struct http_string name;
    struct http_string value;
};

enum http_event {
    HTTP_MORE,                  /* The next element is not complete. */
    HTTP_REQUEST_LINE,          /* 'line' was read. */
    HTTP_STATUS_LINE,           /* 'status' was read. */
    HTTP_FIELD,                 /* 'field' was read. */
    HTTP_END,                   /* The empty line was read: the last event. */
    HTTP_INVALID,               /* This is not HTTP/1: the last event. */
};

/* What an event is about, in the bytes that http_head_next() got. */
struct http_element {
    struct http_request_line line;
    struct http_status_line status;
    struct http_field field;
};

enum http_head_state {
    HTTP_HEAD_START,            /* Before the first line. */
    HTTP_HEAD_METHOD,
    HTTP_HEAD_METHOD_SP,        /* Behind the method. */
    HTTP_HEAD_TARGET,
    HTTP_HEAD_TARGET_SP,        /* Behind the target. */
    HTTP_HEAD_VERSION,          /* In "HTTP/1." or so. */
    HTTP_HEAD_MINOR,            /* Before the first digit of the minor. */
    HTTP_HEAD_MINOR_REST,       /* Behind it. */
    HTTP_HEAD_VERSION_SP,       /* Behind the version. */
    HTTP_HEAD_CR,               /* Before the first line's line feed. */
    HTTP_HEAD_STATUS,           /* In a response's "HTTP/1." or so. */
    HTTP_HEAD_STATUS_MINOR,     /* Before the first digit of the minor. */
    HTTP_HEAD_STATUS_REST,      /* Behind it. */
    HTTP_HEAD_CODE,             /* In the three digits. */
    HTTP_HEAD_REASON,           /* Behind them. */
    HTTP_HEAD_FIELDS,           /* At the beginning of a line. */
    HTTP_HEAD_ENDED,
    HTTP_HEAD_NOT_HTTP,
};

/* Offsets, not pointers, as the bytes may move between two calls. */
struct http_head {
    enum http_head_state state;
    bool has_version;
    bool has_other_lines;       /* Lines that are no fields were left out. */
    uint32_t pos;               /* Read up to here. */
    uint32_t method;            /* Where things begin. */
    uint32_t method_end;
    uint32_t target;
    uint32_t target_end;
    uint32_t version;
    uint32_t version_end;
    uint32_t code;
    uint32_t field;
};

/* Starts to read a request, or a response.  A response has to have a status
 * line: HTTP/0.9 has none. */
void http_head_init(struct http_head *);
void http_head_init_response(struct http_head *);

/* Reads on: the first 'len' bytes of the stream are at 'data', of which those
 * of earlier calls must be the same as before.  Call it again until it returns
 * HTTP_MORE or one of the last two events. */
enum http_event http_head_next(struct http_head *, const uint8_t *data,
                               size_t len, struct http_element *);

/* Returns true if 's' and 'name' are the same but for case. */
bool http_string_is(struct http_string s, const char *name);

/* Returns the host in 'authority', without port and without the dot at its
 * end.  'authority' is a Host field's value.  If 'has_userinfo', it is that of
 * an absolute target and may have userinfo in front (RFC 3986 section 3.2).
 * Null if it is not certain which host a server would see. */
struct http_string http_host(struct http_string authority, bool has_userinfo);

#endif /* http-head.h */
