/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "command-line.h"
#include "compiler.h"
#include "daemon.h"
#include "dirs.h"
#include "dns-resolve.h"
#include "fatal-signal.h"
#include "memory.h"
#include "ofp-version-opt.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vconn.h"
#include "openvswitch/vlog.h"
#include "ovs-rcu.h"
#include "ovs-thread.h"
#include "simap.h"
#include "stream-ssl.h"
#include "stream.h"
#include "timeval.h"
#include "unixctl.h"
#include "util.h"
#include "utilities/tasukid/apps/apps.h"
#include "utilities/tasukid/core/app-call.h"
#include "utilities/tasukid/core/config-db.h"
#include "utilities/tasukid/core/connections.h"
#include "utilities/tasukid/core/events.h"
#include "utilities/tasukid/core/neighbours.h"
#include "utilities/tasukid/core/ofswitch-private.h"
#include "utilities/tasukid/core/ovs-ports.h"
#include "utilities/tasukid/core/reconcile.h"
#include "utilities/tasukid/core/timers.h"

VLOG_DEFINE_THIS_MODULE(tasukid);

/* How long "--detach" waits for the database before it returns, in msec. */
#define SETTLE_TIMEOUT 2000

static unixctl_cb_func tasukid_exit;

static char *parse_options(int argc, char *argv[], char **unixctl_path);
OVS_NO_RETURN static void usage(void);

static void
report_memory(void)
{
    struct simap usage = SIMAP_INITIALIZER(&usage);

    config_get_memory_usage(&usage);
    connections_get_memory_usage(&usage);
    for (size_t i = 0; i < app_count(); i++) {
        if (app_classes[i]->memory_usage) {
            APP_CALL(app_classes[i], memory_usage, &usage);
        }
    }
    memory_report(&usage);
    simap_destroy(&usage);
}

int
main(int argc, char *argv[])
{
    struct unixctl_server *unixctl;
    char *unixctl_path = NULL;
    long long int settle_by;
    bool settled = false;
    bool exiting = false;
    char *remote;
    int retval;

    ovsthread_id_init();
    dns_resolve_init(true);
    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    service_start(&argc, &argv);
    app_set_directory(TASUKID_APP_DIR);
    remote = parse_options(argc, argv, &unixctl_path);
    fatal_ignore_sigpipe();

    daemonize_start(false);
    app_log_crashes();

    retval = unixctl_server_create(unixctl_path, &unixctl);
    if (retval) {
        exit(EXIT_FAILURE);
    }
    unixctl_command_register("exit", "", 0, 0, tasukid_exit, &exiting);

    connections_init();
    events_init();
    apps_register();
    app_init_all();
    ovs_ports_init(remote);
    reconcile_init(remote);
    free(remote);

    settle_by = time_msec() + SETTLE_TIMEOUT;
    while (!exiting) {
        memory_run();
        if (memory_should_report()) {
            report_memory();
        }

        reconcile_run();
        timers_run();
        neighbours_run();
        connections_run();
        events_run();
        for (size_t i = 0; i < app_count(); i++) {
            if (app_classes[i]->run) {
                APP_CALL(app_classes[i], run);
            }
        }
        ovs_ports_run();
        unixctl_server_run(unixctl);

        if (!settled) {
            settled = config_is_settled() || time_msec() >= settle_by;
            if (settled) {
                daemonize_complete();
                /* A slow disk must not hold up packets. */
                vlog_enable_async();
                VLOG_INFO("%s (Tasuki) %s", program_name, VERSION);
            } else {
                poll_timer_wait_until(settle_by);
            }
        }

        memory_wait();
        reconcile_wait();
        connections_wait();
        events_wait();
        timers_wait();
        neighbours_wait();
        for (size_t i = 0; i < app_count(); i++) {
            if (app_classes[i]->wait) {
                APP_CALL(app_classes[i], wait);
            }
        }
        ovs_ports_wait();
        unixctl_server_wait(unixctl);
        if (exiting) {
            poll_immediate_wake();
        }
        poll_block();
        if (should_service_stop()) {
            exiting = true;
        }
    }

    /* The flows stay in the switches on purpose: established connections go
     * on, and the next tasukid adopts them. */
    connections_configure(NULL);
    app_destroy_all();
    ovs_ports_destroy();
    config_destroy();
    unixctl_server_destroy(unixctl);
    service_stop();
    vlog_disable_async();
    ovsrcu_exit();
    dns_resolve_destroy();
    return 0;
}

static void
parse_versions(const char *arg)
{
    uint32_t supported = ((1u << OFP13_VERSION) | (1u << OFP14_VERSION)
                          | (1u << OFP15_VERSION));
    uint32_t versions = ofputil_versions_from_string(arg);

    if (!versions || versions & ~supported) {
        ovs_fatal(0, "%s: OpenFlow versions must be among OpenFlow13, "
                  "OpenFlow14 and OpenFlow15", arg);
    }
    set_allowed_ofp_versions(arg);
}

/* Returns the remote of the database, which the caller must free. */
static char *
parse_options(int argc, char *argv[], char **unixctl_pathp)
{
    enum {
        OPT_APP_DIR = UCHAR_MAX + 1,
        OPT_PEER_CA_CERT,
        OPT_UNIXCTL,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"app-dir", required_argument, NULL, OPT_APP_DIR},
        {"protocols", required_argument, NULL, 'O'},
        {"unixctl", required_argument, NULL, OPT_UNIXCTL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
        {NULL, 0, NULL, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);

    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);

        if (c == -1) {
            break;
        }

        switch (c) {
        case OPT_APP_DIR:
            app_set_directory(optarg);
            break;

        case 'O':
            parse_versions(optarg);
            break;

        case OPT_UNIXCTL:
            *unixctl_pathp = optarg;
            break;

        case 'h':
            usage();

        case 'V':
            ovs_print_version(OFP13_VERSION, OFP15_VERSION);
            exit(EXIT_SUCCESS);

        VLOG_OPTION_HANDLERS
        DAEMON_OPTION_HANDLERS
        STREAM_SSL_OPTION_HANDLERS

        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;

        case '?':
            exit(EXIT_FAILURE);

        default:
            abort();
        }
    }
    free(short_options);

    switch (argc - optind) {
    case 0:
        return xasprintf("unix:%s/db.sock", ovs_rundir());

    case 1:
        return xstrdup(argv[optind]);

    default:
        ovs_fatal(0, "at most one non-option argument accepted; "
                  "use --help for usage");
    }
}

static void
usage(void)
{
    printf("%s: Tasuki OpenFlow controller\n"
           "usage: %s [OPTIONS] [DATABASE]\n"
           "where DATABASE is a socket on which ovsdb-server is listening\n"
           "      (default: \"unix:%s/db.sock\").\n",
           program_name, program_name, ovs_rundir());
    stream_usage("DATABASE", true, false, true);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  --app-dir=DIR             where applications are that are not part of\n"
           "                            Tasuki\n"
           "                            (default: %s)\n"
           "  -O, --protocols=VERSIONS  OpenFlow versions to speak\n"
           "                            (default: "
           "OpenFlow13,OpenFlow14,OpenFlow15)\n"
           "  --unixctl=SOCKET          override default control socket name\n"
           "  -h, --help                display this help message\n"
           "  -V, --version             display version information\n",
           TASUKID_APP_DIR);
    exit(EXIT_SUCCESS);
}

static void
tasukid_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
             const char *argv[] OVS_UNUSED, void *exiting_)
{
    bool *exiting = exiting_;

    *exiting = true;
    unixctl_command_reply(conn, NULL);
}
