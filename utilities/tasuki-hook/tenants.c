/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tenants.h"

#include <limits.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/list.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "state.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(hook_tenants);

/* How long before an event is tried again, in msec: at first, and at most. */
#define MIN_BACKOFF 1000
#define MAX_BACKOFF 60000

struct tenant {
    struct ovs_list line_node;  /* In 'in_line' or empty. */
    char *name;

    struct json *wanted;        /* In the database, null if not there. */
    struct json *tried;         /* What the hook may know, or null. */
    struct json *told;          /* What this process told the hook. */

    unsigned int failures;      /* In a row. */
    long long int not_before;   /* When to try again. */
    char *outcome;              /* Of the last event, for people. */
};

static struct shash tenants = SHASH_INITIALIZER(&tenants);

/* Tenants that wait for their turn. */
static struct ovs_list in_line = OVS_LIST_INITIALIZER(&in_line);

/* The tenant whose event the hook is being told, or null. */
static struct tenant *current;
static struct json *current_row;    /* 'wanted' when it began. */
static struct json *current_event;

static unsigned int max_retries = UINT_MAX;

/* A difference in one of these is a "change". */
static const char *const config_members[] = {
    "switch", "lan", "service", "native6", "prefix", "mtu", "external_ids",
};

static const struct json *
member(const struct json *object, const char *name)
{
    return shash_find_data(json_object(object), name);
}

static const char *
string_member(const struct json *object, const char *name)
{
    const struct json *value = member(object, name);

    return value && value->type == JSON_STRING ? json_string(value) : "";
}

static bool
members_differ(const struct json *a, const struct json *b, const char *name)
{
    const struct json *x = member(a, name);
    const struct json *y = member(b, name);

    return x && y ? !json_equal(x, y) : x != y;
}

/* Returns the name of the event that turns 't->told' into 't->wanted', or null
 * if they are the same. */
static const char *
event_of(const struct tenant *t)
{
    if (!t->wanted) {
        return t->tried ? "delete" : NULL;
    } else if (!*string_member(t->wanted, "name")) {
        /* Known from the state file only: the database was not read yet. */
        return NULL;
    } else if (!t->told) {
        return "add";
    }

    for (size_t i = 0; i < ARRAY_SIZE(config_members); i++) {
        if (members_differ(t->told, t->wanted, config_members[i])) {
            return "change";
        }
    }

    /* The database forgets the state when its server ends. */
    const char *state = string_member(t->wanted, "state");
    if (*state && strcmp(state, string_member(t->told, "state"))) {
        return !strcmp(state, "up") ? "up" : "down";
    }
    return NULL;
}

static const char *
current_event_name(void)
{
    return string_member(current_event, "event");
}

static struct tenant *
tenant_create(const char *name)
{
    struct tenant *t = xzalloc(sizeof *t);

    t->name = xstrdup(name);
    ovs_list_init(&t->line_node);
    shash_add_assert(&tenants, name, t);
    return t;
}

static void
tenant_destroy(struct tenant *t)
{
    shash_find_and_delete(&tenants, t->name);
    ovs_list_remove(&t->line_node);
    json_destroy(t->wanted);
    json_destroy(t->tried);
    json_destroy(t->told);
    free(t->outcome);
    free(t->name);
    free(t);
}

static bool
is_in_line(const struct tenant *t)
{
    return !ovs_list_is_empty(&t->line_node);
}

/* Puts 't' at the end of the line if there is something to tell the hook, and
 * takes it out of the line otherwise.  Destroys 't' if there is no such tenant
 * any more. */
static void
line_up(struct tenant *t)
{
    if (t == current) {
        return;
    }
    if (event_of(t)) {
        if (!is_in_line(t)) {
            ovs_list_push_back(&in_line, &t->line_node);
        }
    } else if (t->wanted) {
        ovs_list_remove(&t->line_node);
        ovs_list_init(&t->line_node);
    } else {
        tenant_destroy(t);
    }
}

/* Sets 't->wanted', of which it takes ownership, to what the database says.
 * An event that failed before may succeed now. */
static void
set_wanted(struct tenant *t, struct json *wanted)
{
    json_destroy(t->wanted);
    t->wanted = wanted;
    t->failures = 0;
    t->not_before = 0;
    line_up(t);
}

void
hook_tenants_update(struct shash *rows)
{
    const struct shash_node **nodes;
    size_t n;

    /* Deletions first: a new tenant may use what a deleted one had. */
    nodes = shash_sort(&tenants);
    n = shash_count(&tenants);
    for (size_t i = 0; i < n; i++) {
        struct tenant *t = nodes[i]->data;

        if (t->wanted && !shash_find(rows, t->name)) {
            set_wanted(t, NULL);
        }
    }
    free(nodes);

    nodes = shash_sort(rows);
    n = shash_count(rows);
    for (size_t i = 0; i < n; i++) {
        struct tenant *t = shash_find_data(&tenants, nodes[i]->name);
        struct json *row = nodes[i]->data;

        if (!t) {
            t = tenant_create(nodes[i]->name);
        }
        if (t->wanted && json_equal(t->wanted, row)) {
            json_destroy(row);
        } else {
            set_wanted(t, row);
        }
    }
    free(nodes);
    shash_clear(rows);
}

bool
hook_tenants_is_known(const char *name)
{
    const struct tenant *t = shash_find_data(&tenants, name);

    return t && t->tried;
}

/* Returns 'row' as event 'name'.  'told' is what the hook was told before, or
 * null. */
static struct json *
compose_event(const struct json *row, const char *name,
              const struct json *told)
{
    struct json *event = json_deep_clone(row);

    json_object_put_string(event, "event", name);
    if (told) {
        struct json *old = json_object_create();

        for (size_t i = 0; i < ARRAY_SIZE(config_members); i++) {
            const struct json *value = member(told, config_members[i]);

            if (value && members_differ(told, row, config_members[i])) {
                json_object_put(old, config_members[i],
                                json_deep_clone(value));
            }
        }
        json_object_put(event, "old", old);
    }
    return event;
}

/* Writes the state file anew. */
static void
shorten_state(void)
{
    struct shash events = SHASH_INITIALIZER(&events);
    struct shash_node *node;

    SHASH_FOR_EACH (node, &tenants) {
        const struct tenant *t = node->data;

        if (t->tried) {
            shash_add(&events, t->name, compose_event(t->tried, "add", NULL));
        }
    }
    hook_state_rewrite(&events);
    SHASH_FOR_EACH (node, &events) {
        json_destroy(node->data);
    }
    shash_destroy(&events);
}

/* Notes 'event' of 't' in the state file, lest a crash loses it. */
static void
remember(const struct json *event)
{
    hook_state_append(event);
    if (hook_state_is_long(shash_count(&tenants))) {
        shorten_state();
    }
}

struct json *
hook_tenants_next(void)
{
    long long int now = time_msec();
    struct tenant *t;

    ovs_assert(!current);
    LIST_FOR_EACH (t, line_node, &in_line) {
        if (t->not_before <= now) {
            break;
        }
    }
    if (!t) {
        return NULL;
    }
    ovs_list_remove(&t->line_node);
    ovs_list_init(&t->line_node);

    const char *name = event_of(t);
    const struct json *row = t->wanted ? t->wanted : t->tried;
    current = t;
    current_row = t->wanted ? json_clone(t->wanted) : NULL;
    current_event = compose_event(row, name,
                                  strcmp(name, "change") ? NULL : t->told);
    if (t->wanted && (!t->tried || !json_equal(t->tried, t->wanted))) {
        /* A command that fails may have done something, which "delete" must
         * undo. */
        json_destroy(t->tried);
        t->tried = json_clone(t->wanted);
        remember(current_event);
    }
    return json_clone(current_event);
}

static void
set_outcome(struct tenant *t, char *outcome)
{
    free(t->outcome);
    t->outcome = outcome;
}

void
hook_tenants_done(const char *reason)
{
    struct tenant *t = current;
    const char *name = current_event_name();

    ovs_assert(t);
    current = NULL;
    if (!reason) {
        t->failures = 0;
        json_destroy(t->told);
        t->told = json_nullable_clone(current_row);
        if (!current_row) {
            json_destroy(t->tried);
            t->tried = NULL;
            remember(current_event);
        }
        set_outcome(t, xasprintf("%s done", name));
        line_up(t);
    } else {
        set_outcome(t, xasprintf("%s failed (%s)", name, reason));
        if (t->failures++ < max_retries) {
            long long int backoff = MIN_BACKOFF;

            for (unsigned int i = 1; i < t->failures; i++) {
                backoff = MIN(backoff * 2, MAX_BACKOFF);
            }
            t->not_before = time_msec() + backoff;
            line_up(t);
        } else {
            VLOG_WARN("%s: %s given up after %u failures",
                      t->name, name, t->failures);
        }
    }
    json_destroy(current_row);
    json_destroy(current_event);
    current_row = current_event = NULL;
}

void
hook_tenants_wait(void)
{
    struct tenant *t;

    if (current) {
        return;
    }
    LIST_FOR_EACH (t, line_node, &in_line) {
        poll_timer_wait_until(t->not_before);
    }
}

bool
hook_tenants_resend(const char *name)
{
    struct shash_node *node;
    bool found = false;

    SHASH_FOR_EACH_SAFE (node, &tenants) {
        struct tenant *t = node->data;

        if (!name || !strcmp(name, t->name)) {
            json_destroy(t->told);
            t->told = NULL;
            t->failures = 0;
            t->not_before = 0;
            line_up(t);
            found = true;
        }
    }
    return found || !name;
}

void
hook_tenants_set_retries(unsigned int n)
{
    max_retries = n;
}

static void
format_tenant(const struct tenant *t, struct ds *ds)
{
    const char *next = event_of(t);

    ds_put_format(ds, "%s:", t->name);
    if (t->outcome) {
        ds_put_format(ds, " %s", t->outcome);
        if (t->failures) {
            ds_put_format(ds, ", %u time%s", t->failures,
                          t->failures > 1 ? "s" : "");
        }
        ds_put_cstr(ds, t == current || next ? ";" : "");
    }
    if (t == current) {
        ds_put_format(ds, " %s running", current_event_name());
    } else if (next && !is_in_line(t)) {
        ds_put_format(ds, " %s given up", next);
    } else if (next) {
        long long int msec = t->not_before - time_msec();

        ds_put_format(ds, " %s", next);
        if (msec > 0) {
            ds_put_format(ds, " in %lld s", (msec + 999) / 1000);
        } else {
            ds_put_cstr(ds, " waiting");
        }
    }
    ds_put_char(ds, '\n');
}

void
hook_tenants_format(struct ds *ds)
{
    const struct shash_node **nodes = shash_sort(&tenants);
    size_t n = shash_count(&tenants);

    for (size_t i = 0; i < n; i++) {
        format_tenant(nodes[i]->data, ds);
    }
    free(nodes);
}

void
hook_tenants_load(const char *file_name)
{
    struct shash events = SHASH_INITIALIZER(&events);
    struct shash_node *node;

    hook_state_open(file_name, &events);
    SHASH_FOR_EACH (node, &events) {
        struct tenant *t = tenant_create(node->name);
        struct json *row = node->data;

        json_destroy(shash_find_and_delete(json_object(row), "event"));
        json_destroy(shash_find_and_delete(json_object(row), "old"));
        t->tried = row;

        /* No row is like this, so the first update either replaces it or
         * deletes it. */
        t->wanted = json_object_create();
    }
    shash_destroy(&events);
}

void
hook_tenants_destroy(void)
{
    struct shash_node *node;

    current = NULL;
    SHASH_FOR_EACH_SAFE (node, &tenants) {
        tenant_destroy(node->data);
    }
    json_destroy(current_row);
    json_destroy(current_event);
    hook_state_close();
}
