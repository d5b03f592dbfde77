/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_CAPTURE_H
#define TASUKID_MIRROR_CAPTURE_H 1

/* Copies that go to files.  Each network interface that they come out of has a
 * process of its own, tasuki-capture(8), that writes the files.  It is started
 * again, after a while, when it has ended.  No process outlives tasukid.
 *
 * A capture is known by the name of its interface. */

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

/* Has packets that come out of 'port' written to files.  Does nothing if that
 * is so already; otherwise a capture of 'port' ends and begins anew, with
 * another file.  No file is ever overwritten. */
void capture_set(const char *port, const struct capture_files *);

/* Ends the capture of 'port', if there is one. */
void capture_clear(const char *port);

/* Gives the capture of 'port', if there is one, a line from skip_to_line()
 * (skips.h), to be written beside the packet that follows.  Never blocks. */
void capture_tell(const char *port, const char *line);

/* Returns why packets of 'port' do not get into a file, or null if nothing is
 * known to be wrong or there is no capture.  Valid until capture_run(). */
const char *capture_problem(const char *port);

/* Appends what the capture of 'port' has done, if there is one: its file, how
 * many packets were written and dropped, without a newline. */
void capture_format(const char *port, struct ds *);

/* Returns true if what capture_problem() says has changed for any port. */
bool capture_run(void);
void capture_wait(void);

#endif /* TASUKID_MIRROR_CAPTURE_H */
