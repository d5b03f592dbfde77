/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "events.h"

#include <inttypes.h>
#include <string.h>

#include "app-call.h"
#include "hash.h"
#include "ofswitch.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "unixctl.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(events);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);

/* Bytes of a struct up to the end of a member. */
#define END_OF(STRUCT, MEMBER) \
    (offsetof(STRUCT, MEMBER) + MEMBER_SIZEOF(STRUCT, MEMBER))
#define KEY_SIZE(STRUCT, LAST) (END_OF(STRUCT, LAST) - sizeof(uint32_t))

const struct event_type event_port = {
    "core/port", 1, sizeof(struct event_port),
    KEY_SIZE(struct event_port, port),
};
const struct event_type event_host = {
    "core/host", 1, sizeof(struct event_host),
    KEY_SIZE(struct event_host, mac),
};
const struct event_type event_conn = {
    "core/conn", 1, sizeof(struct event_conn),
    KEY_SIZE(struct event_conn, service_port),
};
const struct event_type event_neighbour = {
    "core/neighbour", 1, sizeof(struct event_neighbour),
    KEY_SIZE(struct event_neighbour, old_mac),
};
const struct event_type event_row = {
    "core/row", 1, sizeof(struct event_row),
    KEY_SIZE(struct event_row, uuid),
};

/* A type that somebody has used. */
struct topic {
    char *name;
    struct event_type type;     /* But for its name. */
    struct ovs_list subscribers;
    struct hmap waiting;        /* Contains "struct event"s, by key. */

    uint64_t n_published;
    uint64_t n_merged;          /* Merged into one that waited. */
    uint64_t n_delivered;       /* To one subscriber. */
    uint64_t n_refused;         /* Another type has that name. */
};

struct subscriber {
    struct ovs_list node;       /* In 'subscribers' of a topic. */
    uint8_t app;
    event_func *cb;             /* Null once it has unsubscribed. */
    void *aux;
    uint64_t since;             /* Number of its first event. */
};

struct event {
    struct ovs_list node;       /* In 'queue'. */
    struct hmap_node key_node;  /* In 'waiting' of 'topic'. */
    struct topic *topic;
    struct ofswitch *sw;        /* Null if it is about none. */
    uint64_t number;            /* They are counted from 1. */
    uint32_t data[];            /* 'what', the key, and the rest. */
};

static struct shash topics = SHASH_INITIALIZER(&topics);
static struct ovs_list queue = OVS_LIST_INITIALIZER(&queue);
static uint64_t last_number;
static bool delivering;

/* Returns the topic for 'type', or null if another type has its name. */
static struct topic *
find_topic(const struct event_type *type)
{
    struct topic *topic = shash_find_data(&topics, type->name);

    if (!topic) {
        topic = xzalloc(sizeof *topic);
        topic->name = xstrdup(type->name);
        topic->type = *type;
        topic->type.name = topic->name;
        ovs_list_init(&topic->subscribers);
        hmap_init(&topic->waiting);
        shash_add(&topics, topic->name, topic);
    } else if (topic->type.version != type->version
               || topic->type.size != type->size
               || topic->type.key_size != type->key_size) {
        topic->n_refused++;
        VLOG_WARN_RL(&rl, "event %s: version %u of %"PRIuSIZE" bytes, "
                     "%"PRIuSIZE" of them the key, is not version %u of "
                     "%"PRIuSIZE" bytes, %"PRIuSIZE" of them the key",
                     type->name, type->version, type->size, type->key_size,
                     topic->type.version, topic->type.size,
                     topic->type.key_size);
        return NULL;
    }
    return topic;
}

bool
event_subscribe(uint8_t app, const struct event_type *type, event_func *cb,
                void *aux)
{
    struct topic *topic = find_topic(type);

    if (!topic) {
        return false;
    }

    struct subscriber *s = xmalloc(sizeof *s);
    *s = (struct subscriber) {
        .app = app,
        .cb = cb,
        .aux = aux,
        .since = last_number + 1,
    };
    ovs_list_push_back(&topic->subscribers, &s->node);
    return true;
}

/* Frees subscribers that have unsubscribed. */
static void
sweep(struct topic *topic)
{
    struct subscriber *s;

    LIST_FOR_EACH_SAFE (s, node, &topic->subscribers) {
        if (!s->cb) {
            ovs_list_remove(&s->node);
            free(s);
        }
    }
}

void
event_unsubscribe(uint8_t app, const struct event_type *type, event_func *cb,
                  void *aux)
{
    struct topic *topic = shash_find_data(&topics, type->name);
    struct subscriber *s;

    if (!topic) {
        return;
    }
    LIST_FOR_EACH (s, node, &topic->subscribers) {
        if (s->app == app && s->cb == cb && s->aux == aux) {
            s->cb = NULL;
            break;
        }
    }
    if (!delivering) {
        sweep(topic);
    }
}

/* The queue. */

static uint32_t
hash_key(const struct topic *topic, const struct ofswitch *sw,
         const uint32_t *data)
{
    return hash_bytes(data + 1, topic->type.key_size, hash_pointer(sw, 0));
}

static struct event *
find_waiting(const struct topic *topic, const struct ofswitch *sw,
             const uint32_t *data, uint32_t hash)
{
    struct event *e;

    HMAP_FOR_EACH_WITH_HASH (e, key_node, hash, &topic->waiting) {
        if (e->sw == sw
            && !memcmp(e->data + 1, data + 1, topic->type.key_size)) {
            return e;
        }
    }
    return NULL;
}

static void
unqueue(struct event *e)
{
    ovs_list_remove(&e->node);
    hmap_remove(&e->topic->waiting, &e->key_node);
}

void
event_publish(struct ofswitch *sw, const struct event_type *type,
              const void *data)
{
    struct topic *topic = find_topic(type);

    if (!topic) {
        return;
    }
    topic->n_published++;
    if (ovs_list_is_empty(&topic->subscribers)) {
        return;
    }

    uint32_t hash = hash_key(topic, sw, data);
    struct event *e = find_waiting(topic, sw, data, hash);
    uint32_t what = 0;

    if (e) {
        topic->n_merged++;
        what = e->data[0];
        ovs_list_remove(&e->node);
    } else {
        e = xmalloc(sizeof *e + type->size);
        e->topic = topic;
        e->sw = sw;
        hmap_insert(&topic->waiting, &e->key_node, hash);
    }
    memcpy(e->data, data, type->size);
    e->data[0] |= what;
    e->number = ++last_number;
    ovs_list_push_back(&queue, &e->node);
}

static void
deliver(const struct event *e)
{
    struct subscriber *s;

    /* Callbacks may add subscribers at the end, and remove none. */
    LIST_FOR_EACH (s, node, &e->topic->subscribers) {
        if (s->cb && s->since <= e->number
            && (!e->sw || ofswitch_runs(e->sw, s->app))) {
            struct app_call call;

            e->topic->n_delivered++;
            app_enter(&call, app_classes[app_index_from_id(s->app)],
                      e->topic->name);
            s->cb(e->sw, e->data, s->aux);
            app_leave(&call);
        }
    }
}

void
events_run(void)
{
    /* Events that callbacks publish wait for the next time, lest two callbacks
     * keep each other busy. */
    size_t n = ovs_list_size(&queue);

    delivering = true;
    while (n-- && !ovs_list_is_empty(&queue)) {
        struct event *e = CONTAINER_OF(ovs_list_front(&queue), struct event,
                                       node);
        unqueue(e);
        deliver(e);
        free(e);
    }
    delivering = false;

    struct shash_node *node;
    SHASH_FOR_EACH (node, &topics) {
        sweep(node->data);
    }
}

void
events_wait(void)
{
    if (!ovs_list_is_empty(&queue)) {
        poll_immediate_wake();
    }
}

void
events_drop(const struct ofswitch *sw)
{
    struct event *e;

    LIST_FOR_EACH_SAFE (e, node, &queue) {
        if (e->sw == sw) {
            unqueue(e);
            free(e);
        }
    }
}

/* Reporting. */

static void
format_topic(const struct topic *topic, struct ds *ds)
{
    const struct subscriber *s;

    ds_put_format(ds, "%s: published %"PRIu64", merged %"PRIu64", waiting "
                  "%"PRIuSIZE", delivered %"PRIu64", refused %"PRIu64"\n",
                  topic->name, topic->n_published, topic->n_merged,
                  hmap_count(&topic->waiting), topic->n_delivered,
                  topic->n_refused);
    LIST_FOR_EACH (s, node, &topic->subscribers) {
        int index = app_index_from_id(s->app);

        ds_put_format(ds, "    subscriber: %s\n",
                      index >= 0 ? app_classes[index]->name : "unknown");
    }
}

static void
events_show(struct unixctl_conn *conn, int argc OVS_UNUSED,
            const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    const struct shash_node **nodes = shash_sort(&topics);
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < shash_count(&topics); i++) {
        format_topic(nodes[i]->data, &ds);
    }
    free(nodes);
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

void
events_init(void)
{
    unixctl_command_register("events/show", "", 0, 0, events_show, NULL);
}
