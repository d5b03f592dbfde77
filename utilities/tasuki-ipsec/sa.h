/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_SA_H
#define TASUKI_IPSEC_SA_H 1

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tunnel.h"

/* What the kernel's XFRM has, security associations and policies, as far as it
 * matters to a tunnel.  Numbers are in host byte order; IPv4 addresses are
 * mapped into IPv6 ones; an address that may be any is all zeros. */

#define SA_MAX_KEY 64           /* Bytes.  A stranger's may be longer. */
#define SA_MAX_NAME 64

struct sa_alg {
    char name[SA_MAX_NAME];     /* Empty if there is none. */
    uint8_t key[SA_MAX_KEY];
    size_t key_len;             /* Bytes. */
    unsigned int icv;           /* Bits; 0 for one that only encrypts. */
};

struct sa {
    struct in6_addr src, dst;
    uint32_t spi;
    uint8_t proto;              /* IPPROTO_ESP. */
    uint8_t mode;               /* XFRM_MODE_*. */
    uint32_t reqid;
    uint8_t flags;              /* XFRM_STATE_*. */
    uint32_t extra_flags;       /* XFRM_SA_XFLAG_*. */
    uint32_t mark, mark_mask;
    uint32_t if_id;
    unsigned int window;        /* Packets. */
    struct sa_alg aead, enc, auth;
    uint16_t encap;             /* UDP_ENCAP_*, or 0. */
    uint16_t sport, dport;      /* Of UDP. */

    uint64_t seq, oseq;         /* Received, sent. */
    struct sa_counts {
        uint64_t packets, bytes;
        uint64_t late;          /* Behind the window. */
        uint64_t replayed;
        uint64_t forged;        /* The check value is wrong. */
        uint64_t added, used;   /* When, in s since 1970, or 0. */
    } counts;
};

/* Values of XFRM_POLICY_*. */
enum policy_dir { POLICY_IN, POLICY_OUT, POLICY_FWD, N_POLICY_DIRS };

struct policy {
    struct tunnel_network src, dst;
    bool narrow;                /* Looks at more than addresses. */
    enum policy_dir dir;
    uint32_t priority;          /* The least is the first. */
    bool block;
    uint32_t mark, mark_mask;
    uint32_t if_id;

    size_t n_tmpls;             /* Below is the only one. */
    struct in6_addr tmpl_src, tmpl_dst;
    bool tmpl_v4;
    uint8_t tmpl_proto, tmpl_mode;
    uint32_t tmpl_reqid;

    uint64_t packets, bytes;
};

/* SAs and policies. */
struct sa_set {
    struct sa *sas;
    size_t n_sas, allocated_sas;
    struct policy *policies;
    size_t n_policies, allocated_policies;
};

#define SA_SET_INITIALIZER { .n_sas = 0 }

struct sa *sa_set_add_sa(struct sa_set *);
struct policy *sa_set_add_policy(struct sa_set *);
void sa_set_destroy(struct sa_set *);

bool sa_same_id(const struct sa *, const struct sa *);
bool sa_equal(const struct sa *, const struct sa *);
bool policy_same_id(const struct policy *, const struct policy *);
bool policy_equal(const struct policy *, const struct policy *);
bool policy_overlap(const struct policy *, const struct policy *);

const char *policy_dir_name(enum policy_dir);
char *policy_describe(const struct policy *);

#endif /* utilities/tasuki-ipsec/sa.h */
