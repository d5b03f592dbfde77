/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_PLAN_H
#define TASUKI_IPSEC_PLAN_H 1

#include <stdbool.h>
#include <stddef.h>

#include "compiler.h"
#include "keys.h"
#include "sa.h"
#include "tunnel.h"

/* What is to be done to a kernel: the difference between what a tunnel is to
 * have there and what is there.
 *
 * The steps are in such an order that after each of them packets either go as
 * they did before or are encrypted and accepted.  So a run that is killed may
 * be repeated, and does what is left. */

enum step_kind {
    STEP_ADD_SA,
    STEP_DEL_SA,
    STEP_ADD_POLICY,
    STEP_SET_POLICY,            /* One that has the same id gives way. */
    STEP_DEL_POLICY,
    STEP_USE_KEYS,              /* From now on packets may be encrypted. */
};

struct step {
    enum step_kind kind;
    union {
        struct sa sa;
        struct policy policy;
    };
    struct policy old;          /* STEP_SET_POLICY only: what gives way. */
};

struct plan {
    struct step *steps;
    size_t n, allocated;
};

#define PLAN_INITIALIZER { .n = 0 }

void tunnel_want(const struct tunnel *, enum tunnel_side,
                 const struct keys *, struct sa_set *want);
bool tunnel_owns_sa(const struct tunnel *, const struct sa *);
bool tunnel_owns_policy(const struct tunnel *, const struct policy *);

char *plan_up(const struct tunnel *, enum tunnel_side,
              const struct sa_set *want, const struct sa_set *have,
              struct plan *)
    OVS_WARN_UNUSED_RESULT;
void plan_down(const struct tunnel *, const struct sa_set *have,
               struct plan *);
void plan_destroy(struct plan *);

bool plan_sends_anew(const struct plan *, const struct tunnel *,
                     enum tunnel_side);

/* Does 'step'.  Returns null, or, for the caller to free, what went wrong. */
typedef char *plan_step_func(const struct step *, void *aux);

char *plan_do(const struct plan *, plan_step_func *, void *aux)
    OVS_WARN_UNUSED_RESULT;

#endif /* utilities/tasuki-ipsec/plan.h */
