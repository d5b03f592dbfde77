/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "openvswitch/dynamic-string.h"
#include "options.h"
#include "packets.h"
#include "steer-apply.h"
#include "svec.h"
#include "tc.h"
#include "util.h"

static void
print_words(const struct svec *words)
{
    for (size_t i = 0; i < words->n; i++) {
        printf("%s\n", words->names[i]);
    }
}

/* What 'receiver' gets from the other end of 't'.  The caller must free
 * it. */
static struct sa_flow *
get_flows(const struct tunnel *t, enum tunnel_side receiver, size_t *n)
{
    enum tunnel_side sender = tunnel_other(receiver);
    struct sa_flow *flows;

    *n = t->ends[sender].n_tags;
    flows = xcalloc(*n, sizeof *flows);
    for (size_t i = 0; i < *n; i++) {
        flows[i].src = *tunnel_address(t, sender, i);
        flows[i].dst = *tunnel_address(t, receiver, i);
        flows[i].spi = htonl(t->ends[receiver].spis[i]);
        if (t->wire == WIRE_PORT) {
            flows[i].src_port = htons(t->ends[sender].ports[i]);
            flows[i].dst_port = htons(TUNNEL_PORT);
        }
    }
    return flows;
}

/* Says what has to be put into the description. */
static void
print_choice(const struct tunnel *t, enum tunnel_side receiver,
             const struct steer_request *req, const struct sa_flow *choice)
{
    bool by_src = ipv6_addr_equals(&choice[0].dst, &choice[1].dst);
    enum tunnel_side side = (req->key == STEER_SPI
                             || (req->key == STEER_ADDRESS && !by_src)
                             ? receiver : tunnel_other(receiver));
    struct ds ds = DS_EMPTY_INITIALIZER;

    for (size_t i = 0; i < req->n; i++) {
        ds_put_cstr(&ds, i ? ", " : "");
        if (req->key == STEER_SPI) {
            ds_put_format(&ds, "%"PRIu32, ntohl(choice[i].spi));
        } else if (req->key == STEER_PORT) {
            ds_put_format(&ds, "%"PRIu16, ntohs(choice[i].src_port));
        } else {
            ds_put_char(&ds, '"');
            ipv6_format_mapped(by_src ? &choice[i].src : &choice[i].dst, &ds);
            ds_put_char(&ds, '"');
        }
    }
    printf("Put this into \"%s\" of %s's description, at both ends, and bring "
           "the tunnel up again:\n    \"%s\": [%s]\n",
           tunnel_side_name(side), t->name,
           req->key == STEER_SPI ? "spi"
           : req->key == STEER_PORT ? "port" : "addresses", ds_cstr(&ds));
    ds_destroy(&ds);
}

/* Ends the program if 'error' is nonnull. */
static void
check(char *error)
{
    if (error) {
        ovs_fatal(0, "%s", error);
    }
}

static void
print_commands(const struct steer_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_steps; i++) {
        char *command = steer_step_command(&plan->steps[i], name);

        printf("%s\n", command);
        free(command);
    }
}

static void
undo(const char *name)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    char *error = steer_undo(name, &words);

    print_words(&words);
    svec_destroy(&words);
    check(error);
}

static void
steer(const char *name, const struct tunnel *t)
{
    enum tunnel_side side = open_side(t);
    enum tunnel_side receiver = options.sender ? tunnel_other(side) : side;
    struct steer_request req = {
        .key = (t->wire == WIRE_PORT ? STEER_PORT
                : t->wire == WIRE_ADDRESS ? STEER_ADDRESS : STEER_SPI),
    };
    struct sa_flow *flows = get_flows(t, receiver, &req.n);
    struct steer_plan plan;
    struct nic nic;
    bool ok;

    req.flows = flows;
    req.ipv6 = !IN6_IS_ADDR_V4MAPPED(&flows[0].dst);

    /* From how it was, not from what was done the last time. */
    if (!options.dry_run) {
        undo(name);
    }
    check(nic_probe(&nic, name, req.ipv6));
    nic.has_clsact = options.sender && tc_has_clsact(name);
    req.n_cpus = options.cpus ? MIN(options.cpus, nic.n_cpus) : nic.n_cpus;
    if (options.sender) {
        steer_plan_sender(&plan, &nic, &req);
    } else {
        steer_plan_receiver(&plan, &nic, &req);
    }
    print_words(&plan.words);
    if (options.dry_run) {
        print_commands(&plan, name);
    }

    ok = plan.result == PLAN_EXACT || plan.result == PLAN_SPREAD;
    if (plan.result == PLAN_CHOOSE) {
        print_choice(t, receiver, &req, plan.choice);
    } else if (ok && !options.dry_run) {
        check(steer_apply(&nic, &plan));
    }
    steer_plan_uninit(&plan);
    nic_uninit(&nic);
    free(flows);
    if (!ok) {
        exit(EXIT_FAILURE);
    }
}

static void
describe(const char *name)
{
    struct svec words = SVEC_EMPTY_INITIALIZER;
    struct nic nic;

    check(nic_probe(&nic, name, false));
    nic_describe(&nic, &words);
    print_words(&words);
    svec_destroy(&words);
    nic_uninit(&nic);
}

void
cmd_steer(struct ovs_cmdl_context *ctx)
{
    const char *name = ctx->argv[1];

    if (options.undo) {
        undo(name);
    } else if (ctx->argc > 2) {
        struct tunnel *t = open_tunnel(ctx->argv[2]);

        steer(name, t);
        tunnel_destroy(t);
    } else {
        describe(name);
    }
}
