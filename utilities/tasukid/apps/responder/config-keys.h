/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKID_RESPONDER_CONFIG_KEYS_H
#define TASUKID_RESPONDER_CONFIG_KEYS_H 1

/* The keys of column "other_config" of Switch that are the responder's. */

struct replier;
struct smap;

/* Fills in 'r' from those keys of 'other_config' that make sense.  Returns
 * null, or what is wrong with the others, which the caller must free. */
char *responder_read_config(const struct smap *other_config,
                            struct replier *r);

#endif /* TASUKID_RESPONDER_CONFIG_KEYS_H */
