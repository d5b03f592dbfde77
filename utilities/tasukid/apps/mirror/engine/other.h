/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_MIRROR_OTHER_H
#define TASUKID_MIRROR_OTHER_H 1

/* What is neither HTTP nor TLS, and what is nobody's: it is not read. */

#include "conn.h"

/* The rest of a stream may be skipped, but for what policies keep of it,
 * counted from 'origin'. */
void rest_begin(struct mirror_conn *, enum mirror_dir, int64_t origin);

/* Both streams are neither, from here on. */
void other_begin(struct mirror_conn *);

/* All of it is copied from here on.  'reason' is a static string. */
void whole_begin(struct mirror_conn *, const char *reason);

#endif /* other.h */
