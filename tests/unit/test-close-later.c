/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Files that are closed in another thread. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <poll.h>
#include <unistd.h>
#include <cmocka.h>
#include "close-later.h"

/* More than there are threads for it. */
#define N_PIPES 100

/* A pipe whose end to write to is closed says so at the other. */
static void
wait_closed(int reader)
{
    struct pollfd pfd = { .fd = reader, .events = POLLIN };

    assert_int_equal(poll(&pfd, 1, 10000), 1);
    assert_true(pfd.revents & POLLHUP);
}

static void
all_are_closed(void **state)
{
    (void) state;
    int pipes[N_PIPES][2];

    /* Again once the threads have ended, or while they do. */
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < N_PIPES; i++) {
            assert_int_equal(pipe(pipes[i]), 0);
        }
        for (int i = 0; i < N_PIPES; i++) {
            close_later(pipes[i][1]);
        }
        for (int i = 0; i < N_PIPES; i++) {
            wait_closed(pipes[i][0]);
            close(pipes[i][0]);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
