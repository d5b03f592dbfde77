/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "commands.h"
#include "ip-xfrm.h"
#include "keys.h"
#include "openvswitch/dynamic-string.h"
#include "options.h"
#include "plan.h"
#include "sa.h"
#include "util.h"
#include "xfrm.h"

/* "up", "down" and "genkey". */

struct doing {
    struct xfrm *xfrm;
    const char *keys_file;
    struct keys *keys;
    enum tunnel_side side;
    bool failed;                /* Something was left out. */
};

static void
must(char *error)
{
    if (error) {
        ovs_fatal(0, "%s", error);
    }
}

static char *
do_step(const struct step *step, void *doing_)
{
    struct doing *d = doing_;

    if (step->kind != STEP_USE_KEYS) {
        return xfrm_step(d->xfrm, step);
    } else if (!d->keys->used[d->side]) {
        return keys_set_used(d->keys_file, d->side);
    } else {
        return NULL;
    }
}

static void
print_plan(const struct tunnel *t, const struct plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        struct ds ds = DS_EMPTY_INITIALIZER;

        ip_xfrm_format(t, &plan->steps[i], &ds);
        fputs(ds_cstr(&ds), stdout);
        ds_destroy(&ds);
    }
}

/* What the kernel has.  With --dry-run, a kernel that does not tell is taken
 * for one that has nothing. */
static struct xfrm *
open_kernel(struct sa_set *have)
{
    char *error;
    struct xfrm *xfrm = xfrm_open(&error);

    if (!error) {
        error = xfrm_dump(xfrm, have);
    }
    if (error && !options.dry_run) {
        ovs_fatal(0, "%s", error);
    } else if (error) {
        fprintf(stderr, "%s: %s; this is for a kernel that has none\n",
                program_name, error);
        free(error);
    }
    return xfrm;
}

static void
report(const struct tunnel *t, const struct plan *plan, const char *none)
{
    int n_sas[2] = { 0 }, n_policies[2] = { 0 };

    for (size_t i = 0; i < plan->n; i++) {
        enum step_kind kind = plan->steps[i].kind;

        if (kind == STEP_ADD_SA || kind == STEP_DEL_SA) {
            n_sas[kind == STEP_ADD_SA]++;
        } else if (kind != STEP_USE_KEYS) {
            n_policies[kind != STEP_DEL_POLICY]++;
        }
    }
    if (n_sas[0] + n_sas[1] + n_policies[0] + n_policies[1] == 0) {
        printf("%s: %s\n", t->name, none);
        return;
    }
    printf("%s:", t->name);
    if (n_sas[1] || n_policies[1]) {
        printf(" %d SAs and %d policies made", n_sas[1], n_policies[1]);
    }
    if (n_sas[0] || n_policies[0]) {
        printf("%s %d SAs and %d policies taken away",
               n_sas[1] || n_policies[1] ? "," : "", n_sas[0], n_policies[0]);
    }
    putchar('\n');
}

static char *
keys_file(const char *tunnel_file)
{
    return options.keys ? xstrdup(options.keys) : keys_file_name(tunnel_file);
}

void
cmd_up(struct ovs_cmdl_context *ctx)
{
    struct sa_set want = SA_SET_INITIALIZER, have = SA_SET_INITIALIZER;
    struct plan plan = PLAN_INITIALIZER;
    struct tunnel *t = open_tunnel(ctx->argv[1]);
    char *file = keys_file(ctx->argv[1]), *error = NULL;
    struct doing doing = { .keys_file = file, .side = open_side(t) };

    /* No core file is to have keys. */
    prctl(PR_SET_DUMPABLE, 0);
    if (!options.dry_run) {
        doing.keys = keys_read(file, t, &error);
        must(error);
    }
    doing.xfrm = open_kernel(&have);
    tunnel_want(t, doing.side, doing.keys, &want);
    error = plan_up(t, doing.side, &want, &have, &plan);

    if (!error && options.dry_run) {
        print_plan(t, &plan);
    } else if (!error) {
        if (doing.keys->used[doing.side] && !options.reuse_keys
            && plan_sends_anew(&plan, t, doing.side)) {
            error = xasprintf(
                "%s: side %s has sent with these keys before, and the "
                "sequence numbers of new SAs start again: the peer would drop packets "
                "as replayed, and with AES-GCM keys lose their strength.  "
                "Make new keys with genkey, for both ends, or use "
                "--reuse-keys", file, tunnel_side_name(doing.side));
        } else {
            error = plan_do(&plan, do_step, &doing);
        }
        if (!error) {
            report(t, &plan, "it is up already");
        }
    }

    plan_destroy(&plan);
    sa_set_destroy(&want);
    sa_set_destroy(&have);
    keys_destroy(doing.keys);
    xfrm_close(doing.xfrm);
    tunnel_destroy(t);
    free(file);
    must(error);
}

/* What cannot be deleted is no reason to keep the rest. */
static char *
do_step_or_warn(const struct step *step, void *doing_)
{
    struct doing *d = doing_;
    char *error = xfrm_step(d->xfrm, step);

    if (error) {
        ovs_error(0, "%s", error);
        free(error);
        d->failed = true;
    }
    return NULL;
}

void
cmd_down(struct ovs_cmdl_context *ctx)
{
    struct sa_set have = SA_SET_INITIALIZER;
    struct plan plan = PLAN_INITIALIZER;
    struct tunnel *t = open_tunnel(ctx->argv[1]);
    struct doing doing = { .failed = false };

    doing.xfrm = open_kernel(&have);
    plan_down(t, &have, &plan);
    if (options.dry_run) {
        print_plan(t, &plan);
    } else {
        must(plan_do(&plan, do_step_or_warn, &doing));
        report(t, &plan, "nothing of it is there");
    }
    plan_destroy(&plan);
    sa_set_destroy(&have);
    xfrm_close(doing.xfrm);
    tunnel_destroy(t);
    if (doing.failed) {
        exit(EXIT_FAILURE);
    }
}

void
cmd_genkey(struct ovs_cmdl_context *ctx)
{
    struct tunnel *t = open_tunnel(ctx->argv[1]);
    char *file = keys_file(ctx->argv[1]);

    prctl(PR_SET_DUMPABLE, 0);
    must(keys_generate(file, t));
    printf("%s: new keys for both ends of %s\n", file, t->name);
    tunnel_destroy(t);
    free(file);
}
