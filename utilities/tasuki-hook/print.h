/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HOOK_PRINT_H
#define TASUKID_HOOK_PRINT_H 1

/* Prints events to standard output, a line each, without ever waiting for the
 * reader. */

#include <stdbool.h>

struct json;

void hook_print_init(void);

/* Begins to print 'event'.  The one before it must have been printed. */
void hook_print_start(const struct json *event);

bool hook_print_is_busy(void);

/* Returns true if an event has been printed since the last call.  Ends the
 * program if nobody reads any more. */
bool hook_print_run(void);
void hook_print_wait(void);

#endif /* TASUKID_HOOK_PRINT_H */
