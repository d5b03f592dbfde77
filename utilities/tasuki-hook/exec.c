/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "exec.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "process.h"
#include "socket-util.h"
#include "svec.h"
#include "timeval.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(hook_exec);

/* How long after SIGTERM a command gets SIGKILL, in msec. */
#define GRACE 5000

/* Longer lines of output are broken. */
#define MAX_LINE 1024

/* A command that writes much must not keep the main loop busy. */
#define MAX_READS 64

static char **command;
static int timeout;

/* The commands' standard output and error.  All commands share one pipe, so
 * that what a command leaves running in the background can write as long as we
 * live. */
static int output[2];
static struct ds line = DS_EMPTY_INITIALIZER;

static pid_t pid;               /* 0: no command is running. */
static int pidfd = -1;
static char *purpose;
static long long int started, deadline;
static bool timed_out;

void
hook_exec_init(char **argv, int timeout_)
{
    command = argv;
    timeout = timeout_;
    xpipe(output);
    xset_nonblocking(output[0]);

    /* Fail now rather than after the first command has started. */
    int fd = pidfd_open(getpid(), 0);
    if (fd < 0) {
        ovs_fatal(errno, "cannot wait for commands (pidfd_open)");
    }
    close(fd);
}

static void
log_line(void)
{
    /* Enough for any message, but not for a program that went mad. */
    static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(300, 300);

    if (line.length) {
        VLOG_INFO_RL(&rl, "command: %s", ds_cstr(&line));
        ds_clear(&line);
    }
}

static void
read_output(void)
{
    for (int i = 0; i < MAX_READS; i++) {
        char buf[512];
        ssize_t n = read(output[0], buf, sizeof buf);

        if (n <= 0) {
            break;
        }
        for (ssize_t j = 0; j < n; j++) {
            unsigned char c = buf[j];

            if (c == '\n' || line.length >= MAX_LINE) {
                log_line();
            }
            if (c != '\n') {
                /* No control characters in the log. */
                ds_put_char(&line, c < ' ' || c == 0x7f ? '?' : c);
            }
        }
    }
}

/* Makes 'all' our environment and 'env', which takes precedence. */
static void
compose_environment(const struct svec *env, struct svec *all)
{
    svec_init(all);
    for (char **p = environ; *p; p++) {
        if (strncmp(*p, "TENANT_", 7) && strncmp(*p, "TASUKI_EVENT=", 13)) {
            svec_add(all, *p);
        }
    }
    svec_append(all, env);
    svec_terminate(all);
}

int
hook_exec_start(const struct svec *env, const char *what)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t sigs;
    struct svec all;
    int error;

    ovs_assert(!pid);

    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output[1], STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);

    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, (POSIX_SPAWN_SETSID
                                     | POSIX_SPAWN_SETSIGMASK
                                     | POSIX_SPAWN_SETSIGDEF));
    sigemptyset(&sigs);
    posix_spawnattr_setsigmask(&attr, &sigs);
    sigaddset(&sigs, SIGPIPE);
    posix_spawnattr_setsigdefault(&attr, &sigs);

    compose_environment(env, &all);
    error = posix_spawnp(&pid, command[0], &files, &attr, command, all.names);
    svec_destroy(&all);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (error) {
        pid = 0;
        return error;
    }

    pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        VLOG_FATAL("pidfd_open failed (%s)", ovs_strerror(errno));
    }
    free(purpose);
    purpose = xstrdup(what);
    started = time_msec();
    deadline = timeout ? started + timeout : LLONG_MAX;
    timed_out = false;
    VLOG_INFO("%s: started, pid %ld", what, (long int) pid);
    return 0;
}

bool
hook_exec_is_running(void)
{
    return pid != 0;
}

/* Signals the command and all its children. */
static void
signal_group(int sig)
{
    kill(-pid, sig);
}

/* Returns true and stores the status if the command has ended. */
static bool
reap(int *status)
{
    pid_t retval;

    do {
        retval = waitpid(pid, status, WNOHANG);
    } while (retval < 0 && errno == EINTR);
    if (!retval) {
        return false;
    }
    if (retval < 0) {
        VLOG_ERR("waitpid failed (%s)", ovs_strerror(errno));
        *status = -1;
    }
    close(pidfd);
    pidfd = -1;
    pid = 0;
    return true;
}

bool
hook_exec_run(char **reasonp)
{
    int status;

    *reasonp = NULL;
    if (!command) {
        return false;
    }
    read_output();
    if (!pid) {
        return false;
    }

    pid_t group = pid;
    if (!reap(&status)) {
        if (time_msec() >= deadline) {
            VLOG_WARN("%s: %s after %lld s", purpose,
                      timed_out ? "killed" : "told to end",
                      (time_msec() - started) / 1000);
            signal_group(timed_out ? SIGKILL : SIGTERM);
            timed_out = true;
            deadline = time_msec() + GRACE;
        }
        return false;
    }
    read_output();
    log_line();

    if (timed_out) {
        /* A shell obeys SIGTERM only when its child is gone, and the child may
         * not obey at all. */
        kill(-group, SIGKILL);
        *reasonp = xstrdup("timeout");
    } else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        *reasonp = process_status_msg(status);
    }
    if (*reasonp) {
        VLOG_WARN("%s: failed (%s)", purpose, *reasonp);
    } else {
        VLOG_INFO("%s: done in %lld ms", purpose, time_msec() - started);
    }
    return true;
}

void
hook_exec_wait(void)
{
    if (command) {
        poll_fd_wait(output[0], POLLIN);
        if (pid) {
            poll_fd_wait(pidfd, POLLIN);
            poll_timer_wait_until(deadline);
        }
    }
}

void
hook_exec_stop(void)
{
    struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
    pid_t group = pid;
    int status;

    if (!pid) {
        return;
    }
    VLOG_INFO("%s: told to end, as we do", purpose);
    signal_group(SIGTERM);
    if (poll(&pfd, 1, GRACE) <= 0) {
        signal_group(SIGKILL);
        poll(&pfd, 1, -1);
    }
    if (reap(&status)) {
        kill(-group, SIGKILL);
        read_output();
        log_line();
        char *msg = process_status_msg(status);
        VLOG_INFO("%s: not finished (%s)", purpose, msg);
        free(msg);
    }
}
