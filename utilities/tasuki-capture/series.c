/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "series.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "openvswitch/vlog.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(series);

/* Digits of a number, more if it needs more. */
enum { DIGITS = 6 };

/* Returns the length of 'name' without the suffix. */
static size_t
stem_length(const char *name)
{
    size_t len = strlen(name);
    const char *dot;

    if (len > 3 && !strcmp(name + len - 3, ".gz")) {
        len -= 3;
    }
    dot = memrchr(name, '.', len);
    return dot && dot > name ? dot - name : len;
}

/* Calls 'cb' with the number of each file that exists. */
static void
for_each(const struct series *s,
         void (*cb)(const struct series *, uint64_t number, void *aux),
         void *aux)
{
    DIR *dir = opendir(s->dir);
    struct dirent *entry;

    if (!dir) {
        return;                 /* series_open() will tell. */
    }
    while ((entry = readdir(dir)) != NULL) {
        uint64_t number = series_number(s, entry->d_name);

        if (number) {
            cb(s, number, aux);
        }
    }
    closedir(dir);
}

static void
find_newest(const struct series *s OVS_UNUSED, uint64_t number, void *newest_)
{
    uint64_t *newest = newest_;

    *newest = MAX(*newest, number);
}

void
series_init(struct series *s, const char *path, const char *ending,
            bool numbered)
{
    char *name = base_name(path);
    size_t len = strlen(name), ending_len = strlen(ending);

    if (len < ending_len || strcmp(name + len - ending_len, ending)) {
        char *longer = xasprintf("%s%s", name, ending);

        free(name);
        name = longer;
    }
    size_t n = stem_length(name);
    s->dir = dir_name(path);
    s->stem = xmemdup0(name, n);
    s->suffix = xstrdup(name + n);
    s->numbered = numbered;
    s->newest = 0;
    free(name);

    for_each(s, find_newest, &s->newest);
}

void
series_destroy(struct series *s)
{
    free(s->dir);
    free(s->stem);
    free(s->suffix);
}

int
series_open(struct series *s, char **name)
{
    for (;;) {
        *name = series_name(s, s->newest + 1);
        /* What was captured is nobody's business. */
        int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

        if (fd >= 0 || errno != EEXIST) {
            if (fd >= 0) {
                s->newest++;
            }
            return fd >= 0 ? fd : -errno;
        }
        free(*name);
        s->newest++;
    }
}

static void
prune(const struct series *s, uint64_t number, void *last_)
{
    const uint64_t *last = last_;

    if (number <= *last) {
        char *name = series_name(s, number);

        if (unlink(name) && errno != ENOENT) {
            VLOG_WARN("%s: cannot delete it (%s)", name, ovs_strerror(errno));
        }
        free(name);
    }
}

void
series_prune(const struct series *s, uint64_t keep)
{
    if (s->newest > keep) {
        uint64_t last = s->newest - keep;

        for_each(s, prune, &last);
    }
}

char *
series_name(const struct series *s, uint64_t number)
{
    if (number == 1 && !s->numbered) {
        return xasprintf("%s/%s%s", s->dir, s->stem, s->suffix);
    }
    return xasprintf("%s/%s-%0*"PRIu64"%s", s->dir, s->stem, DIGITS, number,
                     s->suffix);
}

uint64_t
series_number(const struct series *s, const char *name)
{
    size_t stem_len = strlen(s->stem);
    uint64_t number = 0;
    const char *p;

    if (strncmp(name, s->stem, stem_len)) {
        return 0;
    }
    p = name + stem_len;
    if (!strcmp(p, s->suffix)) {
        return !s->numbered;
    }
    if (*p++ != '-') {
        return 0;
    }
    const char *digits = p;
    while (isdigit((unsigned char) *p)) {
        if (number > UINT32_MAX) {
            return 0;           /* None of ours. */
        }
        number = number * 10 + *p++ - '0';
    }
    /* Other names of the same number are not ours. */
    return (p - digits < DIGITS || (p - digits > DIGITS && *digits == '0')
            || strcmp(p, s->suffix) ? 0 : number);
}
