/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Copyright (c) 2026 the Tasuki developers. */

/* What the check_tcp_seq action does to every segment (see check-tcp-seq.h),
 * for callers to whom a function call costs as much. */

#ifndef CHECK_TCP_SEQ_INLINE_H
#define CHECK_TCP_SEQ_INLINE_H 1

#include "check-tcp-seq.h"
#include "tcp-offset-inline.h"

enum {
    CHECK_FLAG_FIN = 0x01,
    CHECK_FLAG_RST = 0x04,
    CHECK_FLAG_URG = 0x20,
};

/* Judges the 'size' bytes of payload that start at sequence number 'seq'. */
HOT enum check_tcp_verdict
check_tcp_payload(const struct check_tcp_seq *c, uint8_t flags, uint32_t seq,
                  size_t size)
{
    uint32_t into_window = seq - c->start;
    bool begins = into_window < c->len;

    if (!size || flags & (FLAG_SYN | CHECK_FLAG_RST | CHECK_FLAG_URG)) {
        return CHECK_TCP_OUTSIDE;
    }
    if (begins && size <= c->len - into_window && !(flags & CHECK_FLAG_FIN)) {
        return CHECK_TCP_INSIDE;
    }

    /* If it were cut, only the last segment would have the FIN. */
    return (begins || (uint32_t) -into_window < size ? CHECK_TCP_STRADDLES
            : CHECK_TCP_OUTSIDE);
}

/* Judges the segment whose TCP header is at 'tcp'.  Its length by the IP
 * header is 'size' bytes, TCP header included.  Reads no more than the first
 * TCP_MIN_LEN bytes, which must be readable if 'size' says that they are
 * there. */
HOT enum check_tcp_verdict
check_tcp_segment(const struct check_tcp_seq *c, const uint8_t *tcp,
                  size_t size)
{
    size_t hlen;
    uint8_t flags;

    if (size < TCP_MIN_LEN) {
        return CHECK_TCP_OUTSIDE;
    }
    hlen = (size_t) (tcp[TCP_DOFF] >> 4) * 4;
    if (hlen < TCP_MIN_LEN || hlen > size) {
        return CHECK_TCP_OUTSIDE;
    }

    flags = tcp[TCP_FLAGS];
    if (c->number == CHECK_TCP_SEQ) {
        return check_tcp_payload(c, flags, get32(tcp + TCP_SEQ), size - hlen);
    }
    return (size == hlen && flags & FLAG_ACK
            && !(flags & (FLAG_SYN | CHECK_FLAG_FIN | CHECK_FLAG_RST))
            && get32(tcp + TCP_ACK) - c->start < c->len
            ? CHECK_TCP_INSIDE : CHECK_TCP_OUTSIDE);
}

#endif /* check-tcp-seq-inline.h */
