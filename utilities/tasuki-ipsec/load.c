/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

void
load_uninit(struct load *load)
{
    free(load->cpus);
    free(load->sas);
    memset(load, 0, sizeof *load);
}

bool
load_read_cpus(struct load *load, const char *text)
{
    size_t allocated = load->n_cpus;

    for (const char *line = text; *line; ) {
        uint32_t field[13];
        size_t n = 0;
        int used;

        while (n < ARRAY_SIZE(field)
               && sscanf(line, "%"SCNx32"%n", &field[n], &used) == 1) {
            line += used;
            n++;
            if (*line == '\n' || !*line) {
                break;
            }
        }
        if (n < 3) {
            return false;
        }
        line += strcspn(line, "\n");
        line += *line == '\n';

        if (load->n_cpus >= allocated) {
            load->cpus = x2nrealloc(load->cpus, &allocated,
                                    sizeof *load->cpus);
        }
        load->cpus[load->n_cpus] = (struct load_cpu) {
            /* The CPU's number is there since Linux 5.10. */
            .cpu = n > 12 ? field[12] : load->n_cpus,
            .packets = field[0],
            .dropped = field[1],
            .squeezed = field[2],
        };
        load->n_cpus++;
    }
    return load->n_cpus > 0;
}

/* Returns the tag for which an SA to end 'to' of 't' is, or -1. */
static int
find_tag(const struct tunnel *t, enum tunnel_side to, const struct sa *sa)
{
    const struct tunnel_end *end = &t->ends[to];

    if (tunnel_has_address(t, to, &sa->dst)) {
        for (size_t i = 0; i < end->n_spis; i++) {
            if (end->spis[i] == sa->spi) {
                return i;
            }
        }
    }
    return -1;
}

static int
compare_sas(const void *a_, const void *b_)
{
    const struct load_sa *a = a_;
    const struct load_sa *b = b_;

    return (a->out != b->out ? (a->out ? 1 : -1)
            : a->tag != b->tag ? (a->tag > b->tag ? 1 : -1)
            : a->spi != b->spi ? (a->spi > b->spi ? 1 : -1)
            : memcmp(&a->dst, &b->dst, sizeof a->dst));
}

void
load_read_sas(struct load *load, const struct sa_set *set,
              const struct tunnel *t, enum tunnel_side side)
{
    load->sas = xcalloc(MAX(set->n_sas, 1), sizeof *load->sas);
    load->n_sas = 0;
    for (size_t i = 0; i < set->n_sas; i++) {
        const struct sa *sa = &set->sas[i];
        int in = t ? find_tag(t, side, sa) : -1;
        int out = t ? find_tag(t, tunnel_other(side), sa) : -1;

        if (sa->proto != IPPROTO_ESP || (t && in < 0 && out < 0)) {
            continue;
        }
        load->sas[load->n_sas++] = (struct load_sa) {
            .src = sa->src, .dst = sa->dst, .spi = sa->spi,
            .out = out >= 0, .tag = out >= 0 ? out : in,
            .counts = sa->counts,
        };
    }
    qsort(load->sas, load->n_sas, sizeof *load->sas, compare_sas);
}

void
load_sa_delta(const struct load *old, const struct load_sa *new,
              uint64_t *packets, uint64_t *bytes)
{
    *packets = new->counts.packets;
    *bytes = new->counts.bytes;
    for (size_t i = 0; i < old->n_sas; i++) {
        const struct load_sa *sa = &old->sas[i];

        if (sa->spi == new->spi && ipv6_addr_equals(&sa->dst, &new->dst)
            && sa->counts.added == new->counts.added
            && sa->counts.packets <= new->counts.packets
            && sa->counts.bytes <= new->counts.bytes) {
            *packets -= sa->counts.packets;
            *bytes -= sa->counts.bytes;
            return;
        }
    }
}

size_t
load_by_tag(const struct load *old, const struct load *new,
            int64_t *tags, int64_t *rates)
{
    long long int ms = MAX(new->when - old->when, 1);
    size_t n = 0;

    for (size_t i = 0; i < new->n_sas; i++) {
        const struct load_sa *sa = &new->sas[i];
        uint64_t packets, bytes;

        if (!sa->out || sa->tag < 0) {
            continue;
        }
        load_sa_delta(old, sa, &packets, &bytes);
        if (!n || tags[n - 1] != sa->tag) {
            if (n >= TUNNEL_MAX_TAGS) {
                break;
            }
            tags[n] = sa->tag;
            rates[n++] = 0;
        }
        rates[n - 1] += bytes * 1000 / ms;
    }
    return n;
}

/* Tables. */

#define BAR 30

/* Some numbers that are compared: of SAs in one direction, or of CPUs. */
struct column {
    uint64_t max, sum;
    size_t n;
};

static void
column_add(struct column *c, uint64_t value)
{
    c->max = MAX(c->max, value);
    c->sum += value;
    c->n++;
}

static void
put_bar(struct ds *ds, const struct column *c, uint64_t value)
{
    int n = c->max ? (value * BAR + c->max / 2) / c->max : 0;

    ds_put_cstr(ds, n ? "  " : "");
    ds_put_char_multiple(ds, '#', n);
    ds_put_char(ds, '\n');
}

/* 'n' is among how many the sum should be spread. */
static void
put_ratio(struct ds *ds, const struct column *c, size_t n)
{
    if (c->sum && n > 1) {
        ds_put_format(ds, "  busiest / mean of %"PRIuSIZE": %.2f\n",
                      n, (double) c->max * n / c->sum);
    }
}

static double
per_second(uint64_t n, const struct load *old, const struct load *new)
{
    return new->when > old->when ? n * 1000.0 / (new->when - old->when) : 0;
}

static void
put_sa_name(struct ds *ds, const struct load_sa *sa)
{
    if (sa->tag >= 0) {
        ds_put_format(ds, "  %-3s tag %-3d", sa->out ? "out" : "in", sa->tag);
    } else {
        ds_put_cstr(ds, "  ");
        ipv6_format_mapped(&sa->src, ds);
        ds_put_cstr(ds, " > ");
        ipv6_format_mapped(&sa->dst, ds);
    }
    ds_put_format(ds, " 0x%08"PRIx32, sa->spi);
}

static void
put_sas(struct ds *ds, const struct load *old, const struct load *new,
        bool out)
{
    struct column column = { .n = 0 };
    uint64_t packets, bytes;

    for (size_t i = 0; i < new->n_sas; i++) {
        if (new->sas[i].out == out) {
            load_sa_delta(old, &new->sas[i], &packets, &bytes);
            column_add(&column, packets);
        }
    }
    if (!column.n) {
        return;
    }
    for (size_t i = 0; i < new->n_sas; i++) {
        const struct load_sa *sa = &new->sas[i];
        const struct sa_counts *c = &sa->counts;

        if (sa->out != out) {
            continue;
        }
        load_sa_delta(old, sa, &packets, &bytes);
        put_sa_name(ds, sa);
        ds_put_format(ds, " %10.0f/s %9.1f Mbit/s",
                      per_second(packets, old, new),
                      per_second(bytes, old, new) * 8 / 1e6);
        if (c->late || c->replayed || c->forged) {
            ds_put_format(ds, " (late %"PRIu64", replayed %"PRIu64
                          ", forged %"PRIu64" in all)",
                          c->late, c->replayed, c->forged);
        }
        put_bar(ds, &column, packets);
    }
    put_ratio(ds, &column, column.n);
}

static uint32_t
cpu_delta(const struct load *old, const struct load_cpu *new)
{
    for (size_t i = 0; i < old->n_cpus; i++) {
        if (old->cpus[i].cpu == new->cpu) {
            return new->packets - old->cpus[i].packets;
        }
    }
    return new->packets;
}

static void
put_cpus(struct ds *ds, const struct load *old, const struct load *new)
{
    struct column column = { .n = 0 };
    size_t n_in = 0;

    for (size_t i = 0; i < new->n_cpus; i++) {
        column_add(&column, cpu_delta(old, &new->cpus[i]));
    }
    for (size_t i = 0; i < new->n_cpus; i++) {
        uint32_t packets = cpu_delta(old, &new->cpus[i]);

        ds_put_format(ds, "  CPU %-3u %10.0f/s", new->cpus[i].cpu,
                      per_second(packets, old, new));
        put_bar(ds, &column, packets);
    }
    for (size_t i = 0; i < new->n_sas; i++) {
        n_in += !new->sas[i].out;
    }
    /* More CPUs than SAs cannot be busy. */
    put_ratio(ds, &column, MIN(n_in, column.n));
}

void
load_print_table(const struct load *old, const struct load *new,
                 struct ds *ds)
{
    put_sas(ds, old, new, false);
    put_sas(ds, old, new, true);
    put_cpus(ds, old, new);
}

/* Metrics. */

static void
put_help(struct ds *ds, const char *name, const char *help)
{
    ds_put_format(ds, "# HELP tasuki_ipsec_%s_total %s\n"
                  "# TYPE tasuki_ipsec_%s_total counter\n", name, help, name);
}

static void
put_labels(struct ds *ds, const struct load_sa *sa, const char *tunnel)
{
    ds_put_cstr(ds, "src=\"");
    ipv6_format_mapped(&sa->src, ds);
    ds_put_cstr(ds, "\",dst=\"");
    ipv6_format_mapped(&sa->dst, ds);
    ds_put_format(ds, "\",spi=\"0x%08"PRIx32"\"", sa->spi);
    if (sa->tag >= 0) {
        ds_put_format(ds, ",tunnel=\"%s\",direction=\"%s\",tag=\"%d\"",
                      tunnel, sa->out ? "out" : "in", sa->tag);
    }
}

static void
put_sa_metrics(struct ds *ds, const struct load *load, const char *tunnel)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } metrics[] = {
#define COUNT(MEMBER) offsetof(struct sa_counts, MEMBER)
        { "sa_packets", "Packets of the SA.", COUNT(packets) },
        { "sa_bytes", "Bytes of the SA's packets.", COUNT(bytes) },
        { "sa_late", "Packets dropped behind the replay window.",
          COUNT(late) },
        { "sa_replayed", "Packets dropped because they came before.",
          COUNT(replayed) },
        { "sa_forged", "Packets dropped because of their check value.",
          COUNT(forged) },
#undef COUNT
    };

    for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
        put_help(ds, metrics[i].name, metrics[i].help);
        for (size_t j = 0; j < load->n_sas; j++) {
            const char *counts = (const char *) &load->sas[j].counts;
            uint64_t value;

            memcpy(&value, counts + metrics[i].offset, sizeof value);
            ds_put_format(ds, "tasuki_ipsec_%s_total{", metrics[i].name);
            put_labels(ds, &load->sas[j], tunnel);
            ds_put_format(ds, "} %"PRIu64"\n", value);
        }
    }
}

static void
put_cpu_metrics(struct ds *ds, const struct load *load)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } metrics[] = {
        { "cpu_packets", "Packets that the CPU has received or taken on.",
          offsetof(struct load_cpu, packets) },
        { "cpu_dropped", "Packets dropped because the CPU's queue was full.",
          offsetof(struct load_cpu, dropped) },
        { "cpu_squeezed", "Times that the CPU left packets for later.",
          offsetof(struct load_cpu, squeezed) },
    };

    for (size_t i = 0; i < ARRAY_SIZE(metrics); i++) {
        put_help(ds, metrics[i].name, metrics[i].help);
        for (size_t j = 0; j < load->n_cpus; j++) {
            const char *cpu = (const char *) &load->cpus[j];
            uint32_t value;

            memcpy(&value, cpu + metrics[i].offset, sizeof value);
            ds_put_format(ds, "tasuki_ipsec_%s_total{cpu=\"%u\"} %"PRIu32"\n",
                          metrics[i].name, load->cpus[j].cpu, value);
        }
    }
}

void
load_print_metrics(const struct load *load, const char *tunnel, struct ds *ds)
{
    put_sa_metrics(ds, load, tunnel);
    put_cpu_metrics(ds, load);
}
