/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "skips.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "engine/engine.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(mirror_skips);

/* A URL has at most so many bytes in a line, before escaping. */
#define MAX_URL 1024

/* U+FFFD and U+2026. */
#define REPLACEMENT "\xef\xbf\xbd"
#define ELLIPSIS "\xe2\x80\xa6"

/* After a file could not be opened, we wait so many ms. */
#define REOPEN_INTERVAL 1000

struct skips {
    char *path;
    int fd;                     /* -1 if the file is not open. */
    bool torn;                  /* The last line in it is not complete. */
    uint64_t lost;              /* Lines, since 'problem'. */
    long long int retry;        /* When to open the file again, in ms. */
    int error;                  /* What is wrong, or 0. */
    char *problem;              /* The same in words, or null. */
};

/* Contains "struct skips"s, by policy. */
static struct shash all_skips = SHASH_INITIALIZER(&all_skips);

/* Appends the UTF-8 in the 'len' bytes at 's', with U+FFFD for each byte that
 * is not part of a character.  Table 3-7 of the Unicode Standard says what is
 * well-formed. */
static void
put_utf8(struct ds *ds, const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint8_t c = s[i];
        uint8_t min = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        uint8_t max = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        size_t n = (c < 0x80 ? 1
                    : c < 0xc2 ? 0
                    : c < 0xe0 ? 2
                    : c < 0xf0 ? 3
                    : c < 0xf5 ? 4 : 0);

        if (n > len - i) {
            n = 0;
        }
        for (size_t j = 1; j < n; j++) {
            if (s[i + j] < min || s[i + j] > max) {
                n = 0;
            }
            min = 0x80;
            max = 0xbf;
        }
        if (n) {
            ds_put_buffer(ds, (const char *) s + i, n);
            i += n;
        } else {
            ds_put_cstr(ds, REPLACEMENT);
            i++;
        }
    }
}

static void
put_url(struct json *object, const char *url)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    size_t len = strlen(url);

    put_utf8(&ds, (const uint8_t *) url, MIN(len, MAX_URL));
    if (len > MAX_URL) {
        ds_put_cstr(&ds, ELLIPSIS);
    }
    json_object_put(object, "url",
                    json_string_create_nocopy(ds_steal_cstr(&ds)));
}

static void
put_end(struct json *object, const char *addr_name, const char *port_name,
        const struct mirror_end *end)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(&end->addr, &ds);
    json_object_put(object, addr_name,
                    json_string_create_nocopy(ds_steal_cstr(&ds)));
    json_object_put(object, port_name,
                    json_integer_create(ntohs(end->port)));
}

char *
skip_to_line(const struct mirror_skip *skip, const char *policy,
             long long int now)
{
    const struct mirror_key *key = skip->key;
    bool tcp = key->nw_proto == IPPROTO_TCP;
    struct json *object = json_object_create();

    json_object_put(object, "time", json_string_create_nocopy(
                        xastrftime_msec("%Y-%m-%dT%H:%M:%S.###Z", now, true)));
    json_object_put_string(object, "policy", policy);
    json_object_put(object, "zone", json_integer_create(key->zone));
    json_object_put_string(object, "transport", tcp ? "tcp" : "udp");
    put_end(object, "client", "client_port", &key->client);
    put_end(object, "server", "server_port", &key->server);
    json_object_put_string(object, "direction", skip->dir == MIRROR_TO_CLIENT
                           ? "to-client" : "to-server");
    json_object_put(object, "first", json_integer_create(skip->first));
    if (tcp) {
        json_object_put(object, "seq", json_integer_create(skip->seq));
    }
    json_object_put(object, "length", json_integer_create(skip->len));
    json_object_put_string(object, "protocol", skip->protocol);
    if (skip->url) {
        put_url(object, skip->url);
    }
    json_object_put_string(object, "reason", skip->reason);

    char *line = json_to_string(object, JSSF_SORT);
    json_destroy(object);
    return line;
}

static void
set_problem(struct skips *s, int error)
{
    if (error == s->error) {
        return;
    }
    if (error) {
        VLOG_WARN("%s: events are lost (%s)", s->path, ovs_strerror(error));
    } else {
        VLOG_INFO("%s: writing again after %"PRIu64" events were lost",
                  s->path, s->lost);
        s->lost = 0;
    }
    s->error = error;
}

static void
close_file(struct skips *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

/* Returns true if the file that is open is no longer the one with the name. */
static bool
was_renamed(const struct skips *s)
{
    struct stat named, opened;

    return (stat(s->path, &named) || fstat(s->fd, &opened)
            || named.st_ino != opened.st_ino || named.st_dev != opened.st_dev);
}

/* Opens the file.  Returns 0 or a positive errno value. */
static int
open_file(struct skips *s)
{
    struct stat st;
    char last;

    /* O_NONBLOCK and O_RDWR: a pipe may have no reader, or a slow one. */
    s->fd = open(s->path, (O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY
                           | O_CLOEXEC), 0640);
    if (s->fd < 0) {
        s->retry = time_msec() + REOPEN_INTERVAL;
        return errno;
    }
    /* Whoever wrote there before may have been killed. */
    s->torn = (!fstat(s->fd, &st) && S_ISREG(st.st_mode) && st.st_size
               && pread(s->fd, &last, 1, st.st_size - 1) == 1
               && last != '\n');
    return 0;
}

/* Appends 'line'.  Returns 0 or a positive errno value. */
static int
put_line(struct skips *s, const char *line)
{
    if (s->fd >= 0 && was_renamed(s)) {
        close_file(s);
    }
    if (s->fd < 0) {
        if (time_msec() < s->retry) {
            return s->error ? s->error : EAGAIN;
        }
        int error = open_file(s);
        if (error) {
            return error;
        }
    }

    char *text = xasprintf("%s%s\n", s->torn ? "\n" : "", line);
    size_t len = strlen(text);
    ssize_t n = write(s->fd, text, len);
    int error = n < 0 ? errno : n < len ? ENOSPC : 0;

    if (n > 0) {
        s->torn = n < len;
    }
    free(text);
    return error;
}

void
skips_set(const char *policy, const char *path)
{
    struct skips *s = shash_find_data(&all_skips, policy);

    if (nullable_string_is_equal(s ? s->path : NULL, path)) {
        return;
    }
    skips_clear(policy);
    if (path) {
        s = xzalloc(sizeof *s);
        s->path = xstrdup(path);
        /* So that it is known soon if there is something wrong. */
        set_problem(s, open_file(s));
        shash_add(&all_skips, policy, s);
    }
}

static void
destroy(struct skips *s)
{
    if (s) {
        close_file(s);
        free(s->path);
        free(s->problem);
        free(s);
    }
}

void
skips_clear(const char *policy)
{
    destroy(shash_find_and_delete(&all_skips, policy));
}

void
skips_destroy(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &all_skips) {
        struct skips *s = node->data;

        shash_delete(&all_skips, node);
        destroy(s);
    }
}

void
skips_tell(const char *policy, const char *port,
           const struct mirror_skip *skip)
{
    struct skips *s = shash_find_data(&all_skips, policy);

    if (!s && !port) {
        return;
    }

    char *line = skip_to_line(skip, policy, time_wall_msec());
    if (s) {
        int error = put_line(s, line);

        s->lost += error != 0;
        set_problem(s, error);
    }
    if (port) {
        capture_tell(port, line);
    }
    free(line);
}

const char *
skips_problem(const char *policy)
{
    struct skips *s = shash_find_data(&all_skips, policy);

    if (!s || !s->error) {
        return NULL;
    }
    free(s->problem);
    s->problem = xasprintf("%s: %s, %"PRIu64" events lost", s->path,
                           ovs_strerror(s->error), s->lost);
    return s->problem;
}
