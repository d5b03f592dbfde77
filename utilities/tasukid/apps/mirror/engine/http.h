/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_HTTP_H
#define TASUKID_MIRROR_HTTP_H 1

/* HTTP/1 (RFC 9112): where messages begin and end.
 *
 * A response whose length is not known, or that has chunks and is long, is not
 * read to its end.  It ends where the client says so: its next request
 * acknowledges all of it.  That is not so if the client does not wait for
 * responses, so if another request waits already, chunks are read one by one.
 *
 * So are those of requests, always: a client could hide another request behind
 * the last chunk.
 *
 * A response whose length is known may still be shorter than it says.  If a
 * request comes before its end, what follows what that acknowledges is looked
 * at: it is the next response, or the body goes on. */

#include "conn.h"
#include "progress.h"

/* Most requests that may wait for their responses. */
#define HTTP_MAX_REQUESTS 32

/* Both streams are HTTP from here on. */
void http_begin(struct mirror_conn *);

/* Reads what 'dir' has to read. */
enum progress http_read(struct mirror_conn *, enum mirror_dir);

/* Something new comes from the client, and acknowledges 'ack'. */
enum progress http_from_client(struct mirror_conn *, int64_t ack);

/* The connection is not understood any more.  If a response did not end where
 * a request seemed to say so, it has gone on. */
void http_lost(struct mirror_conn *);

#endif /* http.h */
