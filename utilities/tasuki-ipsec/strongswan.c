/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "commands.h"
#include "keys.h"
#include "openvswitch/dynamic-string.h"
#include "options.h"
#include "socket-util.h"
#include "swanctl.h"
#include "util.h"

/* "strongswan". */

/* The version of the strongSwan that is installed, for the caller to free, or
 * null. */
static char *
strongswan_version(void)
{
    FILE *stream = popen("swanctl --version 2>/dev/null", "r");
    char v[32];

    bool found = stream && fscanf(stream, "strongSwan %31s", v) == 1;
    if (stream) {
        pclose(stream);
    }
    return found ? xstrdup(v) : NULL;
}

/* Says on stderr what the kernel can do by itself. */
static void
tell_of_cpus(void)
{
    char *strongswan = strongswan_version();
    struct utsname u;

    uname(&u);
    switch (per_cpu_check(u.release, strongswan)) {
    case PER_CPU_YES:
        fprintf(stderr, "%s: Linux %s and strongSwan %s can have an SA for "
                "each CPU that sends (RFC 9611), without tags: use "
                "--per-cpu\n",
                program_name, u.release, strongswan);
        break;
    case PER_CPU_OLD_STRONGSWAN:
        fprintf(stderr, "%s: Linux %s can have an SA for each CPU that sends "
                "(RFC 9611), without tags; strongSwan 6.0.2 or later would "
                "make them, here is %s\n", program_name, u.release,
                strongswan ? strongswan : "none");
        break;
    case PER_CPU_OLD_KERNEL:
        if (options.per_cpu) {
            fprintf(stderr, "%s: this is Linux %s; --per-cpu is for 6.13 or "
                    "later\n", program_name, u.release);
        }
        break;
    }
    free(strongswan);
}

/* Writes secrets for 't'.  Returns 0 or an errno value. */
static int
write_secrets(int fd, const struct tunnel *t, const struct keys *keys,
              size_t n)
{
    size_t written;
    int error = write_fully(fd, "secrets {\n", 10, &written);

    for (size_t i = 0; i < n && !error; i++) {
        char block[512], hex[2 * KEYS_PSK + 1];

        for (size_t j = 0; j < KEYS_PSK; j++) {
            snprintf(&hex[2 * j], 3, "%02x", keys->psks[i][j]);
        }
        int len = snprintf(block, sizeof block,
                           "    ike-%s-%"PRIuSIZE" {\n"
                           "        id-a = a%"PRIuSIZE"@%s\n"
                           "        id-b = b%"PRIuSIZE"@%s\n"
                           "        secret = 0x%s\n    }\n",
                           t->name, i, i, t->name, i, t->name, hex);
        error = write_fully(fd, block, len, &written);
        explicit_bzero(block, sizeof block);
        explicit_bzero(hex, sizeof hex);
    }
    return error ? error : write_fully(fd, "}\n", 2, &written);
}

/* Makes 'file', which root alone may read, anew. */
static char *
write_file(const char *file, const struct ds *text, const struct tunnel *t,
           const struct keys *keys, size_t n_secrets)
{
    char *new = xasprintf("%s.new", file), *error = NULL;
    size_t written;

    unlink(new);
    int fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0600);
    int err = fd < 0 ? errno : 0;
    if (!err) {
        err = write_fully(fd, text->string, text->length, &written);
    }
    if (!err) {
        err = write_secrets(fd, t, keys, n_secrets);
    }
    if (!err && fsync(fd)) {
        err = errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (!err && rename(new, file)) {
        err = errno;
    }
    if (err) {
        error = xasprintf("%s: %s", file, ovs_strerror(err));
        unlink(new);
    }
    free(new);
    return error;
}

void
cmd_strongswan(struct ovs_cmdl_context *ctx)
{
    const char *file = ctx->argc > 2 ? ctx->argv[2] : NULL;
    struct tunnel *t = open_tunnel(ctx->argv[1]);
    struct ds ds = DS_EMPTY_INITIALIZER;
    enum tunnel_side side = open_side(t);
    char *error = swanctl_check(t);

    if (error) {
        ovs_fatal(0, "%s: %s", ctx->argv[1], error);
    }
    swanctl_format(t, side, options.per_cpu, &ds);
    tell_of_cpus();

    if (file) {
        char *keys_file = options.keys ? xstrdup(options.keys)
                                       : keys_file_name(ctx->argv[1]);

        prctl(PR_SET_DUMPABLE, 0);
        struct keys *keys = keys_read(keys_file, t, &error);
        size_t n = options.per_cpu ? 1 : t->n_tags;
        if (!error && keys->n_psks < n) {
            error = xasprintf("%s: lines \"psk\" are missing", keys_file);
        }
        if (!error) {
            error = write_file(file, &ds, t, keys, n);
        }
        keys_destroy(keys);
        free(keys_file);
        if (error) {
            ovs_fatal(0, "%s", error);
        }
    } else {
        fputs(ds_cstr(&ds), stdout);
        puts("# Secrets are written to files only.");
    }
    ds_destroy(&ds);
    tunnel_destroy(t);
}
