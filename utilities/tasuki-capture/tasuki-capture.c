/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "command-line.h"
#include "compiler.h"
#include "daemon.h"
#include "dirs.h"
#include "fatal-signal.h"
#include "files.h"
#include "held.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "skip-event.h"
#include "socket-util.h"
#include "source.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "writer.h"

VLOG_DEFINE_THIS_MODULE(tasuki_capture);

/* How long packets wait for news by default, in ms, and how much memory they
 * may take. */
#define DEFAULT_DELAY 100
#define HELD_BYTES (64 * 1024 * 1024)

/* The kernel's buffer by default, in MB. */
#define DEFAULT_BUFFER 64

/* Neither packets nor news keep the main loop busy. */
#define MAX_PACKETS 1000
#define MAX_NEWS 100

/* How long reading what is there may take at the end, in ms. */
#define DRAIN_TIME 2000

/* We look for an interface that is gone, tell of drops, and report so often,
 * in ms. */
#define REOPEN_INTERVAL 1000
#define DROPS_INTERVAL 10000
#define REPORT_INTERVAL 1000

struct options {
    char *interface;
    struct files_options files;
    char *events;               /* Socket for news, or null. */
    char *report;               /* Socket to report to, or null. */
    char *name;                 /* In reports. */
    char *unixctl_path;
    int parent;                 /* End with this process; 0 for none. */
    int delay;                  /* In ms. */
    int buffer;                 /* In MB. */
    bool quiet;
};

static struct options o;
static struct source *source;
static char *source_problem;
static uint64_t source_drops;   /* What of it was counted. */
static long long int next_open, next_drops;
static struct held held;
static struct files *files;

static int events_fd = -1;
static uint64_t n_news, n_bad_news;
static int report_fd = -1;
static long long int next_report;
static char *last_report;

static unixctl_cb_func capture_exit, capture_show;

static void parse_options(int argc, char *argv[]);
OVS_NO_RETURN static void usage(void);

static void
put_packet(const struct timespec *when, const void *data, uint32_t caplen,
           uint32_t len, void *aux OVS_UNUSED)
{
    held_put(&held, time_msec(), when, data, caplen, len);
}

static void
count_drops(void)
{
    if (source) {
        uint64_t drops = source_dropped(source);

        files_dropped(files, drops - source_drops);
        source_drops = drops;
    }
}

static void
source_lost(char *problem)
{
    VLOG_WARN("%s: %s", o.interface, problem);
    free(source_problem);
    source_problem = problem;
    count_drops();
    source_close(source);
    source = NULL;
    next_open = time_msec() + REOPEN_INTERVAL;
}

/* Opens the interface.  Returns null, or what is wrong. */
static char *
open_source(void)
{
    char *error = NULL;

    if (o.quiet) {
        source_quiet(o.interface);
    }
    source_drops = 0;
    source = source_open(o.interface, o.buffer * 1024UL * 1024, &error);
    return error;
}

static void
source_run(void)
{
    char *error = NULL;

    if (!source) {
        if (time_msec() < next_open) {
            return;
        }
        error = open_source();
        if (error) {
            free(error);
            next_open = time_msec() + REOPEN_INTERVAL;
            return;
        }
        VLOG_INFO("%s: it is back", o.interface);
        free(source_problem);
        source_problem = NULL;
    }
    int n = source_read(source, MAX_PACKETS, put_packet, NULL, &error);
    if (n < 0) {
        source_lost(error);
        return;
    }
    count_drops();
    if (n >= MAX_PACKETS) {
        poll_immediate_wake();
    }
}

/* Tells of drops once in a while. */
static void
drops_run(void)
{
    static uint64_t told_dropped, told_lost;

    if (time_msec() < next_drops) {
        return;
    }
    next_drops = time_msec() + DROPS_INTERVAL;

    struct files_counts c = files_counts(files);
    if (c.dropped != told_dropped || c.lost != told_lost) {
        VLOG_WARN("%s: %"PRIu64" packets written, %"PRIu64" dropped by the "
                  "kernel, %"PRIu64" could not be written",
                  o.interface, c.written, c.dropped, c.lost);
        told_dropped = c.dropped;
        told_lost = c.lost;
    }
}

static void
hear(char *line)
{
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(5, 20);
    struct skip_event event;
    char *error = skip_event_parse(line, &event);

    if (error) {
        n_bad_news++;
        VLOG_WARN_RL(&rl, "what came to %s is no event: %s", o.events, error);
        free(error);
        return;
    }
    n_news++;
    files_skipped(files, &event);
    held_tell(&held, time_msec(), &event);
    skip_event_uninit(&event);
}

static void
events_run(void)
{
    /* One byte more than is accepted, and the end of the string. */
    char line[SKIP_EVENT_MAX + 2];

    if (events_fd < 0) {
        return;
    }
    for (int i = 0; i < MAX_NEWS; i++) {
        ssize_t n = recv(events_fd, line, sizeof line - 1, MSG_DONTWAIT);

        if (n < 0) {
            return;
        }
        line[n] = '\0';
        hear(line);
    }
    poll_immediate_wake();
}

static void
write_due(long long int now)
{
    struct held_packet *packet;

    while ((packet = held_pop(&held, now)) != NULL) {
        files_put(files, packet);
        held_free(packet);
    }
}

static const char *
problem(void)
{
    return source_problem ? source_problem : files_problem(files);
}

static char *
compose_report(const char *what_is_wrong)
{
    struct json *report = json_object_create();
    struct files_counts c = { .written = 0 };

    if (files) {
        c = files_counts(files);
        if (files_path(files)) {
            json_object_put_string(report, "file", files_path(files));
        }
    }
    json_object_put_string(report, "name", o.name);
    json_object_put(report, "written", json_integer_create(c.written));
    json_object_put(report, "dropped", json_integer_create(c.dropped));
    json_object_put(report, "lost", json_integer_create(c.lost));
    if (what_is_wrong) {
        json_object_put_string(report, "problem", what_is_wrong);
    }
    char *s = json_to_string(report, JSSF_SORT);
    json_destroy(report);
    return s;
}

/* Returns true if tasukid got the report. */
static bool
send_report(const char *report)
{
    if (report_fd < 0) {
        report_fd = make_unix_socket(SOCK_DGRAM, true, NULL, o.report);
    }
    return (report_fd >= 0
            && send(report_fd, report, strlen(report), MSG_NOSIGNAL) >= 0);
}

/* Tells tasukid how things are, when something has changed. */
static void
report_run(void)
{
    if (!o.report || time_msec() < next_report) {
        return;
    }
    next_report = time_msec() + REPORT_INTERVAL;

    char *report = compose_report(problem());
    if (!nullable_string_is_equal(report, last_report)
        && send_report(report)) {
        free(last_report);
        last_report = report;
    } else {
        free(report);
    }
}

/* Ends for a reason that tasukid gets to know. */
OVS_NO_RETURN static void
fail(const char *reason)
{
    if (o.report) {
        send_report(compose_report(reason));
    }
    VLOG_WARN("%s", reason);
    exit(EXIT_FAILURE);
}

/* Reads what is in the kernel's buffer by now, or being gathered there, and not
 * what goes on coming. */
static void
drain_source(void)
{
    long long int start = time_wall_msec(), elapsed;
    char *error = NULL;
    int n;

    do {
        n = source_read(source, MAX_PACKETS, put_packet, NULL, &error);
        write_due(time_msec());
        if (!n) {
            xnanosleep(1000000);
        }
        elapsed = time_wall_msec() - start;
    } while (n >= 0 && elapsed < (n ? DRAIN_TIME : 2 * SOURCE_GATHER));
    free(error);
    count_drops();
}

/* Completes the file. */
static void
finish(void *aux OVS_UNUSED)
{
    if (!files) {
        return;
    }
    if (source) {
        drain_source();
    }
    events_run();
    write_due(LLONG_MAX);

    struct files_counts c = files_counts(files);
    VLOG_INFO("%s: %"PRIu64" packets written, %"PRIu64" dropped by the "
              "kernel, %"PRIu64" could not be written; %"PRIu64" events, "
              "%"PRIu64" of them without a packet that follows",
              o.interface, c.written, c.dropped, c.lost, n_news,
              held.n_without_packet + held.n_news);
    files_destroy(files);
    files = NULL;
}

/* Has us end when the process that started us does. */
static void
follow_parent(void)
{
    if (o.parent) {
        if (prctl(PR_SET_PDEATHSIG, SIGTERM)) {
            VLOG_FATAL("prctl failed (%s)", ovs_strerror(errno));
        }
        if (getppid() != o.parent) {
            VLOG_FATAL("process %d has not started this one, or is gone",
                       o.parent);
        }
    }
}

static void
open_events(void)
{
    if (o.events) {
        events_fd = make_unix_socket(SOCK_DGRAM, true, o.events, NULL);
        if (events_fd < 0) {
            VLOG_FATAL("%s: cannot listen (%s)",
                       o.events, ovs_strerror(-events_fd));
        }
    }
}

int
main(int argc, char *argv[])
{
    struct unixctl_server *unixctl;
    bool exiting = false;
    char *error = NULL;
    int retval;

    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    service_start(&argc, &argv);
    parse_options(argc, argv);
    fatal_ignore_sigpipe();

    daemonize_start(false);
    follow_parent();

    retval = unixctl_server_create(o.unixctl_path, &unixctl);
    if (retval) {
        exit(EXIT_FAILURE);
    }
    unixctl_command_register("exit", "", 0, 0, capture_exit, &exiting);
    unixctl_command_register("show", "", 0, 0, capture_show, NULL);

    writer_init();
    held_init(&held, o.delay, HELD_BYTES);
    error = open_source();
    if (error) {
        fail(xasprintf("%s: %s", o.interface, error));
    }
    files = files_create(&o.files, &error);
    if (!files) {
        fail(error);
    }
    open_events();
    /* Called by poll_block(), not from within a signal handler. */
    fatal_signal_add_hook(finish, NULL, NULL, true);

    daemonize_complete();
    VLOG_INFO("%s (Tasuki) %s", program_name, VERSION);

    while (!exiting) {
        source_run();
        events_run();
        write_due(time_msec());
        files_run(files);
        drops_run();
        report_run();
        unixctl_server_run(unixctl);

        if (source) {
            source_wait(source);
        } else {
            poll_timer_wait_until(next_open);
        }
        if (events_fd >= 0) {
            poll_fd_wait(events_fd, POLLIN);
        }
        poll_timer_wait_until(held_due(&held));
        files_wait(files);
        poll_timer_wait_until(next_drops);
        if (o.report) {
            poll_timer_wait_until(next_report);
        }
        unixctl_server_wait(unixctl);
        if (exiting) {
            poll_immediate_wake();
        }
        poll_block();
        if (should_service_stop()) {
            exiting = true;
        }
    }

    finish(NULL);
    source_close(source);
    held_destroy(&held);
    unixctl_server_destroy(unixctl);
    service_stop();
    return 0;
}

/* Returns the value of option 'name', an integer from 'min' to 'max'. */
static int
parse_number(const char *name, const char *arg, int min, int max)
{
    int value;

    if (!str_to_int(arg, 10, &value) || value < min || value > max) {
        ovs_fatal(0, "--%s: \"%s\" is not a number from %d to %d",
                  name, arg, min, max);
    }
    return value;
}

/* Returns a number of bytes, perhaps followed by k, M or G (of 1024). */
static uint64_t
parse_size(const char *name, const char *arg)
{
    static const char units[] = "kMG";
    unsigned long long int value;
    char *tail;

    errno = 0;
    value = strtoull(arg, &tail, 10);
    const char *unit = *tail ? strchr(units, *tail) : NULL;
    int shift = unit ? (unit - units + 1) * 10 : 0;

    if (errno || tail == arg || *arg == '-' || !value
        || tail[unit != NULL] || value > UINT64_MAX >> shift) {
        ovs_fatal(0, "--%s: \"%s\" is not a number of bytes, or of k, M or G",
                  name, arg);
    }
    return (uint64_t) value << shift;
}

static void
parse_options(int argc, char *argv[])
{
    enum {
        OPT_BUFFER = UCHAR_MAX + 1,
        OPT_DELAY,
        OPT_DESCRIPTION,
        OPT_EVENTS,
        OPT_GZIP,
        OPT_KEEP,
        OPT_NAME,
        OPT_PARENT,
        OPT_QUIET,
        OPT_REPORT,
        OPT_ROTATE_SIZE,
        OPT_ROTATE_TIME,
        OPT_UNIXCTL,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"buffer", required_argument, NULL, OPT_BUFFER},
        {"delay", required_argument, NULL, OPT_DELAY},
        {"description", required_argument, NULL, OPT_DESCRIPTION},
        {"events", required_argument, NULL, OPT_EVENTS},
        {"gzip", no_argument, NULL, OPT_GZIP},
        {"keep", required_argument, NULL, OPT_KEEP},
        {"name", required_argument, NULL, OPT_NAME},
        {"parent", required_argument, NULL, OPT_PARENT},
        {"quiet-interface", no_argument, NULL, OPT_QUIET},
        {"report", required_argument, NULL, OPT_REPORT},
        {"rotate-size", required_argument, NULL, OPT_ROTATE_SIZE},
        {"rotate-time", required_argument, NULL, OPT_ROTATE_TIME},
        {"unixctl", required_argument, NULL, OPT_UNIXCTL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);

    o.delay = DEFAULT_DELAY;
    o.buffer = DEFAULT_BUFFER;
    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);

        if (c == -1) {
            break;
        }

        switch (c) {
        case OPT_BUFFER:
            o.buffer = parse_number("buffer", optarg, 1, 1024);
            break;

        case OPT_DELAY:
            o.delay = parse_number("delay", optarg, 0, 10000);
            break;

        case OPT_DESCRIPTION:
            o.files.description = optarg;
            break;

        case OPT_EVENTS:
            free(o.events);
            o.events = abs_file_name(ovs_rundir(), optarg);
            break;

        case OPT_GZIP:
            o.files.gzip = true;
            break;

        case OPT_KEEP:
            o.files.keep = parse_number("keep", optarg, 1, INT_MAX);
            break;

        case OPT_NAME:
            o.name = optarg;
            break;

        case OPT_PARENT:
            o.parent = parse_number("parent", optarg, 1, INT_MAX);
            break;

        case OPT_QUIET:
            o.quiet = true;
            break;

        case OPT_REPORT:
            free(o.report);
            o.report = abs_file_name(ovs_rundir(), optarg);
            break;

        case OPT_ROTATE_SIZE:
            o.files.rotate_size = parse_size("rotate-size", optarg);
            break;

        case OPT_ROTATE_TIME:
            o.files.rotate_time = parse_number("rotate-time", optarg, 1,
                                               INT_MAX);
            break;

        case OPT_UNIXCTL:
            o.unixctl_path = optarg;
            break;

        case 'h':
            usage();

        case 'V':
            ovs_print_version(0, 0);
            exit(EXIT_SUCCESS);

        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS

        case '?':
            exit(EXIT_FAILURE);

        default:
            abort();
        }
    }
    free(short_options);

    if (argc - optind != 2) {
        ovs_fatal(0, "an interface and a file are needed; "
                  "use --help for usage");
    }
    o.interface = argv[optind];
    o.files.interface = o.interface;
    /* Valid after we have gone into the background, too. */
    o.files.path = abs_file_name(NULL, argv[optind + 1]);
    if (!o.name) {
        o.name = o.interface;
    }
    if (o.parent && get_detach()) {
        ovs_fatal(0, "--detach leaves the parent that --parent names");
    }
}

static void
usage(void)
{
    printf("%s: writes the packets that come out of an interface to files\n"
           "usage: %s [OPTIONS] INTERFACE FILE\n"
           "FILE is a pcapng file; numbers are put into its name as needed.\n",
           program_name, program_name);
    daemon_usage();
    vlog_usage();
    printf("\nFiles:\n"
           "  --rotate-size=BYTES     begin a new file after BYTES (k, M, G)\n"
           "  --rotate-time=SECS      begin a new file after SECS seconds\n"
           "  --keep=N                delete all but the N newest files\n"
           "  --gzip                  compress files\n"
           "  --description=TEXT      describe the interface in files\n"
           "\nPackets:\n"
           "  --buffer=MB             the kernel's buffer (default: %d MB)\n"
           "  --quiet-interface       set the interface up, without ARP and "
           "IPv6\n"
           "\nWhat was skipped:\n"
           "  --events=SOCKET         write what is told there beside packets\n"
           "  --delay=MS              let packets wait for that "
           "(default: %d ms)\n"
           "\nOther options:\n"
           "  --parent=PID            end with the process PID, our parent\n"
           "  --report=SOCKET         report there how things are\n"
           "  --name=NAME             who reports (default: INTERFACE)\n"
           "  --unixctl=SOCKET        override default control socket name\n"
           "  -h, --help              display this help message\n"
           "  -V, --version           display version information\n",
           DEFAULT_BUFFER, DEFAULT_DELAY);
    exit(EXIT_SUCCESS);
}

static void
capture_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *exiting_)
{
    bool *exiting = exiting_;

    *exiting = true;
    unixctl_command_reply(conn, NULL);
}

static void
capture_show(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    struct files_counts c = files_counts(files);
    ds_put_format(&ds, "interface %s\n", o.interface);
    ds_put_format(&ds, "file %s\n",
                  files_path(files) ? files_path(files) : "none");
    ds_put_format(&ds, "packets: %"PRIu64" written, %"PRIu64" dropped by the "
                  "kernel, %"PRIu64" could not be written\n",
                  c.written, c.dropped, c.lost);
    ds_put_format(&ds, "events: %"PRIu64", %"PRIu64" refused\n",
                  n_news, n_bad_news);
    if (problem()) {
        ds_put_format(&ds, "problem: %s\n", problem());
    }
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}
