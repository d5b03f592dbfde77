/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "print.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/json.h"
#include "openvswitch/poll-loop.h"
#include "socket-util.h"
#include "util.h"

static char *line;              /* Null: nothing to print. */
static size_t line_len, n_printed;

void
hook_print_init(void)
{
    /* A terminal is shared with the shell and others, which would not expect
     * this. */
    if (!isatty(STDOUT_FILENO)) {
        xset_nonblocking(STDOUT_FILENO);
    }
}

void
hook_print_start(const struct json *event)
{
    char *s = json_to_string(event, JSSF_SORT);

    ovs_assert(!line);
    line = xasprintf("%s\n", s);
    line_len = strlen(line);
    n_printed = 0;
    free(s);
}

bool
hook_print_is_busy(void)
{
    return line != NULL;
}

bool
hook_print_run(void)
{
    while (line) {
        ssize_t n = write(STDOUT_FILENO, line + n_printed,
                          line_len - n_printed);

        if (n < 0) {
            if (errno == EAGAIN) {
                return false;
            } else if (errno != EINTR) {
                ovs_fatal(errno, "cannot write to standard output");
            }
        } else {
            n_printed += n;
            if (n_printed == line_len) {
                free(line);
                line = NULL;
                return true;
            }
        }
    }
    return false;
}

void
hook_print_wait(void)
{
    if (line) {
        poll_fd_wait(STDOUT_FILENO, POLLOUT);
    }
}
