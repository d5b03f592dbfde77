/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_KEYS_H
#define TASUKI_IPSEC_KEYS_H 1

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cipher.h"
#include "compiler.h"
#include "tunnel.h"

/* The secrets of a tunnel, in a file of their own that its owner alone may
 * read.  keys_destroy() wipes them out of memory. */

#define KEYS_PSK 32             /* Bytes. */

struct sa_key {
    uint8_t enc[CIPHER_MAX_KEY];
    uint8_t auth[CIPHER_MAX_KEY];
    bool known;
};

struct keys {
    /* Of the SAs that an end sends with, by tag. */
    struct sa_key sas[N_SIDES][TUNNEL_MAX_TAGS];

    /* What the ends know each other by in IKE, by tag. */
    uint8_t psks[TUNNEL_MAX_TAGS][KEYS_PSK];
    size_t n_psks;

    /* An end has sent with these keys.  It must not start again with them: its
     * sequence numbers would, too. */
    bool used[N_SIDES];
};

struct keys *keys_parse(char *text, const struct tunnel *, char **errorp)
    OVS_WARN_UNUSED_RESULT;
struct keys *keys_read(const char *file, const struct tunnel *, char **errorp)
    OVS_WARN_UNUSED_RESULT;
void keys_destroy(struct keys *);

char *keys_generate(const char *file, const struct tunnel *)
    OVS_WARN_UNUSED_RESULT;
char *keys_set_used(const char *file, enum tunnel_side)
    OVS_WARN_UNUSED_RESULT;

char *keys_file_name(const char *tunnel_file);

#endif /* utilities/tasuki-ipsec/keys.h */
