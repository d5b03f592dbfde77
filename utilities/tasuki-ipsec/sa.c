/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "sa.h"

#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "packets.h"
#include "util.h"

/* Memory that held keys is wiped before it is freed. */
static void *
grow(void *old, size_t n, size_t *allocated, size_t size)
{
    if (n < *allocated) {
        return old;
    }
    size_t more = *allocated ? *allocated * 2 : 16;
    void *new = xzalloc(more * size);

    if (old) {
        memcpy(new, old, n * size);
        explicit_bzero(old, n * size);
        free(old);
    }
    *allocated = more;
    return new;
}

/* Returns one more, all zeros.  It moves when another one is added. */
struct sa *
sa_set_add_sa(struct sa_set *set)
{
    set->sas = grow(set->sas, set->n_sas, &set->allocated_sas,
                    sizeof *set->sas);
    return &set->sas[set->n_sas++];
}

struct policy *
sa_set_add_policy(struct sa_set *set)
{
    set->policies = grow(set->policies, set->n_policies,
                         &set->allocated_policies, sizeof *set->policies);
    return &set->policies[set->n_policies++];
}

void
sa_set_destroy(struct sa_set *set)
{
    if (set->sas) {
        explicit_bzero(set->sas, set->n_sas * sizeof *set->sas);
    }
    free(set->sas);
    free(set->policies);
    *set = (struct sa_set) SA_SET_INITIALIZER;
}

/* A kernel can have only one of the two. */
bool
sa_same_id(const struct sa *a, const struct sa *b)
{
    return (a->spi == b->spi && a->proto == b->proto
            && ipv6_addr_equals(&a->dst, &b->dst)
            && ((a->mark ^ b->mark) & a->mark_mask & b->mark_mask) == 0);
}

static bool
alg_equal(const struct sa_alg *a, const struct sa_alg *b)
{
    /* A kernel that is locked down shows zeros in place of keys. */
    return (!strcmp(a->name, b->name) && a->key_len == b->key_len
            && a->icv == b->icv
            && (!memcmp(a->key, b->key, a->key_len)
                || is_all_zeros(a->key, a->key_len)
                || is_all_zeros(b->key, b->key_len)));
}

/* Beside what changes with every packet. */
bool
sa_equal(const struct sa *a, const struct sa *b)
{
    return (a->spi == b->spi && a->proto == b->proto && a->mode == b->mode
            && a->reqid == b->reqid && a->flags == b->flags
            && a->extra_flags == b->extra_flags
            && a->mark == b->mark && a->mark_mask == b->mark_mask
            && a->if_id == b->if_id && a->window == b->window
            && a->encap == b->encap && a->sport == b->sport
            && a->dport == b->dport
            && ipv6_addr_equals(&a->src, &b->src)
            && ipv6_addr_equals(&a->dst, &b->dst)
            && alg_equal(&a->aead, &b->aead) && alg_equal(&a->enc, &b->enc)
            && alg_equal(&a->auth, &b->auth));
}

static bool
network_equal(const struct tunnel_network *a, const struct tunnel_network *b)
{
    return a->plen == b->plen && ipv6_addr_equals(&a->address, &b->address);
}

/* A kernel can have only one of the two. */
bool
policy_same_id(const struct policy *a, const struct policy *b)
{
    return (a->dir == b->dir && a->narrow == b->narrow
            && a->mark == b->mark && a->mark_mask == b->mark_mask
            && a->if_id == b->if_id && network_equal(&a->src, &b->src)
            && network_equal(&a->dst, &b->dst));
}

bool
policy_equal(const struct policy *a, const struct policy *b)
{
    return (policy_same_id(a, b) && a->priority == b->priority
            && a->block == b->block && a->n_tmpls == b->n_tmpls
            && a->tmpl_proto == b->tmpl_proto && a->tmpl_mode == b->tmpl_mode
            && a->tmpl_reqid == b->tmpl_reqid && a->tmpl_v4 == b->tmpl_v4
            && ipv6_addr_equals(&a->tmpl_src, &b->tmpl_src)
            && ipv6_addr_equals(&a->tmpl_dst, &b->tmpl_dst));
}

/* Whether some packet is both policies'. */
bool
policy_overlap(const struct policy *a, const struct policy *b)
{
    return (a->dir == b->dir && a->if_id == b->if_id
            && ((a->mark ^ b->mark) & a->mark_mask & b->mark_mask) == 0
            && tunnel_networks_overlap(&a->src, &b->src)
            && tunnel_networks_overlap(&a->dst, &b->dst));
}

const char *
policy_dir_name(enum policy_dir dir)
{
    static const char *const names[N_POLICY_DIRS] = { "in", "out", "fwd" };

    return names[dir];
}

/* In words, for the caller to free. */
char *
policy_describe(const struct policy *p)
{
    struct ds ds = DS_EMPTY_INITIALIZER;

    ipv6_format_mapped(&p->src.address, &ds);
    ds_put_format(&ds, "/%d to ", p->src.plen);
    ipv6_format_mapped(&p->dst.address, &ds);
    ds_put_format(&ds, "/%d dir %s", p->dst.plen, policy_dir_name(p->dir));
    if (p->mark_mask) {
        ds_put_format(&ds, " mark %#"PRIx32"/%#"PRIx32, p->mark, p->mark_mask);
    }
    ds_put_format(&ds, " priority %"PRIu32, p->priority);
    return ds_steal_cstr(&ds);
}
