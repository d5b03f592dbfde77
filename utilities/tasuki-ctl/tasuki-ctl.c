/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "command-line.h"
#include "compiler.h"
#include "fatal-signal.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/shash.h"
#include "openvswitch/vlog.h"
#include "ovsdb-data.h"
#include "ovsdb-idl.h"
#include "process.h"
#include "stream.h"
#include "stream-ssl.h"
#include "table.h"
#include "tasuki-ctl.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/database-watch.h"
#include "utilities/tasukid/tasuki-idl.h"

VLOG_DEFINE_THIS_MODULE(tasuki_ctl);

const char *tasuki_ctl_db;

/* --oneline: Write each command's output as a single line? */
static bool oneline;

/* --dry-run: Do not commit any changes. */
static bool dry_run;

/* --timeout: Seconds to wait for the database, or 0 for ever. */
static unsigned int timeout;

static struct table_style table_style = TABLE_STYLE_DEFAULT;

/* For ctl_exit() only, which may be called from anywhere. */
static struct ovsdb_idl *the_idl;
static struct ovsdb_idl_txn *the_idl_txn;

OVS_NO_RETURN static void tasuki_ctl_exit(int status);
OVS_NO_RETURN static void usage(void);
static void parse_options(int argc, char *argv[], struct shash *local_options);
static void run_prerequisites(struct ctl_command[], size_t n_commands,
                              struct ovsdb_idl *);
static bool try_commands(const char *args, struct ctl_command *, size_t n,
                         struct ovsdb_idl *);

/* How the generic commands may name a row. */
static const struct ctl_table_class tables[TASUKIREC_N_TABLES] = {
    [TASUKIREC_TABLE_SWITCH].row_ids[0]
        = { &tasukirec_switch_col_datapath_id, NULL, NULL },
    [TASUKIREC_TABLE_TENANT].row_ids[0]
        = { &tasukirec_tenant_col_name, NULL, NULL },
    [TASUKIREC_TABLE_MIRROR_POLICY].row_ids[0]
        = { &tasukirec_mirror_policy_col_name, NULL, NULL },
    [TASUKIREC_TABLE_IPSEC_GROUP].row_ids[0]
        = { &tasukirec_ipsec_group_col_name, NULL, NULL },
    [TASUKIREC_TABLE_SERVICE].row_ids[0]
        = { &tasukirec_service_col_name, NULL, NULL },
    [TASUKIREC_TABLE_SERVER].row_ids[0]
        = { &tasukirec_server_col_name, NULL, NULL },
};

static const struct ctl_command_syntax basic_commands[] = {
    {"init", 0, 0, "", tasuki_ctl_pre_all, NULL, NULL, "", RW},
    {"show", 0, 0, "", tasuki_ctl_pre_all, tasuki_ctl_show, NULL, "", RO},

    {NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, RO},
};

int
main(int argc, char *argv[])
{
    struct shash local_options = SHASH_INITIALIZER(&local_options);
    struct ctl_command *commands;
    struct ovsdb_idl *idl;
    size_t n_commands;
    unsigned int seqno;
    char *args, *error;

    set_program_name(argv[0]);
    fatal_ignore_sigpipe();
    vlog_set_levels(NULL, VLF_CONSOLE, VLL_WARN);
    vlog_set_levels_from_string_assert("reconnect:warn");
    ctl_init(&tasukirec_idl_class, tasukirec_table_classes, tables, NULL,
             tasuki_ctl_exit);
    ctl_register_commands(basic_commands);
    ctl_register_commands(tasuki_ctl_switch_commands);
    ctl_register_commands(tasuki_ctl_service_commands);
    ctl_register_commands(tasuki_ctl_tenant_commands);
    ctl_register_commands(tasuki_ctl_mirror_commands);
    ctl_register_commands(tasuki_ctl_ipsec_commands);

    args = process_escape_args(argv);
    parse_options(argc, argv, &local_options);
    error = ctl_parse_commands(argc - optind, argv + optind, &local_options,
                               &commands, &n_commands);
    if (error) {
        ctl_fatal("%s", error);
    }
    VLOG(ctl_might_write_to_db(commands, n_commands) ? VLL_INFO : VLL_DBG,
         "Called as %s", args);

    ctl_timeout_setup(timeout);

    idl = the_idl = ovsdb_idl_create(tasuki_ctl_db, &tasukirec_idl_class,
                                     false, false);
    run_prerequisites(commands, n_commands, idl);

    /* A transaction can only fail because the database has changed, so it is
     * no use trying again before the change has come in. */
    seqno = ovsdb_idl_get_seqno(idl);
    for (;;) {
        ovsdb_idl_run(idl);
        if (!ovsdb_idl_is_alive(idl)) {
            ctl_fatal("%s", database_trouble(tasuki_ctl_db,
                                             ovsdb_idl_get_last_error(idl)));
        }

        if (seqno != ovsdb_idl_get_seqno(idl)) {
            seqno = ovsdb_idl_get_seqno(idl);
            if (try_commands(args, commands, n_commands, idl)) {
                free(args);
                exit(EXIT_SUCCESS);
            }
        }
        if (seqno == ovsdb_idl_get_seqno(idl)) {
            ovsdb_idl_wait(idl);
            poll_block();
        }
    }
}

bool
ctl_is_dry_run(void)
{
    return dry_run;
}

static void
tasuki_ctl_exit(int status)
{
    if (the_idl_txn) {
        ovsdb_idl_txn_abort(the_idl_txn);
        ovsdb_idl_txn_destroy(the_idl_txn);
    }
    ovsdb_idl_destroy(the_idl);
    exit(status);
}

static void
parse_options(int argc, char *argv[], struct shash *local_options)
{
    enum {
        OPT_DB = UCHAR_MAX + 1,
        OPT_ONELINE,
        OPT_NO_SYSLOG,
        OPT_DRY_RUN,
        OPT_PEER_CA_CERT,
        OPT_LOCAL,
        OPT_COMMANDS,
        OPT_OPTIONS,
        VLOG_OPTION_ENUMS,
        TABLE_OPTION_ENUMS,
        SSL_OPTION_ENUMS,
    };
    static const struct option global_long_options[] = {
        {"db", required_argument, NULL, OPT_DB},
        {"no-syslog", no_argument, NULL, OPT_NO_SYSLOG},
        {"dry-run", no_argument, NULL, OPT_DRY_RUN},
        {"oneline", no_argument, NULL, OPT_ONELINE},
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {"commands", no_argument, NULL, OPT_COMMANDS},
        {"options", no_argument, NULL, OPT_OPTIONS},
        {"version", no_argument, NULL, 'V'},
        VLOG_LONG_OPTIONS,
        TABLE_LONG_OPTIONS,
        STREAM_SSL_LONG_OPTIONS,
        {"peer-ca-cert", required_argument, NULL, OPT_PEER_CA_CERT},
        {NULL, 0, NULL, 0},
    };
    const size_t n_global_options = ARRAY_SIZE(global_long_options) - 1;
    size_t n_options = n_global_options;
    size_t allocated_options = ARRAY_SIZE(global_long_options);
    struct option *options;
    char *short_options, *tmp;

    tmp = ovs_cmdl_long_options_to_short_options(global_long_options);
    short_options = xasprintf("+%s", tmp);
    free(tmp);

    /* getopt_long() gets the options of all commands, too. */
    options = xmemdup(global_long_options, sizeof global_long_options);
    ctl_add_cmd_options(&options, &n_options, &allocated_options, OPT_LOCAL);

    for (;;) {
        int idx;
        int c = getopt_long(argc, argv, short_options, options, &idx);

        if (c == -1) {
            break;
        }

        switch (c) {
        case OPT_DB:
            tasuki_ctl_db = optarg;
            break;

        case OPT_ONELINE:
            oneline = true;
            break;

        case OPT_NO_SYSLOG:
            vlog_set_levels(&this_module, VLF_SYSLOG, VLL_WARN);
            break;

        case OPT_DRY_RUN:
            dry_run = true;
            break;

        case OPT_LOCAL:
            if (shash_find(local_options, options[idx].name)) {
                ctl_fatal("'%s' option specified multiple times",
                          options[idx].name);
            }
            shash_add_nocopy(local_options,
                             xasprintf("--%s", options[idx].name),
                             nullable_xstrdup(optarg));
            break;

        case 'h':
            usage();

        case OPT_COMMANDS:
            ctl_print_commands();
            exit(EXIT_SUCCESS);

        case OPT_OPTIONS:
            ctl_print_options(global_long_options);
            exit(EXIT_SUCCESS);

        case 'V':
            ovs_print_version(0, 0);
            printf("DB Schema %s\n", tasukirec_get_db_version());
            exit(EXIT_SUCCESS);

        case 't':
            if (!str_to_uint(optarg, 10, &timeout) || !timeout) {
                ctl_fatal("value %s on -t or --timeout is invalid", optarg);
            }
            break;

        VLOG_OPTION_HANDLERS
        TABLE_OPTION_HANDLERS(&table_style)
        STREAM_SSL_OPTION_HANDLERS

        case OPT_PEER_CA_CERT:
            stream_ssl_set_peer_ca_cert_file(optarg);
            break;

        case '?':
            exit(EXIT_FAILURE);

        default:
            OVS_NOT_REACHED();
        }
    }
    free(short_options);

    if (!tasuki_ctl_db) {
        tasuki_ctl_db = ctl_default_db();
    }

    for (size_t i = n_global_options; options[i].name; i++) {
        free(CONST_CAST(char *, options[i].name));
    }
    free(options);
}

static const char our_commands_usage[] = "\n\
Overview:\n\
  init                        create the database's root row if need be\n\
  show                        print services and switches with their status\n\
\n\
Connection commands:\n\
  set-connection TARGET...    connect to, or listen on, TARGETs only\n\
  get-connection              print the targets\n\
  del-connection              delete all targets\n\
  set-ssl KEY CERT CA-CERT    use these files for ssl: and pssl: targets\n\
  get-ssl                     print them\n\
  del-ssl                     delete them\n\
\n\
Switch commands:\n\
  add-switch DPID|BRIDGE [apps=APP[,APP]...] [forward-mode=learning|normal]\n\
             [ovsdb=DATABASE]\n\
                              run applications on a switch\n\
  del-switch DPID|BRIDGE      leave a switch alone\n\
  list-applications           print the names of all applications\n\
\n\
Service commands:\n\
  add-service NAME ADDRESS:PORT [KEY=VALUE]...\n\
                              add a service; keys: mac, protocol,\n\
                              inspection, mode, max-connections,\n\
                              inspect-bytes, inspect-timeout,\n\
                              connect-timeout, idle-timeout\n\
  del-service NAME            delete a service, its servers and rules\n\
  add-server SERVICE NAME [address=IP] [port=PORT] [mac=MAC] [ofport=PORT]\n\
             [weight=N] [default=yes|no]\n\
                              add a server; the first one is the default\n\
  set-default-server SERVICE NAME\n\
                              make another server the default\n\
  del-server SERVICE NAME     delete a server\n\
  add-rule SERVICE SERVER[,SERVER]... [priority=N] [host=PATTERN]\n\
           [path=PATTERN] [method=PATTERN] [header:NAME=PATTERN]...\n\
                              send matching requests to these SERVERs and\n\
                              print the rule's UUID\n\
  del-rule SERVICE UUID       delete a rule; a unique prefix of UUID will do\n\
\n\
Tenant commands:\n\
  add-tenant NAME lan=PORT|gre:REMOTE:KEY|vxlan:REMOTE:VNI service=PORT\n\
             [native6=PORT] [prefix=IPV6/LEN] [mtu=BYTES]\n\
             [switch=DPID|BRIDGE]\n\
                              give a LAN a port of its own to the service\n\
  del-tenant NAME             take it away again\n\
  show-tenants [NAME]         print the tenants and whether they are up\n\
\n\
Mirror commands:\n\
  add-mirror NAME to=PORT|vxlan:REMOTE:VNI|erspan:REMOTE:ID|file:PATH\n\
             [match=FLOW] [tenant=NAME] [side=lan|service]\n\
             [start=copy|inline|stats] [threshold=BYTES] [keep=BYTES]\n\
             [keep-packets=N] [chunked=skip|whole] [else=whole|none]\n\
             [events=PATH] [file-size=BYTES] [file-time=SECS]\n\
             [file-count=N] [file-compress=none|gzip]\n\
             [switch=DPID|BRIDGE]\n\
                              copy packets, but not the bulk of them\n\
  del-mirror NAME             copy no more\n\
  show-mirrors [NAME]         print the mirrors and whether they are up\n\
\n\
IPsec commands:\n\
  add-ipsec-group NAME match=FLOW n=N to=SUBFIELD [base=VALUE[/MASK]]\n\
             [port=PORT] [priority=N] [hash=symmetric_l4|l4|l3|cpu]\n\
             [basis=N] [map=TAG[-TAG]...] [rebalance=off|idle|on]\n\
             [buckets=N] [rebalance-interval=SECS] [rebalance-moves=N]\n\
             [rebalance-skew=PERCENT] [rebalance-idle=MSECS]\n\
             [switch=DPID|BRIDGE]\n\
                              tag packets, by which a router chooses an SA\n\
  del-ipsec-group NAME        tag them no more\n\
  show-ipsec-groups [NAME]    print the groups and whether they are up\n\
";

static void
usage(void)
{
    printf("\
%s: Tasuki configuration utility\n\
usage: %s [OPTIONS] COMMAND [ARG...]\n\
%s\
\n\
%s\
%s\
\n\
Options:\n\
  --db=DATABASE               connect to DATABASE\n\
                              (default: %s)\n\
  -t, --timeout=SECS          wait at most SECS seconds\n\
  --dry-run                   do not commit changes to database\n\
  --oneline                   print exactly one line of output per command\n",
           program_name, program_name, our_commands_usage,
           ctl_get_db_cmd_usage(), ctl_list_db_tables_usage(),
           ctl_default_db());
    table_usage();
    vlog_usage();
    printf("\
  --no-syslog                 equivalent to --verbose=tasuki_ctl:syslog:warn\n\
");
    stream_usage("database", true, true, true);
    printf("\n\
Other options:\n\
  -h, --help                  display this help message\n\
  -V, --version               display version information\n");
    exit(EXIT_SUCCESS);
}

static void
run_prerequisites(struct ctl_command *commands, size_t n_commands,
                  struct ovsdb_idl *idl)
{
    ovsdb_idl_add_table(idl, &tasukirec_table_tasuki);
    for (struct ctl_command *c = commands; c < &commands[n_commands]; c++) {
        if (c->syntax->prerequisites) {
            struct ctl_context ctx;

            ds_init(&c->output);
            c->table = NULL;

            ctl_context_init(&ctx, c, idl, NULL, NULL, NULL);
            (c->syntax->prerequisites)(&ctx);
            if (ctx.error) {
                ctl_fatal("%s", ctx.error);
            }
            ctl_context_done(&ctx, c);

            ovs_assert(!c->output.string);
            ovs_assert(!c->table);
        }
    }
}

/* Runs the commands in one transaction.  Returns false if one of them asks to
 * be tried again when the database has changed. */
static bool
run_commands(struct ctl_command *commands, size_t n_commands,
             struct ovsdb_idl *idl, struct ovsdb_idl_txn *txn,
             struct ovsdb_symbol_table *symtab)
{
    bool try_again = false;
    struct ctl_context ctx;

    ctl_context_init(&ctx, NULL, idl, txn, symtab, NULL);
    for (size_t i = 0; i < n_commands && !try_again; i++) {
        struct ctl_command *c = &commands[i];

        ctl_context_init_command(&ctx, c, i == n_commands - 1);
        if (c->syntax->run) {
            (c->syntax->run)(&ctx);
        }
        if (ctx.error) {
            ctl_fatal("%s", ctx.error);
        }
        ctl_context_done_command(&ctx, c);
        try_again = ctx.try_again;
    }
    ctl_context_done(&ctx, NULL);
    return !try_again;
}

static void
check_symbols(const struct ovsdb_symbol_table *symtab)
{
    const struct shash_node *node;

    SHASH_FOR_EACH (node, &symtab->sh) {
        const struct ovsdb_symbol *symbol = node->data;

        if (!symbol->created) {
            ctl_fatal("row id \"%s\" is referenced but never created "
                      "(e.g. with \"-- --id=%s create ...\")",
                      node->name, node->name);
        }
        if (!symbol->strong_ref) {
            VLOG_WARN("row id \"%s\" was created but no %sreference to it was "
                      "inserted, so it will not appear in the database",
                      node->name, symbol->weak_ref ? "strong " : "");
        }
    }
}

static void
postprocess(struct ctl_command *commands, size_t n_commands,
            struct ovsdb_idl *idl, struct ovsdb_idl_txn *txn,
            struct ovsdb_symbol_table *symtab)
{
    for (struct ctl_command *c = commands; c < &commands[n_commands]; c++) {
        if (c->syntax->postprocess) {
            struct ctl_context ctx;

            ctl_context_init(&ctx, c, idl, txn, symtab, NULL);
            (c->syntax->postprocess)(&ctx);
            if (ctx.error) {
                ctl_fatal("%s", ctx.error);
            }
            ctl_context_done(&ctx, c);
        }
    }
}

static void
print_oneline(struct ds *ds)
{
    ds_chomp(ds, '\n');
    for (size_t i = 0; i < ds->length; i++) {
        int ch = ds->string[i];

        if (ch == '\n') {
            fputs("\\n", stdout);
        } else if (ch == '\\') {
            fputs("\\\\", stdout);
        } else {
            putchar(ch);
        }
    }
    putchar('\n');
}

static void
print_outputs(struct ctl_command *commands, size_t n_commands)
{
    for (struct ctl_command *c = commands; c < &commands[n_commands]; c++) {
        if (c->table) {
            table_print(c->table, &table_style);
        } else if (oneline) {
            print_oneline(&c->output);
        } else {
            fputs(ds_cstr(&c->output), stdout);
        }
    }
}

static void
free_outputs(struct ctl_command *commands, size_t n_commands)
{
    for (struct ctl_command *c = commands; c < &commands[n_commands]; c++) {
        ds_destroy(&c->output);
        table_destroy(c->table);
        free(c->table);
        c->table = NULL;
    }
}

/* Returns true if done, false if the commands must be run again after the
 * database has changed. */
static bool
try_commands(const char *args, struct ctl_command *commands,
             size_t n_commands, struct ovsdb_idl *idl)
{
    enum ovsdb_idl_txn_status status = TXN_TRY_AGAIN;
    struct ovsdb_symbol_table *symtab;
    struct ovsdb_idl_txn *txn;
    char *error = NULL;

    txn = the_idl_txn = ovsdb_idl_txn_create(idl);
    if (dry_run) {
        ovsdb_idl_txn_set_dry_run(txn);
    }
    ovsdb_idl_txn_add_comment(txn, "tasuki-ctl: %s", args);
    if (!tasukirec_tasuki_first(idl)) {
        tasukirec_tasuki_insert(txn);
    }

    symtab = ovsdb_symbol_table_create();
    for (size_t i = 0; i < n_commands; i++) {
        ds_init(&commands[i].output);
        commands[i].table = NULL;
    }
    if (run_commands(commands, n_commands, idl, txn, symtab)) {
        check_symbols(symtab);
        status = ovsdb_idl_txn_commit_block(txn);
        error = xstrdup(ovsdb_idl_txn_get_error(txn));
        if (status == TXN_UNCHANGED || status == TXN_SUCCESS) {
            postprocess(commands, n_commands, idl, txn, symtab);
        }
    } else {
        ovsdb_idl_txn_abort(txn);
    }
    ovsdb_idl_txn_destroy(txn);
    the_idl_txn = NULL;
    ovsdb_symbol_table_destroy(symtab);

    if (status == TXN_ERROR) {
        ctl_fatal("transaction error: %s", error);
    }
    free(error);

    if (status == TXN_TRY_AGAIN) {
        free_outputs(commands, n_commands);
        return false;
    }
    ovs_assert(status == TXN_UNCHANGED || status == TXN_SUCCESS);
    print_outputs(commands, n_commands);
    free_outputs(commands, n_commands);
    for (size_t i = 0; i < n_commands; i++) {
        shash_destroy_free_data(&commands[i].options);
    }
    free(commands);
    ovsdb_idl_destroy(idl);
    the_idl = NULL;
    return true;
}
