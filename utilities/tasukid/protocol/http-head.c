/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "http-head.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "util.h"

/* The major version may be any digit: Apache serves a request that says
 * HTTP/2.0, and other servers answer with an error. */
static const char version[] = "HTTP/1.";
#define MAJOR 5

void
http_head_init(struct http_head *head)
{
    memset(head, 0, sizeof *head);
}

void
http_head_init_response(struct http_head *head)
{
    *head = (struct http_head) {
        .state = HTTP_HEAD_STATUS,
        .has_version = true,
    };
}

bool
http_string_is(struct http_string s, const char *name)
{
    return (s.len == strlen(name)
            && !strncasecmp((const char *) s.s, name, s.len));
}

/* Methods are case-sensitive (RFC 9110 section 9.1). */
static bool
is_method(struct http_string s, const char *name)
{
    return s.len == strlen(name) && !memcmp(s.s, name, s.len);
}

/* RFC 9110 section 5.6.2. */
static bool
is_tchar(uint8_t c)
{
    return c && c < 0x80 && (isalnum(c) || strchr("!#$%&'*+-.^_`|~", c));
}

static bool
is_target_char(uint8_t c)
{
    return c > 0x20 && c != 0x7f;
}

/* Returns the state after a part of the first line that may be its last. */
static enum http_head_state
end_of_part(uint8_t c, enum http_head_state space)
{
    return (c == ' ' ? space
            : c == '\r' ? HTTP_HEAD_CR
            : c == '\n' ? HTTP_HEAD_FIELDS
            : HTTP_HEAD_NOT_HTTP);
}

/* Returns true if 'c' may be byte 'pos' of "HTTP/1.". */
static bool
is_version_byte(uint8_t c, uint32_t pos)
{
    return pos == MAJOR ? c >= '1' && c <= '9' : c == version[pos];
}

/* Reads byte 'c' of the first line, at offset 'pos', and returns the new
 * state. */
static enum http_head_state
read_byte(struct http_head *head, uint8_t c, uint32_t pos)
{
    switch (head->state) {
    case HTTP_HEAD_START:
        /* A client may send empty lines before a request (RFC 9112 section
         * 2.2). */
        if (c == '\r' || c == '\n') {
            return HTTP_HEAD_START;
        }
        head->method = pos;
        return is_tchar(c) ? HTTP_HEAD_METHOD : HTTP_HEAD_NOT_HTTP;

    case HTTP_HEAD_METHOD:
        head->method_end = pos;
        return (c == ' ' ? HTTP_HEAD_METHOD_SP
                : is_tchar(c) ? HTTP_HEAD_METHOD
                : HTTP_HEAD_NOT_HTTP);

    case HTTP_HEAD_METHOD_SP:
        head->target = pos;
        return (c == ' ' ? HTTP_HEAD_METHOD_SP
                : is_target_char(c) ? HTTP_HEAD_TARGET
                : HTTP_HEAD_NOT_HTTP);

    case HTTP_HEAD_TARGET:
        head->target_end = pos;
        return (is_target_char(c) ? HTTP_HEAD_TARGET
                : end_of_part(c, HTTP_HEAD_TARGET_SP));

    case HTTP_HEAD_TARGET_SP:
        head->version = pos;
        return (c == version[0] ? HTTP_HEAD_VERSION
                : end_of_part(c, HTTP_HEAD_TARGET_SP));

    case HTTP_HEAD_VERSION:
        pos -= head->version;
        if (!is_version_byte(c, pos)) {
            return HTTP_HEAD_NOT_HTTP;
        }
        return version[pos + 1] ? HTTP_HEAD_VERSION : HTTP_HEAD_MINOR;

    case HTTP_HEAD_MINOR:
        head->has_version = true;
        return isdigit(c) ? HTTP_HEAD_MINOR_REST : HTTP_HEAD_NOT_HTTP;

    case HTTP_HEAD_MINOR_REST:
        head->version_end = pos;
        return (isdigit(c) ? HTTP_HEAD_MINOR_REST
                : end_of_part(c, HTTP_HEAD_VERSION_SP));

    case HTTP_HEAD_VERSION_SP:
        return end_of_part(c, HTTP_HEAD_VERSION_SP);

    case HTTP_HEAD_CR:
        return c == '\n' ? HTTP_HEAD_FIELDS : HTTP_HEAD_NOT_HTTP;

    case HTTP_HEAD_STATUS:
        if (!is_version_byte(c, pos)) {
            return HTTP_HEAD_NOT_HTTP;
        }
        return version[pos + 1] ? HTTP_HEAD_STATUS : HTTP_HEAD_STATUS_MINOR;

    case HTTP_HEAD_STATUS_MINOR:
        return isdigit(c) ? HTTP_HEAD_STATUS_REST : HTTP_HEAD_NOT_HTTP;

    case HTTP_HEAD_STATUS_REST:
        head->version_end = pos;
        head->code = pos + 1;
        return (isdigit(c) ? HTTP_HEAD_STATUS_REST
                : c == ' ' ? HTTP_HEAD_CODE
                : HTTP_HEAD_NOT_HTTP);

    case HTTP_HEAD_CODE:
        return (!isdigit(c) ? HTTP_HEAD_NOT_HTTP
                : pos < head->code + 2 ? HTTP_HEAD_CODE
                : HTTP_HEAD_REASON);

    case HTTP_HEAD_REASON:
        /* The reason is for people, and may be anything or not there. */
        return (c == '\n' ? HTTP_HEAD_FIELDS
                : pos == head->code + 3 && isdigit(c) ? HTTP_HEAD_NOT_HTTP
                : HTTP_HEAD_REASON);

    case HTTP_HEAD_FIELDS:
    case HTTP_HEAD_ENDED:
    case HTTP_HEAD_NOT_HTTP:
    default:
        OVS_NOT_REACHED();
    }
}

/* Returns the offset of the first of 'chars' in 's' from 'ofs' on, or the end
 * of 's'. */
static size_t
find_any(struct http_string s, size_t ofs, const char *chars)
{
    while (ofs < s.len && (!s.s[ofs] || !strchr(chars, s.s[ofs]))) {
        ofs++;
    }
    return ofs;
}

/* Returns bytes [start, end) of 's'. */
static struct http_string
slice(struct http_string s, size_t start, size_t end)
{
    return (struct http_string) { s.s + start, end - start };
}

/* Takes 'target' apart (RFC 9112 section 3.2).  Returns false if it has none
 * of the four forms. */
static bool
split_target(struct http_string target, struct http_request_line *line)
{
    size_t path = 0;

    if (http_string_is(target, "*")) {
        line->path = target;
        return true;
    }
    if (target.s[0] != '/') {
        size_t colon = find_any(target, 0, ":/?#");
        bool absolute = (colon && target.len - colon >= 3
                         && !memcmp(target.s + colon, "://", 3));

        if (!absolute) {
            line->authority = target;
            line->path = slice(target, target.len, target.len);
            return (is_method(line->method, "CONNECT")
                    && find_any(target, 0, "/?#") == target.len);
        }
        path = find_any(target, colon + 3, "/?#");
        line->authority = slice(target, colon + 3, path);
    }
    line->path = slice(target, path, find_any(target, path, "?#"));
    if (!line->path.len) {
        /* RFC 9110 section 4.2.3. */
        line->path = (struct http_string) { (const uint8_t *) "/", 1 };
    }
    return true;
}

static enum http_event
read_status_line(const struct http_head *head, const uint8_t *data,
                 struct http_status_line *status)
{
    const uint8_t *code = data + head->code;

    status->version = (struct http_string) { data, head->version_end };
    status->code = ((code[0] - '0') * 100 + (code[1] - '0') * 10
                    + (code[2] - '0'));
    return HTTP_STATUS_LINE;
}

static enum http_event
read_request_line(struct http_head *head, const uint8_t *data,
                  struct http_request_line *line)
{
    memset(line, 0, sizeof *line);
    line->method = (struct http_string) { data + head->method,
                                          head->method_end - head->method };
    line->target = (struct http_string) { data + head->target,
                                          head->target_end - head->target };
    if (head->has_version) {
        line->version = (struct http_string) {
            data + head->version, head->version_end - head->version };
    }

    /* "PRI" begins HTTP/2 (RFC 9113 section 3.4). */
    if (!split_target(line->target, line) || is_method(line->method, "PRI")
        || (!head->has_version && !is_method(line->method, "GET"))) {
        head->state = HTTP_HEAD_NOT_HTTP;
        return HTTP_INVALID;
    }
    return HTTP_REQUEST_LINE;
}

static enum http_event
read_first_line(struct http_head *head, const uint8_t *data, size_t len,
                struct http_element *element)
{
    while (head->pos < len && head->state < HTTP_HEAD_FIELDS) {
        head->state = read_byte(head, data[head->pos], head->pos);
        head->pos++;
    }
    if (head->state != HTTP_HEAD_FIELDS) {
        return head->state == HTTP_HEAD_NOT_HTTP ? HTTP_INVALID : HTTP_MORE;
    }

    head->field = head->pos;
    return (head->code ? read_status_line(head, data, &element->status)
            : read_request_line(head, data, &element->line));
}

static bool
is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Takes apart the line or lines in 's'.  Returns false if they are no
 * field. */
static bool
split_field(struct http_string s, struct http_field *field)
{
    size_t start = find_any(s, 0, ":"), end = s.len;

    field->name = slice(s, 0, start);
    for (size_t i = 0; i < start; i++) {
        if (!is_tchar(s.s[i])) {
            return false;
        }
    }
    if (!start || start == s.len) {
        return false;
    }
    start++;
    while (start < end && is_space(s.s[end - 1])) {
        end--;
    }
    while (start < end && is_space(s.s[start])) {
        start++;
    }
    field->value = slice(s, start, end);
    return true;
}

static enum http_event
read_field(struct http_head *head, const uint8_t *data, size_t len,
           struct http_field *field)
{
    const uint8_t *lf;

    while (head->pos < len
           && (lf = memchr(data + head->pos, '\n', len - head->pos))) {
        uint32_t start = head->field;
        uint32_t end = lf - data;

        if (end == start || (end == start + 1 && data[start] == '\r')) {
            head->pos = end + 1;
            head->state = HTTP_HEAD_ENDED;
            return HTTP_END;
        } else if (end + 1 == len) {
            /* The next line may belong to the field. */
            head->pos = end;
            return HTTP_MORE;
        }
        head->pos = end + 1;
        if (data[end + 1] != ' ' && data[end + 1] != '\t') {
            head->field = end + 1;
            if (split_field((struct http_string) { data + start, end - start },
                            field)) {
                return HTTP_FIELD;
            }
            head->has_other_lines = true;
        }
    }
    head->pos = len;
    return HTTP_MORE;
}

enum http_event
http_head_next(struct http_head *head, const uint8_t *data, size_t len,
               struct http_element *element)
{
    if (head->state == HTTP_HEAD_FIELDS && !head->has_version) {
        /* An HTTP/0.9 request ends here. */
        head->state = HTTP_HEAD_ENDED;
    }
    return (head->state == HTTP_HEAD_ENDED ? HTTP_END
            : head->state == HTTP_HEAD_NOT_HTTP ? HTTP_INVALID
            : head->state == HTTP_HEAD_FIELDS
            ? read_field(head, data, len, &element->field)
            : read_first_line(head, data, len, element));
}

/* Returns true if servers differ about what byte 'c' in a host means. */
static bool
is_ambiguous(uint8_t c)
{
    return c <= 0x20 || c == 0x7f || strchr("@/\\?#", c);
}

struct http_string
http_host(struct http_string s, bool has_userinfo)
{
    size_t start = 0, end;

    for (size_t i = s.len; has_userinfo && i > 0 && !start; i--) {
        start = s.s[i - 1] == '@' ? i : 0;
    }
    for (size_t i = start; i < s.len; i++) {
        if (is_ambiguous(s.s[i])) {
            return (struct http_string) { NULL, 0 };
        }
    }

    if (start < s.len && s.s[start] == '[') {
        end = start + 1;
        while (end < s.len && (isxdigit(s.s[end]) || s.s[end] == ':'
                               || s.s[end] == '.')) {
            end++;
        }
        if (end == s.len || s.s[end] != ']') {
            return (struct http_string) { NULL, 0 };
        }
        end++;
    } else {
        end = find_any(s, start, ":");
    }
    while (end > start && s.s[end - 1] == '.') {
        end--;
    }
    return slice(s, start, end);
}
