/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_SYSFS_H
#define TASUKI_IPSEC_SYSFS_H 1

/* What the kernel shows of an interface in /sys/class/net. */

#include <stdbool.h>

/* Returns the path of 'file' of interface 'name', which the caller must
 * free. */
char *sysfs_path(const char *name, const char *file);

/* Returns the first line of the file, without its end, which the caller must
 * free; null, and sets errno, if it cannot be read. */
char *sysfs_read(const char *name, const char *file);

/* The CPUs that receive queue 'queue' gives its packets to (RPS), as a
 * bitmap in hexadecimal digits with commas.  sysfs_write_rps() returns 0 or a
 * positive errno value. */
char *sysfs_rps_path(const char *name, unsigned int queue);
char *sysfs_read_rps(const char *name, unsigned int queue);
int sysfs_write_rps(const char *name, unsigned int queue, const char *cpus);

/* Returns such a bitmap of 'n' CPUs from 'first' on, without leading zeros.
 * The caller must free it. */
char *cpus_format(unsigned int first, unsigned int n);

/* Are these the same CPUs? */
bool cpus_equal(const char *, const char *);

/* Is none set? */
bool cpus_is_empty(const char *);

#endif /* TASUKI_IPSEC_SYSFS_H */
