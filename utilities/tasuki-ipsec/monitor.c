/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "commands.h"
#include "daemon.h"
#include "load.h"
#include "monitor-db.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "options.h"
#include "timeval.h"
#include "util.h"
#include "xfrm.h"

#define SOFTNET "/proc/net/softnet_stat"

struct monitor {
    struct xfrm *xfrm;
    const struct tunnel *tunnel;    /* Null for all SAs. */
    enum tunnel_side side;
    struct monitor_db *db;      /* Null for none. */
};

static void
read_cpus(struct load *load)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    FILE *stream = fopen(SOFTNET, "r");
    char buffer[4096];
    size_t n;

    if (!stream) {
        ovs_fatal(errno, SOFTNET);
    }
    while ((n = fread(buffer, 1, sizeof buffer, stream)) > 0) {
        ds_put_buffer(&ds, buffer, n);
    }
    fclose(stream);
    if (!load_read_cpus(load, ds_cstr(&ds))) {
        ovs_fatal(0, SOFTNET": not understood");
    }
    ds_destroy(&ds);
}

static void
take(const struct monitor *m, struct load *load)
{
    struct sa_set set = SA_SET_INITIALIZER;
    char *error = xfrm_dump(m->xfrm, &set);

    if (error) {
        ovs_fatal(0, "%s", error);
    }
    load_uninit(load);
    load->when = time_msec();
    read_cpus(load);
    load_read_sas(load, &set, m->tunnel, m->side);
    sa_set_destroy(&set);
}

/* Replaces the file as a whole: somebody may read it at any time. */
static void
write_file(const char *file, const struct ds *ds)
{
    char *tmp = xasprintf("%s.tmp", file);
    FILE *stream = fopen(tmp, "w");

    if (!stream || fwrite(ds->string, 1, ds->length, stream) != ds->length
        || fclose(stream) || rename(tmp, file)) {
        ovs_fatal(errno, "%s", tmp);
    }
    free(tmp);
}

static void
put_metrics(const struct monitor *m, const struct load *load)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    load_print_metrics(load, m->tunnel ? m->tunnel->name : "", &ds);
    if (options.metrics_file) {
        write_file(options.metrics_file, &ds);
    } else {
        fputs(ds_cstr(&ds), stdout);
    }
    ds_destroy(&ds);
}

static void
put_table(const struct load *old, const struct load *new)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    load_print_table(old, new, &ds);
    printf("%s\n", ds_cstr(&ds));
    fflush(stdout);
    ds_destroy(&ds);
}

static void
wait_until(const struct monitor *m, long long int when)
{
    while (time_msec() < when) {
        if (m->db) {
            monitor_db_run(m->db);
            monitor_db_wait(m->db);
        }
        poll_timer_wait_until(when);
        poll_block();
    }
}

/* Shows what was done since 'old' in all ways that were asked for. */
static void
show(const struct monitor *m, const struct load *old, const struct load *new)
{
    if (options.metrics) {
        put_metrics(m, new);
    }
    if (m->db) {
        monitor_db_put(m->db, m->tunnel->name, old, new);
    }
    if (!options.metrics && !m->db) {
        put_table(old, new);
    }
}

void
cmd_monitor(struct ovs_cmdl_context *ctx)
{
    struct load loads[2] = { LOAD_INITIALIZER, LOAD_INITIALIZER };
    struct tunnel *t = ctx->argc > 1 ? open_tunnel(ctx->argv[1]) : NULL;
    struct monitor m = { .tunnel = t };
    char *error;

    if (t) {
        m.side = open_side(t);
    }
    if (options.db) {
        if (!t) {
            ovs_fatal(0, "--db: the load of a tunnel only, so name one");
        }
        m.db = monitor_db_open(options.db);
    }
    m.xfrm = xfrm_open(&error);
    if (!m.xfrm) {
        ovs_fatal(0, "%s", error);
    }

    daemonize_start(false);
    daemonize_complete();
    take(&m, &loads[0]);
    if (options.metrics) {
        put_metrics(&m, &loads[0]);
    }
    for (unsigned int i = 1; (!options.metrics || options.metrics_file)
                             && (!options.count || i <= options.count); i++) {
        struct load *old = &loads[(i - 1) % 2];
        struct load *new = &loads[i % 2];

        wait_until(&m, old->when + options.interval * 1000LL);
        take(&m, new);
        show(&m, old, new);
    }

    monitor_db_close(m.db);
    load_uninit(&loads[0]);
    load_uninit(&loads[1]);
    xfrm_close(m.xfrm);
    tunnel_destroy(t);
}
