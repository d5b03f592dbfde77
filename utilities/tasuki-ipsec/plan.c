/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "plan.h"

#include <linux/udp.h>
#include <linux/xfrm.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"

VLOG_DEFINE_THIS_MODULE(plan);

/* The SA of a tag to send with is named by reqid + tag, and all that packets
 * may come by have one reqid: so policies for what comes need not know of
 * tags, and do not take another tunnel's SAs. */
#define IN_REQID (TUNNEL_REQIDS / 2)
BUILD_ASSERT_DECL(TUNNEL_MAX_TAGS <= IN_REQID);

static void
put_alg(struct sa_alg *alg, const char *name, const uint8_t *key, size_t len,
        unsigned int icv)
{
    ovs_strlcpy(alg->name, name, sizeof alg->name);
    alg->key_len = len;
    alg->icv = icv;
    if (key) {
        memcpy(alg->key, key, len);
    }
}

/* Adds the SA with which 'from' sends 'tag', at end 'side'. */
static void
want_sa(const struct tunnel *t, enum tunnel_side side, enum tunnel_side from,
        size_t tag, const struct keys *keys, struct sa_set *want)
{
    enum tunnel_side to = tunnel_other(from);
    const struct cipher *cipher = t->cipher;
    const struct sa_key *key = keys ? &keys->sas[from][tag] : NULL;
    struct sa *sa = sa_set_add_sa(want);

    sa->src = *tunnel_address(t, from, tag);
    sa->dst = *tunnel_address(t, to, tag);
    sa->spi = t->ends[to].spis[tag];
    sa->proto = IPPROTO_ESP;
    sa->mode = XFRM_MODE_TUNNEL;
    sa->reqid = t->reqid + (from == side ? tag : IN_REQID);
    /* Packets of either version of IP may be inside. */
    sa->flags = XFRM_STATE_AF_UNSPEC | (t->esn ? XFRM_STATE_ESN : 0);
    if (from == side && !t->copy_dscp) {
        sa->extra_flags = XFRM_SA_XFLAG_DONT_ENCAP_DSCP;
    }
    sa->if_id = t->if_id;
    sa->window = t->replay_window;
    if (cipher->auth) {
        put_alg(&sa->enc, cipher->enc, key ? key->enc : NULL,
                cipher->enc_key, 0);
        put_alg(&sa->auth, cipher->auth, key ? key->auth : NULL,
                cipher->auth_key, cipher->icv);
    } else {
        put_alg(&sa->aead, cipher->enc, key ? key->enc : NULL,
                cipher->enc_key, cipher->icv);
    }
    if (t->wire == WIRE_PORT) {
        sa->encap = UDP_ENCAP_ESPINUDP;
        sa->sport = t->ends[from].ports[tag];
        sa->dport = TUNNEL_PORT;
    }
}

static struct policy *
want_policy(const struct tunnel *t, enum policy_dir dir,
            const struct tunnel_network *src,
            const struct tunnel_network *dst, uint32_t reqid,
            struct sa_set *want)
{
    struct policy *p = sa_set_add_policy(want);

    p->dir = dir;
    p->src = *src;
    p->dst = *dst;
    p->priority = t->priority;
    p->if_id = t->if_id;
    p->n_tmpls = 1;
    p->tmpl_v4 = IN6_IS_ADDR_V4MAPPED(&t->ends[SIDE_A].addresses[0]);
    p->tmpl_proto = IPPROTO_ESP;
    p->tmpl_mode = XFRM_MODE_TUNNEL;
    p->tmpl_reqid = reqid;
    return p;
}

static void
want_in_policies(const struct tunnel *t, enum tunnel_side side,
                 const struct tunnel_network *src,
                 const struct tunnel_network *dst, struct sa_set *want)
{
    static const enum policy_dir dirs[] = { POLICY_IN, POLICY_FWD };
    bool single = (t->ends[SIDE_A].n_addresses == 1
                   && t->ends[SIDE_B].n_addresses == 1);

    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        struct policy *p = want_policy(t, dirs[i], src, dst,
                                       t->reqid + IN_REQID, want);

        if (single) {
            p->tmpl_src = *tunnel_address(t, tunnel_other(side), 0);
            p->tmpl_dst = *tunnel_address(t, side, 0);
        }
    }
}

static struct policy *
want_out_policy(const struct tunnel *t, enum tunnel_side side,
                const struct tunnel_network *src,
                const struct tunnel_network *dst, size_t tag,
                struct sa_set *want)
{
    struct policy *p = want_policy(t, POLICY_OUT, src, dst, t->reqid + tag,
                                   want);

    p->tmpl_src = *tunnel_address(t, side, tag);
    p->tmpl_dst = *tunnel_address(t, tunnel_other(side), tag);
    return p;
}

/* The policy of tag 0 looks at no mark and comes behind the others.  So a
 * packet that has no tag, or one that is not known, is encrypted as well, and
 * the tunnel works as soon as that policy is there. */
static void
want_marks(const struct tunnel *t, enum tunnel_side side,
           const struct tunnel_network *src, const struct tunnel_network *dst,
           struct sa_set *want)
{
    for (size_t tag = 0; tag < t->ends[side].n_tags; tag++) {
        struct policy *p = want_out_policy(t, side, src, dst, tag, want);

        if (tag) {
            p->mark = tunnel_mark(t, tag);
            p->mark_mask = t->mark_mask;
        } else {
            p->priority++;
        }
    }
}

static struct tunnel_network
any_network(bool v4)
{
    struct tunnel_network any = { .plen = 0 };

    if (v4) {
        in6_addr_set_mapped_ipv4(&any.address, 0);
    }
    return any;
}

/* Adds to 'want' what 'side' of 't' is to have in its kernel, those SAs and
 * policies first that are to be there first.  Without 'keys', keys are
 * zeros. */
void
tunnel_want(const struct tunnel *t, enum tunnel_side side,
            const struct keys *keys, struct sa_set *want)
{
    const struct tunnel_end *here = &t->ends[side];
    const struct tunnel_end *there = &t->ends[tunnel_other(side)];

    for (size_t tag = 0; tag < there->n_tags; tag++) {
        want_sa(t, side, tunnel_other(side), tag, keys, want);
    }
    for (size_t tag = 0; tag < here->n_tags; tag++) {
        want_sa(t, side, side, tag, keys, want);
    }

    if (t->tag_in == TAG_IN_ADDRESS) {
        for (size_t i = 0; i < here->n_networks; i++) {
            const struct tunnel_network *dst = &here->networks[i];
            struct tunnel_network any = any_network(
                IN6_IS_ADDR_V4MAPPED(&dst->address));

            want_in_policies(t, side, &any, dst, want);
        }
        for (size_t i = 0; i < there->n_networks; i++) {
            const struct tunnel_network *dst = &there->networks[i];
            struct tunnel_network any = any_network(
                IN6_IS_ADDR_V4MAPPED(&dst->address));

            want_out_policy(t, side, &any, dst, i, want);
        }
        return;
    }

    for (int out = 0; out < 2; out++) {
        for (size_t i = 0; i < here->n_networks; i++) {
            for (size_t j = 0; j < there->n_networks; j++) {
                const struct tunnel_network *local = &here->networks[i];
                const struct tunnel_network *remote = &there->networks[j];

                if (IN6_IS_ADDR_V4MAPPED(&local->address)
                    != IN6_IS_ADDR_V4MAPPED(&remote->address)) {
                    continue;
                }
                if (out) {
                    want_marks(t, side, local, remote, want);
                } else {
                    want_in_policies(t, side, remote, local, want);
                }
            }
        }
    }
}

static bool
owns_reqid(const struct tunnel *t, uint32_t reqid)
{
    return reqid - t->reqid < TUNNEL_REQIDS;
}

static bool
is_end(const struct tunnel *t, const struct in6_addr *a)
{
    return (tunnel_has_address(t, SIDE_A, a)
            || tunnel_has_address(t, SIDE_B, a));
}

/* Whether 'sa' is the tunnel's: of this description or of an earlier one. */
bool
tunnel_owns_sa(const struct tunnel *t, const struct sa *sa)
{
    return (sa->proto == IPPROTO_ESP && owns_reqid(t, sa->reqid)
            && is_end(t, &sa->src) && is_end(t, &sa->dst));
}

bool
tunnel_owns_policy(const struct tunnel *t, const struct policy *p)
{
    return (p->n_tmpls == 1 && p->tmpl_proto == IPPROTO_ESP
            && owns_reqid(t, p->tmpl_reqid)
            && (is_end(t, &p->tmpl_src)
                || !ipv6_addr_is_set(&p->tmpl_src)));
}

static struct step *
add_step(struct plan *plan, enum step_kind kind)
{
    if (plan->n >= plan->allocated) {
        size_t more = plan->allocated ? plan->allocated * 2 : 16;
        struct step *steps = xzalloc(more * sizeof *steps);

        if (plan->n) {
            memcpy(steps, plan->steps, plan->n * sizeof *steps);
            explicit_bzero(plan->steps, plan->n * sizeof *steps);
        }
        free(plan->steps);
        plan->steps = steps;
        plan->allocated = more;
    }
    plan->steps[plan->n].kind = kind;
    return &plan->steps[plan->n++];
}

/* Why 'sa' cannot be added beside 'have', or null. */
static char *
check_sa(const struct tunnel *t, const struct sa *sa,
         const struct sa_set *have)
{
    for (size_t i = 0; i < have->n_sas; i++) {
        const struct sa *other = &have->sas[i];

        if (sa_same_id(sa, other) && !tunnel_owns_sa(t, other)) {
            char dst[INET6_ADDRSTRLEN + 1];

            ipv6_string_mapped(dst, &sa->dst);
            return xasprintf("SPI %#"PRIx32" to %s is used by an SA that is "
                             "not this tunnel's (reqid %"PRIu32"); choose "
                             "another \"spi\"", sa->spi, dst, other->reqid);
        }
    }
    return NULL;
}

/* As above.  What is there but would come behind our policies is no
 * obstacle. */
static char *
check_policy(const struct tunnel *t, const struct policy *p,
             const struct sa_set *have)
{
    for (size_t i = 0; i < have->n_policies; i++) {
        const struct policy *other = &have->policies[i];

        if (!tunnel_owns_policy(t, other)
            && (policy_same_id(p, other)
                || (policy_overlap(p, other)
                    && other->priority <= p->priority))) {
            char *ours = policy_describe(p), *theirs = policy_describe(other);
            char *error = xasprintf("policy %s would come before, or in place "
                                    "of, this tunnel's %s", theirs, ours);
            free(ours);
            free(theirs);
            return error;
        }
    }
    return NULL;
}

/* Our reqids may be in use for a tunnel between other addresses. */
static char *
check_reqids(const struct tunnel *t, const struct sa_set *have)
{
    for (size_t i = 0; i < have->n_sas; i++) {
        if (owns_reqid(t, have->sas[i].reqid)
            && !tunnel_owns_sa(t, &have->sas[i])) {
            return xasprintf("reqid %"PRIu32" is used by an SA between other "
                             "addresses; take that tunnel down, or choose "
                             "another \"reqid\"", have->sas[i].reqid);
        }
    }
    for (size_t i = 0; i < have->n_policies; i++) {
        const struct policy *p = &have->policies[i];

        if (p->n_tmpls && owns_reqid(t, p->tmpl_reqid)
            && !tunnel_owns_policy(t, p)) {
            return xasprintf("reqid %"PRIu32" is used by a policy for other "
                             "addresses; take that tunnel down, or choose "
                             "another \"reqid\"", p->tmpl_reqid);
        }
    }
    return NULL;
}

static const struct sa *
find_sa(const struct sa_set *set, const struct sa *sa)
{
    for (size_t i = 0; i < set->n_sas; i++) {
        if (sa_same_id(&set->sas[i], sa)) {
            return &set->sas[i];
        }
    }
    return NULL;
}

static const struct policy *
find_policy(const struct sa_set *set, const struct policy *p)
{
    for (size_t i = 0; i < set->n_policies; i++) {
        if (policy_same_id(&set->policies[i], p)) {
            return &set->policies[i];
        }
    }
    return NULL;
}

static void
plan_sas(const struct sa_set *want, const struct sa_set *have,
         struct plan *plan)
{
    for (size_t i = 0; i < want->n_sas; i++) {
        const struct sa *sa = &want->sas[i];
        const struct sa *old = find_sa(have, sa);

        if (old && sa_equal(old, sa)) {
            continue;
        }
        if (old) {
            add_step(plan, STEP_DEL_SA)->sa = *old;
        }
        add_step(plan, STEP_ADD_SA)->sa = *sa;
    }
}

static void
plan_policies(const struct sa_set *want, const struct sa_set *have, bool out,
              struct plan *plan)
{
    for (size_t i = 0; i < want->n_policies; i++) {
        const struct policy *p = &want->policies[i];
        const struct policy *old = find_policy(have, p);

        if ((p->dir == POLICY_OUT) != out || (old && policy_equal(old, p))) {
            continue;
        }
        struct step *step = add_step(plan, old ? STEP_SET_POLICY
                                               : STEP_ADD_POLICY);
        step->policy = *p;
        if (old) {
            step->old = *old;
        }
    }
}

/* Takes away what is the tunnel's and not in 'want', the policies that encrypt
 * first, and of those the ones that come behind others last. */
static void
plan_surplus(const struct tunnel *t, const struct sa_set *want,
             const struct sa_set *have, struct plan *plan)
{
    for (int pass = 0; pass < 3; pass++) {
        for (size_t i = 0; i < have->n_policies; i++) {
            const struct policy *p = &have->policies[i];
            int due = p->dir != POLICY_OUT ? 2 : p->mark_mask ? 0 : 1;

            if (due == pass && tunnel_owns_policy(t, p)
                && !find_policy(want, p)) {
                add_step(plan, STEP_DEL_POLICY)->policy = *p;
            }
        }
    }
    for (size_t i = 0; i < have->n_sas; i++) {
        if (tunnel_owns_sa(t, &have->sas[i])
            && !find_sa(want, &have->sas[i])) {
            add_step(plan, STEP_DEL_SA)->sa = have->sas[i];
        }
    }
}

static bool
sends(const struct tunnel *t, enum tunnel_side side, const struct sa *sa)
{
    return tunnel_has_address(t, side, &sa->src);
}

/* Puts into 'plan', which is empty, how a kernel that has 'have' gets 'want'
 * of 'side' of 't'.  Returns null, or, for the caller to free, why it
 * cannot. */
char *
plan_up(const struct tunnel *t, enum tunnel_side side,
        const struct sa_set *want, const struct sa_set *have,
        struct plan *plan)
{
    bool encrypts = false;
    char *error = check_reqids(t, have);

    for (size_t i = 0; i < want->n_sas && !error; i++) {
        error = check_sa(t, &want->sas[i], have);
    }
    for (size_t i = 0; i < want->n_policies && !error; i++) {
        error = check_policy(t, &want->policies[i], have);
    }
    if (error) {
        return error;
    }

    for (size_t i = 0; i < have->n_policies; i++) {
        const struct policy *p = &have->policies[i];

        encrypts |= p->dir == POLICY_OUT && tunnel_owns_policy(t, p);
    }

    struct plan sas = PLAN_INITIALIZER;
    plan_sas(want, have, &sas);
    if (encrypts && plan_sends_anew(&sas, t, side)) {
        add_step(plan, STEP_USE_KEYS);
    }
    for (size_t i = 0; i < sas.n; i++) {
        *add_step(plan, 0) = sas.steps[i];
    }
    plan_destroy(&sas);

    plan_policies(want, have, false, plan);
    if (!encrypts) {
        add_step(plan, STEP_USE_KEYS);
    }
    plan_policies(want, have, true, plan);
    plan_surplus(t, want, have, plan);
    return NULL;
}

/* Puts into 'plan', which is empty, how what is of 't' in 'have' goes away. */
void
plan_down(const struct tunnel *t, const struct sa_set *have, struct plan *plan)
{
    struct sa_set nothing = SA_SET_INITIALIZER;

    plan_surplus(t, &nothing, have, plan);
}

void
plan_destroy(struct plan *plan)
{
    if (plan->steps) {
        explicit_bzero(plan->steps, plan->n * sizeof *plan->steps);
        free(plan->steps);
    }
    *plan = (struct plan) PLAN_INITIALIZER;
}

/* Whether 'plan' makes an SA with which 'side' sends, so that its sequence
 * numbers start from 1. */
bool
plan_sends_anew(const struct plan *plan, const struct tunnel *t,
                enum tunnel_side side)
{
    for (size_t i = 0; i < plan->n; i++) {
        if (plan->steps[i].kind == STEP_ADD_SA
            && sends(t, side, &plan->steps[i].sa)) {
            return true;
        }
    }
    return false;
}

/* What takes 'step' back, if anything does. */
static bool
invert(const struct step *step, struct step *inverse)
{
    *inverse = *step;
    switch (step->kind) {
    case STEP_ADD_SA:
        inverse->kind = STEP_DEL_SA;
        return true;
    case STEP_DEL_SA:
        inverse->kind = STEP_ADD_SA;
        return true;
    case STEP_ADD_POLICY:
        inverse->kind = STEP_DEL_POLICY;
        return true;
    case STEP_DEL_POLICY:
        inverse->kind = STEP_ADD_POLICY;
        return true;
    case STEP_SET_POLICY:
        inverse->policy = step->old;
        inverse->old = step->policy;
        return true;
    case STEP_USE_KEYS:
    default:
        return false;
    }
}

/* Does all of 'plan'.  If a step fails, takes back those before it and returns
 * the reason, for the caller to free. */
char *
plan_do(const struct plan *plan, plan_step_func *do_step, void *aux)
{
    char *error = NULL;
    size_t n;

    for (n = 0; n < plan->n; n++) {
        error = do_step(&plan->steps[n], aux);
        if (error) {
            break;
        }
    }
    while (error && n-- > 0) {
        struct step inverse;

        if (invert(&plan->steps[n], &inverse)) {
            char *again = do_step(&inverse, aux);

            if (again) {
                VLOG_WARN("cannot be taken back: %s", again);
                free(again);
            }
        }
        explicit_bzero(&inverse, sizeof inverse);
    }
    return error;
}
