/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "service.h"

#include <stdlib.h>

#include "openvswitch/poll-loop.h"
#include "openvswitch/vlog.h"
#include "packets.h"
#include "util.h"
#include "uuid.h"

VLOG_DEFINE_THIS_MODULE(handover_member);

static struct vlog_rate_limit rl = VLOG_RATE_LIMIT_INIT(10, 10);

/* How long to avoid a server after a failed handshake. */
#define FAIL_TIMEOUT_MS 10000

/* How long to believe that a server lacks a TCP option.  A server that is not
 * offered the option cannot show that it has learned it. */
#define MISSING_OPTS_MS (10 * 60 * 1000)

/* How often to ask for a MAC address that is not known, how often to check on
 * one that is, and when to stop believing it. */
#define PROBE_UNRESOLVED_MS 1000
#define PROBE_RESOLVED_MS 30000
#define PROBE_GIVE_UP_MS (3 * PROBE_RESOLVED_MS + PROBE_UNRESOLVED_MS)

/* How often to show that something has changed. */
#define PUBLISH_INTERVAL_MS 1000

struct member *
member_create(struct service *service, const struct uuid *uuid,
              const char *name)
{
    struct member *m = xzalloc(sizeof *m);

    m->engine = service->engine;
    m->service = service;
    m->zone = service->cfg->zone;
    m->ref_cnt = 1;
    m->uuid = *uuid;
    m->name = xstrdup(name);
    m->port = OFPP_NONE;
    return m;
}

struct member *
member_create_stray(struct service *service, ovs_be32 address,
                    ovs_be16 tp_port)
{
    struct uuid zero = UUID_ZERO;
    struct member *m = member_create(service, &zero, "(removed)");

    m->address = address;
    m->tp_port = tp_port;
    return m;
}

struct member *
member_ref(struct member *m)
{
    if (m) {
        m->ref_cnt++;
    }
    return m;
}

void
member_unref(struct member *m)
{
    if (m && !--m->ref_cnt) {
        free(m->name);
        free(m);
    }
}

bool
member_shares_vip(const struct member *m)
{
    return m->service && m->address == m->service->cfg->vip;
}

bool
member_is_source(const struct member *m, struct eth_addr mac, ofp_port_t port)
{
    return (member_is_resolved(m)
            ? (eth_addr_equals(m->mac, mac)
               && (!m->port_configured || m->port == port))
            : m->port != OFPP_NONE && m->port == port);
}

/* Apart from connections' entries, only entries to servers that share the
 * service's address depend on where servers are. */
static void
redeclare(const struct member *m)
{
    if (member_shares_vip(m)) {
        m->engine->ops->redeclare(m->engine, true);
    }
}

void
member_set_location(struct member *m, struct eth_addr mac, ofp_port_t port)
{
    bool changed = false;

    m->seen = m->engine->now;
    m->next_probe = m->seen + PROBE_RESOLVED_MS;
    if (!m->mac_configured && !eth_addr_equals(m->mac, mac)) {
        m->mac = mac;
        changed = true;
    }
    if (port != OFPP_NONE && !m->port_configured && m->port != port) {
        m->port = port;
        changed = true;
    }
    if (changed && m->configured) {
        VLOG_INFO_RL(&rl, "service %s: server %s is at "ETH_ADDR_FMT", "
                     "port %"PRIu32,
                     m->service->cfg->name, m->name, ETH_ADDR_ARGS(m->mac),
                     m->port);
        redeclare(m);
    }
}

/* Takes over what the configuration says about 'm'. */
void
member_configure(struct member *m, const struct member_config *cfg)
{
    struct engine *e = m->engine;

    if (strcmp(m->name, cfg->name)) {
        free(m->name);
        m->name = xstrdup(cfg->name);
    }
    m->weight = cfg->weight;

    bool elsewhere = (m->address != cfg->address || m->tp_port != cfg->port
                      || m->mac_configured != cfg->has_mac);
    if (!m->configured || elsewhere) {
        if (m->configured) {
            hmap_remove(&e->members, &m->hmap_node);
        }
        m->configured = true;
        m->address = cfg->address;
        m->tp_port = cfg->port;
        m->mac = eth_addr_zero;
        m->next_probe = LLONG_MIN;
        m->failed_until = LLONG_MIN;
        hmap_insert(&e->members, &m->hmap_node,
                    hash_endpoint(m->zone, m->address, m->tp_port));
    }

    m->mac_configured = cfg->has_mac;
    if (cfg->has_mac) {
        m->mac = cfg->mac;
    }

    ofp_port_t port = (cfg->ofport ? e->ops->find_port(e, m, cfg->ofport)
                       : OFPP_NONE);
    if (cfg->ofport || m->port_configured) {
        if (m->port != port && !m->mac_configured) {
            m->mac = eth_addr_zero;
            m->next_probe = LLONG_MIN;
        }
        m->port = port;
    }
    m->port_configured = cfg->ofport != NULL;
}

/* Takes 'm' out of the configuration. */
void
member_unconfigure(struct member *m)
{
    if (m->configured) {
        hmap_remove(&m->engine->members, &m->hmap_node);
        m->configured = false;
    }
    member_unref(m);
}

struct member *
member_lookup_next(const struct engine *e, uint32_t zone, ovs_be32 address,
                   ovs_be16 port, const struct member *prev)
{
    uint32_t hash = hash_endpoint(zone, address, port);
    struct hmap_node *node = (prev ? hmap_next_with_hash(&prev->hmap_node)
                              : hmap_first_with_hash(&e->members, hash));

    for (; node; node = hmap_next_with_hash(node)) {
        struct member *m = CONTAINER_OF(node, struct member, hmap_node);
        if (m->zone == zone && m->address == address && m->tp_port == port) {
            return m;
        }
    }
    return NULL;
}

bool
member_has_failed(const struct member *m)
{
    return m->engine->now < m->failed_until;
}

const char *
member_status(const struct member *m)
{
    return (member_has_failed(m) ? "failed"
            : member_is_resolved(m) ? "up" : "unresolved");
}

/* Shows people how 'm' is, if that has changed.  The state of a server that
 * accepts some connections and refuses others changes with each. */
static void
member_publish(struct member *m, long long int now)
{
    const char *status = member_status(m);

    if (status != m->status && now >= m->next_publish) {
        m->status = status;
        m->next_publish = now + PUBLISH_INTERVAL_MS;
        m->engine->ops->show_state(m->engine, m, status);
    }
}

void
member_failed(struct member *m, const char *reason)
{
    if (!m->n_failures++) {
        VLOG_INFO_RL(&rl, "service %s: server %s %s",
                     m->service ? m->service->cfg->name : "(removed)",
                     m->name, reason);
    }
    m->failed_until = m->engine->now + FAIL_TIMEOUT_MS;

    /* The server may have gone to another machine. */
    m->next_probe = MIN(m->next_probe, m->engine->now);
}

void
member_worked(struct member *m)
{
    if (m->n_failures) {
        VLOG_INFO_RL(&rl, "service %s: server %s answers again after %u "
                     "failures",
                     m->service ? m->service->cfg->name : "(removed)",
                     m->name, m->n_failures);
        m->n_failures = 0;
        m->failed_until = LLONG_MIN;
    }
    m->seen = m->engine->now;
}

void
member_learn_options(struct member *m, const struct tcp_segment *syn,
                     const struct tcp_segment *synack)
{
    uint8_t missing = syn->opts.present & ~synack->opts.present & ~TCP_OPT_MSS;
    bool ecn_offered = (syn->flags & TCP_ECE) && (syn->flags & TCP_CWR);
    bool ecn_missing = ecn_offered && !(synack->flags & TCP_ECE);

    m->mss = (synack->opts.present & TCP_OPT_MSS
              ? MAX(synack->opts.mss, TCP_MSS_MIN) : TCP_MSS_DEFAULT);
    m->missing_opts = ((m->missing_opts & ~synack->opts.present) | missing);
    m->missing_ecn = ecn_offered ? ecn_missing : m->missing_ecn;
    if (missing || ecn_missing) {
        m->missing_until = m->engine->now + MISSING_OPTS_MS;
    }
}

void
member_run(struct member *m)
{
    long long int now = m->engine->now;

    member_publish(m, now);
    if (m->mac_configured) {
        return;
    }
    if (member_is_resolved(m) && now - m->seen > PROBE_GIVE_UP_MS) {
        VLOG_INFO_RL(&rl, "service %s: server %s does not answer ARP any more",
                     m->service->cfg->name, m->name);
        m->mac = eth_addr_zero;
        redeclare(m);
    }
    if (now >= m->next_probe) {
        m->engine->ops->probe_member(m->engine, m, !member_is_resolved(m)
                                     || now - m->seen >= PROBE_RESOLVED_MS);
        m->next_probe = now + (member_is_resolved(m)
                               && now - m->seen < PROBE_RESOLVED_MS
                               ? PROBE_RESOLVED_MS : PROBE_UNRESOLVED_MS);
    }
}

void
member_wait(const struct member *m)
{
    if (!m->mac_configured) {
        poll_timer_wait_until(m->next_probe);
    }
    if (member_status(m) != m->status) {
        poll_timer_wait_until(m->next_publish);
    } else if (member_has_failed(m)) {
        poll_timer_wait_until(m->failed_until);
    }
}
