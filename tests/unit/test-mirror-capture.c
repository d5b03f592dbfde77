/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Processes that capture: started, told, restarted, and ended.  In place of
 * tasuki-capture this program runs itself: it writes down its arguments and
 * what it is told, and does what its file's name says. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "openvswitch/dynamic-string.h"
#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "socket-util.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/apps/mirror/capture.h"

static char dir[] = "/tmp/test-mirror-capture.XXXXXX";

static const struct capture_files usual = { .path = "/d/usual" };

/* The fake. */

static void
note(const char *s)
{
    FILE *file = fopen(getenv("FAKE_NOTES"), "a");

    fprintf(file, "%s\n", s);
    fclose(file);
}

static const char *
option(int argc, char *argv[], const char *name)
{
    for (int i = 1; i < argc; i++) {
        size_t len = strlen(name);

        if (!strncmp(argv[i], name, len) && argv[i][len] == '=') {
            return argv[i] + len + 1;
        }
    }
    return "";
}

static void
report(int argc, char *argv[], const char *more)
{
    int fd = make_unix_socket(SOCK_DGRAM, false, NULL,
                              option(argc, argv, "--report"));
    char *s = xasprintf("{\"name\":\"%s\",\"file\":\"/d/f-1\",\"written\":5,"
                        "\"dropped\":6,\"lost\":7%s}",
                        option(argc, argv, "--name"), more);

    if (send(fd, s, strlen(s), 0) < 0) {
        note("cannot report");
    }
    free(s);
}

static int
fake(int argc, char *argv[])
{
    const char *path = argv[argc - 1];
    struct ds ds = DS_EMPTY_INITIALIZER;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    ds_put_format(&ds, "start %s %s", argv[argc - 2], path);
    for (int i = 1; i < argc - 3; i++) {
        if (!strncmp(argv[i], "--rotate", 8) || !strncmp(argv[i], "--keep", 6)
            || !strcmp(argv[i], "--gzip")) {
            ds_put_format(&ds, " %s", argv[i]);
        }
    }
    note(ds_cstr(&ds));
    ds_destroy(&ds);
    if (atoi(option(argc, argv, "--parent")) != getppid()) {
        note("wrong parent");
    }
    if (!strcmp(path, "/d/fails")) {
        return 3;
    } else if (!strcmp(path, "/d/says")) {
        report(argc, argv, ",\"problem\":\"no room\"");
        return 1;
    }

    int fd = make_unix_socket(SOCK_DGRAM, false,
                              option(argc, argv, "--events"), NULL);
    /* Not left to poll_block(), which is not called here. */
    signal(SIGTERM, strcmp(path, "/d/stubborn") ? SIG_DFL : SIG_IGN);
    report(argc, argv, "");
    for (;;) {
        char line[1000];
        ssize_t n = recv(fd, line, sizeof line - 1, 0);

        line[n] = '\0';
        note(line);
    }
}

/* The tests. */

static char *notes_path;

static int
set_up(void **state OVS_UNUSED)
{
    notes_path = xasprintf("%s/notes", dir);
    unlink(notes_path);
    setenv("FAKE_NOTES", notes_path, 1);
    return 0;
}

static int
tear_down(void **state OVS_UNUSED)
{
    capture_destroy();
    free(notes_path);
    return 0;
}

static const char *
notes(void)
{
    static char buf[65536];
    FILE *file = fopen(notes_path, "r");

    buf[0] = '\0';
    if (file) {
        buf[fread(buf, 1, sizeof buf - 1, file)] = '\0';
        fclose(file);
    }
    return buf;
}

static size_t
count(const char *s)
{
    const char *p = notes();
    size_t n = 0;

    while ((p = strstr(p, s)) != NULL) {
        p += strlen(s);
        n++;
    }
    return n;
}

/* Runs for 'ms', or until 's' was noted 'n' times if 's' is nonnull. */
static void
run_until(int ms, const char *s, size_t n)
{
    long long int deadline = time_msec() + ms;

    while (time_msec() < deadline && !(s && count(s) >= n)) {
        capture_run();
        capture_wait();
        poll_timer_wait(20);
        poll_block();
    }
    if (s) {
        assert_int_equal(count(s), n);
    }
}

static void
check_problem(const char *port, const char *expected)
{
    const char *problem = capture_problem(port);

    if (expected) {
        assert_non_null(problem);
        assert_string_equal(problem, expected);
    } else {
        assert_null(problem);
    }
}

static void
test_start(void **state OVS_UNUSED)
{
    struct capture_files files = {
        .path = "/d/all", .rotate_size = UINT64_C(5) << 30, .rotate_time = 60,
        .keep = 9, .gzip = true,
    };
    struct ds ds = DS_EMPTY_INITIALIZER;

    capture_set("m1", &files);
    capture_set("m1", &files);
    check_problem("m1", "tasuki-capture is starting");
    run_until(5000, "start m1 /d/all --rotate-size=5368709120 "
              "--rotate-time=60 --keep=9 --gzip\n", 1);
    run_until(300, NULL, 0);
    assert_int_equal(count("start"), 1);
    assert_int_equal(count("wrong"), 0);
    check_problem("m1", NULL);
    capture_format("m1", &ds);
    assert_string_equal(ds_cstr(&ds), "file /d/f-1: 5 packets written, 6 "
                        "dropped by the kernel, 7 could not be written");
    ds_clear(&ds);

    check_problem("m2", NULL);
    capture_format("m2", &ds);
    assert_string_equal(ds_cstr(&ds), "");
    ds_destroy(&ds);
    capture_clear("m2");
}

static void
test_tell(void **state OVS_UNUSED)
{
    capture_set("m1", &usual);
    /* Before it listens, even before it runs. */
    capture_tell("m1", "event 0");
    capture_tell("m2", "event x");
    run_until(5000, "event 0", 1);

    /* More at once than a socket takes. */
    for (int i = 1; i <= 500; i++) {
        char *line = xasprintf("event %d\n", i);

        capture_tell("m1", line);
        free(line);
    }
    run_until(5000, "event 500\n", 1);
    assert_int_equal(count("event "), 501);
    assert_int_equal(count("event x"), 0);
}

static void
test_busy(void **state OVS_UNUSED)
{
    /* It does not run, so this must end by itself. */
    capture_set("m1", &usual);
    for (int i = 0; i < 5000; i++) {
        capture_tell("m1", "event");
    }
    run_until(5000, "event\n", 1000);
}

static void
test_other_files(void **state OVS_UNUSED)
{
    struct capture_files files = { .path = "/d/other" };

    capture_set("m1", &usual);
    run_until(5000, "start m1 /d/usual", 1);
    capture_set("m1", &files);
    run_until(900, "start m1 /d/other", 1);     /* At once. */

    capture_clear("m1");
    run_until(300, NULL, 0);
    assert_int_equal(count("start"), 2);

    /* Wanted again before it has ended. */
    capture_set("m1", &files);
    run_until(900, "start m1 /d/other", 2);
    capture_clear("m1");
    capture_set("m1", &files);
    run_until(900, "start m1 /d/other", 3);
}

static void
test_restart(void **state OVS_UNUSED)
{
    struct capture_files files = { .path = "/d/fails" };
    long long int start = time_msec();

    capture_set("m1", &files);
    /* One and two seconds after the one before. */
    run_until(6000, "start m1 /d/fails", 3);
    assert_true(time_msec() - start >= 3000);
    run_until(200, NULL, 0);
    check_problem("m1", "tasuki-capture has ended (exit status 3)");

    /* Other files need not wait. */
    capture_set("m1", &usual);
    check_problem("m1", "tasuki-capture is starting");
    run_until(900, "start m1 /d/usual", 1);
    run_until(200, NULL, 0);
    check_problem("m1", NULL);
}

static void
test_says_why(void **state OVS_UNUSED)
{
    struct capture_files files = { .path = "/d/says" };
    bool changed = false;

    capture_set("m1", &files);
    capture_run();
    for (int i = 0; i < 100 && !changed; i++) {
        usleep(20000);
        changed = capture_run();
    }
    assert_true(changed);
    check_problem("m1", "no room");
    run_until(300, NULL, 0);
    check_problem("m1", "no room");
}

static void
test_stubborn(void **state OVS_UNUSED)
{
    struct capture_files files = { .path = "/d/stubborn" };

    capture_set("m1", &files);
    run_until(5000, "start m1 /d/stubborn", 1);
    run_until(200, NULL, 0);
    capture_set("m1", &usual);
    run_until(3000, NULL, 0);
    assert_int_equal(count("/d/usual"), 0);
    run_until(5000, "start m1 /d/usual", 1);
}

static void
test_not_installed(void **state OVS_UNUSED)
{
    char *path = xstrdup(getenv("PATH"));

    setenv("PATH", "/nowhere", 1);
    capture_set("m1", &usual);
    run_until(200, NULL, 0);
    check_problem("m1", "cannot start tasuki-capture "
                  "(No such file or directory)");
    setenv("PATH", path, 1);
    run_until(5000, "start m1 /d/usual", 1);
    free(path);
}

static void
test_destroy(void **state OVS_UNUSED)
{
    capture_set("m1", &usual);
    capture_set("m2", &usual);
    run_until(5000, "start ", 2);
    capture_destroy();

    /* All that this program has started ends by itself now. */
    pid_t retval = 0;
    for (int i = 0; i < 250 && retval >= 0; i++) {
        usleep(20000);
        while ((retval = waitpid(-1, NULL, WNOHANG)) > 0) {
            continue;
        }
    }
    assert_int_equal(retval, -1);
}

int
main(int argc, char *argv[])
{
    if (getenv("FAKE_NOTES")) {
        return fake(argc, argv);
    }
    assert_non_null(mkdtemp(dir));
    char *link = xasprintf("%s/tasuki-capture", dir);
    char *path = xasprintf("%s:%s", dir, getenv("PATH"));
    char *self = realpath("/proc/self/exe", NULL);
    assert_int_equal(symlink(self, link), 0);
    setenv("PATH", path, 1);
    setenv("OVS_RUNDIR", dir, 1);
    vlog_set_verbosity("console:off");
    capture_init();

    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tell, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stubborn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_installed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_destroy, set_up, tear_down),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    char *command = xasprintf("rm -r %s", dir);
    assert_int_equal(system(command), 0);
    free(command);
    free(link);
    free(path);
    free(self);
    return failed;
}
