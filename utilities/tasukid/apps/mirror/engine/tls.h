/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_TLS_H
#define TASUKID_MIRROR_TLS_H 1

/* TLS (RFC 8446 section 5): every record until the first application data is
 * copied, in each direction.  TLS 1.3 has its certificates in what looks like
 * application data: to keep them, policies keep some of that, too. */

#include "conn.h"
#include "progress.h"

/* Returns true if a connection whose client begins with these 'len' bytes is
 * TLS: all of the first two that are there fit. */
bool tls_may_begin(const uint8_t *data, size_t len);

/* Both streams are TLS from here on. */
void tls_begin(struct mirror_conn *);

/* Reads what 'dir' has to read. */
enum progress tls_read(struct mirror_conn *, enum mirror_dir);

#endif /* tls.h */
