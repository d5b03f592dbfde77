/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "pattern-set.h"

#include <ctype.h>
#include <hs/hs.h>
#include <stdlib.h>
#include <string.h>

#include "bitmap.h"
#include "glob.h"
#include "hash.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/hmap.h"
#include "util.h"

struct pattern_set {
    struct hmap_node node;      /* In 'sets', by the patterns' hash. */
    unsigned int ref_cnt;
    char **globs;
    size_t n;
    bool ignore_case;
    hs_database_t *db;          /* Null if there are no patterns. */
};

static struct hmap sets = HMAP_INITIALIZER(&sets);

/* Hyperscan's work space, large enough for each of the sets. */
static hs_scratch_t *scratch;

static uint32_t
hash_globs(const char *const globs[], size_t n, bool ignore_case)
{
    uint32_t hash = ignore_case;

    for (size_t i = 0; i < n; i++) {
        hash = hash_string(globs[i], hash);
    }
    return hash;
}

static struct pattern_set *
find_set(const char *const globs[], size_t n, bool ignore_case, uint32_t hash)
{
    struct pattern_set *set;

    HMAP_FOR_EACH_WITH_HASH (set, node, hash, &sets) {
        if (set->n == n && set->ignore_case == ignore_case) {
            size_t i = 0;

            while (i < n && !strcmp(set->globs[i], globs[i])) {
                i++;
            }
            if (i == n) {
                return set;
            }
        }
    }
    return NULL;
}

static hs_database_t *
compile(const char *const globs[], size_t n, bool ignore_case, size_t *bad,
        char **error)
{
    char **regexes = xmalloc(n * sizeof *regexes);
    unsigned int *flags = xmalloc(n * sizeof *flags);
    unsigned int *ids = xmalloc(n * sizeof *ids);
    hs_compile_error_t *hs_error;
    hs_database_t *db;

    for (size_t i = 0; i < n; i++) {
        struct ds regex = DS_EMPTY_INITIALIZER;

        glob_to_regex(globs[i], ignore_case, &regex);
        regexes[i] = ds_steal_cstr(&regex);
        flags[i] = HS_FLAG_SINGLEMATCH;
        ids[i] = i;
    }
    if (hs_compile_multi((const char *const *) regexes, flags, ids, n,
                         HS_MODE_BLOCK, NULL, &db, &hs_error)) {
        *bad = hs_error->expression < 0 ? n : hs_error->expression;
        *error = xstrdup(hs_error->message);
        hs_free_compile_error(hs_error);
        db = NULL;
    } else if (hs_alloc_scratch(db, &scratch)) {
        out_of_memory();
    }

    for (size_t i = 0; i < n; i++) {
        free(regexes[i]);
    }
    free(regexes);
    free(flags);
    free(ids);
    return db;
}

struct pattern_set *
pattern_set_create(const char *const globs[], size_t n, bool ignore_case,
                   size_t *bad, char **error)
{
    uint32_t hash = hash_globs(globs, n, ignore_case);
    struct pattern_set *set = find_set(globs, n, ignore_case, hash);
    hs_database_t *db = NULL;

    if (set) {
        set->ref_cnt++;
        return set;
    }
    if (n) {
        db = compile(globs, n, ignore_case, bad, error);
        if (!db) {
            return NULL;
        }
    }
    set = xmalloc(sizeof *set);
    *set = (struct pattern_set) {
        .ref_cnt = 1,
        .globs = xmalloc(n * sizeof *set->globs),
        .n = n,
        .ignore_case = ignore_case,
        .db = db,
    };
    for (size_t i = 0; i < n; i++) {
        set->globs[i] = xstrdup(globs[i]);
    }
    hmap_insert(&sets, &set->node, hash);
    return set;
}

void
pattern_set_unref(struct pattern_set *set)
{
    if (!set || --set->ref_cnt) {
        return;
    }
    hmap_remove(&sets, &set->node);
    for (size_t i = 0; i < set->n; i++) {
        free(set->globs[i]);
    }
    free(set->globs);
    hs_free_database(set->db);
    free(set);
}

struct result {
    unsigned long *matched;
    size_t base;
};

static int
on_match(unsigned int id, unsigned long long from OVS_UNUSED,
         unsigned long long to OVS_UNUSED, unsigned int flags OVS_UNUSED,
         void *result_)
{
    const struct result *result = result_;

    bitmap_set1(result->matched, result->base + id);
    return 0;
}

void
pattern_set_match(const struct pattern_set *set, const void *s_, size_t len,
                  unsigned long *matched, size_t base)
{
    struct result result = { matched, base };
    const uint8_t *s = s_;
    uint8_t stub[256];
    uint8_t *subject;

    if (!set->n) {
        return;
    }
    subject = len + 2 > sizeof stub ? xmalloc(len + 2) : stub;
    subject[0] = subject[len + 1] = '\n';
    for (size_t i = 0; i < len; i++) {
        uint8_t c = s[i];

        subject[i + 1] = (c == '\r' || c == '\n' ? ' '
                          : set->ignore_case ? tolower(c) : c);
    }

    /* hs_scan() fails only on wrong arguments. */
    ovs_assert(!hs_scan(set->db, (const char *) subject, len + 2, 0, scratch,
                        on_match, &result));
    if (subject != stub) {
        free(subject);
    }
}
