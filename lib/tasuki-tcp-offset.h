/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_TCP_OFFSET_H
#define TASUKI_TCP_OFFSET_H 1

/* The tcp_offset action, for code that composes actions.  Its arithmetic is in
 * tcp-offset.h. */

#include "tasuki-action.h"
#include "tcp-offset.h"

/* Appends a tcp_offset action to 'ofpacts' and returns its arguments, zeroed,
 * to fill in before anything else is appended.  At least one bit must be set
 * in 'fields'. */
static inline struct tcp_offset *
ofpact_put_tcp_offset(struct ofpbuf *ofpacts)
{
    return tasuki_put_ofpact(ofpacts, &tasuki_tcp_offset);
}

#endif /* TASUKI_TCP_OFFSET_H */
