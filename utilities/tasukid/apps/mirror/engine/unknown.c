/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "unknown.h"

#include "http.h"
#include "packets.h"
#include "skip.h"
#include "util.h"

void
unknown_begin(struct mirror_conn *c, const char *reason)
{
    for (int dir = 0; dir < 2; dir++) {
        skip_report(c, dir, true);
        tcp_stream_destroy(&c->streams[dir]);
    }
    while (c->n_requests) {
        request_pop(c);
    }
    c->protocol = PROTOCOL_UNKNOWN;
    c->reason = reason;
    c->has_ack = false;
    c->n_fruitless = 0;
    c->engine->totals.n_unknown++;
}

/* Returns true if 'p' begins with a whole request line. */
static bool
has_request(const struct mirror_packet *p)
{
    struct http_element e;
    struct http_head head;

    http_head_init(&head);
    return (p->len
            && http_head_next(&head, p->payload, p->len, &e)
               == HTTP_REQUEST_LINE
            && e.line.version.s);
}

static bool
has_response(const struct mirror_packet *p)
{
    struct http_element e;
    struct http_head head;

    http_head_init_response(&head);
    return (p->len
            && http_head_next(&head, p->payload, p->len, &e)
               == HTTP_STATUS_LINE);
}

bool
unknown_segment(struct mirror_conn *c, enum mirror_dir dir,
                const struct mirror_packet *p)
{
    struct tcp_hold_budget *budget = &c->engine->budget;
    bool ack = p->flags & TCP_ACK && !(p->flags & (TCP_SYN | TCP_RST));

    if (dir == MIRROR_TO_CLIENT || !ack) {
        return false;
    }
    if (has_request(p)) {
        tcp_stream_init(&c->streams[MIRROR_TO_SERVER], budget, p->seq);
        tcp_stream_init(&c->streams[MIRROR_TO_CLIENT], budget, p->ack);
        http_begin(c);
        c->barrier = true;
        return true;
    }
    if (!c->has_ack
        || (p->ack - c->ack + COVER_MAX / 4) > COVER_MAX / 2) {
        c->ack = p->ack;
        c->has_ack = true;
    }
    if (p->len) {
        c->n_fruitless++;
        c->next = p->seq + p->len;
    }
    return false;
}

bool
unknown_from_client(const struct mirror_packet *p)
{
    return (has_request(p) ? true
            : has_response(p) ? false
            : ntohs(p->src.port) >= ntohs(p->dst.port));
}
