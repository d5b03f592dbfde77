/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command-line.h"
#include "compiler.h"
#include "daemon.h"
#include "dirs.h"
#include "exec.h"
#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-idl.h"
#include "print.h"
#include "process.h"
#include "row.h"
#include "stream.h"
#include "stream-ssl.h"
#include "svec.h"
#include "tenants.h"
#include "unixctl.h"
#include "util.h"
#include "utilities/tasukid/core/database-watch.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(tasuki_hook);

/* How long a command may take by default, in seconds. */
#define DEFAULT_TIMEOUT 60

struct options {
    char *remote;
    char *unixctl_path;
    char *state_file;
    int timeout;                /* In seconds. */
    unsigned int retries;
    char **command;             /* Null-terminated; null to print. */
};

static struct ovsdb_idl *idl;
static struct database_watch database_watch;
static unsigned int idl_seqno;
static const char *remote;

static unixctl_cb_func hook_exit, hook_show, hook_resend;

static void parse_options(int argc, char *argv[], struct options *);
OVS_NO_RETURN static void usage(void);

static void
database_init(void)
{
    idl = ovsdb_idl_create(remote, &tasukirec_idl_class, false, true);
    /* Any member of a cluster will do. */
    ovsdb_idl_set_leader_only(idl, false);
    hook_row_register(idl);
}

static void
database_run(void)
{
    ovsdb_idl_run(idl);
    database_watch_run(&database_watch, idl, remote,
                       ovsdb_idl_has_ever_connected(idl));
    if (ovsdb_idl_has_ever_connected(idl)
        && ovsdb_idl_get_seqno(idl) != idl_seqno) {
        struct shash rows = SHASH_INITIALIZER(&rows);

        idl_seqno = ovsdb_idl_get_seqno(idl);
        hook_row_get_all(idl, hook_tenants_is_known, &rows);
        hook_tenants_update(&rows);
        shash_destroy(&rows);
    }
}

/* Adds "PREFIX<NAME>=VALUE" to 'env' for each member of 'object' that
 * describes a tenant. */
static void
add_environment(struct svec *env, const char *prefix,
                const struct json *object)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, json_object(object)) {
        const struct json *value = node->data;

        if (strcmp(node->name, "event") && strcmp(node->name, "old")) {
            char *s = (value->type == JSON_STRING
                       ? xstrdup(json_string(value))
                       : json_to_string(value, JSSF_SORT));
            char *string = xasprintf("%s%s=%s", prefix, node->name, s);

            for (char *p = string; *p != '='; p++) {
                *p = toupper((unsigned char) *p);
            }
            svec_add_nocopy(env, string);
            free(s);
        }
    }
}

/* Starts the command for 'event'.  Returns 0 or a positive errno value. */
static int
run_command(const struct json *event)
{
    const struct shash *members = json_object(event);
    const struct json *name = shash_find_data(members, "event");
    const struct json *tenant = shash_find_data(members, "name");
    const struct json *old = shash_find_data(members, "old");
    char *what = xasprintf("%s %s", json_string(name), json_string(tenant));
    struct svec env = SVEC_EMPTY_INITIALIZER;
    int error;

    svec_add_nocopy(&env, xasprintf("TASUKI_EVENT=%s", json_string(name)));
    add_environment(&env, "TENANT_", event);
    if (old) {
        add_environment(&env, "TENANT_OLD_", old);
    }
    error = hook_exec_start(&env, what);
    if (error) {
        VLOG_WARN("%s: cannot start the command (%s)",
                  what, ovs_strerror(error));
    }
    svec_destroy(&env);
    free(what);
    return error;
}

static void
tell_run(bool exec)
{
    for (;;) {
        char *reason = NULL;

        if (exec ? hook_exec_run(&reason) : hook_print_run()) {
            hook_tenants_done(reason);
            free(reason);
        }
        if (exec ? hook_exec_is_running() : hook_print_is_busy()) {
            break;
        }

        struct json *event = hook_tenants_next();
        if (!event) {
            break;
        }
        if (!exec) {
            hook_print_start(event);
        } else {
            int error = run_command(event);

            if (error) {
                hook_tenants_done(ovs_strerror(error));
            }
        }
        json_destroy(event);
    }
}

static void
stop_command(void *aux OVS_UNUSED)
{
    hook_exec_stop();
}

int
main(int argc, char *argv[])
{
    struct unixctl_server *unixctl;
    struct options o;
    bool exiting = false;
    int retval;

    ovs_cmdl_proctitle_init(argc, argv);
    set_program_name(argv[0]);
    service_start(&argc, &argv);
    parse_options(argc, argv, &o);
    bool exec = o.command != NULL;
    fatal_ignore_sigpipe();

    daemonize_start(false);

    retval = unixctl_server_create(o.unixctl_path, &unixctl);
    if (retval) {
        exit(EXIT_FAILURE);
    }
    unixctl_command_register("exit", "", 0, 0, hook_exit, &exiting);
    unixctl_command_register("show", "", 0, 0, hook_show, NULL);
    unixctl_command_register("resend", "[tenant]", 0, 1, hook_resend, NULL);

    hook_tenants_set_retries(o.retries);
    if (o.state_file) {
        hook_tenants_load(o.state_file);
    }
    if (exec) {
        hook_exec_init(o.command, o.timeout * 1000);
        fatal_signal_add_hook(stop_command, NULL, NULL, true);
    } else {
        hook_print_init();
    }
    remote = o.remote;
    database_init();

    daemonize_complete();
    VLOG_INFO("%s (Tasuki) %s", program_name, VERSION);

    while (!exiting) {
        database_run();
        tell_run(exec);
        unixctl_server_run(unixctl);

        ovsdb_idl_wait(idl);
        database_watch_wait(&database_watch);
        if (exec) {
            hook_exec_wait();
        } else {
            hook_print_wait();
        }
        hook_tenants_wait();
        unixctl_server_wait(unixctl);
        if (exiting) {
            poll_immediate_wake();
        }
        poll_block();
        if (should_service_stop()) {
            exiting = true;
        }
    }

    hook_exec_stop();
    ovsdb_idl_destroy(idl);
    hook_tenants_destroy();
    unixctl_server_destroy(unixctl);
    service_stop();
    free(o.remote);
    free(o.state_file);
    return 0;
}

/* Returns the value of option 'name', an integer from 0 up to 'max', or 'max'
 * if it is 'infinite'. */
static int
parse_number(const char *name, const char *arg, int max, const char *infinite)
{
    int value;

    if (!strcmp(arg, infinite)) {
        return max;
    } else if (!str_to_int(arg, 10, &value) || value < 0 || value > max) {
        ovs_fatal(0, "--%s: \"%s\" is not \"%s\" or a number from 0 to %d",
                  name, arg, infinite, max);
    }
    return value;
}

/* Makes the path of 'command' valid after we have gone into the background. */
static void
resolve_command(char **command)
{
    char *file = process_search_path(command[0]);

    if (!file) {
        ovs_fatal(0, "%s: no such command", command[0]);
    }
    command[0] = abs_file_name(NULL, file);
    free(file);
    if (access(command[0], X_OK)) {
        ovs_fatal(errno, "%s", command[0]);
    }
}

static void
parse_options(int argc, char *argv[], struct options *o)
{
    enum {
        OPT_DB = UCHAR_MAX + 1,
        OPT_PEER_CA_CERT,
        OPT_RETRIES,
        OPT_STATE_FILE,
        OPT_TIMEOUT,
        OPT_UNIXCTL,
        VLOG_OPTION_ENUMS,
        DAEMON_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"db", required_argument, NULL, OPT_DB},
        {"retries", required_argument, NULL, OPT_RETRIES},
        {"state-file", required_argument, NULL, OPT_STATE_FILE},
        {"timeout", required_argument, NULL, OPT_TIMEOUT},
        {"unixctl", required_argument, NULL, OPT_UNIXCTL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
        {NULL, 0, NULL, 0},
    };
    char *all = ovs_cmdl_long_options_to_short_options(long_options);
    /* "+" leaves the command's own options to it. */
    char *short_options = xasprintf("+%s", all);

    free(all);
    memset(o, 0, sizeof *o);
    o->timeout = DEFAULT_TIMEOUT;
    o->retries = UINT_MAX;
    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);

        if (c == -1) {
            break;
        }

        switch (c) {
        case OPT_DB:
            free(o->remote);
            o->remote = xstrdup(optarg);
            break;

        case OPT_RETRIES:
            o->retries = parse_number("retries", optarg, INT_MAX, "forever");
            if (o->retries == INT_MAX) {
                o->retries = UINT_MAX;
            }
            break;

        case OPT_STATE_FILE:
            free(o->state_file);
            o->state_file = abs_file_name(NULL, optarg);
            break;

        case OPT_TIMEOUT:
            o->timeout = parse_number("timeout", optarg, INT_MAX / 1000,
                                      "none");
            if (o->timeout == INT_MAX / 1000) {
                o->timeout = 0;
            }
            break;

        case OPT_UNIXCTL:
            o->unixctl_path = optarg;
            break;

        case 'h':
            usage();

        case 'V':
            ovs_print_version(0, 0);
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

    if (!o->remote) {
        o->remote = xasprintf("unix:%s/db.sock", ovs_rundir());
    }
    if (optind < argc) {
        o->command = &argv[optind];
        resolve_command(o->command);
    } else if (get_detach()) {
        ovs_fatal(0, "--detach needs a command to run, as nobody would see "
                  "what is printed; use --help for usage");
    }
}

static void
usage(void)
{
    printf("%s: tells about tenants that appear, change and disappear\n"
           "usage: %s [OPTIONS] [--] [COMMAND [ARG]...]\n"
           "Runs COMMAND for each event, or prints a line of JSON if there "
           "is none.\n"
           "\nEvents are add, change, up, down and delete.  COMMAND finds "
           "the event in\n"
           "TASUKI_EVENT and the tenant in TENANT_NAME, TENANT_SERVICE, ... "
           "in its\n"
           "environment; %s(8) lists them.\n",
           program_name, program_name, program_name);
    stream_usage("DATABASE", true, false, true);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  --db=DATABASE           connect to DATABASE\n"
           "                          (default: \"unix:%s/db.sock\")\n"
           "  --timeout=SECS|none     end a COMMAND that takes longer "
           "(default: %d)\n"
           "  --retries=N|forever     try an event again if COMMAND fails\n"
           "                          (default: forever)\n"
           "  --state-file=FILE       remember tenants, to tell of those "
           "deleted meanwhile\n"
           "  --unixctl=SOCKET        override default control socket name\n"
           "  -h, --help              display this help message\n"
           "  -V, --version           display version information\n",
           ovs_rundir(), DEFAULT_TIMEOUT);
    exit(EXIT_SUCCESS);
}

static void
hook_exit(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *exiting_)
{
    bool *exiting = exiting_;

    *exiting = true;
    unixctl_command_reply(conn, NULL);
}

static void
hook_show(struct unixctl_conn *conn, int argc OVS_UNUSED,
          const char *argv[] OVS_UNUSED, void *aux OVS_UNUSED)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "database %s: %s\n", remote,
                  ovsdb_idl_is_connected(idl) ? "connected" : "disconnected");
    hook_tenants_format(&ds);
    unixctl_command_reply(conn, ds_cstr(&ds));
    ds_destroy(&ds);
}

static void
hook_resend(struct unixctl_conn *conn, int argc, const char *argv[],
            void *aux OVS_UNUSED)
{
    if (hook_tenants_resend(argc > 1 ? argv[1] : NULL)) {
        unixctl_command_reply(conn, NULL);
    } else {
        unixctl_command_reply_error(conn, "no such tenant");
    }
}
