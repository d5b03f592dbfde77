/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_EFFECT_H
#define TASUKID_MIRROR_EFFECT_H 1

/* When does a policy take effect?  Not when its flows are sent to the switch:
 * first the switch puts them into its tables, and then its datapath forgets
 * what it did before.  A policy that is said to be up must miss nothing. */

struct mirror_switch;

void mirror_effect_init(struct mirror_switch *);
void mirror_effect_destroy(struct mirror_switch *);

/* Sets 'in_effect' of active policies once that is so, a moment later than
 * the flows that were declared for them were sent. */
void mirror_effect_run(struct mirror_switch *);

#endif /* TASUKID_MIRROR_EFFECT_H */
