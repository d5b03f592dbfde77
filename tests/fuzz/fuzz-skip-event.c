/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for what comes to tasuki-capture's socket.  An input is a
 * datagram.  What is accepted must
 *
 *   - be of TCP or UDP;
 *   - have a comment that fits a pcapng option, without control characters;
 *   - find the packet that follows it, and only that one. */

#include <config.h>
#undef NDEBUG
#include <assert.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "util.h"
#include "utilities/tasuki-capture/held.h"
#include "utilities/tasuki-capture/skip-event.h"
#include "utilities/tasuki-capture/skips-total.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_comment(const char *s)
{
    assert(strlen(s) < 3 * SKIP_EVENT_MAX);
    for (; *s; s++) {
        unsigned char c = *s;

        assert(c >= ' ' && c != 0x7f);
    }
}

/* There are no packets but 'data', which may be anything. */
static void
check_held(const struct skip_event *event, const uint8_t *data, size_t size)
{
    struct timespec when = { .tv_sec = 0 };
    struct held_packet *p;
    struct held h;
    int n = 0;

    held_init(&h, 100, SIZE_MAX);
    held_put(&h, 0, &when, data, size, size);
    held_tell(&h, 0, event);
    held_put(&h, 0, &when, data, size, size);
    while ((p = held_pop(&h, LLONG_MAX)) != NULL) {
        n += p->comments.n;
        held_free(p);
    }
    assert(n <= 1);
    held_destroy(&h);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *line = xmemdup0((const char *) data, size);
    struct skip_event event;
    char *error = skip_event_parse(line, &event);

    free(line);
    if (error) {
        assert(*error);
        free(error);
        return 0;
    }
    assert(event.dir.nw_proto == IPPROTO_TCP
           || event.dir.nw_proto == IPPROTO_UDP);
    check_comment(event.comment);
    check_held(&event, data, size);

    struct skips_total t;
    skips_total_init(&t);
    skips_total_add(&t, event.policy, event.length);
    skips_total_destroy(&t);
    skip_event_uninit(&event);
    return 0;
}
