/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "commands.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/json.h"
#include "options.h"
#include "packets.h"
#include "plan.h"
#include "sa.h"
#include "util.h"
#include "xfrm.h"

/* "show". */

/* What the kernel has for each SA and policy of the tunnel. */
struct shown {
    const struct tunnel *t;
    enum tunnel_side side;
    struct sa_set want, have;
    size_t n_sas, n_policies;   /* Of 'want' that are there. */
};

/* Keys are not compared: nobody has read them here. */
static const struct sa *
find_sa(const struct shown *s, const struct sa *sa)
{
    for (size_t i = 0; i < s->have.n_sas; i++) {
        if (sa_same_id(&s->have.sas[i], sa)
            && tunnel_owns_sa(s->t, &s->have.sas[i])) {
            return &s->have.sas[i];
        }
    }
    return NULL;
}

static bool
has_policy(const struct shown *s, const struct policy *p)
{
    for (size_t i = 0; i < s->have.n_policies; i++) {
        if (policy_equal(&s->have.policies[i], p)) {
            return true;
        }
    }
    return false;
}

static const char *
state_name(const struct shown *s)
{
    return s->n_sas == s->want.n_sas && s->n_policies == s->want.n_policies
           ? "up" : s->n_sas || s->n_policies ? "incomplete" : "down";
}

/* Calls 'cb' for each error that this network namespace has counted. */
static void
each_xfrm_error(void (*cb)(const char *name, long long int n, void *aux),
                void *aux)
{
    FILE *stream = fopen("/proc/net/xfrm_stat", "r");
    char name[64];
    long long int n;

    if (stream) {
        while (fscanf(stream, "%63s %lld", name, &n) == 2) {
            if (n) {
                cb(name, n, aux);
            }
        }
        fclose(stream);
    }
}

static void
format_error(const char *name, long long int n, void *ds)
{
    ds_put_format(ds, " %s %lld", name, n);
}

static bool
is_out(const struct shown *s, const struct sa *sa)
{
    return tunnel_has_address(s->t, s->side, &sa->src);
}

/* 'i' is an index of 'want', which has what comes in first, each by tag. */
static size_t
tag_of(const struct shown *s, size_t i)
{
    size_t n_in = s->t->ends[tunnel_other(s->side)].n_tags;

    return i < n_in ? i : i - n_in;
}

static void
show_text(const struct shown *s)
{
    const struct tunnel *t = s->t;
    struct ds ds = DS_EMPTY_INITIALIZER;

    ds_put_format(&ds, "tunnel %s, side %s: %s\n", t->name,
                  tunnel_side_name(s->side), state_name(s));
    ds_put_format(&ds, "%s, %s sequence numbers, window of %u packets\n",
                  t->cipher->name, t->esn ? "extended" : "32-bit",
                  t->replay_window);
    ds_put_format(&ds, "SAs: %"PRIuSIZE" of %"PRIuSIZE"; policies: %"PRIuSIZE
                  " of %"PRIuSIZE"\n", s->n_sas, s->want.n_sas,
                  s->n_policies, s->want.n_policies);
    ds_put_format(&ds, "%-4s%4s %-10s %12s %15s %8s %8s %8s\n", "", "tag",
                  "SPI", "packets", "bytes", "late", "replayed", "forged");
    for (size_t i = 0; i < s->want.n_sas; i++) {
        const struct sa *sa = &s->want.sas[i];
        const struct sa *there = find_sa(s, sa);

        ds_put_format(&ds, "%-4s%4"PRIuSIZE" 0x%08"PRIx32" ",
                      is_out(s, sa) ? "out" : "in", tag_of(s, i), sa->spi);
        if (there) {
            const struct sa_counts *c = &there->counts;

            ds_put_format(&ds, "%12"PRIu64" %15"PRIu64" %8"PRIu64" %8"PRIu64
                          " %8"PRIu64"\n", c->packets, c->bytes, c->late,
                          c->replayed, c->forged);
        } else {
            ds_put_format(&ds, "%12s\n", "missing");
        }
    }

    struct ds errors = DS_EMPTY_INITIALIZER;
    each_xfrm_error(format_error, &errors);
    if (errors.length) {
        ds_put_format(&ds, "errors of this network namespace, since it was "
                      "made:%s\n", ds_cstr(&errors));
    }
    fputs(ds_cstr(&ds), stdout);
    ds_destroy(&errors);
    ds_destroy(&ds);
}

static struct json *
count_to_json(size_t there, size_t wanted)
{
    struct json *json = json_object_create();

    json_object_put(json, "there", json_integer_create(there));
    json_object_put(json, "wanted", json_integer_create(wanted));
    return json;
}

static void
put_address(struct json *json, const char *name, const struct in6_addr *a)
{
    char s[INET6_ADDRSTRLEN + 1];

    ipv6_string_mapped(s, a);
    json_object_put_string(json, name, s);
}

static struct json *
sa_to_json(const struct shown *s, size_t i)
{
    const struct sa *sa = &s->want.sas[i];
    const struct sa *there = find_sa(s, sa);
    struct json *json = json_object_create();

    json_object_put_string(json, "direction", is_out(s, sa) ? "out" : "in");
    json_object_put(json, "tag", json_integer_create(tag_of(s, i)));
    json_object_put(json, "spi", json_integer_create(sa->spi));
    put_address(json, "src", &sa->src);
    put_address(json, "dst", &sa->dst);
    json_object_put(json, "there", json_boolean_create(there != NULL));
    if (there) {
        const struct sa_counts *c = &there->counts;

        json_object_put(json, "packets", json_integer_create(c->packets));
        json_object_put(json, "bytes", json_integer_create(c->bytes));
        json_object_put(json, "late", json_integer_create(c->late));
        json_object_put(json, "replayed", json_integer_create(c->replayed));
        json_object_put(json, "forged", json_integer_create(c->forged));
    }
    return json;
}

static void
error_to_json(const char *name, long long int n, void *json)
{
    json_object_put(json, name, json_integer_create(n));
}

static void
show_json(const struct shown *s)
{
    struct json *json = json_object_create();
    struct json *sas = json_array_create_empty();
    struct json *errors = json_object_create();

    json_object_put_string(json, "name", s->t->name);
    json_object_put_string(json, "side", tunnel_side_name(s->side));
    json_object_put_string(json, "state", state_name(s));
    json_object_put(json, "sa_count", count_to_json(s->n_sas, s->want.n_sas));
    json_object_put(json, "policy_count",
                    count_to_json(s->n_policies, s->want.n_policies));
    for (size_t i = 0; i < s->want.n_sas; i++) {
        json_array_add(sas, sa_to_json(s, i));
    }
    json_object_put(json, "sas", sas);
    each_xfrm_error(error_to_json, errors);
    json_object_put(json, "errors", errors);

    char *text = json_to_string(json, JSSF_PRETTY | JSSF_SORT);
    puts(text);
    free(text);
    json_destroy(json);
}

void
cmd_show(struct ovs_cmdl_context *ctx)
{
    struct tunnel *t = open_tunnel(ctx->argv[1]);
    struct shown s = { .t = t, .side = open_side(t) };
    char *error;

    /* The kernel tells keys, too. */
    prctl(PR_SET_DUMPABLE, 0);
    struct xfrm *xfrm = xfrm_open(&error);
    if (!error) {
        error = xfrm_dump(xfrm, &s.have);
    }
    if (error) {
        ovs_fatal(0, "%s", error);
    }

    tunnel_want(t, s.side, NULL, &s.want);
    for (size_t i = 0; i < s.want.n_sas; i++) {
        s.n_sas += find_sa(&s, &s.want.sas[i]) != NULL;
    }
    for (size_t i = 0; i < s.want.n_policies; i++) {
        s.n_policies += has_policy(&s, &s.want.policies[i]);
    }
    if (options.json) {
        show_json(&s);
    } else {
        show_text(&s);
    }
    sa_set_destroy(&s.want);
    sa_set_destroy(&s.have);
    xfrm_close(xfrm);
    tunnel_destroy(t);
}
