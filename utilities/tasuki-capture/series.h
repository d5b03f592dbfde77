/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CAPTURE_SERIES_H
#define TASUKI_CAPTURE_SERIES_H 1

/* Names of files that follow one another.
 *
 * Files of /dir/web.pcapng are /dir/web-000001.pcapng, /dir/web-000002.pcapng
 * and so on: names in alphabetical order are in the order of time.  If one
 * file should do, it is /dir/web.pcapng itself, which counts as number 1; a
 * number is put in only if that exists. */

#include <stdbool.h>
#include <stdint.h>

struct series {
    char *dir;
    char *stem;                 /* "web". */
    char *suffix;               /* ".pcapng". */
    bool numbered;              /* Is the first one? */
    uint64_t newest;            /* Number of the last file, 0 for none. */
};

/* The files of 'path'.  Those that exist are counted.  'ending', if the name
 * does not have it, goes after it. */
void series_init(struct series *, const char *path, const char *ending,
                 bool numbered);
void series_destroy(struct series *);

/* Makes the next file, which nobody else made, and opens it for writing.  The
 * caller must free '*name'.  Returns a file descriptor or a negative errno
 * value. */
int series_open(struct series *, char **name);

/* Deletes all but the 'keep' newest files. */
void series_prune(const struct series *, uint64_t keep);

/* Returns the path of file 'number', which the caller must free. */
char *series_name(const struct series *, uint64_t number);

/* Returns the number of the file called 'name' (without its folder), or 0 if
 * it is not one of the series. */
uint64_t series_number(const struct series *, const char *name);

#endif /* TASUKI_CAPTURE_SERIES_H */
