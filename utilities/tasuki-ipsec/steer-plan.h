/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_STEER_PLAN_H
#define TASUKI_IPSEC_STEER_PLAN_H 1

/* Decides how packets of different SAs come to different CPUs.
 *
 * All packets of an SA go to one CPU, always: on several, they overtake each
 * other, and the replay window drops those that are too late.  So nothing here
 * spreads packets but by what is constant for an SA.
 *
 * These are pure functions: of what an interface can do, and of SAs. */

#include <stdbool.h>
#include <stddef.h>

#include "nic.h"
#include "steer-pick.h"
#include "svec.h"

enum step_kind {
    STEP_NTUPLE,                /* Switches filters on. */
    STEP_FILTER,                /* A filter: this SA to that queue. */
    STEP_FIELDS,                /* The NIC is to hash ports, or the SPI. */
    STEP_RPS,                   /* A receive queue's CPUs. */
    STEP_CLSACT,                /* tc's place for egress filters. */
    STEP_SKBEDIT,               /* Such a filter: SA to transmit queue. */
};

struct steer_step {
    enum step_kind kind;
    enum steer_key key;         /* STEP_FILTER, STEP_FIELDS, STEP_SKBEDIT. */
    struct sa_flow flow;        /* STEP_FILTER, STEP_SKBEDIT. */
    bool ipv6;                  /* STEP_FIELDS. */
    unsigned int queue;         /* STEP_FILTER, STEP_RPS, STEP_SKBEDIT. */
    uint32_t location;          /* STEP_FILTER. */
    char *cpus;                 /* STEP_RPS. */
};

/* Filters of STEP_SKBEDIT, and no others, have this preference. */
#define STEER_PREF 31313

enum plan_result {
    PLAN_EXACT,                 /* As even as can be. */
    PLAN_SPREAD,                /* By a hash that nobody chose. */
    PLAN_CHOOSE,                /* After the user has made 'choice'. */
    PLAN_REFUSED,               /* No way; the last sentence says why. */
};

struct steer_plan {
    enum plan_result result;
    struct svec words;          /* What is done, and why. */
    struct steer_step *steps;
    size_t n_steps;
    struct sa_flow *choice;     /* PLAN_CHOOSE: the flows as they should be,
                                 * as many as there are. */
};

struct steer_request {
    enum steer_key key;
    bool ipv6;
    const struct sa_flow *flows;    /* One for each SA. */
    size_t n;
    unsigned int n_cpus;        /* CPUs 0 ... n_cpus - 1 are to be used. */
};

/* How 'nic' is to receive the SAs. */
void steer_plan_receiver(struct steer_plan *, const struct nic *,
                   const struct steer_request *);

/* How the sender's end of a veth pair chooses queues for a receiver that is
 * such as steer_plan_receiver() has it. */
void steer_plan_sender(struct steer_plan *, const struct nic *,
                 const struct steer_request *);

void steer_plan_uninit(struct steer_plan *);

/* Returns a shell command that has the step's effect.  The caller must free
 * it. */
char *steer_step_command(const struct steer_step *, const char *nic);

#endif /* TASUKI_IPSEC_STEER_PLAN_H */
