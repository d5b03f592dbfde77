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
    if (c->streams[0].synced || c->streams[1].synced) {
        c->settled = c->engine->now + UNKNOWN_SETTLE_MS;
        mirror_conn_set_timer(c, c->settled);
    }
    for (int dir = 0; dir < 2; dir++) {
        tcp_stream_stop(&c->streams[dir]);
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

/* How far back a segment may be that is sent again, in bytes. */
#define SENT_AGAIN_MAX (1 << 24)

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

/* What comes before 'seq' has passed. */
static void
see_passed(struct tcp_stream *s, uint32_t seq)
{
    int64_t offset = s->stopped ? tcp_stream_offset(s, seq) : 0;

    if (offset > s->seen && offset - s->pos <= COVER_MAX) {
        s->seen = offset;
    }
}

static void
see_progress(struct mirror_conn *c, enum mirror_dir dir,
             const struct mirror_packet *p)
{
    see_passed(&c->streams[dir], p->seq);
    if (p->flags & TCP_ACK) {
        see_passed(&c->streams[mirror_opposite(dir)], p->ack);
    }
}

static void
tell_skips(struct mirror_conn *c)
{
    skip_report(c, MIRROR_TO_SERVER, true);
    skip_report(c, MIRROR_TO_CLIENT, true);
    c->settled = 0;
}

/* Payload that is no request.  What comes from a window that the switch did
 * not have yet, and what is sent again, asks for no other window. */
static void
see_fruitless(struct mirror_conn *c, const struct mirror_packet *p)
{
    const struct mirror_window *window = &c->entries[MIRROR_TO_SERVER].seq;
    uint32_t end = p->seq + p->len;

    if ((p->seq - window->start < window->len
         && end - window->start <= window->len)
        || (c->n_fruitless && c->next - end < SENT_AGAIN_MAX)) {
        return;
    }
    c->n_fruitless++;
    c->next = end;
}

bool
unknown_segment(struct mirror_conn *c, enum mirror_dir dir,
                const struct mirror_packet *p)
{
    struct tcp_hold_budget *budget = &c->engine->budget;
    struct tcp_stream *streams = c->streams;
    bool ack = p->flags & TCP_ACK && !(p->flags & (TCP_SYN | TCP_RST));

    see_progress(c, dir, p);
    if (dir == MIRROR_TO_CLIENT || !ack) {
        return false;
    }
    if (has_request(p)) {
        tell_skips(c);
        tcp_stream_resume(&streams[MIRROR_TO_SERVER], budget, p->seq);
        tcp_stream_resume(&streams[MIRROR_TO_CLIENT], budget, p->ack);
        streams[MIRROR_TO_CLIENT].ack = streams[MIRROR_TO_SERVER].pos;
        http_begin(c);
        c->barrier = true;
        return true;
    }
    if (mirror_conn_is_asking(c)) {
        tell_skips(c);
    }
    if (!c->has_ack
        || (p->ack - c->ack + COVER_MAX / 4) > COVER_MAX / 2) {
        c->ack = p->ack;
        c->has_ack = true;
    }
    if (p->len) {
        see_fruitless(c, p);
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
