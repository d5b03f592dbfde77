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

struct news {
    struct ovs_list node;
    long long int came;
    struct hmap_node by_dir;
    struct direction dir;
    uint32_t end;
    char *comment;
};

void
held_init(struct held *h, long long int delay, size_t max_bytes)
{
    memset(h, 0, sizeof *h);
    ovs_list_init(&h->packets);
    hmap_init(&h->packets_by_dir);
    ovs_list_init(&h->news);
    hmap_init(&h->news_by_dir);
    h->delay = delay;
    h->max_bytes = max_bytes;
}

static void
news_free(struct held *h, struct news *news)
{
    ovs_list_remove(&news->node);
    hmap_remove(&h->news_by_dir, &news->by_dir);
    free(news->comment);
    free(news);
}

void
held_destroy(struct held *h)
{
    struct held_packet *packet;
    struct news *news;

    while ((packet = held_pop(h, LLONG_MAX)) != NULL) {
        held_free(packet);
    }
    LIST_FOR_EACH_SAFE (news, node, &h->news) {
        news_free(h, news);
    }
    hmap_destroy(&h->packets_by_dir);
    hmap_destroy(&h->news_by_dir);
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
hear_news(struct held *h, long long int now, struct held_packet *packet,
          uint32_t hash)
{
    struct hmap_node *node, *next;

    for (node = hmap_first_with_hash(&h->news_by_dir, hash); node;
         node = next) {
        struct news *news = CONTAINER_OF(node, struct news, by_dir);

        next = hmap_next_with_hash(node);
        if (!direction_equals(&news->dir, &packet->frame.dir)) {
            continue;
        }
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
    packet->serial = h->serial++;
    packet->due = now + h->delay;
    svec_init(&packet->comments);
    memcpy(packet->data, data, caplen);
    ovs_list_push_back(&h->packets, &packet->node);
    h->bytes += sizeof *packet + caplen;

    packet->has_dir = direction_extract(data, caplen, &packet->frame);
    if (packet->has_dir) {
        uint32_t hash = direction_hash(&packet->frame.dir);

        hmap_insert(&h->packets_by_dir, &packet->by_dir, hash);
        hear_news(h, now, packet, hash);
    }
}

/* Returns the first packet that follows the range of '*event', or null. */
static struct held_packet *
find_follower(struct held *h, const struct skip_event *event, uint32_t hash)
{
    struct held_packet *packet, *first = NULL;

    HMAP_FOR_EACH_WITH_HASH (packet, by_dir, hash, &h->packets_by_dir) {
        if (direction_equals(&packet->frame.dir, &event->dir)
            && !packet->frame.syn && follows(&packet->frame, event->end)
            && (!first || packet->serial < first->serial)) {
            first = packet;
        }
    }
    return first;
}

void
held_tell(struct held *h, long long int now, const struct skip_event *event)
{
    uint32_t hash = direction_hash(&event->dir);
    struct held_packet *packet = find_follower(h, event, hash);

    if (packet) {
        svec_add(&packet->comments, event->comment);
        return;
    }

    if (hmap_count(&h->news_by_dir) >= HELD_MAX_NEWS) {
        news_free(h, CONTAINER_OF(ovs_list_front(&h->news),
                                  struct news, node));
        h->n_without_packet++;
    }
    struct news *news = xmalloc(sizeof *news);
    *news = (struct news) {
        .came = now,
        .dir = event->dir,
        .end = event->end,
        .comment = xstrdup(event->comment),
    };
    ovs_list_push_back(&h->news, &news->node);
    hmap_insert(&h->news_by_dir, &news->by_dir, hash);
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
    if (packet->has_dir) {
        hmap_remove(&h->packets_by_dir, &packet->by_dir);
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
