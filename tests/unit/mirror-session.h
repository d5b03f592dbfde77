/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Random HTTP/1 sessions: what a client and a server say to each other, when,
 * and what of it is a body. */

#ifndef MIRROR_SESSION_H
#define MIRROR_SESSION_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "utilities/tasukid/apps/mirror/engine/engine.h"

/* How a body's end is known. */
enum session_framing { SESSION_LENGTH, SESSION_CHUNKED, SESSION_UNTIL_CLOSE };

struct session_body {
    enum mirror_dir dir;
    size_t start, end;          /* Of all that goes that way. */
    enum session_framing framing;
    bool pipelined;             /* Other messages may be on their way. */
};

/* A part of what goes one way, said when 'need' bytes of the other way have
 * come. */
struct session_write {
    size_t len, need;
};

#define SESSION_MAX 400000      /* Bytes a way. */
#define SESSION_MAX_WRITES 64
#define SESSION_MAX_BODIES 32

struct session_way {
    uint8_t bytes[SESSION_MAX];
    size_t len;
    struct session_write writes[SESSION_MAX_WRITES];
    size_t n_writes;
};

struct session {
    struct session_way ways[2];
    struct session_body bodies[SESSION_MAX_BODIES];
    size_t n_bodies;
    bool server_closes;         /* Right after the last byte. */
};

/* Makes one, by random(). */
void session_make(struct session *, bool big);

#endif /* mirror-session.h */
