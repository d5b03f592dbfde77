/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Lines about what a mirror has left out, and the files that they go to. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasukid/apps/mirror/engine/engine.h"
#include "utilities/tasukid/apps/mirror/skips.h"

static struct mirror_key key;
static struct mirror_skip skip;
static char dir[] = "/tmp/test-mirror-skips.XXXXXX";
static char *path;

static int
set_up(void **state OVS_UNUSED)
{
    key = (struct mirror_key) {
        .zone = 7,
        .nw_proto = IPPROTO_TCP,
        .client = { in6_addr_mapped_ipv4(htonl(0x0a000001)), htons(1234) },
        .server = { in6_addr_mapped_ipv4(htonl(0x0a000002)), htons(80) },
    };
    skip = (struct mirror_skip) {
        .key = &key,
        .dir = MIRROR_TO_CLIENT,
        .first = 248,
        .seq = UINT32_MAX,
        .len = UINT64_C(5) << 30,
        .protocol = "http",
        .url = "shop.example/big",
        .reason = "body",
    };
    memcpy(strchr(dir, '.') + 1, "XXXXXX", 6);
    assert_non_null(mkdtemp(dir));
    path = xasprintf("%s/events", dir);
    return 0;
}

static int
tear_down(void **state OVS_UNUSED)
{
    char *command = xasprintf("rm -r %s", dir);

    skips_destroy();
    assert_int_equal(system(command), 0);
    free(command);
    free(path);
    return 0;
}

/* Returns what is in file 'name'. */
static char *
contents(const char *name)
{
    static char buf[65536];
    FILE *file = fopen(name, "r");

    assert_non_null(file);
    buf[fread(buf, 1, sizeof buf - 1, file)] = '\0';
    fclose(file);
    return buf;
}

static size_t
count_lines(const char *s)
{
    size_t n = 0;

    for (; (s = strchr(s, '\n')) != NULL; s++) {
        n++;
    }
    return n;
}

static void
check_line(const char *expected)
{
    char *line = skip_to_line(&skip, "web", 1800000000007);

    assert_string_equal(line, expected);
    free(line);
}

static void
test_line(void **state OVS_UNUSED)
{
    /* date -u -d @1800000000 */
    check_line("{\"client\":\"10.0.0.1\",\"client_port\":1234,"
               "\"direction\":\"to-client\",\"first\":248,"
               "\"length\":5368709120,\"policy\":\"web\","
               "\"protocol\":\"http\",\"reason\":\"body\","
               "\"seq\":4294967295,"
               "\"server\":\"10.0.0.2\",\"server_port\":80,"
               "\"time\":\"2027-01-15T08:00:00.007Z\","
               "\"transport\":\"tcp\",\"url\":\"shop.example/big\","
               "\"zone\":7}");

    key.nw_proto = IPPROTO_UDP;
    assert_true(ipv6_parse("fe80::1", &key.client.addr));
    assert_true(ipv6_parse("2001:db8::2", &key.server.addr));
    skip.dir = MIRROR_TO_SERVER;
    skip.protocol = "udp";
    skip.url = NULL;
    check_line("{\"client\":\"fe80::1\",\"client_port\":1234,"
               "\"direction\":\"to-server\",\"first\":248,"
               "\"length\":5368709120,\"policy\":\"web\","
               "\"protocol\":\"udp\",\"reason\":\"body\","
               "\"server\":\"2001:db8::2\",\"server_port\":80,"
               "\"time\":\"2027-01-15T08:00:00.007Z\","
               "\"transport\":\"udp\",\"zone\":7}");
}

/* Returns the URL in a line about 'url', as JSON's reader has it. */
static char *
round_trip(const char *url)
{
    skip.url = url;
    char *line = skip_to_line(&skip, "web", 0);
    assert_true(strlen(line) < SKIP_MAX_LINE);
    assert_null(strpbrk(line, "\n\r"));

    struct json *json = json_from_string(line);
    assert_int_equal(json->type, JSON_OBJECT);
    char *got = xstrdup(json_string(shash_find_data(json_object(json),
                                                    "url")));
    json_destroy(json);
    free(line);
    return got;
}

static void
check_url(const char *url, const char *expected)
{
    char *got = round_trip(url);

    assert_string_equal(got, expected);
    free(got);
}

#define FFFD "\xef\xbf\xbd"

static void
test_url(void **state OVS_UNUSED)
{
    check_url("", "");
    check_url("a\"b\\c/\n\r\t\x01\x7f", "a\"b\\c/\n\r\t\x01\x7f");
    check_url("\",\"policy\":\"other", "\",\"policy\":\"other");

    /* The first and the last character of each length, and those around the
     * surrogates (RFC 3629 sections 3 and 4). */
    check_url("\xc2\x80 \xdf\xbf", "\xc2\x80 \xdf\xbf");
    check_url("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf",
              "\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf");
    check_url("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf",
              "\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf");

    /* Overlong forms, surrogates, above U+10FFFF, stray bytes, cut off. */
    check_url("\xc0\xaf", FFFD FFFD);
    check_url("\xc1\xbf", FFFD FFFD);
    check_url("\xe0\x9f\xbf", FFFD FFFD FFFD);
    check_url("\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD);
    check_url("\xed\xa0\x80", FFFD FFFD FFFD);
    check_url("\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD);
    check_url("\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD);
    check_url("\x80" "a\xff", FFFD "a" FFFD);
    check_url("\xe2\x82", FFFD FFFD);
    check_url("\xe2\x82" "a", FFFD FFFD "a");
}

static void
test_long_url(void **state OVS_UNUSED)
{
    char *url = xmalloc(100001);

    for (int c = 1; c < 256; c++) {
        memset(url, c, 100000);
        url[100000] = '\0';
        char *got = round_trip(url);
        assert_true(strlen(got) > 3);
        assert_string_equal(got + strlen(got) - 3, "\xe2\x80\xa6");
        free(got);
    }
    free(url);
}

static void
test_file(void **state OVS_UNUSED)
{
    /* What another run wrote stays, also if it was killed. */
    FILE *file = fopen(path, "w");
    fputs("{}\n{\"cut", file);
    fclose(file);

    skips_set("web", path);
    skips_tell("web", NULL, &skip);
    skips_tell("web", NULL, &skip);
    skips_tell("mail", NULL, &skip);
    assert_null(skips_problem("web"));
    char *s = contents(path);
    assert_int_equal(count_lines(s), 4);
    assert_memory_equal(s, "{}\n{\"cut\n{\"client\"", 18);

    /* Renamed, as logrotate does. */
    char *old = xasprintf("%s.1", path);
    assert_int_equal(rename(path, old), 0);
    skips_tell("web", NULL, &skip);
    assert_int_equal(count_lines(contents(old)), 4);
    assert_int_equal(count_lines(contents(path)), 1);

    /* Truncated, as its "copytruncate" does. */
    assert_int_equal(truncate(path, 0), 0);
    skips_tell("web", NULL, &skip);
    s = contents(path);
    assert_int_equal(count_lines(s), 1);
    assert_int_equal(s[0], '{');

    /* Another file, and none. */
    skips_set("web", old);
    skips_tell("web", NULL, &skip);
    assert_int_equal(count_lines(contents(old)), 5);
    skips_set("web", NULL);
    skips_tell("web", NULL, &skip);
    assert_int_equal(count_lines(contents(old)), 5);
    free(old);
}

static void
test_no_folder(void **state OVS_UNUSED)
{
    char *sub = xasprintf("%s/sub", dir);
    char *name = xasprintf("%s/events", sub);

    skips_set("web", name);
    assert_non_null(strstr(skips_problem("web"), "No such file"));
    skips_tell("web", NULL, &skip);
    assert_non_null(strstr(skips_problem("web"), "1 events lost"));

    /* It is looked for again soon. */
    assert_int_equal(mkdir(sub, 0755), 0);
    for (int i = 0; i < 100 && skips_problem("web"); i++) {
        usleep(50000);
        skips_tell("web", NULL, &skip);
    }
    assert_null(skips_problem("web"));
    assert_int_equal(count_lines(contents(name)), 1);
    free(name);
    free(sub);
}

/* A file that cannot grow beyond some point stands for a full disk. */
static void
test_full(void **state OVS_UNUSED)
{
    struct rlimit limit, old;
    char *line = skip_to_line(&skip, "web", 1800000000007);
    size_t len = strlen(line) + 1;

    free(line);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = (struct rlimit) { .rlim_cur = len + 10, .rlim_max = old.rlim_max };
    setrlimit(RLIMIT_FSIZE, &limit);
    skips_set("web", path);
    for (int i = 0; i < 3; i++) {
        skips_tell("web", NULL, &skip);
    }
    setrlimit(RLIMIT_FSIZE, &old);
    assert_non_null(strstr(skips_problem("web"), "2 events lost"));
    assert_int_equal(count_lines(contents(path)), 1);

    /* Ten bytes of a line are there, and only that line is lost. */
    skips_tell("web", NULL, &skip);
    assert_null(skips_problem("web"));
    char *s = contents(path);
    assert_int_equal(count_lines(s), 3);
    assert_int_equal(strlen(s), 2 * len + 11);
    char *last = s + len + 11;
    struct json *json = json_from_string(last);
    assert_int_equal(json->type, JSON_OBJECT);
    json_destroy(json);
}

static void
test_pipe(void **state OVS_UNUSED)
{
    assert_int_equal(mkfifo(path, 0600), 0);
    skips_set("web", path);
    /* Nobody reads.  A pipe has 64 KB. */
    for (int i = 0; i < 1000; i++) {
        skips_tell("web", NULL, &skip);
    }
    assert_non_null(skips_problem("web"));

    char buf[65536];
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    ssize_t n = read(fd, buf, sizeof buf - 1);
    assert_true(n > 1000);
    buf[n] = '\0';
    assert_int_equal(buf[n - 1], '\n');
    skips_tell("web", NULL, &skip);
    assert_null(skips_problem("web"));
    close(fd);
}

int
main(void)
{
    vlog_set_verbosity("console:off");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_url, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_url, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pipe, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
