/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Runs a program for which links with the same link-local addresses are
 * networks of their own.  See tasuki-links(1). */

#include "link-map.h"
#include "../remote-if.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY "libtasuki-links.so"

/* What a shell says when it cannot run a program. */
enum { EXIT_NOT_RUN = 126, EXIT_NOT_FOUND = 127 };

static void __attribute__((noreturn, format(printf, 2, 3)))
fail(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "tasuki-links: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(status);
}

static void
usage(void)
{
    puts("usage: tasuki-links [MAP...] [--] PROGRAM [ARGUMENT...]\n"
         "\n"
         "Runs PROGRAM, to which each link with link-local addresses is a\n"
         "network of its own.  A MAP such as em#=fd00:0:1::/48 shows\n"
         "\n"
         "    fe80::c0a8:a%em12  as  fd00:0:1:12::c0a8:a\n"
         "\n"
         "If standard input is a connection, the environment variable\n"
         "REMOTE_IF names the interface by which it came in.\n"
         "\n"
         "    -h, --help     print this\n"
         "    -V, --version  print the version");
}

/* Adds the 'n' maps at 'argv' to the environment, if they are right. */
static void
set_maps(char *argv[], int n)
{
    static struct link_maps maps;
    struct link_maps_error error;
    char list[LINE_MAX] = "";

    for (int i = 0; i < n; i++) {
        size_t len = strlen(list);

        if ((size_t) snprintf(list + len, sizeof list - len, "%s%s",
                              i ? "," : "", argv[i]) >= sizeof list - len) {
            fail(EXIT_FAILURE, "too many maps");
        }
    }
    if (!link_maps_parse(&maps, list, &error)) {
        fail(EXIT_FAILURE, "\"%.*s\" %s", error.n, error.at, error.text);
    }
    setenv("TASUKI_LINKS", list, true);
}

/* Adds the library to those that are preloaded.  It is beside this program
 * where that was built, and in PKGLIBDIR where it is installed. */
static void
set_preload(void)
{
    const char *before = getenv("LD_PRELOAD");
    char path[PATH_MAX], *value;
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - sizeof LIBRARY);
    char *slash;

    path[n > 0 ? n : 0] = '\0';
    slash = strrchr(path, '/');
    if (slash) {
        strcpy(slash + 1, LIBRARY);
    }
    if (!slash || access(path, R_OK)) {
        strcpy(path, PKGLIBDIR "/" LIBRARY);
    }
    if (access(path, R_OK)) {
        fail(EXIT_FAILURE, "%s: %s", path, strerror(errno));
    }
    if (asprintf(&value, "%s%s%s", path, before ? ":" : "",
                 before ? before : "") < 0
        || setenv("LD_PRELOAD", value, true)) {
        fail(EXIT_FAILURE, "out of memory");
    }
}

/* Tells the program about the connection that its standard input is, if it is
 * one, as inetd and systemd's Accept=yes start programs.  What the environment
 * said before was about another one. */
static void
set_connection(void)
{
    struct sockaddr_in6 client;
    socklen_t len = sizeof client;
    char name[IFNAMSIZ];
    int index, error;

    unsetenv("REMOTE_IF");
    if (getpeername(STDIN_FILENO, (struct sockaddr *) &client, &len)
        || len < sizeof client) {
        return;
    }
    error = remote_if_get(STDIN_FILENO, &client, &index, name);
    if (error) {
        fail(EXIT_FAILURE, "standard input: interface %d: %s", index,
             strerror(error));
    }
    if (index) {
        setenv("REMOTE_IF", name, true);
    }
}

int
main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int option, n = 0;

    while ((option = getopt_long(argc, argv, "+hV", options, NULL)) >= 0) {
        switch (option) {
        case 'h':
            usage();
            return 0;
        case 'V':
            puts("tasuki-links (Tasuki) " VERSION);
            return 0;
        default:
            return EXIT_FAILURE;
        }
    }
    argv += optind;
    if (!(optind > 1 && !strcmp(argv[-1], "--"))) {
        while (argv[n] && strchr(argv[n], '=')) {
            n++;
        }
    }
    if (n) {
        set_maps(argv, n);
        set_preload();
    }
    argv += n;
    if (*argv && !strcmp(*argv, "--")) {
        argv++;
    }
    if (!*argv) {
        fail(EXIT_FAILURE, "no program to run (try --help)");
    }
    set_connection();
    execvp(*argv, argv);
    fail(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN, "%s: %s", *argv,
         strerror(errno));
}
