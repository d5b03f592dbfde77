/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_CAPTURE_H
#define TASUKID_MIRROR_CAPTURE_H 1

/* Policies whose copies go to files.  Each has a process of its own,
 * tasuki-capture(8), that reads the policy's port and writes the files.  It is
 * started again, after a while, when it has ended.  No process outlives
 * tasukid.
 *
 * Policies are known by their names, which are unique. */

#include <stdbool.h>
#include <stdint.h>

struct ds;

/* The files. */
struct capture_files {
    const char *path;           /* Absolute.  Numbers are put in where files
                                 * would have the same name. */
    uint64_t rotate_size;       /* Bytes after which a new file begins, 0 for
                                 * never. */
    uint32_t rotate_time;       /* The same, in seconds. */
    uint32_t keep;              /* So many of the newest files, 0 for all. */
    bool gzip;
};

/* To be called before there is any thread, and at the end. */
void capture_init(void);
void capture_destroy(void);

/* Has packets that come out of network interface 'port' written to files.  Does
 * nothing if it is so already; otherwise what ran for 'policy' ends and begins
 * anew, with another file.  No file is ever overwritten. */
void capture_set(const char *policy, const char *port,
                 const struct capture_files *);

/* Ends the capture of 'policy', if there is one. */
void capture_clear(const char *policy);

/* Gives the capture of 'policy', if there is one, a line from skip_to_line()
 * (skips.h), to be written beside the packet that it precedes.  Never
 * blocks. */
void capture_tell(const char *policy, const char *line);

/* Returns why packets of 'policy' do not get into a file, or null if nothing
 * is known to be wrong or there is no capture.  Valid until capture_run(). */
const char *capture_problem(const char *policy);

/* Appends a line about the capture of 'policy', if there is one: its file, how
 * many packets were written and dropped. */
void capture_format(const char *policy, struct ds *);

/* Returns true if what the two functions above say has changed. */
bool capture_run(void);
void capture_wait(void);

#endif /* TASUKID_MIRROR_CAPTURE_H */
