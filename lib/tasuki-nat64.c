/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>
#include "tasuki-nat64.h"

#include <ctype.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>

#include "flow.h"
#include "openvswitch/dynamic-string.h"
#include "openvswitch/match.h"
#include "openvswitch/ofp-parse.h"
#include "openvswitch/ofpbuf.h"
#include "packets.h"
#include "util.h"

const uint8_t nat64_ll_prefix[16] = { 0xfe, 0x80 };

/* Arguments. */

/* The first argument.  Words with a prefix of their own take no other
 * prefix. */
static const struct word {
    const char *name;
    uint8_t direction;
    bool link_local;
} words[] = {
    { "4toll6", NAT64_4TO6, true },
    { "ll6to4", NAT64_6TO4, true },
    { "normal", NAT64_NORMAL, false },
    { "4to6", NAT64_4TO6, false },
    { "6to4", NAT64_6TO4, false },
};
#define WORDS "4toll6, ll6to4, normal, 4to6, 6to4"

static bool
has_ll_prefix(const struct nat64 *n)
{
    return n->prefix_len == NAT64_LL_PREFIX_LEN
           && !memcmp(n->prefix, nat64_ll_prefix, sizeof n->prefix);
}

static const struct word *
word_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (!strcmp(words[i].name, name)) {
            return &words[i];
        }
    }
    return NULL;
}

/* Returns the word that says most about 'n'. */
static const struct word *
word_of(const struct nat64 *n)
{
    bool link_local = n->direction != NAT64_NORMAL && has_ll_prefix(n);

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (words[i].direction == n->direction
            && words[i].link_local == link_local) {
            return &words[i];
        }
    }
    OVS_NOT_REACHED();
}

/* The translated packet is IPv6 after NAT64_4TO6. */
static int
min_mtu(uint8_t direction)
{
    return direction == NAT64_4TO6 ? NAT64_MTU_MIN_6 : NAT64_MTU_MIN_4;
}

char *
nat64_parse_prefix(const char *value, struct nat64 *n)
{
    const char *slash = strchr(value, '/');
    char *address = xmemdup0(value, slash ? slash - value : 0);
    struct in6_addr prefix;
    bool ok = ipv6_parse(address, &prefix);
    unsigned int len;

    free(address);
    if (!ok || slash[1] == '+' || !str_to_uint(slash + 1, 10, &len)) {
        return xasprintf("%s is not an IPv6 prefix like 64:ff9b::/96", value);
    }

    n->prefix_len = MIN(len, UINT8_MAX);
    memcpy(n->prefix, &prefix, sizeof n->prefix);
    const char *problem = nat64_check(n);
    return problem ? xasprintf("%s: %s", value, problem) : NULL;
}

static char *
parse_mtu(const char *value, struct nat64 *n)
{
    unsigned int mtu;

    if (!isdigit((unsigned char) value[0]) || !str_to_uint(value, 10, &mtu)
        || mtu < min_mtu(n->direction) || mtu > UINT16_MAX) {
        return xasprintf("nat64: mtu=%s is not a number from %d to %d",
                         value, min_mtu(n->direction), UINT16_MAX);
    }
    n->mtu = mtu;
    return NULL;
}

static char *
parse_arg(const struct word *word, const char *key, const char *value,
          struct nat64 *n)
{
    bool prefix = !strcmp(key, "prefix");

    if (!prefix && strcmp(key, "mtu")) {
        return xasprintf("nat64: unknown argument \"%s\", must be one of "
                         "prefix, mtu", key);
    }
    if (word->direction == NAT64_NORMAL) {
        return xasprintf("nat64: normal takes no %s", key);
    }
    if (prefix && word->link_local) {
        return xasprintf("nat64: %s takes no prefix: it is fe80::/96",
                         word->name);
    }
    if (prefix ? n->prefix_len : n->mtu) {
        return xasprintf("nat64: %s is given twice", key);
    }
    if (!prefix) {
        return parse_mtu(value, n);
    }

    char *problem = nat64_parse_prefix(value, n);
    char *error = problem ? xasprintf("nat64: prefix=%s", problem) : NULL;
    free(problem);
    return error;
}

static char *
nat64_parse(char *s, void *n_)
{
    struct nat64 *n = n_;
    char *key, *value;

    if (!ofputil_parse_key_value(&s, &key, &value)) {
        return xstrdup("nat64: one of " WORDS " is required");
    }
    const struct word *word = word_from_name(key);
    if (!word || value[0]) {
        return xasprintf("nat64: the first argument must be one of " WORDS
                         ", not \"%s\"", key);
    }

    n->direction = word->direction;
    if (word->link_local) {
        n->prefix_len = NAT64_LL_PREFIX_LEN;
        memcpy(n->prefix, nat64_ll_prefix, sizeof n->prefix);
    }
    while (ofputil_parse_key_value(&s, &key, &value)) {
        char *error = parse_arg(word, key, value, n);
        if (error) {
            return error;
        }
    }
    if (n->direction != NAT64_NORMAL && !n->prefix_len) {
        return xasprintf("nat64: %s requires prefix=P, an IPv6 prefix of 32, "
                         "40, 48, 56, 64 or 96 bits", word->name);
    }
    return NULL;
}

static void
format_prefix(const struct nat64 *n, struct ds *s)
{
    struct in6_addr prefix;

    memcpy(&prefix, n->prefix, sizeof prefix);
    ds_put_cstr(s, ",prefix=");
    ipv6_format_addr(&prefix, s);
    ds_put_format(s, "/%d", n->prefix_len);
}

static void
nat64_format(const void *n_, struct ds *s)
{
    const struct nat64 *n = n_;
    const struct word *word = word_of(n);

    if (!n->mtu && (n->direction == NAT64_NORMAL || word->link_local)) {
        ds_put_format(s, "nat64:%s", word->name);
        return;
    }

    ds_put_format(s, "nat64(%s", word->name);
    if (!word->link_local) {
        format_prefix(n, s);
    }
    if (n->mtu) {
        ds_put_format(s, ",mtu=%d", n->mtu);
    }
    ds_put_char(s, ')');
}

/* OpenFlow. */

/* What follows struct tasuki_action_header. */
struct ofp_nat64 {
    uint8_t direction;          /* NAT64_*. */
    uint8_t prefix_len;
    ovs_be16 mtu;               /* 0: the bridge's. */
    uint8_t pad[4];             /* Must be zero. */
    uint8_t prefix[16];
};
BUILD_ASSERT_DECL(sizeof(struct ofp_nat64) == 24);

static void
nat64_encode(const void *n_, struct ofpbuf *out)
{
    const struct nat64 *n = n_;
    struct ofp_nat64 *on = ofpbuf_put_zeros(out, sizeof *on);

    on->direction = n->direction;
    on->prefix_len = n->prefix_len;
    on->mtu = htons(n->mtu);
    memcpy(on->prefix, n->prefix, sizeof on->prefix);
}

/* True if 'n' is what 'parse' could have made. */
static bool
nat64_is_valid(const struct nat64 *n)
{
    if (n->direction == NAT64_NORMAL) {
        return is_all_zeros(n, sizeof *n);
    }
    return !nat64_check(n);
}

static enum ofperr
nat64_decode(const void *body, size_t len, void *n_)
{
    const struct ofp_nat64 *on = body;
    struct nat64 *n = n_;

    if (len != sizeof *on) {
        return OFPERR_OFPBAC_BAD_LEN;
    }
    if (!is_all_zeros(on->pad, sizeof on->pad)) {
        return OFPERR_NXBRC_MUST_BE_ZERO;
    }

    n->direction = on->direction;
    n->prefix_len = on->prefix_len;
    n->mtu = ntohs(on->mtu);
    memcpy(n->prefix, on->prefix, sizeof n->prefix);
    return nat64_is_valid(n) ? 0 : OFPERR_OFPBAC_BAD_ARGUMENT;
}

/* True if 'n' translates packets of type 'dl_type'. */
static bool
nat64_takes(const struct nat64 *n, ovs_be16 dl_type)
{
    return n->direction == NAT64_4TO6
           ? dl_type == htons(ETH_TYPE_IP) || dl_type == htons(ETH_TYPE_ARP)
           : dl_type == htons(ETH_TYPE_IPV6);
}

/* True if 'match' is on a neighbor solicitation or advertisement. */
static bool
match_is_nd(const struct match *match)
{
    return match->flow.nw_proto == IPPROTO_ICMPV6
           && match->wc.masks.nw_proto == 0xff
           && match->wc.masks.tp_src == OVS_BE16_MAX
           && (match->flow.tp_src == htons(ND_NEIGHBOR_SOLICIT)
               || match->flow.tp_src == htons(ND_NEIGHBOR_ADVERT));
}

/* The protocol into which 'n' translates 'nw_proto' of IP. */
static uint8_t
translated_nw_proto(const struct nat64 *n, uint8_t nw_proto)
{
    if (n->direction == NAT64_4TO6) {
        return nw_proto == IPPROTO_ICMP ? IPPROTO_ICMPV6 : nw_proto;
    } else {
        return nw_proto == IPPROTO_ICMPV6 ? IPPROTO_ICMP : nw_proto;
    }
}

static enum ofperr
nat64_check_match(const void *n_, struct match *match)
{
    const struct nat64 *n = n_;
    struct flow *flow = &match->flow;

    if (n->direction == NAT64_NORMAL) {
        return 0;
    }
    if (flow->packet_type != htonl(PT_ETH)
        || !nat64_takes(n, flow->dl_type)) {
        return OFPERR_OFPBAC_MATCH_INCONSISTENT;
    }

    if (flow->dl_type == htons(ETH_TYPE_ARP)) {
        flow->nw_proto = IPPROTO_ICMPV6;
        flow->dl_type = htons(ETH_TYPE_IPV6);
    } else if (n->direction == NAT64_6TO4 && match_is_nd(match)) {
        flow->nw_proto = 0;
        flow->dl_type = htons(ETH_TYPE_ARP);
    } else {
        flow->nw_proto = translated_nw_proto(n, flow->nw_proto);
        flow->dl_type = htons(n->direction == NAT64_4TO6
                              ? ETH_TYPE_IPV6 : ETH_TYPE_IP);
    }
    return 0;
}

/* Translation. */

static void
nat64_put(const struct nat64 *n, struct ofpbuf *odp_actions)
{
    tasuki_odp_put(odp_actions, TASUKI_ACTION_ATTR_NAT64, n, sizeof *n);
}

/* Reversible without translation, as nothing happens to a packet then. */
static bool
nat64_is_normal(const void *n_)
{
    const struct nat64 *n = n_;

    return n->direction == NAT64_NORMAL;
}

static enum tasuki_effect
nat64_translate_action(const void *n_, struct tasuki_xlate *x)
{
    struct nat64 n = *(const struct nat64 *) n_;

    if (n.direction == NAT64_NORMAL) {
        return TASUKI_OK;
    }

    /* A group bucket has no match of its own, so anything may come here.
     * 'dl_type' and 'packet_type' are always in the mask.  The datapath finds
     * out all the rest by itself. */
    if (x->flow->packet_type != htonl(PT_ETH)
        || !nat64_takes(&n, x->flow->dl_type)) {
        return TASUKI_DROP;
    }
    if (!n.mtu) {
        n.mtu = MAX(x->mtu, min_mtu(n.direction));
    }
    n.answer = x->answer_id(x);
    nat64_put(&n, x->odp_actions);
    return TASUKI_NEW_HEADERS;
}

static void
nat64_probe(struct ofpbuf *odp_actions)
{
    struct nat64 n = {
        .direction = NAT64_4TO6,
        .prefix_len = NAT64_LL_PREFIX_LEN,
    };

    memcpy(n.prefix, nat64_ll_prefix, sizeof n.prefix);
    nat64_put(&n, odp_actions);
}

/* Datapath. */

#define ANSWER ",answer="

/* Formats any prefix, so that one can read what a datapath does. */
static void
nat64_odp_format(const void *payload, size_t len, struct ds *s)
{
    struct nat64 n;

    if (len != sizeof n) {
        ds_put_format(s, "nat64(bad length %"PRIuSIZE")", len);
        return;
    }
    memcpy(&n, payload, sizeof n);
    if (nat64_check(&n)) {
        ds_put_format(s, "nat64(bad arguments)");
        return;
    }

    ds_put_format(s, "nat64(%s", n.direction == NAT64_4TO6 ? "4to6" : "6to4");
    format_prefix(&n, s);
    if (n.mtu) {
        ds_put_format(s, ",mtu=%d", n.mtu);
    }
    if (n.answer) {
        ds_put_format(s, ANSWER"%#"PRIx32, n.answer);
    }
    ds_put_char(s, ')');
}

static char *
nat64_odp_parse(char *s, struct ofpbuf *odp_actions)
{
    struct nat64 n = { .direction = NAT64_NORMAL };

    /* The only argument that OpenFlow does not have. */
    char *answer = strstr(s, ANSWER);
    if (answer) {
        *answer = '\0';
        if (!str_to_uint(answer + strlen(ANSWER), 0, &n.answer)
            || !n.answer) {
            return xstrdup("nat64: answer is not a recirculation id");
        }
    }

    char *error = nat64_parse(s, &n);
    if (!error && n.direction == NAT64_NORMAL) {
        error = xstrdup("nat64: normal is nothing to do in a datapath");
    }
    if (!error) {
        nat64_put(&n, odp_actions);
    }
    return error;
}

const struct tasuki_action tasuki_nat64 = {
    .id = TASUKI_ACTION_ATTR_NAT64,
    .name = "nat64",
    .args_size = sizeof(struct nat64),
    .parse = nat64_parse,
    .format = nat64_format,
    .encode = nat64_encode,
    .decode = nat64_decode,
    .check = nat64_check_match,
    .reversible = nat64_is_normal,
    .translate = nat64_translate_action,
    .once = true,
    .probe = nat64_probe,
    .odp_format = nat64_odp_format,
    .odp_parse = nat64_odp_parse,
    .execute = nat64_execute,
};
