/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_STEER_APPLY_H
#define TASUKI_IPSEC_STEER_APPLY_H 1

/* Does what a plan says, and undoes it.
 *
 * Before anything is changed, a file in the run directory says what is going
 * to be, and how it was.  So it can be undone whenever, and however, this
 * program has ended. */

#include "steer-plan.h"

struct svec;

/* Applies 'plan' to 'nic', as it was when the plan was made.  Returns null, or
 * the reason why it failed, which the caller must free; then all is as it was
 * before, as far as possible. */
char *steer_apply(const struct nic *nic, const struct steer_plan *plan);

/* Undoes what was applied to interface 'name', in this network namespace, if
 * anything was.  What somebody else has changed since then stays, and 'words'
 * gets a sentence about it.  Returns null, or what could not be undone, which
 * the caller must free: then one may try again. */
char *steer_undo(const char *name, struct svec *words);

#endif /* TASUKI_IPSEC_STEER_APPLY_H */
