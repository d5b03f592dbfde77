/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "tunnel.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compiler.h"
#include "openvswitch/json.h"
#include "openvswitch/shash.h"
#include "packets.h"
#include "sset.h"
#include "util.h"

#define MAX_TEXT (1024 * 1024)  /* Of a description, in bytes. */
#define MAX_POLICIES 8192

#define DEFAULT_WINDOW 1024
#define DEFAULT_MARK_MASK 0xff
#define DEFAULT_PRIORITY 1000
static const uint32_t default_spi[N_SIDES] = { 0x1000, 0x2000 };
#define DEFAULT_PORT 40000

/* An object of the description while it is read.  The first thing that is
 * wrong is kept; after it, members look as if they were not there. */
struct reader {
    const struct json *object;
    const char *where;          /* In front of a member's name. */
    struct sset known;
    char **errorp;
};

static void OVS_PRINTF_FORMAT(2, 3)
wrong(struct reader *r, const char *format, ...)
{
    if (!*r->errorp) {
        va_list args;

        va_start(args, format);
        char *what = xvasprintf(format, args);
        va_end(args);
        *r->errorp = xasprintf("%s%s", r->where, what);
        free(what);
    }
}

static void
reader_begin(struct reader *r, const struct json *object, const char *where,
             char **errorp)
{
    r->object = object;
    r->where = where;
    r->errorp = errorp;
    sset_init(&r->known);
}

/* Members that nobody has asked for are wrong. */
static void
reader_end(struct reader *r)
{
    struct shash_node *node;

    SHASH_FOR_EACH (node, json_object(r->object)) {
        if (!sset_contains(&r->known, node->name)) {
            wrong(r, "%s: there is no such member", node->name);
        }
    }
    sset_destroy(&r->known);
}

static const struct json *
member(struct reader *r, const char *name)
{
    sset_add(&r->known, name);
    return *r->errorp ? NULL : shash_find_data(json_object(r->object), name);
}

static const char *
read_string(struct reader *r, const char *name, const char *default_)
{
    const struct json *json = member(r, name);

    if (!json) {
        return default_;
    }
    if (json->type != JSON_STRING) {
        wrong(r, "%s: not a string", name);
        return default_;
    }
    return json_string(json);
}

static bool
read_bool(struct reader *r, const char *name, bool default_)
{
    const struct json *json = member(r, name);

    if (!json) {
        return default_;
    }
    if (json->type != JSON_TRUE && json->type != JSON_FALSE) {
        wrong(r, "%s: neither true nor false", name);
        return default_;
    }
    return json_boolean(json);
}

/* A number, or a string of one, since JSON has no hexadecimal numbers. */
static uint32_t
to_number(struct reader *r, const char *name, const struct json *json,
          uint32_t min, uint32_t max)
{
    unsigned long long int value;

    if (json->type == JSON_INTEGER && json_integer(json) >= 0) {
        value = json_integer(json);
    } else if (json->type != JSON_STRING
               || !str_to_ullong(json_string(json), 0, &value)) {
        wrong(r, "%s: not a number", name);
        return min;
    }
    if (value < min || value > max) {
        wrong(r, "%s: %llu (%#llx) is not from %"PRIu32" to %"PRIu32,
              name, value, value, min, max);
        return min;
    }
    return value;
}

static uint32_t
read_number(struct reader *r, const char *name, uint32_t default_,
            uint32_t min, uint32_t max)
{
    const struct json *json = member(r, name);

    return json ? to_number(r, name, json, min, max) : default_;
}

/* The place of the member's string in 'choices', which ends with null.  The
 * first is the default. */
static int
read_choice(struct reader *r, const char *name, const char *const *choices)
{
    const char *s = read_string(r, name, choices[0]);

    for (int i = 0; choices[i]; i++) {
        if (!strcmp(choices[i], s)) {
            return i;
        }
    }
    wrong(r, "%s: \"%s\" is not known", name, s);
    return 0;
}

/* Returns the number of the array's elements; an array is needed. */
static size_t
read_array(struct reader *r, const char *name, size_t max,
           const struct json ***elems)
{
    const struct json *json = member(r, name);

    *elems = NULL;
    if (!json) {
        wrong(r, "%s: it is missing", name);
    } else if (json->type != JSON_ARRAY) {
        wrong(r, "%s: not an array", name);
    } else if (!json_array(json)->n || json_array(json)->n > max) {
        wrong(r, "%s: not 1 to %"PRIuSIZE" of them", name, max);
    } else {
        *elems = (const struct json **) json_array(json)->elems;
        return json_array(json)->n;
    }
    return 0;
}

static bool
parse_address(const char *s, struct in6_addr *address)
{
    ovs_be32 ip4;

    if (ip_parse(s, &ip4)) {
        in6_addr_set_mapped_ipv4(address, ip4);
        return true;
    }
    return ipv6_parse(s, address) && !IN6_IS_ADDR_V4MAPPED(address);
}

static bool
can_be_a_peers(const struct in6_addr *a)
{
    ovs_be32 ip4 = in6_addr_get_mapped_ipv4(a);

    return IN6_IS_ADDR_V4MAPPED(a)
           ? ip4 && !ip_is_multicast(ip4) && ip4 != OVS_BE32_MAX
           : ipv6_addr_is_set(a) && !ipv6_addr_is_multicast(a);
}

static void
read_addresses(struct reader *r, struct tunnel_end *end)
{
    const struct json **elems;
    size_t n = read_array(r, "addresses", TUNNEL_MAX_TAGS, &elems);

    end->addresses = xcalloc(n, sizeof *end->addresses);
    for (size_t i = 0; i < n; i++) {
        struct in6_addr *a = &end->addresses[i];

        if (elems[i]->type != JSON_STRING
            || !parse_address(json_string(elems[i]), a)
            || !can_be_a_peers(a)) {
            wrong(r, "addresses: number %"PRIuSIZE" is not an IPv4 or IPv6 "
                  "address of a host", i + 1);
            return;
        }
        for (size_t j = 0; j < i; j++) {
            if (ipv6_addr_equals(a, &end->addresses[j])) {
                wrong(r, "addresses: %s is there twice",
                      json_string(elems[i]));
            }
        }
        end->n_addresses++;
    }
}

static bool
parse_network(const char *s, struct tunnel_network *network)
{
    struct in6_addr mask;
    unsigned int plen;
    ovs_be32 ip4;
    char *error;

    error = ip_parse_cidr(s, &ip4, &plen);
    if (!error) {
        network->address = in6_addr_mapped_ipv4(ip4);
        mask = ipv6_create_mask(plen + 96);
    } else {
        free(error);
        error = ipv6_parse_cidr(s, &network->address, &plen);
        if (error) {
            free(error);
            return false;
        }
        if (IN6_IS_ADDR_V4MAPPED(&network->address)) {
            return false;
        }
        mask = ipv6_create_mask(plen);
    }
    network->plen = plen;

    struct in6_addr masked = ipv6_addr_bitand(&network->address, &mask);
    return ipv6_addr_equals(&masked, &network->address);
}

bool
tunnel_networks_overlap(const struct tunnel_network *a,
                        const struct tunnel_network *b)
{
    bool v4 = IN6_IS_ADDR_V4MAPPED(&a->address);

    if (v4 != IN6_IS_ADDR_V4MAPPED(&b->address)) {
        return false;
    }
    struct in6_addr mask = ipv6_create_mask(MIN(a->plen, b->plen)
                                            + (v4 ? 96 : 0));
    struct in6_addr ma = ipv6_addr_bitand(&a->address, &mask);
    struct in6_addr mb = ipv6_addr_bitand(&b->address, &mask);
    return ipv6_addr_equals(&ma, &mb);
}

static void
read_networks(struct reader *r, struct tunnel_end *end)
{
    const struct json **elems;
    size_t n = read_array(r, "networks", TUNNEL_MAX_NETWORKS, &elems);

    end->networks = xcalloc(n, sizeof *end->networks);
    for (size_t i = 0; i < n; i++) {
        if (elems[i]->type != JSON_STRING
            || !parse_network(json_string(elems[i]), &end->networks[i])) {
            wrong(r, "networks: number %"PRIuSIZE" is not an IPv4 or IPv6 "
                  "network, or has bits beyond its prefix", i + 1);
            return;
        }
        for (size_t j = 0; j < i; j++) {
            if (tunnel_networks_overlap(&end->networks[i],
                                        &end->networks[j])) {
                wrong(r, "networks: %s and %s overlap",
                      json_string(elems[j]), json_string(elems[i]));
            }
        }
        end->n_networks++;
    }
}

/* Reads a number for each of 'n' tags: a list of them, or the first, after
 * which they count up.  The caller must free what is returned. */
static uint32_t *
read_numbers(struct reader *r, const char *name, size_t n, uint32_t default_,
             uint32_t min, uint32_t max)
{
    const struct json *json = shash_find_data(json_object(r->object), name);
    uint32_t *numbers = xcalloc(n, sizeof *numbers);

    if (json && json->type == JSON_ARRAY) {
        const struct json **elems;

        if (read_array(r, name, TUNNEL_MAX_TAGS, &elems) != n) {
            wrong(r, "%s: not %"PRIuSIZE" of them", name, n);
            return numbers;
        }
        for (size_t i = 0; i < n; i++) {
            numbers[i] = to_number(r, name, elems[i], min, max);
        }
    } else {
        uint32_t first = read_number(r, name, default_, min, max - (n - 1));

        for (size_t i = 0; i < n; i++) {
            numbers[i] = first + i;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (numbers[i] == numbers[j]) {
                wrong(r, "%s: tags %"PRIuSIZE" and %"PRIuSIZE" have the same "
                      "one, %#"PRIx32, name, j, i, numbers[i]);
            }
        }
    }
    return numbers;
}

/* FNV-1a: a name has to have the same reqids for ever. */
static uint32_t
default_reqid(const char *name)
{
    uint32_t hash = 2166136261u;

    for (; *name; name++) {
        hash = (hash ^ (uint8_t) *name) * 16777619u;
    }
    hash ^= hash >> 16;
    return 0x40000000 + (hash & 0xffff) * TUNNEL_REQIDS;
}

static void
read_name(struct reader *r, struct tunnel *t)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *name = read_string(r, "name", "");
    size_t n = strlen(name);

    if (!n || n > 32 || strspn(name, allowed) < n) {
        wrong(r, "name: not 1 to 32 letters, digits, \"_\" and \"-\"");
    }
    t->name = xstrdup(name);
}

/* What the two ends have to agree about. */
static void
check_ends(struct reader *r, const struct tunnel *t)
{
    const struct tunnel_end *ends = t->ends;
    bool v4 = IN6_IS_ADDR_V4MAPPED(&ends[SIDE_A].addresses[0]);
    size_t n_pairs = 0;

    for (enum tunnel_side side = 0; side < N_SIDES; side++) {
        const struct tunnel_end *end = &ends[side];
        const struct tunnel_end *peer = &ends[tunnel_other(side)];
        const char *name = tunnel_side_name(side);

        for (size_t i = 0; i < end->n_addresses; i++) {
            if (IN6_IS_ADDR_V4MAPPED(&end->addresses[i]) != v4) {
                wrong(r, "%s.addresses: both IPv4 and IPv6 addresses", name);
            }
            if (tunnel_has_address(t, tunnel_other(side),
                                   &end->addresses[i])) {
                wrong(r, "%s.addresses: one is the other end's, too", name);
            }
        }
        if (t->wire != WIRE_ADDRESS && end->n_addresses > 1) {
            wrong(r, "%s.addresses: there are several, and wire is not "
                  "\"address\"", name);
        }
        if (end->n_addresses > 1 && end->n_addresses < t->n_tags) {
            wrong(r, "%s.addresses: neither 1 nor %"PRIuSIZE", a tag each",
                  name, t->n_tags);
        }
        if (t->tag_in == TAG_IN_ADDRESS && end->n_networks != peer->n_tags) {
            wrong(r, "%s.networks: not %"PRIuSIZE", a tag each",
                  name, peer->n_tags);
        }
        for (size_t i = 0; i < end->n_networks; i++) {
            bool is_v4 = IN6_IS_ADDR_V4MAPPED(&end->networks[i].address);
            bool found = t->tag_in == TAG_IN_ADDRESS;

            for (size_t j = 0; j < peer->n_networks; j++) {
                const struct in6_addr *other = &peer->networks[j].address;

                if (is_v4 == IN6_IS_ADDR_V4MAPPED(other)) {
                    n_pairs++;
                    found = true;
                }
            }
            if (!found) {
                wrong(r, "%s.networks: the other end has none that is IPv%d",
                      name, is_v4 ? 4 : 6);
            }
        }
    }
    if (t->wire == WIRE_ADDRESS && t->n_tags > 1
        && ends[SIDE_A].n_addresses == 1 && ends[SIDE_B].n_addresses == 1) {
        wrong(r, "wire: \"address\" needs several addresses");
    }
    if (n_pairs * t->n_tags > MAX_POLICIES) {
        wrong(r, "networks: these would be more than %d policies",
              MAX_POLICIES);
    }
}

static void
read_tunnel(struct reader *r, struct tunnel *t)
{
    static const char *const tag_ins[] = { "mark", "address", NULL };
    static const char *const wires[] = { "spi", "address", "port", NULL };
    const struct json *ends[N_SIDES];
    struct reader readers[N_SIDES];

    read_name(r, t);
    size_t n_tags = read_number(r, "tags", 1, 1, TUNNEL_MAX_TAGS);
    t->tag_in = read_choice(r, "tag_in", tag_ins);
    t->wire = read_choice(r, "wire", wires);
    t->esn = read_bool(r, "esn", true);
    t->copy_dscp = read_bool(r, "copy_dscp", true);
    t->replay_window = read_number(r, "replay_window", DEFAULT_WINDOW,
                                   1, TUNNEL_MAX_WINDOW);
    t->if_id = read_number(r, "if_id", 0, 0, UINT32_MAX);
    t->priority = read_number(r, "priority", DEFAULT_PRIORITY,
                              0, UINT32_MAX - 1);
    t->reqid = read_number(r, "reqid", default_reqid(t->name),
                           1, UINT32_MAX - (TUNNEL_REQIDS - 1));
    t->mark_mask = read_number(r, "mark_mask", DEFAULT_MARK_MASK,
                               1, UINT32_MAX);
    const char *cipher = read_string(r, "cipher", "aes128gcm128");
    t->cipher = cipher_by_name(cipher);
    if (!t->cipher) {
        wrong(r, "cipher: \"%s\" is not known", cipher);
    }

    ends[SIDE_A] = member(r, "a");
    ends[SIDE_B] = member(r, "b");
    for (enum tunnel_side side = 0; side < N_SIDES; side++) {
        const char *name = tunnel_side_name(side);

        if (!ends[side] || ends[side]->type != JSON_OBJECT) {
            wrong(r, "%s: it is missing, or not an object", name);
            return;
        }
    }

    for (enum tunnel_side side = 0; side < N_SIDES; side++) {
        struct tunnel_end *end = &t->ends[side];

        reader_begin(&readers[side], ends[side], side == SIDE_A ? "a." : "b.",
                     r->errorp);
        end->n_tags = read_number(&readers[side], "tags", n_tags,
                                  1, TUNNEL_MAX_TAGS);
        read_addresses(&readers[side], end);
        read_networks(&readers[side], end);
        end->ports = read_numbers(&readers[side], "port", end->n_tags,
                                  DEFAULT_PORT, 1, UINT16_MAX);
        t->n_tags = MAX(t->n_tags, end->n_tags);
    }
    for (enum tunnel_side side = 0; side < N_SIDES; side++) {
        struct tunnel_end *end = &t->ends[side];

        /* Those below 256 are reserved (RFC 4303 section 2.1). */
        end->n_spis = t->ends[tunnel_other(side)].n_tags;
        end->spis = read_numbers(&readers[side], "spi", end->n_spis,
                                 default_spi[side], 256, UINT32_MAX);
        reader_end(&readers[side]);
    }

    uint32_t marks = t->mark_mask >> ctz32(t->mark_mask);
    if (marks & (marks + 1)) {
        wrong(r, "mark_mask: its bits are not one run");
    } else if (t->tag_in == TAG_IN_MARK && marks < t->n_tags - 1) {
        wrong(r, "mark_mask: too few bits for %"PRIuSIZE" tags", t->n_tags);
    }
    if (!*r->errorp) {
        check_ends(r, t);
    }
}

/* Returns the tunnel that 'text' describes, which tunnel_destroy() frees.  If
 * the description makes no sense, returns null and sets '*errorp' to the
 * reason, which the caller has to free. */
struct tunnel *
tunnel_parse(const char *text, char **errorp)
{
    struct json *json = json_from_string(text);
    struct tunnel *t = NULL;

    *errorp = NULL;
    if (json->type == JSON_STRING) {
        *errorp = xstrdup(json_string(json));
    } else if (json->type != JSON_OBJECT) {
        *errorp = xstrdup("not an object of JSON");
    } else {
        struct reader r;

        t = xzalloc(sizeof *t);
        reader_begin(&r, json, "", errorp);
        read_tunnel(&r, t);
        reader_end(&r);
        if (*errorp) {
            tunnel_destroy(t);
            t = NULL;
        }
    }
    json_destroy(json);
    return t;
}

/* As tunnel_parse(), with the contents of 'file'. */
struct tunnel *
tunnel_read(const char *file, char **errorp)
{
    struct tunnel *t = NULL;
    FILE *stream = fopen(file, "r");

    *errorp = NULL;
    if (!stream) {
        *errorp = xasprintf("%s: %s", file, ovs_strerror(errno));
        return NULL;
    }

    char *text = xmalloc(MAX_TEXT + 1);
    size_t n = fread(text, 1, MAX_TEXT + 1, stream);
    if (ferror(stream)) {
        *errorp = xasprintf("%s: %s", file, ovs_strerror(errno));
    } else if (n > MAX_TEXT) {
        *errorp = xasprintf("%s: more than %d bytes", file, MAX_TEXT);
    } else if (memchr(text, '\0', n)) {
        *errorp = xasprintf("%s: not a text", file);
    } else {
        char *error;

        text[n] = '\0';
        t = tunnel_parse(text, &error);
        if (!t) {
            *errorp = xasprintf("%s: %s", file, error);
            free(error);
        }
    }
    free(text);
    fclose(stream);
    return t;
}

void
tunnel_destroy(struct tunnel *t)
{
    if (t) {
        for (enum tunnel_side side = 0; side < N_SIDES; side++) {
            free(t->ends[side].addresses);
            free(t->ends[side].networks);
            free(t->ends[side].ports);
            free(t->ends[side].spis);
        }
        free(t->name);
        free(t);
    }
}

const char *
tunnel_side_name(enum tunnel_side side)
{
    return side == SIDE_A ? "a" : "b";
}

/* Finds out which end this host is, by its addresses.  Returns null, or, for
 * the caller to free, why that cannot be said. */
char *
tunnel_find_side(const struct tunnel *t, enum tunnel_side *side)
{
    bool found[N_SIDES] = { false };
    struct ifaddrs *list;

    if (getifaddrs(&list)) {
        return xasprintf("cannot list this host's addresses (%s)",
                         ovs_strerror(errno));
    }
    for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
        struct in6_addr address;

        if (!i->ifa_addr) {
            continue;
        } else if (i->ifa_addr->sa_family == AF_INET) {
            in6_addr_set_mapped_ipv4(
                &address, ALIGNED_CAST(struct sockaddr_in *, i->ifa_addr)
                          ->sin_addr.s_addr);
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            address = ALIGNED_CAST(struct sockaddr_in6 *, i->ifa_addr)
                      ->sin6_addr;
        } else {
            continue;
        }
        for (enum tunnel_side s = 0; s < N_SIDES; s++) {
            found[s] |= tunnel_has_address(t, s, &address);
        }
    }
    freeifaddrs(list);

    if (found[SIDE_A] == found[SIDE_B]) {
        return xasprintf("%s end of tunnel %s has an address of this host; "
                         "say which it is with --side",
                         found[SIDE_A] ? "each" : "neither", t->name);
    }
    *side = found[SIDE_A] ? SIDE_A : SIDE_B;
    return NULL;
}

/* The address at 'side' of the SAs of 'tag'. */
const struct in6_addr *
tunnel_address(const struct tunnel *t, enum tunnel_side side, size_t tag)
{
    const struct tunnel_end *end = &t->ends[side];

    return &end->addresses[end->n_addresses > 1 ? tag : 0];
}

bool
tunnel_has_address(const struct tunnel *t, enum tunnel_side side,
                   const struct in6_addr *address)
{
    const struct tunnel_end *end = &t->ends[side];

    for (size_t i = 0; i < end->n_addresses; i++) {
        if (ipv6_addr_equals(&end->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

/* What the bits 'mark_mask' of a packet's mark are if it has 'tag'. */
uint32_t
tunnel_mark(const struct tunnel *t, size_t tag)
{
    return (uint32_t) tag << ctz32(t->mark_mask);
}
