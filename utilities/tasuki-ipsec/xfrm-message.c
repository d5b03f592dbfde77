/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "xfrm-message.h"

#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "packets.h"
#include "util.h"

static void *
append(struct nl_msg *msg, size_t size)
{
    void *data = nlmsg_reserve(msg, size, NLMSG_ALIGNTO);

    if (!data) {
        out_of_memory();
    }
    return memset(data, 0, size);
}

static void
begin(struct nl_msg *msg, int type, int flags)
{
    if (!nlmsg_put(msg, 0, 0, type, 0, flags)) {
        out_of_memory();
    }
}

static void *
put(struct nl_msg *msg, int type, size_t size)
{
    struct nlattr *attr = nla_reserve(msg, type, size);

    if (!attr) {
        out_of_memory();
    }
    return memset(nla_data(attr), 0, size);
}

static void
put_u32(struct nl_msg *msg, int type, uint32_t value)
{
    memcpy(put(msg, type, sizeof value), &value, sizeof value);
}

/* Addresses. */

static uint16_t
family_of(const struct in6_addr *a)
{
    return IN6_IS_ADDR_V4MAPPED(a) ? AF_INET : AF_INET6;
}

static void
to_xfrm(const struct in6_addr *from, xfrm_address_t *to)
{
    memset(to, 0, sizeof *to);
    if (IN6_IS_ADDR_V4MAPPED(from)) {
        to->a4 = in6_addr_get_mapped_ipv4(from);
    } else {
        memcpy(to->a6, from, sizeof to->a6);
    }
}

static struct in6_addr
from_xfrm(const xfrm_address_t *from, uint16_t family)
{
    struct in6_addr to;

    if (family == AF_INET) {
        in6_addr_set_mapped_ipv4(&to, from->a4);
    } else {
        memcpy(&to, from->a6, sizeof to);
    }
    return to;
}

/* SAs. */

static void
put_mark(struct nl_msg *msg, uint32_t value, uint32_t mask)
{
    if (mask) {
        struct xfrm_mark mark = { .v = value, .m = mask };

        memcpy(put(msg, XFRMA_MARK, sizeof mark), &mark, sizeof mark);
    }
}

static void
no_limit(struct xfrm_lifetime_cfg *limit)
{
    limit->soft_byte_limit = limit->hard_byte_limit = XFRM_INF;
    limit->soft_packet_limit = limit->hard_packet_limit = XFRM_INF;
}

static void
put_alg(struct nl_msg *msg, int type, const struct sa_alg *from)
{
    if (!from->name[0]) {
        return;
    }
    if (type == XFRMA_ALG_AEAD) {
        struct xfrm_algo_aead *alg = put(msg, type,
                                         sizeof *alg + from->key_len);

        ovs_strlcpy(alg->alg_name, from->name, sizeof alg->alg_name);
        alg->alg_key_len = from->key_len * 8;
        alg->alg_icv_len = from->icv;
        memcpy(alg->alg_key, from->key, from->key_len);
    } else if (type == XFRMA_ALG_AUTH_TRUNC) {
        struct xfrm_algo_auth *alg = put(msg, type,
                                         sizeof *alg + from->key_len);

        ovs_strlcpy(alg->alg_name, from->name, sizeof alg->alg_name);
        alg->alg_key_len = from->key_len * 8;
        alg->alg_trunc_len = from->icv;
        memcpy(alg->alg_key, from->key, from->key_len);
    } else {
        struct xfrm_algo *alg = put(msg, type, sizeof *alg + from->key_len);

        ovs_strlcpy(alg->alg_name, from->name, sizeof alg->alg_name);
        alg->alg_key_len = from->key_len * 8;
        memcpy(alg->alg_key, from->key, from->key_len);
    }
}

/* What was received up to 'sa->seq' counts as received once and for all. */
static void
put_replay(struct nl_msg *msg, const struct sa *sa)
{
    size_t words = DIV_ROUND_UP(sa->window, 32);
    struct xfrm_replay_state_esn *replay = put(
        msg, XFRMA_REPLAY_ESN_VAL, sizeof *replay + words * 4);

    replay->bmp_len = words;
    replay->replay_window = sa->window;
    replay->seq = sa->seq;
    replay->seq_hi = sa->seq >> 32;
    replay->oseq = sa->oseq;
    replay->oseq_hi = sa->oseq >> 32;
    if (sa->seq) {
        memset(replay->bmp, 0xff, words * 4);
    }
}

void
xfrm_message_add_sa(struct nl_msg *msg, const struct sa *sa)
{
    begin(msg, XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL);
    struct xfrm_usersa_info *info = append(msg, sizeof *info);
    bool esn = sa->flags & XFRM_STATE_ESN;

    to_xfrm(&sa->src, &info->saddr);
    to_xfrm(&sa->dst, &info->id.daddr);
    info->id.spi = htonl(sa->spi);
    info->id.proto = sa->proto;
    info->family = family_of(&sa->dst);
    info->mode = sa->mode;
    info->reqid = sa->reqid;
    info->flags = sa->flags;
    no_limit(&info->lft);
    if (!esn && sa->window <= 32) {
        info->replay_window = sa->window;
    }

    put_alg(msg, XFRMA_ALG_AEAD, &sa->aead);
    put_alg(msg, XFRMA_ALG_CRYPT, &sa->enc);
    put_alg(msg, XFRMA_ALG_AUTH_TRUNC, &sa->auth);
    if (esn || sa->window > 32) {
        put_replay(msg, sa);
    } else if (sa->seq || sa->oseq) {
        struct xfrm_replay_state *replay = put(msg, XFRMA_REPLAY_VAL,
                                               sizeof *replay);

        *replay = (struct xfrm_replay_state) {
            .oseq = sa->oseq, .seq = sa->seq, .bitmap = UINT32_MAX,
        };
    }
    if (sa->encap) {
        struct xfrm_encap_tmpl *encap = put(msg, XFRMA_ENCAP, sizeof *encap);

        encap->encap_type = sa->encap;
        encap->encap_sport = htons(sa->sport);
        encap->encap_dport = htons(sa->dport);
    }
    if (sa->extra_flags) {
        put_u32(msg, XFRMA_SA_EXTRA_FLAGS, sa->extra_flags);
    }
    if (sa->if_id) {
        put_u32(msg, XFRMA_IF_ID, sa->if_id);
    }
    put_mark(msg, sa->mark, sa->mark_mask);
}

void
xfrm_message_del_sa(struct nl_msg *msg, const struct sa *sa)
{
    begin(msg, XFRM_MSG_DELSA, 0);
    struct xfrm_usersa_id *id = append(msg, sizeof *id);

    to_xfrm(&sa->dst, &id->daddr);
    id->spi = htonl(sa->spi);
    id->family = family_of(&sa->dst);
    id->proto = sa->proto;
    put_mark(msg, sa->mark, sa->mark_mask);
}

/* The kernel's messages are trusted to be well formed, not to be the same as
 * ours: attributes may be missing or longer. */
static const void *
get(struct nlattr *const *attrs, int type, size_t size)
{
    return attrs[type] && nla_len(attrs[type]) >= (int) size
           ? nla_data(attrs[type]) : NULL;
}

static uint32_t
get_u32(struct nlattr *const *attrs, int type)
{
    const void *data = get(attrs, type, sizeof(uint32_t));
    uint32_t value = 0;

    if (data) {
        memcpy(&value, data, sizeof value);
    }
    return value;
}

static void
get_mark(struct nlattr *const *attrs, uint32_t *value, uint32_t *mask)
{
    const struct xfrm_mark *mark = get(attrs, XFRMA_MARK, sizeof *mark);

    *value = mark ? mark->v : 0;
    *mask = mark ? mark->m : 0;
}

static void
get_key(const struct nlattr *attr, const char *key, unsigned int bits,
        struct sa_alg *to)
{
    size_t there = (const char *) nla_data(attr) + nla_len(attr) - key;

    to->key_len = MIN(MIN(bits / 8, there), sizeof to->key);
    memcpy(to->key, key, to->key_len);
}

static void
get_algs(struct nlattr *const *attrs, struct sa *sa)
{
    const struct xfrm_algo_aead *aead = get(attrs, XFRMA_ALG_AEAD,
                                            sizeof *aead);
    const struct xfrm_algo *enc = get(attrs, XFRMA_ALG_CRYPT, sizeof *enc);
    const struct xfrm_algo_auth *auth = get(attrs, XFRMA_ALG_AUTH_TRUNC,
                                            sizeof *auth);

    if (aead) {
        ovs_strlcpy(sa->aead.name, aead->alg_name, sizeof sa->aead.name);
        sa->aead.icv = aead->alg_icv_len;
        get_key(attrs[XFRMA_ALG_AEAD], aead->alg_key, aead->alg_key_len,
                &sa->aead);
    }
    if (enc) {
        ovs_strlcpy(sa->enc.name, enc->alg_name, sizeof sa->enc.name);
        get_key(attrs[XFRMA_ALG_CRYPT], enc->alg_key, enc->alg_key_len,
                &sa->enc);
    }
    if (auth) {
        ovs_strlcpy(sa->auth.name, auth->alg_name, sizeof sa->auth.name);
        sa->auth.icv = auth->alg_trunc_len;
        get_key(attrs[XFRMA_ALG_AUTH_TRUNC], auth->alg_key, auth->alg_key_len,
                &sa->auth);
    }
}

static void
get_replay(struct nlattr *const *attrs, struct sa *sa)
{
    const struct xfrm_replay_state_esn *esn = get(attrs, XFRMA_REPLAY_ESN_VAL,
                                                  sizeof *esn);
    const struct xfrm_replay_state *old = get(attrs, XFRMA_REPLAY_VAL,
                                              sizeof *old);

    if (esn) {
        sa->window = esn->replay_window;
        sa->seq = (uint64_t) esn->seq_hi << 32 | esn->seq;
        sa->oseq = (uint64_t) esn->oseq_hi << 32 | esn->oseq;
    } else if (old) {
        sa->seq = old->seq;
        sa->oseq = old->oseq;
    }
}

/* Adds the SA of message XFRM_MSG_NEWSA to 'set'. */
void
xfrm_message_to_sa(const struct nlmsghdr *nlh, struct sa_set *set)
{
    const struct xfrm_usersa_info *info = nlmsg_data(nlh);
    struct nlattr *attrs[XFRMA_MAX + 1];

    if (nlmsg_parse(CONST_CAST(struct nlmsghdr *, nlh), sizeof *info, attrs,
                    XFRMA_MAX, NULL)) {
        return;
    }

    struct sa *sa = sa_set_add_sa(set);
    sa->src = from_xfrm(&info->saddr, info->family);
    sa->dst = from_xfrm(&info->id.daddr, info->family);
    sa->spi = ntohl(info->id.spi);
    sa->proto = info->id.proto;
    sa->mode = info->mode;
    sa->reqid = info->reqid;
    sa->flags = info->flags;
    sa->window = info->replay_window;
    sa->extra_flags = get_u32(attrs, XFRMA_SA_EXTRA_FLAGS);
    sa->if_id = get_u32(attrs, XFRMA_IF_ID);
    get_mark(attrs, &sa->mark, &sa->mark_mask);
    get_algs(attrs, sa);
    get_replay(attrs, sa);

    const struct xfrm_encap_tmpl *encap = get(attrs, XFRMA_ENCAP,
                                              sizeof *encap);
    if (encap) {
        sa->encap = encap->encap_type;
        sa->sport = ntohs(encap->encap_sport);
        sa->dport = ntohs(encap->encap_dport);
    }

    sa->counts = (struct sa_counts) {
        .packets = info->curlft.packets,
        .bytes = info->curlft.bytes,
        .late = info->stats.replay_window,
        .replayed = info->stats.replay,
        .forged = info->stats.integrity_failed,
        .added = info->curlft.add_time,
        .used = info->curlft.use_time,
    };
}

/* Policies. */

static void
put_selector(struct xfrm_selector *sel, const struct policy *p)
{
    sel->family = family_of(&p->dst.address);
    to_xfrm(&p->src.address, &sel->saddr);
    to_xfrm(&p->dst.address, &sel->daddr);
    sel->prefixlen_s = p->src.plen;
    sel->prefixlen_d = p->dst.plen;
}

void
xfrm_message_add_policy(struct nl_msg *msg, const struct policy *p,
                        bool replace)
{
    begin(msg, replace ? XFRM_MSG_UPDPOLICY : XFRM_MSG_NEWPOLICY,
          replace ? NLM_F_REPLACE : NLM_F_CREATE | NLM_F_EXCL);
    struct xfrm_userpolicy_info *info = append(msg, sizeof *info);

    put_selector(&info->sel, p);
    no_limit(&info->lft);
    info->priority = p->priority;
    info->dir = p->dir;
    info->action = p->block ? XFRM_POLICY_BLOCK : XFRM_POLICY_ALLOW;

    struct xfrm_user_tmpl *tmpl = put(msg, XFRMA_TMPL, sizeof *tmpl);
    tmpl->family = p->tmpl_v4 ? AF_INET : AF_INET6;
    to_xfrm(&p->tmpl_src, &tmpl->saddr);
    to_xfrm(&p->tmpl_dst, &tmpl->id.daddr);
    tmpl->id.proto = p->tmpl_proto;
    tmpl->mode = p->tmpl_mode;
    tmpl->reqid = p->tmpl_reqid;
    tmpl->aalgos = tmpl->ealgos = tmpl->calgos = UINT32_MAX;

    if (p->if_id) {
        put_u32(msg, XFRMA_IF_ID, p->if_id);
    }
    put_mark(msg, p->mark, p->mark_mask);
}

void
xfrm_message_del_policy(struct nl_msg *msg, const struct policy *p)
{
    begin(msg, XFRM_MSG_DELPOLICY, 0);
    struct xfrm_userpolicy_id *id = append(msg, sizeof *id);

    put_selector(&id->sel, p);
    id->dir = p->dir;
    if (p->if_id) {
        put_u32(msg, XFRMA_IF_ID, p->if_id);
    }
    put_mark(msg, p->mark, p->mark_mask);
}

static void
get_template(struct nlattr *const *attrs, struct policy *p)
{
    const struct xfrm_user_tmpl *tmpl = get(attrs, XFRMA_TMPL, sizeof *tmpl);

    if (!tmpl) {
        return;
    }
    p->n_tmpls = nla_len(attrs[XFRMA_TMPL]) / sizeof *tmpl;
    p->tmpl_v4 = tmpl->family == AF_INET;
    /* An address that may be any is all zeros here, in either family. */
    if (tmpl->family != AF_INET || tmpl->saddr.a4) {
        p->tmpl_src = from_xfrm(&tmpl->saddr, tmpl->family);
    }
    if (tmpl->family != AF_INET || tmpl->id.daddr.a4) {
        p->tmpl_dst = from_xfrm(&tmpl->id.daddr, tmpl->family);
    }
    p->tmpl_proto = tmpl->id.proto;
    p->tmpl_mode = tmpl->mode;
    p->tmpl_reqid = tmpl->reqid;
}

/* Adds the policy of message XFRM_MSG_NEWPOLICY to 'set', unless it is for a
 * socket alone. */
void
xfrm_message_to_policy(const struct nlmsghdr *nlh, struct sa_set *set)
{
    const struct xfrm_userpolicy_info *info = nlmsg_data(nlh);
    struct nlattr *attrs[XFRMA_MAX + 1];

    if (nlmsg_parse(CONST_CAST(struct nlmsghdr *, nlh), sizeof *info, attrs,
                    XFRMA_MAX, NULL)
        || info->dir >= N_POLICY_DIRS) {
        return;
    }

    const struct xfrm_selector *sel = &info->sel;
    struct policy *p = sa_set_add_policy(set);
    p->src.address = from_xfrm(&sel->saddr, sel->family);
    p->src.plen = sel->prefixlen_s;
    p->dst.address = from_xfrm(&sel->daddr, sel->family);
    p->dst.plen = sel->prefixlen_d;
    p->narrow = (sel->proto || sel->sport_mask || sel->dport_mask
                 || sel->ifindex);
    p->dir = info->dir;
    p->priority = info->priority;
    p->block = info->action == XFRM_POLICY_BLOCK;
    p->if_id = get_u32(attrs, XFRMA_IF_ID);
    p->packets = info->curlft.packets;
    p->bytes = info->curlft.bytes;
    get_mark(attrs, &p->mark, &p->mark_mask);
    get_template(attrs, p);
}
