/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "held.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "series.h"
#include "skips-total.h"
#include "skip-event.h"
#include "timeval.h"
#include "util.h"
#include "writer.h"

VLOG_DEFINE_THIS_MODULE(files);

/* What is appended is in the file after so many ms. */
#define FLUSH_INTERVAL 100

/* After a failure we wait so many ms. */
#define RETRY_INTERVAL 1000

/* What the end of a file takes at most: the statistics with their comment, and
 * what compression keeps back. */
#define END_BYTES (128 * 1024)

/* So much room at once is asked for. */
#define ROOM_BYTES (1024 * 1024)

struct files {
    const struct files_options *options;
    struct series series;

    /* The present file, if 'writer' is nonnull. */
    struct writer *writer;
    char *path;
    int fd;
    uint64_t size;              /* On disk, at the last flush. */
    uint64_t flushed_bytes;     /* writer_bytes() then. */
    uint64_t room;              /* That the file system has for it, from its
                                 * beginning; UINT64_MAX if it does not
                                 * tell. */
    struct timespec started;
    long long int started_ms;
    uint64_t in_file;           /* Packets. */
    uint64_t unflushed;         /* Of them, since the last flush. */
    struct files_counts before; /* 'counts' when it began. */
    struct skips_total skips;   /* Since the last one. */

    struct files_counts counts;
    long long int next_flush;   /* LLONG_MAX if all is flushed. */
    long long int retry;        /* No room, or no file, before that. */
    char *problem;
};

static void
set_problem(struct files *f, const char *name, int error)
{
    char *problem = error ? xasprintf("%s: %s", name, ovs_strerror(error))
                    : NULL;

    if (!nullable_string_is_equal(problem, f->problem)) {
        if (problem) {
            VLOG_WARN("%s; packets are lost", problem);
        } else {
            VLOG_INFO("%s: writing again", name);
        }
    }
    free(f->problem);
    f->problem = problem;
    f->retry = error ? time_msec() + RETRY_INTERVAL : 0;
}

/* Begins the next file.  Returns 0 or a positive errno value. */
static int
begin(struct files *f)
{
    const struct files_options *o = f->options;
    int error = 0;

    free(f->path);
    f->fd = series_open(&f->series, &f->path);
    if (f->fd < 0) {
        set_problem(f, f->path, -f->fd);
        return -f->fd;
    }
    f->writer = writer_open(f->fd, o->gzip, o->interface, o->description,
                            &error);
    if (!f->writer) {
        close(f->fd);
        unlink(f->path);
        set_problem(f, f->path, error);
        return error;
    }
    f->size = f->flushed_bytes = f->room = 0;
    f->in_file = f->unflushed = 0;
    xclock_gettime(CLOCK_REALTIME, &f->started);
    f->started_ms = time_msec();
    f->next_flush = f->started_ms;
    VLOG_INFO("%s: begun", f->path);
    if (o->keep) {
        series_prune(&f->series, o->keep);
    }
    set_problem(f, f->path, 0);
    return 0;
}

/* Puts the statistics of this file into '*s'.  The caller must free
 * s->comment. */
static void
get_stats(struct files *f, struct writer_stats *s)
{
    struct ds ds = DS_EMPTY_INITIALIZER;
    uint64_t dropped = f->counts.dropped - f->before.dropped;
    uint64_t lost = f->counts.lost - f->before.lost;

    ds_put_format(&ds, "%"PRIu64" packets in this file, %"PRIu64" dropped by "
                  "the kernel, %"PRIu64" could not be written",
                  f->in_file, dropped, lost);
    skips_total_format(&f->skips, &ds);

    memset(s, 0, sizeof *s);
    s->start = f->started;
    xclock_gettime(CLOCK_REALTIME, &s->end);
    s->dropped = dropped;
    s->delivered = f->in_file + lost;
    s->received = s->delivered + dropped;
    s->comment = ds_steal_cstr(&ds);
}

/* Has the file end where it was when all was well. */
static void
give_up(struct files *f, int error)
{
    writer_close(f->writer, NULL);
    f->writer = NULL;
    if (!f->size) {
        unlink(f->path);
    } else if (ftruncate(f->fd, f->size)) {
        VLOG_WARN("%s: its end is broken (%s)", f->path, ovs_strerror(errno));
    }
    close(f->fd);
    f->counts.written -= f->unflushed;
    f->counts.lost += f->unflushed;
    set_problem(f, f->path, error);
}

/* Completes the file. */
static void
end(struct files *f)
{
    struct writer_stats stats;
    int error;

    get_stats(f, &stats);
    error = writer_close(f->writer, &stats);
    free(CONST_CAST(char *, stats.comment));
    f->writer = NULL;
    if (error) {
        VLOG_ERR("%s: cannot complete it (%s)", f->path, ovs_strerror(error));
    } else {
        VLOG_INFO("%s: complete, %"PRIu64" packets", f->path, f->in_file);
    }

    /* Give back what room was left. */
    struct stat st;
    if (!fstat(f->fd, &st) && ftruncate(f->fd, st.st_size)) {
        VLOG_DBG("%s: ftruncate failed (%s)", f->path, ovs_strerror(errno));
    }
    if (close(f->fd)) {
        VLOG_ERR("%s: %s", f->path, ovs_strerror(errno));
    }

    f->before = f->counts;
    skips_total_clear(&f->skips);
}

/* Flushes, and learns the size of the file. */
static void
flush(struct files *f)
{
    struct stat st;
    int error = writer_flush(f->writer);

    if (!error && fstat(f->fd, &st)) {
        error = errno;
    }
    if (error) {
        give_up(f, error);
        return;
    }
    f->size = st.st_size;
    f->flushed_bytes = writer_bytes(f->writer);
    f->unflushed = 0;
    f->next_flush = LLONG_MAX;
}

/* Makes sure that the file can grow by 'n' bytes and its end.  Returns 0 or a
 * positive errno value. */
static int
have_room(struct files *f, uint64_t n)
{
    /* Compressed data may be larger than the original, by 5 bytes in 16 KB
     * (RFC 1951 section 3.2.4, at zlib's block size): that is in END_BYTES. */
    uint64_t need = (f->size + writer_bytes(f->writer) - f->flushed_bytes
                     + n + END_BYTES);

    if (need <= f->room) {
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        uint64_t room = need + (i == 0 ? ROOM_BYTES : 0);

        if (!fallocate(f->fd, FALLOC_FL_KEEP_SIZE, 0, room)) {
            f->room = room;
            return 0;
        }
    }
    switch (errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return errno;
    default:
        f->room = UINT64_MAX;
        return 0;
    }
}

static bool
is_time_for_next(const struct files *f)
{
    const struct files_options *o = f->options;

    return (f->in_file && o->rotate_time
            && time_msec() - f->started_ms >= o->rotate_time * 1000LL);
}

static bool
is_large(const struct files *f)
{
    const struct files_options *o = f->options;
    uint64_t size = o->gzip ? f->size : writer_bytes(f->writer);

    return f->in_file && o->rotate_size && size >= o->rotate_size;
}

static int
try_put(struct files *f, const struct held_packet *p)
{
    int error;

    if (f->writer && (is_large(f) || is_time_for_next(f))) {
        end(f);
    }
    if (!f->writer) {
        error = begin(f);
        if (error) {
            return error;
        }
    }

    error = have_room(f, writer_packet_bytes(p->caplen, &p->comments));
    if (error) {
        set_problem(f, f->path, error);
        return error;
    }
    error = writer_put(f->writer, &p->when, p->data, p->caplen, p->len,
                       &p->comments);
    if (error) {
        give_up(f, error);
        return error;
    }
    set_problem(f, f->path, 0);
    return 0;
}

void
files_put(struct files *f, const struct held_packet *p)
{
    if ((f->retry && time_msec() < f->retry) || try_put(f, p)) {
        f->counts.lost++;
        return;
    }
    f->in_file++;
    f->unflushed++;
    f->counts.written++;
    if (f->next_flush == LLONG_MAX) {
        f->next_flush = time_msec() + FLUSH_INTERVAL;
    }
}

void
files_dropped(struct files *f, uint64_t n)
{
    f->counts.dropped += n;
}

void
files_skipped(struct files *f, const struct skip_event *event)
{
    skips_total_add(&f->skips, event->policy, event->length);
}

void
files_run(struct files *f)
{
    if (f->writer && time_msec() >= f->next_flush) {
        flush(f);
    }
    if (f->writer && is_time_for_next(f)) {
        end(f);
    }
    if (!f->writer && time_msec() >= f->retry) {
        begin(f);
    }
}

void
files_wait(struct files *f)
{
    if (!f->writer) {
        poll_timer_wait_until(f->retry);
        return;
    }
    if (f->next_flush != LLONG_MAX) {
        poll_timer_wait_until(f->next_flush);
    }
    if (f->in_file && f->options->rotate_time) {
        poll_timer_wait_until(f->started_ms
                              + f->options->rotate_time * 1000LL);
    }
}

struct files *
files_create(const struct files_options *options, char **error)
{
    struct files *f = xzalloc(sizeof *f);

    f->options = options;
    series_init(&f->series, options->path, options->gzip ? ".gz" : "",
                options->rotate_size || options->rotate_time);
    skips_total_init(&f->skips);
    if (begin(f)) {
        *error = xstrdup(f->problem);
        files_destroy(f);
        return NULL;
    }
    return f;
}

void
files_destroy(struct files *f)
{
    if (f) {
        if (f->writer) {
            end(f);
        }
        series_destroy(&f->series);
        skips_total_destroy(&f->skips);
        free(f->path);
        free(f->problem);
        free(f);
    }
}

struct files_counts
files_counts(const struct files *f)
{
    return f->counts;
}

const char *
files_path(const struct files *f)
{
    return f->writer ? f->path : NULL;
}

const char *
files_problem(const struct files *f)
{
    return f->problem;
}
