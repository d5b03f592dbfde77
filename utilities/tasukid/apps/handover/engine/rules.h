/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_RULES_H
#define TASUKID_HANDOVER_RULES_H 1

/* Which request goes to which servers: the rules of one service.  judge.h
 * applies them.
 *
 * A rule set does not change once it is built.  So a request that is read
 * while the configuration changes is judged by a single set. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/uuid.h"

/* Names, as if of header fields, for what is not one: HTTP/2's pseudo-header
 * fields (RFC 9113 section 8.3.1), and the host without its port. */
#define RULE_HOST ":host"
#define RULE_METHOD ":method"
#define RULE_PATH ":path"

struct rule_condition {
    char *name;                 /* Of a header field or one of the above. */
    char *pattern;              /* Of its value, as in glob.h. */
    size_t bit;                 /* Of a judge's 'held' bitmap. */
};

/* A rule matches a request if all its conditions hold. */
struct rule {
    struct uuid uuid;           /* Of the row in table Rule. */
    uint16_t priority;          /* Greater wins. */
    struct rule_condition *conditions;
    size_t n_conditions;
    struct uuid *servers;       /* Of rows in table Server. */
    size_t n_servers;
};

/* All patterns for one field, each once: pattern 0 has bit 'base'. */
struct rule_field {
    const char *name;           /* Lower case.  A condition owns it. */
    struct pattern_set *patterns;
    size_t base;
};

struct rule_set {
    struct rule **rules;        /* In the order they are tried. */
    size_t n_rules;
    struct rule_field *fields;  /* Those that rules look at, by name. */
    size_t n_fields;
    size_t n_bits;              /* Number of all patterns. */
};

/* Returns a new rule without conditions or servers. */
struct rule *rule_create(const struct uuid *, uint16_t priority);
void rule_destroy(struct rule *);

/* Adds a condition or a server.  Strings are copied. */
void rule_add_condition(struct rule *, const char *name, const char *pattern);
void rule_add_server(struct rule *, const struct uuid *);

void rule_set_init(struct rule_set *);
void rule_set_destroy(struct rule_set *);

/* Adds 'rule' to the set, which then owns it. */
void rule_set_add(struct rule_set *, struct rule *rule);

/* Sorts the rules and compiles the patterns.  Call once, after the last
 * rule_set_add().  A rule with a pattern that is too complex to compile is
 * left out, after 'refuse' is called with the name of the field and the
 * reason. */
void rule_set_finish(struct rule_set *,
                     void (*refuse)(const struct rule *, const char *name,
                                    const char *reason));

/* Returns the field whose name is the 'len' bytes at 'name', in any case, or
 * null. */
const struct rule_field *rule_set_find_field(const struct rule_set *,
                                             const void *name, size_t len);

#endif /* rules.h */
