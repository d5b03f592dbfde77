/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_PROTOCOL_HTTP_REQUEST_H
#define TASUKID_PROTOCOL_HTTP_REQUEST_H 1

/* The head of an HTTP/1 request (RFC 9112), read as it comes in.
 *
 * The caller keeps the bytes in one piece; what is found in them is kept as
 * offsets, so that the piece may move as it grows. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "llhttp.h"

enum http_request_state {
    HTTP_REQUEST_MORE,          /* The head is not complete. */
    HTTP_REQUEST_COMPLETE,      /* The empty line was read. */
    HTTP_REQUEST_INVALID,       /* Not HTTP/1, or not well-formed. */
};

/* 'len' bytes at offset 'ofs'. */
struct http_span {
    uint32_t ofs;
    uint32_t len;
};

struct http_field {
    struct http_span name;
    struct http_span value;
};

/* Says which header fields to remember.  'names' is sorted, in lower case. */
struct http_wanted {
    const char *const *names;
    size_t n;
};

/* More fields of the wanted names than this make a request invalid: nobody
 * sends that many in good faith. */
#define HTTP_REQUEST_MAX_FIELDS 64

struct http_request {
    llhttp_t parser;
    struct http_wanted wanted;
    enum http_request_state state;
    uint32_t fed;               /* Bytes read so far. */

    /* What is known so far.  Spans that are not known have length 0. */
    bool method_known;
    bool target_known;
    struct http_span method;
    struct http_span target;    /* As sent, any form (RFC 9112, 3.2). */
    struct http_span path;      /* Of 'target', without the query. */
    struct http_span authority; /* Of 'target', if it has one. */

    struct http_field *fields;  /* In the order they came. */
    uint16_t n_fields;
    uint16_t allocated_fields;

    /* While reading. */
    struct http_field current;
    const uint8_t *chunk;       /* What offset 'chunk_ofs' is at, now. */
    uint32_t chunk_ofs;
};

/* Starts reading a request.  'wanted' is copied, the names it leads to must
 * stay until http_request_destroy(). */
void http_request_init(struct http_request *,
                       const struct http_wanted *wanted);
void http_request_destroy(struct http_request *);

/* Reads on: the first 'len' bytes of the stream are at 'data', of which those
 * of earlier calls must be the same as before.  Returns the new state. */
enum http_request_state http_request_feed(struct http_request *,
                                          const uint8_t *data, size_t len);

/* Returns the host that the request is for, without port and without the dot
 * at its end: from an absolute target if there is one, else from the Host
 * field (RFC 9112 section 3.2.2).  Of length 0 if there is none, or none
 * yet.  'data' is what http_request_feed() got. */
struct http_span http_request_host(const struct http_request *,
                                   const uint8_t *data);

/* Returns the next wanted field of the given name after index '*i', which
 * starts at 0, or null. */
const struct http_field *http_request_next_field(const struct http_request *,
                                                 const uint8_t *data,
                                                 const char *name, size_t *i);

#endif /* http-request.h */
