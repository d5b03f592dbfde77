/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command-line.h"
#include "commands.h"
#include "compiler.h"
#include "daemon.h"
#include "dirs.h"
#include "fatal-signal.h"
#include "openvswitch/vlog.h"
#include "options.h"
#include "tunnel.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(tasuki_ipsec);

struct ipsec_options options = { .interval = 2 };

static void cmd_check(struct ovs_cmdl_context *);

static const struct ovs_cmdl_command commands[] = {
    { "check", "TUNNEL", 1, 1, cmd_check, OVS_RO },
    { "down", "TUNNEL", 1, 1, cmd_down, OVS_RW },
    { "genkey", "TUNNEL", 1, 1, cmd_genkey, OVS_RW },
    { "listen", "TUNNEL", 1, 1, cmd_listen, OVS_RW },
    { "show", "TUNNEL", 1, 1, cmd_show, OVS_RO },
    { "strongswan", "TUNNEL [FILE]", 1, 2, cmd_strongswan, OVS_RW },
    { "up", "TUNNEL", 1, 1, cmd_up, OVS_RW },
    { "monitor", "[TUNNEL]", 0, 1, cmd_monitor, OVS_RO },
    { "steer", "INTERFACE [TUNNEL]", 1, 2, cmd_steer, OVS_RW },
    { NULL, NULL, 0, 0, NULL, OVS_RO },
};

OVS_NO_RETURN static void usage(void);
static void parse_options(int argc, char *argv[]);

int
main(int argc, char *argv[])
{
    struct ovs_cmdl_context ctx = { .argc = 0 };

    set_program_name(argv[0]);
    parse_options(argc, argv);
    fatal_ignore_sigpipe();

    ctx.argc = argc - optind;
    ctx.argv = argv + optind;
    if (!ctx.argc) {
        ovs_fatal(0, "missing command name; use --help for help");
    }
    ovs_cmdl_run_command(&ctx, commands);
    return 0;
}

static void
parse_options(int argc, char *argv[])
{
    enum {
        OPT_COUNT = UCHAR_MAX + 1,
        OPT_CPUS,
        OPT_DB,
        OPT_DRY_RUN,
        OPT_FORMAT,
        OPT_INTERVAL,
        OPT_KEYS,
        OPT_METRICS,
        OPT_PER_CPU,
        OPT_REUSE_KEYS,
        OPT_SENDER,
        OPT_SIDE,
        OPT_UNDO,
        DAEMON_OPTION_ENUMS,
        VLOG_OPTION_ENUMS,
    };
    static const struct option long_options[] = {
        {"count", required_argument, NULL, OPT_COUNT},
        {"cpus", required_argument, NULL, OPT_CPUS},
        {"db", optional_argument, NULL, OPT_DB},
        {"dry-run", no_argument, NULL, OPT_DRY_RUN},
        {"format", required_argument, NULL, OPT_FORMAT},
        {"interval", required_argument, NULL, OPT_INTERVAL},
        {"keys", required_argument, NULL, OPT_KEYS},
        {"metrics", optional_argument, NULL, OPT_METRICS},
        {"per-cpu", no_argument, NULL, OPT_PER_CPU},
        {"reuse-keys", no_argument, NULL, OPT_REUSE_KEYS},
        {"sender", no_argument, NULL, OPT_SENDER},
        {"side", required_argument, NULL, OPT_SIDE},
        {"undo", no_argument, NULL, OPT_UNDO},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        DAEMON_LONG_OPTIONS,
        VLOG_LONG_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    char *short_options = ovs_cmdl_long_options_to_short_options(long_options);

    for (;;) {
        int c = getopt_long(argc, argv, short_options, long_options, NULL);

        if (c == -1) {
            break;
        }

        switch (c) {
        case OPT_COUNT:
            if (!str_to_uint(optarg, 10, &options.count) || !options.count) {
                ovs_fatal(0, "--count: \"%s\" is not a number of tables",
                          optarg);
            }
            break;

        case OPT_CPUS:
            if (!str_to_uint(optarg, 10, &options.cpus) || !options.cpus) {
                ovs_fatal(0, "--cpus: \"%s\" is not a number of CPUs",
                          optarg);
            }
            break;

        case OPT_DB:
            options.db = (optarg ? xstrdup(optarg)
                          : xasprintf("unix:%s/db.sock", ovs_rundir()));
            break;

        case OPT_DRY_RUN:
            options.dry_run = true;
            break;

        case OPT_FORMAT:
            if (strcmp(optarg, "json") && strcmp(optarg, "text")) {
                ovs_fatal(0, "--format: \"%s\" is neither text nor json",
                          optarg);
            }
            options.json = !strcmp(optarg, "json");
            break;

        case OPT_INTERVAL:
            if (!str_to_uint(optarg, 10, &options.interval)
                || !options.interval || options.interval > 86400) {
                ovs_fatal(0, "--interval: \"%s\" is not a number of seconds, "
                          "a day at most", optarg);
            }
            break;

        case OPT_KEYS:
            options.keys = optarg;
            break;

        case OPT_METRICS:
            options.metrics = true;
            options.metrics_file = optarg;
            break;

        case OPT_PER_CPU:
            options.per_cpu = true;
            break;

        case OPT_REUSE_KEYS:
            options.reuse_keys = true;
            break;

        case OPT_SENDER:
            options.sender = true;
            break;

        case OPT_UNDO:
            options.undo = true;
            break;

        case OPT_SIDE:
            if (strcmp(optarg, "a") && strcmp(optarg, "b")) {
                ovs_fatal(0, "--side: \"%s\" is neither a nor b", optarg);
            }
            options.side = optarg;
            break;

        case 'h':
            usage();

        case 'V':
            ovs_print_version(0, 0);
            exit(EXIT_SUCCESS);

        DAEMON_OPTION_HANDLERS
        VLOG_OPTION_HANDLERS

        case '?':
            exit(EXIT_FAILURE);

        default:
            abort();
        }
    }
    free(short_options);
}

static void
usage(void)
{
    printf("%s: one IPsec tunnel of several security associations\n"
           "usage: %s [OPTIONS] COMMAND [ARG...]\n"
           "\nCommands (TUNNEL is a file that describes a tunnel):\n"
           "  check TUNNEL            say whether the description makes sense\n"
           "  genkey TUNNEL           make a file of keys, for both ends\n"
           "  up TUNNEL               make this end's SAs and policies\n"
           "  down TUNNEL             take them away\n"
           "  show TUNNEL             print them, and what they have carried\n"
           "  listen TUNNEL           have a socket for ESP in UDP\n"
           "  strongswan TUNNEL [FILE]  write configuration for strongSwan\n"
           "  monitor [TUNNEL]        print the load of each SA and CPU\n"
           "  steer INTERFACE         say what the interface can do\n"
           "  steer INTERFACE TUNNEL  have the SAs of the tunnel come to "
           "different CPUs\n",
           program_name, program_name);
    daemon_usage();
    vlog_usage();
    printf("\nOther options:\n"
           "  --count=N               monitor: so many tables (default: no "
           "end)\n"
           "  --cpus=N                steer: use CPUs 0 to N - 1 (default: all)"
           "\n"
           "  --db[=SERVER]           monitor: load of tags into tasukid's "
           "database\n"
           "  --dry-run               say what would be done, and do nothing\n"
           "  --format=text|json      how to print (default: text)\n"
           "  --interval=SECONDS      monitor: time of a table (default: 2)\n"
           "  --keys=FILE             the file of keys (default: TUNNEL's "
           "name with .keys)\n"
           "  --metrics[=FILE]        monitor: counters, for Prometheus\n"
           "  --per-cpu               strongSwan: let the kernel choose SAs by "
           "CPU\n"
           "  --reuse-keys            send again with keys that were in use\n"
           "  --sender                steer: this is the other end of a veth "
           "pair\n"
           "  --side=a|b              which end this is (default: by this "
           "host's addresses)\n"
           "  --undo                  steer: have all as it was before\n"
           "  -h, --help              display this help message\n"
           "  -V, --version           display version information\n");
    exit(EXIT_SUCCESS);
}

/* Returns the tunnel that 'file' describes.  Ends the program if there is none
 * that makes sense. */
struct tunnel *
open_tunnel(const char *file)
{
    char *error;
    struct tunnel *t = tunnel_read(file, &error);

    if (!t) {
        ovs_fatal(0, "%s", error);
    }
    return t;
}

/* Returns which end of 't' this host is.  Ends the program if nobody knows. */
enum tunnel_side
open_side(const struct tunnel *t)
{
    enum tunnel_side side;

    if (options.side) {
        return options.side[0] == 'a' ? SIDE_A : SIDE_B;
    }
    char *error = tunnel_find_side(t, &side);
    if (error) {
        ovs_fatal(0, "%s", error);
    }
    return side;
}

static void
cmd_check(struct ovs_cmdl_context *ctx)
{
    tunnel_destroy(open_tunnel(ctx->argv[1]));
}
