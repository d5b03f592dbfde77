/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "mirror-session.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "util.h"

/* All of one message's parts are said at once, unless 'need' grows. */
static void
say(struct session_way *way, const void *data, size_t len, size_t need)
{
    struct session_write *last = (way->n_writes
                                  ? &way->writes[way->n_writes - 1] : NULL);

    assert_true(way->len + len <= sizeof way->bytes);
    memcpy(way->bytes + way->len, data, len);
    way->len += len;
    if (last && last->need >= need) {
        last->len += len;
    } else {
        assert_true(way->n_writes < SESSION_MAX_WRITES);
        way->writes[way->n_writes++] = (struct session_write) { len, need };
    }
}

static void OVS_PRINTF_FORMAT(3, 4)
say_text(struct session_way *way, size_t need, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(way, text, strlen(text), need);
}

/* Bytes that look like anything, heads included. */
static void
say_noise(struct session_way *way, size_t need, size_t len)
{
    static const char *const like[] = {
        "HTTP/1.1 200 OK\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "0\r\n\r\n",
        "\r\n", "5\r\n",
    };
    uint8_t noise[4096];

    while (len) {
        size_t n = MIN(len, sizeof noise);

        for (size_t i = 0; i < n; i++) {
            noise[i] = random();
        }
        for (int i = 0; i < 3; i++) {
            const char *s = like[random() % ARRAY_SIZE(like)];
            size_t m = MIN(strlen(s), n);

            memcpy(noise + random() % (n - m + 1), s, m);
        }
        say(way, noise, n, need);
        len -= n;
    }
}

static size_t
body_len(bool big)
{
    switch (random() % 4) {
    case 0: return random() % 20;
    case 1: return random() % 3000;
    case 2: return random() % 20000;
    default: return big ? random() % 40000 : random() % 6000;
    }
}

/* Says a body, and notes it. */
static void
say_body(struct session *s, enum mirror_dir dir, size_t need,
         enum session_framing framing, size_t len, bool pipelined)
{
    struct session_way *way = &s->ways[dir];
    size_t start = way->len;
    size_t chunk = random() % 2 ? 300 : 9000;

    if (framing == SESSION_CHUNKED) {
        while (len) {
            size_t n = 20 + random() % chunk;

            n = MIN(n, len);
            say_text(way, need, random() % 4 ? "%"PRIxSIZE"\r\n"
                     : "%"PRIxSIZE";x=y\r\n", n);
            say_noise(way, need, n);
            say_text(way, need, "\r\n");
            len -= n;
        }
        say_text(way, need, "0\r\n%s\r\n", random() % 2 ? "T: u\r\n" : "");
    } else {
        say_noise(way, need, len);
    }
    if (way->len > start) {
        assert_true(s->n_bodies < SESSION_MAX_BODIES);
        s->bodies[s->n_bodies++] = (struct session_body) {
            dir, start, way->len, framing, pipelined };
    }
}

static void
say_framing(struct session_way *way, size_t need,
            enum session_framing framing, size_t len)
{
    if (framing == SESSION_LENGTH) {
        say_text(way, need, "Content-Length: %"PRIuSIZE"\r\n", len);
    } else if (framing == SESSION_CHUNKED) {
        say_text(way, need, "Transfer-Encoding: chunked\r\n");
    }
    say_text(way, need, "\r\n");
}

/* Returns true if the response may have a body. */
static bool
make_request(struct session *s, size_t i, size_t need, bool pipelined,
             bool big)
{
    struct session_way *to_server = &s->ways[MIRROR_TO_SERVER];
    struct session_way *to_client = &s->ways[MIRROR_TO_CLIENT];
    enum session_framing framing = (random() % 2 ? SESSION_CHUNKED
                                    : SESSION_LENGTH);
    size_t len = body_len(big);

    switch (random() % 5) {
    case 0:
        say_text(to_server, need, "HEAD /%"PRIuSIZE" HTTP/1.1\r\n\r\n", i);
        return false;

    case 1:
        /* A body, said together with its head or after the server's word. */
        say_text(to_server, need, "PUT /%"PRIuSIZE" HTTP/1.1\r\n", i);
        if (!pipelined && random() % 2) {
            say_text(to_server, need, "Expect: 100-continue\r\n");
            say_framing(to_server, need, framing, len);
            say_text(to_client, to_server->len,
                     "HTTP/1.1 100 Continue\r\n\r\n");
            need = to_client->len;
        } else {
            say_framing(to_server, need, framing, len);
        }
        say_body(s, MIRROR_TO_SERVER, need, framing, len, pipelined);
        return true;

    default:
        say_text(to_server, need,
                 "GET /%"PRIuSIZE" HTTP/1.1\r\nHost: a.example\r\n\r\n", i);
        return true;
    }
}

static void
make_response(struct session *s, size_t need, bool has_body, bool last,
              bool pipelined, bool big)
{
    struct session_way *way = &s->ways[MIRROR_TO_CLIENT];
    enum session_framing framing = (last && random() % 2 ? SESSION_UNTIL_CLOSE
                                    : random() % 2 ? SESSION_CHUNKED
                                    : SESSION_LENGTH);
    size_t len = body_len(big);

    if (random() % 8 == 0) {
        say_text(way, need, "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n");
    }
    if (has_body && random() % 8 == 0) {
        has_body = false;
        say_text(way, need, "HTTP/1.1 %s\r\n",
                 random() % 2 ? "204 No Content" : "304 Not Modified");
    } else {
        say_text(way, need, "HTTP/1.1 200 OK\r\nServer: x\r\n");
    }
    if (!has_body && framing == SESSION_UNTIL_CLOSE) {
        framing = SESSION_LENGTH;
    }
    say_framing(way, need, framing, len);
    if (has_body) {
        say_body(s, MIRROR_TO_CLIENT, need, framing, len, pipelined);
        s->server_closes |= framing == SESSION_UNTIL_CLOSE;
    }
}

void
session_make(struct session *s, bool big)
{
    size_t n = 1 + random() % 6;

    memset(s->ways, 0, sizeof s->ways);
    s->n_bodies = 0;
    s->server_closes = false;
    for (size_t i = 0; i < n; ) {
        size_t m = random() % 3 ? 1 : 1 + random() % 3;
        size_t need = s->ways[MIRROR_TO_CLIENT].len;
        size_t ends[3];
        bool has_body[3];

        m = MIN(m, n - i);

        /* 'm' requests at once, then their responses. */
        for (size_t j = 0; j < m; j++) {
            has_body[j] = make_request(s, i + j, need, m > 1, big);
            ends[j] = s->ways[MIRROR_TO_SERVER].len;
        }
        for (size_t j = 0; j < m; j++) {
            make_response(s, ends[j], has_body[j], i + j + 1 == n, m > 1, big);
        }
        i += m;
    }
}
