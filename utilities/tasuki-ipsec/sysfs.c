/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

char *
sysfs_path(const char *name, const char *file)
{
    return xasprintf("/sys/class/net/%s/%s", name, file);
}

char *
sysfs_read(const char *name, const char *file)
{
    char *path = sysfs_path(name, file);
    FILE *stream = fopen(path, "r");
    struct ds line = DS_EMPTY_INITIALIZER;

    free(path);
    if (!stream) {
        return NULL;
    }
    if (ds_get_line(&line, stream)) {
        ds_destroy(&line);
        errno = ENODATA;
    }
    fclose(stream);
    return ds_steal_cstr(&line);
}

static char *
rps_file(unsigned int queue)
{
    return xasprintf("queues/rx-%u/rps_cpus", queue);
}

char *
sysfs_rps_path(const char *name, unsigned int queue)
{
    char *file = rps_file(queue);
    char *path = sysfs_path(name, file);

    free(file);
    return path;
}

char *
sysfs_read_rps(const char *name, unsigned int queue)
{
    char *file = rps_file(queue);
    char *cpus = sysfs_read(name, file);

    free(file);
    return cpus;
}

int
sysfs_write_rps(const char *name, unsigned int queue, const char *cpus)
{
    char *path = sysfs_rps_path(name, queue);
    int fd = open(path, O_WRONLY);
    int error = fd < 0 ? errno : 0;

    free(path);
    if (!error) {
        /* The kernel wants all of it at once. */
        if (write(fd, cpus, strlen(cpus)) < 0) {
            error = errno;
        }
        close(fd);
    }
    return error;
}

char *
cpus_format(unsigned int first, unsigned int n)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (unsigned int word = (first + n + 31) / 32; word-- > 0; ) {
        uint32_t bits = 0;

        for (unsigned int i = 0; i < 32; i++) {
            unsigned int cpu = word * 32 + i;

            if (cpu >= first && cpu < first + n) {
                bits |= UINT32_C(1) << i;
            }
        }
        ds_put_format(&ds, ds.length ? ",%08"PRIx32 : "%"PRIx32, bits);
    }
    if (!ds.length) {
        ds_put_char(&ds, '0');
    }
    return ds_steal_cstr(&ds);
}

/* Returns 'cpus' from its first digit on that is not zero. */
static const char *
skip_zeros(const char *cpus)
{
    return cpus + strspn(cpus, "0,");
}

bool
cpus_equal(const char *a, const char *b)
{
    return !strcmp(skip_zeros(a), skip_zeros(b));
}

bool
cpus_is_empty(const char *cpus)
{
    return !*skip_zeros(cpus);
}
