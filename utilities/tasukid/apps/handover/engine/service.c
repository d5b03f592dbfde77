/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "service.h"

#include <math.h>
#include <stdlib.h>

#include "random.h"
#include "util.h"
#include "uuid.h"

/* Configuration. */

/* A locally administered address that stays the same from one start to the
 * next, so that no cache in the network ever becomes wrong. */
static struct eth_addr
mac_from_vip(ovs_be32 vip)
{
    uint32_t ip = ntohl(vip);

    return (struct eth_addr) {
        .ea = { 0x02, 0x54, ip >> 24, ip >> 16, ip >> 8, ip },
    };
}

struct service_config *
service_config_create(const struct uuid *uuid, const char *name,
                      ovs_be32 vip, ovs_be16 port)
{
    struct service_config *cfg = xmalloc(sizeof *cfg);

    *cfg = (struct service_config) {
        .ref_cnt = 1,
        .uuid = *uuid,
        .name = xstrdup(name),
        .vip = vip,
        .port = port,
        .mac = mac_from_vip(vip),
        .inspect_bytes = SERVICE_INSPECT_BYTES_DEFAULT,
        .max_connections = SERVICE_MAX_CONNECTIONS_DEFAULT,
        .inspect_timeout = SERVICE_INSPECT_TIMEOUT_DEFAULT,
        .connect_timeout = SERVICE_CONNECT_TIMEOUT_DEFAULT,
        .idle_timeout = SERVICE_IDLE_TIMEOUT_DEFAULT,
    };
    rule_set_init(&cfg->rules);
    return cfg;
}

struct service_config *
service_config_ref(const struct service_config *cfg_)
{
    struct service_config *cfg = CONST_CAST(struct service_config *, cfg_);

    cfg->ref_cnt++;
    return cfg;
}

void
service_config_unref(struct service_config *cfg)
{
    if (!cfg || --cfg->ref_cnt) {
        return;
    }
    for (size_t i = 0; i < cfg->n_members; i++) {
        free(cfg->members[i].name);
        free(cfg->members[i].ofport);
    }
    free(cfg->members);
    rule_set_destroy(&cfg->rules);
    free(cfg->name);
    free(cfg);
}

struct member_config *
service_config_add_member(struct service_config *cfg, const struct uuid *uuid,
                          const char *name)
{
    cfg->members = xrealloc(cfg->members, ((cfg->n_members + 1)
                                           * sizeof *cfg->members));
    struct member_config *m = &cfg->members[cfg->n_members++];
    *m = (struct member_config) {
        .uuid = *uuid,
        .name = xstrdup(name),
        .address = cfg->vip,
        .port = cfg->port,
        .weight = 1,
    };
    return m;
}

/* Services. */

struct service *
service_lookup(const struct engine *e, uint32_t zone, ovs_be32 vip,
               ovs_be16 port)
{
    struct service *service;

    HMAP_FOR_EACH_WITH_HASH (service, hmap_node,
                             hash_endpoint(zone, vip, port), &e->vips) {
        if (service->cfg->zone == zone && service->cfg->vip == vip
            && service->cfg->port == port) {
            return service;
        }
    }
    return NULL;
}

struct service *
service_lookup_vip(const struct engine *e, uint32_t zone, ovs_be32 vip)
{
    struct service *service;

    LIST_FOR_EACH (service, node, &e->services) {
        if (service->cfg->zone == zone && service->cfg->vip == vip) {
            return service;
        }
    }
    return NULL;
}

struct member *
service_find_member(const struct service *service, const struct uuid *uuid)
{
    for (size_t i = 0; i < service->cfg->n_members; i++) {
        if (uuid_equals(&service->members[i]->uuid, uuid)) {
            return service->members[i];
        }
    }
    return NULL;
}

struct member *
service_vip_owner(const struct service *any)
{
    const struct service *service;
    struct member *owner = NULL;

    LIST_FOR_EACH (service, node, &any->engine->services) {
        if (service->cfg->zone != any->cfg->zone
            || service->cfg->vip != any->cfg->vip) {
            continue;
        }
        for (size_t i = 0; i < service->cfg->n_members; i++) {
            struct member *m = service->members[i];
            if (!member_shares_vip(m) || !member_is_resolved(m)) {
                continue;
            }
            if (uuid_equals(&m->uuid, &service->cfg->default_server)) {
                return m;
            }
            owner = owner ? owner : m;
        }
    }
    return owner;
}

struct service *
service_create(struct engine *e, const struct service_config *cfg)
{
    struct service *service = xzalloc(sizeof *service);

    service->engine = e;
    service->cfg = service_config_ref(cfg);
    ovs_list_init(&service->half_open);
    ovs_list_init(&service->waiting);
    ovs_list_push_back(&e->services, &service->node);
    hmap_insert(&e->vips, &service->hmap_node,
                hash_endpoint(cfg->zone, cfg->vip, cfg->port));
    return service;
}

void
service_configure(struct service *service, const struct service_config *cfg)
{
    struct service_config *old_cfg = service->cfg;
    struct member **old = service->members;
    size_t n_old = old ? old_cfg->n_members : 0;

    service->cfg = service_config_ref(cfg);
    service->members = xcalloc(MAX(cfg->n_members, 1),
                               sizeof *service->members);
    for (size_t i = 0; i < cfg->n_members; i++) {
        const struct member_config *mc = &cfg->members[i];
        struct member *m = NULL;

        for (size_t j = 0; j < n_old; j++) {
            /* A server that listens elsewhere now is another server.
             * Connections go on with the one that they have. */
            if (old[j] && uuid_equals(&old[j]->uuid, &mc->uuid)
                && old[j]->address == mc->address
                && old[j]->tp_port == mc->port) {
                m = old[j];
                old[j] = NULL;
            }
        }
        if (!m) {
            m = member_create(service, &mc->uuid, mc->name);
        }
        member_configure(m, mc);
        service->members[i] = m;
    }

    for (size_t j = 0; j < n_old; j++) {
        if (old[j]) {
            member_unconfigure(old[j]);
        }
    }
    free(old);
    service_config_unref(old_cfg);
}

void
service_destroy(struct service *service)
{
    struct engine *e = service->engine;

    for (size_t i = 0; i < service->cfg->n_members; i++) {
        service->members[i]->service = NULL;
        member_unconfigure(service->members[i]);
    }
    free(service->members);
    hmap_remove(&e->vips, &service->hmap_node);
    ovs_list_remove(&service->node);
    service_config_unref(service->cfg);
    free(service);
}

bool
service_is(const struct service *service, const struct service_config *cfg)
{
    return (uuid_equals(&service->cfg->uuid, &cfg->uuid)
            && service->cfg->zone == cfg->zone
            && service->cfg->vip == cfg->vip
            && service->cfg->port == cfg->port
            && eth_addr_equals(service->cfg->mac, cfg->mac));
}

void
service_port_changed(struct service *service, ofp_port_t port, bool live)
{
    for (size_t i = 0; i < service->cfg->n_members; i++) {
        struct member *m = service->members[i];
        bool was_here = m->port == port;

        member_configure(m, &service->cfg->members[i]);
        if ((was_here || m->port == port) && !m->mac_configured) {
            if (!live) {
                m->mac = eth_addr_zero;
            }
            m->next_probe = LLONG_MIN;
        }
    }
}

uint8_t
service_common_options(const struct service *service, bool *ecn)
{
    uint8_t opts = UINT8_MAX;
    long long int now = service->engine->now;

    *ecn = true;
    for (size_t i = 0; i < service->cfg->n_members; i++) {
        const struct member *m = service->members[i];
        if (now < m->missing_until) {
            opts &= ~m->missing_opts;
            *ecn = *ecn && !m->missing_ecn;
        }
    }
    return opts;
}

uint16_t
service_clamp_mss(const struct service *service, uint16_t mss)
{
    for (size_t i = 0; i < service->cfg->n_members; i++) {
        const struct member *m = service->members[i];
        if (m->mss) {
            mss = MIN(mss, m->mss);
        }
    }
    return mss;
}

/* Choosing. */

struct candidate {
    struct member *m;
    int rank;                   /* Smaller is better. */
    double key;                 /* Among equals, smaller is better. */
};

static int
compare_candidates(const void *a_, const void *b_)
{
    const struct candidate *a = a_;
    const struct candidate *b = b_;

    return (a->rank != b->rank ? (a->rank < b->rank ? -1 : 1)
            : a->key != b->key ? (a->key < b->key ? -1 : 1)
            : 0);
}

/* A weighted random permutation takes just one random number for each element:
 * the times of the first events of Poisson processes with the weights as rates
 * (Efraimidis and Spirakis, "Weighted random sampling with a reservoir"). */
static double
random_key(unsigned int weight)
{
    double u = (random_uint32() + 1.0) / (UINT32_MAX + 2.0);

    return -log(u) / weight;
}

static void
add_candidate(struct candidate *c, size_t *n, struct member *m, bool preferred)
{
    if (!m || (!m->weight && !preferred)) {
        return;
    }
    c[*n].m = m;
    c[*n].rank = ((member_has_failed(m) ? 4 : 0)
                  + (member_is_resolved(m) ? 0 : 2)
                  + (preferred ? 0 : 1));
    c[*n].key = preferred ? 0 : random_key(m->weight);
    ++*n;
}

size_t
service_choose(const struct service *service, const struct rule *rule,
               struct member *out[SERVICE_MAX_CANDIDATES])
{
    const struct service_config *cfg = service->cfg;
    size_t max = rule ? rule->n_servers : cfg->n_members;
    struct candidate *c = xmalloc(MAX(max, 1) * sizeof *c);
    size_t n = 0;

    for (size_t i = 0; i < max; i++) {
        struct member *m = (rule
                            ? service_find_member(service, &rule->servers[i])
                            : service->members[i]);
        bool preferred = (!rule && uuid_equals(&m->uuid,
                                               &cfg->default_server));
        add_candidate(c, &n, m, preferred);
    }
    qsort(c, n, sizeof *c, compare_candidates);

    n = MIN(n, SERVICE_MAX_CANDIDATES);
    for (size_t i = 0; i < n; i++) {
        out[i] = c[i].m;
    }
    free(c);
    return n;
}
