/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_TC_H
#define TASUKI_IPSEC_TC_H 1

/* Runs tc(8), rather than use libnl-route, so that what is done is the very
 * command that --dry-run prints. */

#include <stdbool.h>

#include "compiler.h"

/* Runs a command whose words have a space in between.  Returns null if its
 * exit status is 0, otherwise an error, which the caller must free.  If 'output' is
 * nonnull, it gets what the command prints; the caller must free it, too. */
char *tc_run(const char *command, char **output);

/* Does interface 'name' have the place for filters that is named clsact? */
bool tc_has_clsact(const char *name);

/* Does tc, run with the formatted arguments, print 'word'?  Or anything, if
 * 'word' is "". */
bool tc_shows(const char *word, const char *format, ...)
    OVS_PRINTF_FORMAT(2, 3);

#endif /* TASUKI_IPSEC_TC_H */
