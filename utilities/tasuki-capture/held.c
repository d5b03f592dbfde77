/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "held.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "skip-event.h"
#include "util.h"

/* A packet that came in the last so many ms may reach us after news of what
 * happened later. */
#define LATE_PACKET 1000

/* What is held of one direction of a connection: packets, news, or both. */
struct stream {
    struct hmap_node node;      /* In struct held's 'streams'. */
    struct direction dir;
    struct ovs_list packets;    /* The oldest is first. */
    struct ovs_list news;       /* The oldest is first. */
};

struct news {
    struct ovs_list node;       /* In struct held's 'news'. */
    struct stream *stream;
    struct ovs_list in_stream;  /* In the stream's 'news'. */
    long long int came;
    uint32_t end;
    char *comment;
};

void
held_init(struct held *h, long long int delay, size_t max_bytes)
{
    memset(h, 0, sizeof *h);
    ovs_list_init(&h->packets);
    ovs_list_init(&h->news);
    hmap_init(&h->streams);
    h->delay = delay;
    h->max_bytes = max_bytes;
}

static struct stream *
get_stream(struct held *h, const struct direction *dir)
{
    uint32_t hash = direction_hash(dir);
    struct stream *stream;

    HMAP_FOR_EACH_WITH_HASH (stream, node, hash, &h->streams) {
        if (direction_equals(&stream->dir, dir)) {
            return stream;
        }
    }
    stream = xmalloc(sizeof *stream);
    stream->dir = *dir;
    ovs_list_init(&stream->packets);
    ovs_list_init(&stream->news);
    hmap_insert(&h->streams, &stream->node, hash);
    return stream;
}

/* Forgets 'stream' if nothing is held of it. */
static void
put_stream(struct held *h, struct stream *stream)
{
    if (ovs_list_is_empty(&stream->packets)
        && ovs_list_is_empty(&stream->news)) {
        hmap_remove(&h->streams, &stream->node);
        free(stream);
    }
}

/* Its stream stays, even if nothing else is held of it. */
static void
news_free(struct held *h, struct news *news)
{
    ovs_list_remove(&news->node);
    ovs_list_remove(&news->in_stream);
    h->n_news--;
    free(news->comment);
    free(news);
}

static void
drop_oldest_news(struct held *h)
{
    struct news *news = CONTAINER_OF(ovs_list_front(&h->news),
                                     struct news, node);
    struct stream *stream = news->stream;

    news_free(h, news);
    put_stream(h, stream);
}

void
held_destroy(struct held *h)
{
    struct held_packet *packet;

    while ((packet = held_pop(h, LLONG_MAX)) != NULL) {
        held_free(packet);
    }
    while (h->n_news) {
        drop_oldest_news(h);
    }
    hmap_destroy(&h->streams);
}

/* Returns true if a packet comes after a range of its direction that ends
 * before sequence number 'end'.  A segment that lies wholly inside the range
 * is not captured, so what reaches its end is behind it, if only in part. */
static bool
follows(const struct direction_frame *frame, uint32_t end)
{
    return (frame->dir.nw_proto != IPPROTO_TCP
            || (int32_t) (frame->end - end) >= 0);
}

/* Gives 'packet' the news that waited for it. */
static void
hear_news(struct held *h, long long int now, struct held_packet *packet)
{
    struct news *news;

    LIST_FOR_EACH_SAFE (news, in_stream, &packet->stream->news) {
        if (packet->frame.syn) {
            if (now - news->came < LATE_PACKET) {
                continue;
            }
            /* Another connection with the same ports. */
            h->n_without_packet++;
        } else if (follows(&packet->frame, news->end)) {
            svec_add(&packet->comments, news->comment);
        } else {
            continue;
        }
        news_free(h, news);
    }
}

void
held_put(struct held *h, long long int now, const struct timespec *when,
         const void *data, uint32_t caplen, uint32_t len)
{
    struct held_packet *packet = xmalloc(sizeof *packet + caplen);

    packet->when = *when;
    packet->len = len;
    packet->caplen = caplen;
    packet->due = now + h->delay;
    packet->stream = NULL;
    svec_init(&packet->comments);
    memcpy(packet->data, data, caplen);
    ovs_list_push_back(&h->packets, &packet->node);
    h->bytes += sizeof *packet + caplen;

    if (direction_extract(data, caplen, &packet->frame)) {
        packet->stream = get_stream(h, &packet->frame.dir);
        ovs_list_push_back(&packet->stream->packets, &packet->in_stream);
        hear_news(h, now, packet);
    }
}

/* Returns the first packet that follows the range of '*event', or null. */
static struct held_packet *
find_follower(const struct stream *stream, const struct skip_event *event)
{
    struct held_packet *packet;

    LIST_FOR_EACH (packet, in_stream, &stream->packets) {
        if (!packet->frame.syn && follows(&packet->frame, event->end)) {
            return packet;
        }
    }
    return NULL;
}

void
held_tell(struct held *h, long long int now, const struct skip_event *event)
{
    struct stream *stream = get_stream(h, &event->dir);
    struct held_packet *packet = find_follower(stream, event);

    if (packet) {
        svec_add(&packet->comments, event->comment);
        return;
    }

    struct news *news = xmalloc(sizeof *news);
    *news = (struct news) {
        .stream = stream,
        .came = now,
        .end = event->end,
        .comment = xstrdup(event->comment),
    };
    ovs_list_push_back(&h->news, &news->node);
    ovs_list_push_back(&stream->news, &news->in_stream);
    if (++h->n_news > HELD_MAX_NEWS) {
        drop_oldest_news(h);
        h->n_without_packet++;
    }
}

struct held_packet *
held_pop(struct held *h, long long int now)
{
    if (ovs_list_is_empty(&h->packets)) {
        return NULL;
    }

    struct held_packet *packet = CONTAINER_OF(ovs_list_front(&h->packets),
                                              struct held_packet, node);
    if (now < packet->due && h->bytes <= h->max_bytes) {
        return NULL;
    }
    ovs_list_remove(&packet->node);
    if (packet->stream) {
        ovs_list_remove(&packet->in_stream);
        put_stream(h, packet->stream);
    }
    h->bytes -= sizeof *packet + packet->caplen;
    return packet;
}

void
held_free(struct held_packet *packet)
{
    svec_destroy(&packet->comments);
    free(packet);
}

long long int
held_due(const struct held *h)
{
    if (ovs_list_is_empty(&h->packets)) {
        return LLONG_MAX;
    }
    return CONTAINER_OF(ovs_list_front(&h->packets),
                        struct held_packet, node)->due;
}
