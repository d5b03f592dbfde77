/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_STREAM_H
#define TASUKID_MIRROR_STREAM_H 1

/* One direction of a TCP connection, read in order.
 *
 * Places in it are offsets: the first byte is 0, wherever its sequence number
 * began, and what comes before it is negative.  Offsets do not wrap. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ranges.h"
#include "utilities/tasukid/protocol/http-head.h"
#include "utilities/tasukid/protocol/tcp-hold.h"

/* How far what arrives may be ahead of what was read: how much of it is held.
 * A head that is longer than STREAM_HEAD_MAX is none. */
#define STREAM_AHEAD_MAX (256 * 1024)
#define STREAM_HEAD_MAX (64 * 1024)

/* What a stream's next bytes are, once 'left' is 0. */
enum reading {
    READ_START,                 /* Its first bytes. */
    READ_HEAD,                  /* HTTP/1: the head of a message. */
    READ_BODY,                  /* The same: a body, the length is known. */
    READ_DOUBT,                 /* The same: that, or the next head. */
    READ_CHUNK,                 /* The same: the line before a chunk. */
    READ_CHUNK_END,             /* The same: the line break after it. */
    READ_TRAILER,               /* The same: the lines after the last one. */
    READ_OPEN,                  /* The same: a response's body, until the next
                                 * request. */
    READ_WAIT,                  /* The same: the response decides. */
    READ_RECORD,                /* TLS: a record. */
    READ_REST,                  /* Nothing: the rest is only counted. */
};

/* What there may be to skip in a stream. */
enum region_kind {
    REGION_NONE,
    REGION_BODY,                /* A body, or chunk, of known length. */
    REGION_CHUNK,
    REGION_CHUNKED,             /* Chunks.  Nobody looks for their end. */
    REGION_UNTIL_CLOSE,         /* A body until the end of the connection. */
    REGION_REST,                /* What is not HTTP, or TLS's data. */
    REGION_WHOLE,               /* What nobody skips. */
};

struct region {
    enum region_kind kind;
    int64_t start;
    int64_t origin;             /* From where thresholds are counted. */
    int64_t limit;              /* Nothing is skipped from here on: the last
                                 * byte of a known length, or where it was
                                 * found to have ended.  INT64_MAX if it is
                                 * open. */
    bool is_open;               /* It began without a known length. */
};

/* What was skipped, or is going to be: segments wholly inside. */
struct skip {
    int64_t start, end;
    uint32_t policies;          /* Who skips it. */
    const char *protocol;
    const char *reason;
    char *url;                  /* Owned. */
    bool known;                 /* One more byte of it follows after 'end'. */
    bool reported;
};

/* What an entry covers. */
struct cover {
    int64_t start, end;         /* Nothing if they are the same. */
    uint32_t policies;          /* Who skips it. */
};

#define STREAM_MAX_SKIPS 4

struct tcp_stream {
    bool synced;                /* The rest means something. */
    bool stopped;               /* It is not read any more.  Nothing but
                                 * offsets, 'seen', and what was skipped means
                                 * something. */
    struct tcp_hold hold;       /* What was not read yet. */
    int64_t pos;                /* Of the hold's base: read up to here. */
    int64_t left;               /* Bytes from there on that need not be read:
                                 * INT64_MAX until told otherwise. */
    int64_t seen;               /* End of what came here. */
    int64_t ack;                /* What the last segment acknowledged, in the
                                 * other stream. */
    int64_t fin;                /* Where it ends, INT64_MAX if not known. */
    long long int missed;       /* When the other side first acknowledged what
                                 * did not come here, in ms, or 0. */

    enum reading reading;
    struct http_head head;      /* In READ_START and READ_HEAD. */
    int64_t body;               /* Where the present body began. */
    int64_t doubted;            /* In READ_DOUBT: how much is left of it. */
    char *url;                  /* Of its request, or null.  Owned. */

    struct region region;
    struct skip skips[STREAM_MAX_SKIPS];    /* The oldest first. */
    size_t n_skips;
    struct cover cover;
    struct ranges copied;       /* What everybody got. */
};

/* Starts a stream whose first byte has sequence number 'seq'. */
void tcp_stream_init(struct tcp_stream *, struct tcp_hold_budget *,
                     uint32_t seq);
void tcp_stream_destroy(struct tcp_stream *);

/* Stops reading it, if it is synced. */
void tcp_stream_stop(struct tcp_stream *);

/* Starts it, at sequence number 'seq', where it stands if it was stopped. */
void tcp_stream_resume(struct tcp_stream *, struct tcp_hold_budget *,
                       uint32_t seq);

/* Offsets and sequence numbers. */
int64_t tcp_stream_offset(const struct tcp_stream *, uint32_t seq);
uint32_t tcp_stream_seq(const struct tcp_stream *, int64_t offset);

/* What can be read now, in '*len' bytes. */
const uint8_t *tcp_stream_data(const struct tcp_stream *, size_t *len);

/* Goes on to 'offset', which is not before 'pos'. */
void tcp_stream_advance(struct tcp_stream *, int64_t offset);

/* The same, as far as that need not be read.  Counts, too, what is held. */
void tcp_stream_count(struct tcp_stream *, int64_t offset);

/* Takes in 'len' bytes of payload.  Returns false if what would have to be
 * read cannot be held. */
bool tcp_stream_take(struct tcp_stream *, uint32_t seq,
                     const uint8_t *payload, size_t len);

/* The bytes from the next one on need not be read: 'left' of them. */
void tcp_stream_skip_reading(struct tcp_stream *, enum reading, int64_t left);

/* The next bytes are the first ones, or a head. */
void tcp_stream_read_head(struct tcp_stream *, enum reading, bool response);

#endif /* stream.h */
