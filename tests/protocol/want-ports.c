/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Two applications, "one" and "two", that want ports of the core, as commands
 * on standard input say.
 *
 * usage: want-ports DATABASE DATAPATH-ID
 *
 * begin APP                  what APP wanted before is forgotten
 * more APP                   and here it is not
 * want APP OWNER NAME TYPE [OPTION=VALUE]...
 *                            "device" is the empty TYPE
 * drop APP OWNER NAME
 * end APP
 * until COMMAND              works until the shell's COMMAND succeeds
 * expect APP NAME ANSWER     works until APP is told ANSWER about port NAME
 * mtu NAME MTU               works until that is the MTU of its egress
 * news                       prints the ports about which "one" was told since
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "smap.h"
#include "sset.h"
#include "timeval.h"
#include "util.h"
#include "utilities/tasukid/core/app.h"
#include "utilities/tasukid/core/ovs-ports.h"

#define TIMEOUT 20000           /* In msec. */

static uint64_t dpid;
static struct sset news = SSET_INITIALIZER(&news);

static void
note_news(uint64_t about, const char *name)
{
    if (about == dpid) {
        sset_add(&news, name ? name : "all");
    }
}

static const struct app_class classes[] = {
    { .name = "one", .version = APP_INTERFACE_VERSION, .id = 0x81,
      .ovs_port_changed = note_news },
    { .name = "two", .version = APP_INTERFACE_VERSION, .id = 0x82 },
};

/* There is no other tasukid.  The linker has the core call this one. */
bool __wrap_config_has_lock(void);
bool
__wrap_config_has_lock(void)
{
    return true;
}

static char *
next_word(char **line)
{
    char *word = strsep(line, " \n");

    if (!word || !word[0]) {
        ovs_fatal(0, "a word is missing");
    }
    return word;
}

static uint8_t
next_app(char **line)
{
    int app = app_index_from_name(next_word(line));

    if (app < 0) {
        ovs_fatal(0, "no such application");
    }
    return app_classes[app]->id;
}

static void
want(uint8_t app, char *line)
{
    const char *owner = next_word(&line);
    const char *name = next_word(&line);
    const char *type = next_word(&line);
    struct smap *options;

    options = ovs_ports_add(ovs_ports_want(app, NULL, dpid, false), name,
                            owner, strcmp(type, "device") ? type : "");
    while (line && line[0]) {
        char *value = next_word(&line);
        char *key = strsep(&value, "=");

        smap_replace(options, key, value);
    }
}

/* Works until 'is_done' is true of 'arg'. */
static void
work(bool (*is_done)(void *arg), void *arg, const char *what)
{
    long long int give_up_at = time_msec() + TIMEOUT;

    do {
        ovs_ports_run();
        if (time_msec() >= give_up_at) {
            ovs_fatal(0, "timed out: %s", what);
        }
        ovs_ports_wait();
        poll_timer_wait(50);
        poll_block();
    } while (!is_done(arg));
}

static bool
succeeds(void *command)
{
    return system(command) == 0;
}

static void
until(const char *command)
{
    char *quiet = xasprintf("(%s) > /dev/null 2>&1", command);

    work(succeeds, quiet, command);
    free(quiet);
}

struct question {
    uint8_t app;
    const char *name;
    const char *expected;
    char *answer;
};

static bool
is_answered(void *question_)
{
    struct question *q = question_;
    const char *problem = ovs_ports_problem(q->app, dpid, q->name);

    free(q->answer);
    q->answer = xasprintf(
        "%s%s%s", problem ? problem : "good",
        ovs_ports_is_foreign(q->app, dpid, q->name) ? ", foreign" : "",
        ovs_ports_is_free(q->app, dpid, q->name) ? ", free" : "");
    return !strcmp(q->answer, q->expected);
}

static bool
is_mtu(void *question_)
{
    struct question *q = question_;

    free(q->answer);
    q->answer = xasprintf("%d", ovs_ports_egress_mtu(dpid, q->name));
    return !strcmp(q->answer, q->expected);
}

static void
expect(bool (*cb)(void *question), uint8_t app, char *line)
{
    struct question q = { .app = app, .name = next_word(&line) };

    q.expected = line;
    work(cb, &q, q.name);
    free(q.answer);
}

static void
print_news(void)
{
    const char **names = sset_sort(&news);

    for (size_t i = 0; i < sset_count(&news); i++) {
        puts(names[i]);
    }
    free(names);
    sset_clear(&news);
}

static void
execute(char *line)
{
    const char *verb = next_word(&line);

    if (!strcmp(verb, "begin")) {
        ovs_ports_begin(next_app(&line), true);
    } else if (!strcmp(verb, "more")) {
        ovs_ports_begin(next_app(&line), false);
    } else if (!strcmp(verb, "want")) {
        uint8_t app = next_app(&line);

        want(app, line);
    } else if (!strcmp(verb, "drop")) {
        struct ovs_wants *wants = ovs_ports_want(next_app(&line), NULL, dpid,
                                                 false);
        const char *owner = next_word(&line);

        ovs_ports_remove(wants, next_word(&line), owner);
    } else if (!strcmp(verb, "end")) {
        ovs_ports_end(next_app(&line));
    } else if (!strcmp(verb, "until")) {
        until(line);
    } else if (!strcmp(verb, "expect")) {
        uint8_t app = next_app(&line);

        expect(is_answered, app, line);
    } else if (!strcmp(verb, "mtu")) {
        expect(is_mtu, 0, line);
    } else if (!strcmp(verb, "news")) {
        print_news();
    } else {
        ovs_fatal(0, "%s: no such command", verb);
    }
}

int
main(int argc, char *argv[])
{
    char line[1024];

    set_program_name(argv[0]);
    vlog_set_levels(NULL, VLF_ANY_DESTINATION, VLL_OFF);
    if (argc != 3 || !dpid_from_string(argv[2], &dpid)) {
        ovs_fatal(0, "usage: want-ports DATABASE DATAPATH-ID");
    }
    for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
        char *error = app_register(&classes[i]);

        if (error) {
            ovs_fatal(0, "%s", error);
        }
    }
    ovs_ports_init(argv[1]);
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = '\0';
        execute(line);
    }
    ovs_ports_destroy();
    sset_destroy(&news);
    return 0;
}
