/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_SERVICE_H
#define TASUKID_HANDOVER_SERVICE_H 1

/* Services, and the servers that are members of a service.
 *
 * 'struct service_config' says what is wanted.  It does not change and is
 * shared by reference count.  'struct service' and 'struct member' are its
 * state on one switch. */

#include "engine.h"
#include "hash.h"
#include "openvswitch/types.h"
#include "openvswitch/uuid.h"
#include "packets.h"
#include "rules.h"
#include "utilities/tasukid/protocol/tcp-segment.h"

#define SERVICE_INSPECT_BYTES_DEFAULT 16384
#define SERVICE_INSPECT_TIMEOUT_DEFAULT 5000    /* Milliseconds. */
#define SERVICE_CONNECT_TIMEOUT_DEFAULT 2000    /* Milliseconds. */
#define SERVICE_IDLE_TIMEOUT_DEFAULT 300        /* Seconds. */
#define SERVICE_MAX_CONNECTIONS_DEFAULT 65536

struct member_config {
    struct uuid uuid;           /* Of the row in table Server. */
    char *name;
    ovs_be32 address;           /* The service's if the server shares it. */
    ovs_be16 port;
    bool has_mac;
    struct eth_addr mac;
    char *ofport;               /* Name or number of the port, or null. */
    unsigned int weight;
};

struct service_config {
    unsigned int ref_cnt;
    struct uuid uuid;           /* Of the row in table Service. */
    char *name;
    uint32_t zone;              /* Of the service and its servers. */
    ovs_be32 vip;
    ovs_be16 port;
    struct eth_addr mac;        /* What ARP says about 'vip'. */

    uint32_t inspect_bytes;
    uint32_t max_connections;   /* In progress. */
    int inspect_timeout;        /* Milliseconds. */
    int connect_timeout;        /* Milliseconds. */
    uint16_t idle_timeout;      /* Seconds. */

    struct member_config *members;
    size_t n_members;
    struct uuid default_server; /* All zeros if none is given. */
    struct rule_set rules;
};

/* Returns a configuration with default values: zone 0, no members, no rules,
 * and the MAC address that is made from 'vip'. */
struct service_config *service_config_create(const struct uuid *,
                                             const char *name, ovs_be32 vip,
                                             ovs_be16 port);
struct service_config *service_config_ref(const struct service_config *);
void service_config_unref(struct service_config *);

/* Adds a member and returns it for the caller to fill in.  Its 'address' and
 * 'port' are the service's, its weight is 1.  Valid until another one is
 * added. */
struct member_config *service_config_add_member(struct service_config *,
                                                const struct uuid *,
                                                const char *name);

/* One server, as one service on one switch sees it.  It lives as long as it is
 * in the configuration or a connection uses it. */
struct member {
    struct hmap_node hmap_node; /* In engine's 'members' if 'configured'. */
    struct engine *engine;
    struct service *service;    /* Null once that is gone. */
    unsigned int ref_cnt;
    bool configured;
    struct uuid uuid;
    char *name;
    uint32_t zone;
    ovs_be32 address;
    ovs_be16 tp_port;           /* Where it listens. */
    unsigned int weight;

    /* Where it is.  A member is resolved if 'mac' is not zero. */
    struct eth_addr mac;
    bool mac_configured;
    bool port_configured;
    ofp_port_t port;            /* OFPP_NONE if not known. */
    long long int next_probe;   /* When to ask next, in ms. */
    long long int probed;       /* When last asked, in ms. */
    long long int checked;      /* Last asked by check_member(), in ms. */
    long long int seen;         /* Last ARP answer, in ms. */

    /* Health. */
    long long int failed_until; /* Avoid it until then, in ms. */
    unsigned int n_failures;    /* In a row. */

    /* What its SYN-ACKs say about its TCP. */
    uint8_t missing_opts;       /* TCP_OPT_* it did not agree to. */
    bool missing_ecn;
    long long int missing_until; /* When to forget that, in ms. */
    uint16_t mss;               /* 0 if not known. */

    unsigned int n_conns;
    const char *status;         /* As in the database; static. */
    long long int next_publish; /* When it may change there, in ms. */
};

struct service {
    struct ovs_list node;       /* In engine's 'services'. */
    struct hmap_node hmap_node; /* In engine's 'vips'. */
    struct engine *engine;
    struct service_config *cfg;
    struct member **members;    /* Parallel to cfg->members. */

    /* Connections in progress that can be cut short, oldest first: half-open
     * ones, and those that wait for a request. */
    struct ovs_list half_open;
    struct ovs_list waiting;
    uint32_t n_in_progress;
    uint32_t n_orphans;         /* Joined in the middle. */

    uint64_t counters[HC_N];
};

/* Returns a new service.  service_configure() gives it a configuration:
 * members that stay keep what is known about them. */
struct service *service_create(struct engine *, const struct service_config *);
void service_configure(struct service *, const struct service_config *);

/* No connection may be left. */
void service_destroy(struct service *);

/* Returns true if 'service' is the one that 'cfg' means.  A service with
 * another address is another service, even if it is the same row. */
bool service_is(const struct service *, const struct service_config *cfg);

/* A port came, went or changed.  Members that are configured with its name
 * follow it. */
void service_port_changed(struct service *, ofp_port_t port, bool live);

struct service *service_lookup(const struct engine *, uint32_t zone,
                               ovs_be32 vip, ovs_be16 port);

/* Returns any service with address 'vip', or null. */
struct service *service_lookup_vip(const struct engine *, uint32_t zone,
                                   ovs_be32 vip);

/* Returns the member that gets what is sent to the address of 'service' but is
 * not for one of the services there.  It is one that has the address itself.
 * Null if there is none. */
struct member *service_vip_owner(const struct service *);

/* Iterates through members with an address and port. */
struct member *member_lookup_next(const struct engine *, uint32_t zone,
                                  ovs_be32 address, ovs_be16 port,
                                  const struct member *prev);

static inline uint32_t
hash_endpoint(uint32_t zone, ovs_be32 address, ovs_be16 port)
{
    return hash_3words(zone, (OVS_FORCE uint32_t) address,
                       (OVS_FORCE uint32_t) port);
}

/* member.c */

/* A member in the configuration of its service: it is created without address,
 * given what the configuration says, and taken out of it.  member_create()
 * returns a reference, which the last function takes. */
struct member *member_create(struct service *, const struct uuid *,
                             const char *name);
void member_configure(struct member *, const struct member_config *);
void member_unconfigure(struct member *);

/* Periodic work: asks where it is. */
void member_run(struct member *);
void member_wait(const struct member *);

struct member *member_ref(struct member *);
void member_unref(struct member *);

/* Returns a member for a server that is no longer in the configuration, for
 * connections that still use it. */
struct member *member_create_stray(struct service *, ovs_be32 address,
                                   ovs_be16 tp_port);

static inline bool
member_is_resolved(const struct member *m)
{
    return !eth_addr_is_zero(m->mac);
}

bool member_shares_vip(const struct member *);

/* Returns true if frames with source 'mac' from 'port' can come from 'm'.  The
 * MAC address has to match if it is known, and the port if it is configured.
 * Without a MAC address, the port decides. */
bool member_is_source(const struct member *m, struct eth_addr mac,
                      ofp_port_t port);

/* Notes where 'm' is.  Port OFPP_NONE leaves the port as it is. */
void member_set_location(struct member *m, struct eth_addr mac,
                         ofp_port_t port);

/* Note that a handshake with 'm' failed, for the given reason, or worked. */
void member_failed(struct member *, const char *reason);
void member_worked(struct member *);
bool member_has_failed(const struct member *);

/* Returns a word for how 'm' is: "up", "failed" or "unresolved". */
const char *member_status(const struct member *);

/* Notes what a SYN-ACK says about the server's TCP, given what the SYN
 * offered. */
void member_learn_options(struct member *, const struct tcp_segment *syn,
                          const struct tcp_segment *synack);

/* service.c */

/* Returns the options that no server of the service is known to lack.  '*ecn'
 * says the same of ECN (RFC 3168). */
uint8_t service_common_options(const struct service *, bool *ecn);

/* Returns 'mss', or less if some server of the service takes less. */
uint16_t service_clamp_mss(const struct service *, uint16_t mss);

/* Most servers to try for one request. */
#define SERVICE_MAX_CANDIDATES 8

/* Fills 'out' with the members to try for a request that 'rule' matched, or
 * that no rule matched if it is null.  The best come first: the order is
 * random by weight, with those that failed lately last.  Without a rule the
 * default server comes first.  Returns how many. */
size_t service_choose(const struct service *, const struct rule *,
                      struct member *out[SERVICE_MAX_CANDIDATES]);

/* Returns the member that the row in table Server with 'uuid' is, or null. */
struct member *service_find_member(const struct service *,
                                   const struct uuid *);

#endif /* service.h */
