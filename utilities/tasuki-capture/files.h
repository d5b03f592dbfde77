/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CAPTURE_FILES_H
#define TASUKI_CAPTURE_FILES_H 1

/* The files that packets go to, one after the other, and what is counted for
 * the statistics at the end of each.
 *
 * A file is complete however it ends.  Room for what is to be written next and
 * for the file's end is had from the file system beforehand.  As long as there
 * is none, packets are lost, and counted, and the file stays as it is. */

#include <stdbool.h>
#include <stdint.h>

struct ds;
struct files;
struct held_packet;
struct skip_event;

struct files_options {
    const char *path;
    const char *interface;
    const char *description;    /* Of the interface, or null. */
    uint64_t rotate_size;       /* Bytes on disk after which a new file begins,
                                 * 0 for never. */
    uint32_t rotate_time;       /* The same, in seconds. */
    uint32_t keep;              /* Number of newest files, 0 for all. */
    bool gzip;
};

/* Opens the first file.  The pointers in '*options' must stay valid.  Returns
 * null and sets '*error', which the caller must free, if that is not
 * possible. */
struct files *files_create(const struct files_options *options, char **error);

/* Completes the file. */
void files_destroy(struct files *);

/* Writes a packet. */
void files_put(struct files *, const struct held_packet *);

/* Counts what the kernel has dropped since it was last asked. */
void files_dropped(struct files *, uint64_t n);

/* Counts what was skipped. */
void files_skipped(struct files *, const struct skip_event *);

/* Does what is due: flushes, begins a new file after the time for one, or
 * after a failure. */
void files_run(struct files *);
void files_wait(struct files *);

struct files_counts {
    uint64_t written;           /* Packets in files. */
    uint64_t dropped;           /* By the kernel. */
    uint64_t lost;              /* By us: they could not be written. */
};

/* Since files_create(). */
struct files_counts files_counts(const struct files *);

/* Returns the present file's path, or null. */
const char *files_path(const struct files *);

/* Returns why packets cannot be written now, or null. */
const char *files_problem(const struct files *);

#endif /* TASUKI_CAPTURE_FILES_H */
