/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* Descriptions and keys of tunnels, and what a kernel is told about them.  The
 * kernel is a list here. */

#include <config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"
#include "utilities/tasuki-ipsec/keys.h"
#include "utilities/tasuki-ipsec/plan.h"
#include "utilities/tasuki-ipsec/sa.h"
#include "utilities/tasuki-ipsec/swanctl.h"
#include "utilities/tasuki-ipsec/tunnel.h"

#define ENDS \
    "\"a\": {\"addresses\": [\"192.0.2.1\"], \"networks\": [\"10.1.0.0/16\"]}," \
    "\"b\": {\"addresses\": [\"192.0.2.2\"], \"networks\": [\"10.2.0.0/16\"]}"
#define FOUR "{\"name\": \"ab\", \"tags\": 4, " ENDS "}"

static struct tunnel *
parse(const char *text)
{
    char *error;
    struct tunnel *t = tunnel_parse(text, &error);

    if (error) {
        fail_msg("%s: %s", text, error);
    }
    return t;
}

static void
test_defaults(void **state OVS_UNUSED)
{
    struct tunnel *t = parse(FOUR);

    assert_int_equal(t->n_tags, 4);
    assert_int_equal(t->replay_window, 1024);
    assert_true(t->esn);
    assert_true(t->copy_dscp);
    assert_int_equal(t->tag_in, TAG_IN_MARK);
    assert_int_equal(t->wire, WIRE_SPI);
    assert_string_equal(t->cipher->name, "aes128gcm128");
    assert_int_equal(t->ends[SIDE_A].spis[3], 0x1003);
    assert_int_equal(t->ends[SIDE_B].spis[0], 0x2000);
    assert_int_equal(tunnel_mark(t, 3), 3);
    tunnel_destroy(t);

    t = parse("{\"name\": \"ab\", \"tags\": 3, \"mark_mask\": \"0xff00\", "
              ENDS "}");
    assert_int_equal(tunnel_mark(t, 2), 0x200);
    tunnel_destroy(t);
}

/* Each kind of nonsense has its message. */
static void
test_refused(void **state OVS_UNUSED)
{
#define A_NETS "\"networks\": [\"10.1.0.0/16\"]"
#define B_END \
    "\"b\": {\"addresses\": [\"192.0.2.2\"], \"networks\": [\"10.2.0.0/16\"]}"
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "", "line 0" },
        { "[]", "not an object" },
        { "{\"name\": \"ab\"}", "a: it is missing" },
        { "{" ENDS "}", "name: not 1 to 32" },
        { "{\"name\": \"a b\", " ENDS "}", "name: not 1 to 32" },
        { "{\"name\": \"x\", \"tgas\": 4, " ENDS "}",
          "tgas: there is no such member" },
        { "{\"name\": \"x\", \"tags\": 0, " ENDS "}",
          "tags: 0 (0) is not from 1 to 256" },
        { "{\"name\": \"x\", \"tags\": 257, " ENDS "}", "tags: 257" },
        { "{\"name\": \"x\", \"tags\": -1, " ENDS "}",
          "tags: not a number" },
        { "{\"name\": \"x\", \"tags\": \"4x\", " ENDS "}",
          "tags: not a number" },
        { "{\"name\": \"x\", \"wire\": \"gre\", " ENDS "}",
          "wire: \"gre\" is not known" },
        { "{\"name\": \"x\", \"cipher\": \"des\", " ENDS "}",
          "cipher: \"des\" is not known" },
        { "{\"name\": \"x\", \"esn\": 1, " ENDS "}",
          "esn: neither true nor false" },
        { "{\"name\": \"x\", \"replay_window\": 4097, " ENDS "}",
          "replay_window: 4097" },
        { "{\"name\": \"x\", \"mark_mask\": 5, " ENDS "}",
          "mark_mask: its bits are not one run" },
        { "{\"name\": \"x\", \"tags\": 5, \"mark_mask\": 3, " ENDS "}",
          "mark_mask: too few bits for 5 tags" },
        { "{\"name\": \"x\", \"wire\": \"address\", \"tags\": 2, " ENDS "}",
          "wire: \"address\" needs several addresses" },
        { "{\"name\": \"x\", \"tag_in\": \"address\", \"tags\": 2, " ENDS "}",
          "a.networks: not 2, a tag each" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": [\"x\"], "
          A_NETS "}}", "a.addresses: number 1" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"224.0.0.1\"], " A_NETS "}}", "a.addresses: number 1" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"::ffff:1.2.3.4\"], " A_NETS "}}", "a.addresses: number 1" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": [], "
          A_NETS "}}", "a.addresses: not 1 to 256" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.2\"], " A_NETS "}}", "is the other end's, too" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"2001:db8::1\"], " A_NETS "}}", "both IPv4 and IPv6" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.1\", \"192.0.2.3\"], " A_NETS "}}",
          "a.addresses: there are several" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.1\"], \"networks\": [\"10.1.0.0/8\"]}}",
          "has bits beyond its prefix" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.1\"], \"networks\": [\"10.0.0.0/8\", \"10.1.0.0/16\"]}}",
          "10.0.0.0/8 and 10.1.0.0/16 overlap" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.1\"], \"networks\": [\"2001:db8::/64\"]}}",
          "the other end has none that is IPv6" },
        { "{\"name\": \"x\", " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.1\"], \"spi\": 255, " A_NETS "}}", "spi: 255" },
        { "{\"name\": \"x\", \"tags\": 2, " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.1\"], \"spi\": [300, 300], " A_NETS "}}",
          "spi: tags 0 and 1 have the same one, 0x12c" },
        { "{\"name\": \"x\", \"tags\": 2, " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.1\"], \"spi\": [300], " A_NETS "}}", "spi: not 2" },
        { "{\"name\": \"x\", \"tags\": 2, " B_END ", \"a\": {\"addresses\": "
          "[\"192.0.2.1\"], \"port\": 65535, " A_NETS "}}", "port: 65535" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *error = NULL;
        struct tunnel *t = tunnel_parse(cases[i].text, &error);

        if (t || (cases[i].error[0] != 'l' && !strstr(error, cases[i].error))) {
            fail_msg("%s: %s", cases[i].text, t ? "accepted" : error);
        }
        free(error);
    }
}

static struct keys *
some_keys(const struct tunnel *t, uint8_t first)
{
    struct keys *keys = xzalloc(sizeof *keys);

    for (int side = 0; side < N_SIDES; side++) {
        for (size_t i = 0; i < t->n_tags; i++) {
            memset(keys->sas[side][i].enc, first + side * 16 + i,
                   t->cipher->enc_key);
            keys->sas[side][i].known = true;
        }
    }
    return keys;
}

/* A kernel that refuses, or stops at, some step. */
struct fake {
    struct sa_set has;
    int n;                      /* Steps so far. */
    int fail_at;                /* Refuses the step of this number. */
    int stop_at;                /* Is killed instead. */
    int uses;                   /* Of STEP_USE_KEYS. */
};

static char *
fake_step(const struct step *step, void *fake_)
{
    struct fake *f = fake_;
    struct sa_set *has = &f->has;
    int n = f->n++;

    if (f->stop_at >= 0 && n >= f->stop_at) {
        return NULL;
    }
    if (n == f->fail_at) {
        return xstrdup("no");
    }
    switch (step->kind) {
    case STEP_ADD_SA:
        for (size_t i = 0; i < has->n_sas; i++) {
            assert_false(sa_same_id(&has->sas[i], &step->sa));
        }
        *sa_set_add_sa(has) = step->sa;
        break;
    case STEP_DEL_SA:
        for (size_t i = 0; ; i++) {
            assert_true(i < has->n_sas);
            if (sa_same_id(&has->sas[i], &step->sa)) {
                has->sas[i] = has->sas[--has->n_sas];
                break;
            }
        }
        break;
    case STEP_ADD_POLICY:
        for (size_t i = 0; i < has->n_policies; i++) {
            assert_false(policy_same_id(&has->policies[i], &step->policy));
        }
        *sa_set_add_policy(has) = step->policy;
        break;
    case STEP_SET_POLICY:
    case STEP_DEL_POLICY:
        for (size_t i = 0; ; i++) {
            assert_true(i < has->n_policies);
            if (policy_same_id(&has->policies[i], &step->policy)) {
                has->policies[i] = step->kind == STEP_SET_POLICY
                                   ? step->policy
                                   : has->policies[--has->n_policies];
                break;
            }
        }
        break;
    case STEP_USE_KEYS:
        f->uses++;
        break;
    }
    return NULL;
}

static bool
same_sets(const struct sa_set *a, const struct sa_set *b)
{
    if (a->n_sas != b->n_sas || a->n_policies != b->n_policies) {
        return false;
    }
    for (size_t i = 0; i < a->n_sas; i++) {
        size_t j = 0;

        while (j < b->n_sas && !sa_equal(&a->sas[i], &b->sas[j])) {
            j++;
        }
        if (j == b->n_sas) {
            return false;
        }
    }
    for (size_t i = 0; i < a->n_policies; i++) {
        size_t j = 0;

        while (j < b->n_policies
               && !policy_equal(&a->policies[i], &b->policies[j])) {
            j++;
        }
        if (j == b->n_policies) {
            return false;
        }
    }
    return true;
}

static void
copy_set(struct sa_set *to, const struct sa_set *from)
{
    for (size_t i = 0; i < from->n_sas; i++) {
        *sa_set_add_sa(to) = from->sas[i];
    }
    for (size_t i = 0; i < from->n_policies; i++) {
        *sa_set_add_policy(to) = from->policies[i];
    }
}

/* The policy that takes an outgoing packet with 'mark', or null. */
static const struct policy *
lookup(const struct sa_set *set, uint32_t mark)
{
    const struct policy *best = NULL;

    for (size_t i = 0; i < set->n_policies; i++) {
        const struct policy *p = &set->policies[i];

        if (p->dir == POLICY_OUT && (mark & p->mark_mask) == p->mark
            && (!best || p->priority < best->priority)) {
            best = p;
        }
    }
    return best;
}

/* What a kernel that was left half-way must not do: have a policy without the SA
 * that it names, send some tags in clear and others not, or encrypt while what
 * comes is refused. */
static void
check_half(const struct sa_set *set)
{
    bool encrypts = lookup(set, 0) != NULL;

    for (uint32_t mark = 0; mark < 300; mark++) {
        const struct policy *p = lookup(set, mark);
        size_t i = 0;

        assert_true((p != NULL) == encrypts);
        while (p && set->sas[i].reqid != p->tmpl_reqid) {
            assert_true(++i < set->n_sas);
        }
    }
    for (int dir = 0; encrypts && dir < N_POLICY_DIRS; dir++) {
        size_t i = 0;

        while (set->policies[i].dir != dir) {
            assert_true(++i < set->n_policies);
        }
    }
}

static void
up(const struct tunnel *t, const struct keys *keys, struct fake *f,
   bool refused)
{
    struct sa_set want = SA_SET_INITIALIZER;
    struct plan plan = PLAN_INITIALIZER;
    char *error;

    tunnel_want(t, SIDE_A, keys, &want);
    error = plan_up(t, SIDE_A, &want, &f->has, &plan);
    assert_null(error);
    f->n = 0;
    error = plan_do(&plan, fake_step, f);
    assert_int_equal(error != NULL, refused);
    free(error);
    if (!refused && f->stop_at < 0) {
        assert_true(same_sets(&f->has, &want));
    }
    plan_destroy(&plan);
    sa_set_destroy(&want);
}

static void
down(const struct tunnel *t, struct fake *f)
{
    struct plan plan = PLAN_INITIALIZER;

    plan_down(t, &f->has, &plan);
    f->n = 0;
    assert_null(plan_do(&plan, fake_step, f));
    plan_destroy(&plan);
}

static struct fake
new_fake(void)
{
    return (struct fake) { .fail_at = -1, .stop_at = -1 };
}

/* N SAs each way; a policy for each tag, and one each for in and fwd. */
static void
test_up_and_down(void **state OVS_UNUSED)
{
    struct tunnel *t = parse(FOUR);
    struct keys *keys = some_keys(t, 1);
    struct fake f = new_fake();

    up(t, keys, &f, false);
    assert_int_equal(f.has.n_sas, 8);
    assert_int_equal(f.has.n_policies, 6);
    assert_int_equal(f.uses, 1);
    for (uint32_t mark = 0; mark < 300; mark++) {
        uint32_t tag = (mark & 0xff) < 4 ? mark & 0xff : 0;

        assert_int_equal(lookup(&f.has, mark)->tmpl_reqid, t->reqid + tag);
    }

    /* Once more: nothing is left to be done. */
    up(t, keys, &f, false);
    assert_int_equal(f.n, 0);

    down(t, &f);
    assert_int_equal(f.has.n_sas + f.has.n_policies, 0);
    down(t, &f);
    assert_int_equal(f.n, 0);
    sa_set_destroy(&f.has);
    free(keys);
    tunnel_destroy(t);
}

/* A refusal at any step leaves the kernel as it was, whatever it was. */
static void
test_take_back(void **state OVS_UNUSED)
{
    struct tunnel *two = parse("{\"name\": \"ab\", \"tags\": 2, \"esn\": false, "
                               "\"priority\": 7, " ENDS "}");
    struct tunnel *t = parse(FOUR);
    struct keys *keys = some_keys(t, 1), *other = some_keys(two, 100);

    for (int from = 0; from < 2; from++) {
        for (int step = 0; ; step++) {
            struct fake f = new_fake();
            struct sa_set before = SA_SET_INITIALIZER;

            if (from) {
                up(two, other, &f, false);
            }
            copy_set(&before, &f.has);
            f.fail_at = step;
            struct fake trial = new_fake();
            copy_set(&trial.has, &before);
            up(t, keys, &trial, false);
            if (step >= trial.n) {
                assert_true(step > 10);
                sa_set_destroy(&before);
                sa_set_destroy(&f.has);
                sa_set_destroy(&trial.has);
                break;
            }
            up(t, keys, &f, step < trial.n);
            assert_true(same_sets(&f.has, &before));
            sa_set_destroy(&before);
            sa_set_destroy(&f.has);
            sa_set_destroy(&trial.has);
        }
    }
    free(keys);
    free(other);
    tunnel_destroy(two);
    tunnel_destroy(t);
}

/* Killed after any step, up or down: nothing is half encrypted, and another run
 * completes it. */
static void
test_killed(void **state OVS_UNUSED)
{
    struct tunnel *t = parse(FOUR);
    struct keys *keys = some_keys(t, 1);

    for (int step = 0; step < 16; step++) {
        struct fake f = new_fake();

        f.stop_at = step;
        up(t, keys, &f, false);
        check_half(&f.has);
        /* Nothing was encrypted before the keys were marked. */
        assert_true(!lookup(&f.has, 0) || f.uses == 1);
        f.stop_at = -1;
        up(t, keys, &f, false);
        assert_true(f.uses >= 1);

        f.stop_at = step;
        down(t, &f);
        check_half(&f.has);
        f.stop_at = -1;
        down(t, &f);
        assert_int_equal(f.has.n_sas + f.has.n_policies, 0);
        sa_set_destroy(&f.has);
    }
    free(keys);
    tunnel_destroy(t);
}

/* SAs that were flushed while policies stayed are in use at once. */
static void
test_flushed(void **state OVS_UNUSED)
{
    struct tunnel *t = parse(FOUR);
    struct keys *keys = some_keys(t, 1);
    struct sa_set want = SA_SET_INITIALIZER;
    struct plan plan = PLAN_INITIALIZER;
    struct fake f = new_fake();

    up(t, keys, &f, false);
    f.has.n_sas = 0;
    tunnel_want(t, SIDE_A, keys, &want);
    assert_null(plan_up(t, SIDE_A, &want, &f.has, &plan));
    assert_int_equal(plan.n, 9);
    assert_int_equal(plan.steps[0].kind, STEP_USE_KEYS);
    assert_true(plan_sends_anew(&plan, t, SIDE_A));
    plan_destroy(&plan);
    sa_set_destroy(&want);
    sa_set_destroy(&f.has);
    free(keys);
    tunnel_destroy(t);
}

/* What is not ours stays, and is told if it is in the way. */
static void
test_strangers(void **state OVS_UNUSED)
{
    enum { SPI, SAME_POLICY, WIDE_POLICY, REQID, LATER_POLICY, OTHER_SPI, N };
    static const char *const messages[N] = {
        [SPI] = "SPI 0x1001 to 192.0.2.1 is used by an SA that is not this "
                "tunnel's (reqid 5)",
        [SAME_POLICY] = "policy 10.1.0.0/16 to 10.2.0.0/16 dir out priority "
                        "5000 would come before, or in place of",
        [WIDE_POLICY] = "policy 0.0.0.0/0 to 10.0.0.0/8 dir out priority 0",
        [REQID] = "is used by an SA between other addresses",
    };
    struct tunnel *t = parse(FOUR);
    struct keys *keys = some_keys(t, 1);

    for (int i = 0; i < N; i++) {
        struct sa_set want = SA_SET_INITIALIZER, have = SA_SET_INITIALIZER;
        struct plan plan = PLAN_INITIALIZER;
        char *error;

        tunnel_want(t, SIDE_A, keys, &want);
        if (i == SPI || i == REQID || i == OTHER_SPI) {
            struct sa *sa = sa_set_add_sa(&have);

            *sa = want.sas[1];
            if (i == REQID) {
                sa->spi = 0x7777;
                in6_addr_set_mapped_ipv4(&sa->src, htonl(0xcb007101));
            } else {
                sa->reqid = 5;
                sa->spi = i == SPI ? sa->spi : 0x7777;
            }
        } else {
            struct policy *p = sa_set_add_policy(&have);

            *p = want.policies[2];
            assert_int_equal(p->dir, POLICY_OUT);
            p->tmpl_reqid = 5;
            p->priority = i == WIDE_POLICY ? 0 : 5000;
            if (i != SAME_POLICY) {
                in6_addr_set_mapped_ipv4(&p->src.address, 0);
                in6_addr_set_mapped_ipv4(&p->dst.address, htonl(0x0a000000));
                p->src.plen = 0;
                p->dst.plen = 8;
            }
        }
        error = plan_up(t, SIDE_A, &want, &have, &plan);
        if (messages[i]
            ? !error || !strstr(error, messages[i]) : error != NULL) {
            fail_msg("%d: %s", i, error ? error : "accepted");
        }
        free(error);
        plan_destroy(&plan);
        plan_down(t, &have, &plan);
        assert_int_equal(plan.n, 0);
        plan_destroy(&plan);
        sa_set_destroy(&want);
        sa_set_destroy(&have);
    }
    free(keys);
    tunnel_destroy(t);
}

/* Each SA of one end is one of the other's, with the same keys. */
static void
test_both_ends(void **state OVS_UNUSED)
{
    static const char *const texts[] = {
        FOUR,
        "{\"name\": \"x\", \"tags\": 3, \"wire\": \"port\", " ENDS "}",
        "{\"name\": \"x\", \"tags\": 2, \"wire\": \"address\", "
        "\"a\": {\"addresses\": [\"192.0.2.1\", \"192.0.2.3\"], "
        "\"networks\": [\"10.1.0.0/16\"]}, " B_END "}",
        "{\"name\": \"x\", "
        "\"a\": {\"addresses\": [\"2001:db8::1\"], \"tags\": 3, "
        "\"networks\": [\"10.1.0.0/16\", \"2001:db8:1::/48\"]}, "
        "\"b\": {\"addresses\": [\"2001:db8::2\"], "
        "\"networks\": [\"10.2.0.0/16\", \"2001:db8:2::/48\"]}}",
        "{\"name\": \"x\", \"tags\": 2, \"tag_in\": \"address\", "
        "\"a\": {\"addresses\": [\"192.0.2.1\"], "
        "\"networks\": [\"10.1.0.0/16\", \"10.3.0.0/16\"]}, "
        "\"b\": {\"addresses\": [\"192.0.2.2\"], "
        "\"networks\": [\"10.2.0.0/16\", \"10.4.0.0/16\"]}}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct tunnel *t = parse(texts[i]);
        struct keys *keys = some_keys(t, 1);
        struct sa_set a = SA_SET_INITIALIZER, b = SA_SET_INITIALIZER;

        tunnel_want(t, SIDE_A, keys, &a);
        tunnel_want(t, SIDE_B, keys, &b);
        assert_int_equal(a.n_sas, b.n_sas);
        for (size_t j = 0; j < a.n_sas; j++) {
            size_t k = 0;

            while (a.sas[j].spi != b.sas[k].spi) {
                assert_true(++k < b.n_sas);
            }
            /* A reqid is an end's own. */
            struct sa sa = a.sas[j];
            sa.reqid = b.sas[k].reqid;
            assert_true(sa_equal(&sa, &b.sas[k]));
        }
        /* Each policy for what goes out at one end accepts it at the other. */
        for (size_t j = 0; j < a.n_policies; j++) {
            const struct policy *p = &a.policies[j];
            size_t k = 0;

            while (p->dir == POLICY_OUT
                   && (b.policies[k].dir != POLICY_FWD
                       || !tunnel_networks_overlap(&p->src, &b.policies[k].src)
                       || !tunnel_networks_overlap(&p->dst,
                                                   &b.policies[k].dst))) {
                assert_true(++k < b.n_policies);
            }
        }
        sa_set_destroy(&a);
        sa_set_destroy(&b);
        free(keys);
        tunnel_destroy(t);
    }
}

/* Files of keys, and who may have them. */

static char dir[] = "/tmp/test-ipsec.XXXXXX";

static void
check_keys(const struct tunnel *t, const char *file, const char *expected)
{
    char *error;
    struct keys *keys = keys_read(file, t, &error);

    if (!expected ? error != NULL : !error || !strstr(error, expected)) {
        fail_msg("%s", error ? error : "accepted");
    }
    free(error);
    keys_destroy(keys);
}

static void
test_key_file(void **state OVS_UNUSED)
{
    struct tunnel *t = parse(FOUR);
    char *error;

    assert_non_null(mkdtemp(dir));
    char *file = xasprintf("%s/ab.keys", dir), *link = xasprintf("%s/l", dir);
    assert_null(keys_generate(file, t));
    error = keys_generate(file, t);
    assert_non_null(strstr(error, "it is there already"));
    free(error);
    check_keys(t, file, NULL);

    struct keys *keys = keys_read(file, t, &error);
    assert_false(keys->used[SIDE_A] || keys->used[SIDE_B]);
    assert_int_equal(keys->n_psks, 4);
    assert_memory_not_equal(keys->sas[SIDE_A][0].enc, keys->sas[SIDE_A][1].enc,
                            20);
    keys_destroy(keys);
    assert_null(keys_set_used(file, SIDE_B));
    keys = keys_read(file, t, &error);
    assert_true(!keys->used[SIDE_A] && keys->used[SIDE_B]);
    keys_destroy(keys);

    for (int bit = 1; bit < 0100; bit <<= 1) {
        assert_int_equal(chmod(file, 0600 | bit), 0);
        check_keys(t, file, "others may use it");
    }
    assert_int_equal(chmod(file, 0400), 0);
    check_keys(t, file, NULL);
    if (!geteuid()) {
        assert_int_equal(chown(file, 1, 0), 0);
        check_keys(t, file, "it belongs to user 1");
        assert_int_equal(chown(file, 0, 0), 0);
    }
    assert_int_equal(symlink("ab.keys", link), 0);
    check_keys(t, link, "a symbolic link");
    check_keys(t, dir, "not a regular file");

    unlink(link);
    unlink(file);
    check_keys(t, file, "No such file");
    rmdir(dir);
    free(link);
    free(file);
    tunnel_destroy(t);
}

static void
test_key_text(void **state OVS_UNUSED)
{
#define K20 "000102030405060708090a0b0c0d0e0f10111213"
    static const struct {
        const char *text, *error;
    } cases[] = {
        { "tunnel ab\na 0 " K20 "\nb 0 " K20 "\n", NULL },
        { "# c\n\n tunnel\tab \r\na 0 " K20 "\nb 0 " K20, NULL },
        { "a 0 " K20 "\nb 0 " K20 "\n", "no line says whose keys" },
        { "tunnel cd\n", "line 1: these are the keys of another tunnel" },
        { "tunnel ab\na 0 " K20 "\n", "keys of side b, tag 0 are missing" },
        { "tunnel ab\na 1 " K20 "\n", "line 2: there is no such tag" },
        { "tunnel ab\na 0\n", "line 2: a key is missing" },
        { "tunnel ab\na 0 " K20 "00\n", "not as long" },
        { "tunnel ab\na 0 " K20 " " K20 "\n", "a key too many" },
        { "tunnel ab\na 0 x" K20 "\n", "not as long" },
        { "tunnel ab\na 0 " K20 "\na 0 " K20 "\n", "there already" },
        { "tunnel ab\nc 0 " K20 "\n", "line 2: it begins with none of" },
        { "tunnel ab\nused c\n", "line 2: not \"a\" or \"b\"" },
        { "tunnel ab\npsk 0 00\n", "not as long" },
        { "tunnel ab\na 0 zz0102030405060708090a0b0c0d0e0f10111213\n",
          "not hexadecimal" },
        { "tunnel ab\na 0 1 2 3 4 5 6\n", "too many words" },
    };
    struct tunnel *t = parse("{\"name\": \"ab\", " ENDS "}");

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *text = xstrdup(cases[i].text), *error;
        struct keys *keys = keys_parse(text, t, &error);

        if (cases[i].error ? !error || !strstr(error, cases[i].error)
                           : error != NULL) {
            fail_msg("%s: %s", cases[i].text, error ? error : "accepted");
        }
        if (keys) {
            for (int j = 0; j < 20; j++) {
                assert_int_equal(keys->sas[SIDE_B][0].enc[j], j);
            }
        }
        /* Keys are in no message. */
        assert_true(!error || !strstr(error, "0001"));
        free(error);
        free(text);
        keys_destroy(keys);
    }
    tunnel_destroy(t);
}

/* Linux has SAs by CPU since 6.13, strongSwan since 6.0.2. */
static void
test_per_cpu(void **state OVS_UNUSED)
{
    assert_int_equal(per_cpu_check("6.1.0-57-cloud-amd64", "6.0.2"),
                     PER_CPU_OLD_KERNEL);
    assert_int_equal(per_cpu_check("6.12.99", "6.1"), PER_CPU_OLD_KERNEL);
    assert_int_equal(per_cpu_check("5.19", NULL), PER_CPU_OLD_KERNEL);
    assert_int_equal(per_cpu_check("", "6.0.2"), PER_CPU_OLD_KERNEL);
    assert_int_equal(per_cpu_check("6.13-rc1", "5.9.8"),
                     PER_CPU_OLD_STRONGSWAN);
    assert_int_equal(per_cpu_check("6.13.0", NULL), PER_CPU_OLD_STRONGSWAN);
    assert_int_equal(per_cpu_check("7.0", "6.0.1"), PER_CPU_OLD_STRONGSWAN);
    assert_int_equal(per_cpu_check("6.13.0", "6.0.2"), PER_CPU_YES);
    assert_int_equal(per_cpu_check("7.0", "6.0.2dr1"), PER_CPU_YES);
    assert_int_equal(per_cpu_check("6.18.4-fc", "10.0"), PER_CPU_YES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_up_and_down),
        cmocka_unit_test(test_take_back),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_flushed),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_both_ends),
        cmocka_unit_test(test_key_file),
        cmocka_unit_test(test_key_text),
        cmocka_unit_test(test_per_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
