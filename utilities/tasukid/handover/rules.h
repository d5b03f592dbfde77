/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_HANDOVER_RULES_H
#define TASUKID_HANDOVER_RULES_H 1

/* Which request goes to which servers: the rules of one service.
 *
 * A rule set does not change once it is built, so that a request that is read
 * while the configuration changes is judged by one and the same set. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "openvswitch/uuid.h"
#include "utilities/tasukid/protocol/http-request.h"

struct rule_header {
    char *name;                 /* Lower case. */
    char *pattern;              /* Of the value. */
};

/* A rule matches a request if all its conditions do.  A null pattern matches
 * everything, whether it is there or not. */
struct rule {
    struct uuid uuid;           /* Of the row in table Rule. */
    uint16_t priority;          /* Greater wins. */
    char *host;                 /* Patterns as in glob.h. */
    char *path;
    char *method;
    struct rule_header *headers;
    size_t n_headers;

    struct uuid *servers;       /* Of rows in table Server. */
    size_t n_servers;
};

struct rule_set {
    struct rule **rules;        /* In the order they are tried. */
    size_t n_rules;
    char **names;               /* Of all header fields that rules look at. */
    struct http_wanted wanted;
};

/* Returns a new rule without conditions or servers. */
struct rule *rule_create(const struct uuid *, uint16_t priority);
void rule_destroy(struct rule *);

/* Adds a condition or a server.  Strings are copied. */
void rule_add_header(struct rule *, const char *name, const char *pattern);
void rule_add_server(struct rule *, const struct uuid *);

void rule_set_init(struct rule_set *);
void rule_set_destroy(struct rule_set *);

/* Adds 'rule' to the set, which then owns it. */
void rule_set_add(struct rule_set *, struct rule *rule);

/* Sorts the rules and collects the names.  Call once, after the last
 * rule_set_add(). */
void rule_set_finish(struct rule_set *);

enum rule_verdict {
    RULE_NO,                    /* No rule matches, whatever follows. */
    RULE_YES,                   /* A rule matches, whatever follows. */
    RULE_WAIT,                  /* It depends on what follows. */
};

/* Judges as much of a request as is known.  'data' is what was fed to 'req'.
 * With RULE_YES stores the rule in '*rulep', otherwise null. */
enum rule_verdict rule_set_judge(const struct rule_set *,
                                 const struct http_request *req,
                                 const uint8_t *data,
                                 const struct rule **rulep);

#endif /* rules.h */
