/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* tasuki-ipsec's steering without a network card: the hash, the choice of what
 * it is of, and what is decided for cards of several kinds. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "packets.h"
#include "random.h"
#include "svec.h"
#include "util.h"
#include "utilities/tasuki-ipsec/nic.h"
#include "utilities/tasuki-ipsec/steer-pick.h"
#include "utilities/tasuki-ipsec/steer-plan.h"
#include "utilities/tasuki-ipsec/sysfs.h"

/* The key of Microsoft's "Verifying the RSS Hash Calculation". */
static const uint8_t key[40] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2,
    0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0,
    0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
    0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c,
    0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static struct in6_addr
addr(const char *s)
{
    struct in6_addr a;
    ovs_be32 ip;

    if (ip_parse(s, &ip)) {
        in6_addr_set_mapped_ipv4(&a, ip);
    } else {
        assert_true(ipv6_parse(s, &a));
    }
    return a;
}

static struct sa_flow
flow(const char *src, uint16_t src_port, const char *dst, uint16_t dst_port)
{
    return (struct sa_flow) {
        .src = addr(src), .dst = addr(dst),
        .src_port = htons(src_port), .dst_port = htons(dst_port),
    };
}

/* Microsoft's values: of addresses alone, and with TCP's ports. */
static void
test_vectors(void **state OVS_UNUSED)
{
    static const struct {
        const char *dst;
        uint16_t dst_port;
        const char *src;
        uint16_t src_port;
        uint32_t addresses, ports;
    } vectors[] = {
        { "161.142.100.80", 1766, "66.9.149.187", 2794,
          0x323e8fc2, 0x51ccc178 },
        { "65.69.140.83", 4739, "199.92.111.2", 14230,
          0xd718262a, 0xc626b0ea },
        { "12.22.207.184", 38024, "24.19.198.95", 12898,
          0xd2d0a5de, 0x5c2b394a },
        { "209.142.163.6", 2217, "38.27.205.30", 48228,
          0x82989176, 0xafc7327f },
        { "202.188.127.2", 1303, "153.39.163.191", 44251,
          0x5d1809c5, 0x10e828a2 },
        { "3ffe:2501:200:3::1", 1766, "3ffe:2501:200:1fff::7", 2794,
          0x2cc18cd5, 0x40207d3d },
        { "ff02::1", 4739, "3ffe:501:8::260:97ff:fe40:efab", 14230,
          0x0f0c461c, 0xdde51bbf },
        { "fe80::200:f8ff:fe21:67cf", 38024,
          "3ffe:1900:4545:3:200:f8ff:fe21:67cf", 44251,
          0x4b61e985, 0x02d1feef },
    };
    struct rss rss = { .key = CONST_CAST(uint8_t *, key),
                       .key_len = sizeof key };

    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        struct sa_flow f = flow(vectors[i].src, vectors[i].src_port,
                                vectors[i].dst, vectors[i].dst_port);

        assert_int_equal(rss_hash(&rss, RSS_ADDRESSES, &f),
                         vectors[i].addresses);
        assert_int_equal(rss_hash(&rss, RSS_PORTS, &f), vectors[i].ports);

        /* The SPI is where the ports would be. */
        f.spi = htonl((uint32_t) vectors[i].src_port << 16
                      | vectors[i].dst_port);
        assert_int_equal(rss_hash(&rss, RSS_SPI, &f), vectors[i].ports);
    }
}

/* A key that is too short goes on with zeros. */
static void
test_short_key(void **state OVS_UNUSED)
{
    uint8_t padded[40] = { 0 };
    uint8_t data[36];

    for (size_t len = 0; len <= 40; len++) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, key, len);
        random_bytes(data, sizeof data);
        assert_int_equal(toeplitz_hash(key, len, data, sizeof data),
                         toeplitz_hash(padded, 40, data, sizeof data));
    }
}

/* The definition, word by word: for each bit of the input that is set, the 32
 * bits of the key from the same place on are added without carry. */
static uint32_t
model_hash(const uint8_t *k, const uint8_t *data, size_t n)
{
    uint32_t hash = 0;

    for (size_t i = 0; i < n * 8; i++) {
        if (data[i / 8] >> (7 - i % 8) & 1) {
            for (size_t j = 0; j < 32; j++) {
                size_t bit = i + j;

                hash ^= (uint32_t) (k[bit / 8] >> (7 - bit % 8) & 1)
                        << (31 - j);
            }
        }
    }
    return hash;
}

/* Two directions of a flow hash alike if source and destination are mixed. */
static void
test_symmetric(void **state OVS_UNUSED)
{
    struct rss rss = { .key = CONST_CAST(uint8_t *, key),
                       .key_len = sizeof key };
    struct sa_flow there = flow("192.0.2.1", 4500, "198.51.100.2", 40001);
    struct sa_flow back = flow("198.51.100.2", 40001, "192.0.2.1", 4500);
    /* 192.0.2.1 | 198.51.100.2, and ^; 4500 = 0x1194, 40001 = 0x9c41. */
    const uint8_t or_xor[] = { 198, 51, 102, 3, 6, 51, 102, 3,
                               0x9d, 0xd5, 0x8d, 0xd5 };
    const uint8_t xor[] = { 6, 51, 102, 3, 6, 51, 102, 3,
                            0x8d, 0xd5, 0x8d, 0xd5 };

    assert_int_not_equal(rss_hash(&rss, RSS_PORTS, &there),
                         rss_hash(&rss, RSS_PORTS, &back));
    rss.mix = RSS_OR_XOR;
    assert_int_equal(rss_hash(&rss, RSS_PORTS, &there),
                     model_hash(key, or_xor, sizeof or_xor));
    assert_int_equal(rss_hash(&rss, RSS_PORTS, &back),
                     model_hash(key, or_xor, sizeof or_xor));
    rss.mix = RSS_XOR;
    assert_int_equal(rss_hash(&rss, RSS_PORTS, &there),
                     model_hash(key, xor, sizeof xor));
    assert_int_equal(rss_hash(&rss, RSS_ADDRESSES, &back),
                     model_hash(key, xor, 8));
}

#define MAX_SAS 64

/* SAs as a tunnel has them by default. */
static void
make_flows(struct sa_flow *flows, size_t n, enum steer_key by, bool ipv6)
{
    const char *src = ipv6 ? "2001:db8::1" : "192.0.2.1";
    const char *dst = ipv6 ? "2001:db8::2:1" : "198.51.100.1";

    for (size_t i = 0; i < n; i++) {
        flows[i] = flow(src, 0, dst, 0);
        flows[i].spi = htonl(0x1000 + i);
        if (by == STEER_PORT) {
            flows[i].src_port = htons(40000 + i);
            flows[i].dst_port = htons(4500);
        } else if (by == STEER_ADDRESS) {
            flows[i].dst.s6_addr[15] += i;
        }
    }
}

/* The queue of 'f', by the model. */
static uint32_t
model_queue(const struct rss *rss, enum steer_key by, const struct sa_flow *f)
{
    bool ipv6 = !IN6_IS_ADDR_V4MAPPED(&f->dst);
    size_t size = ipv6 ? 16 : 4;
    uint8_t data[36];

    memcpy(data, &f->src.s6_addr[16 - size], size);
    memcpy(data + size, &f->dst.s6_addr[16 - size], size);
    if (by == STEER_SPI) {
        memcpy(data + 2 * size, &f->spi, 4);
    } else {
        memcpy(data + 2 * size, &f->src_port, 2);
        memcpy(data + 2 * size + 2, &f->dst_port, 2);
    }
    return rss->table[model_hash(rss->key, data,
                                 2 * size + (by == STEER_ADDRESS ? 0 : 4))
                      % rss->n_table];
}

static void
check_even(const struct rss *rss, enum steer_key by,
           const struct sa_flow *flows, size_t n, size_t n_queues)
{
    size_t *load = xcalloc(n_queues, sizeof *load);

    for (size_t i = 0; i < n; i++) {
        uint32_t queue = model_queue(rss, by, &flows[i]);

        assert_true(queue < n_queues);
        load[queue]++;
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(&flows[i], &flows[j], sizeof flows[i]);
        }
    }
    for (size_t q = 0; q < n_queues; q++) {
        assert_in_range(load[q], n / n_queues,
                        (n + n_queues - 1) / n_queues);
    }
    free(load);
}

/* Is there a choice at all?  There are few addresses, and not many ports: a
 * key may leave queues out. */
static bool
can_be_even(const struct rss *rss, enum steer_key by,
            const struct sa_flow *flows, size_t n, size_t n_queues)
{
    const struct sa_flow *first = &flows[0];
    bool ipv6 = !IN6_IS_ADDR_V4MAPPED(&first->dst);
    uint32_t end = (by == STEER_PORT ? 65536 - ntohs(first->src_port)
                    : by == STEER_SPI ? 65536 : ipv6 ? 65535 : 254);
    size_t *found = xcalloc(n_queues, sizeof *found);
    size_t least = n / n_queues, more = 0;
    bool by_src = n > 1 && ipv6_addr_equals(&flows[0].dst, &flows[1].dst);
    bool enough = true;

    for (uint32_t i = 0; i < end; i++) {
        struct sa_flow f = *first;

        if (by == STEER_SPI) {
            f.spi = htonl(ntohl(f.spi) + i);
        } else if (by == STEER_PORT) {
            f.src_port = htons(ntohs(f.src_port) + i);
        } else {
            struct in6_addr *a = by_src ? &f.src : &f.dst;

            a->s6_addr[15] = i + 1;
            if (ipv6) {
                a->s6_addr[14] = (i + 1) >> 8;
            }
        }
        found[model_queue(rss, by, &f)]++;
    }
    for (size_t q = 0; q < n_queues; q++) {
        enough &= found[q] >= least;
        more += found[q] > least;
    }
    free(found);
    return enough && more >= n % n_queues;
}

/* Whatever key and table, SAs are spread as evenly as queues allow, and what
 * was chosen once is chosen again. */
static void
test_pick(void **state OVS_UNUSED)
{
    uint32_t table[128];
    uint8_t k[52];
    struct rss rss = { .key = k, .key_len = sizeof k,
                       .table = table, .n_table = ARRAY_SIZE(table) };

    random_set_seed(1);
    for (int round = 0; round < 500; round++) {
        struct sa_flow flows[MAX_SAS], again[MAX_SAS];
        size_t n_queues = 1 + random_range(16);
        enum steer_key by = random_range(3);
        size_t n = 1 + random_range(by == STEER_ADDRESS ? 8 : MAX_SAS);
        bool ipv6 = random_range(2);

        random_bytes(k, sizeof k);
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
            table[i] = i % n_queues;
        }
        make_flows(flows, n, by, ipv6);
        if (by == STEER_ADDRESS && random_range(2)) {
            /* One destination, several sources. */
            for (size_t i = 0; i < n; i++) {
                flows[i].src.s6_addr[15] = flows[i].dst.s6_addr[15];
                flows[i].dst = flows[0].dst;
            }
        }
        char *error = steer_pick(&rss, by, flows, n);
        if (error) {
            assert_false(can_be_even(&rss, by, flows, n, n_queues));
            free(error);
            continue;
        }
        check_even(&rss, by, flows, n, n_queues);
        assert_true(steer_is_even(&rss, steer_key_fields(by), flows, n));
        assert_int_equal(rss_n_queues(&rss), n_queues);

        memcpy(again, flows, n * sizeof *flows);
        assert_null(steer_pick(&rss, by, again, n));
        assert_memory_equal(again, flows, n * sizeof *flows);
    }
}

/* With a key of zeros all comes to one queue: no choice, and none is made. */
static void
test_pick_impossible(void **state OVS_UNUSED)
{
    uint32_t table[4] = { 0, 1, 2, 3 };
    uint8_t zeros[40] = { 0 };
    struct rss rss = { .key = zeros, .key_len = sizeof zeros,
                       .table = table, .n_table = ARRAY_SIZE(table) };
    static const enum steer_key keys[] = {
        STEER_SPI, STEER_PORT, STEER_ADDRESS
    };

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        struct sa_flow flows[4], before[4];

        make_flows(flows, 4, keys[i], false);
        memcpy(before, flows, sizeof flows);
        char *error = steer_pick(&rss, keys[i], flows, 4);
        assert_non_null(error);
        assert_non_null(strstr(error, steer_key_name(keys[i])));
        free(error);
        assert_memory_equal(flows, before, sizeof flows);
    }
}

/* Bitmaps of CPUs as in the kernel's Documentation/core-api (%*pb). */
static void
test_cpus(void **state OVS_UNUSED)
{
    static const struct {
        unsigned int first, n;
        const char *bitmap;
    } cases[] = {
        { 0, 0, "0" }, { 0, 1, "1" }, { 3, 1, "8" }, { 0, 4, "f" },
        { 31, 1, "80000000" }, { 32, 1, "1,00000000" },
        { 0, 33, "1,ffffffff" }, { 64, 2, "3,00000000,00000000" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *s = cpus_format(cases[i].first, cases[i].n);

        assert_string_equal(s, cases[i].bitmap);
        free(s);
    }
    assert_true(cpus_equal("3", "00000000,00000003"));
    assert_true(cpus_equal("0", "00"));
    assert_false(cpus_equal("3", "1,00000003"));
    assert_true(cpus_is_empty("00000000,00000000"));
    assert_false(cpus_is_empty("00000001,00000000"));
}

/* Kinds of interfaces, as nic_probe() finds them on Linux 6.1. */

struct kind {
    const char *driver;
    unsigned int n_queues;
    bool filters;               /* Answers ETHTOOL_GRXCLSRLCNT. */
    bool esp, udp;              /* Says that it hashes SPI, ports. */
    bool udp_set;
    const char *no_rss;
};

static const struct kind mlx5 = {
    .driver = "mlx5_core", .n_queues = 8, .filters = true,
    .udp = true, .udp_set = true,
};
static const struct kind vmxnet3 = {
    .driver = "vmxnet3", .n_queues = 8, .esp = true, .udp = true,
    .udp_set = true, .no_rss = "it does not tell its RSS key",
};
static const struct kind ixgbe = {
    .driver = "ixgbe", .n_queues = 8, .filters = true, .udp_set = true,
};
static const struct kind i40e = {
    .driver = "i40e", .n_queues = 8, .filters = true, .udp = true,
    .udp_set = true,
};
static const struct kind iavf = {
    .driver = "iavf", .n_queues = 8, .filters = true, .udp = true,
    .udp_set = true,
};
static const struct kind ena = {
    .driver = "ena", .n_queues = 8, .udp = true, .udp_set = true,
};
static const struct kind virtio = {
    .driver = "virtio_net", .n_queues = 8,
    .no_rss = "it does not tell its RSS (not supported)",
};
static const struct kind veth = {
    .driver = "veth", .n_queues = 8,
    .no_rss = "it does not tell its RSS (not supported)",
};
static const struct kind dummy = {
    .driver = "dummy", .n_queues = 1,
    .no_rss = "it does not tell its RSS (not supported)",
};
static const struct kind unknown = {
    .driver = "newcard", .n_queues = 8, .filters = true,
    .no_rss = "it does not tell its RSS key",
};

static void
make_nic(struct nic *nic, const struct kind *k, bool ipv6)
{
    memset(nic, 0, sizeof *nic);
    nic->name = xstrdup("eth0");
    nic->driver = xstrdup(k->driver);
    nic->n_rx = nic->n_tx = k->n_queues;
    nic->n_cpus = 8;
    nic->esp.is_on = k->esp;
    nic->udp.is_on = k->udp;
    nic->udp.can_be_set = k->udp_set;
    nic->no_rss = nullable_xstrdup(k->no_rss);
    if (!k->no_rss) {
        nic->rss.key = xmemdup(key, sizeof key);
        nic->rss.key_len = sizeof key;
        nic->rss.n_table = 128;
        nic->rss.table = xcalloc(128, sizeof *nic->rss.table);
        for (size_t i = 0; i < 128; i++) {
            nic->rss.table[i] = i % k->n_queues;
        }
    }
    nic->rps_cpus = xcalloc(nic->n_rx, sizeof *nic->rps_cpus);
    for (size_t i = 0; i < nic->n_rx; i++) {
        nic->rps_cpus[i] = xstrdup("00");
    }
    nic_know_driver(nic, ipv6, k->filters);
}

static void
check_words(const struct kind *k, const char *expected)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    struct nic nic;

    make_nic(&nic, k, false);
    nic_describe(&nic, &words);
    char *s = svec_join(&words, " ", "");
    assert_non_null(strstr(s, expected));
    free(s);
    svec_destroy(&words);
    nic_uninit(&nic);
}

static void
test_words(void **state OVS_UNUSED)
{
    check_words(&mlx5, "eth0 (mlx5_core) has 8 receive queues; there are 8 "
                "CPUs. It hashes ESP by SPI; it hashes UDP ports.");
    check_words(&mlx5, "It can filter by UDP port or address. It cannot "
                "filter by SPI.");
    check_words(&ixgbe, "It cannot hash ESP by SPI; it can be told to hash "
                "UDP ports. Which queue a packet comes to can be computed: "
                "its RSS key and table (128 entries, 8 queues) are known.");
    check_words(&vmxnet3, "cannot be computed: it does not tell its RSS key.");
    check_words(&ena, "It cannot filter by SPI or UDP port or address.");
    check_words(&unknown, "Only a try shows whether it can filter by SPI or "
                "UDP port or address.");
    check_words(&dummy, "has 1 receive queue; there are");
}

/* Has the second SA come to the queue of the first. */
static void
collide(const struct nic *nic, enum steer_key by, struct sa_flow *flows)
{
    enum rss_fields fields = steer_key_fields(by);

    while (rss_queue(&nic->rss, fields, &flows[1])
           != rss_queue(&nic->rss, fields, &flows[0])) {
        if (by == STEER_SPI) {
            flows[1].spi = htonl(ntohl(flows[1].spi) + 1);
        } else if (by == STEER_PORT) {
            flows[1].src_port = htons(ntohs(flows[1].src_port) + 1);
        } else {
            ovs_be32 dst = in6_addr_get_mapped_ipv4(&flows[1].dst);

            in6_addr_set_mapped_ipv4(&flows[1].dst, htonl(ntohl(dst) + 1));
        }
    }
}

/* What is decided: a result and the first command, null for none. */
static void
test_kinds(void **state OVS_UNUSED)
{
#define RPS_ALL "echo ff >/sys/class/net/eth0/queues/rx-0/rps_cpus"
#define BY_PORT "ethtool -N eth0 flow-type udp4 src-ip 192.0.2.1 dst-ip " \
                "198.51.100.1 src-port 40000 dst-port 4500 action 0 loc 0"
#define BY_ADDRESS "ethtool -N eth0 flow-type ip4 src-ip 192.0.2.1 dst-ip " \
                   "198.51.100.1 action 0 loc 0"
    static const struct {
        const struct kind *kind;
        enum steer_key key;
        enum plan_result result;
        const char *command;
    } cases[] = {
        { &mlx5, STEER_SPI, PLAN_CHOOSE, NULL },
        { &mlx5, STEER_PORT, PLAN_EXACT, BY_PORT },
        { &mlx5, STEER_ADDRESS, PLAN_EXACT, BY_ADDRESS },
        { &vmxnet3, STEER_SPI, PLAN_SPREAD, RPS_ALL },
        { &vmxnet3, STEER_PORT, PLAN_SPREAD, RPS_ALL },
        { &ixgbe, STEER_SPI, PLAN_SPREAD, RPS_ALL },
        { &ixgbe, STEER_PORT, PLAN_EXACT, BY_PORT },
        { &ixgbe, STEER_ADDRESS, PLAN_EXACT, BY_ADDRESS },
        { &i40e, STEER_SPI, PLAN_SPREAD, RPS_ALL },
        { &i40e, STEER_ADDRESS, PLAN_EXACT, BY_ADDRESS },
        { &iavf, STEER_SPI, PLAN_EXACT,
          "ethtool -N eth0 flow-type esp4 dst-ip 198.51.100.1 spi 0x00001000 "
          "action 0 loc 0" },
        { &ena, STEER_SPI, PLAN_SPREAD, RPS_ALL },
        { &ena, STEER_PORT, PLAN_CHOOSE, NULL },
        { &ena, STEER_ADDRESS, PLAN_CHOOSE, NULL },
        { &virtio, STEER_SPI, PLAN_SPREAD, RPS_ALL },
        { &virtio, STEER_PORT, PLAN_SPREAD, RPS_ALL },
        { &veth, STEER_SPI, PLAN_EXACT,
          "echo 1 >/sys/class/net/eth0/queues/rx-0/rps_cpus" },
        { &dummy, STEER_SPI, PLAN_SPREAD, RPS_ALL },
        { &unknown, STEER_SPI, PLAN_EXACT,
          "ethtool -N eth0 flow-type esp4 dst-ip 198.51.100.1 spi 0x00001000 "
          "action 0 loc 0" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sa_flow flows[8];
        struct steer_request req = {
            .key = cases[i].key, .flows = flows, .n = 8, .n_cpus = 8,
        };
        struct steer_plan plan;
        struct nic nic;

        make_flows(flows, 8, cases[i].key, false);
        make_nic(&nic, cases[i].kind, false);
        nic.ntuple = true;
        if (!nic.no_rss) {
            collide(&nic, req.key, flows);
        }
        steer_plan_receiver(&plan, &nic, &req);
        if (plan.result != cases[i].result) {
            fail_msg("%s, %s: result %d", nic.driver,
                     steer_key_name(req.key), plan.result);
        }
        assert_true(plan.words.n > 0);
        if (cases[i].command) {
            char *command = steer_step_command(&plan.steps[0], nic.name);

            assert_string_equal(command, cases[i].command);
            free(command);
            /* A step for each SA, or for each queue. */
            assert_int_equal(plan.n_steps, cases[i].kind->n_queues);
        } else {
            assert_int_equal(plan.n_steps, 0);
            if (nic.rss.mix == RSS_AS_IS) {
                check_even(&nic.rss, req.key, plan.choice, 8, 8);
            }

            /* As chosen, it needs nothing. */
            struct steer_request chosen = req;
            struct steer_plan second;

            chosen.flows = plan.choice;
            steer_plan_receiver(&second, &nic, &chosen);
            assert_int_equal(second.result, PLAN_EXACT);
            assert_int_equal(second.n_steps, 0);
            steer_plan_uninit(&second);
        }
        steer_plan_uninit(&plan);
        nic_uninit(&nic);
    }
}

/* A card that filters IPv4 alone does not filter IPv6. */
static void
test_ipv6(void **state OVS_UNUSED)
{
    struct sa_flow flows[8];
    struct steer_request req = {
        .key = STEER_ADDRESS, .ipv6 = true, .flows = flows, .n = 8,
        .n_cpus = 8,
    };
    struct steer_plan plan;
    struct nic nic;

    make_flows(flows, 8, STEER_ADDRESS, true);
    make_nic(&nic, &ixgbe, true);
    nic.ntuple = true;
    steer_plan_receiver(&plan, &nic, &req);
    for (size_t i = 0; i < plan.n_steps; i++) {
        assert_int_not_equal(plan.steps[i].kind, STEP_FILTER);
    }
    steer_plan_uninit(&plan);
    nic_uninit(&nic);
}

/* Filters that somebody else has stay, and RPS does not undo what the card has
 * decided. */
static void
test_filters(void **state OVS_UNUSED)
{
    struct sa_flow flows[4];
    struct steer_request req = {
        .key = STEER_ADDRESS, .flows = flows, .n = 4, .n_cpus = 8,
    };
    struct steer_plan plan;
    struct nic nic;

    make_flows(flows, 4, STEER_ADDRESS, false);
    make_nic(&nic, &i40e, false);
    nic.n_rules = 6;
    nic.used = xmalloc(2 * sizeof *nic.used);
    nic.used[0] = 1;
    nic.used[1] = 3;
    nic.n_used = 2;
    free(nic.rps_cpus[5]);
    nic.rps_cpus[5] = xstrdup("ff");

    steer_plan_receiver(&plan, &nic, &req);
    assert_int_equal(plan.result, PLAN_EXACT);
    assert_int_equal(plan.n_steps, 6);
    assert_int_equal(plan.steps[0].kind, STEP_NTUPLE);
    assert_int_equal(plan.steps[1].kind, STEP_RPS);
    assert_int_equal(plan.steps[1].queue, 5);
    assert_string_equal(plan.steps[1].cpus, "0");
    static const uint32_t free_places[] = { 0, 2, 4, 5 };
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plan.steps[2 + i].kind, STEP_FILTER);
        assert_int_equal(plan.steps[2 + i].location, free_places[i]);
        assert_int_equal(plan.steps[2 + i].queue, i);
    }
    steer_plan_uninit(&plan);

    /* One place too few: not by filters. */
    nic.n_rules = 5;
    steer_plan_receiver(&plan, &nic, &req);
    assert_non_null(strstr(plan.words.names[0], "no room for 4 more"));
    for (size_t i = 0; i < plan.n_steps; i++) {
        assert_int_not_equal(plan.steps[i].kind, STEP_FILTER);
    }
    steer_plan_uninit(&plan);
    nic_uninit(&nic);
}

/* A card that does not hash ports, but can. */
static void
test_fields(void **state OVS_UNUSED)
{
    struct sa_flow flows[8];
    struct steer_request req = {
        .key = STEER_PORT, .flows = flows, .n = 8, .n_cpus = 8,
    };
    struct steer_plan plan;
    struct nic nic;

    make_flows(flows, 8, STEER_PORT, false);
    make_nic(&nic, &ena, false);
    nic.udp.is_on = false;
    assert_null(steer_pick(&nic.rss, STEER_PORT, flows, 8));
    steer_plan_receiver(&plan, &nic, &req);
    assert_int_equal(plan.result, PLAN_EXACT);
    assert_int_equal(plan.n_steps, 1);
    char *command = steer_step_command(&plan.steps[0], "eth0");
    assert_string_equal(command, "ethtool -N eth0 rx-flow-hash udp4 sdfn");
    free(command);
    steer_plan_uninit(&plan);
    nic_uninit(&nic);
}

/* No SA goes to several CPUs, and what cannot be is refused. */
static void
test_refused(void **state OVS_UNUSED)
{
    struct sa_flow flows[8];
    struct steer_request req = { .flows = flows, .n = 1, .n_cpus = 8 };
    struct steer_plan plan;
    struct nic nic;

    make_flows(flows, 8, STEER_SPI, false);
    make_nic(&nic, &virtio, false);
    steer_plan_receiver(&plan, &nic, &req);
    assert_int_equal(plan.result, PLAN_REFUSED);
    assert_int_equal(plan.n_steps, 0);
    assert_non_null(strstr(plan.words.names[0], "would overtake each other"));
    steer_plan_uninit(&plan);

    req.n = 8;
    req.n_cpus = 1;
    steer_plan_receiver(&plan, &nic, &req);
    assert_int_equal(plan.result, PLAN_REFUSED);
    assert_int_equal(plan.n_steps, 0);
    steer_plan_uninit(&plan);

    /* The last resort, and not even that. */
    for (unsigned int i = 0; i < nic.n_rx; i++) {
        free(nic.rps_cpus[i]);
    }
    free(nic.rps_cpus);
    nic.rps_cpus = NULL;
    req.n_cpus = 8;
    steer_plan_receiver(&plan, &nic, &req);
    assert_int_equal(plan.result, PLAN_REFUSED);
    assert_non_null(strstr(plan.words.names[0], "has no RPS"));
    steer_plan_uninit(&plan);
    nic_uninit(&nic);
}

/* Both ends of a veth pair agree: transmit queue i + 1 is received as i. */
static void
test_veth(void **state OVS_UNUSED)
{
    struct sa_flow flows[4];
    struct steer_request req = { .flows = flows, .n = 4, .n_cpus = 2 };
    struct steer_plan plan;
    struct nic nic;

    make_flows(flows, 4, STEER_SPI, false);
    make_nic(&nic, &veth, false);
    steer_plan_receiver(&plan, &nic, &req);
    assert_int_equal(plan.n_steps, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plan.steps[i].queue, i);
        assert_string_equal(plan.steps[i].cpus, i % 2 ? "2" : "1");
    }
    steer_plan_uninit(&plan);

    steer_plan_sender(&plan, &nic, &req);
    assert_int_equal(plan.result, PLAN_EXACT);
    assert_int_equal(plan.n_steps, 5);
    assert_int_equal(plan.steps[0].kind, STEP_CLSACT);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plan.steps[1 + i].queue, i + 1);
    }
    char *command = steer_step_command(&plan.steps[4], "eth0");
    assert_string_equal(
        command, "tc filter add dev eth0 egress pref 31313 protocol ip u32 "
        "match ip src 192.0.2.1/32 match ip dst 198.51.100.1/32 "
        "match ip protocol 50 0xff match u32 0x00001003 0xffffffff at 20 "
        "action skbedit queue_mapping 4");
    free(command);
    steer_plan_uninit(&plan);

    nic.n_tx = 4;
    steer_plan_sender(&plan, &nic, &req);
    assert_int_equal(plan.result, PLAN_REFUSED);
    assert_non_null(strstr(plan.words.names[0], "5 are needed"));
    steer_plan_uninit(&plan);
    nic_uninit(&nic);

    make_nic(&nic, &mlx5, false);
    steer_plan_sender(&plan, &nic, &req);
    assert_int_equal(plan.result, PLAN_REFUSED);
    steer_plan_uninit(&plan);
    nic_uninit(&nic);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_short_key),
        cmocka_unit_test(test_symmetric),
        cmocka_unit_test(test_pick),
        cmocka_unit_test(test_pick_impossible),
        cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_veth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
