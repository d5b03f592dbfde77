/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HOOK_EXEC_H
#define TASUKID_HOOK_EXEC_H 1

/* Runs the site's command, one at a time, without ever waiting for it.
 *
 * Not with lib/process.h.  A command that is to be ended needs a process group
 * of its own, because what hangs is mostly a child of a shell script.  And it
 * should find SIGPIPE, its environment and its files as any program does. */

#include <stdbool.h>

struct svec;

/* Readies the file descriptors.  'argv' is null-terminated and must stay;
 * 'timeout' is in msec, 0 for none.
 *
 * Call this after the process has forked into the background. */
void hook_exec_init(char **argv, int timeout);

/* Starts the command with 'env', strings of the form NAME=VALUE, in addition
 * to our own environment.  'what' says in the log what it is for.
 *
 * Returns 0, or a positive errno value if the command could not be started.
 * No command may be running. */
int hook_exec_start(const struct svec *env, const char *what);

bool hook_exec_is_running(void);

/* Logs what the command prints and ends it if it takes too long.
 *
 * Returns true if the command has ended since the last call.  Then '*reasonp'
 * is null if its exit status was 0, otherwise the reason why it failed, which
 * the caller must free. */
bool hook_exec_run(char **reasonp);
void hook_exec_wait(void);

/* Ends the command, if one is running, with SIGTERM or else SIGKILL.  This is
 * the only function here that waits, for some seconds at most. */
void hook_exec_stop(void);

#endif /* TASUKID_HOOK_EXEC_H */
