/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "capture.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dirs.h"
#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "process.h"
#include "socket-util.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(mirror_capture);

/* How long after one that has ended the next is started, in ms: twice as long
 * each time, but at once if it was told to end, and as at first if it had run
 * for long. */
#define MIN_BACKOFF 1000
#define MAX_BACKOFF 64000

/* How long after SIGTERM a process gets SIGKILL, in ms. */
#define GRACE 5000

/* So many lines wait for a process that is busy or has just been started. */
#define MAX_LINES 1000

/* How long after a process does not listen we try again, in ms. */
#define CONNECT_INTERVAL 100

/* Reports are short, and not so many at once that the main loop is kept
 * busy. */
#define MAX_REPORT 8192
#define MAX_REPORTS 50

struct capture {
    char *port;
    struct capture_files files; /* Owns 'path', null if none is wanted. */

    /* The process. */
    struct process *process;    /* Null if none runs. */
    bool told_to_end;
    long long int kill_at;      /* Then. */
    long long int started;
    long long int next_start;
    int backoff;

    /* What it is told. */
    char *events;               /* Its socket. */
    int fd;                     /* Connected to that, or -1. */
    long long int next_connect;
    struct svec lines;          /* That wait. */
    uint64_t lost_lines;

    /* What it says. */
    bool heard;                 /* Anything yet? */
    char *file;
    uint64_t written, dropped, lost;
    char *problem;              /* Or what we know about it. */
};

/* Contains "struct capture"s, by port. */
static struct shash captures = SHASH_INITIALIZER(&captures);

static char *report_path;
static int report_fd = -1;
static bool changed;

void
capture_init(void)
{
    process_init();
}

static void
set_problem(struct capture *c, const char *problem)
{
    if (!nullable_string_is_equal(c->problem, problem)) {
        if (problem) {
            VLOG_WARN("%s: packets do not get into a file: %s",
                      c->port, problem);
        }
        free(c->problem);
        c->problem = nullable_xstrdup(problem);
        changed = true;
    }
}

/* Opens the socket for reports. */
static int
open_reports(void)
{
    if (report_fd < 0) {
        report_path = xasprintf("%s/tasukid.%ld.captures", ovs_rundir(),
                                (long int) getpid());
        int fd = make_unix_socket(SOCK_DGRAM, true, report_path, NULL);
        if (fd < 0) {
            free(report_path);
            report_path = NULL;
            return -fd;
        }
        report_fd = fd;
    }
    return 0;
}

static void
add_number(struct svec *argv, const char *option, uint64_t value)
{
    if (value) {
        svec_add_nocopy(argv, xasprintf("%s=%"PRIu64, option, value));
    }
}

/* Has it log to where we do, to a file of its own name. */
static void
add_log_file(struct svec *argv)
{
    char *ours = vlog_get_log_file();

    if (ours) {
        char *dir = dir_name(ours);

        svec_add_nocopy(argv, xasprintf("--log-file=%s/tasuki-capture.log",
                                        dir));
        free(dir);
        free(ours);
    }
}

static void
compose_command(const struct capture *c, struct svec *argv)
{
    svec_init(argv);
    svec_add(argv, "tasuki-capture");
    svec_add(argv, "--quiet-interface");
    svec_add(argv, "-vconsole:off");
    add_log_file(argv);
    add_number(argv, "--parent", getpid());
    svec_add_nocopy(argv, xasprintf("--name=%s", c->port));
    svec_add_nocopy(argv, xasprintf("--events=%s", c->events));
    svec_add_nocopy(argv, xasprintf("--report=%s", report_path));
    add_number(argv, "--rotate-size", c->files.rotate_size);
    add_number(argv, "--rotate-time", c->files.rotate_time);
    add_number(argv, "--keep", c->files.keep);
    if (c->files.gzip) {
        svec_add(argv, "--gzip");
    }
    svec_add(argv, "--");
    svec_add(argv, c->port);
    svec_add(argv, c->files.path);
    svec_terminate(argv);
}

static void
start(struct capture *c)
{
    struct svec argv;
    int error = open_reports();

    c->started = time_msec();
    c->next_start = c->started + c->backoff;
    c->backoff = MIN(c->backoff * 2, MAX_BACKOFF);
    c->told_to_end = c->heard = false;
    c->kill_at = LLONG_MAX;
    if (!error) {
        compose_command(c, &argv);
        error = process_start(argv.names, &c->process);
        svec_destroy(&argv);
    }
    if (error) {
        char *problem = xasprintf("cannot start tasuki-capture (%s)",
                                  ovs_strerror(error));

        set_problem(c, problem);
        free(problem);
    } else {
        VLOG_INFO("%s: tasuki-capture started, pid %ld", c->port,
                  (long int) process_pid(c->process));
    }
}

/* Tells the process to end. */
static void
stop(struct capture *c)
{
    if (c->process && !c->told_to_end) {
        process_kill(c->process, SIGTERM);
        c->told_to_end = true;
        c->kill_at = time_msec() + GRACE;
    }
}

static void
disconnect(struct capture *c)
{
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
    c->next_connect = time_msec() + CONNECT_INTERVAL;
}

/* The process has ended. */
static void
ended(struct capture *c)
{
    char *status = process_status_msg(process_status(c->process));

    VLOG_INFO("%s: tasuki-capture has ended (%s)", c->port, status);
    process_destroy(c->process);
    c->process = NULL;
    disconnect(c);
    if (c->told_to_end) {
        c->backoff = MIN_BACKOFF;
        c->next_start = time_msec();
    } else {
        if (time_msec() - c->started >= MAX_BACKOFF) {
            c->backoff = MIN_BACKOFF;
        }
        /* What it has said is better. */
        if (!c->heard || !c->problem) {
            char *problem = xasprintf("tasuki-capture has ended (%s)", status);

            set_problem(c, problem);
            free(problem);
        }
    }
    free(status);
}

static void
forget(struct capture *c)
{
    shash_find_and_delete(&captures, c->port);
    process_destroy(c->process);
    disconnect(c);
    svec_destroy(&c->lines);
    free(CONST_CAST(char *, c->files.path));
    free(c->port);
    free(c->events);
    free(c->file);
    free(c->problem);
    free(c);
}

static bool
same_files(const struct capture_files *a, const struct capture_files *b)
{
    return (nullable_string_is_equal(a->path, b->path)
            && a->rotate_size == b->rotate_size
            && a->rotate_time == b->rotate_time
            && a->keep == b->keep && a->gzip == b->gzip);
}

/* Has the capture write 'files', null for none. */
static void
want(struct capture *c, const struct capture_files *files)
{
    free(CONST_CAST(char *, c->files.path));
    memset(&c->files, 0, sizeof c->files);
    if (files) {
        c->files = *files;
        c->files.path = xstrdup(files->path);
    }
    stop(c);
    c->heard = false;
    if (!c->told_to_end) {
        /* It is not to wait for what was wrong with other files. */
        c->next_start = time_msec();
        c->backoff = MIN_BACKOFF;
    }
    set_problem(c, NULL);
}

void
capture_set(const char *port, const struct capture_files *files)
{
    struct capture *c = shash_find_data(&captures, port);

    if (!c) {
        c = xzalloc(sizeof *c);
        c->port = xstrdup(port);
        c->events = xasprintf("%s/tasukid.%ld.%s.events", ovs_rundir(),
                              (long int) getpid(), port);
        c->fd = -1;
        svec_init(&c->lines);
        shash_add(&captures, port, c);
    } else if (same_files(&c->files, files)) {
        return;
    }
    want(c, files);
    poll_immediate_wake();
}

void
capture_clear(const char *port)
{
    struct capture *c = shash_find_data(&captures, port);

    if (c) {
        want(c, NULL);
        poll_immediate_wake();
    }
}

void
capture_destroy(void)
{
    struct shash_node *node;

    SHASH_FOR_EACH_SAFE (node, &captures) {
        /* Each completes its file by itself. */
        stop(node->data);
        forget(node->data);
    }
    if (report_fd >= 0) {
        close(report_fd);
        report_fd = -1;
        fatal_signal_unlink_file_now(report_path);
        free(report_path);
        report_path = NULL;
    }
}

/* Sends lines that wait, as far as the process takes them. */
static void
send_lines(struct capture *c)
{
    size_t n = 0;

    /* It listens before it says anything. */
    if (!c->lines.n || !c->process || !c->heard
        || time_msec() < c->next_connect) {
        return;
    }
    if (c->fd < 0) {
        int fd = make_unix_socket(SOCK_DGRAM, true, NULL, c->events);

        if (fd < 0) {
            disconnect(c);
            return;
        }
        c->fd = fd;
    }
    for (; n < c->lines.n; n++) {
        const char *line = c->lines.names[n];

        if (send(c->fd, line, strlen(line), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            if (errno != EAGAIN) {
                disconnect(c);
            }
            break;
        }
        free(c->lines.names[n]);
    }
    c->lines.n -= n;
    memmove(c->lines.names, c->lines.names + n,
            c->lines.n * sizeof *c->lines.names);
}

void
capture_tell(const char *port, const char *line)
{
    struct capture *c = shash_find_data(&captures, port);

    if (!c) {
        return;
    }
    if (c->lines.n >= MAX_LINES) {
        static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(1, 1);

        c->lost_lines++;
        VLOG_WARN_RL(&rl, "%s: tasuki-capture does not listen, %"PRIu64
                     " events lost so far", c->port, c->lost_lines);
        return;
    }
    svec_add(&c->lines, line);
    send_lines(c);
}

static uint64_t
get_count(const struct shash *report, const char *name)
{
    const struct json *value = shash_find_data(report, name);

    return value && value->type == JSON_INTEGER ? json_integer(value) : 0;
}

static const char *
get_string(const struct shash *report, const char *name)
{
    const struct json *value = shash_find_data(report, name);

    return value && value->type == JSON_STRING ? json_string(value) : NULL;
}

static void
hear_report(const struct json *json)
{
    if (json->type != JSON_OBJECT) {
        return;
    }
    const struct shash *report = json_object(json);
    const char *name = get_string(report, "name");
    struct capture *c = name ? shash_find_data(&captures, name) : NULL;

    if (c && c->process && !c->told_to_end) {
        changed |= !c->heard;
        c->heard = true;
        free(c->file);
        c->file = nullable_xstrdup(get_string(report, "file"));
        c->written = get_count(report, "written");
        c->dropped = get_count(report, "dropped");
        c->lost = get_count(report, "lost");
        set_problem(c, get_string(report, "problem"));
    }
}

static void
read_reports(void)
{
    char buf[MAX_REPORT + 1];

    for (int i = 0; report_fd >= 0 && i < MAX_REPORTS; i++) {
        ssize_t n = recv(report_fd, buf, MAX_REPORT, MSG_DONTWAIT);

        if (n < 0) {
            return;
        }
        buf[n] = '\0';

        struct json *json = json_from_string(buf);
        hear_report(json);
        json_destroy(json);
    }
}

static void
run(struct capture *c)
{
    if (c->process && process_exited(c->process)) {
        ended(c);
    }
    if (c->process && time_msec() >= c->kill_at) {
        process_kill(c->process, SIGKILL);
        c->kill_at = LLONG_MAX;
    }
    if (!c->process) {
        if (!c->files.path) {
            forget(c);
            return;
        }
        if (time_msec() >= c->next_start) {
            start(c);
        }
    }
    send_lines(c);
}

bool
capture_run(void)
{
    struct shash_node *node;

    /* Before what has ended is looked at: it may have said why. */
    read_reports();
    if (!shash_is_empty(&captures)) {
        process_run();
    }
    SHASH_FOR_EACH_SAFE (node, &captures) {
        run(node->data);
    }

    bool retval = changed;
    changed = false;
    return retval;
}

void
capture_wait(void)
{
    struct shash_node *node;

    if (report_fd >= 0) {
        poll_fd_wait(report_fd, POLLIN);
    }
    SHASH_FOR_EACH (node, &captures) {
        struct capture *c = node->data;

        if (!c->process) {
            poll_timer_wait_until(c->next_start);
            continue;
        }
        process_wait(c->process);
        poll_timer_wait_until(c->kill_at);
        if (c->lines.n && c->heard) {
            if (c->fd < 0) {
                poll_timer_wait_until(c->next_connect);
            } else {
                poll_fd_wait(c->fd, POLLOUT);
            }
        }
    }
}

const char *
capture_problem(const char *port)
{
    const struct capture *c = shash_find_data(&captures, port);

    return (!c ? NULL
            : c->problem ? c->problem
            : !c->heard ? "tasuki-capture is starting" : NULL);
}

void
capture_format(const char *port, struct ds *ds)
{
    const struct capture *c = shash_find_data(&captures, port);

    if (c) {
        ds_put_format(ds, "file %s: %"PRIu64" packets written, %"PRIu64
                      " dropped by the kernel, %"PRIu64" could not be written",
                      c->file ? c->file : "(none)", c->written, c->dropped,
                      c->lost);
    }
}
