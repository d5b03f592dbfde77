/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_IPSEC_CHOOSE_H
#define TASUKID_IPSEC_CHOOSE_H 1

/* Which bucket to move, and where to. */

#include "load.h"

struct choice {
    struct loads *loads;
    const struct balance_config *cfg;
    long long int now;
    unsigned int round;         /* The number of this one, from 1. */
    double tolerance;           /* As in the configuration, or less. */
    bool idle_only;
};

/* Returns true if tag 'i' is busier than the mean by more than 'tolerance',
 * and by more than chance explains. */
bool tag_is_busy(const struct loads *, unsigned int i, double tolerance);

/* Chooses one move, the best, and carries it out in the loads.  Returns false
 * if there is none. */
bool choose_move(const struct choice *, struct balance_move *);

#endif /* TASUKID_IPSEC_CHOOSE_H */
