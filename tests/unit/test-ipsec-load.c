/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* tasuki-ipsec's monitor without a kernel: counters, what they are in a
 * second, and how that is shown. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasuki-ipsec/load.h"

/* As softnet_seq_show() of Linux 6.1 prints it: 13 fields, the last is the
 * CPU.  CPU 1 is offline. */
static const char softnet[] =
    "0000000a 00000001 00000002 00000000 00000000 00000000 00000000 "
    "00000000 00000000 00000000 00000000 00000000 00000000\n"
    "ffffffff 00000000 00000000 00000000 00000000 00000000 00000000 "
    "00000000 00000000 00000000 00000000 00000000 00000002\n";

static void
test_cpus(void **state OVS_UNUSED)
{
    struct load load = LOAD_INITIALIZER;

    assert_true(load_read_cpus(&load, softnet));
    assert_int_equal(load.n_cpus, 2);
    assert_int_equal(load.cpus[0].cpu, 0);
    assert_int_equal(load.cpus[0].packets, 10);
    assert_int_equal(load.cpus[0].dropped, 1);
    assert_int_equal(load.cpus[0].squeezed, 2);
    assert_int_equal(load.cpus[1].cpu, 2);
    assert_int_equal(load.cpus[1].packets, UINT32_MAX);
    load_uninit(&load);

    /* Since Linux 6.4 there are two more, before 5.10 none for the CPU. */
    assert_true(load_read_cpus(&load, "1 0 0 0 0 0 0 0 0 0 0 0 7 5 6\n"
                               "2 0 0 0 0 0 0 0 0 0 0 0 9 5 6\n"));
    assert_int_equal(load.n_cpus, 2);
    assert_int_equal(load.cpus[0].cpu, 7);
    assert_int_equal(load.cpus[1].cpu, 9);
    load_uninit(&load);
    assert_true(load_read_cpus(&load, "1 0 0 0 0 0 0 0 0 0 0\n"
                               "2 0 0 0 0 0 0 0 0 0 0"));
    assert_int_equal(load.n_cpus, 2);
    assert_int_equal(load.cpus[1].cpu, 1);
    load_uninit(&load);

    static const char *const wrong[] = { "", "\n", "1 2\n", "x y z\n" };
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        assert_false(load_read_cpus(&load, wrong[i]));
        load_uninit(&load);
    }
}

static const char description[] =
    "{\"name\": \"t\", \"tags\": 2, \"cipher\": \"aes128gcm128\","
    " \"a\": {\"addresses\": [\"192.0.2.1\"],"
    " \"networks\": [\"10.1.0.0/16\"], \"spi\": [4097, 4096]},"
    " \"b\": {\"addresses\": [\"198.51.100.1\"],"
    " \"networks\": [\"10.2.0.0/16\"], \"spi\": 8192}}";

static void
add_sa(struct sa *sa, const char *src, const char *dst, uint32_t spi,
       uint64_t packets, uint64_t added)
{
    ovs_be32 ip;

    memset(sa, 0, sizeof *sa);
    assert_true(ip_parse(src, &ip));
    in6_addr_set_mapped_ipv4(&sa->src, ip);
    assert_true(ip_parse(dst, &ip));
    in6_addr_set_mapped_ipv4(&sa->dst, ip);
    sa->spi = spi;
    sa->proto = IPPROTO_ESP;
    sa->counts.packets = packets;
    sa->counts.bytes = packets * 1000;
    sa->counts.added = added;
}

/* At end b: two SAs from a, two to it, and one of somebody else's.  Those from
 * a have so many packets. */
static void
make_load(struct load *load, struct tunnel *t, long long int when,
          uint64_t first, uint64_t second)
{
    struct sa sas[6];
    struct sa_set set = { .sas = sas, .n_sas = ARRAY_SIZE(sas) };

    add_sa(&sas[0], "192.0.2.1", "198.51.100.1", 8193, second, 5);
    add_sa(&sas[1], "192.0.2.1", "198.51.100.1", 8192, first, 5);
    add_sa(&sas[2], "198.51.100.1", "192.0.2.1", 4096, 0, 5);
    add_sa(&sas[3], "198.51.100.1", "192.0.2.1", 4097, 0, 5);
    add_sa(&sas[4], "203.0.113.1", "198.51.100.1", 9000, 7, 5);
    add_sa(&sas[5], "192.0.2.1", "198.51.100.1", 8192, 9, 5);
    sas[5].proto = IPPROTO_AH;
    load_read_sas(load, &set, t, SIDE_B);
    load->when = when;
}

static void
test_sas(void **state OVS_UNUSED)
{
    struct load load = LOAD_INITIALIZER;
    char *error;
    struct tunnel *t = tunnel_parse(description, &error);

    assert_non_null(t);
    make_load(&load, t, 0, 1, 2);
    assert_int_equal(load.n_sas, 4);
    static const struct {
        bool out;
        int tag;
        uint32_t spi;
    } expected[] = {
        /* Tag 0 comes to a with the first SPI of its list. */
        { false, 0, 8192 }, { false, 1, 8193 },
        { true, 0, 4097 }, { true, 1, 4096 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_int_equal(load.sas[i].out, expected[i].out);
        assert_int_equal(load.sas[i].tag, expected[i].tag);
        assert_int_equal(load.sas[i].spi, expected[i].spi);
    }
    load_uninit(&load);

    /* All, if there is no tunnel. */
    make_load(&load, NULL, 0, 1, 2);
    assert_int_equal(load.n_sas, 5);
    assert_int_equal(load.sas[0].tag, -1);
    load_uninit(&load);
    tunnel_destroy(t);
}

static void
test_delta(void **state OVS_UNUSED)
{
    struct load old = LOAD_INITIALIZER, new = LOAD_INITIALIZER;
    uint64_t packets, bytes;

    make_load(&old, NULL, 1000, 100, 50);
    make_load(&new, NULL, 3000, 300, 20);
    for (size_t i = 0; i < new.n_sas; i++) {
        load_sa_delta(&old, &new.sas[i], &packets, &bytes);
        if (new.sas[i].spi == 8192) {
            assert_int_equal(packets, 200);
            assert_int_equal(bytes, 200000);
        } else if (new.sas[i].spi == 8193) {
            /* It is another one: its counters went back. */
            assert_int_equal(packets, 20);
            assert_int_equal(bytes, 20000);
        } else {
            assert_int_equal(packets, 0);
        }
    }

    /* Made anew, and busier at once. */
    new.sas[0].counts.added++;
    load_sa_delta(&old, &new.sas[0], &packets, &bytes);
    assert_int_equal(packets, new.sas[0].counts.packets);
    load_uninit(&old);
    load_uninit(&new);
}

static void
check_contains(const struct ds *ds, const char *expected)
{
    if (!strstr(ds_cstr_ro(ds), expected)) {
        fail_msg("\"%s\" is not in:\n%s", expected, ds_cstr_ro(ds));
    }
}

static void
test_table(void **state OVS_UNUSED)
{
    struct load old = LOAD_INITIALIZER, new = LOAD_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *error;
    struct tunnel *t = tunnel_parse(description, &error);

    make_load(&old, t, 1000, 0, 0);
    make_load(&new, t, 3000, 3000, 1000);
    new.sas[1].counts.late = 4;
    assert_true(load_read_cpus(&old, "0 0 0\nfffffff0 0 0\n0 0 0\n"));
    assert_true(load_read_cpus(&new, "0 0 0\n10 0 0\n60 0 0\n"));
    load_print_table(&old, &new, &ds);

    /* 3 000 packets of 1 000 bytes in 2 s; the bar of the busiest is 30. */
    check_contains(&ds, "  in  tag 0   0x00002000       1500/s      12.0 "
                   "Mbit/s  ##############################\n");
    check_contains(&ds, "  in  tag 1   0x00002001        500/s       4.0 "
                   "Mbit/s (late 4, replayed 0, forged 0 in all)"
                   "  ##########\n");
    check_contains(&ds, "  out tag 1   0x00001000          0/s       0.0 "
                   "Mbit/s\n");
    check_contains(&ds, "busiest / mean of 2: 1.50\n");

    /* The counter of CPU 1 wrapped around: 32 packets.  Two SAs can keep two
     * CPUs busy, so 96 is compared with 128 / 2. */
    check_contains(&ds, "  CPU 1           16/s  ##########\n");
    check_contains(&ds, "  CPU 2           48/s  "
                   "##############################\n");
    check_contains(&ds, "  CPU 0            0/s\n");
    assert_int_equal(ds.length, strlen(ds_cstr(&ds)));

    ds_destroy(&ds);
    load_uninit(&old);
    load_uninit(&new);
    tunnel_destroy(t);
}

/* Of what this end sends, in bytes a second. */
static void
test_by_tag(void **state OVS_UNUSED)
{
    struct load old = LOAD_INITIALIZER, new = LOAD_INITIALIZER;
    int64_t tags[TUNNEL_MAX_TAGS], rates[TUNNEL_MAX_TAGS];
    char *error;
    struct tunnel *t = tunnel_parse(description, &error);

    make_load(&old, t, 1000, 0, 0);
    make_load(&new, t, 3000, 3000, 1000);
    new.sas[3].counts.bytes += 5000;
    assert_int_equal(load_by_tag(&old, &new, tags, rates), 2);
    assert_int_equal(tags[0], 0);
    assert_int_equal(rates[0], 0);
    assert_int_equal(tags[1], 1);
    assert_int_equal(rates[1], 2500);

    /* Without a tunnel there are no tags. */
    load_uninit(&new);
    make_load(&new, NULL, 3000, 3000, 1000);
    assert_int_equal(load_by_tag(&old, &new, tags, rates), 0);
    load_uninit(&old);
    load_uninit(&new);
    tunnel_destroy(t);
}

static void
test_metrics(void **state OVS_UNUSED)
{
    struct load load = LOAD_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;
    char *error;
    struct tunnel *t = tunnel_parse(description, &error);

    make_load(&load, t, 0, 3, 4);
    assert_true(load_read_cpus(&load, softnet));
    load_print_metrics(&load, "t", &ds);
    check_contains(&ds, "# HELP tasuki_ipsec_sa_packets_total Packets of the "
                   "SA.\n# TYPE tasuki_ipsec_sa_packets_total counter\n"
                   "tasuki_ipsec_sa_packets_total{src=\"192.0.2.1\","
                   "dst=\"198.51.100.1\",spi=\"0x00002000\",tunnel=\"t\","
                   "direction=\"in\",tag=\"0\"} 3\n");
    check_contains(&ds, "tasuki_ipsec_sa_bytes_total{src=\"192.0.2.1\","
                   "dst=\"198.51.100.1\",spi=\"0x00002001\",tunnel=\"t\","
                   "direction=\"in\",tag=\"1\"} 4000\n");
    check_contains(&ds, "tasuki_ipsec_cpu_packets_total{cpu=\"2\"} "
                   "4294967295\n");
    check_contains(&ds, "tasuki_ipsec_cpu_squeezed_total{cpu=\"0\"} 2\n");
    ds_destroy(&ds);
    load_uninit(&load);
    tunnel_destroy(t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpus),
        cmocka_unit_test(test_sas),
        cmocka_unit_test(test_delta),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_by_tag),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
