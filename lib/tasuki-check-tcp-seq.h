/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

#ifndef TASUKI_CHECK_TCP_SEQ_H
#define TASUKI_CHECK_TCP_SEQ_H 1

/* The check_tcp_seq action, for code that composes actions.  What it checks is
 * in check-tcp-seq.h. */

#include "check-tcp-seq.h"
#include "tasuki-action.h"

/* Appends a check_tcp_seq action that leaves its result in 'dst', one bit, to
 * 'ofpacts'.  Returns its arguments, zeroed, to fill in before anything else is
 * appended. */
static inline struct check_tcp_seq *
ofpact_put_check_tcp_seq(struct ofpbuf *ofpacts,
                         const struct mf_subfield *dst)
{
    return tasuki_put_value(ofpacts, &tasuki_check_tcp_seq, dst);
}

#endif /* TASUKI_CHECK_TCP_SEQ_H */
