/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "skips-total.h"

#include <inttypes.h>
#include <stdlib.h>

#include "openvswitch/dynamic-string.h"
#include "util.h"

/* Longer names of policies are cut in what is printed. */
#define NAME_WIDTH 64

struct total {
    uint64_t ranges, bytes;
};

void
skips_total_init(struct skips_total *t)
{
    shash_init(&t->policies);
}

void
skips_total_destroy(struct skips_total *t)
{
    shash_destroy_free_data(&t->policies);
}

void
skips_total_clear(struct skips_total *t)
{
    shash_clear_free_data(&t->policies);
}

void
skips_total_add(struct skips_total *t, const char *policy, uint64_t length)
{
    struct total *total = shash_find_data(&t->policies, policy);

    if (!total && shash_count(&t->policies) >= SKIPS_TOTAL_MAX_POLICIES) {
        policy = "(others)";
        total = shash_find_data(&t->policies, policy);
    }
    if (!total) {
        total = xzalloc(sizeof *total);
        shash_add(&t->policies, policy, total);
    }
    total->ranges++;
    total->bytes += length;
}

void
skips_total_format(const struct skips_total *t, struct ds *ds)
{
    const struct shash_node **nodes = shash_sort(&t->policies);

    for (size_t i = 0; i < shash_count(&t->policies); i++) {
        const struct total *total = nodes[i]->data;

        ds_put_format(ds, "; policy %.*s skipped %"PRIu64" bytes in %"PRIu64
                      " range%s", NAME_WIDTH, nodes[i]->name, total->bytes,
                      total->ranges, total->ranges == 1 ? "" : "s");
    }
    free(nodes);
}
