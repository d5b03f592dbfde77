/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_OPTIONS_H
#define TASUKI_IPSEC_OPTIONS_H 1

#include <stdbool.h>

#include "command-line.h"
#include "tunnel.h"

/* The command line.  A command is a function of this kind and a row of
 * 'commands' in tasuki-ipsec.c; its options are there, too. */

struct ipsec_options {
    const char *side;           /* "a", "b", or null. */
    const char *keys;           /* File of keys, or null. */
    bool dry_run;
    bool json;                  /* --format=json. */
    bool per_cpu;               /* SAs by CPU, of the kernel. */
    bool reuse_keys;

    /* Of "monitor". */
    unsigned int interval;      /* In seconds. */
    char *db;                   /* Database server, or null. */
    unsigned int count;         /* 0 for ever. */
    bool metrics;
    const char *metrics_file;   /* Null for standard output, once. */

    /* Of "steer". */
    bool sender, undo;
    unsigned int cpus;          /* 0 for all. */
};
extern struct ipsec_options options;

struct tunnel *open_tunnel(const char *file);
enum tunnel_side open_side(const struct tunnel *);

#endif /* utilities/tasuki-ipsec/options.h */
