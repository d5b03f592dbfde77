/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CAPTURE_SKIP_EVENT_H
#define TASUKI_CAPTURE_SKIP_EVENT_H 1

/* News of a range of a stream that was not captured.  tasukid sends them, as
 * lines of JSON (utilities/tasukid/apps/mirror/skips.h describes them). */

#include <stdint.h>

#include "direction.h"

struct skip_event {
    struct direction dir;
    uint32_t end;               /* TCP: sequence number after the range. */
    uint64_t length;            /* Bytes. */
    char *policy;               /* Who left it out. */
    char *comment;              /* For people, in UTF-8, without control
                                 * characters. */
};

/* Longer ones are refused. */
enum { SKIP_EVENT_MAX = 8192 };

/* Parses 'line'.  Returns null, or what is wrong with it, which the caller
 * must free; '*event' is not set then. */
char *skip_event_parse(const char *line, struct skip_event *event);

/* Frees what 'event' points to. */
void skip_event_uninit(struct skip_event *event);

#endif /* TASUKI_CAPTURE_SKIP_EVENT_H */
