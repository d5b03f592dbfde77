/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for what tasuki-ipsec reads.  An input is a description, and
 * behind a zero byte the keys of it, if it is one, or of a tunnel that is
 * known.  What is accepted must
 *
 *   - be made by a plan for a kernel that has nothing, and by an empty one after
 *     that;
 *   - have SAs and policies that a kernel can have side by side;
 *   - be printed for ip(8) and for strongSwan. */

#include <config.h>
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "openvswitch/dynamic-string.h"
#include "util.h"
#include "utilities/tasuki-ipsec/ip-xfrm.h"
#include "utilities/tasuki-ipsec/keys.h"
#include "utilities/tasuki-ipsec/plan.h"
#include "utilities/tasuki-ipsec/swanctl.h"
#include "utilities/tasuki-ipsec/tunnel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char known[] =
    "{\"name\": \"ab\", \"tags\": 2, \"cipher\": \"aes128-sha1\","
    "\"a\": {\"addresses\": [\"192.0.2.1\"], \"networks\": [\"10.1.0.0/16\"]},"
    "\"b\": {\"addresses\": [\"192.0.2.2\"], \"networks\": [\"10.2.0.0/16\"]}}";

static void
check_plan(const struct tunnel *t, enum tunnel_side side)
{
    struct sa_set want = SA_SET_INITIALIZER, none = SA_SET_INITIALIZER;
    struct plan plan = PLAN_INITIALIZER;
    struct ds ds = DS_EMPTY_INITIALIZER;

    tunnel_want(t, side, NULL, &want);
    /* Comparing all of them would be slow, and is what fails least. */
    size_t n = MIN(want.n_policies, 200);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            assert(!policy_same_id(&want.policies[i], &want.policies[j]));
        }
        assert(tunnel_owns_policy(t, &want.policies[i]));
    }
    for (size_t i = 0; i < want.n_sas; i++) {
        for (size_t j = 0; j < i; j++) {
            assert(!sa_same_id(&want.sas[i], &want.sas[j]));
        }
        assert(tunnel_owns_sa(t, &want.sas[i]));
    }

    assert(!plan_up(t, side, &want, &none, &plan));
    assert(plan.n == want.n_sas + want.n_policies + 1);
    ip_xfrm_format(t, &plan.steps[plan.n - 1], &ds);
    ip_xfrm_format(t, &plan.steps[0], &ds);
    plan_destroy(&plan);

    if (want.n_policies <= 200) {
        assert(!plan_up(t, side, &want, &want, &plan));
        assert(!plan.n);
        plan_destroy(&plan);
    }

    char *error = swanctl_check(t);
    if (!error) {
        swanctl_format(t, side, false, &ds);
        swanctl_format(t, side, true, &ds);
    }
    free(error);
    ds_destroy(&ds);
    sa_set_destroy(&want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmemdup0((const char *) data, size);
    size_t n = strlen(text);
    char *error;

    struct tunnel *t = tunnel_parse(text, &error);
    assert(!t == (error != NULL));
    free(error);
    if (t) {
        check_plan(t, SIDE_A);
        check_plan(t, SIDE_B);
    } else {
        t = tunnel_parse(known, &error);
        assert(t);
    }
    if (n < size) {
        struct keys *keys = keys_parse(text + n + 1, t, &error);

        assert(!keys == (error != NULL));
        free(error);
        keys_destroy(keys);
    }
    tunnel_destroy(t);
    free(text);
    return 0;
}
