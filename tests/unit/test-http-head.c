/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Heads of HTTP/1 messages: the forms of RFC 9112, what servers take beyond
 * them, and what is none. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "util.h"
#include "utilities/tasukid/protocol/http-head.h"

static void
put(char *out, size_t size, struct http_string s)
{
    size_t n = strlen(out);

    assert_true(n + s.len < size);
    if (s.len) {
        memcpy(out + n, s.s, s.len);
    }
    out[n + s.len] = '\0';
}

/* How print() begins. */
static void (*start)(struct http_head *) = http_head_init;

/* Stores in 'out' what is found in the 'len' bytes at 's', given 'step' at a
 * time, each time in another place: "METHOD|AUTHORITY|PATH" or
 * "VERSION|CODE", "|NAME=VALUE" for each field, and "|." at the end, "|!" if it is none, "|?" if there has to be
 * more. */
static void
print(const char *s, size_t len, size_t step, char out[], size_t size)
{
    enum http_event event = HTTP_MORE;
    struct http_head head;

    out[0] = '\0';
    start(&head);
    for (size_t n = 0; n < len && event == HTTP_MORE; ) {
        n = MIN(n + step, len);

        uint8_t *copy = xmemdup(s, n);
        do {
            struct http_element e;

            event = http_head_next(&head, copy, n, &e);
            if (event == HTTP_REQUEST_LINE) {
                put(out, size, e.line.method);
                strcat(out, "|");
                put(out, size, e.line.authority);
                strcat(out, "|");
                put(out, size, e.line.path);
            } else if (event == HTTP_STATUS_LINE) {
                put(out, size, e.status.version);
                sprintf(out + strlen(out), "|%d", e.status.code);
            } else if (event == HTTP_FIELD) {
                strcat(out, "|");
                put(out, size, e.field.name);
                strcat(out, "=");
                put(out, size, e.field.value);
            }
        } while (event == HTTP_REQUEST_LINE || event == HTTP_STATUS_LINE
                 || event == HTTP_FIELD);
        free(copy);
    }
    strcat(out, event == HTTP_END ? "|."
                : event == HTTP_INVALID ? "|!" : "|?");
}

static void
assert_head_len(const char *s, size_t len, const char *expected)
{
    for (size_t step = 1; step <= len; step++) {
        char out[4096];

        print(s, len, step, out, sizeof out);
        if (strcmp(out, expected)) {
            fail_msg("%s instead of %s in steps of %"PRIuSIZE": %s", out,
                     expected, step, s);
        }
    }
}

static void
assert_head(const char *s, const char *expected)
{
    assert_head_len(s, strlen(s), expected);
}

static void
assert_response(const char *s, const char *expected)
{
    start = http_head_init_response;
    assert_head_len(s, strlen(s), expected);
    start = http_head_init;
}

/* RFC 9112 section 4. */
static void
responses(void **state)
{
    (void) state;
    assert_response("HTTP/1.1 200 OK\r\nA: b\r\n\r\n",
                    "HTTP/1.1|200|A=b|.");
    assert_response("HTTP/1.0 404 Not  Found\n\n", "HTTP/1.0|404|.");
    assert_response("HTTP/1.1 204 \r\n\r\n", "HTTP/1.1|204|.");
    assert_response("HTTP/1.1 304\r\n\r\n", "HTTP/1.1|304|.");
    assert_response("HTTP/2.0 999 \xe6\xbc\xa2\r\n\r\n", "HTTP/2.0|999|.");
    assert_response("HTTP/1.1 200 OK\r\nno field\r\nA: b\r\n\r\n",
                    "HTTP/1.1|200|A=b|.");
    assert_response("HTTP/1.1 20 OK\r\n\r\n", "|!");
    assert_response("HTTP/1.1 2000\r\n\r\n", "|!");
    assert_response("HTTP/1.1  200\r\n\r\n", "|!");
    assert_response("HTTP/1 200\r\n\r\n", "|!");
    assert_response("\r\nHTTP/1.1 200 OK\r\n\r\n", "|!");
    assert_response("<html>", "|!");
    assert_response("GET / HTTP/1.1\r\n\r\n", "|!");
    assert_response("HTTP/1.1 200 O", "|?");
    assert_response("HTTP/1.1 200 OK\r\nA: b\r\n", "HTTP/1.1|200|?");
}

static void
assert_request_line(const char *s, const char *target, const char *version)
{
    struct http_element e;
    struct http_head head;
    char out[128] = "";

    http_head_init(&head);
    assert_int_equal(http_head_next(&head, (const uint8_t *) s, strlen(s), &e),
                     HTTP_REQUEST_LINE);
    put(out, sizeof out, e.line.target);
    assert_string_equal(out, target);
    out[0] = '\0';
    put(out, sizeof out, e.line.version);
    assert_string_equal(out, version);
    assert_true(!e.line.version.s == !version[0]);
}

static void
target_and_version(void **state)
{
    (void) state;
    assert_request_line("GET /a?b#c HTTP/1.1\r\n", "/a?b#c", "HTTP/1.1");
    assert_request_line("GET http://h/a?b  HTTP/1.0  \n", "http://h/a?b",
                        "HTTP/1.0");
    assert_request_line("GET /a?b\r\n", "/a?b", "");
}

/* A server may or may not take "Content-Length : 5" for a field. */
static void
other_lines(void **state)
{
    static const char odd[] = "GET / HTTP/1.1\r\nA : b\r\nC: d\r\n\r\n";
    static const char plain[] = "GET / HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n";
    const char *heads[] = { odd, plain };

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
        const uint8_t *data = (const uint8_t *) heads[i];
        struct http_element e;
        struct http_head head;

        http_head_init(&head);
        while (http_head_next(&head, data, strlen(heads[i]), &e) != HTTP_END) {
            assert_int_not_equal(head.state, HTTP_HEAD_NOT_HTTP);
        }
        assert_int_equal(head.has_other_lines, heads[i] == odd);
        assert_int_equal(head.pos, strlen(heads[i]));
    }
}

/* RFC 9112 section 3.2. */
static void
targets(void **state)
{
    (void) state;
    assert_head("GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
                "GET||/where|Host=www.example.org|.");
    assert_head("GET http://www.example.org/pub/WWW/TheProject.html "
                "HTTP/1.1\r\n\r\n",
                "GET|www.example.org|/pub/WWW/TheProject.html|.");
    assert_head("CONNECT www.example.com:80 HTTP/1.1\r\n"
                "Host: www.example.com\r\n\r\n",
                "CONNECT|www.example.com:80||Host=www.example.com|.");
    assert_head("OPTIONS * HTTP/1.1\r\n\r\n", "OPTIONS||*|.");
    assert_head("M-SEARCH /a%20b/../c#d?e HTTP/1.1\r\n\r\n",
                "M-SEARCH||/a%20b/../c|.");
    assert_head("GET //a//b HTTP/1.1\r\n\r\n", "GET||//a//b|.");
    assert_head("GET /http://a/b HTTP/1.1\r\n\r\n", "GET||/http://a/b|.");
    assert_head("GET a/b HTTP/1.1\r\n\r\n", "|!");
    assert_head("GET a:80 HTTP/1.1\r\n\r\n", "|!");
    assert_head("GET ?a HTTP/1.1\r\n\r\n", "|!");
    assert_head("GET *a HTTP/1.1\r\n\r\n", "|!");
}

/* RFC 9110 section 4.2.3. */
static void
empty_paths(void **state)
{
    (void) state;
    assert_head("GET http://h.example HTTP/1.1\r\n\r\n",
                "GET|h.example|/|.");
    assert_head("GET http://h.example?q HTTP/1.1\r\n\r\n",
                "GET|h.example|/|.");
    assert_head("GET http://h.example:80#q HTTP/1.1\r\n\r\n",
                "GET|h.example:80|/|.");
    assert_head("GET http://h.example?q=/x HTTP/1.1\r\n\r\n",
                "GET|h.example|/|.");
}

/* RFC 9110 section 9.1: any token. */
static void
methods(void **state)
{
    static const char *const names[] = {
        "LIST", "QUERY", "VERSION-CONTROL", "RPC_IN_DATA", "BAN", "OHAI",
        "get", "X!#$%&'*+-.^_`|~9",
    };

    (void) state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char s[100], expected[100];

        sprintf(s, "%s /x HTTP/1.1\r\n\r\n", names[i]);
        sprintf(expected, "%s||/x|.", names[i]);
        assert_head(s, expected);
    }
    assert_head("G{T /x HTTP/1.1\r\n\r\n", "|!");
    assert_head("G\tT /x HTTP/1.1\r\n\r\n", "|!");
}

/* RFC 9110 section 2.5, and what was before HTTP/1.0. */
static void
versions(void **state)
{
    (void) state;
    assert_head("GET /x HTTP/1.0\r\n\r\n", "GET||/x|.");
    assert_head("GET /x HTTP/1.2\r\n\r\n", "GET||/x|.");
    assert_head("GET /x HTTP/1.10\r\n\r\n", "GET||/x|.");
    assert_head("GET /x HTTP/1.\r\n\r\n", "|!");
    assert_head("GET /x HTTP/1\r\n\r\n", "|!");
    assert_head("GET /x HTTP/2.0\r\n\r\n", "GET||/x|.");
    assert_head("GET /x HTTP/9.9\r\n\r\n", "GET||/x|.");
    assert_head("GET /x HTTP/0.9\r\n\r\n", "|!");
    assert_head("GET /x HTTP/x.1\r\n\r\n", "|!");
    assert_head("GET /x HTTP/11.1\r\n\r\n", "|!");
    assert_head("GET /x http/1.1\r\n\r\n", "|!");
    assert_head("GET /x FTP/1.1\r\n\r\n", "|!");
    assert_head("GET /x y HTTP/1.1\r\n\r\n", "|!");
    assert_head("GET /x\r\nHost: a\r\n\r\n", "GET||/x|.");
    assert_head("GET /x\n", "GET||/x|.");
    assert_head("POST /x\r\n", "|!");
}

/* RFC 9112 sections 2.2 and 3: what servers may put up with. */
static void
lenience(void **state)
{
    (void) state;
    assert_head("GET /x HTTP/1.1\nHost: a\n\n", "GET||/x|Host=a|.");
    assert_head("GET /x HTTP/1.1\r\nHost: a\n\r\n", "GET||/x|Host=a|.");
    assert_head("\r\n\r\n\nGET /x HTTP/1.1\r\n\r\n", "GET||/x|.");
    assert_head("GET  /x   HTTP/1.1  \r\n\r\n", "GET||/x|.");
    assert_head("GET /x HTTP/1.1\r\r\n\r\n", "|!");
    assert_head("GET\t/x HTTP/1.1\r\n\r\n", "|!");
    assert_head("GET /x\tHTTP/1.1\r\n\r\n", "|!");
    assert_head("GET /x\x01y HTTP/1.1\r\n\r\n", "|!");
    assert_head("GET /x\x7fy HTTP/1.1\r\n\r\n", "|!");
    assert_head("GET /\xc3\xa4 HTTP/1.1\r\n\r\n", "GET||/\xc3\xa4|.");
    assert_head_len("GET /\0 HTTP/1.1\r\n\r\n", 18, "|!");
}

/* RFC 9112 section 5.  Lines that are no fields are passed over. */
static void
fields(void **state)
{
    (void) state;
    assert_head("GET / HTTP/1.1\r\nA:b\r\nC: \t d e \t\r\nF:\r\nG:  \r\n\r\n",
                "GET||/|A=b|C=d e|F=|G=|.");
    assert_head("GET / HTTP/1.1\r\nA : b\r\nC\r\n: d\r\nE{: f\r\nG\x01: h\r\n"
                "I: j\x01k\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
                "Transfer-Encoding: chunked\r\n\r\n",
                "GET||/|I=j\x01k|Content-Length=1|Content-Length=2"
                "|Transfer-Encoding=chunked|.");
    assert_head("GET / HTTP/1.1\r\nA: b:c\r\n\r\n", "GET||/|A=b:c|.");

    /* Folded, and before the first field. */
    assert_head("GET / HTTP/1.1\r\nA: b\r\n c\n\td\r\n \r\nE: f\r\n\r\n",
                "GET||/|A=b\r\n c\n\td|E=f|.");
    assert_head("GET / HTTP/1.1\r\n A: b\r\nC: d\r\n\r\n", "GET||/|C=d|.");
}

/* What is known is known at the byte that tells, not before. */
static void
at_the_first_byte(void **state)
{
    (void) state;
    assert_head("GET /x HTTP/1.1", "|?");
    assert_head("GET /x HTTP/1.1\r", "|?");
    assert_head("GET /x HTTP/1.1\n", "GET||/x|?");
    assert_head("GET /x HTTP/1.1\nA: b\n", "GET||/x|?");
    assert_head("GET /x HTTP/1.1\nA: b\nC", "GET||/x|A=b|?");
    assert_head("GET /x HTTP/1.1\nA: b\n\r", "GET||/x|A=b|?");
    assert_head("GET /x HTTP/1.1\n\r", "GET||/x|?");
    assert_head("GET /x HTTP/1.1\n\nbody: x\n", "GET||/x|.");
    assert_head("POST /x HTTP/1.1\r\n\r\n\x01\x02more", "POST||/x|.");
}

static void
not_http(void **state)
{
    (void) state;
    assert_head("\x16\x03\x01\x02", "|!");
    assert_head("\x16", "|!");
    assert_head_len("\0\0\0", 3, "|!");
    assert_head("EHLO mail.example\r\n", "|!");
    assert_head("SSH-2.0-OpenSSH_9.2\r\n", "|!");
    assert_head("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "|!");
    assert_head("HTTP/1.1 200 OK\r\n\r\n", "|!");
    assert_head("GET\r\n\r\n", "|!");
    assert_head("GET \r\n\r\n", "|!");
    assert_head(" GET / HTTP/1.1\r\n\r\n", "|!");
    assert_head("\r\n\r\n", "|?");
}

static void
assert_host(const char *authority, bool has_userinfo, const char *expected)
{
    struct http_string s = { (const uint8_t *) authority, strlen(authority) };
    struct http_string host = http_host(s, has_userinfo);

    if (!expected) {
        assert_null(host.s);
        return;
    }
    assert_non_null(host.s);
    assert_int_equal(host.len, strlen(expected));
    assert_memory_equal(host.s, expected, host.len);
}

/* RFC 9110 section 7.2, RFC 3986 section 3.2. */
static void
hosts(void **state)
{
    (void) state;
    assert_host("a.example", false, "a.example");
    assert_host("a.example:80", false, "a.example");
    assert_host("a.example.:80", false, "a.example");
    assert_host("a.example.", false, "a.example");
    assert_host("a.example:", false, "a.example");
    assert_host("[2001:db8::1]:8080", false, "[2001:db8::1]");
    assert_host("[2001:db8::1]", false, "[2001:db8::1]");
    assert_host("[2001", false, NULL);
    assert_host("[x.example]", false, NULL);
    assert_host("[::ffff:192.0.2.1].", false, "[::ffff:192.0.2.1]");
    assert_host("", false, "");

    assert_host("u@a.example", true, "a.example");
    assert_host("u:p@a.example:80", true, "a.example");
    assert_host("u@b@a.example", true, "a.example");
    assert_host("u@[::1]:80", true, "[::1]");
    assert_host("u@", true, "");

    assert_host("shop.example:x@video.example", false, NULL);
    assert_host("@video.example", false, NULL);
    assert_host("a b", false, NULL);
    assert_host("a\r\n b", false, NULL);
    assert_host("a/b", false, NULL);
    assert_host("a\\b", false, NULL);
    assert_host("a?b", false, NULL);
    assert_host("a#b", false, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses),
        cmocka_unit_test(target_and_version),
        cmocka_unit_test(other_lines),
        cmocka_unit_test(targets),
        cmocka_unit_test(empty_paths),
        cmocka_unit_test(methods),
        cmocka_unit_test(versions),
        cmocka_unit_test(lenience),
        cmocka_unit_test(fields),
        cmocka_unit_test(at_the_first_byte),
        cmocka_unit_test(not_http),
        cmocka_unit_test(hosts),
    };

    return cmocka_run_group_tests_name("http-head", tests, NULL, NULL);
}
