/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tc.h"

#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "process.h"
#include "svec.h"
#include "util.h"

/* Starts 'argv' with its output, both kinds, going to '*fd'.  Returns 0 or a
 * positive errno value. */
static int
start(char **argv, pid_t *pid, int *fd)
{
    posix_spawn_file_actions_t actions;
    int pipe_fds[2];
    int error;

    if (pipe(pipe_fds)) {
        return errno;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, pipe_fds[0]);
    posix_spawn_file_actions_addclose(&actions, pipe_fds[1]);
    error = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    if (error) {
        close(pipe_fds[0]);
    } else {
        *fd = pipe_fds[0];
    }
    return error;
}

static void
read_all(int fd, struct ds *output)
{
    char buffer[4096];
    ssize_t n;

    while ((n = read(fd, buffer, sizeof buffer)) > 0
           || (n < 0 && errno == EINTR)) {
        if (n > 0) {
            ds_put_buffer(output, buffer, n);
        }
    }
    close(fd);
}

char *
tc_run(const char *command, char **outputp)
{
    struct ds output = DS_EMPTY_INITIALIZER;
    struct svec argv = SVEC_EMPTY_INITIALIZER;
    char *error = NULL;
    int status = 0;
    int fd = -1;
    pid_t pid;

    svec_parse_words(&argv, command);
    svec_terminate(&argv);
    int retval = start(argv.names, &pid, &fd);
    if (retval) {
        error = xasprintf("%s: cannot be run (%s)", argv.names[0],
                          ovs_strerror(retval));
    } else {
        read_all(fd, &output);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
            continue;
        }
        ds_chomp(&output, '\n');
        if (status) {
            char *s = process_status_msg(status);

            error = xasprintf("%s: %s (%s)", command, ds_cstr(&output), s);
            free(s);
        }
    }
    svec_destroy(&argv);

    if (outputp) {
        *outputp = ds_steal_cstr(&output);
    }
    ds_destroy(&output);
    return error;
}

bool
tc_has_clsact(const char *name)
{
    return tc_shows("qdisc clsact", "tc qdisc show dev %s", name);
}

bool
tc_shows(const char *word, const char *format, ...)
{
    va_list args;
    char *output;

    va_start(args, format);
    char *command = xvasprintf(format, args);
    va_end(args);

    char *error = tc_run(command, &output);
    bool shows = !error && output[0] && strstr(output, word);

    free(error);
    free(output);
    free(command);
    return shows;
}
