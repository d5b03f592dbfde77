/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "steer-plan.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs.h"
#include "util.h"

static void OVS_PRINTF_FORMAT(2, 3)
say(struct steer_plan *plan, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    svec_add_nocopy(&plan->words, xvasprintf(format, args));
    va_end(args);
}

static void
plan_init(struct steer_plan *plan, enum plan_result result)
{
    memset(plan, 0, sizeof *plan);
    plan->result = result;
    svec_init(&plan->words);
}

static struct steer_step *
add_step(struct steer_plan *plan, enum step_kind kind)
{
    struct steer_step *step;

    plan->steps = xrealloc(plan->steps,
                           (plan->n_steps + 1) * sizeof *plan->steps);
    step = &plan->steps[plan->n_steps++];
    memset(step, 0, sizeof *step);
    step->kind = kind;
    return step;
}

/* Gives receive queue 'queue' the 'n' CPUs from 'first' on, unless it has
 * them. */
static void
set_rps(struct steer_plan *plan, const struct nic *nic, unsigned int queue,
        unsigned int first, unsigned int n)
{
    char *cpus = cpus_format(first, n);

    if (nic->rps_cpus && !cpus_equal(cpus, nic->rps_cpus[queue])) {
        struct steer_step *step = add_step(plan, STEP_RPS);

        step->queue = queue;
        step->cpus = cpus;
    } else {
        free(cpus);
    }
}

/* What the NIC has decided stays as it is. */
static void
clear_rps(struct steer_plan *plan, const struct nic *nic)
{
    for (unsigned int i = 0; i < nic->n_rx; i++) {
        set_rps(plan, nic, i, 0, 0);
    }
}

/* By filters. */

static enum nic_answer
can_filter(const struct nic *nic, enum steer_key key)
{
    return (key == STEER_SPI ? nic->by_spi
            : key == STEER_PORT ? nic->by_port : nic->by_address);
}

static bool
is_used(const struct nic *nic, uint32_t location)
{
    for (size_t i = 0; i < nic->n_used; i++) {
        if (nic->used[i] == location) {
            return true;
        }
    }
    return false;
}

static bool
has_room(const struct nic *nic, size_t n)
{
    return !nic->n_rules || nic->n_used + n <= nic->n_rules;
}

static void
plan_filters(struct steer_plan *plan, const struct nic *nic,
             const struct steer_request *req)
{
    uint32_t location = 0;

    say(plan, "%s filters by %s: each SA gets a queue.",
        nic->name, steer_key_name(req->key));
    if (can_filter(nic, req->key) == NIC_TRY) {
        say(plan, "Whether the driver knows such filters shows when the first "
            "one is added; if not, all is left as it was.");
    }
    if (!nic->ntuple) {
        add_step(plan, STEP_NTUPLE);
    }
    clear_rps(plan, nic);
    for (size_t i = 0; i < req->n; i++) {
        struct steer_step *step = add_step(plan, STEP_FILTER);

        while (is_used(nic, location)) {
            location++;
        }
        step->key = req->key;
        step->flow = req->flows[i];
        step->queue = i % MIN(nic->n_rx, req->n_cpus);
        step->location = location++;
    }
}

/* By RSS. */

static const struct nic_hash *
hash_of(const struct nic *nic, enum steer_key key)
{
    static const struct nic_hash always = { .is_on = true };

    return (key == STEER_SPI ? &nic->esp
            : key == STEER_PORT ? &nic->udp : &always);
}

static void
plan_fields(struct steer_plan *plan, const struct nic *nic,
            const struct steer_request *req)
{
    if (!hash_of(nic, req->key)->is_on) {
        struct steer_step *step = add_step(plan, STEP_FIELDS);

        step->key = req->key;
        step->ipv6 = req->ipv6;
        say(plan, "%s has to take the %s into its hash.", nic->name,
            steer_key_name(req->key));
    }
}

static void
plan_rss(struct steer_plan *plan, const struct nic *nic,
         const struct steer_request *req)
{
    size_t n_queues = rss_n_queues(&nic->rss);

    say(plan, "RSS brings %"PRIuSIZE" SAs evenly to %"PRIuSIZE" queues, with "
        "the %s%s that they have.", req->n, n_queues,
        steer_key_name(req->key), req->key == STEER_ADDRESS ? "es" : "s");
    plan_fields(plan, nic, req);
    clear_rps(plan, nic);
}

/* Returns false if there is no choice. */
static bool
plan_choice(struct steer_plan *plan, const struct nic *nic,
            const struct steer_request *req)
{
    struct sa_flow *flows = xmemdup(req->flows, req->n * sizeof *flows);
    char *error = steer_pick(&nic->rss, req->key, flows, req->n);

    if (error) {
        say(plan, "RSS cannot bring each SA to a queue of its own: %s.",
            error);
        free(error);
        free(flows);
        return false;
    }
    plan->result = PLAN_CHOOSE;
    plan->choice = flows;
    say(plan, "RSS brings several SAs to one queue with the present %s%s; "
        "with others it would not.", steer_key_name(req->key),
        req->key == STEER_ADDRESS ? "es" : "s");
    return true;
}

/* In software. */

static void
plan_veth(struct steer_plan *plan, const struct nic *nic,
          const struct steer_request *req)
{
    say(plan, "%s is one end of a veth pair: the other end, which sends, "
        "chooses the queue (steer --sender).  Each queue gets a CPU.",
        nic->name);
    for (size_t i = 0; i < req->n; i++) {
        set_rps(plan, nic, i, i % req->n_cpus, 1);
    }
}

static void
plan_rps(struct steer_plan *plan, const struct nic *nic,
         const struct steer_request *req)
{
    double n = req->n_cpus;

    plan->result = PLAN_SPREAD;
    say(plan, "The kernel spreads packets by %s in software (RPS).  Its hash "
        "has a random key: of %u CPUs, %"PRIuSIZE" SAs keep %.1f busy on "
        "average; many more SAs than CPUs make it even.",
        req->key == STEER_SPI ? "SPI" : "address, port and SPI", req->n_cpus,
        req->n, n * (1 - pow(1 - 1 / n, req->n)));
    for (unsigned int i = 0; i < nic->n_rx; i++) {
        set_rps(plan, nic, i, 0, req->n_cpus);
    }
}

static bool
refuse(struct steer_plan *plan, const struct steer_request *req)
{
    if (req->n < 2) {
        say(plan, "There is one SA.  It cannot be given to several CPUs, "
            "neither in turn nor otherwise: its packets would overtake each "
            "other, and the replay window drops those that come too late.  "
            "Give the tunnel more tags.");
    } else if (req->n_cpus < 2) {
        say(plan, "One CPU is all there is to use.");
    } else {
        return false;
    }
    plan->result = PLAN_REFUSED;
    return true;
}

void
steer_plan_receiver(struct steer_plan *plan, const struct nic *nic,
              const struct steer_request *req)
{
    enum rss_fields fields = steer_key_fields(req->key);
    const struct nic_hash *hash = hash_of(nic, req->key);
    enum nic_answer filter = can_filter(nic, req->key);
    bool rss = ((hash->is_on || hash->can_be_set) && !nic->no_rss
                && rss_n_queues(&nic->rss) > 1);

    plan_init(plan, PLAN_EXACT);
    if (refuse(plan, req)) {
        return;
    }
    if (filter != NIC_NO && !has_room(nic, req->n)) {
        say(plan, "%s has no room for %"PRIuSIZE" more filters.",
            nic->name, req->n);
        filter = NIC_NO;
    }

    if (nic->n_rx > 1) {
        if (rss && steer_is_even(&nic->rss, fields, req->flows, req->n)) {
            plan_rss(plan, nic, req);
            return;
        }
        if (filter == NIC_YES) {
            plan_filters(plan, nic, req);
            return;
        }
        if (rss && plan_choice(plan, nic, req)) {
            plan_fields(plan, nic, req);
            return;
        }
        if (filter == NIC_TRY) {
            plan_filters(plan, nic, req);
            return;
        }
        if (nic->is_veth && nic->n_rx >= req->n && nic->rps_cpus) {
            plan_veth(plan, nic, req);
            return;
        }
    } else if (nic->max_rx > 1) {
        say(plan, "%s would have more queues if it were told to (ethtool -L).",
            nic->name);
    }

    if (nic->rps_cpus) {
        plan_rps(plan, nic, req);
    } else {
        plan->result = PLAN_REFUSED;
        say(plan, "%s brings all of these SAs to one queue, and the kernel "
            "has no RPS.", nic->name);
    }
}

void
steer_plan_sender(struct steer_plan *plan, const struct nic *nic,
            const struct steer_request *req)
{
    plan_init(plan, PLAN_EXACT);
    if (refuse(plan, req)) {
        return;
    }
    if (!nic->is_veth) {
        plan->result = PLAN_REFUSED;
        say(plan, "%s is no veth: the other machine's NIC chooses the queue.",
            nic->name);
        return;
    } else if (nic->n_tx < req->n + 1) {
        plan->result = PLAN_REFUSED;
        say(plan, "%s has %u transmit queues; %"PRIuSIZE" are needed, one for "
            "each SA and one more.", nic->name, nic->n_tx, req->n + 1);
        return;
    }

    say(plan, "%s gives each SA a transmit queue, and the other end of the "
        "veth pair receives it one below.", nic->name);
    if (!nic->has_clsact) {
        add_step(plan, STEP_CLSACT);
    }
    for (size_t i = 0; i < req->n; i++) {
        struct steer_step *step = add_step(plan, STEP_SKBEDIT);

        step->key = req->key;
        step->flow = req->flows[i];
        /* A veth leaves the sender's queue in the packet, where a receiver
         * takes it for "received on, plus one". */
        step->queue = i + 1;
    }
}

void
steer_plan_uninit(struct steer_plan *plan)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        free(plan->steps[i].cpus);
    }
    free(plan->steps);
    free(plan->choice);
    svec_destroy(&plan->words);
}
