/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* tasuki-capture without packets from a network: news of what was skipped,
 * which packet it belongs to, and the names of files. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dp-packet.h"
#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasuki-capture/direction.h"
#include "utilities/tasuki-capture/held.h"
#include "utilities/tasuki-capture/series.h"
#include "utilities/tasuki-capture/skip-event.h"
#include "utilities/tasuki-capture/skips-total.h"

/* News of a skipped range to the client, with what a test changes. */
struct line {
    const char *transport, *client, *server, *direction;
    const char *seq, *length, *more;
};

static const struct line usual = {
    .transport = "\"tcp\"", .client = "\"10.0.0.1\"",
    .server = "\"10.0.0.2\"", .direction = "\"to-client\"",
    .seq = "1000", .length = "500", .more = "",
};

static char *
parse(const struct line *l, struct skip_event *event)
{
    char *line = xasprintf(
        "{\"policy\":\"web\",\"transport\":%s,\"client\":%s,"
        "\"client_port\":1234,\"server\":%s,\"server_port\":80,"
        "\"direction\":%s,\"first\":248,\"seq\":%s,\"length\":%s,"
        "\"protocol\":\"http\",\"reason\":\"body\"%s}",
        l->transport, l->client, l->server, l->direction, l->seq, l->length,
        l->more);
    char *error = skip_event_parse(line, event);

    free(line);
    return error;
}

static void
test_event(void **state OVS_UNUSED)
{
    struct skip_event event;
    struct line l = usual;

    assert_null(parse(&l, &event));
    assert_string_equal(event.policy, "web");
    assert_int_equal(event.length, 500);
    assert_int_equal(event.end, 1500);
    assert_int_equal(event.dir.nw_proto, IPPROTO_TCP);
    assert_int_equal(in6_addr_get_mapped_ipv4(&event.dir.src),
                     htonl(0x0a000002));
    assert_int_equal(in6_addr_get_mapped_ipv4(&event.dir.dst),
                     htonl(0x0a000001));
    assert_int_equal(ntohs(event.dir.src_port), 80);
    assert_int_equal(ntohs(event.dir.dst_port), 1234);
    assert_string_equal(event.comment,
                        "500 bytes to the client before this packet were "
                        "skipped, from byte 248: http (body), policy web");
    skip_event_uninit(&event);

    /* The other direction; numbers that come round; a URL. */
    l.direction = "\"to-server\"";
    l.seq = "4294967295";
    l.length = "12884901889";      /* 3 * 2**32 + 1 */
    l.more = ",\"url\":\"a\\n\\u001b[31m\\u007f\\u00e9\",\"new\":[]";
    assert_null(parse(&l, &event));
    assert_int_equal(event.end, 0);
    assert_int_equal(ntohs(event.dir.src_port), 1234);
    assert_non_null(strstr(event.comment, "to the server"));
    assert_non_null(strstr(event.comment, "http a??[31m?\xc3\xa9 (body)"));
    skip_event_uninit(&event);

    l = usual;
    l.transport = "\"udp\"";
    l.client = "\"2001:db8::1\"";
    l.seq = "null";             /* Of no interest. */
    assert_null(parse(&l, &event));
    assert_int_equal(event.dir.nw_proto, IPPROTO_UDP);
    assert_int_equal(event.dir.dst.s6_addr[0], 0x20);
    skip_event_uninit(&event);
}

static void
check_refused(struct line l, const char *expected)
{
    struct skip_event event;
    char *error = parse(&l, &event);

    assert_non_null(error);
    assert_string_equal(error, expected);
    free(error);
}

#define REFUSED(MEMBER, VALUE, ERROR)                   \
    {                                                   \
        struct line l_ = usual;                         \
        l_.MEMBER = VALUE;                              \
        check_refused(l_, ERROR);                       \
    }

static void
test_event_refused(void **state OVS_UNUSED)
{
    struct skip_event event;
    char *error;

    REFUSED(transport, "6", "\"transport\" is wrong");
    REFUSED(transport, "\"sctp\"",
            "\"transport\" is neither \"tcp\" nor \"udp\"");
    REFUSED(direction, "\"\"",
            "\"direction\" is neither \"to-client\" nor \"to-server\"");
    REFUSED(client, "\"10.0.0\"", "\"client\" is not an address");
    REFUSED(client, "\"10.0.0.1/8\"", "\"client\" is not an address");
    REFUSED(server, "\"web.example\"", "\"server\" is not an address");
    REFUSED(seq, "-1", "\"seq\" is out of range");
    REFUSED(seq, "4294967296", "\"seq\" is out of range");
    REFUSED(seq, "1.5", "\"seq\" is wrong");
    REFUSED(length, "1e30", "\"length\" is wrong");
    REFUSED(length, "null", "\"length\" is wrong");
    REFUSED(more, ",\"url\":7", "\"url\" is wrong");

    error = skip_event_parse("{}", &event);
    assert_string_equal(error, "\"policy\" is missing");
    free(error);
    error = skip_event_parse("[]", &event);
    assert_string_equal(error, "not an object");
    free(error);
    error = skip_event_parse("", &event);
    assert_non_null(error);
    free(error);

    char *line = xmalloc(SKIP_EVENT_MAX + 2);
    memset(line, ' ', SKIP_EVENT_MAX + 1);
    line[SKIP_EVENT_MAX + 1] = '\0';
    error = skip_event_parse(line, &event);
    assert_string_equal(error, "more than 8192 bytes");
    free(error);
    free(line);
}

/* Segments from 10.0.0.2 port 80 to 10.0.0.1 port 1234. */

static struct dp_packet *
segment(uint16_t flags, uint32_t seq, size_t len)
{
    struct dp_packet *p = dp_packet_new(0);
    struct flow flow = {
        .dl_type = htons(ETH_TYPE_IP),
        .nw_proto = IPPROTO_TCP,
        .nw_ttl = 64,
        .nw_src = htonl(0x0a000002), .nw_dst = htonl(0x0a000001),
        .tp_src = htons(80), .tp_dst = htons(1234),
        .tcp_flags = htons(TCP_ACK),    /* Others get no payload. */
    };
    uint8_t *payload = xzalloc(len + 1);

    flow_compose(p, &flow, payload, len);
    struct tcp_header *tcp = dp_packet_l4(p);
    tcp->tcp_ctl = TCP_CTL(flags, TCP_HEADER_LEN / 4);
    put_16aligned_be32(&tcp->tcp_seq, htonl(seq));
    free(payload);
    return p;
}

static void
check_end(uint16_t flags, uint32_t seq, size_t len, size_t padding,
          uint32_t end)
{
    struct dp_packet *p = segment(flags, seq, len);
    struct direction_frame frame;

    dp_packet_put_zeros(p, padding);
    assert_true(direction_extract(dp_packet_data(p), dp_packet_size(p),
                                  &frame));
    assert_int_equal(frame.end, end);
    assert_int_equal(frame.syn, (flags & TCP_SYN) != 0);
    dp_packet_delete(p);
}

static void
test_direction(void **state OVS_UNUSED)
{
    check_end(TCP_ACK, 1000, 0, 0, 1000);
    check_end(TCP_ACK, 1000, 0, 6, 1000);   /* Short frames are padded. */
    check_end(TCP_ACK, 1000, 1448, 0, 2448);
    check_end(TCP_ACK | TCP_FIN, UINT32_MAX, 1, 0, 1);
    check_end(TCP_SYN, 1000, 0, 0, 1001);

    /* All that it is cut down to, and nonsense, is no reason to stumble. */
    struct dp_packet *p = segment(TCP_ACK, 1000, 100);
    struct direction_frame frame;
    for (size_t n = 0; n < dp_packet_size(p); n++) {
        uint8_t *cut = xmemdup(dp_packet_data(p), n ? n : 1);

        direction_extract(cut, n, &frame);
        free(cut);
    }
    /* Up to 14 + 20 + 20 bytes there is no whole header. */
    assert_false(direction_extract(dp_packet_data(p), 53, &frame));

    struct ip_header *ip = dp_packet_l3(p);
    ip->ip_frag_off = htons(100);
    assert_false(direction_extract(dp_packet_data(p), dp_packet_size(p),
                                   &frame));
    ip->ip_frag_off = htons(0);
    ip->ip_proto = IPPROTO_GRE;
    assert_false(direction_extract(dp_packet_data(p), dp_packet_size(p),
                                   &frame));
    dp_packet_delete(p);
}

static void
put(struct held *h, long long int now, uint16_t flags, uint32_t seq,
    size_t len)
{
    struct timespec when = { .tv_sec = now / 1000 };
    struct dp_packet *p = segment(flags, seq, len);

    held_put(h, now, &when, dp_packet_data(p), dp_packet_size(p),
             dp_packet_size(p));
    dp_packet_delete(p);
}

/* Says at 'now' that 500 bytes from 1000 on were skipped. */
static void
tell(struct held *h, long long int now)
{
    struct skip_event event;

    assert_null(parse(&usual, &event));
    held_tell(h, now, &event);
    skip_event_uninit(&event);
}

/* Takes the next packet and returns how many comments it has, or -1 if there
 * is none. */
static int
pop(struct held *h, long long int now)
{
    struct held_packet *p = held_pop(h, now);
    int n = p ? p->comments.n : -1;

    if (p) {
        held_free(p);
    }
    return n;
}

static void
test_delay(void **state OVS_UNUSED)
{
    struct held h;

    held_init(&h, 100, 1 << 20);
    assert_int_equal(held_due(&h), LLONG_MAX);
    put(&h, 1000, TCP_ACK, 1, 10);
    put(&h, 1001, TCP_ACK, 11, 10);
    assert_int_equal(held_due(&h), 1100);
    assert_int_equal(pop(&h, 1099), -1);
    assert_int_equal(pop(&h, 1100), 0);
    assert_int_equal(pop(&h, 1100), -1);
    assert_int_equal(pop(&h, 1101), 0);
    assert_int_equal(held_due(&h), LLONG_MAX);
    put(&h, 2000, TCP_ACK, 1, 10);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    put(&h, 2000, TCP_ACK, 1, 10);
    held_destroy(&h);
}

static void
test_memory(void **state OVS_UNUSED)
{
    struct held h;

    held_init(&h, 100, 10000);
    for (int i = 0; i < 100; i++) {
        put(&h, 0, TCP_ACK, i * 1000, 1000);
        while (pop(&h, 0) >= 0) {
            continue;
        }
        assert_true(h.bytes <= 10000);
    }
    assert_true(ovs_list_size(&h.packets) >= 5);
    held_destroy(&h);
    assert_int_equal(h.bytes, 0);
}

static void
test_news_before_packet(void **state OVS_UNUSED)
{
    struct held h;

    held_init(&h, 100, 1 << 20);
    tell(&h, 1000);
    put(&h, 1010, TCP_ACK, 400, 100);       /* Retransmitted. */
    put(&h, 1010, TCP_ACK, 990, 20);        /* Across the beginning. */
    put(&h, 1010, TCP_ACK, 1490, 20);       /* Across the end. */
    put(&h, 1010, TCP_ACK, 1510, 20);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    assert_int_equal(pop(&h, LLONG_MAX), 1);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    held_destroy(&h);
}

static void
test_news_after_packet(void **state OVS_UNUSED)
{
    struct held h;

    held_init(&h, 100, 1 << 20);
    put(&h, 1000, TCP_SYN | TCP_ACK, 0, 0);
    put(&h, 1000, TCP_ACK, 990, 20);
    put(&h, 1000, TCP_ACK | TCP_FIN, 1500, 0);
    put(&h, 1000, TCP_ACK, 1501, 0);
    tell(&h, 1050);
    tell(&h, 1050);                         /* Of another policy. */
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    assert_int_equal(pop(&h, LLONG_MAX), 2);
    assert_int_equal(pop(&h, LLONG_MAX), 0);

    /* Too late for the packet that follows: the one after it. */
    put(&h, 2000, TCP_ACK, 1501, 0);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    tell(&h, 2000);
    put(&h, 9000, TCP_ACK, 1501, 0);
    assert_int_equal(pop(&h, LLONG_MAX), 1);
    held_destroy(&h);
}

static void
test_another_connection(void **state OVS_UNUSED)
{
    struct held h;

    held_init(&h, 100, 1 << 20);
    tell(&h, 1000);
    /* The SYN of this connection may reach us late... */
    put(&h, 1500, TCP_SYN | TCP_ACK, 0, 0);
    assert_int_equal(h.n_without_packet, 0);
    put(&h, 1500, TCP_ACK, 1500, 1);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    assert_int_equal(pop(&h, LLONG_MAX), 1);

    /* ...but not that late. */
    tell(&h, 2000);
    put(&h, 3000, TCP_SYN | TCP_ACK, 77, 0);
    put(&h, 3000, TCP_ACK, 1500, 1);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    assert_int_equal(pop(&h, LLONG_MAX), 0);
    assert_int_equal(h.n_without_packet, 1);
    held_destroy(&h);
}

static void
test_much_news(void **state OVS_UNUSED)
{
    struct held h;

    held_init(&h, 100, 1 << 20);
    for (int i = 0; i < HELD_MAX_NEWS + 5; i++) {
        tell(&h, 1000);
    }
    assert_int_equal(h.n_without_packet, 5);
    put(&h, 1000, TCP_ACK, 1500, 1);
    assert_int_equal(pop(&h, LLONG_MAX), HELD_MAX_NEWS);
    held_destroy(&h);
}

static void
check_name(const char *path, const char *ending, bool numbered,
           uint64_t number, const char *expected)
{
    struct series s;

    series_init(&s, path, ending, numbered);
    char *name = series_name(&s, number);
    assert_string_equal(name, expected);
    assert_int_equal(series_number(&s, strrchr(name, '/') + 1), number);
    free(name);
    series_destroy(&s);
}

static void
test_names(void **state OVS_UNUSED)
{
    check_name("/d/web.pcapng", "", false, 1, "/d/web.pcapng");
    check_name("/d/web.pcapng", "", false, 2, "/d/web-000002.pcapng");
    check_name("/d/web.pcapng", "", true, 1, "/d/web-000001.pcapng");
    check_name("/d/web.pcapng", "", true, 1234567, "/d/web-1234567.pcapng");
    check_name("/d/web.pcapng", ".gz", true, 3, "/d/web-000003.pcapng.gz");
    check_name("/d/web.pcapng.gz", ".gz", false, 1, "/d/web.pcapng.gz");
    check_name("/d/web.pcapng.gz", "", true, 1, "/d/web-000001.pcapng.gz");
    check_name("/d.x/web", "", true, 1, "/d.x/web-000001");
    check_name("/d/.gz", "", true, 1, "/d/.gz-000001");
    check_name("/d/a.b.c", "", true, 1, "/d/a.b-000001.c");

    struct series s;
    series_init(&s, "/d/web.pcapng", "", true);
    static const char *const others[] = {
        "", "web", "web.pcapng", "web-.pcapng", "web-1.pcapng",
        "web-000000.pcapng", "web-00001.pcapng", "web-0000001.pcapng",
        "web-000001.pcapng.gz", "web-000001.pcapn", "web-00000x.pcapng",
        "web--00001.pcapng", "web-99999999999999999999.pcapng",
        "webb-000001.pcapng", "WEB-000001.pcapng", "web-000001-000001.pcapng",
    };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_int_equal(series_number(&s, others[i]), 0);
    }
    series_destroy(&s);
}

static void
make(const char *dir, const char *name)
{
    char *path = xasprintf("%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);

    assert_true(fd >= 0);
    close(fd);
    free(path);
}

static void
check_open(struct series *s, const char *dir, const char *expected)
{
    char *name;
    int fd = series_open(s, &name);

    assert_true(fd >= 0);
    assert_string_equal(name + strlen(dir) + 1, expected);
    close(fd);
    free(name);
}

static void
check_exists(const char *dir, const char *name, bool expected)
{
    char *path = xasprintf("%s/%s", dir, name);

    assert_int_equal(!access(path, F_OK), expected);
    free(path);
}

static void
test_files(void **state OVS_UNUSED)
{
    char dir[] = "/tmp/test-tasuki-capture.XXXXXX";
    struct series s;

    assert_non_null(mkdtemp(dir));
    char *path = xasprintf("%s/web.pcapng", dir);

    /* Goes on where others have ended, and takes no name that is taken. */
    make(dir, "web-000007.pcapng");
    make(dir, "web-0000099.pcapng");
    series_init(&s, path, "", true);
    check_open(&s, dir, "web-000008.pcapng");
    make(dir, "web-000009.pcapng");
    check_open(&s, dir, "web-000010.pcapng");
    series_prune(&s, 2);
    check_exists(dir, "web-000007.pcapng", false);
    check_exists(dir, "web-000008.pcapng", false);
    check_exists(dir, "web-000009.pcapng", true);
    check_exists(dir, "web-000010.pcapng", true);
    check_exists(dir, "web-0000099.pcapng", true);
    series_destroy(&s);

    series_init(&s, path, "", false);
    check_open(&s, dir, "web-000011.pcapng");
    series_destroy(&s);

    /* One file. */
    char *other = xasprintf("%s/mail", dir);
    series_init(&s, other, "", false);
    check_open(&s, dir, "mail");
    series_destroy(&s);
    series_init(&s, other, "", false);
    check_open(&s, dir, "mail-000002");
    series_prune(&s, 1);
    check_exists(dir, "mail", false);
    series_destroy(&s);
    free(other);
    free(path);

    /* No folder. */
    series_init(&s, "/nowhere/x", "", true);
    assert_int_equal(series_open(&s, &path), -ENOENT);
    free(path);
    series_prune(&s, 1);
    series_destroy(&s);

    char *command = xasprintf("rm -r %s", dir);
    assert_int_equal(system(command), 0);
    free(command);
}

static void
test_totals(void **state OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    struct skips_total t;

    skips_total_init(&t);
    skips_total_format(&t, &ds);
    assert_string_equal(ds_cstr(&ds), "");
    skips_total_add(&t, "web", 1);
    skips_total_add(&t, "mail", UINT64_C(1) << 40);
    skips_total_add(&t, "web", 2);
    skips_total_format(&t, &ds);
    assert_string_equal(ds_cstr(&ds),
                        "; policy mail skipped 1099511627776 bytes in 1 range"
                        "; policy web skipped 3 bytes in 2 ranges");

    /* However many, and however long their names are, the room for the end of
     * a file is enough: 64 KB for a comment (draft-ietf-opsawg-pcapng section
     * 3.5). */
    char *name = xmalloc(1001);
    for (int i = 0; i < 1000; i++) {
        memset(name, 'x', 1000);
        snprintf(name, 1001, "%d", i);
        name[strlen(name)] = 'x';
        name[1000] = '\0';
        skips_total_add(&t, name, UINT64_MAX / 1000);
    }
    free(name);
    ds_clear(&ds);
    skips_total_format(&t, &ds);
    assert_true(ds.length < 32768);
    assert_non_null(strstr(ds_cstr(&ds), "policy (others) skipped"));
    skips_total_destroy(&t);
    ds_destroy(&ds);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_event_refused),
        cmocka_unit_test(test_direction),
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_news_before_packet),
        cmocka_unit_test(test_news_after_packet),
        cmocka_unit_test(test_another_connection),
        cmocka_unit_test(test_much_news),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_totals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
