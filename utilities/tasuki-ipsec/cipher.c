/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#include <config.h>

#include "cipher.h"

#include <string.h>

#include "util.h"

/* Keys, salts and check values: RFC 4106 sections 8.1 and 6, RFC 7634 section
 * 2, RFC 3602 section 2.2 and 2.3, RFC 2404 section 2, RFC 4868 section
 * 2.6. */
const struct cipher ciphers[] = {
    { "aes128gcm128", "rfc4106(gcm(aes))", 16 + 4, NULL, 0, 128 },
    { "aes256gcm128", "rfc4106(gcm(aes))", 32 + 4, NULL, 0, 128 },
    { "chacha20poly1305", "rfc7539esp(chacha20,poly1305)", 32 + 4, NULL, 0,
      128 },
    { "aes128-sha1", "cbc(aes)", 16, "hmac(sha1)", 20, 96 },
    { "aes128-sha256", "cbc(aes)", 16, "hmac(sha256)", 32, 128 },
    { "aes256-sha256", "cbc(aes)", 32, "hmac(sha256)", 32, 128 },
};
const size_t n_ciphers = ARRAY_SIZE(ciphers);

/* Returns null if there is none. */
const struct cipher *
cipher_by_name(const char *name)
{
    for (size_t i = 0; i < n_ciphers; i++) {
        if (!strcmp(ciphers[i].name, name)) {
            return &ciphers[i];
        }
    }
    return NULL;
}
