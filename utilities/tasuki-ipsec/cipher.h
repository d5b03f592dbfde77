/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_IPSEC_CIPHER_H
#define TASUKI_IPSEC_CIPHER_H 1

#include <stddef.h>

/* What encrypts a tunnel's packets, and what proves that they are its peer's:
 * one algorithm for both (RFC 4106, RFC 7634), or two. */

#define CIPHER_MAX_KEY 36       /* Of 'enc_key' and of 'auth_key', in bytes. */

struct cipher {
    const char *name;           /* As strongSwan's proposals have it. */
    const char *enc;            /* What Linux calls it. */
    size_t enc_key;             /* Bytes of its key, with the salt at the end
                                 * that an AEAD's has. */
    const char *auth;           /* Null if 'enc' is an AEAD. */
    size_t auth_key;            /* Bytes. */
    unsigned int icv;           /* Bits of a packet's check value. */
};

extern const struct cipher ciphers[];
extern const size_t n_ciphers;

const struct cipher *cipher_by_name(const char *name);

#endif /* utilities/tasuki-ipsec/cipher.h */
