/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "skip-event.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "util.h"

/* An object, and the first thing that is wrong with it. */
struct object {
    const struct shash *members;
    char *error;
};

static const struct json *
get(struct object *o, const char *name, enum json_type type)
{
    const struct json *value = shash_find_data(o->members, name);

    if (!o->error && (!value || value->type != type)) {
        o->error = xasprintf("\"%s\" is %s", name,
                             value ? "wrong" : "missing");
    }
    return o->error ? NULL : value;
}

static const char *
get_string(struct object *o, const char *name)
{
    const struct json *value = get(o, name, JSON_STRING);

    return value ? json_string(value) : "";
}

static uint64_t
get_number(struct object *o, const char *name, uint64_t max)
{
    const struct json *value = get(o, name, JSON_INTEGER);

    if (!value) {
        return 0;
    }
    if (json_integer(value) < 0 || json_integer(value) > max) {
        o->error = xasprintf("\"%s\" is out of range", name);
    }
    return json_integer(value);
}

/* Returns true if 'name' is 'yes', false if it is 'no'. */
static bool
get_choice(struct object *o, const char *name, const char *yes, const char *no)
{
    const char *value = get_string(o, name);

    if (!o->error && strcmp(value, yes) && strcmp(value, no)) {
        o->error = xasprintf("\"%s\" is neither \"%s\" nor \"%s\"",
                             name, yes, no);
    }
    return !strcmp(value, yes);
}

static struct in6_addr
get_address(struct object *o, const char *name)
{
    const char *value = get_string(o, name);
    struct in6_addr addr = in6addr_any;
    ovs_be32 ip;

    if (ip_parse(value, &ip)) {
        in6_addr_set_mapped_ipv4(&addr, ip);
    } else if (!o->error && !ipv6_parse(value, &addr)) {
        o->error = xasprintf("\"%s\" is not an address", name);
    }
    return addr;
}

/* Appends 's', which may come from a URL, with control characters masked. */
static void
put_printable(struct ds *ds, const char *s)
{
    for (; *s; s++) {
        unsigned char c = *s;

        ds_put_char(ds, c < ' ' || c == 0x7f ? '?' : c);
    }
}

static char *
compose_comment(struct object *o, const char *policy, bool to_client,
                uint64_t first, uint64_t length)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "%"PRIu64" bytes to the %s before this packet were "
                  "skipped, from byte %"PRIu64": ",
                  length, to_client ? "client" : "server", first);
    put_printable(&ds, get_string(o, "protocol"));
    if (shash_find(o->members, "url")) {
        ds_put_char(&ds, ' ');
        put_printable(&ds, get_string(o, "url"));
    }
    ds_put_cstr(&ds, " (");
    put_printable(&ds, get_string(o, "reason"));
    ds_put_cstr(&ds, "), policy ");
    put_printable(&ds, policy);
    return ds_steal_cstr(&ds);
}

static char *
parse_object(const struct json *json, struct skip_event *event)
{
    if (json->type == JSON_STRING) {
        /* json_from_string() reports errors like this. */
        return xstrdup(json_string(json));
    } else if (json->type != JSON_OBJECT) {
        return xstrdup("not an object");
    }

    struct object o = { .members = json_object(json) };
    memset(event, 0, sizeof *event);
    const char *policy = get_string(&o, "policy");
    bool tcp = get_choice(&o, "transport", "tcp", "udp");
    bool to_client = get_choice(&o, "direction", "to-client", "to-server");
    struct in6_addr client = get_address(&o, "client");
    struct in6_addr server = get_address(&o, "server");
    ovs_be16 client_port = htons(get_number(&o, "client_port", UINT16_MAX));
    ovs_be16 server_port = htons(get_number(&o, "server_port", UINT16_MAX));
    uint64_t first = get_number(&o, "first", INT64_MAX);
    uint32_t seq = tcp ? get_number(&o, "seq", UINT32_MAX) : 0;

    event->length = get_number(&o, "length", INT64_MAX);
    event->end = seq + event->length;
    event->dir.nw_proto = tcp ? IPPROTO_TCP : IPPROTO_UDP;
    event->dir.src = to_client ? server : client;
    event->dir.src_port = to_client ? server_port : client_port;
    event->dir.dst = to_client ? client : server;
    event->dir.dst_port = to_client ? client_port : server_port;
    event->comment = compose_comment(&o, policy, to_client, first,
                                     event->length);
    if (o.error) {
        free(event->comment);
        return o.error;
    }
    event->policy = xstrdup(policy);
    return NULL;
}

char *
skip_event_parse(const char *line, struct skip_event *event)
{
    if (strlen(line) > SKIP_EVENT_MAX) {
        return xasprintf("more than %d bytes", SKIP_EVENT_MAX);
    }

    struct json *json = json_from_string(line);
    char *error = parse_object(json, event);

    json_destroy(json);
    return error;
}

void
skip_event_uninit(struct skip_event *event)
{
    free(event->policy);
    free(event->comment);
}
