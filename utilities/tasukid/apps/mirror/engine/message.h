/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_MESSAGE_H
#define TASUKID_MIRROR_MESSAGE_H 1

/* What the head of an HTTP/1 message says about how long the message is (RFC
 * 9112 section 6), and about what comes after it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing {
    FRAMING_NONE,               /* No word about a body. */
    FRAMING_LENGTH,             /* 'length' bytes. */
    FRAMING_CHUNKED,
    FRAMING_BAD,                /* Two recipients may see two lengths. */
};

struct message {
    enum framing framing;
    uint64_t length;
    const char *bad;            /* For FRAMING_BAD, a static string. */

    /* Of a request. */
    bool is_head;               /* HEAD. */
    bool is_connect;            /* CONNECT. */
    bool upgrade;               /* Offers another protocol. */

    int status;                 /* Of a response. */
};

/* Reads the 'len' bytes at 'data', a whole head. */
void message_read(const uint8_t *data, size_t len, bool response,
                  struct message *);

/* Returns "HOST/TARGET" of the request whose head is at 'data', shortened to
 * 'max' bytes.  It is printable, without spaces and quotes.  The caller frees
 * it. */
char *message_url(const uint8_t *data, size_t len, size_t max);

#endif /* message.h */
