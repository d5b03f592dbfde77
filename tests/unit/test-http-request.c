/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Heads of HTTP/1 requests: the forms of RFC 9112, and what is none. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "utilities/tasukid/protocol/http-request.h"

static const char *const names[] = { "accept", "cookie" };
static const struct http_wanted wanted = { names, 2 };

struct parsed {
    struct http_request req;
    const uint8_t *data;
    enum http_request_state state;
};

/* Feeds the 'len' bytes at 's', 'step' more at a time. */
static void
feed(struct parsed *p, const char *s, size_t len, size_t step)
{
    http_request_init(&p->req, &wanted);
    p->data = (const uint8_t *) s;
    p->state = HTTP_REQUEST_MORE;
    for (size_t n = 0; n < len && p->state == HTTP_REQUEST_MORE; ) {
        n = n + step < len ? n + step : len;
        p->state = http_request_feed(&p->req, p->data, n);
    }
}

static void
parse(struct parsed *p, const char *s)
{
    feed(p, s, strlen(s), SIZE_MAX / 2);
}

static void
assert_span(const struct parsed *p, struct http_span span,
            const char *expected)
{
    assert_int_equal(span.len, strlen(expected));
    assert_memory_equal(p->data + span.ofs, expected, span.len);
}

/* Asserts that 's' is complete and says the following. */
static void
assert_request(const char *s, const char *method, const char *path,
               const char *host)
{
    size_t steps[] = { SIZE_MAX / 2, 1, 2, 7 };

    for (size_t i = 0; i < 4; i++) {
        struct parsed p;

        feed(&p, s, strlen(s), steps[i]);
        assert_int_equal(p.state, HTTP_REQUEST_COMPLETE);
        assert_span(&p, p.req.method, method);
        assert_span(&p, p.req.path, path);
        assert_span(&p, http_request_host(&p.req, p.data), host);
        http_request_destroy(&p.req);
    }
}

static void
assert_state(const char *s, enum http_request_state state)
{
    struct parsed p;

    parse(&p, s);
    if (p.state != state) {
        fail_msg("state %d instead of %d: %s", p.state, state, s);
    }
    http_request_destroy(&p.req);
}

/* RFC 9112 section 3.2.1. */
static void
origin_form(void **state)
{
    (void) state;
    assert_request("GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
                   "GET", "/where", "www.example.org");
    assert_request("POST / HTTP/1.0\r\n\r\n", "POST", "/", "");
    assert_request("M-SEARCH /a%20b/../c HTTP/1.1\r\nhOsT:\texample \r\n\r\n",
                   "M-SEARCH", "/a%20b/../c", "example");
}

/* RFC 9112 section 3.2.2: the target's authority wins over the Host field. */
static void
absolute_form(void **state)
{
    (void) state;
    assert_request("GET http://www.example.org/pub/WWW/TheProject.html "
                   "HTTP/1.1\r\nHost: other.example\r\n\r\n",
                   "GET", "/pub/WWW/TheProject.html", "www.example.org");
    assert_request("GET http://example.org:8080?q HTTP/1.1\r\n\r\n",
                   "GET", "", "example.org");
    assert_request("GET http://user@example.org/ HTTP/1.1\r\n\r\n",
                   "GET", "/", "example.org");
}

/* RFC 9112 sections 3.2.3 and 3.2.4. */
static void
other_forms(void **state)
{
    (void) state;
    assert_request("CONNECT www.example.com:80 HTTP/1.1\r\n"
                   "Host: www.example.com\r\n\r\n",
                   "CONNECT", "", "www.example.com");
    assert_request("OPTIONS * HTTP/1.1\r\nHost: www.example.org:8001\r\n\r\n",
                   "OPTIONS", "*", "www.example.org");
}

static void
hosts(void **state)
{
    (void) state;
    assert_request("GET / HTTP/1.1\r\nHost: a.example.:80\r\n\r\n",
                   "GET", "/", "a.example");
    assert_request("GET / HTTP/1.1\r\nHost: a.example.\r\n\r\n",
                   "GET", "/", "a.example");
    assert_request("GET / HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
                   "GET", "/", "[2001:db8::1]");
    assert_request("GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET", "/", "");

    /* Two are an error that the server has to answer for. */
    assert_request("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                   "GET", "/", "a");
}

static void
fields(void **state)
{
    static const char s[] =
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: x=1\r\nOther: y\r\n"
        "accept:  text/html ; q=1 \t\r\nCOOKIE: z=2\r\n\r\n";
    const struct http_field *field;
    struct parsed p;
    size_t i = 0;

    (void) state;
    parse(&p, s);
    assert_int_equal(p.state, HTTP_REQUEST_COMPLETE);
    field = http_request_next_field(&p.req, p.data, "cookie", &i);
    assert_non_null(field);
    assert_span(&p, field->value, "x=1");
    field = http_request_next_field(&p.req, p.data, "cookie", &i);
    assert_non_null(field);
    assert_span(&p, field->value, "z=2");
    assert_null(http_request_next_field(&p.req, p.data, "cookie", &i));

    i = 0;
    field = http_request_next_field(&p.req, p.data, "accept", &i);
    assert_span(&p, field->value, "text/html ; q=1");

    /* Nobody wanted that one. */
    i = 0;
    assert_null(http_request_next_field(&p.req, p.data, "other", &i));
    assert_int_equal(p.req.n_fields, 4);
    http_request_destroy(&p.req);
}

/* What is known is known before the head is complete. */
static void
known_early(void **state)
{
    struct parsed p;

    (void) state;
    parse(&p, "GE");
    assert_int_equal(p.state, HTTP_REQUEST_MORE);
    assert_false(p.req.method_known);
    http_request_destroy(&p.req);

    parse(&p, "GET /ima");
    assert_true(p.req.method_known);
    assert_false(p.req.target_known);
    http_request_destroy(&p.req);

    parse(&p, "GET /images/ HTTP/1.1\r\nHost: exam");
    assert_true(p.req.target_known);
    assert_span(&p, p.req.path, "/images/");
    assert_int_equal(http_request_host(&p.req, p.data).len, 0);
    http_request_destroy(&p.req);

    parse(&p, "GET /images/ HTTP/1.1\r\nHost: example\r\nX");
    assert_span(&p, http_request_host(&p.req, p.data), "example");
    assert_int_equal(p.state, HTTP_REQUEST_MORE);
    http_request_destroy(&p.req);
}

/* The body is none of our business, whatever it is. */
static void
body(void **state)
{
    (void) state;
    assert_state("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"
                 "\x01\x02\x03more", HTTP_REQUEST_COMPLETE);
    assert_state("POST / HTTP/1.1\r\nHost: a\r\n"
                 "Transfer-Encoding: chunked\r\n\r\nnot a chunk",
                 HTTP_REQUEST_COMPLETE);
    assert_state("GET / HTTP/1.1\r\nUpgrade: websocket\r\n"
                 "Connection: upgrade\r\n\r\n\x81\x05hello",
                 HTTP_REQUEST_COMPLETE);
}

static void
not_http(void **state)
{
    (void) state;
    assert_state("EHLO mail.example\r\n", HTTP_REQUEST_INVALID);
    assert_state("\x16\x03\x01\x02", HTTP_REQUEST_INVALID);
    assert_state("SSH-2.0-OpenSSH_9.2\r\n", HTTP_REQUEST_INVALID);
    assert_state("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_REQUEST_INVALID);
    assert_state("GET / FTP/1.1\r\n\r\n", HTTP_REQUEST_INVALID);
    assert_state("HTTP/1.1 200 OK\r\n\r\n", HTTP_REQUEST_INVALID);
    assert_state("GET / HTTP/1.1\r\nB\x01d: x\r\n\r\n",
                 HTTP_REQUEST_INVALID);
    assert_state("GET / HTTP/1.1\r\nContent-Length: 1\r\n"
                 "Content-Length: 2\r\n\r\n", HTTP_REQUEST_INVALID);
}

static void
null_bytes(void **state)
{
    static const char s[] = "GET /\0 HTTP/1.1\r\n\r\n";
    struct parsed p;

    (void) state;
    feed(&p, s, sizeof s - 1, 1);
    assert_int_equal(p.state, HTTP_REQUEST_INVALID);
    http_request_destroy(&p.req);
}

/* Fields that nobody wants cost nothing, those that somebody does are
 * bounded. */
static void
many_fields(void **state)
{
    char s[200 * 16] = "GET / HTTP/1.1\r\n";
    struct parsed p;

    (void) state;
    for (int i = 0; i < 150; i++) {
        strcat(s, "X-Unwanted: y\r\n");
    }
    parse(&p, s);
    assert_int_equal(p.state, HTTP_REQUEST_MORE);
    assert_int_equal(p.req.n_fields, 0);
    http_request_destroy(&p.req);

    strcpy(s, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < HTTP_REQUEST_MAX_FIELDS; i++) {
        strcat(s, "Cookie: y\r\n");
    }
    parse(&p, s);
    assert_int_equal(p.state, HTTP_REQUEST_MORE);
    http_request_destroy(&p.req);
    strcat(s, "Cookie: y\r\n\r\n");
    parse(&p, s);
    assert_int_equal(p.state, HTTP_REQUEST_INVALID);
    http_request_destroy(&p.req);
}

/* However a request is cut, and wherever the bytes lie, the result is one. */
static void
random_cuts(void **state)
{
    static const char s[] =
        "GET http://www.example.org:80/a/b?c HTTP/1.1\r\nHost: x\r\n"
        "Cookie: abc=def\r\nX: y\r\nAccept: */*\r\n\r\n";

    (void) state;
    srandom(3);
    for (int i = 0; i < 2000; i++) {
        struct http_request req;
        size_t n = 0;

        http_request_init(&req, &wanted);
        while (n < sizeof s - 1) {
            size_t step = 1 + random() % 20;
            n = n + step < sizeof s - 1 ? n + step : sizeof s - 1;

            /* Another place each time, as with realloc(). */
            uint8_t *copy = malloc(n);
            memcpy(copy, s, n);
            http_request_feed(&req, copy, n);
            free(copy);
        }
        assert_int_equal(req.state, HTTP_REQUEST_COMPLETE);
        assert_int_equal(req.n_fields, 3);
        struct parsed p = { .data = (const uint8_t *) s };
        assert_span(&p, req.method, "GET");
        assert_span(&p, req.path, "/a/b");
        assert_span(&p, req.fields[1].value, "abc=def");
        assert_span(&p, http_request_host(&req, p.data), "www.example.org");
        http_request_destroy(&req);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origin_form),
        cmocka_unit_test(absolute_form),
        cmocka_unit_test(other_forms),
        cmocka_unit_test(hosts),
        cmocka_unit_test(fields),
        cmocka_unit_test(known_early),
        cmocka_unit_test(body),
        cmocka_unit_test(not_http),
        cmocka_unit_test(null_bytes),
        cmocka_unit_test(many_fields),
        cmocka_unit_test(random_cuts),
    };

    return cmocka_run_group_tests_name("http-request", tests, NULL, NULL);
}
