/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Super-packets that straddle an edge of check_tcp_seq's window.  Each piece
 * is held, byte by byte, against a packet that was written from scratch for
 * the payload between two edges. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "coverage.h"
#include "dp-packet.h"
#include "odp-netlink.h"
#include "packets.h"
#include "random.h"
#include "tasuki-action.h"
#include "tcp-cut.h"
#include "tcp-packet.h"
#include "check-tcp-seq.h"
#include "util.h"

extern struct coverage_counter counter_check_tcp_seq_cut;
extern struct coverage_counter counter_check_tcp_seq_straddles;

/* RFC 9293 section 3.1. */
enum { ECE = 0x40, CWR = 0x80 };

/* Two edges and the FIN. */
enum { MAX_PIECES = 3 };

/* A segment as TCP sees it. */
struct segment {
    int version;                /* Of IP. */
    bool ext;                   /* IPv6 has an extension header. */
    bool ts;                    /* TCP has the timestamp option. */
    uint8_t flags;
    uint32_t seq;
    uint8_t *payload;
    size_t size;
};

/* A packet from its IP header on, in a heap block of exactly that size. */
struct bytes {
    uint8_t *b;
    size_t len;
};

/* The checksum of IPv4 (RFC 791): ones' complement of the sum of all words but
 * itself. */
static uint16_t
ip4_csum(const uint8_t *l3)
{
    uint32_t sum = 0;

    for (int i = 0; i < 20; i += 2) {
        sum += i == 10 ? 0 : get16(&l3[i]);
    }
    while (sum >> 16) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return ~sum;
}

static struct bytes
write_packet(const struct segment *s)
{
    uint8_t tcp[20] = { 0x82, 0xd2, 0, 80 };
    struct packet p;

    packet_ip(&p, s->version, s->ext ? 0 : 6);
    if (s->ext) {
        packet_ext(&p, 6, 0, 8);
        memcpy(&p.b[42], "\1\4\0\0\0\0", 6);    /* PadN. */
    }
    p.tcp = p.len;
    put32(&tcp[4], s->seq);
    put32(&tcp[8], ACKNO);
    tcp[12] = s->ts ? 0x80 : 0x50;
    tcp[13] = s->flags;
    put16(&tcp[14], WINDOW);
    packet_append(&p, tcp, sizeof tcp);
    if (s->ts) {
        packet_append(&p, aligned_ts, sizeof aligned_ts);
    }

    struct bytes bytes = { xmalloc(p.len + s->size), p.len + s->size };
    memcpy(bytes.b, p.b, p.len);
    if (s->size) {
        memcpy(bytes.b + p.len, s->payload, s->size);
    }
    if (s->version == 4) {
        put16(bytes.b + 2, bytes.len);
        put16(bytes.b + 10, ip4_csum(bytes.b));
    } else {
        put16(bytes.b + 4, bytes.len - 40);
    }
    put16(bytes.b + p.tcp + 16,
          tcp_model_pseudo_sum(bytes.b, p.tcp, bytes.len));
    return bytes;
}

/* Divides 's' into 'pieces', and returns their number, by going from byte to
 * byte; in 'inside' says which of them are. */
static int
model(const struct check_tcp_seq *c, const struct segment *s,
      struct segment pieces[MAX_PIECES], bool inside[MAX_PIECES])
{
    int n = 0;

    for (size_t i = 0; i < s->size; i++) {
        bool in = tcp_model_in_window(c, (int64_t) s->seq + i);

        if (!n || in != inside[n - 1]) {
            assert_true(n < MAX_PIECES);
            inside[n] = in;
            pieces[n] = *s;
            pieces[n].seq += i;
            pieces[n].payload += i;
            pieces[n++].size = 0;
        }
        pieces[n - 1].size++;
    }
    if (s->flags & FIN && n && inside[n - 1]) {
        assert_true(n < MAX_PIECES);
        inside[n] = false;
        pieces[n] = *s;
        pieces[n].seq += s->size;
        pieces[n++].size = 0;
    }
    for (int i = 0; i < n; i++) {
        if (i < n - 1) {
            pieces[i].flags &= ~(FIN | PSH);
        }
        if (i) {
            pieces[i].flags &= ~CWR;
        }
    }
    return n;
}

/* Cuts 's' and holds the pieces against the model's.  Returns their number. */
static int
assert_pieces(const struct check_tcp_seq *c, const struct segment *s)
{
    struct segment pieces[MAX_PIECES];
    bool inside[MAX_PIECES];
    struct bytes rest = write_packet(s);
    int n = model(c, s, pieces, inside);

    for (int i = 0; i < n; i++) {
        struct bytes expected = write_packet(&pieces[i]);
        enum check_tcp_verdict v = check_tcp_packet(c, rest.b, rest.len);
        struct bytes first = rest;

        assert_int_equal(v, i < n - 1 ? CHECK_TCP_STRADDLES
                         : inside[i] ? CHECK_TCP_INSIDE : CHECK_TCP_OUTSIDE);
        if (v == CHECK_TCP_STRADDLES) {
            struct tcp_cut cut;

            assert_true(tcp_cut_find(c, rest.b, rest.len, &cut));
            rest.b = xmemdup(rest.b, rest.len);
            rest.len = tcp_cut_rest(&cut, rest.b);
            first.len = tcp_cut_first(&cut, first.b);
            assert_int_equal(check_tcp_packet(c, first.b, first.len),
                             inside[i] ? CHECK_TCP_INSIDE : CHECK_TCP_OUTSIDE);
        }
        assert_int_equal(first.len, expected.len);
        assert_memory_equal(first.b, expected.b, expected.len);
        free(first.b);
        free(expected.b);
    }
    return n;
}

static uint8_t *
random_payload(size_t size)
{
    uint8_t *payload = xmalloc(size);

    random_bytes(payload, size);
    return payload;
}

static uint32_t
near(uint32_t number, uint32_t range)
{
    return number + random_range(2 * range + 1) - range;
}

static void
random_super_packets(void **state)
{
    static const uint8_t flags[] = {
        ACK, ACK | PSH, ACK | FIN, ACK | PSH | FIN, ACK | CWR, ACK | ECE,
        ACK | PSH | FIN | ECE | CWR,
    };
    uint8_t *payload = random_payload(UINT16_MAX);
    unsigned int seen[MAX_PIECES + 1] = { 0 };

    (void) state;
    for (int i = 0; i < 20000; i++) {
        size_t size = 1 + random_range(random_range(50) ? 40 : 65400);
        struct check_tcp_seq c = {
            /* About where numbers wrap around, or anywhere. */
            .start = random_range(2) ? near(0, size) : random_uint32(),
            .len = (random_range(4) ? 1 + random_range(size)
                    : CHECK_TCP_LEN_MAX - random_range(20)),
        };
        struct segment s = {
            .version = random_range(2) ? 4 : 6,
            .ts = random_range(2),
            .flags = flags[random_range(ARRAY_SIZE(flags))],
            .seq = near(random_range(2) ? c.start : c.start + c.len, size),
            .payload = payload,
            .size = size,
        };

        s.ext = s.version == 6 && !random_range(4);
        seen[assert_pieces(&c, &s)]++;
    }
    for (int i = 1; i <= MAX_PIECES; i++) {
        assert_true(seen[i] > 1000);
    }
    free(payload);
}

/* The largest packets there are. */
static void
largest(void **state)
{
    uint8_t *payload = random_payload(UINT16_MAX);

    (void) state;
    for (int version = 4; version <= 6; version += 2) {
        size_t size = UINT16_MAX - 20 - (version == 4 ? 20 : 0);
        struct segment s = {
            .version = version,
            .flags = ACK | FIN,
            .payload = payload,
            .size = size,
        };
        const uint32_t windows[][3] = {
            { 0, size, 2 }, { 0, size - 1, 2 }, { 1, size, 3 },
            { size - 1, 1, 3 }, { 0, 1, 2 }, { size, 1, 1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(windows); i++) {
            struct check_tcp_seq c = {
                .start = windows[i][0], .len = windows[i][1],
            };
            assert_int_equal(assert_pieces(&c, &s), windows[i][2]);
        }
    }
    free(payload);
}

/* RFC 6864 section 4.2: two fragmentable packets must not have the same
 * identification.  And nobody knows where a packet ends that does not say. */
static void
uncut(void **state)
{
    const struct check_tcp_seq c = { .start = 3, .len = 5 };
    struct tcp_cut cut;

    (void) state;
    for (int version = 4; version <= 6; version += 2) {
        struct segment s = {
            .version = version,
            .flags = ACK,
            .payload = (uint8_t *) "0123456789",
            .size = 10,
        };
        struct bytes p = write_packet(&s);

        assert_true(tcp_cut_find(&c, p.b, p.len, &cut));
        if (version == 4) {
            p.b[6] = 0;
            assert_false(tcp_cut_find(&c, p.b, p.len, &cut));
            p.b[6] = 0x40;
        }
        put16(p.b + (version == 4 ? 2 : 4), 0);
        assert_int_equal(check_tcp_packet(&c, p.b, p.len),
                         CHECK_TCP_STRADDLES);
        assert_false(tcp_cut_find(&c, p.b, p.len, &cut));
        free(p.b);
    }
}

/* The action, in the datapath. */

enum { IN_PORT = 7, FLOW_MARK = 9, PAD = 3 };

static struct dp_packet *sent[NETDEV_MAX_BURST * MAX_PIECES];
static size_t n_sent;

/* An odp_execute_cb. */
static void
collect(void *dp OVS_UNUSED, struct dp_packet_batch *batch,
        const struct nlattr *action, bool steal)
{
    struct dp_packet *packet;

    assert_int_equal(nl_attr_type(action), OVS_ACTION_ATTR_RECIRC);
    assert_true(steal);
    DP_PACKET_BATCH_FOR_EACH (i, packet, batch) {
        assert_true(n_sent < ARRAY_SIZE(sent));
        sent[n_sent++] = packet;
    }
}

/* Has the action and one more executed on 'batch', as it would be by
 * odp_execute_actions(). */
static void
execute(const struct check_tcp_seq *c, struct dp_packet_batch *batch)
{
    struct {
        struct nlattr attr;
        uint32_t id;
    } recirc = { { sizeof recirc, OVS_ACTION_ATTR_RECIRC }, 1 };
    const struct tasuki_exec exec = {
        .dp_execute_action = collect,
        .rest = &recirc.attr,
        .rest_len = sizeof recirc,
    };

    n_sent = 0;
    tasuki_check_tcp_seq.execute(batch, c, &exec);
    tasuki_exec_rest(&exec, batch);
}

/* Returns 's' as a port with TSO passes it on: Ethernet, perhaps a VLAN tag,
 * and some bytes of padding. */
static struct dp_packet *
receive(const struct segment *s, bool vlan, uint32_t hash)
{
    struct bytes p = write_packet(s);
    size_t size = ETH_HEADER_LEN + p.len + PAD;
    uint8_t *frame = xzalloc(size);

    put16(frame + 12, s->version == 4 ? ETH_TYPE_IP : ETH_TYPE_IPV6);
    memcpy(frame + ETH_HEADER_LEN, p.b, p.len);
    struct dp_packet *packet = dp_packet_clone_data_with_headroom(frame, size,
                                                                  64);
    packet->l3_ofs = ETH_HEADER_LEN;
    dp_packet_set_l2_pad_size(packet, PAD);
    if (vlan) {
        eth_push_vlan(packet, htons(ETH_TYPE_VLAN), htons(5));
    }
    dp_packet_hwol_set_tcp_seg(packet);
    dp_packet_hwol_set_csum_tcp(packet);
    dp_packet_set_rss_hash(packet, hash);
    dp_packet_set_flow_mark(packet, FLOW_MARK);
    packet->md.in_port.odp_port = IN_PORT;
    free(frame);
    free(p.b);
    return packet;
}

/* Asserts that 'packet' is 's', received as receive() says. */
static void
assert_sent(struct dp_packet *packet, const struct segment *s, bool vlan,
            uint32_t hash, bool inside)
{
    struct bytes expected = write_packet(s);
    size_t l2 = vlan ? VLAN_ETH_HEADER_LEN : ETH_HEADER_LEN;
    const uint8_t *data = dp_packet_data(packet);
    uint32_t mark;

    assert_int_equal(packet->md.dp_hash, inside);
    assert_int_equal(packet->l3_ofs, l2);
    assert_int_equal(dp_packet_size(packet),
                     l2 + expected.len + dp_packet_l2_pad_size(packet));
    assert_memory_equal(data + l2, expected.b, expected.len);
    if (vlan) {
        assert_int_equal(get32(data + 12), 0x81000005);
    }
    assert_int_equal(get16(data + l2 - 2),
                     s->version == 4 ? ETH_TYPE_IP : ETH_TYPE_IPV6);
    assert_int_equal(packet->md.in_port.odp_port, IN_PORT);
    assert_int_equal(dp_packet_get_rss_hash(packet), hash);
    assert_true(dp_packet_has_flow_mark(packet, &mark));
    assert_int_equal(mark, FLOW_MARK);
    assert_int_equal(dp_packet_hwol_is_tso(packet), s->size > 0);
    assert_true(dp_packet_hwol_l4_is_tcp(packet));
    free(expected.b);
}

/* Batches as large as they come, of which more comes out than one batch
 * holds. */
static void
batches(void **state)
{
    enum { SIZE = UINT16_MAX - 20 - 20 };       /* What IPv4 has room for. */
    const struct check_tcp_seq c = { .start = UINT32_MAX - 99, .len = 30000 };
    uint8_t *payload = random_payload(SIZE);
    unsigned int most = 0;

    (void) state;
    counter_check_tcp_seq_cut.count();
    for (int round = 0; round < 20; round++) {
        struct segment s[NETDEV_MAX_BURST];
        bool vlan[NETDEV_MAX_BURST];
        struct dp_packet_batch batch;
        unsigned int n_cuts = 0;
        size_t k = 0;

        dp_packet_batch_init(&batch);
        for (int i = 0; i < NETDEV_MAX_BURST; i++) {
            bool all = round == 0 || random_range(2);

            s[i] = (struct segment) {
                .version = random_range(2) ? 4 : 6,
                .flags = ACK | PSH | (random_range(2) ? FIN : 0),
                .seq = c.start - (all ? 100 : random_range(2 * SIZE)),
                .payload = payload,
                .size = all ? SIZE : 1 + random_range(SIZE),
            };
            vlan[i] = random_range(2);
            dp_packet_batch_add(&batch, receive(&s[i], vlan[i], i));
        }
        execute(&c, &batch);

        for (int i = 0; i < NETDEV_MAX_BURST; i++) {
            struct segment pieces[MAX_PIECES];
            bool inside[MAX_PIECES];
            int n = model(&c, &s[i], pieces, inside);

            for (int j = 0; j < n; j++) {
                assert_true(k < n_sent);
                assert_sent(sent[k], &pieces[j], vlan[i], i, inside[j]);
                dp_packet_delete(sent[k++]);
            }
            n_cuts += n - 1;
        }
        assert_int_equal(k, n_sent);
        assert_int_equal(counter_check_tcp_seq_cut.count(), n_cuts);
        most = MAX(most, n_sent);
    }
    assert_int_equal(most, NETDEV_MAX_BURST * MAX_PIECES);
    free(payload);
}

/* Packets that straddle an edge and stay whole. */
static void
whole(void **state)
{
    const struct check_tcp_seq c = { .start = 3, .len = 5 };
    const struct segment s = {
        .version = 4,
        .flags = ACK,
        .payload = (uint8_t *) "0123456789",
        .size = 10,
    };

    (void) state;
    counter_check_tcp_seq_cut.count();
    counter_check_tcp_seq_straddles.count();
    for (int fragmentable = 0; fragmentable < 2; fragmentable++) {
        struct dp_packet *packet = receive(&s, false, 1);
        size_t size = dp_packet_size(packet);
        struct dp_packet_batch batch;

        if (fragmentable) {
            uint8_t *l3 = dp_packet_l3(packet);
            l3[6] = 0;
        } else {
            /* No super-packet. */
            *dp_packet_ol_flags_ptr(packet) &= ~DP_PACKET_OL_TX_TCP_SEG;
        }
        dp_packet_batch_init_packet(&batch, packet);
        execute(&c, &batch);
        assert_int_equal(n_sent, 1);
        assert_ptr_equal(sent[0], packet);
        assert_int_equal(dp_packet_size(packet), size);
        assert_int_equal(packet->md.dp_hash, 0);
        dp_packet_delete(packet);
        assert_int_equal(counter_check_tcp_seq_cut.count(), 0);
        assert_int_equal(counter_check_tcp_seq_straddles.count(),
                         fragmentable);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_super_packets),
        cmocka_unit_test(largest),
        cmocka_unit_test(uncut),
        cmocka_unit_test(batches),
        cmocka_unit_test(whole),
    };

    random_set_seed(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
