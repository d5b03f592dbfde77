/* SPDX-License-Identifier: Apache-2.0
 * Copyright (c) 2026 the Tasuki developers. */

/* libFuzzer target for check_tcp_seq on packets: what it says of a packet is
 * what its parts say of the segment that tcp_offset finds in there.  And one
 * that is cut at the edges of the window gives all of its payload, in pieces
 * that straddle none.
 *
 *     byte 0           bit 0: ack
 *     bytes 1-8        start, len
 *     byte 9 on        a packet from its IP header on
 */

#include <config.h>
#include <stdlib.h>
#include <string.h>
#include "check-tcp-seq-inline.h"
#include "tcp-cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_LEN = 9 };

/* Two edges and the FIN. */
enum { MAX_CUTS = 2 };

static void
must(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Cuts the packet at 'l3', which straddles an edge, wherever it has to be. */
static void
cut_all(const struct check_tcp_seq *c, const uint8_t *l3, size_t len)
{
    uint8_t *rest = malloc(len);
    uint8_t *first = malloc(len);
    const uint8_t *payload = NULL;
    struct tcp_cut cut;
    int n_cuts = 0;

    memcpy(rest, l3, len);
    while (check_tcp_packet(c, rest, len) == CHECK_TCP_STRADDLES
           && tcp_cut_find(c, rest, len, &cut)) {
        must(n_cuts++ < MAX_CUTS);
        must(cut.first && cut.headers + cut.first + cut.rest <= len);
        payload = payload ? payload : l3 + cut.headers;

        memcpy(first, rest, len);
        size_t first_len = tcp_cut_first(&cut, first);
        must(check_tcp_packet(c, first, first_len) != CHECK_TCP_STRADDLES);
        must(first_len == cut.headers + cut.first);
        must(!memcmp(first + cut.headers, payload, cut.first));
        payload += cut.first;

        len = tcp_cut_rest(&cut, rest);
        must(len == cut.headers + cut.rest);
        must(!memcmp(rest + cut.headers, payload, cut.rest));
    }
    must(!n_cuts || check_tcp_packet(c, rest, len) != CHECK_TCP_STRADDLES);
    free(first);
    free(rest);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct check_tcp_seq c = { .number = 0 };
    enum check_tcp_verdict v;
    size_t len, ofs, avail;
    uint8_t *l3;
    bool more;

    if (size < HEAD_LEN) {
        return 0;
    }
    c.number = data[0] & 1;
    c.start = get32(data + 1);
    c.len = get32(data + 5);
    if (check_tcp_seq_check(&c)) {
        return 0;
    }

    len = size - HEAD_LEN;
    l3 = malloc(len ? len : 1);
    memcpy(l3, data + HEAD_LEN, len);
    v = check_tcp_packet(&c, l3, len);
    if (v == CHECK_TCP_STRADDLES) {
        cut_all(&c, l3, len);
    }
    if (v != CHECK_TCP_OUTSIDE) {
        if (tcp_offset_locate(l3, len, &ofs, &avail, &more) != TCP_OFFSET_OK
            || more || check_tcp_segment(&c, l3 + ofs, avail) != v) {
            abort();
        }

        /* The window moved away from the segment, it is outside. */
        c.start += c.len + avail;
        if (c.len < 1U << 30 && check_tcp_packet(&c, l3, len) == v
            && v == CHECK_TCP_INSIDE) {
            abort();
        }
    }
    free(l3);
    return 0;
}
